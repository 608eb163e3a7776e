//! Fuzz targets: arbitrary bytes for whatever reads bytes of strangers. A target panics where a
//! promise is broken.
//!
//! A new one is a file, its `mod` here and its line in [`TARGETS`]. `ci/fuzz.sh` gives each its
//! time under libFuzzer; `cargo test` runs the committed corpus through all of them.

mod capture;
mod drawing;
mod forgery;
mod frames;
mod keys;
mod packed;
mod receive;
mod record;
mod round_trip;
mod scenario;
mod script;

/// Something that takes arbitrary bytes.
pub struct Target {
    /// Name; what was found for it is in `corpus/NAME`.
    pub name: &'static str,
    /// Panics where a promise is broken.
    pub run: fn(&[u8]),
    /// Inputs to begin with: the same ones every time, generated and not captured.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub static TARGETS: &[Target] = &[
    capture::TARGET,
    packed::TARGET,
    record::TARGET,
    drawing::TARGET,
    receive::TARGET,
    round_trip::TARGET,
    forgery::TARGET,
    keys::TARGET,
    scenario::TARGET,
];

/// The target with exactly this name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
