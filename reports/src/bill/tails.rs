//! Why some packets took long: the packets behind the tail of a case.

use serde::Serialize;

use super::headline::top_line;
use super::{Bill, Cell, GroupBill, RowKind, Table, TableRow as Row, clean, count};
use crate::record::{Cause, Exemplar, Stamped, Tail, Temperature, WorkloadKind};

/// Causes in the order in which they are looked for, with their names.
const CAUSES: [(Cause, &str); 7] = [
    (Cause::PutAside, "put aside"),
    (Cause::Fault, "page fault"),
    (Cause::Stall, "other stall"),
    (Cause::First, "first"),
    (Cause::Large, "large"),
    (Cause::Again, "again"),
    (Cause::Unexplained, "unexplained"),
];

/// What the causes are.
pub const CAUSES_SAID: &str = "Causes, the first that holds: put aside, page fault, other stall: most of the \
    packet's time is a gap in the clock, in a visit in which the kernel ran another thread, mapped a page, or counted \
    nothing (an interrupt, or the hypervisor); first: the first packet of a reading, behind the fill of its frames where they are hot, where code and tables were \
    last used by others; large: among the longest tenth of the packets; again: slow in at least half of the instances; \
    unexplained: none of these.";

/// Which tails are asked for.
#[derive(Clone)]
pub struct Asked<'a> {
    /// Which part of the packets is no slower.
    pub quantile: f64,
    /// What that is called: `p99.9`.
    pub name: &'a str,
    /// Whether a case is asked for; none is: those that the bill is about.
    pub cases: Option<&'a dyn Fn(&str) -> bool>,
    /// Whether a workload is asked for; none is: captures where there are some.
    pub workloads: Option<&'a dyn Fn(&str) -> bool>,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self {
            quantile: 0.999,
            name: "p99.9",
            cases: None,
            workloads: None,
        }
    }
}

/// A tail of one row, and whose it is.
#[derive(Clone, Serialize)]
pub struct TailOf<'b, 'r> {
    #[serde(skip)]
    group: &'b GroupBill<'r>,
    /// Workload.
    pub workload: &'b str,
    /// Its temperature.
    pub temperature: Temperature,
    /// Id of the case.
    pub case: &'b str,
    /// `send` or `receive`.
    pub half: &'static str,
    /// The tail.
    pub tail: &'r Tail,
}

/// How many packets of what cause are behind the quantile, and then some of them; empty of no
/// tails.
pub fn tail_tables(told: &[TailOf<'_, '_>], asked: &Asked<'_>) -> Vec<Table> {
    let mut tables: Vec<Table> = (!told.is_empty())
        .then(|| causes(told, asked))
        .into_iter()
        .collect();
    let mut groups: Vec<&GroupBill<'_>> = Vec::new();
    for of in told {
        if !groups.iter().any(|group| std::ptr::eq(*group, of.group)) {
            groups.push(of.group);
        }
    }
    for group in groups {
        let of_group = told.iter().filter(|of| std::ptr::eq(of.group, group));
        tables.push(packets(group, &of_group.collect::<Vec<_>>(), asked));
    }
    tables
}

/// The tails that are asked for; none where the record has none of such.
pub fn tails<'b, 'r>(bill: &'b Bill<'r>, asked: &Asked<'_>) -> Vec<TailOf<'b, 'r>> {
    let mut told = Vec::new();
    for group in groups(bill, asked) {
        let about = top_line(bill, group).map(|line| line.case.id.as_str());
        for line in &group.lines {
            let id = line.case.id.as_str();
            let is_asked = match asked.cases {
                Some(is_asked) => is_asked(id),
                None => Some(id) == about || line.depth() == 0,
            };
            let Some(measured) = line.measured().filter(|_| is_asked) else {
                continue;
            };
            let figures = measured.figures;
            let halves: [(&str, &Stamped); 2] = [
                ("send", &figures.send_stamped),
                ("receive", &figures.receive_stamped),
            ];
            for (half, stamped) in halves {
                let of = |tail: &&Tail| (tail.quantile - asked.quantile).abs() < 1e-9;
                if let Some(tail) = stamped.tails.iter().find(of) {
                    told.push(TailOf {
                        group,
                        workload: &group.group.workload,
                        temperature: group.group.temperature,
                        case: id,
                        half,
                        tail,
                    });
                }
            }
        }
    }
    told
}

