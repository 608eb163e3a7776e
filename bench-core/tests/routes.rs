//! Longest prefix match against a walk over all prefixes.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use ipnet::{Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use tunneltax_core::net::route_tables::RouteTables;
use tunneltax_core::net::routes::{
    NEIGHBOURS, Routes, SEEDED_PREFIXES, seeded_prefixes, spread_prefixes,
};

fn naive_v4(routes: &[(Ipv4Net, u32)], address: u32) -> Option<u32> {
    let address = Ipv4Addr::from_bits(address);
    let covering = routes.iter().filter(|(net, _)| net.contains(&address));
    covering
        .max_by_key(|(net, _)| net.prefix_len())
        .map(|(_, hop)| *hop)
}

fn naive_v6(routes: &[(Ipv6Net, u32)], address: u128) -> Option<u32> {
    let address = Ipv6Addr::from_bits(address);
    let covering = routes.iter().filter(|(net, _)| net.contains(&address));
    covering
        .max_by_key(|(net, _)| net.prefix_len())
        .map(|(_, hop)| *hop)
}

type Nets4 = Vec<(Ipv4Net, u32)>;
type Nets6 = Vec<(Ipv6Net, u32)>;

static SEEDED: LazyLock<(Nets4, Nets6, Routes)> = LazyLock::new(|| {
    let (v4, v6) = seeded_prefixes(1);
    (v4, v6, Routes::seeded(1))
});

/// Addresses of few bits apart, so that prefixes nest and equal ones occur.
fn near_v4() -> impl Strategy<Value = u32> {
    prop_oneof![
        any::<u32>(),
        (0_u32..32, 0_u32..4).prop_map(|(shift, bits)| bits << shift | 0x0a00_0000),
    ]
}

fn near_v6() -> impl Strategy<Value = u128> {
    prop_oneof![
        any::<u128>(),
        (0_u32..128, 0_u128..4).prop_map(|(shift, bits)| bits << shift | 0xfd << 120),
    ]
}

proptest! {
    #[test]
    fn any_table_equals_the_walk(
        v4 in prop::collection::vec((near_v4(), 0_u8..=32), 0..40),
        v6 in prop::collection::vec((near_v6(), 0_u8..=128), 0..40),
        ask4 in prop::collection::vec(near_v4(), 30),
        ask6 in prop::collection::vec(near_v6(), 30),
    ) {
        let v4: Vec<_> = (1..).zip(v4).map(|(hop, (bits, length))| {
            (Ipv4Net::new(Ipv4Addr::from_bits(bits), length).unwrap(), hop)
        }).collect();
        let v6: Vec<_> = (1..).zip(v6).map(|(hop, (bits, length))| {
            (Ipv6Net::new(Ipv6Addr::from_bits(bits), length).unwrap(), hop)
        }).collect();
        let routes = Routes::new(v4.clone(), v6.clone());
        let ends4 = v4.iter().flat_map(|(net, _)| [net.network(), net.broadcast()]);
        for address in ask4.into_iter().chain(ends4.map(Ipv4Addr::to_bits)) {
            prop_assert_eq!(routes.next_hop_v4(address), naive_v4(&v4, address));
        }
        let ends6 = v6.iter().flat_map(|(net, _)| [net.network(), net.broadcast()]);
        for address in ask6.into_iter().chain(ends6.map(Ipv6Addr::to_bits)) {
            prop_assert_eq!(routes.next_hop_v6(address), naive_v6(&v6, address));
        }
    }

    #[test]
    fn seeded_table_equals_the_walk(v4: [u32; 16], v6: [u128; 16]) {
        let (nets4, nets6, routes) = &*SEEDED;
        for address in v4 {
            prop_assert_eq!(routes.next_hop_v4(address), naive_v4(nets4, address));
        }
        for address in v6 {
            prop_assert_eq!(routes.next_hop_v6(address), naive_v6(nets6, address));
        }
    }
}

