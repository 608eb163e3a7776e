//! The bill: a record, judged once, for every way it is looked at.
//!
//! Each row is one step above another (`step_of`); what the step costs is the paired difference
//! between the two, on the same packets in the same rounds. Terminal, Markdown and HTML draw
//! the same tables and repeat the same sentences; none of them judges anything.

mod aside;
mod beside;
mod cost_model;
mod curves;
mod detail;
mod difference;
mod fastest;
mod fits;
mod group;
mod headline;
mod headline_rows;
mod instruments;
mod latency;
mod measured;
mod origin;
mod payers;
mod remarks;
mod scenario;
mod spoilt;
mod tables;
mod tails;
mod temperatures;
mod waterfall;
mod words;

pub use aside::{carried, left_out, legend, null_gates, provenance_line};
pub use beside::beside;
pub use cost_model::{COST_MODEL, CaseModel, CostModel, Prediction, Says, cost_models};
pub use curves::{CURVES, Curve, Curves, curves};
pub use detail::{counted, full, percentiles, under_headings};
pub use difference::{Difference, half, mean, smallest_ns};
pub use fastest::fastest;
pub use fits::fits;
pub use group::{CaseName, GroupBill, Line, Timed};
pub use headline::{Receipt, Span, receipt, receipt_groups, sentences};
pub use instruments::instruments;
pub use latency::{Latency, PERCENTILES, Percentile};
pub use measured::{Measured, Rate, Step};
pub use origin::{provenance, provenance_list};
pub use payers::{PAYERS, Paying, most_paying, payers};
pub use remarks::remarks;
pub use scenario::{Scenario, scenario};
pub use spoilt::{Measuring, shared_core, spoilt};
pub use tables::{Cell, Matrix, Row as TableRow, RowKind, TEMPERATURES, Table, matrix};
pub use tails::{Asked, CAUSES_SAID, TailOf, tail_tables, tails};
pub use temperatures::temperatures;
pub use waterfall::{Fall, FallBar, WATERFALL, falls};
pub use words::{
    NAME_CHARS, Room, TEXT_CHARS, algorithm, bound, bytes, clean, command, count, estimate, legacy,
    list, three,
};

use crate::record::{Group, Record, RecordError, Temperature, WorkloadKind};

/// A record, judged.
pub struct Bill<'r> {
    /// What was judged.
    pub record: &'r Record,
    /// The groups that have rows: sizes ascending, then mixes, captures, classes and
    /// what was only received; hot first.
    pub groups: Vec<GroupBill<'r>>,
    /// Sizes that were measured for the cost model alone.
    pub fitted: Vec<GroupBill<'r>>,
}

impl<'r> Bill<'r> {
    /// Judges a record; fails where a histogram cannot be decoded.
    pub fn new(record: &'r Record) -> Result<Self, RecordError> {
        let mut groups = Vec::with_capacity(record.groups.len());
        for group in record.groups.iter().filter(|group| !group.rows.is_empty()) {
            groups.push(GroupBill::new(record, group)?);
        }
        groups.sort_by_key(|bill| order(bill.group));
        let for_model = |of: &GroupBill<'_>| {
            let size = of.size();
            size.is_some_and(|size| record.model_sizes.contains(&size))
        };
        let (fitted, groups) = groups.into_iter().partition(for_model);
        let mut bill = Self {
            record,
            groups,
            fitted,
        };
        headline_rows::judge_together(&mut bill);
        Ok(bill)
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
    /// the most packets; hot if there is one, and of the fewest flows.
    pub fn flagship(&self) -> Option<&GroupBill<'r>> {
        let rank = |bill: &&GroupBill<'r>| {
            let kind = match bill.group.kind {
                WorkloadKind::Size => 3,
                WorkloadKind::Mix => 2,
                WorkloadKind::Capture | WorkloadKind::Received => 1,
                WorkloadKind::Class => 0,
            };
            let hot = bill.group.temperature == Temperature::Hot;
            (
                hot,
                kind,
                u64::from(bill.size().unwrap_or(0)),
                std::cmp::Reverse(bill.group.flows),
                bill.group.packets,
            )
        };
        self.groups.iter().max_by_key(rank)
    }
}

/// Where a group stands among others.
pub fn order(group: &Group) -> impl Ord + use<> {
    let kind = match group.kind {
        WorkloadKind::Size => 0,
        WorkloadKind::Mix => 1,
        WorkloadKind::Capture => 2,
        WorkloadKind::Class => 3,
        WorkloadKind::Received => 4,
    };
    let size = (group.kind == WorkloadKind::Size)
        .then(|| group.workload.parse::<u32>().ok())
        .flatten();
    (
        kind,
        size.unwrap_or(u32::MAX),
        group.flows,
        group.temperature,
    )
}

/// Name of a temperature.
pub fn temperature(temperature: Temperature) -> &'static str {
    match temperature {
        Temperature::Hot => "hot",
        Temperature::Warm => "warm",
        Temperature::Cold => "cold",
    }
}
