//! The largest loads that are carried, constant gaps (RFC 2544, 21), in every instance.

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

/// The largest loads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Packets of a full trial.
    pub trial_packets: u64,
    /// Full trials at a load that decide about it, in packets as many as these: in virtual time the
    /// median of so many, on the clock those within the exceed ratio.
    pub trials: u32,
    /// The bounds are apart by this part of the upper one, or less, percent.
    pub width_percent: f64,
    /// Packets of a first trial on the clock; records of before had full trials alone.
    #[serde(default)]
    pub initial_packets: u64,
    /// Part of the trials at a load that may drop more, percent.
    #[serde(default)]
    pub exceed_percent: f64,
    /// Trials on the clock, of all instances.
    #[serde(default)]
    pub paced_trials: u64,
    /// No drop, in virtual time, stalls included.
    pub modelled_ndr: Rate,
    /// At most 0.5 % dropped, in virtual time, stalls included.
    pub modelled_pdr: Rate,
    /// No drop, in virtual time without stalls.
    pub modelled_quiet_ndr: Rate,
    /// No drop, on the clock.
    pub paced_ndr: Rate,
    /// At most 0.5 % dropped, on the clock.
    pub paced_pdr: Rate,
}

/// Bounds of a rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The largest that was carried, packets a second, mean over the instances; of one that carried
    /// none 0.
    pub lower_pps: f64,
    /// The smallest that was not, mean over the instances; `null` where some carried all.
    pub upper_pps: Option<f64>,
    /// `lower_pps` in inner Gbit/s.
    pub lower_gbps: f64,
    /// The same with its interval. Records of before searched one instance.
    #[serde(default)]
    pub lower: Option<Estimate>,
    /// By instance.
    #[serde(default)]
    pub instances: Vec<Bounds>,
}

/// Bounds that one instance has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// The largest load that was carried, packets a second; 0 where none was.
    pub lower_pps: f64,
    /// The smallest that was not; `null` where all were.
    pub upper_pps: Option<f64>,
    /// What is carried at the lower one, less what is dropped (conditional throughput); `null`
    /// in virtual time.
    pub conditional_pps: Option<f64>,
    /// The search came to its end: both bounds are as near as was wanted.
    pub regular: bool,
}

impl Rate {
    /// Over the instances; `None` without any.
    pub fn over(instances: Vec<Bounds>, mean_bytes: f64) -> Option<Self> {
        let lower = instances.iter().map(|of| of.lower_pps).collect();
        let lower = Estimate::from_instances(lower)?;
        let upper: Option<Vec<f64>> = instances.iter().map(|of| of.upper_pps).collect();
        let upper = upper.and_then(Estimate::from_instances);
        Some(Self {
            lower_pps: lower.mean,
            upper_pps: upper.map(|upper| upper.mean),
            lower_gbps: lower.mean * mean_bytes * 8.0 / 1e9,
            lower: Some(lower),
            instances,
        })
    }

    /// The lowest lower bound of an instance and the highest upper one; no upper end where some
    /// instance carried all.
    pub fn range_pps(&self) -> (f64, Option<f64>) {
        let lower = self.instances.iter().map(|of| of.lower_pps);
        let upper: Option<Vec<f64>> = self.instances.iter().map(|of| of.upper_pps).collect();
        (
            lower.reduce(f64::min).unwrap_or(self.lower_pps),
            upper.map_or(self.upper_pps, |upper| {
                upper.into_iter().reduce(f64::max).or(self.upper_pps)
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(lower_pps: f64, upper_pps: Option<f64>) -> Bounds {
        Bounds {
            lower_pps,
            upper_pps,
            conditional_pps: None,
            regular: upper_pps.is_some(),
        }
    }

    #[test]
    fn a_rate_is_over_the_instances_and_one_without_a_bound_is_not_hidden() {
        let found = [bounds(100.0, Some(102.0)), bounds(110.0, Some(112.0))];
        let rate = Rate::over(found.to_vec(), 125.0).unwrap();
        assert_eq!((rate.lower_pps, rate.upper_pps), (105.0, Some(107.0)));
        assert_eq!(rate.range_pps(), (100.0, Some(112.0)));
        assert!((rate.lower_gbps - 105e-6).abs() < 1e-12);
        // t of one degree of freedom is 12.706, the error 5.
        let half = rate.lower.unwrap().high.unwrap() - 105.0;
        assert!((half - 63.53).abs() < 0.01, "{half}");
        let none = [bounds(100.0, Some(102.0)), bounds(0.0, None)];
        let rate = Rate::over(none.to_vec(), 125.0).unwrap();
        assert_eq!((rate.lower_pps, rate.upper_pps), (50.0, None));
        assert_eq!(rate.range_pps(), (0.0, None));
    }

    /// What was written before instances were searched.
    #[test]
    fn a_rate_of_before_has_its_bounds_alone() {
        let text = r#"{"lower_pps": 4.0, "upper_pps": 4.1, "lower_gbps": 0.1}"#;
        let rate: Rate = serde_json::from_str(text).unwrap();
        assert_eq!(rate.range_pps(), (4.0, Some(4.1)));
    }
}
