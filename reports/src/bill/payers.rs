//! Who pays: what a tunnel adds to the flows of a capture, and to the SAs where there are many.

use super::{
    Bill, Cell, Difference, GroupBill, NAME_CHARS, RowKind, Table, TableRow, clean, count, three,
};
use crate::record::{Payer, PayerCost, PayerKind, Payers, PayersBy, Temperature};
use crate::stats::Estimate;

/// How to read it.
pub const PAYERS: &str = "A flow is a 5-tuple in both directions, and is named by a keyed hash that is another one in every \
     run, or by its ends where addresses were asked for; fragments are a flow by addresses and protocol. Bytes are exact. \"leaves as\" counts the packets over \
     the outer MTU, fragments and segments too; the time has no fragmenting in it. The time of a burst is shared out \
     among its packets by their stamps, so that the rows add up to the bill, but for what its medians leave out; \
     it can't be told of fewer than 8 packets.";

/// Fewest packets of a row whose time is told: each has its place in a burst, and of fewer that
/// place is most of what is seen.
const PACKETS_MIN: u64 = 8;
/// Longest name of a flow: two IPv6 addresses with ports.
const FLOW_CHARS: usize = 110;

/// A table, and whose it is.
pub struct Paying {
    /// Of the group.
    pub temperature: Temperature,
    /// Its capture.
    pub capture: String,
    /// Packets of the group.
    pub packets: u64,
    /// Who pays.
    pub table: Table,
}

/// A table for every way of telling the packets of a capture apart, in the order of groups: hot
/// where there is such a group, else warm.
pub fn payers(bill: &Bill<'_>) -> Vec<Paying> {
    let mut tables = Vec::new();
    for group in &bill.groups {
        let hotter = |other: &&GroupBill<'_>| {
            other.name == group.name && other.group.temperature < group.group.temperature
        };
        let is_second = bill.groups.iter().filter(hotter);
        if is_second
            .filter(|other| !other.group.payers.is_empty())
            .count()
            > 0
        {
            continue;
        }
        let of_group = group.group.payers.iter().map(|payers| Paying {
            temperature: group.group.temperature,
            capture: group.name.clone(),
            packets: group.group.packets,
            table: table(group, payers),
        });
        tables.extend(of_group);
    }
    tables
}

/// The tables of the capture that stands for the others: the first of those with most packets.
pub fn most_paying(tables: &[Paying]) -> Vec<&Paying> {
    let most = tables.iter().map(|of| of.packets).max();
    let first = tables.iter().find(|of| Some(of.packets) == most);
    let of_first = |of: &&Paying| first.is_some_and(|first| first.capture == of.capture);
    tables.iter().filter(of_first).collect()
}

fn table(group: &GroupBill<'_>, payers: &Payers) -> Table {
    let (one, many) = match payers.by {
        PayersBy::Flow => ("flow", "flows"),
        PayersBy::Sa => ("SA", "SAs"),
    };
    let case = clean(&payers.case, NAME_CHARS);
    let heads = [
        one,
        "packets",
        "inner bytes",
        "+ bytes",
        "% of it",
        "leaves as",
        "+ ns a packet",
        "+ µs in all",
    ];
    let all = all(group, payers);
    let rows = payers.rows.iter().chain([&all.row]);
    let rows = rows.map(|row| {
        let cost = row.costs.iter().find(|cost| cost.case == payers.case);
        TableRow {
            label: label(row, payers, many),
            kind: RowKind::Plain,
            cells: cells(row, cost, all.added_bytes, all.smallest_ns),
        }
    });
    let title = match payers.by {
        PayersBy::Flow => "Who pays, by flow",
        PayersBy::Sa => "Who pays, by SA",
    };
    Table {
        title: format!(
            "{title}: {}, {}, {case}",
            group.title(),
            group.temperature()
        ),
        note: format!(
            "{} {} in the capture; below, those whose packets were timed, in the order of the bytes that {case} adds; ns and µs over forward, both gateways",
            count(payers.known),
            if payers.known == 1 { one } else { many },
        ),
        head: heads.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// The row that sums up the others, and what all rows are judged by.
struct All {
    row: Payer,
    added_bytes: u64,
    smallest_ns: Option<f64>,
}

/// Counts are sums of the rows; the time is the bill's.
fn all(group: &GroupBill<'_>, payers: &Payers) -> All {
    let measured = group.line(&payers.case).and_then(|line| line.measured());
    let costs = payers.rows.iter().flat_map(|row| &row.costs);
    let costs = costs.filter(|cost| cost.case == payers.case);
    let (added_bytes, wire_packets) = costs.fold((0, 0), |(bytes, packets), cost| {
        (bytes + cost.added_bytes, packets + cost.wire_packets)
    });
    let over_ground = measured.and_then(|measured| {
        let ground = group.line(&payers.case)?.below.last()?;
        let pair = measured
            .figures
            .against
            .iter()
            .find(|pair| pair.case == *ground)?;
        Some(pair.sum_ns.clone())
    });
    let cost = PayerCost {
        case: payers.case.clone(),
        added_bytes,
        wire_packets,
        added_ns: over_ground,
    };
    All {
        row: Payer {
            kind: PayerKind::One,
            name: None,
            count: None,
            packets: payers.rows.iter().map(|row| row.packets).sum(),
            inner_bytes: payers.rows.iter().map(|row| row.inner_bytes).sum(),
            costs: vec![cost],
        },
        added_bytes,
        smallest_ns: measured.and_then(|measured| measured.smallest_ns),
    }
}

fn label(row: &Payer, payers: &Payers, many: &str) -> String {
    match (row.kind, &row.name, payers.by) {
        (PayerKind::One, Some(flow), PayersBy::Flow) => clean(flow, FLOW_CHARS),
        (PayerKind::One, Some(number), PayersBy::Sa) => format!("SA {}", clean(number, NAME_CHARS)),
        (PayerKind::One, None, _) => "all".to_owned(),
        (PayerKind::Rest, ..) => format!("{} other {many}", count(row.count.unwrap_or(0))),
        (PayerKind::Beyond, ..) => format!("{many} behind the first {}", count(payers.known)),
    }
}

fn cells(
    row: &Payer,
    cost: Option<&PayerCost>,
    all_bytes: u64,
    smallest_ns: Option<f64>,
) -> Vec<Cell> {
    let mut cells = vec![
        Cell::Number(count(row.packets)),
        Cell::Number(count(row.inner_bytes)),
    ];
    let Some(cost) = cost else {
        return cells;
    };
    let percent = 100.0 * cost.added_bytes as f64 / all_bytes.max(1) as f64;
    let judged = judge(row.packets, cost.added_ns.as_ref(), smallest_ns);
    cells.extend([
        Cell::Number(count(cost.added_bytes)),
        Cell::Number(three(percent)),
        Cell::Number(count(cost.wire_packets)),
        Cell::difference(judged),
        Cell::difference(times(judged, row.packets as f64 / 1e3)),
    ]);
    cells
}

fn judge(packets: u64, added_ns: Option<&Estimate>, smallest_ns: Option<f64>) -> Difference {
    match added_ns {
        Some(estimate) if packets >= PACKETS_MIN => Difference::judge(estimate, smallest_ns),
        _ => Difference::CannotTell,
    }
}

fn times(difference: Difference, factor: f64) -> Difference {
    match difference {
        Difference::Told { mean, half } => Difference::Told {
            mean: mean * factor,
            half: half * factor,
        },
        Difference::Below(bound) => Difference::Below(bound * factor),
        Difference::CannotTell => Difference::CannotTell,
    }
}
