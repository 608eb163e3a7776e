//! What all instances and chunks gave for one lane of a group: a case, or a twin of one.

use std::collections::BTreeMap;

use tunneltax_core::counters::Counts;
use tunneltax_core::latency::Latency;
use tunneltax_core::path::Case;
use tunneltax_core::proof::Proof;
use tunneltax_core::replay::Samples;
use tunneltax_core::workload::Workload;
use tunneltax_reports::bill::PERCENTILES;
use tunneltax_reports::histogram;
use tunneltax_reports::record::{
    CpuCounts, Figures, NullGate, Paired, Quantile, Row, Stamped, Work,
};
use tunneltax_reports::stats::quantile::quantile;
use tunneltax_reports::stats::{Estimate, median, midmean, smallest_difference, stretch_mean};

use crate::payer_sum::charged_ns;
use crate::tail::{Context, TailSum};

/// What all chunks gave for one lane: a case, or a twin of one.
#[derive(Clone)]
pub struct LaneSum {
    /// The case.
    pub case: &'static Case,
    /// The lane that this one is a twin of.
    pub twin_of: Option<usize>,
    /// The lanes that this one is compared with.
    pub against: Vec<usize>,
    /// Why there is no result.
    pub failed: Option<String>,
    /// The work of one walk.
    pub proof: Proof,
    /// One sum an instance.
    pub instances: Vec<InstanceSum>,
    /// Of send and receive, where the record names packets.
    tails: Option<[TailSum; 2]>,
    counted: [Option<(u64, Counts)>; 2],
    clock_share: [f64; 2],
    disturbed: [u64; 2],
    readings: u64,
}

/// One instance's values, weighted by the packets of the chunks.
#[derive(Clone, Default)]
pub struct InstanceSum {
    weight: f64,
    values: Values,
    /// By way and label, of all chunks ([`charged_ns`]).
    charged_ns: Vec<Vec<f64>>,
    /// Single packets by service time, ns, send and receive; ascending.
    stamped: [Vec<(u64, u64)>; 2],
}

/// The values of one instance, ns a packet.
#[derive(Clone, Default)]
pub struct Values {
    halves: [f64; 2],
    sum: f64,
    stamping: [f64; 2],
    /// What a reading of the clock took beside the work; none of what is not walked.
    reading: [Option<f64>; 2],
    against: Vec<[f64; 3]>,
}

impl Values {
    /// Send and receive together, ns a packet.
    pub fn sum_ns(&self) -> f64 {
        self.sum
    }

    /// Send and receive together, minus those of the other lane of this place, ns a packet.
    pub fn above_ns(&self, other: usize) -> f64 {
        self.against.get(other).map_or(f64::NAN, |parts| parts[2])
    }

    /// The same as part of the other lane's, percent.
    pub fn percent_above(&self, other: usize) -> f64 {
        let above = self.above_ns(other);
        100.0 * above / (self.sum - above)
    }
}

/// The values of one instance; `None` where a reading is missing.
pub fn values(mine: &Samples, others: &[Option<&Samples>]) -> Option<Values> {
    let mean = |readings: &[f64]| stretch_mean(readings, &mine.stretch);
    // The median reading: stamped visits are made once, and a stall in one would be most of a
    // mean. A twin has none.
    let stamping = |readings: &[f64]| median(readings).unwrap_or(0.0);
    let sums = |s: &Samples| -> Vec<f64> {
        s.send_ns
            .iter()
            .zip(&s.receive_ns)
            .map(|(send, receive)| send + receive)
            .collect()
    };
    let difference = |a: &[f64], b: &[f64]| -> Option<f64> {
        let pairs: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        mean(&pairs)
    };
    let my_sums = sums(mine);
    let mut against = Vec::new();
    for other in others {
        against.push(match other {
            Some(other) => [
                difference(&mine.send_ns, &other.send_ns)?,
                difference(&mine.receive_ns, &other.receive_ns)?,
                difference(&my_sums, &sums(other))?,
            ],
            None => [f64::NAN; 3],
        });
    }
    Some(Values {
        halves: [mean(&mine.send_ns)?, mean(&mine.receive_ns)?],
        sum: mean(&my_sums)?,
        stamping: [
            stamping(&mine.send_stamping_ns),
            stamping(&mine.receive_stamping_ns),
        ],
        reading: [0, 1].map(|half| midmean(&mine.reading_ns[half])),
        against,
    })
}

impl LaneSum {
    /// Nothing measured yet.
    pub fn new(
        case: &'static Case,
        twin_of: Option<usize>,
        against: Vec<usize>,
        names_packets: bool,
    ) -> Self {
        Self {
            case,
            twin_of,
            against,
            failed: None,
            proof: Proof::default(),
            instances: Vec::new(),
            tails: (twin_of.is_none() && names_packets).then(Default::default),
            counted: [None; 2],
            clock_share: [0.0; 2],
            disturbed: [0; 2],
            readings: 0,
        }
    }

