//! What a figure depends on, judged axis by axis.
//!
//! A level is held against the first of its axis, repetition by repetition, by Student's t test;
//! the second level is the first once more, and what it differs by sets the smallest difference
//! that can be told. All levels, sizes and figures of the axes that should not matter are judged
//! together (Holm), those of the burst on their own. Links are judged among themselves
//! ([`Blocks`]).

use super::Selftest;
use super::axis::{Axis, Figure, Level, Look};
use crate::compare::MARGIN_PERCENT;
use crate::stats::{Blocks, CONFIDENCE, Estimate, holm, p_of_zero, smallest_difference};

/// What two values of deviation 1 differ by at most in 95 % of all pairs.
const APART: f64 = 1.959_964 * std::f64::consts::SQRT_2;

/// What may be said of a difference, or of a whole axis: the worst of its differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// The whole 95 % interval is within 1 % of the figure either way, even where it can be told
    /// from nothing.
    Same,
    /// Neither.
    CannotTell,
    /// Told from nothing at 5 % over all differences together (Holm), and not less than the
    /// smallest difference.
    Matters,
}

/// A figure of a level, held against the first level.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What is varied.
    pub axis: Axis,
    /// IP total length of the packets.
    pub inner_bytes: u32,
    /// The level; of links, how many there are.
    pub level: String,
    /// The figure.
    pub figure: Figure,
    /// Of the first level, ns a packet; of links, of all.
    pub figure_ns: f64,
    /// This level minus the first, ns a packet. Of links, the deviation among them.
    pub mean_ns: f64,
    /// What the difference is at most, either way, with 95 % confidence, ns a packet. Of links,
    /// what two of them differ by at most in 95 % of all pairs, whatever their deviation may be
    /// at most.
    pub most_ns: Option<f64>,
    /// Smallest difference that can be told, ns a packet; 0 of links, as F has told.
    pub smallest_ns: Option<f64>,
    /// p-value of no difference, adjusted by Holm.
    pub p: Option<f64>,
    /// What may be said.
    pub says: Says,
}

/// An axis, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedAxis {
    /// The axis.
    pub axis: Axis,
    /// Its differences, look by look, level by level.
    pub differences: Vec<Difference>,
}

impl JudgedAxis {
    /// The worst of its differences; `None` where it was not looked at.
    pub fn says(&self) -> Option<Says> {
        self.differences.iter().map(|of| of.says).max()
    }
}

/// Judges all axes, in order.
pub fn judge(looks: &[Look]) -> Vec<JudgedAxis> {
    let (burst, others): (Vec<&Look>, Vec<&Look>) =
        looks.iter().partition(|look| look.axis.should_matter());
    let mut all = together(&burst);
    all.extend(together(&others));
    let of = |axis| JudgedAxis {
        axis,
        differences: all.iter().filter(|of| of.axis == axis).cloned().collect(),
    };
    Axis::ALL.into_iter().map(of).collect()
}

/// Judges as one family.
fn together(looks: &[&Look]) -> Vec<Difference> {
    let mut all: Vec<Difference> = looks.iter().flat_map(|look| differences(look)).collect();
    let p: Vec<f64> = all.iter().map(|of| of.p.unwrap_or(f64::NAN)).collect();
    for (of, p) in all.iter_mut().zip(holm(&p)) {
        of.p = Some(p).filter(|p| !p.is_nan());
        of.says = says(of);
    }
    all
}

fn says(of: &Difference) -> Says {
    let margin_ns = MARGIN_PERCENT / 100.0 * of.figure_ns.abs();
    let told = of.p.is_some_and(|p| p < 1.0 - CONFIDENCE);
    if of.most_ns.is_some_and(|most| most < margin_ns) {
        Says::Same
    } else if told
        && of
            .smallest_ns
            .is_some_and(|least| of.mean_ns.abs() >= least)
    {
        Says::Matters
    } else {
        Says::CannotTell
    }
}

