//! Longest prefix match against a walk over all prefixes.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use tunneltax_core::net::routes::{NEIGHBOURS, Routes, SEEDED_PREFIXES, seeded_prefixes};

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
