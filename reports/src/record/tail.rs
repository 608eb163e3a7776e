//! What a record keeps of the slowest packets, of stalls, and of what the kernel counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Packets that took longer than a quantile of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// Part of the packets that are no slower.
    pub quantile: f64,
    /// The quantile, of all packets of all instances, ns.
    pub from_ns: u64,
    /// Packets that took that or longer.
    pub packets: u64,
    /// How many of them there are of each cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Some of them, evenly spread from the slowest to the fastest.
    pub exemplars: Vec<Exemplar>,
}

/// What is known of why a packet took long: the first of these that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Most of it is a stall, in a visit in which the kernel put the thread aside.
    PutAside,
    /// Most of it is a stall, in a visit in which a page was mapped.
    Fault,
    /// Most of it is a stall of which the kernel counted nothing for this thread: an interrupt, or
    /// the hypervisor.
    Stall,
    /// The first packet of a reading: code, tables and predictors were last used by others. Hot, its
    /// frames were filled just before; warm, long ago.
    First,
    /// Among the longest tenth of the packets, where those are longer than the median one.
    Large,
    /// The same packet is in the tail of at least half of the instances.
    Again,
    /// None of these.
    Unexplained,
}

/// A packet of a tail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    /// From its first stamp to its last, ns.
    pub ns: u64,
    /// Why, as far as is known.
    pub cause: Cause,
    /// IP total length.
    pub inner_bytes: u32,
    /// Keyed hash of its flow, new in every run; or addresses and ports, where they were asked
    /// for. Where it has none, `null`.
    pub flow: Option<String>,
    /// Place among the timed packets of the workload, from 0.
    pub packet: u64,
    /// Instance, from 0.
    pub instance: u32,
    /// Round of the instance, from 0.
    pub round: u32,
    /// Place among the packets between two fills, from 0.
    pub place: u32,
    /// What its reading took beyond its work, ns.
    pub reading_beyond_ns: i64,
    /// Faults and switches that the kernel counted in its visit; absent where none.
    #[serde(default, skip_serializing_if = "Counted::is_none")]
    pub usage: Counted,
}

/// What the kernel counted of the measuring thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Pages that were there but not mapped.
    pub minor_faults: u64,
    /// Pages that had to be read from disk.
    pub major_faults: u64,
    /// Times it gave the CPU away.
    pub voluntary_switches: u64,
    /// Times it was put aside for another.
    pub involuntary_switches: u64,
}

impl Counted {
    /// Nothing was counted.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What the CPU counted of a half of a path, in user mode, in walks that were not timed. `null` what
/// it does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuCounts {
    /// Packets that it was counted of.
    pub packets: u64,
    /// Instructions that retired.
    pub instructions: Option<u64>,
    /// Cycles of the core.
    pub cycles: Option<u64>,
    /// Branches that were predicted wrong.
    pub branch_misses: Option<u64>,
    /// Accesses that missed the last-level cache.
    pub cache_misses: Option<u64>,
}

/// An instance of all cases, from the first fill to the last comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// Wall clock, s.
    pub seconds: f64,
    /// Time of the thread in the program, s.
    pub user_s: f64,
    /// Time of the thread in the kernel, s.
    pub system_s: f64,
    /// Time that the hypervisor took from all CPUs meanwhile, s, in steps of the kernel's clock;
    /// `null` where it is not reported.
    pub stolen_s: Option<f64>,
    /// Faults and switches.
    #[serde(flatten)]
    pub counted: Counted,
}

/// Gaps in the clock in the visits of a group, all its cases together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stalls {
    /// Time between readings, s.
    pub watched_s: f64,
    /// Stalls in it.
    pub count: u64,
    /// Their length together, s.
    pub sum_s: f64,
    /// Median length of those that were kept one by one, ns; `null` without any.
    pub median_ns: Option<f64>,
    /// The longest of them, ns.
    pub longest_ns: Option<f64>,
    /// All of those, ns, rounded down: HdrHistogram V2 in base64. `null` in a record from before it
    /// was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram_ns: Option<String>,
    /// What a reading must take beyond its work to be one, ns.
    pub least_ns: f64,
    /// The same as part of the work.
    pub least_part: f64,
}
