//! Colour and line breaks for a terminal. Colour is laid over lines that are already laid out,
//! so that with and without it the text is the same.

/// Lays colour over text, or doesn't.
#[derive(Clone, Copy, Debug)]
pub struct Paint(pub bool);

const RESET: &str = "\x1b[0m";
const STRONG: &str = "\x1b[1m";
const QUIET: &str = "\x1b[2m";
const FIGURE: &str = "\x1b[1;36m";
const WARN: &str = "\x1b[33m";
const BAD: &str = "\x1b[31m";
/// Stand for the ends of a figure until its line is broken; [`crate::bill::clean`] keeps them
/// out of names.
const FIGURE_START: char = '\u{2}';
const FIGURE_END: char = '\u{3}';
/// Stands for a blank that no line may break at.
const GLUE: char = '\u{4}';

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.trim().is_empty() {
            format!("{code}{text}{RESET}")
        } else {
            text.to_owned()
        }
    }

    /// Titles.
    pub fn strong(self, text: &str) -> String {
        self.with(STRONG, text)
    }

    /// What is read last.
    pub fn quiet(self, text: &str) -> String {
        self.with(QUIET, text)
    }

    /// Heads of tables.
    pub fn head(self, line: &str) -> String {
        let rule = line.chars().all(|c| c == '─');
        self.with(if rule { QUIET } else { STRONG }, line)
    }

    /// Marks a figure in running text; a short one stays on one line.
    pub fn mark(figure: &str) -> String {
        let glued = if figure.chars().count() > 16 {
            figure.replace(' ', &format!("{FIGURE_END} {FIGURE_START}"))
        } else {
            figure.replace(' ', &GLUE.to_string())
        };
        format!("{FIGURE_START}{glued}{FIGURE_END}")
    }

    /// Paints the marked figures of a line.
    pub fn figure(self, line: &str) -> String {
        let (start, end) = if self.0 { (FIGURE, RESET) } else { ("", "") };
        line.replace(FIGURE_START, start)
            .replace(FIGURE_END, end)
            .replace(GLUE, " ")
    }

    /// A line of a table: intervals and bounds quiet, what can't be told yellow, failures red.
    pub fn cells(self, line: &str) -> String {
        if !self.0 {
            return line.to_owned();
        }
        let mut out = String::with_capacity(line.len() * 2);
        let mut after = "";
        for piece in line.split_inclusive(' ') {
            let (word, gap) = piece
                .strip_suffix(' ')
                .map_or((piece, ""), |word| (word, " "));
            let painted = match word {
                "failed" => self.with(BAD, word),
                "?" | "cannot" | "tell" => self.with(WARN, word),
                _ if word.starts_with('<') => self.with(WARN, word),
                _ if after == "<" => self.with(WARN, word),
                _ if word == "±" || after == "±" => self.with(QUIET, word),
                _ => match word.split_once('±') {
                    Some((mean, half)) => {
                        format!("{mean}{}", self.with(QUIET, &format!("±{half}")))
                    }
                    None => word.to_owned(),
                },
            };
            out.push_str(&painted);
            out.push_str(gap);
            if !word.is_empty() {
                after = word;
            }
        }
        out
    }
}

/// Breaks text at blanks into lines of at most `width` characters; `first` and `rest` stand in
/// front of them. A word longer than a line keeps its own.
pub fn wrap(text: &str, width: usize, first: &str, rest: &str) -> Vec<String> {
    let visible = |text: &str| {
        text.chars()
            .filter(|c| !matches!(*c, FIGURE_START | FIGURE_END))
            .count()
    };
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !empty && visible(&line) + 1 + visible(word) > width {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    if !empty {
        lines.push(line);
    }
    lines
}
