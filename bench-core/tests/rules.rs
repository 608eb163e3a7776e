//! Compiled rules against a walk over them.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use tunneltax_core::net::flows::Flow;
use tunneltax_core::net::rule_sets::{RULES_MAX, last_of};
use tunneltax_core::net::rules::{ANY_PORT, Action, Rule};
use tunneltax_core::net::security_group::SecurityGroup;
use tunneltax_core::wire::Fragment::Whole;

/// A group that remembers nothing: every packet is judged by the rules.
fn forgetful(rules: &[Rule]) -> SecurityGroup {
    SecurityGroup::new(rules.to_vec(), 0, 1).unwrap()
}

/// The walk: lowest priority first, every field of every rule.
fn walk(rules: &[Rule], source: IpNet, destination: IpNet, flow: (u16, u16, u8)) -> bool {
    let (source_port, destination_port, protocol) = flow;
    let mut rules: Vec<&Rule> = rules.iter().collect();
    rules.sort_by_key(|rule| rule.priority);
    let first = rules.into_iter().find(|rule| {
        rule.protocol.is_none_or(|one| one == protocol)
            && rule.source.is_none_or(|net| net.contains(&source))
            && rule
                .destination
                .is_none_or(|net| net.contains(&destination))
            && rule.source_ports.contains(&source_port)
            && rule.destination_ports.contains(&destination_port)
    });
    first.is_none_or(|rule| rule.action == Action::Allow)
}

/// Values of few bits, so that ranges nest, touch and meet a packet's; and the ends of all.
fn few() -> impl Strategy<Value = u8> {
    prop_oneof![4 => 0_u8..8, 1 => Just(u8::MAX)]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![4 => 0_u16..8, 1 => Just(u16::MAX), 1 => Just(u16::MAX - 1)]
}

fn address_v4(few: u8) -> Ipv4Addr {
    Ipv4Addr::new(few, 0, few, few)
}

fn address_v6(few: u8) -> Ipv6Addr {
    Ipv6Addr::from([few, 0, few, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, few, few])
}

fn v4() -> impl Strategy<Value = Option<IpNet>> {
    let net = (few(), 0_u8..=32).prop_map(|(of, length)| {
        let net = Ipv4Net::new(address_v4(of), length).unwrap();
        Some(IpNet::V4(net))
    });
    prop_oneof![1 => Just(None), 2 => net]
}

fn v6() -> impl Strategy<Value = Option<IpNet>> {
    let net = (few(), 0_u8..=128).prop_map(|(of, length)| {
        let net = Ipv6Net::new(address_v6(of), length).unwrap();
        Some(IpNet::V6(net))
    });
    prop_oneof![1 => Just(None), 2 => net]
}

/// Ports in order or not: a range that ends before it begins matches nothing.
fn rule() -> impl Strategy<Value = Rule> {
    let nets = prop_oneof![(v4(), v4()), (v6(), v6())];
    let ports = prop_oneof![Just((0, u16::MAX)), (port(), port())];
    let protocol = prop::option::of(few());
    (nets, ports.clone(), ports, protocol, any::<bool>()).prop_map(
        |((source, destination), from, to, protocol, allow)| Rule {
            priority: 0,
            protocol,
            source,
            source_ports: from.0..=from.1,
            destination,
            destination_ports: to.0..=to.1,
            action: if allow { Action::Allow } else { Action::Deny },
        },
    )
}

proptest! {
    /// Some sets of bits need several words.
    #[test]
    fn any_rules_equal_the_walk(
        mut rules in prop::collection::vec(rule(), 0..150),
        order in Just((100_u16..250).collect::<Vec<_>>()).prop_shuffle(),
        flows in prop::collection::vec((few(), few(), port(), port(), few()), 20),
    ) {
        for (rule, priority) in rules.iter_mut().zip(order) {
            rule.priority = priority;
        }
        let mut group = forgetful(&rules);
        for (source, destination, source_port, destination_port, protocol) in flows {
            let ports = (source_port, destination_port, protocol);
            let (from, to) = (address_v4(source), address_v4(destination));
            let flow = Flow::from(Flow { source: from, destination: to, source_port, destination_port, protocol });
            let allowed = walk(&rules, IpNet::from(std::net::IpAddr::from(from)), std::net::IpAddr::from(to).into(), ports);
            prop_assert_eq!(group.judge_v4(&flow, Whole).is_ok(), allowed);
            let (from, to) = (address_v6(source), address_v6(destination));
            let flow = Flow::from(Flow { source: from, destination: to, source_port, destination_port, protocol });
            let allowed = walk(&rules, std::net::IpAddr::from(from).into(), std::net::IpAddr::from(to).into(), ports);
            prop_assert_eq!(group.judge_v6(&flow, Whole).is_ok(), allowed);
        }
        prop_assert_eq!(group.flows(), (0, 0));
    }
}

