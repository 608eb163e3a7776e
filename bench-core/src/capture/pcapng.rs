//! The pcapng format (draft-ietf-opsawg-pcapng): blocks, in sections of their own byte order.
//!
//! pcap-parser parses the blocks that matter; the others are passed over unparsed, of any length
//! and without being buffered. Its dispatcher over all block types is not used, because it
//! underflows on a process information block (0x80000001) of fewer than 12 bytes.

use pcap_parser::nom::IResult;
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{
    BOM_MAGIC, EPB_MAGIC, EnhancedPacketBlock, IDB_MAGIC, InterfaceDescriptionBlock, PcapError,
    SHB_MAGIC, SPB_MAGIC, SimplePacketBlock, UnknownBlock, parse_enhancedpacketblock_be,
    parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_sectionheaderblock, parse_simplepacketblock_be,
    parse_simplepacketblock_le, parse_unknownblock_be, parse_unknownblock_le,
};

use super::chunk::Chunk;
use super::error::Damage;
use super::intake::{Fault, Intake, Progress, Record};
use super::interface::Interface;
use super::source::{RECORD_MAX_BYTES, Window};
use super::tally::LeftOut;

/// First bytes: a section header, the same in both byte orders.
pub(super) const MAGIC: u32 = SHB_MAGIC;

/// Interfaces of one section that are remembered; a file that describes more is damaged.
pub const INTERFACES_MAX: usize = 1 << 16;

/// Packet block, obsolete since 2004, that some files still hold (draft, appendix A).
const OBSOLETE_PACKET: u32 = 2;
/// Type and length in front of a block, length again behind it; a section header tells its byte
/// order in as many bytes.
pub(super) const BLOCK_FRAME_BYTES: usize = 12;
/// Blocks are made of these.
const WORD_BYTES: usize = 4;
/// Where the packet begins in an enhanced packet block (draft, 4.3).
const ENHANCED_DATA_OFFSET: usize = 28;
/// Where the packet begins in a simple packet block (draft, 4.4).
const SIMPLE_DATA_OFFSET: usize = 12;
/// Octets in front of the packet in the body of an obsolete packet block.
const OBSOLETE_FIXED_BYTES: usize = 20;

type Parsed<'a, B> = IResult<&'a [u8], B, PcapError<&'a [u8]>>;

/// What is known of the section that is being read.
#[derive(Default)]
pub(super) struct PcapNg {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

impl PcapNg {
    /// Hands over frames until the chunk is full or the file is at its end.
    pub(super) fn read(
        &mut self,
        window: &mut Window,
        intake: &mut Intake,
        chunk: &mut Chunk,
    ) -> Result<Progress, Fault> {
        loop {
            if !window.fill(BLOCK_FRAME_BYTES)? {
                intake.tally.truncated |= !window.data().is_empty();
                return Ok(Progress::End);
            }
            let (kind, length) = self.block_frame(window.data())?;
            let is_known = matches!(
                kind,
                SHB_MAGIC | IDB_MAGIC | EPB_MAGIC | SPB_MAGIC | OBSOLETE_PACKET
            );
            if is_known && length > RECORD_MAX_BYTES {
                return Err(Fault::Damage(Damage::RecordTooLong(length as u64)));
            }
            let is_whole = if is_known {
                window.fill(length)?
            } else {
                window.skip(length - WORD_BYTES)? && window.fill(WORD_BYTES)?
            };
            if !is_whole {
                intake.tally.truncated = true;
                return Ok(Progress::End);
            }
            let at_hand = if is_known { length } else { WORD_BYTES };
            let block = window.data().get(..at_hand).unwrap_or_default();
            if self.word(block, at_hand - WORD_BYTES) as usize != length {
                return Err(Fault::Damage(Damage::BlockLength));
            }
            if !self.take(kind, block, intake, chunk)? {
                return Ok(Progress::ChunkFull);
            }
            window.consume(at_hand);
        }
    }

