//! `explain`: names the packets behind a tail of a stored run.

use std::process::ExitCode;

use glob::Pattern;
use serde::Serialize;
use tunneltax_reports::bill::{
    Asked, Bill, CAUSES_SAID, Table, TailOf, beside, tail_tables, tails,
};
use tunneltax_reports::record::Record;
use tunneltax_reports::render;

use crate::cli::{ExplainArguments, Percentile};
use crate::failure::Failure;
use crate::{output, records};

/// Reads the record and prints its tails, and what else ran.
pub fn explain(arguments: &ExplainArguments) -> Result<ExitCode, Failure> {
    let record = records::read(&arguments.record)?;
    let bill = Bill::new(&record)
        .map_err(|why| Failure::Failed(format!("{why}; measure again with `tunneltax run`")))?;
    let cases = patterns("--case", &arguments.case)?;
    let workloads = patterns("--workload", &arguments.workload)?;
    let is_case = |id: &str| {
        let bare = id.split('@').next().unwrap_or(id);
        cases
            .iter()
            .any(|glob| glob.matches(id) || glob.matches(bare))
    };
    let is_workload = |name: &str| workloads.iter().any(|glob| glob.matches(name));
    let Percentile { quantile, name } = &arguments.percentile;
    let asked = Asked {
        quantile: *quantile,
        name,
        cases: (!cases.is_empty()).then_some(&is_case),
        workloads: (!workloads.is_empty()).then_some(&is_workload),
    };
    let rows = tails(&bill, &asked);
    if rows.is_empty() {
        return Err(nothing(&record, arguments));
    }
    if arguments.json {
        output::print(&json(rows)?)?;
    } else {
        let tables = tail_tables(&rows, &asked).into_iter();
        output::print(&drawn(tables.chain(beside(&bill))))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn patterns(option: &str, texts: &[String]) -> Result<Vec<Pattern>, Failure> {
    let parsed = texts.iter().map(|text| {
        Pattern::new(text)
            .map_err(|why| Failure::Usage(format!("{option} {text:?} is not a glob: {why}")))
    });
    parsed.collect()
}

/// Why there is nothing to tell.
fn nothing(record: &Record, arguments: &ExplainArguments) -> Failure {
    let name = arguments.record.display();
    let percentile = &arguments.percentile.name;
    let rows = record.groups.iter().flat_map(|group| &group.rows);
    let figures = rows.filter_map(|row| row.figures.as_ref());
    let has_tails = figures
        .flat_map(|of| [&of.send_stamped, &of.receive_stamped])
        .any(|stamped| !stamped.tails.is_empty());
    Failure::Failed(if !has_tails {
        format!(
            "{name} keeps no slow packets: it was written before there were any, or has no stamped packet; \
             measure again with `tunneltax run`"
        )
    } else if arguments.case.is_empty() && arguments.workload.is_empty() {
        format!(
            "{name} keeps no packets at {percentile}: too many of them, or none; try another percentile, or name \
             --case and --workload"
        )
    } else {
        format!(
            "{name} has no such row with packets kept at {percentile}; `tunneltax report {name}` shows its cases and \
             workloads"
        )
    })
}

/// What `--json` prints.
#[derive(Serialize)]
struct Tails<'b, 'r> {
    schema: &'static str,
    rows: Vec<TailOf<'b, 'r>>,
}

fn json(rows: Vec<TailOf<'_, '_>>) -> Result<String, Failure> {
    let tails = Tails {
        schema: "tunneltax-tails/1",
        rows,
    };
    serde_json::to_string_pretty(&tails)
        .map(|text| text + "\n")
        .map_err(|why| Failure::Failed(format!("the tails cannot be written: {why}")))
}

fn drawn(tables: impl Iterator<Item = Table>) -> String {
    let style = output::style();
    let mut text: String = tables.map(|table| render::table(&table, &style)).collect();
    text.push('\n');
    text.push_str(&render::paragraphs(&[CAUSES_SAID.to_owned()], &style));
    text
}
