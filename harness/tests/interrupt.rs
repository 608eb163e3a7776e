//! Ctrl-C in the middle: the program ends soon, says one sentence, and keeps what was measured.

mod program;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use program::{bundled, files_in, folder, interrupt, json, program, text};

const PATIENCE: Duration = Duration::from_secs(120);

fn start(out: &Path, seconds: &str) -> Child {
    let mut command = program();
    command.args([
        "run",
        "--size=1440,64",
        "--case=forward",
        "--case=esp/none",
        seconds,
    ]);
    command.arg("--out").arg(out).arg(bundled("dns.pcapng"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn wait_until(mut what: impl FnMut() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < PATIENCE, "it does not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn one_sentence(output: &Output) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("tunneltax: interrupted ") && said.contains("run "),
        "{said}"
    );
    said
}

#[test]
fn what_was_measured_is_kept() {
    let folder = folder();
    let record = folder.path().join("record.json");
    let child = start(folder.path(), "--seconds=20");
    // The record is replaced, never rewritten in place: each look sees a whole one.
    wait_until(|| record.exists() && !json(&record)["groups"].as_array().unwrap().is_empty());
    let said = one_sentence(&interrupt(child));
    assert!(said.contains("record.json"), "{said}");
    assert_eq!(
        files_in(folder.path()),
        ["record.json", "report.html", "report.md"]
    );
    let record = json(&record);
    assert_eq!(record["state"], "interrupted");
    let groups = record["groups"].as_array().unwrap();
    assert!(!groups.is_empty());
    for group in groups {
        assert!(group["instances"].as_u64() > Some(0));
        assert!(
            group["rows"]
                .as_array()
                .unwrap()
                .iter()
                .all(|row| row["passed"] == true)
        );
    }
    let mut again = program();
    again
        .args(["report", "--quiet"])
        .arg(folder.path().join("record.json"));
    assert!(
        again.status().unwrap().success(),
        "an interrupted record can be drawn again"
    );
}

#[test]
fn nothing_measured_is_said_and_an_earlier_record_stays() {
    let folder = folder();
    let record = folder.path().join("record.json");
    std::fs::write(&record, "{\"state\": \"earlier\"}").unwrap();
    let mut child = start(folder.path(), "--seconds=600");
    // The plan is printed after the signal is caught, long before the first group is finished.
    let mut plan = BufReader::new(child.stdout.take().unwrap());
    plan.read_line(&mut String::new()).unwrap();
    let said = one_sentence(&interrupt(child));
    // Unless an instance was finished in the meantime, and then it is kept.
    if json(&record)["state"] == "earlier" {
        assert!(said.contains("before anything was measured"), "{said}");
        assert_eq!(files_in(folder.path()), ["record.json"]);
    } else {
        assert_eq!(json(&record)["state"], "interrupted");
    }
}
