//! Three looks at one bill: terminal, Markdown, and one HTML file; two at a comparison.

mod chart;
mod comparison;
mod figures;
mod grid;
mod html;
mod markdown;
mod paint;
mod terminal;
mod theme;

pub use comparison::{comparison_markdown, comparison_terminal};
pub use html::html;
pub use markdown::markdown;
pub use terminal::{TerminalStyle, table, terminal};
