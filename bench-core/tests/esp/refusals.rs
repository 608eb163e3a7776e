//! Every packet that the receiver refuses: its reason, and that nothing moved.

use std::cell::{Cell, RefCell};

use proptest::prelude::*;
use tunneltax_core::cipher::ICV_BYTES;
use tunneltax_core::fate::Reason;
use tunneltax_core::path::reference;

use crate::packets::{A, A6, B, B6, fix_checksum, udp4, udp6};
use crate::tunnel::{Ends, FRONT, OUTER, Parts, sealed_cases, trailer, tunnel_cases};

fn small4() -> Vec<u8> {
    udp4((A, 1000), (B, 53), b"question")
}

fn small6() -> Vec<u8> {
    udp6((A6, 1000), (B6, 53), b"question")
}

/// Hands a packet to the receiver: it must be refused with this reason, and the right packet
/// with the same sequence number must still be taken afterwards.
fn refused(ends: &mut Ends, wrong: &[u8], reason: Reason, right: &[u8]) {
    assert_eq!(ends.receive_one(wrong), Err(reason), "{}", ends.case.id);
    assert!(ends.receive_one(right).is_ok(), "{} moved", ends.case.id);
}

#[test]
fn crafted_packets_are_taken() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for (sequence, inner) in [small4(), small6()].iter().enumerate() {
            let packet = ends.craft(&Parts::of(inner, sequence as u32 + 1));
            let expected = reference(1, inner);
            assert_eq!(ends.receive_one(&packet), expected, "{}", case.id);
        }
    }
}

#[test]
fn a_bit_turned_in_any_octet_of_the_esp_part() {
    for case in sealed_cases() {
        let mut ends = Ends::new(case);
        // A sequence number of which no turned bit is 0 or outside of the window.
        let sequence = 0x8000_0000;
        let packet = ends.craft(&Parts::of(&small4(), sequence));
        for at in OUTER..packet.len() {
            let mut wrong = packet.clone();
            wrong[at] ^= 1 << (at % 8);
            let reason = if at < OUTER + 4 {
                Reason::WrongSpi
            } else {
                Reason::BadIcv
            };
            assert_eq!(ends.receive_one(&wrong), Err(reason), "{} {at}", case.id);
        }
        assert_eq!(ends.receive_one(&packet), reference(1, &small4()));
    }
}

/// Why a receiver that took all numbers below `next` refuses a packet that was changed.
fn reason_of(changed: &[u8], spi: u32, next: u32) -> Reason {
    let word = |at: usize| u32::from_be_bytes(changed[at..at + 4].try_into().unwrap());
    let sequence = word(OUTER + 4);
    if word(OUTER) != spi {
        Reason::WrongSpi
    } else if sequence == 0 || sequence + 64 < next {
        Reason::TooOld
    } else if sequence < next {
        Reason::Replayed
    } else {
        Reason::BadIcv
    }
}

#[test]
fn any_change_of_any_octet() {
    let tunnels: RefCell<Vec<Ends>> = RefCell::new(sealed_cases().map(Ends::new).collect());
    let last_sequence = Cell::new(0);
    let payloads = prop::collection::vec(any::<u8>(), 0..200);
    proptest!(|(payload in payloads, at in any::<prop::sample::Index>(), change in 1_u8..)| {
        let inner = udp4((A, 1000), (B, 53), &payload);
        let sequence = last_sequence.get() + 1;
        last_sequence.set(sequence);
        for ends in tunnels.borrow_mut().iter_mut() {
            let packet = ends.send_one(&inner).unwrap();
            let mut wrong = packet.clone();
            wrong[OUTER + at.index(packet.len() - OUTER)] ^= change;
            let reason = reason_of(&wrong, ends.keys.spi, sequence);
            prop_assert_eq!(ends.receive_one(&wrong), Err(reason));
            prop_assert_eq!(ends.receive_one(&packet), reference(2, &inner));
        }
    });
}

