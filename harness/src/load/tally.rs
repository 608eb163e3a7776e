//! From the instances of a case to its place in the record.

use hdrhistogram::Histogram;
use tunneltax_reports::histogram;
use tunneltax_reports::load::{
    AtLoad, CLAIMED_LOAD_PERCENT, CLOCK_COSTS, Compared, Figures, Idle, LoadCase, Service, Sight,
    Stalls, Throughput, compare,
};
use tunneltax_reports::model::queue::{Queue, Seen};
use tunneltax_reports::stats::Estimate;

use super::LOADS_PERCENT;
use super::closed::{Found, IDLE_NS};
use super::instance::{Bench, Trial, modelled};

/// What the instances of a case saw.
pub struct Tally {
    case: &'static str,
    /// Why it has no result.
    pub failed: Option<String>,
    found: Vec<Found>,
    loads: Vec<Load>,
    /// The largest loads, once they were searched.
    pub throughput: Option<Throughput>,
}

/// What packets saw at one load.
#[derive(Default)]
struct Load {
    offered_pps: Vec<f64>,
    /// Without interruption.
    modelled: Seen,
    /// The paced trials, and whether they were quiet: no stall, and the core as fast before as after.
    trials: Vec<(Seen, bool)>,
    modelled_all: Seen,
    modelled_quiet: Seen,
}

impl Tally {
    /// Nothing yet.
    pub fn new(case: &'static str, failed: Option<String>) -> Self {
        let loads = (0..=LOADS_PERCENT.len()).map(|_| Load::default());
        Self {
            case,
            failed,
            found: Vec::new(),
            loads: loads.collect(),
            throughput: None,
        }
    }

    /// Adds an instance: its trials, and the model over them.
    pub fn add(&mut self, bench: &Bench<'_>, found: Found, trials: Vec<Trial>) {
        for trial in trials {
            let load = &mut self.loads[trial.load];
            load.modelled_all
                .add(&modelled(bench, &found, &trial, true));
            let quiet = trial.stalls == 0 && trial.steady;
            if quiet {
                let modelled = modelled(bench, &found, &trial, false);
                load.modelled_quiet.add(&modelled);
            }
            load.trials.push((trial.seen, quiet));
        }
        for (at, load) in self.loads.iter_mut().enumerate() {
            let pps = bench.pps(at, found.burst_ns);
            load.offered_pps.push(pps);
            let seed = load.offered_pps.len() as u64;
            let mut queue = Queue::new(bench.rules, &found.service, Some(&found.stalls), seed);
            let mut schedule = bench.schedule(pps, seed);
            // The same virtual time at every load, and so the same number of stalls.
            let part = pps * found.burst_ns / 1e9;
            let packets = (bench.plan.modelled_packets as f64 * part).ceil() as usize;
            for _ in 0..packets.max(1) {
                queue.offer(schedule.next_ns());
            }
            load.modelled.add(&queue.finish());
        }
        self.found.push(found);
    }

    /// The instance whose packets take as long as the median one's, and the rates of its loads.
    pub fn typical(&self, bench: &Bench<'_>) -> Option<(&Found, Vec<f64>)> {
        let mut found: Vec<&Found> = self.found.iter().collect();
        found.sort_by(|one, two| one.burst_ns.total_cmp(&two.burst_ns));
        let found = *found.get(found.len() / 2)?;
        let rates = (0..self.loads.len()).map(|at| bench.pps(at, found.burst_ns));
        Some((found, rates.collect()))
    }

    /// What all packets of a capture see in virtual time, by load, instead of what the first did.
    pub fn streamed(&mut self, seen: Vec<Seen>) {
        for (load, seen) in self.loads.iter_mut().zip(seen) {
            load.modelled = seen;
        }
    }

    /// Instances that were finished.
    pub fn instances(&self) -> usize {
        self.found.len()
    }

    /// The case as the record has it.
    pub fn to_record(&self, bench: &Bench<'_>, mean_bytes: f64) -> LoadCase {
        let figures = match self.failed {
            Some(_) => None,
            None => self.figures(bench, mean_bytes),
        };
        LoadCase {
            case: self.case.to_owned(),
            passed: figures.is_some(),
            message: self.failed.clone(),
            figures,
        }
    }