    /// A word of a block in the byte order of its section.
    fn word(&self, block: &[u8], offset: usize) -> u32 {
        let bytes = block.get(offset..).and_then(<[u8]>::first_chunk);
        let word = bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes));
        if self.big_endian {
            word.swap_bytes()
        } else {
            word
        }
    }

    /// Type and length of the block at hand. A section header sets the byte order first, since
    /// its own length is in it already; its type reads the same in both.
    fn block_frame(&mut self, data: &[u8]) -> Result<(u32, usize), Fault> {
        let kind = self.word(data, 0);
        if kind == SHB_MAGIC {
            self.big_endian = is_big_endian(data).ok_or(Fault::Damage(Damage::Header))?;
        }
        let length = self.word(data, WORD_BYTES) as usize;
        if length < BLOCK_FRAME_BYTES {
            return Err(Fault::Damage(Damage::BlockLength));
        }
        Ok((kind, length))
    }

    /// Takes in one block; false where the chunk is full.
    #[inline]
    fn take(
        &mut self,
        kind: u32,
        block: &[u8],
        intake: &mut Intake,
        chunk: &mut Chunk,
    ) -> Result<bool, Fault> {
        match kind {
            SHB_MAGIC => self.section(block).map(|()| true),
            IDB_MAGIC => self.interface(block).map(|()| true),
            EPB_MAGIC => Ok(self.enhanced(block, intake, chunk)),
            SPB_MAGIC => Ok(self.simple(block, intake, chunk)),
            OBSOLETE_PACKET => Ok(self.obsolete(block, intake, chunk)),
            _ => Ok(true),
        }
    }

    fn section(&mut self, block: &[u8]) -> Result<(), Fault> {
        let (_, header) =
            parse_sectionheaderblock(block).map_err(|_| Fault::Damage(Damage::Header))?;
        if header.major_version != 1 {
            return Err(Fault::Version {
                major: header.major_version,
                minor: header.minor_version,
            });
        }
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&mut self, block: &[u8]) -> Result<(), Fault> {
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(Fault::Damage(Damage::TooManyInterfaces));
        }
        let parsed: Parsed<InterfaceDescriptionBlock> = if self.big_endian {
            parse_interfacedescriptionblock_be(block)
        } else {
            parse_interfacedescriptionblock_le(block)
        };
        let (_, description) = parsed.map_err(|_| Fault::Damage(Damage::Header))?;
        self.interfaces
            .push(Interface::new(&description, self.big_endian));
        Ok(())
    }

    #[inline]
    fn enhanced(&self, block: &[u8], intake: &mut Intake, chunk: &mut Chunk) -> bool {
        let parsed: Parsed<EnhancedPacketBlock> = if self.big_endian {
            parse_enhancedpacketblock_be(block)
        } else {
            parse_enhancedpacketblock_le(block)
        };
        // By reference: moving the parsed block costs as much as parsing it.
        let Ok((_, packet)) = &parsed else {
            return malformed(intake);
        };
        let packet = Packet {
            interface: packet.if_id,
            ticks: Some(ticks(packet.ts_high, packet.ts_low)),
            original_bytes: packet.origlen,
            captured: block
                .get(ENHANCED_DATA_OFFSET..)
                .and_then(|data| data.get(..packet.caplen as usize)),
        };
        self.offer(&packet, intake, chunk)
    }

    /// A simple packet block belongs to the first interface, has no time, and does not say how
    /// much was captured: the interface's snapshot length does.
    fn simple(&self, block: &[u8], intake: &mut Intake, chunk: &mut Chunk) -> bool {
        let parsed: Parsed<SimplePacketBlock> = if self.big_endian {
            parse_simplepacketblock_be(block)
        } else {
            parse_simplepacketblock_le(block)
        };
        let snapshot = self
            .interfaces
            .first()
            .map_or(0, |first| first.snapshot_bytes);
        let Ok((_, packet)) = &parsed else {
            return malformed(intake);
        };
        let captured = packet.packet_data().len().min(snapshot);
        let packet = Packet {
            interface: 0,
            ticks: None,
            original_bytes: packet.origlen,
            captured: block
                .get(SIMPLE_DATA_OFFSET..)
                .and_then(|data| data.get(..captured)),
        };
        self.offer(&packet, intake, chunk)
    }

    /// pcap-parser has no parser for the obsolete packet block and hands out its body: interface
    /// and drop count (16 bits each), then as in an enhanced one.
    fn obsolete(&self, block: &[u8], intake: &mut Intake, chunk: &mut Chunk) -> bool {
        let parsed: Parsed<UnknownBlock> = if self.big_endian {
            parse_unknownblock_be(block)
        } else {
            parse_unknownblock_le(block)
        };
        let Ok((_, UnknownBlock { data, .. })) = &parsed else {
            return malformed(intake);
        };
        let interface_and_drops = self.word(data, 0);
        let captured = self.word(data, 12) as usize;
        let packet = Packet {
            interface: if self.big_endian {
                interface_and_drops >> 16
            } else {
                interface_and_drops & 0xffff
            },
            ticks: Some(ticks(self.word(data, 4), self.word(data, 8))),
            original_bytes: self.word(data, 16),
            captured: data
                .get(OBSOLETE_FIXED_BYTES..)
                .and_then(|data| data.get(..captured)),
        };
        self.offer(&packet, intake, chunk)
    }

    #[inline(always)]
    fn offer(&self, packet: &Packet<'_>, intake: &mut Intake, chunk: &mut Chunk) -> bool {
        let interface = self.interfaces.get(packet.interface as usize);
        let (Some(interface), Some(captured)) = (interface, packet.captured) else {
            return malformed(intake);
        };
        let record = Record {
            link: interface.link,
            original_bytes: packet.original_bytes,
            captured,
        };
        intake.offer(chunk, &record, || interface.time_ns(packet.ticks?))
    }
}

/// Counts a packet block that cannot be made sense of; it takes no room in a chunk.
#[cold]
fn malformed(intake: &mut Intake) -> bool {
    intake.leave_out(LeftOut::MalformedRecord);
    true
}

/// The fields that the three kinds of packet block have in common.
struct Packet<'a> {
    interface: u32,
    ticks: Option<u64>,
    original_bytes: u32,
    /// `None` where the block is shorter than the packet that it claims to hold.
    captured: Option<&'a [u8]>,
}

fn ticks(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// The byte order of the section whose header begins here; `None` where it is no section header.
pub(super) fn is_big_endian(data: &[u8]) -> Option<bool> {
    let magic: &[u8; 4] = data.get(8..)?.first_chunk()?;
    match u32::from_le_bytes(*magic) {
        BOM_MAGIC => Some(false),
        swapped if swapped.swap_bytes() == BOM_MAGIC => Some(true),
        _ => None,
    }
}
