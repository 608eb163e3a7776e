//! What tunnels of records share, whatever the record: forward, then make a packet a record, seal
//! it and hand it to what carries it; take a record from there, open it, take the packet out,
//! then forward.
//!
//! What carries records is UDP, a record a datagram, or TCP, see [`super::stream`].
//!
//! The program at such an end of a tunnel sits on a socket: outer headers are the socket's and
//! know nothing of the packet inside, see [`Inner::UNSEEN`]; and no mark that the outer header
//! collected on its way reaches it.

use super::forward::{Forwarder, Rules};
use super::jobs::{CHUNK, Jobs};
use super::overhead::Overhead;
use super::session::first_sequence;
use super::stream::{Stream, StreamReader, StreamWriter};
use super::underlay::{Inner, OuterWriter, Underlay};
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, Job, KeyLength};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::replay_window::ReplayWindow;
use crate::wire::version;

/// How a protocol makes a packet a record: its header, nonce and associated data, and what it
/// puts behind the packet. Holds what both ends agree on, but the key.
pub trait Record {
    /// Number of the first packet.
    const FIRST_NUMBER: u64;
    /// Number of the last: another one would repeat a nonce.
    const LAST_NUMBER: u64;
    /// How a receiver knows a record's number.
    const NUMBERS: Numbers;
    /// What a packet is called that does not belong to the tunnel.
    const NOT_OURS: Reason;

    /// Octets in front of the packet, outer headers included, and behind.
    fn overhead(&self) -> Overhead;
    /// Writes what stands around the packet into `record`, which has room for it: the packet is
    /// in place. Offsets of the job count from there.
    fn write(&self, number: u64, record: &mut [u8]) -> Result<Job, Reason>;
    /// Reads what stands around the text of a whole record, which is the one with the number
    /// `counted` where numbers are not sent.
    fn read(&self, record: &[u8], counted: u64) -> Result<Job, Reason>;
    /// The number that a record was sent with, from its job.
    fn number(&self, job: &Job) -> u64;
    /// Octets of a record that begins like this, its length included; `None` where too little
    /// of it is there. Only a stream asks.
    fn length(octets: &[u8]) -> Result<Option<usize>, Reason>;
    /// Where the packet stands in text that is authentic: octets in front of it and behind.
    fn unwrap(&self, text: &[u8]) -> Result<(usize, usize), Reason>;
}

/// How a receiver knows the number of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// It stands in the record, and a window says which may still come.
    Sent {
        /// Whether the window is asked before the record is opened, and not only after.
        checked_first: bool,
    },
    /// Records come in order: it is one more than the last one's.
    Counted,
}

/// What carries records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// One record a datagram.
    Datagrams(Underlay),
    /// One record behind the other.
    Stream(Stream),
}

impl Carrier {
    /// Octets of the first outer headers.
    pub const fn header_bytes(self) -> usize {
        match self {
            Self::Datagrams(underlay) => underlay.bytes(),
            Self::Stream(stream) => stream.header_bytes(),
        }
    }

    /// Bytes that a tunnel adds whose records have so many octets in front of the packet.
    pub const fn overhead(self, front_bytes: usize) -> Overhead {
        Overhead {
            segments: match self {
                Self::Datagrams(_) => None,
                Self::Stream(stream) => Some(stream.segments()),
            },
            ..Overhead::in_front(self.header_bytes() + front_bytes)
        }
    }
}

/// A pair of gateways with a tunnel of records between them.
pub struct Records<C, R> {
    near: Forwarder,
    sealer: Sealer<C, R>,
    opener: Opener<C, R>,
    far: Forwarder,
}

impl<C: Cipher, R: Record> Records<C, R> {
    /// Both ends; `record` makes the protocol's part of each.
    pub fn new(
        setup: &Setup,
        key: &[u8],
        carrier: Carrier,
        record: impl Fn() -> R,
    ) -> Result<Self, KeyLength> {
        Ok(Self {
            near: Forwarder::new(setup, Rules::Default),
            sealer: Sealer::new(setup, C::new(key)?, carrier, record()),
            opener: Opener::new(setup, C::new(key)?, carrier, record()),
            far: Forwarder::new(setup, Rules::Default),
        })
    }
}

