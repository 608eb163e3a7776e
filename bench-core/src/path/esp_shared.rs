//! One ESP tunnel on several workers: each has its own memory, flow tables and expanded key, and
//! all of them one sequence number and one anti-replay window ([`crate::sa_shared`]).
//!
//! Beside it the same code with a counter and a window of its own, without atomics and lock: the
//! only difference is what is shared. [`super::esp`] is laid out otherwise: it looks at the window
//! and takes the inner packet out packet by packet, where this goes through a chunk step by step.
//!
//! In no list of cases: `tunneltax scale` is where they are of use. 32-bit sequence numbers only.
//!
//! A receiver with one SA sees one outer flow: a card hashes all of it to one queue. What spreads
//! it over workers again (a hash that looks into ESP, a hand-over in software) is not part of
//! this.

use std::ops::DerefMut;
use std::sync::Arc;

use super::esp::{Arrived, Sealer, decapsulate, look_with, sequence};
use super::forward::{Forwarder, Rules};
use super::framing::Framing;
use super::jobs::{CHUNK, Jobs};
use super::{Case, CaseError, PacketPath, Setup, find, keys};
use crate::cipher::ring::{self, Ring};
use crate::cipher::{Cipher, KeyLength};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::replay_window::ReplayWindow;
use crate::sa::{InboundSa, Keys, OutboundSa};
use crate::sa_shared::{SharedNumbers, SharedWindow};

/// The tunnel that workers have one of each, or share.
pub const OF: &str = "esp/aes-256-gcm@ring";
/// Its cipher.
type OfCipher = Ring<{ ring::AES_256 }>;

const FRAMING: Framing = Framing::PLAIN;

/// Keys of the tunnel of a set-up.
pub fn keys_of(setup: &Setup) -> Keys {
    keys(setup, OfCipher::KEY_BYTES)
}

/// An SA for several workers: keys, and what they share of both of its ends.
pub struct SharedSa {
    keys: Keys,
    numbers: SharedNumbers,
    window: SharedWindow,
}

impl SharedSa {
    /// Keys and window as the set-up has them; nothing sent yet.
    pub fn new(setup: &Setup) -> Self {
        Self {
            keys: keys_of(setup),
            numbers: SharedNumbers::new(FRAMING.numbers),
            window: SharedWindow::new(FRAMING.window(setup)),
        }
    }

    /// SPI, key and salt.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A worker on this SA.
    pub fn worker(self: &Arc<Self>, setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        let source = Arc::clone(self);
        Ok(Box::new(Worker::<OfCipher, _>::new(
            setup, &self.keys, source,
        )?))
    }
}

/// Where a worker's sequence numbers come from, and the window that its packets come to.
trait Source {
    /// The number before so many that nobody else has.
    fn reserve(&mut self, packets: u64) -> Result<u64, Reason>;
    /// The window, for the caller alone.
    fn window(&mut self) -> impl DerefMut<Target = ReplayWindow>;
}

impl Source for Arc<SharedSa> {
    #[inline(always)]
    fn reserve(&mut self, packets: u64) -> Result<u64, Reason> {
        self.numbers.reserve(packets)
    }

    #[inline(always)]
    fn window(&mut self) -> impl DerefMut<Target = ReplayWindow> {
        self.window.lock()
    }
}

/// What a worker has that shares nothing.
struct Own {
    used: u64,
    window: ReplayWindow,
}

impl Source for Own {
    #[inline(always)]
    fn reserve(&mut self, packets: u64) -> Result<u64, Reason> {
        if packets > FRAMING.numbers.last() - self.used {
            return Err(Reason::SequenceExhausted);
        }
        let before = self.used;
        self.used += packets;
        Ok(before)
    }

    #[inline(always)]
    fn window(&mut self) -> impl DerefMut<Target = ReplayWindow> {
        &mut self.window
    }
}

/// The tunnel of a worker with an SA of its own. A round trip through it is that of [`OF`].
pub fn own() -> &'static Case {
    static CASE: std::sync::OnceLock<Case> = std::sync::OnceLock::new();
    CASE.get_or_init(|| Case {
        id: "esp+own/aes-256-gcm@ring",
        title: "ESP with a sequence number and a window of its own, chunk by chunk",
        step_of: Some(OF),
        step: "steps by chunk",
        make: |_, setup| {
            let source = Own {
                used: 0,
                window: ReplayWindow::new(FRAMING.window(setup)),
            };
            Ok(Box::new(Worker::<OfCipher, _>::new(
                setup,
                &keys_of(setup),
                source,
            )?))
        },
        ..*shared()
    })
}

