//! Figures with their uncertainty.

mod estimate;
mod holm;
mod samples;
mod two_samples;

pub use estimate::{CONFIDENCE, Estimate, smallest_difference};
pub use holm::holm;
pub use samples::{median, stretch_mean};
pub use two_samples::Shift;
