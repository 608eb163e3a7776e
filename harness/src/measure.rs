//! From fresh instances to one group of a record: rows that were measured in turns on the same
//! packets. Accumulates over the chunks of a capture, so that memory does not grow with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hdrhistogram::Histogram;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::clock::Clock;
use tunneltax_core::counters::Counters;
use tunneltax_core::path::overhead::Beyond;
use tunneltax_core::path::{Case, Setup};
use tunneltax_core::proof;
use tunneltax_core::replay::{self, Lane, Plan, Samples};
use tunneltax_core::stack;
use tunneltax_core::stalls::{self, Stalls};
use tunneltax_core::usage::Usage;
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::histogram;
use tunneltax_reports::record::{self, Group, Pass, Temperature, WorkloadKind};
use tunneltax_reports::stats::median;

use crate::core_share::CoreShare;
use crate::disturbance::Disturbance;
use crate::lane_sum::{LaneSum, values};
use crate::looks::Looks;
use crate::payer_sum::PayerSum;
use crate::payers::{Names, Ranking};
use crate::scenario::Refuted;
use crate::tail::{Context, counted};

/// The case that stands for all tunnels in the null gate: the pinned default library.
pub const TUNNEL_TWIN: &str = "esp/aes-256-gcm@ring";
/// The case that stands for the ground in the null gate.
pub const GROUND_TWIN: &str = "forward";

/// Fewest instances under a deadline.
pub const INSTANCES_MIN: u32 = 6;
/// Instances are so many, or twice, …: the places of the stack that differ (`tunneltax_core::stack`)
/// by more than a word have as many each.
pub const INSTANCES_STEP: u32 = 2;

/// What stays the same for all groups of a run.
pub struct Bench<'a> {
    /// Cases under comparison, in the order of the bill.
    pub cases: &'a [&'static Case],
    /// Cases that did something else than the scenario says, and so have no result.
    pub refuted: &'a [Refuted],
    /// What paths are built from; every instance gets a seed of its own.
    pub setup: &'a Setup,
    /// Calibrated clock.
    pub clock: &'a Clock,
    /// Ends the run early.
    pub stop: &'a AtomicBool,
    /// How flows are named.
    pub names: &'a Names,
    /// The case that stands for all tunnels in the null gate, where it is among them.
    pub tunnel_twin: &'static str,
    /// The core that all of them share.
    pub core: &'a CoreShare,
}

impl Bench<'_> {
    /// Lanes of a group: the cases and the twins of the null gate.
    pub fn lanes(&self) -> usize {
        let twins = [GROUND_TWIN, self.tunnel_twin]
            .into_iter()
            .filter(|id| self.cases.iter().any(|case| case.id == *id));
        self.cases.len() + twins.count().max(1)
    }

    /// Whether some case fragments packets inside its tunnel: those that are generated then have
    /// no DF, for all cases alike.
    pub fn fragments_inside(&self) -> bool {
        let inside = |case: &&Case| case.overhead.beyond == Beyond::FragmentedInside;
        self.cases.iter().any(inside)
    }
}

/// How much of one chunk is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Portion {
    /// Fresh instances of every case.
    pub instances: Range<u32>,
    /// Rounds of an instance.
    pub rounds: usize,
    /// Seconds after which no more than [`INSTANCES_MIN`] instances are begun.
    pub seconds_max: f64,
    /// Seconds for instances that are measured again, and how many of them there may be.
    pub again: (f64, u32),
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
    /// Flows that generated packets are spread over.
    pub flows: Option<u64>,
    /// The slowest of its packets are kept, to be named: not of a size class, whose packets the
    /// capture's own tail has, and not of what is measured for a model alone.
    pub names_packets: bool,
}

