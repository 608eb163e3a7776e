//! What measuring costs on this machine, and how much of a workload fits a time: planned from a
//! pilot, so that the same command takes as long on a slow machine as on a fast one.

use std::ops::Range;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use tunneltax_core::replay::{self, Lane};
use tunneltax_core::synth::Mix;
use tunneltax_core::workload::{Caches, Shape, Workload};

use tunneltax_reports::record::Temperature;

use crate::failure::Failure;
use crate::generated::Generated;
use crate::measure::{Bench, INSTANCES_MIN, INSTANCES_STEP, Portion};

/// Most walks over a capture in one instance.
const WALKS_MAX: usize = 8;
/// Least and most readings of generated packets in one instance.
const READINGS: (usize, usize) = (4, 400);
/// Visits of a case in a round: one to get used to the packets, two timed, one stamped.
const VISITS_A_ROUND: usize = 4;
/// How far a portion may outgrow its share while it is measured.
const PATIENCE: f64 = 1.3;
/// Part of a group's time that may go into instances that are measured again.
pub const AGAIN_PART: f64 = 0.5;

/// Time that all lanes of a group take together.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// A packet in a visit, whatever its size, ns.
    packet_ns: f64,
    /// A byte of it, ns.
    byte_ns: f64,
    /// Warm over hot.
    warm_ratio: f64,
    /// Fresh keys, tables and memory, and giving them back, seconds.
    open_seconds: f64,
}

impl Cost {
    /// Measures it at two sizes and two temperatures.
    pub fn pilot(bench: &Bench<'_>, caches: Caches, rng: &mut ChaCha8Rng) -> Result<Self, Failure> {
        const ROUNDS_HOT: usize = 12;
        const ROUNDS_WARM: usize = 1;
        // What else runs only ever adds time, and a run that is slower than its pilot adapts.
        const TRIES: usize = 3;
        let (small, large) = (64, 1440);
        let hot = |bytes| Shape::hot(bytes, bench.setup.burst, caches);
        let warm = Shape::warm(large, large as f64, bench.setup.burst, caches);
        let mut pilot = |bytes, shape, rounds| -> Result<(f64, f64), Failure> {
            let mut least = (f64::INFINITY, f64::INFINITY);
            for _ in 0..TRIES {
                let (visit_ns, open_seconds) = visit_ns(bench, bytes, shape, rounds, rng)?;
                least = (least.0.min(visit_ns), least.1.min(open_seconds));
            }
            Ok(least)
        };
        let (small_ns, _) = pilot(small, hot(small), ROUNDS_HOT)?;
        let (large_ns, open_seconds) = pilot(large, hot(large), ROUNDS_HOT)?;
        let (warm_ns, _) = pilot(large, warm, ROUNDS_WARM)?;
        let byte_ns = ((large_ns - small_ns) / (large - small) as f64).max(0.0);
        Ok(Self {
            packet_ns: (small_ns - small as f64 * byte_ns).max(1.0),
            byte_ns,
            warm_ratio: (warm_ns / large_ns.max(1.0)).max(1.0),
            open_seconds,
        })
    }

    /// Of receiving alone: a half of it.
    #[must_use]
    pub fn of_one_half(self) -> Self {
        Self {
            packet_ns: self.packet_ns / 2.0,
            byte_ns: self.byte_ns / 2.0,
            ..self
        }
    }

    /// Seconds for so many packets of a mean size, one visit.
    fn visit_seconds(&self, packets: usize, mean_bytes: f64) -> f64 {
        packets as f64 * (self.packet_ns + mean_bytes * self.byte_ns) * 1e-9
    }
}

/// Time of a packet in a visit of all lanes, ns, and what opening them takes, seconds.
fn visit_ns(
    bench: &Bench<'_>,
    bytes: usize,
    shape: Shape,
    rounds: usize,
    rng: &mut ChaCha8Rng,
) -> Result<(f64, f64), Failure> {
    let generated = Generated::plain(Mix::Size(bytes as u16));
    let chunk = generated.chunk(bench.setup.seed, true)?;
    let workload = Workload::new(chunk.packets().collect());
    let setup = bench.setup.for_packets(workload.flow_room());
    let open = |case| Lane::open(case, &setup, false).ok();
    let opening = Instant::now();
    let mut lanes: Vec<Lane> = bench.cases.iter().copied().filter_map(open).collect();
    let mut open_seconds = opening.elapsed().as_secs_f64();
    let plan = replay::Plan {
        shape,
        rounds,
        first_stretch: 0,
        stop: bench.stop,
    };
    let measuring = Instant::now();
    replay::measure(&mut lanes, &workload, &plan, bench.clock, rng);
    let nanoseconds = measuring.elapsed().as_nanos() as f64;
    let closing = Instant::now();
    drop(lanes);
    open_seconds += closing.elapsed().as_secs_f64();
    let packets = rounds * VISITS_A_ROUND * shape.arena_packets();
    // The twins of the null gate come on top.
    let with_twins = bench.lanes() as f64 / bench.cases.len().max(1) as f64;
    Ok((
        nanoseconds / packets as f64 * with_twins,
        open_seconds * with_twins,
    ))
}

