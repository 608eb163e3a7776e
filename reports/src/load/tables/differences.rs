//! What packets see through every case beside the ground, at the load that they have alike.

use super::super::LoadRecord;
use super::super::difference::{Figure, Row, Verdict, differences};
use super::{number, row, time_within};
use crate::bill::{Cell, NAME_CHARS, RowKind, Table, clean, half, list};
use crate::stats::Estimate;

/// The table; nothing where no case has a twin, or no other case is beside it.
pub fn at_the_same_load(record: &LoadRecord) -> Option<Table> {
    let ground = clean(&record.twin.as_ref()?.case, NAME_CHARS);
    let found = differences(record);
    let mut rows = Vec::new();
    for (at, of) in found.iter().enumerate() {
        if at == 0 || found[at - 1].case != of.case {
            let name = clean(&of.case, NAME_CHARS);
            rows.push(row(name, RowKind::Heading, Vec::new()));
        }
        let how = if of.modelled { "modelled" } else { "paced" };
        let label = format!("{}, {how}", of.figure.name());
        rows.push(row(label, RowKind::Inner, cells(of)));
    }
    let above = format!("above {ground}");
    (!rows.is_empty()).then(|| Table {
        title: "At the same load".to_owned(),
        note: format!(
            "the case's latency minus {ground}'s, paired by instance; tells: smallest difference that a twin of {ground} \
             in the same instances lets tell, at 95 % power; below it, or where the interval holds 0: cannot tell; - \
             where some instance has fewer than 10 packets beyond"
        ),
        head: ["", &ground, "the case", &above, "tells", "is"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    })
}

fn cells(of: &Row) -> Vec<Cell> {
    let shown = |of: Option<&Estimate>| {
        number(of.map_or_else(|| "-".to_owned(), |of| time_within(of.mean, half(of))))
    };
    let tells = of
        .tells_ns
        .map_or_else(|| "-".to_owned(), |ns| time_within(ns, None));
    vec![
        shown(of.ground.as_ref()),
        shown(of.own.as_ref()),
        shown(of.above.as_ref()),
        number(tells),
        Cell::Text(word(of.verdict).to_owned()),
    ]
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Slower => "slower",
        Verdict::Faster => "faster",
        Verdict::CannotTell => "cannot tell",
        Verdict::Overloaded => "overloaded",
    }
}

/// The same in sentences, one a case, as it was paced.
pub fn difference_sentences(record: &LoadRecord) -> Vec<String> {
    let Some(twin) = &record.twin else {
        return Vec::new();
    };
    let ground = clean(&twin.case, NAME_CHARS);
    let found = differences(record);
    let paced: Vec<&Row> = found.iter().filter(|row| !row.modelled).collect();
    let of_case = paced.chunk_by(|a, b| a.case == b.case);
    let sentence = |rows: &[&Row]| {
        let case = clean(&rows.first()?.case, NAME_CHARS);
        let part = |row: &&Row| {
            let place = match row.figure {
                Figure::Mean => "in the mean".to_owned(),
                of => format!("at {}", of.name()),
            };
            match (row.verdict, &row.above) {
                (Verdict::Slower | Verdict::Faster, Some(above)) => {
                    format!("by {} {place}", time_within(above.mean, half(above)))
                }
                _ => format!("{place} it cannot be told"),
            }
        };
        if rows.iter().any(|row| row.verdict == Verdict::Overloaded) {
            return Some(format!(
                "{case} and {ground} cannot be compared there: one of them does not carry the load."
            ));
        }
        let parts: Vec<String> = rows.iter().map(part).collect();
        Some(format!(
            "There a packet takes longer, paced, through {case} than through {ground}: {}.",
            list(&parts)
        ))
    };
    of_case.filter_map(sentence).collect()
}
