//! What has to be said about a run before its figures are believed.

use std::collections::BTreeMap;

use super::beside;
use super::latency::Latency;
use super::words::list;
use super::{Bill, NAME_CHARS, Room, bound, clean, count, estimate, three};
use crate::record::{Figures, LEFT_BY_PLAN};
use crate::stats::median;

/// What has to be said about this run.
pub fn remarks(bill: &Bill<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    if bill.record.state != "complete" {
        remarks.push(format!(
            "The run is not complete: {}.",
            clean(&bill.record.state, NAME_CHARS)
        ));
    }
    for capture in bill
        .record
        .captures
        .iter()
        .filter(|capture| capture.truncated)
    {
        remarks.push(format!(
            "{} ends within a frame: its whole frames were used.",
            clean(&capture.name, NAME_CHARS)
        ));
    }
    remarks.extend(bill.record.carries_addresses.then(|| {
        "This record carries addresses and ports of its captures: run without --show-addresses before it is shown to others."
            .to_owned()
    }));
    remarks.extend(failures(bill));
    remarks.extend(sampled(bill));
    remarks.extend(droppers(bill));
    remarks.extend(baseless(bill));
    if !bill.record.provenance.clock.invariant {
        remarks.push(
            "The clock is not invariant: figures in ns hold only as far as the core's speed did."
                .to_owned(),
        );
    }
    remarks.extend(beside::spoilt(bill));
    remarks.extend(beside::stalled(bill));
    remarks.extend(disturbed(bill));
    remarks.extend(clock_shares(bill));
    remarks.extend(adds_up(bill));
    remarks.extend(stamps(bill));
    remarks
}

fn failures(bill: &Bill<'_>) -> Vec<String> {
    let mut places: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for group in &bill.groups {
        for line in &group.lines {
            if let Err(message) = &line.outcome {
                places
                    .entry((&line.case.id, message))
                    .or_default()
                    .push(format!("{} {}", group.name, group.temperature()));
            }
        }
    }
    let place = |places: &[String]| match places {
        [one] => one.clone(),
        many => format!("{} groups", many.len()),
    };
    places
        .iter()
        .map(|((case, message), places)| {
            format!(
                "{case} failed in {}: {}.",
                place(places),
                message.trim_end_matches('.')
            )
        })
        .collect()
}

/// Which captures were too long for the run's time.
fn sampled(bill: &Bill<'_>) -> Option<String> {
    let captures = &bill.record.captures;
    let left = captures.iter().filter_map(|capture| {
        let left = capture.left_out.get(LEFT_BY_PLAN)?;
        let name = clean(&capture.name, NAME_CHARS);
        let all = capture.frames_replayed + left;
        Some(format!(
            "{name} ({} of {})",
            count(capture.frames_replayed),
            count(all)
        ))
    });
    let left: Vec<String> = left.collect();
    (!left.is_empty()).then(|| {
        format!(
            "There was no time for every packet of {}: blocks that lie evenly over each capture were replayed; \
             --full takes all.",
            list(&left)
        )
    })
}