/// A group in the making.
pub struct GroupInMaking<'a> {
    bench: &'a Bench<'a>,
    subject: Subject,
    lanes: Vec<LaneSum>,
    payers: PayerSum,
    packets: u64,
    inner_bytes: f64,
    sizes: BTreeMap<u32, u64>,
    shape: Option<Shape>,
    /// Of the instance that has the fewest; `None` before the first.
    rounds: Option<usize>,
    /// Stretches that the instances so far have walked, on packets that are measured in sweeps.
    walked: usize,
    /// Beside the instances that count.
    anchors: Looks,
    measured_again: u32,
    /// What they took, s.
    again_seconds: f64,
    /// Instances that count, chunk by chunk, and those of them that shared their core.
    counted: u32,
    shared: u32,
    counters: Option<Counters>,
    stalls: Stalls,
    passes: Vec<Pass>,
    /// The fewest that a chunk had; `None` before the first chunk.
    instances: Option<u32>,
    /// Of packets that are measured in sweeps, those that all cases carry.
    carried: Option<Vec<bool>>,
}

impl<'a> GroupInMaking<'a> {
    /// Nothing measured yet. Time is also summed up by who pays, in these rankings.
    pub fn new(bench: &'a Bench<'a>, subject: Subject, rankings: Arc<[Ranking]>) -> Self {
        let position = |id: &str| bench.cases.iter().position(|c| c.id == id);
        let names_packets = subject.names_packets;
        let mut lanes: Vec<LaneSum> = bench
            .cases
            .iter()
            .map(|case| {
                let mut against: Vec<usize> = Vec::new();
                let (below, _) = case.step_among(bench.cases);
                for other in [below, Some(GROUND_TWIN)].into_iter().flatten() {
                    against.extend(position(other).filter(|_| other != case.id));
                }
                against.dedup();
                let mut lane = LaneSum::new(case, None, against, names_packets);
                let of_lane = |r: &&Refuted| {
                    r.case == case.id && Some(&r.capture) == subject.capture.as_ref()
                };
                lane.failed = bench
                    .refuted
                    .iter()
                    .find(of_lane)
                    .map(|r| r.message.clone());
                lane
            })
            .collect();
        let twins = [GROUND_TWIN, bench.tunnel_twin];
        for twin in twins.into_iter().filter_map(position) {
            lanes.push(LaneSum::new(
                bench.cases[twin],
                Some(twin),
                vec![twin],
                false,
            ));
        }
        if lanes.len() == bench.cases.len() && !lanes.is_empty() {
            lanes.push(LaneSum::new(bench.cases[0], Some(0), vec![0], false));
        }
        Self {
            bench,
            subject,
            lanes,
            payers: PayerSum::new(rankings),
            packets: 0,
            inner_bytes: 0.0,
            sizes: BTreeMap::new(),
            shape: None,
            rounds: None,
            walked: 0,
            anchors: Looks::default(),
            measured_again: 0,
            again_seconds: 0.0,
            counted: 0,
            shared: 0,
            counters: Counters::open().ok(),
            stalls: Stalls::default(),
            passes: Vec::new(),
            instances: None,
            carried: None,
        }
    }

