//! Captures of any size, grown from a bundled one: its packets over and over, each lap later and
//! between other addresses, so that time and flows go on as packets do.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use tunneltax_core::capture::{Chunk, Limits, Reader};

/// First octets of a file with nanoseconds (draft-ietf-opsawg-pcap, 4).
const MAGIC_NS: u32 = 0xa1b2_3c4d;
/// Packets begin with the IP header (`LINKTYPE_RAW`).
const LINK_RAW: u32 = 101;
/// Octets in front of each packet (draft-ietf-opsawg-pcap, 5).
const RECORD_BYTES: usize = 16;
/// The octets of an IPv4 header that hold both addresses (RFC 791, 3.1).
const ADDRESSES: Range<usize> = 12..20;
/// The same of its checksum.
const CHECKSUM: Range<usize> = 10..12;
/// Octets of it without options.
const HEADER_BYTES: usize = 20;
const NS: u64 = 1_000_000_000;

/// The packets that a capture is grown from: IPv4 without options.
pub struct Stock {
    chunk: Chunk,
    times_ns: Vec<u64>,
    /// From the first packet of a lap to that of the next.
    lap_ns: u64,
}

impl Stock {
    /// Of a capture that has times.
    pub fn of(capture: &Path) -> Self {
        let mut reader = Reader::open(capture, Limits::default()).expect("a capture");
        let (mut all, mut chunk) = (Chunk::new(), Chunk::new());
        reader.next_chunk(&mut all).expect("packets");
        let mut times_ns = Vec::new();
        let first_ns = all.timestamp_ns(0).expect("a time");
        for (at, packet) in all.packets().enumerate() {
            if packet[0] == 0x45 {
                let time_ns = all.timestamp_ns(at).expect("a time");
                chunk.push(packet, Some(time_ns));
                times_ns.push(time_ns.saturating_sub(first_ns));
            }
        }
        assert!(chunk.len() > 1000, "enough for most of it not to be alike");
        let span_ns = times_ns.iter().max().copied().unwrap_or(0);
        Self {
            lap_ns: span_ns + span_ns / chunk.len() as u64,
            chunk,
            times_ns,
        }
    }

    /// Writes so many packets, of which so many laps have addresses, and so flows, of their own; returns
    /// the bytes of the file.
    pub fn grow(&self, packets: u64, networks: u64, path: &Path) -> u64 {
        let file = File::create(path).expect("a file");
        let mut file = BufWriter::with_capacity(1 << 20, file);
        for word in [MAGIC_NS, 0x0004_0002, 0, 0, 65_535, LINK_RAW] {
            file.write_all(&word.to_le_bytes()).expect("room");
        }
        let mut bytes = 24;
        let mut record = Vec::new();
        let laps = (0..).flat_map(|lap: u64| {
            let of_lap = self.chunk.packets().zip(&self.times_ns);
            of_lap.map(move |(packet, time_ns)| (lap, packet, time_ns + lap * self.lap_ns))
        });
        for (lap, packet, time_ns) in laps.take(packets as usize) {
            let length = packet.len() as u32;
            record.clear();
            for word in [(time_ns / NS) as u32, (time_ns % NS) as u32, length, length] {
                record.extend_from_slice(&word.to_le_bytes());
            }
            record.extend_from_slice(packet);
            readdress(&mut record[RECORD_BYTES..], (lap % networks) as u16);
            file.write_all(&record).expect("room");
            bytes += record.len() as u64;
        }
        file.flush().expect("room");
        bytes
    }
}

/// Puts a number into the middle of both addresses, and the checksum right.
fn readdress(packet: &mut [u8], number: u16) {
    let addresses = &mut packet[ADDRESSES];
    for middle in [1..3, 5..7] {
        addresses[middle].copy_from_slice(&number.to_be_bytes());
    }
    packet[CHECKSUM].fill(0);
    let (words, _) = packet[..HEADER_BYTES].as_chunks::<2>();
    let sum: u32 = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    packet[CHECKSUM].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
