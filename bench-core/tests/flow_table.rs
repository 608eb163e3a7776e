//! The flow table in virtual time: what expires when, what a full table does, and what a change
//! of rules means for flows that are there.

use std::collections::HashMap;

use proptest::prelude::*;
use tunneltax_core::fate::Reason;
use tunneltax_core::net::flow_table::{FlowTable, IDLE_TIMEOUT_US};
use tunneltax_core::net::flows::Flow;
use tunneltax_core::net::rules::{ANY_PORT, Action, Rule};
use tunneltax_core::net::security_group::SecurityGroup;
use tunneltax_core::wire::Fragment::Whole;

const TCP: u8 = 6;
const DENIED: Result<(), Reason> = Err(Reason::Denied);

/// TCP from 10.0.0.1, this port, to 192.0.2.1:443.
fn from(source_port: u16) -> Flow<u32> {
    Flow {
        source: 0x0a00_0001,
        destination: 0xc000_0201,
        source_port,
        destination_port: 443,
        protocol: TCP,
    }
}

fn reverse(flow: &Flow<u32>) -> Flow<u32> {
    Flow {
        source: flow.destination,
        destination: flow.source,
        source_port: flow.destination_port,
        destination_port: flow.source_port,
        ..*flow
    }
}

/// No connection from outside: what comes to 10.0.0.0/8 passes as return traffic only.
fn no_way_in() -> Vec<Rule> {
    vec![Rule {
        priority: 100,
        protocol: None,
        source: None,
        source_ports: ANY_PORT,
        destination: Some("10.0.0.0/8".parse().unwrap()),
        destination_ports: ANY_PORT,
        action: Action::Deny,
    }]
}

fn group(flows: usize) -> SecurityGroup {
    SecurityGroup::new(no_way_in(), flows, 1)
        .unwrap()
        .with_idle_timeout(IDLE_TIMEOUT_US)
}

#[test]
fn a_flow_expires_after_four_idle_minutes_to_the_microsecond() {
    assert_eq!(IDLE_TIMEOUT_US, 240_000_000);
    let back = reverse(&from(1000));
    let mut group = group(8);
    assert_eq!(group.judge_v4(&from(1000), Whole), Ok(()));
    // Each packet begins the idle time anew, in either direction.
    for _ in 0..5 {
        group.advance(IDLE_TIMEOUT_US - 1);
        assert_eq!(group.judge_v4(&back, Whole), Ok(()));
        group.advance(IDLE_TIMEOUT_US - 1);
        assert_eq!(group.judge_v4(&from(1000), Whole), Ok(()));
    }
    group.advance(IDLE_TIMEOUT_US);
    assert_eq!(group.judge_v4(&back, Whole), DENIED);
    // A denied packet of an expired flow does not revive it.
    assert_eq!(group.judge_v4(&back, Whole), DENIED);
    // It keeps its place, and takes it again.
    assert_eq!(group.flows(), (1, 0));
    assert_eq!(group.judge_v4(&from(1000), Whole), Ok(()));
    assert_eq!(group.judge_v4(&back, Whole), Ok(()));
    assert_eq!(group.flows(), (1, 0));
}

#[test]
fn ipv6_flows_expire_too() {
    let out = Flow {
        source: 1_u128,
        destination: 2,
        source_port: 1000,
        destination_port: 443,
        protocol: TCP,
    };
    let back = Flow {
        source: 2,
        destination: 1,
        source_port: 443,
        destination_port: 1000,
        protocol: TCP,
    };
    let rules = vec![Rule {
        destination: Some("::1/128".parse().unwrap()),
        ..no_way_in().remove(0)
    }];
    let mut group = SecurityGroup::new(rules, 8, 1)
        .unwrap()
        .with_idle_timeout(10);
    assert_eq!(group.judge_v6(&out, Whole), Ok(()));
    group.advance(9);
    assert_eq!(group.judge_v6(&back, Whole), Ok(()));
    group.advance(10);
    assert_eq!(group.judge_v6(&back, Whole), DENIED);
}

#[test]
fn without_a_time_out_nothing_expires() {
    let mut group = SecurityGroup::new(no_way_in(), 8, 1).unwrap();
    assert_eq!(group.judge_v4(&from(1000), Whole), Ok(()));
    group.advance(u64::MAX);
    assert_eq!(group.judge_v4(&reverse(&from(1000)), Whole), Ok(()));
}