    /// A chunk's worth of packets, each with who pays for it.
    pub fn labelled<'p>(&self, packets: Vec<&'p [u8]>) -> Workload<'p> {
        self.payers.labelled(packets)
    }

    /// Measures one chunk's worth of packets: proves every case on all of them, then times the
    /// packets that every case carries. A chunk that is interrupted behind others leaves no
    /// trace; of a first one the instances that were finished count.
    pub fn add(
        &mut self,
        all: &Workload<'_>,
        shape: Shape,
        portion: &Portion,
        rng: &mut ChaCha8Rng,
    ) {
        let before = self.instances.map(|_| self.lanes.clone());
        let carried = self.prove(all);
        let timed = all.filtered(&carried);
        let shape = fitting(shape, &timed);
        self.walked = 0;
        let finished = self.measure_instances(&timed, shape, portion, self.packets, rng);
        if let (true, Some(lanes)) = (self.stopped(), before) {
            self.lanes = lanes;
            return;
        }
        self.count(&timed, shape);
        if !timed.is_empty() {
            self.instances = Some(
                self.instances
                    .map_or(finished, |fewest| fewest.min(finished)),
            );
        }
    }

    /// Measures some instances on packets that are all of the group, and proves every case before
    /// the first of them. Instances that were finished count.
    pub fn sweep(
        &mut self,
        all: &Workload<'_>,
        shape: Shape,
        portion: &Portion,
        rng: &mut ChaCha8Rng,
    ) {
        let proven = self.carried.take();
        let is_first = proven.is_none();
        let carried = proven.unwrap_or_else(|| self.prove(all));
        let timed = all.filtered(&carried);
        self.carried = Some(carried);
        let shape = fitting(shape, &timed);
        if is_first {
            self.count(&timed, shape);
        }
        if !timed.is_empty() {
            self.instances = Some(self.measure_instances(&timed, shape, portion, 0, rng));
        }
    }

    /// Instances that every chunk has.
    pub fn instances(&self) -> u32 {
        self.instances.unwrap_or(0)
    }

    /// Counts packets that are timed.
    fn count(&mut self, timed: &Workload<'_>, shape: Shape) {
        let outer_mtu = self.bench.setup.outer_mtu;
        self.payers.count(timed, &self.lanes, outer_mtu);
        self.packets += timed.len() as u64;
        self.inner_bytes += walked_bytes(timed, shape);
        for packet in timed.iter() {
            *self.sizes.entry(packet.len() as u32).or_default() += 1;
        }
        self.shape.get_or_insert(shape);
    }

    fn stopped(&self) -> bool {
        self.bench.stop.load(Ordering::Relaxed)
    }

    /// Measures fresh instances until there are enough, or the time is up; returns how many there
    /// are then. One that had to share its core is measured again, as long as there is time, and no
    /// more of them than there are to be. So many packets of other chunks are timed already.
    fn measure_instances(
        &mut self,
        timed: &Workload<'_>,
        shape: Shape,
        portion: &Portion,
        before: u64,
        rng: &mut ChaCha8Rng,
    ) -> u32 {
        if timed.is_empty() {
            return 0;
        }
        let start = Instant::now();
        let Range {
            start: mut instance,
            end,
        } = portion.instances.clone();
        let (again_seconds, mut spare) = portion.again;
        let again_before = self.again_seconds;
        while instance < end {
            let again = self.again_seconds - again_before;
            let late = start.elapsed().as_secs_f64() - again > portion.seconds_max;
            let may_end = instance >= INSTANCES_MIN && instance.is_multiple_of(INSTANCES_STEP);
            if late && may_end {
                return instance;
            }
            let may_again = again < again_seconds && spare > 0;
            // A moved heap: fresh keys alone would find their tables where the last ones were.
            let displacement: Vec<u8> = vec![0; rng.random_range(64..65_536)];
            let rounds = portion.rounds;
            let begin = Instant::now();
            let walk = Walk {
                timed,
                shape,
                rounds,
                first_stretch: self.walked,
                before,
            };
            let counts = self.measure_instance(instance, &walk, may_again, rng);
            std::hint::black_box(&displacement);
            if self.stopped() {
                return instance;
            }
            if counts {
                instance += 1;
                self.walked += rounds * shape.readings_per_fill;
                self.rounds = Some(self.rounds.map_or(rounds, |fewest| fewest.min(rounds)));
            } else {
                spare -= 1;
                self.measured_again += 1;
                self.again_seconds += begin.elapsed().as_secs_f64();
            }
        }
        end
    }

    /// Walks every case over all packets; returns which packets all of them carry.
    fn prove(&mut self, all: &Workload<'_>) -> Vec<bool> {
        let mut carried = vec![true; all.len()];
        let setup = self.bench.setup.for_packets(all.flow_room());
        for lane in self
            .lanes
            .iter_mut()
            .filter(|l| l.twin_of.is_none() && l.failed.is_none())
        {
            let proven = if all.arrives() {
                proof::prove_received(lane.case, &setup, all)
            } else {
                proof::prove(lane.case, &setup, all)
            };
            match proven {
                Ok(proof) => {
                    for (all, one) in carried.iter_mut().zip(&proof.carried) {
                        *all &= one;
                    }
                    lane.proof.add(&proof);
                }
                Err(why) => lane.failed = Some(why.to_string()),
            }
        }
        carried
    }

    /// Measures an instance; false where it shared its core, is to be measured again and so does
    /// not count.
    fn measure_instance(
        &mut self,
        instance: u32,
        walk: &Walk<'_, '_>,
        may_again: bool,
        rng: &mut ChaCha8Rng,
    ) -> bool {
        let Walk {
            timed,
            shape,
            rounds,
            first_stretch,
            before,
        } = *walk;
        let mut opened: Vec<Lane> = Vec::new();
        let mut of: Vec<usize> = Vec::new();
        // One seed for all: cases that are compared share keys, routes and hashes, each in
        // memory of its own.
        let setup = self.bench.setup.fresh(rng.random(), timed.flow_room());
        // In an order of its own: who is opened last finds the heap used by all the others.
        let mut order: Vec<usize> = (0..self.lanes.len()).collect();
        order.shuffle(rng);
        for at in order {
            let lane = &mut self.lanes[at];
            if lane.failed.is_some() {
                continue;
            }
            let is_twin = lane.twin_of.is_some();
            let fresh = if timed.arrives() {
                Lane::open_received(lane.case, &setup, is_twin, timed, shape)
            } else {
                Lane::open(lane.case, &setup, is_twin)
            };
            match fresh {
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
            // Where the rounds are no whole walks, every instance has other packets, so that the
            // interval over instances knows of it.
            first_stretch,
            stop: self.bench.stop,
        };
        let (start, kernel) = (Instant::now(), Disturbance::now());
        let clock = self.bench.clock;
        let beside = stack::placed(instance as usize, || {
            replay::measure(&mut opened, timed, &plan, clock, rng)
        });
        self.bench.core.learn(beside.anchors.iter().copied());
        if self.stopped() {
            return false;
        }
        let shared = self.bench.core.is_shared(&beside.anchors);
        if may_again && shared {
            // Whether packets came out right does not depend on whose the core was.
            for (lane, at) in opened.into_iter().zip(of) {
                if let Err(why) = lane.into_result() {
                    self.lanes[at].failed.get_or_insert(why);
                }
            }
            return false;
        }
        self.counted += 1;
        self.shared += u32::from(shared);
        self.anchors.extend(beside.anchors);
        self.stalls.add(&beside.stalls);
        self.pass(instance, start, &kernel, &beside.usage);
        if let Some(counters) = &mut self.counters {
            replay::count(&mut opened, timed, &plan, self.bench.clock, counters);
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
                Some(values) => lane.add_instance(instance, values, mine, timed, before),
                None => lane.failed = Some("no reading could be used".to_owned()),
            }
        }
        true
    }

    /// Adds what the kernel counted in an instance; its chunks are one pass.
    fn pass(&mut self, instance: u32, start: Instant, kernel: &Disturbance, usage: &Usage) {
        let at = instance as usize;
        if self.passes.len() <= at {
            self.passes.resize(at + 1, Pass::default());
        }
        let (pass, more) = (&mut self.passes[at], counted(usage));
        pass.seconds += start.elapsed().as_secs_f64();
        pass.user_s += usage.user_us as f64 / 1e6;
        pass.system_s += usage.system_us as f64 / 1e6;
        if let Some(stolen_s) = Disturbance::now().stolen_seconds_since(kernel) {
            *pass.stolen_s.get_or_insert(0.0) += stolen_s;
        }
        pass.counted.minor_faults += more.minor_faults;
        pass.counted.major_faults += more.major_faults;
        pass.counted.voluntary_switches += more.voluntary_switches;
        pass.counted.involuntary_switches += more.involuntary_switches;
    }

    fn stalls(&self) -> record::Stalls {
        let lengths: Vec<f64> = self
            .stalls
            .lengths_ns
            .iter()
            .map(|ns| (*ns).into())
            .collect();
        record::Stalls {
            watched_s: self.stalls.watched_ns / 1e9,
            count: self.stalls.count,
            sum_s: self.stalls.sum_ns / 1e9,
            median_ns: median(&lengths),
            longest_ns: lengths.iter().copied().reduce(f64::max),
            histogram_ns: in_histogram(&lengths),
            least_ns: stalls::STALL_NS,
            least_part: stalls::STALL_PART,
        }
    }

    /// The group, or nothing where no instance was finished.
    pub fn finish(&mut self) -> Option<Group> {
        let shape = self.shape?;
        let instances = self.instances.unwrap_or(0);
        if instances == 0 && self.stopped() {
            return None;
        }
        // An instance that some chunk did not have is not one of the whole workload.
        for lane in &mut self.lanes {
            lane.instances.truncate(instances as usize);
        }
        self.passes.truncate(instances as usize);
        let context = Context {
            names: self.bench.names,
            packets_per_reading: shape.packets_per_reading,
            instances,
            sizes: &self.sizes,
        };
        let ids: Vec<&'static str> = self.lanes.iter().map(|lane| lane.case.id).collect();
        let rows = self
            .lanes
            .iter()
            .filter(|l| l.twin_of.is_none())
            .map(|l| l.row(&ids, &context))
            .collect();
        let null_gate = self
            .lanes
            .iter()
            .filter_map(|lane| lane.null_gate(&self.lanes))
            .collect();
        let ground = self.lanes.iter().position(|l| l.case.id == GROUND_TWIN);
        let payers = self.payers.finish(&self.lanes, ground);
        let stalls = Some(self.stalls());
        let anchor_ghz = self.anchor(|anchor| anchor.ghz);
        let anchor_width = self.anchor(|anchor| anchor.width);
        Some(Group {
            kind: self.subject.kind,
            workload: self.subject.workload.clone(),
            capture: self.subject.capture.clone(),
            temperature: self.subject.temperature,
            flows: self.subject.flows,
            packets: self.packets,
            mean_inner_bytes: self.inner_bytes / self.packets.max(1) as f64,
            sizes: self.sizes.clone(),
            burst: shape.burst as u32,
            packets_per_reading: shape.packets_per_reading as u32,
            instances,
            measured_again: self.measured_again,
            shared_percent: 100.0 * f64::from(self.shared) / f64::from(self.counted.max(1)),
            rounds: self.rounds.unwrap_or(0) as u32,
            anchor_ghz,
            anchor_width,
            rows,
            null_gate,
            stalls,
            passes: self.passes.clone(),
            payers,
        })
    }

    /// Instances that were measured again.
    pub fn measured_again(&self) -> u32 {
        self.measured_again
    }

    /// What was measured again took so long, s.
    pub fn again_seconds(&self) -> f64 {
        self.again_seconds
    }

    /// What the core was beside the rounds that count, so far.
    pub fn anchors(&self) -> &[Anchor] {
        self.anchors.kept()
    }

    fn anchor(&self, part: impl Fn(&Anchor) -> f64) -> f64 {
        let parts: Vec<f64> = self.anchors.kept().iter().map(part).collect();
        median(&parts).unwrap_or(0.0)
    }
}

