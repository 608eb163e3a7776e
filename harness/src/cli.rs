//! The command line: verbs, options and what they mean. Stable for scripts.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use ipnet::IpNet;
use tunneltax_core::synth;

use crate::failure::Failure;
use crate::inner_sizes::InnerSizes;
use crate::output;
use crate::sides::{self, Side};

/// Exit codes and files, as `--help` promises them.
const CONTRACT: &str = "\
Exit codes:
  0  done
  1  failed; one sentence on standard error says what and the next step
  2  usage
  3  done, on a capture that ends within a frame

Files in --out (default target/tunneltax):
  record.json   the versioned record, rewritten as cases finish
  report.html   one self-contained page
  report.md     the same for a terminal or a pull request";

/// What `selftest --help` says of the outcome.
const SELFTEST: &str = "\
Exit codes:
  0  nothing contradicts what the tool says of itself
  1  failed: the record contradicts it, or nothing could be measured
  2  usage
  5  this host is too noisy now for the slow-downs that are injected; it says what can be told";

/// What `scale --help` says of the outcome.
const SCALE: &str = "\
Exit codes:
  0  done
  1  failed: a packet came out wrong, a nonce was used twice, or it was interrupted; what was
     measured until then is in scale.json
  2  usage
  3  done, on a capture that ends within a frame";

/// Least and most bytes of a packet that enters a gateway.
pub const MTU: (i64, i64) = (68, 9216);
/// Least and most packets of an anti-replay window.
pub const REPLAY_WINDOW: (i64, i64) = (32, 4096);
/// Least and most packets handed to a path in one call.
pub const BURST: (i64, i64) = (1, 256);

/// What `overhead --help` says of the output.
const OVERHEAD: &str = "\
JSON, for each case:
  added          bytes added, one number an inner size; null where no such packet exists
  fragments      packets that leave for an inner IPv4 packet without DF; with DF, or of IPv6, a
                 packet for which this is more than 1 is dropped with ICMP, but by esp+fragment/…
  segmented      true where the tunnel is in TCP, which cuts what does not fit, DF or not
  largest_inner  largest inner packet that fits the MTU
  mss_ipv4       TCP MSS to clamp to over inner IPv4; mss_ipv6 over inner IPv6";

/// Replays captured packets through a plain forward and through an IPsec tunnel, and prints
/// the bill: forwarding, encapsulation, encryption and integrity, in ns and bytes a packet.
#[derive(Debug, Parser)]
#[command(name = "tunneltax", version, after_help = CONTRACT, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `run` on the bundled captures if left out.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Options of `run`.
    #[command(flatten)]
    pub run: RunOptions,
}

impl Cli {
    /// Reads the command line; prints help or version, if that is what it asks for, and returns
    /// nothing.
    pub fn read() -> Result<Option<Self>, Failure> {
        match Self::parsed(std::env::args_os()) {
            Ok(cli) => Ok(Some(cli)),
            Err(asked) if asked.exit_code() == 0 => {
                let text = asked.render();
                if std::io::stdout().is_terminal() {
                    output::print(&text.ansi().to_string())?;
                } else {
                    output::print(&text.to_string())?;
                }
                Ok(None)
            }
            Err(wrong) => Err(Failure::Usage(one_sentence(&wrong.render().to_string()))),
        }
    }
}

impl Cli {
    fn parsed(
        arguments: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(arguments)?;
        let mut cli = Self::from_arg_matches(&matches).map_err(|why| why.format(&mut command))?;
        if let (Some(Verb::Run(run)), Some((_, matches))) = (&mut cli.verb, matches.subcommand()) {
            run.options.selection.given = given(matches);
        }
        Ok(cli)
    }
}

/// The options of [`Selection`] that stand on the command line.
fn given(matches: &ArgMatches) -> Vec<&'static str> {
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

