//! The bill: a record, judged once, for every way it is looked at.
//!
//! Each row is one step above another (`step_of`); what the step costs is the paired difference
//! between the two, on the same packets in the same rounds. Terminal, Markdown and HTML draw
//! the same tables and repeat the same sentences; none of them judges anything.

mod aside;
mod difference;
mod headline;
mod latency;
mod origin;
mod tables;
mod words;

use std::collections::BTreeMap;

pub use aside::{carried, left_out, legend, null_gates, provenance_line, remarks};
pub use difference::{Difference, half, mean, smallest_ns};
pub use headline::{Receipt, Span, receipt, sentences};
pub use latency::{Latency, PERCENTILES};
pub use origin::provenance;
pub use tables::{
    Cell, Matrix, Row as TableRow, RowKind, TEMPERATURES, Table, full, matrix, percentiles,
    under_headings,
};
pub use words::{
    NAME_CHARS, Room, TEXT_CHARS, algorithm, bound, bytes, clean, count, duration, estimate, three,
};

use crate::record::{Case, Clock, Figures, Group, Record, RecordError, Temperature, WorkloadKind};

/// A record, judged.
pub struct Bill<'r> {
    /// What was judged.
    pub record: &'r Record,
    /// The groups that have rows: sizes ascending, then mixes, captures and classes; hot first.
    pub groups: Vec<GroupBill<'r>>,
}

/// Rows that can be compared.
pub struct GroupBill<'r> {
    /// What was judged.
    pub group: &'r Group,
    /// Name of the workload, harmless to print: `1440`, `IMIX`, `https`.
    pub name: String,
    /// In the order of the bill.
    pub lines: Vec<Line<'r>>,
}

/// One case.
pub struct Line<'r> {
    /// Its name.
    pub case: CaseName,
    /// Keys of the cases it stands on, nearest first; empty on the ground.
    pub below: Vec<String>,
    /// What the step adds; the case's own name where the record doesn't say.
    pub step: String,
    /// What was measured, or why nothing was.
    pub outcome: Result<Measured<'r>, String>,
}

/// A case id in its parts, harmless to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseName {
    /// The id as the record has it: only to be compared.
    pub key: String,
    /// The id to show.
    pub id: String,
    /// What stands between `/` and `@`, or the whole id.
    pub cipher: String,
    /// What stands behind the `@`.
    pub library: Option<String>,
}

/// A row with figures.
pub struct Measured<'r> {
    /// What was judged.
    pub figures: &'r Figures,
    /// The step from the case below; `None` on the ground.
    pub step: Option<Step>,
    /// Send and receive together over the ground's, and half of its interval.
    pub ratio: Option<(f64, Option<f64>)>,
    /// Smallest difference that can be told on this row, ns a packet.
    pub smallest_ns: Option<f64>,
    /// One core at each end.
    pub rate: Option<Rate>,
    /// Bytes that the path adds to a packet, in the mean.
    pub added_bytes: Option<f64>,
    /// Single packets, send.
    pub send: Option<Latency>,
    /// Single packets, receive.
    pub receive: Option<Latency>,
}

/// A step of the bill, ns a packet.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Send.
    pub send: Difference,
    /// Receive.
    pub receive: Difference,
    /// Both.
    pub sum: Difference,
    /// Mean of both whatever the verdict, for a chart's height; `None` where not measured.
    pub sum_mean_ns: Option<f64>,
}

/// What one core at each end carries: the slower end sets the pace.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Inner IP bits, 10⁹ a second.
    pub gigabits: f64,
    /// Packets, 10⁶ a second.
    pub megapackets: f64,
}

impl<'r> Bill<'r> {
    /// Judges a record; fails where a histogram cannot be decoded.
    pub fn new(record: &'r Record) -> Result<Self, RecordError> {
        let mut groups = Vec::with_capacity(record.groups.len());
        for group in record.groups.iter().filter(|group| !group.rows.is_empty()) {
            groups.push(GroupBill::new(record, group)?);
        }
        groups.sort_by_key(|bill| {
            let kind = match bill.group.kind {
                WorkloadKind::Size => 0,
                WorkloadKind::Mix => 1,
                WorkloadKind::Capture => 2,
                WorkloadKind::Class => 3,
            };
            (
                kind,
                bill.size().unwrap_or(u32::MAX),
                bill.group.temperature,
            )
        });
        Ok(Self { record, groups })
    }

