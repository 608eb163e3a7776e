//! Figures with their uncertainty.

mod estimate;

pub use estimate::{Estimate, smallest_difference};
