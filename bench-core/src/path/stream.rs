//! Records in a TCP connection, without a TCP stack: what a segment costs to write and to read,
//! and what a record costs that needs two. The connection is open, nothing is lost, and the
//! other direction is idle: what acknowledgements, retransmissions, timers and the sockets'
//! copies cost is not measured.
//!
//! A sender begins a segment with every record, as a program does that writes one record a call
//! and does not wait for more (`TCP_NODELAY`, or an idle connection); a record longer than what
//! a segment carries goes on in further ones.
//!
//! A receiver takes the octet that it waits for and nothing else: a segment behind a gap, or one
//! that was taken before, is refused as [`Reason::OutOfSequence`] until the missing one comes.
//! Octets that were taken are acknowledged and never come again, so they are held until their
//! record is whole; the frame that brought them is dropped as [`Reason::Held`], and the frame
//! that brings the last of them carries the record. A record ends where a segment ends: octets
//! behind it make both [`Reason::BadRecord`], and so does a length that no record has. What was
//! held is thrown away then, and the next octet is taken for the beginning of a record.

use std::net::SocketAddrV4;

use super::overhead::Segments;
use super::underlay::{FAR, Family, Inner, NEAR, OuterWriter, Underlay};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::wire::{ipv4, protocol, tcp};

/// What both ends announced, less 40: the MTU of Ethernet (RFC 9293, 3.7.1).
const MTU_BYTES: usize = 1500;
/// What has been received of the other direction; nothing more comes.
const ACKNOWLEDGED: u32 = 1;
/// Octets that the other end may still send: as many as a header can say without scaling.
const WINDOW: u16 = u16::MAX;
/// Octets of the longest record here: a length of 16 bits, and itself.
const LONGEST_RECORD_BYTES: usize = 2 + u16::MAX as usize;
const UNDERLAY: Underlay = Underlay::ip(Family::V4, protocol::TCP);
/// Where both addresses stand in an IPv4 header.
const ADDRESSES: std::ops::Range<usize> = 12..20;

/// How records travel in a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Source and destination port.
    pub ports: (u16, u16),
    /// Whether every segment has the timestamps option (RFC 7323, 3).
    pub timestamps: bool,
}

impl Stream {
    /// Octets in front of every segment's: IPv4, TCP and its options.
    pub const fn header_bytes(self) -> usize {
        let options = if self.timestamps {
            tcp::TIMESTAMPS_BYTES
        } else {
            0
        };
        ipv4::HEADER_BYTES + tcp::HEADER_BYTES + options
    }

    /// How its packets are cut.
    pub const fn segments(self) -> Segments {
        Segments {
            header_bytes: self.header_bytes(),
            payload_bytes: MTU_BYTES - self.header_bytes(),
        }
    }
}

/// The sender's end of a connection.
pub struct StreamWriter {
    outer: OuterWriter,
    template: tcp::Template,
    segments: Segments,
    pub(super) next_sequence: u32,
}

impl StreamWriter {
    /// An end whose next octet has this number.
    pub fn new(stream: Stream, sequence: u32) -> Self {
        let (source, destination) = stream.ports;
        Self {
            outer: OuterWriter::new(UNDERLAY, MTU_BYTES),
            template: tcp::Template::new(
                SocketAddrV4::new(NEAR, source),
                SocketAddrV4::new(FAR, destination),
                ACKNOWLEDGED,
                WINDOW,
                stream.timestamps,
            ),
            segments: stream.segments(),
            next_sequence: sequence,
        }
    }

    /// Makes segments of a record. The frame holds room for one header, the record, and room for
    /// the other headers behind it ([`Segments::further_header_bytes`]).
    #[inline(always)]
    pub fn write(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let Segments {
            header_bytes,
            payload_bytes,
        } = self.segments;
        let segment_bytes = header_bytes + payload_bytes;
        let packets = frame.bytes_mut();
        let further = packets.len().saturating_sub(1) / segment_bytes;
        // The last one first: each moves behind where the one before it ends now.
        for at in (1..=further).rev() {
            let from = header_bytes + at * payload_bytes;
            let to = at * segment_bytes + header_bytes;
            let bytes = payload_bytes.min(packets.len().saturating_sub(to));
            packets.copy_within(from..from + bytes, to);
        }
        for (at, packet) in packets.chunks_mut(segment_bytes).enumerate() {
            let total_bytes = packet.len();
            let split = packet.split_at_mut_checked(ipv4::HEADER_BYTES);
            let (outer, segment) = split.ok_or(Reason::NoRoom)?;
            self.outer.write(outer, total_bytes, Inner::UNSEEN)?;
            let is_last = at == further;
            self.template.emit(segment, self.next_sequence, is_last)?;
            let payload_bytes = (total_bytes - header_bytes) as u32;
            self.next_sequence = self.next_sequence.wrapping_add(payload_bytes);
        }
        if further > 0 {
            frame.cut(further + 1, segment_bytes);
        }
        Ok(())
    }
}

