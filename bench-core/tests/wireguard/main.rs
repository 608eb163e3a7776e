//! The WireGuard tunnel: what it sends, octet by octet, what it refuses, and what an independent
//! implementation says to it.

mod bytes;
mod ecn;
#[path = "../packets/mod.rs"]
mod packets;
mod peer;
mod refusals;
mod talk;
mod tunnel;
mod window;
