//! Multiple loss ratio search (`MLRsearch`, RFC 9971, as draft-ietf-bmwg-mlrsearch became): the
//! largest loads that meet several goals, from trials that all goals share.
//!
//! A trial's length is a number of packets here, not a time. What a load is to a goal is RFC 9971's
//! classification; which load is tried next, and how long, is our own, which the RFC leaves open:
//! every goal is searched roughly by short trials, then within half as wide bounds by longer ones,
//! and in the end by those of full length.

/// What is wanted of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// Most that a trial may lose, a part of its packets (goal loss ratio).
    pub loss: f64,
    /// Part of the length in which trials may lose more (goal exceed ratio), below 1.
    pub exceed: f64,
    /// Length of a first trial, packets (goal initial trial duration).
    pub initial: u64,
    /// Length of a full trial, packets (goal final trial duration).
    pub full: u64,
    /// Length of all full trials at a load that decide about it, packets (goal duration sum).
    pub sum: u64,
    /// The bounds are apart by this part of the upper one, or less (goal width).
    pub width: f64,
}

/// Where a search may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Smallest load that is tried (min load).
    pub min: f64,
    /// Largest (max load).
    pub max: f64,
    /// Where it begins.
    pub first: f64,
}

/// What came of a goal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GoalResult {
    /// The largest load below the upper bound that meets the goal (relevant lower bound); where no
    /// load fails, the largest that meets it.
    pub lower: Option<f64>,
    /// The smallest load that fails it (relevant upper bound).
    pub upper: Option<f64>,
    /// What is carried at the lower bound: the load less the loss of its trials, the worst of those
    /// that the exceed ratio counts (conditional throughput).
    pub conditional: Option<f64>,
    /// Both bounds are there, by full trials, and no farther apart than the goal's width.
    pub is_regular: bool,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// By goal.
    pub goals: Vec<GoalResult>,
    /// Trials.
    pub trials: u64,
    /// Packets in them.
    pub packets: u64,
}

/// A trial that was made.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Trial {
    load: f64,
    length: u64,
    loss: f64,
}

/// What a load is to a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Undecided,
}

impl Goal {
    /// RFC 9971, appendix A: what a load is, by the trials there. A load is a bound when the trials
    /// that are missing up to the sum of lengths could not change that. Short trials say against a
    /// load what more of them lose than the exceed ratio allows, and nothing for it.
    fn class(&self, trials: impl Iterator<Item = Trial>) -> Class {
        let [mut full_low, mut full_high, mut short_low, mut short_high] = [0.0; 4];
        for trial in trials {
            let sum = match (trial.length >= self.full, trial.loss > self.loss) {
                (true, false) => &mut full_low,
                (true, true) => &mut full_high,
                (false, false) => &mut short_low,
                (false, true) => &mut short_high,
            };
            *sum += trial.length as f64;
        }
        let balancing = short_low * self.exceed / (1.0 - self.exceed);
        let high = full_high + f64::max(0.0, short_high - balancing);
        let whole = f64::max(full_low + high, self.sum as f64);
        let allowed = whole * self.exceed;
        match (high <= allowed, whole - full_low <= allowed) {
            (true, true) => Class::Lower,
            (false, false) => Class::Upper,
            _ => Class::Undecided,
        }
    }

    /// RFC 9971, appendix B: what is carried at a load, by its full trials.
    fn conditional(&self, load: f64, trials: impl Iterator<Item = Trial>) -> f64 {
        let mut full: Vec<Trial> = trials.filter(|trial| trial.length >= self.full).collect();
        full.sort_by(|a, b| a.loss.total_cmp(&b.loss));
        let made: u64 = full.iter().map(|trial| trial.length).sum();
        let whole = made.max(self.sum) as f64;
        let mut remaining = whole * (1.0 - self.exceed);
        let mut loss = None;
        for trial in &full {
            if loss.is_some() && remaining <= 0.0 {
                break;
            }
            loss = Some(trial.loss);
            remaining -= trial.length as f64;
        }
        let loss = loss.filter(|_| remaining <= 0.0).unwrap_or(1.0);
        load * (1.0 - loss)
    }

