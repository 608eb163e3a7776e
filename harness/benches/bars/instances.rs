//! Fresh instances of cases, measured with the core alone.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::{self, Anchor};
use tunneltax_core::capture::Chunk;
use tunneltax_core::clock::Clock;
use tunneltax_core::path::{Case, Setup};
use tunneltax_core::replay::{Lane, Plan, Samples, measure};
use tunneltax_core::stack;
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::stats::Estimate;

use crate::Effort;

/// Looks at the core that tell how wide it is: half a second.
const WIDTH_LOOKS: usize = 100_000;
/// Parts in which the rounds of an instance are measured.
const SLICES: usize = 4;

/// What was measured of some cases, all in the same rounds.
pub struct Instances {
    cases: Vec<&'static Case>,
    /// By instance, then by case.
    samples: Vec<Vec<Samples>>,
    /// Some of it was measured on a core that another hardware thread had a part of.
    pub shared: bool,
}

/// One value an instance, from the readings of several cases.
pub type Combine<'a> = dyn Fn(&[&Samples]) -> Option<f64> + 'a;

impl Instances {
    /// Measures the packets of a chunk through every case.
    ///
    /// A bar is on the code and not on the neighbours: an instance goes on until it has its
    /// rounds with the core to itself, as the anchors before and behind each round say. Where
    /// the time is over before, the rounds that it has count, and an instance that has next to
    /// none counts with all of its rounds; both are said.
    pub fn measure(
        cases: Vec<&'static Case>,
        chunk: &Chunk,
        shape: Shape,
        effort: Effort,
        clock: &Clock,
    ) -> Self {
        let workload = Workload::new(chunk.packets().collect());
        let mut rng = ChaCha8Rng::seed_from_u64(workload.inner_bytes());
        let looks = (0..WIDTH_LOOKS).filter_map(|_| Anchor::read(clock));
        let widest = anchor::widest(&looks.collect::<Vec<_>>()).unwrap_or(0.0);
        let start = Instant::now();
        let (mut shared, mut fewest) = (0, effort.rounds);
        let instances = (0..effort.instances).map(|instance| {
            let deadline = effort.seconds * (instance + 1) as f64 / effort.instances as f64;
            let setup = Setup {
                seed: instance as u64,
                ..Setup::default().for_packets(workload.len())
            };
            // As in a run: a moved heap, and lanes opened in an order of their own.
            let displacement: Vec<u8> = vec![0; rng.random_range(64..65_536)];
            let mut order: Vec<usize> = (0..cases.len()).collect();
            order.shuffle(&mut rng);
            let open = |at: &usize| Lane::open(cases[*at], &setup, false).expect("opens");
            let mut lanes: Vec<Lane> = order.iter().map(open).collect();
            std::hint::black_box(&displacement);
            let late = || start.elapsed().as_secs_f64() > deadline;
            let mut alone = stack::placed(instance, || {
                rounds_alone(
                    &mut lanes, &workload, shape, effort, clock, widest, &mut rng, late,
                )
            });
            let own = alone.iter().filter(|alone| **alone).count();
            if own < effort.rounds / SLICES {
                shared += 1;
                alone.fill(true);
            } else {
                fewest = fewest.min(own);
            }
            let mut samples: Vec<Samples> = vec![Samples::default(); cases.len()];
            for (lane, at) in lanes.into_iter().zip(order) {
                let measured = lane.into_result().expect("a right round trip");
                samples[at] = only(&measured, &alone, shape.readings_per_fill);
            }
            samples
        });
        let samples: Vec<Vec<Samples>> = instances.collect();
        if effort.judged && (shared > 0 || fewest < effort.rounds) {
            println!(
                "{} packets of {} B: {shared} instances on a shared core, {fewest} rounds alone in the fewest of the others",
                workload.len(),
                workload.longest()
            );
        }
        Self {
            cases,
            samples,
            shared: shared > 0,
        }
    }

    /// A value of each instance, from the cases with these ids; `None` where one is missing.
    pub fn estimate(&self, ids: &[&str], combine: &Combine<'_>) -> Option<Estimate> {
        let place = |id: &&str| self.cases.iter().position(|case| case.id == *id);
        let at: Option<Vec<usize>> = ids.iter().map(place).collect();
        let at = at?;
        let value = |samples: &Vec<Samples>| {
            let chosen: Vec<&Samples> = at.iter().map(|at| &samples[*at]).collect();
            combine(&chosen)
        };
        Estimate::from_instances(self.samples.iter().filter_map(value).collect())
    }
}

/// Measures until there are enough rounds with the core alone, or it is late; says of every
/// round whether it was.
#[allow(clippy::too_many_arguments)] // it is the body of a loop
fn rounds_alone(
    lanes: &mut [Lane],
    workload: &Workload<'_>,
    shape: Shape,
    effort: Effort,
    clock: &Clock,
    widest: f64,
    rng: &mut ChaCha8Rng,
    late: impl Fn() -> bool,
) -> Vec<bool> {
    let never = AtomicBool::new(false);
    let mut alone: Vec<bool> = Vec::new();
    loop {
        let plan = Plan {
            shape,
            rounds: (effort.rounds / SLICES).max(1),
            first_stretch: alone.len() * shape.readings_per_fill,
            stop: &never,
        };
        let anchors = measure(lanes, workload, &plan, clock, rng).anchors;
        if anchors.is_empty() {
            // No anchor on this architecture: the core is taken to be ours.
            alone.resize(alone.len() + plan.rounds, true);
        }
        let is_shared = |around: &[Anchor]| around.iter().any(|look| look.is_shared(widest));
        alone.extend(anchors.windows(2).map(|around| !is_shared(around)));
        let own = alone.iter().filter(|alone| **alone).count();
        if own >= effort.rounds || (late() && alone.len() >= effort.rounds) {
            return alone;
        }
    }
}

/// The readings of the rounds that are kept.
fn only(samples: &Samples, keep: &[bool], readings_per_round: usize) -> Samples {
    let of = |values: &Vec<f64>| -> Vec<f64> {
        let rounds = values.chunks(readings_per_round).zip(keep);
        let kept = rounds.filter(|(_, keep)| **keep);
        kept.flat_map(|(values, _)| values).copied().collect()
    };
    Samples {
        send_ns: of(&samples.send_ns),
        receive_ns: of(&samples.receive_ns),
        send_stamping_ns: of(&samples.send_stamping_ns),
        receive_stamping_ns: of(&samples.receive_stamping_ns),
        ..Samples::default()
    }
}
