//! `rerun`: the run that a record tells of, once more, and what keeps it from being that run.

mod program;

use std::path::{Path, PathBuf};
use std::process::Output;

use program::{bundled, files_in, folder, json, program, small_but, text};
use serde_json::Value;

/// A short run of a copy of a capture, and the copy.
fn run(folder: &Path, options: &[&'static str]) -> (PathBuf, PathBuf) {
    let capture = folder.join("own.pcapng");
    std::fs::copy(bundled("dns.pcapng"), &capture).unwrap();
    let mut command = program();
    command.args(small_but(options)).arg("--quiet");
    command.arg("--out").arg(folder.join("old")).arg(&capture);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (folder.join("old/record.json"), capture)
}

fn rerun(record: &Path, out: &Path, options: &[&str]) -> Output {
    let mut command = program();
    command.arg("rerun").arg(record).arg("--out").arg(out);
    command.args(options).output().unwrap()
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

/// What `load`, `scale` and `selftest` wrote is said to be theirs.
#[test]
fn what_another_verb_wrote_is_no_record_of_run() {
    let folder = folder();
    for verb in ["load", "scale", "selftest"] {
        let path = folder.path().join("other.json");
        std::fs::write(&path, format!("{{\"schema\":\"tunneltax-{verb}/1\"}}")).unwrap();
        let of = format!("other.json is a record of `{verb}` and not of `run`");
        let next = [
            "name the record.json that `tunneltax run` wrote",
            "provenance.command",
        ];
        let output = rerun(&path, &folder.path().join("new"), &[]);
        refused(&output, 1, &[&of, next[0], next[1]]);
    }
    assert!(!folder.path().join("new").exists());
}

#[test]
fn the_same_run_again_and_both_compared() {
    let folder = folder();
    let (record, _) = run(folder.path(), &["--size=64"]);
    let out = folder.path().join("new");
    let before = std::fs::read(&record).unwrap();
    let output = rerun(&record, &out, &["--json"]);
    assert!(
        matches!(output.status.code(), Some(0 | 4)),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(
        std::fs::read(&record).unwrap(),
        before,
        "the old record is as it was"
    );
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("program and host are those of"), "{said}");
    let printed: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!(printed["schema"], "tunneltax-comparison/1");
    assert_eq!(printed["same_run"], false);
    assert_eq!(
        printed["differs"].as_array().unwrap().len(),
        0,
        "{}",
        printed["differs"]
    );
    let rows = printed["rows"].as_array().unwrap();
    assert!(
        rows.iter().all(|row| row["verdict"] != "not comparable"),
        "{rows:?}"
    );
    let files = [
        "comparison.json",
        "comparison.md",
        "record.json",
        "report.html",
        "report.md",
    ];
    assert_eq!(files_in(&out), files);
    let (old, new) = (json(&record), json(&out.join("record.json")));
    assert_eq!(new["provenance"]["seed"], old["provenance"]["seed"]);
    let works = |record: &Value| -> Vec<Value> {
        let groups = record["groups"].as_array().unwrap().iter();
        let rows = groups.flat_map(|group| group["rows"].as_array().unwrap());
        rows.map(|row| row["figures"]["work"].clone()).collect()
    };
    assert_eq!(works(&new), works(&old));

    // What it left is the record of a run, and can be run again.
    let again = rerun(
        &out.join("record.json"),
        &folder.path().join("third"),
        &["--quiet"],
    );
    assert!(
        matches!(again.status.code(), Some(0 | 4)),
        "{}",
        text(&again.stderr)
    );
    assert_eq!((again.stdout.len(), again.stderr.len()), (0, 0));
}

/// Whatever today's plan would keep of a capture.
#[test]
fn as_many_packets_are_replayed_as_the_record_has() {
    let folder = folder();
    let (record, _) = run(folder.path(), &["--size=64"]);
    let mut old = json(&record);
    let all = old["captures"][0]["frames_replayed"].as_u64().unwrap();
    let fewer = (all / 32 - 3) * 32;
    assert!(fewer > 0 && all - fewer > 64, "{all}");
    old["captures"][0]["frames_replayed"] = fewer.into();
    std::fs::write(&record, old.to_string()).unwrap();
    let out = folder.path().join("new");
    let output = rerun(&record, &out, &["--quiet"]);
    let said = text(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{said}");
    let new = json(&out.join("record.json"));
    assert_eq!(new["captures"][0]["frames_replayed"], fewer);
    // Of the 300 that are read.
    assert_eq!(new["captures"][0]["left_out"]["left_by_plan"], 300 - fewer);
}

#[test]
fn what_keeps_a_record_from_being_run_again() {
    let folder = folder();
    let (record, capture) = run(folder.path(), &["--size=64"]);
    let out = folder.path().join("new");
    let changed = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut value = json(&record);
        change(&mut value);
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path
    };
    let command = |words: &'static str| {
        move |record: &mut Value| {
            let words = words.split(' ').map(Value::from);
            record["provenance"]["command"] = words.collect();
        }
    };
    let withheld = "tunneltax run --near PREFIX --side near --seed 7 a.pcap --out old";
    refused(
        &rerun(&changed("near.json", &command(withheld)), &out, &[]),
        1,
        &[
            "withholds the networks of --near",
            "--near PREFIX --side near --seed 7 a.pcap",
        ],
    );
    let option = "tunneltax run --near=PREFIX a.pcap";
    refused(
        &rerun(&changed("near.json", &command(option)), &out, &[]),
        1,
        &["withholds"],
    );
    refused(
        &rerun(&changed("verb.json", &command("tunneltax list")), &out, &[]),
        1,
        &["it measures nothing"],
    );
    refused(
        &rerun(
            &changed("old.json", &command("tunneltax run --warp 9")),
            &out,
            &[],
        ),
        1,
        &["--warp", "the version that wrote it"],
    );
    let relative = "tunneltax run gone/a.pcap";
    refused(
        &rerun(&changed("gone.json", &command(relative)), &out, &[]),
        1,
        &["gone/a.pcap", "relative paths begin in"],
    );
    let keys = "tunneltax run --esp-keys gone.toml pcaps/dns.pcapng";
    refused(
        &rerun(&changed("keys.json", &command(keys)), &out, &[]),
        1,
        &["the keys", "gone.toml", "relative paths begin in"],
    );
    refused(
        &rerun(&folder.path().join("none.json"), &out, &[]),
        1,
        &["none.json", "name the record.json"],
    );
    let own = record.parent().unwrap();
    refused(
        &rerun(&record, own, &[]),
        2,
        &["would be overwritten", "--out"],
    );
    let bytes = std::fs::read(bundled("redis.pcap.zst")).unwrap();
    std::fs::write(&capture, bytes).unwrap();
    refused(
        &rerun(&record, &out, &[]),
        1,
        &["own.pcapng", "SHA-256", "then", "now"],
    );
    std::fs::remove_file(&capture).unwrap();
    refused(
        &rerun(&record, &out, &[]),
        1,
        &["own.pcapng", "relative paths begin in"],
    );
    assert_eq!(files_in(&out), [""; 0]);
}

/// Another program and another machine are no reason to refuse, and are said in one line.
#[test]
fn what_changed_since_is_said() {
    let folder = folder();
    let (record, _) = run(folder.path(), &["--size=64"]);
    let mut value = json(&record);
    value["provenance"]["build"]["commit"] = "0123456789abcdef".into();
    value["provenance"]["host"]["kernel"] = "Linux 2.6".into();
    let old = folder.path().join("old.json");
    std::fs::write(&old, value.to_string()).unwrap();
    let output = rerun(&old, &folder.path().join("new"), &[]);
    assert!(matches!(output.status.code(), Some(0 | 4)));
    let said = text(&output.stderr);
    assert!(
        said.contains("commit: 0123456789ab") && said.contains("kernel: Linux 2.6 then"),
        "{said}"
    );
    let printed = text(&output.stdout);
    assert!(printed.contains("the bill of one tunnel") && printed.contains("two runs compared"));
}
