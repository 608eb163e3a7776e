//! The tables and sentences of a record of `load`, for every way it is looked at.

mod differences;
mod throughput;

pub use differences::{at_the_same_load, difference_sentences};
pub use throughput::throughput;

use super::{AtLoad, Compared, Figures, LoadCase, LoadRecord, Sight, Verdict, over_instances};
use crate::bill::{
    Cell, Measuring, NAME_CHARS, PERCENTILES, Percentile, Room, RowKind, TEXT_CHARS, Table,
    TableRow, clean, count, estimate, half, spoilt, three,
};
use crate::model::arrivals::Kind;
use crate::model::seen::percentile;
use crate::record::{Quantile, RecordError};
use crate::stats::Estimate;

/// How much of the loads is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    /// The lowest, the middle and the highest part of the limit, and the load of all cases.
    Few,
    /// Every one.
    All,
}

/// Parts of the limit that are shown of the few.
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

/// The same with half of its interval.
pub fn time_within(ns: f64, half_ns: Option<f64>) -> String {
    let Some(half_ns) = half_ns else {
        return time(ns).replace(".0 ns", " ns");
    };
    let (scale, unit) = match ns.abs() {
        ns if ns >= 1e6 => (1e6, "ms"),
        ns if ns >= 9_999.5 => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    let figure = estimate(ns / scale, Some(half_ns / scale), Room::Tight);
    format!("{figure} {unit}")
}

fn percentile_text(of: Option<Percentile>) -> String {
    match of {
        Some(Percentile::OverInstances(ns, half)) => time_within(ns, half),
        Some(Percentile::OfAll(ns)) => time_within(ns as f64, None),
        None => "-".to_owned(),
    }
}

/// The same in a sentence: of an interval that holds 0 its upper end says all that is known.
fn spoken(of: Option<Percentile>) -> String {
    match of {
        Some(Percentile::OverInstances(ns, Some(half))) if half >= ns => {
            format!("at most {}", time_within(ns + half, None))
        }
        None => "nothing that so few packets can tell".to_owned(),
        of => percentile_text(of),
    }
}

fn estimate_text(of: &Estimate) -> String {
    time_within(of.mean, half(of))
}

/// Waiting for the core that is worth a word.
const WAITED_SECONDS: f64 = 0.1;

fn clock_step_ns(record: &LoadRecord) -> f64 {
    record.provenance.clock.step_ns
}

/// A figure over the instances, or the one of all where a record does not have them.
fn shown_estimate(of: Option<&Estimate>, all: f64) -> Cell {
    of.map_or_else(|| number(three(all)), ns)
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

/// The same in another unit.
fn scaled(of: &Estimate, by: f64) -> Cell {
    Cell::Number(within(of.mean * by, half(of).map(|half| half * by)))
}

/// A mean and half of its interval with as many digits as [`three`] gives the mean.
fn within(mean: f64, half: Option<f64>) -> String {
    let shown = three(mean);
    // Instances that are all alike, as where none drops a packet, have no spread to show.
    let Some(half) = half.filter(|half| *half > 1e-12 && half.is_finite()) else {
        return shown;
    };
    let digits = shown.split_once('.').map_or(0, |(_, digits)| digits.len());
    let scale = 10_f64.powi(digits as i32);
    let half = (half * scale - 1e-9).ceil().max(1.0) / scale;
    let half = format!("{half:.digits$}");
    let short = half.strip_prefix('0').filter(|rest| !rest.is_empty());
    format!("{shown}±{}", short.unwrap_or(&half))
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
    match (load.load_percent, load.speed_up) {
        (Some(percent), _) => format!("{percent:.0} %"),
        (None, Some(factor)) => format!("its times / {}", factor_name(factor)),
        (None, None) => format!("{} Gbit/s", three(load.offered_gbps)),
    }
}

/// A factor as it was given.
fn factor_name(factor: f64) -> String {
    if factor.fract() == 0.0 && factor < 1e15 {
        count(factor as u64)
    } else {
        factor.to_string()
    }
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
            let sight = &load.modelled;
            let histogram = record.decode(&case.case, &sight.histogram_ns)?;
            let of = |quantile| {
                let found = sight.percentile(&histogram, quantile, clock_step_ns(record));
                spoken(found)
            };
            Ok(format!("{} in the median and {} at p99", of(0.5), of(0.99)))
        };
        let mut parts = Vec::new();
        for load in &figures.loads {
            match load.load_percent {
                Some(percent) if FEW_PERCENT.contains(&percent) => {
                    parts.push(format!("{} at {percent:.0} %", at(load)?));
                }
                None if load.is_common() => alike.push(format!(
                    "{}: {} ({} % of its limit)",
                    clean(&case.case, NAME_CHARS),
                    at(load)?,
                    three(100.0 * load.offered_pps / figures.service.limit_pps.mean)
                )),
                _ => {}
            }
        }
        said.push(format!(
            "{}: a packet takes {} in full bursts, so that one core carries at most {} Mpps or {} Gbit/s. Under load it takes, modelled, {} of that.",
            clean(&case.case, NAME_CHARS),
            estimate_text(&figures.service.burst_ns),
            three(figures.service.limit_pps.mean / 1e6),
            three(figures.service.limit_gbps),
            parts.join("; "),
        ));
    }
    let common = measured(record).find_map(|(_, figures)| {
        let mut loads = figures.loads.iter();
        loads.find(|load| load.is_common())
    });
    if let Some(common) = common {
        said.push(format!(
            "At the same {} Gbit/s, modelled: {}.",
            three(common.offered_gbps),
            alike.join("; ")
        ));
    }
    said.extend(difference_sentences(record));
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
        let mixed = of.mixed_ns.as_ref().map_or(Cell::Blank, ns);
        let mut cells = vec![ns(&of.burst_ns), ns(&of.single_ns), ns(&of.turn_ns), mixed];
        cells.extend([0.5, 0.99, 0.999].map(|p| shown_time(percentile(&histogram, p))));
        cells.push(scaled(&of.limit_pps, 1e-6));
        cells.push(number(three(of.limit_gbps)));
        cells.push(shown_estimate(
            of.stalls.rate.as_ref(),
            of.stalls.per_second,
        ));
        Ok(cells)
    })?;
    Ok(Table {
        title: "Closed loop: service, no queue".to_owned(),
        note: "ns a packet: in full bursts, alone in its turn, the part of the turn in that, and what a turn of a number of packets that no branch predictor knows takes longer, stalls taken out; percentiles of turns of one, stalls and the loop's reading of the clock in them; the limit is 1 / in bursts".to_owned(),
        head: heads(&["", "in bursts", "alone", "turn", "mixed", "p50", "p99", "p99.9", "limit Mpps", "Gbit/s", "stalls a s"]),
        rows,
    })
}

