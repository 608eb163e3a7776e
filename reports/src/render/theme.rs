//! The style sheet: the page's own rules, and the charts' tints as variables, so that one SVG
//! serves a light page, a dark one and paper.

use std::fmt::Write;

use plotters::style::RGBColor;

use super::chart::{GRID, INK, QUIET, SERIES, Tint};

const PAGE: &str = include_str!("style.css");

/// Everything between `<style>` and `</style>`.
pub fn css() -> String {
    let tints: Vec<&Tint> = [&INK, &QUIET, &GRID].into_iter().chain(&SERIES).collect();
    let variables = |shade: fn(&Tint) -> RGBColor| {
        tints.iter().fold(String::new(), |mut all, tint| {
            let _ = write!(all, "--{}:{};", tint.name, hex(shade(tint)));
            all
        })
    };
    let (light, dark) = (variables(|tint| tint.light), variables(|tint| tint.dark));
    let mut css = format!(
        ":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    );
    for tint in &tints {
        let (drawn, name) = (hex(tint.light), tint.name);
        let _ = writeln!(
            css,
            ".chart [fill=\"{drawn}\"]{{fill:var(--{name})}}.chart [stroke=\"{drawn}\"]{{stroke:var(--{name})}}"
        );
    }
    for (i, tint) in SERIES.iter().enumerate() {
        let _ = writeln!(css, ".s{i}{{background:var(--{})}}", tint.name);
    }
    css.push_str(PAGE);
    css
}

/// As the SVG back end writes it.
fn hex(color: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}
