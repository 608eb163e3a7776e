//! What packets saw, over fresh instances: every figure with the values that its interval is of.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::bill::{PERCENTILES, Percentile, half};
use crate::histogram;
use crate::model::seen::{Seen, percentile};
use crate::record::Quantile;
use crate::stats::Estimate;

/// What packets saw in several instances: all of it together, and each one's figures.
#[derive(Clone, Debug, Default)]
pub struct Pooled {
    /// Of all instances.
    pub all: Seen,
    /// Of each.
    each: Vec<Each>,
}

/// Figures of one instance.
#[derive(Clone, Copy, Debug)]
struct Each {
    /// By [`PERCENTILES`], ns, where its packets bear them.
    percentiles_ns: [Option<u64>; PERCENTILES.len()],
    /// `None` without a packet.
    mean_ns: Option<f64>,
    queue_mean: f64,
    dropped_percent: f64,
}

impl Pooled {
    /// Adds what packets saw in one instance.
    pub fn add(&mut self, seen: &Seen) {
        self.all.add(seen);
        self.each.push(Each {
            percentiles_ns: PERCENTILES.map(|(at, _)| percentile(&seen.latency, at)),
            mean_ns: (seen.packets() > 0).then(|| seen.mean_ns()),
            queue_mean: seen.queue_mean(),
            dropped_percent: 100.0 * seen.loss(),
        });
    }

    /// The percentiles that every instance bears, each as a mean over them.
    pub fn quantiles(&self) -> Vec<Quantile> {
        let over = |(at, (quantile, _)): (usize, &(f64, &str))| {
            let ns = self.over(|of| of.percentiles_ns[at].map(|ns| ns as f64))?;
            Some(Quantile {
                quantile: *quantile,
                ns,
            })
        };
        PERCENTILES.iter().enumerate().filter_map(over).collect()
    }

    /// A figure over the instances; `None` where one of them has none.
    fn over(&self, of: impl Fn(&Each) -> Option<f64>) -> Option<Estimate> {
        let values: Option<Vec<f64>> = self.each.iter().map(of).collect();
        Estimate::from_instances(values?)
    }
}

/// What packets saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// True in virtual time.
    pub modelled: bool,
    /// Latency, queueing included, ns.
    pub histogram_ns: String,
    /// Packets in it.
    pub packets: u64,
    /// Mean latency of all packets.
    pub mean_ns: f64,
    /// Mean number of packets that wait, over time.
    pub queue_mean: f64,
    /// Most packets that waited.
    pub queue_max: u64,
    /// Packets that found the ring full.
    pub dropped: u64,
    /// The percentiles that every instance bears. Records of before have none.
    #[serde(default)]
    pub quantiles: Vec<Quantile>,
    /// Mean latency over the instances, ns.
    #[serde(default)]
    pub latency_ns: Option<Estimate>,
    /// Mean number of packets that wait, over the instances.
    #[serde(default)]
    pub queue: Option<Estimate>,
    /// Part of the packets that found the ring full, over the instances, percent.
    #[serde(default)]
    pub dropped_percent: Option<Estimate>,
}

impl Sight {
    /// From what was seen.
    pub fn new(of: &Pooled, modelled: bool) -> Self {
        let seen = &of.all;
        Self {
            modelled,
            histogram_ns: histogram::encode(&seen.latency),
            packets: seen.packets(),
            mean_ns: seen.mean_ns(),
            queue_mean: seen.queue_mean(),
            queue_max: seen.queue.max(),
            dropped: seen.dropped,
            quantiles: of.quantiles(),
            latency_ns: of.over(|each| each.mean_ns),
            queue: of.over(|each| Some(each.queue_mean)),
            dropped_percent: of.over(|each| Some(each.dropped_percent)),
        }
    }

    /// A percentile over the instances, its interval wider by a step of the clock; that of all
    /// packets together, without an interval, where some instance has too few for it; `None` where
    /// all together have. `all` is the histogram of all.
    pub fn percentile(
        &self,
        all: &Histogram<u64>,
        quantile: f64,
        clock_step_ns: f64,
    ) -> Option<Percentile> {
        let over_instances = over_instances(&self.quantiles, quantile, clock_step_ns);
        over_instances.or_else(|| percentile(all, quantile).map(Percentile::OfAll))
    }
}

/// A percentile of those that every instance bears, its interval wider by a step of the clock.
pub fn over_instances(
    quantiles: &[Quantile],
    quantile: f64,
    clock_step_ns: f64,
) -> Option<Percentile> {
    let mut of = quantiles.iter();
    let of = of.find(|of| (of.quantile - quantile).abs() < f64::EPSILON)?;
    let half = half(&of.ns).map(|half| half + clock_step_ns);
    Some(Percentile::OverInstances(of.ns.mean, half))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(packets: u32, latency_ns: f64) -> Seen {
        let mut seen = Seen::new();
        (0..packets).for_each(|_| seen.packet(latency_ns, latency_ns / 2.0));
        seen.elapsed_ns = 1e6;
        seen
    }

    fn sight(each: &[Seen]) -> (Sight, Histogram<u64>) {
        let mut pooled = Pooled::default();
        for seen in each {
            pooled.add(seen);
        }
        (Sight::new(&pooled, false), pooled.all.latency)
    }

    /// 100, 102 and 104 ns: t of two degrees of freedom is 4.3027, the error 2 / √3; with a step
    /// of 10 ns the interval is 4.97 + 10.
    #[test]
    fn intervals_are_over_instances_and_wider_by_a_step_of_the_clock() {
        let (of, all) = sight(&[100.0, 102.0, 104.0].map(|ns| seen(2000, ns)));
        let half = 4.302_65 * 2.0 / 3.0_f64.sqrt();
        let Some(Percentile::OverInstances(mean, Some(found))) = of.percentile(&all, 0.99, 10.0)
        else {
            panic!("{:?}", of.quantiles);
        };
        assert!((mean - 102.0).abs() < 1e-9 && (found - half - 10.0).abs() < 1e-3);
        let mean = of.latency_ns.unwrap();
        assert!((mean.high.unwrap() - 102.0 - half).abs() < 1e-3);
        // 2,000 packets wait 50, 51 and 52 ns in a millisecond.
        assert!((of.queue.unwrap().mean - 0.102).abs() < 1e-9);
        assert_eq!(of.dropped_percent.unwrap().mean.to_bits(), 0);
    }

    #[test]
    fn what_one_instance_does_not_bear_is_of_all_and_without_an_interval() {
        let (of, all) = sight(&[seen(2000, 100.0), seen(500, 100.0)]);
        assert_eq!(of.percentile(&all, 0.99, 1.0), Some(Percentile::OfAll(100)));
        assert_eq!(of.percentile(&all, 0.999, 1.0), None);
        let p50 = of.percentile(&all, 0.5, 1.0);
        assert_eq!(p50, Some(Percentile::OverInstances(100.0, Some(1.0))));
        // One instance has no interval, and none has no figure.
        let (alone, all) = sight(&[seen(2000, 100.0)]);
        let p99 = alone.percentile(&all, 0.99, 1.0);
        assert_eq!(p99, Some(Percentile::OverInstances(100.0, None)));
        let (empty, all) = sight(&[seen(2000, 100.0), Seen::new()]);
        assert_eq!((&empty.latency_ns, empty.packets), (&None, 2000));
        assert_eq!(
            empty.percentile(&all, 0.5, 1.0),
            Some(Percentile::OfAll(100))
        );
    }
}
