//! Every message that the receiver refuses: its reason, and that nothing moved.

use std::cell::RefCell;

use proptest::prelude::*;
use tunneltax_core::path::reference;

use crate::packets::{A, A6, B, B6, fix_checksum, udp4, udp6};
use crate::tunnel::{
    Ends, FRONT, OUTER, Reason, TAG, agreeing, in_udp, message, sealed, sealed_cases, tunnel_cases,
};

fn four() -> Vec<u8> {
    udp4((A, 1000), (B, 53), b"question")
}

fn six() -> Vec<u8> {
    udp6((A6, 1000), (B6, 53), b"question")
}

/// Whatever was refused, the right message with the same counter is still taken.
fn nothing_moved(ends: &mut Ends, right: &[u8]) {
    let taken = ends.receive(right);
    assert_eq!(taken, reference(1, &four()), "{}", ends.case.id);
}

/// Of any length of text: a sender that does not pad is understood, and one that pads more.
#[test]
fn crafted_messages_are_taken() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for (counter, padding) in (0..70).enumerate() {
            let inner = if padding % 2 == 0 { four() } else { six() };
            let text = [inner.clone(), vec![0xee; padding]].concat();
            let packet = ends.craft(counter as u64, &text);
            assert_eq!(ends.receive(&packet), reference(1, &inner), "{}", case.id);
        }
    }
}

#[test]
fn what_is_no_data_message() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let right = ends.craft(0, &four());
        for kind in (0..=255).filter(|kind| *kind != 4) {
            let mut wrong = right.clone();
            wrong[OUTER] = kind;
            let reason = match kind {
                1..=3 => Reason::HandshakeMessage,
                _ => Reason::NotWireGuard,
            };
            assert_eq!(ends.receive(&wrong), Err(reason), "{} {kind}", case.id);
        }
        for reserved in 1..4 {
            let mut wrong = right.clone();
            wrong[OUTER + reserved] = 1;
            assert_eq!(ends.receive(&wrong), Err(Reason::NotWireGuard));
        }
        nothing_moved(&mut ends, &right);
    }
}

/// Sealed with the right key: only the index says that it is another session's.
#[test]
fn another_receiver() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let mine = ends.keys.receiver;
        let right = ends.craft(0, &four());
        for receiver in [0, mine ^ 1, !mine, mine.swap_bytes()] {
            ends.keys.receiver = receiver;
            let wrong = ends.craft(0, &four());
            assert_eq!(ends.receive(&wrong), Err(Reason::WrongReceiver));
        }
        nothing_moved(&mut ends, &right);
    }
}

#[test]
fn a_bit_turned_in_any_octet_of_the_message() {
    for case in sealed_cases() {
        let mut ends = Ends::new(case);
        // A counter of which no turned bit is outside of the window.
        let right = ends.craft(1 << 62, &four());
        for at in OUTER..right.len() {
            let mut wrong = right.clone();
            wrong[at] ^= 1 << (at % 8);
            let reason = match at - OUTER {
                0..4 => Reason::NotWireGuard,
                4..8 => Reason::WrongReceiver,
                _ => Reason::BadIcv,
            };
            assert_eq!(ends.receive(&wrong), Err(reason), "{} {at}", case.id);
        }
        nothing_moved(&mut ends, &right);
    }
}

#[test]
fn another_key() {
    for case in sealed_cases() {
        let mut ends = Ends::new(case);
        let right = ends.craft(7, &four());
        ends.keys.key[31] ^= 1;
        let wrong = ends.craft(7, &four());
        assert_eq!(ends.receive(&wrong), Err(Reason::BadIcv), "{}", case.id);
        nothing_moved(&mut ends, &right);
    }
}

#[test]
fn replayed_and_too_old() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let first = ends.craft(0, &four());
        nothing_moved(&mut ends, &first);
        assert_eq!(ends.receive(&first), Err(Reason::Replayed), "{}", case.id);
        let far = ends.craft(8129, &four());
        nothing_moved(&mut ends, &far);
        assert_eq!(ends.receive(&first), Err(Reason::TooOld), "{}", case.id);
        let edge = ends.craft(1, &four());
        nothing_moved(&mut ends, &edge);
        assert_eq!(ends.receive(&edge), Err(Reason::Replayed), "{}", case.id);
        // A counter that is refused is not worth opening.
        for (mut forged, reason) in [(edge, Reason::Replayed), (first, Reason::TooOld)] {
            *forged.last_mut().unwrap() ^= 1;
            assert_eq!(ends.receive(&forged), Err(reason), "{}", case.id);
        }
    }
}

/// A message without text.
const SHORTEST: usize = FRONT + TAG;

