//! What tunnels of records share, whatever the record: forward, then make a packet a record, seal
//! it and hand it to what carries it; take a record from there, open it, take the packet out,
//! then forward.
//!
//! The program at such an end of a tunnel sits on a socket: outer headers are the socket's and
//! know nothing of the packet inside, see [`Inner::UNSEEN`]; and no mark that the outer header
//! collected on its way reaches it.

use super::forward::{Forwarder, Rules};
use super::jobs::{CHUNK, Jobs};
use super::overhead::Overhead;
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
    /// Whether the replay window is asked before the record is opened, and not only after.
    const CHECKS_BEFORE_OPENING: bool;

    /// Octets in front of the packet, outer headers included, and behind.
    fn overhead(&self) -> Overhead;
    /// Writes what stands around the packet into `record`, which has room for it: the packet is
    /// in place. Offsets of the job count from there.
    fn write(&self, number: u64, record: &mut [u8]) -> Result<Job, Reason>;
    /// Reads what stands around the text of a whole record.
    fn read(&self, record: &[u8]) -> Result<Job, Reason>;
    /// The number in the job of a record that was read.
    fn number(&self, job: &Job) -> u64;
    /// Where the packet stands in text that is authentic: octets in front of it and behind.
    fn unwrap(&self, text: &[u8]) -> Result<(usize, usize), Reason>;
}

/// What carries records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Outer headers.
    pub underlay: Underlay,
    /// What a packet is called that does not belong to the tunnel.
    pub not_ours: Reason,
}

impl Carrier {
    /// Octets of outer headers.
    pub const fn bytes(self) -> usize {
        self.underlay.bytes()
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
    carrier: Carrier,
    outer: OuterWriter,
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
                carrier,
                outer: OuterWriter::new(carrier.underlay, setup.outer_mtu),
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
        let added_bytes = self.overhead.added_bytes(frame.len());
        let (front_bytes, back_bytes) = (self.overhead.front, added_bytes - self.overhead.front);
        frame.push_back(back_bytes).ok_or(Reason::NoRoom)?;
        frame.push_front(front_bytes).ok_or(Reason::NoRoom)?;
        let total_bytes = frame.len();
        let outer_bytes = self.carrier.bytes();
        let split = frame.bytes_mut().split_at_mut_checked(outer_bytes);
        let (outer, record) = split.ok_or(Reason::NoRoom)?;
        let job = self.record.write(number, record)?;
        self.outer.write(outer, total_bytes, Inner::UNSEEN)?;
        // Nothing fails any more: only now the number is used up.
        self.next_number = number + 1;
        frame.over_mtu |= self.outer.is_over_mtu(total_bytes);
        let outer_bytes = outer_bytes as u32;
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
    carrier: Carrier,
    window: ReplayWindow,
    jobs: Jobs,
}

impl<C: Cipher, R: Record> Opener<C, R> {
    /// A receiver that has received nothing yet.
    pub fn new(setup: &Setup, cipher: C, carrier: Carrier, record: R) -> Self {
        Self {
            cipher,
            record,
            carrier,
            window: ReplayWindow::new(setup.replay_window),
            jobs: Jobs::new(),
        }
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
            carrier,
            window,
            jobs,
        } = self;
        let jobs = jobs.fill(chunk, |frame, at| {
            take_datagram(*carrier, frame)?;
            let job = record.read(frame.bytes())?;
            if R::CHECKS_BEFORE_OPENING {
                window.check(record.number(&job))?;
            }
            Ok(Job { frame: at, ..job })
        });
        cipher.open(chunk, jobs);
        for job in jobs {
            let Some(frame) = chunk.get_mut(job.frame as usize).filter(|f| f.is_carried()) else {
                continue;
            };
            let taken = window.accept(record.number(job));
            if let Err(reason) = taken.and_then(|()| take_out(record, frame, job)) {
                frame.drop_as(reason);
            }
        }
    }
}

/// Takes the outer headers away, and what the link padded the packet with.
#[inline(always)]
fn take_datagram(carrier: Carrier, frame: &mut Frame<'_>) -> Result<(), Reason> {
    let outer = carrier.underlay.read(frame.bytes(), carrier.not_ours)?;
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