    fn figures(&self, bench: &Bench<'_>, mean_bytes: f64) -> Option<Figures> {
        let gbps = |pps: f64| pps * mean_bytes * 8.0 / 1e9;
        let service = self.service(gbps)?;
        let claimed = service.burst_ns.mean >= CLOCK_COSTS * bench.clock.reading_ns;
        let loads = self.loads.iter().enumerate().filter_map(|(at, load)| {
            let load_percent = LOADS_PERCENT.get(at).copied();
            let offered_pps = Estimate::from_instances(load.offered_pps.clone())?.mean;
            let percent = load_percent.unwrap_or(100.0 * offered_pps / service.limit_pps.mean);
            let (all, quiet) = load.compared(claimed && percent <= CLAIMED_LOAD_PERCENT + 1e-6)?;
            let mut paced = Seen::new();
            load.trials.iter().for_each(|(seen, _)| paced.add(seen));
            Some(AtLoad {
                load_percent,
                offered_pps,
                offered_gbps: gbps(offered_pps),
                modelled: Sight::new(&load.modelled, true),
                paced: Sight::new(&paced, false),
                all,
                quiet,
            })
        });
        Some(Figures {
            loads: loads.collect(),
            service,
            throughput: self.throughput.clone(),
        })
    }

    fn service(&self, gbps: impl Fn(f64) -> f64) -> Option<Service> {
        let estimate = |of: &dyn Fn(&Found) -> f64| {
            Estimate::from_instances(self.found.iter().map(of).collect())
        };
        let mut all: Histogram<u64> = self.found.first()?.histogram.clone();
        for found in &self.found[1..] {
            // All have the same bounds, so nothing can be out of range.
            let _ = all.add(&found.histogram);
        }
        let idle = IDLE_NS.iter().enumerate().filter_map(|(at, gap_ns)| {
            let extra = self
                .found
                .iter()
                .filter_map(|found| found.idle_extra_ns[at]);
            Some(Idle {
                gap_ns: *gap_ns,
                extra_ns: Estimate::from_instances(extra.collect())?,
            })
        });
        let limit_pps = estimate(&|found| 1e9 / found.burst_ns)?;
        Some(Service {
            histogram_ns: histogram::encode(&all),
            packets: all.len(),
            burst_ns: estimate(&|found| found.burst_ns)?,
            single_ns: estimate(&|found| found.single_ns)?,
            turn_ns: estimate(&|found| found.service.turn_ns)?,
            limit_gbps: gbps(limit_pps.mean),
            limit_pps,
            idle: idle.collect(),
            stalls: self.stalls(estimate(&|found| found.threshold_ns)?),
        })
    }

    fn stalls(&self, threshold_ns: Estimate) -> Stalls {
        let mut lengths = Seen::new().latency;
        let of_all = self.found.iter().flat_map(|found| &found.stalls.lengths_ns);
        of_all.for_each(|ns| lengths.saturating_record(ns.round() as u64));
        let count = self.found.iter().map(|found| found.stall_count).sum();
        let watched_ns: f64 = self.found.iter().map(|found| found.watched_ns).sum();
        Stalls {
            threshold_ns,
            count,
            watched_seconds: watched_ns / 1e9,
            per_second: count as f64 * 1e9 / watched_ns.max(1.0),
            histogram_ns: histogram::encode(&lengths),
        }
    }
}

impl Load {
    /// The model against all trials, and against the quiet ones.
    fn compared(&self, claimed: bool) -> Option<(Compared, Option<Compared>)> {
        let against = |modelled: &Seen, only_quiet: bool| {
            let of = self.trials.iter();
            let of = of.filter(|(_, quiet)| *quiet || !only_quiet);
            let each: Vec<&Seen> = of.map(|(seen, _)| seen).collect();
            let mut paced = Seen::new();
            for seen in &each {
                paced.add(seen);
            }
            (!each.is_empty()).then(|| compare(modelled, &paced, &each, claimed))
        };
        let all = against(&self.modelled_all, false)?;
        Some((all, against(&self.modelled_quiet, true)))
    }
}