/// Packets that are to be measured at one temperature.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    packets: usize,
    mean_bytes: f64,
    shape: Shape,
    /// Rounds come in multiples of this: whole walks over a capture.
    unit_rounds: usize,
    units_min: usize,
    units_max: usize,
}

impl Work {
    /// Generated packets: as many rounds as the time allows. Of a mix whole walks, since part of
    /// one has another mean size.
    pub fn generated(of: Generated, shape: Shape) -> Self {
        let walk = Self::walk(of.packets(), of.mix.mean_bytes(), shape);
        let unit_rounds = match of.mix.parts().count() {
            1 => 1,
            _ => walk.unit_rounds,
        };
        let unit = shape.readings_per_fill * unit_rounds;
        let units = |readings: usize| (readings / unit).max(1);
        Self {
            unit_rounds,
            units_min: units(READINGS.0),
            units_max: units(READINGS.1),
            ..walk
        }
    }

    /// Packets of a capture (or class): whole walks, at least one.
    pub fn walk(packets: usize, mean_bytes: f64, shape: Shape) -> Self {
        let readings = shape.readings_per_walk(packets);
        Self {
            packets,
            mean_bytes,
            shape,
            unit_rounds: readings.div_ceil(shape.readings_per_fill).max(1),
            units_min: 1,
            units_max: WALKS_MAX,
        }
    }

    /// The most rounds that fit, and no fewer than there must be.
    fn most_rounds(&self, fits: impl Fn(usize) -> bool) -> usize {
        let most = (self.units_min..=self.units_max).collect::<Vec<_>>();
        let fitting = most.partition_point(|units| fits(units * self.unit_rounds));
        let units = most[..fitting].last().copied().unwrap_or(self.units_min);
        units * self.unit_rounds
    }
}

/// Turns time into rounds and instances, and back.
pub struct Planner {
    /// Instances, unless time is short.
    pub instances: u32,
    /// Cost of a visit.
    pub cost: Cost,
    /// Caches of the host.
    pub caches: Caches,
    /// Burst size asked for.
    pub burst: usize,
    /// Generated packets are measured cold, too.
    pub cold: bool,
    /// Whatever is measured is measured warm, too.
    pub warm: bool,
}

impl Planner {
    /// Hot and warm layouts for packets up to `longest` bytes.
    pub fn shapes(&self, longest: usize, mean_bytes: f64) -> [Shape; 2] {
        [
            Shape::hot(longest, self.burst, self.caches),
            Shape::warm(longest, mean_bytes, self.burst, self.caches),
        ]
    }

    /// Layouts of generated packets: warm, every flow has had its turn since a packet of the
    /// same one; cold where that is asked for.
    pub fn generated_shapes(&self, of: Generated) -> Vec<(Temperature, Shape)> {
        let (longest, mean_bytes) = (of.longest(), of.mix.mean_bytes());
        let [hot, warm] = self.shapes(longest, mean_bytes);
        let cold = Shape::cold(longest, mean_bytes, self.burst, self.caches);
        let cold = self.cold.then_some((Temperature::Cold, cold));
        let warm = self.warm.then_some((Temperature::Warm, warm));
        std::iter::once((Temperature::Hot, hot))
            .chain(warm)
            .chain(cold)
            .map(|(at, shape)| (at, shape.over_flows(of.flows, longest)))
            .collect()
    }

    /// Seconds that so many instances and rounds of some work should take, proof included.
    fn seconds(&self, work: &Work, instances: u32, rounds: usize) -> f64 {
        self.instances_seconds(work, instances, rounds) + self.proof_seconds(work)
    }

    fn instances_seconds(&self, work: &Work, instances: u32, rounds: usize) -> f64 {
        let visits = (rounds * VISITS_A_ROUND) as f64;
        let visit = self.visit_seconds(work, work.shape.arena_packets());
        f64::from(instances) * (self.cost.open_seconds + visits * visit)
    }

    /// The proof opens every case once more and walks over all packets.
    fn proof_seconds(&self, work: &Work) -> f64 {
        self.cost.open_seconds + self.visit_seconds(work, work.packets)
    }

    fn visit_seconds(&self, work: &Work, packets: usize) -> f64 {
        let hot = self.cost.visit_seconds(packets, work.mean_bytes);
        let is_warm = work.shape.readings_per_fill > 1;
        hot * if is_warm { self.cost.warm_ratio } else { 1.0 }
    }