/// What clap says in paragraphs: its complaint and its tip, without the usage behind them.
fn one_sentence(complaint: &str) -> String {
    let lines = complaint.lines().map(str::trim);
    let mut said: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    if let Some(first) = said.first_mut() {
        *first = first.strip_prefix("error: ").unwrap_or(first);
    }
    let tip = said.iter().position(|line| line.starts_with("tip: "));
    let tip = said.split_off(tip.unwrap_or(said.len()));
    let tips = tip.iter().map(|tip| tip.trim_start_matches("tip: "));
    let next = "`tunneltax --help` shows verbs and options";
    let parts: Vec<&str> = tips.chain([next]).collect();
    format!("{}; {}", said.join(" "), parts.join("; "))
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Measure, print the bill, write record and report
    #[command(after_help = CONTRACT)]
    Run(RunArguments),
    /// Prove vectors and every case's round trip over the captures; measure nothing
    #[command(after_help = CONTRACT)]
    Verify(VerifyArguments),
    /// Show cases, libraries, bundled captures and sizes
    List,
    /// Show bytes added, largest inner packet, fragments and MSS of every case; measure nothing
    #[command(after_help = OVERHEAD)]
    Overhead(OverheadArguments),
    /// Draw a record again
    #[command(after_help = CONTRACT)]
    Report(ReportArguments),
    /// Prove the measuring here and now: that it tells a slow-down of known size, and nothing where
    /// there is none
    #[command(after_help = SELFTEST)]
    Selftest(SelftestArguments),
    /// Measure N workers at the same time, as a card's hash spreads flows: with an SA each, and with
    /// one for all
    #[command(after_help = SCALE)]
    Scale(ScaleArguments),
}

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
        conflicts_with_all = ["mtu", "sizes", "waterfall", "flows", "near", "show_addresses"]
    )]
    pub esp_keys: Option<PathBuf>,
    /// Options.
    #[command(flatten)]
    pub options: RunOptions,
}

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
}

/// Format of files of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A file for what was sent; that of `forward` is what is inside
    Pcap,
    /// Both sides of the near gateway in one file: interface 0 is that of its network, 1 the
    /// wire's. A packet and what was sent for it share an `epb_packetid`. Beside it, its keys as
    /// Wireshark's table `esp_sa`: that file in its configuration folder, or
    /// `-o uat:esp_sa:LINE`, with `-o esp.enable_encryption_decode:TRUE`
    Pcapng,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Captures; the bundled ones if left out
    pub files: Vec<PathBuf>,
    /// What is read, and which cases see it.
    #[command(flatten)]
    pub selection: Selection,
    /// Write what each case sent, and what entered its tunnel, with the keys
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
    /// Format of the files
    #[arg(
        long,
        value_enum,
        default_value_t = Format::Pcap,
        requires = "write",
        conflicts_with = "esp_keys"
    )]
    pub format: Format,
    /// Open what others sealed: SPIs, algorithms and keys as TOML (tables `sa` with spi, algorithm, key,
    /// salt or `integrity_key`, source, destination, `esn_high`) or as Wireshark's table `esp_sa`
    #[arg(
        long,
        value_name = "FILE",
        requires = "files",
        conflicts_with = "cases"
    )]
    pub esp_keys: Option<PathBuf>,
}

/// `overhead`.
#[derive(Debug, Args)]
pub struct OverheadArguments {
    /// Inner packets, IP total length: a number, a range or a comma-separated list of them
    #[arg(long, value_name = "SIZES", default_value = "20-1500")]
    pub inner: InnerSizes,
    /// Longest packet that leaves the near gateway, bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1500, value_parser = clap::value_parser!(u16).range(68..=9216))]
    pub mtu: u16,
    /// Cases, as a glob over ids (repeatable); every one that is no yardstick if left out
    #[arg(long = "case", value_name = "GLOB")]
    pub cases: Vec<String>,
    /// Write every size as JSON to standard output and nothing else
    #[arg(long)]
    pub json: bool,
}

/// `selftest`.
#[derive(Debug, Args)]
pub struct SelftestArguments {
    /// Where selftest.json goes
    #[arg(long, value_name = "DIR", default_value = "target/tunneltax")]
    pub out: PathBuf,
    /// Write selftest.json to standard output and nothing else
    #[arg(long)]
    pub json: bool,
    /// Print nothing; the file and the exit code say it all
    #[arg(long)]
    pub quiet: bool,
    /// Time for all comparisons, seconds; each takes less than 10 s
    #[arg(long, value_name = "SECONDS", default_value_t = 270, value_parser = clap::value_parser!(u32).range(60..=86_400))]
    pub seconds: u32,
    /// Seed of keys, routes, order and packets
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

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

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// A record that `run` wrote
    pub record: PathBuf,
    /// Where report.html and report.md go; beside the record if left out
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the record to standard output and nothing else
    #[arg(long)]
    pub json: bool,
    /// Print no bill
    #[arg(long)]
    pub quiet: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_one_sentence_with_the_next_step() {
        let wrong = |arguments: &[&str]| {
            let complaint = Cli::try_parse_from(arguments).unwrap_err();
            one_sentence(&complaint.render().to_string())
        };
        assert_eq!(
            wrong(&["tunneltax", "reprot"]),
            "unrecognized subcommand 'reprot'; a similar subcommand exists: 'report'; \
             `tunneltax --help` shows verbs and options"
        );
        assert!(wrong(&["tunneltax", "report"]).contains("not provided: <RECORD>; "));
    }
}