/// The tunnel of a worker that is alone on an SA that could be shared. A round trip through it is
/// that of [`OF`].
pub fn shared() -> &'static Case {
    static CASE: std::sync::OnceLock<Case> = std::sync::OnceLock::new();
    CASE.get_or_init(|| {
        let of = find(OF).expect("the list has the default tunnel");
        Case {
            id: "esp+shared/aes-256-gcm@ring",
            title: "ESP with a sequence number and a window that workers can share",
            step_of: Some("esp+own/aes-256-gcm@ring"),
            step: "sharing",
            make: |_, setup| Arc::new(SharedSa::new(setup)).worker(setup),
            describe: |_, _| None,
            alone: None,
            receive: None,
            opener: None,
            ..*of
        }
    })
}

/// A worker's pair of gateways.
struct Worker<C, S> {
    near: Forwarder,
    sealer: Sealer<C>,
    opener: Opener<C>,
    far: Forwarder,
    source: S,
}

/// The receiver's half.
struct Opener<C> {
    /// Without a window of its own.
    sa: InboundSa<C>,
    jobs: Jobs,
}

impl<C: Cipher, S: Source> Worker<C, S> {
    fn new(setup: &Setup, keys: &Keys, source: S) -> Result<Self, KeyLength> {
        let outbound = OutboundSa::new(keys, FRAMING.numbers)?;
        Ok(Self {
            near: Forwarder::new(setup, Rules::Default),
            sealer: Sealer::new(setup, outbound, FRAMING),
            opener: Opener {
                sa: InboundSa::new(keys, FRAMING.numbers, 0)?,
                jobs: Jobs::new(),
            },
            far: Forwarder::new(setup, Rules::Default),
            source,
        })
    }
}

impl<C: Cipher, S: Source> PacketPath for Worker<C, S> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.near.forward_burst(chunk);
            let packets = chunk.iter().filter(|frame| frame.is_carried()).count();
            match self.source.reserve(packets as u64) {
                Ok(before) => {
                    // It hands out one number a packet that it seals: never more than these.
                    self.sealer.go_on_after(before);
                    self.sealer.seal_chunk(chunk);
                }
                Err(reason) => chunk.iter_mut().for_each(|frame| frame.drop_as(reason)),
            }
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.opener.open_chunk(chunk, &mut self.source);
            self.far.forward_burst(chunk);
        }
    }
}

