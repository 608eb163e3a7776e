//! `report`: draws a record again.

use std::path::Path;
use std::process::ExitCode;

use tunneltax_reports::record::Record;
use tunneltax_reports::render;

use crate::cli::ReportArguments;
use crate::failure::Failure;
use crate::{output, records};

/// Reads the record, writes report.html and report.md, prints the bill.
pub fn report(arguments: &ReportArguments) -> Result<ExitCode, Failure> {
    let path = &arguments.record;
    let record = records::read(path)?;
    let beside = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folder = arguments.out.as_deref().unwrap_or(beside);
    let drawn = Drawn::of(&record)?;
    let bill = bill(&record)?;
    output::prepare(folder)?;
    drawn.write(folder)?;
    if arguments.json {
        output::print(&record.to_json())?;
    } else if !arguments.quiet {
        output::print(&bill)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Both reports, drawn before either is written: a record that cannot be drawn leaves those of
/// an earlier one as they are.
pub struct Drawn {
    html: String,
    markdown: String,
}

impl Drawn {
    /// Draws a record.
    pub fn of(record: &Record) -> Result<Self, Failure> {
        Ok(Self {
            html: render::html(record).map_err(undrawable)?,
            markdown: render::markdown(record).map_err(undrawable)?,
        })
    }

    /// report.html and report.md.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        output::replace(folder, "report.html", &self.html)?;
        output::replace(folder, "report.md", &self.markdown)
    }
}

/// The bill for this terminal.
pub fn bill(record: &Record) -> Result<String, Failure> {
    render::terminal(record, &output::style()).map_err(undrawable)
}

fn undrawable(why: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!(
        "the record cannot be drawn: {why}; measure again with `tunneltax run`"
    ))
}
