//! `compare`: what of one side's runs is slower than in the other's.

use std::path::Path;
use std::process::ExitCode;

use tunneltax_reports::compare::{Comparison, Rule, Run, Verdict, compare as held_against};
use tunneltax_reports::record::Record;
use tunneltax_reports::render::{comparison_markdown, comparison_terminal};

use crate::cli::{CompareArguments, RuleOptions};
use crate::failure::{Failure, SLOWER};
use crate::{output, records};

/// Reads both sides, writes comparison.md and comparison.json where asked to, prints.
pub fn compare(arguments: &CompareArguments) -> Result<ExitCode, Failure> {
    let (a, b) = (
        records::read_side(&arguments.a)?,
        records::read_side(&arguments.b)?,
    );
    let comparison = judged(&a, &b, &arguments.rule)?;
    if let Some(folder) = &arguments.out {
        write(folder, &comparison)?;
    }
    if arguments.json {
        output::print(&comparison.to_json())?;
    } else if !arguments.quiet {
        print(&comparison)?;
    }
    Ok(exit_code(&comparison)?.unwrap_or(ExitCode::SUCCESS))
}

/// Judges B by A.
pub fn judged(
    a: &[(String, Record)],
    b: &[(String, Record)],
    options: &RuleOptions,
) -> Result<Comparison, Failure> {
    let rule = Rule {
        margin_percent: options.margin,
        floor: options.floor.floor()?,
        anchor: options.anchor.clone(),
    };
    held_against(&runs(a), &runs(b), &rule).map_err(|why| Failure::Failed(why.to_string()))
}

fn runs(records: &[(String, Record)]) -> Vec<Run<'_>> {
    let runs = records.iter().map(|(name, record)| Run { name, record });
    runs.collect()
}

/// Writes comparison.md and comparison.json.
pub fn write(folder: &Path, comparison: &Comparison) -> Result<(), Failure> {
    output::prepare(folder)?;
    output::replace(folder, "comparison.md", &comparison_markdown(comparison))?;
    output::replace(folder, "comparison.json", &comparison.to_json())
}

/// Prints the tables for this terminal.
pub fn print(comparison: &Comparison) -> Result<(), Failure> {
    output::print(&comparison_terminal(comparison, &output::style()))
}

/// The exit code that says that something is slower; none where nothing is. A row that has come to
/// fail is a failure.
pub fn exit_code(comparison: &Comparison) -> Result<Option<ExitCode>, Failure> {
    if let [first, others @ ..] = &comparison.newly_failed[..] {
        let more = match others.len() {
            0 => String::new(),
            n => format!(" and {n} more rows"),
        };
        return Err(Failure::Failed(format!(
            "{first}{more} failed in B and not in A; `tunneltax verify` looks at the case alone"
        )));
    }
    Ok((comparison.count(Verdict::Slower) > 0).then(|| ExitCode::from(SLOWER)))
}
