//! Ways to frame a tunnel beside plain ESP over IPv4: what is on the wire, octet by octet, and
//! what is refused.

mod packets;

use packets::{A, A6, B, B6, ip4, udp4, udp6};
use tunneltax_core::cipher::Layout;
use tunneltax_core::cipher::ring::{AES_256, Ring};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::esp::{Opener, Sealer};
use tunneltax_core::path::framing::Framing;
use tunneltax_core::path::overhead::Beyond;
use tunneltax_core::path::underlay::Family;
use tunneltax_core::path::{Case, Setup, cases, find, keys, overhead, reference};
use tunneltax_core::sa::{InboundSa, Numbers, OutboundSa};
use tunneltax_core::wire;

type Gcm = Ring<{ AES_256 }>;

fn inner() -> Vec<u8> {
    udp4((A, 5000), (B, 53), &[0x5a; 100])
}

fn case(id: &str) -> &'static Case {
    find(id).expect("a case")
}

/// What a case's near gateway makes of a packet.
fn sent(case: &Case, packet: &[u8]) -> Vec<u8> {
    let mut path = case.open(&Setup::default()).unwrap();
    let (front, behind) = (case.overhead.headroom(), case.overhead.tailroom());
    let mut arena = Arena::new(1, front, packet.len(), behind);
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    path.send(&mut burst);
    assert_eq!(burst[0].fate, Fate::Carried, "{}", case.id);
    burst[0].bytes().to_vec()
}

/// What a case's far gateway, opened afresh, says to a packet.
fn received(case: &Case, packet: &[u8]) -> (Fate, Vec<u8>) {
    let mut path = case.open(&Setup::default()).unwrap();
    let mut arena = Arena::new(1, 0, packet.len(), 0);
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    path.receive(&mut burst);
    (burst[0].fate, burst[0].bytes().to_vec())
}

#[test]
fn bytes_added_are_those_of_the_standards() {
    // RFC 791: 20; RFC 8200: 40; RFC 768: 8; RFC 4303 and RFC 4106: 8 + 8 in front, 2 + 16
    // behind; RFC 7348: 8, and 14 of Ethernet. WireGuard paper, 5.4.6: 16 in front, 16 behind,
    // padded to 16 but not beyond the tunnel's MTU.
    for (id, inner, added) in [
        ("vxlan", 64, 50),
        ("vxlan", 1450, 50),
        ("esp/none", 66, 20 + 16 + 18),
        ("esp/none", 64, 20 + 16 + 18 + 2),
        ("esp6/none", 66, 40 + 16 + 18),
        ("esp-udp/none", 66, 20 + 8 + 16 + 18),
        ("esp6-udp/none", 66, 40 + 8 + 16 + 18),
        ("esp+esn/none", 66, 20 + 16 + 18),
        ("esp+pad16/none", 62, 20 + 16 + 18),
        ("esp+pad16/none", 63, 20 + 16 + 18 + 15),
        ("wireguard/none", 64, 20 + 8 + 16 + 16),
        ("wireguard/none", 65, 20 + 8 + 16 + 16 + 15),
        ("wireguard/none", 1408, 60),
        ("wireguard/none", 1409, 60 + 11),
        ("wireguard/none", 1419, 60 + 1),
        ("wireguard/none", 1420, 60),
        ("wireguard/none", 1421, 60),
        ("wireguard/none", 1500, 60),
        // OpenVPN's P_DATA_V2: opcode and peer id, packet id, tag.
        ("openvpn-udp/none", 63, 20 + 8 + 4 + 4 + 16),
        // A length and 20 octets of TCP more, once or twice.
        ("openvpn-tcp/none", 1434, 20 + 20 + 2 + 4 + 4 + 16),
        ("openvpn-tcp/none", 1435, 2 * (20 + 20) + 2 + 4 + 4 + 16),
        // Timestamps are 12 octets of every segment (RFC 7323, appendix A).
        (
            "openvpn-tcp+timestamps/none",
            1422,
            20 + 32 + 2 + 4 + 4 + 16,
        ),
        (
            "openvpn-tcp+timestamps/none",
            1423,
            2 * (20 + 32) + 2 + 4 + 4 + 16,
        ),
        // TCP, TLS record and nonce, SSTP, PPP, tag; in TLS 1.3 a content type and no nonce.
        ("sstp/none", 1423, 20 + 20 + 5 + 8 + 4 + 4 + 16),
        ("sstp/none", 1424, 2 * (20 + 20) + 5 + 8 + 4 + 4 + 16),
        ("sstp/none", 4087, 3 * (20 + 20) + 5 + 8 + 4 + 4 + 16),
        ("sstp+timestamps/none", 1411, 20 + 32 + 5 + 8 + 4 + 4 + 16),
        (
            "sstp+timestamps/none",
            1412,
            2 * (20 + 32) + 5 + 8 + 4 + 4 + 16,
        ),
        ("sstp+tls13/none", 1430, 20 + 20 + 5 + 4 + 4 + 1 + 16),
        ("sstp+tls13/none", 1431, 2 * (20 + 20) + 5 + 4 + 4 + 1 + 16),
        // RFC 6347, 4.1: 13; RFC 5288, 3: 8 and 16.
        ("dtls/none", 1435, 20 + 8 + 13 + 8 + 16),
    ] {
        assert_eq!(case(id).overhead.added_bytes(inner), added, "{id} {inner}");
    }
}

