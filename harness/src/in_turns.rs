//! A few lanes, compared in the one timed loop: a fresh instance of each, in turns.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::clock::Clock;
use tunneltax_core::path::{Case, Setup};
use tunneltax_core::replay::{self, Lane, Plan, Samples};
use tunneltax_core::stack;
use tunneltax_core::workload::{Shape, Workload};

use crate::failure::Failure;

/// What was measured, and what the core was beside it; nothing where it was stopped.
pub type Outcome<T> = Option<(T, Vec<Anchor>)>;

/// What the lanes work on.
pub struct Bench<'a> {
    /// The packets.
    pub workload: &'a Workload<'a>,
    /// How they lie.
    pub shape: Shape,
    /// Calibrated clock.
    pub clock: &'a Clock,
    /// Ends it early.
    pub stop: &'a AtomicBool,
}

impl Bench<'_> {
    /// What each of the lanes measured. They are opened in an order of their own, on a moved heap: as
    /// in a run.
    pub fn measure<const LANES: usize>(
        &self,
        lanes: [(&'static Case, &Setup); LANES],
        rounds: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Outcome<[Samples; LANES]>, Failure> {
        let displacement: Vec<u8> = vec![0; rng.random_range(64..65_536)];
        let mut order: [usize; LANES] = std::array::from_fn(|at| at);
        order.shuffle(rng);
        let mut opened = Vec::with_capacity(LANES);
        for at in order {
            let (case, setup) = lanes[at];
            let lane = Lane::open(case, setup, true);
            opened.push(lane.map_err(|why| Failure::Failed(why.to_string()))?);
        }
        std::hint::black_box(&displacement);
        let plan = Plan {
            shape: self.shape,
            rounds,
            first_stretch: 0,
            stop: self.stop,
        };
        let place = rng.random_range(0..stack::PLACES);
        let anchors = stack::placed(place, || {
            replay::measure(&mut opened, self.workload, &plan, self.clock, rng).anchors
        });
        let mut samples: [Samples; LANES] = std::array::from_fn(|_| Samples::default());
        for (at, lane) in order.into_iter().zip(opened) {
            samples[at] = lane.into_result().map_err(Failure::Failed)?;
        }
        let stopped = self.stop.load(Ordering::Relaxed);
        Ok((!stopped).then_some((samples, anchors)))
    }
}