    /// The groups of these kinds and this temperature.
    pub fn of(&self, kinds: &[WorkloadKind], temperature: Temperature) -> Vec<&GroupBill<'r>> {
        self.groups
            .iter()
            .filter(|bill| {
                kinds.contains(&bill.group.kind) && bill.group.temperature == temperature
            })
            .collect()
    }

    /// The group that stands for the run: the largest size, else the mix, else the capture with
    /// the most packets; hot if there is one.
    pub fn flagship(&self) -> Option<&GroupBill<'r>> {
        let rank = |bill: &&GroupBill<'r>| {
            let kind = match bill.group.kind {
                WorkloadKind::Size => 3,
                WorkloadKind::Mix => 2,
                WorkloadKind::Capture => 1,
                WorkloadKind::Class => 0,
            };
            let hot = bill.group.temperature == Temperature::Hot;
            (
                hot,
                kind,
                u64::from(bill.size().unwrap_or(0)),
                bill.group.packets,
            )
        };
        self.groups.iter().max_by_key(rank)
    }
}

impl<'r> GroupBill<'r> {
    fn new(record: &'r Record, group: &'r Group) -> Result<Self, RecordError> {
        let cases: BTreeMap<&str, (usize, &Case)> = record
            .cases
            .iter()
            .enumerate()
            .map(|(i, case)| (case.id.as_str(), (i, case)))
            .collect();
        let order = |id: &str| cases.get(id).map_or(usize::MAX, |(i, _)| *i);
        let mut rows: Vec<_> = group.rows.iter().collect();
        rows.sort_by_key(|row| order(&row.case));
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let case = cases.get(row.case.as_str()).map(|(_, case)| *case);
            let chain = chain(&cases, &row.case);
            let outcome = match (row.passed, &row.figures) {
                (true, Some(figures)) => {
                    let ground = chain.last().copied().unwrap_or(&row.case);
                    Ok(Measured::new(
                        &record.provenance.clock,
                        group,
                        case,
                        ground,
                        figures,
                    )?)
                }
                _ => Err(row.message.as_deref().map_or_else(
                    || "no figures, and no word why".to_owned(),
                    |message| clean(message, TEXT_CHARS),
                )),
            };
            lines.push(Line {
                case: CaseName::new(&row.case),
                below: chain.iter().map(|&key| key.to_owned()).collect(),
                step: clean(case.map_or(&row.case, |case| &case.step), NAME_CHARS),
                outcome,
            });
        }
        let name = clean(&group.workload, NAME_CHARS);
        let name = if name == "imix" {
            "IMIX".to_owned()
        } else {
            name
        };
        Ok(Self { group, name, lines })
    }

    /// Inner IP total length, of generated packets of one size.
    pub fn size(&self) -> Option<u32> {
        (self.group.kind == WorkloadKind::Size).then(|| self.group.workload.parse().ok())?
    }

    /// The workload in words: `1440 bytes`.
    pub fn title(&self) -> String {
        self.size()
            .map_or_else(|| self.name.clone(), |size| format!("{size} bytes"))
    }

    /// The temperature in words.
    pub fn temperature(&self) -> &'static str {
        temperature(self.group.temperature)
    }

    /// The line of a case.
    pub fn line(&self, case: &str) -> Option<&Line<'r>> {
        self.lines.iter().find(|line| line.case.key == case)
    }

    /// A line and what it stands on in this group, ground first.
    pub fn chain<'b>(&'b self, line: &'b Line<'r>) -> Vec<&'b Line<'r>> {
        let below = line.below.iter().rev().filter_map(|key| self.line(key));
        below.chain(std::iter::once(line)).collect()
    }

    /// The ground and the steps up to a line as mean ns, ground first; `None` where one of them
    /// has no figures.
    pub fn steps_ns(&self, line: &Line<'r>) -> Option<Vec<f64>> {
        let chain = self.chain(line);
        let whole = chain.len() == line.depth() + 1;
        let steps = chain.iter().map(|line| {
            let measured = line.measured()?;
            measured
                .step
                .map_or_else(|| mean(&measured.figures.sum_ns), |step| step.sum_mean_ns)
        });
        steps.collect::<Option<Vec<f64>>>().filter(|_| whole)
    }

    /// The ground, the steps without a library, and the first library listed of each cipher:
    /// what a chart has room for.
    pub fn short_list(&self) -> Vec<&Line<'r>> {
        let mut ciphers = Vec::new();
        let mut keep = |line: &&Line<'r>| {
            let new = line.case.library.is_none() || !ciphers.contains(&line.case.cipher);
            if line.case.library.is_some() && new && line.outcome.is_ok() {
                ciphers.push(line.case.cipher.clone());
            }
            new
        };
        self.lines.iter().filter(|line| keep(line)).collect()
    }
}

impl<'r> Line<'r> {
    /// Steps above the ground.
    pub fn depth(&self) -> usize {
        self.below.len()
    }

    /// The figures, where there are some.
    pub fn measured(&self) -> Option<&Measured<'r>> {
        self.outcome.as_ref().ok()
    }
}

