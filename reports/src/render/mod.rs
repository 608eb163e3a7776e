//! Three looks at one bill: terminal, Markdown, and one HTML file.

mod chart;
mod figures;
mod grid;
mod html;
mod markdown;
mod paint;
mod terminal;
mod theme;

pub use html::html;
pub use markdown::markdown;
pub use terminal::{TerminalStyle, paragraphs, table, terminal};
