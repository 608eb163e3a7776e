//! Cost curves: what a packet costs by the number of rules, routes, SAs or flows.

use super::{
    Bill, Cell, GroupBill, Line, NAME_CHARS, RowKind, TEMPERATURES, Table, TableRow, clean, count,
    half, mean, temperature,
};
use crate::record::{Point, Temperature};

/// How to read them.
pub const CURVES: &str = "What a packet costs in all, not a difference, by the number of something. Cases that \
     differ in it have the same packets; other numbers of flows have packets of their own.";
/// What generated packets are spread over.
const FLOWS: &str = "flows";

/// The curves over one thing.
pub struct Curves {
    /// What is counted: `rules`.
    pub of: String,
    /// The workload in words.
    pub workload: String,
    /// The curves at each temperature.
    pub panels: Vec<(Temperature, Vec<Curve>)>,
    /// The same as figures.
    pub table: Table,
}

/// One curve.
#[derive(Clone)]
pub struct Curve {
    /// What it is of: `established flows`.
    pub name: String,
    /// Number, ns, and half of the interval; ascending.
    pub points: Vec<(u64, f64, Option<f64>)>,
}

/// All curves of the workload that stands for the run.
pub fn curves(bill: &Bill<'_>) -> Vec<Curves> {
    let Some(flagship) = bill.flagship() else {
        return Vec::new();
    };
    let mut counted: Vec<&str> = Vec::new();
    for point in bill.record.cases.iter().filter_map(|c| c.point.as_ref()) {
        if !counted.contains(&point.of.as_str()) {
            counted.push(&point.of);
        }
    }
    let by_case = counted.into_iter().map(|of| {
        let curves = |groups: &[&GroupBill<'_>]| by_case(bill, groups, of);
        drawn(bill, flagship, of, curves)
    });
    let by_flows = drawn(bill, flagship, FLOWS, |groups| {
        by_flows(groups, &flagship.short_list())
    });
    by_case.chain([by_flows]).flatten().collect()
}

/// The curves over one thing at every temperature; `None` where no curve has two points.
fn drawn(
    bill: &Bill<'_>,
    flagship: &GroupBill<'_>,
    of: &str,
    curves: impl Fn(&[&GroupBill<'_>]) -> Vec<Curve>,
) -> Option<Curves> {
    let panels = TEMPERATURES.into_iter().map(|temperature| {
        let mut groups = bill.of(&[flagship.group.kind], temperature);
        groups.retain(|group| group.group.workload == flagship.group.workload);
        if of != FLOWS {
            groups.retain(|group| group.group.flows == flagship.group.flows);
        }
        let mut curves = curves(&groups);
        curves.retain(|curve| curve.points.len() > 1);
        (temperature, curves)
    });
    let panels: Vec<(Temperature, Vec<Curve>)> =
        panels.filter(|(_, curves)| !curves.is_empty()).collect();
    let of = clean(of, NAME_CHARS);
    let workload = match flagship.size() {
        Some(size) if of == FLOWS => format!("{size} bytes"),
        _ => flagship.title(),
    };
    (!panels.is_empty()).then(|| Curves {
        table: table(&of, &workload, flagship.timed().halves, &panels),
        workload,
        of,
        panels,
    })
}

/// Curves whose points are cases.
fn by_case(bill: &Bill<'_>, groups: &[&GroupBill<'_>], of: &str) -> Vec<Curve> {
    let mut curves = Vec::new();
    let cases = bill.record.cases.iter();
    let points = cases.filter_map(|case| Some((&case.id, case.point.as_ref()?)));
    for (id, Point { curve, count, .. }) in points.filter(|(_, point)| point.of == of) {
        for group in groups {
            add(&mut curves, curve, *count, group.line(id));
        }
    }
    curves
}

/// Curves whose points are groups.
fn by_flows(groups: &[&GroupBill<'_>], lines: &[&Line<'_>]) -> Vec<Curve> {
    let mut curves = Vec::new();
    for group in groups {
        for line in lines {
            let flows = group.group.flows.unwrap_or(0);
            add(
                &mut curves,
                &line.case.id,
                flows,
                group.line(&line.case.key),
            );
        }
    }
    curves
}

/// Adds a point; curves come in the order of their first points.
fn add(curves: &mut Vec<Curve>, name: &str, count: u64, line: Option<&Line<'_>>) {
    let sum_ns = line.and_then(Line::measured).map(|m| &m.figures.sum_ns);
    let Some((ns, half)) = sum_ns.and_then(|of| Some((mean(of)?, half(of)))) else {
        return;
    };
    let name = clean(name, NAME_CHARS);
    let at = curves.iter().position(|curve| curve.name == name);
    let at = at.unwrap_or_else(|| {
        let points = Vec::new();
        curves.push(Curve { name, points });
        curves.len() - 1
    });
    let points = &mut curves[at].points;
    // None is no number of anything, and two of one number are no curve.
    if count > 0 && points.iter().all(|(other, ..)| *other != count) {
        points.push((count, ns, half));
        points.sort_by_key(|(count, ..)| *count);
    }
}

fn table(of: &str, workload: &str, halves: &str, panels: &[(Temperature, Vec<Curve>)]) -> Table {
    let points = panels.iter().flat_map(|(_, curves)| curves);
    let mut counts: Vec<u64> = points
        .flat_map(|curve| curve.points.iter().map(|(count, ..)| *count))
        .collect();
    counts.sort_unstable();
    counts.dedup();
    let mut rows = Vec::new();
    for (at, curves) in panels {
        rows.push(TableRow {
            label: temperature(*at).to_owned(),
            kind: RowKind::Heading,
            cells: Vec::new(),
        });
        rows.extend(curves.iter().map(|curve| TableRow {
            label: curve.name.clone(),
            kind: RowKind::Inner,
            cells: counts.iter().map(|count| curve.cell(*count)).collect(),
        }));
    }
    Table {
        title: format!("By number of {of}, {workload}"),
        note: format!("ns a packet, {halves}"),
        head: std::iter::once(of.to_owned())
            .chain(counts.iter().map(|n| count(*n)))
            .collect(),
        rows,
    }
}

impl Curve {
    fn cell(&self, count: u64) -> Cell {
        let point = self.points.iter().find(|(of, ..)| *of == count);
        point.map_or(Cell::Blank, |(_, ns, half)| Cell::Estimate(*ns, *half))
    }
}
