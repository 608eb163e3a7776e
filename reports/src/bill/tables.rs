//! The tables that all renderers share. A cell keeps its figure, so that each renderer can give
//! it the room it has.

use super::{
    Bill, Difference, GroupBill, Latency, Line, Measured, PERCENTILES, bytes, count, half, mean,
    three,
};
use crate::record::{Record, Temperature, WorkloadKind};

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
    fn difference(difference: Difference) -> Self {
        match difference {
            Difference::Told { mean, half } => Self::Estimate(mean, Some(half)),
            Difference::Below(bound) => Self::Below(bound),
            Difference::CannotTell => Self::CannotTell,
        }
    }

    fn estimate(estimate: &crate::stats::Estimate) -> Self {
        mean(estimate).map_or(Self::Blank, |mean| Self::Estimate(mean, half(estimate)))
    }

    fn number(value: Option<f64>, form: impl Fn(f64) -> String) -> Self {
        value.map_or(Self::Blank, |value| Self::Number(form(value)))
    }
}

/// Cases by workloads.
pub fn matrix(bill: &Bill<'_>, groups: &[&GroupBill<'_>], shows: Matrix) -> Table {
    let (note, last) = match shows {
        Matrix::Steps => ("send + receive, ns a packet", Some("tells".to_owned())),
        Matrix::Gigabits => ("inner Gbit/s, one core at each end", None),
    };
    let head = std::iter::once("case".to_owned())
        .chain(groups.iter().map(|group| group.name.clone()))
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
        note: note.to_owned(),
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

struct Slot {
    label: String,
    kind: RowKind,
    key: Option<String>,
}

/// The rows of a table of cases: libraries stand under their cipher. Rows that show steps are
/// called by their step, where only one case takes it; rows that show whole packets, by the case.
fn layout(record: &Record, groups: &[&GroupBill<'_>], steps: bool) -> Vec<Slot> {
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
    let plus = if steps { "+ " } else { "" };
    let mut slots = Vec::new();
    let mut heading = String::new();
    for line in &lines {
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
                label,
                kind: RowKind::Heading,
                key: None,
            });
        }
        slots.push(Slot {
            label: format!("{plus}{library}"),
            kind: RowKind::Inner,
            key,
        });
    }
    slots
}

/// Whether no other case without a library takes the same step.
fn sole(line: &Line<'_>, lines: &[&Line<'_>]) -> bool {
    let same = |other: &&&Line<'_>| other.case.library.is_none() && other.step == line.step;
    lines.iter().filter(same).count() == 1
}

/// Everything that was measured of one group, but for single packets.
pub fn full(group: &GroupBill<'_>) -> Table {
    let ground = group.lines.iter().find(|line| line.depth() == 0);
    let times = format!("× {}", ground.map_or("ground", |line| &line.case.id));
    let heads = [
        "case", "send", "receive", "both", "step", "tells", &times, "Gbit/s", "Mpps", "+ bytes",
        "over MTU", "dropped", "clock %",
    ];
    let rows = group
        .lines
        .iter()
        .map(|line| {
            let (kind, cells) = match &line.outcome {
                Ok(measured) => (RowKind::Plain, full_cells(measured)),
                Err(message) => (RowKind::Failed(message.clone()), Vec::new()),
            };
            Row {
                label: line.case.id.clone(),
                kind,
                cells,
            }
        })
        .collect();
    Table {
        title: format!("{}, {}", group.title(), group.temperature()),
        note: circumstances(group),
        head: heads.map(str::to_owned).to_vec(),
        rows,
    }
}

/// The same rows with short labels, libraries under their cipher: where room is tight.
pub fn under_headings(record: &Record, group: &GroupBill<'_>, table: &Table) -> Table {
    let rows = layout(record, &[group], false)
        .into_iter()
        .filter_map(|slot| match slot.key {
            None => Some(Row {
                label: slot.label,
                kind: slot.kind,
                cells: Vec::new(),
            }),
            Some(key) => {
                let id = &group.line(&key)?.case.id;
                let row = table.rows.iter().find(|row| row.label == *id)?;
                let kind = match &row.kind {
                    RowKind::Failed(message) => RowKind::Failed(format!("{id}: {message}")),
                    _ => slot.kind,
                };
                Some(Row {
                    label: slot.label,
                    kind,
                    cells: row.cells.clone(),
                })
            }
        })
        .collect();
    Table {
        rows,
        ..table.clone()
    }
}