/// What packets see, modelled or paced.
pub fn sights(record: &LoadRecord, shown: Loads, modelled: bool) -> Result<Table, RecordError> {
    let few = shown == Loads::Few;
    let percentiles = || {
        PERCENTILES
            .iter()
            .filter(|(_, name)| !few || *name != "p90")
    };
    let rows = by_load(record, shown, |case, load| {
        let sight: &Sight = if modelled {
            &load.modelled
        } else {
            &load.paced
        };
        let histogram = record.decode(&case.case, &sight.histogram_ns)?;
        let of_percentile = |(at, _): &(f64, &str)| {
            let found = sight.percentile(&histogram, *at, clock_step_ns(record));
            number(percentile_text(found))
        };
        let streamed = load.streamed_pps.filter(|_| modelled);
        let pps = streamed.unwrap_or(load.offered_pps);
        let mut cells = vec![number(three(pps / 1e6))];
        if !few {
            let gbps = load.offered_gbps * pps / load.offered_pps.max(f64::MIN_POSITIVE);
            cells.push(number(three(gbps)));
        }
        cells.extend(percentiles().map(of_percentile));
        cells.extend(means(sight, few));
        Ok(cells)
    })?;
    let (title, note) = if modelled {
        (
            "Latency, modelled",
            "virtual time over measured service, stalls put back at their rate",
        )
    } else {
        (
            "Latency, paced",
            "on the clock, from the time at which a packet was due, in trials that begin with an empty ring",
        )
    };
    let mut head = heads(&["", "Mpps"]);
    head.extend((!few).then(|| "Gbit/s".to_owned()));
    head.extend(percentiles().map(|(_, name)| (*name).to_owned()));
    head.extend(heads(&["mean", "queue mean"]));
    head.extend((!few).then(|| "queue max".to_owned()));
    head.extend(heads(&["dropped %"]));
    Ok(Table {
        title: title.to_owned(),
        note: format!(
            "{note}; queue: packets that wait; ± half of the 95 % interval over {} instances, of percentiles wider by a \
             step of the clock; without ± of all packets together, where some instance has fewer than 10 packets beyond \
             or there is one alone; - where all together have",
            record.instances
        ),
        head,
        rows,
    })
}

