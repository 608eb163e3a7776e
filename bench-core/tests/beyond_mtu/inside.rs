//! Fragments of the inner packet, each sealed on its own.

use tunneltax_core::fate::Reason;
use tunneltax_core::path::{find, reference};

use super::packets::{fix_checksum, ip4, ports};
use super::support::{Ends, cases_with, sum, without_df};

/// A header and 1424 octets are 1444; 1446 would fit, but 1426 is no multiple of 8. What is left
/// of 1480 is 56.
#[test]
fn both_fragments_octet_by_octet() {
    let packet = without_df(1500);
    let after = reference(1, &packet).unwrap();
    let sent = Ends::new(find("esp+inner-fragment/none").unwrap())
        .send(&packet)
        .unwrap();
    let [first, second] = &sent[..] else {
        panic!("two packets, not {}", sent.len());
    };
    // Two octets of padding end 1444 + 2 on a multiple of 4; 76 + 2 needs two as well.
    assert_eq!(
        (first.len(), second.len()),
        (36 + 1444 + 4 + 16, 36 + 76 + 4 + 16)
    );
    for (outer, sequence) in [(first, 1), (second, 2)] {
        // No DF as the inner one, identifications that count, nobody's fragment.
        assert_eq!(outer[4..10], [0, sequence, 0, 0, 64, 50]);
        assert_eq!(
            usize::from(u16::from_be_bytes([outer[2], outer[3]])),
            outer.len()
        );
        assert_eq!(sum(&outer[..20]), 0xffff);
        assert_eq!(outer[24..28], [0, 0, 0, sequence]);
    }
    let (first, second) = (&first[36..36 + 1444], &second[36..36 + 76]);
    assert_eq!(
        first[..10],
        [0x45, 0, 0x05, 0xa4, 0x12, 0x34, 0x20, 0, 63, 17]
    );
    // Offset 178 units of 8.
    assert_eq!(second[..10], [0x45, 0, 0, 76, 0x12, 0x34, 0, 178, 63, 17]);
    for fragment in [first, second] {
        assert_eq!(fragment[12..20], packet[12..20]);
        assert_eq!(sum(&fragment[..20]), 0xffff);
    }
    assert_eq!([&first[20..], &second[20..]].concat(), after[20..]);
}

/// Over IPv6 1426 fits, so that 1400 octets stand behind the first header.
#[test]
fn over_ipv6_the_fragments_are_shorter() {
    let sent = Ends::new(find("esp6+inner-fragment/none").unwrap())
        .send(&without_df(1500))
        .unwrap();
    assert_eq!(sent.len(), 2);
    assert_eq!(
        sent[0][56..66],
        [0x45, 0, 0x05, 0x8c, 0x12, 0x34, 0x20, 0, 63, 17]
    );
    assert_eq!(
        sent[1][56..66],
        [0x45, 0, 0, 100, 0x12, 0x34, 0, 175, 63, 17]
    );
    assert!(sent.iter().all(|outer| outer[6] == 50));
}

/// What the receiver hands on is put together by another reader, octet by octet.
#[test]
fn a_host_makes_the_packet_of_what_comes_out() {
    for case in cases_with("inner-fragment") {
        let mut ends = Ends::new(case);
        for bytes in (1420..=1520).chain([2860, 2900, 9000]) {
            let packet = without_df(bytes);
            let expected = reference(2, &packet).unwrap();
            let sent = ends.send(&packet).unwrap();
            let count = case.overhead.packets(bytes, case.outer, 1500);
            assert_eq!(Some(sent.len()), count, "{} {bytes}", case.id);
            assert!(sent.iter().all(|packet| packet.len() <= 1500));
            let alone: Vec<Vec<u8>> = sent.iter().map(|p| ends.receive(p).unwrap()).collect();
            assert_eq!(rejoined(&alone), expected, "{} {bytes}", case.id);
            assert_eq!(ends.through(&packet).concat(), alone.concat());
        }
    }
}

