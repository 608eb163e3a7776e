//! Cut, damaged, hostile and missing files: whole frames, a reason, or one sentence.

use std::io::{Cursor, Read};
use std::path::Path;

use tunneltax_core::capture::{Chunk, LeftOut, Limits, RECORD_MAX_BYTES, Reader};

use crate::build::{
    MICROS, Order, Pcap, PcapNg, ethernet, gzip, ipv4, open, read, try_read, two_blocks,
    two_records,
};

fn frame() -> Vec<u8> {
    ethernet(&[0x0800], &ipv4(100))
}

/// The one sentence of a refusal.
fn refusal(bytes: &[u8]) -> String {
    let error = try_read(bytes, Limits::default()).expect_err("must be refused");
    let sentence = error.to_string();
    assert!(!sentence.contains('\n'), "{sentence}");
    assert!(sentence.starts_with("test.cap "), "{sentence}");
    assert!(sentence.contains(": "), "no next step: {sentence}");
    sentence
}

#[test]
fn a_cut_tail_gives_the_whole_frames_wherever_the_cut_is() {
    let second = 16 + frame().len();
    let whole = two_records();
    for cut in 1..second {
        let outcome = read(&whole[..whole.len() - cut]);
        assert_eq!(
            (outcome.packets.len(), outcome.tally.truncated),
            (1, true),
            "{cut}"
        );
    }
    let outcome = read(&whole[..whole.len() - second]);
    assert_eq!((outcome.packets.len(), outcome.tally.truncated), (1, false));

    let whole = two_blocks();
    let second = 32 + frame().len().next_multiple_of(4);
    for cut in 1..second {
        let outcome = read(&whole[..whole.len() - cut]);
        assert_eq!(
            (outcome.packets.len(), outcome.tally.truncated),
            (1, true),
            "{cut}"
        );
    }
    assert!(!read(&whole[..whole.len() - second]).tally.truncated);
}

#[test]
fn a_block_that_is_passed_over_can_be_cut_too() {
    let file = PcapNg::default().section(Order::Little).interface(1);
    let file = file.enhanced(0, 0, &frame()).block(0xbad, &[1; 64]);
    for cut in [1, 4, 5, 70] {
        let outcome = read(&file.bytes[..file.bytes.len() - cut]);
        assert_eq!(
            (outcome.packets.len(), outcome.tally.truncated),
            (1, true),
            "{cut}"
        );
    }
}

#[test]
fn a_huge_claim_takes_no_memory() {
    let mut pcap = Pcap::ethernet().record(&frame()).bytes;
    for word in [0, 0, 0xffff_fff0u32, 60] {
        pcap.extend(word.to_le_bytes());
    }
    let mut pcapng = PcapNg::default().section(Order::Little).interface(1);
    pcapng = pcapng.enhanced(0, 0, &frame());
    for word in [6u32, 0xffff_fff0] {
        pcapng.bytes.extend(word.to_le_bytes());
    }
    for mut file in [pcap, pcapng.bytes] {
        file.resize(file.len() + 64, 0);
        let mut reader = open(&file, Limits::default()).expect("opens");
        let mut chunk = Chunk::new();
        let error = reader
            .next_chunk(&mut chunk)
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("damaged behind frame 1 (a record claims"),
            "{error}"
        );
        assert_eq!(chunk.len(), 1, "the frame before is handed out");
        assert!(!reader.next_chunk(&mut chunk).expect("at its end"));
        assert!(reader.held_bytes() <= RECORD_MAX_BYTES);
    }
}

#[test]
fn a_long_record_grows_the_window_and_no_further() {
    let long = vec![0; 3 << 20];
    let file = Pcap::new(Order::Big, MICROS, 1)
        .record(&long)
        .record(&frame());
    let mut reader = open(&file.bytes, Limits::default()).expect("opens");
    let mut chunk = Chunk::new();
    assert!(reader.next_chunk(&mut chunk).expect("reads"));
    assert_eq!(reader.tally().frames_read, 2);
    assert!(reader.held_bytes() <= RECORD_MAX_BYTES);
}

/// Repeats one record without end, up to a number of bytes.
struct Endless {
    record: Cursor<Vec<u8>>,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.record.read(into)?;
        if read == 0 {
            self.record.set_position(0);
            return self.record.read(into);
        }
        Ok(read)
    }
}

#[test]
fn memory_does_not_grow_with_the_file() {
    const CHUNK_BYTES: usize = 64 << 10;
    let header = Pcap::ethernet().bytes;
    let record = Pcap::ethernet()
        .record(&frame())
        .bytes
        .split_off(header.len());
    let records = 200_000;
    let bytes = (record.len() * records) as u64;
    let endless = Endless {
        record: Cursor::new(record),
    };
    let source = Cursor::new(header).chain(endless.take(bytes));
    let limits = Limits {
        chunk_bytes: CHUNK_BYTES,
        ..Limits::default()
    };
    let mut reader =
        Reader::from_source(Path::new("endless"), Box::new(source), limits).expect("opens");
    let mut chunk = Chunk::new();
    let mut packets = 0;
    while reader.next_chunk(&mut chunk).expect("reads") {
        assert!(chunk.used_bytes() <= CHUNK_BYTES);
        assert!(
            chunk.held_bytes() <= 2 * CHUNK_BYTES,
            "{}",
            chunk.held_bytes()
        );
        assert!(reader.held_bytes() <= 1 << 20);
        packets += chunk.len();
    }
    assert_eq!(packets, records);
}

