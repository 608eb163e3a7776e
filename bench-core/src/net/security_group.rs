//! Network security group: priority rules, and a memory of the flows that they allowed.
//!
//! A packet of an allowed flow, in either direction, passes without a look at the rules. Any
//! other is judged by the rules: lowest priority first, the first that matches decides, and
//! what none matches is allowed. A denied flow is not remembered, so that its other direction
//! keeps its own verdict. Fragments get the verdict of their datagram's first one.
//!
//! Rules that are changed hold for new flows only: what was allowed goes on until it has been
//! idle for too long (Azure documentation, network security groups, 2025-07-15). Time is what
//! the owner says it is ([`SecurityGroup::advance`]).

use super::classifier::{Classifier, RuleAddress};
use super::flow_table::{FlowRoom, FlowTable};
use super::flows::{Address, Flow};
use super::fragments::FragmentTable;
use super::rule_sets::{default_rules, denying, last_of};
use super::rules::{Action, Rule, RuleError, in_order};
use crate::fate::Reason;
use crate::wire::Fragment;

/// Compiled rules of both families, in force nowhere.
pub struct RuleSet {
    v4: Classifier<u32>,
    v6: Classifier<u128>,
}

impl RuleSet {
    /// These rules.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleError> {
        Ok(Self::of_ordered(&in_order(rules)?))
    }

    /// As many rules as [`SecurityGroup::last_of`] has, other ones, of which the last denies
    /// everything.
    pub fn denying(rules: u16, seed: u64) -> Self {
        Self::of_ordered(&denying(rules, seed))
    }

    fn of_ordered(rules: &[Rule]) -> Self {
        Self {
            v4: Classifier::new(rules),
            v6: Classifier::new(rules),
        }
    }
}

/// Rules and memory of both families. Of fixed size: nothing here grows after [`Self::new`].
pub struct SecurityGroup {
    v4: Family<u32>,
    v6: Family<u128>,
    now_us: u64,
}

impl SecurityGroup {
    /// A group of these rules that remembers so many flows.
    pub fn new(rules: Vec<Rule>, flows: impl Into<FlowRoom>, seed: u64) -> Result<Self, RuleError> {
        Ok(Self::of_ordered(&in_order(rules)?, flows.into(), seed))
    }

    /// The group that the cases are measured with: rules that deny nothing of ordinary traffic,
    /// and room for so many flows.
    pub fn default_group(flows: impl Into<FlowRoom>, seed: u64) -> Self {
        Self::of_ordered(&default_rules(), flows.into(), seed)
    }

    /// A group whose last rule allows everything, and whose others, `rules` in all for each
    /// family, match no ordinary flow ([`last_of`]).
    pub fn last_of(rules: u16, flows: impl Into<FlowRoom>, seed: u64) -> Self {
        Self::of_ordered(&last_of(rules, seed), flows.into(), seed)
    }

    fn of_ordered(rules: &[Rule], flows: FlowRoom, seed: u64) -> Self {
        Self {
            v4: Family::new(rules, flows.v4, seed),
            v6: Family::new(rules, flows.v6, seed),
            now_us: 0,
        }
    }

    /// The same, with flows that expire: a packet that comes so long after the last one of its
    /// flow, or later, is a first one again.
    #[must_use]
    pub fn with_idle_timeout(mut self, idle_timeout_us: u64) -> Self {
        self.v4.flows = self.v4.flows.with_idle_timeout(idle_timeout_us);
        self.v6.flows = self.v6.flows.with_idle_timeout(idle_timeout_us);
        self
    }

    /// Lets time pass: this is the only clock that flows age by.
    #[inline(always)]
    pub fn advance(&mut self, by_us: u64) {
        self.now_us += by_us;
    }

    /// Changes the rules, for flows that are new from now on. Compiles them: not for the timed
    /// loop. On error the old ones stay.
    pub fn replace_rules(&mut self, rules: Vec<Rule>) -> Result<(), RuleError> {
        self.swap_rules(&mut RuleSet::new(rules)?);
        Ok(())
    }

    /// The same change with rules that were compiled before, which now hold the old ones: takes no
    /// memory, and no longer for many rules than for few.
    pub fn swap_rules(&mut self, rules: &mut RuleSet) {
        std::mem::swap(&mut self.v4.rules, &mut rules.v4);
        std::mem::swap(&mut self.v6.rules, &mut rules.v6);
    }

    /// Judges an IPv4 packet. The ports of a later fragment are not looked at.
    #[inline(always)]
    pub fn judge_v4(&mut self, flow: &Flow<u32>, fragment: Fragment) -> Result<(), Reason> {
        self.v4.judge(flow, fragment, self.now_us)
    }

    /// Judges an IPv6 packet. The ports of a later fragment are not looked at.
    #[inline(always)]
    pub fn judge_v6(&mut self, flow: &Flow<u128>, fragment: Fragment) -> Result<(), Reason> {
        self.v6.judge(flow, fragment, self.now_us)
    }

    /// Remembers an IPv4 flow as if the rules had allowed it. False where there is no room.
    pub fn remember_v4(&mut self, flow: &Flow<u32>) -> bool {
        self.v4.flows.insert(u32::flow_key(flow), self.now_us)
    }

    /// Remembers an IPv6 flow as if the rules had allowed it. False where there is no room.
    pub fn remember_v6(&mut self, flow: &Flow<u128>) -> bool {
        self.v6.flows.insert(u128::flow_key(flow), self.now_us)
    }

    /// Packets that the rules were asked about: all but those of established flows and later
    /// fragments.
    pub fn asked(&self) -> u64 {
        self.v4.asked + self.v6.asked
    }

    /// Flows that are remembered or have expired and keep their place, IPv4 and IPv6.
    pub fn flows(&self) -> (usize, usize) {
        (self.v4.flows.len(), self.v6.flows.len())
    }
}

struct Family<A: Address> {
    rules: Classifier<A>,
    flows: FlowTable<A::Key>,
    fragments: FragmentTable<A::Key>,
    /// Packets that the rules were asked about.
    asked: u64,
}

impl<A: Address + RuleAddress> Family<A> {
    fn new(rules: &[Rule], flows: usize, seed: u64) -> Self {
        Self {
            rules: Classifier::new(rules),
            flows: FlowTable::new(flows, seed),
            fragments: FragmentTable::new(seed),
            asked: 0,
        }
    }

    #[inline(always)]
    fn judge(&mut self, flow: &Flow<A>, fragment: Fragment, now_us: u64) -> Result<(), Reason> {
        if fragment != Fragment::Whole {
            return self.judge_fragment(flow, fragment, now_us);
        }
        let key = A::flow_key(flow);
        if self.flows.is_established(&key, now_us) {
            return Ok(());
        }
        self.judge_new(flow, key, now_us)
    }

    /// Asks the rules, and remembers what they allow.
    #[cold]
    #[inline(never)]
    fn judge_new(&mut self, flow: &Flow<A>, key: A::Key, now_us: u64) -> Result<(), Reason> {
        self.asked += 1;
        match self.rules.first_match(flow) {
            Action::Allow => {
                self.flows.insert(key, now_us);
                Ok(())
            }
            Action::Deny => Err(Reason::Denied),
        }
    }

    #[cold]
    #[inline(never)]
    fn judge_fragment(
        &mut self,
        flow: &Flow<A>,
        fragment: Fragment,
        now_us: u64,
    ) -> Result<(), Reason> {
        match fragment {
            Fragment::Whole => self.judge(flow, fragment, now_us),
            Fragment::First(identification) => {
                let verdict = self.judge(flow, Fragment::Whole, now_us);
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
