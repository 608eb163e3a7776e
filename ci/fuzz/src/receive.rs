//! What the far gateway of every case does with packets that it is given as they are: dropped,
//! or a whole IP packet.

use tunneltax_core::path::Case;
use tunneltax_core::path::overhead::Beyond;

use crate::Target;
use crate::frames::{
    BURST, CASES, chosen, loaded, long_packets, next_packet, open, packets, sent, tag, total_bytes,
};
use crate::script::{Script, prefixed};

pub const TARGET: Target = Target {
    name: "receive",
    run,
    seeds,
};

fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let case = chosen(&CASES, script.u16());
    let mut packets = Vec::new();
    while !script.is_over() && packets.len() < BURST {
        packets.push(next_packet(&mut script));
    }
    let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    let mut path = open(case);
    loaded(case, &packets, |frames| {
        path.receive(frames);
        for frame in frames.iter().filter(|frame| frame.is_carried()) {
            let is_whole = total_bytes(frame.bytes()) == Some(frame.len());
            assert!(is_whole || case.hops == 0, "{}", case.id);
        }
    });
}

/// For each case what its own near gateway sent: fragments of a long packet where it makes some.
fn seeds() -> Vec<Vec<u8>> {
    let (short, long) = (packets(2), long_packets(1));
    let seed = |case: &&'static Case| {
        let packets = match case.overhead.beyond {
            Beyond::FragmentedOutside(_) => &long,
            _ => &short,
        };
        let sent = sent(case, packets);
        let script: Vec<u8> = sent.iter().flat_map(|packet| prefixed(packet)).collect();
        [&tag(case).to_le_bytes(), &script[..]].concat()
    };
    CASES.iter().map(seed).collect()
}
