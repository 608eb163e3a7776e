//! What is timed, and how. Prints nothing, takes no arguments.
//!
//! | module | noun | may import |
//! | --- | --- | --- |
//! | [`frame`] | a packet in a buffer | `fate` |
//! | [`fate`] | what became of a packet | |
//! | [`capture`] | what is replayed: files in, chunks of packets out | |
//! | [`cipher`] | seals and opens bursts | `frame`, `fate` |
//! | [`path`] | ways through a pair of gateways, and the list of cases | `cipher`, `frame`, `fate` |
//! | [`synth`] | seeded captures, for when none is at hand | `capture` |

pub mod capture;
pub mod cipher;
pub mod fate;
pub mod frame;
pub mod path;
pub mod synth;