fn full_cells(measured: &Measured<'_>) -> Vec<Cell> {
    let figures = measured.figures;
    let work = &figures.work;
    let drops = super::aside::reasons(&work.drops);
    let clock = figures
        .clock_share_percent
        .into_iter()
        .fold(f64::NAN, f64::max);
    vec![
        Cell::estimate(&figures.send_ns),
        Cell::estimate(&figures.receive_ns),
        Cell::estimate(&figures.sum_ns),
        measured
            .step
            .map_or(Cell::Blank, |step| Cell::difference(step.sum)),
        measured.smallest_ns.map_or(Cell::Blank, Cell::Bound),
        measured
            .ratio
            .map_or(Cell::Blank, |(mean, half)| Cell::Estimate(mean, half)),
        Cell::number(measured.rate.map(|rate| rate.gigabits), three),
        Cell::number(measured.rate.map(|rate| rate.megapackets), three),
        Cell::number(measured.added_bytes, bytes),
        Cell::Number(count(work.over_mtu)),
        if drops.is_empty() {
            Cell::Number("0".to_owned())
        } else {
            Cell::Text(drops)
        },
        Cell::number(Some(clock).filter(|share| share.is_finite()), three),
    ]
}

/// The circumstances of a group, in a line.
fn circumstances(group: &GroupBill<'_>) -> String {
    let of = group.group;
    let kind = match of.kind {
        WorkloadKind::Size => "packets of one size",
        WorkloadKind::Mix => "packets of a mix",
        WorkloadKind::Capture => "packets in the order of the capture",
        WorkloadKind::Class => "packets of one size class, grouped into bursts of their own",
    };
    let mut line = format!(
        "ns a packet; {} {kind}, {} bytes in the mean; bursts of {}, {} packets a reading; {} instances × {} rounds",
        count(of.packets),
        bytes(of.mean_inner_bytes),
        of.burst,
        of.packets_per_reading,
        of.instances,
        of.rounds,
    );
    if of.anchor_ghz.is_finite() && of.anchor_ghz > 0.0 {
        line.push_str(&format!("; core at {} GHz", three(of.anchor_ghz)));
    }
    line
}

/// Single packets of one group, ns: percentiles, and how stamps and burst totals agree.
/// `None` where nothing was stamped.
pub fn percentiles(group: &GroupBill<'_>) -> Option<Table> {
    let mut head = vec!["case".to_owned()];
    head.extend(PERCENTILES.iter().map(|(_, name)| (*name).to_owned()));
    head.extend(["max", "stamped", "stamping", "bursts", "left over"].map(str::to_owned));
    let mut rows = Vec::new();
    type Pick = for<'a, 'r> fn(&'a Measured<'r>) -> Option<&'a Latency>;
    let directions: [(&str, Pick); 2] = [
        ("send", |m| m.send.as_ref()),
        ("receive", |m| m.receive.as_ref()),
    ];
    for (direction, pick) in directions {
        rows.push(Row {
            label: direction.to_owned(),
            kind: RowKind::Heading,
            cells: Vec::new(),
        });
        let before = rows.len();
        for line in &group.lines {
            if let Some((measured, latency)) = line.measured().and_then(|m| Some((m, pick(m)?))) {
                rows.push(Row {
                    label: line.case.id.clone(),
                    kind: RowKind::Inner,
                    cells: latency_cells(latency, measured.smallest_ns),
                });
            }
        }
        if rows.len() == before {
            rows.pop();
        }
    }
    (!rows.is_empty()).then(|| Table {
        title: format!("Single packets, {}, {}", group.title(), group.temperature()),
        note: "service time of single packets, ns, the stamp included".to_owned(),
        head,
        rows,
    })
}

fn latency_cells(latency: &Latency, smallest_ns: Option<f64>) -> Vec<Cell> {
    let left_over = match (latency.left_over_ns(), smallest_ns) {
        (Some(ns), Some(smallest)) if ns.abs() < smallest => Cell::Below(smallest),
        (Some(ns), _) => Cell::Estimate(ns, None),
        (None, _) => Cell::Blank,
    };
    let mut cells: Vec<Cell> = latency
        .percentiles_ns()
        .iter()
        .map(|ns| Cell::Number(count(*ns)))
        .collect();
    cells.push(Cell::Number(count(latency.histogram.max())));
    cells.push(Cell::Estimate(latency.stamped_ns, None));
    cells.push(
        latency
            .stamping_ns
            .map_or(Cell::Blank, |(mean, half)| Cell::Estimate(mean, half)),
    );
    cells.push(Cell::Estimate(latency.burst_ns, None));
    cells.push(left_over);
    cells
}

/// Both temperatures, in the order of reports.
pub const TEMPERATURES: [Temperature; 2] = [Temperature::Hot, Temperature::Warm];
