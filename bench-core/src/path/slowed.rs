//! The ESP tunnel with a slow-down of known size in its sender, to prove that the measuring tells
//! it. In no list of cases: a row of it would be of no use to anybody.
//!
//! Before a chunk is sealed the last sequence number goes through a chain of steps, each of which
//! adds nothing, multiplies by one and waits for the one before; the sequence numbers of the chunk, and so its
//! headers and nonces, wait for the last. How many there are is read at run time
//! ([`Setup::serial_steps`]): with none of them it is the same machine code.

use super::esp::{Opener, Sealer};
use super::forward::{Forwarder, Rules};
use super::framing::Framing;
use super::jobs::CHUNK;
use super::{Case, CaseError, PacketPath, Setup, find, keys};
use crate::cipher::Cipher;
use crate::cipher::ring::{self, Ring};
use crate::clock::{self, Clock};
use crate::frame::Frame;
use crate::sa::{InboundSa, OutboundSa};

/// The case whose tunnel is slowed down.
pub const OF: &str = "esp/aes-256-gcm@ring";
/// Packets for which [`Setup::serial_steps`] counts steps.
pub const PER_PACKETS: u64 = CHUNK as u64;

/// The case. A round trip through it is that of [`OF`].
pub fn case() -> &'static Case {
    static CASE: std::sync::OnceLock<Case> = std::sync::OnceLock::new();
    CASE.get_or_init(|| {
        let of = find(OF).expect("the list has the default tunnel");
        Case {
            id: "esp+serial/aes-256-gcm@ring",
            title: "ESP with a chain of serial steps in front of every chunk",
            step_of: Some(OF),
            step: "serial steps",
            make: |_, setup| Ok(Box::new(Slowed::<Ring<{ ring::AES_256 }>>::new(setup)?)),
            describe: |_, _| None,
            alone: None,
            receive: None,
            opener: None,
            ..*of
        }
    })
}

/// A pair of gateways with an ESP tunnel between them, and a chain in the near one.
struct Slowed<C> {
    near: Forwarder,
    sealer: Sealer<C>,
    opener: Opener<C>,
    far: Forwarder,
    chain: Chain,
}

impl<C: Cipher> Slowed<C> {
    fn new(setup: &Setup) -> Result<Self, CaseError> {
        let framing = Framing::PLAIN;
        let keys = keys(setup, C::KEY_BYTES);
        let outbound = OutboundSa::new(&keys, framing.numbers)?;
        let inbound = InboundSa::new(&keys, framing.numbers, framing.window(setup))?;
        Ok(Self {
            near: Forwarder::new(setup, Rules::Default),
            sealer: Sealer::new(setup, outbound, framing),
            opener: Opener::new(inbound, framing.underlay),
            far: Forwarder::new(setup, Rules::Default),
            chain: Chain::new(setup.serial_steps),
        })
    }
}

impl<C: Cipher> PacketPath for Slowed<C> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.near.forward_burst(chunk);
            let last = self.sealer.last_sequence();
            self.sealer
                .go_on_after(self.chain.through(last, chunk.len()));
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

/// Serial steps, so many for a number of packets.
#[derive(Clone, Copy)]
pub struct Chain {
    steps: u64,
    /// Steps owed, in parts of [`PER_PACKETS`].
    owed: u64,
    /// 1, which the compiler must not know.
    one: u64,
    /// 0, which it must not know either: products alone could be taken in any order, side by side.
    zero: u64,
}

impl Chain {
    /// So many steps for every [`PER_PACKETS`] packets.
    pub fn new(steps: u32) -> Self {
        Self {
            steps: steps.into(),
            owed: 0,
            one: std::hint::black_box(1),
            zero: std::hint::black_box(0),
        }
    }

    /// The same value, behind the steps of so many packets.
    #[inline(always)]
    pub fn through(&mut self, value: u64, packets: usize) -> u64 {
        self.owed += self.steps * packets as u64;
        let steps = self.owed / PER_PACKETS;
        self.owed %= PER_PACKETS;
        let Self { one, zero, .. } = *self;
        (0..steps).fold(value, |value, _| (value ^ zero).wrapping_mul(one))
    }
}

/// What so many steps for every [`PER_PACKETS`] packets take when nothing else runs, ns a packet.
pub fn alone_ns(steps: u32, clock: &Clock) -> f64 {
    const PACKETS: usize = 1 << 16;
    const LOOKS: usize = 21;
    let mut looks: Vec<f64> = (0..LOOKS)
        .map(|_| {
            let mut chain = Chain::new(steps);
            let start = clock::fenced();
            std::hint::black_box(chain.through(std::hint::black_box(1), PACKETS));
            clock.ns(clock::fenced() - start) / PACKETS as f64
        })
        .collect();
    looks.sort_by(f64::total_cmp);
    looks[LOOKS / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_one_after_the_other() {
        // ((1 ^ 2) × 3 ^ 2) × 3 = 33: in any other order it is another number.
        let mut chain = Chain {
            one: 3,
            zero: 2,
            ..Chain::new(16)
        };
        assert_eq!(chain.through(1, 2), 33);
    }

    #[test]
    fn no_step_is_lost_between_chunks_and_the_value_comes_out() {
        let mut chain = Chain {
            one: 3,
            ..Chain::new(5)
        };
        // 5 steps for 16 packets: after 16 chunks of one packet, 3 to the fifth.
        let last = (0..16).fold(1, |value, _| chain.through(value, 1));
        assert_eq!(last, 243);
        assert_eq!(Chain::new(1000).through(7, 32), 7);
    }
}
