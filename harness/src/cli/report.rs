//! `report`: draws a record again.

use std::path::PathBuf;

use clap::Args;

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