impl CaseName {
    fn new(key: &str) -> Self {
        let id = clean(key, NAME_CHARS);
        let (path, library) = match id.split_once('@') {
            Some((path, library)) if !library.is_empty() => (path, Some(library.to_owned())),
            _ => (id.as_str(), None),
        };
        let cipher = path
            .rsplit_once('/')
            .map_or(path, |(_, cipher)| cipher)
            .to_owned();
        Self {
            key: key.to_owned(),
            cipher,
            library,
            id,
        }
    }

    /// For a sentence: `AES-256-GCM by ring`, or the id.
    pub fn spoken(&self) -> String {
        self.library.as_ref().map_or_else(
            || self.id.clone(),
            |library| format!("{} by {library}", algorithm(&self.cipher)),
        )
    }
}

impl<'r> Measured<'r> {
    fn new(
        clock: &Clock,
        group: &'r Group,
        case: Option<&Case>,
        ground: &str,
        figures: &'r Figures,
    ) -> Result<Self, RecordError> {
        let id = case.map_or("", |case| case.id.as_str());
        let smallest_ns = smallest_ns(clock, group, id, figures.sum_ns.mean);
        let against = |other: &str| figures.against.iter().find(|pair| pair.case == other);
        let step = case.and_then(|case| case.step_of.as_deref()).map(|below| {
            against(below).map_or(Step::UNKNOWN, |pair| Step {
                send: Difference::judge(&pair.send_ns, smallest_ns),
                receive: Difference::judge(&pair.receive_ns, smallest_ns),
                sum: Difference::judge(&pair.sum_ns, smallest_ns),
                sum_mean_ns: mean(&pair.sum_ns),
            })
        });
        let ratio =
            against(ground).and_then(|pair| Some((mean(&pair.sum_ratio)?, half(&pair.sum_ratio))));
        let latency = |stamped, burst| Latency::new(&group.workload, id, stamped, burst);
        Ok(Self {
            figures,
            step,
            ratio,
            smallest_ns,
            rate: Rate::new(figures, group.mean_inner_bytes),
            added_bytes: added_bytes(group, case, ground, figures),
            send: latency(&figures.send_stamped, &figures.send_ns)?,
            receive: latency(&figures.receive_stamped, &figures.receive_ns)?,
        })
    }
}

impl Step {
    const UNKNOWN: Self = Self {
        send: Difference::CannotTell,
        receive: Difference::CannotTell,
        sum: Difference::CannotTell,
        sum_mean_ns: None,
    };
}

impl Rate {
    fn new(figures: &Figures, mean_inner_bytes: f64) -> Option<Self> {
        let slower_ns = figures.send_ns.mean.max(figures.receive_ns.mean);
        let rate = Self {
            gigabits: mean_inner_bytes * 8.0 / slower_ns,
            megapackets: 1e3 / slower_ns,
        };
        let sound = slower_ns > 0.0 && mean_inner_bytes > 0.0;
        (sound && rate.gigabits.is_finite() && rate.megapackets.is_finite()).then_some(rate)
    }
}

/// Name of a temperature.
pub fn temperature(temperature: Temperature) -> &'static str {
    match temperature {
        Temperature::Hot => "hot",
        Temperature::Warm => "warm",
    }
}

/// The cases below `id`, nearest first; ends where the record contradicts itself.
fn chain<'c>(cases: &BTreeMap<&str, (usize, &'c Case)>, id: &str) -> Vec<&'c str> {
    let mut below: Vec<&str> = Vec::new();
    let mut at = cases.get(id);
    while let Some(next) = at.and_then(|(_, case)| case.step_of.as_deref()) {
        if next == id || below.contains(&next) {
            break;
        }
        below.push(next);
        at = cases.get(next);
    }
    below
}

/// Bytes added to a packet: of one size, as the case says; else what was sent beyond what the
/// ground sent of the same packets, a packet.
fn added_bytes(group: &Group, case: Option<&Case>, ground: &str, figures: &Figures) -> Option<f64> {
    let size: Option<u32> =
        (group.kind == WorkloadKind::Size).then(|| group.workload.parse().ok())?;
    if let Some(added) = size.and_then(|size| case?.added_bytes.get(&size)) {
        return Some(f64::from(*added));
    }
    let work = &figures.work;
    let base = group
        .rows
        .iter()
        .find(|row| row.case == ground)
        .and_then(|row| row.figures.as_ref())
        .map(|figures| &figures.work);
    let (bytes, packets) = match base {
        Some(base) => (
            base.wire_bytes,
            base.packets.saturating_sub(base.drops.values().sum()),
        ),
        None if work.drops.is_empty() => (work.inner_bytes, work.packets),
        None => return None,
    };
    (packets > 0).then(|| (work.wire_bytes as f64 - bytes as f64) / packets as f64)
}
