//! Whether the model says what the paced loop saw, in the same trials. Statistics, no assertion.

use serde::{Deserialize, Serialize};

use crate::model::queue::{Seen, percentile};

/// Most that the medians may differ, percent of the paced one.
pub const P50_PERCENT: f64 = 15.0;
/// Highest load at which that is claimed, percent of the limit.
pub const CLAIMED_LOAD_PERCENT: f64 = 80.0;
/// Readings of the clock that a packet must take at least for it to be claimed.
pub const CLOCK_COSTS: f64 = 10.0;

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As near as is claimed.
    Within,
    /// Not so.
    Beyond,
    /// Nothing is claimed here, or there are too few packets or trials.
    NotClaimed,
}

/// Modelled against paced latency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Paced trials.
    pub trials: u32,
    /// Median in virtual time, ns.
    pub modelled_p50_ns: Option<u64>,
    /// Median on the clock, ns.
    pub paced_p50_ns: Option<u64>,
    /// Lowest and highest median of a paced trial, ns.
    pub paced_p50_spread_ns: Option<[u64; 2]>,
    /// 99th percentile in virtual time, ns.
    pub modelled_p99_ns: Option<u64>,
    /// 99th percentile on the clock, ns.
    pub paced_p99_ns: Option<u64>,
    /// Lowest and highest 99th percentile of a paced trial, ns.
    pub paced_p99_spread_ns: Option<[u64; 2]>,
    /// Whether the medians differ by [`P50_PERCENT`] or less.
    pub p50: Verdict,
    /// Whether the modelled 99th percentile is one that a paced trial could have had: within their
    /// spread.
    pub p99: Verdict,
}

/// Compares what all trials saw together; `each` are the paced ones one by one. `claimed` is
/// whether load and service are such that the medians are claimed to agree.
pub fn compare(modelled: &Seen, paced: &Seen, each: &[&Seen], claimed: bool) -> Compared {
    let spread = |quantile: f64| {
        let of_trial = |seen: &&Seen| percentile(&seen.latency, quantile);
        let values: Vec<u64> = each.iter().filter_map(of_trial).collect();
        let ends = values.iter().min().zip(values.iter().max());
        ends.filter(|_| values.len() > 1)
            .map(|(low, high)| [*low, *high])
    };
    let both = |quantile: f64| {
        let of = |seen: &Seen| percentile(&seen.latency, quantile);
        (of(modelled), of(paced))
    };
    let ((modelled_p50_ns, paced_p50_ns), (modelled_p99_ns, paced_p99_ns)) =
        (both(0.5), both(0.99));
    let paced_p99_spread_ns = spread(0.99);
    let judge = |within: Option<bool>| match within {
        Some(true) => Verdict::Within,
        Some(false) => Verdict::Beyond,
        None => Verdict::NotClaimed,
    };
    let near = modelled_p50_ns.zip(paced_p50_ns).map(|(one, other)| {
        (one as f64 - other as f64).abs() * 100.0 <= P50_PERCENT * other as f64
    });
    let inside = modelled_p99_ns
        .zip(paced_p99_spread_ns)
        .map(|(ns, [low, high])| (low..=high).contains(&ns));
    Compared {
        trials: each.len() as u32,
        modelled_p50_ns,
        paced_p50_ns,
        paced_p50_spread_ns: spread(0.5),
        modelled_p99_ns,
        paced_p99_ns,
        paced_p99_spread_ns,
        p50: judge(near.filter(|_| claimed)),
        p99: judge(inside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(latency_ns: f64, tail_ns: f64) -> Seen {
        let mut seen = Seen::new();
        for at in 0..2000 {
            seen.packet(if at < 1900 { latency_ns } else { tail_ns }, 0.0);
        }
        seen
    }

    #[test]
    fn medians_may_differ_by_15_percent_and_tails_by_the_spread_of_trials() {
        let (one, other) = (seen(100.0, 300.0), seen(102.0, 400.0));
        let mut paced = one.clone();
        paced.add(&other);
        let trials = [&one, &other];
        let with = |modelled: &Seen, claimed| {
            let compared = compare(modelled, &paced, &trials, claimed);
            (compared.p50, compared.p99)
        };
        let (within, beyond) = (Verdict::Within, Verdict::Beyond);
        assert_eq!(with(&seen(114.0, 350.0), true), (within, within));
        assert_eq!(with(&seen(120.0, 420.0), true), (beyond, beyond));
        assert_eq!(with(&seen(80.0, 280.0), true), (beyond, beyond));
        assert_eq!(with(&seen(120.0, 350.0), false).0, Verdict::NotClaimed);
        // One trial has no spread, and ten packets no 99th percentile.
        let alone = compare(&one, &one, &trials[..1], true);
        assert_eq!(alone.p99, Verdict::NotClaimed);
    }
}