/// Full of living flows: a new one is judged by the rules, packet by packet, and its return
/// traffic is not known.
#[test]
fn a_full_table_takes_no_flow_until_one_has_expired() {
    let mut group = group(4);
    for port in 1..=4 {
        assert_eq!(group.judge_v4(&from(port), Whole), Ok(()));
    }
    for _ in 0..3 {
        assert_eq!(group.judge_v4(&from(5), Whole), Ok(()));
        assert_eq!(group.judge_v4(&reverse(&from(5)), Whole), DENIED);
    }
    // Two stay alive, two expire: there is room for two, and for no third.
    group.advance(IDLE_TIMEOUT_US - 1);
    for port in 3..=4 {
        assert_eq!(group.judge_v4(&from(port), Whole), Ok(()));
    }
    group.advance(1);
    for (port, known) in [(5, Ok(())), (6, Ok(())), (7, DENIED), (3, Ok(()))] {
        assert_eq!(group.judge_v4(&from(port), Whole), Ok(()));
        assert_eq!(group.judge_v4(&reverse(&from(port)), Whole), known);
        assert_eq!(group.flows(), (4, 0));
    }
    assert_eq!(group.judge_v4(&reverse(&from(1)), Whole), DENIED);
}

/// What expired makes room wherever it lies, however few slots one new flow looks at.
#[test]
fn a_large_table_of_expired_flows_fills_again() {
    const FLOWS: u16 = 5000;
    let mut group = group(usize::from(FLOWS));
    for port in 0..FLOWS {
        assert_eq!(group.judge_v4(&from(port), Whole), Ok(()));
    }
    group.advance(IDLE_TIMEOUT_US);
    // At least one in four slots is in use: a few tries find one.
    for port in FLOWS..2 * FLOWS {
        let entered = (0..20).any(|_| {
            assert_eq!(group.judge_v4(&from(port), Whole), Ok(()));
            group.judge_v4(&reverse(&from(port)), Whole).is_ok()
        });
        assert!(entered, "{port}");
    }
    assert_eq!(group.flows(), (usize::from(FLOWS), 0));
    for port in FLOWS..2 * FLOWS {
        assert_eq!(group.judge_v4(&reverse(&from(port)), Whole), Ok(()));
    }
}

/// As Azure documents it: rules that are changed hold for new connections only.
#[test]
fn a_rule_change_touches_new_flows_only() {
    let https = Rule {
        destination: None,
        destination_ports: 443..=443,
        ..no_way_in().remove(0)
    };
    let mut group = SecurityGroup::new(vec![], 8, 1)
        .unwrap()
        .with_idle_timeout(IDLE_TIMEOUT_US);
    assert_eq!(group.judge_v4(&from(1000), Whole), Ok(()));
    group.replace_rules(vec![https]).unwrap();
    assert_eq!(group.judge_v4(&from(1000), Whole), Ok(()));
    assert_eq!(group.judge_v4(&reverse(&from(1000)), Whole), Ok(()));
    assert_eq!(group.judge_v4(&from(1001), Whole), DENIED);
    // The established flow goes on until it has been idle for too long.
    group.advance(IDLE_TIMEOUT_US);
    assert_eq!(group.judge_v4(&from(1000), Whole), DENIED);
    group.replace_rules(vec![]).unwrap();
    assert_eq!(group.judge_v4(&from(1001), Whole), Ok(()));
}

/// Rules that make no sense change nothing.
#[test]
fn a_wrong_rule_change_leaves_the_old_rules() {
    let mut group = group(8);
    let wrong = Rule {
        priority: 1,
        ..no_way_in().remove(0)
    };
    assert!(group.replace_rules(vec![wrong]).is_err());
    assert_eq!(group.judge_v4(&reverse(&from(1000)), Whole), DENIED);
}

proptest! {
    /// Against a map that grows. A table with room knows a flow exactly as long as it lives; one
    /// without room may also refuse a flow, but never know one that is not alive.
    #[test]
    fn a_table_in_time_is_a_map_of_times(
        steps in prop::collection::vec((0_u64..40, 0_u64..8, any::<bool>()), 0..300),
        capacity in 1_usize..45,
        seed: u64,
    ) {
        const IDLE_US: u64 = 20;
        let mut table = FlowTable::new(capacity, seed).with_idle_timeout(IDLE_US);
        let mut seen: HashMap<u64, u64> = HashMap::new();
        let mut now_us = 0;
        for (flow, later_us, enter) in steps {
            now_us += later_us;
            let key = [flow, 1 << 63];
            let alive = seen.get(&flow).is_some_and(|then| now_us - then < IDLE_US);
            prop_assert_eq!(table.is_established(&key, now_us), alive);
            if alive {
                seen.insert(flow, now_us);
            }
            if enter {
                let living = seen.values().filter(|then| now_us - *then < IDLE_US).count();
                let entered = table.insert(key, now_us);
                // Up to 16 flows, one search for an expired one sees the whole table.
                prop_assert!(!entered || alive || living < capacity);
                prop_assert!(entered || !alive && (living >= capacity || capacity > 16));
                prop_assert!(entered || capacity < 40);
                if entered {
                    seen.insert(flow, now_us);
                }
            }
            prop_assert!(table.len() <= capacity);
        }
    }
}
