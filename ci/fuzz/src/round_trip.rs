//! Arbitrary packets into the near gateway of every case: dropped with a gateway's reason, or
//! what comes out at the far end is what the reference says.

use tunneltax_core::path::Case;
use tunneltax_core::path::overhead::Beyond;
use tunneltax_core::proof;
use tunneltax_core::workload::Workload;

use crate::Target;
use crate::frames::{
    BURST, CASES, SETUP, chosen, long_packets, next_packet, packets, tag, total_bytes,
};
use crate::script::{Script, prefixed};

pub const TARGET: Target = Target {
    name: "round_trip",
    run,
    seeds,
};

fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let case = chosen(&CASES, script.u16());
    let mut packets = Vec::new();
    while !script.is_over() && packets.len() < BURST {
        let mut packet = next_packet(&mut script);
        // As a capture hands packets out: whole, and without what the link put behind them.
        if let Some(total) = total_bytes(&packet).filter(|total| *total <= packet.len()) {
            packet.truncate(total);
            packets.push(packet);
        }
    }
    let packets = packets.iter().map(Vec::as_slice).collect();
    if let Err(why) = proof::prove(case, &SETUP, &Workload::new(packets)) {
        panic!("{}: {why}", case.id);
    }
}

/// One for each case.
fn seeds() -> Vec<Vec<u8>> {
    let (short, long) = (packets(2), long_packets(2));
    let seed = |case: &&'static Case| {
        let packets = match case.overhead.beyond {
            Beyond::Carried => &short,
            _ => &long,
        };
        let script: Vec<u8> = packets.iter().flat_map(|packet| prefixed(packet)).collect();
        [&tag(case).to_le_bytes(), &script[..]].concat()
    };
    CASES.iter().map(seed).collect()
}
