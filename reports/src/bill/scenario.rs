//! The scenario that a run answers, as text for every look.

use super::{NAME_CHARS, clean, count};
use crate::record::Record;

/// Longest question or reading shown.
const PARAGRAPH_CHARS: usize = 2000;

/// What stands above the answer where a scenario was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// `Scenario site-to-site (claims C3, C9)`.
    pub title: String,
    /// What it asks.
    pub question: String,
    /// How to read the result.
    pub reading: String,
    /// Whether what it expects was checked; `None` where it expects nothing.
    pub expected: Option<String>,
}

/// The scenario of a record.
pub fn scenario(record: &Record) -> Option<Scenario> {
    let of = record.scenario.as_ref()?;
    let claims = clean(&of.claims.join(", "), NAME_CHARS);
    let title = match of.claims.len() {
        0 => format!("Scenario {}", clean(&of.name, NAME_CHARS)),
        1 => format!("Scenario {} (claim {claims})", clean(&of.name, NAME_CHARS)),
        _ => format!("Scenario {} (claims {claims})", clean(&of.name, NAME_CHARS)),
    };
    let pairs = match of.expected {
        1 => "one pair of capture and case".to_owned(),
        n => format!("{} pairs of capture and case", count(n)),
    };
    let expected = match of.overridden_by.as_slice() {
        _ if of.expected == 0 => None,
        [] => Some(format!(
            "What must be sent and dropped is known beforehand for {pairs}: it was held against a walk over \
             every packet before anything was timed, and a row that differs has failed."
        )),
        given => Some(format!(
            "What the scenario expects was not checked, because the command line gives {}.",
            clean(&given.join(", "), NAME_CHARS)
        )),
    };
    Some(Scenario {
        title,
        question: clean(&of.question, PARAGRAPH_CHARS),
        reading: clean(&of.reading, PARAGRAPH_CHARS),
        expected,
    })
}
