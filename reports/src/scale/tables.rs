//! Workers as tables and sentences.

use super::{BAR, BAR_WORKERS, Bar, Judged, Row, Sas, Scale, Subject};
use crate::bill::{
    Cell, Measuring, NAME_CHARS, RowKind, Table, TableRow, clean, count, spoilt, three,
};
use crate::stats::Estimate;

/// Width, as a part of that of one worker, below which workers had less than a core each.
const SHARED_BELOW: f64 = 0.9;

/// How the hash spreads a subject, and what workers do with it.
pub fn tables(subject: &Subject, judged: &Judged) -> Vec<Table> {
    vec![spread(subject), workers(subject, judged)]
}

fn spread(subject: &Subject) -> Table {
    let rows = subject.spreads.iter().map(|spread| {
        let (packets, bytes) = spread.busiest();
        let idle = spread.loads.iter().filter(|load| load.packets == 0);
        TableRow {
            label: workers_of(spread.loads.len() as u32),
            kind: RowKind::Plain,
            cells: vec![
                Cell::Number(percent(packets)),
                Cell::Number(percent(bytes)),
                Cell::Number(idle.count().to_string()),
                Cell::Number(format!("{:.2}", 1.0 / packets.max(f64::EPSILON))),
                Cell::Number(format!("{:.2}", 1.0 / bytes.max(f64::EPSILON))),
            ],
        }
    });
    let largest = subject.largest_flow.packets as f64 / subject.all.packets.max(1) as f64;
    let largest_bytes = subject.largest_flow.bytes as f64 / subject.all.bytes.max(1) as f64;
    Table {
        title: format!(
            "How the hash spreads {}",
            clean(&subject.workload, NAME_CHARS)
        ),
        note: format!(
            "{} packets of {} flows, directions apart; the largest has {} % of the packets and {} % \
             of the bytes: counted in packets no number of workers carries more than {:.2} times \
             what one does, counted in bytes {:.2}; what a packet costs lies between",
            count(subject.all.packets),
            count(subject.flows),
            percent(largest),
            percent(largest_bytes),
            1.0 / largest.max(f64::EPSILON),
            1.0 / largest_bytes.max(f64::EPSILON),
        ),
        head: [
            "",
            "busiest packets %",
            "busiest bytes %",
            "without packets",
            "× at best, packets",
            "× at best, bytes",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: rows.collect(),
    }
}

fn workers(subject: &Subject, judged: &Judged) -> Table {
    let rows = judged.rows.iter().map(|row| TableRow {
        label: label(row),
        kind: RowKind::Plain,
        cells: vec![
            Cell::Number(interval(&row.packet_ns, 1)),
            ratio(row, &row.by_cpu),
            ratio(row, &row.by_wall),
            ratio(row, &row.as_spread),
            too_old(row),
        ],
    });
    let timed = judged.rows.iter().map(|row| row.timed_part);
    Table {
        title: format!("Workers on {}, hot", clean(&subject.workload, NAME_CHARS)),
        note: format!(
            "send + receive; × is over one worker with its own SA, paired in {} instances of {} s a run; \
             bursts of {}, {} packets a reading; {} % of the time at least was timed, the rest filled \
             and compared; window of {} packets",
            subject.instances.len(),
            three(subject.run_seconds),
            subject.burst,
            subject.packets_per_reading,
            percent(timed.fold(1.0, f64::min)),
            count(subject.replay_window.into()),
        ),
        head: [
            "",
            "CPU ns a packet",
            "× by CPU time",
            "× by wall clock",
            "× as spread",
            "too old",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: rows.collect(),
    }
}

fn label(row: &Row) -> String {
    match (row.workers, row.sas) {
        (1, Sas::Own) => "1 worker, its own SA".to_owned(),
        (1, Sas::Shared) => "1 worker, an SA to share".to_owned(),
        (_, Sas::Own) => format!("{}, an SA each", workers_of(row.workers)),
        (_, Sas::Shared) => format!("{}, one SA", workers_of(row.workers)),
    }
}

fn workers_of(count: u32) -> String {
    match count {
        1 => "1 worker".to_owned(),
        _ => format!("{count} workers"),
    }
}

/// Over the yardstick; 1 where it is the yardstick.
fn ratio(row: &Row, of: &Estimate) -> Cell {
    match (row.workers, row.sas) {
        (1, Sas::Own) => Cell::Number("1".to_owned()),
        _ => Cell::Number(interval(of, 2)),
    }
}

fn too_old(row: &Row) -> Cell {
    match row.too_old {
        0 => Cell::Number("0".to_owned()),
        some => Cell::Number(format!(
            "{:.2} %",
            100.0 * some as f64 / row.sealed.max(1) as f64
        )),
    }
}

/// A mean and half of its interval, rounded up.
fn interval(of: &Estimate, digits: usize) -> String {
    let half = of.high.map(|high| {
        let scale = 10_f64.powi(digits as i32);
        ((high - of.mean) * scale - 1e-9).ceil().max(1.0) / scale
    });
    match half {
        Some(half) => format!("{:.digits$} ± {half:.digits$}", of.mean),
        None => format!("{:.digits$}", of.mean),
    }
    .replace('-', "−")
}

fn percent(part: f64) -> String {
    format!("{:.1}", 100.0 * part)
}

/// What is to be said of a run in all: the host's CPUs, the bar, what sharing costs, the nonces.
pub fn sentences(scale: &Scale, judged: &[Judged]) -> Vec<String> {
    let mut said = vec![topology(scale)];
    said.extend(cores(judged));
    for (subject, judged) in scale.subjects.iter().zip(judged) {
        said.extend(bar(subject, judged));
        said.extend(sharing(subject, judged));
    }
    said.extend(late(judged));
    said.extend(spoilt(&scale.provenance, Measuring::Workers));
    said.extend(nonces(judged));
    said
}

fn nonces(judged: &[Judged]) -> Option<String> {
    let nonces: u64 = judged.iter().map(|judged| judged.nonces).sum();
    (nonces > 0).then(|| {
        format!(
            "{} nonces of all workers were looked at: none was used twice under a key; every packet \
             that was taken came out right.",
            count(nonces)
        )
    })
}

/// What the kernel says of the CPUs.
fn topology(scale: &Scale) -> String {
    let list = |ids: &[u32]| {
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        crate::bill::list(&ids)
    };
    let ids: Vec<u32> = scale.cpus.iter().map(|cpu| cpu.id).collect();
    let told: Vec<&str> = scale
        .cpus
        .iter()
        .filter_map(|cpu| cpu.siblings.as_deref())
        .collect();
    if told.len() < ids.len() {
        return format!(
            "Workers were bound to CPU {}; the kernel does not say which of them share a core.",
            list(&ids)
        );
    }
    let mut cores = told.clone();
    cores.sort_unstable();
    cores.dedup();
    match cores.len() {
        n if n == ids.len() => format!(
            "Workers were bound to CPU {}; the kernel says that each is a core of its own (a \
             hypervisor may not tell it).",
            list(&ids)
        ),
        n => format!(
            "Workers were bound to CPU {}; the kernel says that they are hardware threads of {n} {}.",
            list(&ids),
            if n == 1 { "core" } else { "cores" }
        ),
    }
}

/// What the cores themselves say.
fn cores(judged: &[Judged]) -> Option<String> {
    let rows = judged.iter().flat_map(|judged| &judged.rows);
    let own: Vec<&Row> = rows.filter(|row| row.sas == Sas::Own).collect();
    let widths = |workers: u32| {
        let of = own.iter().filter(|row| row.workers == workers);
        let widths: Vec<f64> = of.filter_map(|row| row.width).collect();
        crate::stats::median(&widths)
    };
    let most = own.iter().map(|row| row.workers).max()?;
    let (alone, together) = (widths(1)?, widths(most).filter(|_| most > 1)?);
    let says = if together < SHARED_BELOW * alone {
        "they share cores, so that the figures by CPU time and by wall clock are those of hardware \
         threads"
    } else {
        "no sign of a shared core"
    };
    Some(format!(
        "Additions a cycle beside the work: {} with one worker, {} with {most}: {says}.",
        three(alone),
        three(together)
    ))
}

fn bar(subject: &Subject, judged: &Judged) -> Option<String> {
    let row = judged
        .rows
        .iter()
        .find(|row| (row.sas, row.workers) == (Sas::Own, BAR_WORKERS))?;
    let says = match judged.bar? {
        Bar::Holds => format!("the bar of {BAR} holds"),
        Bar::Missed => format!("below the bar of {BAR}"),
        Bar::CannotTell => format!("the bar of {BAR} cannot be told"),
    };
    Some(format!(
        "{}: two workers with an SA each do {} times what one does per thread-CPU-second: {says}.",
        clean(&subject.workload, NAME_CHARS),
        interval(&row.by_cpu, 2)
    ))
}

fn sharing(subject: &Subject, judged: &Judged) -> Option<String> {
    let of = judged.sharing.as_ref()?;
    let workload = clean(&subject.workload, NAME_CHARS);
    let tells = of.tells_ns.map_or(f64::INFINITY, |tells| tells);
    if of.above_ns.mean.abs() < tells {
        return Some(format!(
            "{workload}: on one core an atomic counter and a window behind a lock cost less than can be told: \
             {} ns of {} ns a packet.",
            three(tells),
            three(of.own_ns.mean)
        ));
    }
    Some(format!(
        "{workload}: on one core an atomic counter and a window behind a lock add {} ns to {} ns a packet \
         ({} %); {} ns could be told.",
        interval(&of.above_ns, 1),
        three(of.own_ns.mean),
        three(100.0 * of.above_ns.mean / of.own_ns.mean),
        three(tells)
    ))
}

fn late(judged: &[Judged]) -> Option<String> {
    let rows = judged.iter().flat_map(|judged| &judged.rows);
    let late: u64 = rows.map(|row| row.too_old).sum();
    (late > 0).then(|| {
        format!(
            "{} packets of one SA on several workers were sealed, then refused as too old: other workers \
             had moved the window on. They count as time and not as packets.",
            count(late)
        )
    })
}