    /// Seconds of the least that is planned for some work: all instances, fewest rounds.
    pub fn least_seconds(&self, work: &Work) -> f64 {
        self.seconds(work, self.instances, work.units_min * work.unit_rounds)
    }

    /// Seconds below which nothing goes: fewest instances, fewest rounds.
    pub fn floor_seconds(&self, work: &Work) -> f64 {
        let instances = self.instances.min(INSTANCES_MIN);
        self.seconds(work, instances, work.units_min * work.unit_rounds)
    }

    /// As much of some work as fits so many seconds, on a machine that takes `slowness` times
    /// what the pilot said; and the seconds that the pilot would have said. Fewer rounds first;
    /// where the fewest are too many, fewer instances.
    pub fn fit(&self, work: &Work, seconds: f64, slowness: f64) -> (Portion, f64) {
        let pilot_seconds = seconds / slowness;
        let of = |rounds| self.seconds(work, self.instances, rounds);
        let rounds = work.most_rounds(|rounds| of(rounds) <= pilot_seconds);
        let least = self.instances.min(INSTANCES_MIN);
        let instances = (least..=self.instances)
            .rev()
            .filter(|instances| instances.is_multiple_of(INSTANCES_STEP))
            .find(|n| self.seconds(work, *n, rounds) <= pilot_seconds)
            .unwrap_or(least);
        let portion = Portion {
            instances: 0..instances,
            rounds,
            seconds_max: seconds * PATIENCE,
            again: (seconds * AGAIN_PART, instances),
        };
        (portion, self.seconds(work, instances, rounds))
    }

    /// The same for some of the instances: as many rounds as fit. The first come with the proof.
    /// `again` is for those that are measured again.
    pub fn part(
        &self,
        work: &Work,
        instances: Range<u32>,
        (seconds, slowness): (f64, f64),
        again: (f64, u32),
    ) -> (Portion, f64) {
        let proof = match instances.start {
            0 => self.proof_seconds(work),
            _ => 0.0,
        };
        let count = instances.end.saturating_sub(instances.start);
        let of = |rounds| self.instances_seconds(work, count, rounds) + proof;
        let rounds = work.most_rounds(|rounds| of(rounds) <= seconds / slowness);
        let portion = Portion {
            instances,
            rounds,
            seconds_max: seconds * PATIENCE,
            again,
        };
        (portion, of(rounds))
    }
}

#[cfg(test)]
impl Planner {
    /// Ten instances of cases that take so long for a packet together.
    pub fn made(packet_ns: f64) -> Self {
        let cost = Cost {
            packet_ns,
            byte_ns: 1.0,
            warm_ratio: 1.5,
            open_seconds: 0.01,
        };
        Self {
            instances: 10,
            cost,
            caches: Caches::default(),
            burst: 32,
            cold: false,
            warm: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_give_way_first_then_instances_and_neither_below_its_floor() {
        let planner = Planner::made(1000.0);
        let [hot, warm] = planner.shapes(64, 64.0);
        for work in [
            Work::generated(Generated::plain(Mix::Size(64)), hot),
            Work::generated(Generated::plain(Mix::Size(64)), warm),
            Work::generated(
                Generated::plain(Mix::SimpleImix),
                planner.shapes(1500, 350.0)[0],
            ),
            Work::walk(5000, 64.0, warm),
        ] {
            let least = planner.least_seconds(&work);
            let (ample, predicted) = planner.fit(&work, 3.0 * least, 1.0);
            assert_eq!(ample.instances, 0..10);
            assert!(predicted <= 3.0 * least && ample.rounds > work.unit_rounds);
            let (slow, _) = planner.fit(&work, 3.0 * least, 2.0);
            assert!(slow.rounds < ample.rounds && slow.instances == (0..10));
            let (short, _) = planner.fit(&work, least * 0.75, 1.0);
            let fewer = INSTANCES_MIN..10;
            assert!(fewer.contains(&short.instances.end), "{short:?}");
            assert_eq!(short.instances.end % INSTANCES_STEP, 0);
            let (none, predicted) = planner.fit(&work, 0.0, 1.0);
            // A mix is never timed in part.
            let walk = work.shape.readings_per_walk(work.packets);
            let is_mix = work.mean_bytes > 64.0;
            assert!(none.rounds >= walk || !is_mix, "{none:?}");
            assert_eq!(
                (none.instances, none.rounds),
                (0..INSTANCES_MIN, work.units_min * work.unit_rounds)
            );
            assert!((predicted - planner.floor_seconds(&work)).abs() < 1e-12);
            // In parts it takes as long, the proof once.
            let seconds =
                |instances: Range<u32>| planner.part(&work, instances, (0.0, 1.0), (0.0, 0)).1;
            let parts = seconds(0..2) + seconds(2..INSTANCES_MIN);
            assert!((parts - predicted).abs() < 1e-9, "{parts} {predicted}");
        }
    }
}
