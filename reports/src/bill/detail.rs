//! One group in full: burst totals and what follows from them, and single packets.

use std::fmt::Write;

use super::tables::layout;
use super::{
    Cell, GroupBill, Latency, Line, Measured, PERCENTILES, Percentile, RowKind, Table,
    TableRow as Row, bytes, count, three,
};
use crate::record::{CpuCounts, Record, WorkloadKind};

/// Head of a column that stands only where a case has some.
const FRAGMENTS: &str = "fragments";

type Pick = for<'a, 'r> fn(&'a Measured<'r>) -> Option<&'a Latency>;

/// Everything that was measured of one group, but for single packets.
pub fn full(group: &GroupBill<'_>) -> Table {
    let ground = group.lines.iter().find(|line| line.depth() == 0);
    let times = format!("× {}", ground.map_or("ground", |line| &line.case.id));
    let heads = [
        "case", "send", "receive", "both", "step", "tells", &times, "Gbit/s", "Mpps", "+ bytes",
        "over MTU", FRAGMENTS, "dropped", "clock %",
    ];
    let cut = |measured: &Measured<'_>| measured.figures.work.fragments > 0;
    let has_cut = group.lines.iter().filter_map(Line::measured).any(cut);
    let (label, columns) = (heads[0], &heads[1..]);
    let columns = columns.iter().filter(|head| has_cut || **head != FRAGMENTS);
    let mut columns: Vec<&str> = columns.copied().collect();
    if group.is_received() {
        keep_receive(&mut columns);
    }
    let rows = group
        .lines
        .iter()
        .map(|line| {
            let (kind, cells) = match &line.outcome {
                Ok(measured) => {
                    let mut cells = full_cells(measured, has_cut);
                    if group.is_received() {
                        keep_receive(&mut cells);
                    }
                    (RowKind::Plain, cells)
                }
                Err(message) => (RowKind::Failed(message.clone()), Vec::new()),
            };
            Row {
                label: line.case.id.clone(),
                kind,
                cells,
            }
        })
        .collect();
    let head = [label].into_iter().chain(columns);
    Table {
        title: group.marked(&format!("{}, {}", group.title(), group.temperature())),
        note: circumstances(group),
        head: head.map(str::to_owned).collect(),
        rows,
    }
}

/// Without the columns behind the label that need a sender: send, and both halves.
fn keep_receive<T>(columns: &mut Vec<T>) {
    columns.remove(2);
    columns.remove(0);
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

fn full_cells(measured: &Measured<'_>, has_cut: bool) -> Vec<Cell> {
    let figures = measured.figures;
    let work = &figures.work;
    let drops = super::aside::reasons(&work.drops);
    let clock = figures
        .clock_share_percent
        .into_iter()
        .fold(f64::NAN, f64::max);
    let mut cells = vec![
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
    ];
    if has_cut {
        cells.push(Cell::Number(count(work.fragments)));
    }
    cells.push(if drops.is_empty() {
        Cell::Number("0".to_owned())
    } else {
        Cell::Text(drops)
    });
    let clock = Some(clock).filter(|share| share.is_finite());
    cells.push(Cell::number(clock, three));
    cells
}

/// The circumstances of a group, in a line.
fn circumstances(group: &GroupBill<'_>) -> String {
    let of = group.group;
    let kind = match of.kind {
        WorkloadKind::Size => "packets of one size",
        WorkloadKind::Mix => "packets of a mix",
        WorkloadKind::Capture => "packets in the order of the capture",
        WorkloadKind::Class => {
            "packets of one size class, without fragments, grouped into bursts of their own"
        }
        WorkloadKind::Received => {
            "packets that others sealed, received in the order of the capture and not sent"
        }
    };
    let flows = of.flows.map_or_else(String::new, |flows| {
        format!(
            " and {} flow{}",
            count(flows),
            if flows == 1 { "" } else { "s" }
        )
    });
    let mut line = format!(
        "ns a packet; {} {kind}{flows}, {} bytes in the mean; bursts of {}, {} packets a reading; {} instances of {} rounds or more",
        count(of.packets),
        bytes(of.mean_inner_bytes),
        of.burst,
        of.packets_per_reading,
        of.instances,
        of.rounds,
    );
    if of.anchor_ghz.is_finite() && of.anchor_ghz > 0.0 {
        let _ = write!(line, "; core at {} GHz", three(of.anchor_ghz));
        let _ = write!(line, ", {} additions a cycle", three(of.anchor_width));
    }
    line
}

/// Single packets of one group, ns: percentiles, and how stamps and burst totals agree.
/// `None` where nothing was stamped.
pub fn percentiles(group: &GroupBill<'_>) -> Option<Table> {
    let mut head = vec!["case".to_owned()];
    head.extend(PERCENTILES.iter().map(|(_, name)| (*name).to_owned()));
    head.extend(["max", "stamped", "stamping", "bursts", "beyond"].map(str::to_owned));
    let mut rows = Vec::new();
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
        note: "service time, ns, the stamp included; percentiles are means over instances, ± half of the interval and a step of the clock (without ±: of all packets together), and blank with fewer than 10 packets beyond them; mean of the stamps (stamped) = burst totals (bursts) + what a packet alone takes beyond its part of a burst, stamp and stalls included (beyond); stamping is the median of that".to_owned(),
        head,
        rows,
    })
}

