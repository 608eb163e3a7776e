//! The largest loads that cases carry.

use super::super::{LoadRecord, Rate, Throughput};
use super::{heads, measured, number, row, scaled, within};
use crate::bill::{Cell, NAME_CHARS, RowKind, Table, clean, count, three};

/// The table; nothing where none was searched.
pub fn throughput(record: &LoadRecord) -> Option<Table> {
    let found: Vec<_> = measured(record)
        .filter_map(|(case, figures)| Some((case, figures.throughput.as_ref()?)))
        .collect();
    let (_, first) = found.first()?;
    let mut rows = Vec::new();
    for (case, of) in &found {
        let name = clean(&case.case, NAME_CHARS);
        rows.push(row(name, RowKind::Heading, Vec::new()));
        let lines = [
            ("no drop, modelled", &of.modelled_ndr),
            ("no drop, modelled, no stalls", &of.modelled_quiet_ndr),
            ("no drop, paced (NDR)", &of.paced_ndr),
            ("0.5 % dropped, modelled", &of.modelled_pdr),
            ("0.5 % dropped, paced (PDR)", &of.paced_pdr),
        ];
        for (name, rate) in lines {
            rows.push(row(name, RowKind::Inner, cells(rate, of)));
        }
    }
    Some(Table {
        title: "Throughput".to_owned(),
        note: note(record, first),
        head: heads(&[
            "",
            "Mpps",
            "lowest to highest",
            "Gbit/s",
            "trial ms",
            "open",
        ]),
        rows,
    })
}

fn note(record: &LoadRecord, of: &Throughput) -> String {
    let trials = if of.initial_packets > 0 {
        format!(
            "first trials of {} packets and full ones of {}, {} of these at a load, of which {:.0} % may drop more, {} trials \
             in all",
            count(of.initial_packets),
            count(of.trial_packets),
            of.trials,
            of.exceed_percent,
            count(of.paced_trials),
        )
    } else {
        format!(
            "trials of {} packets, most of {} must carry a load",
            count(of.trial_packets),
            of.trials
        )
    };
    format!(
        "Mpps: largest load that is carried, mean and 95 % interval over the instances; lowest to highest: from the least \
         that one carried to the most that one did not; within an instance the bounds are at most {} % apart; open: \
         instances whose search ran out of time or of range; packets at equal distances, ring of {}; paced: {trials}; \
         trial ms: how long a full one is at that load",
        three(of.width_percent),
        record.ring,
    )
}

fn cells(rate: &Rate, of: &Throughput) -> Vec<Cell> {
    let (low, high) = rate.range_pps();
    let open = rate.instances.iter().filter(|of| !of.regular).count();
    let open = number(count(open as u64));
    if rate.lower_pps <= 0.0 {
        return vec![
            number("none carried"),
            number("-"),
            number("-"),
            number("-"),
            open,
        ];
    }
    let high = high.map_or_else(|| "-".to_owned(), |pps| three(pps / 1e6));
    let mpps = rate.lower.as_ref().map(|lower| scaled(lower, 1e-6));
    vec![
        mpps.unwrap_or_else(|| number(within(rate.lower_pps / 1e6, None))),
        number(format!("{} to {high}", three(low / 1e6))),
        number(three(rate.lower_gbps)),
        number(three(of.trial_packets as f64 * 1e3 / rate.lower_pps)),
        open,
    ]
}