#[test]
fn any_octets_at_all_are_refused_without_a_panic() {
    let tunnels: RefCell<Vec<Ends>> = RefCell::new(sealed_cases().map(Ends::new).collect());
    let last_sequence = Cell::new(0);
    let any_octets = prop::collection::vec(any::<u8>(), 0..120);
    proptest!(|(mut octets in any_octets, outer_right in any::<bool>())| {
        if outer_right && octets.len() >= OUTER {
            let total = (octets.len() as u16).to_be_bytes();
            octets[..10].copy_from_slice(&[0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 50]);
            fix_checksum(&mut octets[..OUTER]);
        }
        let sequence = last_sequence.get() + 1;
        last_sequence.set(sequence);
        for ends in tunnels.borrow_mut().iter_mut() {
            prop_assert!(ends.receive_one(&octets).is_err());
            let right = ends.craft(&Parts::of(&small4(), sequence));
            prop_assert!(ends.receive_one(&right).is_ok());
        }
    });
}

#[test]
fn another_key_or_salt() {
    for case in sealed_cases() {
        let mut ends = Ends::new(case);
        let right = ends.craft(&Parts::of(&small4(), 7));
        let mine = ends.keys.clone();
        for other in 0..2 {
            ends.keys = mine.clone();
            match other {
                0 => ends.keys.key[31] ^= 1,
                _ => ends.keys.salt[3] ^= 1,
            }
            let wrong = ends.craft(&Parts::of(&small4(), 7));
            assert_eq!(ends.receive_one(&wrong), Err(Reason::BadIcv), "{}", case.id);
        }
        assert!(ends.receive_one(&right).is_ok(), "{}", case.id);
    }
}

#[test]
fn another_spi() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let right = ends.craft(&Parts::of(&small4(), 1));
        for spi in [0, 1, ends.keys.spi ^ 1, !ends.keys.spi] {
            // Sealed with the right key: only the SPI says that it is not ours.
            let wrong = ends.craft(&Parts {
                spi: Some(spi),
                ..Parts::of(&small4(), 1)
            });
            assert_eq!(ends.receive_one(&wrong), Err(Reason::WrongSpi));
        }
        assert!(ends.receive_one(&right).is_ok());
    }
}

#[test]
fn truncated_to_every_length() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let right = ends.craft(&Parts::of(&small4(), 9));
        for length in 0..right.len() {
            // As a link loses the end: the outer header still speaks of the whole packet.
            let cut = &right[..length];
            let refused = ends.receive_one(cut);
            assert_eq!(
                refused,
                Err(Reason::MalformedHeader),
                "{} {length}",
                case.id
            );
            if length < OUTER {
                continue;
            }
            // And with an outer header that agrees.
            let mut cut = cut.to_vec();
            cut[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            fix_checksum(&mut cut[..OUTER]);
            let text = length.checked_sub(FRONT + ICV_BYTES);
            let reason = match text {
                Some(4..) if length % 4 == 0 => case.algorithm.map(|_| Reason::BadIcv),
                _ => Some(Reason::Truncated),
            };
            if let Some(reason) = reason {
                let refused = ends.receive_one(&cut);
                assert_eq!(refused, Err(reason), "{} {length}", case.id);
            }
        }
        assert!(ends.receive_one(&right).is_ok(), "{}", case.id);
    }
}

#[test]
fn octets_behind_the_outer_packet_are_the_links() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let mut packet = ends.craft(&Parts::of(&small4(), 1));
        packet.extend([0; 7]);
        assert_eq!(ends.receive_one(&packet), reference(1, &small4()));
    }
}

