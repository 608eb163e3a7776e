//! pcap and pcapng in their variants, plain and compressed.

use tunneltax_core::capture::{Compression, Limits, Reader};

use crate::build::{
    MICROS, NANOS, ORDERS, Order, Pcap, PcapNg, drain, ethernet, gzip, ipv4, ipv6, open, read,
    try_read,
};

fn frame() -> Vec<u8> {
    ethernet(&[0x0800], &ipv4(100))
}

#[test]
fn pcap_in_both_byte_orders_and_resolutions() {
    for order in ORDERS {
        for (magic, ns_per_tick) in [(MICROS, 1000), (NANOS, 1)] {
            let file = Pcap::new(order, magic, 1).record_at(1_700_000_000, 123_456, &frame(), 114);
            let read = read(&file.bytes);
            assert_eq!(read.packets, [ipv4(100)], "{order:?} {magic:x}");
            let time_ns = 1_700_000_000_000_000_000 + 123_456 * ns_per_tick;
            assert_eq!(read.times_ns, [Some(time_ns)], "{order:?} {magic:x}");
            assert!(!read.tally.truncated);
        }
    }
}

#[test]
fn pcap_keeps_the_frame_check_sequence_length_out_of_the_link_type() {
    let file = Pcap::new(Order::Little, MICROS, 0x4400_0001).record(&frame());
    assert_eq!(read(&file.bytes).packets.len(), 1);
}

#[test]
fn pcap_of_other_versions() {
    let of = |version| Pcap::of_version(Order::Big, MICROS, 1, version).record(&frame());
    assert_eq!(read(&of((2, 1)).bytes).packets.len(), 1);
    for version in [(1, 4), (2, 5), (543, 0)] {
        let error = try_read(&of(version).bytes, Limits::default()).expect_err("refused");
        let (major, minor) = version;
        assert!(
            error
                .to_string()
                .contains(&format!("version {major}.{minor},"))
        );
    }
    let swapped = Pcap::of_version(Order::Big, MICROS, 1, (2, 2)).record_at(0, 0, &frame(), 60);
    let error = try_read(&swapped.bytes, Limits::default()).expect_err("refused");
    assert!(error.to_string().contains("swapped"), "{error}");
}

#[test]
fn pcapng_sections_have_their_own_byte_order_and_interfaces() {
    let file = PcapNg::default()
        .section(Order::Little)
        .interface(1)
        .interface(229)
        .enhanced(1, 7, &ipv6(80))
        .section(Order::Big)
        .interface(228)
        .enhanced(0, 1 << 40, &ipv4(60))
        .enhanced(1, 0, &ipv6(80))
        .section(Order::Little)
        .interface(1)
        .enhanced(0, 0, &frame());
    let read = read(&file.bytes);
    assert_eq!(read.packets, [ipv6(80), ipv4(60), ipv4(100)]);
    assert_eq!(read.times_ns, [Some(7000), Some(1000 << 40), Some(0)]);
    assert_eq!(read.left_out(), [("malformed_record", 1)]);
}

#[test]
fn pcapng_takes_version_1_2_for_1_0_and_refuses_2() {
    let of = |major, minor| {
        PcapNg::default()
            .section_of_version(Order::Big, major, minor)
            .interface(1)
            .enhanced(0, 0, &frame())
            .bytes
    };
    assert_eq!(read(&of(1, 2)).packets.len(), 1);
    let error = try_read(&of(2, 0), Limits::default()).expect_err("refused");
    assert!(
        error.to_string().contains("pcapng of version 2.0"),
        "{error}"
    );
}

