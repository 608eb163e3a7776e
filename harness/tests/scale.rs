//! `scale` from outside: the smallest run of generated packets and of a capture, what it refuses,
//! and what it leaves when it is interrupted.

mod program;

use std::process::Stdio;
use std::time::Duration;

use program::{bundled, files_in, folder, interrupt, json, program, text, tunneltax};
use serde_json::Value;

fn array<'v>(value: &'v Value, key: &str) -> &'v Vec<Value> {
    value[key].as_array().expect("a list")
}

/// What every subject of a complete run has.
fn check(stored: &Value, workers: usize) {
    assert_eq!(stored["schema"], "tunneltax-scale/1");
    assert_eq!(stored["state"], "complete");
    assert_eq!(stored["provenance"]["command"][1], "scale");
    assert_eq!(array(stored, "cpus").len(), workers);
    for subject in array(stored, "subjects") {
        let all = subject["all"]["packets"].as_u64().expect("packets");
        for spread in array(subject, "spreads") {
            let loads = array(spread, "loads").iter();
            let sum: u64 = loads.map(|load| load["packets"].as_u64().unwrap()).sum();
            assert_eq!(sum, all, "every packet falls to one worker");
        }
        assert!(array(subject, "instances").len() >= 10);
        for instance in array(subject, "instances") {
            assert_eq!(array(instance, "runs").len(), 2 * workers.min(2));
            for run in array(instance, "runs") {
                assert!(run["nonces"].as_u64().unwrap() > 0);
                let workers = array(run, "workers");
                let cpus: std::collections::BTreeSet<u64> =
                    workers.iter().map(|w| w["cpu"].as_u64().unwrap()).collect();
                assert_eq!(cpus.len(), workers.len(), "each on its own CPU");
            }
        }
        assert_eq!(array(&subject["sharing"], "own_ns").len(), 12);
    }
}

fn cpus() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(2)
}

#[test]
fn the_smallest_run_stores_and_draws() {
    let out = folder();
    let workers = format!("--workers={}", cpus());
    let output = program()
        .args(["scale", &workers, "--size=64", "--seconds=3", "--out"])
        .arg(out.path())
        .output()
        .expect("the program starts");
    let (drawn, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
    for expected in [
        "How the hash spreads 64 bytes",
        "1 worker, its own SA",
        "nonces of all workers",
    ] {
        assert!(drawn.contains(expected), "{drawn}");
    }
    let wide = drawn.lines().find(|line| line.chars().count() > 100);
    assert!(wide.is_none(), "{wide:?}");
    assert_eq!(files_in(out.path()), ["scale.json"]);
    check(&json(&out.path().join("scale.json")), cpus());
}

#[test]
fn a_capture_is_spread_and_json_prints_the_record_alone() {
    let out = folder();
    let workers = format!("--workers={}", cpus());
    let output = program()
        .args(["scale", &workers, "--seconds=3", "--json", "--out"])
        .arg(out.path())
        .arg(bundled("dns.pcapng"))
        .output()
        .expect("the program starts");
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
    let printed: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    check(&printed, cpus());
    assert_eq!(printed, json(&out.path().join("scale.json")));
    let capture = &printed["subjects"][0]["capture"];
    assert_eq!(capture["name"], "dns");
    let read = capture["frames_read"].as_u64().unwrap();
    let left: u64 = capture["left_out"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(capture["frames_replayed"].as_u64().unwrap() + left, read);
}

#[test]
fn what_cannot_be_is_refused_in_a_sentence() {
    let missing = bundled("no-such.pcap");
    let wrong: [(&[&str], i32, &str); 6] = [
        (&["--workers=0"], 2, "1..=128"),
        (&["--workers=128"], 2, "give at most"),
        (&["--size=7"], 2, "--size"),
        (
            &["--seconds=1", "--size=64,128,256,512"],
            2,
            "give that many",
        ),
        (
            &["--size=64", missing.to_str().unwrap()],
            2,
            "cannot be used with",
        ),
        (&[missing.to_str().unwrap()], 1, "no-such.pcap"),
    ];
    if std::thread::available_parallelism().map_or(1, usize::from) >= 128 {
        return;
    }
    for (arguments, code, expected) in wrong {
        let out = folder();
        let out_dir = out.path().to_str().unwrap();
        let all = [&["scale", "--out", out_dir][..], arguments].concat();
        let output = tunneltax(&all);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn an_interrupted_one_keeps_what_it_has_and_says_so() {
    let out = folder();
    let mut command = program();
    command
        .args(["scale", "--seconds=120", "--out"])
        .arg(out.path());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    std::thread::sleep(Duration::from_secs(2));
    let output = interrupt(child);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    let stored = json(&out.path().join("scale.json"));
    assert_eq!(stored["state"], "interrupted");
}
