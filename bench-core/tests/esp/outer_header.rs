//! What the sender writes around a packet: outer header, padding and length, for every size.

use etherparse::{Ipv4Header, Ipv4HeaderSlice};
use tunneltax_core::cipher::{Layout, none};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::esp::Sealer;
use tunneltax_core::path::framing::Framing;
use tunneltax_core::path::overhead::Overhead;
use tunneltax_core::path::underlay::{FAR, NEAR};
use tunneltax_core::path::{Kind, Setup, cases, keys, reference};
use tunneltax_core::sa::{Numbers, OutboundSa};

use crate::packets::{A, A6, B, B6, fix_checksum, ip4, too_long, udp4, udp6};
use crate::tunnel::{Ends, FRONT, trailer, tunnel_cases};

const PLAIN: Overhead = Framing::PLAIN.overhead(Layout::AEAD);

/// An IPv4 packet of this total length, of a protocol without ports: 253 is for experiments
/// (RFC 3692).
fn sized4(bytes: usize) -> Vec<u8> {
    ip4(253, &[], &vec![0xa5; bytes - 20], |_| ())
}

/// An IPv6 packet of this total length without upper-layer header (RFC 8200, 4.7).
fn sized6(bytes: usize) -> Vec<u8> {
    crate::packets::ip6(59, &vec![0xa5; bytes - 40])
}

/// Every inner packet of ordinary size, of both families.
fn every_size() -> Vec<Vec<u8>> {
    let four = (20..=1500).map(sized4);
    four.chain((40..=1500).map(sized6)).collect()
}

/// The outer header of what was sent, read by etherparse, its checksum and length verified.
fn outer(sent: &[u8]) -> Ipv4Header {
    let header = Ipv4HeaderSlice::from_slice(sent).unwrap().to_header();
    assert_eq!(header.header_checksum, header.calc_header_checksum());
    assert_eq!(usize::from(header.total_len), sent.len());
    assert_eq!(header.header_len(), 20);
    assert_eq!(header.protocol.0, 50);
    assert_eq!(header.time_to_live, 64);
    assert_eq!(header.source, NEAR.octets());
    assert_eq!(header.destination, FAR.octets());
    assert!(!header.more_fragments);
    assert_eq!(header.fragment_offset.value(), 0);
    header
}

#[test]
fn bytes_on_the_wire_are_what_the_list_says() {
    for case in cases() {
        let mut ends = Ends::new(case);
        for packet in every_size() {
            let sent = match ends.send_one(&packet) {
                Ok(sent) => sent,
                Err(reason) => {
                    assert_eq!(Some(reason), too_long(case, &packet), "{}", case.id);
                    continue;
                }
            };
            let added = case.overhead.added_bytes(packet.len());
            assert_eq!(sent.len(), packet.len() + added, "{}", case.id);
            if case.id.starts_with("esp/") && case.kind == Kind::Bill {
                // Said again in other words: RFC 4106's 8, 8 and 16 octets, 20 of outer
                // header, and the trailer with the least padding that ends on four octets.
                assert_eq!(added, 20 + 8 + 8 + trailer(&packet).len() + 16);
                assert!(added <= case.overhead.front + case.overhead.tailroom());
                outer(&sent);
            }
        }
    }
}

/// Seen through the case without a cipher: the text, with padding 1, 2, 3 and trailer.
#[test]
fn padding_and_trailer_of_every_size() {
    let case = tunneltax_core::path::find("esp/none").unwrap();
    let mut ends = Ends::new(case);
    for packet in every_size() {
        let sent = ends.send_one(&packet).unwrap();
        let text = &sent[FRONT..sent.len() - 16];
        assert_eq!(text.len() % 4, 0);
        let expected = [reference(1, &packet).unwrap(), trailer(&packet)].concat();
        assert_eq!(text, expected);
    }
}

#[test]
fn dscp_and_ecn_are_copied() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for class in 0..=255 {
            let mut four = udp4((A, 1), (B, 2), b"data");
            four[1] = class;
            fix_checksum(&mut four);
            let mut six = udp6((A6, 1), (B6, 2), b"data");
            six[0] = 0x60 | class >> 4;
            six[1] = class << 4 | 0x0f;
            for packet in [four, six] {
                let sent = ends.send_one(&packet).unwrap();
                outer(&sent);
                assert_eq!(sent[1], class, "{}", case.id);
                assert_eq!(ends.receive_one(&sent), reference(2, &packet));
            }
        }
    }
}

