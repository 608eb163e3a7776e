//! Hands to the program what only the build knows: commit, compiler, profile, target features.

use std::path::Path;
use std::process::Command;

fn main() {
    // Asked at run time: a checkout can be moved behind a build script that stays.
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")).join("..");
    let git = |arguments: &[&str]| output(Command::new("git").current_dir(&root).args(arguments));
    // Outside a checkout (a source archive) both stay empty, and the record says null.
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_default();
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"])
        .map(|changes| (!changes.is_empty()).to_string())
        .unwrap_or_default();
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rustc = output(Command::new(rustc).arg("--version")).unwrap_or_default();
    set("COMMIT", &commit);
    set("DIRTY", &dirty);
    set("RUSTC_VERSION", &rustc);
    set("TARGET_FEATURES", &variable("CARGO_CFG_TARGET_FEATURE"));
    set("PROFILE_NAME", &profile());
    for watched in [
        ".git/HEAD",
        ".git/index",
        "Cargo.lock",
        "bench-core/src",
        "reports/src",
        "harness/src",
    ] {
        println!("cargo:rerun-if-changed={}", root.join(watched).display());
    }
}

fn set(name: &str, value: &str) {
    println!("cargo:rustc-env=TUNNELTAX_{name}={value}");
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Standard output of a command, trimmed; nothing where it fails.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The profile's own name: the folder above `build` in the output path. `PROFILE` would say
/// `release` for all that inherit from it.
fn profile() -> String {
    let out = variable("OUT_DIR");
    let name = Path::new(&out).ancestors().nth(3).and_then(Path::file_name);
    name.map_or_else(|| variable("PROFILE"), |n| n.to_string_lossy().into_owned())
}
