//! The rows of the answer are judged together, the others by themselves.

mod common;

use tunneltax_reports::bill::{Bill, Difference};
use tunneltax_reports::record::{Record, Temperature, WorkloadKind};

const STEP: &str = "esp/none";
const GROUND: &str = "forward";

/// A record in which every step of ESP's framing is told by itself: ten instances
/// around 1 ns with a t of 2.68 (p 2.5 %). A/A tells nearly anything.
fn shaky() -> Record {
    let mut record = common::record();
    let spread = [-1.8, -1.4, -0.9, -0.5, 0.0, 0.0, 0.5, 0.9, 1.4, 1.8];
    for group in &mut record.groups {
        for gate in &mut group.null_gate {
            gate.smallest_percent = 1e-6;
        }
        for row in group.rows.iter_mut().filter(|row| row.case == STEP) {
            for pair in &mut row.figures.as_mut().unwrap().against {
                if pair.case == GROUND {
                    pair.sum_ns = common::estimate(spread.map(|off| 1.0 + off));
                }
            }
        }
    }
    record.provenance.clock.step_ns = 1e-6;
    record
}

fn step(bill: &Bill<'_>, kind: WorkloadKind, workload: &str) -> Difference {
    let groups = bill.of(&[kind], Temperature::Hot);
    let group = groups
        .iter()
        .find(|g| g.group.workload == workload)
        .unwrap();
    let measured = group.line(STEP).unwrap().measured().unwrap();
    measured.step.unwrap().sum
}

#[test]
fn what_is_told_alone_is_not_told_among_six() {
    let record = shaky();
    let bill = Bill::new(&record).unwrap();
    // Not in the receipt: told by itself.
    assert!(matches!(
        step(&bill, WorkloadKind::Size, "576"),
        Difference::Told { .. }
    ));
    assert!(matches!(
        step(&bill, WorkloadKind::Capture, "https"),
        Difference::Told { .. }
    ));
    // In the receipt with five others.
    for (kind, workload) in [
        (WorkloadKind::Size, "64"),
        (WorkloadKind::Size, "1440"),
        (WorkloadKind::Mix, "imix"),
    ] {
        let Difference::Below(bound) = step(&bill, kind, workload) else {
            panic!("{workload} is told");
        };
        // The far end of the interval: 1 + 2.262 × 1.1795 / √10.
        assert!((bound - 1.8437).abs() < 1e-3, "{bound}");
    }
}

#[test]
fn what_is_clear_stays_told() {
    let record = common::record();
    let bill = Bill::new(&record).unwrap();
    assert!(matches!(
        step(&bill, WorkloadKind::Size, "1440"),
        Difference::Told { .. }
    ));
}
