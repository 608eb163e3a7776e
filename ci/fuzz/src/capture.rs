//! The capture reader: whatever the file says, every frame is handed out or counted, within the
//! limits, or a sentence comes out.

use std::io::Cursor;
use std::path::Path;

use tunneltax_core::capture::{Chunk, Limits, Reader};
use tunneltax_core::synth::{Mix, Recipe};

use crate::Target;

pub const TARGET: Target = Target {
    name: "capture",
    run: |bytes| read(bytes.to_vec()),
    seeds: files,
};

/// Small, so that an input of a few packets fills several chunks.
const CHUNK_BYTES: usize = 2048;

/// Reads a capture to its end.
pub fn read(file: Vec<u8>) {
    let limits = Limits {
        chunk_bytes: CHUNK_BYTES,
        ..Limits::default()
    };
    let source = Box::new(Cursor::new(file));
    let mut reader = match Reader::from_source(Path::new("input"), source, limits) {
        Ok(reader) => reader,
        Err(why) => return assert!(!why.to_string().is_empty()),
    };
    let mut chunk = Chunk::new();
    let (mut packets, mut packet_bytes) = (0, 0);
    loop {
        let more = reader.next_chunk(&mut chunk);
        assert!(chunk.len() <= 1 || chunk.used_bytes() <= CHUNK_BYTES);
        assert!(reader.held_bytes() <= Reader::HELD_MAX_BYTES);
        packets += chunk.len() as u64;
        packet_bytes += chunk.packet_bytes() as u64;
        for packet in chunk.packets() {
            assert!(packet.len() <= limits.ingress_mtu);
        }
        let tally = reader.tally();
        assert_eq!(tally.frames_replayed, packets);
        assert_eq!(tally.inner_bytes, packet_bytes);
        // A super-frame was read once, and each of its segments is replayed or left out.
        assert_eq!(
            tally.frames_read + tally.segments,
            tally.frames_replayed + tally.left_out.total() + tally.super_frames
        );
        match more {
            Ok(true) => {}
            Ok(false) => return assert!(chunk.is_empty()),
            Err(why) => return assert!(!why.to_string().is_empty()),
        }
    }
}

/// pcap and pcapng files of generated packets, in both byte orders.
pub fn files() -> Vec<Vec<u8>> {
    let recipe = Recipe {
        ipv6_percent: 50,
        flows: 4,
        ..Recipe::new(Mix::Size(64), 4, 1)
    };
    let Ok(chunk) = recipe.chunk() else {
        return Vec::new();
    };
    let packets: Vec<&[u8]> = chunk.packets().collect();
    let (little, big): (Word, Word) = (u32::to_le_bytes, u32::to_be_bytes);
    vec![
        pcap(little, 0xa1b2_c3d4, 101, &packets, &[]),
        pcap(big, 0xa1b2_3c4d, 1, &packets, &[0; 12]),
        pcapng(little, 101, &packets, &[]),
        pcapng(big, 1, &packets, &[0; 12]),
    ]
}

/// A word in a file's byte order.
type Word = fn(u32) -> [u8; 4];

/// What stands in front of a packet: of an Ethernet header, where `link` begins one.
fn frame(link: &[u8], packet: &[u8]) -> Vec<u8> {
    let ether_type: &[u8] = match (link, packet.first()) {
        ([], _) => &[],
        (_, Some(first)) if first >> 4 == 6 => &[0x86, 0xdd],
        _ => &[0x08, 0x00],
    };
    [link, ether_type, packet].concat()
}

fn pcap(word: Word, magic: u32, link_type: u32, packets: &[&[u8]], link: &[u8]) -> Vec<u8> {
    // 2.4 as two 16-bit numbers.
    let version = if word(1)[0] == 1 {
        [2, 0, 4, 0]
    } else {
        [0, 2, 0, 4]
    };
    let mut file = [
        word(magic),
        version,
        [0; 4],
        [0; 4],
        word(65_535),
        word(link_type),
    ]
    .concat();
    for (second, packet) in (0..).zip(packets) {
        let frame = frame(link, packet);
        let length = word(frame.len() as u32);
        file.extend([word(second), word(7), length, length].concat());
        file.extend(frame);
    }
    file
}

fn pcapng(word: Word, link_type: u32, packets: &[&[u8]], link: &[u8]) -> Vec<u8> {
    let is_little = word(1)[0] == 1;
    let half = |value: u32| {
        if is_little {
            word(value)
        } else {
            word(value << 16)
        }
    };
    let block = |kind: u32, body: &[u8]| {
        let padding = vec![0; body.len().wrapping_neg() % 4];
        let length = word((12 + body.len() + padding.len()) as u32);
        [&word(kind), &length, body, &padding, &length].concat()
    };
    // Version 1.0; section length unknown.
    let section = [word(0x1a2b_3c4d), half(1), [0xff; 4], [0xff; 4]].concat();
    // Link type, snapshot length, `if_tsresol` of nanoseconds, end of options.
    let resolution = if is_little {
        [9, 0, 1, 0]
    } else {
        [0, 9, 0, 1]
    };
    let interface = [half(link_type), word(0), resolution, [9, 0, 0, 0], [0; 4]].concat();
    let mut file = [block(0x0a0d_0d0a, &section), block(1, &interface)].concat();
    for (tick, packet) in (0..).zip(packets) {
        let frame = frame(link, packet);
        let length = word(frame.len() as u32);
        let fields = [word(0), word(0), word(tick), length, length].concat();
        file.extend(block(6, &[&fields[..], &frame].concat()));
    }
    file
}
