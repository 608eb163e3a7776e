//! A mean over fresh instances, with Student's t interval.
//!
//! The unit of replication is the fresh instance, never the packet: inside one instance a
//! difference repeats far better than it is right.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Two-sided confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;
/// Power at which [`smallest_difference`] is found.
pub const POWER: f64 = 0.95;

/// A figure, its 95 % interval, and the instance medians it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean over the instances.
    pub mean: f64,
    /// Lower end of the interval; `null` with fewer than two instances.
    pub low: Option<f64>,
    /// Upper end of the interval; `null` with fewer than two instances.
    pub high: Option<f64>,
    /// One value a fresh instance.
    pub instances: Vec<f64>,
}

impl Estimate {
    /// Mean and Student t interval of the instances; `None` without any.
    pub fn from_instances(instances: Vec<f64>) -> Option<Self> {
        let (mean, deviation) = mean_and_deviation(&instances)?;
        let half = deviation
            .zip(t_quantile(instances.len(), f64::midpoint(1.0, CONFIDENCE)))
            .map(|(deviation, t)| t * deviation / (instances.len() as f64).sqrt());
        Some(Self {
            mean,
            low: half.map(|half| mean - half),
            high: half.map(|half| mean + half),
            instances,
        })
    }
}

/// Smallest true difference that a two-sided test at 95 % confidence over as many instances
/// tells with power 95 %, from the spread of comparisons that have none (A/A). In the unit of
/// the instances. The usual normal-theory sum of the two t quantiles.
pub fn smallest_difference(null: &[f64]) -> Option<f64> {
    let deviation = mean_and_deviation(null)?.1?;
    let two_sided = t_quantile(null.len(), f64::midpoint(1.0, CONFIDENCE))?;
    let power = t_quantile(null.len(), POWER)?;
    Some((two_sided + power) * deviation / (null.len() as f64).sqrt())
}

/// Mean, and the sample's standard deviation where there are two values or more.
pub(super) fn mean_and_deviation(values: &[f64]) -> Option<(f64, Option<f64>)> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Some((
        mean,
        (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
    ))
}

fn t_quantile(instances: usize, probability: f64) -> Option<f64> {
    let freedom = instances.checked_sub(1).filter(|f| *f > 0)? as f64;
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(t.inverse_cdf(probability))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Student's sleep data (Biometrika 6, 1908): extra hours of sleep, drug 2 minus drug 1,
    /// whose 95 % interval is published as 0.70 to 2.46 around 1.58.
    #[test]
    fn students_sleep_data() {
        let hours = vec![1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        let estimate = Estimate::from_instances(hours).unwrap();
        assert!((estimate.mean - 1.58).abs() < 1e-9);
        assert!((estimate.low.unwrap() - 0.700_114).abs() < 1e-4);
        assert!((estimate.high.unwrap() - 2.459_886).abs() < 1e-4);
    }

    #[test]
    fn one_instance_has_no_interval_and_none_no_mean() {
        assert_eq!(Estimate::from_instances(vec![3.0]).unwrap().low, None);
        assert_eq!(Estimate::from_instances(vec![]), None);
        assert_eq!(smallest_difference(&[1.0]), None);
    }
}
