//! `explain` from outside: what is behind the tail of a run, and what it refuses.

mod program;

use std::ffi::OsStr;
use std::path::Path;

use program::{SMALL, bundled, folder, json, text, tunneltax};
use serde_json::Value;

fn run(out: &Path) {
    let capture = bundled("https.pcap");
    let files = [
        "--quiet".as_ref(),
        "--out".as_ref(),
        out.as_os_str(),
        capture.as_os_str(),
    ];
    let small = SMALL
        .into_iter()
        .filter(|option| !option.starts_with("--size"));
    let arguments = small.map(OsStr::new).chain(files);
    let done = tunneltax(arguments);
    assert_eq!(
        (done.status.code(), text(&done.stderr)),
        (Some(0), String::new())
    );
}

#[test]
fn packets_behind_the_tail_are_named() {
    let out = folder();
    run(out.path());
    let record = out.path().join("record.json");
    let record = record.to_str().expect("a path of text");
    let done = tunneltax(["explain", "p99", "--record", record, "--json"]);
    assert_eq!(
        (done.status.code(), text(&done.stderr)),
        (Some(0), String::new())
    );
    let tails: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(tails["schema"], "tunneltax-tails/1");
    let rows = tails["rows"].as_array().expect("rows");
    // Two halves of the ground and of the tunnel, hot and warm.
    assert_eq!(rows.len(), 8, "{tails}");
    for row in rows {
        let tail = &row["tail"];
        let causes = tail["causes"].as_object().expect("causes");
        let counted: u64 = causes.values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(Some(counted), tail["packets"].as_u64());
        let exemplars = tail["exemplars"].as_array().expect("exemplars");
        assert_eq!(exemplars.len() as u64, counted.min(8));
        let ns: Vec<u64> = exemplars
            .iter()
            .map(|of| of["ns"].as_u64().unwrap())
            .collect();
        assert!(ns.is_sorted_by(|a, b| a >= b), "{ns:?}");
        assert!(ns.iter().all(|ns| Some(*ns) >= tail["from_ns"].as_u64()));
        for of in exemplars {
            let flow = of["flow"].as_str().expect("a flow");
            assert!(
                flow.len() == 16 && flow.bytes().all(|b| b.is_ascii_hexdigit()),
                "{flow}"
            );
            assert!((20..=1500).contains(&of["inner_bytes"].as_u64().unwrap()));
        }
    }
    let drawn = tunneltax(["explain", "99", "--record", record, "--case", "forward"]);
    let drawn = text(&drawn.stdout);
    for said in [
        "Packets at p99 and beyond, by cause",
        "forward, send",
        "What else ran",
        "put aside",
    ] {
        assert!(drawn.contains(said), "{said} is missing:\n{drawn}");
    }
    assert!(!drawn.contains("esp/"), "{drawn}");
}

#[test]
fn what_cannot_be_explained_is_said() {
    let out = folder();
    run(out.path());
    let record = out.path().join("record.json");
    let record = record.to_str().expect("a path of text");
    let refused = |arguments: &[&str], code, says: &str| {
        let done = tunneltax(["explain"].iter().chain(arguments));
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(done.stdout.is_empty());
    };
    refused(&["p50"], 2, "p99 and p99.9");
    refused(&["--record", "no-such.json"], 1, "no-such.json");
    refused(
        &["p99", "--record", record, "--case", "nothing*"],
        1,
        "no such row",
    );
    refused(&["p99", "--record", record, "--case", "["], 2, "not a glob");
    // A record of before.
    let mut old = json(Path::new(record));
    for group in old["groups"].as_array_mut().unwrap() {
        for row in group["rows"].as_array_mut().unwrap() {
            for half in ["send_stamped", "receive_stamped"] {
                row["figures"][half]
                    .as_object_mut()
                    .unwrap()
                    .remove("tails");
            }
        }
    }
    let before = out.path().join("before.json");
    std::fs::write(&before, old.to_string()).unwrap();
    refused(&["--record", before.to_str().unwrap()], 1, "measure again");
}
