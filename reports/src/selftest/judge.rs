//! Whether a selftest contradicts what the tool says of itself.

use super::{
    ALARMS_BY_DESIGN, ALARMS_MAX, COMPARISON_SECONDS_MAX, POWER_BY_DESIGN, POWER_MIN, Selftest,
    Subject, Told, told,
};
use crate::stats::{CONFIDENCE, Estimate, binomial, coverage, median, smallest_told};

/// Seed of the simulation: the same record is judged the same.
const SEED: u64 = 1;

/// What the selftest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing contradicts it.
    Holds,
    /// So few comparisons that no outcome could contradict anything.
    TooFew,
    /// A comparison took longer than it may.
    TooSlow,
    /// Slow-downs went unseen, and no more could be seen: instances differ too much here.
    Noisy,
    /// It tells what is not there, or does not tell what it should.
    Fails,
}

/// One promise at one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is counted.
    pub what: &'static str,
    /// Outcomes.
    pub count: u64,
    /// Of so many.
    pub of: u64,
    /// The count that would contradict the promise, in words; empty where too few were compared.
    pub fails_at: String,
    /// What it says.
    pub verdict: Verdict,
}

/// A subject, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// False alarms, intervals that hold 0, slow-downs told, comparisons in time.
    pub rows: Vec<Row>,
    /// Smallest slow-down that a comparison tells here at the rates of the design, percent: of the
    /// median comparison.
    pub smallest_percent: Option<f64>,
    /// Kinds of 95 % intervals, each with how many of them hold what is true, 0 to 1, in a simulation
    /// on the twins' instances.
    pub covered: Vec<(String, f64)>,
    /// The longest comparison, seconds.
    pub seconds_max: f64,
    /// The worst of the rows.
    pub verdict: Verdict,
}

/// Judges every subject, in order.
pub fn judge(selftest: &Selftest) -> Vec<Judged> {
    let step_ns = selftest.provenance.clock.step_ns;
    let subjects = selftest.subjects.iter();
    subjects
        .map(|subject| judge_one(subject, step_ns))
        .collect()
}

/// Smallest slow-down that such instances tell at the rates of the design, percent.
pub fn told_here(percent: &[f64]) -> Option<f64> {
    smallest_told(percent, ALARMS_BY_DESIGN, POWER_BY_DESIGN)
}

fn judge_one(subject: &Subject, step_ns: f64) -> Judged {
    let smallest_percent = smallest_percent(subject);
    let rows = vec![
        alarms(subject),
        intervals(subject),
        power(subject, smallest_percent),
        in_time(subject),
    ];
    let seconds = subject.comparisons.iter().map(|c| c.seconds);
    Judged {
        verdict: rows
            .iter()
            .map(|row| row.verdict)
            .max()
            .unwrap_or(Verdict::Fails),
        smallest_percent,
        covered: covered(subject, step_ns),
        seconds_max: seconds.fold(0.0, f64::max),
        rows,
    }
}

/// Runs a side of which Welch's interval is simulated as well: those of a night.
const FEW_RUNS: usize = 3;

/// Every kind of interval, on what the twins differ by. What a quantile over instances is read as is
/// simulated by the clock's step, on the same values in ns.
fn covered(subject: &Subject, step_ns: f64) -> Vec<(String, f64)> {
    let twins = subject.comparisons.iter().flat_map(|c| &c.twin_percent);
    let pool: Vec<f64> = twins.copied().collect();
    let instances = subject.instances as usize;
    let ns_of_percent = subject.long_run_ns.mean / subject.long_run_percent.mean;
    let pool_ns: Vec<f64> = pool.iter().map(|percent| percent * ns_of_percent).collect();
    let shifts = |count: usize| {
        let name = format!("two means, of {count} each (Welch's t)");
        Some((name, coverage::of_shifts(&pool, [count, count], SEED)?))
    };
    let mean = || {
        let name = format!("a mean of {instances} (Student's t)");
        Some((name, coverage::of_estimates(&pool, instances, SEED)?))
    };
    let quantile = || {
        let name = format!("a quantile over {instances}, and a step of the clock");
        let covered = coverage::of_quantiles(&pool_ns, instances, step_ns, SEED)?;
        Some((name, covered))
    };
    let all = [mean(), quantile(), shifts(instances), shifts(FEW_RUNS)];
    all.into_iter().flatten().collect()
}

fn smallest_percent(subject: &Subject) -> Option<f64> {
    let of = |c: &super::Comparison| told_here(&c.slowed_percent);
    let all: Vec<f64> = subject.comparisons.iter().filter_map(of).collect();
    median(&all)
}

fn count(subject: &Subject, is: impl Fn(&super::Comparison) -> bool) -> u64 {
    subject.comparisons.iter().filter(|c| is(c)).count() as u64
}

/// A twin is no different.
fn alarms(subject: &Subject) -> Row {
    let of = subject.comparisons.len() as u64;
    let count = count(subject, |c| told(&c.twin_percent) != Told::Nothing);
    let too_many = binomial::too_many(of, ALARMS_MAX);
    Row {
        what: "told of its twin",
        count,
        of,
        fails_at: too_many.map_or(String::new(), |n| format!("{n} or more")),
        verdict: verdict(too_many.map(|n| count >= n), Verdict::Fails),
    }
}

/// The interval of a twin's difference holds 0 as often as it says.
fn intervals(subject: &Subject) -> Row {
    let of = subject.comparisons.len() as u64;
    let holds = |c: &super::Comparison| {
        let ends = Estimate::from_instances(c.twin_percent.clone()).and_then(|e| e.low.zip(e.high));
        ends.is_some_and(|(low, high)| (low..=high).contains(&0.0))
    };
    let count = count(subject, holds);
    let too_few = binomial::too_few(of, CONFIDENCE);
    Row {
        what: "95 % intervals of its twin hold 0",
        count,
        of,
        fails_at: too_few.map_or(String::new(), |n| format!("{n} or fewer")),
        verdict: verdict(too_few.map(|n| count <= n), Verdict::Fails),
    }
}

/// A slow-down is told, and as one.
fn power(subject: &Subject, smallest_percent: Option<f64>) -> Row {
    let of = subject.comparisons.len() as u64;
    let count = count(subject, |c| told(&c.slowed_percent) == Told::Slower);
    let too_few = binomial::too_few(of, POWER_MIN);
    let noisy = smallest_percent.is_none_or(|least| least > subject.long_run_percent.mean);
    let worst = if noisy {
        Verdict::Noisy
    } else {
        Verdict::Fails
    };
    Row {
        what: "told of the slow-down",
        count,
        of,
        fails_at: too_few.map_or(String::new(), |n| format!("{n} or fewer")),
        verdict: verdict(too_few.map(|n| count <= n), worst),
    }
}

/// A comparison ends in time.
fn in_time(subject: &Subject) -> Row {
    let of = subject.comparisons.len() as u64;
    let count = count(subject, |c| c.seconds <= COMPARISON_SECONDS_MAX);
    Row {
        what: "compared within 10 s",
        count,
        of,
        fails_at: of
            .checked_sub(1)
            .map_or(String::new(), |n| format!("{n} or fewer")),
        verdict: if count == of {
            Verdict::Holds
        } else {
            Verdict::TooSlow
        },
    }
}

/// Of a count that contradicts, does not, or could not.
fn verdict(contradicted: Option<bool>, then: Verdict) -> Verdict {
    match contradicted {
        Some(true) => then,
        Some(false) => Verdict::Holds,
        None => Verdict::TooFew,
    }
}
