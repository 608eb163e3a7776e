//! Sweeps: in each, every group gets a part of its instances, so that they lie over the whole run.
//!
//! What disturbs a core without having a part of it, as a neighbour in the last-level cache, comes
//! and goes in tens of seconds and shows in no look at the core. Of a group that is measured at
//! once it is in all instances or in none, and so in no interval.

use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use tunneltax_core::workload::{Shape, Workload};

use crate::measure::{GroupInMaking, INSTANCES_MIN, INSTANCES_STEP};
use crate::pace::Pace;
use crate::plan::{AGAIN_PART, Planner, Work};

/// Sweeps of a run.
pub const SWEEPS: u32 = 5;

/// How a group gets its instances.
pub struct Swept {
    /// Which of the run's groups.
    pub group: usize,
    shape: Shape,
    work: Work,
    planned_seconds: f64,
    /// All of it comes in the first sweep: to make its packets anew takes too long, or there are too many
    /// groups to keep them all in the making.
    at_once: bool,
    /// How many there are to be; known when the first is measured.
    instances: Option<u32>,
}

impl Swept {
    /// A group of so many planned seconds.
    pub fn new(group: usize, shape: Shape, work: Work, planned_seconds: f64) -> Self {
        Self {
            group,
            shape,
            work,
            planned_seconds,
            at_once: false,
            instances: None,
        }
    }

    /// The same, all of it in the first sweep.
    #[must_use]
    pub fn at_once(self, at_once: bool) -> Self {
        Self { at_once, ..self }
    }

    /// Instances that there are to be behind a sweep, of so many.
    fn due(&self, of: u32, sweep: u32) -> u32 {
        if self.at_once || sweep + 1 >= SWEEPS {
            return of;
        }
        of * (sweep + 1) / SWEEPS / INSTANCES_STEP * INSTANCES_STEP
    }

    /// Whether nothing of a group is left for the sweeps behind this one.
    pub fn is_over(&self, group: &GroupInMaking<'_>, sweep: u32) -> bool {
        let all = |of| group.instances() >= of;
        self.at_once || sweep + 1 >= SWEEPS || self.instances.is_some_and(all)
    }

    /// Measures the part of a sweep, as long as its share of the time allows.
    pub fn measure(
        &mut self,
        group: &mut GroupInMaking<'_>,
        workload: &Workload<'_>,
        sweep: u32,
        planner: &Planner,
        pace: &mut Pace,
        rng: &mut ChaCha8Rng,
    ) {
        let slowness = pace.slowness();
        let of = *self.instances.get_or_insert_with(|| {
            let seconds = pace.share(self.planned_seconds);
            planner.fit(&self.work, seconds, slowness).0.instances.end
        });
        let (done, until) = (group.instances(), self.due(of, sweep));
        if until <= done {
            return;
        }
        let planned = self.planned_seconds * f64::from(until - done) / f64::from(of);
        // What earlier sweeps have left of the time and the number for the whole group.
        let again = (
            AGAIN_PART * pace.share(self.planned_seconds) - group.again_seconds(),
            of.saturating_sub(group.measured_again()),
        );
        let pace_now = (pace.share(planned), slowness);
        let (portion, predicted) = planner.part(&self.work, done..until, pace_now, again);
        // Enough of them there are, and for more there is no time.
        if done >= INSTANCES_MIN && predicted * slowness > portion.seconds_max {
            pace.done(planned, 0.0, 0.0);
            return;
        }
        pace_with(pace, (planned, predicted), group, |group| {
            group.sweep(workload, self.shape, &portion, rng);
        });
        if group.instances() == done {
            // No packet gets through every case.
            self.instances = Some(0);
        }
    }
}

/// Measures in a group, and tells the pace how long that took of what was planned and predicted.
pub fn pace_with<'a>(
    pace: &mut Pace,
    (planned, predicted): (f64, f64),
    group: &mut GroupInMaking<'a>,
    measure: impl FnOnce(&mut GroupInMaking<'a>),
) {
    let (start, before) = (Instant::now(), group.again_seconds());
    measure(group);
    // How slow the machine is does not depend on what was measured again.
    let again = group.again_seconds() - before;
    pace.done(planned, predicted, start.elapsed().as_secs_f64() - again);
}

#[cfg(test)]
mod tests {
    use tunneltax_core::synth::Mix;
    use tunneltax_core::workload::Caches;

    use super::*;
    use crate::generated::Generated;

    #[test]
    fn instances_lie_evenly_over_the_sweeps_and_come_in_steps() {
        let shape = Shape::hot(64, 32, Caches::default());
        let work = Work::generated(Generated::plain(Mix::Size(64)), shape);
        let swept = Swept::new(0, shape, work, 1.0);
        let due = |of| [0, 1, 2, 3, 4].map(|sweep| swept.due(of, sweep));
        assert_eq!(due(10), [2, 4, 6, 8, 10]);
        assert_eq!(due(20), [4, 8, 12, 16, 20]);
        assert_eq!(due(8), [0, 2, 4, 6, 8]);
        assert_eq!(due(6), [0, 2, 2, 4, 6]);
        assert_eq!(swept.at_once(true).due(10, 0), 10);
    }
}
