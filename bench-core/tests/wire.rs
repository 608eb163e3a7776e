//! Headers: checksum arithmetic, outer headers, DSCP and ECN, IPv6 extension headers.

mod packets;

use std::net::Ipv4Addr;

use etherparse::Ipv4HeaderSlice;
use packets::{fix_checksum, ip4, ip6, ports, udp6};
use proptest::prelude::*;
use tunneltax_core::fate::Reason;
use tunneltax_core::wire::checksum::{fold, replace_word, sum};
use tunneltax_core::wire::ipv4::{self, OuterTemplate};
use tunneltax_core::wire::{Fragment, ipv6, protocol, total_bytes, traffic_class};

/// RFC 1624, 4: the case that equation 1 of RFC 1141 gets wrong (0xffff).
#[test]
fn rfc_1624_example() {
    assert_eq!(replace_word(0xdd2f, 0x5555, 0x3285), 0x0000);
}

#[test]
fn fold_keeps_both_zeroes_apart() {
    assert_eq!(fold(0), 0);
    assert_eq!(fold(0xffff), 0xffff);
    assert_eq!(fold(0x1_0000), 1);
    assert_eq!(fold(0xffff_ffff_ffff_ffff), 0xffff);
    assert_eq!(fold(0xffff_0000_0000_0001), 1);
}

