//! The tables that all renderers share. A cell keeps its figure, so that each renderer can give
//! it the room it has.

use super::{Bill, Difference, GroupBill, Line, NAME_CHARS, clean, half, legacy, mean, three};
use crate::record::{Record, Temperature};

/// A table: a column of labels, then cells.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Unit, and what else must be known to read it.
    pub note: String,
    /// Heads of the columns, that of the labels included.
    pub head: Vec<String>,
    /// Rows.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// First column.
    pub label: String,
    /// What it is.
    pub kind: RowKind,
    /// The other columns; a heading and a failed row have none.
    pub cells: Vec<Cell>,
}

/// What a row is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// Names the rows below it.
    Heading,
    /// Figures.
    Plain,
    /// Figures; it belongs to the heading above.
    Inner,
    /// A case that has no figures, and why.
    Failed(String),
}

/// One figure or text.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing to say.
    Blank,
    /// Words.
    Text(String),
    /// A figure without uncertainty.
    Number(String),
    /// A mean and half of its interval.
    Estimate(f64, Option<f64>),
    /// Rounded up, as it bounds something.
    Bound(f64),
    /// A difference smaller than this, either way.
    Below(f64),
    /// A difference that can't be judged.
    CannotTell,
    /// A case without figures.
    Failed,
}

/// What the cells of a table of cases by workloads show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// The ground's time and the steps above it, send and receive together, ns.
    Steps,
    /// Inner Gbit/s with one core at each end.
    Gigabits,
}

impl Cell {
    pub(super) fn difference(difference: Difference) -> Self {
        match difference {
            Difference::Told { mean, half } => Self::Estimate(mean, Some(half)),
            Difference::Below(bound) => Self::Below(bound),
            Difference::CannotTell => Self::CannotTell,
        }
    }

    pub(super) fn estimate(estimate: &crate::stats::Estimate) -> Self {
        mean(estimate).map_or(Self::Blank, |mean| Self::Estimate(mean, half(estimate)))
    }

    pub(super) fn number(value: Option<f64>, form: impl Fn(f64) -> String) -> Self {
        value.map_or(Self::Blank, |value| Self::Number(form(value)))
    }
}

/// Cases by workloads.
pub fn matrix(bill: &Bill<'_>, groups: &[&GroupBill<'_>], shows: Matrix) -> Table {
    let timed = groups.first().map(|group| group.timed());
    let (halves, cores) = timed.map_or(("", ""), |timed| (timed.halves, timed.cores));
    let (note, last) = match shows {
        Matrix::Steps => (format!("{halves}, ns a packet"), Some("tells".to_owned())),
        Matrix::Gigabits => (format!("inner Gbit/s, {cores}"), None),
    };
    let head = std::iter::once("case".to_owned())
        .chain(groups.iter().map(|group| group.marked(&group.name)))
        .chain(last)
        .collect();
    let rows = layout(bill.record, groups, shows == Matrix::Steps)
        .into_iter()
        .map(|slot| {
            let cells = slot
                .key
                .as_deref()
                .map_or_else(Vec::new, |key| matrix_cells(groups, key, shows));
            Row {
                label: slot.label,
                kind: slot.kind,
                cells,
            }
        })
        .collect();
    Table {
        title: String::new(),
        note,
        head,
        rows,
    }
}

