//! Figures with their uncertainty.

mod estimate;
mod samples;

pub use estimate::{Estimate, smallest_difference};
pub use samples::{median, stretch_mean};
