//! What figures depend on, as tables and sentences.

use super::axis::{Axis, Figure, Level, Look};
use super::sensitivity::{Difference, JudgedAxis, Says, blocks, minus, smallest_ns};
use crate::bill::{
    Cell, NAME_CHARS, Room, RowKind, Table, TableRow, bound, clean, count, list, three,
};
use crate::stats::{Blocks, Estimate};

/// What is named in a sentence: the largest of them.
const NAMED_MAX: usize = 3;

/// A table for every look, in the order of the axes.
pub fn axis_tables(looks: &[Look], judged: &[JudgedAxis]) -> Vec<Table> {
    let of_axis = |judged: &JudgedAxis| {
        let looks = looks.iter().filter(|look| look.axis == judged.axis);
        looks.map(|look| table(look, judged)).collect::<Vec<_>>()
    };
    judged.iter().flat_map(of_axis).collect()
}

fn table(look: &Look, judged: &JudgedAxis) -> Table {
    if look.axis == Axis::Links {
        return links(look);
    }
    let first = look.levels.first();
    let rows = look.levels.iter().enumerate().map(|(at, level)| {
        let of_figure = |figure| cell(level.estimate(figure));
        let more = |figure| {
            let by_repetition = first.filter(|_| at > 0).map(|f| minus(level, f, figure));
            by_repetition.map_or(Cell::Blank, |of| cell(Estimate::from_instances(of)))
        };
        let mut cells: Vec<Cell> = Figure::ALL.map(of_figure).into();
        cells.extend(Figure::ALL.map(more));
        cells.push(Cell::Text(match at {
            0 => String::new(),
            1 => "the same again".to_owned(),
            _ => in_words(look, level, judged),
        }));
        row(level, cells)
    });
    let head = [
        "",
        "forward",
        "tunnel",
        "bill",
        "forward +",
        "tunnel +",
        "bill +",
        "",
    ];
    Table {
        title: title(look),
        note: note(look),
        head: head.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn title(look: &Look) -> String {
    format!("{}, {} bytes", look.axis.title(), look.inner_bytes)
}

fn row(level: &Level, cells: Vec<Cell>) -> TableRow {
    TableRow {
        label: clean(&level.name, NAME_CHARS),
        kind: RowKind::Plain,
        cells,
    }
}

fn cell(of: Option<Estimate>) -> Cell {
    of.map_or(Cell::Blank, |of| {
        Cell::Estimate(of.mean, of.high.map(|high| high - of.mean))
    })
}

fn note(look: &Look) -> String {
    let repetitions = look.levels.first().map_or(0, |l| l.bill_ns.len());
    let least = match look.levels.as_slice() {
        [first, twin, ..] => Figure::ALL.map(|figure| {
            let least = smallest_ns(twin, first, figure);
            least.map_or("?".to_owned(), |least| bound(least, Room::Tight))
        }),
        _ => Default::default(),
    };
    let packets = look.packets_per_reading.map_or(String::new(), |packets| {
        format!("; {packets} packets a reading")
    });
    format!(
        "send + receive, ns a packet, and what each level takes more than the first; {} repetitions{packets}; \
         smallest difference told {} ns",
        count(repetitions as u64),
        least.join(", "),
    )
}

/// What may be said of a level, over its figures.
fn in_words(look: &Look, level: &Level, judged: &JudgedAxis) -> String {
    let of_level = |of: &&Difference| of.level == level.name && of.inner_bytes == look.inner_bytes;
    let mine: Vec<&Difference> = judged.differences.iter().filter(of_level).collect();
    let of = |says| -> Vec<&str> {
        let these = mine.iter().filter(|of| of.says == says);
        these.map(|of| of.figure.name()).collect()
    };
    let (matters, cannot_tell) = (of(Says::Matters), of(Says::CannotTell));
    if !matters.is_empty() {
        format!("matters: {}", matters.join(", "))
    } else if cannot_tell.is_empty() {
        "same".to_owned()
    } else if cannot_tell.len() == Figure::ALL.len() {
        "cannot tell".to_owned()
    } else {
        format!("cannot tell: {}", cannot_tell.join(", "))
    }
}

/// A figure of all links together.
type Part = fn(&Blocks) -> Option<f64>;

/// Links: each with its mean, and what they and their processes are spread by.
fn links(look: &Look) -> Table {
    let mut rows: Vec<TableRow> = look
        .levels
        .iter()
        .map(|level| row(level, Figure::ALL.map(|f| cell(level.estimate(f))).into()))
        .collect();
    let parts: [(&str, Part); 3] = [
        ("deviation of processes", |of| Some(of.within())),
        ("deviation of links", |of| Some(of.among())),
        ("two builds, one process each", |of| of.apart()),
    ];
    for (label, part) in parts {
        let value = |figure| {
            let value = blocks(look, figure).as_ref().and_then(part);
            value.map_or(Cell::Blank, |ns| Cell::Number(three(ns)))
        };
        rows.push(TableRow {
            label: label.to_owned(),
            kind: RowKind::Plain,
            cells: Figure::ALL.map(value).into(),
        });
    }
    let processes = look.levels.first().map_or(0, |l| l.bill_ns.len());
    Table {
        title: title(look),
        note: format!(
            "send + receive, ns a packet; {processes} processes of every link, in turns; what two builds \
             differ by in 95 % of all pairs where only their link order differs is the floor under a \
             comparison of builds"
        ),
        head: ["", "forward", "tunnel", "bill"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    }
}

/// A sentence for every axis.
pub fn axis_sentences(looks: &[Look], judged: &[JudgedAxis]) -> Vec<String> {
    judged
        .iter()
        .map(|judged| format!("{}: {}.", judged.axis.title(), said(looks, judged)))
        .collect()
}

fn said(looks: &[Look], judged: &JudgedAxis) -> String {
    let floor = floor(looks, judged.axis);
    match judged.says() {
        None if judged.axis == Axis::Links => {
            "not looked at: give --links DIR, made by ci/links.sh".to_owned()
        }
        None => "not looked at: too few repetitions; give more --seconds".to_owned(),
        Some(Says::Same) => format!("does not matter beyond {} (95 %){floor}", most(judged)),
        Some(Says::Matters) => format!("matters: {}{floor}", largest(judged)),
        Some(Says::CannotTell) => format!(
            "cannot tell: {} cannot be excluded; give more --seconds, or stop what else runs{floor}",
            most(judged)
        ),
    }
}

/// The largest bound of every size.
fn most(judged: &JudgedAxis) -> String {
    let mut sizes: Vec<u32> = judged.differences.iter().map(|of| of.inner_bytes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let of_size = |size: &u32| {
        let mine = judged
            .differences
            .iter()
            .filter(|of| of.inner_bytes == *size);
        let most = mine.map(|of| of.most_ns.unwrap_or(f64::INFINITY));
        let most = most.fold(0.0, f64::max);
        let ns = if most.is_finite() {
            format!("{} ns", bound(most, Room::Tight))
        } else {
            "any difference".to_owned()
        };
        format!("{ns} at {size} bytes")
    };
    list(&sizes.iter().map(of_size).collect::<Vec<_>>())
}

/// The largest differences that matter, in parts of their figures.
fn largest(judged: &JudgedAxis) -> String {
    let mut mine: Vec<&Difference> = judged
        .differences
        .iter()
        .filter(|of| of.says == Says::Matters)
        .collect();
    let part = |of: &Difference| (of.mean_ns / of.figure_ns).abs();
    mine.sort_by(|a, b| part(b).total_cmp(&part(a)));
    let left = mine.len().saturating_sub(NAMED_MAX);
    let name = |of: &&Difference| {
        let sign = if judged.axis == Axis::Links {
            "deviates by"
        } else {
            "changes by"
        };
        format!(
            "{} ({} bytes) {sign} {} ns, {} %, with {}",
            of.figure.name(),
            of.inner_bytes,
            three(of.mean_ns),
            three(100.0 * of.mean_ns / of.figure_ns),
            of.level
        )
    };
    let mut named: Vec<String> = mine.iter().take(NAMED_MAX).map(name).collect();
    if left > 0 {
        named.push(format!("{left} more in the table"));
    }
    named.join("; ")
}

/// What two builds differ by where nothing but their links do; nothing of other axes.
fn floor(looks: &[Look], axis: Axis) -> String {
    if axis != Axis::Links {
        return String::new();
    }
    let of = |look: &Look| {
        let apart = blocks(look, Figure::Bill)?.apart()?;
        let bills = look.levels.iter().flat_map(|level| &level.bill_ns);
        let bill = Estimate::from_instances(bills.copied().collect())?.mean;
        Some(format!(
            "{} ns ({} %) of the bill at {} bytes",
            bound(apart, Room::Tight),
            three(100.0 * apart / bill),
            look.inner_bytes
        ))
    };
    let looks = looks.iter().filter(|look| look.axis == Axis::Links);
    let floors: Vec<String> = looks.filter_map(of).collect();
    if floors.is_empty() {
        return String::new();
    }
    format!(
        "; between two builds, one process each, nothing below {} is the code's",
        list(&floors)
    )
}

/// What must be said aloud: an axis that should not matter and does, with the next step.
pub fn warnings(judged: &[JudgedAxis]) -> Vec<String> {
    let of = |judged: &JudgedAxis| {
        let next = match judged.axis {
            Axis::Burst => return None,
            Axis::Links => {
                "compare builds by several links of each (ci/links.sh), not by one record a side"
            }
            Axis::Turns | Axis::Opened => {
                "run it again, and where it is seen again report it with selftest.json: a run draws the order, \
                 and its mean holds half of this"
            }
            Axis::Line | Axis::Page | Axis::Heap | Axis::Stack => {
                "give what is said above as uncertainty with figures of this host; a run's packets start on a \
                 cache line, its heap is moved for every instance, and its stack has every place in turn"
            }
        };
        (judged.says() == Some(Says::Matters)).then(|| {
            format!(
                "{}: it matters here, and should not; {next}",
                judged.axis.title()
            )
        })
    };
    judged.iter().filter_map(of).collect()
}
