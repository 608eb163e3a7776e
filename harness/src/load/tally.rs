//! From the instances of a case to its place in the record.

use hdrhistogram::Histogram;
use tunneltax_reports::histogram;
use tunneltax_reports::load::{
    AtLoad, CLAIMED_LOAD_PERCENT, CLOCK_COSTS, Compared, Figures, Idle, LoadCase, Pooled, Service,
    Sight, Stalls, Twin, compare, trial,
};
use tunneltax_reports::model::queue::Queue;
use tunneltax_reports::model::seen::Seen;
use tunneltax_reports::stats::Estimate;

use super::closed::{Found, IDLE_NS};
use super::instance::{Bench, Trial, modelled};
use super::search::{Searched, throughput};
use super::{COMMON, LOADS_PERCENT, OWN};

/// What the instances of a case saw.
pub struct Tally {
    case: &'static str,
    /// Why it has no result.
    pub failed: Option<String>,
    found: Vec<Found>,
    loads: Vec<Load>,
    /// The largest loads of each instance that was searched.
    pub searched: Vec<Searched>,
}

/// What packets saw at one load.
#[derive(Default)]
struct Load {
    offered_pps: Vec<f64>,
    /// Packets a second of all of a capture, where all came in virtual time.
    streamed_pps: Option<f64>,
    /// Without interruption.
    modelled: Pooled,
    /// The paced trials, and the model over them.
    all: Beside,
    /// The same of the quiet ones: no stall, and the core as fast before as after.
    quiet: Beside,
}

/// Paced trials, and the model over the same packets at the same times.
#[derive(Default)]
struct Beside {
    modelled: Pooled,
    paced: Pooled,
    /// Of each paced trial, what is compared.
    trials: Vec<[Option<u64>; 2]>,
}

impl Beside {
    /// Adds those of an instance: modelled, and paced.
    fn add(&mut self, trials: &[(Seen, &Seen)]) {
        if trials.is_empty() {
            return;
        }
        let (mut modelled, mut paced) = (Seen::new(), Seen::new());
        for (virtual_time, clock) in trials {
            modelled.add(virtual_time);
            paced.add(clock);
            self.trials.push(trial(clock));
        }
        self.modelled.add(&modelled);
        self.paced.add(&paced);
    }

    fn compared(&self, claimed: bool) -> Compared {
        compare(&self.modelled, &self.paced, &self.trials, claimed)
    }
}

impl Tally {
    /// Nothing yet.
    pub fn new(case: &'static str, failed: Option<String>, loads: usize) -> Self {
        let loads = (0..loads).map(|_| Load::default());
        Self {
            case,
            failed,
            found: Vec::new(),
            loads: loads.collect(),
            searched: Vec::new(),
        }
    }

    /// Adds an instance: its trials, and the model over them.
    pub fn add(&mut self, bench: &Bench<'_>, found: Found, trials: &[Trial]) {
        for (at, load) in self.loads.iter_mut().enumerate() {
            let of_load = || trials.iter().filter(|trial| trial.load == at);
            let both = |trial| (modelled(bench, &found, trial, true), &trial.ran.seen);
            load.all.add(&of_load().map(both).collect::<Vec<_>>());
            let quiet = of_load().filter(|trial| trial.ran.stalls == 0 && trial.steady);
            let both = |trial| (modelled(bench, &found, trial, false), &trial.ran.seen);
            load.quiet.add(&quiet.map(both).collect::<Vec<_>>());
            let pps = bench.pps(at, found.burst_ns);
            load.offered_pps.push(pps);
            let seed = load.offered_pps.len() as u64;
            let mut queue = Queue::new(bench.rules, &found.service, Some(&found.stalls), seed);
            let mut schedule = bench.schedule(pps, seed);
            for _ in 0..bench.modelled_packets(at, pps, found.burst_ns) {
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
    /// `own_pps` is the rate of all of them, sped up.
    pub fn streamed(&mut self, seen: Vec<Seen>, own_pps: Option<f64>) {
        for (load, seen) in self.loads.iter_mut().zip(seen) {
            load.modelled = Pooled::default();
            load.modelled.add(&seen);
        }
        if let Some(load) = self.loads.get_mut(OWN) {
            load.streamed_pps = own_pps;
        }
    }

    /// Instances that were finished.
    pub fn instances(&self) -> usize {
        self.found.len()
    }

    /// The case as a twin, which has the load that all cases have alike and no other.
    pub fn to_twin(&self) -> Option<Twin> {
        let load = self.loads.get(COMMON).filter(|_| self.failed.is_none())?;
        (!self.found.is_empty()).then(|| Twin {
            case: self.case.to_owned(),
            modelled: Sight::new(&load.modelled, true),
            paced: Sight::new(&load.all.paced, false),
        })
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
            let claimed = claimed && percent <= CLAIMED_LOAD_PERCENT + 1e-6;
            let is_quiet = !load.quiet.trials.is_empty();
            Some(AtLoad {
                load_percent,
                speed_up: bench.speed_up_of(at),
                streamed_pps: load.streamed_pps,
                offered_pps,
                offered_gbps: gbps(offered_pps),
                modelled: Sight::new(&load.modelled, true),
                paced: Sight::new(&load.all.paced, false),
                all: load.all.compared(claimed),
                quiet: is_quiet.then(|| load.quiet.compared(claimed)),
            })
        });
        Some(Figures {
            loads: loads.collect(),
            service,
            throughput: throughput(bench, &self.searched, mean_bytes),
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
            mixed_ns: estimate(&|found| found.service.mixed_ns),
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
        let rates = self.found.iter().map(|found| found.stalls.per_second);
        Stalls {
            threshold_ns,
            count,
            watched_seconds: watched_ns / 1e9,
            per_second: count as f64 * 1e9 / watched_ns.max(1.0),
            rate: Estimate::from_instances(rates.collect()),
            histogram_ns: histogram::encode(&lengths),
        }
    }
}