    /// The rougher goals on the way to this one, itself the last: trials of a quarter of the length
    /// of those of the next, and bounds twice as far apart.
    fn stages(&self) -> Vec<Self> {
        let mut stages = vec![*self];
        let mut first = *self;
        while first.full > self.initial {
            let full = (first.full / 4).max(self.initial).max(1);
            first = Self {
                full,
                sum: (self.sum as f64 * full as f64 / self.full as f64).ceil() as u64,
                width: 2.0 * first.width,
                ..first
            };
            stages.push(first);
        }
        stages.reverse();
        stages
    }
}

/// Searches for all goals; `measure` makes a trial at a load, of so many packets, and says which
/// part of them it lost, or nothing where there is no time for it: then the search for the goal that
/// asked ends with what it has. The easiest goal comes first.
pub fn search(
    goals: &[Goal],
    range: Range,
    measure: impl FnMut(f64, u64) -> Option<f64>,
) -> Outcome {
    let mut search = Search {
        range,
        trials: Vec::new(),
        measure,
    };
    let stages: Vec<Vec<Goal>> = goals.iter().map(Goal::stages).collect();
    let most = stages.iter().map(Vec::len).max().unwrap_or(0);
    let mut out_of_time = vec![false; goals.len()];
    // All goals by short trials before any by longer ones: each begins where the others have been.
    for stage in 0..most {
        for (of_goal, out_of_time) in stages.iter().zip(&mut out_of_time) {
            // Goals with fewer stages wait for the last ones.
            let Some(at) = (stage + of_goal.len()).checked_sub(most) else {
                continue;
            };
            let before = at.checked_sub(1).map(|before| of_goal[before]);
            // A goal that needs lower loads, at which trials are longer, ends before others do.
            if !*out_of_time {
                *out_of_time = search.narrow(&of_goal[at], before).is_none();
            }
        }
    }
    Outcome {
        goals: goals.iter().map(|goal| search.result(goal)).collect(),
        trials: search.trials.len() as u64,
        packets: search.trials.iter().map(|trial| trial.length).sum(),
    }
}

/// A search under way.
struct Search<M> {
    range: Range,
    trials: Vec<Trial>,
    measure: M,
}

impl<M: FnMut(f64, u64) -> Option<f64>> Search<M> {
    fn at(&self, load: f64) -> impl Iterator<Item = Trial> {
        let trials = self.trials.iter();
        // The same load, bit by bit: it is one that was tried.
        let is_there = move |trial: &&Trial| trial.load.to_bits() == load.to_bits();
        trials.filter(is_there).copied()
    }

    /// The largest load below the upper bound that meets a goal, and the upper bound.
    fn bounds(&self, goal: &Goal) -> (Option<f64>, Option<f64>) {
        let mut loads: Vec<f64> = self.trials.iter().map(|trial| trial.load).collect();
        loads.sort_by(f64::total_cmp);
        loads.dedup();
        let class = |load: &f64| goal.class(self.at(*load));
        let upper = loads.iter().find(|load| class(load) == Class::Upper);
        let below = |load: &&f64| upper.is_none_or(|upper| *load < upper);
        let mut below = loads.iter().rev().filter(below);
        let lower = below.find(|load| class(load) == Class::Lower);
        (lower.copied(), upper.copied())
    }

    /// Makes trials at a load until it is a bound; `None` where there is no time.
    fn decide(&mut self, goal: &Goal, load: f64) -> Option<Class> {
        loop {
            let class = goal.class(self.at(load));
            if class != Class::Undecided {
                return Some(class);
            }
            let loss = (self.measure)(load, goal.full)?;
            self.trials.push(Trial {
                load,
                length: goal.full,
                loss,
            });
        }
    }

    /// Brings the bounds as near as a goal wants them. Begins with those of the stage before, which
    /// longer trials may see otherwise.
    fn narrow(&mut self, goal: &Goal, before: Option<Goal>) -> Option<()> {
        let (low, high) = match before.map(|before| self.bounds(&before)) {
            Some((low, high)) => (low, high),
            // What another goal found at this length is where this one begins.
            None => self.bounds(goal),
        };
        let guesses = match (low, high) {
            (None, None) => [Some(self.range.first), None],
            both => [both.0, both.1],
        };
        for load in guesses.into_iter().flatten() {
            self.decide(goal, load)?;
        }
        let mut step = goal.width;
        loop {
            let load = match self.bounds(goal) {
                (Some(low), Some(high)) if high - low <= goal.width * high => return Some(()),
                (Some(low), Some(high)) => f64::midpoint(low, high),
                (Some(low), None) if low >= self.range.max => return Some(()),
                (None, Some(high)) if high <= self.range.min => return Some(()),
                (Some(low), None) => self.above(goal, low, &mut step),
                (None, Some(high)) => self.below(goal, high, &mut step),
                (None, None) => self.range.first,
            };
            self.decide(goal, load)?;
        }
    }

