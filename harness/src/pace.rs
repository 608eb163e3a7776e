//! Keeps a run to its time although the pilot was wrong: what was planned for the groups that
//! are left shares the time that is left, and each group tells how slow the machine really is.

use std::time::Instant;

/// Weight of the latest group in the slowness: a machine's load comes and goes.
const LATEST: f64 = 0.5;
/// Most of its plan that a group gets when time is left over.
const STRETCH_MAX: f64 = 2.0;

/// Time planned against time taken.
pub struct Pace {
    started: Instant,
    seconds: f64,
    planned_left: f64,
    slowness: f64,
}

impl Pace {
    /// Begins a run of so many seconds, in which groups of so many planned seconds are to be
    /// measured.
    pub fn begin(seconds: f64, planned: f64) -> Self {
        Self {
            started: Instant::now(),
            // A floor under every group may make the plan longer than was asked for.
            seconds: seconds.max(planned),
            planned_left: planned,
            slowness: 1.0,
        }
    }

    /// Seconds since the beginning.
    pub fn elapsed(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Time taken over time that the pilot said, of late.
    pub fn slowness(&self) -> f64 {
        self.slowness
    }

    /// Seconds that work of so many planned seconds may take now.
    pub fn share(&self, planned: f64) -> f64 {
        self.share_at(planned, self.elapsed())
    }

    fn share_at(&self, planned: f64, elapsed: f64) -> f64 {
        let left = (self.seconds - elapsed).max(0.0);
        planned * (left / self.planned_left.max(1e-9)).min(STRETCH_MAX)
    }

    /// Some work is done that was planned to take `planned` seconds. It took `taken` where the
    /// pilot, knowing how much of it would be done, said `predicted`.
    pub fn done(&mut self, planned: f64, predicted: f64, taken: f64) {
        self.planned_left = (self.planned_left - planned).max(0.0);
        if predicted > 0.0 {
            self.slowness += LATEST * (taken / predicted - self.slowness);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of one planned second each on a machine that takes `slow` times what the pilot
    /// said; a group takes no less than `floor` of what the pilot said for it.
    fn run(slow: f64, floor: f64) -> f64 {
        let mut pace = Pace::begin(40.0, 40.0);
        let mut clock = 0.0;
        for _ in 0..40 {
            let predicted = (pace.share_at(1.0, clock) / pace.slowness()).max(floor);
            let taken = predicted * slow;
            clock += taken;
            pace.done(1.0, predicted, taken);
        }
        clock
    }

    #[test]
    fn a_slow_machine_does_less_and_not_longer() {
        for slow in [0.5, 1.0, 1.5, 2.5] {
            let seconds = run(slow, 0.4);
            assert!((36.0..40.0 * 1.15).contains(&seconds), "{slow}: {seconds}");
        }
        // Nothing goes below the floor: then it is 40 × 4 × 0.4.
        assert!((64.0..70.0).contains(&run(4.0, 0.4)));
    }
}