#[test]
fn truncated_to_every_length() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let right = ends.craft(0, &four());
        for length in 0..right.len() {
            // As a link loses the end: the outer header still speaks of the whole packet.
            let cut = ends.receive(&right[..length]);
            assert_eq!(cut, Err(Reason::MalformedHeader), "{} {length}", case.id);
            // And with outer headers that agree.
            let reason = match length {
                ..OUTER => continue,
                OUTER..SHORTEST => Reason::Truncated,
                _ if case.algorithm.is_some() => Reason::BadIcv,
                _ => continue,
            };
            let cut = ends.receive(&agreeing(right[..length].to_vec()));
            assert_eq!(cut, Err(reason), "{} {length}", case.id);
        }
        nothing_moved(&mut ends, &right);
    }
}

/// No text at all: authentic, and no packet. It uses its counter up.
#[test]
fn a_keepalive() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let keepalive = ends.craft(3, &[]);
        if case.algorithm.is_some() {
            let mut forged = keepalive.clone();
            *forged.last_mut().unwrap() ^= 1;
            assert_eq!(ends.receive(&forged), Err(Reason::BadIcv));
        }
        assert_eq!(ends.receive(&keepalive), Err(Reason::Keepalive));
        assert_eq!(ends.receive(&keepalive), Err(Reason::Replayed));
    }
}

#[test]
fn no_packet_inside() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        // IPv4 that is shorter than its header, or than it says; IPv6 likewise; neither.
        let mut long4 = four();
        long4[3] += 1;
        let mut short4 = four();
        short4[2..4].copy_from_slice(&19_u16.to_be_bytes());
        let mut long6 = six();
        long6[5] += 1;
        let mut neither = four();
        neither[0] = 0x55;
        let texts = [
            vec![0],
            vec![0; 16],
            vec![0x45; 5],
            vec![0x45; 19],
            six()[..39].to_vec(),
            long4,
            short4,
            long6,
            neither,
        ];
        for (counter, text) in texts.iter().enumerate() {
            let packet = ends.craft(counter as u64, text);
            let outcome = ends.receive(&packet);
            assert_eq!(outcome, Err(Reason::MalformedHeader), "{counter}");
        }
        // What the inner header lacks beside is found by the far gateway's forwarding.
        let mut wrong = four();
        wrong[10] ^= 1;
        let packet = ends.craft(100, &wrong);
        assert_eq!(ends.receive(&packet), Err(Reason::BadChecksum));
    }
}

#[test]
fn an_outer_packet_that_is_not_ours_to_open() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let right = ends.craft(0, &four());
        let refused = |ends: &mut Ends, change: &dyn Fn(&mut Vec<u8>)| {
            let mut wrong = right.clone();
            change(&mut wrong);
            fix_checksum(&mut wrong[..20]);
            ends.receive(&wrong)
        };
        let port = refused(&mut ends, &|packet| packet[23] ^= 1);
        assert_eq!(port, Err(Reason::NotWireGuard), "{}", case.id);
        let tcp = refused(&mut ends, &|packet| packet[9] = 6);
        assert_eq!(tcp, Err(Reason::NotWireGuard));
        let fragment = refused(&mut ends, &|packet| packet[6] = 0x20);
        assert_eq!(fragment, Err(Reason::FragmentOrphan));
        let long = refused(&mut ends, &|packet| packet[24] = 0xff);
        assert_eq!(long, Err(Reason::MalformedHeader));
        assert_eq!(ends.receive(&four()), Err(Reason::NotWireGuard));
        // What the link adds behind the outer packet is not in the message.
        let padded = [right.clone(), vec![0; 6]].concat();
        nothing_moved(&mut ends, &padded);
    }
}

#[test]
fn any_octets_at_all_are_refused_without_a_panic() {
    let tunnels: RefCell<Vec<Ends>> = RefCell::new(sealed_cases().map(Ends::new).collect());
    let any_octets = prop::collection::vec(any::<u8>(), 0..120);
    proptest!(|(octets in any_octets, counter in any::<u64>(), how in 0..3)| {
        for ends in tunnels.borrow_mut().iter_mut() {
            let packet = match how {
                0 => octets.clone(),
                1 => in_udp(&octets),
                _ => in_udp(&message(ends.keys.receiver, counter, &octets)),
            };
            prop_assert!(ends.receive(&packet).is_err());
        }
    });
    for ends in tunnels.borrow_mut().iter_mut() {
        let right = ends.craft(0, &four());
        nothing_moved(ends, &right);
    }
}

/// Authentic, and anything inside: no panic, and nothing comes out that is no packet.
#[test]
fn any_text_at_all() {
    let tunnels: RefCell<Vec<Ends>> = RefCell::new(sealed_cases().map(Ends::new).collect());
    let counter = std::cell::Cell::new(0);
    proptest!(|(text in prop::collection::vec(any::<u8>(), 1..100), first in 0x40_u8..0x70)| {
        counter.set(counter.get() + 1);
        let text = [&[first], &text[1..]].concat();
        for ends in tunnels.borrow_mut().iter_mut() {
            let sealed = sealed(&ends.keys, counter.get(), &text);
            let packet = in_udp(&message(ends.keys.receiver, counter.get(), &sealed));
            if let Ok(inner) = ends.receive(&packet) {
                prop_assert_eq!(Ok(inner), reference(1, &text));
            }
        }
    });
}
