//! What may be called a difference, and how figures are written.

mod common;

use tunneltax_reports::bill::{
    Bill, Difference, Room, bound, bytes, clean, count, estimate, smallest_ns, three,
};
use tunneltax_reports::stats::Estimate;

fn interval(mean: f64, half: f64) -> Estimate {
    Estimate {
        mean,
        low: Some(mean - half),
        high: Some(mean + half),
        instances: vec![mean],
    }
}

#[test]
fn a_difference_is_told_only_clear_of_zero_and_above_the_smallest() {
    assert!(matches!(
        Difference::judge(&interval(3.0, 0.5), Some(1.0)),
        Difference::Told { .. }
    ));
    assert!(matches!(
        Difference::judge(&interval(-3.0, 0.5), Some(1.0)),
        Difference::Told { .. }
    ));
    // the interval includes 0
    assert_eq!(
        Difference::judge(&interval(3.0, 4.0), Some(1.0)),
        Difference::Below(7.0)
    );
    assert_eq!(
        Difference::judge(&interval(-3.0, 4.0), Some(1.0)),
        Difference::Below(7.0)
    );
    // clear of 0, but under the smallest difference
    assert_eq!(
        Difference::judge(&interval(0.9, 0.05), Some(1.0)),
        Difference::Below(1.0)
    );
}

#[test]
fn without_interval_or_a_gate_nothing_is_told() {
    let single = Estimate {
        low: None,
        high: None,
        ..interval(3.0, 0.0)
    };
    assert_eq!(
        Difference::judge(&single, Some(1.0)),
        Difference::CannotTell
    );
    assert_eq!(
        Difference::judge(&interval(3.0, 0.5), None),
        Difference::CannotTell
    );
    assert_eq!(
        Difference::judge(&interval(f64::NAN, 0.5), Some(1.0)),
        Difference::CannotTell
    );
}

#[test]
fn the_smallest_difference_is_the_gates_or_the_clocks() {
    let record = common::record();
    let clock = &record.provenance.clock;
    let mut group = record.groups[0].clone();
    group.null_gate[0].smallest_percent = 2.0;
    group.null_gate[1].smallest_percent = 5.0;
    let close = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-9, "{a:?} {b}");
    // its own gate; the worst one where it has none; a step of the clock over 32 packets
    close(smallest_ns(clock, &group, "forward", 100.0), 2.0);
    close(smallest_ns(clock, &group, "esp/none", 100.0), 5.0);
    close(smallest_ns(clock, &group, "forward", 1.0), 10.4 / 32.0);
    group.null_gate.clear();
    assert_eq!(smallest_ns(clock, &group, "forward", 100.0), None);
}

#[test]
fn steps_stand_on_the_case_below() {
    let record = common::record();
    let bill = Bill::new(&record).unwrap();
    let group = bill.flagship().unwrap();
    assert_eq!(group.name, "1440");
    let line = group.line("esp/aes-256-gcm@ring").unwrap();
    assert_eq!(line.below, ["esp/none", "forward"]);
    let steps = group.steps_ns(line).unwrap();
    let sum = line.measured().unwrap().figures.sum_ns.mean;
    assert!((steps.iter().sum::<f64>() - sum).abs() < 1e-6);
}

#[test]
fn a_case_never_stands_on_itself() {
    let mut record = common::record();
    record.cases[0].step_of = Some("esp/none".to_owned());
    let bill = Bill::new(&record).unwrap();
    let line = bill.flagship().unwrap().line("forward").unwrap();
    assert_eq!(line.below, ["esp/none"]);
}

/// 1440 bytes in the slower of two directions, and the bytes that were sent beyond.
#[test]
fn rates_and_bytes() {
    let mut record = common::record();
    for group in &mut record.groups {
        for figures in group.rows.iter_mut().filter_map(|row| row.figures.as_mut()) {
            figures.send_ns = interval(100.0, 1.0);
            figures.receive_ns = interval(144.0, 1.0);
        }
    }
    let bill = Bill::new(&record).unwrap();
    let rate = bill.flagship().unwrap().lines[0]
        .measured()
        .unwrap()
        .rate
        .unwrap();
    assert!((rate.gigabits - 80.0).abs() < 1e-9, "{rate:?}");
    assert!((rate.megapackets - 1e3 / 144.0).abs() < 1e-9, "{rate:?}");
    let added = |workload: &str| {
        let group = bill
            .groups
            .iter()
            .find(|group| group.name == workload)
            .unwrap();
        group
            .line("esp/none")
            .unwrap()
            .measured()
            .unwrap()
            .added_bytes
            .unwrap()
    };
    // 20 + 8 + 8 + 2 + 16 and padding to 4; a capture's are those beyond what forward sent
    assert!((added("1440") - 56.0).abs() < 1e-9);
    assert!((added("https") - 56.0).abs() < 1e-9);
}

/// The curve is the histogram's own quantiles, at another spacing.
#[test]
fn a_curve_is_the_histogram() {
    let record = common::record();
    let bill = Bill::new(&record).unwrap();
    let line = bill.flagship().unwrap().line("esp/none").unwrap();
    let latency = line.measured().unwrap().send.as_ref().unwrap();
    let curve = latency.curve();
    assert!(
        curve.len() > 200
            && curve
                .windows(2)
                .all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1)
    );
    for nines in 1..=5 {
        let (_, ns) = curve
            .iter()
            .find(|(x, _)| (x - f64::from(nines)).abs() < 1e-9)
            .unwrap();
        let quantile = latency
            .histogram
            .value_at_quantile(1.0 - 10_f64.powi(-nines));
        assert!(
            latency.histogram.equivalent(*ns as u64, quantile),
            "{nines}: {ns} {quantile}"
        );
    }
    assert_eq!(curve.last().unwrap().1 as u64, latency.histogram.max());
}

#[test]
fn figures_have_the_digits_they_deserve() {
    assert_eq!(estimate(21.0934, Some(0.0312), Room::Ample), "21.09 ± 0.04");
    assert_eq!(estimate(21.0934, Some(0.0312), Room::Tight), "21.1±.1");
    assert_eq!(estimate(184.52, Some(0.41), Room::Ample), "184.5 ± 0.5");
    assert_eq!(estimate(2687.2, Some(6.4), Room::Ample), "2687 ± 7");
    assert_eq!(estimate(31.4, Some(2.1), Room::Tight), "31±3");
    assert_eq!(estimate(-3.21, None, Room::Ample), "−3.21");
    assert_eq!(estimate(-0.001, None, Room::Ample), "0.00");
    assert_eq!(estimate(f64::NAN, Some(1.0), Room::Ample), "—");
    assert_eq!(estimate(1.0, Some(f64::INFINITY), Room::Ample), "1.00");
    assert_eq!(
        (
            bound(0.331, Room::Ample).as_str(),
            bound(0.331, Room::Tight).as_str()
        ),
        ("0.34", "0.4")
    );
    assert_eq!(
        (three(0.8123), three(34.71), three(988.4)),
        ("0.81".into(), "34.7".into(), "988".into())
    );
    assert_eq!(
        (count(1_234_567), count(999)),
        ("1,234,567".into(), "999".into())
    );
    assert_eq!((bytes(56.0), bytes(55.34)), ("56".into(), "55.3".into()));
}

#[test]
fn names_cannot_steer_a_terminal() {
    assert_eq!(
        clean("a\x1b[31m\nb\u{202e}c", 20),
        "a\u{fffd}[31m\u{fffd}b\u{fffd}c"
    );
    assert_eq!(clean("abcdefghij", 5), "ab…ij");
}
