//! The record of `load`: what packets see under load, modelled and paced, as versioned JSON.
//!
//! Units are in the names. Whole histograms are stored, as in [`crate::record`]. What comes out of
//! the queue model and not off the clock says so (`modelled`).

mod check;
mod difference;
mod sight;
pub mod tables;
mod throughput;

pub use check::{
    CLAIMED_LOAD_PERCENT, CLOCK_COSTS, Compared, P50_PERCENT, Verdict, compare, trial,
};
pub use difference::{Figure, Row, Twin, Verdict as DifferenceVerdict, differences};
pub use sight::{Pooled, Sight, over_instances};
pub use throughput::{Bounds, Rate, Throughput};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::histogram;
use crate::model::arrivals::Kind;
use crate::record::{Capture, Provenance, RecordError};
use crate::stats::Estimate;

/// The schema this code writes and reads.
pub const SCHEMA: &str = "tunneltax-load/1";

/// One run of `load`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadRecord {
    /// [`SCHEMA`].
    pub schema: String,
    /// `complete`, or why the run ended early (`interrupted`, …).
    pub state: String,
    /// Where the figures come from.
    pub provenance: Provenance,
    /// The capture; `null` of generated packets.
    pub capture: Option<Capture>,
    /// Name of the packets: a capture's, a size or a mix.
    pub workload: String,
    /// Different packets that are replayed, again and again.
    pub packets: u64,
    /// Mean IP total length of them.
    pub mean_inner_bytes: f64,
    /// `send` of the near gateway, or `receive` of the far one.
    pub half: String,
    /// When packets come.
    pub arrivals: Arrivals,
    /// Most packets that the loop takes at once.
    pub burst: u32,
    /// Most packets that wait.
    pub ring: u32,
    /// Frames that are filled at once, outside the clock.
    pub frames: u32,
    /// Fresh instances of every case.
    pub instances: u32,
    /// Paced trials, and rounds of the closed loop, that were made again, since the core was slower or
    /// faster behind them than before. Records of before do not say.
    #[serde(default)]
    pub made_again: u32,
    /// Time in which nothing was measured, since another hardware thread had a part of the core, s.
    #[serde(default)]
    pub waited_seconds: f64,
    /// The cases.
    pub cases: Vec<LoadCase>,
    /// The ground case once more; `null` where no other is held against it.
    #[serde(default)]
    pub twin: Option<Twin>,
}

/// When packets come, and what the rule for timestamps did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// Where the gaps come from.
    pub kind: Kind,
    /// Gaps of the capture that ran backwards, and are 0.
    pub backwards: u64,
    /// Gaps that were too long, and are shorter.
    pub clipped: u64,
    /// Gaps beside a packet without a time, and are 0.
    pub missing: u64,
    /// Packets of a capture of which more came in virtual time than were replayed: all of them,
    /// each once, at their own times. The counts are of these, too. 0: the schedule of those that
    /// were replayed came again and again.
    #[serde(default)]
    pub streamed: u64,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadCase {
    /// `path/cipher@library`.
    pub case: String,
    /// The case could be measured, and what it sent was right.
    pub passed: bool,
    /// Why not.
    pub message: Option<String>,
    /// The figures; `null` where not passed.
    pub figures: Option<Figures>,
}

/// What was measured and modelled of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The closed loop.
    pub service: Service,
    /// Parts of the limit, ascending, then the load that all cases have alike, and the capture's own
    /// where that was asked for.
    pub loads: Vec<AtLoad>,
    /// The largest loads; `null` where the run ended before they were searched.
    pub throughput: Option<Throughput>,
}

/// The closed loop: the next packet is there when the last is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Turns of one packet, the loop's reading of the clock and stalls included, ns.
    pub histogram_ns: String,
    /// Packets in it.
    pub packets: u64,
    /// A packet in full bursts, its part of the turn included, stalls taken out.
    pub burst_ns: Estimate,
    /// A packet alone in its turn, stalls taken out.
    pub single_ns: Estimate,
    /// What a turn takes beside its packets: poll, clock, call.
    pub turn_ns: Estimate,
    /// What a turn takes longer that begins right behind another and has a number of packets that no
    /// branch predictor knows. Records from before it was measured have none.
    #[serde(default)]
    pub mixed_ns: Option<Estimate>,
    /// 1 / `burst_ns`: the throughput limit.
    pub limit_pps: Estimate,
    /// The same in inner Gbit/s.
    pub limit_gbps: f64,
    /// What a packet takes longer after idle time.
    pub idle: Vec<Idle>,
    /// What was taken out.
    pub stalls: Stalls,
}

/// Packets after idle time of one length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// Idle time.
    pub gap_ns: f64,
    /// Median over the packets of what they took beyond a packet alone in its turn.
    pub extra_ns: Estimate,
}

/// Times in which the machine did something else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stalls {
    /// What is longer by more than this is one.
    pub threshold_ns: Estimate,
    /// How many were seen.
    pub count: u64,
    /// In how long, the stalls themselves not counted, s.
    pub watched_seconds: f64,
    /// `count` / `watched_seconds`.
    pub per_second: f64,
    /// The same over the instances. Records of before do not say.
    #[serde(default)]
    pub rate: Option<Estimate>,
    /// How long, ns.
    pub histogram_ns: String,
}

/// What packets see at one load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtLoad {
    /// Part of the limit of each instance; `null` of the load that all cases have alike, and of the
    /// capture's own.
    pub load_percent: Option<f64>,
    /// The capture's own times, divided by this; `null` of other loads.
    #[serde(default)]
    pub speed_up: Option<f64>,
    /// Packets a second that come in virtual time, where that is all of a long capture at its own
    /// times, and not its first packets.
    #[serde(default)]
    pub streamed_pps: Option<f64>,
    /// Packets a second that come, mean over the instances.
    pub offered_pps: f64,
    /// Inner bytes of them.
    pub offered_gbps: f64,
    /// In virtual time, the schedule without interruption.
    pub modelled: Sight,
    /// On the clock.
    pub paced: Sight,
    /// Both in the same trials: same packets, same times, the ring empty at the begin.
    pub all: Compared,
    /// The same of trials without stalls, on a core that was as fast before as after, and without
    /// stalls in virtual time; `null` where there is none.
    pub quiet: Option<Compared>,
}

impl AtLoad {
    /// The load that all cases have alike.
    pub fn is_common(&self) -> bool {
        self.load_percent.is_none() && self.speed_up.is_none()
    }
}

impl LoadRecord {
    /// Reads a record; `name` is used in errors.
    pub fn from_json(name: &str, text: &str) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_str(text).map_err(|source| RecordError::Malformed {
            name: name.to_owned(),
            source,
        })?;
        if record.schema != SCHEMA {
            return Err(RecordError::Schema {
                name: name.to_owned(),
                found: record.schema,
            });
        }
        Ok(record)
    }

    /// The record as JSON, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The case's histogram back.
    pub fn decode(&self, case: &str, text: &str) -> Result<Histogram<u64>, RecordError> {
        histogram::decode(text).map_err(|error| RecordError::Histogram {
            name: self.workload.clone(),
            case: case.to_owned(),
            message: error.to_string(),
        })
    }
}
