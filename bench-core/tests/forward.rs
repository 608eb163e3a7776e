//! Plain forward: every reason to drop, the reference, both gateways, any bytes.

mod packets;

use packets::{A, A6, B, B6, fix_checksum, in_frame, ip4, ip6, ports, reason, udp4, udp6};
use pnet::packet::ipv4::{Ipv4Packet, checksum};
use proptest::prelude::*;
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::net::routes::{Routes, seeded_prefixes};
use tunneltax_core::net::rules::{ANY_PORT, Action, Rule};
use tunneltax_core::net::security_group::SecurityGroup;
use tunneltax_core::path::forward::{Forward, Forwarder, Rules, expected_after};
use tunneltax_core::path::{PacketPath, Setup};

fn gateway(rules: Rules) -> Forwarder {
    Forwarder::new(&Setup::default(), rules)
}

/// Two routes are as good as 800 where the neighbour does not matter, and made in no time.
fn default_routes() -> Routes {
    let v4 = [("0.0.0.0/0".parse().unwrap(), 0)];
    let v6 = [("::/0".parse().unwrap(), 0)];
    Routes::new(v4, v6)
}

fn unguarded() -> Forwarder {
    Forwarder::with(default_routes(), None)
}

/// What one gateway makes of a packet.
fn after(gateway: &mut Forwarder, packet: &[u8]) -> Result<Vec<u8>, Reason> {
    let (result, bytes, _) = in_frame(packet, |frame| gateway.forward(frame));
    match result {
        Ok(()) => Ok(bytes),
        Err(reason) => {
            assert_eq!(bytes, packet, "a refused packet was changed");
            Err(reason)
        }
    }
}

/// What either gateway, with rules or without, says of a packet.
fn refused(packet: &[u8]) -> Reason {
    let with = after(&mut no_dns(), packet).unwrap_err();
    let without = after(&mut unguarded(), packet).unwrap_err();
    assert_eq!(with, without);
    assert_eq!(expected_after(1, packet), Err(with));
    with
}

#[test]
fn a_packet_is_one_hop_older_and_knows_its_neighbour() {
    for rules in [Rules::None, Rules::Default] {
        let packet = udp4((A, 1000), (B, 53), b"payload");
        let (result, bytes, _) = in_frame(&packet, |frame| gateway(rules).forward(frame));
        assert_eq!(result, Ok(()));
        assert_eq!(bytes[8], 63);
        assert_eq!(
            checksum(&Ipv4Packet::new(&bytes).unwrap()).to_be_bytes(),
            bytes[10..12]
        );
        assert_eq!(bytes[..8], packet[..8]);
        assert_eq!(bytes[12..], packet[12..]);

        let packet = udp6((A6, 1000), (B6, 53), b"payload");
        let (result, bytes, _) = in_frame(&packet, |frame| gateway(rules).forward(frame));
        assert_eq!(result, Ok(()));
        assert_eq!(bytes[7], 63);
        assert_eq!((&bytes[..7], &bytes[8..]), (&packet[..7], &packet[8..]));
    }
}

#[test]
fn the_neighbour_is_the_one_that_the_table_names() {
    let (v4, v6) = seeded_prefixes(Setup::default().seed);
    let routes = Routes::seeded(Setup::default().seed);
    let mut gateway = gateway(Rules::None);
    for (net, _) in &v4[1..] {
        let packet = udp4((A, 1), (net.network().octets(), 2), &[]);
        let (result, _, hop) = in_frame(&packet, |frame| gateway.forward(frame));
        assert_eq!(result, Ok(()));
        assert_eq!(Some(hop), routes.next_hop_v4(net.network().to_bits()));
        assert_ne!(hop, 0);
    }
    for (net, _) in &v6[1..] {
        let packet = udp6((A6, 1), (net.network().octets(), 2), &[]);
        let (_, _, hop) = in_frame(&packet, |frame| gateway.forward(frame));
        assert_eq!(Some(hop), routes.next_hop_v6(net.network().to_bits()));
        assert_ne!(hop, 0);
    }
}

#[test]
fn malformed_headers_are_dropped() {
    let v4 = udp4((A, 1), (B, 2), b"data");
    let broken = |at: usize, value: u8| {
        let mut packet = v4.clone();
        packet[at] = value;
        fix_checksum(&mut packet);
        packet
    };
    let v6 = udp6((A6, 1), (B6, 2), b"data");
    let long_v6 = {
        let mut packet = v6.clone();
        packet[5] += 1;
        packet
    };
    let cases = [
        vec![],
        vec![0x45],
        v4[..19].to_vec(),
        v4[..31].to_vec(),
        broken(0, 0x44),
        broken(0, 0x55),
        broken(0, 0x4f),
        broken(3, 19),
        broken(3, 33),
        broken(3, 0),
        v6[..39].to_vec(),
        v6[..51].to_vec(),
        long_v6,
        vec![0; 64],
    ];
    for packet in cases {
        assert_eq!(refused(&packet), Reason::MalformedHeader, "{packet:02x?}");
    }
}

