//! What a paired difference may be called: a difference, smaller than a bound, or unknown.

use crate::record::{Clock, Group};
use crate::stats::Estimate;

/// A difference, judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Difference {
    /// Its interval is clear of 0 and it reaches the smallest difference that can be told.
    Told {
        /// Mean.
        mean: f64,
        /// Half of the interval.
        half: f64,
    },
    /// It may be 0, or lies under the smallest difference: it is smaller than this, either way.
    Below(f64),
    /// Not measured, or without an interval or an A/A comparison to judge it by.
    CannotTell,
}

impl Difference {
    /// Judges `estimate` by the smallest difference that can be told, in the same unit.
    pub fn judge(estimate: &Estimate, smallest: Option<f64>) -> Self {
        let (Some(interval), Some(smallest)) = (interval(estimate), smallest) else {
            return Self::CannotTell;
        };
        let (low, high) = interval;
        if (low <= 0.0 && high >= 0.0) || estimate.mean.abs() < smallest {
            Self::Below(smallest.max(low.abs()).max(high.abs()))
        } else {
            Self::Told {
                mean: estimate.mean,
                half: (high - low) / 2.0,
            }
        }
    }
}

/// Half of an estimate's interval.
pub fn half(estimate: &Estimate) -> Option<f64> {
    interval(estimate).map(|(low, high)| (high - low) / 2.0)
}

/// Mean of an estimate, where it is a number.
pub fn mean(estimate: &Estimate) -> Option<f64> {
    Some(estimate.mean).filter(|mean| mean.is_finite())
}

fn interval(estimate: &Estimate) -> Option<(f64, f64)> {
    let (low, high) = estimate.low.zip(estimate.high)?;
    (low.is_finite() && high.is_finite() && estimate.mean.is_finite()).then_some((low, high))
}

/// Smallest difference that can be told on a row, ns a packet: what the A/A comparisons of its
/// group say (the case's own, else the worst of them), and never finer than a step of the clock
/// spread over a reading. `None` without an A/A comparison: then nothing may be told.
pub fn smallest_ns(clock: &Clock, group: &Group, case: &str, sum_ns: f64) -> Option<f64> {
    let finite = |gate: &&crate::record::NullGate| gate.smallest_percent.is_finite();
    let own = group
        .null_gate
        .iter()
        .filter(finite)
        .find(|gate| gate.case == case);
    let percent = match own {
        Some(gate) => gate.smallest_percent,
        None => group
            .null_gate
            .iter()
            .filter(finite)
            .map(|gate| gate.smallest_percent)
            .reduce(f64::max)?,
    };
    let by_gate = percent.abs() / 100.0 * sum_ns.abs();
    let by_clock = clock.step_ns / f64::from(group.packets_per_reading.max(1));
    Some(by_gate.max(by_clock)).filter(|ns| ns.is_finite())
}
