//! The largest loads that are carried, with constant gaps: bisection in virtual time, `MLRsearch`
//! on the clock. METHODOLOGY's rule on throughput says how this differs from RFC 2544 and RFC 9971.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tunneltax_core::paced::Wrong;
use tunneltax_reports::load::{Bounds, Rate, Throughput};
use tunneltax_reports::model::arrivals::{Kind, Schedule};
use tunneltax_reports::model::loss_search::{self, Goal, GoalResult, Range};
use tunneltax_reports::model::queue::{Queue, Stalls};
use tunneltax_reports::model::search::{self, bisect};

use super::closed::Found;
use super::instance::{Bench, Instance};

/// Where the bisection begins, parts of the limit.
const FIRST: (f64, f64) = (0.5, 1.25);
/// Width of the bounds as a part of the upper one.
const WIDTH: f64 = 0.02;
/// Trials in virtual time at a load, of which the median counts; on the clock so many full ones.
const TRIALS: u32 = 3;
/// Part of the trials on the clock that may drop more.
const EXCEED: f64 = 0.5;
/// Part of the packets that may be dropped at the partial drop rate.
const PARTIAL: f64 = 0.005;
/// Least and largest load on the clock, and the first, parts of the limit.
const RANGE: (f64, f64, f64) = (1.0 / 64.0, 4.0, 0.9);
/// Packets of a first trial on the clock, as a part of those of a full one.
const INITIAL: u64 = 8;

/// What one instance carries.
pub struct Searched {
    modelled_ndr: Bounds,
    modelled_pdr: Bounds,
    modelled_quiet_ndr: Bounds,
    paced_ndr: Bounds,
    paced_pdr: Bounds,
    paced_trials: u64,
}

/// Searches with an instance, on the clock for so long at most; `None` where it was stopped.
pub fn searched(
    bench: &Bench<'_>,
    instance: &mut Instance<'_, '_, '_>,
    found: &Found,
    time: Duration,
    stop: &AtomicBool,
) -> Result<Option<Searched>, Wrong> {
    let limit_pps = 1e9 / found.burst_ns;
    let stopped = || stop.load(Ordering::Relaxed);
    // The easier one first: the other begins from its bounds.
    let goals = [PARTIAL, 0.0].map(|loss| goal(bench, loss));
    let (min, max, first) = RANGE;
    let range = Range {
        min: min * limit_pps,
        max: max * limit_pps,
        first: first * limit_pps,
    };
    let end = Instant::now() + time;
    let (mut wrong, mut seed) = (None, 0);
    let outcome = loss_search::search(&goals, range, |pps, packets| {
        let takes = Duration::from_secs_f64(packets as f64 / pps);
        if stopped() || Instant::now() + takes > end {
            return None;
        }
        seed += 1;
        match instance.run(Kind::Constant, pps, seed, packets as usize) {
            // The first packets behind a pause are in no distribution; here they count.
            Ok(ran) => Some(ran.seen.dropped as f64 / packets as f64),
            Err(why) => {
                wrong = Some(why);
                None
            }
        }
    });
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let first = (FIRST.0 * limit_pps, FIRST.1 * limit_pps);
    let modelled = |loss: f64, stalls: Option<&Stalls>| {
        let carries = |pps| loss_at(bench, found, stalls, pps) <= loss;
        of_bisection(bisect(first, WIDTH, carries))
    };
    let on_clock = |goal: usize| of_goal(outcome.goals.get(goal).copied().unwrap_or_default());
    let searched = Searched {
        modelled_ndr: modelled(0.0, Some(&found.stalls)),
        modelled_pdr: modelled(PARTIAL, Some(&found.stalls)),
        modelled_quiet_ndr: modelled(0.0, None),
        paced_ndr: on_clock(1),
        paced_pdr: on_clock(0),
        paced_trials: outcome.trials,
    };
    Ok((!stopped()).then_some(searched))
}

/// Of trials that may drop so much.
fn goal(bench: &Bench<'_>, loss: f64) -> Goal {
    let full = bench.plan.search_packets as u64;
    Goal {
        loss,
        exceed: EXCEED,
        initial: full / INITIAL,
        full,
        sum: u64::from(TRIALS) * full,
        width: WIDTH,
    }
}

fn of_bisection(bounds: search::Bounds) -> Bounds {
    Bounds {
        lower_pps: bounds.lower,
        upper_pps: bounds.upper,
        conditional_pps: None,
        regular: bounds.lower > 0.0 && bounds.upper.is_some(),
    }
}

fn of_goal(result: GoalResult) -> Bounds {
    Bounds {
        lower_pps: result.lower.unwrap_or(0.0),
        upper_pps: result.upper,
        conditional_pps: result.conditional,
        regular: result.is_regular,
    }
}

/// Over the instances; `None` without any.
pub fn throughput(bench: &Bench<'_>, of: &[Searched], mean_bytes: f64) -> Option<Throughput> {
    let rate =
        |bounds: fn(&Searched) -> Bounds| Rate::over(of.iter().map(bounds).collect(), mean_bytes);
    let goal = goal(bench, 0.0);
    Some(Throughput {
        trial_packets: goal.full,
        trials: TRIALS,
        width_percent: 100.0 * WIDTH,
        initial_packets: goal.initial,
        exceed_percent: 100.0 * EXCEED,
        paced_trials: of.iter().map(|of| of.paced_trials).sum(),
        modelled_ndr: rate(|of| of.modelled_ndr)?,
        modelled_pdr: rate(|of| of.modelled_pdr)?,
        modelled_quiet_ndr: rate(|of| of.modelled_quiet_ndr)?,
        paced_ndr: rate(|of| of.paced_ndr)?,
        paced_pdr: rate(|of| of.paced_pdr)?,
    })
}

/// Median loss of as many trials in virtual time as on the clock, of as many packets.
fn loss_at(bench: &Bench<'_>, found: &Found, stalls: Option<&Stalls>, pps: f64) -> f64 {
    let trial = |seed: u32| {
        let mut queue = Queue::new(bench.rules, &found.service, stalls, seed.into());
        let mut schedule = Schedule::new(Kind::Constant, None, pps, 0);
        for _ in 0..bench.plan.search_packets {
            queue.offer(schedule.next_ns());
        }
        queue.finish().loss()
    };
    let mut losses: Vec<f64> = (0..TRIALS).map(trial).collect();
    losses.sort_by(f64::total_cmp);
    losses.get(losses.len() / 2).copied().unwrap_or(1.0)
}
