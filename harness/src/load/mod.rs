//! What packets see under load: the closed loop of a fresh instance, paced trials beside it, the
//! queue model over what was measured, and both together as a case of a record.

mod closed;
mod instance;
mod packets;
mod search;
mod stream;
mod tally;

use closed::SETTLE;

pub use instance::{Bench, Instance, OwnTimes};
pub use packets::Packets;
pub use search::searched;
pub use stream::{Stream, Streamed};
pub use tally::Tally;

/// Parts of the limit at which packets are paced, percent. The terminal shows the first, the
/// middle and the last.
pub const LOADS_PERCENT: [f64; 6] = [10.0, 30.0, 50.0, 70.0, 80.0, 90.0];

/// Index of the load that all cases have alike: behind those.
pub const COMMON: usize = LOADS_PERCENT.len();
/// Index of the capture's own, where it was asked for.
pub const OWN: usize = COMMON + 1;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Fresh instances of every case.
    pub instances: u32,
    /// Seconds for one, from its opening to the model over its trials.
    pub instance_seconds: f64,
    /// The part of them that is kept for all but the rounds, until an instance says how much it is.
    pub rest_seconds: f64,
    /// Frames that are filled at once, at most.
    pub frames: usize,
    /// Length of a paced trial, ns; as many packets as come in it, within bounds.
    pub trial_ns: f64,
    /// Packets of a modelled load at the limit, of each instance: lower loads have the same time.
    pub modelled_packets: usize,
    /// Packets of a full trial of the search on the clock.
    pub search_packets: usize,
    /// Seconds for the searches on the clock with one instance of every case.
    pub search_seconds: f64,
}

impl Plan {
    /// For so many seconds in all.
    pub fn new(seconds: f64) -> Self {
        /// As many at every second place of the stack (`tunneltax_core::stack`).
        const INSTANCES: u32 = 6;
        /// Of the time; the rest is for what comes before and behind the instances.
        const FOR_INSTANCES: f64 = 0.95;
        /// Of the time of an instance, at first: for the model, the searches and opening.
        const FOR_REST: f64 = 0.55;
        /// Of the time, for the searches on the clock.
        const FOR_SEARCH: f64 = 0.3;
        /// Seconds for them at least: some short trials.
        const SEARCH_MIN: f64 = 0.2;
        let short = seconds < 10.0;
        let instance_seconds = seconds * FOR_INSTANCES / f64::from(INSTANCES);
        Self {
            instances: INSTANCES,
            instance_seconds,
            rest_seconds: FOR_REST * instance_seconds,
            frames: if short { 2048 } else { 8192 },
            trial_ns: if short { 2e6 } else { 5e6 },
            modelled_packets: if short { 20_000 } else { 200_000 },
            search_packets: 65_536,
            search_seconds: (seconds * FOR_SEARCH / f64::from(INSTANCES)).max(SEARCH_MIN),
        }
    }

    /// Whether a paced trial at a rate takes no longer than is planned for: the fewest packets that
    /// say something may be far apart.
    pub fn paces(&self, pps: f64) -> bool {
        const LONGEST_NS: f64 = 50e6;
        self.trial_packets(pps) as f64 * 1e9 / pps <= LONGEST_NS
    }

    /// Packets of a paced trial at a rate: those of [`Plan::trial_ns`], and no fewer than bear a
    /// 99th percentile where that takes less than five times as long.
    pub fn trial_packets(&self, pps: f64) -> usize {
        const BEAR_P99: f64 = 1500.0;
        let in_time = pps * self.trial_ns / 1e9;
        // Some that count behind those that settle.
        let least = BEAR_P99.min(5.0 * in_time).max(2.0 * SETTLE as f64);
        in_time.clamp(least, 4.0 * self.frames as f64) as usize
    }
}
