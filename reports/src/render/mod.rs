//! Three looks at one bill, and at one record of `load`: terminal, Markdown, and one HTML file.

mod chart;
mod figures;
mod grid;
mod html;
mod load;
mod markdown;
mod paint;
mod terminal;
mod theme;

pub use html::html;
pub use load::{load_html, load_markdown, load_terminal};
pub use markdown::markdown;
pub use terminal::{TerminalStyle, table, terminal};
