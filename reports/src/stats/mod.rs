//! Figures with their uncertainty.

pub mod binomial;
pub mod coverage;
mod estimate;
pub mod least_squares;
pub mod quantile;
mod samples;

pub use estimate::{CONFIDENCE, Estimate, p_of_zero, smallest_difference, smallest_told};
pub use samples::{median, stretch_mean};
