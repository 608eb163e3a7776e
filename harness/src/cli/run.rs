//! `run`: measures, prints the bill.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;
use tunneltax_core::synth;

use super::selection::Selection;
use crate::sides::{self, Side};

/// Exit codes and files, as `--help` promises them.
pub(super) const CONTRACT: &str = "\
Exit codes:
  0  done
  1  failed; one sentence on standard error says what and the next step
  2  usage
  3  done, on a capture that ends within a frame
  4  compared, and something is slower (compare, rerun)

Files in --out (default target/tunneltax):
  record.json   the versioned record, rewritten as cases finish
  report.html   one self-contained page
  report.md     the same for a terminal or a pull request";

/// `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Captures (pcap or pcapng, plain, gzip or zstd), or a scenario: one that `list` shows, or a
    /// .toml file. The bundled captures if left out
    #[arg(value_name = "FILE|SCENARIO")]
    pub files: Vec<PathBuf>,
    /// Measure the far gateway alone, on ESP that others sealed: it takes in the packets of the SAs
    /// that FILE names, again and again. What FILE holds, `verify --help` says. Cases are those
    /// that open them, `forward` of what was inside, and the cipher alone
    #[arg(
        long,
        value_name = "FILE",
        requires = "files",
        conflicts_with_all = ["mtu", "sizes", "waterfall", "flows", "near", "show_addresses", "cold", "hot", "cost_model"]
    )]
    pub esp_keys: Option<PathBuf>,
    /// Options.
    #[command(flatten)]
    pub options: RunOptions,
}

/// Options of `run`.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches, each its own")]
pub struct RunOptions {
    /// What is read, and which cases see it.
    #[command(flatten)]
    pub selection: Selection,
    /// Sizes of generated packets (IP total length, or imix, ipsec-imix), comma-separated
    #[arg(long = "size", value_name = "LIST", value_delimiter = ',')]
    pub sizes: Vec<String>,
    /// The bill by steps: the cases of the chain of a cipher by a library, each one step from the
    /// one before, and no others
    #[arg(long, value_name = "CIPHER@LIBRARY", num_args = 0..=1, require_equals = true, default_missing_value = "aes-256-gcm@ring", conflicts_with_all = ["cases", "underlay"])]
    pub waterfall: Option<String>,
    /// Flows that generated packets are spread over, in turn; at least as many are generated.
    /// More numbers than one, comma-separated, give a cost curve
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values_t = [synth::FLOWS as u32], value_parser = clap::value_parser!(u32).range(1..=synth::FLOWS_MAX as i64))]
    pub flows: Vec<u32>,
    /// Also generated packets cold: twice the last-level cache is written between the fill of a
    /// packet and its turn
    #[arg(long)]
    pub cold: bool,
    /// Hot alone, no warm rows: with a case that is as slow as triple DES a warm round takes a minute
    #[arg(long, conflicts_with = "cold")]
    pub hot: bool,
    /// Also sizes enough, partial and whole cipher blocks, for a model of what a packet of any
    /// length costs; it is held against mixes and captures
    #[arg(long)]
    pub cost_model: bool,
    /// Networks behind the near gateway, comma-separated: packets of captures from there to elsewhere
    /// are sealed at the near gateway, those from elsewhere to there at the far one; counted in the record
    #[arg(long, value_name = "PREFIX", value_delimiter = ',', value_parser = sides::network)]
    pub near: Vec<IpNet>,
    /// Replay only the packets of captures that are sealed at this gateway; both sides if left out
    #[arg(
        long,
        value_enum,
        requires = "near",
        hide_possible_values = true,
        value_name = "near|far"
    )]
    pub side: Option<Side>,
    /// Name flows by addresses and ports, not by keyed hashes; the record then carries addresses
    #[arg(long)]
    pub show_addresses: bool,
    /// Where record and reports go
    #[arg(long, value_name = "DIR", default_value = "target/tunneltax")]
    pub out: PathBuf,
    /// Write the record to standard output and nothing else
    #[arg(long)]
    pub json: bool,
    /// No progress, no bill; the files and the exit code say it all
    #[arg(long)]
    pub quiet: bool,
    /// Every packet, twice the instances, warm size classes, yardstick cases
    #[arg(long)]
    pub full: bool,
    /// Time for measuring, seconds; the rows are planned into it
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: Option<u32>,
    /// Packets that a record has of each of its captures, by file: as many are replayed again,
    /// whatever a plan of today would keep.
    #[arg(skip)]
    pub kept: BTreeMap<String, u64>,
    /// The whole command, as typed.
    #[arg(skip)]
    pub typed: Vec<String>,
}
