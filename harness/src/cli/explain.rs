//! `explain`: the packets behind a tail.

use std::path::PathBuf;

use clap::Args;
use tunneltax_reports::bill::PERCENTILES;

use crate::tail::TAIL;

/// What `explain --help` says of the outcome.
pub(super) const EXPLAIN: &str = "\
A record keeps the 1,024 slowest stamped packets of each case, workload and half long enough to say why
they were slow, and names eight of each tail. A tail of more packets than those is not told.

Exit codes:
  0  done
  1  failed: no record, or it has no such tail; one sentence on standard error says the next step
  2  usage

JSON: tunneltax-tails/1, rows[] with workload, temperature, case, half and tail, as in the record";

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
