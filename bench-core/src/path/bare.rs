//! The cipher alone: what a library takes for the bytes that ESP would give it. A yardstick:
//! the path's own share is its time less forwarding less this.

use super::{PacketPath, Setup};
use crate::cipher::{Cipher, ICV_BYTES, Job, KeyLength};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::sa::{InboundSa, Keys, OutboundSa};
use crate::wire::esp;

/// Seals from the first byte of the packet to the end of its ESP padding and trailer.
pub struct Bare<C> {
    outbound: OutboundSa<C>,
    inbound: InboundSa<C>,
    opened: u32,
    jobs: Box<[Job]>,
}

impl<C: Cipher> Bare<C> {
    /// Expands the key twice, once for each end.
    pub fn new(setup: &Setup, keys: &Keys) -> Result<Self, KeyLength> {
        Ok(Self {
            outbound: OutboundSa::new(keys)?,
            inbound: InboundSa::new(keys, setup.replay_window)?,
            opened: 0,
            jobs: vec![Job::default(); setup.burst.max(1)].into_boxed_slice(),
        })
    }
}

/// Padding and trailer behind a packet, as ESP would have them.
fn tail_bytes(packet_bytes: usize) -> usize {
    esp::padding_bytes(packet_bytes) + esp::TRAILER_BYTES
}

fn job(at: usize, text_bytes: usize, sequence: u32, spi: u32, nonce: [u8; 12]) -> Job {
    let mut job = Job {
        frame: at as u32,
        text_start: 0,
        text_len: text_bytes as u32,
        icv_start: text_bytes as u32,
        nonce,
        aad_len: esp::HEADER_BYTES as u8,
        ..Job::default()
    };
    job.aad[..esp::HEADER_BYTES].copy_from_slice(&esp::header(spi, sequence));
    job
}

impl<C: Cipher> PacketPath for Bare<C> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        for burst in burst.chunks_mut(self.jobs.len().max(1)) {
            let mut count = 0;
            for (at, frame) in burst.iter_mut().enumerate().filter(|(_, f)| f.is_carried()) {
                let tail = tail_bytes(frame.len());
                match (
                    self.outbound.next_sequence(),
                    frame.push_back(tail + ICV_BYTES),
                ) {
                    (Ok(sequence), Some(grown)) => {
                        esp::trailer(&mut grown[..tail], esp::NEXT_IPV4);
                        let nonce = self.outbound.nonce(u64::from(sequence).to_be_bytes());
                        self.jobs[count] = job(
                            at,
                            frame.len() - ICV_BYTES,
                            sequence,
                            self.outbound.spi,
                            nonce,
                        );
                        count += 1;
                    }
                    (Err(reason), _) => frame.drop_as(reason),
                    (_, None) => frame.drop_as(Reason::NoRoom),
                }
            }
            self.outbound.cipher.seal(burst, &self.jobs[..count]);
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for burst in burst.chunks_mut(self.jobs.len().max(1)) {
            let mut count = 0;
            for (at, frame) in burst.iter_mut().enumerate().filter(|(_, f)| f.is_carried()) {
                self.opened = self.opened.wrapping_add(1);
                let Some(text_bytes) = frame.len().checked_sub(ICV_BYTES) else {
                    frame.drop_as(Reason::Truncated);
                    continue;
                };
                let nonce = self.inbound.nonce(u64::from(self.opened).to_be_bytes());
                self.jobs[count] = job(at, text_bytes, self.opened, self.inbound.spi, nonce);
                count += 1;
            }
            self.inbound.cipher.open(burst, &self.jobs[..count]);
            for job in &self.jobs[..count] {
                let frame = &mut burst[job.frame as usize];
                // Padding says its own length, as in ESP.
                let tail = match frame
                    .bytes()
                    .get(..job.icv_start as usize)
                    .and_then(esp::parse_trailer)
                {
                    Some((padding, _)) => padding + esp::TRAILER_BYTES + ICV_BYTES,
                    None => 0,
                };
                frame.pull_back(tail);
            }
        }
    }
}