    /// A load above the largest that meets a goal, each time twice as far away.
    fn above(&self, goal: &Goal, low: f64, step: &mut f64) -> f64 {
        let far = low * (1.0 + *step);
        *step = (2.0 * *step).max(goal.width);
        far.min(self.range.max)
    }

    /// A load below the smallest that fails a goal, each time twice as far away, by half at most.
    fn below(&self, goal: &Goal, high: f64, step: &mut f64) -> f64 {
        let far = high * (1.0 - step.min(0.5));
        *step = (2.0 * *step).max(goal.width);
        far.max(self.range.min)
    }

    /// The bounds by full trials; where time ended before there were some, those by the longest
    /// trials that found any, which is no regular result.
    fn result(&self, goal: &Goal) -> GoalResult {
        let stages = goal.stages();
        let found = |goal: &&Goal| self.bounds(goal) != (None, None);
        let by = stages.iter().rev().find(found).unwrap_or(goal);
        let (lower, upper) = self.bounds(by);
        let near = |(low, high): (f64, f64)| high - low <= goal.width * high;
        GoalResult {
            lower,
            upper,
            conditional: lower.map(|load| by.conditional(load, self.at(load))),
            is_regular: by == goal && lower.zip(upper).is_some_and(near),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const NDR: Goal = Goal {
        loss: 0.0,
        exceed: 0.5,
        initial: 8_192,
        full: 65_536,
        sum: 3 * 65_536,
        width: 0.02,
    };
    const PDR: Goal = Goal { loss: 0.005, ..NDR };
    const RANGE: Range = Range {
        min: 1.0,
        max: 1000.0,
        first: 100.0,
    };

    fn class(goal: &Goal, trials: &[(u64, f64, u64)]) -> Class {
        let many = trials.iter().flat_map(|(length, loss, times)| {
            let trial = Trial {
                load: 1e6,
                length: *length,
                loss: *loss,
            };
            std::iter::repeat_n(trial, *times as usize)
        });
        goal.class(many)
    }

    /// RFC 9971, the example search: four goals after 59 short trials without loss, one with 1 %,
    /// and 59 more of those.
    #[test]
    fn loads_are_classified_as_in_the_example_of_rfc_9971() {
        let goal = |full, sum, loss, exceed| Goal {
            loss,
            exceed,
            initial: full,
            full,
            sum,
            width: 0.01,
        };
        let goals = [
            goal(60, 60, 0.0, 0.0),
            goal(60, 120, 0.0, 0.5),
            goal(1, 120, 0.005, 0.5),
            goal(60, 60, 0.005, 0.2),
        ];
        let all = |trials: &[(u64, f64, u64)]| goals.map(|goal| class(&goal, trials));
        let (upper, open) = (Class::Upper, Class::Undecided);
        assert_eq!(all(&[(1, 0.0, 59)]), [open; 4]);
        let second = [(1, 0.0, 59), (1, 0.01, 1)];
        assert_eq!(all(&second), [upper, open, open, open]);
        let third = [(1, 0.0, 59), (1, 0.01, 60)];
        assert_eq!(all(&third), [upper, open, open, upper]);
        // The last short one is good: the third goal has 60 of 120.
        let fourth = [(1, 0.0, 60), (1, 0.01, 60)];
        assert_eq!(all(&fourth)[2], Class::Lower);
        // A long one with 0.1 % and one with none: half of the second goal's 120.
        let last = [(1, 0.0, 60), (1, 0.01, 60), (60, 0.001, 1), (60, 0.0, 1)];
        assert_eq!(all(&last)[..2], [upper, Class::Lower]);
    }

    /// A device that loses what is beyond its capacity, with so many packets of buffer.
    fn device(capacity: f64, buffer: f64) -> impl Fn(f64, u64) -> f64 {
        move |load, length| {
            let packets = length as f64;
            let beyond = packets * (1.0 - capacity / load).max(0.0) - buffer;
            beyond.max(0.0) / packets
        }
    }

    #[test]
    fn a_known_capacity_is_between_the_bounds_wherever_the_search_begins() {
        for capacity in [3.0, 40.0, 99.0, 101.0, 390.0, 950.0] {
            let device = device(capacity, 0.0);
            let found = search(&[NDR, PDR], RANGE, |load, length| {
                Some(device(load, length))
            });
            for (goal, limit) in found.goals.iter().zip([capacity, capacity / 0.995]) {
                let (lower, upper) = (goal.lower.unwrap(), goal.upper.unwrap());
                assert!(lower <= limit && limit < upper, "{limit}: {goal:?}");
                assert!(goal.is_regular && upper - lower <= 0.02 * upper, "{goal:?}");
                let carried = goal.conditional.unwrap();
                assert!(carried <= lower && carried >= 0.995 * lower, "{goal:?}");
            }
            assert!(found.trials < 90, "{}", found.trials);
        }
    }

    /// Short trials end before the buffer is full; only those of full length count for a load.
    #[test]
    fn what_a_short_trial_hides_a_long_one_finds() {
        let device = device(100.0, 1024.0);
        let found = search(&[NDR], RANGE, |load, length| Some(device(load, length)));
        // A load of 100 / (1 - 1024 / 65,536) fills the buffer in the end.
        let limit = 100.0 / (1.0 - 1024.0 / 65_536.0);
        let found = found.goals[0];
        assert!(found.lower.unwrap() <= limit && limit < found.upper.unwrap());
    }

    /// Every thirtieth trial loses something, whatever the load: with an exceed ratio of a half the
    /// capacity is found all the same; with none, searches end at a load where that happened.
    #[test]
    fn noise_in_less_than_half_of_the_trials_moves_nothing() {
        let device = device(170.0, 0.0);
        let found = |exceed: f64, seed: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let goals = [NDR, PDR].map(|goal| Goal { exceed, ..goal });
            search(&goals, RANGE, |load, length| {
                let is_noisy = rng.random_range(0..30) == 0;
                let noise = if is_noisy { 0.02 } else { 0.0 };
                Some(device(load, length).max(noise))
            })
        };
        let is_off = |goal: &GoalResult| (goal.lower.unwrap_or(0.0) / 170.0 - 1.0).abs() > 0.03;
        let off = |exceed| {
            let outcomes = (0..20).map(|seed| found(exceed, seed));
            outcomes.filter(|of| of.goals.iter().any(is_off)).count()
        };
        assert_eq!(off(0.5), 0);
        assert!(off(0.0) >= 4, "{}", off(0.0));
    }

    /// Nothing lost up to 100, a third beyond: both goals have the same bounds, from the same trials.
    #[test]
    fn a_cliff_serves_both_goals_with_the_same_trials() {
        let cliff = |load: f64, _| Some(if load <= 100.5 { 0.0 } else { 0.3 });
        let alone = search(&[NDR], RANGE, cliff);
        let both = search(&[NDR, PDR], RANGE, cliff);
        assert_eq!(both.goals[0], both.goals[1]);
        assert_eq!(both.trials, alone.trials);
        let found = both.goals[1];
        assert!(found.lower.unwrap() <= 100.5 && 100.5 < found.upper.unwrap());
        assert_eq!(found.conditional, found.lower);
    }

    #[test]
    fn what_lies_outside_of_the_range_or_has_no_time_is_irregular() {
        let all = search(&[NDR], RANGE, |_, _| Some(0.0)).goals[0];
        assert_eq!(
            (all.lower, all.upper, all.is_regular),
            (Some(1000.0), None, false)
        );
        let none = search(&[NDR], RANGE, |_, _| Some(0.5)).goals[0];
        assert_eq!(
            (none.lower, none.upper, none.is_regular),
            (None, Some(1.0), false)
        );
        let mut left = 12;
        let device = device(37.0, 0.0);
        let ended = search(&[PDR, NDR], RANGE, |load, length| {
            left -= 1;
            (left >= 0).then(|| device(load, length))
        });
        assert_eq!(ended.trials, 12);
        assert!(ended.goals[0].upper.is_some(), "{ended:?}");
        assert!(ended.goals.iter().all(|goal| !goal.is_regular));
        // Always some loss, and no time for loads below 20: the other goal is found.
        let slow = search(&[PDR, NDR], RANGE, |load, length| {
            (load > 20.0).then(|| device(load, length).max(0.001))
        });
        assert!(
            slow.goals[0].is_regular && !slow.goals[1].is_regular,
            "{slow:?}"
        );
    }
}
