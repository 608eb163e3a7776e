//! Link types, tags, padding, and the reasons why a frame is left out.

use tunneltax_core::capture::{LeftOut, Limits};

use crate::build::{MICROS, Order, Pcap, PcapNg, behind, ethernet, ipv4, ipv6, read, try_read};

/// The packets and reasons of one capture of this link type.
fn of(link: u32, frames: &[Vec<u8>]) -> (Vec<Vec<u8>>, Vec<(&'static str, u64)>) {
    let empty = Pcap::new(Order::Little, MICROS, link);
    let file = frames.iter().fold(empty, |file, frame| file.record(frame));
    let outcome = read(&file.bytes);
    let left_out = outcome.left_out();
    (outcome.packets, left_out)
}

fn only(link: u32, frame: Vec<u8>) -> (Vec<Vec<u8>>, Vec<(&'static str, u64)>) {
    of(link, &[frame])
}

#[test]
fn ethernet_tags() {
    let tags: [&[u16]; 5] = [
        &[],
        &[0x8100],
        &[0x88a8, 0x8100],
        &[0x9100, 0x8100],
        &[0x88a8, 0x9100, 0x8100, 0x8100],
    ];
    for tags in tags {
        for (ether_type, packet) in [(0x0800, ipv4(90)), (0x86dd, ipv6(90))] {
            let types = [tags, &[ether_type]].concat();
            let found = only(1, ethernet(&types, &packet));
            assert_eq!(found, (vec![packet], vec![]), "{types:x?}");
        }
    }
}

#[test]
fn ethernet_padding_is_cut() {
    let mut short = ethernet(&[0x0800], &ipv4(28));
    short.resize(60, 0xee);
    let mut six = ethernet(&[0x86dd], &ipv6(48));
    six.extend([0xee; 6]);
    assert_eq!(of(1, &[short, six]), (vec![ipv4(28), ipv6(48)], vec![]));
}

#[test]
fn ethernet_frames_that_stay_on_their_link() {
    let frames = [
        ethernet(&[0x0806], &[0; 28]),
        ethernet(&[0x8100, 0x0806], &[0; 28]),
        ethernet(&[0x88cc], &[0; 28]),
        ethernet(&[0x0026], &[0x42, 0x42, 3]),
        ethernet(&[0x8847], &[0; 40]),
    ];
    let expected = vec![("arp", 2), ("lldp", 1), ("not_ip", 2)];
    assert_eq!(of(1, &frames), (vec![], expected));
}

#[test]
fn raw_ip_under_its_three_numbers() {
    for link in [12, 14, 101] {
        let found = of(link, &[ipv4(60), ipv6(60), vec![0x55; 60], vec![]]);
        let expected = (vec![ipv4(60), ipv6(60)], vec![("malformed_header", 2)]);
        assert_eq!(found, expected, "{link}");
    }
}

#[test]
fn ipv4_and_ipv6_link_types_take_nothing_else() {
    let wrong = vec![("malformed_header", 1)];
    let both = [ipv4(60), ipv6(60)];
    assert_eq!(of(228, &both), (vec![ipv4(60)], wrong.clone()));
    assert_eq!(of(229, &both), (vec![ipv6(60)], wrong));
}

#[test]
fn null_and_loop_in_both_byte_orders() {
    for link in [0, 108] {
        for family in [2u32, 10, 24, 28, 30] {
            let packet = if family == 2 { ipv4(60) } else { ipv6(60) };
            for head in [family.to_le_bytes(), family.to_be_bytes()] {
                let found = only(link, behind(&head, &packet));
                assert_eq!(found, (vec![packet.clone()], vec![]), "{link} {family}");
            }
        }
        let others = [behind(&[0, 0, 0, 7], &ipv4(60)), vec![2, 0, 0]];
        let expected = vec![("not_ip", 1), ("malformed_header", 1)];
        assert_eq!(of(link, &others), (vec![], expected));
    }
}

#[test]
fn linux_cooked_both_versions() {
    let sll = |protocol: u16, payload: &[u8]| {
        let head = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        behind(&head, &behind(&protocol.to_be_bytes(), payload))
    };
    let sll2 = |protocol: u16, payload: &[u8]| {
        let tail = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        behind(&protocol.to_be_bytes(), &behind(&tail, payload))
    };
    let tagged = behind(&[0, 5, 0x08, 0x00], &ipv4(70));
    let frames = |head: &dyn Fn(u16, &[u8]) -> Vec<u8>| {
        vec![
            head(0x0800, &ipv4(60)),
            head(0x86dd, &ipv6(60)),
            head(0x8100, &tagged),
            head(0x0806, &[0; 28]),
            head(0x0004, &[0; 28]),
            vec![8, 0, 0],
        ]
    };
    let left_out = vec![("arp", 1), ("not_ip", 1), ("malformed_header", 1)];
    let expected = (vec![ipv4(60), ipv6(60), ipv4(70)], left_out);
    assert_eq!(of(113, &frames(&sll)), expected);
    assert_eq!(of(276, &frames(&sll2)), expected);
}

#[test]
fn other_link_types() {
    let found = of(9, &[ipv4(60), vec![]]);
    assert_eq!(found, (vec![], vec![("link_type", 2)]));
}

#[test]
fn headers_that_contradict_the_bytes_at_hand() {
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = ipv4(100);
        change(&mut packet);
        packet
    };
    let frames = [
        broken(&|packet| packet[0] = 0x65),
        broken(&|packet| packet[0] = 0x44),
        broken(&|packet| packet[0] = 0x4f),
        broken(&|packet| packet[2..4].fill(0)),
        broken(&|packet| packet[3] = 19),
        broken(&|packet| packet[3] = 101),
        broken(&|packet| packet.truncate(19)),
        vec![],
    ];
    let count = frames.len() as u64;
    assert_eq!(
        of(228, &frames[2..3]),
        (vec![frames[2].clone()], vec![]),
        "60 bytes of options"
    );
    let (packets, left_out) = of(228, &frames);
    assert_eq!(
        (packets.len(), left_out),
        (1, vec![("malformed_header", count - 1)])
    );

    let mut longer = ipv6(100);
    longer[5] += 1;
    let mut without_length = ipv6(100);
    without_length[4..6].fill(0);
    let mut nothing_follows = without_length.clone();
    nothing_follows[6] = 59;
    let frames = [
        longer,
        without_length,
        ipv6(48)[..39].to_vec(),
        nothing_follows.clone(),
    ];
    let expected = vec![nothing_follows[..40].to_vec()];
    assert_eq!(of(229, &frames), (expected, vec![("malformed_header", 3)]));

    let short = [ethernet(&[0x8100], &[0, 1]), vec![0; 13]];
    assert_eq!(of(1, &short), (vec![], vec![("malformed_header", 2)]));
}

#[test]
fn a_header_checksum_that_was_left_to_the_card_is_filled_in() {
    let right = ipv4(100);
    let mut unfilled = right.clone();
    unfilled[10..12].fill(0);
    // Four octets of options, which the checksum covers as well.
    let mut options = ipv4(100);
    options[0] = 0x46;
    options[20..24].copy_from_slice(&[0x94, 4, 0, 0]);
    options[10..12].fill(0);
    let (packets, left_out) = of(228, &[unfilled, right.clone(), options.clone()]);
    assert_eq!(left_out, []);
    assert_eq!(packets[..2], [right.clone(), right]);
    let header = etherparse::Ipv4HeaderSlice::from_slice(&packets[2]).expect("a whole header");
    let checksum = header.to_header().calc_header_checksum();
    assert_eq!((header.ihl(), header.header_checksum()), (6, checksum));
    packets[2].clone_into(&mut options);
    assert_eq!(only(228, options.clone()), (vec![options], vec![]));
}

#[test]
fn a_header_checksum_of_zero_may_be_right() {
    let mut packet = ipv4(100);
    // The identification takes the sum to 0xffff.
    packet[4..6].fill(0);
    packet[10..12].fill(0);
    let sum: u32 = packet[..20]
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    packet[4..6].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    let mut counted = packet.clone();
    assert_eq!(only(228, packet.clone()), (vec![packet], vec![]));
    counted[5] ^= 1;
    assert_ne!(only(228, counted.clone()).0, [counted]);
}

#[test]
fn a_wrong_header_checksum_is_left_to_the_path() {
    let mut packet = ipv4(100);
    packet[10] ^= 0xff;
    assert_eq!(only(228, packet.clone()), (vec![packet], vec![]));
}

#[test]
fn frames_above_the_ingress_mtu_and_offloaded_ones_without_a_length() {
    let mut v4_offloaded = ipv4(3000);
    v4_offloaded[2..4].fill(0);
    let mut v6_offloaded = ipv6(3000);
    v6_offloaded[4..6].fill(0);
    let frames = [
        ipv4(1500),
        ipv4(1501),
        v4_offloaded,
        v6_offloaded,
        ipv6(1501),
    ];
    assert_eq!(
        of(101, &frames),
        (vec![ipv4(1500)], vec![("over_ingress_mtu", 4)])
    );

    let limits = Limits {
        ingress_mtu: 9000,
        ..Limits::default()
    };
    let file = Pcap::new(Order::Big, MICROS, 101)
        .record(&ipv4(9000))
        .record(&ipv4(9001));
    let outcome = try_read(&file.bytes, limits).expect("reads");
    assert_eq!(
        (outcome.packets.len(), outcome.left_out()),
        (1, vec![("over_ingress_mtu", 1)])
    );
}

#[test]
fn snapped_frames_are_left_out_even_if_only_padding_is_missing() {
    let frame = ethernet(&[0x0800], &ipv4(100));
    let file = Pcap::ethernet()
        .record_at(0, 0, &frame[..64], 114)
        .record_at(0, 0, &frame, 118)
        .record_at(0, 0, &frame, 100);
    let outcome = read(&file.bytes);
    assert_eq!(
        (outcome.packets.len(), outcome.left_out()),
        (1, vec![("snapped", 2)])
    );

    let file = PcapNg::default()
        .section(Order::Big)
        .interface(1)
        .enhanced_with(0, 0, &frame[..64], 114, &[]);
    assert_eq!(read(&file.bytes).left_out(), [("snapped", 1)]);
}

#[test]
fn frames_behind_max_packets_are_counted_by_their_own_reason_first() {
    let arp = ethernet(&[0x0806], &[0; 28]);
    let frame = ethernet(&[0x0800], &ipv4(100));
    let file = Pcap::ethernet()
        .record(&arp)
        .record(&frame)
        .record(&frame)
        .record(&frame)
        .record(&arp);
    let limits = Limits {
        max_packets: Some(1),
        ..Limits::default()
    };
    let outcome = try_read(&file.bytes, limits).expect("reads");
    assert_eq!(outcome.packets.len(), 1);
    assert_eq!(outcome.left_out(), [("arp", 2), ("over_max_packets", 2)]);
}

#[test]
fn reasons_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> =
        LeftOut::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), LeftOut::ALL.len());
    for (index, reason) in LeftOut::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
        assert!(
            reason
                .name()
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        );
    }
}

#[test]
fn padding_of_a_block_is_not_captured() {
    // 59 of 60 bytes: the block's padding would make it whole.
    let cut = &ipv4(60)[..59];
    for order in [Order::Little, Order::Big] {
        let file = PcapNg::default()
            .section(order)
            .interface(228)
            .enhanced(0, 0, cut)
            .simple(cut, cut.len() as u32)
            .obsolete(0, 0, cut);
        assert_eq!(read(&file.bytes).left_out(), [("malformed_header", 3)]);
    }
}
