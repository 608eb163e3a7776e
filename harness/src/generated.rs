//! Generated workloads: packets of a size or a mix, spread over so many flows.

use std::collections::BTreeSet;

use tunneltax_core::capture::Chunk;
use tunneltax_core::synth::{self, Mix, Recipe};
use tunneltax_reports::record::WorkloadKind;

use crate::failure::Failure;

/// Packets of a workload, unless it has more flows.
const PACKETS: usize = 1024;
/// Most bytes of a workload.
const BYTES_MAX: usize = 256 << 20;

/// Packets that are made, not read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Generated {
    /// Their sizes.
    pub mix: Mix,
    /// Flows that they are spread over.
    pub flows: usize,
    /// Every flow has its turn, not one at random.
    pub in_turn: bool,
}

impl Generated {
    /// Packets as a plain run makes them.
    pub fn plain(mix: Mix) -> Self {
        Self {
            mix,
            flows: synth::FLOWS,
            in_turn: false,
        }
    }

    /// Every mix by every number of flows, which have their turns unless they are as many as in
    /// a plain run. Refuses more flows than there is memory for their packets, one for each.
    pub fn all(mixes: &[Mix], flows: &[u32]) -> Result<Vec<Self>, Failure> {
        let in_turn = flows.iter().any(|&flows| flows as usize != synth::FLOWS);
        let flows: BTreeSet<u32> = flows.iter().copied().collect();
        let of_mix = |&mix: &Mix| {
            let of_flows = move |&flows: &u32| Self {
                mix,
                flows: flows as usize,
                in_turn,
            };
            flows.iter().map(of_flows)
        };
        let all: Vec<Self> = mixes.iter().flat_map(of_mix).collect();
        match all.iter().find(|of| of.bytes() > BYTES_MAX as f64) {
            Some(of) => Err(Failure::Usage(format!(
                "--flows {}: a packet of each at --size {} takes {:.0} MiB, more than {} MiB; \
                 give fewer flows, or smaller packets only, as --size 64",
                of.flows,
                of.mix,
                of.bytes() / f64::from(1 << 20),
                BYTES_MAX >> 20
            ))),
            None => Ok(all),
        }
    }

    /// Packets of it: one for each flow, and no fewer than of a plain run.
    pub fn packets(self) -> usize {
        self.flows.max(PACKETS)
    }

    fn bytes(self) -> f64 {
        self.packets() as f64 * self.mix.mean_bytes()
    }

    /// The longest packet, bytes.
    pub fn longest(self) -> usize {
        let sizes = self.mix.parts().map(|(size, _)| usize::from(size));
        sizes.max().unwrap_or(0)
    }

    /// The packets.
    pub fn chunk(self, seed: u64, dont_fragment: bool) -> Result<Chunk, Failure> {
        let recipe = Recipe {
            flows: self.flows,
            dont_fragment,
            in_turn: self.in_turn,
            ..Recipe::new(self.mix, self.packets(), seed)
        };
        recipe
            .chunk()
            .map_err(|why| Failure::Usage(why.to_string()))
    }

    /// Kind of the group that it becomes.
    pub fn kind(self) -> WorkloadKind {
        match self.mix {
            Mix::Size(_) => WorkloadKind::Size,
            _ => WorkloadKind::Mix,
        }
    }
}
