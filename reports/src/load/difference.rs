//! What a packet sees through one case and through another at the same offered load: paired by
//! instance, and judged by a twin of the ground case.

use serde::{Deserialize, Serialize};

use super::{AtLoad, LoadRecord, Sight, tables::measured};
use crate::bill::Difference;
use crate::stats::{Estimate, smallest_difference};

/// The ground case once more, in the same instances, at the load that all cases have alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Twin {
    /// The ground case.
    pub case: String,
    /// In virtual time.
    pub modelled: Sight,
    /// On the clock.
    pub paced: Sight,
}

/// A figure of latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Median.
    P50,
    /// 99th percentile.
    P99,
    /// Mean.
    Mean,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::P50, Self::P99, Self::Mean];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Mean => "mean",
        }
    }

    /// Over the instances, where every one has it.
    fn of(self, sight: &Sight) -> Option<&Estimate> {
        let quantile = |at: f64| {
            let mut of = sight.quantiles.iter();
            of.find(|of| (of.quantile - at).abs() < f64::EPSILON)
                .map(|of| &of.ns)
        };
        match self {
            Self::P50 => quantile(0.5),
            Self::P99 => quantile(0.99),
            Self::Mean => sight.latency_ns.as_ref(),
        }
    }
}

/// How a comparison at the same load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Packets take longer.
    Slower,
    /// Packets take less.
    Faster,
    /// The interval holds 0, or the difference is smaller than what can be told, or the packets do
    /// not bear the figure.
    CannotTell,
    /// One of the two does not carry the load: its latency is that of a full ring.
    Overloaded,
}

/// A case beside the ground.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The case.
    pub case: String,
    /// In virtual time.
    pub modelled: bool,
    /// Which figure.
    pub figure: Figure,
    /// Of the ground, ns.
    pub ground: Option<Estimate>,
    /// Of the case, ns.
    pub own: Option<Estimate>,
    /// The case's minus the ground's, instance by instance, ns; an interval of percentiles is wider
    /// by a step of the clock.
    pub above: Option<Estimate>,
    /// Smallest difference that can be told, ns.
    pub tells_ns: Option<f64>,
    /// What may be said.
    pub verdict: Verdict,
}

/// The load that all cases have alike, of each case that has it, and the case's limit.
fn common(record: &LoadRecord) -> impl Iterator<Item = (&str, &AtLoad, f64)> {
    measured(record).filter_map(|(case, figures)| {
        let load = figures.loads.iter().find(|load| load.is_common())?;
        Some((case.case.as_str(), load, figures.service.limit_pps.mean))
    })
}

/// Every other case beside the one that has a twin; nothing where none has.
pub fn differences(record: &LoadRecord) -> Vec<Row> {
    let Some(twin) = &record.twin else {
        return Vec::new();
    };
    let Some((_, ground, limit_pps)) = common(record).find(|(case, ..)| *case == twin.case) else {
        return Vec::new();
    };
    let step_ns = record.provenance.clock.step_ns;
    let mut rows = Vec::new();
    for (case, load, own_limit_pps) in common(record).filter(|(case, ..)| *case != twin.case) {
        let overloaded = load.offered_pps > limit_pps.min(own_limit_pps);
        let sights = [
            (&ground.modelled, &load.modelled, &twin.modelled),
            (&ground.paced, &load.paced, &twin.paced),
        ];
        for (ground, own, twin) in sights {
            for figure in Figure::ALL {
                let mut row = row(figure, [ground, own, twin].map(|of| figure.of(of)), step_ns);
                case.clone_into(&mut row.case);
                row.modelled = own.modelled;
                if overloaded {
                    row.verdict = Verdict::Overloaded;
                }
                rows.push(row);
            }
        }
    }
    rows
}

