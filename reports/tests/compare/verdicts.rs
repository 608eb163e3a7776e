//! What is told of a row, and what is not.

use crate::common::Seeded;
use crate::made::{
    FORWARD, RING, another_day, each_instance, figures, held, row, run_of_one_day, slowed, with,
};
use tunneltax_reports::compare::{ANCHOR_ROW, Floor, Rule, Unit, Verdict, answer};
use tunneltax_reports::record::{Record, Temperature};

/// A planted slow row is found, at one run a side and at several, and only it.
#[test]
fn a_slow_row_is_slower_and_only_it() {
    let mut seeded = Seeded(11);
    let a = run_of_one_day();
    let mut b = another_day(&a, &mut seeded, 0.001, 0.002);
    slowed(&mut b, "1440", Temperature::Warm, RING, 1.05);
    let one = held(&[&a], &[&b], &Rule::default()).unwrap();
    assert_eq!(one.unit, Unit::Instance);
    assert_eq!(with(&one, Verdict::Slower), [("1440 bytes, warm", RING)]);
    assert_eq!(with(&one, Verdict::Faster), []);
    assert!(!answer(&one).contains("together"), "{}", answer(&one));
    let found = row(&one, "1440 bytes, warm", RING).percent.unwrap();
    assert!(
        (found.mean - 5.0).abs() < 0.6 && found.low.unwrap() > 3.0,
        "{found:?}"
    );

    let mut day = || another_day(&a, &mut seeded, 0.001, 0.002);
    let (before, mut after) = ([day(), day(), day(), day()], [day(), day(), day(), day()]);
    for run in &mut after {
        slowed(run, "1440", Temperature::Warm, RING, 1.05);
    }
    let several = held(&before.each_ref(), &after.each_ref(), &Rule::default()).unwrap();
    assert_eq!(several.unit, Unit::Run);
    assert_eq!(several.floor_percent, None);
    assert_eq!(
        with(&several, Verdict::Slower),
        [("1440 bytes, warm", RING)]
    );
    assert_eq!(with(&several, Verdict::Faster), []);
}

/// The other way round it is faster.
#[test]
fn a_fast_row_is_faster() {
    let a = run_of_one_day();
    let mut b = another_day(&a, &mut Seeded(12), 0.001, 0.002);
    slowed(&mut b, "64", Temperature::Hot, RING, 1.0 / 1.06);
    let of = held(&[&a], &[&b], &Rule::default()).unwrap();
    assert_eq!(with(&of, Verdict::Faster), [("64 bytes, hot", RING)]);
    assert_eq!(with(&of, Verdict::Slower), []);
}

/// Another core speed, a neighbour: all rows are 40 % slower, and no code is. The anchor's own row
/// shows it, and with one run a side judges nothing.
#[test]
fn a_slow_run_is_no_slow_code() {
    let a = run_of_one_day();
    let mut b = another_day(&a, &mut Seeded(13), 0.001, 0.002);
    for group in &mut b.groups {
        group.anchor_ghz /= 1.4;
        figures(group).for_each(|figures| each_instance(figures, |ns| ns * 1.4));
    }
    let of = held(&[&a], &[&b], &Rule::default()).unwrap();
    assert_eq!(
        (with(&of, Verdict::Slower), with(&of, Verdict::Faster)),
        (vec![], vec![])
    );
    let anchor = row(&of, "1440 bytes, hot", ANCHOR_ROW);
    assert_eq!(anchor.verdict, Verdict::CannotTell);
    assert!(!anchor.anchored && anchor.p.is_none());
    let percent = anchor.percent.unwrap();
    assert!((percent.mean - 40.0).abs() < 1.0 && percent.low.is_none());
    let said = answer(&of);
    let whole = "All rows of a group together took ";
    assert!(
        said.contains(whole) && said.contains(" % more (+"),
        "{said}"
    );

    // A neighbour that comes and goes moves instances of all rows together.
    let mut b = another_day(&a, &mut Seeded(14), 0.001, 0.002);
    for group in &mut b.groups {
        figures(group).for_each(|figures| {
            let mut at = 0;
            each_instance(figures, |ns| {
                at += 1;
                ns * if at % 2 == 0 { 1.4 } else { 1.0 }
            });
        });
    }
    slowed(&mut b, "1440", Temperature::Hot, RING, 1.05);
    let of = held(&[&a], &[&b], &Rule::default()).unwrap();
    assert_eq!(with(&of, Verdict::Slower), [("1440 bytes, hot", RING)]);
}

