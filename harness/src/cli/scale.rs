//! `scale`: N workers at the same time.

use std::path::PathBuf;

use clap::Args;

/// What `scale --help` says of the outcome.
pub(super) const SCALE: &str = "\
Exit codes:
  0  done
  1  failed: a packet came out wrong, a nonce was used twice, or it was interrupted; what was
     measured until then is in scale.json
  2  usage
  3  done, on a capture that ends within a frame";

/// `scale`.
#[derive(Debug, Args)]
pub struct ScaleArguments {
    /// A capture (pcap or pcapng, plain, gzip or zstd); generated packets if left out
    #[arg(conflicts_with = "sizes")]
    pub file: Option<PathBuf>,
    /// Numbers of workers, comma-separated, each worker on a CPU of its own; 1, 2, 4 and so on up to
    /// all CPUs if left out. One worker is always measured
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=128))]
    pub workers: Vec<u16>,
    /// Sizes of generated packets (IP total length, or imix, ipsec-imix), comma-separated
    #[arg(
        long = "size",
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "64,1440"
    )]
    pub sizes: Vec<String>,
    /// Where scale.json goes
    #[arg(long, value_name = "DIR", default_value = "target/tunneltax")]
    pub out: PathBuf,
    /// Write scale.json to standard output and nothing else
    #[arg(long)]
    pub json: bool,
    /// Print nothing; the file and the exit code say it all
    #[arg(long)]
    pub quiet: bool,
    /// Time for measuring, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// Seed of keys, routes, order and packets
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}