/// Around every word of the bit sets: the rule in each place is the one that decides.
#[test]
fn the_matching_rule_is_found_in_every_place() {
    const RULES: u16 = 200;
    for place in 0..RULES {
        let rules: Vec<Rule> = (0..RULES)
            .map(|i| Rule {
                priority: 100 + i,
                protocol: None,
                source: None,
                source_ports: ANY_PORT,
                destination: None,
                destination_ports: if i < place { 1..=1 } else { 80..=80 },
                action: if i == place {
                    Action::Deny
                } else {
                    Action::Allow
                },
            })
            .collect();
        let mut group = forgetful(&rules);
        let to = |destination_port| Flow {
            source: 1_u32,
            destination: 2,
            source_port: 3,
            destination_port,
            protocol: 6,
        };
        assert!(group.judge_v4(&to(80), Whole).is_err(), "{place}");
        assert!(group.judge_v4(&to(81), Whole).is_ok(), "{place}");
    }
}

/// Ordinary flows: no reserved address, no port 0.
fn ordinary() -> impl Strategy<Value = (Ipv4Addr, Ipv4Addr, Ipv6Addr, Ipv6Addr, (u16, u16, u8))> {
    let v4 = || (0_u32..0xf000_0000).prop_map(Ipv4Addr::from_bits);
    let near = || {
        prop_oneof![
            v4(),
            (0_u32..1 << 17).prop_map(|low| Ipv4Addr::from_bits(0xc612_0000 | low))
        ]
    };
    let v6 = || any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(0x2000 << 112 | bits >> 3));
    let ports = (
        1_u16..,
        1_u16..,
        prop_oneof![Just(6_u8), Just(17), any::<u8>()],
    );
    (near(), near(), v6(), v6(), ports)
}

proptest! {
    /// The worst case by design: every rule but the last is passed by.
    #[test]
    fn ordinary_flows_match_the_last_rule_only(flows in prop::collection::vec(ordinary(), 20), seed: u64) {
        let all = last_of(RULES_MAX, seed);
        let (last, others) = all.split_last().unwrap();
        let denied = |priority| Rule { action: Action::Deny, priority, ..last.clone() };
        // Where nothing else matches, turning the last rule turns the verdict.
        let turned: Vec<Rule> = others.iter().cloned().chain([denied(last.priority)]).collect();
        let mut groups = [forgetful(&all), forgetful(&turned)];
        for (source, destination, source6, destination6, (source_port, destination_port, protocol)) in flows {
            let flow = Flow::from(Flow { source, destination, source_port, destination_port, protocol });
            let verdicts = groups.each_mut().map(|group| group.judge_v4(&flow, Whole).is_ok());
            prop_assert_eq!(verdicts, [true, false]);
            let flow = Flow::from(Flow { source: source6, destination: destination6, source_port, destination_port, protocol });
            let verdicts = groups.each_mut().map(|group| group.judge_v6(&flow, Whole).is_ok());
            prop_assert_eq!(verdicts, [true, false]);
        }
    }
}

/// As many rules for either family as asked for, and no field that tells them all from what is
/// carried.
#[test]
fn rules_that_are_passed_by_are_as_described() {
    let of = |rules: &[Rule], family: fn(&IpNet) -> bool| {
        let named = rules.iter().filter(|rule| {
            rule.source
                .or(rule.destination)
                .as_ref()
                .is_some_and(family)
        });
        named.count()
    };
    for count in [1, 10, 100, RULES_MAX] {
        let rules = last_of(count, 7);
        assert_eq!(rules.len(), 2 * usize::from(count) - 1);
        let families = [
            of(&rules, |net| matches!(net, IpNet::V4(_))),
            of(&rules, |net| matches!(net, IpNet::V6(_))),
        ];
        assert_eq!(families, [usize::from(count) - 1; 2]);
        assert_eq!(last_of(count, 7), rules);
        assert!(count == 1 || last_of(count, 8) != rules);
        assert!(SecurityGroup::new(rules, 1, 1).is_ok());
    }
    let rules = last_of(RULES_MAX, 7);
    let reserved = |net: Option<IpNet>| match net {
        Some(IpNet::V4(net)) => net.network().octets()[0] >= 240,
        Some(IpNet::V6(net)) => net.network().segments()[0] == 0x100,
        None => false,
    };
    let misses = [
        rules.iter().filter(|rule| reserved(rule.source)).count(),
        rules
            .iter()
            .filter(|rule| reserved(rule.destination))
            .count(),
        rules
            .iter()
            .filter(|rule| rule.destination_ports == (0..=0))
            .count(),
        rules
            .iter()
            .filter(|rule| rule.source_ports == (0..=0))
            .count(),
    ];
    assert_eq!(
        misses.iter().sum::<usize>(),
        rules.len() - 1,
        "each misses by one field"
    );
    assert!(misses.iter().all(|misses| *misses > 400), "{misses:?}");
}
