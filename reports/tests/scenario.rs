//! A scenario's question and reading stand above the answer, in every look; a record without one
//! is what it was before there were scenarios.

mod common;

use tunneltax_reports::record::{Record, Scenario};
use tunneltax_reports::render::{TerminalStyle, html, markdown, terminal};

fn scenario() -> Scenario {
    Scenario {
        name: "two-sites".to_owned(),
        question: "What does a tunnel between *two* sites <cost>?".to_owned(),
        claims: vec!["C3".to_owned(), "C9".to_owned()],
        reading: "Read it from the top.".to_owned(),
        expected: 12,
        leads: None,
        overridden_by: Vec::new(),
    }
}

fn with(scenario: Scenario) -> Record {
    Record {
        scenario: Some(scenario),
        ..common::record()
    }
}

/// Terminal, Markdown and HTML.
fn looks(record: &Record) -> [String; 3] {
    let style = TerminalStyle {
        width: 80,
        color: false,
        full: false,
    };
    [
        terminal(record, &style).unwrap(),
        markdown(record).unwrap(),
        html(record).unwrap(),
    ]
}

/// Where each of the words begins; they must be there.
fn places(text: &str, words: &[&str]) -> Vec<usize> {
    let place = |word: &&str| {
        text.find(*word)
            .unwrap_or_else(|| panic!("{word} is missing"))
    };
    words.iter().map(place).collect()
}

#[test]
fn question_and_reading_stand_above_the_answer() {
    let [terminal, markdown, html] = looks(&with(scenario()));
    let question = "What does a tunnel between *two* sites <cost>?";
    let reading = "Read it from the top.";
    let title = "Scenario two-sites (claims C3, C9)";
    let known = "known beforehand";
    for (text, question) in [
        (&terminal, question),
        (
            &markdown,
            "What does a tunnel between \\*two\\* sites &lt;cost&gt;?",
        ),
        (
            &html,
            "What does a tunnel between *two* sites &lt;cost&gt;?",
        ),
    ] {
        let at = places(text, &[title, question, reading, known, "On this host"]);
        assert!(at.is_sorted(), "{at:?}");
    }
    assert!(terminal.contains("12 pairs"));
}

/// The answer is about the case that the scenario names, where it was measured.
#[test]
fn the_answer_begins_with_the_scenarios_case() {
    let led = |leads: &str| {
        let [terminal, ..] = looks(&with(Scenario {
            leads: Some(leads.to_owned()),
            ..scenario()
        }));
        let (_, answer) = terminal.split_once("On this host").unwrap();
        let (answer, _) = answer.split_once("\n\n").unwrap();
        answer.replace('\n', " ")
    };
    let default = led("nobody/has@this");
    assert!(default.contains("AES-256-GCM by ring"), "{default}");
    let framing = led("esp/none");
    assert!(
        framing.contains("for encapsulation") && !framing.contains("AES"),
        "{framing}"
    );
    assert!(led("esp/chacha20-poly1305@aws-lc").contains("ChaCha20-Poly1305 by aws-lc"));
}

#[test]
fn expectations_that_were_not_checked_are_not_said_to_be() {
    let overridden = Scenario {
        overridden_by: vec!["--case".to_owned(), "a capture".to_owned()],
        ..scenario()
    };
    let nothing = Scenario {
        expected: 0,
        ..scenario()
    };
    for look in looks(&with(overridden)) {
        let said = look.replace('\n', " ");
        let line = "was not checked, because the command line gives --case, a capture.";
        assert!(said.contains(line) && !said.contains("known beforehand"));
    }
    for look in looks(&with(nothing)) {
        assert!(look.contains("Read it from the top."));
        assert!(!look.contains("known beforehand") && !look.contains("not checked"));
    }
}

#[test]
fn a_record_without_a_scenario_is_as_before() {
    let record = common::record();
    let json = record.to_json();
    assert!(!json.contains("scenario"));
    assert_eq!(Record::from_json("old", &json).unwrap(), record);
    let new = with(scenario());
    assert_eq!(Record::from_json("new", &new.to_json()).unwrap(), new);
    for look in looks(&record) {
        assert!(!look.contains("Scenario"));
    }
}

#[test]
fn a_hostile_scenario_steers_nothing() {
    let hostile = Scenario {
        name: "a\u{1b}[31m\u{202e}b".to_owned(),
        question: "<script>alert(1)</script>".to_owned(),
        claims: vec!["C1\n\n# head".to_owned()],
        reading: "x".repeat(100_000),
        ..scenario()
    };
    let [terminal, markdown, html] = looks(&with(hostile));
    for text in [&terminal, &markdown, &html] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
        assert!(!text.contains(&"x".repeat(2001)));
    }
    assert!(!html.contains("<script>") && !markdown.contains("<script>"));
    assert!(!markdown.contains("\n# head"));
}
