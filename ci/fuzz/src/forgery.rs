//! A forger between the gateways of every case with a cipher: it holds packets back, repeats,
//! changes, cuts and joins them. Whatever the far gateway takes must have been sent, and not
//! taken before; and what comes whole, for the first time, must be taken, unless the case takes
//! packets only in order, as one over TCP.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use tunneltax_core::frame::Frame;
use tunneltax_core::path::{Case, reference};

use crate::Target;
use crate::frames::{BURST, CASES, SETUP, chosen, loaded, open, packets, sent, tag};
use crate::script::Script;

pub const TARGET: Target = Target {
    name: "forgery",
    run,
    seeds,
};

/// Packets that are sent: fewer than the window has room for, so that none is too old.
const SENT: usize = 8;
/// Bytes of one deed of the forger.
const DEED_BYTES: usize = 6;
/// Packets that the forger may deliver.
const DELIVERED_MAX: usize = 60;

/// Cases whose receiver must tell what was sent from what was not: all with a cipher but the
/// ciphers alone, which no gateway stands around.
static SEALED: LazyLock<Vec<&'static Case>> = LazyLock::new(|| {
    let seals = |case: &&&Case| case.library.is_some() && case.hops > 0;
    CASES.iter().filter(seals).copied().collect()
});

/// What a case sends, and what comes out of each packet, but for what gateways may change. The
/// same set-up makes the same path: what one instance sent, another one takes.
struct Tunnel {
    sent: Vec<Vec<u8>>,
    inside: Vec<Vec<u8>>,
    /// Takes packets in any order.
    any_order: bool,
}

fn tunnel(case: &'static Case) -> &'static Tunnel {
    static TUNNELS: Mutex<BTreeMap<&str, &'static Tunnel>> = Mutex::new(BTreeMap::new());
    let mut tunnels = TUNNELS.lock().expect("a target panics once");
    tunnels.entry(case.id).or_insert_with(|| {
        let packets = packets(SENT);
        let inside = packets.iter().map(|packet| {
            let packet = reference(case.hops, packet).expect("every gateway forwards it");
            but_for_ecn(&packet)
        });
        let sent = sent(case, &packets);
        let any_order = takes_backwards(case, &sent);
        assert!(
            any_order || case.tunnel(&SETUP).is_none(),
            "ESP has no order"
        );
        Box::leak(Box::new(Tunnel {
            sent,
            inside: inside.collect(),
            any_order,
        }))
    })
}

fn takes_backwards(case: &Case, sent: &[Vec<u8>]) -> bool {
    let packets: Vec<&[u8]> = sent.iter().rev().map(Vec::as_slice).collect();
    let mut path = open(case);
    loaded(case, &packets, |frames| {
        path.receive(frames);
        frames.iter().all(Frame::is_carried)
    })
}

/// A packet without what the outer header may change in it: ECN (RFC 6040, 4.2), and the IPv4
/// checksum with it.
fn but_for_ecn(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    match packet.first().map(|first| first >> 4) {
        Some(4) if packet.len() >= 12 => {
            packet[1] &= !3;
            packet[10..12].fill(0);
        }
        Some(6) if packet.len() >= 2 => packet[1] &= !0x30,
        _ => {}
    }
    packet
}

fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let case = chosen(&SEALED, script.u16());
    let tunnel = tunnel(case);
    let mut delivered = Vec::new();
    while !script.is_over() && delivered.len() < DELIVERED_MAX {
        delivered.push(deed(&tunnel.sent, &mut script));
    }
    let mut path = open(case);
    let mut taken = [false; SENT];
    // Changed copies may use a number up: from then on nothing is owed.
    let mut touched = [false; SENT];
    for burst in delivered.chunks(BURST) {
        let packets: Vec<&[u8]> = burst.iter().map(|(_, packet)| &packet[..]).collect();
        loaded(case, &packets, |frames| {
            path.receive(frames);
            for (frame, (of, packet)) in frames.iter().zip(burst) {
                if frame.is_carried() {
                    let inside = but_for_ecn(frame.bytes());
                    let place = tunnel.inside.iter().position(|sent| *sent == inside);
                    let place = place.unwrap_or_else(|| panic!("{} takes a forgery", case.id));
                    // A receiver that keeps no window has nothing to tell a copy by.
                    let twice = taken[place] && case.framing.anti_replay;
                    assert!(!twice, "{} takes a packet twice", case.id);
                    taken[place] = true;
                } else if let Some(whole) = tunnel.sent.iter().position(|sent| sent == packet) {
                    let may_refuse = touched[whole] || !tunnel.any_order;
                    assert!(may_refuse, "{} refuses what was sent", case.id);
                }
                for at in of {
                    touched[*at] = true;
                }
            }
        });
    }
}

/// One packet of the forger, and which ones it was made of.
fn deed(sent: &[Vec<u8>], script: &mut Script<'_>) -> ([usize; 2], Vec<u8>) {
    let (from, how, at) = (usize::from(script.u8()) % SENT, script.u8(), script.u16());
    let (with, value) = (usize::from(script.u8()) % SENT, script.u8());
    let mut packet = sent[from].clone();
    let at = usize::from(at) % packet.len();
    let mut of = [from, from];
    match how % 6 {
        0 => {}
        1 => packet[at] ^= value,
        2 => packet.truncate(at),
        3 => packet.extend(vec![value; at]),
        4 => {
            // The front of one, the rest of another.
            of = [from, with];
            packet.truncate(at);
            packet.extend(sent[with].iter().skip(at));
        }
        _ => packet[at] = packet[at].wrapping_add(value),
    }
    (of, packet)
}

/// Each case: everything in order; twice; backwards; and one of each deed.
fn seeds() -> Vec<Vec<u8>> {
    let whole = |from: usize| vec![from as u8, 0, 0, 0, 0, 0];
    let order: Vec<u8> = (0..SENT).flat_map(whole).collect();
    let back: Vec<u8> = (0..SENT).rev().flat_map(whole).collect();
    let deeds: Vec<u8> = (0..6)
        .flat_map(|how| [how, how, 30, 0, how + 1, 1])
        .collect();
    assert_eq!(order.len(), SENT * DEED_BYTES);
    let scripts = [order.repeat(2), back, deeds];
    let seed = |(at, case): (usize, &&'static Case)| {
        [&tag(case).to_le_bytes(), &scripts[at % scripts.len()][..]].concat()
    };
    SEALED.iter().enumerate().map(seed).collect()
}
