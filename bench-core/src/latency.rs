//! The histogram of service times: record and merge. Its stored form belongs to the reports.

use hdrhistogram::Histogram;

/// Longest service time kept apart; what is longer is counted there.
const HIGHEST_NS: u64 = 60_000_000_000;
/// Significant decimal digits of a value.
const DIGITS: u8 = 3;

/// Service times of single packets, in whole nanoseconds.
///
/// A value is the time from one stamp to the next, the cost of the stamp included: a stamp's
/// cost may be subtracted from a mean, never from a percentile.
#[derive(Clone)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        // Cannot fail: the bounds are constants that the constructor accepts.
        let histogram =
            Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS).expect("constant bounds are valid");
        Self(histogram)
    }
}

impl Latency {
    /// Records one packet. Never fails and never allocates.
    #[inline]
    pub fn record(&mut self, service_ns: f64) {
        self.0.saturating_record(service_ns.round() as u64);
    }

    /// Adds another's packets.
    pub fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so nothing can be out of range.
        let _ = self.0.add(&other.0);
    }

    /// Adds packets that had a value which [`Self::counts`] told.
    pub fn add(&mut self, service_ns: u64, packets: u64) {
        self.0.saturating_record_n(service_ns, packets);
    }

    /// Values with the packets that had them, ascending.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let recorded = self.0.iter_recorded();
        recorded.map(|at| (at.value_iterated_to(), at.count_at_value()))
    }

    /// Packets recorded.
    pub fn packets(&self) -> u64 {
        self.0.len()
    }

    /// The histogram, for whoever stores or draws it.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_merged_and_the_longest_is_kept() {
        let mut a = Latency::default();
        a.record(17.6);
        let mut b = Latency::default();
        b.record(1e15);
        a.merge(&b);
        assert_eq!(a.packets(), 2);
        assert_eq!(a.histogram().min(), 18);
        assert!(a.histogram().max() >= HIGHEST_NS);
        for ns in [1.0, 2047.0, 2049.0, 2051.0, 1e6 + 3.0] {
            a.record(ns);
        }
        let mut again = Latency::default();
        a.counts().for_each(|(ns, packets)| again.add(ns, packets));
        assert_eq!(again.histogram(), a.histogram());
    }
}
