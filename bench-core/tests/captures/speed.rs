//! How fast captures are read from the page cache. Prints, judges nothing; run it in release:
//! `cargo test --release -p tunneltax-core --test captures -- --ignored --nocapture`.

use std::io::Write;
use std::time::Instant;

use tunneltax_core::capture::{Chunk, Limits, Reader};

use crate::build::{Order, Pcap, PcapNg, ethernet, ipv4};

const FILE_BYTES: usize = 256 << 20;
const PASSES: usize = 7;

fn measure(name: &str, head: &[u8], record: &[u8], frame_bytes: usize) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let frames = FILE_BYTES / record.len();
    file.write_all(head).expect("written");
    let block = record.repeat(1024);
    for _ in 0..frames / 1024 {
        file.write_all(&block).expect("written");
    }
    let frames = frames / 1024 * 1024;
    let bytes = head.len() + frames * record.len();
    let mut chunk = Chunk::new();
    let mut seconds: Vec<f64> = (0..PASSES)
        .map(|_| {
            let start = Instant::now();
            let mut reader = Reader::open(file.path(), Limits::default()).expect("opens");
            while reader.next_chunk(&mut chunk).expect("reads") {}
            assert_eq!(reader.tally().frames_replayed, frames as u64);
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[PASSES / 2];
    println!(
        "{name}, {frame_bytes} bytes a frame: {:.2} GB/s, {:.1} M frames/s, {:.1} ns a frame (median of {PASSES})",
        bytes as f64 / median / 1e9,
        frames as f64 / median / 1e6,
        median / frames as f64 * 1e9,
    );
}

#[test]
#[ignore = "takes seconds and says something only in release"]
fn reading_and_classifying() {
    for frame_bytes in [90, 1440] {
        let frame = ethernet(&[0x0800], &ipv4(frame_bytes - 14));
        let head = Pcap::ethernet().bytes;
        let record = Pcap::ethernet().record(&frame).bytes.split_off(head.len());
        measure("pcap", &head, &record, frame_bytes);

        let empty = || PcapNg::default().section(Order::Little).interface(1);
        let head = empty().bytes;
        let record = empty().enhanced(0, 1, &frame).bytes.split_off(head.len());
        measure("pcapng", &head, &record, frame_bytes);
    }
}
