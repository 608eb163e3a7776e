//! The cipher alone: what a library takes for the bytes that ESP would give it. A yardstick:
//! the path's own share is its time less forwarding less this.

use super::esp::Framing;
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, ICV_BYTES, KeyLength};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::sa::{InboundSa, Keys, Numbers, OutboundSa};
use crate::wire::esp;

/// Seals from the first byte of the packet to the end of its ESP padding and trailer, one call
/// of the library a packet and as little around it as can be.
pub struct Bare<C> {
    outbound: OutboundSa<C>,
    inbound: InboundSa<C>,
    sealed: u64,
    opened: u64,
}

impl<C: Cipher> Bare<C> {
    /// Expands the key twice, once for each end.
    pub fn new(setup: &Setup, keys: &Keys) -> Result<Self, KeyLength> {
        Ok(Self {
            outbound: OutboundSa::new(keys, Numbers::Sent)?,
            inbound: InboundSa::new(keys, Numbers::Sent, setup.replay_window)?,
            sealed: 0,
            opened: 0,
        })
    }

    #[inline(always)]
    fn seal(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let padding = Framing::PLAIN.overhead().padding_bytes(frame.len());
        let tail = padding + esp::TRAILER_BYTES;
        let back = frame.push_back(tail + ICV_BYTES).ok_or(Reason::NoRoom)?;
        if !esp::write_tail(back, padding, esp::NEXT_IPV4) {
            return Err(Reason::NoRoom);
        }
        self.sealed += 1;
        let aad = self.sealed.to_be_bytes();
        let (text, icv) = frame
            .bytes_mut()
            .split_last_chunk_mut()
            .ok_or(Reason::NoRoom)?;
        let nonce = self.outbound.nonce(aad);
        self.outbound.cipher.seal_one(&nonce, &aad, text, icv);
        Ok(())
    }

    #[inline(always)]
    fn open(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        self.opened += 1;
        let aad = self.opened.to_be_bytes();
        let (text, icv) = frame
            .bytes_mut()
            .split_last_chunk_mut()
            .ok_or(Reason::Truncated)?;
        let nonce = self.inbound.nonce(aad);
        let opened = self.inbound.cipher.open_one(&nonce, &aad, text, icv);
        opened.map_err(|_| Reason::BadIcv)?;
        let &[.., padding, _] = &*text else {
            return Err(Reason::Truncated);
        };
        let tail = usize::from(padding) + esp::TRAILER_BYTES + ICV_BYTES;
        if frame.pull_back(tail) {
            Ok(())
        } else {
            Err(Reason::Truncated)
        }
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
