//! Network security group: priority rules, and a memory of the flows that they allowed.
//!
//! A packet of an allowed flow, in either direction, passes without a look at the rules. Any
//! other is judged by the rules: lowest priority first, the first that matches decides, and
//! what none matches is allowed. A denied flow is not remembered, so that its other direction
//! keeps its own verdict. Fragments get the verdict of their datagram's first one.

use super::flows::{Address, FLOWS_MAX, Flow, FlowTable};
use super::fragments::FragmentTable;
use super::rules::{
    Action, Compiled, Rule, RuleAddress, RuleError, default_rules, first_match, in_order,
};
use crate::fate::Reason;
use crate::wire::Fragment;

/// Rules and memory of both families. Of fixed size: nothing here grows after [`Self::new`].
pub struct SecurityGroup {
    v4: Family<u32>,
    v6: Family<u128>,
}

impl SecurityGroup {
    /// A group of these rules that remembers up to `flows` flows in each family.
    pub fn new(rules: Vec<Rule>, flows: usize, seed: u64) -> Result<Self, RuleError> {
        Ok(Self::of_ordered(&in_order(rules)?, flows, seed))
    }

    /// The group that the cases are measured with: rules that deny nothing of ordinary traffic,
    /// and room for so many flows in each family, at most [`FLOWS_MAX`].
    pub fn default_group(flows: usize, seed: u64) -> Self {
        Self::of_ordered(&default_rules(), flows.min(FLOWS_MAX), seed)
    }

    fn of_ordered(rules: &[Rule], flows: usize, seed: u64) -> Self {
        Self {
            v4: Family::new(rules, flows, seed),
            v6: Family::new(rules, flows, seed),
        }
    }

    /// Judges an IPv4 packet. The ports of a later fragment are not looked at.
    #[inline(always)]
    pub fn judge_v4(&mut self, flow: &Flow<u32>, fragment: Fragment) -> Result<(), Reason> {
        self.v4.judge(flow, fragment)
    }

    /// Judges an IPv6 packet. The ports of a later fragment are not looked at.
    #[inline(always)]
    pub fn judge_v6(&mut self, flow: &Flow<u128>, fragment: Fragment) -> Result<(), Reason> {
        self.v6.judge(flow, fragment)
    }

    /// Flows that are remembered, IPv4 and IPv6.
    pub fn flows(&self) -> (usize, usize) {
        (self.v4.flows.len(), self.v6.flows.len())
    }
}

struct Family<A: Address> {
    rules: Vec<Compiled<A>>,
    flows: FlowTable<A::Key>,
    fragments: FragmentTable<A::Key>,
}

impl<A: Address + RuleAddress> Family<A> {
    fn new(rules: &[Rule], flows: usize, seed: u64) -> Self {
        Self {
            rules: rules.iter().filter_map(Compiled::new).collect(),
            flows: FlowTable::new(flows, seed),
            fragments: FragmentTable::new(seed),
        }
    }

    #[inline(always)]
    fn judge(&mut self, flow: &Flow<A>, fragment: Fragment) -> Result<(), Reason> {
        if fragment != Fragment::Whole {
            return self.judge_fragment(flow, fragment);
        }
        let key = A::flow_key(flow);
        if self.flows.contains(&key) {
            return Ok(());
        }
        self.judge_new(flow, key)
    }

    /// Asks the rules, and remembers what they allow.
    #[cold]
    #[inline(never)]
    fn judge_new(&mut self, flow: &Flow<A>, key: A::Key) -> Result<(), Reason> {
        match first_match(&self.rules, flow) {
            Action::Allow => {
                self.flows.insert(key);
                Ok(())
            }
            Action::Deny => Err(Reason::Denied),
        }
    }

    #[cold]
    #[inline(never)]
    fn judge_fragment(&mut self, flow: &Flow<A>, fragment: Fragment) -> Result<(), Reason> {
        match fragment {
            Fragment::Whole => self.judge(flow, fragment),
            Fragment::First(identification) => {
                let verdict = self.judge(flow, Fragment::Whole);
                let datagram = A::datagram_key(flow, identification);
                self.fragments.insert(datagram, verdict.is_ok());
                verdict
            }
            Fragment::Later(identification) => {
                match self
                    .fragments
                    .verdict(&A::datagram_key(flow, identification))
                {
                    Some(true) => Ok(()),
                    Some(false) => Err(Reason::Denied),
                    None => Err(Reason::FragmentOrphan),
                }
            }
        }
    }
}
