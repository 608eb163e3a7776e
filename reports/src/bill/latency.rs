//! Percentiles of stamped packets, and whether the stamps agree with the burst totals.

use hdrhistogram::Histogram;

use super::difference::{half, mean};
use crate::histogram;
use crate::record::{RecordError, Stamped};
use crate::stats::Estimate;
use crate::stats::quantile::{bears, widened};

/// The percentiles shown, with their names; behind them comes the largest value.
pub const PERCENTILES: [(f64, &str); 4] =
    [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];

/// One direction of a row, packet by packet: service time with the stamp's own cost in it,
/// which is never subtracted from a percentile.
#[derive(Clone, Debug)]
pub struct Latency {
    /// The whole distribution, ns.
    pub histogram: Histogram<u64>,
    /// Mean of the stamps, ns.
    pub stamped_ns: f64,
    /// What stamping added to a packet, ns, and half of its interval.
    pub stamping_ns: Option<(f64, Option<f64>)>,
    /// What burst totals say of the same packets, ns.
    pub burst_ns: f64,
    /// Those of [`PERCENTILES`] that the packets bear, ns.
    pub percentiles_ns: [Option<Percentile>; PERCENTILES.len()],
}

/// A percentile, ns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Percentile {
    /// Mean over the instances, and half of its interval, widened by a step of the clock.
    OverInstances(f64, Option<f64>),
    /// Of the packets of all instances together, which alone have too few for it.
    OfAll(u64),
}

impl Latency {
    /// Decodes a row's stamps; `None` where no packet was stamped.
    pub fn new(
        workload: &str,
        case: &str,
        stamped: &Stamped,
        burst: &Estimate,
        clock_step_ns: f64,
    ) -> Result<Option<Self>, RecordError> {
        if stamped.packets == 0 && stamped.histogram_ns.is_empty() {
            return Ok(None);
        }
        let histogram =
            histogram::decode(&stamped.histogram_ns).map_err(|error| RecordError::Histogram {
                name: workload.to_owned(),
                case: case.to_owned(),
                message: error.to_string(),
            })?;
        let percentile = |at: f64| {
            let over_instances = stamped
                .quantiles
                .iter()
                .find(|of| (of.quantile - at).abs() < f64::EPSILON)
                .and_then(|of| {
                    let half = half(&of.ns).map(|half| widened(half, clock_step_ns));
                    Some(Percentile::OverInstances(mean(&of.ns)?, half))
                });
            let of_all = || Percentile::OfAll(histogram.value_at_quantile(at));
            over_instances.or_else(|| bears(histogram.len(), at).then(of_all))
        };
        let percentiles_ns = PERCENTILES.map(|(at, _)| percentile(at));
        Ok((!histogram.is_empty()).then(|| Self {
            percentiles_ns,
            histogram,
            stamped_ns: stamped.mean_ns,
            stamping_ns: mean(&stamped.stamping_ns).map(|mean| (mean, half(&stamped.stamping_ns))),
            burst_ns: burst.mean,
        }))
    }

    /// What a stamped packet, alone in its burst, takes beyond its part of a burst total, ns:
    /// the stamp, the burst of one, and stalls.
    pub fn beyond_burst_ns(&self) -> Option<f64> {
        Some(self.stamped_ns - self.burst_ns).filter(|ns| ns.is_finite())
    }

    /// The distribution as a curve: (log10 of 1 / (1 − p), ns), up to the largest value; so many
    /// points a decade, however many packets there are.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        const POINTS_A_DECADE: f64 = 40.0;
        let packets = self.histogram.len() as f64;
        let end = packets.max(1.0).log10();
        let mut curve = Vec::new();
        let mut seen = 0.0;
        for value in self.histogram.iter_recorded() {
            seen += value.count_since_last_iteration() as f64;
            let ns = value.value_iterated_to().max(1) as f64;
            // every point whose share of the packets has now been seen
            loop {
                let x = curve.len() as f64 / POINTS_A_DECADE;
                if x > end || (1.0 - 10_f64.powf(-x)) * packets > seen {
                    break;
                }
                curve.push((x, ns));
            }
        }
        curve.push((end, self.histogram.max().max(1) as f64));
        curve
    }
}
