//! What the far gateway of every case does with packets that it is given as they are: dropped,
//! or a whole IP packet. The same of the far gateways alone that take in strangers' ESP.

use std::sync::LazyLock;

use tunneltax_core::path::overhead::Beyond;
use tunneltax_core::path::received::Inbox;
use tunneltax_core::path::{Case, GivenSa, Setup, keys, receiving};

use crate::Target;
use crate::frames::{
    BURST, CASES, SETUP, chosen, loaded, long_packets, next_packet, open, packets, sent, tag,
    total_bytes,
};
use crate::script::{Script, prefixed};

pub const TARGET: Target = Target {
    name: "receive",
    run,
    seeds,
};

/// Bit of an input's third byte: a far gateway alone, of a case that opens strangers' ESP.
const ALONE: u8 = 1;
/// The same, which opens packets and forwards none.
const OPENING: u8 = 2;

/// The cases with such a gateway, in every framing.
static RECEIVING: LazyLock<Vec<&'static Case>> = LazyLock::new(|| receiving().collect());

fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let (number, way) = (script.u16(), script.u8());
    let mut packets = Vec::new();
    while !script.is_over() && packets.len() < BURST {
        packets.push(next_packet(&mut script));
    }
    let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    if way & ALONE == 0 {
        received(chosen(&CASES, number), &packets);
    } else if way & OPENING == 0 {
        received_alone(chosen(&RECEIVING, number), &packets);
    } else {
        opened(chosen(&RECEIVING, number), &packets);
    }
}

fn received(case: &Case, packets: &[&[u8]]) {
    let mut path = open(case);
    loaded(case, packets, |frames| {
        path.receive(frames);
        for frame in frames.iter().filter(|frame| frame.is_carried()) {
            let is_whole = total_bytes(frame.bytes()) == Some(frame.len());
            assert!(is_whole || case.hops == 0, "{}", case.id);
        }
    });
}

/// A gateway with two SAs; the first is the one that the case's own near gateway seals for.
fn received_alone(case: &Case, packets: &[&[u8]]) {
    let sas = [1, 2].map(|seed| given(case, seed));
    let inbox = Inbox {
        framing: case.framing,
        sas: &sas,
        arrivals: &[],
        readings: &[],
    };
    let mut far = case
        .receiver(&SETUP, Some(inbox))
        .expect("it opens strangers' ESP");
    loaded(case, packets, |frames| {
        far.receive(frames);
        for frame in frames.iter().filter(|frame| frame.is_carried()) {
            assert_eq!(total_bytes(frame.bytes()), Some(frame.len()), "{}", case.id);
        }
    });
}

/// What is taken has a number and an IP packet inside, and comes no second time.
fn opened(case: &Case, packets: &[&[u8]]) {
    let open = case.opener.expect("it opens strangers' ESP");
    let mut opener = open(case, &SETUP, &given(case, 1)).expect("keys that fit");
    let mut taken = Vec::new();
    for packet in packets {
        loaded(case, &[packet], |frames| {
            let Some(sequence) = opener.open(&mut frames[0]) else {
                assert!(!frames[0].is_carried(), "{}", case.id);
                return;
            };
            assert!(total_bytes(frames[0].bytes()).is_some(), "{}", case.id);
            assert!(!taken.contains(&sequence), "{} {sequence}", case.id);
            taken.push(sequence);
        });
    }
}

/// The SA that a case makes of a seed.
fn given(case: &Case, seed: u64) -> GivenSa {
    let setup = Setup {
        seed,
        ..SETUP.clone()
    };
    let tunnel = case.tunnel(&setup).expect("it has one SA");
    GivenSa {
        keys: keys(&setup, tunnel.key.len() + tunnel.integrity_key.len()),
        received: 0,
    }
}

/// For each case what its own near gateway sent: fragments of a long packet where it makes some.
/// For each far gateway alone what a sender in its framing did.
fn seeds() -> Vec<Vec<u8>> {
    let (short, long) = (packets(2), long_packets(1));
    let listed = CASES.iter().map(|case| {
        let packets = match case.overhead.beyond {
            Beyond::FragmentedOutside(_) => &long,
            _ => &short,
        };
        seed(case, 0, packets)
    });
    let ways = [ALONE, ALONE | OPENING];
    let alone = RECEIVING
        .iter()
        .flat_map(|case| ways.map(|way| seed(case, way, &short)));
    listed.chain(alone).collect()
}

fn seed(case: &Case, way: u8, packets: &[Vec<u8>]) -> Vec<u8> {
    let sent = sent(case, packets);
    let script: Vec<u8> = sent.iter().flat_map(|packet| prefixed(packet)).collect();
    [&tag(case).to_le_bytes(), &[way][..], &script].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the seeds would be refused, and nothing behind the cipher reached.
    #[test]
    fn every_gateway_alone_takes_what_its_seed_sends() {
        let packets = packets(2);
        for case in RECEIVING.iter() {
            let sent = sent(case, &packets);
            let open = case.opener.expect("it opens strangers' ESP");
            let mut opener = open(case, &SETUP, &given(case, 1)).expect("keys that fit");
            for (packet, number) in sent.iter().zip(1..) {
                let sequence = loaded(case, &[packet], |frames| opener.open(&mut frames[0]));
                assert_eq!(sequence, Some(number), "{}", case.id);
            }
            assert_eq!(sent.len(), 2);
            let script = tag(case);
            assert_eq!(chosen(&RECEIVING, script).id, case.id);
        }
    }
}
