//! The command line: verbs, options and what they mean. Stable for scripts.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use ipnet::IpNet;
use tunneltax_core::synth;
use tunneltax_reports::bill::PERCENTILES;
use tunneltax_reports::compare::MARGIN_PERCENT;

use crate::failure::Failure;
use crate::floor;
use crate::inner_sizes::InnerSizes;
use crate::output;
use crate::sides::{self, Side};
use crate::tail::TAIL;

/// Exit codes and files, as `--help` promises them.
const CONTRACT: &str = "\
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

/// What `selftest --help` says of the outcome.
const SELFTEST: &str = "\
Exit codes:
  0  nothing contradicts what the tool says of itself
  1  failed: the record contradicts it, or nothing could be measured
  2  usage
  5  nothing is contradicted, but this host is too noisy now for the slow-downs that are injected (it says
     what can be told), a comparison took over 10 s, or there were fewer than 3
Files in the folder of --out: selftest.json, and selftest.md for people. What --full finds to matter
is said, and is no failure";
/// What `compare --help` and `rerun --help` say of codes and files.
const COMPARED: &str = "\
A row is slower where that is told from nothing at 5 % over all rows together (Holm), is not less
than the smallest difference by A/A, and is not the same; the same where its whole 95 % interval is
within the margin. Two runs or more on a side are the unit, or links where both sides have runs of
several; of one run a side, instances. Where the binaries differ and a side has one, intervals are
widened by what two builds may differ by (--floor); of one run a side always. Rows are divided by
the median of their group, or by --anchor.

Exit codes:
  0  compared, nothing is slower
  1  failed, or nothing can be compared; one sentence on standard error says what and the next step
  2  usage
  3  rerun on a capture that ends within a frame
  4  compared, and something is slower

Files in --out:
  comparison.json  tunneltax-comparison/1: rows with case, verdict, percent (mean, low, high), p, why
  comparison.md    the same for a pull request";

/// What `explain --help` says of the outcome.
const EXPLAIN: &str = "\
A record keeps the 1,024 slowest stamped packets of each case, workload and half long enough to say why
they were slow, and names eight of each tail. A tail of more packets than those is not told.

Exit codes:
  0  done
  1  failed: no record, or it has no such tail; one sentence on standard error says the next step
  2  usage

JSON: tunneltax-tails/1, rows[] with workload, temperature, case, half and tail, as in the record";

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

/// What `load --help` says of the output.
const LOAD: &str = "\
Files in --out (default target/tunneltax):
  load.json   the versioned record, rewritten as instances finish
  load.html   one self-contained page
  load.md     the same for a terminal or a pull request
Exit codes are those of `run`.";

/// Least and most packets that wait in the ring.
pub const RING: (i64, i64) = (1, 16_384);

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
        let words: Vec<std::ffi::OsString> = arguments.into_iter().map(Into::into).collect();
        let typed: Vec<String> = words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let mut cli = Self::from_arg_matches(&matches).map_err(|why| why.format(&mut command))?;
        if let (Some(Verb::Run(run)), Some((_, matches))) = (&mut cli.verb, matches.subcommand()) {
            run.options.selection.given = given(matches);
            run.options.typed = typed;
        } else {
            cli.run.typed = typed;
        }
        Ok(cli)
    }

    /// Reads a command line that was typed once before, the program's name included.
    pub fn of_words(words: &[String]) -> Result<Self, String> {
        let complaint = |wrong: clap::Error| one_sentence(&wrong.render().to_string());
        Self::parsed(words.iter().cloned()).map_err(complaint)
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
    /// Measure what packets see under load, queueing included: at parts of the throughput limit, and
    /// at one load for all cases; modelled in virtual time, and paced on the clock
    #[command(after_help = LOAD)]
    Load(LoadArguments),
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
    /// Name the packets behind a tail of a stored run, and what else happened then
    #[command(after_help = EXPLAIN)]
    Explain(ExplainArguments),
    /// Prove the measuring here and now: that it tells a slow-down of known size, and nothing where
    /// there is none
    #[command(after_help = SELFTEST)]
    Selftest(SelftestArguments),
    /// Compare runs: what in B is slower or faster than in A, what is the same, what cannot be told
    #[command(after_help = COMPARED)]
    Compare(CompareArguments),
    /// Run a record's command again, and compare both
    #[command(after_help = COMPARED)]
    Rerun(RerunArguments),
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
        conflicts_with_all = ["mtu", "sizes", "waterfall", "flows", "near", "show_addresses", "cold", "hot", "cost_model"]
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
    /// The whole command, as typed.
    #[arg(skip)]
    pub typed: Vec<String>,
}

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
    /// Where selftest.json and selftest.md go
    #[arg(long, value_name = "DIR", default_value = "target/tunneltax")]
    pub out: PathBuf,
    /// Write selftest.json to standard output and nothing else
    #[arg(long)]
    pub json: bool,
    /// Print nothing; the file and the exit code say it all
    #[arg(long)]
    pub quiet: bool,
    /// A night: beside the comparisons, what do figures depend on that they should not: case order,
    /// alignment and link order; and how much on the size of a burst
    #[arg(long)]
    pub full: bool,
    /// Programs that differ in their link order alone, made by ci/links.sh: each runs in turns with
    /// the others
    #[arg(long, value_name = "DIR", requires = "full")]
    pub links: Option<PathBuf>,
    /// Time for all of it, seconds; 270 if left out: some 35 to find the slow-downs, the rest for
    /// comparisons of less than 10 s each; 90 at least. With --full 7200 if left out: a quarter of
    /// it, and no more than 270, for the comparisons, which are left out where that is less than 90
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: Option<u32>,
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

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The tail: p99 or p99.9
    #[arg(value_name = "PERCENTILE", default_value = "p99.9", value_parser = percentile)]
    pub percentile: Percentile,
    /// A record that `run` wrote
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/tunneltax/record.json"
    )]
    pub record: PathBuf,
    /// Cases, as a glob over ids; an id without @ means every library (repeatable). The one that
    /// the bill is about and the ground if left out
    #[arg(long, value_name = "GLOB")]
    pub case: Vec<String>,
    /// Workloads, as a glob over their names (repeatable). Captures if left out, where there are some
    #[arg(long, value_name = "GLOB")]
    pub workload: Vec<String>,
    /// Write the tails to standard output as JSON and nothing else
    #[arg(long)]
    pub json: bool,
}