#[test]
fn every_bit_of_an_ipv4_header_is_under_the_checksum() {
    for options in [&[][..], &[7, 4, 4, 0][..], &[1; 40][..]] {
        let packet = ip4(17, options, &ports(53), |_| {});
        assert!(after(&mut gateway(Rules::Default), &packet).is_ok());
        for bit in (8..16).chain(32..(20 + options.len()) * 8) {
            let mut packet = packet.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(refused(&packet), Reason::BadChecksum, "bit {bit}");
        }
    }
}

#[test]
fn the_last_hop_is_the_last() {
    for ttl in [0, 1, 2] {
        let mut v4 = udp4((A, 1), (B, 2), &[]);
        v4[8] = ttl;
        fix_checksum(&mut v4);
        let mut v6 = udp6((A6, 1), (B6, 2), &[]);
        v6[7] = ttl;
        for packet in [v4, v6] {
            if ttl < 2 {
                assert_eq!(refused(&packet), Reason::TtlExpired);
            } else {
                let one = after(&mut gateway(Rules::Default), &packet).unwrap();
                assert_eq!(Ok(one), expected_after(1, &packet));
                assert_eq!(expected_after(2, &packet), Err(Reason::TtlExpired));
            }
        }
    }
}

#[test]
fn without_a_route_there_is_no_way() {
    let mut nowhere = Forwarder::with(Routes::new([], []), None);
    for packet in [udp4((A, 1), (B, 2), &[]), udp6((A6, 1), (B6, 2), &[])] {
        assert_eq!(after(&mut nowhere, &packet), Err(Reason::NoRoute));
    }
}

/// Denies UDP to port 53, in both families.
fn no_dns() -> Forwarder {
    let rule = Rule {
        priority: 100,
        protocol: Some(17),
        source: None,
        source_ports: ANY_PORT,
        destination: None,
        destination_ports: 53..=53,
        action: Action::Deny,
    };
    let group = SecurityGroup::new(vec![rule], 16, 1).unwrap();
    Forwarder::with(default_routes(), Some(group))
}

#[test]
fn the_group_sees_the_ports_behind_options_and_extension_headers() {
    let mut gateway = no_dns();
    let chain = |to: u16| [&[17, 0, 0, 0, 0, 0, 0, 0][..], &ports(to)].concat();
    let packets = |to: u16| {
        [
            udp4((A, 1000), (B, to), &[]),
            ip4(17, &[1, 1, 1, 1, 1, 1, 1, 1], &ports(to), |_| {}),
            udp6((A6, 1000), (B6, to), &[]),
            ip6(60, &chain(to)),
        ]
    };
    for packet in packets(53) {
        assert_eq!(after(&mut gateway, &packet), Err(Reason::Denied));
    }
    for packet in packets(54) {
        assert_eq!(after(&mut gateway, &packet), expected_after(1, &packet));
    }
    // ICMP, ESP and TCP are not UDP.
    for protocol in [1, 50, 6] {
        let packet = ip4(protocol, &[], &ports(53), |_| {});
        assert!(after(&mut gateway, &packet).is_ok());
    }
}

#[test]
fn fragments_share_the_fate_of_their_first() {
    let mut gateway = no_dns();
    let later4 = ip4(17, &[], &[0, 0, 0, 53], |header| {
        header.fragment_offset = 1_u16.try_into().unwrap();
    });
    let first4 = |to: u16| ip4(17, &[], &ports(to), |header| header.more_fragments = true);
    let later6 = ip6(44, &[17, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 53]);
    let first6 = |to: u16| ip6(44, &[&[17, 0, 0, 1, 0, 0, 0, 5][..], &ports(to)].concat());
    for (first, later) in [
        (&first4 as &dyn Fn(u16) -> Vec<u8>, later4),
        (&first6, later6),
    ] {
        assert_eq!(after(&mut gateway, &later), Err(Reason::FragmentOrphan));
        assert!(after(&mut gateway, &first(54)).is_ok());
        assert_eq!(after(&mut gateway, &later), expected_after(1, &later));
        assert_eq!(after(&mut gateway, &first(53)), Err(Reason::Denied));
        assert_eq!(after(&mut gateway, &later), Err(Reason::Denied));
    }
}

/// RFC 1858, 3: a first fragment too short for its ports would slip through every rule.
#[test]
fn ports_that_are_cut_off_stop_a_packet_at_the_group_alone() {
    let tiny = ip4(17, &[], &[0, 1, 0], |header| header.more_fragments = true);
    assert_eq!(after(&mut no_dns(), &tiny), Err(Reason::MalformedHeader));
    assert!(after(&mut unguarded(), &tiny).is_ok());
    let tiny = ip6(17, &[0, 1, 0]);
    assert_eq!(after(&mut no_dns(), &tiny), Err(Reason::MalformedHeader));
    assert!(after(&mut unguarded(), &tiny).is_ok());
}

