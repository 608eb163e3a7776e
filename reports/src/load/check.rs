//! Whether the model says what the paced loop saw, in the same trials. Statistics, no assertion.

use serde::{Deserialize, Serialize};

use super::Pooled;
use crate::model::seen::{Seen, percentile};
use crate::record::Quantile;

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
    /// Those of both, in virtual time, that every instance bears. Records of before have none.
    #[serde(default)]
    pub modelled: Vec<Quantile>,
    /// The same on the clock.
    #[serde(default)]
    pub paced: Vec<Quantile>,
    /// Whether the medians differ by [`P50_PERCENT`] or less.
    pub p50: Verdict,
    /// Whether the modelled 99th percentile is one that a paced trial could have had: within their
    /// spread.
    pub p99: Verdict,
}

/// The quantiles that are compared.
const COMPARED: [f64; 2] = [0.5, 0.99];

/// Compares what all trials saw together; `trials` are the quantiles of the paced ones, one by one,
/// ns: [`trial`]. `claimed` is whether load and service are such that the medians are claimed to
/// agree.
pub fn compare(
    modelled: &Pooled,
    paced: &Pooled,
    trials: &[[Option<u64>; 2]],
    claimed: bool,
) -> Compared {
    let spread = |at: usize| {
        let values: Vec<u64> = trials.iter().filter_map(|trial| trial[at]).collect();
        let ends = values.iter().min().zip(values.iter().max());
        ends.filter(|_| values.len() > 1)
            .map(|(low, high)| [*low, *high])
    };
    let [modelled_p50_ns, modelled_p99_ns] = trial(&modelled.all);
    let [paced_p50_ns, paced_p99_ns] = trial(&paced.all);
    let paced_p99_spread_ns = spread(1);
    let quantiles = |of: &Pooled| {
        let is_compared = |of: &Quantile| COMPARED.contains(&of.quantile);
        of.quantiles().into_iter().filter(is_compared).collect()
    };
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
        trials: trials.len() as u32,
        modelled_p50_ns,
        paced_p50_ns,
        paced_p50_spread_ns: spread(0),
        modelled_p99_ns,
        paced_p99_ns,
        paced_p99_spread_ns,
        modelled: quantiles(modelled),
        paced: quantiles(paced),
        p50: judge(near.filter(|_| claimed)),
        p99: judge(inside),
    }
}

/// The quantiles of a trial that are compared, p50 and p99, ns, where its packets bear them.
pub fn trial(seen: &Seen) -> [Option<u64>; 2] {
    COMPARED.map(|quantile| percentile(&seen.latency, quantile))
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

    fn pooled(each: &[&Seen]) -> Pooled {
        let mut pooled = Pooled::default();
        for seen in each {
            pooled.add(seen);
        }
        pooled
    }

    #[test]
    fn medians_may_differ_by_15_percent_and_tails_by_the_spread_of_trials() {
        let (one, other) = (seen(100.0, 300.0), seen(102.0, 400.0));
        let paced = pooled(&[&one, &other]);
        let trials = [trial(&one), trial(&other)];
        let with = |modelled: &Seen, claimed| {
            let compared = compare(&pooled(&[modelled]), &paced, &trials, claimed);
            (compared.p50, compared.p99)
        };
        let (within, beyond) = (Verdict::Within, Verdict::Beyond);
        assert_eq!(with(&seen(114.0, 350.0), true), (within, within));
        assert_eq!(with(&seen(120.0, 420.0), true), (beyond, beyond));
        assert_eq!(with(&seen(80.0, 280.0), true), (beyond, beyond));
        assert_eq!(with(&seen(120.0, 350.0), false).0, Verdict::NotClaimed);
        // One trial has no spread, and ten packets no 99th percentile.
        let one = pooled(&[&one]);
        let alone = compare(&one, &one, &trials[..1], true);
        assert_eq!(alone.p99, Verdict::NotClaimed);
        let both = compare(&one, &paced, &trials, true);
        assert_eq!(both.paced[0].ns.instances, [100.0, 102.0]);
        assert_eq!(both.paced.len(), 2);
    }
}
