//! A selftest as tables and sentences.

use super::{
    ALARMS_BY_DESIGN, COMPARISON_SECONDS_MAX, Judged, POWER_BY_DESIGN, Selftest, Subject, Verdict,
};
use crate::bill::{Cell, Room, RowKind, Table, TableRow, estimate, three};
use crate::stats::Estimate;

/// A table for every subject.
pub fn tables(selftest: &Selftest, judged: &[Judged]) -> Vec<Table> {
    let pairs = selftest.subjects.iter().zip(judged);
    pairs
        .map(|(subject, judged)| table(subject, judged))
        .collect()
}

fn table(subject: &Subject, judged: &Judged) -> Table {
    let rows = judged.rows.iter().map(|row| TableRow {
        label: row.what.to_owned(),
        kind: RowKind::Plain,
        cells: vec![
            Cell::Number(format!("{} of {}", row.count, row.of)),
            Cell::Text(row.fails_at.clone()),
            Cell::Text(says(row.verdict).to_owned()),
        ],
    });
    Table {
        title: format!("{}, {} bytes, hot", subject.case, subject.inner_bytes),
        note: note(subject, judged),
        head: ["", "seen", "contradicted by", "promise"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.chain(covered(judged)).collect(),
    }
}

/// The simulated intervals: what is seen is not judged, as it is the same record that is simulated on.
fn covered(judged: &Judged) -> impl Iterator<Item = TableRow> {
    let heading = TableRow {
        label: "95 % intervals that hold, simulated on the twins".to_owned(),
        kind: RowKind::Heading,
        cells: Vec::new(),
    };
    let rows = judged.covered.iter().map(|(what, covered)| TableRow {
        label: what.clone(),
        kind: RowKind::Inner,
        cells: vec![Cell::Number(format!("{} %", three(100.0 * covered)))],
    });
    let heading = (!judged.covered.is_empty()).then_some(heading);
    heading.into_iter().chain(rows)
}

fn note(subject: &Subject, judged: &Judged) -> String {
    let percent = interval(&subject.long_run_percent);
    let alone = estimate(subject.steps_alone_ns, None, Room::Tight);
    let comparisons = format!(
        "{} comparisons of {} fresh instances, {} s each at most; slowed down by {percent} % \
         ({} ns a packet; its steps alone take {alone} ns)",
        subject.comparisons.len(),
        subject.instances,
        three(judged.seconds_max),
        interval(&subject.long_run_ns),
    );
    let least = judged.smallest_percent.map(|least| {
        format!(
            "here a comparison tells {} % with {} % power at {} % false alarms",
            three(least),
            100.0 * POWER_BY_DESIGN,
            100.0 * ALARMS_BY_DESIGN,
        )
    });
    let parts = [Some(comparisons), least];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn interval(of: &Estimate) -> String {
    match of.low.zip(of.high) {
        Some((low, high)) => format!("{} [{}, {}]", three(of.mean), three(low), three(high)),
        None => three(of.mean),
    }
}

fn says(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "not contradicted",
        Verdict::TooFew => "too few to tell",
        Verdict::TooSlow => "too slow here",
        Verdict::Noisy => "cannot hold here",
        Verdict::Fails => "BROKEN",
    }
}

/// What the selftest says in all.
pub fn sentence(selftest: &Selftest, judged: &[Judged]) -> String {
    let worst = judged
        .iter()
        .map(|j| j.verdict)
        .max()
        .unwrap_or(Verdict::Fails);
    let pairs = || selftest.subjects.iter().zip(judged);
    match worst {
        Verdict::Holds => {
            let told: Vec<String> = pairs()
                .map(|(subject, _)| {
                    format!(
                        "{} % at {} bytes",
                        three(subject.long_run_percent.mean),
                        subject.inner_bytes
                    )
                })
                .collect();
            format!(
                "Nothing contradicts the tool: it tells a slow-down of {}, and no twin from itself.",
                told.join(" and ")
            )
        }
        Verdict::TooFew => "The comparisons are too few for any outcome to contradict the tool; give more --seconds."
            .to_owned(),
        Verdict::TooSlow => {
            let longest = judged.iter().map(|j| j.seconds_max).fold(0.0, f64::max);
            format!(
                "A comparison took {} s, and {COMPARISON_SECONDS_MAX} s is what it may take: nothing is \
                 contradicted, but this host is too slow or too busy now. Stop what else runs, or try another \
                 hour.",
                three(longest)
            )
        }
        Verdict::Noisy => {
            let least: Vec<String> = pairs()
                .filter_map(|(subject, judged)| {
                    let percent = three(judged.smallest_percent?);
                    Some(format!("{percent} % at {} bytes", subject.inner_bytes))
                })
                .collect();
            format!(
                "This host is too noisy now for the slow-downs of the selftest: what can be told here is {}. \
                 Stop what else runs, or try another hour.",
                least.join(" and ")
            )
        }
        Verdict::Fails => {
            "The record contradicts what tunneltax says of itself: do not believe its figures on this \
             host, and report it with selftest.json."
                .to_owned()
        }
    }
}
