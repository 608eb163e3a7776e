//! Bars on reading captures.

use std::time::Instant;

use tunneltax_core::capture::{Chunk, Limits, Reader};
use tunneltax_reports::stats::Estimate;

use crate::{Bar, Effort, Limit, support};

/// Reading and classifying, 1440-byte frames.
const GIGABYTES: f64 = 1.2;
/// Reading and classifying, 90-byte frames.
const MILLION_FRAMES: f64 = 10.0;

/// The bars on reading captures from the page cache; an instance is one walk over the file.
pub fn reading(effort: Effort, judge: &mut impl FnMut(Bar)) {
    for (frame_bytes, frames) in [(1440_u16, 60_000_usize), (90, 600_000)] {
        let file = support::ethernet_file(frame_bytes, frames);
        let mut chunk = Chunk::new();
        let mut seconds = || {
            let start = Instant::now();
            let mut reader = Reader::open(file.path(), Limits::default()).expect("a capture");
            while reader.next_chunk(&mut chunk).expect("whole frames") {}
            assert_eq!(reader.tally().frames_replayed, frames as u64);
            start.elapsed().as_secs_f64()
        };
        seconds();
        let walks: Vec<f64> = (0..effort.instances).map(|_| seconds()).collect();
        let rate = |per_walk: f64| {
            Estimate::from_instances(walks.iter().map(|s| per_walk / s).collect()).expect("walks")
        };
        let bytes = frames as f64 * f64::from(frame_bytes);
        judge(if frame_bytes == 90 {
            Bar {
                name: format!("reading a capture, {frame_bytes} B a frame"),
                figure: rate(frames as f64 / 1e6),
                unit: "M frames/s",
                limit: Limit::AtLeast(MILLION_FRAMES),
                shared: false,
            }
        } else {
            Bar {
                name: format!("reading a capture, {frame_bytes} B a frame"),
                figure: rate(bytes / 1e9),
                unit: "GB/s",
                limit: Limit::AtLeast(GIGABYTES),
                shared: false,
            }
        });
    }
}
