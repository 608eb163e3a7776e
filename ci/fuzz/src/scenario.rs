//! A scenario of the user's: read, or refused in one sentence that points at a place in it.

use std::path::Path;

use tunneltax_harness::scenario::{bundled_texts, scenario};

use crate::Target;

pub const TARGET: Target = Target {
    name: "scenario",
    run,
    seeds: || bundled_texts().map(|(_, text)| text.into()).collect(),
};

/// Captures that are no bundled ones are looked for here, where there is none.
const FOLDER: &str = "/nonexistent";

fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match scenario("input", "input.toml", Path::new(FOLDER), text) {
        Ok(scenario) => {
            assert!(!scenario.cases.is_empty());
            assert!(!scenario.sources.is_empty() || !scenario.mixes.is_empty());
        }
        Err(why) => points_at_a_place(&why.to_string(), text),
    }
}

/// `input.toml:LINE:COLUMN: what; next`, on one line, with a place that the text has.
fn points_at_a_place(sentence: &str, text: &str) {
    let (_, place) = sentence.split_once("input.toml:").expect("a file");
    let mut parts = place.splitn(3, ':');
    let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
    let (line, column) = (number().expect("a line"), number().expect("a column"));
    let lines: Vec<&str> = text.split('\n').collect();
    let longest = lines
        .get(line - 1)
        .expect("a line of the text")
        .chars()
        .count();
    assert!((1..=longest + 1).contains(&column), "{sentence}");
}
