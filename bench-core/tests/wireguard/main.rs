//! The WireGuard tunnel: what it sends, octet by octet, and what it refuses.

mod bytes;
mod ecn;
#[path = "../packets/mod.rs"]
mod packets;
mod refusals;
mod tunnel;
mod window;
