//! What it costs that packets, and the entries of tables that they need, are farther away: the same
//! case on the same kind of packets, hot, warm and cold.

use super::{
    Bill, Cell, Difference, GroupBill, RowKind, TEMPERATURES, Table, TableRow as Row, mean,
    temperature,
};
use crate::record::{Temperature, WorkloadKind};
use crate::stats::{Estimate, Shift};

/// How to read it.
const NOTE: &str = "ns a packet, send and receive together. Between two fills of a frame and its turn, warm, twice the L2 was \
     written, cold, twice the last-level cache; what a case keeps in tables (flows, routes, SAs) is as far away as its \
     number and these frames push it. Temperatures are measured one after the other, so that differences are not paired \
     (Welch)";

/// Of generated packets and captures that were measured at two temperatures or more; `None` where
/// there are none.
pub fn temperatures(bill: &Bill<'_>) -> Option<Table> {
    let there = |at: &Temperature| bill.groups.iter().any(|of| of.group.temperature == *at);
    let at: Vec<Temperature> = TEMPERATURES.into_iter().filter(there).collect();
    if at.len() < 2 {
        return None;
    }
    let mut rows = Vec::new();
    let kinds = [WorkloadKind::Size, WorkloadKind::Mix, WorkloadKind::Capture];
    for first in bill.of(&kinds, at[0]) {
        let same = |of: &&GroupBill<'_>| of.title() == first.title();
        let groups: Vec<Option<&GroupBill<'_>>> = at
            .iter()
            .map(|at| bill.of(&kinds, *at).into_iter().find(same))
            .collect();
        if groups.iter().flatten().count() < 2 {
            continue;
        }
        rows.push(Row {
            label: first.title(),
            kind: RowKind::Heading,
            cells: Vec::new(),
        });
        rows.extend(first.lines.iter().map(|line| Row {
            label: line.case.id.clone(),
            kind: RowKind::Inner,
            cells: cells(&line.case.key, &groups),
        }));
    }
    let steps = at
        .windows(2)
        .map(|pair| format!("{} − {}", temperature(pair[1]), temperature(pair[0])));
    let head = ["case".to_owned()]
        .into_iter()
        .chain(at.iter().map(|at| temperature(*at).to_owned()))
        .chain(steps);
    (!rows.is_empty()).then(|| Table {
        title: "What temperature costs".to_owned(),
        note: NOTE.to_owned(),
        head: head.collect(),
        rows,
    })
}

/// A case at each temperature, and each minus the one before.
fn cells(key: &str, groups: &[Option<&GroupBill<'_>>]) -> Vec<Cell> {
    let at: Vec<Option<(&Estimate, Option<f64>)>> = groups
        .iter()
        .map(|group| {
            let measured = (*group)?.line(key)?.measured()?;
            Some((&measured.figures.sum_ns, measured.smallest_ns))
        })
        .collect();
    let times = at
        .iter()
        .map(|of| of.map_or(Cell::Blank, |(sum, _)| Cell::estimate(sum)));
    let steps = at.windows(2).map(|pair| {
        let of = pair[0].zip(pair[1]);
        of.and_then(|(from, to)| step(from, to))
            .map_or(Cell::Blank, Cell::difference)
    });
    times.chain(steps).collect()
}

/// A difference that is not paired; what the A/A comparisons of either side tell bounds it.
fn step(
    (from, from_smallest): (&Estimate, Option<f64>),
    (to, to_smallest): (&Estimate, Option<f64>),
) -> Option<Difference> {
    mean(from)?;
    mean(to)?;
    let shift = Shift::between(&from.instances, &to.instances)?;
    let half = shift.half()?;
    let difference = Estimate {
        mean: shift.mean,
        low: Some(shift.mean - half),
        high: Some(shift.mean + half),
        instances: Vec::new(),
    };
    let smallest = from_smallest.zip(to_smallest);
    let smallest = smallest.map(|(from, to)| from.hypot(to));
    Some(Difference::judge(&difference, smallest))
}