/// By etherparse's buffer for fragments.
fn rejoined(fragments: &[Vec<u8>]) -> Vec<u8> {
    use etherparse::defrag::IpDefragBuf;
    use etherparse::{IpNumber, Ipv4HeaderSlice};
    if let [whole] = fragments {
        return whole.clone();
    }
    let mut buffer = IpDefragBuf::new(IpNumber::UDP, Vec::new(), Vec::new());
    for fragment in fragments {
        let header = Ipv4HeaderSlice::from_slice(fragment).unwrap();
        assert_eq!(
            header.header_checksum(),
            header.to_header().calc_header_checksum()
        );
        assert_eq!((header.identification(), header.ttl()), (0x1234, 62));
        let data = &fragment[header.slice().len()..usize::from(header.total_len())];
        buffer
            .add(header.fragments_offset(), header.more_fragments(), data)
            .unwrap();
    }
    assert!(buffer.is_complete());
    let mut header = Ipv4HeaderSlice::from_slice(&fragments[0])
        .unwrap()
        .to_header();
    let (data, _) = buffer.take_bufs();
    header.more_fragments = false;
    header.set_payload_len(data.len()).unwrap();
    header.header_checksum = header.calc_header_checksum();
    [header.to_bytes().to_vec(), data].concat()
}

/// A fragment that is cut again keeps its place in the datagram, and says that more follow.
#[test]
fn a_fragment_is_cut_like_any_packet() {
    let data = [&ports(53)[..], &[9; 1472]].concat();
    let first = ip4(17, &[], &data, |h| {
        h.dont_fragment = false;
        h.more_fragments = true;
    });
    let later = ip4(17, &[], &[8; 1480], |h| {
        h.dont_fragment = false;
        h.more_fragments = true;
        h.fragment_offset = 185.try_into().unwrap();
    });
    let mut ends = Ends::new(find("esp+inner-fragment/none").unwrap());
    let flags = |packets: Vec<Vec<u8>>| -> Vec<[u8; 2]> {
        packets
            .iter()
            .map(|packet| [packet[6], packet[7]])
            .collect()
    };
    assert_eq!(flags(ends.through(&first)), [[0x20, 0], [0x20, 178]]);
    // 185 + 178 is 363.
    assert_eq!(flags(ends.through(&later)), [[0x20, 185], [0x21, 107]]);
}

/// Of two options the one with the copied bit is in both fragments, the other one in the first.
#[test]
fn options_are_copied_where_they_say_so() {
    // Router alert (148, copied) and a time stamp (68, not copied).
    let options = [148, 4, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0];
    let data = [&ports(53)[..], &[9; 1440]].concat();
    let packet = ip4(17, &options, &data, |h| h.dont_fragment = false);
    let out = Ends::new(find("esp+inner-fragment/none").unwrap()).through(&packet);
    assert_eq!(out.len(), 2);
    assert_eq!(out[0][20..32], options);
    assert_eq!(out[1][20..32], [148, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert!(out.iter().all(|packet| sum(&packet[..32]) == 0xffff));
    assert_eq!([&out[0][32..], &out[1][32..]].concat(), data);
}

/// One that says that it goes on behind 65535 octets is nobody's fragment.
#[test]
fn a_fragment_beyond_any_datagram_is_not_cut() {
    let mut packet = without_df(1500);
    packet[6..8].copy_from_slice(&8190_u16.to_be_bytes());
    fix_checksum(&mut packet);
    let mut ends = Ends::new(find("esp+inner-fragment/none").unwrap());
    // Its verdict is the first one's.
    let mut first = without_df(100);
    first[6] |= 0x20;
    fix_checksum(&mut first);
    assert!(ends.send(&first).is_ok());
    let (reason, _) = ends.send(&packet).unwrap_err();
    assert_eq!(reason, Reason::MalformedHeader);
}

/// Each fragment has a sequence number of its own, in the order of the wire, beside packets that
/// are not cut.
#[test]
fn sequence_numbers_follow_the_wire() {
    use tunneltax_core::frame::{Arena, Frame};
    use tunneltax_core::path::Setup;
    let case = find("esp+inner-fragment/aes-256-gcm@ring").unwrap();
    let mut path = case.open(&Setup::default()).unwrap();
    let sizes = [100, 1500, 1446, 1447, 2900, 60];
    let (front, behind) = (case.overhead.headroom(), case.overhead.tailroom());
    let mut arena = Arena::new(sizes.len(), front, 3000, behind);
    let mut burst = arena.frames();
    for (frame, bytes) in burst.iter_mut().zip(sizes) {
        assert!(frame.load(&without_df(bytes)));
    }
    path.send(&mut burst);
    let wire = burst.iter().flat_map(Frame::wire_packets);
    let numbers: Vec<u8> = wire.map(|packet| packet[27]).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<u8>>());
    path.receive(&mut burst);
    assert!(burst.iter().all(Frame::is_carried));
}
