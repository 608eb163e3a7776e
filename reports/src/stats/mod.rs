//! Figures with their uncertainty.

mod estimate;
mod samples;

pub use estimate::{CONFIDENCE, Estimate, smallest_difference};
pub use samples::{median, stretch_mean};