impl<C: Cipher, R: Record> PacketPath for Records<C, R> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.near.forward_burst(chunk);
            self.sealer.seal_chunk(chunk);
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.opener.open_chunk(chunk);
            self.far.forward_burst(chunk);
        }
    }
}

/// The sender's half, behind the forwarding.
pub struct Sealer<C, R> {
    cipher: C,
    envelope: Envelope<R>,
    jobs: Jobs,
}

/// What a sender puts around a packet, and what it counts.
struct Envelope<R> {
    record: R,
    overhead: Overhead,
    next_number: u64,
    header_bytes: usize,
    writer: Writer,
}

/// Hands records to what carries them.
enum Writer {
    Datagrams(OuterWriter),
    Stream(StreamWriter),
}

impl<C: Cipher, R: Record> Sealer<C, R> {
    /// A sender that has sent nothing yet.
    pub fn new(setup: &Setup, cipher: C, carrier: Carrier, record: R) -> Self {
        Self {
            cipher,
            envelope: Envelope {
                overhead: record.overhead(),
                record,
                next_number: R::FIRST_NUMBER,
                header_bytes: carrier.header_bytes(),
                writer: match carrier {
                    Carrier::Datagrams(underlay) => {
                        Writer::Datagrams(OuterWriter::new(underlay, setup.outer_mtu))
                    }
                    Carrier::Stream(stream) => {
                        Writer::Stream(StreamWriter::new(stream, first_sequence(setup)))
                    }
                },
            },
            jobs: Jobs::new(),
        }
    }

    /// The same, whose next packet has this number.
    #[must_use]
    pub fn from_number(mut self, number: u64) -> Self {
        self.envelope.next_number = number;
        self
    }

    /// The same, whose next octet in a stream has this number; datagrams have none.
    #[must_use]
    pub fn from_sequence(mut self, sequence: u32) -> Self {
        if let Writer::Stream(stream) = &mut self.envelope.writer {
            stream.next_sequence = sequence;
        }
        self
    }

    /// Makes records of what the burst still carries, and seals them.
    pub fn seal(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.seal_chunk(chunk);
        }
    }

    #[inline(always)]
    fn seal_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self {
            cipher,
            envelope,
            jobs,
        } = self;
        let jobs = jobs.fill(chunk, |frame, at| envelope.wrap(frame, at));
        cipher.seal(chunk, jobs);
        let Writer::Stream(stream) = &mut envelope.writer else {
            return;
        };
        for job in jobs {
            let Some(frame) = chunk.get_mut(job.frame as usize).filter(|f| f.is_carried()) else {
                continue;
            };
            if let Err(reason) = stream.write(frame) {
                frame.drop_as(reason);
            }
        }
    }
}

impl<R: Record> Envelope<R> {
    /// All but the cipher's work.
    #[inline(always)]
    fn wrap(&mut self, frame: &mut Frame<'_>, at: u32) -> Result<Job, Reason> {
        let number = self.next_number;
        if number > R::LAST_NUMBER {
            return Err(Reason::SequenceExhausted);
        }
        let inner_bytes = frame.len();
        if self
            .overhead
            .longest_inner
            .is_some_and(|most| inner_bytes > most)
        {
            return Err(Reason::TooLong);
        }
        let front_bytes = self.overhead.front;
        let back_bytes = self.overhead.whole_bytes(inner_bytes) - front_bytes;
        frame.push_back(back_bytes).ok_or(Reason::NoRoom)?;
        frame.push_front(front_bytes).ok_or(Reason::NoRoom)?;
        let total_bytes = frame.len();
        let record_end = total_bytes - self.overhead.further_header_bytes(inner_bytes);
        let record = frame.bytes_mut().get_mut(self.header_bytes..record_end);
        let job = self.record.write(number, record.ok_or(Reason::NoRoom)?)?;
        if let Writer::Datagrams(outer) = &mut self.writer {
            let headers = frame.bytes_mut().get_mut(..self.header_bytes);
            outer.write(headers.ok_or(Reason::NoRoom)?, total_bytes, Inner::UNSEEN)?;
            frame.over_mtu |= outer.is_over_mtu(total_bytes);
        }
        // Nothing fails any more: only now the number is used up.
        self.next_number = number + 1;
        let outer_bytes = self.header_bytes as u32;
        Ok(Job {
            frame: at,
            text_start: job.text_start + outer_bytes,
            icv_start: job.icv_start + outer_bytes,
            ..job
        })
    }
}

