//! The cipher alone: what a library takes for the bytes that ESP would give it. A yardstick:
//! the path's own share is its time less forwarding less this.

use super::esp::Framing;
use super::overhead::Overhead;
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, Job, KeyLength, Layout};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::sa::{InboundSa, Keys, Numbers, OutboundSa};
use crate::wire::esp;

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

/// Seals from the first byte of the packet to the end of its ESP padding and trailer, one call
/// of the library a packet and as little around it as can be. Where header and IV are
/// authenticated where they stand, there is room for them, with whatever it holds.
pub struct Bare<C> {
    outbound: OutboundSa<C>,
    inbound: InboundSa<C>,
    overhead: Overhead,
    sealed: u64,
    opened: u64,
}

impl<C: Cipher> Bare<C> {
    /// Expands the key twice, once for each end.
    pub fn new(setup: &Setup, keys: &Keys) -> Result<Self, KeyLength> {
        Ok(Self {
            outbound: OutboundSa::new(keys, Numbers::Sent)?,
            inbound: InboundSa::new(keys, Numbers::Sent, setup.replay_window)?,
            overhead: overhead(C::LAYOUT),
            sealed: 0,
            opened: 0,
        })
    }

    #[inline(always)]
    fn seal(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let padding = self.overhead.padding_bytes(frame.len());
        let tail = padding + esp::TRAILER_BYTES;
        let back = frame.push_back(tail + C::LAYOUT.icv_bytes);
        if !esp::write_tail(back.ok_or(Reason::NoRoom)?, padding, esp::NEXT_IPV4) {
            return Err(Reason::NoRoom);
        }
        if C::LAYOUT.covers_header {
            frame
                .push_front(self.overhead.front)
                .ok_or(Reason::NoRoom)?;
        }
        self.sealed += 1;
        let job = self.job(&self.outbound.nonce(self.sealed.to_be_bytes()), frame.len());
        self.outbound.cipher.seal_one(frame.bytes_mut(), &job)
    }

    #[inline(always)]
    fn open(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        self.opened += 1;
        let job = self.job(&self.inbound.nonce(self.opened.to_be_bytes()), frame.len());
        self.inbound.cipher.open_one(frame.bytes_mut(), &job)?;
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
    fn job(&self, nonce: &[u8; crate::cipher::NONCE_BYTES], packet_bytes: usize) -> Job {
        let front = self.overhead.front;
        let text_len = packet_bytes.saturating_sub(front + C::LAYOUT.icv_bytes);
        let mut job = Job {
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
}

impl<C: Cipher> PacketPath for Bare<C> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        for frame in burst.iter_mut().filter(|f| f.is_carried()) {
            if let Err(reason) = self.seal(frame) {
                frame.drop_as(reason);
            }
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for frame in burst.iter_mut().filter(|f| f.is_carried()) {
            if let Err(reason) = self.open(frame) {
                frame.drop_as(reason);
            }
        }
    }
}
