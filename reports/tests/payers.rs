//! Who pays: a table made by hand, in every renderer.

mod common;

use common::{estimate, record};
use tunneltax_reports::bill::{Bill, Cell, most_paying, payers};
use tunneltax_reports::record::{
    Payer, PayerCost, PayerKind, Payers, PayersBy, Record, Side, Sides, Temperature,
};
use tunneltax_reports::render::{TerminalStyle, html, markdown, terminal};

const CASE: &str = "esp/aes-256-gcm@ring";

/// A row whose packets have 100 bytes each and get 56 more.
fn row(kind: PayerKind, name: Option<&str>, packets: u64, added_ns: Option<[f64; 3]>) -> Payer {
    Payer {
        kind,
        name: name.map(str::to_owned),
        count: match kind {
            PayerKind::One => Some(1),
            PayerKind::Rest => Some(1234),
            PayerKind::Beyond => None,
        },
        packets,
        inner_bytes: packets * 100,
        costs: vec![PayerCost {
            case: CASE.to_owned(),
            added_bytes: packets * 56,
            wire_packets: packets + 1,
            added_ns: added_ns.map(estimate),
        }],
    }
}

/// The capture `https`, hot and warm, by flow and by SA.
fn made() -> Record {
    let mut record = record();
    let flows = Payers {
        by: PayersBy::Flow,
        case: CASE.to_owned(),
        known: 1237,
        rows: vec![
            row(
                PayerKind::One,
                Some("00c0ffee00c0ffee"),
                4000,
                Some([300.0, 301.0, 302.0]),
            ),
            row(
                PayerKind::One,
                Some("0123456789abcdef"),
                8,
                Some([-900.0, 0.0, 900.0]),
            ),
            row(
                PayerKind::One,
                Some("fedcba9876543210"),
                7,
                Some([300.0, 301.0, 302.0]),
            ),
            row(PayerKind::Rest, None, 2000, Some([200.0, 200.5, 201.0])),
            row(PayerKind::Beyond, None, 6, None),
        ],
    };
    let sas = Payers {
        by: PayersBy::Sa,
        known: 1,
        rows: vec![row(
            PayerKind::One,
            Some("17"),
            6021,
            Some([400.0, 401.0, 402.0]),
        )],
        ..flows.clone()
    };
    for group in &mut record.groups {
        if group.workload == "https" {
            group.payers = vec![flows.clone(), sas.clone()];
        }
    }
    record
}

#[test]
fn the_table_has_every_row_and_their_sum() {
    let record = made();
    let bill = Bill::new(&record).expect("a bill");
    let tables = payers(&bill);
    assert_eq!(tables.len(), 2, "hot ones, by flow and by SA");
    assert_eq!(most_paying(&tables).len(), 2);
    assert!(tables.iter().all(|of| of.temperature == Temperature::Hot));
    let rows = &tables[0].table.rows;
    let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "00c0ffee00c0ffee",
            "0123456789abcdef",
            "fedcba9876543210",
            "1,234 other flows",
            "flows behind the first 1,237",
            "all",
        ]
    );
    let number = |text: &str| Cell::Number(text.to_owned());
    assert_eq!(
        rows[0].cells[2..5],
        [number("224,000"), number("66.4"), number("4,001")]
    );
    // 4,000 packets at 301 ns: 1,204 µs.
    let [Cell::Estimate(ns, Some(_)), Cell::Estimate(us, Some(_))] = rows[0].cells[5..] else {
        panic!("{:?}", rows[0].cells);
    };
    assert!((ns - 301.0).abs() < 1e-9 && (us - 1204.0).abs() < 1e-9);
    // Its interval has 0 in it; too few packets; not measured.
    assert!(matches!(
        rows[1].cells[5..],
        [Cell::Below(_), Cell::Below(_)]
    ));
    assert_eq!(rows[2].cells[5..], [Cell::CannotTell, Cell::CannotTell]);
    assert_eq!(rows[4].cells[5..], [Cell::CannotTell, Cell::CannotTell]);
    assert_eq!(
        rows[5].cells[..5],
        [
            number("6,021"),
            number("602,100"),
            number("337,176"),
            number("100"),
            number("6,026")
        ]
    );
}

#[test]
fn every_renderer_shows_it() {
    let record = made();
    let style = TerminalStyle {
        width: 100,
        color: false,
        full: false,
    };
    let terminal = terminal(&record, &style).expect("a terminal");
    let (markdown, html) = (
        markdown(&record).expect("Markdown"),
        html(&record).expect("HTML"),
    );
    for look in [&terminal, &markdown, &html] {
        for text in [
            "Who pays, by flow: https, hot",
            "Who pays, by SA",
            "SA 17",
            "1,234 other flows",
        ] {
            assert!(look.contains(text), "{text}");
        }
        assert!(!look.contains("carries addresses"));
    }
    let from = terminal.find("Who pays").expect("the tables");
    let to = terminal.find("Carried and left out").expect("what follows");
    insta::assert_snapshot!("payers_terminal", &terminal[from..to]);
    let from = markdown.find("## Who pays").expect("the tables");
    let to = markdown.find("## In full").expect("what follows");
    insta::assert_snapshot!("payers_markdown", &markdown[from..to]);
}

#[test]
fn a_record_with_addresses_says_so_and_sides_are_counted() {
    let mut record = made();
    record.carries_addresses = true;
    let flows = &mut record
        .groups
        .iter_mut()
        .find(|g| !g.payers.is_empty())
        .expect("https")
        .payers;
    let name = "[2001:db8::1]:40001 - [2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:443 tcp";
    flows[0].rows[0].name = Some(name.to_owned());
    record.captures[0].sides = Some(Sides {
        only: Some(Side::Near),
        near: 6021,
        far: 1500,
        neither: 3,
    });
    let markdown = markdown(&record).expect("Markdown");
    assert!(markdown.contains("This record carries addresses"));
    assert!(
        markdown.contains("db8:ffff:ffff:ffff:ffff:ffff:ffff\\]:443 tcp"),
        "not cut short"
    );
    assert!(markdown.contains("sides: near 6,021, far 1,500, neither 3"));
    let text = record.to_json();
    let again = Record::from_json("again", &text).expect("a record");
    assert_eq!(again, record);
}
