//! Where the formats hand over their frames: classified, counted, and copied into the chunk.

use std::io;

use super::Limits;
use super::chunk::Chunk;
use super::error::Damage;
use super::link::{Link, ip_packet};
use super::tally::{LeftOut, Tally};

/// One frame as a format found it.
pub(super) struct Record<'a> {
    pub(super) link: Link,
    /// Bytes that the frame had on the wire, as far as the file says.
    pub(super) original_bytes: u32,
    pub(super) captured: &'a [u8],
}

/// Why a format stopped handing over frames.
pub(super) enum Progress {
    /// The chunk has no room for the next frame, which has not been consumed.
    ChunkFull,
    /// The file is at its end.
    End,
}

/// What a format cannot read past.
pub(super) enum Fault {
    Io(io::Error),
    Damage(Damage),
    /// A section of a version that is not known.
    Version {
        major: u16,
        minor: u16,
    },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Limits and the account.
pub(super) struct Intake {
    pub(super) limits: Limits,
    pub(super) tally: Tally,
}

impl Intake {
    /// Classifies and counts one frame, and copies it if it is to be replayed. False, and nothing
    /// is counted, where the chunk is full; an empty chunk takes one packet of any length.
    #[inline]
    pub(super) fn offer(
        &mut self,
        chunk: &mut Chunk,
        record: &Record<'_>,
        time_ns: impl FnOnce() -> Option<u64>,
    ) -> bool {
        match self.classify(record) {
            Ok(packet) => {
                let used = chunk.used_bytes() + packet.len() + Chunk::INDEX_BYTES;
                if used > self.limits.chunk_bytes && !chunk.is_empty() {
                    return false;
                }
                chunk.push(packet, time_ns());
                self.tally.frames_read += 1;
                self.tally.frames_replayed += 1;
                self.tally.inner_bytes += packet.len() as u64;
            }
            Err(reason) => self.leave_out(reason),
        }
        true
    }

    /// Counts one frame that is not replayed.
    pub(super) fn leave_out(&mut self, reason: LeftOut) {
        self.tally.frames_read += 1;
        self.tally.left_out.add(reason);
    }

    #[inline]
    fn classify<'a>(&self, record: &Record<'a>) -> Result<&'a [u8], LeftOut> {
        if record.link == Link::Unsupported {
            return Err(LeftOut::LinkType);
        }
        if record.captured.len() < record.original_bytes as usize {
            return Err(LeftOut::Snapped);
        }
        let packet = ip_packet(record.link, record.captured, self.limits.ingress_mtu)?;
        match self.limits.max_packets {
            Some(most) if self.tally.frames_replayed >= most => Err(LeftOut::OverMaxPackets),
            _ => Ok(packet),
        }
    }
}
