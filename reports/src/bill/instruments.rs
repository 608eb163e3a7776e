//! What measuring itself adds to a packet, by row: readings of the clock, of which as many as were
//! calibrated are subtracted, and stamps, which stay in the percentiles.

use super::difference::{half, mean};
use super::{Cell, GroupBill, Measured, RowKind, Table, TableRow as Row, three};
use crate::record::{Clock, Figures};
use crate::stats::Estimate;

/// One group; `None` where no row says what its readings took.
pub fn instruments(group: &GroupBill<'_>, clock: &Clock) -> Option<Table> {
    let packets = f64::from(group.group.packets_per_reading.max(1));
    let row = |line: &super::Line<'_>| {
        let cells = cells(line.measured()?, packets, clock)?;
        Some(Row {
            label: line.case.id.clone(),
            kind: RowKind::Plain,
            cells,
        })
    };
    let rows: Vec<Row> = group.lines.iter().filter_map(row).collect();
    let head = [
        "case",
        "a reading",
        "a packet",
        "subtracted",
        "left in means",
        "stamping",
        "all together",
        "% of a packet",
    ];
    (!rows.is_empty()).then(|| Table {
        title: format!(
            "What measuring adds, {}, {}",
            group.title(),
            group.temperature()
        ),
        note: "ns, send and receive together but for a reading, whose mean it is, taken beside this case's work; a packet: its \
               part of the readings; subtracted: as many as were calibrated in a loop of their own; left in means: the \
               difference; stamping: stays in percentiles; all together: readings and stamps"
            .to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows,
    })
}

fn cells(measured: &Measured<'_>, packets: f64, clock: &Clock) -> Option<Vec<Cell>> {
    let figures = measured.figures;
    let readings: Vec<&Estimate> = figures.reading_ns.iter().flatten().collect();
    let halves = readings.len() as f64;
    let reading = together(&readings, |ns| ns / halves)?;
    let packet = together(&readings, |ns| ns / packets)?;
    let subtracted_ns = halves * clock.fenced_reading_ns / packets;
    let left = together(&readings, |ns| ns / packets - subtracted_ns / halves)?;
    let stamping = stamping(figures, &readings);
    let all = match &stamping {
        Some(stamping) => together(&[&packet, stamping], |ns| ns)?,
        None => packet.clone(),
    };
    let percent = mean(&all).map(|ns| 100.0 * ns / figures.sum_ns.mean);
    Some(vec![
        Cell::estimate(&reading),
        Cell::estimate(&packet),
        Cell::number(Some(subtracted_ns), three),
        signed(&left),
        stamping.as_ref().map_or(Cell::Blank, Cell::estimate),
        Cell::estimate(&all),
        Cell::number(percent, three),
    ])
}

/// What is left, or that it is less than its interval tells.
fn signed(left: &Estimate) -> Cell {
    match (mean(left), half(left)) {
        (Some(mean), Some(half)) if mean.abs() < half => Cell::Below(mean.abs() + half),
        _ => Cell::estimate(left),
    }
}

/// What the stamps of the halves that have readings added.
fn stamping(figures: &Figures, readings: &[&Estimate]) -> Option<Estimate> {
    let halves = [&figures.send_stamped, &figures.receive_stamped];
    let walked = halves.iter().zip(&figures.reading_ns);
    let stamps: Vec<&Estimate> = walked
        .filter(|(stamped, reading)| reading.is_some() && stamped.packets > 0)
        .map(|(stamped, _)| &stamped.stamping_ns)
        .collect();
    (stamps.len() == readings.len()).then(|| together(&stamps, |ns| ns))?
}

/// The sum over these, instance by instance, of a part of each.
fn together(parts: &[&Estimate], part: impl Fn(f64) -> f64) -> Option<Estimate> {
    let instances = parts.iter().map(|of| of.instances.len()).min()?;
    let sum = |at: usize| parts.iter().map(|of| part(of.instances[at])).sum();
    Estimate::from_instances((0..instances).map(sum).collect())
}
