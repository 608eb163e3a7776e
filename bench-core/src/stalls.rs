//! Gaps in the clock: time that passed between two readings beyond what the work between them
//! takes.
//!
//! The same packets are timed several times over, by the same case, a moment apart. The fastest is
//! the work; what another took beyond it is a stall, where it is longer than [`STALL_NS`] and than
//! a quarter of the work: an interrupt, another thread, the hypervisor. Shorter ones can't be told
//! from what caches cost, and are not counted.

/// Least length of a stall, ns: an interrupt that does anything takes longer, and what caches and
/// predictors cost a reading is less.
pub const STALL_NS: f64 = 5_000.0;
/// The same as part of the work between two readings.
pub const STALL_PART: f64 = 0.25;

/// Stalls so far, and the time in which they were looked for.
#[derive(Clone, Debug, Default)]
pub struct Stalls {
    /// Time between readings, stalls included, ns.
    pub watched_ns: f64,
    /// Lengths, ns, those of [`LENGTHS_MAX`] at most.
    pub lengths_ns: Vec<f32>,
    /// How many there were.
    pub count: u64,
    /// Length of all together, ns.
    pub sum_ns: f64,
}

/// Most lengths that are kept one by one.
pub const LENGTHS_MAX: usize = 65_536;

impl Stalls {
    /// Looks at a reading that took so long, of work that takes so long.
    pub fn look(&mut self, took_ns: f64, work_ns: f64) {
        self.watched_ns += took_ns.max(0.0);
        let beyond_ns = took_ns - work_ns;
        if beyond_ns > least_ns(work_ns) {
            self.count += 1;
            self.sum_ns += beyond_ns;
            if self.lengths_ns.len() < LENGTHS_MAX {
                self.lengths_ns.push(beyond_ns as f32);
            }
        }
    }

    /// Takes what was seen elsewhere.
    pub fn add(&mut self, more: &Self) {
        self.watched_ns += more.watched_ns;
        self.count += more.count;
        self.sum_ns += more.sum_ns;
        let room = LENGTHS_MAX.saturating_sub(self.lengths_ns.len());
        self.lengths_ns
            .extend(more.lengths_ns.iter().take(room).copied());
    }
}

/// What a reading must take beyond its work for it to be a stall, ns.
pub fn least_ns(work_ns: f64) -> f64 {
    STALL_NS.max(STALL_PART * work_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_from_work() {
        let mut stalls = Stalls::default();
        for took_ns in [1_000.0, 5_900.0, 7_000.0, 1_200.0] {
            stalls.look(took_ns, 1_000.0);
        }
        stalls.look(120_000.0, 100_000.0);
        stalls.look(130_000.0, 100_000.0);
        let mut sum = Stalls::default();
        sum.add(&stalls);
        sum.add(&stalls);
        assert_eq!((sum.count, sum.lengths_ns.len()), (4, 4));
        assert_eq!(stalls.lengths_ns, [6_000.0, 30_000.0]);
        assert!((stalls.watched_ns - 265_100.0).abs() < 1e-6);
        assert!((sum.sum_ns - 72_000.0).abs() < 1e-6);
    }
}
