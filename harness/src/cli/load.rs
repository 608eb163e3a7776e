//! `load`: what packets see under load.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::selection::Selection;

/// What `load --help` says of the output.
pub(super) const LOAD: &str = "\
Files in --out (default target/tunneltax):
  load.json   the versioned record, rewritten as instances finish
  load.html   one self-contained page
  load.md     the same for a terminal or a pull request
Exit codes are those of `run`.";

/// Least and most packets that wait in the ring.
const RING: (i64, i64) = (1, 16_384);

/// When packets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ArrivalKind {
    /// At the capture's own times, scaled to the wanted load
    Capture,
    /// At random, as from many senders that know nothing of each other
    Poisson,
    /// At equal distances
    Constant,
}

/// Which gateway packets come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HalfKind {
    /// The near one, which sends them
    Send,
    /// The far one, which receives what was sent outside the clock
    Receive,
}

/// `load`.
#[derive(Clone, Debug, Args)]
pub struct LoadArguments {
    /// A capture (pcap or pcapng, plain, gzip or zstd), of which the first packets are replayed; the
    /// first bundled one if left out
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// What is read, and which cases see it: forward and esp/aes-256-gcm@ring if none is named.
    #[command(flatten)]
    pub selection: Selection,
    /// Generated packets of this size (IP total length, or imix, ipsec-imix) in place of a capture
    #[arg(
        long = "size",
        value_name = "SIZE",
        conflicts_with_all = ["file", "max_packets"]
    )]
    pub size: Option<String>,
    /// When packets come
    #[arg(long, value_enum, default_value_t = ArrivalKind::Poisson)]
    pub arrivals: ArrivalKind,
    /// One load more: the capture's own times, divided by this, with --arrivals capture
    #[arg(long, value_name = "FACTOR", value_parser = speed_up)]
    pub speed_up: Option<f64>,
    /// The load that all cases have alike, Gbit/s of inner packets
    #[arg(long, value_name = "GBPS", default_value_t = 1.0, value_parser = gbps)]
    pub gbps: f64,
    /// Most packets that wait; what comes then is dropped
    #[arg(long, value_name = "PACKETS", default_value_t = 1024, value_parser = clap::value_parser!(u16).range(RING.0..=RING.1))]
    pub ring: u16,
    /// The gateway that is paced
    #[arg(long, value_enum, default_value_t = HalfKind::Send)]
    pub half: HalfKind,
    /// Where record and reports go
    #[arg(long, value_name = "DIR", default_value = "target/tunneltax")]
    pub out: PathBuf,
    /// Write the record to standard output and nothing else
    #[arg(long)]
    pub json: bool,
    /// No progress, no tables; the files and the exit code say it all
    #[arg(long)]
    pub quiet: bool,
    /// Time for measuring, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
}

/// A load that can be asked for.
fn gbps(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(gbps) if (0.000_1..=1000.0).contains(&gbps) => Ok(gbps),
        _ => Err("give a number from 0.0001 to 1000".to_owned()),
    }
}

/// What a capture's times can be divided by.
fn speed_up(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (1.0..=1e9).contains(&factor) => Ok(factor),
        _ => Err("give a number from 1 to 1000000000".to_owned()),
    }
}
