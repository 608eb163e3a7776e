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
/// the instances.
pub fn smallest_difference(null: &[f64]) -> Option<f64> {
    smallest_told(null, 1.0 - CONFIDENCE, POWER)
}

/// The same of a test that cries wolf at most at the rate `alarms`, with another power. The usual
/// normal-theory sum of the two t quantiles.
pub fn smallest_told(null: &[f64], alarms: f64, power: f64) -> Option<f64> {
    let deviation = mean_and_deviation(null)?.1?;
    let two_sided = t_quantile(null.len(), 1.0 - alarms / 2.0)?;
    let power = t_quantile(null.len(), power)?;
    Some((two_sided + power) * deviation / (null.len() as f64).sqrt())
}

/// Probability that instances which differ by nothing have a mean so far from 0, on either side:
/// Student's t test. `None` with fewer than two instances; where all are alike, 1 at 0 and else 0.
pub fn p_of_zero(instances: &[f64]) -> Option<f64> {
    let (mean, deviation) = mean_and_deviation(instances)?;
    let error = deviation? / (instances.len() as f64).sqrt();
    if error == 0.0 {
        return Some(if mean == 0.0 { 1.0 } else { 0.0 });
    }
    let t = student(instances.len())?;
    Some(2.0 * t.sf((mean / error).abs()))
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

/// Student's t of so many instances.
fn student(instances: usize) -> Option<StudentsT> {
    let freedom = instances.checked_sub(1).filter(|f| *f > 0)? as f64;
    StudentsT::new(0.0, 1.0, freedom).ok()
}

fn t_quantile(instances: usize, probability: f64) -> Option<f64> {
    Some(student(instances)?.inverse_cdf(probability))
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

    /// The same data: t = 4.0621 with 9 degrees of freedom, p = 0.002833, as published.
    #[test]
    fn the_p_of_students_sleep_data() {
        let hours = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        assert!((p_of_zero(&hours).unwrap() - 0.002_833).abs() < 1e-6);
        let less: Vec<f64> = hours.iter().map(|h| -h).collect();
        assert!((p_of_zero(&less).unwrap() - 0.002_833).abs() < 1e-6);
        assert_eq!(p_of_zero(&[1.0]), None);
        assert_eq!(p_of_zero(&[0.0, 0.0]), Some(1.0));
        assert_eq!(p_of_zero(&[2.0, 2.0]), Some(0.0));
    }

    /// t quantiles of 9 degrees of freedom from the tables: 2.262, 1.833, 4.297 and 2.821.
    #[test]
    fn the_smallest_difference_by_tables() {
        let null = [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0];
        let error = (10.0_f64 / 9.0).sqrt() / 10.0_f64.sqrt();
        let by_tables = (2.262 + 1.833) * error;
        assert!((smallest_difference(&null).unwrap() - by_tables).abs() < 1e-3);
        let strict = (4.297 + 2.821) * error;
        assert!((smallest_told(&null, 0.002, 0.99).unwrap() - strict).abs() < 1e-3);
    }

    #[test]
    fn one_instance_has_no_interval_and_none_no_mean() {
        assert_eq!(Estimate::from_instances(vec![3.0]).unwrap().low, None);
        assert_eq!(Estimate::from_instances(vec![]), None);
        assert_eq!(smallest_difference(&[1.0]), None);
    }
}
