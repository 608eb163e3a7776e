//! What packets saw, on the clock or in virtual time, and what of it counts.

use hdrhistogram::Histogram;

/// Longest latency kept apart, ns.
const HIGHEST_NS: u64 = 60_000_000_000;
/// Packets that must lie beyond a percentile for it to be shown.
pub const BEYOND_MIN: f64 = 10.0;

/// What packets saw.
#[derive(Clone, Debug)]
pub struct Seen {
    /// From the time at which a packet came to the end of its burst, ns.
    pub latency: Histogram<u64>,
    /// Sum of the latencies, ns.
    pub latency_sum_ns: f64,
    /// Packets that wait when one has come, itself among them unless it was dropped.
    pub queue: Histogram<u64>,
    /// Packets that found the ring full.
    pub dropped: u64,
    /// Packets that were carried and do not count in any figure but the loss.
    pub settled: u64,
    /// Sum of the waits from coming to the begin of the burst, ns.
    pub wait_sum_ns: f64,
    /// Time from 0 to the end of the last packet, but for that in which what comes does not count,
    /// ns; of several runs together, the sum.
    pub elapsed_ns: f64,
}

/// The time in which what comes does not count: behind a pause the caches are another's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settling {
    since_ns: Option<f64>,
    sum_ns: f64,
}

impl Settling {
    /// A packet comes that does not count.
    pub fn begin(&mut self, at_ns: f64) {
        self.since_ns.get_or_insert(at_ns);
    }

    /// A packet comes that counts.
    pub fn end(&mut self, at_ns: f64) {
        self.sum_ns += self
            .since_ns
            .take()
            .map_or(0.0, |since_ns| at_ns - since_ns);
    }

    /// How much of the time until then it was, ns.
    pub fn until(mut self, at_ns: f64) -> f64 {
        self.end(at_ns);
        self.sum_ns
    }
}

impl Seen {
    /// Nothing yet.
    pub fn new() -> Self {
        // Cannot fail: the bounds are constants that the constructor accepts.
        let new = |highest| Histogram::new_with_bounds(1, highest, 3).expect("constant bounds");
        Self {
            latency: new(HIGHEST_NS),
            latency_sum_ns: 0.0,
            queue: new(1 << 24),
            dropped: 0,
            settled: 0,
            wait_sum_ns: 0.0,
            elapsed_ns: 0.0,
        }
    }

    /// A packet is done.
    #[inline]
    pub fn packet(&mut self, latency_ns: f64, wait_ns: f64) {
        self.latency
            .saturating_record(latency_ns.max(0.0).round() as u64);
        self.latency_sum_ns += latency_ns;
        self.wait_sum_ns += wait_ns;
    }

    /// Adds what others saw.
    pub fn add(&mut self, other: &Self) {
        // All have the same bounds, so nothing can be out of range.
        let _ = self.latency.add(&other.latency);
        let _ = self.queue.add(&other.queue);
        self.latency_sum_ns += other.latency_sum_ns;
        self.dropped += other.dropped;
        self.settled += other.settled;
        self.wait_sum_ns += other.wait_sum_ns;
        self.elapsed_ns += other.elapsed_ns;
    }

    /// Packets that were carried.
    pub fn packets(&self) -> u64 {
        self.latency.len()
    }

    /// Mean latency, ns; 0 without a packet.
    pub fn mean_ns(&self) -> f64 {
        self.latency_sum_ns / self.packets().max(1) as f64
    }

    /// Mean number of packets that wait, over time.
    pub fn queue_mean(&self) -> f64 {
        if self.elapsed_ns > 0.0 {
            self.wait_sum_ns / self.elapsed_ns
        } else {
            0.0
        }
    }

    /// Part of the packets that were dropped.
    pub fn loss(&self) -> f64 {
        let all = self.dropped + self.settled + self.packets();
        self.dropped as f64 / all.max(1) as f64
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::new()
    }
}

/// A percentile, or nothing where fewer than [`BEYOND_MIN`] packets lie beyond it.
pub fn percentile(histogram: &Histogram<u64>, quantile: f64) -> Option<u64> {
    let beyond = histogram.len() as f64 * (1.0 - quantile);
    // The tolerance is for 1 - 0.999, which is a little less than 0.001.
    (beyond > BEYOND_MIN - 1e-6).then(|| histogram.value_at_quantile(quantile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_that_the_sample_does_not_bear_are_absent() {
        let mut seen = Seen::new();
        (0..999).for_each(|_| seen.packet(5.0, 0.0));
        assert_eq!(percentile(&seen.latency, 0.9), Some(5));
        assert_eq!(percentile(&seen.latency, 0.99), None);
        seen.packet(5.0, 0.0);
        assert_eq!(percentile(&seen.latency, 0.99), Some(5));
        assert_eq!(percentile(&seen.latency, 0.999), None);
    }
}