/// The same without DF.
fn may_be_cut(mut packet: Vec<u8>) -> Vec<u8> {
    packet[6] &= !0x40;
    packets::fix_checksum(&mut packet);
    packet
}

/// The arithmetic and what the path emits are one, for every case and every size, and so is what
/// fits the MTU: from a header with nothing behind it.
#[test]
fn what_is_sent_is_as_long_as_the_arithmetic_says() {
    for case in cases() {
        let mut path = case.open(&Setup::default()).unwrap();
        let (front, behind) = (case.overhead.headroom(), case.overhead.tailroom());
        let mut arena = Arena::new(1, front, 1500, behind);
        let mut burst = arena.frames();
        for bytes in 20..=1500 {
            let packet = match bytes {
                // No ports: the group judges it all the same.
                20..28 => ip4(253, &[], &vec![7; bytes - 20], |_| ()),
                _ => may_be_cut(udp4((A, 5000), (B, 53), &vec![7; bytes - 28])),
            };
            assert!(burst[0].load(&packet));
            path.send(&mut burst);
            if let Some(reason) = packets::too_long(case, &packet) {
                assert_eq!(burst[0].fate, Fate::Dropped(reason), "{} {bytes}", case.id);
                let fits = Some(bytes) <= case.overhead.largest_inner_bytes(1500);
                assert!(!fits, "{} {bytes}", case.id);
                continue;
            }
            assert_eq!(burst[0].fate, Fate::Carried, "{} {bytes}", case.id);
            let expected = bytes + case.overhead.added_bytes(bytes);
            assert_eq!(burst[0].len(), expected, "{} {bytes}", case.id);
            // A cipher alone sends nothing.
            if case.hops > 0 {
                let fits = Some(bytes) <= case.overhead.largest_inner_bytes(1500);
                let sent: Vec<usize> = burst[0].wire_packets().map(<[u8]>::len).collect();
                let fitted = sent.len() == 1 && sent[0] <= 1500;
                assert_eq!(fitted, fits, "{} {bytes}", case.id);
                if case.overhead.segments.is_some() || case.overhead.beyond != Beyond::Carried {
                    let packets = case.overhead.packets(bytes, case.outer, 1500);
                    assert_eq!(packets, Some(sent.len()), "{} {bytes}", case.id);
                }
                let version = match case.outer {
                    Family::V4 => 4,
                    Family::V6 => 6,
                };
                assert_eq!(
                    wire::version(burst[0].bytes()),
                    Some(version),
                    "{}",
                    case.id
                );
                let over = burst[0].wire_packets().any(|packet| packet.len() > 1500);
                assert_eq!(burst[0].over_mtu, over, "{} {bytes}", case.id);
            }
        }
    }
}

