//! What temperature costs: told where it is there, and not where it is not.

mod common;

use tunneltax_reports::bill::{Bill, Cell, temperatures};
use tunneltax_reports::record::{Record, Temperature};

/// Cells of a case's row under a heading, and the head of the table.
fn cells(record: &Record, under: &str, case: &str) -> (Vec<String>, Vec<Cell>) {
    let bill = Bill::new(record).unwrap();
    let table = temperatures(&bill).expect("two temperatures");
    let behind = table.rows.iter().skip_while(|row| row.label != under);
    let mut of = behind.skip(1).filter(|row| row.label == case);
    (table.head, of.next().expect("a row").cells.clone())
}

#[test]
fn a_warm_packet_is_slower_by_what_was_put_in() {
    let record = common::record();
    let (head, cells) = cells(&record, "64 bytes", "forward");
    assert_eq!(head, ["case", "hot", "warm", "warm − hot"]);
    let [
        Cell::Estimate(hot, _),
        Cell::Estimate(warm, _),
        Cell::Estimate(step, Some(half)),
    ] = cells[..]
    else {
        panic!("{cells:?}");
    };
    assert!((step - (warm - hot)).abs() < 1e-9);
    // 24 ns and 0.03 a byte, as the record was made.
    assert!((step - 25.92).abs() < half, "{step} ± {half}");
}

#[test]
fn no_difference_is_none() {
    let mut record = common::record();
    let hot = record.groups[0].clone();
    let same = record
        .groups
        .iter_mut()
        .find(|group| group.temperature == Temperature::Warm && group.workload == hot.workload);
    same.unwrap().rows.clone_from(&hot.rows);
    let (_, cells) = cells(&record, "64 bytes", "esp/none");
    assert!(
        matches!(cells[2], Cell::Below(bound) if bound > 0.0),
        "{cells:?}"
    );
    record
        .groups
        .retain(|group| group.temperature == Temperature::Hot);
    assert!(temperatures(&Bill::new(&record).unwrap()).is_none());
}
