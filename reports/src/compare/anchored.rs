//! The rows of a group, each divided by the anchor of its own run.

use super::comparable::why_not;
use super::draws::Draws;
use super::group::{GroupKey, cases};
use super::judge::{Change, Draft, Measured};
use super::{ANCHOR_ROW, Rule, Run};
use crate::bill::{self, mean};
use crate::record::{Figures, Record};
use crate::stats::median;

/// Rows from which on their median is taken for an anchor.
const MEDIAN_ROWS_MIN: usize = 3;
/// Why rows are not comparable that lack the case that they were to be divided by.
pub(super) const LACKS_ANCHOR: &str =
    "its group has no such row of the case that `--anchor` names, on both sides";

/// Times of the rows of a group in one run, logarithms of ns; one value an instance.
struct Times {
    sum: Vec<Vec<f64>>,
    send: Vec<Vec<f64>>,
    receive: Vec<Vec<f64>>,
    /// What is subtracted.
    anchor: Vec<f64>,
}

/// What rows are divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Anchor {
    /// The median of the rows.
    Median,
    /// A row.
    Row(usize),
    /// The one row that is there: nothing.
    Nothing,
    /// What was asked for is not in this group.
    Missing,
}

/// All rows of a group: those that can be compared, those that cannot, and the anchor's own.
pub(super) fn rows(
    a: &[Run<'_>],
    b: &[Run<'_>],
    key: &GroupKey,
    rule: &Rule,
    draws: &Draws,
) -> Vec<Draft> {
    let all = cases(a, b, key);
    let whys: Vec<Option<String>> = all.iter().map(|case| why_not(a, b, key, case)).collect();
    let kept: Vec<&String> = all
        .iter()
        .zip(&whys)
        .filter(|(_, why)| why.is_none())
        .map(|(case, _)| case)
        .collect();
    let anchor = Anchor::choose(a, &kept, rule);
    let mut sides = [a, b].map(|runs| -> Vec<Times> {
        let times = runs.iter().map(|run| Times::of(run.record, key, &kept));
        times.collect()
    });
    anchor.lay(&mut sides, kept.len());
    let smallest = |case: &str| smallest_percent(a, b, key, case);
    let mut drafts = Vec::new();
    if anchor == Anchor::Median {
        let [a, b] = sides
            .each_ref()
            .map(|runs| values(runs, |times| Some(&times.anchor)));
        let gates = kept.iter().map(|case| smallest(case));
        let smallest_percent = gates.flatten().reduce(f64::max);
        let whole = Change::new([&a, &b], draws, false, smallest_percent);
        drafts.push(Draft {
            measured: Some(Measured::whole(whole, smallest_percent)),
            ..Draft::new(key, ANCHOR_ROW)
        });
    }
    for (case, why) in all.iter().zip(whys) {
        let mut draft = Draft::new(key, case);
        match kept.iter().position(|kept| *kept == case) {
            None => draft.why = why,
            Some(_) if anchor == Anchor::Missing => {
                draft.why = Some(LACKS_ANCHOR.to_owned());
            }
            Some(at) => {
                draft.anchored = !matches!(anchor, Anchor::Nothing) && anchor != Anchor::Row(at);
                draft.measured = Some(measured(&sides, at, draft.anchored, draws, smallest(case)));
            }
        }
        drafts.push(draft);
    }
    drafts
}

fn measured(
    sides: &[Vec<Times>; 2],
    at: usize,
    anchored: bool,
    draws: &Draws,
    smallest_percent: Option<f64>,
) -> Measured {
    let change = |pick: fn(&Times) -> &Vec<Vec<f64>>| -> Option<Change> {
        let over_anchor = |times: &Times| -> Option<Vec<f64>> {
            let row = pick(times).get(at).filter(|row| !row.is_empty())?;
            let pairs = row.iter().zip(&times.anchor);
            Some(
                pairs
                    .map(|(row, by)| if anchored { row - by } else { *row })
                    .collect(),
            )
        };
        let [a, b] = sides.each_ref().map(|runs| {
            let runs = runs.iter().map(over_anchor);
            runs.collect::<Option<Vec<Vec<f64>>>>()
        });
        let (a, b) = (a?, b?);
        Some(Change::new([&a, &b], draws, anchored, smallest_percent))
    };
    Measured {
        sum: change(|times| &times.sum).unwrap_or_default(),
        send: change(|times| &times.send),
        receive: change(|times| &times.receive),
        smallest_percent,
    }
}

impl Anchor {
    fn choose(a: &[Run<'_>], kept: &[&String], rule: &Rule) -> Self {
        if let Some(case) = &rule.anchor {
            let at = kept.iter().position(|kept| *kept == case);
            return at.map_or(Self::Missing, Self::Row);
        }
        match kept.len() {
            0 | 1 => Self::Nothing,
            n if n < MEDIAN_ROWS_MIN => Self::Row(ground(a, kept)),
            _ => Self::Median,
        }
    }

    /// Lays the anchor of every instance beside its times.
    fn lay(self, sides: &mut [Vec<Times>; 2], rows: usize) {
        let middle: Vec<f64> = (0..rows).map(|row| middle(sides, row)).collect();
        for times in sides.iter_mut().flatten() {
            let instances = times.sum.iter().map(Vec::len).min().unwrap_or(0);
            let of = |at: usize| match self {
                Self::Row(row) => times.sum[row][at],
                Self::Median => {
                    let rows = times.sum.iter().zip(&middle);
                    let off: Vec<f64> = rows.map(|(row, middle)| row[at] - middle).collect();
                    median(&off).unwrap_or(0.0)
                }
                Self::Nothing | Self::Missing => 0.0,
            };
            times.anchor = (0..instances).map(of).collect();
        }
    }
}

/// The first of two cases that is no step of another; else the first.
fn ground(a: &[Run<'_>], kept: &[&String]) -> usize {
    let listed = a.first().map_or(&[][..], |run| &run.record.cases);
    let is_ground = |id: &&String| {
        listed
            .iter()
            .any(|case| case.id == **id && case.step_of.is_none())
    };
    kept.iter().position(is_ground).unwrap_or(0)
}

/// Mean of a row over both sides, each counting as much: of its runs, of their instances.
fn middle(sides: &[Vec<Times>; 2], row: usize) -> f64 {
    let of_side = |runs: &Vec<Times>| average(runs.iter().map(|times| average_of(&times.sum[row])));
    average(sides.iter().map(of_side))
}

fn average_of(values: &[f64]) -> f64 {
    average(values.iter().copied())
}

fn average(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

impl Times {
    fn of(record: &Record, key: &GroupKey, kept: &[&String]) -> Self {
        let figures: Vec<&Figures> = kept
            .iter()
            .filter_map(|case| key.row(record, case)?.figures.as_ref())
            .collect();
        let logarithms = |ns: &[f64]| -> Vec<f64> {
            let all = ns.iter().all(|ns| *ns > 0.0 && ns.is_finite());
            ns.iter().filter(|_| all).map(|ns| ns.ln()).collect()
        };
        let of = |pick: fn(&Figures) -> &[f64]| -> Vec<Vec<f64>> {
            figures.iter().map(|of| logarithms(pick(of))).collect()
        };
        Self {
            sum: of(|figures| &figures.sum_ns.instances),
            send: of(|figures| &figures.send_ns.instances),
            receive: of(|figures| &figures.receive_ns.instances),
            anchor: Vec::new(),
        }
    }
}

fn values(runs: &[Times], pick: impl Fn(&Times) -> Option<&Vec<f64>>) -> Vec<Vec<f64>> {
    runs.iter().filter_map(pick).cloned().collect()
}

/// What A/A lets be told of a row: the median over a side's runs, the larger of the two sides.
/// None where a run has no A/A comparison.
fn smallest_percent(a: &[Run<'_>], b: &[Run<'_>], key: &GroupKey, case: &str) -> Option<f64> {
    let of_run = |run: &Run<'_>| {
        let figures = key.row(run.record, case)?.figures.as_ref()?;
        let sum_ns = mean(&figures.sum_ns).filter(|ns| *ns > 0.0)?;
        let clock = &run.record.provenance.clock;
        let ns = bill::smallest_ns(clock, key.group(run.record)?, case, sum_ns)?;
        Some(100.0 * ns / sum_ns)
    };
    let of_side = |runs: &[Run<'_>]| median(&runs.iter().map(of_run).collect::<Option<Vec<_>>>()?);
    Some(of_side(a)?.max(of_side(b)?))
}