/// The receiver's half, ahead of the forwarding.
pub struct Opener<C, R> {
    cipher: C,
    record: R,
    reader: Reader,
    window: ReplayWindow,
    /// Number of the next record, where it is not sent.
    counted: u64,
    jobs: Jobs,
}

/// Takes records from what carries them.
enum Reader {
    Datagrams(Underlay, Reason),
    Stream(StreamReader),
}

impl<C: Cipher, R: Record> Opener<C, R> {
    /// A receiver that has received nothing yet.
    pub fn new(setup: &Setup, cipher: C, carrier: Carrier, record: R) -> Self {
        Self {
            cipher,
            record,
            reader: match carrier {
                Carrier::Datagrams(underlay) => Reader::Datagrams(underlay, R::NOT_OURS),
                Carrier::Stream(stream) => {
                    let sequence = first_sequence(setup);
                    Reader::Stream(StreamReader::new(stream, sequence, R::NOT_OURS))
                }
            },
            window: ReplayWindow::new(setup.replay_window),
            counted: R::FIRST_NUMBER,
            jobs: Jobs::new(),
        }
    }

    /// The same, for which the next record has this number, where it is not sent.
    #[must_use]
    pub fn from_number(mut self, number: u64) -> Self {
        self.counted = number;
        self
    }

    /// The same, which waits for the octet with this number; datagrams have none.
    #[must_use]
    pub fn from_sequence(mut self, sequence: u32) -> Self {
        if let Reader::Stream(stream) = &mut self.reader {
            stream.expected = sequence;
        }
        self
    }

    /// Opens what the burst still carries. The replay window moves for what is authentic, and
    /// only then anything inside is believed.
    pub fn open(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.open_chunk(chunk);
        }
    }

    #[inline(always)]
    fn open_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self {
            cipher,
            record,
            reader,
            window,
            counted,
            jobs,
        } = self;
        let jobs = jobs.fill(chunk, |frame, at| {
            match reader {
                Reader::Datagrams(underlay, not_ours) => {
                    take_datagram(*underlay, *not_ours, frame)?;
                }
                Reader::Stream(stream) => stream.take(frame, R::length)?,
            }
            let job = record.read(frame.bytes(), *counted)?;
            match R::NUMBERS {
                Numbers::Sent { checked_first } if checked_first => {
                    window.check(record.number(&job))?;
                }
                Numbers::Sent { .. } => {}
                Numbers::Counted => *counted += 1,
            }
            Ok(Job { frame: at, ..job })
        });
        cipher.open(chunk, jobs);
        for job in jobs {
            let Some(frame) = chunk.get_mut(job.frame as usize).filter(|f| f.is_carried()) else {
                continue;
            };
            let taken = match R::NUMBERS {
                Numbers::Sent { .. } => window.accept(record.number(job)),
                Numbers::Counted => Ok(()),
            };
            if let Err(reason) = taken.and_then(|()| take_out(record, frame, job)) {
                frame.drop_as(reason);
            }
        }
    }
}

/// Takes the outer headers away, and what the link padded the packet with.
#[inline(always)]
fn take_datagram(
    underlay: Underlay,
    not_ours: Reason,
    frame: &mut Frame<'_>,
) -> Result<(), Reason> {
    let outer = underlay.read(frame.bytes(), not_ours)?;
    let record_bytes = outer.total_bytes - outer.header_bytes;
    frame.keep(outer.header_bytes, record_bytes);
    Ok(())
}

/// Takes the packet out of a record that was opened. A tunnel device takes IPv4 and IPv6 and
/// tells them by the first four bits.
#[inline(always)]
fn take_out<R: Record>(record: &R, frame: &mut Frame<'_>, job: &Job) -> Result<(), Reason> {
    let (start, len) = (job.text_start as usize, job.text_len as usize);
    let text = frame.bytes().get(start..start + len);
    let text = text.ok_or(Reason::Truncated)?;
    let (front, back) = record.unwrap(text)?;
    let inner_bytes = len.checked_sub(front + back).ok_or(Reason::Truncated)?;
    if !matches!(version(&text[front..]), Some(4 | 6)) {
        return Err(Reason::MalformedHeader);
    }
    frame.keep(start + front, inner_bytes);
    Ok(())
}
