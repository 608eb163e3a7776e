//! `rerun`: the run that a record tells of, once more, and both compared.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tunneltax_reports::compare::differs;
use tunneltax_reports::record::{self, Provenance, Record};

use super::{compare, run};
use crate::captures::{self, Source};
use crate::choice::Choice;
use crate::cli::{Cli, RerunArguments, RunArguments, Verb};
use crate::failure::Failure;
use crate::libraries::libraries;
use crate::{host, output, records};

/// What a record shows in place of the networks of `--near`.
const WITHHELD: &str = "PREFIX";

/// Runs with the arguments of the record, and compares the new record with it.
pub fn rerun(arguments: &RerunArguments) -> Result<ExitCode, Failure> {
    let old = records::read(&arguments.record)?;
    not_over_itself(arguments)?;
    let again = arguments_of(&old, arguments)?;
    check_files(&old, arguments, &again)?;
    if !arguments.quiet {
        output::say(&since(&old, &arguments.record));
    }
    let done = run::run(&again)?;
    let file = again.options.out.join(records::RECORD);
    let new = records::read(&file)?;
    let name = |path: &Path| path.display().to_string();
    let comparison = compare::judged(
        &[(name(&arguments.record), old)],
        &[(name(&file), new)],
        &arguments.rule,
    )?;
    compare::write(&again.options.out, &comparison)?;
    if arguments.json {
        output::print(&comparison.to_json())?;
    } else if !arguments.quiet {
        output::print("\n")?;
        compare::print(&comparison)?;
    }
    Ok(compare::exit_code(&comparison)?.unwrap_or(done))
}

/// The new record goes beside the old one, never in its place.
fn not_over_itself(arguments: &RerunArguments) -> Result<(), Failure> {
    let whole = |path: &Path| path.canonicalize().ok();
    let new = whole(&arguments.out.join(records::RECORD));
    if new.is_some() && new == whole(&arguments.record) {
        return Err(Failure::Usage(format!(
            "{} would be overwritten by the new record; name another folder with --out",
            arguments.record.display()
        )));
    }
    Ok(())
}

/// What the record's command asks for, on as many packets, but for where it writes.
fn arguments_of(old: &Record, arguments: &RerunArguments) -> Result<RunArguments, Failure> {
    let record = arguments.record.display();
    let mut words = without_out(&old.provenance.command);
    if withholds(&words) && !old.carries_addresses {
        let typed = words.get(1..).unwrap_or_default().join(" ");
        return Err(Failure::Failed(format!(
            "{record} withholds the networks of --near; type them in place of {WITHHELD}: \
             tunneltax {typed}, then `tunneltax compare` both records"
        )));
    }
    let not_understood = |why: &str| {
        Failure::Failed(format!(
            "the command of {record} is none that this version runs: {why}; run it with the \
             version that wrote it, {}",
            old.provenance.build.version
        ))
    };
    let cli = Cli::of_words(&words).map_err(|why| not_understood(&why))?;
    let mut again = match cli.verb {
        Some(Verb::Run(run)) => run,
        None => RunArguments {
            files: Vec::new(),
            esp_keys: None,
            options: cli.run,
        },
        Some(_) => return Err(not_understood("it measures nothing")),
    };
    // Behind the verb, as nothing behind `--` is an option.
    let at = 1 + usize::from(words.get(1).is_some_and(|word| word == "run"));
    let out = ["--out".to_owned(), arguments.out.display().to_string()];
    words.splice(at.min(words.len())..at.min(words.len()), out);
    again.options.typed = words;
    again.options.out.clone_from(&arguments.out);
    // An interrupted run has not come to the end of its last capture.
    if old.state == "complete" {
        let kept = |of: &record::Capture| (of.file.clone(), of.frames_replayed);
        again.options.kept = old.captures.iter().map(kept).collect();
    }
    again.options.json = false;
    again.options.quiet = arguments.quiet || arguments.json;
    Ok(again)
}

/// A command without its `--out`.
fn without_out(typed: &[String]) -> Vec<String> {
    let mut is_value = false;
    let kept = typed.iter().filter(|word| {
        let drop = std::mem::take(&mut is_value);
        is_value = !drop && word.as_str() == "--out";
        !(drop || is_value || word.starts_with("--out="))
    });
    kept.cloned().collect()
}

/// Whether the values of `--near` are not in a command.
fn withholds(words: &[String]) -> bool {
    let hidden = format!("--near={WITHHELD}");
    let apart = |pair: &[String]| pair[0] == "--near" && pair[1] == WITHHELD;
    words.contains(&hidden) || words.windows(2).any(apart)
}

/// Every capture of the record, and its file of keys, are there and are what they were.
fn check_files(
    old: &Record,
    arguments: &RerunArguments,
    again: &RunArguments,
) -> Result<(), Failure> {
    let record = arguments.record.display();
    if let Some(keys) = again.esp_keys.as_ref().filter(|keys| !keys.is_file()) {
        return Err(missing("the keys", &keys.display().to_string(), &record));
    }
    if let Some(gone) = again
        .files
        .iter()
        .find(|path| is_path(path) && !path.exists())
    {
        return Err(missing("a file", &gone.display().to_string(), &record));
    }
    let sources = sources(again)?;
    for capture in &old.captures {
        let same_file = |source: &&Source| source.file == capture.file;
        let Some(source) = sources
            .iter()
            .find(same_file)
            .filter(|of| of.path.is_file())
        else {
            return Err(missing("a capture", &capture.file, &record));
        };
        let Some(then) = &capture.sha256 else {
            continue;
        };
        let next = "check the file";
        let now = host::sha256_of(&source.path)
            .map_err(|why| Failure::file("read", &source.path, why, next))?;
        if now != *then {
            return Err(Failure::Failed(format!(
                "{} is not the capture of {record}: SHA-256 {} then, {} now; put that one in its \
                 place, or run anew",
                capture.file,
                digits(then),
                digits(&now),
            )));
        }
    }
    Ok(())
}

/// Neither the name of a scenario nor of a library: with an ending, or in a folder.
fn is_path(path: &Path) -> bool {
    path.extension().is_some() || path.components().count() > 1
}

/// The captures that the arguments name.
fn sources(again: &RunArguments) -> Result<Vec<Source>, Failure> {
    if again.esp_keys.is_some() {
        return captures::sources(&again.files);
    }
    Ok(Choice::new(again)?.sources)
}

fn missing(what: &str, file: &str, record: &impl std::fmt::Display) -> Failure {
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    Failure::Failed(format!(
        "{record} needs {what} that is not there: {file}; relative paths begin in {}: go where it \
         was run, or put the file there",
        folder.display()
    ))
}

fn digits(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// What differs now from what the record names, in a line.
fn since(old: &Record, file: &Path) -> String {
    let now = Record {
        provenance: Provenance {
            build: host::build(),
            host: host::host(old.provenance.host.pinned_to),
            libraries: libraries(),
            ..old.provenance.clone()
        },
        ..old.clone()
    };
    let all: Vec<String> = differs(&[old], &[&now])
        .iter()
        .map(|of| format!("{}: {} then, {} now", of.what, of.a, of.b))
        .collect();
    if all.is_empty() {
        format!("program and host are those of {}", file.display())
    } else {
        format!("since {}: {}", file.display(), all.join("; "))
    }
}
