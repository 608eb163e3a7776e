//! Rules that cases are measured with: they deny nothing of ordinary traffic, so that they cost
//! a new flow their walk and drop nothing of a capture.
//!
//! What they deny instead is what no host may send: addresses in `240.0.0.0/4` (reserved:
//! RFC 1112, 4) or `100::/64` (discard-only: RFC 6666), port 0 of TCP or UDP (reserved:
//! RFC 6335, 6).

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::rules::{ANY_PORT, Action, PRIORITIES, Rule};
use crate::wire::protocol::{TCP, UDP};

/// Rules of the default group that a new flow of either family walks.
pub const DEFAULT_RULES: u16 = 20;
/// Most rules of a security group (Azure documentation, network security group limits).
pub const RULES_MAX: u16 = 1000;
// Both families have rules of their own, and share the last.
const _: () = assert!(*PRIORITIES.start() + 2 * RULES_MAX < *PRIORITIES.end());

/// The rules of the default group: for each family [`DEFAULT_RULES`] that no ordinary flow
/// matches.
///
/// Half of the rules name TCP or UDP and a range of ports that is in use, so that the match
/// is not decided by the first field alone.
pub(super) fn default_rules() -> Vec<Rule> {
    (0..DEFAULT_RULES)
        .flat_map(|i| [default_v4(i), default_v6(i)])
        .collect()
}

fn default_v4(i: u16) -> Rule {
    let source = Ipv4Net::new_assert([240 + (i % 16) as u8, 0, 0, 0].into(), 8);
    default_rule(i, 100 + 100 * i, source.into())
}

fn default_v6(i: u16) -> Rule {
    let source = Ipv6Net::new_assert([0x100, 0, 0, 0, i, 0, 0, 0].into(), 80);
    default_rule(i, 150 + 100 * i, source.into())
}

fn default_rule(i: u16, priority: u16, source: IpNet) -> Rule {
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
        destination_ports,
        ..any(Action::Deny)
    }
}

/// Matches everything, at the lowest priority.
fn any(action: Action) -> Rule {
    Rule {
        priority: *PRIORITIES.end(),
        protocol: None,
        source: None,
        source_ports: ANY_PORT,
        destination: None,
        destination_ports: ANY_PORT,
        action,
    }
}

/// `count` rules that a flow of either family walks, of which the last allows everything and
/// the others, each of one family, match no ordinary flow: the worst case by design. At most
/// [`RULES_MAX`]; the same seed gives the same rules.
///
/// Each rule misses ordinary flows by one field, which is drawn: source, destination, or a port.
/// Its other fields are drawn from what gateways do carry (anything, private and benchmark
/// networks; anything, system ports, other ports), so that no field alone tells that a rule is
/// not meant.
pub fn last_of(count: u16, seed: u64) -> Vec<Rule> {
    ending_in(Action::Allow, count, seed)
}

/// Other rules than those of [`last_of`] with the same seed, as many and as far from any ordinary
/// flow, of which the last denies everything.
pub fn denying(count: u16, seed: u64) -> Vec<Rule> {
    ending_in(Action::Deny, count, !seed)
}

fn ending_in(last: Action, count: u16, seed: u64) -> Vec<Rule> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let priorities = *PRIORITIES.start()..;
    let missing = count.min(RULES_MAX).saturating_sub(1);
    let rules = (0..missing).flat_map(|_| [miss_v4(&mut random), miss_v6(&mut random)]);
    let rules: Vec<Rule> = rules.chain([any(last)]).collect();
    let in_turn = priorities.zip(rules);
    in_turn
        .map(|(priority, rule)| Rule { priority, ..rule })
        .collect()
}

fn miss_v4(random: &mut ChaCha8Rng) -> Rule {
    let reserved = |random: &mut ChaCha8Rng| {
        // Not 255.255.255.255, which hosts do send to.
        let bits = 0xf000_0000 | random.next_u32() >> 5;
        net_v4(bits, random.random_range(8..=32))
    };
    let ordinary = |random: &mut ChaCha8Rng| {
        let bits = random.next_u32();
        match random.random_range(0..6) {
            0 => net_v4(bits & 0x8000_0000, 1),
            1 => net_v4(0x0a00_0000, 8),  // 10.0.0.0/8
            2 => net_v4(0xc0a8_0000, 16), // 192.168.0.0/16
            3 => net_v4(0xc612_0000 | bits & 0x0001_0000, 16), // half of 198.18.0.0/15
            4 => net_v4(0x0a00_0000 | bits >> 8, 24),
            _ => net_v4(0, 0),
        }
    };
    miss(random, reserved, ordinary)
}

fn miss_v6(random: &mut ChaCha8Rng) -> Rule {
    let reserved = |random: &mut ChaCha8Rng| {
        let bits = 0x100 << 112 | u128::from(random.next_u64());
        net_v6(bits, random.random_range(72..=128))
    };
    let ordinary = |random: &mut ChaCha8Rng| {
        let bits = u128::from(random.next_u64()) << 64;
        match random.random_range(0..6) {
            0 => net_v6(0x2000 << 112, 3),
            1 => net_v6(0xfd << 120, 8),
            2 => net_v6(0xfe80 << 112, 10),
            3 => net_v6(0x2001_0002 << 96, 48),
            4 => net_v6(0xfd << 120 | bits >> 8, 64),
            _ => net_v6(0, 0),
        }
    };
    miss(random, reserved, ordinary)
}

fn net_v4(bits: u32, length: u8) -> Option<IpNet> {
    let net = Ipv4Net::new(bits.into(), length).ok()?;
    Some(net.trunc().into())
}

fn net_v6(bits: u128, length: u8) -> Option<IpNet> {
    let net = Ipv6Net::new(bits.into(), length).ok()?;
    Some(net.trunc().into())
}

/// A rule that one field keeps from matching.
fn miss(
    random: &mut ChaCha8Rng,
    reserved: impl Fn(&mut ChaCha8Rng) -> Option<IpNet>,
    ordinary: impl Fn(&mut ChaCha8Rng) -> Option<IpNet>,
) -> Rule {
    let rule = Rule {
        protocol: [None, Some(TCP), Some(UDP)][random.random_range(0..3)],
        source: ordinary(random),
        destination: ordinary(random),
        destination_ports: ports(random),
        ..any(if random.random() {
            Action::Allow
        } else {
            Action::Deny
        })
    };
    match random.random_range(0..4) {
        0 => Rule {
            source: reserved(random),
            ..rule
        },
        1 => Rule {
            destination: reserved(random),
            ..rule
        },
        2 => Rule {
            protocol: Some([TCP, UDP][random.random_range(0..2)]),
            destination_ports: 0..=0,
            ..rule
        },
        // UDP may come from port 0 (RFC 768).
        _ => Rule {
            protocol: Some(TCP),
            source_ports: 0..=0,
            ..rule
        },
    }
}

/// Ports as rules name them: all, the system's, the others, or a few of them.
fn ports(random: &mut ChaCha8Rng) -> std::ops::RangeInclusive<u16> {
    match random.random_range(0..4) {
        0 => ANY_PORT,
        1 => 0..=1023,
        2 => 1024..=u16::MAX,
        _ => {
            let first = random.random_range(1..=u16::MAX - 100);
            first..=first + random.random_range(0..100)
        }
    }
}