#[test]
fn a_packet_longer_than_a_chunk_gets_a_chunk_of_its_own() {
    let limits = Limits {
        chunk_bytes: 1,
        ..Limits::default()
    };
    let mut reader = open(&two_records(), limits).expect("opens");
    let mut chunk = Chunk::new();
    for expected in [1, 1, 0] {
        assert_eq!(reader.next_chunk(&mut chunk).expect("reads"), expected > 0);
        assert_eq!(chunk.len(), expected);
    }
}

#[test]
fn blocks_whose_lengths_contradict_each_other() {
    for (index, value) in [(4, 8u32), (4, 0)] {
        let mut file = two_blocks();
        file[index..index + 4].copy_from_slice(&value.to_be_bytes());
        assert!(
            refusal(&file).contains("lengths contradict"),
            "{}",
            refusal(&file)
        );
    }
    let mut file = two_blocks();
    let last = file.len() - 1;
    file[last] ^= 4;
    let sentence = refusal(&file);
    assert!(
        sentence.contains("behind frame 1 (a pcapng block's lengths"),
        "{sentence}"
    );
}

#[test]
fn a_packet_that_claims_more_than_its_block_is_left_out() {
    let mut file = two_blocks();
    let captured = file.len() - 32 - frame().len().next_multiple_of(4) + 20;
    file[captured..captured + 4].copy_from_slice(&200u32.to_be_bytes());
    let outcome = read(&file);
    assert_eq!(
        (outcome.packets.len(), outcome.left_out()),
        (1, vec![("malformed_record", 1)])
    );
}

#[test]
fn more_interfaces_than_any_machine_has() {
    let one = PcapNg::default().section(Order::Little).interface(1).bytes;
    let section = PcapNg::default().section(Order::Little).bytes.len();
    let mut file = one.clone();
    for _ in 0..tunneltax_core::capture::INTERFACES_MAX {
        file.extend(&one[section..]);
    }
    assert!(refusal(&file).contains("more interfaces"));
}

#[test]
fn what_is_no_capture_is_named() {
    for (bytes, found) in [
        (
            &b"GIF89a, say, and some more bytes"[..],
            "neither pcap's nor pcapng's",
        ),
        (
            b"\n\r\r\nfour lines of text and more",
            "neither pcap's nor pcapng's",
        ),
        (b"x", "neither pcap's nor pcapng's"),
        (&two_records()[..23], "ends within its first header"),
        (&two_records()[..4], "ends within its first header"),
        (&two_blocks()[..11], "ends within its first header"),
        (&[0x1f, 0x8b, 8], "ends within its first header"),
        (b"\x34\xcd\xb2\xa1\x02\x00\x04\x00", "modified format"),
        (b"PK\x03\x04 and so on", "zip"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop"),
    ] {
        let sentence = refusal(bytes);
        assert!(sentence.contains(found), "{sentence}");
    }
    assert!(refusal(b"").contains("is empty"));
    let nothing = zstd::encode_all(&b""[..], 1).expect("memory takes it");
    assert!(refusal(&nothing).contains("is empty"));
    let twice =
        zstd::encode_all(&zstd::encode_all(&b"a"[..], 1).expect("fits")[..], 1).expect("fits");
    assert!(refusal(&twice).contains("compressed twice"));
}

#[test]
fn files_that_cannot_be_opened() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sentence = |path: &Path| match Reader::open(path, Limits::default()) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error.to_string(),
    };
    let missing = folder.path().join("missing.pcap");
    assert!(sentence(&missing).contains("missing.pcap does not exist: "));
    assert!(sentence(folder.path()).contains("is a directory: "));
    let under_a_file = folder.path().join("file");
    std::fs::write(&under_a_file, two_records()).expect("written");
    assert!(sentence(&under_a_file.join("x")).contains("cannot be read ("));
}

/// Fails after some bytes, as a disk does.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(std::io::Error::other("the disk is gone")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_read_error_keeps_its_cause() {
    let failing = Failing(Cursor::new(two_records()));
    let mut reader =
        Reader::from_source(Path::new("disk.pcap"), Box::new(failing), Limits::default())
            .expect("opens");
    let mut chunk = Chunk::new();
    let error = reader
        .next_chunk(&mut chunk)
        .expect_err("fails")
        .to_string();
    assert!(
        error.starts_with("disk.pcap cannot be read (the disk is gone)"),
        "{error}"
    );
    assert_eq!(chunk.len(), 2);
}

#[test]
fn a_decompression_bomb_is_read_in_a_small_window() {
    let mut bomb = Pcap::ethernet().bytes;
    bomb.resize(bomb.len() + (16 << 20), 0);
    let packed = gzip(&bomb);
    assert!(packed.len() < bomb.len() / 100, "{}", packed.len());
    let mut reader = open(&packed, Limits::default()).expect("opens");
    let mut chunk = Chunk::new();
    assert!(!reader.next_chunk(&mut chunk).expect("reads"));
    let empty_frames = reader.tally().left_out.get(LeftOut::MalformedHeader);
    assert_eq!(empty_frames, 1 << 20);
    assert!(reader.held_bytes() + chunk.held_bytes() <= 1 << 20);
}
