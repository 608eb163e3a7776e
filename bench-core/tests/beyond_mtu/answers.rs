//! Packets that are dropped for their length, and what their senders hear.

use etherparse::{Icmpv4Slice, Icmpv6Slice, Ipv4HeaderSlice, Ipv6HeaderSlice};
use tunneltax_core::fate::Reason;
use tunneltax_core::path::Setup;
use tunneltax_core::path::{find, reference};
use tunneltax_core::proof::prove;
use tunneltax_core::workload::Workload;

use super::packets::{A, A6, B, B6, fix_checksum, ip4, ip6, udp4, udp6};
use super::support::{Ends, cases_with, sum, without_df};

fn with_df(bytes: usize) -> Vec<u8> {
    let mut packet = without_df(bytes);
    packet[6] |= 0x40;
    fix_checksum(&mut packet);
    packet
}

/// What fits AES-256-GCM over either family: 1500 less the tunnel.
fn fits(id: &str) -> usize {
    if id.starts_with("esp6") { 1426 } else { 1446 }
}

/// RFC 1191, 4: type 3, code 4, the MTU in the last two octets; RFC 1812, 4.3.2.3: no more than
/// 576 octets in all.
#[test]
fn fragmentation_needed_octet_by_octet() {
    for how in ["drop", "inner-fragment"] {
        for case in cases_with(how) {
            let packet = with_df(1500);
            let (reason, answer) = Ends::new(case).send(&packet).unwrap_err();
            assert_eq!(reason, Reason::FragmentationNeeded, "{}", case.id);
            let [mtu_high, mtu_low] = (fits(case.id) as u16).to_be_bytes();
            assert_eq!(answer.len(), 576);
            assert_eq!(answer[..10], [0x45, 0xc0, 2, 0x40, 0, 0, 0x40, 0, 64, 1]);
            // From the gateway to the sender.
            assert_eq!(answer[12..20], [198, 51, 100, 1, A[0], A[1], A[2], A[3]]);
            assert_eq!(answer[20..22], [3, 4]);
            assert_eq!(answer[24..28], [0, 0, mtu_high, mtu_low]);
            assert_eq!((sum(&answer[..20]), sum(&answer[20..])), (0xffff, 0xffff));
            // The packet, with the TTL that the gateway has taken 1 from.
            assert_eq!(answer[28..], reference(1, &packet).unwrap()[..548]);
            let ip = Ipv4HeaderSlice::from_slice(&answer).unwrap();
            assert_eq!(usize::from(ip.total_len()), 576);
            let icmp = Icmpv4Slice::from_slice(&answer[20..]).unwrap();
            let said = format!("{:?}", icmp.icmp_type());
            let mtu = format!("next_hop_mtu: {}", fits(case.id));
            assert!(
                said.contains("FragmentationNeeded") && said.contains(&mtu),
                "{said}"
            );
        }
    }
}

/// RFC 4443, 3.2: type 2, code 0, the MTU in four octets, no more than 1280 octets in all.
#[test]
fn packet_too_big_octet_by_octet() {
    for how in ["drop", "inner-fragment"] {
        for case in cases_with(how) {
            let packet = udp6((A6, 5000), (B6, 53), &[7; 1452]);
            let (reason, answer) = Ends::new(case).send(&packet).unwrap_err();
            assert_eq!(reason, Reason::PacketTooBig, "{}", case.id);
            let [mtu_high, mtu_low] = (fits(case.id) as u16).to_be_bytes();
            assert_eq!(answer.len(), 1280);
            assert_eq!(answer[..8], [0x60, 0, 0, 0, 4, 0xd8, 58, 64]);
            let gateway = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
            assert_eq!(answer[8..40], [gateway, A6].concat());
            assert_eq!(answer[40..42], [2, 0]);
            assert_eq!(answer[44..48], [0, 0, mtu_high, mtu_low]);
            assert_eq!(answer[48..], reference(1, &packet).unwrap()[..1232]);
            let ip = Ipv6HeaderSlice::from_slice(&answer).unwrap();
            let icmp = Icmpv6Slice::from_slice(&answer[40..]).unwrap();
            assert!(
                icmp.is_checksum_valid(ip.source(), ip.destination()),
                "{}",
                case.id
            );
        }
    }
}

