//! Whether two rows did the same work on the same packets, and if not, why.

use super::Run;
use super::group::GroupKey;
use crate::bill::{TEXT_CHARS, bytes, clean, count, temperature};
use crate::record::{Figures, Group, Record};

/// Largest difference of two means of packet lengths that are the same, bytes: of rounding.
const BYTES_DIFFERENCE_MAX: f64 = 1e-6;

/// Why a case of a group cannot be compared; none where it can.
pub(super) fn why_not(a: &[Run<'_>], b: &[Run<'_>], key: &GroupKey, case: &str) -> Option<String> {
    let runs = labelled(a, b);
    let has = |runs: &[Run<'_>]| runs.iter().any(|run| key.row(run.record, case).is_some());
    match (has(a), has(b)) {
        (true, false) => return Some(only("A", "B", b, key, case)),
        (false, true) => return Some(only("B", "A", a, key, case)),
        _ => {}
    }
    let mut first: Option<(&str, &Record, &Group, &Figures)> = None;
    for (label, record) in &runs {
        let (Some(group), Some(row)) = (key.group(record), key.row(record, case)) else {
            return Some(format!("{label} has no such row"));
        };
        let Some(figures) = row.figures.as_ref().filter(|_| row.passed) else {
            let message = row.message.as_deref().unwrap_or("no word why");
            return Some(format!("failed in {label}: {}", clean(message, TEXT_CHARS)));
        };
        if !is_time(&figures.sum_ns.instances) {
            return Some(format!("the figures of {label} are no times"));
        }
        let Some((than, other_record, other_group, other)) = first else {
            first = Some((label, record, group, figures));
            continue;
        };
        let names = (than, label.as_str());
        let found = other_packets(names, other_group, group)
            .or_else(|| other_capture(names, key, other_record, record))
            .or_else(|| other_work(names, other, figures));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Cases of a group that failed in some run of B and passed in every run of A.
pub(super) fn newly_failed(a: &[Run<'_>], b: &[Run<'_>], key: &GroupKey) -> Vec<String> {
    let rows = |runs: &[Run<'_>], case: &str| -> Vec<bool> {
        let rows = runs.iter().filter_map(|run| key.row(run.record, case));
        rows.map(|row| row.passed).collect()
    };
    let fails = |case: &String| {
        let (before, after) = (rows(a, case), rows(b, case));
        !before.is_empty() && before.iter().all(|passed| *passed) && after.contains(&false)
    };
    let cases = super::group::cases(a, b, key).into_iter().filter(fails);
    cases
        .map(|case| format!("{} of {}", clean(&case, TEXT_CHARS), key.title))
        .collect()
}

/// Runs with what a reader calls them.
fn labelled<'r>(a: &[Run<'r>], b: &[Run<'r>]) -> Vec<(String, &'r Record)> {
    let side = |side: &'static str, runs: &[Run<'r>]| -> Vec<(String, &'r Record)> {
        let label = |at: usize| match runs.len() {
            1 => side.to_owned(),
            _ => format!("run {} of {side}", at + 1),
        };
        let runs = runs.iter().enumerate();
        runs.map(|(at, run)| (label(at), run.record)).collect()
    };
    let mut all = side("A", a);
    all.extend(side("B", b));
    all
}

/// One side has it; perhaps the other has it warm, or of other flows.
fn only(has: &str, lacks: &str, runs: &[Run<'_>], key: &GroupKey, case: &str) -> String {
    let mut groups = runs.iter().flat_map(|run| &run.record.groups);
    let near = groups
        .find(|group| key.has_packets_of(group) && group.rows.iter().any(|row| row.case == case));
    match near {
        Some(group) if group.temperature != key.temperature => {
            let other = temperature(group.temperature);
            format!("only {has} has it; {lacks} has it {other}")
        }
        Some(group) => {
            let flows = group.flows.map_or_else(|| "other".to_owned(), count);
            format!("only {has} has it; {lacks} has it of {flows} flows")
        }
        None => format!("only {has} has it"),
    }
}

fn is_time(instances: &[f64]) -> bool {
    let time = |ns: &f64| ns.is_finite() && *ns > 0.0;
    !instances.is_empty() && instances.iter().all(time)
}

fn other_packets(names: (&str, &str), one: &Group, other: &Group) -> Option<String> {
    let differ = |what: &str, one: String, other: String| {
        let (in_one, in_other) = names;
        Some(format!("{what}: {one} in {in_one}, {other} in {in_other}"))
    };
    let counts = [
        ("other packets", one.packets, other.packets),
        ("other bursts", one.burst.into(), other.burst.into()),
        (
            "other packets a reading",
            one.packets_per_reading.into(),
            other.packets_per_reading.into(),
        ),
    ];
    if let Some((what, one, other)) = counts.into_iter().find(|(_, one, other)| one != other) {
        return differ(what, count(one), count(other));
    }
    let (one, other) = (one.mean_inner_bytes, other.mean_inner_bytes);
    // Not "greater": what is no number is not the same.
    let same = (one - other).abs() <= BYTES_DIFFERENCE_MAX;
    (!same).then(|| differ("other packets, bytes in the mean", bytes(one), bytes(other)))?
}

/// Another file under the same name, where both say which it was.
fn other_capture(
    names: (&str, &str),
    key: &GroupKey,
    one: &Record,
    other: &Record,
) -> Option<String> {
    let hash = |record: &Record| {
        let name = key.group(record)?.capture.clone()?;
        let capture = record.captures.iter().find(|of| of.name == name)?;
        capture.sha256.clone()
    };
    let (one, other) = (hash(one)?, hash(other)?);
    let short = |hash: &str| clean(hash, 64).chars().take(12).collect::<String>();
    (one != other).then(|| {
        let (in_one, in_other) = names;
        let (one, other) = (short(&one), short(&other));
        format!("another capture: SHA-256 {one} in {in_one}, {other} in {in_other}")
    })
}

/// What left, and what was dropped why, is exact: any difference is other work.
fn other_work(names: (&str, &str), one: &Figures, other: &Figures) -> Option<String> {
    let (in_one, in_other) = names;
    let (one, other) = (&one.work, &other.work);
    let counts = [
        ("packets sent", one.sent_packets, other.sent_packets),
        ("bytes sent", one.sent_inner_bytes, other.sent_inner_bytes),
        ("bytes on the wire", one.wire_bytes, other.wire_bytes),
    ];
    if let Some((what, one, other)) = counts.into_iter().find(|(_, one, other)| one != other) {
        let (one, other) = (count(one), count(other));
        return Some(format!(
            "other work: {what}, {one} in {in_one}, {other} in {in_other}"
        ));
    }
    let reasons = one.drops.keys().chain(other.drops.keys());
    let dropped = |work: &crate::record::Work, why| work.drops.get(why).copied().unwrap_or(0);
    let (why, one, other) = reasons
        .map(|why| (why, dropped(one, why), dropped(other, why)))
        .find(|(_, one, other)| one != other)?;
    let (why, one, other) = (clean(why, TEXT_CHARS), count(one), count(other));
    Some(format!(
        "other work: dropped as {why}, {one} in {in_one}, {other} in {in_other}"
    ))
}
