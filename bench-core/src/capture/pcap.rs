//! The classic pcap format (draft-ietf-opsawg-pcap): one link type, records back to back.
//!
//! Records are parsed by pcap-parser's functions out of our own window and not by its reader,
//! which drops the cause of a read error and cannot be told how far its buffer may grow.

use pcap_parser::nom::{self, IResult};
use pcap_parser::{
    LegacyPcapBlock, PcapError, PcapHeader, parse_pcap_frame, parse_pcap_frame_be,
    parse_pcap_header,
};

use super::chunk::Chunk;
use super::error::Damage;
use super::intake::{Fault, Intake, Progress, Record};
use super::link::Link;
use super::source::{RECORD_MAX_BYTES, Window};

/// Octets of the file header.
pub(super) const HEADER_BYTES: usize = 24;
/// First bytes, read little endian: µs and ns, in both byte orders.
pub(super) const MAGICS: [u32; 4] = [0xa1b2_c3d4, 0xd4c3_b2a1, 0xa1b2_3c4d, 0x4d3c_b2a1];

const NS_PER_SECOND: u64 = 1_000_000_000;

/// An opened file of this format.
pub(super) struct Pcap {
    big_endian: bool,
    lengths_may_be_swapped: bool,
    ns_per_tick: u64,
    link: Link,
}

impl Pcap {
    /// Takes the file header, of which [`HEADER_BYTES`] are at hand, out of the window.
    pub(super) fn open(window: &mut Window) -> Result<Self, Fault> {
        let Ok((_, header)) = parse_pcap_header(window.data()) else {
            return Err(Fault::Damage(Damage::Header));
        };
        window.consume(HEADER_BYTES);
        Self::from_header(&header)
    }

    fn from_header(header: &PcapHeader) -> Result<Self, Fault> {
        let (major, minor) = (header.version_major, header.version_minor);
        if major != 2 || minor > 4 {
            return Err(Fault::Version { major, minor });
        }
        let ns_per_tick = if header.is_nanosecond_precision() {
            1
        } else {
            1000
        };
        Ok(Self {
            big_endian: header.is_bigendian(),
            lengths_may_be_swapped: minor < 4,
            ns_per_tick,
            link: Link::from_number(header.network.0.cast_unsigned()),
        })
    }

    /// Hands over frames until the chunk is full or the file is at its end.
    pub(super) fn read(
        &self,
        window: &mut Window,
        intake: &mut Intake,
        chunk: &mut Chunk,
    ) -> Result<Progress, Fault> {
        if self.big_endian {
            self.read_with(parse_pcap_frame_be, window, intake, chunk)
        } else {
            self.read_with(parse_pcap_frame, window, intake, chunk)
        }
    }

    fn read_with<P>(
        &self,
        parse: P,
        window: &mut Window,
        intake: &mut Intake,
        chunk: &mut Chunk,
    ) -> Result<Progress, Fault>
    where
        P: Fn(&[u8]) -> IResult<&[u8], LegacyPcapBlock<'_>, PcapError<&[u8]>>,
    {
        loop {
            let data = window.data();
            let mut rest = data;
            let stop = loop {
                match parse(rest) {
                    Ok((behind, record)) => {
                        if self.lengths_may_be_swapped && record.caplen > record.origlen {
                            break Stop::Swapped;
                        }
                        if !self.offer(&record, intake, chunk) {
                            break Stop::Full;
                        }
                        rest = behind;
                    }
                    Err(nom::Err::Incomplete(nom::Needed::Size(more))) => {
                        break Stop::Needs(rest.len() + more.get());
                    }
                    Err(_) => break Stop::Broken,
                }
            };
            let done = data.len() - rest.len();
            window.consume(done);
            match stop {
                Stop::Full => return Ok(Progress::ChunkFull),
                Stop::Broken => return Err(Fault::Damage(Damage::Header)),
                Stop::Swapped => return Err(Fault::Damage(Damage::SwappedLengths)),
                Stop::Needs(bytes) if bytes > RECORD_MAX_BYTES => {
                    return Err(Fault::Damage(Damage::RecordTooLong(bytes as u64)));
                }
                Stop::Needs(bytes) => {
                    if !window.fill(bytes)? {
                        // What is left does not make a record: the tail was cut.
                        intake.tally.truncated |= !window.data().is_empty();
                        return Ok(Progress::End);
                    }
                }
            }
        }
    }

    #[inline]
    fn offer(&self, record: &LegacyPcapBlock<'_>, intake: &mut Intake, chunk: &mut Chunk) -> bool {
        let frame = Record {
            link: self.link,
            original_bytes: record.origlen,
            captured: record.data,
        };
        intake.offer(chunk, &frame, || {
            let seconds_ns = u64::from(record.ts_sec) * NS_PER_SECOND;
            Some(seconds_ns + u64::from(record.ts_usec) * self.ns_per_tick)
        })
    }
}

/// Why the records at hand came to an end.
enum Stop {
    Full,
    Broken,
    Swapped,
    /// So many bytes must be at hand for the next step.
    Needs(usize),
}
