//! Figures with their uncertainty.

pub mod binomial;
pub mod coverage;
mod estimate;
mod holm;
pub mod least_squares;
pub mod quantile;
mod samples;
mod two_samples;

pub use estimate::{CONFIDENCE, Estimate, p_of_zero, smallest_difference, smallest_told};
pub use holm::holm;
pub use samples::{median, stretch_mean};
pub use two_samples::Shift;