/// DF is the inner packet's, and set around IPv6. Atomic datagrams have no use for an
/// identification (RFC 6864, 4.1); others may not repeat it (4.2), so they count.
#[test]
fn dont_fragment_and_identification() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let free = ip4(253, &[], &[1; 30], |h| h.dont_fragment = false);
        let atomic = ip4(253, &[], &[1; 30], |h| h.dont_fragment = true);
        let six = sized6(60);
        let mut identifications = vec![];
        for _ in 0..40 {
            for (packet, df) in [(&free, false), (&atomic, true), (&six, true)] {
                let header = outer(&ends.send_one(packet).unwrap());
                assert_eq!(header.dont_fragment, df, "{}", case.id);
                if df {
                    assert_eq!(header.identification, 0);
                } else {
                    identifications.push(header.identification);
                }
            }
        }
        let counting: Vec<u16> = (identifications[0]..).take(40).collect();
        assert_eq!(identifications, counting, "{}", case.id);
    }
}

/// Fragments and the reserved flag: the outer packet is whole whatever the inner one is.
#[test]
fn an_inner_fragment_travels_in_a_whole_packet() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let first = ip4(253, &[], &[1; 32], |h| {
            h.dont_fragment = false;
            h.more_fragments = true;
        });
        let later = ip4(253, &[], &[1; 30], |h| {
            h.dont_fragment = false;
            h.fragment_offset = 4.try_into().unwrap();
        });
        for packet in [first, later] {
            let sent = ends.send_one(&packet).unwrap();
            assert!(!outer(&sent).dont_fragment);
            assert_eq!(
                ends.receive_one(&sent),
                reference(2, &packet),
                "{}",
                case.id
            );
        }
    }
}

#[test]
fn the_inner_packet_is_one_hop_older_inside() {
    let packet = udp4((A, 1), (B, 2), b"data");
    let case = tunneltax_core::path::find("esp/none").unwrap();
    let sent = Ends::new(case).send_one(&packet).unwrap();
    assert_eq!((packet[8], sent[FRONT + 8], sent[8]), (64, 63, 64));
}

/// A packet that outgrows the outer MTU is carried and marked, one that just fits is not.
#[test]
fn over_mtu_is_told_to_the_octet() {
    for case in tunnel_cases() {
        for outer_mtu in [1300, 1500] {
            let setup = Setup {
                outer_mtu,
                ..Setup::default()
            };
            let mut ends = Ends::with(case, &setup);
            for bytes in outer_mtu - 80..=outer_mtu {
                let packet = sized4(bytes);
                let mut arena =
                    Arena::new(1, case.overhead.headroom(), bytes, case.overhead.tailroom());
                let mut burst = arena.frames();
                assert!(burst[0].load(&packet));
                ends.path.send(&mut burst);
                let over = burst[0].len() > outer_mtu;
                assert_eq!(burst[0].over_mtu, over, "{} {bytes}", case.id);
                assert_eq!(over, bytes + case.overhead.added_bytes(bytes) > outer_mtu);
                ends.path.receive(&mut burst);
                assert_eq!(burst[0].bytes(), reference(2, &packet).unwrap());
            }
        }
    }
}

/// The identification goes round without leaving 16 bits, and the checksum stays right.
#[test]
fn identification_goes_round() {
    let setup = Setup::default();
    let sa = OutboundSa::<none::None>::new(&keys(&setup, 32), Numbers::Sent).unwrap();
    let mut sealer = Sealer::new(&setup, sa, Framing::PLAIN);
    let packet = ip4(253, &[], &[1; 30], |h| h.dont_fragment = false);
    let mut arena = Arena::new(1, PLAIN.front, packet.len(), PLAIN.tailroom());
    let mut burst = arena.frames();
    let mut last = None;
    for _ in 0..=u32::from(u16::MAX) + 3 {
        assert!(burst[0].load(&packet));
        sealer.seal(&mut burst);
        let now = outer(burst[0].bytes()).identification;
        assert!(last.is_none_or(|last: u16| now == last.wrapping_add(1)));
        last = Some(now);
    }
}
