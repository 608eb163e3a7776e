//! Scenarios: cases and captures that answer a question, as files. Some are in the program,
//! anyone can write more.

mod expect;
mod parse;

use std::path::Path;

use tunneltax_core::path::Case;
use tunneltax_core::synth::Mix;
use tunneltax_reports::record;

use crate::captures::Source;
use crate::failure::Failure;

pub use expect::{Expectation, Refuted, refuted};
pub use parse::scenario;

/// Where the bundled ones are in the checkout.
const FOLDER: &str = "harness/scenarios";

macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),*]
    };
}

/// Name and text of those in the program.
const BUNDLED: [(&str, &str); 8] = bundled![
    "site-to-site",
    "point-to-site",
    "vnet-to-vnet",
    "headquarters-branches",
    "vnet-peering",
    "network-controls",
    "departments",
    "wireguard",
];

/// A scenario that can be run.
pub struct Scenario {
    /// Name, or name of its file without the ending.
    pub name: String,
    /// What it asks.
    pub question: String,
    /// Ids of the claims that the question comes from.
    pub claims: Vec<String>,
    /// How to read the result.
    pub reading: String,
    /// The case that the answer begins with.
    pub leads: Option<&'static Case>,
    /// Cases, in the order of the list.
    pub cases: Vec<&'static Case>,
    /// Captures.
    pub sources: Vec<Source>,
    /// Generated packets.
    pub mixes: Vec<Mix>,
    /// Anti-replay window, packets.
    pub replay_window: Option<u32>,
    /// Packets handed to a path in one call.
    pub burst: Option<u16>,
    /// Hot alone, no warm rows.
    pub hot: bool,
    /// What must be sent and dropped.
    pub expect: Vec<Expectation>,
}

/// Names of the bundled scenarios.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUNDLED.iter().map(|(name, _)| *name)
}

/// Name and text of the bundled scenarios.
pub fn bundled_texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUNDLED.iter().copied()
}

/// The bundled scenario of this name, if there is one.
pub fn bundled(name: &str) -> Option<Result<Scenario, Failure>> {
    let (name, text) = BUNDLED.iter().find(|(bundled, _)| *bundled == name)?;
    let shown = format!("{FOLDER}/{name}.toml");
    Some(scenario(name, &shown, Path::new("."), text))
}

/// A scenario of the user's.
pub fn load(path: &Path) -> Result<Scenario, Failure> {
    let next = "check the path, or name one that `tunneltax list` shows";
    let text = std::fs::read_to_string(path)
        .map_err(|why| Failure::file("read the scenario", path, why, next))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(Path::new("."));
    scenario(&name, &path.display().to_string(), folder, &text)
}

impl Scenario {
    /// As the record has it.
    pub fn to_record(&self, overridden_by: &[&str]) -> record::Scenario {
        record::Scenario {
            name: self.name.clone(),
            question: self.question.clone(),
            claims: self.claims.clone(),
            reading: self.reading.clone(),
            leads: self.leads.map(|case| case.id.to_owned()),
            expected: self.expect.len() as u64,
            overridden_by: overridden_by.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}
