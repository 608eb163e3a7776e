//! Why the program ends without having done what it was asked, with the next step.

use std::process::ExitCode;

/// Exit code: failed.
const FAILED: u8 = 1;
/// Exit code: usage.
const USAGE: u8 = 2;
/// Exit code: done on a capture that ends within a frame.
pub const CUT_CAPTURE: u8 = 3;
/// Exit code: the host is too noisy for a selftest.
pub const NOISY: u8 = 5;
/// Exit code: done, and something is slower.
pub const SLOWER: u8 = 4;

/// One sentence, and the exit code that goes with it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line asks for something that is not there.
    #[error("{0}")]
    Usage(String),
    /// Something could not be read, written, measured or proven.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => USAGE,
            Self::Failed(_) => FAILED,
        })
    }

    /// A failure on a file: what was tried, on what, why not, and what to do.
    pub fn file(
        doing: &str,
        path: &std::path::Path,
        why: impl std::fmt::Display,
        next: &str,
    ) -> Self {
        Self::Failed(format!("cannot {doing} {}: {why}; {next}", path.display()))
    }
}
