//! The tables and sentences of a record of `load`, for every way it is looked at.

use super::{AtLoad, Compared, Figures, LoadCase, LoadRecord, Rate, Sight, Verdict};
use crate::bill::{
    Cell, NAME_CHARS, RowKind, TEXT_CHARS, Table, TableRow, clean, count, half, three,
};
use crate::model::arrivals::Kind;
use crate::model::queue::percentile;
use crate::record::RecordError;
use crate::stats::Estimate;

/// How much of the loads is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    /// The lowest, the middle and the highest part of the limit, and the load of all cases.
    Few,
    /// Every one.
    All,
}

/// The percentiles shown, with their names.
const PERCENTILES: [(f64, &str); 4] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];
/// The same of the few.
const FEW_PERCENT: [f64; 3] = [10.0, 50.0, 90.0];

/// A time in the unit that suits it.
pub fn time(ns: f64) -> String {
    match ns {
        ns if ns >= 1e6 => format!("{} ms", three(ns / 1e6)),
        ns if ns >= 9_999.5 => format!("{} µs", three(ns / 1e3)),
        ns if ns >= 99.95 => format!("{ns:.0} ns"),
        ns => format!("{ns:.1} ns"),
    }
}

fn shown_time(ns: Option<u64>) -> Cell {
    Cell::Number(ns.map_or_else(
        || "-".to_owned(),
        |ns| time(ns as f64).replace(".0 ns", " ns"),
    ))
}

fn number(text: impl Into<String>) -> Cell {
    Cell::Number(text.into())
}

fn ns(estimate: &Estimate) -> Cell {
    Cell::Estimate(estimate.mean, half(estimate))
}

fn row(label: impl Into<String>, kind: RowKind, cells: Vec<Cell>) -> TableRow {
    TableRow {
        label: label.into(),
        kind,
        cells,
    }
}