/// The ends of every prefix and the addresses just outside: where a table goes wrong first.
#[test]
fn seeded_table_is_right_at_every_edge() {
    for seed in [1, 2, u64::MAX] {
        let (v4, v6) = seeded_prefixes(seed);
        let routes = Routes::seeded(seed);
        for (net, _) in &v4 {
            let (low, high) = (net.network().to_bits(), net.broadcast().to_bits());
            for address in [low.wrapping_sub(1), low, high, high.wrapping_add(1)] {
                assert_eq!(routes.next_hop_v4(address), naive_v4(&v4, address), "{net}");
            }
        }
        for (net, _) in &v6 {
            let (low, high) = (net.network().to_bits(), net.broadcast().to_bits());
            for address in [low.wrapping_sub(1), low, high, high.wrapping_add(1)] {
                assert_eq!(routes.next_hop_v6(address), naive_v6(&v6, address), "{net}");
            }
        }
    }
}

#[test]
fn seeded_table_is_as_described() {
    let (v4, v6) = seeded_prefixes(7);
    assert_eq!(
        (v4.len(), v6.len()),
        (SEEDED_PREFIXES + 1, SEEDED_PREFIXES + 1)
    );
    assert_eq!(v4[0], ("0.0.0.0/0".parse().unwrap(), 0));
    assert_eq!(v6[0], ("::/0".parse().unwrap(), 0));
    assert!(v4[1..].iter().all(|(net, hop)| (8..=32).contains(&net.prefix_len())
        && (1..NEIGHBOURS).contains(hop)));
    assert!(
        v6[1..]
            .iter()
            .all(|(net, hop)| (16..=128).contains(&net.prefix_len())
                && (1..NEIGHBOURS).contains(hop))
    );
    for (i, (net, _)) in v4.iter().enumerate() {
        assert!(v4[..i].iter().all(|(other, _)| other != net), "{net} twice");
    }
    assert_eq!(seeded_prefixes(7), (v4.clone(), v6));
    assert_ne!(seeded_prefixes(8).0, v4);
}

#[test]
fn without_a_default_route_some_addresses_have_none() {
    let routes = Routes::new([("10.0.0.0/8".parse().unwrap(), 3)], []);
    assert_eq!(routes.next_hop_v4(0x0a01_0203), Some(3));
    assert_eq!(routes.next_hop_v4(0x0b01_0203), None);
    assert_eq!(routes.next_hop_v6(1), None);
}

/// Tables of other sizes: as many prefixes as asked for, half of them in the benchmark networks.
#[test]
fn spread_tables_are_as_described_and_right() {
    let block: Ipv4Net = "198.18.0.0/15".parse().unwrap();
    let in_benchmark = |net: &Ipv4Net| block.contains(net);
    for (routes, seed) in [(1, 1), (400, 2), (4000, 3)] {
        let (v4, v6) = spread_prefixes(routes - 1, seed);
        assert_eq!((v4.len(), v6.len()), (routes, routes));
        assert_eq!((v4[0].0.prefix_len(), v6[0].0.prefix_len()), (0, 0));
        assert_eq!((v4[0].1, v6[0].1), (0, 0));
        let distinct: HashSet<_> = v4.iter().map(|(net, _)| net).collect();
        assert_eq!(distinct.len(), routes);
        let benchmark = v4.iter().filter(|(net, _)| in_benchmark(net)).count();
        assert!((routes * 4 / 10..=routes * 6 / 10).contains(&benchmark) || routes == 1);
        let table = RouteTables::new(seed).of(routes);
        for (net, _) in v4.iter().step_by(7) {
            for address in [net.network(), net.broadcast()].map(Ipv4Addr::to_bits) {
                assert_eq!(table.next_hop_v4(address), naive_v4(&v4, address), "{net}");
            }
        }
        for (net, _) in v6.iter().step_by(7) {
            for address in [net.network(), net.broadcast()].map(Ipv6Addr::to_bits) {
                assert_eq!(table.next_hop_v6(address), naive_v6(&v6, address), "{net}");
            }
        }
        // What generated packets go to is spread over them.
        let hops: HashSet<_> = (0..1000)
            .map(|i| table.next_hop_v4(0xc613_0000 + i * 65))
            .collect();
        assert!(
            hops.len()
                >= if routes == 1 {
                    1
                } else {
                    NEIGHBOURS as usize - 1
                }
        );
    }
    let tables = RouteTables::new(1);
    assert!(Arc::ptr_eq(&tables.of(400), &tables.of(400)));
}