/// Judges a figure of ground, case and twin.
fn row(figure: Figure, of: [Option<&Estimate>; 3], step_ns: f64) -> Row {
    let [ground, own, twin] = of;
    let above = ground.zip(own).and_then(|(ground, own)| {
        let pairs = own.instances.iter().zip(&ground.instances);
        let above = Estimate::from_instances(pairs.map(|(own, ground)| own - ground).collect())?;
        Some(match figure {
            Figure::P50 | Figure::P99 => wider(above, step_ns),
            Figure::Mean => above,
        })
    });
    let percent = ground
        .zip(twin)
        .and_then(|(ground, twin)| tells_percent(ground, twin));
    // A part of the slower of the two, and no percentile finer than the clock.
    let slower_ns = ground.zip(own).map(|(a, b)| a.mean.abs().max(b.mean.abs()));
    let least_ns = if figure == Figure::Mean { 0.0 } else { step_ns };
    let tells_ns = percent
        .zip(slower_ns)
        .map(|(percent, ns)| (percent / 100.0 * ns).max(least_ns));
    let judged = above
        .as_ref()
        .map(|above| Difference::judge(above, tells_ns));
    let verdict = match judged {
        Some(Difference::Told { mean, .. }) if mean > 0.0 => Verdict::Slower,
        Some(Difference::Told { .. }) => Verdict::Faster,
        _ => Verdict::CannotTell,
    };
    Row {
        case: String::new(),
        modelled: false,
        figure,
        ground: ground.cloned(),
        own: own.cloned(),
        above,
        tells_ns,
        verdict,
    }
}

fn wider(of: Estimate, by: f64) -> Estimate {
    Estimate {
        low: of.low.map(|low| low - by),
        high: of.high.map(|high| high + by),
        ..of
    }
}

/// What the twin lets tell, percent of the figure: the spread of its differences at 95 % power, or
/// its own offset where that is larger.
fn tells_percent(ground: &Estimate, twin: &Estimate) -> Option<f64> {
    let pairs = twin.instances.iter().zip(&ground.instances);
    let off: Vec<f64> = pairs
        .map(|(twin, ground)| 100.0 * (twin / ground - 1.0))
        .collect();
    let spread = smallest_difference(&off)?;
    let offset = off.iter().sum::<f64>() / off.len() as f64;
    Some(spread.max(offset.abs())).filter(|percent| percent.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ns: &[f64]) -> Estimate {
        Estimate::from_instances(ns.to_vec()).unwrap()
    }

    fn judged(figure: Figure, ground: &[f64], own: &[f64], twin: &[f64]) -> Row {
        let (ground, own, twin) = (of(ground), of(own), of(twin));
        row(figure, [Some(&ground), Some(&own), Some(&twin)], 9.0)
    }

    /// Instances that differ by far more than the cases do: pairs tell what two means could not.
    #[test]
    fn a_difference_is_paired_by_instance() {
        let ground = [100.0, 200.0, 300.0, 400.0, 500.0];
        let own = ground.map(|ns| ns + 80.0);
        let found = judged(Figure::Mean, &ground, &own, &ground.map(|ns| ns * 1.01));
        assert_eq!(found.verdict, Verdict::Slower);
        assert!((found.above.unwrap().mean - 80.0).abs() < 1e-9);
        // A twin that is 1 % off: of 380 ns.
        assert!((found.tells_ns.unwrap() - 3.8).abs() < 1e-9);
        let faster = judged(Figure::Mean, &own, &ground, &own);
        assert_eq!(faster.verdict, Verdict::Faster);
    }

    #[test]
    fn below_what_a_twin_differs_by_nothing_is_told() {
        let ground = [100.0; 5];
        let twin = [104.0, 96.0, 104.0, 96.0, 100.0];
        // t (2.776 + 2.132) × 4 % / √5 is 8.8 %, of 106 ns and of 120 ns.
        let small = judged(Figure::Mean, &ground, &[106.0; 5], &twin);
        assert!((small.tells_ns.unwrap() - 9.31).abs() < 0.01);
        assert_eq!(small.verdict, Verdict::CannotTell);
        let large = judged(Figure::Mean, &ground, &[120.0; 5], &twin);
        assert_eq!(large.verdict, Verdict::Slower);
        // A percentile is no finer than the clock: 9 ns a step.
        let exact = |figure| judged(figure, &ground, &[108.0; 5], &ground).verdict;
        assert_eq!(exact(Figure::P50), Verdict::CannotTell);
        assert_eq!(exact(Figure::Mean), Verdict::Slower);
    }

    #[test]
    fn without_a_twin_or_with_one_instance_nothing_is_told() {
        let (ground, own) = (of(&[100.0; 5]), of(&[200.0; 5]));
        let bare = row(Figure::P50, [Some(&ground), Some(&own), None], 9.0);
        assert_eq!((bare.tells_ns, bare.verdict), (None, Verdict::CannotTell));
        let one = judged(Figure::Mean, &[100.0], &[200.0], &[100.0]);
        assert_eq!(one.verdict, Verdict::CannotTell);
        let none = row(Figure::P99, [Some(&ground), None, Some(&ground)], 9.0);
        assert_eq!((none.above, none.verdict), (None, Verdict::CannotTell));
    }
}
