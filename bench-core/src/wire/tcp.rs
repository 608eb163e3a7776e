//! TCP segments (RFC 9293, 3.1) of a connection that was opened before: header, checksum, and the
//! timestamps that most senders add (RFC 7323, 3). Nothing here retransmits or acknowledges.

use std::net::SocketAddrV4;

use super::checksum::{fold, sum};
use super::protocol;
use crate::fate::Reason;

/// Octets of a header without options.
pub const HEADER_BYTES: usize = 20;
/// Octets of the timestamps option and of the two that align it (RFC 7323, 3.2 and appendix A).
pub const TIMESTAMPS_BYTES: usize = 12;
/// Longest header that a sender here writes.
const LONGEST_HEADER_BYTES: usize = HEADER_BYTES + TIMESTAMPS_BYTES;
/// No operation, twice; timestamps, 10 octets.
const TIMESTAMPS: [u8; 4] = [1, 1, 8, 10];
/// Every segment of an open connection has it.
const ACK: u8 = 0x10;
/// And this one, the last segment of what a program wrote (RFC 9293, 3.9.1.2).
const PSH: u8 = 0x08;
/// Finish, synchronise, reset: a segment that opens or ends a connection has one of them.
const OPENS_OR_ENDS: u8 = 0x07;
const SEQUENCE_AT: usize = 4;
const FLAGS_AT: usize = 13;
const CHECKSUM_AT: usize = 16;

/// Segments of one direction: only sequence number and checksum change. The acknowledgement
/// number and the timestamps stand still, as where nothing comes back.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    header: [u8; LONGEST_HEADER_BYTES],
    header_bytes: usize,
    /// Sum of the addresses and the protocol.
    pseudo_sum: u64,
}

impl Template {
    /// Fixes the ends, what was received, how much more may come, and whether there are
    /// timestamps.
    pub fn new(
        source: SocketAddrV4,
        destination: SocketAddrV4,
        acknowledged: u32,
        window: u16,
        timestamps: bool,
    ) -> Self {
        let header_bytes = if timestamps {
            LONGEST_HEADER_BYTES
        } else {
            HEADER_BYTES
        };
        let mut header = [0; LONGEST_HEADER_BYTES];
        header[..2].copy_from_slice(&source.port().to_be_bytes());
        header[2..4].copy_from_slice(&destination.port().to_be_bytes());
        header[8..12].copy_from_slice(&acknowledged.to_be_bytes());
        header[12] = (header_bytes as u8 / 4) << 4;
        header[FLAGS_AT] = ACK;
        header[14..16].copy_from_slice(&window.to_be_bytes());
        header[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&TIMESTAMPS);
        let addresses = [source.ip().octets(), destination.ip().octets()].concat();
        Self {
            header,
            header_bytes,
            pseudo_sum: pseudo_sum(&addresses),
        }
    }

    /// Writes the header into a segment that has room for it in front of what it carries, and
    /// the checksum over all of it. [`Reason::NoRoom`], and nothing is written, where it has not.
    #[inline(always)]
    pub fn emit(&self, segment: &mut [u8], sequence: u32, is_last: bool) -> Result<(), Reason> {
        let length = u16::try_from(segment.len()).map_err(|_| Reason::NoRoom)?;
        let header = segment.get_mut(..self.header_bytes).ok_or(Reason::NoRoom)?;
        header.copy_from_slice(&self.header[..self.header_bytes]);
        header[SEQUENCE_AT..SEQUENCE_AT + 4].copy_from_slice(&sequence.to_be_bytes());
        header[FLAGS_AT] |= if is_last { PSH } else { 0 };
        let total = self.pseudo_sum + u64::from(length.to_be()) + u64::from(sum(segment));
        let checksum = !fold(total);
        segment[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&checksum.to_ne_bytes());
        Ok(())
    }
}

/// Sum of what a segment's checksum covers outside of it, but its length: addresses of both
/// ends, one behind the other as in the IP header, and the protocol (RFC 9293, 3.1).
#[inline(always)]
pub fn pseudo_sum(addresses: &[u8]) -> u64 {
    u64::from(sum(addresses)) + u64::from(u16::from(protocol::TCP).to_be())
}

/// What a receiver acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Port that it is sent to.
    pub destination: u16,
    /// Number of the first octet that it carries.
    pub sequence: u32,
    /// Octets of the header, options included: 20 to 60.
    pub header_bytes: usize,
}

impl Header {
    /// Reads and verifies a whole segment, given source and destination address as they stand in
    /// the IPv4 header. [`Reason::ControlMessage`] for one that opens or ends a connection.
    #[inline(always)]
    pub fn parse(addresses: &[u8], segment: &[u8]) -> Result<Self, Reason> {
        let header = segment
            .first_chunk::<HEADER_BYTES>()
            .ok_or(Reason::Truncated)?;
        let [_, _, d0, d1, s0, s1, s2, s3, _, _, _, _, offset, flags, ..] = *header;
        let header_bytes = usize::from(offset >> 4) * 4;
        if header_bytes < HEADER_BYTES || header_bytes > segment.len() {
            return Err(Reason::MalformedHeader);
        }
        let length = u16::try_from(segment.len()).map_err(|_| Reason::MalformedHeader)?;
        let pseudo_sum = pseudo_sum(addresses) + u64::from(length.to_be());
        if fold(pseudo_sum + u64::from(sum(segment))) != 0xffff {
            return Err(Reason::BadSegmentChecksum);
        }
        if flags & (OPENS_OR_ENDS | ACK) != ACK {
            return Err(Reason::ControlMessage);
        }
        Ok(Self {
            destination: u16::from_be_bytes([d0, d1]),
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            header_bytes,
        })
    }
}