#[test]
fn padding_behind_a_packet_is_cut_off() {
    for packet in [udp4((A, 1), (B, 2), b"x"), udp6((A6, 1), (B6, 2), b"x")] {
        let padded = [&packet[..], &[0; 17]].concat();
        let one = after(&mut gateway(Rules::Default), &padded).unwrap();
        assert_eq!(one.len(), packet.len());
        assert_eq!(Ok(one), expected_after(1, &packet));
        assert_eq!(expected_after(1, &padded), expected_after(1, &packet));
    }
}

/// The reference itself, against a packet written down by hand.
#[test]
fn the_reference_is_right() {
    let mut packet = vec![
        0x46, 0x02, 0x00, 0x1a, 0x12, 0x34, 0xc0, 0x00, 0x40, 0x63, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        0x94, 0x04, 0x00, 0x00, 0xca, 0xfe,
    ];
    // 4602 + 001a + 1234 + c000 + 4063 + 0a00 + 0001 + 0a00 + 0002 + 9404 + 0000 = 200ba → 00bc
    packet[10..12].copy_from_slice(&0xff43_u16.to_be_bytes());
    let mut expected = packet.clone();
    expected[8] = 0x3e;
    // 3e63 instead of 4063: the sum is 0200 less, 1feba → febb.
    expected[10..12].copy_from_slice(&0x0144_u16.to_be_bytes());
    assert_eq!(expected_after(2, &packet), Ok(expected));
    assert_eq!(expected_after(0, &packet), Ok(packet));
}

#[test]
fn a_burst_keeps_what_was_dropped_before() {
    let mut arena = Arena::new(3, 64, 256, 64);
    let mut frames = arena.frames();
    let packet = udp4((A, 1), (B, 2), b"data");
    for frame in &mut frames {
        assert!(frame.load(&packet));
    }
    frames[0].drop_as(Reason::Replayed);
    frames[1].bytes_mut()[10] ^= 1;
    let mut path = Forward::new(&Setup::default(), Rules::Default);
    path.send(&mut frames);
    path.receive(&mut frames);
    assert_eq!(reason(&frames[0]), Some(Reason::Replayed));
    assert_eq!(frames[0].bytes(), packet);
    assert_eq!(reason(&frames[1]), Some(Reason::BadChecksum));
    assert_eq!(frames[2].fate, Fate::Carried);
    assert_eq!(frames[2].bytes(), expected_after(2, &packet).unwrap());
}

fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..160);
    let start = prop_oneof![
        Just(0x45_u8),
        Just(0x46),
        Just(0x4f),
        Just(0x60),
        any::<u8>()
    ];
    (bytes, start, any::<bool>(), 0_usize..4).prop_map(|(mut bytes, start, fix, padding)| {
        if let Some(first) = bytes.first_mut() {
            *first = start;
        }
        let length = bytes.len().saturating_sub(padding);
        if fix && start >> 4 == 4 && bytes.len() >= 20 {
            bytes[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            fix_checksum(&mut bytes);
        } else if fix && start >> 4 == 6 && length >= 40 {
            bytes[4..6].copy_from_slice(&(length as u16 - 40).to_be_bytes());
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Without rules the path and the reference agree on every string of bytes, drop for drop.
    #[test]
    fn any_bytes_come_out_as_the_reference_says(packet in any_packet()) {
        prop_assert_eq!(after(&mut unguarded(), &packet), expected_after(1, &packet));
    }

    /// With rules a packet may be refused for more reasons, but never comes out otherwise.
    #[test]
    fn any_bytes_pass_the_group_or_not(packet in any_packet()) {
        match after(&mut no_dns(), &packet) {
            Ok(bytes) => prop_assert_eq!(Ok(bytes), expected_after(1, &packet)),
            Err(Reason::Denied | Reason::FragmentOrphan | Reason::MalformedHeader) => {}
            Err(reason) => prop_assert_eq!(Err(reason), expected_after(1, &packet)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Out of the near gateway, into the far one: two hops older, nothing else.
    #[test]
    fn both_gateways_make_two_hops(
        ttl in 3_u8.., tos: u8, identification: u16, options in 0_usize..=10,
        payload in prop::collection::vec(any::<u8>(), 4..100), six: bool,
    ) {
        let packet = if six {
            let mut packet = ip6(17, &payload);
            packet[7] = ttl;
            packet
        } else {
            let mut packet = ip4(6, &vec![1; options * 4], &payload, |_| {});
            packet[1] = tos;
            packet[4..6].copy_from_slice(&identification.to_be_bytes());
            packet[8] = ttl;
            fix_checksum(&mut packet);
            packet
        };
        let mut path = Forward::new(&Setup::default(), Rules::None);
        let (fate, bytes, _) = in_frame(&packet, |frame| {
            path.send(std::slice::from_mut(frame));
            path.receive(std::slice::from_mut(frame));
            frame.fate
        });
        prop_assert_eq!(fate, Fate::Carried);
        prop_assert_eq!(bytes, expected_after(2, &packet).unwrap());
    }
}
