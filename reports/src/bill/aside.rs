//! What stands beside the bill: how to read it, what must be said about this run, what was left
//! out, the A/A comparisons, and where the figures come from.

use std::collections::BTreeMap;

use super::words::command as command_line;
use super::{
    Bill, Cell, GroupBill, NAME_CHARS, Room, RowKind, Table, TableRow, clean, count, estimate,
    half, mean,
};
use crate::record::{Capture, Provenance, Record, WorkloadKind};

/// Words that the tables use, each with its meaning.
pub fn legend() -> [(&'static str, &'static str); 9] {
    [
        (
            "±",
            "half of the 95 % interval over fresh instances (new keys, new memory), each interval on its own",
        ),
        (
            "+ rows",
            "what the step adds to the row it stands on: their paired difference, in turns on the same packets",
        ),
        (
            "< x",
            "cannot tell: not told from nothing, and below x, either way; in full where there is room. \"cannot tell\" without a bound, or ?: no interval, or no A/A to judge by. The rows of the answer are judged together (Holm, 5 %), all others one by one: those are exploratory",
        ),
        (
            "tells",
            "smallest difference that this run tells with 95 % power, by cases against themselves (A/A) and the clock's step; a row's worst. A row below it says \"cannot tell\"; an interval that is wider than that makes its own bound",
        ),
        (
            "temperature",
            "hot: the frames of a reading fit the L1 and were just touched; warm: touched longer ago than the L2 remembers; cold: than the last-level cache does",
        ),
        (
            "sizes",
            "inner IP total length, outer headers not counted; size classes of a capture are timed in bursts of their own",
        ),
        (
            "IMIX",
            "the simple mix of test equipment: 7 packets of 46 bytes to 4 of 552 and 1 of 1500",
        ),
        (
            "esp/none",
            "the tunnel's framing without a cipher: a yardstick for encapsulation, no protocol that anyone uses",
        ),
        (
            "Gbit/s, Mpps",
            "inner IP bits and packets with one core at each end, an upper bound: no driver, no DMA, no network card; the slower end sets the pace",
        ),
    ]
}

/// For each workload with something to tell: what was left out, what outgrew the outer MTU, what
/// was dropped. One line each; of the cases, the one with most of it speaks, of fragments and
/// answers each way.
pub fn carried(bill: &Bill<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for group in bill
        .groups
        .iter()
        .filter(|group| group.group.kind != WorkloadKind::Class)
    {
        if seen.contains(&group.name.as_str()) {
            continue;
        }
        seen.push(&group.name);
        let works = || {
            group
                .lines
                .iter()
                .filter_map(|line| Some(&line.measured()?.figures.work))
        };
        let mut parts = Vec::new();
        let of = group.group.capture.as_deref();
        if let Some(capture) = bill
            .record
            .captures
            .iter()
            .find(|capture| Some(capture.name.as_str()) == of)
        {
            parts.push(replayed(capture));
        }
        if let Some(work) = works()
            .max_by_key(|work| work.over_mtu)
            .filter(|work| work.over_mtu > 0)
        {
            parts.push(format!(
                "{} of {} packets over the outer MTU, carried whole",
                count(work.over_mtu),
                count(work.packets)
            ));
        }
        parts.extend(beyond_mtu(group));
        if let Some(work) = works().max_by_key(|work| work.drops.values().sum::<u64>()) {
            let drops = reasons(&work.drops);
            if !drops.is_empty() {
                parts.push(format!("dropped: {drops}"));
            }
        }
        if !parts.is_empty() {
            lines.push(format!("{}: {}", group.title(), parts.join("; ")));
        }
    }
    lines
}

/// `esp+fragment: 1,040 fragments`, `esp+drop: 520 answered with ICMP`: once for each path that
/// has some, of the library that is listed first.
fn beyond_mtu(group: &GroupBill<'_>) -> Vec<String> {
    let mut paths: Vec<&str> = Vec::new();
    let mut parts = Vec::new();
    for line in &group.lines {
        let Some(work) = line.measured().map(|measured| &measured.figures.work) else {
            continue;
        };
        let counts = [
            (work.fragments, "fragments"),
            (work.icmp_answers, "answered with ICMP"),
        ];
        let told = counts.iter().filter(|(number, _)| *number > 0);
        let told: Vec<String> = told
            .map(|(number, what)| format!("{} {what}", count(*number)))
            .collect();
        let path = line.case.path();
        if !told.is_empty() && !paths.contains(&path) {
            paths.push(path);
            parts.push(format!("{path}: {}", told.join(", ")));
        }
    }
    parts
}

/// `6,021 of 6,044 frames replayed (2 super-frames cut into 9 segments; left out: arp 23)`.
fn replayed(capture: &Capture) -> String {
    let left = reasons(&capture.left_out);
    let left = (!left.is_empty()).then(|| format!("left out: {left}"));
    let beside: Vec<String> = cut(capture)
        .into_iter()
        .chain(filled(capture))
        .chain(left)
        .chain(sides(capture))
        .collect();
    let beside = if beside.is_empty() {
        String::new()
    } else {
        format!(" ({})", beside.join("; "))
    };
    format!(
        "{} of {} frames replayed{beside}",
        count(capture.frames_replayed),
        count(capture.packets_read())
    )
}

