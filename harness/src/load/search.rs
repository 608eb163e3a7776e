//! The largest loads that are carried, with constant gaps: bisection in virtual time and on the
//! clock. METHODOLOGY's rule on throughput says how this differs from RFC 2544 and `MLRsearch`.

use std::sync::atomic::{AtomicBool, Ordering};

use tunneltax_core::paced::Wrong;
use tunneltax_reports::load::{Rate, Throughput};
use tunneltax_reports::model::arrivals::{Kind, Schedule};
use tunneltax_reports::model::queue::{Queue, Stalls};
use tunneltax_reports::model::search::{Bounds, bisect};

use super::closed::Found;
use super::instance::{Bench, Instance};

/// Where the search begins, parts of the limit.
const FIRST: (f64, f64) = (0.5, 1.25);
/// Width of the bounds as a part of the lower one.
const WIDTH: f64 = 0.02;
/// Paced trials at a load; most of them must carry it.
const TRIALS: u32 = 3;
/// Part of the packets that may be dropped at the partial drop rate.
const PARTIAL: f64 = 0.005;

/// Searches with an instance; `None` where it was stopped.
pub fn throughput(
    bench: &Bench<'_>,
    instance: &mut Instance<'_, '_, '_>,
    found: &Found,
    mean_bytes: f64,
    stop: &AtomicBool,
) -> Result<Option<Throughput>, Wrong> {
    let limit_pps = 1e9 / found.burst_ns;
    let first = (FIRST.0 * limit_pps, FIRST.1 * limit_pps);
    let rate = |bounds: Bounds| Rate {
        lower_pps: bounds.lower,
        upper_pps: bounds.upper,
        lower_gbps: bounds.lower * mean_bytes * 8.0 / 1e9,
    };
    let modelled = |loss: f64, stalls: Option<&Stalls>| {
        let carries = |pps| loss_at(bench, found, stalls, pps) <= loss;
        rate(bisect(first, WIDTH, carries))
    };
    let mut wrong = None;
    let mut paced = |loss: f64, first: (f64, f64)| {
        let carries = |pps| {
            let mut carried = 0;
            for trial in 0..TRIALS {
                // Decided before the last trial: it would change nothing.
                if 2 * carried > TRIALS || 2 * (trial - carried) > TRIALS {
                    break;
                }
                if stop.load(Ordering::Relaxed) || wrong.is_some() {
                    return false;
                }
                let packets = bench.plan.search_packets;
                match instance.run(Kind::Constant, pps, trial.into(), packets) {
                    // The first packets behind a pause are in no distribution; here they count.
                    Ok((seen, _)) => {
                        carried += u32::from(seen.dropped as f64 <= loss * packets as f64);
                    }
                    Err(why) => wrong = Some(why),
                }
            }
            2 * carried > TRIALS
        };
        rate(bisect(first, WIDTH, carries))
    };
    let paced_ndr = paced(0.0, first);
    // What carries a load without drops carries it with some: the search goes on from there.
    let paced_pdr = paced(PARTIAL, from(&paced_ndr, first));
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    if stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    Ok(Some(Throughput {
        trial_packets: bench.plan.search_packets as u64,
        trials: TRIALS,
        width_percent: 100.0 * WIDTH,
        modelled_ndr: modelled(0.0, Some(&found.stalls)),
        modelled_pdr: modelled(PARTIAL, Some(&found.stalls)),
        modelled_quiet_ndr: modelled(0.0, None),
        paced_ndr,
        paced_pdr,
    }))
}

/// Where a search with more drops begins.
fn from(without_drops: &Rate, first: (f64, f64)) -> (f64, f64) {
    let low = without_drops.lower_pps;
    if low > 0.0 {
        (low, first.1.max(low))
    } else {
        first
    }
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
