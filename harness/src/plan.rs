//! Which groups a run measures, and how they share the time: planned from a pilot, so that the
//! same command takes as long on a slow machine as on a fast one.

use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use tunneltax_core::capture::Chunk;
use tunneltax_core::replay::{self, Lane};
use tunneltax_core::synth::{Mix, Recipe};
use tunneltax_core::workload::{Caches, Shape, Workload};

use crate::captures::{CLASSES, Survey};
use crate::failure::Failure;
use crate::measure::Bench;

/// Seconds of measuring in a plain run; reading, proving and drawing come on top.
pub const DEFAULT_SECONDS: u32 = 42;
/// Fresh instances in a plain run.
pub const INSTANCES: u32 = 10;
/// Part of the time that generated sizes get, where there are captures too.
const SIZES_SHARE: f64 = 0.3;
/// Smallest class, in packets, that gets rows of its own.
pub const CLASS_PACKETS_MIN: u64 = 32;
/// Packets of a generated workload.
pub const GENERATED_PACKETS: usize = 1024;
/// Most walks over a capture in one instance.
const WALKS_MAX: f64 = 8.0;
/// Least and most rounds over generated packets in one instance.
const ROUNDS: (f64, f64) = (4.0, 400.0);

/// Time that one packet takes in one round, all cases and visits together.
#[derive(Clone, Copy)]
pub struct Cost {
    packet_ns: f64,
    byte_ns: f64,
}

impl Cost {
    /// Measures it at two sizes.
    pub fn pilot(bench: &Bench<'_>, caches: Caches, rng: &mut ChaCha8Rng) -> Result<Self, Failure> {
        let (small, large) = (64.0, 1440.0);
        let small_ns = pilot_at(bench, 64, caches, rng)?;
        let large_ns = pilot_at(bench, 1440, caches, rng)?;
        let byte_ns = ((large_ns - small_ns) / (large - small)).max(0.0);
        Ok(Self {
            packet_ns: (small_ns - small * byte_ns).max(1.0),
            byte_ns,
        })
    }

    /// Seconds for so many packets of a mean size, one round.
    fn seconds(&self, packets: f64, mean_bytes: f64) -> f64 {
        packets * (self.packet_ns + mean_bytes * self.byte_ns) * 1e-9
    }
}

fn pilot_at(
    bench: &Bench<'_>,
    bytes: u16,
    caches: Caches,
    rng: &mut ChaCha8Rng,
) -> Result<f64, Failure> {
    const ROUNDS: usize = 12;
    let chunk = generate(Mix::Size(bytes), bench.setup.seed)?;
    let workload = Workload::new(chunk.packets().collect());
    let open = |case| Lane::open(case, bench.setup, false).ok();
    let mut lanes: Vec<Lane> = bench.cases.iter().copied().filter_map(open).collect();
    let shape = Shape::hot(workload.longest(), bench.setup.burst, caches);
    let plan = replay::Plan {
        shape,
        rounds: ROUNDS,
        first_stretch: 0,
        stop: bench.stop,
    };
    let start = Instant::now();
    replay::measure(&mut lanes, &workload, &plan, bench.clock, rng);
    let packets = (ROUNDS * shape.packets_per_reading) as f64;
    // The twins of the null gate come on top.
    let with_twins = (bench.cases.len() + 2) as f64 / bench.cases.len().max(1) as f64;
    Ok(start.elapsed().as_nanos() as f64 / packets * with_twins)
}

/// A generated capture.
pub fn generate(mix: Mix, seed: u64) -> Result<Chunk, Failure> {
    Recipe::new(mix, GENERATED_PACKETS, seed)
        .chunk()
        .map_err(|why| Failure::Usage(why.to_string()))
}

/// One temperature of one workload.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    /// Rounds of an instance.
    pub rounds: usize,
    /// Seconds that it should take, all instances.
    pub seconds: f64,
}

