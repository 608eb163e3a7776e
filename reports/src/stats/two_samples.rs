//! The difference between the means of two samples that are not paired.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::estimate::{CONFIDENCE, mean_and_deviation};

/// Degrees of freedom beyond which Student's t is taken for the normal distribution.
const FREEDOM_MAX: f64 = 1e5;

/// A difference of two means, its standard error, and how well that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Mean of the second sample minus that of the first.
    pub mean: f64,
    /// Standard error of it.
    pub error: f64,
    /// Degrees of freedom of the error.
    pub freedom: f64,
}

impl Shift {
    /// Welch's comparison, which supposes nothing about the two spreads. Where one sample is a
    /// single value, its spread is taken to be the other's; `None` where both are.
    pub fn between(from: &[f64], to: &[f64]) -> Option<Self> {
        let (from_mean, from_deviation) = mean_and_deviation(from)?;
        let (to_mean, to_deviation) = mean_and_deviation(to)?;
        let (n, m) = (from.len() as f64, to.len() as f64);
        let (error, freedom) = match (from_deviation, to_deviation) {
            (Some(a), Some(b)) => {
                let (a, b) = (a * a / n, b * b / m);
                let freedom = (a + b).powi(2) / (a * a / (n - 1.0) + b * b / (m - 1.0));
                let pooled = n + m - 2.0;
                ((a + b).sqrt(), if a + b > 0.0 { freedom } else { pooled })
            }
            (Some(a), None) => (a * (1.0 / n + 1.0 / m).sqrt(), n - 1.0),
            (None, Some(b)) => (b * (1.0 / n + 1.0 / m).sqrt(), m - 1.0),
            (None, None) => return None,
        };
        Some(Self {
            mean: to_mean - from_mean,
            error,
            freedom,
        })
    }

    /// The same with one more source of error, known by half of its 95 % interval. Variances add;
    /// the degrees of freedom are Satterthwaite's, as the new part is taken as known.
    #[must_use]
    pub fn widened(self, half: f64) -> Self {
        let known = half / standard_normal(f64::midpoint(1.0, CONFIDENCE));
        let error = self.error.hypot(known);
        let part = if error > 0.0 { self.error / error } else { 1.0 };
        Self {
            error,
            freedom: self.freedom / part.powi(4),
            ..self
        }
    }

    /// Half of the 95 % interval.
    pub fn half(&self) -> Option<f64> {
        let probability = f64::midpoint(1.0, CONFIDENCE);
        let quantile = if self.freedom > FREEDOM_MAX {
            standard_normal(probability)
        } else {
            StudentsT::new(0.0, 1.0, self.freedom)
                .ok()?
                .inverse_cdf(probability)
        };
        Some(quantile * self.error).filter(|half| half.is_finite())
    }

    /// Two-sided p-value of there being no difference.
    pub fn p(&self) -> Option<f64> {
        if self.mean == 0.0 {
            return Some(1.0);
        }
        let t = (self.mean / self.error).abs();
        let beyond = if self.freedom > FREEDOM_MAX {
            Normal::standard().sf(t)
        } else {
            StudentsT::new(0.0, 1.0, self.freedom).ok()?.sf(t)
        };
        Some(2.0 * beyond).filter(|p| p.is_finite())
    }
}

fn standard_normal(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Student's sleep data as two groups, as R's documentation of `t.test` has it: t = -1.8608
    /// at 17.776 degrees of freedom, p = 0.07939, and -3.3655 to 0.2055.
    #[test]
    fn students_sleep_data_as_two_groups() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let shift = Shift::between(&second, &first).unwrap();
        assert!((shift.mean / shift.error + 1.8608).abs() < 1e-4);
        assert!((shift.freedom - 17.776).abs() < 1e-3);
        assert!((shift.p().unwrap() - 0.079_39).abs() < 1e-5);
        let half = shift.half().unwrap();
        assert!((shift.mean - half + 3.365_483).abs() < 1e-4);
        assert!((shift.mean + half - 0.205_483).abs() < 1e-4);
    }

    /// By hand: 1, 2, 3 has the deviation 1; one value more has the error of √(1/3 + 1).
    #[test]
    fn a_single_value_takes_the_spread_of_the_others() {
        let shift = Shift::between(&[1.0, 2.0, 3.0], &[4.0]).unwrap();
        assert!((shift.error - (4.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((shift.freedom - 2.0).abs() < 1e-12);
        assert_eq!(Shift::between(&[1.0], &[2.0]), None);
    }

    #[test]
    fn a_known_error_alone_is_its_own_interval_and_p_agrees_with_the_interval() {
        let exact = Shift::between(&[0.0, 0.0], &[1.0, 1.0]).unwrap();
        let widened = exact.widened(1.0);
        assert!((widened.half().unwrap() - 1.0).abs() < 1e-9);
        assert!((widened.p().unwrap() - 0.05).abs() < 1e-9);
        assert!(exact.p().unwrap() < 1e-12);
        let both = Shift::between(&[0.0, 0.1, 0.2], &[1.0, 1.1, 1.2]).unwrap();
        assert!(both.widened(0.5).half().unwrap() > both.half().unwrap().max(0.5));
    }
}