/// Trailers that the real key sealed.
#[test]
fn bad_padding() {
    let inner = small4();
    assert_eq!(inner.len(), 36);
    let long: Vec<u8> = (1..=254).chain([254, 4]).collect();
    let right: [&[u8]; 4] = [
        &[1, 2, 2, 4],
        &[1, 2, 3, 4, 5, 6, 6, 4],
        &long,
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 4],
    ];
    let mut long_wrong = long.clone();
    long_wrong[200] ^= 0x80;
    let wrong: [&[u8]; 9] = [
        &[0, 0, 2, 4],
        &[1, 1, 2, 4],
        &[2, 1, 2, 4],
        &[1, 2, 3, 4], // claims a third octet: the packet's last
        &[1, 2, 255, 4],
        &[1, 2, 39, 4],
        &[1, 2, 3, 4, 5, 7, 6, 4],
        &[0, 2, 3, 4, 5, 6, 6, 4],
        &long_wrong,
    ];
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let mut sequence = 0;
        let mut with = |trailer: &[u8]| {
            sequence += 1;
            let packet = ends.craft(&Parts {
                trailer: trailer.to_vec(),
                ..Parts::of(&inner, sequence)
            });
            let outcome = ends.receive_one(&packet);
            // It was authentic: its number is used up, whatever was inside.
            assert_eq!(ends.receive_one(&packet), Err(Reason::Replayed));
            outcome
        };
        for trailer in right {
            assert_eq!(with(trailer), reference(1, &inner), "{trailer:?}");
        }
        for trailer in wrong {
            let outcome = with(trailer);
            assert_eq!(outcome, Err(Reason::BadPadding), "{} {trailer:?}", case.id);
        }
    }
}

/// Padding for traffic flow confidentiality stands between the packet and the padding of ESP,
/// and goes with the inner packet's own length (RFC 4303, 2.7).
#[test]
fn traffic_flow_confidentiality_padding_is_cut_off() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for (sequence, inner) in [(1, small4()), (2, small6())] {
            let padded = [inner.as_slice(), &[0x77; 40]].concat();
            let packet = ends.craft(&Parts::of(&padded, sequence));
            assert_eq!(ends.receive_one(&packet), reference(1, &inner));
        }
    }
}

#[test]
fn bad_next_header() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let mut sequence = 0;
        let mut with = |inner: &[u8], next_header: u8| {
            sequence += 1;
            let mut parts = Parts::of(inner, sequence);
            *parts.trailer.last_mut().unwrap() = next_header;
            ends.receive_one(&ends.craft(&parts))
        };
        // 59 is a dummy packet, to be discarded (RFC 4303, 2.6).
        for next_header in (0..=255).filter(|next| ![4, 41].contains(next)) {
            let outcome = with(&small4(), next_header);
            assert_eq!(outcome, Err(Reason::BadNextHeader), "{next_header}");
        }
        // One of the two, and the other inside.
        assert_eq!(with(&small4(), 41), Err(Reason::MalformedHeader));
        assert_eq!(with(&small6(), 4), Err(Reason::MalformedHeader));
        assert!(with(&small6(), 41).is_ok() && with(&small4(), 4).is_ok());
    }
}

#[test]
fn nothing_or_no_packet_inside() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for (sequence, inner) in (1..).zip([&[][..], &[0x45], &[0x45, 0, 0], &[0; 60], &[0x45; 19]])
        {
            let padding = [1, 2, 3].iter().take((inner.len() + 2).wrapping_neg() % 4);
            let mut trailer: Vec<u8> = padding.copied().collect();
            trailer.extend([trailer.len() as u8, 4]);
            let packet = ends.craft(&Parts {
                inner: inner.to_vec(),
                trailer,
                ..Parts::of(&small4(), sequence)
            });
            let outcome = ends.receive_one(&packet);
            assert_eq!(
                outcome,
                Err(Reason::MalformedHeader),
                "{} {inner:?}",
                case.id
            );
        }
    }
}

