//! `compare` as a script meets it: two records in, a verdict a row and an exit code out.

mod program;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use program::{files_in, folder, json, program, small_but, text, tunneltax};
use serde_json::Value;

/// Two short runs of the same command, of which all tests here take their records.
static RUNS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let runs = folder();
    for name in ["one", "two"] {
        let mut command = program();
        command.args(small_but(&["--size=64"])).arg("--quiet");
        command.arg("--out").arg(runs.path().join(name));
        let redis = program::bundled("redis.pcap.zst");
        assert_eq!(command.arg(redis).status().unwrap().code(), Some(0));
        // What a busy machine forbids to be told is a test of its own.
        let path = runs.path().join(name).join("record.json");
        let mut record = json(&path);
        record["provenance"]["noise"]["shared_percent"] = 0.into();
        let widest = record["provenance"]["noise"]["anchor_max_width"].clone();
        for group in record["groups"].as_array_mut().unwrap() {
            group["shared_percent"] = 0.into();
            group["anchor_width"] = widest.clone();
        }
        std::fs::write(&path, record.to_string()).unwrap();
    }
    runs
});

fn record(name: &str) -> PathBuf {
    RUNS.path().join(name).join("record.json")
}

/// The second record with every time of a case slowed, and instances that agree.
fn slowed(folder: &Path, case: &str, by: f64) -> PathBuf {
    let mut record = json(&record("one"));
    record["provenance"]["seconds"] = 1.5.into();
    for row in rows_of(&mut record) {
        if row["case"] != case {
            continue;
        }
        for of in ["send_ns", "receive_ns", "sum_ns"] {
            for key in ["mean", "low", "high"] {
                scale(&mut row["figures"][of][key], by);
            }
            let instances = row["figures"][of]["instances"].as_array_mut().unwrap();
            for ns in instances {
                scale(ns, by);
            }
        }
    }
    let path = folder.join("slowed.json");
    std::fs::write(&path, record.to_string()).unwrap();
    path
}

fn scale(value: &mut Value, by: f64) {
    *value = (value.as_f64().unwrap() * by).into();
}

fn rows_of(record: &mut Value) -> impl Iterator<Item = &mut Value> {
    let groups = record["groups"].as_array_mut().unwrap().iter_mut();
    groups.flat_map(|group| group["rows"].as_array_mut().unwrap())
}

fn compared(a: &Path, b: &Path, options: &[&str]) -> Output {
    let mut command = program();
    command.arg("compare").arg(a).arg(b).args(options);
    command.output().unwrap()
}

