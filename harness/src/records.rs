//! Records that `run` wrote, read again.

use std::path::{Path, PathBuf};

use tunneltax_reports::record::{Record, RecordError};
use tunneltax_reports::{load, scale, selftest};

use crate::failure::Failure;

/// Name of the record in the folder of a run.
pub const RECORD: &str = "record.json";
const NEXT: &str = "name the record.json that `tunneltax run` wrote";

/// Reads a record that has at least a row.
pub fn read(path: &Path) -> Result<Record, Failure> {
    let bytes = std::fs::read(path).map_err(|why| Failure::file("read", path, why, NEXT))?;
    let name = path.display().to_string();
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Failed(format!("{name} is not a record; {NEXT}")))?;
    let record = Record::from_json(&name, &text).map_err(|why| not_of_run(&name, &why))?;
    if record.groups.iter().all(|group| group.rows.is_empty()) {
        return Err(Failure::Failed(format!(
            "{name} holds no measured row; {NEXT}, or run again"
        )));
    }
    Ok(record)
}

/// Why a text is no record of `run`: where another verb wrote it, which.
fn not_of_run(name: &str, why: &RecordError) -> Failure {
    let others = [
        (load::SCHEMA, "load"),
        (scale::SCHEMA, "scale"),
        (selftest::SCHEMA, "selftest"),
    ];
    let RecordError::Schema { found, .. } = why else {
        return Failure::Failed(format!("{why}; {NEXT}"));
    };
    let family = |schema: &str| schema.split('/').next().map(str::to_owned);
    let verb = others
        .into_iter()
        .find(|(schema, _)| family(schema) == family(found));
    Failure::Failed(match verb {
        Some((_, verb)) => format!(
            "{name} is a record of `{verb}` and not of `run`; {NEXT}, or type its own command again, \
             which is in provenance.command"
        ),
        None => format!("{why}; {NEXT}"),
    })
}

/// The records that one argument stands for, with their files: a record, the folder of a run, a
/// folder of those, or several of all these with commas between them.
pub fn read_side(argument: &Path) -> Result<Vec<(String, Record)>, Failure> {
    let mut side = Vec::new();
    for path in parts(argument) {
        for file in files(&path)? {
            let record = read(&file)?;
            side.push((file.display().to_string(), record));
        }
    }
    Ok(side)
}

/// Cut at commas, unless there is such a file with its commas.
fn parts(argument: &Path) -> Vec<PathBuf> {
    match argument.to_str() {
        Some(text) if !argument.exists() => text.split(',').map(PathBuf::from).collect(),
        _ => vec![argument.to_owned()],
    }
}

/// Of a folder, its record, else those of the folders in it and the JSON files in it.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let own = path.join(RECORD);
    if own.exists() {
        return Ok(vec![own]);
    }
    let entries = std::fs::read_dir(path).map_err(|why| Failure::file("read", path, why, NEXT))?;
    let inside = entries.flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = inside
        .map(|path| {
            if path.is_dir() {
                path.join(RECORD)
            } else {
                path
            }
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "json") && path.is_file())
        .collect();
    found.sort();
    if found.is_empty() {
        return Err(Failure::Failed(format!(
            "{} is a folder without a record; {NEXT}",
            path.display()
        )));
    }
    Ok(found)
}
