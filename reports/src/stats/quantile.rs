//! Quantiles of what one instance saw. The interval of a quantile is over instances: packets of one
//! instance are not independent of each other.

use std::collections::BTreeMap;

/// Fewest packets beyond a quantile: with fewer it is the story of those few.
pub const BEYOND: f64 = 10.0;

/// Whether so many packets bear a quantile.
pub fn bears(packets: u64, quantile: f64) -> bool {
    // Half a packet for the rounding of 1 - 0.999.
    packets as f64 * (1.0 - quantile) >= BEYOND - 0.5e-6
}

/// The least value that at least this part of the packets does not exceed (nearest rank); `counts`
/// are packets by value. `None` where they do not bear it.
pub fn quantile(counts: &BTreeMap<u64, u64>, quantile: f64) -> Option<u64> {
    let packets: u64 = counts.values().sum();
    if !bears(packets, quantile) {
        return None;
    }
    let rank = (packets as f64 * quantile).ceil().max(1.0) as u64;
    let mut seen = 0;
    counts.iter().find_map(|(value, count)| {
        seen += count;
        (seen >= rank).then_some(*value)
    })
}

/// Half of the 95 % interval of a quantile over instances, from that of their mean: a step of the clock
/// more, as each was read in steps.
pub fn widened(half: f64, clock_step: f64) -> f64 {
    half + clock_step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ranks_by_hand() {
        let counts: BTreeMap<u64, u64> = (1..=100).map(|value| (value, 1)).collect();
        assert_eq!(quantile(&counts, 0.5), Some(50));
        assert_eq!(quantile(&counts, 0.9), Some(90));
        // One packet beyond it is no quantile.
        assert_eq!(quantile(&counts, 0.99), None);
        let many = counts.keys().map(|value| (*value, 1000)).collect();
        assert_eq!(quantile(&many, 0.999), Some(100));
        assert_eq!(quantile(&many, 0.9999), Some(100));
        assert_eq!(quantile(&BTreeMap::new(), 0.5), None);
    }

    #[test]
    fn ten_packets_beyond_bear_it() {
        assert!(bears(10_000, 0.999) && !bears(9_999, 0.999));
        assert!(bears(20, 0.5) && !bears(19, 0.5));
    }
}