fn differences(look: &Look) -> Vec<Difference> {
    if look.axis == Axis::Links {
        let of = |figure| of_links(look, figure);
        return Figure::ALL.into_iter().filter_map(of).collect();
    }
    let Some((first, [twin, levels @ ..])) = look.levels.split_first() else {
        return Vec::new();
    };
    let of_level = |level| Figure::ALL.map(|figure| of_level(look, first, twin, level, figure));
    levels.iter().flat_map(of_level).flatten().collect()
}

/// One level minus another, repetition by repetition.
pub fn minus(level: &Level, first: &Level, figure: Figure) -> Vec<f64> {
    let pairs = level.of(figure).iter().zip(first.of(figure));
    pairs.map(|(level, first)| level - first).collect()
}

/// What the first level once more differs by sets the smallest difference: by its spread, or by
/// its own mean where that is larger.
pub fn smallest_ns(twin: &Level, first: &Level, figure: Figure) -> Option<f64> {
    let null = minus(twin, first, figure);
    let offset = Estimate::from_instances(null.clone())?.mean.abs();
    smallest_difference(&null).map(|least| least.max(offset))
}

fn of_level(
    look: &Look,
    first: &Level,
    twin: &Level,
    level: &Level,
    figure: Figure,
) -> Option<Difference> {
    let by_repetition = minus(level, first, figure);
    let p = p_of_zero(&by_repetition);
    let difference = Estimate::from_instances(by_repetition)?;
    let ends = difference.low.zip(difference.high);
    Some(Difference {
        axis: look.axis,
        inner_bytes: look.inner_bytes,
        level: level.name.clone(),
        figure,
        figure_ns: first.estimate(figure)?.mean,
        mean_ns: difference.mean,
        most_ns: ends.map(|(low, high)| low.abs().max(high.abs())),
        smallest_ns: smallest_ns(twin, first, figure),
        p,
        says: Says::CannotTell,
    })
}

/// A figure of all links: by turns, of as many as all have.
pub fn blocks(look: &Look, figure: Figure) -> Option<Blocks> {
    let values: Vec<&[f64]> = look.levels.iter().map(|level| level.of(figure)).collect();
    Blocks::new(&values)
}

/// The floor under a comparison of builds, percent: what the ratio of tunnel to forward differs by
/// in 95 % of all pairs of builds that only their links make different, one process each; of the
/// size at which it is largest. `None` where links were not looked at, or not for two turns.
pub fn floor_percent(selftest: &Selftest) -> Option<f64> {
    let looks = selftest.looks.as_deref().unwrap_or_default();
    let of = |look: &Look| {
        let ratios = |level: &Level| -> Vec<f64> {
            let pairs = level.tunnel_ns.iter().zip(&level.forward_ns);
            pairs
                .map(|(tunnel, forward)| (tunnel / forward).ln())
                .collect()
        };
        let ratios: Vec<Vec<f64>> = look.levels.iter().map(ratios).collect();
        let ratios: Vec<&[f64]> = ratios.iter().map(Vec::as_slice).collect();
        Some(100.0 * Blocks::new(&ratios)?.apart()?.exp_m1())
    };
    let links = looks.iter().filter(|look| look.axis == Axis::Links);
    links.filter_map(of).reduce(f64::max)
}

fn of_links(look: &Look, figure: Figure) -> Option<Difference> {
    let blocks = blocks(look, figure)?;
    let all: Vec<f64> = look
        .levels
        .iter()
        .flat_map(|l| l.of(figure))
        .copied()
        .collect();
    Some(Difference {
        axis: look.axis,
        inner_bytes: look.inner_bytes,
        level: format!("{} links", look.levels.len()),
        figure,
        figure_ns: Estimate::from_instances(all)?.mean,
        mean_ns: blocks.among(),
        most_ns: blocks.among_most().map(|most| APART * most),
        smallest_ns: Some(0.0),
        p: blocks.p(),
        says: Says::CannotTell,
    })
}
