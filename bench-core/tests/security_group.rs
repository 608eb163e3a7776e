//! The security group: order of rules, memory of flows, fragments, both families.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{LazyLock, Mutex};

use ipnet::IpNet;
use proptest::prelude::*;
use tunneltax_core::fate::Reason;
use tunneltax_core::net::flow_table::{FLOWS_MAX, FlowTable};
use tunneltax_core::net::flows::Flow;
use tunneltax_core::net::fragments::{DATAGRAMS_MAX, FragmentTable};
use tunneltax_core::net::rules::{ANY_PORT, Action, Rule, RuleError};
use tunneltax_core::net::security_group::SecurityGroup;
use tunneltax_core::wire::Fragment::{First, Later, Whole};

const TCP: u8 = 6;
const UDP: u8 = 17;

fn rule(priority: u16, action: Action) -> Rule {
    Rule {
        priority,
        protocol: None,
        source: None,
        source_ports: ANY_PORT,
        destination: None,
        destination_ports: ANY_PORT,
        action,
    }
}

fn group(rules: Vec<Rule>) -> SecurityGroup {
    SecurityGroup::new(rules, 16, 1).unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// TCP from 10.0.0.1:1000.
fn to(destination: [u8; 4], port: u16) -> Flow<u32> {
    Flow::from(Flow {
        source: Ipv4Addr::new(10, 0, 0, 1),
        destination: Ipv4Addr::from(destination),
        source_port: 1000,
        destination_port: port,
        protocol: TCP,
    })
}

fn reverse<A: Copy>(flow: &Flow<A>) -> Flow<A> {
    Flow {
        source: flow.destination,
        destination: flow.source,
        source_port: flow.destination_port,
        destination_port: flow.source_port,
        protocol: flow.protocol,
    }
}

const DENIED: Result<(), Reason> = Err(Reason::Denied);
const HOST: [u8; 4] = [192, 0, 2, 1];

#[test]
fn what_no_rule_matches_is_allowed() {
    assert_eq!(group(vec![]).judge_v4(&to(HOST, 80), Whole), Ok(()));
}

#[test]
fn the_lowest_priority_decides_whatever_the_order_given() {
    let allow = Rule {
        destination_ports: 80..=80,
        ..rule(200, Action::Allow)
    };
    let deny = rule(300, Action::Deny);
    for rules in [
        vec![allow.clone(), deny.clone()],
        vec![deny.clone(), allow.clone()],
    ] {
        let mut group = group(rules);
        assert_eq!(group.judge_v4(&to(HOST, 80), Whole), Ok(()));
        assert_eq!(group.judge_v4(&to(HOST, 81), Whole), DENIED);
    }
    let mut swapped = group(vec![
        Rule {
            priority: 400,
            ..allow
        },
        deny,
    ]);
    assert_eq!(swapped.judge_v4(&to(HOST, 80), Whole), DENIED);
}

/// Each field of the 5-tuple decides alone.
#[test]
fn every_field_of_a_rule_counts() {
    let flow = to(HOST, 80);
    let all = Rule {
        protocol: Some(TCP),
        source: Some(net("10.0.0.0/8")),
        source_ports: 1000..=1000,
        destination: Some(net("192.0.2.0/24")),
        destination_ports: 80..=90,
        ..rule(100, Action::Deny)
    };
    let misses = [
        Rule {
            protocol: Some(UDP),
            ..all.clone()
        },
        Rule {
            source: Some(net("11.0.0.0/8")),
            ..all.clone()
        },
        Rule {
            source_ports: 1001..=2000,
            ..all.clone()
        },
        Rule {
            destination: Some(net("192.0.3.0/24")),
            ..all.clone()
        },
        Rule {
            destination_ports: 81..=90,
            ..all.clone()
        },
        Rule {
            source: None,
            destination: Some(net("::/0")),
            ..all.clone()
        },
    ];
    assert_eq!(group(vec![all]).judge_v4(&flow, Whole), DENIED);
    for miss in misses {
        assert_eq!(
            group(vec![miss.clone()]).judge_v4(&flow, Whole),
            Ok(()),
            "{miss:?}"
        );
    }
}

/// Host bits of a rule's prefix do not matter.
#[test]
fn a_prefix_may_be_written_with_host_bits() {
    let sloppy = Rule {
        destination: Some(net("192.0.2.77/24")),
        ..rule(100, Action::Deny)
    };
    assert_eq!(group(vec![sloppy]).judge_v4(&to(HOST, 80), Whole), DENIED);
}

/// Nothing may come in from outside, but what answers may.
#[test]
fn return_traffic_of_an_allowed_flow_passes() {
    let inbound = Rule {
        destination: Some(net("10.0.0.0/8")),
        ..rule(100, Action::Deny)
    };
    let mut group = group(vec![inbound]);
    let out = to(HOST, 80);
    assert_eq!(group.judge_v4(&reverse(&out), Whole), DENIED);
    assert_eq!(group.flows(), (0, 0));
    assert_eq!(group.judge_v4(&out, Whole), Ok(()));
    assert_eq!(group.judge_v4(&reverse(&out), Whole), Ok(()));
    assert_eq!(group.judge_v4(&out, Whole), Ok(()));
    assert_eq!(group.flows(), (1, 0));
    let other_port = Flow {
        destination_port: 1001,
        ..reverse(&out)
    };
    assert_eq!(group.judge_v4(&other_port, Whole), DENIED);
    let other_protocol = Flow {
        protocol: UDP,
        ..reverse(&out)
    };
    assert_eq!(group.judge_v4(&other_protocol, Whole), DENIED);
    // Addresses turned round, ports not: another flow.
    let crossed = Flow {
        source_port: 1000,
        destination_port: 80,
        ..reverse(&out)
    };
    assert_eq!(group.judge_v4(&crossed, Whole), DENIED);
}

#[test]
fn ipv6_has_rules_and_flows_of_its_own() {
    let inbound = Rule {
        destination: Some(net("fd00::/8")),
        ..rule(100, Action::Deny)
    };
    let mut group = group(vec![inbound]);
    let out = Flow::from(Flow {
        source: "fd00::1".parse::<Ipv6Addr>().unwrap(),
        destination: "2001:db8::1".parse().unwrap(),
        source_port: 1000,
        destination_port: 443,
        protocol: UDP,
    });
    assert_eq!(group.judge_v6(&reverse(&out), Whole), DENIED);
    assert_eq!(group.judge_v6(&out, Whole), Ok(()));
    assert_eq!(group.judge_v6(&reverse(&out), Whole), Ok(()));
    let neighbour = Flow {
        source: out.destination ^ 1,
        ..reverse(&out)
    };
    assert_eq!(group.judge_v6(&neighbour, Whole), DENIED);
    assert_eq!(group.judge_v4(&to(HOST, 80), Whole), Ok(()));
    assert_eq!(group.flows(), (1, 1));
}

/// With room for two flows the third is allowed by the rules but not remembered.
#[test]
fn a_full_table_leaves_new_flows_to_the_rules() {
    let inbound = Rule {
        destination: Some(net("10.0.0.0/8")),
        ..rule(100, Action::Deny)
    };
    let mut group = SecurityGroup::new(vec![inbound], 2, 1).unwrap();
    let flows = [80, 81, 82].map(|port| to(HOST, port));
    for flow in &flows {
        assert_eq!(group.judge_v4(flow, Whole), Ok(()));
        assert_eq!(group.judge_v4(flow, Whole), Ok(()));
    }
    assert_eq!(group.flows(), (2, 0));
    let back = flows.map(|flow| group.judge_v4(&reverse(&flow), Whole));
    assert_eq!(back, [Ok(()), Ok(()), DENIED]);
}

#[test]
fn later_fragments_get_the_verdict_of_the_first() {
    let web = Rule {
        destination_ports: 80..=80,
        ..rule(100, Action::Deny)
    };
    let mut group = group(vec![web]);
    let later = Flow {
        source_port: 0,
        destination_port: 0,
        ..to(HOST, 0)
    };
    let orphan = Err(Reason::FragmentOrphan);
    assert_eq!(group.judge_v4(&later, Later(1)), orphan);
    assert_eq!(group.judge_v4(&to(HOST, 80), First(1)), DENIED);
    assert_eq!(group.judge_v4(&later, Later(1)), DENIED);
    assert_eq!(group.judge_v4(&to(HOST, 81), First(2)), Ok(()));
    assert_eq!(group.judge_v4(&later, Later(2)), Ok(()));
    assert_eq!(group.judge_v4(&later, Later(2)), Ok(()));
    assert_eq!(group.judge_v4(&later, Later(3)), orphan);
    assert_eq!(
        group.judge_v4(
            &Flow {
                protocol: UDP,
                ..later
            },
            Later(2)
        ),
        orphan
    );
    assert_eq!(group.judge_v4(&reverse(&later), Later(2)), orphan);
    // An identification used again brings its own verdict.
    assert_eq!(group.judge_v4(&to(HOST, 80), First(2)), DENIED);
    assert_eq!(group.judge_v4(&later, Later(2)), DENIED);
}

/// RFC 8200, 4.5: the protocol behind a later Fragment header is not that of the payload.
#[test]
fn ipv6_fragments_are_told_by_addresses_and_identification() {
    let mut group = group(vec![]);
    let first = Flow {
        source: 1_u128,
        destination: 2,
        source_port: 5,
        destination_port: 6,
        protocol: UDP,
    };
    let later = Flow {
        source_port: 0,
        destination_port: 0,
        protocol: 60,
        ..first
    };
    assert_eq!(group.judge_v6(&first, First(9)), Ok(()));
    assert_eq!(group.judge_v6(&later, Later(9)), Ok(()));
    assert_eq!(
        group.judge_v6(&later, Later(8)),
        Err(Reason::FragmentOrphan)
    );
}

#[test]
fn the_fragment_table_forgets_the_oldest_first_and_never_grows() {
    let mut table = FragmentTable::new(3);
    let key = |i: usize| [i as u64, 1 << 63];
    for i in 0..10 * DATAGRAMS_MAX {
        table.insert(key(i), i % 2 == 0);
        assert_eq!(table.verdict(&key(i)), Some(i % 2 == 0));
    }
    let kept = (0..10 * DATAGRAMS_MAX).filter(|&i| table.verdict(&key(i)).is_some());
    assert_eq!(kept.count(), DATAGRAMS_MAX);
    // Of the newest, more are kept than were pushed out by still newer ones.
    let newest = (9 * DATAGRAMS_MAX + DATAGRAMS_MAX / 2..10 * DATAGRAMS_MAX)
        .filter(|&i| table.verdict(&key(i)).is_some());
    assert!(newest.count() > DATAGRAMS_MAX * 45 / 100);
}

#[test]
fn groups_that_make_no_sense_are_refused() {
    let refused = |rules| SecurityGroup::new(rules, 1, 1).err();
    assert_eq!(
        refused(vec![rule(99, Action::Deny)]),
        Some(RuleError::Priority(99))
    );
    assert_eq!(
        refused(vec![rule(4097, Action::Deny)]),
        Some(RuleError::Priority(4097))
    );
    assert_eq!(
        refused(vec![
            rule(100, Action::Deny),
            rule(4096, Action::Deny),
            rule(100, Action::Allow)
        ]),
        Some(RuleError::SamePriority(100))
    );
    let mixed = Rule {
        source: Some(net("10.0.0.0/8")),
        destination: Some(net("::/0")),
        ..rule(500, Action::Deny)
    };
    assert_eq!(refused(vec![mixed]), Some(RuleError::MixedFamilies(500)));
}

/// They are walked, not decoration: what no host may send is denied.
#[test]
fn the_default_rules_deny_reserved_sources() {
    let mut group = SecurityGroup::default_group(FLOWS_MAX, 1);
    let reserved = |first: u8| Flow {
        source: u32::from(first) << 24,
        protocol: UDP,
        ..to(HOST, 2000)
    };
    assert_eq!(group.judge_v4(&reserved(241), Whole), DENIED);
    assert_eq!(group.judge_v4(&reserved(243), Whole), DENIED);
    let discard = Flow {
        source: 0x100_u128 << 112 | 3 << 48,
        destination: 1,
        source_port: 1,
        destination_port: 1,
        protocol: TCP,
    };
    assert_eq!(group.judge_v6(&discard, Whole), DENIED);
}

static DEFAULT: LazyLock<Mutex<SecurityGroup>> =
    LazyLock::new(|| Mutex::new(SecurityGroup::default_group(FLOWS_MAX, 1)));

proptest! {
    #[test]
    fn the_default_rules_deny_no_ordinary_flow(
        source in 0_u32..0xf000_0000, destination: u32, v6: (u128, u128), ports: (u16, u16), protocol: u8,
    ) {
        let mut group = SecurityGroup::new(vec![], 4, 1).unwrap();
        let mut default = DEFAULT.lock().unwrap();
        let flow = Flow { source, destination, source_port: ports.0, destination_port: ports.1, protocol };
        prop_assert_eq!(default.judge_v4(&flow, Whole), group.judge_v4(&flow, Whole));
        let flow = Flow { source: v6.0 | 1 << 125, destination: v6.1, source_port: ports.0, destination_port: ports.1, protocol };
        prop_assert_eq!(default.judge_v6(&flow, Whole), group.judge_v6(&flow, Whole));
    }

    /// Against a set that grows: same members, same count, both directions one flow.
    #[test]
    fn the_flow_table_is_a_set(
        flows in prop::collection::vec((0_u32..6, 0_u32..6, 0_u16..3, 0_u16..3, 0_u8..2), 0..80),
        seed: u64,
    ) {
        use tunneltax_core::net::flows::Address;
        let mut table = FlowTable::new(40, seed);
        let mut known = std::collections::HashSet::new();
        for (source, destination, source_port, destination_port, protocol) in flows {
            let flow = Flow { source, destination, source_port, destination_port, protocol };
            let key = u32::flow_key(&flow);
            prop_assert_eq!(key, u32::flow_key(&reverse(&flow)));
            let wide = Flow { source: u128::from(source), destination: u128::from(destination), source_port, destination_port, protocol };
            prop_assert_eq!(u128::flow_key(&wide), u128::flow_key(&reverse(&wide)));
            let ends = ((source, source_port), (destination, destination_port));
            let ends = if ends.0 <= ends.1 { ends } else { (ends.1, ends.0) };
            let member = known.contains(&(ends, protocol));
            prop_assert_eq!(table.is_established(&key, 0), member);
            let room = known.len() < 40;
            prop_assert_eq!(table.insert(key, 0), member || room);
            if room {
                known.insert((ends, protocol));
            }
            prop_assert_eq!(table.len(), known.len());
        }
    }
}
