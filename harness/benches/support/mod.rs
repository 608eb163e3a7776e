//! What more than one bench target needs: generated captures, in memory and as files.

use std::io::Write;

use pcap_parser::{LegacyPcapBlock, Linktype, PcapHeader, ToVec};
use tunneltax_core::capture::Chunk;
use tunneltax_core::synth::{Mix, Recipe};

/// A generated capture.
pub fn chunk(mix: Mix, packets: usize) -> Chunk {
    Recipe::new(mix, packets, 1)
        .chunk()
        .expect("a size that can be generated")
}

/// An Ethernet capture file of so many frames of one size, uncompressed.
pub fn ethernet_file(frame_bytes: u16, frames: usize) -> tempfile::NamedTempFile {
    const ETHERNET_BYTES: u16 = 14;
    let chunk = chunk(Mix::Size(frame_bytes - ETHERNET_BYTES), 1024);
    let header = PcapHeader {
        magic_number: 0xa1b2_c3d4,
        version_major: 2,
        version_minor: 4,
        thiszone: 0,
        sigfigs: 0,
        snaplen: 65_535,
        network: Linktype::ETHERNET,
    };
    let mut bytes = header.to_vec_raw().expect("a header");
    let packets: Vec<&[u8]> = chunk.packets().collect();
    for (at, packet) in packets.into_iter().cycle().take(frames).enumerate() {
        let mut data = vec![0x02; 12];
        data.extend([0x08, 0x00]);
        data.extend(packet);
        let block = LegacyPcapBlock {
            ts_sec: at as u32,
            ts_usec: 0,
            caplen: data.len() as u32,
            origlen: data.len() as u32,
            data: &data,
        };
        bytes.extend(block.to_vec_raw().expect("a record"));
    }
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(&bytes).expect("room for a temporary file");
    file
}
