//! `verify`: published vectors, and every case's round trip over the captures. With `--write`,
//! what each case sent as files of packets, for tools that nobody here wrote.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use tunneltax_core::capture::Chunk;
use tunneltax_core::path::{Case, Kind, Setup};
use tunneltax_core::proof::{self, Proof};
use tunneltax_core::vectors;
use tunneltax_core::workload::Workload;

use super::run::setup;
use super::verify_keys::verify_keys;
use super::verify_write::{Tunnels, writers};
use crate::captures::{self, Look, Survey, limits};
use crate::cli::{Format, VerifyArguments};
use crate::failure::{CUT_CAPTURE, Failure};
use crate::output;
use crate::select::{over_underlay, select_cases};

/// Proves, and says what was proven.
pub fn verify(arguments: &VerifyArguments) -> Result<ExitCode, Failure> {
    if let Some(keys) = &arguments.esp_keys {
        return verify_keys(arguments, keys);
    }
    let cases = select_cases(
        &arguments.selection.cases,
        &[Kind::Variant, Kind::Yardstick],
    )?;
    let cases = over_underlay(cases, arguments.selection.underlay)?;
    let limits = limits(&arguments.selection);
    let setup = setup(&arguments.selection);
    if let Some(folder) = &arguments.write {
        output::prepare(folder)?;
    }
    let vectors = vectors::check_all().map_err(|why| {
        Failure::Failed(format!(
            "{why}; this build must not be used; report it with the output of `tunneltax list`"
        ))
    })?;
    let mut text = String::new();
    for (library, count) in &vectors {
        let _ = writeln!(text, "{count:>8} published vectors reproduced by {library}");
    }
    let sources = captures::sources(&arguments.files)?;
    let surveys = captures::survey(sources, limits, &Look::default(), &AtomicBool::new(false))?;
    let mut tunnels = Tunnels::default();
    let mut verified = 0;
    let mut cut = None;
    for survey in &surveys {
        let mut proofs: Vec<Proof> = cases.iter().map(|_| Proof::default()).collect();
        let mut writers = match &arguments.write {
            Some(folder) => writers(folder, arguments.format, survey, &cases, &setup)?,
            None => Vec::new(),
        };
        let tally = captures::each_chunk(&survey.path, limits, |chunk| {
            for (case, proof) in cases.iter().zip(&mut proofs) {
                proof.add(&prove(case, &setup, survey, chunk)?);
            }
            writers
                .iter_mut()
                .try_for_each(|writer| writer.send(chunk, setup.burst))?;
            Ok(ControlFlow::Continue(()))
        })?;
        if tally.truncated {
            cut = Some(survey.file.clone());
        }
        for writer in writers {
            tunnels.sent.push(writer.finish()?);
        }
        for (case, proof) in cases.iter().zip(&proofs) {
            verified += proof.verified;
            let _ = writeln!(text, "{}", line(survey, case, proof));
        }
    }
    if let Some(folder) = &arguments.write {
        let json = serde_json::to_string_pretty(&tunnels).unwrap_or_default();
        output::replace(folder, "tunnels.json", &(json + "\n"))?;
        let _ = writeln!(
            text,
            "{:>8} files of sent packets{}, and tunnels.json, in {}",
            tunnels.sent.len(),
            match arguments.format {
                Format::Pcap => "",
                Format::Pcapng => ", keys as Wireshark's esp_sa",
            },
            output::shown(&folder.display().to_string())
        );
    }
    let _ = writeln!(text, "{verified:>8} round trips, every byte compared");
    output::print(&text)?;
    if verified == 0 {
        return Err(Failure::Failed(
            "no packet came through any case; take another capture".to_owned(),
        ));
    }
    Ok(done(cut.as_deref()))
}

/// The exit code, after a word on a capture that ends within a frame.
pub fn done(cut: Option<&str>) -> ExitCode {
    let Some(file) = cut else {
        return ExitCode::SUCCESS;
    };
    output::say(&format!(
        "{file} ends within a frame; its whole frames were used; take it again for the rest"
    ));
    ExitCode::from(CUT_CAPTURE)
}

fn prove(
    case: &'static Case,
    setup: &Setup,
    survey: &Survey,
    chunk: &Chunk,
) -> Result<Proof, Failure> {
    let workload = Workload::new(chunk.packets().collect());
    proof::prove(case, setup, &workload)
        .map_err(|why| {
            Failure::Failed(format!(
                "{} on {}: {why}; this build must not be used; run `tunneltax verify --case {}` on fewer packets to find it",
                case.id, survey.file, case.id
            ))
        })
}

fn line(survey: &Survey, case: &Case, proof: &Proof) -> String {
    let drops: Vec<String> = proof
        .drops
        .iter()
        .map(|(reason, count)| format!("{count} {}", reason.name()))
        .collect();
    let drops = if drops.is_empty() {
        String::new()
    } else {
        format!(", dropped {}", drops.join(", "))
    };
    format!(
        "{:>8} of {} packets of {} through {}{drops}",
        proof.verified,
        proof.packets,
        output::shown(&survey.name),
        case.id
    )
}
