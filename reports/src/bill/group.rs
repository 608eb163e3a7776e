//! The rows of one group, in the order of the bill.

use std::collections::BTreeMap;

use super::{Measured, NAME_CHARS, TEXT_CHARS, algorithm, clean, count, mean, temperature};
use crate::record::{Case, Group, Record, RecordError, WorkloadKind};

/// Behind the name of a group whose core another thread had a part of.
pub(super) const SHARED_MARK: &str = " †";

/// Rows that can be compared.
pub struct GroupBill<'r> {
    /// What was judged.
    pub group: &'r Group,
    /// Name of the workload, harmless to print: `1440`, `IMIX`, `https`.
    pub name: String,
    /// In the order of the bill.
    pub lines: Vec<Line<'r>>,
    /// Another hardware thread had a part of the core for much of what counts.
    pub shared_core: bool,
}

/// What the times of a group are of, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// The halves.
    pub halves: &'static str,
    /// The same, to begin a sentence.
    pub sentence: &'static str,
    /// Whose time it is.
    pub gateways: &'static str,
    /// What carries the rates.
    pub cores: &'static str,
}

impl Timed {
    const BOTH: Self = Self {
        halves: "send + receive",
        sentence: "Send and receive together",
        gateways: "both gateways together",
        cores: "one core at each end",
    };
    const RECEIVED: Self = Self {
        halves: "receive alone",
        sentence: "Receive alone",
        gateways: "the far gateway alone",
        cores: "one core at the far end",
    };
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

impl<'r> GroupBill<'r> {
    pub(super) fn new(record: &'r Record, group: &'r Group) -> Result<Self, RecordError> {
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
                step: clean(case.map_or(&row.case, |case| &case.step), TEXT_CHARS),
                outcome,
            });
        }
        let name = clean(&group.workload, NAME_CHARS);
        let name = if name == "imix" {
            "IMIX".to_owned()
        } else {
            name
        };
        let name = match group.flows {
            Some(1) if of_several_flows(record, group) => format!("{name}, 1 flow"),
            Some(flows) if of_several_flows(record, group) => {
                format!("{name}, {} flows", count(flows))
            }
            _ => name,
        };
        Ok(Self {
            group,
            name,
            lines,
            shared_core: super::shared_core(group, &record.provenance.noise),
        })
    }

    /// Inner IP total length, of generated packets of one size.
    pub fn size(&self) -> Option<u32> {
        (self.group.kind == WorkloadKind::Size).then(|| self.group.workload.parse().ok())?
    }

    /// Only the far gateway was timed, on what others sealed.
    pub fn is_received(&self) -> bool {
        self.group.kind == WorkloadKind::Received
    }

    /// What the times are of.
    pub fn timed(&self) -> Timed {
        if self.is_received() {
            Timed::RECEIVED
        } else {
            Timed::BOTH
        }
    }

    /// The workload in words: `1440 bytes`.
    pub fn title(&self) -> String {
        self.size().map_or_else(
            || self.name.clone(),
            |size| {
                self.name
                    .replacen(&size.to_string(), &format!("{size} bytes"), 1)
            },
        )
    }

    /// A name of this group, with a mark (†) where its core was shared.
    pub fn marked(&self, name: &str) -> String {
        let mark = if self.shared_core { SHARED_MARK } else { "" };
        format!("{name}{mark}")
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

    /// What stands before the `/`: the way that the packets go.
    pub fn path(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }

    /// The id in front of the `@`.
    pub fn without_library(&self) -> &str {
        self.id.split('@').next().unwrap_or(&self.id)
    }

    /// Above its libraries: `AES-256-GCM`, and the path where that is not plain ESP.
    pub fn heading(&self) -> String {
        let cipher = algorithm(&self.cipher);
        match self.id.split_once('/') {
            None | Some(("esp", _)) => cipher,
            Some((path, _)) => format!("{path}, {cipher}"),
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

/// Whether the same packets were spread over other numbers of flows, too.
fn of_several_flows(record: &Record, group: &Group) -> bool {
    let mut same = record.groups.iter().filter(|other| {
        (other.kind, &other.workload) == (group.kind, &group.workload) && !other.rows.is_empty()
    });
    same.any(|other| other.flows != group.flows)
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
