//! The capture reader behind gzip and zstd. The first byte says which; a capture is packed here,
//! since no mutation finds a checksum, and damaged if the input says so. Or the stream itself is
//! the input.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::script::Script;
use crate::{Target, capture};

pub const TARGET: Target = Target {
    name: "packed",
    run,
    seeds,
};

/// First byte: the rest is a stream as it is; 0 and 1: the rest is packed.
const AS_IT_IS: u8 = 2;

fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let how = script.u8();
    if how % 4 >= AS_IT_IS {
        return capture::read(script.0.to_vec());
    }
    let (flip, at, cut) = (script.u8(), script.u16(), script.u16());
    let mut stream = pack(how, script.0);
    if let Some(byte) = stream.get_mut(usize::from(at)) {
        *byte ^= flip;
    }
    stream.truncate(stream.len() - usize::from(cut).min(stream.len()));
    capture::read(stream);
}

fn pack(how: u8, file: &[u8]) -> Vec<u8> {
    if how.is_multiple_of(2) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = encoder.write_all(file).and_then(|()| encoder.finish());
        packed.expect("memory takes it")
    } else {
        zstd::encode_all(file, 1).expect("memory takes it")
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (how, file) in (0..4).zip(capture::files()) {
        seeds.push([&[how % 2, 0, 0, 0, 0, 0], &file[..]].concat());
        seeds.push([&[AS_IT_IS], &pack(how, &file)[..]].concat());
    }
    seeds
}
