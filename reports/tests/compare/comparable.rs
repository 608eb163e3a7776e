//! What cannot be compared, and why.

use crate::common::Seeded;
use crate::made::{RING, another_day, held, ring, row, run_of_one_day, slowed};
use tunneltax_reports::compare::{CompareError, Rule, Verdict};
use tunneltax_reports::record::{Group, Record, Temperature};

/// Each reason not to compare, by what a reader must find in it.
#[test]
fn what_is_not_comparable_says_why() {
    type Change = fn(&mut Record, &mut Group);
    let reasons: [(Change, &[&str]); 10] = [
        (
            |_, group| group.packets += 1,
            &["other packets", "4,096 in A, 4,097 in B"],
        ),
        (
            |_, group| group.mean_inner_bytes += 3.0,
            &["bytes in the mean", "1440 in A, 1443 in B"],
        ),
        (
            |_, group| group.burst = 8,
            &["other bursts", "32 in A, 8 in B"],
        ),
        (
            |_, group| group.packets_per_reading = 15,
            &["packets a reading", "15 in B"],
        ),
        (
            |_, group| ring(group).work.wire_bytes += 4,
            &["other work: bytes on the wire"],
        ),
        (
            |_, group| ring(group).work.sent_packets -= 1,
            &["other work: packets sent"],
        ),
        (
            |_, group| {
                ring(group).work.drops.insert("denied".to_owned(), 2);
            },
            &["dropped as denied, 0 in A, 2 in B"],
        ),
        (
            |_, group| {
                let row = group.rows.iter_mut().find(|row| row.case == RING).unwrap();
                (row.passed, row.message) = (false, Some("packet 3 came back changed".to_owned()));
                row.figures = None;
            },
            &["failed in B: packet 3 came back changed"],
        ),
        (
            |_, group| group.rows.retain(|row| row.case != RING),
            &["only A has it"],
        ),
        (
            |_, group| ring(group).sum_ns.instances[1] = 0.0,
            &["figures of B are no times"],
        ),
    ];
    let a = run_of_one_day();
    for (change, expected) in reasons {
        let mut b = another_day(&a, &mut Seeded(21), 0.001, 0.002);
        let at = b
            .groups
            .iter()
            .position(|group| group.workload == "1440" && group.temperature == Temperature::Hot);
        let mut group = b.groups[at.unwrap()].clone();
        change(&mut b, &mut group);
        b.groups[at.unwrap()] = group;
        let of = held(&[&a], &[&b], &Rule::default()).unwrap();
        let found = row(&of, "1440 bytes, hot", RING);
        assert_eq!(found.verdict, Verdict::NotComparable, "{expected:?}");
        assert!(found.percent.is_none() && found.p.is_none());
        let why = found.why.as_deref().unwrap();
        for expected in expected {
            assert!(why.contains(expected), "{expected}: {why}");
        }
        let others = of
            .rows
            .iter()
            .filter(|row| row.group.title == "64 bytes, hot");
        assert!(
            others
                .into_iter()
                .all(|row| row.verdict != Verdict::NotComparable)
        );
    }
}

#[test]
fn other_captures_temperatures_and_flows() {
    let a = run_of_one_day();
    let mut b = another_day(&a, &mut Seeded(22), 0.001, 0.002);
    b.captures[0].sha256 = Some("ab".repeat(32));
    let of = held(&[&a], &[&b], &Rule::default()).unwrap();
    let why = row(&of, "https, hot", RING).why.clone().unwrap();
    assert!(
        why.contains("another capture: SHA-256 5f8d0e5f8d0e in A, abababababab in B"),
        "{why}"
    );
    b.captures[0].sha256 = None;
    let of = held(&[&a], &[&b], &Rule::default()).unwrap();
    assert_ne!(row(&of, "https, hot", RING).verdict, Verdict::NotComparable);

    let mut hot = a.clone();
    hot.groups
        .retain(|group| group.temperature == Temperature::Hot);
    let of = held(&[&hot], &[&b], &Rule::default()).unwrap();
    let why = row(&of, "64 bytes, warm", RING).why.clone().unwrap();
    assert_eq!(why, "only B has it; A has it hot");
    let mut many = a.clone();
    many.groups
        .iter_mut()
        .for_each(|group| group.flows = Some(1000));
    let refused = held(&[&many], &[&b], &Rule::default()).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("nothing in A and B can be compared"),
        "{said}"
    );
    assert!(
        said.contains("only B has it; A has it of 1,000 flows"),
        "{said}"
    );
}

/// A neighbour in the core is no slower code.
#[test]
fn of_a_group_that_shared_its_core_no_difference_is_told() {
    let a = run_of_one_day();
    for shared in [
        |group: &mut Group| group.shared_percent = 40.0,
        |group: &mut Group| group.anchor_width = 2.2,
    ] {
        let mut b = another_day(&a, &mut Seeded(7), 0.0, 0.001);
        slowed(&mut b, "1440", Temperature::Hot, RING, 1.3);
        let of =
            |group: &&mut Group| group.workload == "1440" && group.temperature == Temperature::Hot;
        shared(b.groups.iter_mut().find(of).unwrap());
        let of = held(&[&a], &[&b], &Rule::default()).unwrap();
        let found = row(&of, "1440 bytes, hot", RING);
        assert_eq!(found.verdict, Verdict::CannotTell);
        let why = found.why.as_deref().unwrap_or_default();
        assert!(why.contains("the core was shared"), "{why}");
        assert_eq!(of.count(Verdict::Slower), 0);
    }
}

#[test]
fn a_run_against_itself_and_a_run_twice() {
    let a = run_of_one_day();
    let of = held(&[&a], &[&a], &Rule::default()).unwrap();
    assert!(of.same_run && of.notes[0].contains("the same run"));
    assert_eq!(
        (of.count(Verdict::Slower), of.count(Verdict::Faster)),
        (0, 0)
    );
    let refused = held(&[&a, &a], &[&a], &Rule::default()).unwrap_err();
    assert!(matches!(refused, CompareError::Twice { .. }));
    assert!(matches!(
        held(&[], &[&a], &Rule::default()),
        Err(CompareError::Empty("A"))
    ));
    let b = another_day(&a, &mut Seeded(23), 0.001, 0.002);
    let of = held(&[&a], &[&b], &Rule::default()).unwrap();
    assert!(!of.same_run && of.differs.is_empty());
    assert!(of.notes[0].contains("Nothing that the records name differs"));
}
