//! A record from a file: refused in a sentence, or the same after it was written, and drawn.

use serde_json::Value;
use tunneltax_reports::record::{Record, RecordError};
use tunneltax_reports::render::{TerminalStyle, html, markdown, terminal};

use crate::Target;

pub const TARGET: Target = Target {
    name: "record",
    run,
    seeds,
};

fn run(bytes: &[u8]) {
    let record = std::str::from_utf8(bytes).ok().and_then(read);
    if let Some(record) = record {
        for look in LOOKS {
            draw(&record, look);
        }
    }
}

/// Reads a record; `None` where it is refused.
pub fn read(text: &str) -> Option<Record> {
    let record = or_a_sentence(Record::from_json("input", text))?;
    let written = Record::from_json("output", &record.to_json());
    assert_eq!(written.ok().as_ref(), Some(&record));
    Some(record)
}

/// How a record is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Without colour.
    Terminal,
    Markdown,
    Html,
}

pub const LOOKS: [Look; 3] = [Look::Terminal, Look::Markdown, Look::Html];

/// Draws a record; `None` where it is refused.
pub fn draw(record: &Record, look: Look) -> Option<String> {
    let style = TerminalStyle {
        width: 80,
        color: false,
        full: true,
    };
    or_a_sentence(match look {
        Look::Terminal => terminal(record, &style),
        Look::Markdown => markdown(record),
        Look::Html => html(record),
    })
}

fn or_a_sentence<T>(outcome: Result<T, RecordError>) -> Option<T> {
    match outcome {
        Ok(outcome) => Some(outcome),
        Err(why) => {
            assert!(!why.to_string().is_empty());
            None
        }
    }
}

/// A record that nobody measured, with the shapes that real ones have.
pub fn example() -> Value {
    serde_json::from_str(include_str!("../data/record.json")).expect("it is committed whole")
}

/// Short ones: a mutation should hit something.
fn seeds() -> Vec<Vec<u8>> {
    let mut one_row = example();
    if let Some(groups) = one_row["groups"].as_array_mut() {
        groups.truncate(1);
        if let Some(rows) = groups.first_mut().and_then(|g| g["rows"].as_array_mut()) {
            rows.truncate(1);
        }
    }
    let mut no_group = example();
    no_group["groups"] = Value::Array(Vec::new());
    vec![one_row.to_string().into(), no_group.to_string().into()]
}