/// The longest that fits is carried, and one octet more is answered.
#[test]
fn the_limit_is_what_the_answer_says() {
    for case in cases_with("drop") {
        let fits = fits(case.id);
        let mut ends = Ends::new(case);
        let sent = ends.send(&with_df(fits)).unwrap();
        assert_eq!(sent.len(), 1);
        assert!(sent[0].len() <= 1500 && sent[0].len() > 1496, "{}", case.id);
        assert!(ends.receive(&sent[0]).is_ok());
        assert!(ends.send(&with_df(fits + 1)).is_err(), "{}", case.id);
    }
}

/// A packet that may be fragmented, and is not, is dropped without a word: the only code there is
/// would say that its DF is set.
#[test]
fn without_df_there_is_no_answer() {
    for case in cases_with("drop") {
        let packet = without_df(1500);
        let (reason, left) = Ends::new(case).send(&packet).unwrap_err();
        assert_eq!(reason, Reason::OverMtu, "{}", case.id);
        assert_eq!(left, reference(1, &packet).unwrap());
    }
}

/// RFC 1122, 3.2.2; RFC 1812, 4.3.2.7; RFC 4443, 2.4, e.
#[test]
fn what_may_not_be_answered_is_not() {
    let mut ends = Ends::new(find("esp+drop/none").unwrap());
    let mut reason = |packet: &[u8]| ends.send(packet).unwrap_err().0;
    let icmp = |kind: u8| ip4(1, &[], &[&[kind, 0][..], &[7; 1478]].concat(), |_| ());
    for kind in 0..=40 {
        let is_error = [3, 4, 5, 11, 12].contains(&kind);
        let expected = if is_error {
            Reason::OverMtu
        } else {
            Reason::FragmentationNeeded
        };
        assert_eq!(reason(&icmp(kind)), expected, "{kind}");
    }
    let icmp6 = |kind: u8| ip6(58, &[&[kind, 0][..], &[7; 1458]].concat());
    for kind in [1, 2, 3, 4, 100, 127, 128, 129, 133, 136, 137, 138] {
        let is_error = kind < 128 || kind == 137;
        let expected = if is_error {
            Reason::OverMtu
        } else {
            Reason::PacketTooBig
        };
        assert_eq!(reason(&icmp6(kind)), expected, "{kind}");
    }
    for source in [[0; 4], [127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1]] {
        let packet = udp4((source, 5000), (B, 53), &[7; 1472]);
        assert_eq!(reason(&packet), Reason::OverMtu, "{source:?}");
    }
    let mut local = [0; 16];
    local[15] = 1;
    for source in [[0; 16], local, [0xff; 16]] {
        let packet = udp6((source, 5000), (B6, 53), &[7; 1452]);
        assert_eq!(reason(&packet), Reason::OverMtu, "{source:?}");
    }
    let later = ip4(17, &[], &[7; 1480], |h| {
        h.dont_fragment = true;
        h.fragment_offset = 1.try_into().unwrap();
    });
    // Nobody's until the first one came.
    assert_eq!(reason(&later), Reason::FragmentOrphan);
    let first = ip4(17, &[], &[7; 1480], |h| h.more_fragments = true);
    assert_eq!(reason(&first), Reason::FragmentationNeeded);
    assert_eq!(reason(&later), Reason::OverMtu);
}

/// Counted exactly, by reason.
#[test]
fn answers_are_counted() {
    let packets = [
        with_df(1446),
        with_df(1447),
        with_df(1500),
        without_df(1447),
        udp6((A6, 5000), (B6, 53), &[7; 1452]),
        udp6((A6, 5000), (B6, 53), &[7; 52]),
    ];
    let workload = Workload::new(packets.iter().map(Vec::as_slice).collect());
    let counts = |id: &str| {
        let proof = prove(find(id).unwrap(), &Setup::default(), &workload).unwrap();
        let drops: Vec<(Reason, u64)> = proof.drops.iter().collect();
        (drops, proof.fragments, proof.verified)
    };
    let answered = [(Reason::FragmentationNeeded, 2), (Reason::PacketTooBig, 1)];
    assert_eq!(
        counts("esp+inner-fragment/aes-256-gcm@ring"),
        (answered.to_vec(), 2, 3)
    );
    let dropped = [&answered[..], &[(Reason::OverMtu, 1)]].concat();
    assert_eq!(counts("esp+drop/aes-256-gcm@ring"), (dropped, 0, 2));
    assert_eq!(counts("esp+fragment/aes-256-gcm@ring"), (vec![], 8, 6));
}
