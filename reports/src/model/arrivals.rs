//! When packets come: schedules of any wanted rate, and the rule for a capture's timestamps.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Longest gap that a capture's schedule keeps, ns; a longer one becomes this long.
pub const GAP_MAX_NS: f64 = 1e9;
/// The same as a multiple of the mean of the gaps that are not longer than [`GAP_MAX_NS`].
pub const GAP_MAX_MEANS: f64 = 1000.0;

/// Where a schedule has its gaps from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The capture's own timestamps, scaled.
    Capture,
    /// Exponential gaps: packets of many senders that know nothing of each other.
    Poisson,
    /// All gaps alike (RFC 2544, 21).
    Constant,
}

/// The gaps of a capture, ns, the last of which leads back to the first packet, and what the rule
/// for timestamps did to them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gaps {
    /// By packet: to the next one. Mean above 0.
    pub ns: Vec<f64>,
    /// Gaps that would have been negative and are 0.
    pub backwards: u64,
    /// Gaps that were longer than the longest that is kept.
    pub clipped: u64,
    /// Gaps beside a packet without a time; they are 0.
    pub missing: u64,
}

/// Why timestamps are no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its packets all have one time or none")]
pub struct NoSchedule;

/// What the rule for timestamps must know of all gaps before the first can be used. Holds nothing
/// of the packets, however many they are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GapSum {
    before: Before,
    sum_ns: f64,
    count: u64,
    /// Of all, those that are not plausible among them.
    most_ns: f64,
}

impl GapSum {
    /// The next packet's time.
    pub fn add(&mut self, time_ns: Option<u64>) {
        let gap = self.before.next(time_ns);
        if let Some(Gap::Of(gap_ns)) = gap {
            self.most_ns = self.most_ns.max(gap_ns);
        }
        match gap {
            Some(Gap::Of(gap_ns)) if gap_ns <= GAP_MAX_NS => {
                self.count += 1;
                self.sum_ns += gap_ns;
            }
            Some(Gap::Backwards | Gap::Missing) => self.count += 1,
            Some(Gap::Of(_)) | None => {}
        }
    }

    /// Mean of the gaps, ns, where the rule clips none of them; else it takes a second look.
    pub fn mean_unclipped_ns(&self) -> Option<f64> {
        let is_mean = self.most_ns <= self.longest_ns() && self.sum_ns > 0.0;
        is_mean.then(|| self.sum_ns / self.count as f64)
    }

    /// Longest gap that is kept, ns.
    fn longest_ns(&self) -> f64 {
        let mean_ns = self.sum_ns / self.count.max(1) as f64;
        // Nothing but jumps: they are clipped to the one limit that is left.
        if mean_ns > 0.0 {
            GAP_MAX_NS.min(GAP_MAX_MEANS * mean_ns)
        } else {
            GAP_MAX_NS
        }
    }
}

/// The packet before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Before {
    /// There was one.
    exists: bool,
    /// Its time, if it had one.
    time_ns: Option<u64>,
}

/// A gap as it is in the capture.
enum Gap {
    Of(f64),
    Backwards,
    Missing,
}

impl Before {
    /// The gap in front of the next packet; `None` for the first.
    fn next(&mut self, time_ns: Option<u64>) -> Option<Gap> {
        let before = std::mem::replace(
            self,
            Self {
                exists: true,
                time_ns,
            },
        );
        before.exists.then(|| match (before.time_ns, time_ns) {
            (Some(one), Some(next)) if next < one => Gap::Backwards,
            (Some(one), Some(next)) => Gap::Of((next - one) as f64),
            _ => Gap::Missing,
        })
    }
}

/// The rule for timestamps, packet by packet. A time before the one in front of it is a gap of 0,
/// as is one that is missing; the next gap counts from there on. A gap longer than [`GAP_MAX_NS`],
/// or than [`GAP_MAX_MEANS`] means of those that are not, is clipped to the lesser of the two, so
/// that a clock that jumps by years leaves the rest of the schedule as it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GapRule {
    longest_ns: f64,
    before: Before,
    /// Gaps so far.
    pub count: u64,
    /// Sum of them, ns.
    pub sum_ns: f64,
    /// As [`Gaps::backwards`].
    pub backwards: u64,
    /// As [`Gaps::clipped`].
    pub clipped: u64,
    /// As [`Gaps::missing`].
    pub missing: u64,
}

