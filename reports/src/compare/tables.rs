//! A comparison in words and tables, for every way it is looked at.

use super::{ANCHOR_ROW, Comparison, Percent, Row, RunName, Unit, Verdict};
use crate::bill::{Cell, NAME_CHARS, RowKind, TEXT_CHARS, Table, TableRow, clean, count, list};
use crate::stats::median;

/// How to read it.
pub const LEGEND: [(&str, &str); 6] = [
    (
        "B over A",
        "What B takes more than A, percent, send and receive together, with its 95 % interval. \
         Rows are divided by the anchor of their own run first: whole runs differ by far more than \
         programs do.",
    ),
    (
        "the anchor",
        "The median of the rows of the group, or a case. What hits most rows alike is seen in its \
         row alone; that row, marked *, is not divided by anything.",
    ),
    (
        "the floor",
        "What two builds of the same code differ by in 95 % of pairs, if only by where the linker put \
         things: under every interval where a side has one run, or runs of one binary and the other \
         of another.",
    ),
    (
        "slower",
        "Or faster: told from nothing at 5 % over all rows together (Holm), not less than the smallest \
         difference by A/A, and not the same.",
    ),
    ("same", "The whole interval is within the margin."),
    (
        "cannot tell",
        "Neither. More runs a side, or longer ones, narrow the interval.",
    ),
];
/// Marks a row that is not divided by the anchor.
const UNANCHORED: &str = " *";

/// A group, and what must be said of its rows.
pub struct GroupTable {
    /// Its rows.
    pub table: Table,
    /// Why there is no more to say of some of them.
    pub whys: Vec<String>,
}

/// Names of files, harmless to print.
pub(super) fn shown(text: &str) -> String {
    clean(text, TEXT_CHARS)
}

/// The answer, in a sentence or two.
pub fn answer(of: &Comparison) -> String {
    let judged = of.rows.len() - of.count(Verdict::NotComparable);
    let counted = format!(
        "Of {} that can be compared, B is slower in {}, faster in {} and the same within {} % in \
         {}; {} cannot be told.",
        rows(judged),
        of.count(Verdict::Slower),
        of.count(Verdict::Faster),
        number(of.margin_percent),
        of.count(Verdict::Same),
        of.count(Verdict::CannotTell),
    );
    let left_out = match of.count(Verdict::NotComparable) {
        0 => String::new(),
        1 => " One more is not comparable.".to_owned(),
        more => format!(" {more} more are not comparable."),
    };
    let slower = of.rows.iter().filter(|row| row.verdict == Verdict::Slower);
    let most = slower.max_by(|a, b| mean(a).total_cmp(&mean(b)));
    let most = most.map_or_else(String::new, |row| {
        format!(
            " Slowed most: {} of {}, by {} %.",
            clean(&row.case, NAME_CHARS),
            row.group.title,
            magnitude(mean(row)),
        )
    });
    let whole = as_a_whole(of).unwrap_or_default();
    format!("{counted}{left_out}{most}{whole}")
}

/// What dividing by anchors hides: that all rows of the groups took more, or less. It is no
/// verdict, since the machine's speed is in it. None where it is within the margin.
fn as_a_whole(of: &Comparison) -> Option<String> {
    let anchors = of.rows.iter().filter(|row| row.case == ANCHOR_ROW);
    let mut changes: Vec<f64> = anchors.filter_map(|row| Some(row.percent?.mean)).collect();
    changes.sort_by(f64::total_cmp);
    let (least, most) = changes.first().zip(changes.last())?;
    let middle = median(&changes).filter(|middle| middle.abs() > of.margin_percent)?;
    let more = if middle > 0.0 { "more" } else { "less" };
    let by_group = match changes.len() {
        1 => String::new(),
        _ => format!(" ({} to {} % by group)", signed(*least), signed(*most)),
    };
    Some(format!(
        " All rows of a group together took {} % {more}{by_group}: the machine's speed then and now, \
         or a change that hits all rows alike, which only the anchors' own rows show.",
        magnitude(middle),
    ))
}

/// The runs of both sides, and what the intervals stand on.
pub fn sides(of: &Comparison) -> Vec<String> {
    let side = |name: &str, runs: &[RunName]| {
        let run = |run: &RunName| {
            let commit: String = run
                .commit
                .as_deref()
                .unwrap_or("none")
                .chars()
                .take(12)
                .collect();
            let (file, started) = (shown(&run.file), shown(&run.started));
            format!("{file}, {started}, commit {}", shown(&commit))
        };
        format!(
            "{name}: {}",
            runs.iter().map(run).collect::<Vec<_>>().join("; ")
        )
    };
    let by = of.anchor.as_deref().map_or_else(
        || "the median of their group".to_owned(),
        |case| clean(case, NAME_CHARS),
    );
    let stands = stands_on(of);
    vec![
        side("A", &of.a),
        side("B", &of.b),
        format!("{stands}; rows are divided by {by}."),
    ]
}

