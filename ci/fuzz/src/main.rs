//! The program around the targets: under libFuzzer where the build is a fuzzing one, else it
//! shows what an input does and writes the seeds.

#![cfg_attr(feature = "libfuzzer", no_main)]

/// Names the target of a fuzzing build, whose arguments are libFuzzer's.
#[cfg(feature = "libfuzzer")]
const TARGET_VARIABLE: &str = "FUZZ_TARGET";

#[cfg(feature = "libfuzzer")]
static RUN: std::sync::LazyLock<fn(&[u8])> = std::sync::LazyLock::new(|| {
    let name = std::env::var(TARGET_VARIABLE).unwrap_or_default();
    match tunneltax_fuzz::find(&name) {
        Some(target) => target.run,
        None => panic!("{TARGET_VARIABLE}={name:?} names no target"),
    }
});

#[cfg(feature = "libfuzzer")]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| RUN(bytes));

#[cfg(not(feature = "libfuzzer"))]
fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match program::run(&arguments) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("tunneltax-fuzz: {why}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(feature = "libfuzzer"))]
mod program {
    use std::fs;
    use std::path::Path;

    use tunneltax_fuzz::{TARGETS, find};

    const USAGE: &str = "say `list`, `seeds DIR`, or `run TARGET FILE…`";

    /// What the arguments ask for.
    pub fn run(arguments: &[String]) -> Result<(), String> {
        match arguments {
            [verb] if verb == "list" => {
                for target in TARGETS {
                    println!("{}", target.name);
                }
                Ok(())
            }
            [verb, folder] if verb == "seeds" => seeds(Path::new(folder)),
            [verb, target, files @ ..] if verb == "run" => show(target, files),
            _ => Err(USAGE.to_owned()),
        }
    }

    /// Writes the seeds of every target, in a folder each.
    fn seeds(folder: &Path) -> Result<(), String> {
        for target in TARGETS {
            let folder = folder.join(target.name);
            fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
            for (at, seed) in (target.seeds)().iter().enumerate() {
                let file = folder.join(format!("seed-{at:02}"));
                fs::write(&file, seed).map_err(|why| format!("{}: {why}", file.display()))?;
            }
        }
        Ok(())
    }

    /// Runs inputs through a target; one that breaks a promise ends in a panic that says which.
    fn show(name: &str, files: &[String]) -> Result<(), String> {
        let target = find(name).ok_or_else(|| format!("no target {name}; `list` shows them"))?;
        for file in files {
            let input = fs::read(file).map_err(|why| format!("{file}: {why}"))?;
            (target.run)(&input);
            println!("{file}: {} bytes, no promise of {name} broken", input.len());
        }
        Ok(())
    }
}