    /// Adds what one instance measured on the packets of a chunk, before which so many were timed.
    pub fn add_instance(
        &mut self,
        instance: u32,
        values: Values,
        samples: &Samples,
        timed: &Workload<'_>,
        before: u64,
    ) {
        let at = instance as usize;
        if self.instances.len() <= at {
            self.instances.resize(at + 1, InstanceSum::default());
        }
        self.instances[at].add(values, timed.len() as f64);
        self.instances[at].charge(charged_ns(samples, timed));
        if self.twin_of.is_none() {
            self.instances[at].stamp([&samples.send_latency, &samples.receive_latency]);
        }
        for (tail, slowest) in self.tails.iter_mut().flatten().zip(&samples.slowest) {
            tail.add(slowest, instance, before, timed);
        }
        for (sum, more) in self.counted.iter_mut().zip(samples.counted) {
            let both = sum
                .zip(more)
                .map(|(sum, more)| (sum.0 + more.0, sum.1.plus(&more.1)));
            *sum = both.or(*sum).or(more);
        }
        for (half, share) in [samples.send_clock_share, samples.receive_clock_share]
            .into_iter()
            .enumerate()
        {
            self.clock_share[half] = self.clock_share[half].max(share);
            self.disturbed[half] += samples.disturbed[half];
        }
        self.readings += samples.stretch.len() as u64;
    }