/// What an instance walks over.
struct Walk<'w, 'c> {
    timed: &'w Workload<'c>,
    shape: Shape,
    rounds: usize,
    first_stretch: usize,
    /// Packets of other chunks.
    before: u64,
}

/// The shape for these packets.
fn fitting(shape: Shape, timed: &Workload<'_>) -> Shape {
    if timed.arrives() {
        shape.within(timed.len())
    } else {
        shape
    }
}

/// Bytes of all packets of a workload, each counted as often as a walk over it has it: the last
/// reading of a walk runs on into the beginning, or begins earlier.
fn walked_bytes(timed: &Workload<'_>, shape: Shape) -> f64 {
    let positions = timed.readings(shape).into_iter().flatten();
    let (packets, bytes) = positions.fold((0_u64, 0_u64), |(packets, bytes), at| {
        (packets + 1, bytes + timed.packet(at).len() as u64)
    });
    bytes as f64 * timed.len() as f64 / packets.max(1) as f64
}

/// Significant digits of lengths of stalls.
const STALL_DIGITS: u8 = 3;

/// Lengths of stalls, ns, as a record stores them; nothing where the library makes no histogram.
fn in_histogram(lengths_ns: &[f64]) -> Option<String> {
    let mut all = Histogram::<u64>::new(STALL_DIGITS).ok()?;
    for ns in lengths_ns {
        all.record(*ns as u64).ok()?;
    }
    Some(histogram::encode(&all))
}
