//! Comparisons of a tunnel with itself, and with itself slowed down by a known amount.
//!
//! A comparison opens fresh instances of the same case three times: as it is, as it is again (the
//! twin), and with a chain of serial steps ([`slowed`]). The three take turns in the one timed
//! loop, as the rows of a run do.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::clock::Clock;
use tunneltax_core::path::{Setup, slowed};
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::selftest::Comparison;

use crate::failure::Failure;
use crate::in_turns;
use crate::lane_sum::values;

/// Fresh instances in a comparison.
pub const INSTANCES: u32 = 20;

/// What is compared with itself.
pub struct Bench<'a> {
    /// Packets of one size.
    pub workload: &'a Workload<'a>,
    /// How they lie.
    pub shape: Shape,
    /// What paths are built from; every instance gets a seed of its own.
    pub setup: &'a Setup,
    /// Calibrated clock.
    pub clock: &'a Clock,
    /// Ends it early.
    pub stop: &'a AtomicBool,
}

/// A comparison, and what else it saw.
pub struct Seen {
    /// What is stored.
    pub comparison: Comparison,
    /// Slowed down minus not, ns a packet; one value an instance.
    pub slowed_ns: Vec<f64>,
    /// What the core was.
    pub anchors: Vec<Anchor>,
}

impl Bench<'_> {
    /// Rounds that an instance takes so that [`INSTANCES`] take so many seconds.
    pub fn rounds_for(&self, seconds: f64, rng: &mut ChaCha8Rng) -> Result<usize, Failure> {
        const PILOT: usize = 200;
        let start = Instant::now();
        self.instance(0, PILOT, rng)?;
        let opened = Instant::now();
        self.instance(0, 2 * PILOT, rng)?;
        let (short, long) = (opened - start, opened.elapsed());
        let round = long.saturating_sub(short).as_secs_f64() / PILOT as f64;
        let open = (short.as_secs_f64() - PILOT as f64 * round).max(0.0);
        let rounds = (seconds / f64::from(INSTANCES) - open) / round.max(1e-7);
        Ok((rounds as usize).clamp(PILOT, 1_000_000))
    }

    /// Compares so many fresh instances; nothing where it was stopped.
    pub fn compare(
        &self,
        steps: u32,
        rounds: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Seen>, Failure> {
        let start = Instant::now();
        let mut seen = Seen {
            comparison: Comparison {
                seconds: 0.0,
                twin_percent: Vec::new(),
                slowed_percent: Vec::new(),
            },
            slowed_ns: Vec::new(),
            anchors: Vec::new(),
        };
        for _ in 0..INSTANCES {
            let Some((instance, anchors)) = self.instance(steps, rounds, rng)? else {
                return Ok(None);
            };
            seen.comparison.twin_percent.push(instance.twin_percent);
            seen.comparison.slowed_percent.push(instance.slowed_percent);
            seen.slowed_ns.push(instance.slowed_ns);
            seen.anchors.extend(anchors);
        }
        seen.comparison.seconds = start.elapsed().as_secs_f64();
        Ok(Some(seen))
    }

    fn instance(
        &self,
        steps: u32,
        rounds: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<in_turns::Outcome<Instance>, Failure> {
        let plain = self.setup.fresh(rng.random(), self.workload.flow_room());
        let slow = Setup {
            serial_steps: steps,
            ..plain.clone()
        };
        let bench = in_turns::Bench {
            workload: self.workload,
            shape: self.shape,
            clock: self.clock,
            stop: self.stop,
        };
        let lanes = [&plain, &plain, &slow].map(|setup| (slowed::case(), setup));
        let Some(([plain, twin, slow], anchors)) = bench.measure(lanes, rounds, rng)? else {
            return Ok(None);
        };
        let unread =
            || Failure::Failed("a selftest's instance has no reading; run it again".to_owned());
        let twin = values(&twin, &[Some(&plain)]).ok_or_else(unread)?;
        let slow = values(&slow, &[Some(&plain)]).ok_or_else(unread)?;
        let instance = Instance {
            twin_percent: twin.percent_above(0),
            slowed_percent: slow.percent_above(0),
            slowed_ns: slow.above_ns(0),
        };
        Ok(Some((instance, anchors)))
    }
}

/// What one instance of each gave.
struct Instance {
    twin_percent: f64,
    slowed_percent: f64,
    slowed_ns: f64,
}

#[cfg(test)]
mod tests {
    use tunneltax_core::synth::Mix;
    use tunneltax_core::workload::Caches;
    use tunneltax_reports::selftest::{Told, told};

    use rand::SeedableRng;

    use super::*;
    use crate::generated::Generated;

    /// A slow-down that no noise hides is told, with the right sign, and no steps are none.
    #[test]
    fn a_long_chain_is_told() {
        let chunk = Generated::plain(Mix::Size(64)).chunk(1, true).unwrap();
        let workload = Workload::new(chunk.packets().collect());
        let (setup, clock) = (Setup::default(), Clock::measure());
        let stop = AtomicBool::new(false);
        let bench = Bench {
            workload: &workload,
            shape: Shape::hot(64, setup.burst, Caches::default()),
            setup: &setup,
            clock: &clock,
            stop: &stop,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let seen = bench.compare(16 * 2000, 5, &mut rng).unwrap().unwrap();
        assert_eq!(seen.comparison.twin_percent.len(), INSTANCES as usize);
        assert_eq!(told(&seen.comparison.slowed_percent), Told::Slower);
        assert!(
            seen.slowed_ns.iter().all(|ns| *ns > 0.0),
            "{:?}",
            seen.slowed_ns
        );
    }
}
