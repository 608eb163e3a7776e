//! The command line: verbs, options and what they mean. Stable for scripts. A file a verb: its
//! arguments, and what its `--help` promises of codes and files.

mod compare;
mod explain;
mod load;
mod overhead;
mod report;
mod run;
mod scale;
mod selection;
mod selftest;
mod verify;

use std::io::IsTerminal;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use compare::{CompareArguments, RerunArguments, RuleOptions};
pub use explain::{ExplainArguments, Percentile};
pub use load::{ArrivalKind, HalfKind, LoadArguments};
pub use overhead::OverheadArguments;
pub use report::ReportArguments;
pub use run::{RunArguments, RunOptions};
pub use scale::ScaleArguments;
pub use selection::{BURST, MTU, REPLAY_WINDOW, Selection, UnderlayKind};
pub use selftest::SelftestArguments;
pub use verify::{Format, VerifyArguments};

use compare::COMPARED;
use explain::EXPLAIN;
use load::LOAD;
use overhead::OVERHEAD;
use run::CONTRACT;
use scale::SCALE;
use selection::given;
use selftest::SELFTEST;

use crate::failure::Failure;
use crate::output;

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