#[test]
fn pcapng_time_resolutions_and_offsets() {
    const OFFSET: i64 = -3;
    let cases: [(&[u8], u64, Option<u64>); 9] = [
        (&[6], 5_000_001, Some(5_000_001_000)),
        (&[9], 5_000_000_001, Some(5_000_000_001)),
        (&[0], 5, Some(5_000_000_000)),
        (&[12], 5_000_000_000_999, Some(5_000_000_000)),
        (&[0x8a], 5 << 10 | 1 << 9, Some(5_500_000_000)),
        (&[0xa0], 5 << 32, Some(5_000_000_000)),
        (&[0x80], 5, Some(5_000_000_000)),
        (&[0x7f], 5, None),
        (&[0], u64::MAX, None),
    ];
    for order in ORDERS {
        let offset = match order {
            Order::Little => OFFSET.to_le_bytes(),
            Order::Big => OFFSET.to_be_bytes(),
        };
        for (resolution, ticks, expected) in cases {
            let file = PcapNg::default()
                .section(order)
                .interface_with(1, 0, &[(9, resolution)])
                .interface_with(1, 0, &[(9, resolution), (14, &offset)])
                .enhanced(0, ticks, &frame())
                .enhanced(1, ticks, &frame());
            let shifted = expected.map(|ns| ns - 3_000_000_000);
            let times = read(&file.bytes).times_ns;
            assert_eq!(times, [expected, shifted], "{order:?} {resolution:?}");
        }
    }
}

#[test]
fn pcapng_time_before_1970_is_no_time() {
    let offset = (-3i64).to_le_bytes();
    let file = PcapNg::default()
        .section(Order::Little)
        .interface_with(1, 0, &[(14, &offset)])
        .enhanced(0, 2_999_999, &frame());
    assert_eq!(read(&file.bytes).times_ns, [None]);
}

#[test]
fn pcapng_simple_packets_have_no_time_and_are_snapped_by_their_interface() {
    for order in ORDERS {
        let whole = PcapNg::default()
            .section(order)
            .interface_with(1, 200, &[])
            .simple(&frame(), frame().len() as u32);
        let outcome = read(&whole.bytes);
        assert_eq!(
            (outcome.packets, outcome.times_ns),
            (vec![ipv4(100)], vec![None])
        );

        // 90 of 114 bytes: the padding to 92 must not count as captured.
        let snapped = PcapNg::default()
            .section(order)
            .interface_with(1, 90, &[])
            .simple(&frame()[..90], 114)
            .simple(&frame()[..90], 91);
        assert_eq!(read(&snapped.bytes).left_out(), [("snapped", 2)]);
    }
    let homeless = PcapNg::default().section(Order::Big).simple(&frame(), 114);
    assert_eq!(read(&homeless.bytes).left_out(), [("malformed_record", 1)]);
}

#[test]
fn pcapng_obsolete_packet_blocks() {
    for order in ORDERS {
        let file = PcapNg::default()
            .section(order)
            .interface(228)
            .interface(1)
            .obsolete(1, 9, &frame())
            .obsolete(2, 9, &frame())
            .block(2, &[0; 8]);
        let read = read(&file.bytes);
        assert_eq!(read.packets, [ipv4(100)]);
        assert_eq!(read.times_ns, [Some(9000)]);
        assert_eq!(read.left_out(), [("malformed_record", 2)]);
    }
}

#[test]
fn pcapng_other_blocks_are_passed_over() {
    // 0x80000001 of less than 12 bytes of body makes pcap-parser's own dispatcher underflow.
    let large = vec![7; 9 << 20];
    for order in ORDERS {
        let file = PcapNg::default()
            .section(order)
            .block(0x8000_0001, &[])
            .interface(1)
            .block(5, &[0; 12])
            .block(10, b"CLIENT_RANDOM")
            .block(0xbad, &[1, 2, 3, 4, 5])
            .enhanced(0, 0, &frame())
            .block(0x7777_7777, &large)
            .enhanced_with(0, 0, &frame(), 114, &[0, 1, 0, 0])
            .block(4, &[0; 4]);
        let mut reader = open(&file.bytes, Limits::default()).expect("opens");
        let mut chunk = tunneltax_core::capture::Chunk::new();
        assert!(reader.next_chunk(&mut chunk).expect("reads"));
        assert_eq!(chunk.len(), 2);
        assert!(reader.held_bytes() < 1 << 20, "a block was buffered");
    }
}

fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes it")
}

