//! What is timed, and how. Prints nothing, takes no arguments.
//!
//! | module | noun | may import |
//! | --- | --- | --- |
//! | [`frame`] | a packet in a buffer | `fate` |
//! | [`fate`] | what became of a packet | |
//! | [`capture`] | what is replayed: files in, chunks of packets out | |
//! | [`synth`] | seeded captures, for when none is at hand | `capture` |
//! | [`cipher`] | seals and opens bursts | `frame`, `fate` |
//! | [`wire`] | headers: parse, emit, checksum | `fate` |
//! | [`net`] | routes, security group | `wire`, `fate` |
//! | [`replay_window`] | which sequence numbers were received | `fate` |
//! | [`sa`] | the two ends of a security association | `cipher`, `replay_window`, `fate` |
//! | [`sa_shared`] | what several workers share of one of them | `sa`, `replay_window`, `fate` |
//! | [`sa_table`] | many of them, and how one is found | `fate` |
//! | [`path`] | ways through a pair of gateways, and the list of cases | `cipher`, `sa`, `sa_shared`, `sa_table`, `replay_window`, `net`, `wire`, `frame`, `fate`; `slowed` alone `clock` |
//! | [`clock`] | ticks and their cost | |
//! | [`cpu_time`] | what a thread has had of its CPU | |
//! | [`anchor`] | the core's speed, and how much of it is ours | `clock` |
//! | [`latency`] | the histogram | |
//! | [`workload`] | packets, and how they are laid out | `path`, `net`, `wire`, `frame` |
//! | [`proof`] | one untimed walk, every packet compared | `path`, `workload`, `frame`, `fate` |
//! | [`shares`] | what of a burst total a packet is charged with | |
//! | [`counters`] | what the CPU counts of a thread | |
//! | [`usage`] | what the kernel counts of a thread | |
//! | [`stalls`] | gaps in the clock | |
//! | [`stack`] | where the stack lies while something is measured | |
//! | [`slowest`] | the slowest packets, and what else happened then | `usage` |
//! | [`replay`] | the one timed loop | `path`, `workload`, `clock`, `anchor`, `counters`, `latency`, `shares`, `slowest`, `stalls`, `usage`, `frame`, `fate` |
//! | [`paced`] | packets at their times: the loop of a gateway that polls | `path`, `workload`, `clock`, `frame` |
//! | [`scale`] | workers at the same time, each timed | `path`, `workload`, `net`, `clock`, `cpu_time`, `anchor`, `frame`, `fate`, `sa` |
//! | [`trap`] | a sentence where the CPU lacks an instruction | |
//! | [`vectors`] | published vectors through every cipher | `cipher` |

pub mod anchor;
pub mod capture;
pub mod cipher;
pub mod clock;
pub mod counters;
pub mod cpu_time;
pub mod fate;
pub mod frame;
pub mod latency;
pub mod net;
pub mod paced;
pub mod path;
pub mod proof;
pub mod replay;
pub mod replay_window;
pub mod sa;
pub mod sa_shared;
pub mod sa_table;
pub mod scale;
pub mod shares;
pub mod slowest;
pub mod stack;
pub mod stalls;
pub mod synth;
pub mod trap;
pub mod usage;
pub mod vectors;
pub mod wire;
pub mod workload;