/// What the intervals are over, and the floor under them.
fn stands_on(of: &Comparison) -> String {
    let [a, b] = of.binaries;
    let builds = format!(
        "two builds may differ by {} % ({})",
        number(of.floor_of_two_builds_percent),
        shown(&of.floor_from)
    );
    match (of.unit, of.floor_percent) {
        (Unit::Link, _) => format!(
            "Intervals are over links, {} in A and {} in B, so that no floor is under them",
            binaries(a),
            binaries(b)
        ),
        (Unit::Instance, _) => format!("Intervals are over instances, and {builds}"),
        (Unit::Run, None) => {
            "Intervals are over runs, all of one binary, so that no floor is under them".to_owned()
        }
        (Unit::Run, Some(_)) if (a, b) == (1, 1) => {
            format!("Intervals are over runs, of one binary a side, and {builds}")
        }
        (Unit::Run, Some(floor)) => format!(
            "Intervals are over runs, of {} in A and of {} in B; {builds}, and so many by {} %",
            binaries(a),
            binaries(b),
            number(floor)
        ),
    }
}

/// The rows, group by group.
pub fn group_tables(of: &Comparison) -> Vec<GroupTable> {
    let groups = of.rows.chunk_by(|one, other| one.group == other.group);
    groups.map(group_table).collect()
}

fn group_table(rows: &[Row]) -> GroupTable {
    let head = ["", "B over A, %", "95 %", "send", "receive", "verdict"];
    let title = rows.first().map_or("", |row| row.group.title.as_str());
    GroupTable {
        table: Table {
            title: title.to_owned(),
            note: String::new(),
            head: head.map(str::to_owned).to_vec(),
            rows: rows.iter().map(table_row).collect(),
        },
        whys: whys(rows),
    }
}

fn table_row(row: &Row) -> TableRow {
    let percent = |of: Option<&Percent>| of.map_or(Cell::Blank, |of| Cell::Number(signed(of.mean)));
    let interval = row.percent.as_ref().and_then(|of| of.low.zip(of.high));
    let interval = interval.map_or(Cell::Blank, |(low, high)| {
        Cell::Number(format!("{} to {}", signed(low), signed(high)))
    });
    TableRow {
        label: label(row),
        kind: RowKind::Plain,
        cells: vec![
            percent(row.percent.as_ref()),
            interval,
            percent(row.send_percent.as_ref()),
            percent(row.receive_percent.as_ref()),
            Cell::Text(row.verdict.words().to_owned()),
        ],
    }
}

fn label(row: &Row) -> String {
    let mark = if row.anchored || row.verdict == Verdict::NotComparable {
        ""
    } else {
        UNANCHORED
    };
    format!("{}{mark}", clean(&row.case, NAME_CHARS))
}

/// Rows of which no more can be said, those of the same reason together.
fn whys(rows: &[Row]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for row in rows {
        let Some(why) = row.why.as_deref() else {
            continue;
        };
        let case = clean(&row.case, NAME_CHARS);
        match reasons.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, cases)) => cases.push(case),
            None => reasons.push((why, vec![case])),
        }
    }
    let all = rows.iter().filter(|row| row.case != ANCHOR_ROW).count();
    let said = reasons.into_iter().map(|(why, cases)| {
        if cases.len() == all && all > 2 {
            format!("All of them: {why}.")
        } else {
            format!("{}: {why}.", list(&cases))
        }
    });
    said.collect()
}

fn binaries(number: usize) -> String {
    match number {
        1 => "one binary".to_owned(),
        _ => format!("{} binaries", count(number as u64)),
    }
}

fn rows(number: usize) -> String {
    match number {
        1 => "one row".to_owned(),
        _ => format!("{} rows", count(number as u64)),
    }
}

fn mean(row: &Row) -> f64 {
    row.percent.map_or(f64::NEG_INFINITY, |of| of.mean)
}

/// A percentage that was asked for or measured: `1`, `0.5`, `0.816`.
pub(super) fn number(percent: f64) -> String {
    format!("{}", (percent * 1e3).round() / 1e3)
}

/// A change, with its sign; two digits behind the point where it is small.
fn signed(percent: f64) -> String {
    let text = magnitude(percent);
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    match percent {
        _ if zero => text,
        p if p < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

fn magnitude(percent: f64) -> String {
    let digits = match percent.abs() {
        p if !p.is_finite() => return "—".to_owned(),
        p if p >= 99.95 => 0,
        p if p >= 9.995 => 1,
        _ => 2,
    };
    format!("{:.digits$}", percent.abs())
}