/// What the CPU counted a packet, send and receive together; `None` where it counted nothing.
pub fn counted(group: &GroupBill<'_>) -> Option<Table> {
    let row = |line: &Line<'_>| {
        let [send, receive] = line.measured()?.figures.counted?;
        let a_packet = |of: fn(&CpuCounts) -> Option<u64>| {
            let part = |counts: &CpuCounts| match counts.packets {
                0 => Some(0.0),
                packets => Some(of(counts)? as f64 / packets as f64),
            };
            Some(part(&send)? + part(&receive)?)
        };
        let (instructions, cycles) = (a_packet(|of| of.instructions), a_packet(|of| of.cycles));
        let both = instructions.zip(cycles).filter(|(_, cycles)| *cycles > 0.0);
        let cells = [
            instructions,
            cycles,
            both.map(|(instructions, cycles)| instructions / cycles),
            a_packet(|of| of.branch_misses),
            a_packet(|of| of.cache_misses),
        ];
        Some(Row {
            label: line.case.id.clone(),
            kind: RowKind::Plain,
            cells: cells.map(|of| Cell::number(of, three)).to_vec(),
        })
    };
    let rows: Vec<Row> = group.lines.iter().filter_map(row).collect();
    let head = [
        "case",
        "instructions",
        "cycles",
        "instructions a cycle",
        "branch misses",
        "cache misses",
    ];
    (!rows.is_empty()).then(|| Table {
        title: format!(
            "Counted by the CPU, {}, {}",
            group.title(),
            group.temperature()
        ),
        note: "a packet, send and receive together, in walks that were not timed; user mode alone"
            .to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows,
    })
}

fn latency_cells(latency: &Latency, smallest_ns: Option<f64>) -> Vec<Cell> {
    let left_over = match (latency.beyond_burst_ns(), smallest_ns) {
        (Some(ns), Some(smallest)) if ns.abs() < smallest => Cell::Below(smallest),
        (Some(ns), _) => Cell::Estimate(ns, None),
        (None, _) => Cell::Blank,
    };
    let mut cells: Vec<Cell> = latency
        .percentiles_ns
        .iter()
        .map(|percentile| match percentile {
            Some(Percentile::OverInstances(ns, half)) => Cell::Estimate(*ns, *half),
            Some(Percentile::OfAll(ns)) => Cell::Number(count(*ns)),
            None => Cell::Blank,
        })
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
