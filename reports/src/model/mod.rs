//! Models. Queueing in virtual time: when packets come, how one server with the real loop's rules
//! takes them, and the largest load that it carries. And what a text of any length costs a cipher.
//! Numbers in, numbers out; knows no packet.

pub mod arrivals;
pub mod cost;
pub mod loss_search;
pub mod queue;
pub mod search;
pub mod seen;
