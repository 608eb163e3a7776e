//! From fresh instances to one group of a record: rows that were measured in turns on the same
//! packets. Accumulates over the chunks of a capture, so that memory does not grow with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::clock::Clock;
use tunneltax_core::latency::Latency;
use tunneltax_core::net::routes::Routes;
use tunneltax_core::path::{Case, Setup};
use tunneltax_core::proof::{self, Proof};
use tunneltax_core::replay::{self, Lane, Plan, Samples};
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::histogram;
use tunneltax_reports::record::{
    Figures, Group, NullGate, Paired, Row, Stamped, Temperature, Work, WorkloadKind,
};
use tunneltax_reports::stats::{Estimate, median, smallest_difference, stretch_mean};

/// The case that stands for all tunnels in the null gate: the pinned default library.
const TUNNEL_TWIN: &str = "esp/aes-256-gcm@ring";
/// The case that stands for the ground in the null gate.
const GROUND_TWIN: &str = "forward";

/// Fewest instances under a deadline.
pub const INSTANCES_MIN: u32 = 5;

/// What stays the same for all groups of a run.
pub struct Bench<'a> {
    /// Cases under comparison, in the order of the bill.
    pub cases: &'a [&'static Case],
    /// What paths are built from; every instance gets a seed of its own.
    pub setup: &'a Setup,
    /// Calibrated clock.
    pub clock: &'a Clock,
    /// Ends the run early.
    pub stop: &'a AtomicBool,
}

impl Bench<'_> {
    /// Lanes of a group: the cases and the twins of the null gate.
    pub fn lanes(&self) -> usize {
        let twins = [GROUND_TWIN, TUNNEL_TWIN]
            .iter()
            .filter(|id| self.cases.iter().any(|case| case.id == **id));
        self.cases.len() + twins.count().max(1)
    }
}

/// How much of one chunk is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Portion {
    /// Fresh instances of every case.
    pub instances: u32,
    /// Rounds of an instance.
    pub rounds: usize,
    /// Seconds after which no more than [`INSTANCES_MIN`] instances are begun.
    pub seconds_max: f64,
}

/// What a group is of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Kind of packets.
    pub kind: WorkloadKind,
    /// Name of the workload.
    pub workload: String,
    /// The capture it comes from.
    pub capture: Option<String>,
    /// Temperature.
    pub temperature: Temperature,
}

/// A group in the making.
pub struct GroupInMaking<'a> {
    bench: &'a Bench<'a>,
    subject: Subject,
    lanes: Vec<LaneSum>,
    packets: u64,
    inner_bytes: u64,
    shape: Option<Shape>,
    rounds: usize,
    speeds: Vec<f64>,
    /// The fewest that a chunk had; `None` before the first chunk.
    instances: Option<u32>,
}

/// What all chunks gave for one lane: a case, or a twin of one.
#[derive(Clone)]
struct LaneSum {
    case: &'static Case,
    twin_of: Option<usize>,
    against: Vec<usize>,
    failed: Option<String>,
    proof: Proof,
    instances: Vec<InstanceSum>,
    send_latency: Latency,
    receive_latency: Latency,
    clock_share: [f64; 2],
}

/// One instance's values, weighted by the packets of the chunks.
#[derive(Clone, Default)]
struct InstanceSum {
    weight: f64,
    values: Values,
}

/// The values of one instance, ns a packet.
#[derive(Clone, Default)]
struct Values {
    halves: [f64; 2],
    sum: f64,
    stamping: [f64; 2],
    against: Vec<[f64; 3]>,
}

impl<'a> GroupInMaking<'a> {
    /// Nothing measured yet.
    pub fn new(bench: &'a Bench<'a>, subject: Subject) -> Self {
        let position = |id: &str| bench.cases.iter().position(|c| c.id == id);
        let mut lanes: Vec<LaneSum> = bench
            .cases
            .iter()
            .map(|case| {
                let mut against: Vec<usize> = Vec::new();
                for other in [case.step_of, Some(GROUND_TWIN)].into_iter().flatten() {
                    against.extend(position(other).filter(|_| other != case.id));
                }
                against.dedup();
                LaneSum::new(case, None, against)
            })
            .collect();
        for twin in [GROUND_TWIN, TUNNEL_TWIN].into_iter().filter_map(position) {
            lanes.push(LaneSum::new(bench.cases[twin], Some(twin), vec![twin]));
        }
        if lanes.len() == bench.cases.len() && !lanes.is_empty() {
            lanes.push(LaneSum::new(bench.cases[0], Some(0), vec![0]));
        }
        Self {
            bench,
            subject,
            lanes,
            packets: 0,
            inner_bytes: 0,
            shape: None,
            rounds: 0,
            speeds: Vec::new(),
            instances: None,
        }
    }

