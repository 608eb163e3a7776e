//! Figures with their uncertainty.

pub mod binomial;
mod blocks;
pub mod coverage;
mod estimate;
mod holm;
pub mod least_squares;
pub mod quantile;
mod samples;
mod two_samples;

pub use blocks::Blocks;
pub use estimate::{CONFIDENCE, Estimate, p_of_zero, smallest_difference, smallest_told};
pub use holm::holm;
pub use samples::{median, midmean, stretch_mean};
pub use two_samples::Shift;
