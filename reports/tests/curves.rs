//! Cost curves and the fastest library: records made by hand, to be checked by hand.

mod common;

use common::{Seeded, Workload, estimate, group};
use tunneltax_reports::bill::{Bill, Cell, curves, fastest};
use tunneltax_reports::record::{Case, Group, NullGate, Point, Record, Temperature, WorkloadKind};
use tunneltax_reports::render::{html, markdown};

/// A group of 64 bytes with these cases, each so many ns to send and as many to receive, in three
/// instances around that: 1 less, as many, 1 more. Its A/A comparisons tell 1 %.
fn made(temperature: Temperature, flows: u64, cases: &[(&str, f64)]) -> Group {
    let of = Workload {
        kind: WorkloadKind::Size,
        name: "64",
        capture: None,
        mean_bytes: 64.0,
        packets: 4096,
    };
    let mut group = group(&mut Seeded(1), &of, temperature);
    let template = group.rows[0].clone();
    let row = |(case, ns): &(&str, f64)| {
        let mut row = template.clone();
        (*case).clone_into(&mut row.case);
        let figures = row.figures.as_mut().unwrap();
        let instances = [ns - 1.0, *ns, ns + 1.0];
        figures.send_ns = estimate(instances);
        figures.receive_ns = estimate(instances);
        figures.sum_ns = estimate(instances.map(|ns| 2.0 * ns));
        figures.against.clear();
        row
    };
    group.rows = cases.iter().map(row).collect();
    group.flows = Some(flows);
    group.null_gate = vec![NullGate {
        case: "forward".to_owned(),
        smallest_percent: 1.0,
        difference_percent: estimate([0.1, -0.1]),
    }];
    group
}

fn case(id: &str, below: Option<&str>, point: Option<(&str, &str, u64)>) -> Case {
    Case {
        id: id.to_owned(),
        title: id.to_owned(),
        stages: vec!["parse".to_owned()],
        step_of: below.map(str::to_owned),
        step: "a step".to_owned(),
        added_bytes: [(64, 0)].into(),
        text: None,
        fits: None,
        point: point.map(|(of, curve, count)| Point {
            of: of.to_owned(),
            curve: curve.to_owned(),
            count,
        }),
    }
}

fn record(cases: Vec<Case>, groups: Vec<Group>) -> Record {
    Record {
        cases,
        groups,
        captures: Vec::new(),
        ..common::record()
    }
}

fn is(cell: &Cell, ns: f64) -> bool {
    matches!(cell, Cell::Estimate(mean, Some(_)) if (mean - ns).abs() < 1e-9)
}

/// Two curves over rules, given out of order, and a curve over routes that has one point only.
fn of_rules() -> Record {
    let point = |curve, count| Some(("rules", curve, count));
    let cases = vec![
        case("rules-1000", None, point("established", 1000)),
        case("rules-1", None, point("established", 1)),
        case("rules-1+first", None, point("first", 1)),
        case("rules-10+first", None, point("first", 10)),
        case("routes-1", None, Some(("routes", "the longest match", 1))),
        case("rules-0", None, point("established", 0)),
    ];
    let measured = [
        ("rules-1000", 22.0),
        ("rules-1", 20.0),
        ("rules-1+first", 30.0),
        ("rules-10+first", 90.0),
        ("routes-1", 20.0),
        ("rules-0", 5.0),
    ];
    let groups = [(Temperature::Hot, 6), (Temperature::Warm, 4)];
    let groups = groups.map(|(temperature, rows)| made(temperature, 32, &measured[..rows]));
    record(cases, groups.to_vec())
}