/// Longer than a length field can say is not sent, and nothing shorter is refused.
#[test]
fn the_longest_packet_is_the_one_that_the_arithmetic_knows() {
    for case in cases().filter(|case| case.hops > 0) {
        let exists = |bytes| case.overhead.outer_bytes(bytes, case.outer).is_some();
        assert!(!exists(19) && exists(20) && !exists(65_536), "{}", case.id);
        let longest = (20..=65_535).rev().find(|bytes| exists(*bytes)).unwrap();
        let fate = |bytes: usize| {
            let mut path = case.open(&Setup::default()).unwrap();
            let (front, behind) = (case.overhead.headroom(), case.overhead.tailroom());
            let mut arena = Arena::new(1, front, bytes, behind);
            let mut burst = arena.frames();
            let packet = may_be_cut(udp4((A, 5000), (B, 53), &vec![7; bytes - 28]));
            assert!(burst[0].load(&packet));
            path.send(&mut burst);
            burst[0].fate
        };
        assert_eq!(fate(longest), Fate::Carried, "{} {longest}", case.id);
        if longest < 65_535 {
            let reason = match (case.overhead.longest_inner, case.overhead.beyond) {
                (Some(_), _) => Reason::TooLong,
                (None, Beyond::Dropped) => Reason::OverMtu,
                (None, _) => Reason::NoRoom,
            };
            let refused = Fate::Dropped(reason);
            assert_eq!(fate(longest + 1), refused, "{} {longest}", case.id);
        }
    }
}

#[test]
fn what_fits_an_mtu_is_what_the_standards_leave() {
    // 1500 less 20 of outer header, 8 + 8 in front and 16 behind is 1448, a multiple of 4, of
    // which the trailer takes 2. In the same way from the other headers.
    for (id, largest) in [
        ("forward", 1500),
        ("vxlan", 1450),
        ("esp/aes-256-gcm@ring", 1446),
        ("esp6/aes-256-gcm@ring", 1426),
        ("esp-udp/aes-256-gcm@ring", 1438),
        ("esp6-udp/aes-256-gcm@ring", 1418),
        ("esp+pad16/aes-256-gcm@ring", 1438),
        // An IV of 16 leaves 1440, which is a multiple of the block; one of 8 leaves 1448.
        ("esp/aes-256-cbc+hmac-sha-256-128@rustcrypto", 1438),
        ("esp/3des-cbc+hmac-sha-256-128@rustcrypto", 1446),
        // Beyond the 1420 of its interface, WireGuard does not pad.
        ("wireguard/chacha20-poly1305@ring", 1500 - 20 - 8 - 16 - 16),
    ] {
        let overhead = case(id).overhead;
        assert_eq!(overhead.largest_inner_bytes(1500), Some(largest), "{id}");
    }
    // Fixed headers of IP and TCP: 20 + 20, and 40 + 20.
    assert_eq!(overhead::mss(1446, Family::V4), Some(1406));
    assert_eq!(overhead::mss(1446, Family::V6), Some(1386));
    assert_eq!(overhead::mss(40, Family::V4), None);
    // 20 + 16 + 16 is 52: the next multiple of 4 that holds a header and a trailer is 24.
    let gcm = case("esp/aes-256-gcm@ring").overhead;
    assert_eq!(gcm.largest_inner_bytes(75), None);
    assert_eq!(gcm.largest_inner_bytes(76), Some(22));
    assert_eq!(gcm.largest_inner_bytes(51), None);
}

/// The largest that fits is found by looking at all, at every MTU.
#[test]
fn nothing_larger_fits_an_mtu() {
    for case in cases() {
        let mut largest = None;
        for mtu in 60..=1700 {
            let overhead = case.overhead;
            // What fits a smaller MTU fits this one, too.
            let next = largest.map_or(20, |bytes: usize| bytes + 1);
            let fits = |bytes: &usize| {
                let outer_bytes = bytes + overhead.over(mtu).added_bytes(*bytes);
                outer_bytes <= mtu && overhead.packets(*bytes, case.outer, mtu) == Some(1)
            };
            largest = (next..=mtu).take_while(fits).last().or(largest);
            let said = overhead.largest_inner_bytes(mtu);
            assert_eq!(said, largest, "{} through {mtu}", case.id);
        }
    }
}