/// Many frames that do not compress away.
fn long_capture() -> (Vec<u8>, usize) {
    let mut file = Pcap::ethernet();
    for index in 0..2000u32 {
        let mut frame = ethernet(&[0x0800], &ipv4(400));
        for (offset, byte) in frame.iter_mut().enumerate().skip(42) {
            *byte = (index.wrapping_mul(2_654_435_761) >> (offset % 24)) as u8 ^ offset as u8;
        }
        file = file.record(&frame);
    }
    (file.bytes, 2000)
}

#[test]
fn compression_is_recognised_by_content() {
    let (plain, frames) = long_capture();
    let (head, tail) = plain.split_at(plain.len() / 3);
    let members = [gzip(head), gzip(tail)].concat();
    let skippable = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let zstd_frames = [skippable.to_vec(), zstd_frame(head), zstd_frame(tail)].concat();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes, compression) in [
        ("plain.zst", plain.clone(), Compression::None),
        ("one.pcapng", gzip(&plain), Compression::Gzip),
        ("two.zst", members, Compression::Gzip),
        ("one.gz", zstd_frame(&plain), Compression::Zstd),
        ("two.pcap", zstd_frames, Compression::Zstd),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        let reader = Reader::open(&path, Limits::default()).expect("opens");
        assert_eq!(reader.compression(), compression, "{name}");
        let outcome = drain(reader).expect("reads");
        assert_eq!(outcome.packets.len(), frames, "{name}");
        assert_eq!(outcome.packets, read(&plain).packets, "{name}");
        assert!(!outcome.tally.truncated, "{name}");
    }
}

#[test]
fn a_cut_compressed_stream_gives_its_whole_frames() {
    let (plain, frames) = long_capture();
    for packed in [gzip(&plain), zstd_frame(&plain)] {
        let outcome = read(&packed[..packed.len() * 9 / 10]);
        assert!(outcome.tally.truncated);
        assert!(outcome.packets.len() < frames);
        let whole = read(&plain).packets;
        assert_eq!(outcome.packets, whole[..outcome.packets.len()]);
    }
    // gzip hands out what it has up to the cut; zstd only whole blocks.
    let packed = gzip(&plain);
    assert!(!read(&packed[..packed.len() / 2]).packets.is_empty());
}

#[test]
fn a_gzip_stream_cut_behind_the_last_frame_is_cut_all_the_same() {
    let packed = gzip(&Pcap::ethernet().record(&frame()).bytes);
    let outcome = read(&packed[..packed.len() - 4]);
    assert_eq!((outcome.packets.len(), outcome.tally.truncated), (1, true));
}

#[test]
fn a_corrupt_compressed_stream_is_refused() {
    let (plain, _) = long_capture();
    for (mut packed, name) in [(gzip(&plain), "gzip"), (zstd_frame(&plain), "zstd")] {
        // In the header of the first block (RFC 1951, 3.2.3; RFC 8878, 3.1.1.2): a reserved kind.
        let (at, reserved) = match name {
            "gzip" => (10, 0b110),
            _ => (zstd_first_block(&packed), 0b110),
        };
        packed[at] |= reserved;
        let sentence = refusal(&packed);
        assert!(
            sentence.starts_with(&format!("test.cap is a broken {name} stream (")),
            "{sentence}"
        );
    }
    let mut wrong_sum = gzip(&plain);
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    let sentence = refusal(&wrong_sum);
    assert!(sentence.contains("is a broken gzip stream ("), "{sentence}");
}

/// Where the first block of a zstd frame begins: behind magic, descriptor and what it announces
/// (RFC 8878, 3.1.1.1).
fn zstd_first_block(packed: &[u8]) -> usize {
    let descriptor = packed[4];
    let is_single_segment = descriptor & 0x20 != 0;
    let size_bytes = match descriptor >> 6 {
        0 => usize::from(is_single_segment),
        flag => 1 << flag,
    };
    5 + usize::from(!is_single_segment) + size_bytes
}

/// The refusal of bytes that can be opened, perhaps, but not be read to their end.
fn refusal(bytes: &[u8]) -> String {
    try_read(bytes, Limits::default())
        .expect_err("refused")
        .to_string()
}
