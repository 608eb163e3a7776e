//! `report`: draws a record again.

use std::path::Path;
use std::process::ExitCode;

use tunneltax_reports::record::Record;
use tunneltax_reports::render;

use crate::cli::ReportArguments;
use crate::failure::Failure;
use crate::output;

/// Reads the record, writes report.html and report.md, prints the bill.
pub fn report(arguments: &ReportArguments) -> Result<ExitCode, Failure> {
    let path = &arguments.record;
    let next = "name the record.json that `tunneltax run` wrote";
    let text =
        std::fs::read_to_string(path).map_err(|why| Failure::file("read", path, why, next))?;
    let name = path.display().to_string();
    let record =
        Record::from_json(&name, &text).map_err(|why| Failure::Failed(format!("{why}; {next}")))?;
    let beside = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folder = arguments.out.as_deref().unwrap_or(beside);
    output::prepare(folder)?;
    write_reports(&record, folder)?;
    if arguments.json {
        output::print(&record.to_json())?;
    } else if !arguments.quiet {
        output::print(&bill(&record)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// report.html and report.md.
pub fn write_reports(record: &Record, folder: &Path) -> Result<(), Failure> {
    output::replace(
        folder,
        "report.html",
        &render::html(record).map_err(undrawable)?,
    )?;
    output::replace(
        folder,
        "report.md",
        &render::markdown(record).map_err(undrawable)?,
    )
}

/// The bill for this terminal.
pub fn bill(record: &Record) -> Result<String, Failure> {
    let terminal = console::Term::stdout();
    let width = terminal
        .size_checked()
        .map_or(100, |(_, columns)| usize::from(columns));
    let style = render::TerminalStyle {
        full: false,
        width,
        color: terminal.is_term() && console::colors_enabled(),
    };
    render::terminal(record, &style).map_err(undrawable)
}

fn undrawable(why: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!(
        "the record cannot be drawn: {why}; measure again with `tunneltax run`"
    ))
}
