//! Files that are whole or not there: written beside their place, then moved into it.

use std::io::Write;
use std::path::Path;

use tunneltax_reports::render::TerminalStyle;

use crate::failure::Failure;

/// Columns where standard output is no terminal.
const WIDTH: usize = 100;
const NEXT: &str = "make room there, or name another folder";

/// Says one sentence on standard error; where nobody can hear, nothing is said.
pub fn say(sentence: &impl std::fmt::Display) {
    let sentence = shown(&sentence.to_string());
    let _ = writeln!(std::io::stderr().lock(), "tunneltax: {sentence}");
}

/// Text that may hold the name of a file: a line feed or any other control character in it is
/// shown and not obeyed.
pub fn shown(text: &str) -> String {
    let show = |c: char| -> String {
        if c.is_control() {
            c.escape_default().collect()
        } else {
            c.to_string()
        }
    };
    text.chars().map(show).collect()
}

/// Makes the folder and proves that it can be written to, before any time is spent.
pub fn prepare(folder: &Path) -> Result<(), Failure> {
    if folder.exists() && !folder.is_dir() {
        return Err(Failure::Failed(format!(
            "cannot write to {}: it is a file; name another folder",
            folder.display()
        )));
    }
    std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder))
        .map(drop)
        .map_err(|why| Failure::file("write to", folder, why, NEXT))
}

/// Replaces `folder/name` by `text`, atomically.
pub fn replace(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = folder.join(name);
    let fail = |why: std::io::Error| Failure::file("write", &path, why, NEXT);
    let mut file = beside(folder).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    file.persist(&path).map(drop).map_err(|e| fail(e.error))
}

/// A file without a place yet: persist it to give it one; it is gone if that never happens.
pub fn beside(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .permissions(permissions())
        .tempfile_in(folder)
}

/// As a file that was simply created: the temporary ones are closed to others.
fn permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o644)
}

/// How this terminal is.
pub fn style() -> TerminalStyle {
    let terminal = console::Term::stdout();
    let columns = terminal.size_checked().map(|(_, columns)| columns);
    TerminalStyle {
        full: false,
        width: columns.map_or(WIDTH, usize::from),
        color: terminal.is_term() && console::colors_enabled(),
    }
}

/// Prints to standard output; a closed pipe (`| head`) is the reader's choice, not a failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Failed(format!(
            "cannot write to standard output: {why}; redirect it elsewhere"
        ))),
        _ => Ok(()),
    }
}