impl GapRule {
    /// For the packets that were summed up, from the first on.
    pub fn new(of_all: &GapSum) -> Self {
        Self {
            longest_ns: of_all.longest_ns(),
            before: Before::default(),
            count: 0,
            sum_ns: 0.0,
            backwards: 0,
            clipped: 0,
            missing: 0,
        }
    }

    /// The gap in front of the next packet, ns; `None` for the first.
    pub fn next_ns(&mut self, time_ns: Option<u64>) -> Option<f64> {
        let gap_ns = match self.before.next(time_ns)? {
            Gap::Of(gap_ns) if gap_ns > self.longest_ns => {
                self.clipped += 1;
                self.longest_ns
            }
            Gap::Of(gap_ns) => gap_ns,
            Gap::Backwards => {
                self.backwards += 1;
                0.0
            }
            Gap::Missing => {
                self.missing += 1;
                0.0
            }
        };
        self.count += 1;
        self.sum_ns += gap_ns;
        Some(gap_ns)
    }

    /// Mean of the gaps so far, ns. Times that are all the same, or all missing, are refused.
    pub fn mean_ns(&self) -> Result<f64, NoSchedule> {
        if self.sum_ns <= 0.0 {
            return Err(NoSchedule);
        }
        Ok(self.sum_ns / self.count as f64)
    }
}

impl Gaps {
    /// Of timestamps in the order of the capture, by [`GapRule`]. The gap behind the last packet
    /// is the mean.
    pub fn of(timestamps_ns: &[Option<u64>]) -> Result<Self, NoSchedule> {
        let mut all = GapSum::default();
        for time_ns in timestamps_ns {
            all.add(*time_ns);
        }
        let mut rule = GapRule::new(&all);
        let gaps = timestamps_ns.iter().filter_map(|ns| rule.next_ns(*ns));
        let mut ns: Vec<f64> = gaps.collect();
        ns.push(rule.mean_ns()?);
        Ok(Self {
            ns,
            backwards: rule.backwards,
            clipped: rule.clipped,
            missing: rule.missing,
        })
    }

    /// Mean, ns.
    pub fn mean_ns(&self) -> f64 {
        self.ns.iter().sum::<f64>() / self.ns.len().max(1) as f64
    }
}

/// Times at which packets come, without end; the first comes one gap after 0. Mean gap
/// 1 / rate, whatever the kind: of a capture's schedule over its whole length.
pub struct Schedule<'g> {
    form: Form<'g>,
    mean_ns: f64,
    now_ns: f64,
}

enum Form<'g> {
    Scaled {
        gaps_ns: &'g [f64],
        scale: f64,
        at: usize,
    },
    Poisson(Box<ChaCha8Rng>),
    Constant,
}

impl<'g> Schedule<'g> {
    /// `pps` packets a second. A schedule of a capture without gaps is a constant one.
    pub fn new(kind: Kind, gaps: Option<&'g Gaps>, pps: f64, seed: u64) -> Self {
        let mean_ns = 1e9 / pps.max(1e-3);
        let form = match (kind, gaps) {
            (Kind::Capture, Some(gaps)) if !gaps.ns.is_empty() => Form::Scaled {
                gaps_ns: &gaps.ns,
                scale: mean_ns / gaps.mean_ns(),
                at: 0,
            },
            (Kind::Poisson, _) => Form::Poisson(Box::new(ChaCha8Rng::seed_from_u64(seed))),
            _ => Form::Constant,
        };
        Self {
            form,
            mean_ns,
            now_ns: 0.0,
        }
    }

    /// When the next packet comes, ns.
    pub fn next_ns(&mut self) -> f64 {
        self.now_ns += match &mut self.form {
            Form::Scaled { gaps_ns, scale, at } => {
                // The gap in front of the first packet is the one behind the last.
                let before = at.checked_sub(1).unwrap_or(gaps_ns.len() - 1);
                *at = (*at + 1) % gaps_ns.len();
                gaps_ns[before] * *scale
            }
            Form::Poisson(rng) => exponential(rng, self.mean_ns),
            Form::Constant => self.mean_ns,
        };
        self.now_ns
    }
}

