//! The bill by steps: a record made by hand, whose steps, sums and bytes can be checked by hand.

mod common;

use std::collections::BTreeMap;

use common::{Seeded, Workload, estimate, group};
use tunneltax_reports::bill::{Bill, Cell, RowKind, falls};
use tunneltax_reports::record::{
    Case, Link, NullGate, Record, Temperature, Waterfall, WorkloadKind,
};
use tunneltax_reports::render::{TerminalStyle, html, markdown, terminal};

/// Id of the step, case, ns of send and of receive in three instances, bytes added to 64.
type Made = (&'static str, &'static str, [f64; 3], [f64; 3], u32);

/// From case to case: +10 + 10; −4 − 2; nothing that can be told; +100 + 140.
const MADE: [Made; 5] = [
    (
        "parse",
        "forward/parse",
        [20.0, 21.0, 22.0],
        [30.0, 31.0, 32.0],
        0,
    ),
    (
        "route",
        "forward/no-rules",
        [30.0, 31.0, 32.0],
        [40.0, 41.0, 42.0],
        0,
    ),
    (
        "rules",
        "forward",
        [26.0, 27.0, 28.0],
        [38.0, 39.0, 40.0],
        0,
    ),
    (
        "anti-replay",
        "esp/none",
        [26.5, 26.5, 28.0],
        [38.0, 39.0, 40.0],
        54,
    ),
    (
        "integrity",
        "esp/null@a",
        [126.5, 126.5, 128.0],
        [178.0, 179.0, 180.0],
        46,
    ),
];

/// One group of 64 bytes, whose A/A comparisons tell 1 %.
fn made() -> Record {
    let of = Workload {
        kind: WorkloadKind::Size,
        name: "64",
        capture: None,
        mean_bytes: 64.0,
        packets: 4096,
    };
    let mut group = group(&mut Seeded(1), &of, Temperature::Hot);
    let template = group.rows[0].clone();
    group.instances = 3;
    group.packets_per_reading = 128;
    group.rows = MADE
        .iter()
        .map(|(_, case, send, receive, _)| {
            let mut row = template.clone();
            (*case).clone_into(&mut row.case);
            let figures = row.figures.as_mut().unwrap();
            figures.send_ns = estimate(*send);
            figures.receive_ns = estimate(*receive);
            figures.sum_ns = estimate(send.iter().zip(receive).map(|(a, b)| a + b));
            figures.against.clear();
            row
        })
        .collect();
    group.null_gate = vec![NullGate {
        case: "forward".to_owned(),
        smallest_percent: 1.0,
        difference_percent: estimate([0.1, -0.1]),
    }];
    let case = |(_, id, .., added): &Made| Case {
        id: (*id).to_owned(),
        title: (*id).to_owned(),
        stages: vec!["parse".to_owned()],
        step_of: None,
        step: "forwarding".to_owned(),
        added_bytes: BTreeMap::from([(64, *added)]),
        point: None,
        fits: None,
        text: None,
    };
    let link = |(id, case, ..): &Made| Link {
        id: (*id).to_owned(),
        step: format!("the step {id}"),
        case: (*case).to_owned(),
    };
    Record {
        groups: vec![group],
        captures: Vec::new(),
        cases: MADE.iter().map(case).collect(),
        waterfalls: vec![Waterfall {
            id: "null@a".to_owned(),
            links: MADE.iter().map(link).collect(),
        }],
        ..common::record()
    }
}

fn style(full: bool) -> TerminalStyle {
    TerminalStyle {
        width: 80,
        color: false,
        full,
    }
}

fn close(cell: &Cell, ns: f64) {
    assert!(
        matches!(cell, Cell::Estimate(mean, _) if (mean - ns).abs() < 1e-9),
        "{cell:?} {ns}"
    );
}

#[test]
fn steps_sums_and_bytes_are_those_of_the_cases() {
    let record = made();
    let bill = Bill::new(&record).unwrap();
    let falls = falls(&bill);
    let [fall] = &falls[..] else {
        panic!("one chain in one group, not {}", falls.len());
    };
    let rows = &fall.table.rows;
    let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    let all = [
        "parse",
        "route",
        "rules",
        "anti-replay",
        "integrity",
        "all steps",
    ];
    assert_eq!(labels, all);
    // send, receive, both, so far; the step that can't be told is not here
    for (row, told) in [
        (0, [21.0, 31.0, 52.0, 52.0]),
        (1, [10.0, 10.0, 20.0, 72.0]),
        (2, [-4.0, -2.0, -6.0, 66.0]),
        (4, [100.0, 140.0, 240.0, 306.0]),
    ] {
        for (cell, ns) in rows[row].cells.iter().zip(told) {
            close(cell, ns);
        }
    }
    // +0.5, −0.5 and 0: as much as nothing. Half of the interval is 4.3027 × 0.5 / √3.
    let bound = 4.302_652_73 * 0.5 / 3_f64.sqrt();
    for cell in [&rows[3].cells[0], &rows[3].cells[2]] {
        assert!(
            matches!(cell, Cell::Below(ns) if (ns - bound).abs() < 1e-6),
            "{cell:?}"
        );
    }
    close(&rows[3].cells[3], 66.0);
    // 306 − 52, and 20 − 6 + 0 + 240.
    close(&rows[5].cells[2], 254.0);
    let bytes = |row: usize| rows[row].cells[4].clone();
    let number = |text: &str| Cell::Number(text.to_owned());
    assert_eq!([3, 4, 5].map(bytes), ["54", "−8", "46"].map(number));
    let told: Vec<bool> = fall.bars.iter().map(|bar| bar.told).collect();
    assert_eq!(told, [true, true, true, false, true]);
    for pair in fall.bars.windows(2) {
        assert!((pair[0].to_ns - pair[1].from_ns).abs() < 1e-9);
    }
}