/// Word by word, carry by carry: RFC 1071, 1 as it stands there, in network order.
fn slow_sum(octets: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

proptest! {
    #[test]
    fn fold_is_the_sum_of_words(value in any::<u64>()) {
        let halves = [48, 32, 16, 0].map(|at| (value >> at) as u16);
        let octets: Vec<u8> = halves.iter().flat_map(|half| half.to_be_bytes()).collect();
        prop_assert_eq!(fold(value), slow_sum(&octets));
    }

    #[test]
    fn sum_is_the_sum_of_words(octets in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert_eq!(sum(&octets), slow_sum(&octets).to_be());
    }

    /// Any header, any word of it, any new value, the extremes often: the incremental checksum
    /// is the recomputed one.
    #[test]
    fn incremental_equals_recomputed(
        mut words in prop::collection::vec(
            prop_oneof![Just(0_u16), Just(0xffff), Just(0x0100), any::<u16>()], 9),
        at in 1_usize..9,
        new in prop_oneof![Just(0_u16), Just(0xffff), any::<u16>()],
    ) {
        words[0] = 0x4500;
        let over = |words: &[u16]| {
            let octets: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            !slow_sum(&octets)
        };
        let before = over(&words);
        let old = std::mem::replace(&mut words[at], new);
        prop_assert_eq!(replace_word(before, old, new), over(&words));
    }

    #[test]
    fn ttl_falls_and_the_checksum_stays_right(
        ttl: u8, protocol: u8, addresses: [u8; 8], identification: [u8; 2], reserved: bool,
    ) {
        let mut packet = ip4(protocol, &[], &[1, 2, 3], |_| {});
        packet[4..6].copy_from_slice(&identification);
        packet[6] |= u8::from(reserved) << 7;
        packet[8] = ttl;
        packet[12..20].copy_from_slice(&addresses);
        fix_checksum(&mut packet);
        let mut expected = packet.clone();
        let result = ipv4::decrement_ttl(&mut packet);
        if ttl > 1 {
            prop_assert_eq!(result, Ok(()));
            expected[8] = ttl - 1;
            fix_checksum(&mut expected);
        } else {
            prop_assert_eq!(result, Err(Reason::TtlExpired));
        }
        prop_assert_eq!(packet, expected);
    }

    #[test]
    fn outer_header_is_what_etherparse_reads(
        source: [u8; 4], destination: [u8; 4], protocol: u8, ttl: u8,
        total_len in 20_u16.., tos: u8, identification: u16, dont_fragment: bool,
    ) {
        let template = OuterTemplate::new(
            Ipv4Addr::from(source), Ipv4Addr::from(destination), protocol, ttl);
        let mut octets = [0xaa; ipv4::HEADER_BYTES];
        template.emit(&mut octets, total_len, tos, identification, dont_fragment);
        prop_assert!(ipv4::checksum_is_right(&octets));
        let header = Ipv4HeaderSlice::from_slice(&octets).unwrap().to_header();
        prop_assert_eq!(header.source, source);
        prop_assert_eq!(header.destination, destination);
        prop_assert_eq!(header.protocol.0, protocol);
        prop_assert_eq!(header.time_to_live, ttl);
        prop_assert_eq!(header.total_len, total_len);
        prop_assert_eq!(header.dscp.value() << 2 | header.ecn.value(), tos);
        prop_assert_eq!(header.identification, identification);
        prop_assert_eq!(header.dont_fragment, dont_fragment);
        prop_assert!(!header.more_fragments && header.fragment_offset.value() == 0);
        prop_assert_eq!(header.header_checksum, header.calc_header_checksum());
    }

    #[test]
    fn traffic_class_reads_back(class: u8, old: u8) {
        for mut packet in [ip4(17, &[1, 1, 1, 1], &[0; 8], |_| {}), ip6(17, &[0; 8])] {
            let flow_label = [packet[1] & 0x0f, packet[2], packet[3]];
            prop_assert!(traffic_class::set(&mut packet, old));
            prop_assert!(traffic_class::set(&mut packet, class));
            prop_assert_eq!(traffic_class::get(&packet), Some(class));
            if packet[0] >> 4 == 4 {
                prop_assert!(ipv4::checksum_is_right(&packet[..24]));
            } else {
                prop_assert_eq!([packet[1] & 0x0f, packet[2], packet[3]], flow_label);
            }
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(octets in prop::collection::vec(any::<u8>(), 0..120), next: u8) {
        let _ = ipv4::Header::parse(&octets);
        let _ = ipv6::Header::parse(&octets);
        let _ = ipv6::upper(&octets, next);
        let _ = traffic_class::get(&octets);
        let mut octets = octets;
        traffic_class::set(&mut octets, next);
        let _ = ipv4::decrement_ttl(&mut octets);
        let _ = ipv6::decrement_hop_limit(&mut octets);
    }
}

#[test]
fn ecn_and_dscp_share_an_octet() {
    let class = 0b1011_1000 | traffic_class::ECT_0;
    assert_eq!(traffic_class::ecn(class), traffic_class::ECT_0);
    assert_eq!(
        traffic_class::with_ecn(class, traffic_class::CE),
        0b1011_1011
    );
    assert_eq!(
        traffic_class::with_ecn(class, traffic_class::NOT_ECT),
        0b1011_1000
    );
    assert_eq!(traffic_class::get(&[0x45]), None);
    assert_eq!(traffic_class::get(&[0x55, 1]), None);
}

#[test]
fn ipv6_header_is_read() {
    let mut packet = udp6((packets::A6, 1), (packets::B6, 2), &[0; 4]);
    packet[0] = 0x6a;
    packet[1] = 0xb0;
    let header = ipv6::Header::parse(&packet).unwrap();
    assert_eq!(header.total_bytes, 52);
    assert_eq!(header.traffic_class, 0xab);
    assert_eq!(header.next_header, 17);
    assert_eq!(header.hop_limit, 64);
    assert_eq!(header.source, u128::from_be_bytes(packets::A6));
    assert_eq!(header.destination, u128::from_be_bytes(packets::B6));
}

/// Every kind of extension header, with its own unit of length, and the ports behind.
#[test]
fn extension_headers_are_walked_to_the_ports() {
    let mut chain = Vec::new();
    chain.extend([protocol::ROUTING, 0, 0, 0, 0, 0, 0, 0]); // hop-by-hop, 8 octets
    chain.extend([protocol::DESTINATION_OPTIONS, 2]); // routing, 24 octets
    chain.extend([0; 22]);
    chain.extend([protocol::AH, 1]); // destination options, 16 octets
    chain.extend([0; 14]);
    chain.extend([protocol::FRAGMENT, 4]); // AH, 24 octets
    chain.extend([0; 22]);
    chain.extend([protocol::UDP, 0, 0, 1, 0, 0, 0, 9]); // fragment: first, M, 9
    let at = 40 + chain.len();
    chain.extend(ports(53));
    let upper = ipv6::upper(&ip6(protocol::HOP_BY_HOP, &chain), protocol::HOP_BY_HOP).unwrap();
    assert_eq!(upper.protocol, protocol::UDP);
    assert_eq!(upper.at, at);
    assert_eq!(upper.fragment, Fragment::First(9));
}

#[test]
fn the_walk_ends_at_esp_at_later_fragments_and_at_its_bound() {
    let esp = ipv6::upper(&ip6(protocol::ESP, &[0; 8]), protocol::ESP).unwrap();
    assert_eq!((esp.protocol, esp.at), (protocol::ESP, 40));

    let later = [protocol::DESTINATION_OPTIONS, 0, 0, 8, 0, 0, 1, 0];
    let later = ipv6::upper(&ip6(protocol::FRAGMENT, &later), protocol::FRAGMENT).unwrap();
    assert_eq!(later.fragment, Fragment::Later(256));

    let atomic = [protocol::TCP, 0, 0, 0, 0, 0, 1, 0];
    let atomic = ipv6::upper(&ip6(protocol::FRAGMENT, &atomic), protocol::FRAGMENT).unwrap();
    assert_eq!(
        (atomic.protocol, atomic.fragment),
        (protocol::TCP, Fragment::Whole)
    );

    let options = [protocol::DESTINATION_OPTIONS, 0, 0, 0, 0, 0, 0, 0];
    let mut most = options.repeat(ipv6::EXTENSIONS_MAX - 1);
    most.extend([protocol::UDP, 0, 0, 0, 0, 0, 0, 0]);
    let walk = |chain: &[u8]| {
        let first = protocol::DESTINATION_OPTIONS;
        ipv6::upper(&ip6(first, chain), first).map(|upper| upper.protocol)
    };
    assert_eq!(walk(&most), Ok(protocol::UDP));
    let more = [&options[..], &most[..]].concat();
    assert_eq!(walk(&more), Err(Reason::Denied));
    assert_eq!(walk(&options[..7]), Err(Reason::MalformedHeader));
    assert_eq!(
        walk(&[protocol::UDP, 1, 0, 0, 0, 0, 0, 0]),
        Err(Reason::MalformedHeader)
    );
}

#[test]
fn a_packet_says_how_long_it_is() {
    let four = |total: u16| {
        let [high, low] = total.to_be_bytes();
        total_bytes(&[0x45, 0, high, low, 0xff, 0xff])
    };
    assert_eq!([four(20), four(1500)], [Some(20), Some(1500)]);
    assert_eq!([four(0), four(19)], [None, None], "less than a header");
    let six = |payload: [u8; 2]| total_bytes(&[0x60, 0, 0xff, 0xff, payload[0], payload[1]]);
    assert_eq!([six([0, 0]), six([4, 0])], [Some(40), Some(40 + 1024)]);
    assert_eq!(
        total_bytes(&[0x45, 0, 0, 20, 0]),
        None,
        "ends before it says so"
    );
    assert_eq!(total_bytes(&[0x55, 0, 0, 20, 0, 0]), None, "neither");
}