/// By cutting one off after the other, as RFC 791, 3.2 has it.
#[test]
fn fragments_are_those_of_the_procedure() {
    for (family, header, more) in [(Family::V4, 20, 0), (Family::V6, 40, 8)] {
        for mtu in [68, 75, 576, 1280, 1400, 1492, 1499, 1500] {
            for outer in header..=9100 {
                let (mut left, mut packets) = (outer - header, 1);
                if outer > mtu {
                    while header + more + left > mtu {
                        left -= (mtu - header - more) / 8 * 8;
                        packets += 1;
                    }
                }
                let said = overhead::fragments(family, outer, mtu);
                assert_eq!(said, Some(packets), "{family:?} {outer} through {mtu}");
            }
        }
    }
    // 1556 - 20 are 1536 octets: 1480 and 56. A last fragment need not end on 8 octets.
    assert_eq!(overhead::fragments(Family::V4, 1556, 1500), Some(2));
    assert_eq!(
        overhead::fragments(Family::V4, 20 + 1472 + 1479, 1499),
        Some(2)
    );
    assert_eq!(
        overhead::fragments(Family::V4, 20 + 1472 + 1480, 1499),
        Some(3)
    );
    assert_eq!(overhead::fragments(Family::V6, 1501, 1500), Some(2));
    assert_eq!(overhead::fragments(Family::V4, 28, 27), None);
    assert_eq!(overhead::fragments(Family::V6, 100, 40), None);
}

#[test]
fn an_outer_ipv6_header_carries_class_and_length() {
    let mut packet = inner();
    packet[1] = 0xb9; // EF and ECT(1)
    packets::fix_checksum(&mut packet);
    let outer = sent(case("esp6/aes-256-gcm@ring"), &packet);
    assert_eq!(outer[..4], [0x6b, 0x90, 0, 0]);
    let payload = u16::from_be_bytes([outer[4], outer[5]]);
    assert_eq!(usize::from(payload), outer.len() - 40);
    assert_eq!(outer[6..8], [50, 64]);
    assert_eq!(outer[8..12], [0x20, 0x01, 0x0d, 0xb8]);
    // Congestion that the outer header was marked with reaches the inner one.
    let mut marked = outer.clone();
    marked[1] |= 0x30;
    let (fate, inner) = received(case("esp6/aes-256-gcm@ring"), &marked);
    assert_eq!((fate, inner[1]), (Fate::Carried, 0xbb));
}

#[test]
fn what_else_comes_to_the_port_of_esp_is_told_apart() {
    for id in ["esp-udp/aes-256-gcm@ring", "esp6-udp/aes-256-gcm@ring"] {
        let udp_at = case(id).overhead.front - 16 - 8;
        let outer = sent(case(id), &inner());
        assert_eq!(outer[udp_at..udp_at + 4], [0x11, 0x94, 0x11, 0x94]);
        let length = usize::from(u16::from_be_bytes([outer[udp_at + 4], outer[udp_at + 5]]));
        assert_eq!(length, outer.len() - udp_at);
        assert_eq!(outer[udp_at + 6..udp_at + 8], [0, 0], "RFC 3948, 2.1");
        let refused = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut packet = outer.clone();
            change(&mut packet);
            received(case(id), &packet).0
        };
        // RFC 3948, 2.3: one octet, 0xff.
        let keepalive = refused(&|packet| {
            packet[udp_at + 5] = 9;
            packet[udp_at + 4] = 0;
            packet[udp_at + 8] = 0xff;
        });
        assert_eq!(keepalive, Fate::Dropped(Reason::NatKeepalive), "{id}");
        // RFC 3948, 2.2: four octets of 0 where the SPI would be.
        let ike = refused(&|packet| packet[udp_at + 8..udp_at + 12].fill(0));
        assert_eq!(ike, Fate::Dropped(Reason::IkeMessage), "{id}");
        let port = refused(&|packet| packet[udp_at + 3] ^= 1);
        assert_eq!(port, Fate::Dropped(Reason::NotEsp), "{id}");
        let long = refused(&|packet| packet[udp_at + 4] = 0xff);
        assert_eq!(long, Fate::Dropped(Reason::MalformedHeader), "{id}");
        assert_eq!(refused(&|_| ()), Fate::Carried, "{id}");
    }
}

