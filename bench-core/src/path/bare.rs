//! The cipher alone: what a library takes for the bytes that ESP would give it. A yardstick:
//! the path's own share is its time less forwarding less this.

use super::framing::Framing;
use super::jobs::{CHUNK, Jobs};
use super::overhead::Overhead;
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, Job, KeyLength, Layout, NONCE_BYTES};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::sa::{InboundSa, Keys, Numbers, OutboundSa};
use crate::wire::{esp, total_bytes};

/// Bytes around a packet: those that the cipher works on.
pub const fn overhead(layout: Layout) -> Overhead {
    let tunnel = Framing::PLAIN.overhead(layout);
    Overhead {
        front: if layout.covers_header {
            esp::HEADER_BYTES + layout.iv.bytes()
        } else {
            0
        },
        ..tunnel
    }
}

/// The same for the text of another tunnel than plain ESP: as many octets as that one seals.
#[must_use]
pub const fn over_text(bare: Overhead, tunnel: Overhead) -> Overhead {
    Overhead {
        alignment: tunnel.alignment,
        padded_most: tunnel.padded_most,
        trailer: tunnel.sealed_front + tunnel.trailer,
        ..bare
    }
}

/// What stands behind the packet in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// Padding and trailer of ESP, which say how long they are.
    Esp,
    /// So many octets.
    Fixed(usize),
    /// Padding, which the packet's own length tells.
    Padding,
}

impl Tail {
    fn of(overhead: Overhead) -> Self {
        match (overhead.alignment, overhead.trailer) {
            (1, bytes) => Self::Fixed(bytes),
            (_, esp::TRAILER_BYTES) => Self::Esp,
            _ => Self::Padding,
        }
    }

    /// Takes away what was added.
    #[inline(always)]
    fn unpad(self, frame: &mut Frame<'_>, job: &Job) -> Result<(), Reason> {
        let (start, text_bytes) = (job.text_start as usize, job.text_len as usize);
        let inner_bytes = match self {
            Self::Esp => return unpad(frame, job),
            Self::Fixed(bytes) => text_bytes.checked_sub(bytes),
            Self::Padding => frame.bytes().get(start..).and_then(total_bytes),
        };
        let is_kept = inner_bytes.is_some_and(|bytes| frame.keep(start, bytes));
        is_kept.then_some(()).ok_or(Reason::Truncated)
    }
}

/// Seals from the first byte of the packet to the end of its padding and trailer, one call
/// of the library a packet and as little around it as can be; a library that works on several
/// packets side by side gets as many as a path would give it. Where header and IV are
/// authenticated where they stand, there is room for them, with whatever it holds.
pub struct Bare<C> {
    outbound: OutboundSa<C>,
    inbound: InboundSa<C>,
    overhead: Overhead,
    tail: Tail,
    jobs: Jobs,
    sealed: u64,
    opened: u64,
}

impl<C: Cipher> Bare<C> {
    /// Expands the key twice, once for each end. The overhead is [`overhead`]'s, or
    /// [`over_text`]'s of it.
    pub fn new(setup: &Setup, keys: &Keys, overhead: Overhead) -> Result<Self, KeyLength> {
        Ok(Self {
            outbound: OutboundSa::new(keys, Numbers::Sent)?,
            inbound: InboundSa::new(keys, Numbers::Sent, setup.replay_window)?,
            overhead,
            tail: Tail::of(overhead),
            jobs: Jobs::new(),
            sealed: 0,
            opened: 0,
        })
    }

    #[inline(always)]
    fn seal(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let job = pad(
            &self.outbound,
            self.overhead,
            self.tail,
            &mut self.sealed,
            frame,
            0,
        )?;
        self.outbound.cipher.seal_one(frame.bytes_mut(), &job)
    }

    #[inline(always)]
    fn open(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let job = look(&self.inbound, self.overhead, &mut self.opened, frame, 0);
        self.inbound.cipher.open_one(frame.bytes_mut(), &job)?;
        self.tail.unpad(frame, &job)
    }

