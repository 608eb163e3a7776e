//! `list`: cases, libraries with the code they run here, captures, sizes.

use std::fmt::Write;
use std::process::ExitCode;

use tunneltax_core::path::{Kind, cases};

use crate::captures;
use crate::choice::DEFAULT_SIZES;
use crate::failure::Failure;
use crate::libraries::libraries;
use crate::output;
use crate::scenario;

/// Prints the lists.
pub fn list() -> Result<ExitCode, Failure> {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_lists(&mut text);
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn write_lists(text: &mut String) -> std::fmt::Result {
    for (kind, title) in [
        (
            Kind::Bill,
            "Cases of the bill (--case GLOB; without @ every library)",
        ),
        (Kind::Variant, "Variants (by name)"),
        (Kind::Yardstick, "Yardsticks (with --full, or by name)"),
    ] {
        writeln!(text, "{title}")?;
        let mut shown: &[&str] = &[];
        for case in cases().filter(|c| c.kind == kind) {
            // Stages stand above all cases that go through them.
            if case.stages != shown {
                writeln!(text, "  {}", case.stages.join(" → "))?;
                shown = case.stages;
            }
            let note = if case.allocates {
                "; allocates per packet"
            } else {
                ""
            };
            writeln!(text, "    {:<46} {}{note}", case.id, case.title)?;
        }
        writeln!(text)?;
    }
    writeln!(text, "Scenarios (tunneltax run NAME)")?;
    for name in scenario::names() {
        match scenario::bundled(name) {
            Some(Ok(scenario)) => writeln!(text, "  {name:<22} {}", scenario.question)?,
            Some(Err(why)) => writeln!(text, "  {name:<22} not here: {why}")?,
            None => {}
        }
    }
    writeln!(
        text,
        "\nCipher libraries, and the code they run on this CPU"
    )?;
    for library in libraries() {
        writeln!(text, "  {:<12} {}", library.name, library.version)?;
        for (algorithm, code) in &library.code {
            writeln!(
                text,
                "  {:<12}   {algorithm:<30} {code}, chosen at {}",
                "", library.chosen_at
            )?;
        }
    }
    writeln!(text, "\nSizes of generated packets (--size LIST)")?;
    writeln!(text, "  {}, ipsec-imix", DEFAULT_SIZES.join(", "))?;
    writeln!(text, "  a number is the IP total length, from 28 to --mtu")?;
    writeln!(text, "\nBundled captures")?;
    match captures::bundled() {
        Ok(entries) => {
            for entry in entries {
                writeln!(
                    text,
                    "  {:<12} {:<24} {}",
                    entry.name, entry.file, entry.title
                )?;
            }
        }
        Err(why) => writeln!(text, "  none: {why}")?,
    }
    Ok(())
}