#[test]
fn an_ipv6_packet_of_something_else_is_not_esp() {
    let id = "esp6/aes-256-gcm@ring";
    for (next_header, reason) in [(51, Reason::NotEsp), (44, Reason::FragmentOrphan)] {
        let mut outer = sent(case(id), &inner());
        outer[6] = next_header;
        assert_eq!(received(case(id), &outer).0, Fate::Dropped(reason));
    }
    let plain = udp6((A6, 5000), (B6, 53), &[7; 60]);
    assert_eq!(received(case(id), &plain).0, Fate::Dropped(Reason::NotEsp));
}

#[test]
fn a_segment_takes_only_its_own_packets() {
    let vxlan = case("vxlan");
    for packet in [inner(), udp6((A6, 5000), (B6, 53), &[7; 60])] {
        let outer = sent(vxlan, &packet);
        assert_eq!(outer[22..24], 4789_u16.to_be_bytes());
        assert_eq!(
            (outer[28], &outer[32..36]),
            (8, [0, 0x5e, 0xed, 0].as_slice())
        );
        let type_of = if packet[0] >> 4 == 4 {
            0x0800_u16
        } else {
            0x86dd
        };
        assert_eq!(outer[48..50], type_of.to_be_bytes());
        assert_eq!(
            received(vxlan, &outer),
            (Fate::Carried, reference(2, &packet).unwrap())
        );
        for (at, reason) in [
            (23, Reason::NotVxlan),
            (28, Reason::NotVxlan),
            (34, Reason::WrongVni),
            (49, Reason::BadNextHeader),
        ] {
            let mut other = outer.clone();
            other[at] ^= 8;
            assert_eq!(received(vxlan, &other).0, Fate::Dropped(reason), "{at}");
        }
    }
}

/// Numbers beyond 32 bits: the lower half is sent and turns over, all 64 bits are verified.
#[test]
fn extended_numbers_go_on_behind_32_bits() {
    const TURN: u64 = 1 << 32;
    let setup = Setup::default();
    let keys = keys(&setup, 32);
    let overhead = Framing::EXTENDED.overhead(Layout::AEAD);
    let mut arena = Arena::new(3, overhead.front, 200, overhead.tailroom());
    let mut burst = arena.frames();
    let sa = OutboundSa::<Gcm>::after(&keys, Numbers::Extended, TURN - 2).unwrap();
    let mut sealer = Sealer::new(&setup, sa, Framing::EXTENDED);
    for frame in &mut burst {
        assert!(frame.load(&inner()));
    }
    sealer.seal(&mut burst);
    let outer: Vec<Vec<u8>> = burst.iter().map(|frame| frame.bytes().to_vec()).collect();
    let number =
        |packet: &[u8]| u32::from_be_bytes([packet[24], packet[25], packet[26], packet[27]]);
    assert_eq!([0, 1, 2].map(|at| number(&outer[at])), [u32::MAX, 0, 1]);
    // The IV is the whole number (RFC 4106, 3.1 asks that it never repeats).
    assert_eq!(outer[1][28..36], TURN.to_be_bytes());

    let mut sa = InboundSa::<Gcm>::new(&keys, Numbers::Extended, 64).unwrap();
    sa.window.accept(TURN - 2).unwrap();
    let mut opener = Opener::new(sa, Framing::EXTENDED.underlay);
    opener.open(&mut burst);
    for frame in &burst {
        assert_eq!((frame.fate, frame.bytes()), (Fate::Carried, &*inner()));
    }
    for (frame, outer) in burst.iter_mut().zip(&outer) {
        assert!(frame.load(outer));
    }
    opener.open(&mut burst);
    assert!(
        burst
            .iter()
            .all(|frame| frame.fate == Fate::Dropped(Reason::Replayed))
    );

    // A receiver that stands in another turn takes another number, and the ICV is wrong.
    let mut sa = InboundSa::<Gcm>::new(&keys, Numbers::Extended, 64).unwrap();
    sa.window.accept(5 * TURN).unwrap();
    let mut opener = Opener::new(sa, Framing::EXTENDED.underlay);
    for (frame, outer) in burst.iter_mut().zip(&outer) {
        assert!(frame.load(outer));
    }
    opener.open(&mut burst);
    assert_eq!(burst[2].fate, Fate::Dropped(Reason::BadIcv));
    assert_eq!(burst[1].fate, Fate::Dropped(Reason::Replayed));
}

