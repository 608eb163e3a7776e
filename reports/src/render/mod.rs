//! Three looks at one bill, and at one record of `load`: terminal, Markdown, and one HTML file; two at a
//! comparison and at a selftest.

mod chart;
mod comparison;
mod figures;
mod grid;
mod html;
mod load;
mod markdown;
mod paint;
mod selftest;
mod terminal;
mod theme;

pub use comparison::{comparison_markdown, comparison_terminal};
pub use html::html;
pub use load::{load_html, load_markdown, load_terminal};
pub use markdown::markdown;
pub use selftest::{selftest_markdown, selftest_terminal};
pub use terminal::{TerminalStyle, paragraphs, table, terminal};