fn groups<'b, 'r>(bill: &'b Bill<'r>, asked: &Asked<'_>) -> Vec<&'b GroupBill<'r>> {
    let is_capture = |of: &&GroupBill<'_>| {
        matches!(
            of.group.kind,
            WorkloadKind::Capture | WorkloadKind::Received
        )
    };
    match asked.workloads {
        Some(is_asked) => {
            let asked = |of: &&GroupBill<'_>| is_asked(&of.group.workload);
            bill.groups.iter().filter(asked).collect()
        }
        None if bill.groups.iter().any(|of| is_capture(&of)) => {
            bill.groups.iter().filter(is_capture).collect()
        }
        None => bill.groups.iter().collect(),
    }
}

fn causes(told: &[TailOf<'_, '_>], asked: &Asked<'_>) -> Table {
    let rows = told.iter().map(|of| {
        let mut cells = vec![
            Cell::Number(count(of.tail.from_ns)),
            Cell::Number(count(of.tail.packets)),
        ];
        cells.extend(CAUSES.iter().map(|(cause, _)| {
            let of_cause = of.tail.causes.get(cause).copied();
            of_cause.map_or(Cell::Blank, |packets| Cell::Number(count(packets)))
        }));
        Row {
            label: format!(
                "{} {}, {}, {}",
                of.group.title(),
                of.group.temperature(),
                of.case,
                of.half
            ),
            kind: RowKind::Plain,
            cells,
        }
    });
    let mut head = vec![
        String::new(),
        format!("{} ns", asked.name),
        "packets".to_owned(),
    ];
    head.extend(CAUSES.iter().map(|(_, name)| (*name).to_owned()));
    Table {
        title: format!("Packets at {} and beyond, by cause", asked.name),
        note: "all stamped packets of all instances".to_owned(),
        head,
        rows: rows.collect(),
    }
}

fn packets(group: &GroupBill<'_>, told: &[&TailOf<'_, '_>], asked: &Asked<'_>) -> Table {
    let mut rows = Vec::new();
    for of in told {
        rows.push(Row {
            label: format!("{}, {}", of.case, of.half),
            kind: RowKind::Heading,
            cells: Vec::new(),
        });
        let of_burst = |of| packet(of, group.group.burst);
        rows.extend(of.tail.exemplars.iter().map(of_burst));
    }
    let sizes = group.group.sizes.iter();
    let packets = sizes.clone().map(|(_, count)| count).sum::<u64>();
    let mut seen = 0;
    let median = sizes.into_iter().find_map(|(bytes, count)| {
        seen += count;
        (2 * seen >= packets).then_some(*bytes)
    });
    Table {
        title: format!(
            "Some of them, from the slowest to {}: {}, {}",
            asked.name,
            group.title(),
            group.temperature()
        ),
        note: format!(
            "packet: its place among those timed, from 0; flow: a keyed hash, new in every run; in fill: its place among \
             the packets between two fills, from 0; burst: which of them, of {} packets, it is in where none are stamped, \
             and its place there (stamped ones go alone); reading: what the {} packets of its reading took beyond their \
             work{}",
            group.group.burst,
            group.group.packets_per_reading,
            median.map_or_else(String::new, |bytes| format!(
                "; the median packet has {bytes} bytes"
            )),
        ),
        head: [
            "ns",
            "cause",
            "bytes",
            "flow",
            "packet",
            "instance",
            "round",
            "in fill",
            "burst",
            "in burst",
            "reading ns",
            "switches",
            "faults",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    }
}

fn signed(ns: i64) -> String {
    let minus = if ns < 0 { "−" } else { "" };
    format!("{minus}{}", count(ns.unsigned_abs()))
}

/// With its place among the packets between two fills, and the burst that it is in when it is not
/// stamped.
fn packet(of: &Exemplar, burst: u32) -> Row {
    let burst = burst.max(1);
    let name = CAUSES.iter().find(|(cause, _)| *cause == of.cause);
    let usage = &of.usage;
    Row {
        label: count(of.ns),
        kind: RowKind::Inner,
        cells: vec![
            Cell::Text(name.map_or("", |(_, name)| name).to_owned()),
            Cell::Number(count(of.inner_bytes.into())),
            of.flow
                .as_deref()
                .map_or(Cell::Blank, |flow| Cell::Text(clean(flow, 60))),
            Cell::Number(count(of.packet)),
            Cell::Number(of.instance.to_string()),
            Cell::Number(of.round.to_string()),
            Cell::Number(of.place.to_string()),
            Cell::Number((of.place / burst).to_string()),
            Cell::Number((of.place % burst).to_string()),
            Cell::Number(signed(of.reading_beyond_ns)),
            Cell::Number(count(usage.voluntary_switches + usage.involuntary_switches)),
            Cell::Number(count(usage.minor_faults + usage.major_faults)),
        ],
    }
}