#[test]
fn every_look_shows_the_same_steps() {
    let record = made();
    let terminal = terminal(&record, &style(false)).unwrap();
    let markdown = markdown(&record).unwrap();
    let html = html(&record).unwrap();
    for look in [&terminal, &markdown, &html] {
        let said = look.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("Each step is a difference of two measured cases"));
        assert!(said.contains("By step: null@a, 64 bytes, hot"));
        for word in [
            "all steps",
            "anti-replay",
            "−6.0",
            "254",
            "last minus first",
        ] {
            assert!(look.contains(word), "{word}");
        }
    }
    insta::assert_snapshot!("steps_terminal", section(&terminal, "By step", "Each step"));
    insta::assert_snapshot!(
        "steps_markdown",
        section(&markdown, "## The bill by steps", "## In full")
    );
    // Both formats, the steps that add and the one that takes away in different colours.
    let steps = section(&html, "id=\"steps\"", "id=\"left-out\"");
    assert_eq!(steps.matches("<svg").count(), 2);
    for part in ["#939DA9", "#1D6FB8", "#E3811C", "#DCE0E5"] {
        assert!(steps.to_uppercase().contains(part), "{part}");
    }
}

/// From one mark to the next.
fn section<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let start = text.find(from).unwrap_or_else(|| panic!("{from}"));
    let rest = &text[start..];
    &rest[..rest.find(to).unwrap_or(rest.len())]
}

/// Without A/A comparisons nothing is told; a case that failed takes its two steps with it, and
/// the rest stands.
#[test]
fn what_is_missing_is_not_made_up() {
    let mut record = made();
    record.groups[0].null_gate.clear();
    let bill = Bill::new(&record).unwrap();
    let table = falls(&bill).remove(0).table;
    assert!(
        table.rows[1..]
            .iter()
            .all(|row| row.cells[..3] == [const { Cell::CannotTell }; 3])
    );
    for look in [
        terminal(&record, &style(true)).unwrap(),
        markdown(&record).unwrap(),
    ] {
        assert!(look.contains("cannot tell") || look.contains('?'));
    }

    let mut record = made();
    let row = &mut record.groups[0].rows[2];
    (row.passed, row.figures) = (false, None);
    row.message = Some("came back changed".to_owned());
    record.groups[0].rows.remove(4);
    let bill = Bill::new(&record).unwrap();
    let rows = falls(&bill).remove(0).table.rows;
    let why = |text: &str| RowKind::Failed(text.to_owned());
    assert_eq!(rows[2].kind, why("forward: came back changed"));
    assert_eq!(rows[3].cells[..3], [const { Cell::CannotTell }; 3]);
    close(&rows[3].cells[3], 66.0);
    assert_eq!(rows[4].kind, why("esp/null@a was not run"));
    assert_eq!(rows[5].cells[2], Cell::CannotTell);
    html(&record).unwrap();
}

/// Instances that do not match give no difference.
#[test]
fn other_instances_are_not_paired() {
    let mut record = made();
    let figures = record.groups[0].rows[1].figures.as_mut().unwrap();
    figures.sum_ns = estimate([70.0, 72.0]);
    let bill = Bill::new(&record).unwrap();
    let rows = falls(&bill).remove(0).table.rows;
    assert_eq!(
        [&rows[1].cells[2], &rows[2].cells[2]],
        [&Cell::CannotTell; 2]
    );
    close(&rows[1].cells[0], 10.0);
}

#[test]
fn a_record_keeps_its_chains_and_one_without_is_as_before() {
    let new = made();
    assert_eq!(Record::from_json("new", &new.to_json()).unwrap(), new);
    let old = common::record();
    let json = old.to_json();
    assert!(!json.contains("waterfalls"));
    assert_eq!(Record::from_json("old", &json).unwrap(), old);
    for look in [
        terminal(&old, &style(true)).unwrap(),
        markdown(&old).unwrap(),
        html(&old).unwrap(),
    ] {
        assert!(!look.contains("By step") && !look.contains("id=\"steps\""));
    }
}

#[test]
fn a_hostile_chain_steers_nothing() {
    let mut record = made();
    let chain = &mut record.waterfalls[0];
    chain.id = "a\u{1b}[31m\u{202e}b".to_owned();
    chain.links[1].id = "<script>alert(1)</script>".to_owned();
    chain.links[1].step = "x".repeat(100_000);
    chain.links[2].case = "\n\n# head\u{1b}".to_owned();
    let [terminal, markdown, html] = [
        terminal(&record, &style(true)).unwrap(),
        markdown(&record).unwrap(),
        html(&record).unwrap(),
    ];
    for text in [&terminal, &markdown, &html] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']) && !text.contains(&"x".repeat(200)));
    }
    assert!(!html.contains("<script>") && !markdown.contains("<script>"));
    assert!(!markdown.contains("\n# head"));
}