/// A draw from the exponential distribution.
pub(super) fn exponential(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    let uniform: f64 = rng.random();
    -(1.0 - uniform).ln() * mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(ns: &[u64]) -> Vec<Option<u64>> {
        ns.iter().copied().map(Some).collect()
    }

    #[test]
    fn a_clock_that_is_set_back_makes_a_gap_of_nothing() {
        let gaps = Gaps::of(&times(&[100, 150, 90, 120])).unwrap();
        assert_eq!(gaps.ns[..3], [50.0, 0.0, 30.0]);
        assert_eq!((gaps.backwards, gaps.clipped), (1, 0));
    }

    #[test]
    fn a_jump_of_years_is_clipped_and_the_rest_stays() {
        let year_ns = 365 * 24 * 3600 * 1_000_000_000;
        let gaps = Gaps::of(&times(&[0, 10, 20, 3 * year_ns, 3 * year_ns + 10])).unwrap();
        // Mean of the plausible ones is 10 ns, so a gap is at most 10 µs.
        assert_eq!(gaps.ns[..4], [10.0, 10.0, 10_000.0, 10.0]);
        assert_eq!(gaps.clipped, 1);
        let slow = Gaps::of(&times(&[0, 500_000_000, year_ns])).unwrap();
        assert_eq!(slow.ns[..2], [5e8, GAP_MAX_NS]);
        let only_jumps = Gaps::of(&times(&[0, year_ns, 2 * year_ns])).unwrap();
        assert_eq!(only_jumps.ns, [GAP_MAX_NS; 3]);
    }

    #[test]
    fn the_sum_says_the_mean_unless_some_gap_is_clipped() {
        let sum = |times: &[u64]| {
            let mut sum = GapSum::default();
            for ns in times {
                sum.add(Some(*ns));
            }
            sum.mean_unclipped_ns()
        };
        let calm = [100, 150, 90, 120];
        let mean_ns = Gaps::of(&times(&calm)).unwrap().mean_ns();
        assert!((sum(&calm).unwrap() - mean_ns).abs() < 1e-9);
        assert_eq!(sum(&[0, 10, 20, 4_000_000_000, 4_000_000_010]), None);
        assert_eq!(sum(&[7; 20]), None);
    }

    #[test]
    fn one_time_for_all_is_no_schedule() {
        assert_eq!(Gaps::of(&times(&[7; 20])), Err(NoSchedule));
        assert_eq!(Gaps::of(&[None; 20]), Err(NoSchedule));
        assert_eq!(Gaps::of(&times(&[7])), Err(NoSchedule));
        let gaps = Gaps::of(&[Some(0), None, Some(5), Some(9)]).unwrap();
        assert_eq!((gaps.missing, &gaps.ns[..3]), (2, &[0.0, 0.0, 4.0][..]));
    }

    #[test]
    fn every_schedule_has_the_wanted_rate() {
        let gaps = Gaps::of(&times(&[0, 1, 5, 5, 30])).unwrap();
        for kind in [Kind::Capture, Kind::Poisson, Kind::Constant] {
            let mut schedule = Schedule::new(kind, Some(&gaps), 2e6, 3);
            let packets = 100_000;
            let last = (0..packets).map(|_| schedule.next_ns()).last().unwrap();
            let mean_ns = last / f64::from(packets);
            // Poisson: 500 ns with a standard error of 500 / √100,000.
            assert!(
                (mean_ns - 500.0).abs() < 4.0 * 500.0 / 316.0,
                "{kind:?} {mean_ns}"
            );
        }
    }

    #[test]
    fn a_capture_keeps_its_gaps_in_their_proportions() {
        let gaps = Gaps::of(&times(&[0, 10, 40])).unwrap();
        assert_eq!(gaps.ns, [10.0, 30.0, 20.0]);
        let mut schedule = Schedule::new(Kind::Capture, Some(&gaps), 1e7, 1);
        let times: Vec<f64> = (0..4).map(|_| schedule.next_ns()).collect();
        // Scaled from 20 ns to 100 ns a packet; the gap behind the last stands before the first.
        assert_eq!(times, [100.0, 150.0, 300.0, 400.0]);
    }
}
