//! The figures of a report: what is drawn, its key, and the table behind it.

use super::chart::{self, Bar, Curve, CurvePanel, DrawError, Format, Panel};
use crate::bill::{
    self, Bill, Cell, Curves, GroupBill, Latency, Line, Measured, RowKind, TEMPERATURES, Table,
    TableRow,
};
use crate::record::WorkloadKind;

/// A chart in both formats, with what people need who can't see it.
pub struct Figure {
    /// Anchor.
    pub id: String,
    /// For a list of contents.
    pub short: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// Series and their names.
    pub key: Vec<(usize, String)>,
    /// The chart, wide and narrow; empty where nothing can be drawn.
    pub charts: Vec<String>,
    /// The same as figures.
    pub table: Table,
}

/// Most bars that a phone has room for.
const BARS_MAX: usize = 8;

/// The bill by packet size, or by capture where no sizes were measured.
pub fn by_size(bill: &Bill<'_>) -> Option<Figure> {
    let sets: [&[WorkloadKind]; 3] = [
        &[WorkloadKind::Size, WorkloadKind::Mix],
        &[WorkloadKind::Capture],
        &[WorkloadKind::Received],
    ];
    let (kinds, mut groups, temperature) = sets.into_iter().find_map(|kinds| {
        TEMPERATURES.into_iter().find_map(|temperature| {
            let groups = bill.of(kinds, temperature);
            (!groups.is_empty()).then_some((kinds, groups, temperature))
        })
    })?;
    let by = if kinds.contains(&WorkloadKind::Size) {
        "packet size"
    } else {
        "capture"
    };
    // Other numbers of flows have a figure of their own.
    let flows = bill.flagship().and_then(|group| group.group.flows);
    groups.retain(|group| group.group.flows == flows);
    let left = groups.len().saturating_sub(BARS_MAX);
    groups.truncate(BARS_MAX);
    let shown = groups.first()?;
    let ends = ends(shown);
    let steps = Steps::of(&groups, &ends);
    let panels: Vec<Panel> = ends
        .into_iter()
        .map(|line| Panel {
            title: line.case.spoken(),
            bars: groups
                .iter()
                .map(|group| {
                    steps.bar(
                        group,
                        &line.case.key,
                        &group.marked(&group.name),
                        &group.marked(&group.title()),
                    )
                })
                .collect(),
        })
        .collect();
    let more = if left == 0 {
        String::new()
    } else {
        format!(" {left} more are in the tables.")
    };
    let scale = if chart::on_one_scale(&panels) {
        ""
    } else {
        " Each panel has its own scale."
    };
    let title = format!("The bill by {by}");
    let caption = format!(
        "{}, ns a packet, {}, one core; the first library listed of each cipher. \
         Heights are means; what can't be told from nothing is marked in the tables.{scale}{more}",
        shown.timed().sentence,
        bill::temperature(temperature)
    );
    let label = format!("Stacked bars: {title}. The table below has the same figures.");
    Some(Figure {
        id: "by-size".to_owned(),
        short: "The bill".to_owned(),
        charts: both(|format| chart::sizes(format, &panels, &label)),
        key: steps.key(),
        table: steps.table(&panels, shown),
        title,
        caption,
    })
}

/// Every library, for a few workloads.
pub fn by_library(bill: &Bill<'_>) -> Option<Figure> {
    let groups = bill::receipt_groups(bill);
    let shown = groups.first()?;
    let mut lines: Vec<&Line<'_>> = Vec::new();
    for line in groups.iter().flat_map(|group| &group.lines) {
        if !lines.iter().any(|seen| seen.case == line.case) {
            lines.push(line);
        }
    }
    let steps = Steps::of(&groups, &lines);
    let panels: Vec<Panel> = groups
        .iter()
        .map(|group| Panel {
            title: group.marked(&group.title()),
            bars: library_bars(&steps, group, &lines),
        })
        .collect();
    let title = "Ciphers and libraries".to_owned();
    let label = format!("Stacked bars: {title}. The table below has the same figures.");
    Some(Figure {
        id: "by-library".to_owned(),
        short: "Libraries".to_owned(),
        caption: format!(
            "{}, ns a packet, {}. Each panel has its own scale.",
            shown.timed().sentence,
            shown.temperature()
        ),
        charts: both(|format| chart::libraries(format, &panels, &label)),
        key: steps.key(),
        table: steps.table(&panels, shown),
        title,
    })
}

