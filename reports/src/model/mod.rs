//! Queueing in virtual time: when packets come, how one server with the real loop's rules takes
//! them, and the largest load that it carries. Numbers in, numbers out; knows no packet.

pub mod arrivals;
pub mod loss_search;
pub mod queue;
pub mod search;