fn refused(output: &Output, code: i32, expected: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "one line: {said}");
    for expected in expected {
        assert!(said.contains(expected), "{expected:?} is missing: {said}");
    }
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn two_runs_of_one_command() {
    let output = compared(&record("one"), &record("two"), &[]);
    let printed = text(&output.stdout);
    // Whether some row is slower is the machine's business here.
    assert!(matches!(output.status.code(), Some(0 | 4)), "{printed}");
    assert_eq!(text(&output.stderr), "");
    for expected in [
        "two runs compared",
        "64 bytes, hot",
        "redis, warm",
        "forward *",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    assert!(printed.contains("Nothing that the records name differs but the time."));
    assert!(printed.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn a_slowed_case_is_slower_and_the_exit_code_says_so() {
    let folder = folder();
    let slowed = slowed(folder.path(), "esp/aes-256-gcm@ring", 10.0);
    let out = folder.path().join("out");
    let out_option = out.to_str().unwrap();
    let output = compared(&record("one"), &slowed, &["--json", "--out", out_option]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!(printed["schema"], "tunneltax-comparison/1");
    assert_eq!(files_in(&out), ["comparison.json", "comparison.md"]);
    assert_eq!(json(&out.join("comparison.json")), printed);
    let rows = printed["rows"].as_array().unwrap();
    assert!(rows.len() >= 8);
    for row in rows {
        let is_ring = row["case"] == "esp/aes-256-gcm@ring";
        assert_eq!(row["verdict"] == "slower", is_ring, "{row}");
        let mean = row["percent"]["mean"].as_f64().unwrap();
        assert!(
            (mean - if is_ring { 900.0 } else { 0.0 }).abs() < 1e-6,
            "{row}"
        );
    }
    let back = compared(&slowed, &record("one"), &["--quiet"]);
    assert_eq!((back.status.code(), back.stdout.len()), (Some(0), 0));
}

/// A case that came to fail is no comparison, and no silence either.
#[test]
fn a_row_that_came_to_fail_is_a_failure() {
    let folder = folder();
    let mut broken = json(&record("two"));
    for row in rows_of(&mut broken) {
        if row["case"] == "esp/aes-256-gcm@ring" {
            row["passed"] = false.into();
            row["message"] = "packet 3 came back changed".into();
            row["figures"] = Value::Null;
        }
    }
    let path = folder.path().join("broken.json");
    std::fs::write(&path, broken.to_string()).unwrap();
    let expected = [
        "esp/aes-256-gcm@ring of 64 bytes, hot",
        "failed in B and not in A",
    ];
    refused(&compared(&record("one"), &path, &["--quiet"]), 1, &expected);
    // It was broken before: nothing new.
    let back = compared(&path, &path, &["--quiet"]);
    assert_eq!(back.status.code(), Some(0), "{}", text(&back.stderr));
}

/// One run a side on a core that another thread shared tells nothing.
#[test]
fn a_shared_core_and_one_run_a_side_tell_nothing() {
    let folder = folder();
    let path = slowed(folder.path(), "esp/aes-256-gcm@ring", 10.0);
    let mut shared = json(&path);
    shared["provenance"]["noise"]["shared_percent"] = 91.into();
    std::fs::write(&path, shared.to_string()).unwrap();
    let output = compared(&record("one"), &path, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    let slow = printed["rows"].as_array().unwrap().iter();
    let slow: Vec<&Value> = slow
        .filter(|row| row["case"] == "esp/aes-256-gcm@ring")
        .collect();
    assert!(!slow.is_empty());
    for row in slow {
        assert_eq!(row["verdict"], "cannot tell");
        assert!(
            row["why"].as_str().unwrap().contains("the core was shared"),
            "{row}"
        );
    }
}

/// Folders and lists stand for their records, and the run is then the unit.
#[test]
fn a_side_may_be_several_records() {
    let (one, two) = (record("one"), record("two"));
    let list = PathBuf::from(format!("{},{}", one.display(), two.display()));
    for side in [list.as_path(), RUNS.path()] {
        let output = compared(side, &one, &["--json"]);
        let printed: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
        assert_eq!(printed["a"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&printed["unit"], &printed["same_run"]),
            (&"run".into(), &true.into())
        );
    }
    let twice = PathBuf::from(format!("{0},{0}", one.display()));
    refused(
        &compared(&twice, &two, &[]),
        1,
        &["same run", "name every run of a side once"],
    );
}

/// A selftest of four links, of which one is off by this percentage.
fn selftest_of_links(folder: &Path, off_percent: f64) -> PathBuf {
    let level = |at: usize| {
        let by = if at == 0 {
            1.0 + off_percent / 100.0
        } else {
            1.0
        };
        let noise = [1.0, 1.0001, 0.9999, 1.0002];
        let turns = || (0..noise.len()).map(|turn| noise[(turn + at) % noise.len()]);
        serde_json::json!({
            "name": format!("link-{at}"),
            "forward_ns": vec![50.0; noise.len()],
            "tunnel_ns": turns().map(|noise| 500.0 * by * noise).collect::<Vec<_>>(),
            "bill_ns": turns().map(|noise| 500.0 * by * noise - 50.0).collect::<Vec<_>>(),
        })
    };
    let selftest = serde_json::json!({
        "schema": "tunneltax-selftest/2",
        "state": "complete",
        "provenance": json(&record("one"))["provenance"],
        "subjects": [],
        "looks": [{
            "axis": "links",
            "inner_bytes": 64,
            "packets_per_reading": null,
            "levels": (0..4).map(level).collect::<Vec<_>>(),
        }],
    });
    let path = folder.join("selftest.json");
    std::fs::write(&path, selftest.to_string()).unwrap();
    path
}

/// What a selftest measured between links is the floor, and the comparison says so.
#[test]
fn a_floor_may_be_what_a_selftest_measured() {
    let folder = folder();
    let selftest = selftest_of_links(folder.path(), 3.0);
    let with = |floor: &str| {
        let output = compared(
            &record("one"),
            &record("two"),
            &["--json", "--floor", floor],
        );
        serde_json::from_slice::<Value>(&output.stdout).expect("one JSON value")
    };
    let measured = with(selftest.to_str().unwrap());
    // The deviation of one link that is 3 % off and three that are not is 1.5 %; √2 × 3.1824 of it.
    let percent = measured["floor_percent"].as_f64().unwrap();
    assert!((6.4..7.2).contains(&percent), "{percent}");
    let from = measured["floor_from"].as_str().unwrap();
    assert!(
        from.starts_with("measured") && from.contains("selftest.json"),
        "{from}"
    );
    assert_eq!(with("2.5")["floor_percent"], 2.5);
    assert_eq!(with("2.5")["floor_from"], "--floor");

    let refuse = |floor: &Path, expected: &[&str]| {
        let option = format!("--floor={}", floor.display());
        let output = compared(&record("one"), &record("two"), &[&option]);
        refused(&output, 1, expected);
    };
    let next = "selftest --full --links";
    refuse(&record("one"), &["record.json is not a selftest", next]);
    refuse(&folder.path().join("gone.json"), &["gone.json", next]);
    let mut bare = json(&selftest);
    bare["looks"] = Value::Array(Vec::new());
    std::fs::write(&selftest, bare.to_string()).unwrap();
    refuse(&selftest, &["looked at no links", next]);
}

#[test]
fn a_run_against_itself_says_so() {
    let output = compared(&record("one"), &record("one"), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("A and B hold the same run"));
}

#[test]
fn what_cannot_be_compared_is_one_sentence() {
    let folder = folder();
    let written = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let one = record("one");
    let against = |other: &Path, expected: &[&str]| {
        refused(&compared(&one, other, &[]), 1, expected);
        refused(&compared(other, &one, &["--json"]), 1, expected);
    };
    let next = "name the record.json";
    against(&folder.path().join("gone.json"), &["gone.json", next]);
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    against(&empty, &["a folder without a record", next]);
    against(
        &written("prose.json", "Dear record"),
        &["prose.json is not a record", next],
    );
    against(
        &written("foreign.json", "{\"schema\":\"tunneltax-overhead/1\"}"),
        &["foreign.json has schema \"tunneltax-overhead/1\"", next],
    );
    let mut bare = json(&one);
    bare["groups"] = Value::Array(Vec::new());
    against(
        &written("bare.json", &bare.to_string()),
        &["holds no measured row", next],
    );
    let mut other = json(&one);
    for group in other["groups"].as_array_mut().unwrap() {
        group["workload"] = "77".into();
    }
    against(
        &written("other.json", &other.to_string()),
        &["nothing in A and B can be compared", "the same arguments"],
    );
    let rot13 = compared(&one, &record("two"), &["--anchor", "esp/rot13"]);
    refused(&rot13, 1, &["esp/rot13", "--anchor"]);
    for option in ["--margin=0", "--margin=wide", "--floor=-1", "--floor=NaN"] {
        refused(&compared(&one, &one, &[option]), 2, &["tunneltax --help"]);
    }
    refused(
        &tunneltax(["compare", one.to_str().unwrap()]),
        2,
        &["<B>", "tunneltax --help"],
    );
}

#[test]
fn help_says_codes_and_files() {
    for verb in ["compare", "rerun"] {
        let printed = text(&tunneltax([verb, "--help"]).stdout);
        for expected in [
            "0  compared",
            "4  compared, and something is slower",
            "comparison.json",
        ] {
            assert!(printed.contains(expected), "{verb}: {expected}");
        }
    }
    assert!(text(&tunneltax(["--help"]).stdout).contains("4  compared, and something is slower"));
}