/// Single packets of the flagship workload.
pub fn by_percentile(bill: &Bill<'_>) -> Option<Figure> {
    let group = bill.flagship()?;
    let table = bill::percentiles(group)?;
    let lines = group.short_list();
    let panels: Vec<CurvePanel> = DIRECTIONS
        .iter()
        .filter(|(_, pick)| {
            let mut measured = lines.iter().filter_map(|line| line.measured());
            measured.any(|measured| pick(measured).is_some())
        })
        .map(|(title, pick)| CurvePanel {
            title: (*title).to_owned(),
            curves: lines
                .iter()
                .enumerate()
                .filter_map(|(series, line)| {
                    Some(Curve {
                        series,
                        points: pick(line.measured()?)?.curve(),
                    })
                })
                .collect(),
        })
        .collect();
    let clock = &bill.record.provenance.clock;
    let title = "Single packets by percentile".to_owned();
    let label = format!("Lines: {title}. The table below has the same figures.");
    Some(Figure {
        id: "by-percentile".to_owned(),
        short: "Single packets".to_owned(),
        caption: format!(
            "Service time of single packets, {}, {}, both axes logarithmic. The stamp's own cost is in it. The clock \
             moves in steps of {} ns: near that a line is a staircase. Service time, not latency: no packet waits.",
            group.title(),
            group.temperature(),
            bill::estimate(clock.step_ns, None, bill::Room::Tight)
        ),
        charts: both(|format| chart::percentiles(format, &panels, &label)),
        key: lines
            .iter()
            .map(|line| line.case.id.clone())
            .enumerate()
            .collect(),
        table,
        title,
    })
}

/// What a packet costs by the number of rules, routes, SAs or flows: a figure of each.
pub fn by_count(bill: &Bill<'_>) -> Vec<Figure> {
    let of_each = bill::curves(bill).into_iter().enumerate();
    of_each.map(|(at, of)| of_number(at, of)).collect()
}

fn of_number(at: usize, of: Curves) -> Figure {
    let mut names: Vec<String> = Vec::new();
    for curve in of.panels.iter().flat_map(|(_, curves)| curves) {
        if !names.contains(&curve.name) {
            names.push(curve.name.clone());
        }
    }
    let line = |curve: &bill::Curve| {
        let points = curve.points.iter();
        Some(Curve {
            series: names.iter().position(|name| *name == curve.name)?,
            points: points
                .map(|(count, ns, _)| ((*count as f64).log10(), *ns))
                .collect(),
        })
    };
    let panels: Vec<CurvePanel> = of
        .panels
        .iter()
        .map(|(temperature, curves)| CurvePanel {
            title: bill::temperature(*temperature).to_owned(),
            curves: curves.iter().filter_map(line).collect(),
        })
        .collect();
    let title = format!("Cost by number of {}", of.of);
    let label = format!("Lines: {title}. The table below has the same figures.");
    Figure {
        id: format!("curve-{at}"),
        short: format!("By {}", of.of),
        caption: format!(
            "{}, {}; the number is logarithmic. {}",
            of.workload,
            of.table.note,
            bill::CURVES
        ),
        charts: both(|format| chart::counts(format, &panels, &label)),
        key: names.into_iter().enumerate().collect(),
        table: Table {
            title: String::new(),
            ..of.table
        },
        title,
    }
}

type Pick = for<'a, 'r> fn(&'a Measured<'r>) -> Option<&'a Latency>;
const DIRECTIONS: [(&str, Pick); 2] = [
    ("send", |m| m.send.as_ref()),
    ("receive", |m| m.receive.as_ref()),
];

/// A chart in both formats, as far as it can be drawn.
pub fn both(draw: impl Fn(Format) -> Result<String, DrawError>) -> Vec<String> {
    [Format::Wide, Format::Narrow]
        .into_iter()
        .filter_map(|format| draw(format).ok())
        .collect()
}