fn heads(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Name of a load.
pub fn load_name(load: &AtLoad) -> String {
    load.load_percent.map_or_else(
        || format!("{} Gbit/s", three(load.offered_gbps)),
        |percent| format!("{percent:.0} %"),
    )
}

/// How packets come, in words.
pub fn arrivals(record: &LoadRecord) -> String {
    let of = &record.arrivals;
    match of.kind {
        Kind::Poisson => "Poisson arrivals".to_owned(),
        Kind::Constant => "arrivals at equal distances".to_owned(),
        Kind::Capture => format!(
            "arrivals at the capture's times, scaled ({}{} backwards, {} clipped, {} missing)",
            match of.streamed {
                0 => String::new(),
                packets => format!("modelled over all {packets} packets, "),
            },
            count(of.backwards),
            count(of.clipped),
            count(of.missing)
        ),
    }
}

/// What was run, in a line.
pub fn subject(record: &LoadRecord) -> String {
    format!(
        "{}: {} packets of {:.0} bytes in the mean, {}, {} on one core; bursts of {}, ring of {}; {} instances",
        clean(&record.workload, NAME_CHARS),
        count(record.packets),
        record.mean_inner_bytes,
        arrivals(record),
        clean(&record.half, NAME_CHARS),
        record.burst,
        record.ring,
        record.instances,
    )
}

/// The answer in sentences: a case at a time, and all at the load that they have alike.
pub fn sentences(record: &LoadRecord) -> Result<Vec<String>, RecordError> {
    let mut said = Vec::new();
    let mut alike = Vec::new();
    for (case, figures) in measured(record) {
        let at = |load: &AtLoad| -> Result<String, RecordError> {
            let histogram = record.decode(&case.case, &load.modelled.histogram_ns)?;
            let of = |quantile| {
                let found = percentile(&histogram, quantile);
                found.map_or_else(|| "-".to_owned(), |ns| time(ns as f64))
            };
            Ok(format!("{} in the median and {} at p99", of(0.5), of(0.99)))
        };
        let mut parts = Vec::new();
        for load in &figures.loads {
            match load.load_percent {
                Some(percent) if FEW_PERCENT.contains(&percent) => {
                    parts.push(format!("{} at {percent:.0} %", at(load)?));
                }
                Some(_) => {}
                None => alike.push(format!(
                    "{}: {} ({} % of its limit)",
                    clean(&case.case, NAME_CHARS),
                    at(load)?,
                    three(100.0 * load.offered_pps / figures.service.limit_pps.mean)
                )),
            }
        }
        said.push(format!(
            "{}: a packet takes {} in full bursts, so that one core carries at most {} Mpps or {} Gbit/s. Under load it takes, modelled, {} of that.",
            clean(&case.case, NAME_CHARS),
            time(figures.service.burst_ns.mean),
            three(figures.service.limit_pps.mean / 1e6),
            three(figures.service.limit_gbps),
            parts.join("; "),
        ));
    }
    let common = measured(record).find_map(|(_, figures)| {
        figures
            .loads
            .iter()
            .find(|load| load.load_percent.is_none())
    });
    if let Some(common) = common {
        said.push(format!(
            "At the same {} Gbit/s, modelled: {}.",
            three(common.offered_gbps),
            alike.join("; ")
        ));
    }
    Ok(said)
}

/// The cases that have figures.
pub fn measured(record: &LoadRecord) -> impl Iterator<Item = (&LoadCase, &Figures)> {
    let cases = record.cases.iter();
    cases.filter_map(|case| Some((case, case.figures.as_ref()?)))
}

/// A row for each case: figures, or why there are none.
fn by_case(
    record: &LoadRecord,
    mut cells: impl FnMut(&LoadCase, &Figures) -> Result<Vec<Cell>, RecordError>,
) -> Result<Vec<TableRow>, RecordError> {
    let of_case = |case: &LoadCase| {
        let name = clean(&case.case, NAME_CHARS);
        Ok(match &case.figures {
            Some(figures) => row(name, RowKind::Plain, cells(case, figures)?),
            None => failed(name, case),
        })
    };
    record.cases.iter().map(of_case).collect()
}

fn failed(name: String, case: &LoadCase) -> TableRow {
    let why = case
        .message
        .as_deref()
        .unwrap_or("no instance was finished");
    row(name, RowKind::Failed(clean(why, TEXT_CHARS)), Vec::new())
}

/// Rows for each load of each case.
fn by_load(
    record: &LoadRecord,
    shown: Loads,
    mut cells: impl FnMut(&LoadCase, &AtLoad) -> Result<Vec<Cell>, RecordError>,
) -> Result<Vec<TableRow>, RecordError> {
    let mut rows = Vec::new();
    for case in &record.cases {
        let name = clean(&case.case, NAME_CHARS);
        let Some(figures) = &case.figures else {
            rows.push(failed(name, case));
            continue;
        };
        rows.push(row(name, RowKind::Heading, Vec::new()));
        for load in &figures.loads {
            let few = load
                .load_percent
                .is_none_or(|percent| FEW_PERCENT.contains(&percent));
            if shown == Loads::All || few {
                rows.push(row(load_name(load), RowKind::Inner, cells(case, load)?));
            }
        }
    }
    Ok(rows)
}

/// The closed loop.
pub fn service(record: &LoadRecord) -> Result<Table, RecordError> {
    let rows = by_case(record, |case, figures| {
        let of = &figures.service;
        let histogram = record.decode(&case.case, &of.histogram_ns)?;
        let mut cells = vec![ns(&of.burst_ns), ns(&of.single_ns), ns(&of.turn_ns)];
        cells.extend([0.5, 0.99, 0.999].map(|p| shown_time(percentile(&histogram, p))));
        cells.push(number(three(of.limit_pps.mean / 1e6)));
        cells.push(number(three(of.limit_gbps)));
        cells.push(number(three(of.stalls.per_second)));
        Ok(cells)
    })?;
    Ok(Table {
        title: "Closed loop: service, no queue".to_owned(),
        note: "ns a packet: in full bursts, alone in its turn, and the part of the turn in that, stalls taken out; percentiles of turns of one, stalls and the loop's reading of the clock in them; the limit is 1 / in bursts".to_owned(),
        head: heads(&["", "in bursts", "alone", "turn", "p50", "p99", "p99.9", "limit Mpps", "Gbit/s", "stalls a s"]),
        rows,
    })
}

/// What packets see, modelled or paced.
pub fn sights(record: &LoadRecord, shown: Loads, modelled: bool) -> Result<Table, RecordError> {
    let rows = by_load(record, shown, |case, load| {
        let sight: &Sight = if modelled {
            &load.modelled
        } else {
            &load.paced
        };
        let histogram = record.decode(&case.case, &sight.histogram_ns)?;
        let mut cells = vec![
            number(three(load.offered_pps / 1e6)),
            number(three(load.offered_gbps)),
        ];
        cells.extend(PERCENTILES.map(|(p, _)| shown_time(percentile(&histogram, p))));
        cells.push(number(time(sight.mean_ns)));
        cells.push(number(three(sight.queue_mean)));
        cells.push(number(count(sight.queue_max)));
        let came = (sight.packets + sight.dropped).max(1);
        cells.push(number(three(100.0 * sight.dropped as f64 / came as f64)));
        Ok(cells)
    })?;
    let (title, note) = if modelled {
        (
            "Latency, modelled",
            "virtual time over measured service, stalls put back at their rate; queue: packets that wait",
        )
    } else {
        (
            "Latency, paced",
            "on the clock, from the time at which a packet was due, in trials that begin with an empty ring",
        )
    };
    let mut head = heads(&["", "Mpps", "Gbit/s"]);
    head.extend(PERCENTILES.map(|(_, name)| name.to_owned()));
    head.extend(heads(&["mean", "queue mean", "queue max", "dropped %"]));
    Ok(Table {
        title: title.to_owned(),
        note: format!("{note}; - where fewer than 10 packets lie beyond"),
        head,
        rows,
    })
}

fn verdict(verdict: Verdict) -> Cell {
    Cell::Text(
        match verdict {
            Verdict::Within => "within",
            Verdict::Beyond => "beyond",
            Verdict::NotClaimed => "-",
        }
        .to_owned(),
    )
}

fn compared(of: &Compared) -> Vec<Cell> {
    let spread = of.paced_p99_spread_ns.map_or_else(
        || "-".to_owned(),
        |[low, high]| {
            let (low, high) = (time(low as f64), time(high as f64));
            format!("{low} to {high}").replace(".0 ns", " ns")
        },
    );
    vec![
        number(count(of.trials.into())),
        shown_time(of.modelled_p50_ns),
        shown_time(of.paced_p50_ns),
        verdict(of.p50),
        shown_time(of.modelled_p99_ns),
        shown_time(of.paced_p99_ns),
        number(spread),
        verdict(of.p99),
    ]
}

/// The model against the loop: all trials, or those without stalls.
pub fn check(record: &LoadRecord, quiet: bool) -> Result<Table, RecordError> {
    let rows = by_load(record, Loads::All, |_, load| {
        Ok(match (quiet, &load.quiet) {
            (false, _) => compared(&load.all),
            (true, Some(of)) => compared(of),
            (true, None) => vec![number("0")],
        })
    })?;
    let (title, note) = if quiet {
        (
            "The same without stalls",
            "trials that had none and a core as fast before as after (10 %), against virtual time without any",
        )
    } else {
        (
            "Modelled against paced",
            "the same packets at the same times; p50 is claimed within 15 % up to 80 % of the limit, where a packet takes ten readings of the clock or more; p99 within the spread of the paced trials; these trials are short and begin with an empty ring, so that their percentiles are not those above",
        )
    };
    Ok(Table {
        title: title.to_owned(),
        note: note.to_owned(),
        head: heads(&[
            "",
            "trials",
            "modelled p50",
            "paced p50",
            "p50 is",
            "modelled p99",
            "paced p99",
            "spread of trials",
            "p99 is",
        ]),
        rows,
    })
}

fn rate(rate: &Rate) -> [Cell; 2] {
    if rate.lower_pps <= 0.0 {
        return [number("none carried"), number("-")];
    }
    let upper = rate
        .upper_pps
        .map_or_else(|| "-".to_owned(), |pps| three(pps / 1e6));
    [
        number(format!("{} to {upper}", three(rate.lower_pps / 1e6))),
        number(three(rate.lower_gbps)),
    ]
}

/// The largest loads; nothing where none was searched.
pub fn throughput(record: &LoadRecord) -> Option<Table> {
    let found: Vec<_> = measured(record)
        .filter_map(|(case, figures)| Some((case, figures.throughput.as_ref()?)))
        .collect();
    let (_, first) = found.first()?;
    let mut rows = Vec::new();
    for (case, of) in &found {
        rows.push(row(
            clean(&case.case, NAME_CHARS),
            RowKind::Heading,
            Vec::new(),
        ));
        let lines = [
            ("no drop, modelled", &of.modelled_ndr),
            ("no drop, modelled, no stalls", &of.modelled_quiet_ndr),
            ("no drop, paced", &of.paced_ndr),
            ("0.5 % dropped, modelled", &of.modelled_pdr),
            ("0.5 % dropped, paced", &of.paced_pdr),
        ];
        for (name, bounds) in lines {
            rows.push(row(name, RowKind::Inner, rate(bounds).to_vec()));
        }
    }
    Some(Table {
        title: "Throughput".to_owned(),
        note: format!(
            "Mpps, largest load that is carried and smallest that is not, at most {} % apart; Gbit/s of the first; packets at equal distances, ring of {}, trials of {} packets, most of {} must carry a load",
            three(first.width_percent),
            record.ring,
            count(first.trial_packets),
            first.trials
        ),
        head: heads(&["", "Mpps", "Gbit/s"]),
        rows,
    })
}

/// What a packet takes longer after idle time; nothing where none was measured.
pub fn idle(record: &LoadRecord) -> Option<Table> {
    let gaps: Vec<f64> = measured(record)
        .next()
        .map(|(_, figures)| {
            figures
                .service
                .idle
                .iter()
                .map(|idle| idle.gap_ns)
                .collect()
        })
        .filter(|gaps: &Vec<f64>| !gaps.is_empty())?;
    let rows = measured(record).map(|(case, figures)| {
        let cell = |gap_ns: &f64| {
            let mut of = figures.service.idle.iter();
            let found = of.find(|idle| (idle.gap_ns - gap_ns).abs() < 0.5);
            found.map_or(Cell::Blank, |idle| ns(&idle.extra_ns))
        };
        row(
            clean(&case.case, NAME_CHARS),
            RowKind::Plain,
            gaps.iter().map(cell).collect(),
        )
    });
    let mut head = vec![String::new()];
    head.extend(
        gaps.iter()
            .map(|gap_ns| time(*gap_ns).replace(".0 µs", " µs")),
    );
    Some(Table {
        title: "After idle time".to_owned(),
        note: "ns that a packet takes longer than alone in the closed loop, the wait for the poll included; medians".to_owned(),
        rows: rows.collect(),
        head,
    })
}

/// What must be said beside the tables.
pub fn remarks(record: &LoadRecord) -> Vec<String> {
    let mut said = vec![
        "Modelled: the queue of the loop in virtual time. Paced: the loop itself. Neither has a driver, a network card or an interrupt.".to_owned(),
    ];
    for (case, figures) in measured(record) {
        let of = &figures.service.stalls;
        said.push(format!(
            "{}: {} stalls of more than {} beyond what was expected, in {} s, were taken out of the service times and put back at {} a second.",
            clean(&case.case, NAME_CHARS),
            count(of.count),
            time(of.threshold_ns.mean),
            three(of.watched_seconds),
            three(of.per_second),
        ));
        let over = figures.loads.iter().find(|load| {
            load.load_percent.is_none() && load.offered_pps > figures.service.limit_pps.mean
        });
        if let Some(load) = over {
            said.push(format!(
                "{}: {} is more than it carries; its latency is that of a full ring.",
                clean(&case.case, NAME_CHARS),
                load_name(load)
            ));
        }
    }
    if record.state != "complete" {
        said.push(format!(
            "The run ended early: {}.",
            clean(&record.state, NAME_CHARS)
        ));
    }
    said
}
