//! Arbitrary and nearly right bytes: never a panic, and the account always holds.

use proptest::prelude::*;
use tunneltax_core::capture::Limits;

use crate::build::{MICROS, Order, Pcap, PcapNg, try_read, two_blocks, two_records};

/// Whatever comes in, the account holds ([`crate::build::drain`] checks it) or a sentence comes out.
fn survives(bytes: &[u8]) {
    if let Err(error) = try_read(bytes, Limits::default()) {
        assert!(!error.to_string().is_empty());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        survives(&bytes);
    }

    #[test]
    fn arbitrary_records_never_panic(
        link in prop::sample::select(vec![0u32, 1, 9, 12, 101, 108, 113, 228, 229, 276]),
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..8),
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let empty = Pcap::new(Order::Big, MICROS, link);
        let mut file = frames.iter().fold(empty, |file, frame| file.record(frame)).bytes;
        file.extend(tail);
        survives(&file);
    }

    #[test]
    fn arbitrary_blocks_never_panic(
        order in prop::sample::select(vec![Order::Little, Order::Big]),
        blocks in prop::collection::vec(
            (
                prop::sample::select(vec![1u32, 2, 3, 4, 5, 6, 9, 10, 0xbad, 0x8000_0001, 0x0a0d_0d0a]),
                prop::collection::vec(any::<u8>(), 0..80),
            ),
            0..12,
        ),
    ) {
        let empty = PcapNg::default().section(order).interface(1);
        let file = blocks.iter().fold(empty, |file, (kind, body)| file.block(*kind, body));
        survives(&file.bytes);
    }

    #[test]
    fn flipped_bytes_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        is_pcapng in any::<bool>(),
    ) {
        let mut file = if is_pcapng { two_blocks() } else { two_records() };
        for (index, value) in flips {
            let at = index.index(file.len());
            file[at] = value;
        }
        survives(&file);
    }
}