/// Shares out time. All in seconds of measuring.
pub struct Planner {
    /// Time in all.
    pub seconds: f64,
    /// Instances.
    pub instances: u32,
    /// Cost of a packet.
    pub cost: Cost,
    /// Caches of the host.
    pub caches: Caches,
    /// Burst size asked for.
    pub burst: usize,
    /// Size classes are measured warm too.
    pub warm_classes: bool,
}

impl Planner {
    /// Time for each generated workload and temperature.
    pub fn seconds_per_size(&self, sizes: usize, captures: usize) -> f64 {
        let share = if captures == 0 { 1.0 } else { SIZES_SHARE };
        self.seconds * share / (2 * sizes).max(1) as f64
    }

    /// Hot and warm layouts for packets up to `longest` bytes.
    pub fn shapes(&self, longest: usize) -> [Shape; 2] {
        [
            Shape::hot(longest, self.burst, self.caches),
            Shape::warm(longest, self.burst, self.caches),
        ]
    }

    /// Generated packets: as many rounds as the time allows.
    pub fn size(&self, mean_bytes: f64, shape: Shape, seconds: f64) -> Planned {
        let round =
            self.cost.seconds(shape.arena_packets() as f64, mean_bytes) * f64::from(self.instances);
        let most = (ROUNDS.1 / shape.readings_per_fill as f64).max(1.0);
        let rounds = (seconds / round)
            .floor()
            .clamp((ROUNDS.0 / shape.readings_per_fill as f64).max(1.0), most);
        Planned {
            rounds: rounds as usize,
            seconds: rounds * round,
        }
    }

    /// Packets of a capture (or class): whole walks, as many as the time allows, at least one.
    pub fn walk(&self, packets: usize, mean_bytes: f64, shape: Shape, seconds: f64) -> Planned {
        let readings = shape.readings_per_walk(packets);
        let rounds_a_walk = readings.div_ceil(shape.readings_per_fill).max(1);
        let fills = (rounds_a_walk * shape.arena_packets()) as f64;
        let walk = self.cost.seconds(fills, mean_bytes) * f64::from(self.instances);
        let walks = (seconds / walk).floor().clamp(1.0, WALKS_MAX);
        Planned {
            rounds: rounds_a_walk * walks as usize,
            seconds: walk * walks,
        }
    }

    /// Most packets of each capture that fit the time left beside `sizes_seconds`; at least
    /// enough for one reading.
    pub fn packet_cap(&self, captures: &[Survey], sizes_seconds: f64) -> u64 {
        let left = (self.seconds - sizes_seconds).max(self.seconds * 0.1);
        let most = captures.iter().map(|c| c.packets).max().unwrap_or(0);
        let seconds =
            |cap: u64| -> f64 { captures.iter().map(|c| self.capture_seconds(c, cap)).sum() };
        if seconds(most) <= left {
            return most.max(1);
        }
        let (mut fits, mut too_many) = (1, most);
        while too_many - fits > 1 {
            let middle = u64::midpoint(fits, too_many);
            if seconds(middle) <= left {
                fits = middle
            } else {
                too_many = middle
            }
        }
        fits
    }

    /// One walk over the first `cap` packets of a capture: hot, warm and by class.
    pub fn capture_seconds(&self, capture: &Survey, cap: u64) -> f64 {
        let packets = capture.packets.min(cap) as usize;
        let [hot, warm] = self
            .shapes(1500)
            .map(|s| self.walk(packets, capture.mean_bytes, s, 0.0).seconds);
        let classes = if self.warm_classes { hot + warm } else { hot };
        hot + warm + classes
    }
}

/// Groups that a capture gives: hot and warm, and its classes.
pub fn groups_of(capture: &Survey, cap: u64, warm_classes: bool) -> usize {
    let kept = capture.packets.min(cap) as f64 / capture.packets.max(1) as f64;
    let classes = (0..CLASSES.len())
        .filter(|c| capture.by_class[*c] as f64 * kept >= CLASS_PACKETS_MIN as f64)
        .count();
    2 + classes * if warm_classes { 2 } else { 1 }
}
