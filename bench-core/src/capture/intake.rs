//! Where the formats hand over their frames: classified, counted, and copied into the chunk.

use std::io;

use super::Limits;
use super::checksum;
use super::chunk::Chunk;
use super::error::Damage;
use super::link::{Link, ip_packet};
use super::mss::MssTable;
use super::segments::{Cut, TcpPacket};
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

/// Limits, the account, and what is known of the flows.
pub(super) struct Intake {
    pub(super) limits: Limits,
    pub(super) tally: Tally,
    mss: MssTable,
    /// How far the super-frame at hand was cut before the chunk was full.
    under_way: Option<Cut>,
    /// A packet of which something is written anew on its way into the chunk.
    rewritten: Vec<u8>,
}

impl Intake {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            tally: Tally::default(),
            mss: MssTable::default(),
            under_way: None,
            rewritten: Vec::new(),
        }
    }

    /// Classifies and counts one frame, and copies it if it is to be replayed, a super-frame cut
    /// into segments. False where the chunk is full: the frame is to be offered again, and the
    /// segments of it that are in the chunk already are not handed out twice. An empty chunk
    /// takes one packet of any length.
    #[inline]
    pub(super) fn offer(
        &mut self,
        chunk: &mut Chunk,
        record: &Record<'_>,
        time_ns: impl FnOnce() -> Option<u64>,
    ) -> bool {
        match self.classify(record) {
            Ok(packet) if packet.len() > self.limits.ingress_mtu => {
                return self.cut(chunk, packet, time_ns());
            }
            Ok(_) if self.has_enough() => self.leave_out(LeftOut::OverMaxPackets),
            Ok(packet) => {
                if !self.has_room(chunk, packet.len()) {
                    return false;
                }
                self.mss.learn(packet);
                self.tally.frames_read += 1;
                self.replay_as_sent(chunk, packet, time_ns());
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

    /// Most memory held: the flows, and a buffer of twice the longest packet.
    pub(super) const HELD_MAX_BYTES: usize = MssTable::HELD_MAX_BYTES + 2 * (u16::MAX as usize + 1);

    /// Memory held, but for the limits and the account.
    pub(super) fn held_bytes(&self) -> usize {
        self.mss.held_bytes() + self.rewritten.capacity()
    }

    #[inline]
    fn classify<'a>(&self, record: &Record<'a>) -> Result<&'a [u8], LeftOut> {
        if record.link == Link::Unsupported {
            return Err(LeftOut::LinkType);
        }
        if record.captured.len() < record.original_bytes as usize {
            return Err(LeftOut::Snapped);
        }
        ip_packet(record.link, record.captured, self.limits.ingress_mtu)
    }

    #[inline]
    fn has_enough(&self) -> bool {
        let most = self.limits.max_packets;
        most.is_some_and(|most| self.tally.frames_replayed >= most)
    }

    #[inline]
    fn has_room(&self, chunk: &Chunk, packet_bytes: usize) -> bool {
        let used = chunk.used_bytes() + packet_bytes + Chunk::INDEX_BYTES;
        used <= self.limits.chunk_bytes || chunk.is_empty()
    }

    /// Replays a packet as the card of its host sent it.
    #[inline]
    fn replay_as_sent(&mut self, chunk: &mut Chunk, packet: &[u8], time_ns: Option<u64>) {
        let Some(header_bytes) = checksum::left_out(packet) else {
            return self.replay(chunk, packet, time_ns);
        };
        let mut filled = std::mem::take(&mut self.rewritten);
        checksum::write_filled(packet, header_bytes, &mut filled);
        self.tally.checksums_filled += 1;
        self.replay(chunk, &filled, time_ns);
        self.rewritten = filled;
    }

    #[inline]
    fn replay(&mut self, chunk: &mut Chunk, packet: &[u8], time_ns: Option<u64>) {
        chunk.push(packet, time_ns);
        self.tally.frames_replayed += 1;
        self.tally.inner_bytes += packet.len() as u64;
    }

    /// Cuts a packet longer than the ingress MTU, where a network card would. The segments
    /// behind the last packet that may be replayed are left out one by one.
    #[cold]
    fn cut(&mut self, chunk: &mut Chunk, packet: &[u8], time_ns: Option<u64>) -> bool {
        let Some((packet, mut cut)) = self.begin_or_resume(packet) else {
            return true;
        };
        let mut segment = std::mem::take(&mut self.rewritten);
        while let Some(bytes) = packet.next_bytes(&cut) {
            let has_enough = self.has_enough();
            if !has_enough && !self.has_room(chunk, bytes) {
                self.under_way = Some(cut);
                break;
            }
            packet.write_next(&mut cut, &mut segment);
            self.tally.segments += 1;
            if has_enough {
                self.tally.left_out.add(LeftOut::OverMaxPackets);
            } else {
                self.replay(chunk, &segment, time_ns);
            }
        }
        self.rewritten = segment;
        self.under_way.is_none()
    }

    /// The super-frame, counted if it is a new one; `None`, and counted, where it is left out.
    fn begin_or_resume<'a>(&mut self, packet: &'a [u8]) -> Option<(TcpPacket<'a>, Cut)> {
        let tcp = TcpPacket::parse(packet);
        if let (Some(tcp), Some(cut)) = (&tcp, self.under_way.take()) {
            return Some((tcp.clone(), cut));
        }
        let mtu = self.limits.ingress_mtu;
        let cut = tcp.as_ref().and_then(|tcp| tcp.cut(self.mss.of(tcp), mtu));
        let Some(begun) = tcp.zip(cut) else {
            self.leave_out(LeftOut::OverIngressMtu);
            return None;
        };
        if self.has_enough() {
            self.leave_out(LeftOut::OverMaxPackets);
            return None;
        }
        self.tally.frames_read += 1;
        self.tally.super_frames += 1;
        Some(begun)
    }
}
