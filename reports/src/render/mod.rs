//! Three looks at one bill: terminal, Markdown, and one HTML file.

mod markdown;
mod paint;
mod terminal;

pub use markdown::markdown;
pub use terminal::{TerminalStyle, terminal};

/// The page; until it is drawn, the Markdown text.
pub use markdown::markdown as html;
