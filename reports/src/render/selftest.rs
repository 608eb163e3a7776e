//! A selftest for a terminal, and as Markdown.

use std::fmt::Write;

use super::markdown::{bullets, escape, titled};
use super::terminal::{Page, TerminalStyle};
use crate::bill::{Table, provenance_line};
use crate::selftest::{
    Judged, JudgedAxis, Selftest, axis_sentences, axis_tables, sentence, tables, warnings,
};

const AXES: &str = "What the figures depend on";

/// Draws a selftest for a terminal.
pub fn selftest_terminal(
    of: &Selftest,
    judged: &[Judged],
    axes: &[JudgedAxis],
    style: &TerminalStyle,
) -> String {
    let mut page = Page::new(style);
    page.paragraph(&provenance_line(&of.provenance), "", "");
    for table in all_tables(of, judged, axes) {
        page.table(&table);
    }
    page.notes(AXES, &said(of, axes));
    page.into_text()
}

/// Draws a selftest as Markdown.
pub fn selftest_markdown(of: &Selftest, judged: &[Judged], axes: &[JudgedAxis]) -> String {
    let mut out = String::from("# What tunneltax tells of itself\n");
    if !of.subjects.is_empty() {
        let _ = write!(out, "\n**{}**\n", escape(&sentence(of, judged)));
    }
    let _ = write!(out, "\n{}\n", escape(&provenance_line(&of.provenance)));
    let escaped: Vec<String> = said(of, axes).iter().map(|text| escape(text)).collect();
    if !escaped.is_empty() {
        bullets(&mut out, AXES, &escaped);
    }
    for table in all_tables(of, judged, axes) {
        titled(&mut out, 2, &table);
    }
    out
}

fn all_tables(of: &Selftest, judged: &[Judged], axes: &[JudgedAxis]) -> Vec<Table> {
    let mut all = tables(of, judged);
    all.extend(axis_tables(of.looks.as_deref().unwrap_or_default(), axes));
    all
}

/// A sentence an axis, and the warnings, where axes were asked for.
fn said(of: &Selftest, axes: &[JudgedAxis]) -> Vec<String> {
    let Some(looks) = &of.looks else {
        return Vec::new();
    };
    let mut all = axis_sentences(looks, axes);
    all.extend(
        warnings(axes)
            .iter()
            .map(|text| format!("Warning: {text}.")),
    );
    all
}
