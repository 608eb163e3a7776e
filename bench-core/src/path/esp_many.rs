//! A gateway with many ESP tunnels, as for clients that each have one of their own: the SA of a
//! packet is found by where it goes, at the far end by its SPI.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::esp::{Arrived, Envelope, look, take};
use super::forward::{Forwarder, Rules};
use super::framing::Framing;
use super::jobs::{CHUNK, Jobs};
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, KeyLength};
use crate::frame::Frame;
use crate::sa::{InboundSa, Keys, OutboundSa, SALT_BYTES};
use crate::sa_table::{Assignment, ByDestination, BySpi};

/// A pair of gateways with as many tunnels between them as there are SAs.
pub struct EspMany<C> {
    near: Forwarder,
    sealer: Sealer<C>,
    opener: Opener<C>,
    far: Forwarder,
}

/// The near gateway's SAs.
struct Sealer<C> {
    sas: Box<[OutboundSa<C>]>,
    by_destination: ByDestination,
    envelope: Envelope,
    jobs: Jobs,
    /// The SA of each packet of a chunk.
    found: [u32; CHUNK],
}

/// The far gateway's.
struct Opener<C> {
    sas: Box<[InboundSa<C>]>,
    by_spi: BySpi,
    jobs: Jobs,
    found: [u32; CHUNK],
}

impl<C: Cipher> EspMany<C> {
    /// Expands the keys of so many SAs, each with keys of its own.
    pub fn new(setup: &Setup, sas: usize) -> Result<Self, KeyLength> {
        let (keys, by_spi) = draw(setup.seed, sas, C::KEY_BYTES);
        let numbers = Framing::PLAIN.numbers;
        let outbound = keys.iter().map(|keys| OutboundSa::new(keys, numbers));
        let window = setup.replay_window;
        let inbound = keys
            .iter()
            .map(|keys| InboundSa::new(keys, numbers, window));
        Ok(Self {
            near: Forwarder::new(setup, Rules::Default),
            sealer: Sealer {
                sas: outbound.collect::<Result<_, _>>()?,
                by_destination: ByDestination::new(
                    Assignment::new(sas, setup.assignment_seed),
                    setup.flows.v4 + setup.flows.v6,
                    setup.seed,
                ),
                envelope: Envelope::new(setup, Framing::PLAIN, C::LAYOUT),
                jobs: Jobs::new(),
                found: [0; CHUNK],
            },
            opener: Opener {
                sas: inbound.collect::<Result<_, _>>()?,
                by_spi,
                jobs: Jobs::new(),
                found: [0; CHUNK],
            },
            far: Forwarder::new(setup, Rules::Default),
        })
    }
}

/// Keys of so many SAs, their SPIs distinct, and the table that finds them.
fn draw(seed: u64, sas: usize, key_bytes: usize) -> (Vec<Keys>, BySpi) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut by_spi = BySpi::new(sas);
    let mut keys = Vec::with_capacity(sas);
    while keys.len() < sas {
        // 0 is kept for local use and 1 to 255 are reserved (RFC 4303, 2.1).
        let spi = random.next_u32().max(256);
        if !by_spi.enter(spi, keys.len() as u32) {
            continue;
        }
        let (mut key, mut salt) = (vec![0; key_bytes], [0; SALT_BYTES]);
        random.fill_bytes(&mut key);
        random.fill_bytes(&mut salt);
        keys.push(Keys { spi, key, salt });
    }
    (keys, by_spi)
}

impl<C: Cipher> Sealer<C> {
    #[inline(always)]
    fn seal_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self {
            sas,
            by_destination,
            envelope,
            jobs,
            found,
        } = self;
        for (frame, found) in chunk.iter_mut().zip(&mut *found) {
            if !frame.is_carried() {
                continue;
            }
            match by_destination.find(frame.bytes()) {
                Ok(sa) => *found = sa,
                Err(reason) => frame.drop_as(reason),
            }
        }
        let jobs = jobs.fill(chunk, |frame, at| {
            envelope.encapsulate(&mut sas[found[at as usize] as usize], frame, at)
        });
        for job in jobs {
            let at = job.frame as usize;
            let sealed = sas[found[at] as usize]
                .cipher
                .seal_one(chunk[at].bytes_mut(), job);
            if let Err(reason) = sealed {
                chunk[at].drop_as(reason);
            }
        }
    }
}

impl<C: Cipher> Opener<C> {
    #[inline(always)]
    fn open_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self {
            sas,
            by_spi,
            jobs,
            found,
        } = self;
        let jobs = jobs.fill(chunk, |frame, at| {
            let arrived = Arrived::read(Framing::PLAIN.underlay, frame)?;
            let sa = by_spi.find(arrived.spi)?;
            found[at as usize] = sa;
            look(&sas[sa as usize], arrived, frame, at)
        });
        for job in jobs {
            let at = job.frame as usize;
            let sa = &mut sas[found[at] as usize];
            match sa.cipher.open_one(chunk[at].bytes_mut(), job) {
                Ok(()) => take(sa, &mut chunk[at], job),
                Err(reason) => chunk[at].drop_as(reason),
            }
        }
    }
}

impl<C: Cipher> PacketPath for EspMany<C> {
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