    /// Measures one chunk's worth of packets: proves every case on all of them, then times the
    /// packets that every case carries. A chunk that is interrupted behind others leaves no
    /// trace; of a first one the instances that were finished count.
    pub fn add(
        &mut self,
        packets: Vec<&[u8]>,
        shape: Shape,
        portion: Portion,
        rng: &mut ChaCha8Rng,
    ) {
        let before = self.instances.map(|_| self.lanes.clone());
        let all = Workload::new(packets);
        let carried = self.prove(&all);
        let timed = all.filtered(&carried);
        let finished = self.measure_instances(&timed, shape, portion, rng);
        if let (true, Some(lanes)) = (self.stopped(), before) {
            self.lanes = lanes;
            return;
        }
        self.packets += all.len() as u64;
        self.inner_bytes += all.inner_bytes();
        self.shape.get_or_insert(shape);
        self.rounds = self.rounds.max(portion.rounds);
        if !timed.is_empty() {
            self.instances = Some(
                self.instances
                    .map_or(finished, |fewest| fewest.min(finished)),
            );
        }
    }

    fn stopped(&self) -> bool {
        self.bench.stop.load(Ordering::Relaxed)
    }

    /// Measures fresh instances until there are enough, or the time is up; returns how many.
    fn measure_instances(
        &mut self,
        timed: &Workload<'_>,
        shape: Shape,
        portion: Portion,
        rng: &mut ChaCha8Rng,
    ) -> u32 {
        if timed.is_empty() {
            return 0;
        }
        let start = Instant::now();
        for instance in 0..portion.instances {
            let late = start.elapsed().as_secs_f64() > portion.seconds_max;
            if late && instance >= INSTANCES_MIN {
                return instance;
            }
            // A moved heap: fresh keys alone would find their tables where the last ones were.
            let displacement: Vec<u8> = vec![0; rng.random_range(64..65_536)];
            self.measure_instance(instance, timed, shape, portion.rounds, rng);
            std::hint::black_box(&displacement);
            if self.stopped() {
                return instance;
            }
        }
        portion.instances
    }

    /// Walks every case over all packets; returns which packets all of them carry.
    fn prove(&mut self, all: &Workload<'_>) -> Vec<bool> {
        let mut carried = vec![true; all.len()];
        for lane in self
            .lanes
            .iter_mut()
            .filter(|l| l.twin_of.is_none() && l.failed.is_none())
        {
            let proven = proof::prove(lane.case, self.bench.setup, all);
            match proven {
                Ok(proof) => {
                    for (all, one) in carried.iter_mut().zip(&proof.carried) {
                        *all &= one;
                    }
                    lane.add_proof(&proof);
                }
                Err(why) => lane.failed = Some(why.to_string()),
            }
        }
        carried
    }

    fn measure_instance(
        &mut self,
        instance: u32,
        timed: &Workload<'_>,
        shape: Shape,
        rounds: usize,
        rng: &mut ChaCha8Rng,
    ) {
        let weight = timed.len() as f64;
        let mut opened: Vec<Lane> = Vec::new();
        let mut of: Vec<usize> = Vec::new();
        // One seed for all: cases that are compared share keys, routes and hashes, each in
        // memory of its own.
        let setup = Setup {
            seed: rng.random(),
            routes: Arc::new(Routes::seeded(self.bench.setup.seed)),
            ..self.bench.setup.clone()
        };
        for (at, lane) in self
            .lanes
            .iter_mut()
            .enumerate()
            .filter(|(_, l)| l.failed.is_none())
        {
            match Lane::open(lane.case, &setup, lane.twin_of.is_some()) {
                Ok(fresh) => {
                    opened.push(fresh);
                    of.push(at);
                }
                Err(why) => lane.failed = Some(why.to_string()),
            }
        }
        let plan = Plan {
            shape,
            rounds,
            first_stretch: 0,
            stop: self.bench.stop,
        };
        self.speeds.extend(replay::measure(
            &mut opened,
            timed,
            &plan,
            self.bench.clock,
            rng,
        ));
        if self.stopped() {
            return;
        }
        let mut samples: BTreeMap<usize, Samples> = BTreeMap::new();
        for (lane, at) in opened.into_iter().zip(of) {
            match lane.into_result() {
                Ok(result) => {
                    samples.insert(at, result);
                }
                Err(why) => self.lanes[at].failed = Some(why),
            }
        }
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let Some(mine) = samples.get(&at) else {
                continue;
            };
            let others: Vec<Option<&Samples>> =
                lane.against.iter().map(|o| samples.get(o)).collect();
            match values(mine, &others) {
                Some(values) => lane.add_instance(instance, values, mine, weight),
                None => lane.failed = Some("no reading could be used".to_owned()),
            }
        }
    }

    /// The group, or nothing where no instance was finished.
    pub fn finish(mut self) -> Option<Group> {
        let shape = self.shape?;
        let instances = self.instances.unwrap_or(0);
        if instances == 0 && self.stopped() {
            return None;
        }
        // An instance that some chunk did not have is not one of the whole workload.
        for lane in &mut self.lanes {
            lane.instances.truncate(instances as usize);
        }
        let ids: Vec<&'static str> = self.lanes.iter().map(|lane| lane.case.id).collect();
        let rows = self
            .lanes
            .iter()
            .filter(|l| l.twin_of.is_none())
            .map(|l| l.row(&ids))
            .collect();
        let null_gate = self
            .lanes
            .iter()
            .filter_map(|lane| lane.null_gate(&self.lanes))
            .collect();
        Some(Group {
            kind: self.subject.kind,
            workload: self.subject.workload,
            capture: self.subject.capture,
            temperature: self.subject.temperature,
            packets: self.packets,
            mean_inner_bytes: self.inner_bytes as f64 / self.packets.max(1) as f64,
            burst: shape.burst as u32,
            packets_per_reading: shape.packets_per_reading as u32,
            instances,
            rounds: self.rounds as u32,
            anchor_ghz: median(&self.speeds).unwrap_or(0.0),
            rows,
            null_gate,
        })
    }

    /// Core speeds seen so far, GHz.
    pub fn speeds(&self) -> &[f64] {
        &self.speeds
    }
}

