//! Seeded captures: UDP packets of chosen sizes, for when no capture is at hand.
//!
//! Sizes mean the IP total length. Everything is drawn from one seed, so that the same recipe
//! gives the same bytes on every machine. There are no times in it.

mod mix;
mod packet;

pub use mix::Mix;
use packet::{Flow, Fragmenting, Hosts, write_packet};
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::capture::Chunk;

/// Most flows of a recipe.
pub const FLOWS_MAX: usize = 1 << 20;
/// Flows of a recipe that says no number.
pub const FLOWS: usize = 64;

/// What a synthetic capture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Which sizes, how often.
    pub mix: Mix,
    /// How many packets.
    pub packets: usize,
    /// How many flows they are spread over; 1 to [`FLOWS_MAX`].
    pub flows: usize,
    /// Flows have their packets in turn, so that none is left out and the time between two
    /// packets of one is the same; otherwise each packet is of a random one.
    pub in_turn: bool,
    /// How many of 100 flows are IPv6; the others are IPv4.
    pub ipv6_percent: u8,
    /// IPv4 packets have DF set, as hosts send them that look for the MTU of a path (RFC 1191).
    pub dont_fragment: bool,
    /// Draws order, addresses, ports and payloads.
    pub seed: u64,
}

impl Recipe {
    /// [`FLOWS`] of IPv4, packets at random.
    pub const fn new(mix: Mix, packets: usize, seed: u64) -> Self {
        Self {
            mix,
            packets,
            flows: FLOWS,
            in_turn: false,
            ipv6_percent: 0,
            dont_fragment: true,
            seed,
        }
    }

    /// Clears `chunk` and fills it. The sizes have the mix's proportions as exactly as whole
    /// packets allow, in random order.
    pub fn fill(&self, chunk: &mut Chunk) -> Result<(), SynthError> {
        chunk.clear();
        let ipv6_flows = self.ipv6_flows()?;
        self.check_sizes(ipv6_flows)?;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let hosts = Hosts::of(self.flows);
        let flows: Vec<_> = (0..self.flows)
            .map(|index| Flow::draw(hosts, index, index < ipv6_flows, &mut random))
            .collect();
        let mut sizes = self.mix.apportion(self.packets);
        sizes.shuffle(&mut random);
        let mut scratch = Vec::new();
        for (index, size) in sizes.into_iter().enumerate() {
            let flow = if self.in_turn {
                flows.get(index % self.flows)
            } else {
                flows.choose(&mut random)
            };
            let Some(flow) = flow else {
                continue;
            };
            let fragmenting = Fragmenting {
                identification: index as u16,
                dont_fragment: self.dont_fragment,
            };
            scratch.resize(usize::from(size), 0);
            if write_packet(flow, fragmenting, &mut scratch, &mut random).is_some() {
                chunk.push(&scratch, None);
            }
        }
        Ok(())
    }

    /// A chunk of its own.
    pub fn chunk(&self) -> Result<Chunk, SynthError> {
        let mut chunk = Chunk::new();
        self.fill(&mut chunk).map(|()| chunk)
    }

    fn ipv6_flows(&self) -> Result<usize, SynthError> {
        if self.flows == 0 || self.flows > FLOWS_MAX {
            return Err(SynthError::Flows(self.flows));
        }
        if self.ipv6_percent > 100 {
            return Err(SynthError::Percent(self.ipv6_percent));
        }
        Ok((self.flows * usize::from(self.ipv6_percent)).div_ceil(100))
    }

    fn check_sizes(&self, ipv6_flows: usize) -> Result<(), SynthError> {
        let (family, least_bytes) = if ipv6_flows > 0 {
            ("IPv6", packet::IPV6_LEAST_BYTES)
        } else {
            ("IPv4", packet::IPV4_LEAST_BYTES)
        };
        let too_small = self.mix.parts().find(|&(size, _)| size < least_bytes);
        match too_small {
            Some((size, _)) => Err(SynthError::TooSmall {
                mix: self.mix,
                size,
                family,
                least_bytes,
            }),
            None => Ok(()),
        }
    }
}

/// Why there is no such capture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SynthError {
    /// Not the name of a mix.
    #[error(
        "{0:?} is no packet size or mix: give a number of bytes from 28 to 65535, imix or ipsec-imix"
    )]
    UnknownMix(String),
    /// Headers alone are longer.
    #[error(
        "mix {mix} has packets of {size} bytes, but {family} and UDP headers take {least_bytes}: give a larger size{}",
        if *.family == "IPv6" { " or no IPv6" } else { "" }
    )]
    TooSmall {
        /// The mix.
        mix: Mix,
        /// Its size that does not fit.
        size: u16,
        /// IPv4 or IPv6.
        family: &'static str,
        /// What would fit.
        least_bytes: u16,
    },
    /// None, or more than there are addresses for.
    #[error("{0} flows cannot be made: give a number from 1 to {FLOWS_MAX}")]
    Flows(usize),
    /// More than all.
    #[error("{0} % of the flows cannot be IPv6: give a number from 0 to 100")]
    Percent(u8),
}
