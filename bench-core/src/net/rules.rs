//! Rules of a security group: what they match, in which order, and the default ones.

use std::ops::RangeInclusive;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::flows::Flow;
use crate::wire::protocol::{TCP, UDP};

/// Priorities that a rule may have; the lowest is asked first.
pub const PRIORITIES: RangeInclusive<u16> = 100..=4096;
/// Every port, and what has none.
pub const ANY_PORT: RangeInclusive<u16> = 0..=u16::MAX;
/// Rules of the default group that a new flow of either family walks.
pub const DEFAULT_RULES: u16 = 20;

/// What a rule does with a flow that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Lets it pass, and its return traffic.
    Allow,
    /// Drops the packet.
    Deny,
}

/// One rule. `None` matches anything, of both families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its place; no two rules of a group share one.
    pub priority: u16,
    /// Protocol above IP.
    pub protocol: Option<u8>,
    /// Where the flow comes from.
    pub source: Option<IpNet>,
    /// The port that it comes from.
    pub source_ports: RangeInclusive<u16>,
    /// Where it goes.
    pub destination: Option<IpNet>,
    /// The port that it goes to.
    pub destination_ports: RangeInclusive<u16>,
    /// What to do then.
    pub action: Action,
}

/// Why a group cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Outside of [`PRIORITIES`].
    #[error("priority {0} is not in {min} to {max}", min = PRIORITIES.start(), max = PRIORITIES.end())]
    Priority(u16),
    /// Two rules with one priority: their order would be undefined.
    #[error("two rules have priority {0}")]
    SamePriority(u16),
    /// Source and destination of different families: nothing could match.
    #[error("the rule with priority {0} has an IPv4 and an IPv6 prefix")]
    MixedFamilies(u16),
}

/// A rule as one family sees it: prefixes as value and mask.
#[derive(Clone, Debug)]
pub(super) struct Compiled<A> {
    protocol: Option<u8>,
    source: (A, A),
    destination: (A, A),
    source_ports: RangeInclusive<u16>,
    destination_ports: RangeInclusive<u16>,
    action: Action,
}

/// Addresses that a rule can be compiled for.
pub(super) trait RuleAddress: Copy + Eq + std::ops::BitAnd<Output = Self> + 'static {
    /// Value and mask of what `net` says about this family; `None` where it is of the other.
    fn value_and_mask(net: Option<IpNet>) -> Option<(Self, Self)>;
}

impl RuleAddress for u32 {
    fn value_and_mask(net: Option<IpNet>) -> Option<(Self, Self)> {
        match net {
            None => Some((0, 0)),
            Some(IpNet::V4(net)) => Some((net.network().to_bits(), net.netmask().to_bits())),
            Some(IpNet::V6(_)) => None,
        }
    }
}

impl RuleAddress for u128 {
    fn value_and_mask(net: Option<IpNet>) -> Option<(Self, Self)> {
        match net {
            None => Some((0, 0)),
            Some(IpNet::V6(net)) => Some((net.network().to_bits(), net.netmask().to_bits())),
            Some(IpNet::V4(_)) => None,
        }
    }
}

impl<A: RuleAddress> Compiled<A> {
    /// The rule for this family; `None` where it can match nothing of it.
    pub(super) fn new(rule: &Rule) -> Option<Self> {
        Some(Self {
            protocol: rule.protocol,
            source: A::value_and_mask(rule.source)?,
            destination: A::value_and_mask(rule.destination)?,
            source_ports: rule.source_ports.clone(),
            destination_ports: rule.destination_ports.clone(),
            action: rule.action,
        })
    }

    fn matches(&self, flow: &Flow<A>) -> bool {
        self.protocol
            .is_none_or(|protocol| protocol == flow.protocol)
            && self.destination_ports.contains(&flow.destination_port)
            && self.source_ports.contains(&flow.source_port)
            && flow.destination & self.destination.1 == self.destination.0
            && flow.source & self.source.1 == self.source.0
    }
}

/// The verdict of the first rule that matches; a flow that none matches is allowed.
pub(super) fn first_match<A: RuleAddress>(rules: &[Compiled<A>], flow: &Flow<A>) -> Action {
    rules
        .iter()
        .find(|rule| rule.matches(flow))
        .map_or(Action::Allow, |rule| rule.action)
}

/// Rules in the order in which they are asked.
pub(super) fn in_order(mut rules: Vec<Rule>) -> Result<Vec<Rule>, RuleError> {
    rules.sort_by_key(|rule| rule.priority);
    for rule in &rules {
        if !PRIORITIES.contains(&rule.priority) {
            return Err(RuleError::Priority(rule.priority));
        }
        if let (Some(IpNet::V4(_)), Some(IpNet::V6(_))) | (Some(IpNet::V6(_)), Some(IpNet::V4(_))) =
            (rule.source, rule.destination)
        {
            return Err(RuleError::MixedFamilies(rule.priority));
        }
    }
    match rules
        .windows(2)
        .find(|pair| pair[0].priority == pair[1].priority)
    {
        Some(pair) => Err(RuleError::SamePriority(pair[0].priority)),
        None => Ok(rules),
    }
}

/// The rules of the default group: for each family [`DEFAULT_RULES`] that deny nothing but what
/// no host may send, so that they cost a new flow their walk and drop nothing of a capture.
///
/// Sources are in `240.0.0.0/4` (reserved: RFC 1112, 4) and `100::/64` (discard-only: RFC 6666).
/// Half of the rules name TCP or UDP and a range of ports that is in use, so that the match
/// is not decided by the first field alone.
pub(super) fn default_rules() -> Vec<Rule> {
    (0..DEFAULT_RULES)
        .flat_map(|i| [rule_v4(i), rule_v6(i)])
        .collect()
}

fn rule_v4(i: u16) -> Rule {
    let source = Ipv4Net::new_assert([240 + (i % 16) as u8, 0, 0, 0].into(), 8);
    rule(i, 100 + 100 * i, source.into())
}

fn rule_v6(i: u16) -> Rule {
    let source = Ipv6Net::new_assert([0x100, 0, 0, 0, i, 0, 0, 0].into(), 80);
    rule(i, 150 + 100 * i, source.into())
}

fn rule(i: u16, priority: u16, source: IpNet) -> Rule {
    let (protocol, destination_ports) = match i % 4 {
        0 => (Some(TCP), 0..=u16::MAX),
        1 => (Some(UDP), 1024..=u16::MAX),
        2 => (None, 0..=1023),
        _ => (None, ANY_PORT),
    };
    Rule {
        priority,
        protocol,
        source: Some(source),
        source_ports: ANY_PORT,
        destination: None,
        destination_ports,
        action: Action::Deny,
    }
}
