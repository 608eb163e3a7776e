//! Exact binomial tests: does a count of outcomes contradict what is said of their rate?

use statrs::distribution::{Binomial, DiscreteCDF};

/// A record contradicts what is said of a rate when it is rarer than this where that is true.
pub const CONTRADICTED_BELOW: f64 = 0.001;

/// Probability of `count` or more outcomes in `trials`, each with probability `rate`.
pub fn at_least(count: u64, trials: u64, rate: f64) -> f64 {
    let Some(before) = count.checked_sub(1) else {
        return 1.0;
    };
    Binomial::new(rate, trials).map_or(f64::NAN, |binomial| binomial.sf(before))
}

/// Probability of `count` or fewer.
pub fn at_most(count: u64, trials: u64, rate: f64) -> f64 {
    Binomial::new(rate, trials).map_or(f64::NAN, |binomial| binomial.cdf(count))
}

/// The fewest outcomes that contradict a rate of at most `rate`; none where all of them do not.
pub fn too_many(trials: u64, rate: f64) -> Option<u64> {
    (0..=trials).find(|count| at_least(*count, trials, rate) < CONTRADICTED_BELOW)
}

/// The most outcomes that contradict a rate of at least `rate`; none where not even 0 does.
pub fn too_few(trials: u64, rate: f64) -> Option<u64> {
    (0..=trials)
        .rev()
        .find(|count| at_most(*count, trials, rate) < CONTRADICTED_BELOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fisher's lady (The Design of Experiments, 1935, as a binomial): coins by hand.
    #[test]
    fn by_hand() {
        // 2 of 3 heads or more: 3/8 + 1/8.
        assert!((at_least(2, 3, 0.5) - 0.5).abs() < 1e-12);
        assert!((at_most(0, 10, 0.1) - 0.9_f64.powi(10)).abs() < 1e-12);
        assert!((at_least(0, 10, 0.1) - 1.0).abs() < 1e-12);
        assert!((at_most(10, 10, 0.1) - 1.0).abs() < 1e-12);
        // 1 - 0.99^20 - 20 × 0.01 × 0.99^19
        assert!((at_least(2, 20, 0.01) - 0.016_859_337).abs() < 1e-8);
    }

    #[test]
    fn bounds_are_the_first_counts_that_contradict() {
        // P(X ≥ 3 | 20, 1 %) = 0.0010036, just not below; P(X ≥ 4) = 0.0000426.
        assert_eq!(too_many(20, 0.01), Some(4));
        assert!((at_least(3, 20, 0.01) - 0.001_003_6).abs() < 1e-7);
        // P(X ≤ 14 | 20, 95 %) = 0.00032945, P(X ≤ 15) = 0.0025739 (tables of the binomial).
        assert_eq!(too_few(20, 0.95), Some(14));
        assert!((at_most(15, 20, 0.95) - 0.002_573_94).abs() < 1e-7);
        // Two outcomes cannot contradict so much.
        assert_eq!(too_few(1, 0.95), None);
        assert_eq!(too_many(1, 0.01), None);
    }
}
