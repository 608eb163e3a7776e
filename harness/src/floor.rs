//! `--floor`: what two builds of the same code may differ by, as a percentage or as measured.

use std::fmt;
use std::path::{Path, PathBuf};

use tunneltax_reports::compare::{FLOOR_PERCENT, Floor};
use tunneltax_reports::selftest::{SCHEMA, SCHEMA_BEFORE, Selftest, floor_percent};

use crate::failure::Failure;

const NEXT: &str = "give --floor a percentage, or the selftest.json of \
                    `tunneltax selftest --full --links DIR` (ci/links.sh makes DIR)";

/// What was given.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// Nothing: [`FLOOR_PERCENT`].
    Default,
    /// So many percent.
    Percent(f64),
    /// What a selftest measured.
    File(PathBuf),
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "{FLOOR_PERCENT}"),
            Self::Percent(percent) => write!(f, "{percent}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Given {
    /// The floor, and where it is from.
    pub fn floor(&self) -> Result<Floor, Failure> {
        match self {
            Self::Default => Ok(Floor::default()),
            Self::Percent(percent) => Ok(Floor::asked(*percent)),
            Self::File(path) => measured(path),
        }
    }
}

fn measured(path: &Path) -> Result<Floor, Failure> {
    let text = std::fs::read(path).map_err(|why| Failure::file("read", path, why, NEXT))?;
    let name = path.display();
    let selftest = serde_json::from_slice::<Selftest>(&text)
        .ok()
        .filter(|of| [SCHEMA, SCHEMA_BEFORE].contains(&of.schema.as_str()))
        .ok_or_else(|| Failure::Failed(format!("{name} is not a selftest; {NEXT}")))?;
    let percent = floor_percent(&selftest).ok_or_else(|| {
        Failure::Failed(format!(
            "{name} looked at no links, so that it has no floor; {NEXT}"
        ))
    })?;
    Ok(Floor {
        percent,
        from: format!("measured, {name} of {}", selftest.provenance.started),
        cpu: Some(selftest.provenance.host.cpu),
    })
}
