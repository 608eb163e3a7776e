//! What packets see under load: the closed loop of a fresh instance, paced trials beside it, the
//! queue model over what was measured, and both together as a case of a record.

mod closed;
mod instance;
mod packets;
mod search;
mod stream;
mod tally;

pub use instance::{Bench, Instance};
pub use packets::Packets;
pub use search::throughput;
pub use stream::{Stream, Streamed};
pub use tally::Tally;

/// Parts of the limit at which packets are paced, percent. The terminal shows the first, the
/// middle and the last.
pub const LOADS_PERCENT: [f64; 6] = [10.0, 30.0, 50.0, 70.0, 80.0, 90.0];

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Fresh instances of every case.
    pub instances: u32,
    /// Seconds for the rounds of one.
    pub instance_seconds: f64,
    /// Frames that are filled at once, at most.
    pub frames: usize,
    /// Length of a paced trial, ns; as many packets as come in it, within bounds.
    pub trial_ns: f64,
    /// Packets of a modelled load at the limit, of each instance: lower loads have the same time.
    pub modelled_packets: usize,
    /// Packets of a trial of the search on the clock.
    pub search_packets: usize,
}

impl Plan {
    /// For so many seconds in all.
    pub fn new(seconds: f64) -> Self {
        const INSTANCES: u32 = 5;
        /// Of the time; the rest is for model and search.
        const FOR_ROUNDS: f64 = 0.5;
        let short = seconds < 10.0;
        Self {
            instances: INSTANCES,
            instance_seconds: seconds * FOR_ROUNDS / f64::from(INSTANCES),
            frames: if short { 2048 } else { 8192 },
            trial_ns: if short { 2e6 } else { 5e6 },
            modelled_packets: if short { 20_000 } else { 200_000 },
            search_packets: 65_536,
        }
    }

    /// Packets of a paced trial at a rate: those of [`Plan::trial_ns`], and no fewer than bear a
    /// 99th percentile where that takes less than five times as long.
    pub fn trial_packets(&self, pps: f64) -> usize {
        const BEAR_P99: f64 = 1500.0;
        let in_time = pps * self.trial_ns / 1e9;
        let least = BEAR_P99.min(5.0 * in_time).max(64.0);
        in_time.clamp(least, 4.0 * self.frames as f64) as usize
    }
}
