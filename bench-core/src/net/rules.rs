//! Rules of a security group: what they match, and in which order.

use std::ops::RangeInclusive;

use ipnet::IpNet;

/// Priorities that a rule may have; the lowest is asked first.
pub const PRIORITIES: RangeInclusive<u16> = 100..=4096;
/// Every port, and what has none.
pub const ANY_PORT: RangeInclusive<u16> = 0..=u16::MAX;

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