/// Runs that agree show a change of all rows in the anchor's row, and in no other.
#[test]
fn a_change_of_all_rows_is_the_anchors() {
    let a = run_of_one_day();
    let mut seeded = Seeded(15);
    let mut day = || another_day(&a, &mut seeded, 0.0005, 0.001);
    let (before, mut after) = ([day(), day(), day()], [day(), day(), day()]);
    for group in after.iter_mut().flat_map(|run| &mut run.groups) {
        figures(group).for_each(|figures| each_instance(figures, |ns| ns * 1.1));
    }
    let of = held(&before.each_ref(), &after.each_ref(), &Rule::default()).unwrap();
    let slower = with(&of, Verdict::Slower);
    assert_eq!(slower.len(), 6, "one a group: {slower:?}");
    assert!(slower.iter().all(|(_, case)| *case == ANCHOR_ROW));
}

/// What the median cannot see, and how `--anchor` does: a change in the framing of every tunnel.
#[test]
fn a_named_anchor_is_what_rows_are_divided_by() {
    let a = run_of_one_day();
    let mut b = another_day(&a, &mut Seeded(16), 0.0005, 0.001);
    for group in &mut b.groups {
        for row in group.rows.iter_mut().filter(|row| row.case != FORWARD) {
            each_instance(row.figures.as_mut().unwrap(), |ns| ns * 1.1);
        }
    }
    let of = held(&[&a], &[&b], &Rule::default()).unwrap();
    assert!(
        with(&of, Verdict::Faster)
            .iter()
            .all(|(_, case)| *case == FORWARD)
    );
    assert_eq!(with(&of, Verdict::Faster).len(), 6);
    let by_forward = Rule {
        anchor: Some(FORWARD.to_owned()),
        ..Rule::default()
    };
    let of = held(&[&a], &[&b], &by_forward).unwrap();
    assert_eq!(with(&of, Verdict::Faster), []);
    assert_eq!(with(&of, Verdict::Slower).len(), 6 * 7);
    assert!(!row(&of, "64 bytes, hot", FORWARD).anchored);
    let nowhere = Rule {
        anchor: Some("esp/rot13".to_owned()),
        ..Rule::default()
    };
    let refused = held(&[&a], &[&b], &nowhere).unwrap_err().to_string();
    assert!(refused.contains("esp/rot13"), "{refused}");
}

#[test]
fn the_same_is_what_lies_within_the_margin() {
    let a = run_of_one_day();
    let mut seeded = Seeded(17);
    let mut day = || another_day(&a, &mut seeded, 0.0003, 0.001);
    let (before, mut after) = (
        [day(), day(), day(), day(), day()],
        [day(), day(), day(), day(), day()],
    );
    for run in &mut after {
        slowed(run, "1440", Temperature::Hot, RING, 1.005);
    }
    let of = held(&before.each_ref(), &after.each_ref(), &Rule::default()).unwrap();
    assert_eq!(row(&of, "1440 bytes, hot", RING).verdict, Verdict::Same);
    assert_eq!(of.count(Verdict::Same), of.rows.len());
    // Told from nothing, yet within the margin.
    assert!(
        row(&of, "1440 bytes, hot", RING)
            .percent
            .unwrap()
            .low
            .unwrap()
            > 0.0
    );
    let narrow = Rule {
        margin_percent: 0.2,
        ..Rule::default()
    };
    let of = held(&before.each_ref(), &after.each_ref(), &narrow).unwrap();
    assert_ne!(row(&of, "1440 bytes, hot", RING).verdict, Verdict::Same);
}