#[test]
fn a_curve_has_the_cases_that_differ_in_its_number() {
    let record = of_rules();
    let bill = Bill::new(&record).unwrap();
    let drawn = curves(&bill);
    let [rules] = &drawn[..] else {
        panic!("one curve has more points than one, not {}", drawn.len());
    };
    assert_eq!(rules.of, "rules");
    assert_eq!(rules.table.head, ["rules", "1", "10", "1,000"]);
    let labels: Vec<&str> = rules.table.rows.iter().map(|r| r.label.as_str()).collect();
    let all = [
        "hot",
        "established",
        "first",
        "warm",
        "established",
        "first",
    ];
    assert_eq!(labels, all);
    let [established, first] = [1, 2].map(|at| &rules.table.rows[at].cells);
    assert!(is(&established[0], 40.0) && is(&established[2], 44.0));
    assert_eq!(established[1], Cell::Blank);
    assert!(is(&first[0], 60.0) && is(&first[1], 180.0));
    assert_eq!(first[2], Cell::Blank);
    let (temperature, lines) = &rules.panels[0];
    assert_eq!(*temperature, Temperature::Hot);
    let points = |at: usize| lines[at].points.iter().map(|(count, ns, _)| (*count, *ns));
    assert!(points(0).eq([(1, 40.0), (1000, 44.0)]));
    assert!(points(1).eq([(1, 60.0), (10, 180.0)]));
}

#[test]
fn flows_are_a_curve_and_name_their_groups() {
    let cases = vec![case("forward", None, None)];
    let groups = [(1, 20.0), (1000, 21.0), (100_000, 70.0)];
    let groups = groups.map(|(flows, ns)| made(Temperature::Hot, flows, &[("forward", ns)]));
    let record = record(cases, groups.to_vec());
    let bill = Bill::new(&record).unwrap();
    let names: Vec<&str> = bill
        .groups
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["64, 1 flow", "64, 1,000 flows", "64, 100,000 flows"]
    );
    assert_eq!(bill.groups[1].title(), "64 bytes, 1,000 flows");
    assert_eq!(bill.flagship().unwrap().group.flows, Some(1));
    let drawn = curves(&bill);
    let [flows] = &drawn[..] else {
        panic!("one curve, not {}", drawn.len());
    };
    assert_eq!(flows.table.title, "By number of flows, 64 bytes");
    assert_eq!(flows.table.head, ["flows", "1", "1,000", "100,000"]);
    let cells = &flows.table.rows[1].cells;
    assert!(is(&cells[0], 40.0) && is(&cells[1], 42.0) && is(&cells[2], 140.0));
}

#[test]
fn the_fastest_library_and_those_that_cannot_be_told_from_it() {
    let sealed = |id| case(id, Some("forward"), None);
    let cases = vec![
        case("forward", None, None),
        sealed("esp/a@one"),
        sealed("esp/a@two"),
        sealed("esp/a@three"),
        sealed("esp/b@one"),
    ];
    // Half a per cent apart, where 1 % can be told; then 10 % apart.
    let measured = [
        ("forward", 20.0),
        ("esp/a@one", 220.0),
        ("esp/a@two", 201.0),
        ("esp/a@three", 200.0),
        ("esp/b@one", 100.0),
    ];
    let record = record(cases, vec![made(Temperature::Hot, 32, &measured)]);
    let bill = Bill::new(&record).unwrap();
    let groups: Vec<_> = bill.groups.iter().collect();
    let table = fastest(&groups).unwrap();
    assert_eq!(table.head, ["fastest here", "64"]);
    let [row] = &table.rows[..] else {
        panic!("one cipher has two libraries, not {}", table.rows.len());
    };
    assert_eq!(row.label, "esp/a");
    assert_eq!(row.cells, [Cell::Text("three, two".to_owned())]);
    assert!(fastest(&[]).is_none());
}

#[test]
fn curves_are_drawn_with_a_table_behind_them() {
    let record = of_rules();
    let page = html(&record).unwrap();
    let figure = page.split("<figure id=\"curve-0\">").nth(1).unwrap();
    let figure = figure.split("</figure>").next().unwrap();
    assert_eq!(figure.matches("<svg").count(), 2, "wide and narrow");
    // Four points hot and four warm, twice.
    assert_eq!(figure.matches("<circle").count(), 16);
    assert!(figure.contains("<th scope=\"row\">established</th>"));
    let text = markdown(&record).unwrap();
    assert!(text.contains("## Cost curves\n"));
    assert!(text.contains("### By number of rules, 64 bytes\n"));
    for none in [
        html(&common::record()).unwrap(),
        markdown(&common::record()).unwrap(),
    ] {
        assert!(!none.contains("curve-0") && !none.contains("Cost curves"));
    }
}