/// The values of one instance; `None` where a reading is missing.
fn values(mine: &Samples, others: &[Option<&Samples>]) -> Option<Values> {
    let mean = |readings: &[f64]| stretch_mean(readings, &mine.stretch);
    let stamping = |readings: &[f64]| {
        if readings.is_empty() {
            Some(0.0)
        } else {
            mean(readings)
        }
    };
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
            stamping(&mine.send_stamping_ns)?,
            stamping(&mine.receive_stamping_ns)?,
        ],
        against,
    })
}

impl LaneSum {
    fn new(case: &'static Case, twin_of: Option<usize>, against: Vec<usize>) -> Self {
        Self {
            case,
            twin_of,
            against,
            failed: None,
            proof: Proof::default(),
            instances: Vec::new(),
            send_latency: Latency::default(),
            receive_latency: Latency::default(),
            clock_share: [0.0; 2],
        }
    }

    fn add_proof(&mut self, proof: &Proof) {
        self.proof.packets += proof.packets;
        self.proof.inner_bytes += proof.inner_bytes;
        self.proof.wire_bytes += proof.wire_bytes;
        self.proof.over_mtu += proof.over_mtu;
        self.proof.verified += proof.verified;
        self.proof.drops.merge(&proof.drops);
    }

    fn add_instance(&mut self, instance: u32, values: Values, samples: &Samples, weight: f64) {
        let at = instance as usize;
        if self.instances.len() <= at {
            self.instances.resize(at + 1, InstanceSum::default());
        }
        self.instances[at].add(values, weight);
        self.send_latency.merge(&samples.send_latency);
        self.receive_latency.merge(&samples.receive_latency);
        self.clock_share = [samples.send_clock_share, samples.receive_clock_share];
    }

    fn row(&self, ids: &[&'static str]) -> Row {
        let figures = if self.failed.is_none() {
            self.figures(ids)
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

    fn figures(&self, ids: &[&'static str]) -> Option<Figures> {
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
            against,
            send_stamped: self.stamped(&self.send_latency, 0)?,
            receive_stamped: self.stamped(&self.receive_latency, 1)?,
            work: self.work(),
        })
    }

    fn stamped(&self, latency: &Latency, half: usize) -> Option<Stamped> {
        Some(Stamped {
            histogram_ns: histogram::encode(latency.histogram()),
            packets: latency.packets(),
            mean_ns: latency.histogram().mean(),
            stamping_ns: self.estimate(|v| v.stamping[half])?,
        })
    }

    fn work(&self) -> Work {
        let proof = &self.proof;
        Work {
            packets: proof.packets,
            inner_bytes: proof.inner_bytes,
            wire_bytes: proof.wire_bytes,
            over_mtu: proof.over_mtu,
            drops: proof
                .drops
                .iter()
                .map(|(r, n)| (r.name().to_owned(), n))
                .collect(),
            verified: proof.verified,
        }
    }

    /// For a twin: its difference to the original.
    fn null_gate(&self, lanes: &[Self]) -> Option<NullGate> {
        let original = lanes.get(self.twin_of?)?;
        if self.failed.is_some() || original.failed.is_some() {
            return None;
        }
        let percent: Vec<f64> = self
            .instances
            .iter()
            .zip(&original.instances)
            .map(|(twin, original)| 100.0 * twin.values.against[0][2] / original.values.sum)
            .collect();
        Some(NullGate {
            case: self.case.id.to_owned(),
            smallest_percent: smallest_difference(&percent)?,
            difference_percent: Estimate::from_instances(percent)?,
        })
    }
}

impl InstanceSum {
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