    /// The row of the record.
    pub fn row(&self, ids: &[&'static str], context: &Context<'_>) -> Row {
        let figures = if self.failed.is_none() {
            self.figures(ids, context)
        } else {
            None
        };
        let message = self.failed.clone().or_else(|| {
            figures
                .is_none()
                .then(|| "no packet of this workload gets through every case".to_owned())
        });
        Row {
            case: self.case.id.to_owned(),
            passed: figures.is_some(),
            message,
            figures,
        }
    }

    /// One estimate over the instances.
    fn estimate(&self, value: impl Fn(&Values) -> f64) -> Option<Estimate> {
        Estimate::from_instances(self.instances.iter().map(|i| value(&i.values)).collect())
    }

    fn figures(&self, ids: &[&'static str], context: &Context<'_>) -> Option<Figures> {
        let mut against = Vec::new();
        for (at, other) in self.against.iter().enumerate() {
            let part = |which: usize| self.estimate(|v| v.against[at][which]);
            let paired = Paired {
                case: ids.get(*other).copied().unwrap_or_default().to_owned(),
                send_ns: part(0)?,
                receive_ns: part(1)?,
                sum_ns: part(2)?,
                sum_ratio: self.estimate(|v| v.sum / (v.sum - v.against[at][2]))?,
            };
            // The other case failed in this group: there is nothing to compare with.
            if paired.sum_ns.mean.is_finite() && paired.sum_ratio.mean.is_finite() {
                against.push(paired);
            }
        }
        Some(Figures {
            send_ns: self.estimate(|v| v.halves[0])?,
            receive_ns: self.estimate(|v| v.halves[1])?,
            sum_ns: self.estimate(|v| v.sum)?,
            clock_share_percent: self.clock_share.map(|share| share * 100.0),
            reading_ns: [0, 1].map(|half| self.reading_ns(half)),
            disturbed_percent: self
                .disturbed
                .map(|disturbed| 100.0 * disturbed as f64 / self.readings.max(1) as f64),
            against,
            send_stamped: self.stamped(0, context)?,
            receive_stamped: self.stamped(1, context)?,
            counted: self.cpu_counts(),
            work: self.work(),
        })
    }

    fn reading_ns(&self, half: usize) -> Option<Estimate> {
        let of_instances = self.instances.iter().map(|i| i.values.reading[half]);
        Estimate::from_instances(of_instances.collect::<Option<Vec<f64>>>()?)
    }

    fn cpu_counts(&self) -> Option<[CpuCounts; 2]> {
        self.counted.iter().any(Option::is_some).then(|| {
            self.counted.map(|counted| {
                let (packets, counts) = counted.unwrap_or_default();
                CpuCounts {
                    packets,
                    instructions: counts.instructions,
                    cycles: counts.cycles,
                    branch_misses: counts.branch_misses,
                    cache_misses: counts.cache_misses,
                }
            })
        })
    }

    fn stamped(&self, half: usize, context: &Context<'_>) -> Option<Stamped> {
        // A histogram has a place for every time that there may be: one a lane, of all groups of a
        // run, would be hundreds of megabytes.
        let mut latency = Latency::default();
        let counts = self.instances.iter().flat_map(|of| &of.stamped[half]);
        counts.for_each(|(ns, packets)| latency.add(*ns, *packets));
        Some(Stamped {
            histogram_ns: histogram::encode(latency.histogram()),
            packets: latency.packets(),
            mean_ns: latency.histogram().mean(),
            stamping_ns: self.estimate(|v| v.stamping[half])?,
            quantiles: PERCENTILES
                .iter()
                .filter_map(|(quantile, _)| self.quantile(half, *quantile))
                .collect(),
            tails: self
                .tails
                .as_ref()
                .map_or_else(Vec::new, |tails| tails[half].tails(&latency, context)),
        })
    }

    /// A quantile over the instances; `None` where one of them does not bear it.
    fn quantile(&self, half: usize, at: f64) -> Option<Quantile> {
        let of = |instance: &InstanceSum| {
            let stamped = instance.stamped[half].iter().copied();
            quantile(&stamped.collect(), at)
        };
        let ns: Option<Vec<f64>> = self
            .instances
            .iter()
            .map(|instance| of(instance).map(|ns| ns as f64))
            .collect();
        Some(Quantile {
            quantile: at,
            ns: Estimate::from_instances(ns?)?,
        })
    }

    fn work(&self) -> Work {
        let proof = &self.proof;
        Work {
            packets: proof.packets,
            inner_bytes: proof.inner_bytes,
            sent_packets: proof.sent_packets,
            sent_inner_bytes: proof.sent_inner_bytes,
            wire_bytes: proof.wire_bytes,
            wire_packets: proof.wire_packets,
            fragments: proof.fragments,
            over_mtu: proof.over_mtu,
            icmp_answers: proof.icmp_answers(),
            drops: proof
                .drops
                .iter()
                .map(|(r, n)| (r.name().to_owned(), n))
                .collect(),
            verified: proof.verified,
        }
    }

    /// For a twin: its difference to the original.
    pub fn null_gate(&self, lanes: &[Self]) -> Option<NullGate> {
        let original = lanes.get(self.twin_of?)?;
        if self.failed.is_some() || original.failed.is_some() {
            return None;
        }
        let percent: Vec<f64> = self
            .instances
            .iter()
            .zip(&original.instances)
            .map(|(twin, original)| 100.0 * twin.values.above_ns(0) / original.values.sum)
            .collect();
        let spread = smallest_difference(&percent)?;
        let difference_percent = Estimate::from_instances(percent)?;
        // A null that is off by itself, on every instance alike, tells no less than it is off.
        let ends = [difference_percent.low, difference_percent.high];
        let smallest_percent = ends
            .into_iter()
            .flatten()
            .map(f64::abs)
            .fold(spread, f64::max);
        Some(NullGate {
            case: self.case.id.to_owned(),
            smallest_percent,
            difference_percent,
        })
    }
}

impl InstanceSum {
    /// What the packets of a label take, ns in all.
    pub fn charged_ns(&self, way: usize, label: usize) -> Option<f64> {
        self.charged_ns.get(way)?.get(label).copied()
    }

    fn charge(&mut self, more_ns: Vec<Vec<f64>>) {
        if self.charged_ns.is_empty() {
            self.charged_ns = more_ns;
            return;
        }
        for (sums, more) in self.charged_ns.iter_mut().zip(more_ns) {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum += more;
            }
        }
    }

    fn stamp(&mut self, latencies: [&Latency; 2]) {
        for (stamped, latency) in self.stamped.iter_mut().zip(latencies) {
            let mut sum: BTreeMap<u64, u64> = stamped.drain(..).collect();
            for (ns, packets) in latency.counts() {
                *sum.entry(ns).or_default() += packets;
            }
            *stamped = sum.into_iter().collect();
        }
    }

    /// Moves the weighted mean towards a new chunk's values.
    fn add(&mut self, new: Values, weight: f64) {
        let total = self.weight + weight;
        if self.weight == 0.0 {
            self.values = new;
        } else {
            let part = weight / total;
            let towards = |old: &mut f64, new: f64| *old += (new - *old) * part;
            towards(&mut self.values.sum, new.sum);
            for half in 0..2 {
                towards(&mut self.values.halves[half], new.halves[half]);
                towards(&mut self.values.stamping[half], new.stamping[half]);
                if let Some((old, new)) = self.values.reading[half].as_mut().zip(new.reading[half])
                {
                    towards(old, new);
                }
            }
            for (old, new) in self.values.against.iter_mut().zip(new.against) {
                for part in 0..3 {
                    towards(&mut old[part], new[part]);
                }
            }
        }
        self.weight = total;
    }
}

#[cfg(test)]
mod tests {
    use tunneltax_core::path::find;

    use super::*;

    /// Not a size class, whose packets the capture's own tail has, and not a twin.
    #[test]
    fn only_lanes_whose_packets_are_named_keep_a_tail() {
        let case = find("forward").unwrap();
        let keeps = |twin_of, names| {
            let lane = LaneSum::new(case, twin_of, Vec::new(), names);
            lane.tails.is_some()
        };
        assert!(keeps(None, true));
        assert!(!keeps(None, false) && !keeps(Some(0), true));
    }
}