/// The receiver's end of a connection.
pub struct StreamReader {
    port: u16,
    not_ours: Reason,
    /// Number of the next octet.
    pub(super) expected: u32,
    /// Octets of a record that is not whole yet. Its memory is never given back.
    held: Vec<u8>,
}

/// Octets of the record that begins like this; `None` where too little of it is there to tell.
pub type RecordLength = fn(&[u8]) -> Result<Option<usize>, Reason>;

impl StreamReader {
    /// An end that waits for the octet with this number. `not_ours` is what a packet is called
    /// that belongs to no connection here.
    pub fn new(stream: Stream, sequence: u32, not_ours: Reason) -> Self {
        Self {
            port: stream.ports.1,
            not_ours,
            expected: sequence,
            held: Vec::with_capacity(LONGEST_RECORD_BYTES),
        }
    }

    /// Takes what the segments of a frame carry, and leaves a whole record in it, or a reason.
    #[inline(always)]
    pub fn take(&mut self, frame: &mut Frame<'_>, length: RecordLength) -> Result<(), Reason> {
        let segment_bytes = match frame.segment_bytes {
            0 => frame.len(),
            bytes => bytes as usize,
        };
        frame.join();
        let (start, end, refused) = self.join(frame.bytes_mut(), segment_bytes);
        frame.keep(start, end - start);
        if let Some(reason) = refused {
            self.hold(frame.bytes())?;
            return Err(reason);
        }
        if frame.is_empty() {
            return Err(Reason::Acknowledgement);
        }
        if self.held.is_empty() && is_whole(frame.bytes(), length)? {
            return Ok(());
        }
        self.complete(frame, length)
    }

    /// Joins what segments of `segment_bytes` carry behind the first one's header: from where to
    /// where it stands, and why no more of it is there.
    #[inline(always)]
    fn join(&mut self, packets: &mut [u8], segment_bytes: usize) -> (usize, usize, Option<Reason>) {
        let (mut start, mut end, mut at) = (0, 0, 0);
        loop {
            let behind = (at + segment_bytes).min(packets.len());
            match self.segment(&packets[at..behind]) {
                Ok((from, to)) if at == 0 => (start, end) = (from, to),
                Ok((from, to)) => {
                    packets.copy_within(at + from..at + to, end);
                    end += to - from;
                }
                Err(reason) => return (start, end, Some(reason)),
            }
            at = behind;
            if at == packets.len() {
                return (start, end, None);
            }
        }
    }

    /// From where to where in a packet the octets stand that are waited for.
    #[inline(always)]
    fn segment(&mut self, packet: &[u8]) -> Result<(usize, usize), Reason> {
        let outer = UNDERLAY.read(packet, self.not_ours)?;
        let segment = &packet[outer.header_bytes..outer.total_bytes];
        let header = tcp::Header::parse(&packet[ADDRESSES], segment)?;
        if header.destination != self.port {
            return Err(self.not_ours);
        }
        if header.sequence != self.expected {
            return Err(Reason::OutOfSequence);
        }
        let from = outer.header_bytes + header.header_bytes;
        let bytes = (outer.total_bytes - from) as u32;
        self.expected = self.expected.wrapping_add(bytes);
        Ok((from, outer.total_bytes))
    }

    /// Keeps octets whose record is not whole.
    fn hold(&mut self, octets: &[u8]) -> Result<(), Reason> {
        if self.held.len() + octets.len() > LONGEST_RECORD_BYTES {
            self.held.clear();
            return Err(Reason::BadRecord);
        }
        self.held.extend_from_slice(octets);
        Ok(())
    }

    /// Adds the frame's octets to what is held, and takes the record out where it is whole now.
    #[inline(never)]
    fn complete(&mut self, frame: &mut Frame<'_>, length: RecordLength) -> Result<(), Reason> {
        let more_bytes = self.held.len();
        self.hold(frame.bytes())?;
        match is_whole(&self.held, length) {
            Ok(false) => return Err(Reason::Held),
            Ok(true) => {}
            Err(reason) => {
                self.held.clear();
                return Err(reason);
            }
        }
        let has_room = frame.push_back(more_bytes).is_some();
        if has_room {
            frame.bytes_mut().copy_from_slice(&self.held);
        }
        self.held.clear();
        if has_room {
            Ok(())
        } else {
            Err(Reason::NoRoom)
        }
    }
}

/// Whether octets are one whole record.
#[inline(always)]
fn is_whole(octets: &[u8], length: RecordLength) -> Result<bool, Reason> {
    match length(octets)? {
        Some(bytes) if bytes < octets.len() => Err(Reason::BadRecord),
        Some(bytes) => Ok(bytes == octets.len()),
        None => Ok(false),
    }
}
