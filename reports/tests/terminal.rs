//! The terminal's look: read the snapshots before blessing them.

mod common;

use tunneltax_reports::render::{TerminalStyle, terminal};

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
