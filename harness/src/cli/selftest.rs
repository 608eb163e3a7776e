//! `selftest`: proves the measuring.

use std::path::PathBuf;

use clap::Args;

/// What `selftest --help` says of the outcome.
pub(super) const SELFTEST: &str = "\
Exit codes:
  0  nothing contradicts what the tool says of itself
  1  failed: the record contradicts it, or nothing could be measured
  2  usage
  5  nothing is contradicted, but this host is too noisy now for the slow-downs that are injected (it says
     what can be told), a comparison took over 10 s, or there were fewer than 3
Files in the folder of --out: selftest.json, and selftest.md for people. What --full finds to matter
is said, and is no failure";

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