#[test]
fn an_outer_packet_that_is_not_ours_to_open() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let right = Parts::of(&small4(), 3);
        let right_packet = ends.craft(&right);
        let parts = |change: fn(&mut Parts)| {
            let mut parts = right.clone();
            change(&mut parts);
            parts
        };
        let wrong = [
            (parts(|p| p.more_fragments = true), Reason::FragmentOrphan),
            (parts(|p| p.fragment_offset = 1), Reason::FragmentOrphan),
            (
                parts(|p| p.fragment_offset = 0x1fff),
                Reason::FragmentOrphan,
            ),
            (parts(|p| p.protocol = 51), Reason::NotEsp),
            (parts(|p| p.protocol = 17), Reason::NotEsp),
        ];
        for (parts, reason) in wrong {
            assert_eq!(ends.receive_one(&ends.craft(&parts)), Err(reason));
        }
        for at in 0..OUTER {
            let mut wrong = right_packet.clone();
            wrong[at] ^= 1;
            // Version, header length and total length are looked at before the checksum.
            let reason = match at {
                0 | 2 => Reason::MalformedHeader,
                3 if right_packet[3] & 1 == 0 => Reason::MalformedHeader,
                _ => Reason::BadChecksum,
            };
            assert_eq!(ends.receive_one(&wrong), Err(reason), "{} {at}", case.id);
        }
        refused(&mut ends, &small6(), Reason::MalformedHeader, &right_packet);
    }
}

#[test]
fn options_of_the_outer_header_are_stepped_over() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for (sequence, length) in (1..).zip([4, 8, 20, 40]) {
            let parts = Parts {
                options: vec![1; length],
                ..Parts::of(&small4(), sequence)
            };
            let packet = ends.craft(&parts);
            assert_eq!(ends.receive_one(&packet), reference(1, &small4()));
            // No text at all, though long enough for a packet without options.
            let mut cut = packet[..OUTER + length + 32].to_vec();
            let total = (cut.len() as u16).to_be_bytes();
            cut[2..4].copy_from_slice(&total);
            fix_checksum(&mut cut[..OUTER + length]);
            let next = Err(Reason::Truncated);
            assert_eq!(ends.receive_one(&cut), next, "{} {length}", case.id);
        }
    }
}

/// Both gateways take one hop each: of a TTL of 2 the far one finds 1.
#[test]
fn hops_run_out_at_either_gateway() {
    for case in tunnel_cases() {
        let old = |inner: &[u8], ttl: u8| {
            let mut old = inner.to_vec();
            old[if inner[0] >> 4 == 4 { 8 } else { 7 }] = ttl;
            if inner[0] >> 4 == 4 {
                fix_checksum(&mut old);
            }
            old
        };
        let mut ends = Ends::new(case);
        for inner in [small4(), small6()] {
            for ttl in [0, 1] {
                let sent = ends.send_one(&old(&inner, ttl));
                assert_eq!(sent, Err(Reason::TtlExpired), "{}", case.id);
            }
            let sent = ends.send_one(&old(&inner, 2)).unwrap();
            assert_eq!(ends.receive_one(&sent), Err(Reason::TtlExpired));
            let sent = ends.send_one(&old(&inner, 3)).unwrap();
            assert_eq!(ends.receive_one(&sent), reference(2, &old(&inner, 3)));
        }
    }
}

/// What the inner packet lacks is found by the far gateway's forwarding.
#[test]
fn a_wrong_inner_header_is_refused_by_the_far_gateway() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let mut inner = small4();
        inner[10] ^= 1;
        let packet = ends.craft(&Parts::of(&inner, 1));
        assert_eq!(ends.receive_one(&packet), Err(Reason::BadChecksum));
        inner = small4();
        inner[3] += 1;
        fix_checksum(&mut inner);
        let packet = ends.craft(&Parts::of(&inner, 2));
        assert_eq!(ends.receive_one(&packet), Err(Reason::MalformedHeader));
        assert_eq!(trailer(&inner), [1, 2, 2, 4]);
    }
}
