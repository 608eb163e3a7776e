//! What figures of the bill depend on: the forward and the tunnel, measured again and again with
//! one thing held otherwise.
//!
//! A repetition has every axis at every size, in drawn order; of each all levels, in drawn order and
//! then in reverse, each time in fresh instances that share their keys. A level's value is the mean
//! of both. So levels are compared within a repetition, and repetitions are the unit.

mod axes;
pub mod links;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::clock::Clock;
use tunneltax_core::path::{Setup, find};
use tunneltax_core::replay::{self, Lane, Plan, Samples};
use tunneltax_core::stack;
use tunneltax_core::workload::{Caches, Workload};
use tunneltax_reports::selftest::{Level, Look};

use crate::failure::Failure;
use crate::in_turns::Outcome;
use crate::lane_sum::values;
use crate::measure::{GROUND_TWIN, TUNNEL_TWIN};
use axes::{AXES, Way, ways};

/// Cases, by lane.
pub const CASES: [&str; 2] = [GROUND_TWIN, TUNNEL_TWIN];
/// Lane of the forward.
const FORWARD: usize = 0;
/// Lane of the tunnel.
const TUNNEL: usize = 1;

/// Repetitions that the time is planned for; with much time there are more.
const REPETITIONS: f64 = 20.0;
/// Fewest repetitions: of fewer there is next to no interval.
pub const REPETITIONS_MIN: usize = 3;
/// Longest that a level is measured at once, seconds: more repetitions say more.
const LEVEL_SECONDS_MAX: f64 = 0.1;
/// Pilots of an axis, and rounds of each.
const PILOTS: usize = 3;
const PILOT_ROUNDS: usize = 20;
/// Fewest and most rounds of a level.
const ROUNDS: (usize, usize) = (8, 100_000);

/// What stays the same.
pub struct Bench<'a> {
    /// Packets of one size each.
    pub workloads: &'a [Workload<'a>],
    /// What paths are built from.
    pub setup: &'a Setup,
    /// Caches of this host.
    pub caches: Caches,
    /// Calibrated clock.
    pub clock: &'a Clock,
    /// Ends it early.
    pub stop: &'a AtomicBool,
}

/// An axis at a size, its levels and how long each is measured.
struct Place<'a> {
    workload: &'a Workload<'a>,
    ways: Vec<Way>,
    rounds: usize,
}

/// What an instance of each case gave.
struct Measured {
    /// Forward, tunnel and tunnel minus forward, ns a packet.
    ns: [f64; 3],
    /// What measuring took, without opening.
    seconds: f64,
}

impl<'a> Bench<'a> {
    /// Looks without figures, axis by axis, size by size.
    fn places(&self) -> (Vec<Look>, Vec<Place<'a>>) {
        let pairs = AXES
            .into_iter()
            .flat_map(|axis| self.workloads.iter().map(move |workload| (axis, workload)));
        pairs
            .map(|(axis, workload)| {
                let longest = workload.longest();
                let ways = ways(axis, longest, self.setup.burst, self.caches);
                let packets = ways.first().map(|way| way.shape.packets_per_reading as u32);
                let look = Look {
                    axis,
                    inner_bytes: longest as u32,
                    packets_per_reading: packets,
                    levels: ways.iter().map(|way| Level::new(&way.name)).collect(),
                };
                let place = Place {
                    workload,
                    ways,
                    rounds: ROUNDS.0,
                };
                (look, place)
            })
            .unzip()
    }

    /// Looks at every axis for so many seconds; `keep` gets what there is after every repetition.
    /// Where it is stopped, what was finished stays.
    pub fn look(
        &self,
        seconds: f64,
        rng: &mut ChaCha8Rng,
        bar: &ProgressBar,
        mut keep: impl FnMut(&[Look]) -> Result<(), Failure>,
    ) -> Result<(Vec<Look>, Vec<Anchor>), Failure> {
        let start = Instant::now();
        let (mut looks, mut places) = self.places();
        let measures: usize = places.iter().map(|place| 2 * place.ways.len()).sum();
        let level_seconds = (seconds / (REPETITIONS * measures as f64)).min(LEVEL_SECONDS_MAX);
        for place in &mut places {
            place.rounds = self.rounds_for(place, level_seconds, rng)?;
        }
        let mut anchors = Vec::new();
        let mut repetitions = 0;
        while start.elapsed().as_secs_f64() < seconds || repetitions < REPETITIONS_MIN {
            let mut order: Vec<usize> = (0..places.len()).collect();
            order.shuffle(rng);
            for at in order {
                let Some(means) = self.levels(&places[at], &mut anchors, rng)? else {
                    return Ok((looks, anchors));
                };
                for (level, mean) in looks[at].levels.iter_mut().zip(means) {
                    level.push(mean);
                }
            }
            repetitions += 1;
            bar.set_position(start.elapsed().as_secs());
            keep(&looks)?;
        }
        Ok((looks, anchors))
    }