fn matrix_cells(groups: &[&GroupBill<'_>], key: &str, shows: Matrix) -> Vec<Cell> {
    let lines: Vec<Option<&Line<'_>>> = groups.iter().map(|group| group.line(key)).collect();
    let mut cells: Vec<Cell> = lines
        .iter()
        .map(|line| match line.map(|line| &line.outcome) {
            None => Cell::Blank,
            Some(Err(_)) => Cell::Failed,
            Some(Ok(measured)) => match (shows, &measured.step) {
                (Matrix::Steps, Some(step)) => Cell::difference(step.sum),
                (Matrix::Steps, None) => Cell::estimate(&measured.figures.sum_ns),
                (Matrix::Gigabits, _) => {
                    Cell::number(measured.rate.map(|rate| rate.gigabits), three)
                }
            },
        })
        .collect();
    if shows == Matrix::Steps {
        let worst = lines
            .iter()
            .filter_map(|line| line.as_ref()?.measured()?.smallest_ns)
            .reduce(f64::max);
        cells.push(worst.map_or(Cell::Blank, Cell::Bound));
    }
    cells
}

/// A row before it has cells.
pub(super) struct Slot {
    pub label: String,
    pub kind: RowKind,
    pub key: Option<String>,
}

/// The rows of a table of cases: libraries stand under their cipher. Rows that show steps are
/// called by their step, where only one case takes it; rows that show whole packets, by the case.
pub(super) fn layout(record: &Record, groups: &[&GroupBill<'_>], steps: bool) -> Vec<Slot> {
    let mut lines: Vec<&Line<'_>> = Vec::new();
    for line in groups.iter().flat_map(|group| &group.lines) {
        if !lines.iter().any(|seen| seen.case.key == line.case.key) {
            lines.push(line);
        }
    }
    let path = |id: &str| id.split('@').next().unwrap_or_default().to_owned();
    let order = |line: &&Line<'_>| {
        let of = |found: Option<usize>| found.unwrap_or(usize::MAX);
        let key = &line.case.key;
        (
            of(record
                .cases
                .iter()
                .position(|case| path(&case.id) == path(key))),
            of(record.cases.iter().position(|case| &case.id == key)),
        )
    };
    lines.sort_by_key(order);
    let mut slots = Vec::new();
    let mut heading = String::new();
    for line in &lines {
        let plus = if steps && line.depth() > 0 { "+ " } else { "" };
        let key = Some(line.case.key.clone());
        let own = path(&line.case.id);
        let Some(library) = &line.case.library else {
            let label = match line.depth() {
                0 => line.case.id.clone(),
                _ if steps && sole(line, &lines) => format!("+ {}", line.step),
                _ => format!("{plus}{}", line.case.id),
            };
            slots.push(Slot {
                label,
                kind: RowKind::Plain,
                key,
            });
            heading = own;
            continue;
        };
        if heading != own {
            heading.clone_from(&own);
            let of_other_path = |other: &&&Line<'_>| {
                other.case.cipher == line.case.cipher && path(&other.case.id) != own
            };
            let short = steps && lines.iter().find(of_other_path).is_none();
            let label = if short { line.case.cipher.clone() } else { own };
            slots.push(Slot {
                label: label + legacy(&line.case.cipher),
                kind: RowKind::Heading,
                key: None,
            });
        }
        slots.push(Slot {
            label: match elsewhere(line).filter(|_| steps) {
                Some(base) => format!("{plus}{library}, on {}", clean(base, NAME_CHARS)),
                None => format!("{plus}{library}"),
            },
            kind: RowKind::Inner,
            key,
        });
    }
    slots
}

/// The case that a line with a library stands on, where that is not the same path without a cipher.
fn elsewhere<'l>(line: &'l Line<'_>) -> Option<&'l str> {
    let base = line.below.first()?.split('@').next()?;
    let of_path = base.strip_prefix(line.case.path());
    match of_path.and_then(|rest| rest.strip_prefix('/')) {
        Some("none") => None,
        Some(cipher) => Some(cipher),
        None => Some(base),
    }
}

/// Whether no other case without a library takes the same step.
fn sole(line: &Line<'_>, lines: &[&Line<'_>]) -> bool {
    let same = |other: &&&Line<'_>| other.case.library.is_none() && other.step == line.step;
    lines.iter().filter(same).count() == 1
}

/// Both temperatures, in the order of reports.
pub const TEMPERATURES: [Temperature; 3] = [Temperature::Hot, Temperature::Warm, Temperature::Cold];
