//! What the targets that drive packet paths share: a set-up, frames, and packets to begin with.

use std::sync::LazyLock;

use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::{Case, PacketPath, Setup, cases};
use tunneltax_core::synth::{Mix, Recipe};

use crate::script::Script;

/// Packets in a call: more than the paths take through their steps at once.
pub const BURST: usize = 20;

/// The set-up of every case.
pub static SETUP: LazyLock<Setup> = LazyLock::new(|| Setup::default().for_packets(64));

/// Most SAs of a case: with more, opening one takes longer than all else, and the code is the same.
const SAS_MAX: usize = 100;

/// Every case that opens fast.
pub static CASES: LazyLock<Vec<&'static Case>> =
    LazyLock::new(|| cases().filter(|case| case.sas <= SAS_MAX).collect());

/// The case of a number in an input: the one with the next tag. Cases that join or leave the list
/// so change what few inputs mean.
pub fn chosen(cases: &[&'static Case], number: u16) -> &'static Case {
    let next = cases
        .iter()
        .min_by_key(|case| tag(case).wrapping_sub(number));
    next.expect("the list is not empty")
}

/// A number that only the id decides: 32-bit FNV-1a, folded.
pub fn tag(case: &Case) -> u16 {
    let hash = case.id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash ^ (hash >> 16)) as u16
}

/// A fresh instance.
pub fn open(case: &Case) -> Box<dyn PacketPath> {
    case.open(&SETUP).expect("a case of the list opens")
}

/// Frames that hold these packets and have room for what a case puts around them.
pub fn loaded<R>(case: &Case, packets: &[&[u8]], then: impl FnOnce(&mut [Frame<'_>]) -> R) -> R {
    let longest = packets.iter().map(|packet| packet.len()).max();
    let mut arena = Arena::new(
        packets.len(),
        case.overhead.headroom(),
        longest.unwrap_or(0),
        case.overhead.tailroom(),
    );
    let mut frames = arena.frames();
    for (frame, packet) in frames.iter_mut().zip(packets) {
        assert!(frame.load(packet), "the arena was made for it");
    }
    then(&mut frames)
}

/// In front of a packet in an input: its length, and whether its IPv4 checksum stays as it is.
const AS_IT_IS: u16 = 0x8000;

/// The next packet of an input. Its IPv4 checksum is made right unless the input says otherwise:
/// no mutation would find it.
pub fn next_packet(script: &mut Script<'_>) -> Vec<u8> {
    let head = script.u16();
    let mut packet = script.take(usize::from(head & !AS_IT_IS)).to_vec();
    if head & AS_IT_IS == 0 {
        fix_checksum(&mut packet);
    }
    packet
}

/// RFC 791, 3.1.
fn fix_checksum(packet: &mut [u8]) {
    let header_bytes = match packet.first() {
        Some(first) if first >> 4 == 4 => usize::from(first & 0xf) * 4,
        _ => return,
    };
    let Some(header) = packet.get_mut(..header_bytes).filter(|h| h.len() >= 20) else {
        return;
    };
    header[10..12].fill(0);
    let words = header.chunks_exact(2);
    let sum: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Generated packets that every gateway forwards, each unlike the others.
pub fn packets(count: usize) -> Vec<Vec<u8>> {
    made(66, count, true)
}

/// The same, longer than the underlay carries when they are sealed; IPv4 may be fragmented.
pub fn long_packets(count: usize) -> Vec<Vec<u8>> {
    made(1500, count, false)
}

fn made(size: u16, count: usize, dont_fragment: bool) -> Vec<Vec<u8>> {
    let recipe = Recipe {
        ipv6_percent: 50,
        flows: 2,
        dont_fragment,
        ..Recipe::new(Mix::Size(size), count, 1)
    };
    let chunk = recipe.chunk().expect("the recipe can be made");
    chunk.packets().map(<[u8]>::to_vec).collect()
}

/// What the near gateway of a case makes of packets, as it is on the wire.
pub fn sent(case: &Case, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    let mut path = open(case);
    loaded(case, &packets, |frames| {
        path.send(frames);
        let carried = frames.iter().filter(|frame| frame.is_carried());
        let wire = carried.flat_map(Frame::wire_packets);
        wire.map(<[u8]>::to_vec).collect()
    })
}

/// The length that an IP header says (RFC 791, 3.1; RFC 8200, 3).
pub fn total_bytes(packet: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    match packet.first()? >> 4 {
        4 => word(2).map(usize::from),
        6 => word(4).map(|payload| usize::from(payload) + 40),
        _ => None,
    }
}
