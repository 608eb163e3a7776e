//! The terminal's look: read the snapshots before blessing them.

mod common;

use tunneltax_reports::record::WorkloadKind;
use tunneltax_reports::render::{TerminalStyle, html, terminal};

fn draw(width: usize, color: bool, full: bool) -> String {
    terminal(&common::record(), &TerminalStyle { width, color, full }).unwrap()
}

#[test]
fn eighty_columns_without_colour() {
    insta::assert_snapshot!(draw(80, false, false));
}

#[test]
fn wide() {
    insta::assert_snapshot!(draw(132, false, false));
}

/// A group that was only received shows no sender, in any of its tables and sentences.
#[test]
fn what_was_received_alone_says_so() {
    let mut record = common::record();
    record
        .groups
        .retain(|group| group.kind == WorkloadKind::Capture);
    for group in &mut record.groups {
        group.kind = WorkloadKind::Received;
    }
    let style = TerminalStyle {
        width: 120,
        color: false,
        full: true,
    };
    let text = terminal(&record, &style).unwrap();
    assert!(text.contains("The bill of receiving alone, hot"));
    assert!(text.contains("at the far gateway alone"));
    assert!(text.contains("inner Gbit/s, one core at the far end"));
    for of_both in ["both gateways together", "send + receive, ns", " both "] {
        assert!(!text.contains(of_both), "{of_both}");
    }
    let page = html(&record).unwrap();
    assert!(page.contains("the far gateway alone") && page.contains("id=\"received\""));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [40, 60, 80, 100, 120, 132, 200] {
        for full in [false, true] {
            let text = draw(width, false, full);
            let widest = text
                .lines()
                .max_by_key(|line| line.chars().count())
                .unwrap();
            // one column of figures and its labels can't be cut further
            assert!(widest.chars().count() <= width.max(60), "{width}: {widest}");
        }
    }
}

#[test]
fn colour_only_repeats_what_the_text_says() {
    let colored = draw(120, true, true);
    assert!(colored.contains("\x1b[31mfailed\x1b[0m"));
    let mut plain = String::new();
    for (i, piece) in colored.split("\x1b[").enumerate() {
        plain.push_str(if i == 0 {
            piece
        } else {
            piece.split_once('m').unwrap().1
        });
    }
    assert_eq!(plain, draw(120, false, true));
}

#[test]
fn full_has_every_group() {
    let text = draw(100, false, true);
    for title in [
        "64 bytes, hot",
        "64 bytes, warm",
        "IMIX, warm",
        "https, hot",
        "https 512-1023, hot",
    ] {
        assert!(text.lines().any(|line| line == title), "{title}");
    }
    assert!(!draw(100, false, false).contains("64 bytes, warm"));
}