/// Mean latency, queue and drops; nothing of a load without packets.
fn means(sight: &Sight, few: bool) -> Vec<Cell> {
    let came = sight.packets + sight.dropped;
    let nothing = || number("-");
    let of_packets = |cell: Cell| if came > 0 { cell } else { nothing() };
    let over = |of: Option<&Estimate>, all: f64| {
        of.map_or_else(|| number(three(all)), |of| scaled(of, 1.0))
    };
    let latency = sight.latency_ns.as_ref().map(estimate_text);
    let latency = latency.unwrap_or_else(|| time_within(sight.mean_ns, None));
    let dropped = 100.0 * sight.dropped as f64 / came.max(1) as f64;
    let mut cells = vec![
        number(latency),
        over(sight.queue.as_ref(), sight.queue_mean),
    ];
    if !few {
        cells.push(number(count(sight.queue_max)));
    }
    cells.push(over(sight.dropped_percent.as_ref(), dropped));
    cells.into_iter().map(of_packets).collect()
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

/// With intervals where there is a step of the clock to widen them by.
fn compared(of: &Compared, step_ns: Option<f64>) -> Vec<Cell> {
    let spread = of.paced_p99_spread_ns.map_or_else(
        || "-".to_owned(),
        |[low, high]| {
            let (low, high) = (time(low as f64), time(high as f64));
            format!("{low} to {high}").replace(".0 ns", " ns")
        },
    );
    let over = |of: &[Quantile], at: f64, all: Option<u64>| {
        let found = step_ns.and_then(|step_ns| over_instances(of, at, step_ns));
        number(percentile_text(found.or(all.map(Percentile::OfAll))))
    };
    vec![
        number(count(of.trials.into())),
        over(&of.modelled, 0.5, of.modelled_p50_ns),
        over(&of.paced, 0.5, of.paced_p50_ns),
        verdict(of.p50),
        over(&of.modelled, 0.99, of.modelled_p99_ns),
        over(&of.paced, 0.99, of.paced_p99_ns),
        number(spread),
        verdict(of.p99),
    ]
}

/// The model against the loop: all trials, or those without stalls.
/// Intervals over the instances are where all is shown.
pub fn check(record: &LoadRecord, shown: Loads, quiet: bool) -> Result<Table, RecordError> {
    let step_ns = (shown == Loads::All).then(|| clock_step_ns(record));
    let rows = by_load(record, Loads::All, |_, load| {
        Ok(match (quiet, &load.quiet) {
            (false, _) => compared(&load.all, step_ns),
            (true, Some(of)) => compared(of, step_ns),
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
        note: match shown {
            Loads::Few => note.to_owned(),
            Loads::All => format!(
                "{note}; ± over the instances, where each bears the percentile, else of all trials together"
            ),
        },
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
        let over = figures
            .loads
            .iter()
            .find(|load| load.is_common() && load.offered_pps > figures.service.limit_pps.mean);
        if let Some(load) = over {
            said.push(format!(
                "{}: {} is more than it carries; its latency is that of a full ring.",
                clean(&case.case, NAME_CHARS),
                load_name(load)
            ));
        }
    }
    let noise = &record.provenance.noise;
    let aside = noise.involuntary_switches.map(|often| often as f64);
    let aside = aside.filter(|_| record.provenance.seconds > 0.0);
    let aside = aside.map(|often| often / record.provenance.seconds);
    said.extend(spoilt(&record.provenance, Measuring::OneThread(aside)));
    if record.made_again > 0 || record.waited_seconds >= WAITED_SECONDS {
        said.push(format!(
            "The core was waited for {} s in which another hardware thread had a part of it, and {} paced trials and \
             rounds of the closed loop that it was slower or faster behind than before were made again, up to twice each.",
            three(record.waited_seconds),
            count(record.made_again.into())
        ));
    }
    if record.state != "complete" {
        said.push(format!(
            "The run ended early: {}.",
            clean(&record.state, NAME_CHARS)
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_interval_has_the_digits_of_its_mean_and_is_never_nothing() {
        assert_eq!(within(276.4, Some(31.2)), "276±32");
        assert_eq!(within(4.0, Some(0.031)), "4.00±.04");
        assert_eq!(within(24.0, Some(2.0)), "24.0±2.0");
        assert_eq!(within(18.6, Some(0.001)), "18.6±.1");
        assert_eq!(within(18.6, None), "18.6");
        assert_eq!(within(0.0, Some(0.0)), "0.00");
        assert_eq!(time_within(46.2, Some(43.0)), "46±43 ns");
        assert_eq!(time_within(12_300.0, Some(410.0)), "12.3±.5 µs");
        assert_eq!(time_within(4.05e6, None), "4.05 ms");
    }

    #[test]
    fn a_sentence_has_no_interval_that_tells_nothing() {
        let over = |ns, half| spoken(Some(Percentile::OverInstances(ns, half)));
        assert_eq!(over(12_300.0, Some(410.0)), "12.3±.5 µs");
        assert_eq!(over(12_000.0, Some(33_000.0)), "at most 45.0 µs");
        assert_eq!(over(90.0, None), "90 ns");
        assert_eq!(spoken(None), "nothing that so few packets can tell");
    }
}
