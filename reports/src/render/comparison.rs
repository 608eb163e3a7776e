//! A comparison for a terminal, and as Markdown.

use std::fmt::Write;

use super::markdown::{bullets, escape, titled};
use super::terminal::{Page, TerminalStyle};
use crate::compare::{Comparison, Differs, LEGEND, answer, group_tables, sides};

const TITLE: &str = "tunneltax · two runs compared";

/// Draws a comparison for a terminal.
pub fn comparison_terminal(of: &Comparison, style: &TerminalStyle) -> String {
    let mut page = Page::new(style);
    page.title(TITLE);
    for side in sides(of) {
        page.paragraph(&side, "", "   ");
    }
    page.line("");
    page.paragraph(&answer(of), "", "");
    page.notes("What differs", &differing(of));
    for group in group_tables(of) {
        page.table(&group.table);
        for why in &group.whys {
            page.paragraph(why, " ", "   ");
        }
    }
    page.notes("About this comparison", &of.notes);
    page.terms(&LEGEND);
    page.into_text()
}

/// Draws a comparison as Markdown.
pub fn comparison_markdown(of: &Comparison) -> String {
    let mut out = String::from("# Two runs compared\n");
    let _ = write!(out, "\n**{}**\n", escape(&answer(of)));
    let escaped = |texts: &[String]| texts.iter().map(|text| escape(text)).collect::<Vec<_>>();
    bullets(&mut out, "What was compared", &escaped(&sides(of)));
    bullets(&mut out, "What differs", &escaped(&differing(of)));
    for group in group_tables(of) {
        titled(&mut out, 2, &group.table);
        for why in &group.whys {
            let _ = write!(out, "\n{}\n", escape(why));
        }
    }
    bullets(&mut out, "About this comparison", &escaped(&of.notes));
    let how = LEGEND.map(|(term, text)| format!("**{}** — {}", escape(term), escape(text)));
    bullets(&mut out, "How to read it", &how);
    out
}

fn differing(of: &Comparison) -> Vec<String> {
    let line = |of: &Differs| format!("{}: {} in A, {} in B", of.what, of.a, of.b);
    of.differs.iter().map(line).collect()
}
