//! What is read, and which cases see it: what several verbs take.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};

/// Least and most bytes of a packet that enters a gateway.
pub const MTU: (i64, i64) = (68, 9216);
/// Least and most packets of an anti-replay window.
pub const REPLAY_WINDOW: (i64, i64) = (32, 4096);
/// Least and most packets handed to a path in one call.
pub const BURST: (i64, i64) = (1, 256);

/// What the network between the gateways does with long packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum UnderlayKind {
    /// Carries them
    #[default]
    Jumbo,
    /// Also `esp+fragment/…`, fragmented behind the sealing, and `esp+inner-fragment/…`, ahead of
    /// it, where DF and IPv6 are dropped with ICMP; generated packets have no DF
    Fragment,
    /// Also `esp+drop/…`: dropped, and answered with ICMP where DF is set and over IPv6
    Drop,
}

/// What is read, and which cases see it.
#[derive(Clone, Debug, Args)]
pub struct Selection {
    /// Cases, as a glob over ids; an id without @ means every library (repeatable)
    #[arg(long = "case", value_name = "GLOB")]
    pub cases: Vec<String>,
    /// Longest IP packet that enters the near gateway, bytes; longer TCP packets of a capture are cut
    #[arg(long, value_name = "BYTES", default_value_t = 1500, value_parser = clap::value_parser!(u16).range(MTU.0..=MTU.1))]
    pub mtu: u16,
    /// Packets replayed of each capture; the rest is counted as left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_packets: Option<u64>,
    /// Seed of keys, routes, order and generated packets
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Anti-replay window, packets (RFC 4303, 3.4.3)
    #[arg(long, value_name = "PACKETS", default_value_t = 64, value_parser = clap::value_parser!(u32).range(REPLAY_WINDOW.0..=REPLAY_WINDOW.1))]
    pub replay_window: u32,
    /// Packets handed to a path in one call
    #[arg(long, value_name = "PACKETS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(BURST.0..=BURST.1))]
    pub burst: u16,
    /// What becomes of packets that are longer than 1500 bytes when they are sealed: the underlay
    /// carries them; or cases of ESP beside those that are named fragment or drop them
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub underlay: UnderlayKind,
    /// Which of these stand on the command line.
    #[arg(skip)]
    pub given: Vec<&'static str>,
}

impl Selection {
    /// Whether this option stands on the command line.
    pub fn is_given(&self, option: &str) -> bool {
        self.given.contains(&option)
    }
}

/// The options of [`Selection`] that stand on the command line.
pub(super) fn given(matches: &ArgMatches) -> Vec<&'static str> {
    let ids = [
        "cases",
        "mtu",
        "max_packets",
        "seed",
        "replay_window",
        "burst",
        "underlay",
    ];
    let names = [
        "--case",
        "--mtu",
        "--max-packets",
        "--seed",
        "--replay-window",
        "--burst",
        "--underlay",
    ];
    let given = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    let pairs = ids.into_iter().zip(names);
    pairs
        .filter(|(id, _)| given(id))
        .map(|(_, name)| name)
        .collect()
}
