//! `selftest` from outside: what it refuses, and what it leaves when it is interrupted. That it
//! holds on a host is what the verb itself says.

mod program;

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

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
    assert_eq!(stored["schema"], "tunneltax-selftest/2");
    assert_eq!(stored["state"], "interrupted");
    assert_eq!(stored["provenance"]["command"][1], "selftest");
}

/// Values of every figure of every level of a look.
fn counts(look: &Value) -> Vec<usize> {
    let levels = look["levels"].as_array().expect("levels");
    let of = |level: &Value| {
        ["forward_ns", "tunnel_ns", "bill_ns"].map(|figure| level[figure].as_array().unwrap().len())
    };
    levels.iter().flat_map(of).collect()
}

/// Two programs that are no file alike: this one with a byte behind its end.
fn links() -> tempfile::TempDir {
    let folder = folder();
    let own = assert_cmd::cargo::cargo_bin!("tunneltax");
    for name in ["one", "two"] {
        let path = folder.path().join(name);
        std::fs::copy(own, &path).expect("a copy");
        let mut file = std::fs::OpenOptions::new().append(true).open(&path);
        let file = file.as_mut().expect("a copy");
        file.write_all(name.as_bytes()).expect("room for it");
    }
    folder
}

#[test]
fn a_full_selftest_looks_at_every_axis_at_both_sizes() {
    let (out, links) = (folder(), links());
    let mut command = program();
    command.args(["selftest", "--full", "--seconds=4", "--out"]);
    command.arg(out.path()).arg("--links").arg(links.path());
    let output = command.output().expect("the program starts");
    let (said, failed) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{failed}");
    assert!(
        said.contains("comparisons with injected slow-downs were left out"),
        "{said}"
    );
    let stored = json(&out.path().join("selftest.json"));
    assert_eq!(stored["state"], "complete");
    assert_eq!(stored["subjects"].as_array().map(Vec::len), Some(0));
    let looks = stored["looks"].as_array().expect("looks");
    let axes: Vec<(&str, u64, usize)> = looks
        .iter()
        .map(|look| {
            let levels = look["levels"].as_array().map_or(0, Vec::len);
            (
                look["axis"].as_str().unwrap(),
                look["inner_bytes"].as_u64().unwrap(),
                levels,
            )
        })
        .collect();
    let expected = [
        ("burst", 6),
        ("turns", 3),
        ("opened", 3),
        ("line", 6),
        ("page", 3),
        ("heap", 6),
        ("stack", 5),
        ("links", 2),
    ];
    let both = |(axis, levels)| [(axis, 1440, levels), (axis, 64, levels)];
    assert_eq!(
        axes,
        expected.into_iter().flat_map(both).collect::<Vec<_>>()
    );
    for look in looks {
        let (counts, least) = (counts(look), if look["axis"] == "links" { 2 } else { 3 });
        assert!(
            counts.iter().all(|n| *n == counts[0] && *n >= least),
            "{look}"
        );
    }
    let page = std::fs::read_to_string(out.path().join("selftest.md")).expect("a page");
    for title in ["Burst size, 64 bytes", "Link order, 1440 bytes"] {
        assert!(
            page.contains(title) && said.contains(title),
            "{title}: {said}"
        );
    }
}

#[test]
fn an_interrupted_full_selftest_keeps_what_it_has() {
    let out = folder();
    let mut command = program();
    command
        .args(["selftest", "--full", "--seconds=300", "--out"])
        .arg(out.path());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    std::thread::sleep(Duration::from_secs(4));
    let output = interrupt(child);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let stored = json(&out.path().join("selftest.json"));
    assert_eq!(stored["state"], "interrupted");
    assert_eq!(stored["looks"].as_array().map(Vec::len), Some(14));
}

#[test]
fn links_that_are_none_are_refused_in_a_sentence() {
    let (out, none, same) = (folder(), folder(), folder());
    let own = assert_cmd::cargo::cargo_bin!("tunneltax");
    for name in ["one", "two"] {
        std::fs::copy(own, same.path().join(name)).expect("a copy");
    }
    let missing = none.path().join("missing");
    let cases: [(&std::path::Path, &str); 3] = [
        (none.path(), "holds 0 programs"),
        (same.path(), "one and two of"),
        (&missing, "cannot read"),
    ];
    for (links, expected) in cases {
        let mut command = program();
        command.args(["selftest", "--full", "--seconds=1", "--out"]);
        command.arg(out.path()).arg("--links").arg(links);
        let output = command.output().expect("the program starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains(expected) && said.contains("ci/links.sh"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let output = tunneltax(["selftest", "--links", "."]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
