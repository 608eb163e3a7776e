//! Runs that are made, and how two sides of them are held against each other.

use crate::common::{self, Seeded};
use tunneltax_reports::compare::{CompareError, Comparison, Row, Rule, Run, Verdict, compare};
use tunneltax_reports::record::{Figures, Group, Record, Temperature};

pub const RING: &str = "esp/aes-256-gcm@ring";
pub const FORWARD: &str = "forward";

/// Two sizes and a capture, hot and warm, of one run.
pub fn run_of_one_day() -> Record {
    let mut record = common::record();
    record
        .groups
        .retain(|group| ["64", "1440", "https"].contains(&group.workload.as_str()));
    record
}

/// The same program on another day: every row a little off as a run, every instance as well.
pub fn another_day(of: &Record, seeded: &mut Seeded, run: f64, instance: f64) -> Record {
    let mut record = of.clone();
    "2026-02-04T04:05:06Z".clone_into(&mut record.provenance.started);
    record.provenance.seconds = 40.0 + seeded.unit();
    for group in &mut record.groups {
        for figures in figures(group) {
            let off = 1.0 + run * seeded.spread();
            each_instance(figures, |ns| ns * off * (1.0 + instance * seeded.spread()));
        }
    }
    record
}

pub fn figures(group: &mut Group) -> impl Iterator<Item = &mut Figures> {
    group.rows.iter_mut().filter_map(|row| row.figures.as_mut())
}

pub fn each_instance(figures: &mut Figures, mut change: impl FnMut(f64) -> f64) {
    let factors: Vec<f64> = figures
        .sum_ns
        .instances
        .iter()
        .map(|ns| change(*ns) / ns)
        .collect();
    for of in [
        &mut figures.sum_ns,
        &mut figures.send_ns,
        &mut figures.receive_ns,
    ] {
        let changed = of.instances.iter().zip(&factors).map(|(ns, by)| ns * by);
        *of = common::estimate(changed);
    }
}

pub fn slowed(record: &mut Record, workload: &str, temperature: Temperature, case: &str, by: f64) {
    let of = |group: &&mut Group| group.workload == workload && group.temperature == temperature;
    let group = record.groups.iter_mut().find(of).unwrap();
    let row = group.rows.iter_mut().find(|row| row.case == case).unwrap();
    each_instance(row.figures.as_mut().unwrap(), |ns| ns * by);
}

pub fn held(a: &[&Record], b: &[&Record], rule: &Rule) -> Result<Comparison, CompareError> {
    let runs = |records: &[&'static Record]| -> Vec<Run<'static>> {
        let run = |record: &&'static Record| Run {
            name: "record.json",
            record,
        };
        records.iter().map(run).collect()
    };
    // Records of a test live as long as the program: it ends soon.
    let keep = |records: &[&Record]| -> Vec<&'static Record> {
        let keep = |record: &&Record| &*Box::leak(Box::new((*record).clone()));
        records.iter().map(keep).collect()
    };
    compare(&runs(&keep(a)), &runs(&keep(b)), rule)
}

pub fn with(of: &Comparison, verdict: Verdict) -> Vec<(&str, &str)> {
    let rows = of.rows.iter().filter(|row| row.verdict == verdict);
    rows.map(|row| (row.group.title.as_str(), row.case.as_str()))
        .collect()
}

pub fn row<'c>(of: &'c Comparison, title: &str, case: &str) -> &'c Row {
    let mut rows = of.rows.iter();
    rows.find(|row| row.group.title == title && row.case == case)
        .unwrap_or_else(|| panic!("{title} {case}"))
}

pub fn ring(group: &mut Group) -> &mut Figures {
    let row = group.rows.iter_mut().find(|row| row.case == RING).unwrap();
    row.figures.as_mut().unwrap()
}
