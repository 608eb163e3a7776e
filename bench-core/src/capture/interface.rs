//! What a pcapng interface description says of the packets that refer to it.

use pcap_parser::{InterfaceDescriptionBlock, OptionCode};

use super::link::Link;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// One interface of a section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    pub(super) link: Link,
    /// Longest capture of a packet; `usize::MAX` where the file sets no limit.
    pub(super) snapshot_bytes: usize,
    unit: TickUnit,
    offset_seconds: i64,
}

/// What one unit of a timestamp is worth (option `if_tsresol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TickUnit {
    /// So many nanoseconds: 10^-x seconds, x up to 9.
    Ns(u64),
    /// So many make a nanosecond: 10^-x seconds, x above 9.
    PerNs(u64),
    /// 2^-x seconds.
    PowerOfTwo(u32),
    /// Too fine for a 64-bit count to hold a nanosecond.
    TooFine,
}

impl TickUnit {
    /// From the option's byte: the top bit tells powers of two from powers of ten. pcap-parser
    /// 0.17 has this as a function, but refuses every power of two.
    fn new(if_tsresol: u8) -> Self {
        let exponent = u32::from(if_tsresol & 0x7f);
        if if_tsresol & 0x80 != 0 {
            return Self::PowerOfTwo(exponent);
        }
        match exponent.checked_sub(9) {
            None | Some(0) => Self::Ns(10u64.pow(9 - exponent)),
            Some(finer) => 10u64.checked_pow(finer).map_or(Self::TooFine, Self::PerNs),
        }
    }

    fn ns(self, ticks: u64) -> Option<u64> {
        match self {
            Self::Ns(ns) => ticks.checked_mul(ns),
            Self::PerNs(ticks_per_ns) => Some(ticks / ticks_per_ns),
            Self::PowerOfTwo(exponent) => {
                let ns = (u128::from(ticks) * u128::from(NS_PER_SECOND)) >> exponent;
                u64::try_from(ns).ok()
            }
            Self::TooFine => None,
        }
    }
}

impl Interface {
    pub(super) fn new(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        Self {
            link: Link::from_number(description.linktype.0.cast_unsigned()),
            snapshot_bytes: match description.snaplen {
                0 => usize::MAX,
                bytes => bytes as usize,
            },
            unit: TickUnit::new(description.if_tsresol),
            offset_seconds: offset_seconds(description, big_endian),
        }
    }

    /// Nanoseconds since the epoch; `None` where 64 bits cannot hold them.
    #[inline]
    pub(super) fn time_ns(&self, ticks: u64) -> Option<u64> {
        let ns = self.unit.ns(ticks)?;
        if self.offset_seconds == 0 {
            return Some(ns);
        }
        let offset_ns = i128::from(self.offset_seconds) * i128::from(NS_PER_SECOND);
        u64::try_from(i128::from(ns) + offset_ns).ok()
    }
}

/// Option `if_tsoffset`. pcap-parser 0.17 reads it little endian in any section.
fn offset_seconds(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> i64 {
    let is_offset = |code| code == OptionCode::IfTsoffset;
    let option = description
        .options
        .iter()
        .find(|option| is_offset(option.code));
    let bytes = option.and_then(|option| option.value().first_chunk());
    match bytes {
        Some(bytes) if big_endian => i64::from_be_bytes(*bytes),
        Some(bytes) => i64::from_le_bytes(*bytes),
        None => 0,
    }
}
