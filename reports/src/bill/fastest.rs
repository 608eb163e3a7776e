//! Which library costs least: by the difference of two in every instance, measured in turns.

use super::{Cell, Difference, GroupBill, Line, Measured, RowKind, Table, TableRow, mean};
use crate::stats::Estimate;

/// The library of each cipher that costs least, by workload; `None` where no cipher has two.
pub fn fastest(groups: &[&GroupBill<'_>]) -> Option<Table> {
    let timed = groups.first()?.timed();
    let mut ciphers: Vec<&str> = Vec::new();
    for line in groups.iter().flat_map(|group| &group.lines) {
        let cipher = line.case.without_library();
        if line.case.library.is_some() && !ciphers.contains(&cipher) {
            ciphers.push(cipher);
        }
    }
    let row = |cipher: &&str| {
        let cells: Vec<Cell> = groups.iter().map(|group| cell(group, cipher)).collect();
        let compares = cells.iter().any(|cell| *cell != Cell::Blank);
        compares.then(|| TableRow {
            label: (*cipher).to_owned(),
            kind: RowKind::Plain,
            cells,
        })
    };
    let rows: Vec<TableRow> = ciphers.iter().filter_map(row).collect();
    let head = std::iter::once("fastest here".to_owned())
        .chain(groups.iter().map(|group| group.name.clone()))
        .collect();
    (!rows.is_empty()).then(|| Table {
        title: String::new(),
        note: format!(
            "fastest here: the library of a cipher that costs least, {}; those behind a comma can't be told from it",
            timed.halves
        ),
        head,
        rows,
    })
}

/// The fastest library of a cipher, and those that can't be told from it.
fn cell(group: &GroupBill<'_>, cipher: &str) -> Cell {
    let lines = group.lines.iter();
    let of_cipher = lines.filter(|line| line.case.without_library() == cipher);
    let Some((best, _, level)) = least(of_cipher) else {
        return Cell::Blank;
    };
    if group.shared_core {
        return Cell::CannotTell;
    }
    let names = std::iter::once(best).chain(level);
    let names: Vec<&str> = names
        .filter_map(|line| line.case.library.as_deref())
        .collect();
    Cell::Text(names.join(", "))
}

/// Of these lines with a library the one that costs least, its time in ns, and which can't be
/// told from it; `None` of fewer than two.
pub(super) fn least<'b, 'r: 'b>(
    lines: impl Iterator<Item = &'b Line<'r>>,
) -> Option<(&'b Line<'r>, f64, Vec<&'b Line<'r>>)> {
    let mut lines: Vec<(&Line<'r>, f64)> = lines
        .filter(|line| line.case.library.is_some())
        .filter_map(|line| Some((line, mean(&line.measured()?.figures.sum_ns)?)))
        .collect();
    lines.sort_by(|a, b| a.1.total_cmp(&b.1));
    let ((best, best_ns), others) = lines
        .split_first()
        .filter(|(_, others)| !others.is_empty())?;
    let level = others.iter().map(|(line, _)| *line);
    let level = level.filter(|line| !is_dearer(line, best)).collect();
    Some((best, *best_ns, level))
}

/// Whether the run tells that `line` costs more than `best`.
fn is_dearer(line: &Line<'_>, best: &Line<'_>) -> bool {
    let (Some(more), Some(less)) = (line.measured(), best.measured()) else {
        return false;
    };
    let instances = |measured: &Measured<'_>| measured.figures.sum_ns.instances.clone();
    let pairs = instances(more).into_iter().zip(instances(less));
    let Some(estimate) = Estimate::from_instances(pairs.map(|(a, b)| a - b).collect()) else {
        return false;
    };
    let smallest = more.smallest_ns.zip(less.smallest_ns);
    let judged = Difference::judge(&estimate, smallest.map(|(a, b)| a.max(b)));
    matches!(judged, Difference::Told { mean, .. } if mean > 0.0)
}