/// A percentile whose packets a record names.
#[derive(Clone, Debug)]
pub struct Percentile {
    /// Part of the packets that are no slower.
    pub quantile: f64,
    /// As the reports call it.
    pub name: &'static str,
}

fn percentile(text: &str) -> Result<Percentile, String> {
    let mut tails = PERCENTILES
        .into_iter()
        .filter(|(quantile, _)| *quantile >= TAIL);
    let found = tails.find(|(_, name)| *name == text || name.trim_start_matches('p') == text);
    let (quantile, name) = found.ok_or("a record names the packets of p99 and p99.9")?;
    Ok(Percentile { quantile, name })
}

/// By what rule runs are compared.
#[derive(Clone, Debug, Args)]
pub struct RuleOptions {
    /// What is called the same, either way
    #[arg(long, value_name = "PERCENT", default_value_t = MARGIN_PERCENT, value_parser = margin, allow_negative_numbers = true)]
    pub margin: f64,
    /// What two builds may differ by where a side's runs are of one: a percentage, or the selftest.json of
    /// `selftest --full --links DIR`, which measured it
    #[arg(long, value_name = "PERCENT|FILE", default_value_t = floor::Given::Default, value_parser = floor, allow_negative_numbers = true)]
    pub floor: floor::Given,
    /// Case that rows are divided by; the median of their group if left out
    #[arg(long, value_name = "CASE")]
    pub anchor: Option<String>,
}

/// More than nothing, and at most all.
fn margin(text: &str) -> Result<f64, String> {
    percent(text).and_then(|percent| {
        let least = "a margin is more than 0 percent".to_owned();
        (percent > 0.0).then_some(percent).ok_or(least)
    })
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse::<f64>().ok();
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "a number from 0 to 100 is needed".to_owned())
}

/// A number is a percentage, all else a file.
fn floor(text: &str) -> Result<floor::Given, String> {
    if text.parse::<f64>().is_ok() {
        return percent(text).map(floor::Given::Percent);
    }
    Ok(floor::Given::File(text.into()))
}

/// `compare`.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// A record, the folder of a run, or a folder of those; several with commas between them
    pub a: PathBuf,
    /// The same; its rows are judged by those of A
    pub b: PathBuf,
    /// The rule.
    #[command(flatten)]
    pub rule: RuleOptions,
    /// Write comparison.md and comparison.json there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the comparison to standard output as JSON and nothing else
    #[arg(long)]
    pub json: bool,
    /// Print nothing; the exit code says it
    #[arg(long)]
    pub quiet: bool,
}

/// `rerun`.
#[derive(Debug, Args)]
pub struct RerunArguments {
    /// A record that `run` wrote; relative paths in its command begin in the current directory
    pub record: PathBuf,
    /// The rule.
    #[command(flatten)]
    pub rule: RuleOptions,
    /// Where the new record, its reports and the comparison go
    #[arg(long, value_name = "DIR", default_value = "target/tunneltax/rerun")]
    pub out: PathBuf,
    /// Write the comparison to standard output as JSON and nothing else
    #[arg(long)]
    pub json: bool,
    /// No progress, no bill, no comparison; the files and the exit code say it all
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
            wrong(&["tunneltax", "verfy"]),
            "unrecognized subcommand 'verfy'; a similar subcommand exists: 'verify'; \
             `tunneltax --help` shows verbs and options"
        );
        assert!(wrong(&["tunneltax", "report"]).contains("not provided: <RECORD>; "));
    }
}
