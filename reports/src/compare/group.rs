//! Groups of two sides, matched by what their packets are.

use serde::Serialize;

use super::Run;
use crate::bill::{self, NAME_CHARS, clean, count};
use crate::record::{Group, Record, Row, Temperature, WorkloadKind};

/// What makes two groups the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupKey {
    /// Kind of packets.
    pub kind: WorkloadKind,
    /// Name of the workload.
    pub workload: String,
    /// Temperature.
    pub temperature: Temperature,
    /// Flows of generated packets.
    pub flows: Option<u64>,
    /// All this in words, harmless to print.
    pub title: String,
}

impl GroupKey {
    fn new(record: &Record, group: &Group) -> Self {
        let workload = clean(&group.workload, NAME_CHARS);
        let mut title = match (group.kind, workload.as_str()) {
            (WorkloadKind::Size, _) => format!("{workload} bytes"),
            (WorkloadKind::Mix, "imix") => "IMIX".to_owned(),
            _ => workload,
        };
        let several = record.groups.iter().any(|other| {
            other.flows != group.flows && {
                (other.kind, &other.workload) == (group.kind, &group.workload)
            }
        });
        if let Some(flows) = group.flows.filter(|_| several) {
            title = format!("{title}, {} flows", count(flows));
        }
        Self {
            kind: group.kind,
            workload: group.workload.clone(),
            temperature: group.temperature,
            flows: group.flows,
            title: format!("{title}, {}", bill::temperature(group.temperature)),
        }
    }

    fn is_of(&self, group: &Group) -> bool {
        self.temperature == group.temperature
            && self.flows == group.flows
            && self.has_packets_of(group)
    }

    /// The same packets, if perhaps at another temperature or in other flows.
    pub(super) fn has_packets_of(&self, group: &Group) -> bool {
        self.kind == group.kind && self.workload == group.workload
    }

    /// The group of a record.
    pub(super) fn group<'r>(&self, record: &'r Record) -> Option<&'r Group> {
        record.groups.iter().find(|group| self.is_of(group))
    }

    /// The row of a case in a record.
    pub(super) fn row<'r>(&self, record: &'r Record, case: &str) -> Option<&'r Row> {
        let group = self.group(record)?;
        group.rows.iter().find(|row| row.case == case)
    }
}

/// Every group that some run has rows in, in the order of the bill.
pub(super) fn keys(a: &[Run<'_>], b: &[Run<'_>]) -> Vec<GroupKey> {
    let mut found: Vec<(GroupKey, &Group)> = Vec::new();
    for run in a.iter().chain(b) {
        for group in run.record.groups.iter().filter(|g| !g.rows.is_empty()) {
            if !found.iter().any(|(key, _)| key.is_of(group)) {
                found.push((GroupKey::new(run.record, group), group));
            }
        }
    }
    found.sort_by_key(|(_, group)| bill::order(group));
    found.into_iter().map(|(key, _)| key).collect()
}

/// Cases that some run has a row of in this group, in the order of the bill.
pub(super) fn cases(a: &[Run<'_>], b: &[Run<'_>], key: &GroupKey) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for run in a.iter().chain(b) {
        let Some(group) = key.group(run.record) else {
            continue;
        };
        let order = |id: &str| run.record.cases.iter().position(|case| case.id == id);
        let mut rows: Vec<&Row> = group.rows.iter().collect();
        rows.sort_by_key(|row| order(&row.case).unwrap_or(usize::MAX));
        for row in rows {
            if !found.contains(&row.case) {
                found.push(row.case.clone());
            }
        }
    }
    found
}
