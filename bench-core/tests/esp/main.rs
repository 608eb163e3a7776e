//! The ESP tunnel, case by case: what it sends, what it refuses, and what refusing moves.

mod ecn;
mod outer_header;
#[path = "../packets/mod.rs"]
mod packets;
mod refusals;
mod sequence;
mod tunnel;
