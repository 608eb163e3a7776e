//! Three looks at one bill: terminal, Markdown, and one HTML file.

mod markdown;
mod paint;
mod terminal;

pub use markdown::markdown;
pub use terminal::{TerminalStyle, terminal};
