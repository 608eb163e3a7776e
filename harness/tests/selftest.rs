//! `selftest` from outside: what it refuses, and what it leaves when it is interrupted. That it
//! holds on a host is what the verb itself says.

mod program;

use std::process::Stdio;
use std::time::Duration;

use program::{folder, interrupt, json, program, text, tunneltax};

#[test]
fn too_little_time_is_refused_in_a_sentence() {
    let output = tunneltax(["selftest", "--seconds", "5"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--seconds") && said.contains("90..=86400"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn an_interrupted_selftest_keeps_what_it_has_and_says_so() {
    let out = folder();
    let mut command = program();
    command.arg("selftest").arg("--out").arg(out.path());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    std::thread::sleep(Duration::from_secs(2));
    let output = interrupt(child);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    let stored = json(&out.path().join("selftest.json"));
    assert_eq!(stored["schema"], "tunneltax-selftest/1");
    assert_eq!(stored["state"], "interrupted");
    assert_eq!(stored["provenance"]["command"][1], "selftest");
}
