//! Whether an interval holds what it says it holds: simulated on values that were measured.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Estimate;

/// Samples drawn in a simulation.
pub const SAMPLES: u32 = 20_000;

/// Part of the 95 % intervals of [`Estimate`] that hold the true mean, 0 to 1. Samples of so many
/// instances are drawn from `pool`, with replacement; its mean is then what is true. `None`
/// where the pool has not four times as many values as a sample: then it would show the pool's
/// gaps.
pub fn of_estimates(pool: &[f64], instances: usize, seed: u64) -> Option<f64> {
    if instances < 2 || pool.len() < 4 * instances {
        return None;
    }
    let truth = pool.iter().sum::<f64>() / pool.len() as f64;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let holds = |_: &u32| {
        let drawn = (0..instances).map(|_| pool[rng.random_range(0..pool.len())]);
        let ends = Estimate::from_instances(drawn.collect()).and_then(|e| e.low.zip(e.high));
        ends.is_some_and(|(low, high)| (low..=high).contains(&truth))
    };
    let held = (0..SAMPLES).filter(holds).count();
    Some(held as f64 / f64::from(SAMPLES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, Normal};

    /// Values that are spread as a normal distribution is.
    fn normal(count: usize) -> Vec<f64> {
        let normal = Normal::new(0.0, 1.0).unwrap();
        let at = |i| normal.inverse_cdf((f64::from(i) + 0.5) / count as f64);
        (0..count as u32).map(at).collect()
    }

    #[test]
    fn normal_values_are_covered_as_often_as_is_said() {
        let covered = of_estimates(&normal(2000), 10, 1).unwrap();
        // Three standard errors of 20,000 samples are 0.0046.
        assert!((covered - 0.95).abs() < 0.0046, "{covered}");
    }

    #[test]
    fn a_long_tail_is_covered_less_and_that_shows() {
        let skewed: Vec<f64> = normal(2000).iter().map(|z| (2.0 * z).exp()).collect();
        let covered = of_estimates(&skewed, 10, 1).unwrap();
        assert!(covered < 0.85, "{covered}");
    }

    #[test]
    fn a_small_pool_says_nothing() {
        assert_eq!(of_estimates(&normal(39), 10, 1), None);
        assert_eq!(of_estimates(&normal(100), 1, 1), None);
    }
}