    /// Rounds that a level takes so that it takes so many seconds.
    fn rounds_for(
        &self,
        place: &Place<'_>,
        seconds: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<usize, Failure> {
        let Some(way) = place.ways.first() else {
            return Ok(ROUNDS.0);
        };
        let mut plan = (f64::INFINITY, f64::INFINITY);
        for _ in 0..PILOTS {
            let start = Instant::now();
            let measured = self.level(place.workload, way, PILOT_ROUNDS, 1, rng)?;
            let Some((Measured { seconds: took, .. }, _)) = measured else {
                return Ok(ROUNDS.0);
            };
            let open = (start.elapsed().as_secs_f64() - took).max(0.0);
            // The least of either: what else runs only ever adds.
            plan = (plan.0.min(open), plan.1.min(took / PILOT_ROUNDS as f64));
        }
        let (open, round) = plan;
        let rounds = (seconds - open) / round;
        Ok((rounds.max(0.0) as usize).clamp(ROUNDS.0, ROUNDS.1))
    }

    /// A value of every level: of both its turns; nothing where it was stopped.
    fn levels(
        &self,
        place: &Place<'_>,
        anchors: &mut Vec<Anchor>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Vec<[f64; 3]>>, Failure> {
        let seed = rng.random();
        let mut order: Vec<usize> = (0..place.ways.len()).collect();
        order.shuffle(rng);
        let mut means = vec![[0.0; 3]; place.ways.len()];
        for at in order.iter().chain(order.iter().rev()) {
            let way = &place.ways[*at];
            let Some((measured, of_level)) =
                self.level(place.workload, way, place.rounds, seed, rng)?
            else {
                return Ok(None);
            };
            anchors.extend(of_level);
            for (mean, value) in means[*at].iter_mut().zip(measured.ns) {
                *mean += value / 2.0;
            }
        }
        Ok(Some(means))
    }

    /// What a fresh instance of each case gives, and a look at the core; nothing where it was stopped.
    fn level(
        &self,
        workload: &Workload<'_>,
        way: &Way,
        rounds: usize,
        seed: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<Outcome<Measured>, Failure> {
        let held = way
            .held_bytes
            .unwrap_or_else(|| rng.random_range(64..65_536));
        let held: Vec<u8> = vec![0; held];
        let (of, mut lanes) = self.opened(workload, way, seed, rng)?;
        std::hint::black_box(&held);
        let plan = Plan {
            shape: way.shape,
            rounds,
            first_stretch: 0,
            stop: self.stop,
        };
        let arranged = way.arrangement;
        let start = Instant::now();
        let place = way.stack;
        let place = place.unwrap_or_else(|| rng.random_range(0..stack::PLACES));
        let beside = stack::placed(place, || {
            replay::measure_arranged(&mut lanes, workload, &plan, arranged, self.clock, rng)
        });
        let seconds = start.elapsed().as_secs_f64();
        let mut samples: [Samples; 2] = Default::default();
        for (at, lane) in of.into_iter().zip(lanes) {
            samples[at] = lane.into_result().map_err(Failure::Failed)?;
        }
        if self.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let [forward, tunnel] = &samples;
        let pair = values(forward, &[]).zip(values(tunnel, &[Some(forward)]));
        let (alone, above) = pair.ok_or_else(|| {
            Failure::Failed(format!(
                "{} packets: a level ({}) has no reading; run it again",
                workload.longest(),
                way.name
            ))
        })?;
        let ns = [alone.sum_ns(), above.sum_ns(), above.above_ns(0)];
        Ok(Some((
            Measured { ns, seconds },
            beside.anchors.into_iter().take(1).collect(),
        )))
    }

    /// A fresh instance of each case, in the order in which they are to begin, and which is which.
    fn opened(
        &self,
        workload: &Workload<'_>,
        way: &Way,
        seed: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<([usize; 2], Vec<Lane>), Failure> {
        let setup = self.setup.fresh(seed, workload.flow_room());
        let mut order = [FORWARD, TUNNEL];
        order.shuffle(rng);
        if let Some(first) = way.opened_first {
            order = [first, 1 - first];
        }
        let mut opened = Vec::with_capacity(order.len());
        for at in order {
            let case = find(CASES[at]).ok_or_else(|| {
                Failure::Failed(format!("{} is not in the list of cases", CASES[at]))
            })?;
            let lane = Lane::open(case, &setup, true);
            opened.push((at, lane.map_err(|why| Failure::Failed(why.to_string()))?));
        }
        opened.sort_by_key(|(at, _)| *at != way.begins);
        let of = [way.begins, 1 - way.begins];
        Ok((of, opened.into_iter().map(|(_, lane)| lane).collect()))
    }
}
