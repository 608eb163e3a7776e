//! The stored result of `tunneltax scale`: how flows fall to workers, and what workers do at the
//! same time, with a security association each and with one for all.

mod judge;
mod tables;

pub use judge::{Bar, Judged, Row, SharingJudged, judge};
pub use tables::{sentences, tables};

use serde::{Deserialize, Serialize};

use crate::record::{Capture, Provenance};

/// The schema this code writes and reads.
pub const SCHEMA: &str = "tunneltax-scale/1";

/// What two workers with an SA each should do of what one does, per thread-CPU-second.
pub const BAR: f64 = 1.85;
/// The number of workers that the bar is for.
pub const BAR_WORKERS: u32 = 2;

/// One run of `scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// [`SCHEMA`].
    pub schema: String,
    /// `complete`, or `interrupted`.
    pub state: String,
    /// Where the figures come from.
    pub provenance: Provenance,
    /// CPUs that workers were bound to.
    pub cpus: Vec<Cpu>,
    /// The tunnel that every worker has a part of.
    pub case: String,
    /// By workload.
    pub subjects: Vec<Subject>,
}

/// A CPU, as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// Its number.
    pub id: u32,
    /// CPUs that are hardware threads of the same core, itself included, as the kernel lists
    /// them; `null` where it does not say.
    pub siblings: Option<String>,
}

/// Packets, and what workers did with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Name of the workload.
    pub workload: String,
    /// The capture it comes from.
    pub capture: Option<Capture>,
    /// Packets of it that the tunnel carries.
    pub all: Load,
    /// Flows of one direction: packets with one hash input.
    pub flows: u64,
    /// The one with the most bytes.
    pub largest_flow: Load,
    /// Packets handed to a path in one call.
    pub burst: u32,
    /// Packets between two readings of the clocks.
    pub packets_per_reading: u32,
    /// Anti-replay window, packets.
    pub replay_window: u32,
    /// How long workers worked at a time, seconds.
    pub run_seconds: f64,
    /// What falls to whom, by number of workers.
    pub spreads: Vec<Spread>,
    /// What sharing costs where nobody else asks; `null` where it was not measured.
    pub sharing: Option<Sharing>,
    /// Fresh instances: each has every number of workers in both arrangements.
    pub instances: Vec<Instance>,
}

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Packets.
    pub packets: u64,
    /// IP bytes of them.
    pub bytes: u64,
}

/// What falls to each of so many workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// By worker.
    pub loads: Vec<Load>,
}

/// One worker on one core, in the one timed loop: a counter and a window of its own, the same
/// again, and both as they are when they can be shared. One value an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sharing {
    /// Send and receive with its own, ns a packet.
    pub own_ns: Vec<f64>,
    /// Its twin minus that, ns a packet.
    pub twin_above_ns: Vec<f64>,
    /// With what can be shared, minus that, ns a packet.
    pub shared_above_ns: Vec<f64>,
}

/// Every number of workers in both arrangements, each once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// In the order in which they were made.
    pub runs: Vec<Run>,
}

/// Who has a security association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sas {
    /// Every worker one of its own (RFC 9611).
    Own,
    /// All workers one.
    Shared,
}

/// So many workers at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Who has an SA.
    pub sas: Sas,
    /// By worker; one to whom no packet falls has zeros.
    pub workers: Vec<Worker>,
    /// Nonces that were looked at, and of which none was used twice under a key.
    pub nonces: u64,
}

/// What one worker did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// Where it was bound to.
    pub cpu: u32,
    /// Packets that came out, and right.
    pub packets: u64,
    /// Packets that were sealed, and refused since others had moved the window on.
    pub too_old: u64,
    /// Fills of its frames.
    pub readings: u64,
    /// CPU time in send and receive, ns.
    pub cpu_ns: f64,
    /// Wall time in send and receive, ns.
    pub wall_ns: f64,
    /// Wall time in all, ns: with filling and comparing.
    pub loop_ns: f64,
    /// What the clocks took of a reading, ns; subtracted.
    pub clocks_ns: f64,
    /// Additions a cycle beside the others' work: how much of its core was free.
    pub width: Option<f64>,
}