    #[inline(always)]
    fn seal_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let (overhead, tail, sealed) = (self.overhead, self.tail, &mut self.sealed);
        let jobs = self.jobs.fill(chunk, |frame, at| {
            pad(&self.outbound, overhead, tail, sealed, frame, at)
        });
        self.outbound.cipher.seal(chunk, jobs);
    }

    #[inline(always)]
    fn open_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let (overhead, opened) = (self.overhead, &mut self.opened);
        let jobs = self.jobs.fill(chunk, |frame, at| {
            Ok(look(&self.inbound, overhead, opened, frame, at))
        });
        self.inbound.cipher.open(chunk, jobs);
        for job in jobs {
            let frame = chunk.get_mut(job.frame as usize);
            if let Some(frame) = frame.filter(|frame| frame.is_carried())
                && let Err(reason) = self.tail.unpad(frame, job)
            {
                frame.drop_as(reason);
            }
        }
    }
}

/// Pads a packet and says what is to be sealed of it.
#[inline(always)]
fn pad<C: Cipher>(
    outbound: &OutboundSa<C>,
    overhead: Overhead,
    tail: Tail,
    sealed: &mut u64,
    frame: &mut Frame<'_>,
    at: u32,
) -> Result<Job, Reason> {
    let padding = overhead.padding_bytes(frame.len());
    let back = frame.push_back(padding + overhead.trailer + C::LAYOUT.icv_bytes);
    let back = back.ok_or(Reason::NoRoom)?;
    if tail == Tail::Esp && !esp::write_tail(back, padding, esp::NEXT_IPV4) {
        return Err(Reason::NoRoom);
    }
    if C::LAYOUT.covers_header {
        frame.push_front(overhead.front).ok_or(Reason::NoRoom)?;
    }
    *sealed += 1;
    let nonce = outbound.nonce(sealed.to_be_bytes());
    Ok(job::<C>(overhead, &nonce, frame.len(), at))
}

/// What is to be opened of a packet.
#[inline(always)]
fn look<C: Cipher>(
    inbound: &InboundSa<C>,
    overhead: Overhead,
    opened: &mut u64,
    frame: &Frame<'_>,
    at: u32,
) -> Job {
    *opened += 1;
    let nonce = inbound.nonce(opened.to_be_bytes());
    job::<C>(overhead, &nonce, frame.len(), at)
}

/// Takes away what was added.
#[inline(always)]
pub(super) fn unpad(frame: &mut Frame<'_>, job: &Job) -> Result<(), Reason> {
    let (start, end) = (job.text_start as usize, job.icv_start as usize);
    let Some(&[.., padding, _]) = frame.bytes().get(start..end) else {
        return Err(Reason::Truncated);
    };
    let inner = (end - start).checked_sub(usize::from(padding) + esp::TRAILER_BYTES);
    if inner.is_some_and(|inner| frame.keep(start, inner)) {
        Ok(())
    } else {
        Err(Reason::Truncated)
    }
}

/// The job of a packet of so many octets.
#[inline(always)]
fn job<C: Cipher>(
    overhead: Overhead,
    nonce: &[u8; NONCE_BYTES],
    packet_bytes: usize,
    at: u32,
) -> Job {
    let front = overhead.front;
    let text_len = packet_bytes.saturating_sub(front + C::LAYOUT.icv_bytes);
    let mut job = Job {
        frame: at,
        text_start: front as u32,
        text_len: text_len as u32,
        icv_start: (front + text_len) as u32,
        nonce: *nonce,
        aad_len: 8,
        header_bytes: front as u8,
        ..Job::default()
    };
    job.aad[..8].copy_from_slice(&nonce[4..]);
    job
}

impl<C: Cipher> PacketPath for Bare<C> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        if C::SIDE_BY_SIDE {
            burst
                .chunks_mut(CHUNK)
                .for_each(|chunk| self.seal_chunk(chunk));
            return;
        }
        for frame in burst.iter_mut().filter(|f| f.is_carried()) {
            if let Err(reason) = self.seal(frame) {
                frame.drop_as(reason);
            }
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        if C::SIDE_BY_SIDE {
            burst
                .chunks_mut(CHUNK)
                .for_each(|chunk| self.open_chunk(chunk));
            return;
        }
        for frame in burst.iter_mut().filter(|f| f.is_carried()) {
            if let Err(reason) = self.open(frame) {
                frame.drop_as(reason);
            }
        }
    }
}