/// `2 super-frames cut into 9 segments`; `None` without any.
fn cut(capture: &Capture) -> Option<String> {
    let plural = if capture.super_frames == 1 { "" } else { "s" };
    (capture.super_frames > 0).then(|| {
        format!(
            "{} super-frame{plural} cut into {} segments",
            count(capture.super_frames),
            count(capture.segments)
        )
    })
}

/// `1 header checksum filled in`; `None` without any.
fn filled(capture: &Capture) -> Option<String> {
    let plural = if capture.checksums_filled == 1 {
        ""
    } else {
        "s"
    };
    (capture.checksums_filled > 0).then(|| {
        let filled = count(capture.checksums_filled);
        format!("{filled} header checksum{plural} filled in")
    })
}

/// `sides: near 12, far 30, neither 2`; `None` where it was not said what is near.
fn sides(capture: &Capture) -> Option<String> {
    let sides = capture.sides.as_ref()?;
    let [near, far, neither] = [sides.near, sides.far, sides.neither].map(count);
    Some(format!("sides: near {near}, far {far}, neither {neither}"))
}

/// `denied 12, ttl_expired 3`.
pub fn reasons(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(reason, n)| format!("{} {}", clean(reason, NAME_CHARS), count(*n)))
        .collect();
    parts.join(", ")
}

/// A column, and what it counts.
type Column = (&'static str, fn(&Capture) -> u64);

/// Columns of [`left_out`] that are there only where one of the captures has something in them.
const AT_TIMES: [Column; 3] = [
    ("super-frames", |capture| capture.super_frames),
    ("segments", |capture| capture.segments),
    ("checksums filled in", |capture| capture.checksums_filled),
];

/// What was read, cut, filled in, replayed and left out, capture by capture. `None` without
/// captures.
pub fn left_out(record: &Record) -> Option<Table> {
    let captures = &record.captures;
    let has = |of: &fn(&Capture) -> u64| captures.iter().any(|capture| of(capture) > 0);
    let extra: Vec<_> = AT_TIMES.into_iter().filter(|(_, of)| has(of)).collect();
    let note = if captures.iter().any(|capture| capture.super_frames > 0) {
        "frames read, with segments in the place of super-frames = replayed + left out"
    } else {
        "frames read = replayed + left out"
    };
    let head = ["capture", "read"]
        .into_iter()
        .chain(extra.iter().map(|(name, _)| *name))
        .chain(["replayed", "mean bytes", "left out"]);
    let rows = captures.iter().map(|capture| capture_row(capture, &extra));
    (!captures.is_empty()).then(|| Table {
        title: "What was left out".to_owned(),
        note: note.to_owned(),
        head: head.map(str::to_owned).collect(),
        rows: rows.collect(),
    })
}

fn capture_row(capture: &Capture, extra: &[Column]) -> TableRow {
    let number = |value| Cell::Number(count(value));
    let mut cells = vec![number(capture.frames_read)];
    cells.extend(extra.iter().map(|(_, of)| number(of(capture))));
    let replayed = capture.frames_replayed;
    let mean = (replayed > 0).then(|| capture.inner_bytes as f64 / replayed as f64);
    let reasons = reasons(&capture.left_out);
    let mut left = if reasons.is_empty() {
        "nothing".to_owned()
    } else {
        reasons
    };
    if let Some(sides) = sides(capture) {
        left = format!("{left}; {sides}");
    }
    cells.extend([
        number(replayed),
        mean.map_or(Cell::Blank, |mean| Cell::Number(super::bytes(mean))),
        Cell::Text(left),
    ]);
    TableRow {
        label: clean(&capture.name, NAME_CHARS),
        kind: RowKind::Plain,
        cells,
    }
}

/// Cases against themselves. `None` where there was no such comparison.
pub fn null_gates(bill: &Bill<'_>) -> Option<Table> {
    let mut rows = Vec::new();
    for group in &bill.groups {
        for gate in &group.group.null_gate {
            rows.push(TableRow {
                label: format!("{} {}", group.name, group.temperature()),
                kind: RowKind::Plain,
                cells: vec![
                    Cell::Text(clean(&gate.case, NAME_CHARS)),
                    mean(&gate.difference_percent).map_or(Cell::Blank, |mean| {
                        Cell::Estimate(mean, half(&gate.difference_percent))
                    }),
                    Cell::Bound(gate.smallest_percent),
                ],
            });
        }
    }
    (!rows.is_empty()).then(|| Table {
        title: "Cases against themselves".to_owned(),
        note:
            "percent of send + receive; a difference below the last column can't be told from none"
                .to_owned(),
        head: ["group", "case", "difference to its twin", "tells"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    })
}

/// One line that says where a figure comes from: host, commit, clock and command.
pub fn provenance_line(of: &Provenance) -> String {
    let commit = of.build.commit.as_deref().map_or_else(
        || "no commit".to_owned(),
        |commit| {
            let short: String = clean(commit, NAME_CHARS).chars().take(12).collect();
            let dirty = if of.build.dirty == Some(true) {
                " + changes"
            } else {
                ""
            };
            format!("commit {short}{dirty}")
        },
    );
    format!(
        "{} · {commit} · {}, step {} ns · {}",
        clean(&of.host.cpu, 80),
        clean(&of.clock.name, NAME_CHARS),
        estimate(of.clock.step_ns, None, Room::Tight),
        command(of),
    )
}

fn command(of: &Provenance) -> String {
    clean(&command_line(&of.command), 160)
}