#[test]
fn extended_numbers_end_too() {
    let setup = Setup::default();
    let keys = keys(&setup, 32);
    let overhead = Framing::EXTENDED.overhead(Layout::AEAD);
    let mut arena = Arena::new(2, overhead.front, 200, overhead.tailroom());
    let mut burst = arena.frames();
    let sa = OutboundSa::<Gcm>::after(&keys, Numbers::Extended, u64::MAX - 1).unwrap();
    let mut sealer = Sealer::new(&setup, sa, Framing::EXTENDED);
    for frame in &mut burst {
        assert!(frame.load(&inner()));
    }
    sealer.seal(&mut burst);
    let exhausted = Fate::Dropped(Reason::SequenceExhausted);
    assert_eq!([burst[0].fate, burst[1].fate], [Fate::Carried, exhausted]);
}

/// A packet that goes out as two is one packet sent and two on the wire.
#[test]
fn packets_on_the_wire_are_counted() {
    use tunneltax_core::proof::prove;
    use tunneltax_core::workload::Workload;
    let packets =
        [100, 1434, 1435, 1500].map(|b| may_be_cut(udp4((A, 5000), (B, 53), &vec![7; b - 28])));
    let workload = Workload::new(packets.iter().map(Vec::as_slice).collect());
    for case in cases().filter(|case| case.hops > 0) {
        let proof = prove(case, &Setup::default(), &workload).unwrap();
        let (sent, cut, fragments) = match case.id.split_once('/') {
            Some(("openvpn-tcp", _)) => (4, 2, 0),
            Some(("openvpn-tcp+timestamps" | "sstp" | "sstp+timestamps" | "sstp+tls13", _)) => {
                (4, 3, 0)
            }
            // 1500 over IPv4, the two others over IPv6, too.
            Some(("esp+fragment" | "esp+inner-fragment", _)) => (4, 1, 2),
            Some(("esp6+fragment" | "esp6+inner-fragment", _)) => (4, 3, 6),
            Some(("esp+drop", _)) => (3, 0, 0),
            Some(("esp6+drop", _)) => (1, 0, 0),
            _ => (4, 0, 0),
        };
        assert_eq!(
            (proof.sent_packets, proof.wire_packets, proof.fragments),
            (sent, sent + cut, fragments),
            "{}",
            case.id
        );
        assert_eq!(proof.drops.total(), 4 - sent, "{}", case.id);
        let sent = packets
            .iter()
            .zip(&proof.carried)
            .filter(|(_, sent)| **sent);
        let added: usize = sent.map(|(p, _)| case.overhead.added_bytes(p.len())).sum();
        assert_eq!(
            proof.wire_bytes,
            proof.sent_inner_bytes + added as u64,
            "{}",
            case.id
        );
    }
}

#[test]
fn a_frame_forgets_that_its_packet_was_cut() {
    let case = case("openvpn-tcp/none");
    let mut path = case.open(&Setup::default()).unwrap();
    let (front, behind) = (case.overhead.headroom(), case.overhead.tailroom());
    let mut arena = Arena::new(1, front, 4000, behind);
    let mut burst = arena.frames();
    assert!(burst[0].load(&packets::ip4(253, &[], &[7; 3000], |_| ())));
    path.send(&mut burst);
    assert_eq!(burst[0].wire_packets().count(), 3);
    assert!(burst[0].load(&[7; 4000]));
    assert_eq!(burst[0].wire_packets().count(), 1);
}

/// A packet that a tunnel's length field cannot name is dropped with a reason, and no fault.
#[test]
fn packets_beyond_a_tunnels_length_are_counted() {
    use tunneltax_core::proof::prove;
    use tunneltax_core::workload::Workload;
    let limited = cases().filter_map(|case| case.overhead.longest_inner.map(|most| (case, most)));
    let mut seen = 0;
    for (case, most) in limited {
        let packets =
            [most, most + 1].map(|bytes| packets::ip4(253, &[], &vec![7; bytes - 20], |_| ()));
        let workload = Workload::new(packets.iter().map(Vec::as_slice).collect());
        let proof = prove(case, &Setup::default(), &workload).unwrap();
        assert_eq!(proof.carried, [true, false], "{}", case.id);
        assert!(proof.drops.iter().eq([(Reason::TooLong, 1)]), "{}", case.id);
        seen += 1;
    }
    assert!(seen > 0);
}
