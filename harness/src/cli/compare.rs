//! `compare` and `rerun`: runs held against each other.

use std::path::PathBuf;

use clap::Args;
use tunneltax_reports::compare::MARGIN_PERCENT;

use crate::floor;

/// What `compare --help` and `rerun --help` say of codes and files.
pub(super) const COMPARED: &str = "\
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
