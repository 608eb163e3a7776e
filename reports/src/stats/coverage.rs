//! Whether an interval holds what it says it holds: simulated on values that were measured.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Estimate, Shift, quantile};

/// Samples drawn in a simulation.
pub const SAMPLES: u32 = 20_000;

/// Part of the 95 % intervals of [`Estimate`] that hold the true mean, 0 to 1. Samples of so many
/// instances are drawn from `pool`, with replacement; its mean is then what is true. `None`
/// where the pool has not four times as many values as a sample: then it would show the pool's
/// gaps.
pub fn of_estimates(pool: &[f64], instances: usize, seed: u64) -> Option<f64> {
    let truth = truth(pool, instances)?;
    let holds = |rng: &mut ChaCha8Rng| {
        let drawn = draw(pool, instances, rng);
        let ends = Estimate::from_instances(drawn).and_then(|e| e.low.zip(e.high));
        ends.is_some_and(|(low, high)| (low..=high).contains(&truth))
    };
    Some(part(seed, holds))
}

/// The same of a quantile over instances that a clock reads in steps: each is read as the step below
/// it, and where the steps lie is drawn anew for every sample. Its interval is widened by a step.
pub fn of_quantiles(pool: &[f64], instances: usize, step: f64, seed: u64) -> Option<f64> {
    let truth = truth(pool, instances)?;
    let holds = |rng: &mut ChaCha8Rng| {
        let offset = step * rng.random::<f64>();
        let read = |value: f64| ((value + offset) / step).floor() * step - offset;
        let mut drawn = draw(pool, instances, rng);
        if step > 0.0 {
            for value in &mut drawn {
                *value = read(*value);
            }
        }
        let half = |of: &Estimate| Some(quantile::widened(of.high? - of.mean, step));
        let estimate = Estimate::from_instances(drawn);
        let held = estimate.and_then(|of| Some((of.mean - truth).abs() <= half(&of)?));
        held.unwrap_or(false)
    };
    Some(part(seed, holds))
}

/// The same of [`Shift`], Welch's comparison of two samples of so many: no difference is true.
pub fn of_shifts(pool: &[f64], [from, to]: [usize; 2], seed: u64) -> Option<f64> {
    truth(pool, from.min(to))?;
    truth(pool, from.max(to))?;
    let holds = |rng: &mut ChaCha8Rng| {
        let shift = Shift::between(&draw(pool, from, rng), &draw(pool, to, rng));
        let held = shift.and_then(|of| Some(of.mean.abs() <= of.half()?));
        held.unwrap_or(false)
    };
    Some(part(seed, holds))
}

/// The pool's mean, where it is large enough for samples of so many.
fn truth(pool: &[f64], instances: usize) -> Option<f64> {
    let enough = instances >= 2 && pool.len() >= 4 * instances;
    enough.then(|| pool.iter().sum::<f64>() / pool.len() as f64)
}

fn draw(pool: &[f64], instances: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let one = |_| pool[rng.random_range(0..pool.len())];
    (0..instances).map(one).collect()
}

/// Part of [`SAMPLES`] of which it is true.
fn part(seed: u64, holds: impl Fn(&mut ChaCha8Rng) -> bool) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let held = (0..SAMPLES).filter(|_| holds(&mut rng)).count();
    held as f64 / f64::from(SAMPLES)
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

    /// A clock coarser than the spread: the step alone is what the interval stands on, and without it
    /// more than half of the intervals would miss.
    #[test]
    fn a_quantile_read_in_coarse_steps_is_covered_by_its_step() {
        for step in [0.1, 1.0, 10.0] {
            let covered = of_quantiles(&normal(2000), 10, step, 1).unwrap();
            assert!(covered > 0.95 - 0.0046, "{step}: {covered}");
        }
        let fine = of_quantiles(&normal(2000), 10, 0.0, 1).unwrap();
        assert!((fine - 0.95).abs() < 0.0046, "{fine}");
    }

    #[test]
    fn a_difference_of_two_samples_is_covered_as_often_as_is_said() {
        let even = of_shifts(&normal(2000), [20, 20], 1).unwrap();
        assert!((even - 0.95).abs() < 0.0046, "{even}");
        // With so few Welch's is a little wide: equal spreads have more degrees of freedom.
        let few = of_shifts(&normal(2000), [3, 3], 1).unwrap();
        assert!((0.95..0.98).contains(&few), "{few}");
        let uneven = of_shifts(&normal(2000), [9, 3], 1).unwrap();
        assert!((0.93..0.97).contains(&uneven), "{uneven}");
        assert_eq!(of_shifts(&normal(2000), [1, 20], 1), None);
    }

    #[test]
    fn a_small_pool_says_nothing() {
        assert_eq!(of_estimates(&normal(39), 10, 1), None);
        assert_eq!(of_estimates(&normal(100), 1, 1), None);
    }
}