/// Wide instances, one run a side that the floor stands for, no A/A, one instance.
#[test]
fn what_cannot_be_told_says_why() {
    let a = run_of_one_day();
    let wide = another_day(&a, &mut Seeded(18), 0.0, 0.08);
    let of = held(&[&a], &[&wide], &Rule::default()).unwrap();
    assert_eq!(of.count(Verdict::CannotTell), of.rows.len());

    let mut b = another_day(&a, &mut Seeded(19), 0.0, 0.0002);
    slowed(&mut b, "1440", Temperature::Hot, RING, 1.03);
    let floor = |percent| Rule {
        floor: Floor::asked(percent),
        ..Rule::default()
    };
    let verdict = |b: &Record, rule: &Rule| {
        let of = held(&[&a], &[b], rule).unwrap();
        let row = row(&of, "1440 bytes, hot", RING).clone();
        (row.verdict, row.why.unwrap_or_default())
    };
    assert_eq!(verdict(&b, &floor(0.5)).0, Verdict::Slower);
    assert_eq!(verdict(&b, &floor(4.0)).0, Verdict::CannotTell);
    // With several runs there is no floor, and A/A still has its say.
    let mut seeded = Seeded(25);
    let mut coarse_day = |by: f64| {
        let mut run = another_day(&a, &mut seeded, 0.0005, 0.001);
        slowed(&mut run, "1440", Temperature::Hot, RING, by);
        let gates = run.groups.iter_mut().flat_map(|group| &mut group.null_gate);
        gates.for_each(|gate| gate.smallest_percent = 8.0);
        run
    };
    let (before, after) = (
        [1.0; 3].map(&mut coarse_day),
        [1.05; 3].map(&mut coarse_day),
    );
    let of = held(&before.each_ref(), &after.each_ref(), &Rule::default()).unwrap();
    let coarse_row = row(&of, "1440 bytes, hot", RING);
    assert_eq!(coarse_row.verdict, Verdict::CannotTell);
    assert!(coarse_row.why.as_ref().unwrap().contains("A/A"));

    let (found, why) = verdict(&b, &floor(2.5));
    assert_eq!(found, Verdict::CannotTell);
    assert!(why.contains("Holm"), "{why}");

    let mut coarse = b.clone();
    for group in &mut coarse.groups {
        for gate in &mut group.null_gate {
            gate.smallest_percent = 3.5;
        }
    }
    assert_eq!(verdict(&coarse, &floor(0.5)).0, Verdict::CannotTell);
    let mut ungated = b.clone();
    ungated
        .groups
        .iter_mut()
        .for_each(|group| group.null_gate.clear());
    assert!(verdict(&ungated, &floor(0.5)).1.contains("A/A"));
    let mut single = b;
    for group in &mut single.groups {
        figures(group).for_each(|figures| {
            figures.sum_ns.instances.truncate(1);
        });
    }
    let mut single_a = a.clone();
    for group in &mut single_a.groups {
        figures(group).for_each(|figures| figures.sum_ns.instances.truncate(1));
    }
    let of = held(&[&single_a], &[&single], &floor(0.5)).unwrap();
    let why = row(&of, "1440 bytes, hot", RING).why.clone().unwrap();
    assert!(why.contains("one instance"), "{why}");
}

/// Two rows have the ground for an anchor; one row has nothing.
#[test]
fn few_rows() {
    let mut a = run_of_one_day();
    for group in &mut a.groups {
        group
            .rows
            .retain(|row| [FORWARD, RING].contains(&row.case.as_str()));
    }
    let mut b = another_day(&a, &mut Seeded(20), 0.0005, 0.001);
    slowed(&mut b, "1440", Temperature::Hot, RING, 1.05);
    let of = held(&[&a], &[&b], &Rule::default()).unwrap();
    assert_eq!(with(&of, Verdict::Slower), [("1440 bytes, hot", RING)]);
    assert!(!row(&of, "1440 bytes, hot", FORWARD).anchored);
    assert!(of.rows.iter().all(|row| row.case != ANCHOR_ROW));
    for group in a.groups.iter_mut().chain(&mut b.groups) {
        group.rows.retain(|row| row.case == FORWARD);
    }
    let of = held(&[&a], &[&b], &Rule::default()).unwrap();
    assert_eq!(of.count(Verdict::CannotTell), 6);
}