/// The lines that a bar is drawn for: the short list's ciphers, or the highest step there is.
fn ends<'b, 'r>(group: &'b GroupBill<'r>) -> Vec<&'b Line<'r>> {
    let list = group.short_list();
    let ciphers: Vec<&Line<'r>> = list
        .iter()
        .copied()
        .filter(|line| line.case.library.is_some())
        .collect();
    if ciphers.is_empty() {
        list.into_iter()
            .max_by_key(|line| line.depth())
            .into_iter()
            .collect()
    } else {
        ciphers
    }
}

/// The steps that some bars are stacked of, each a series of its own wherever it stands.
struct Steps(Vec<String>);

impl Steps {
    /// Those of these lines in these groups, in the order of the bars.
    fn of(groups: &[&GroupBill<'_>], lines: &[&Line<'_>]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for group in groups {
            let lines = lines.iter().filter_map(|line| group.line(&line.case.key));
            for step in lines.flat_map(|line| group.chain(line)) {
                if !names.contains(&step.step) {
                    names.push(step.step.clone());
                }
            }
        }
        Self(names)
    }

    fn key(&self) -> Vec<(usize, String)> {
        self.0.iter().cloned().enumerate().collect()
    }

    fn bar(&self, group: &GroupBill<'_>, key: &str, label: &str, name: &str) -> Bar {
        let steps_ns = match group.line(key) {
            None => Err("not run"),
            Some(line) if line.outcome.is_err() => Err("failed"),
            Some(line) => self.steps_ns(group, line).ok_or("cannot tell"),
        };
        Bar {
            label: label.to_owned(),
            name: name.to_owned(),
            steps_ns,
        }
    }

    fn steps_ns(&self, group: &GroupBill<'_>, line: &Line<'_>) -> Option<Vec<(usize, f64)>> {
        let chain = group.chain(line);
        let series = chain
            .iter()
            .map(|line| self.0.iter().position(|name| *name == line.step));
        let series = series.collect::<Option<Vec<usize>>>()?;
        Some(series.into_iter().zip(group.steps_ns(line)?).collect())
    }

    /// The figures behind stacked bars.
    fn table(&self, panels: &[Panel], group: &GroupBill<'_>) -> Table {
        let columns = self.0.len();
        let head = std::iter::once(String::new())
            .chain(self.0.iter().cloned())
            .chain(["all".to_owned()])
            .collect();
        let cell = |ns: Option<f64>| ns.map_or(Cell::Blank, |ns| Cell::Estimate(ns, None));
        let row = |label: &str, cells| TableRow {
            label: label.to_owned(),
            kind: RowKind::Inner,
            cells,
        };
        let mut rows = Vec::new();
        for panel in panels {
            let heading = |label: &str| TableRow {
                label: label.to_owned(),
                kind: RowKind::Heading,
                cells: Vec::new(),
            };
            rows.push(heading(&panel.title));
            for bar in &panel.bars {
                let steps = match &bar.steps_ns {
                    Ok(steps) => steps,
                    Err(why) => {
                        let cells = vec![Cell::Text((*why).to_owned())];
                        rows.push(row(&bar.name, cells));
                        continue;
                    }
                };
                if steps.is_empty() {
                    continue;
                }
                let of = |series| {
                    steps
                        .iter()
                        .find(|(of, _)| *of == series)
                        .map(|(_, ns)| *ns)
                };
                let mut cells: Vec<Cell> = (0..columns).map(|series| cell(of(series))).collect();
                cells.push(cell(bar.total_ns()));
                rows.push(row(&bar.name, cells));
            }
        }
        Table {
            title: String::new(),
            note: format!("ns a packet, {}, means", group.timed().halves),
            head,
            rows,
        }
    }
}

/// A bar for each of `lines`, measured in `group`; panels beside each other share their labels.
fn library_bars(steps: &Steps, group: &GroupBill<'_>, lines: &[&Line<'_>]) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut heading = "";
    for line in lines {
        let Some(library) = &line.case.library else {
            bars.push(steps.bar(group, &line.case.key, &line.case.id, &line.case.id));
            continue;
        };
        if heading != line.case.without_library() {
            heading = line.case.without_library();
            bars.push(Bar {
                label: line.case.heading(),
                name: String::new(),
                steps_ns: Ok(Vec::new()),
            });
        }
        let label = format!("\u{2002}{library}");
        bars.push(steps.bar(group, &line.case.key, &label, &line.case.id));
    }
    bars
}