/// Packets that are timed for none since some cases drop them and others would not.
fn droppers(bill: &Bill<'_>) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    for group in &bill.groups {
        let dropped = || {
            group.lines.iter().filter_map(|line| {
                let work = &line.measured()?.figures.work;
                Some((line, work.packets, work.drops.values().sum::<u64>()))
            })
        };
        let fewest = dropped().map(|(_, _, drops)| drops).min().unwrap_or(0);
        let more: Vec<String> = dropped()
            .filter(|(_, _, drops)| *drops > fewest)
            .map(|(line, ..)| line.case.without_library().to_owned())
            .collect();
        let Some((_, all, _)) = dropped().next().filter(|_| !more.is_empty()) else {
            continue;
        };
        let mut names: Vec<String> = Vec::new();
        for name in more {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let remark = format!(
            "Of {} only {} of {} packets are timed, those that every case carries: {} drops more than others do. \
             Leave it out to time the rest.",
            group.title(),
            count(group.group.packets),
            count(all),
            list(&names)
        );
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    remarks
}

/// Cases whose steps stand on one that was not measured.
fn baseless(bill: &Bill<'_>) -> Option<String> {
    let cases = &bill.record.cases;
    let mut missing: Vec<String> = Vec::new();
    for below in cases.iter().filter_map(|case| case.step_of.as_ref()) {
        let measured = cases.iter().any(|case| case.id == *below);
        let below = format!("--case {}", clean(below, NAME_CHARS));
        if !measured && !missing.contains(&below) {
            missing.push(below);
        }
    }
    (!missing.is_empty()).then(|| {
        format!(
            "What a step costs can't be told without the case that it stands on: add {}.",
            list(&missing)
        )
    })
}

/// Where the clock itself takes more of a reading than it may.
fn clock_shares(bill: &Bill<'_>) -> Option<String> {
    let (share, place) = largest(bill, |figures| figures.clock_share_percent)?;
    Some(format!(
        "The clock's own share of a reading reaches {} % ({place}); it has been subtracted.",
        three(share)
    ))
}

/// Where something else ran so often that what is left may be a selection.
fn disturbed(bill: &Bill<'_>) -> Option<String> {
    let (share, place) = largest(bill, |figures| figures.disturbed_percent)?;
    Some(format!(
        "The two visits of a reading differ by more than half in up to {} % of the readings ({place}): something else ran, or \
         tables had left the caches. The faster one counts, for every case.",
        three(share)
    ))
}

/// The largest of some share of all rows that reaches 1 %, and where; the worse of both ways.
fn largest(bill: &Bill<'_>, share: impl Fn(&Figures) -> [f64; 2]) -> Option<(f64, String)> {
    let mut large: Vec<(f64, String)> = Vec::new();
    for group in &bill.groups {
        for line in &group.lines {
            let share = line
                .measured()
                .map_or(0.0, |m| share(m.figures).into_iter().fold(0.0, f64::max));
            if share >= 1.0 && share.is_finite() {
                let place = format!("{} at {} {}", line.case.id, group.name, group.temperature());
                large.push((share, place));
            }
        }
    }
    large.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (share, place) = large.first()?;
    let others = match large.len() - 1 {
        0 => String::new(),
        1 => " and 1 more row".to_owned(),
        n => format!(" and {n} more rows"),
    };
    Some((*share, format!("{place}{others}")))
}

/// Largest gap between a case's time and its parts added: the ground with all steps, and send
/// with receive. Each is a mean of medians of its own.
fn adds_up(bill: &Bill<'_>) -> Option<String> {
    let mut worst: Option<f64> = None;
    let mut halves: f64 = 0.0;
    for group in &bill.groups {
        for figures in group
            .lines
            .iter()
            .filter_map(|l| Some(l.measured()?.figures))
        {
            let sum = figures.sum_ns.mean;
            let gap = (figures.send_ns.mean + figures.receive_ns.mean - sum).abs() / sum;
            if gap.is_finite() {
                halves = halves.max(gap * 100.0);
            }
        }
        for line in group.lines.iter().filter(|line| line.depth() > 0) {
            let Some(steps) = group.steps_ns(line) else {
                continue;
            };
            let sum = line.measured().map_or(f64::NAN, |m| m.figures.sum_ns.mean);
            let percent = (steps.iter().sum::<f64>() - sum).abs() / sum * 100.0;
            if percent.is_finite() {
                worst = Some(worst.map_or(percent, |worst| worst.max(percent)));
            }
        }
    }
    worst.map(|percent| {
        format!(
            "The ground and its steps add up to every measured total within {} %, send and receive within {} %.",
            bound(percent, Room::Ample),
            bound(halves, Room::Ample)
        )
    })
}

/// What stamping costs, and how stamps and burst totals agree: the middle one of all rows, since
/// a single stall can be most of a small one.
fn stamps(bill: &Bill<'_>) -> Option<String> {
    let reading_ns = bill.record.provenance.clock.reading_ns;
    let lines = bill.groups.iter().flat_map(|group| &group.lines);
    let measured = lines.filter_map(|line| line.measured());
    let latencies: Vec<&Latency> = measured
        .flat_map(|measured| [&measured.send, &measured.receive])
        .flatten()
        .collect();
    let stamping = latencies.iter().filter_map(|of| Some(of.stamping_ns?.0));
    let alone = latencies.iter().filter_map(|of| of.beyond_burst_ns());
    let stamping = median(&stamping.collect::<Vec<_>>())?;
    let alone = median(&alone.collect::<Vec<_>>())? - reading_ns;
    let ns = |ns: f64| estimate(ns, None, Room::Tight);
    Some(format!(
        "Stamping single packets, in bursts of one, added {} ns to each in the middle one of all rows (a reading of \
         the clock costs {} ns); percentiles keep it. Less one reading, the stamps' mean is {} ns above the burst \
         totals there: a packet alone costs that much more than in a burst, stalls included.",
        ns(stamping),
        ns(reading_ns),
        ns(alone),
    ))
}
