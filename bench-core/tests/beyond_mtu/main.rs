//! Packets that do not fit the underlay when they are sealed: fragmented outside, fragmented
//! inside, or dropped with an answer.

#[path = "../packets/mod.rs"]
mod packets;

mod answers;
mod inside;
mod outside;
mod reassembly;
mod support;
