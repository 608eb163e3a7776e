//! The stored result of `tunneltax selftest`: comparisons with nothing to tell, comparisons with
//! something, and what was told. And, where it was asked for, what figures depend on that they
//! should not depend on.

mod axis;
mod axis_tables;
mod judge;
mod sensitivity;
mod tables;

pub use axis::{Axis, Figure, Level, Look};
pub use axis_tables::{axis_sentences, axis_tables, warnings};
pub use judge::{Judged, Row, Verdict, judge, told_here};
pub use sensitivity::{Difference, JudgedAxis, Says, floor_percent, judge as judge_axes};
pub use tables::{sentence, tables};

use serde::{Deserialize, Serialize};

use crate::record::Provenance;
use crate::stats::{Estimate, p_of_zero};

/// The schema this code writes. What has the one before, `/1`, is read as well: it had no looks.
pub const SCHEMA: &str = "tunneltax-selftest/2";

/// The one before.
pub const SCHEMA_BEFORE: &str = "tunneltax-selftest/1";

/// Part of the comparisons with nothing to tell in which something may be told: by design of the
/// test, two-sided.
pub const ALARMS_BY_DESIGN: f64 = 0.002;
/// Part of the comparisons with something to tell in which it is told: by design.
pub const POWER_BY_DESIGN: f64 = 0.99;
/// Part of false alarms that the record must contradict for the selftest to fail.
pub const ALARMS_MAX: f64 = 0.01;
/// Part of slow-downs told that the record must contradict for the selftest to fail.
pub const POWER_MIN: f64 = 0.95;

/// What a comparison may take, seconds.
pub const COMPARISON_SECONDS_MAX: f64 = 10.0;

/// One selftest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selftest {
    /// [`SCHEMA`].
    pub schema: String,
    /// `complete`, or `interrupted`.
    pub state: String,
    /// Where the figures come from.
    pub provenance: Provenance,
    /// What was slowed down, and by how much; empty where there was no time for it beside the axes.
    pub subjects: Vec<Subject>,
    /// What figures depend on, where that was asked for (`--full`): axis by axis, size by size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks: Option<Vec<Look>>,
}

/// One case at one size, compared with itself and with itself slowed down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The case.
    pub case: String,
    /// IP total length of the packets.
    pub inner_bytes: u32,
    /// Packets handed to the path in one call.
    pub burst: u32,
    /// Fresh instances in a comparison.
    pub instances: u32,
    /// The slow-down that was asked for, percent of send and receive together.
    pub asked_percent: f64,
    /// Serial steps for so many packets: what was slowed down by.
    pub steps: u32,
    /// Packets that the steps are for.
    pub steps_per_packets: u32,
    /// What the steps of a packet take when nothing else runs, ns a packet.
    pub steps_alone_ns: f64,
    /// The slow-down as a long run saw it, percent.
    pub long_run_percent: Estimate,
    /// The same, ns a packet.
    pub long_run_ns: Estimate,
    /// The comparisons.
    pub comparisons: Vec<Comparison>,
}

/// The same fresh instances, not slowed down twice and slowed down once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What it took, seconds.
    pub seconds: f64,
    /// Against its twin, percent; one value an instance.
    pub twin_percent: Vec<f64>,
    /// Slowed down against not, percent; one value an instance.
    pub slowed_percent: Vec<f64>,
}

/// What a comparison tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Slower.
    Slower,
    /// Faster.
    Faster,
    /// Cannot tell.
    Nothing,
}

/// What instances tell by Student's t test at [`ALARMS_BY_DESIGN`].
pub fn told(percent: &[f64]) -> Told {
    let mean = percent.iter().sum::<f64>() / percent.len().max(1) as f64;
    match p_of_zero(percent) {
        Some(p) if p < ALARMS_BY_DESIGN && mean > 0.0 => Told::Slower,
        Some(p) if p < ALARMS_BY_DESIGN => Told::Faster,
        _ => Told::Nothing,
    }
}