impl<C: Cipher> Opener<C> {
    /// In the order of RFC 4303, 3.4: SPI, window, ICV, window again, and only then anything
    /// inside is believed.
    #[inline(always)]
    fn open_chunk(&mut self, chunk: &mut [Frame<'_>], source: &mut impl Source) {
        let Self { sa, jobs } = self;
        let arrived = jobs.fill(chunk, |frame, at| {
            let arrived = Arrived::read(FRAMING.underlay, frame)?;
            if arrived.spi != sa.spi {
                return Err(Reason::WrongSpi);
            }
            look_with(sa, arrived, frame, at, |_| Ok(()))
        });
        let count = arrived.len();
        let mut refused = false;
        {
            let window = source.window();
            for job in arrived {
                if let Err(reason) = window.check(sequence(job)) {
                    chunk[job.frame as usize].drop_as(reason);
                    refused = true;
                }
            }
        }
        let looked_at = if refused {
            jobs.carried(count, chunk)
        } else {
            arrived
        };
        sa.cipher.open(chunk, looked_at);
        {
            let mut window = source.window();
            for job in looked_at {
                let frame = &mut chunk[job.frame as usize];
                if !frame.is_carried() {
                    continue;
                }
                if let Err(reason) = window.accept(sequence(job)) {
                    frame.drop_as(reason);
                }
            }
        }
        for job in looked_at {
            let frame = &mut chunk[job.frame as usize];
            if !frame.is_carried() {
                continue;
            }
            if let Err(reason) = decapsulate(frame, job) {
                frame.drop_as(reason);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fate::Fate;
    use crate::frame::Arena;
    use crate::path::reference;
    use crate::synth::{Mix, Recipe};

    fn setup(window: u32) -> Setup {
        Setup {
            replay_window: window,
            ..Setup::default()
        }
    }

    /// Packets of a worker, and room for a burst of them.
    fn packets() -> Vec<Vec<u8>> {
        let chunk = Recipe::new(Mix::Size(200), 40, 7).chunk();
        let chunk = chunk.expect("packets");
        chunk.packets().map(<[u8]>::to_vec).collect()
    }

    fn load(frames: &mut [Frame<'_>], packets: &[Vec<u8>]) {
        for (frame, packet) in frames.iter_mut().zip(packets) {
            assert!(frame.load(packet));
        }
    }

    fn arena() -> Arena {
        Arena::new(40, 128, 256, 128)
    }

    #[test]
    fn what_one_worker_sends_another_opens_once() {
        let setup = setup(64);
        let sa = Arc::new(SharedSa::new(&setup));
        let mut workers: Vec<_> = (0..2)
            .map(|_| sa.worker(&setup).expect("a worker"))
            .collect();
        let (packets, mut arena) = (packets(), arena());
        let mut frames = arena.frames();
        load(&mut frames, &packets);
        workers[0].send(&mut frames);
        let sent: Vec<Vec<u8>> = frames.iter().map(|f| f.bytes().to_vec()).collect();
        let headers: std::collections::BTreeSet<&[u8]> = sent.iter().map(|p| &p[20..28]).collect();
        assert_eq!(headers.len(), packets.len(), "a number a packet");
        workers[1].receive(&mut frames);
        for (frame, packet) in frames.iter().zip(&packets) {
            assert!(frame.is_carried());
            assert_eq!(
                frame.bytes(),
                reference(2, packet).expect("it is forwarded")
            );
        }
        // The other one, and the same one, again.
        for worker in &mut workers {
            load(&mut frames, &sent);
            worker.receive(&mut frames);
            let replayed = |f: &Frame<'_>| f.fate == Fate::Dropped(Reason::Replayed);
            assert!(frames.iter().all(replayed));
        }
    }

    /// A chunk holds the same packet twice: the look sees both fresh, the taking takes one.
    #[test]
    fn a_packet_that_is_twice_in_a_chunk_is_taken_once() {
        let setup = setup(64);
        let sa = Arc::new(SharedSa::new(&setup));
        let mut worker = sa.worker(&setup).expect("a worker");
        let (packets, mut arena) = (packets(), arena());
        let mut frames = arena.frames();
        load(&mut frames, &packets);
        worker.send(&mut frames[..1]);
        let sent = vec![frames[0].bytes().to_vec(); 2];
        load(&mut frames[..2], &sent);
        worker.receive(&mut frames[..2]);
        let fates = [frames[0].fate, frames[1].fate];
        assert_eq!(fates, [Fate::Carried, Fate::Dropped(Reason::Replayed)]);
    }

    /// A forged packet moves nothing, and what is left of the window is refused, the others of
    /// the chunk taken.
    #[test]
    fn forged_and_late_packets_are_refused_alone() {
        let setup = setup(32);
        let sa = Arc::new(SharedSa::new(&setup));
        let mut worker = sa.worker(&setup).expect("a worker");
        let (packets, mut arena) = (packets(), arena());
        let mut frames = arena.frames();
        load(&mut frames, &packets);
        worker.send(&mut frames);
        let mut sent: Vec<Vec<u8>> = frames.iter().map(|f| f.bytes().to_vec()).collect();
        // The last one, forged: numbers before it stay fresh.
        let last = sent.last().expect("packets").clone();
        let forged = last.len() - 1;
        sent.last_mut().expect("packets")[forged] ^= 1;
        load(&mut frames[..1], &sent[39..]);
        worker.receive(&mut frames[..1]);
        assert_eq!(frames[0].fate, Fate::Dropped(Reason::BadIcv));
        // As it was sent, and then all: 1 to 8 are left of the window of 32, 40 has come.
        sent[39] = last;
        load(&mut frames[..1], &sent[39..]);
        worker.receive(&mut frames[..1]);
        assert!(frames[0].is_carried());
        load(&mut frames, &sent);
        worker.receive(&mut frames);
        for (at, frame) in frames.iter().enumerate() {
            let expected = match at + 1 {
                ..=8 => Fate::Dropped(Reason::TooOld),
                40 => Fate::Dropped(Reason::Replayed),
                _ => Fate::Carried,
            };
            assert_eq!(frame.fate, expected, "number {}", at + 1);
        }
    }

    #[test]
    fn a_worker_of_its_own_ends_at_the_last_number() {
        let last = FRAMING.numbers.last();
        let mut own = Own {
            used: last - 16,
            window: ReplayWindow::new(64),
        };
        assert_eq!(own.reserve(17), Err(Reason::SequenceExhausted));
        assert_eq!(own.reserve(16), Ok(last - 16));
        assert_eq!(own.reserve(1), Err(Reason::SequenceExhausted));
    }

    #[test]
    fn without_numbers_nothing_is_sent() {
        let setup = setup(64);
        let sa = Arc::new(SharedSa {
            numbers: SharedNumbers::after(FRAMING.numbers, u64::from(u32::MAX) - 16),
            ..SharedSa::new(&setup)
        });
        let mut worker = sa.worker(&setup).expect("a worker");
        let (packets, mut arena) = (packets(), arena());
        let mut frames = arena.frames();
        load(&mut frames, &packets);
        worker.send(&mut frames);
        let exhausted = |f: &Frame<'_>| f.fate == Fate::Dropped(Reason::SequenceExhausted);
        assert!(frames[..16].iter().all(Frame::is_carried));
        assert!(frames[16..].iter().all(exhausted));
    }
}
