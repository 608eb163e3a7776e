//! What a comparison promises: a change is found where it is and nowhere else, a slow run is no
//! slow code, and what cannot be compared says why.

#[path = "../common/mod.rs"]
mod common;
mod comparable;
mod looks;
mod made;
mod simulated;
mod verdicts;
