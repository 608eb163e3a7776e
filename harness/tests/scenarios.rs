//! Scenarios: those in the program name what there is and expect what follows from the packets'
//! lengths; a run does what its scenario says, proves it, and says where the file is wrong.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Output;

use program::{bundled, files_in, folder, json, program, root, text, tunneltax};
use serde_json::Value;
use toml::Table;
use tunneltax_core::capture::{Chunk, Limits, Reader};
use tunneltax_core::path::{Case, cases};

const OUTER_MTU: usize = 1500;

fn table(path: &Path) -> Table {
    let text = std::fs::read_to_string(path).expect("a file");
    text.parse().expect("TOML")
}

/// Name and content of every scenario in the program.
fn scenarios() -> Vec<(String, Table)> {
    let folder = root().join("harness/scenarios");
    let files = files_in(&folder);
    let names = files.iter().filter_map(|file| file.strip_suffix(".toml"));
    names
        .map(|name| (name.to_owned(), table(&folder.join(format!("{name}.toml")))))
        .collect()
}

fn list<'t>(scenario: &'t Table, key: &str) -> Vec<&'t str> {
    let list = scenario.get(key).and_then(toml::Value::as_array);
    let items = list.into_iter().flatten();
    items.filter_map(toml::Value::as_str).collect()
}

fn without_library(case: &Case) -> &'static str {
    case.id.split('@').next().unwrap_or(case.id)
}

/// The bundled captures, as their manifest has them.
fn manifest() -> BTreeMap<String, Table> {
    let captures = table(&bundled("manifest.toml"))["capture"].clone();
    let captures = captures.as_array().expect("a list").clone();
    let named = |capture: toml::Value| {
        let capture = capture.as_table().expect("a table").clone();
        (
            capture["name"].as_str().expect("a name").to_owned(),
            capture,
        )
    };
    captures.into_iter().map(named).collect()
}

/// IP total lengths of all packets of a capture.
fn lengths(path: &Path) -> Vec<usize> {
    let mut reader = Reader::open(path, Limits::default()).expect("a capture");
    let (mut chunk, mut lengths) = (Chunk::new(), Vec::new());
    while reader.next_chunk(&mut chunk).expect("whole frames") {
        lengths.extend(chunk.packets().map(<[u8]>::len));
    }
    lengths
}

#[test]
fn those_in_the_program_are_listed_and_name_what_there_is() {
    let listed = text(&tunneltax(["list"]).stdout);
    let captures = manifest();
    let all = scenarios();
    assert!(all.len() >= 6);
    for (name, scenario) in &all {
        let question = scenario["question"].as_str().unwrap();
        let question = question.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = listed.lines().find(|line| line.contains(&question));
        assert!(
            line.is_some_and(|line| line.trim().starts_with(name)),
            "{name}"
        );
        assert!(question.ends_with('?'), "{name}");
        for case in list(scenario, "cases") {
            assert!(
                cases().any(|there| [there.id, without_library(there)].contains(&case)),
                "{name}: {case}"
            );
        }
        for capture in list(scenario, "captures") {
            assert!(captures.contains_key(capture), "{name}: {capture}");
        }
        let claims = list(scenario, "claims");
        assert!(!claims.is_empty() && claims.iter().all(|claim| claim.starts_with('C')));
        // How to read a result, and not what it was somewhere.
        let reading = scenario["reading"].as_str().unwrap();
        let figure = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        assert_eq!(reading.split_whitespace().find(figure), None, "{name}");
    }
}

/// Every capture with every case, and each count from the manifest and the lengths alone.
#[test]
fn what_is_expected_follows_from_the_lengths_of_the_packets() {
    let captures = manifest();
    let mut checked = 0;
    for (name, scenario) in scenarios() {
        let named: BTreeSet<&str> = list(&scenario, "captures").into_iter().collect();
        let expect = scenario["expect"].as_table().unwrap();
        assert_eq!(
            expect.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            named,
            "{name}"
        );
        for (capture, by_case) in expect {
            let by_case = by_case.as_table().unwrap();
            let manifest = &captures[capture];
            let lengths = lengths(&bundled(manifest["file"].as_str().unwrap()));
            let ids = list(&scenario, "cases").into_iter();
            let cases_named: BTreeSet<&str> = ids.filter_map(|id| id.split('@').next()).collect();
            let given: BTreeSet<&str> = by_case.keys().map(String::as_str).collect();
            assert_eq!(given, cases_named, "{name} {capture}");
            for case in cases().filter(|case| given.contains(without_library(case))) {
                let counts = by_case[without_library(case)].as_table().unwrap();
                let count = |key: &str| counts.get(key).and_then(toml::Value::as_integer);
                let sent: Vec<usize> = lengths
                    .iter()
                    .map(|bytes| bytes + case.overhead.added_bytes(*bytes))
                    .collect();
                // TCP cuts what does not fit.
                let too_long =
                    |bytes: &&usize| **bytes > OUTER_MTU && case.overhead.segments.is_none();
                let over = sent.iter().filter(too_long).count();
                let at = format!("{name} {capture} {}", case.id);
                assert_eq!(
                    count("packets"),
                    manifest["ip_packets"].as_integer(),
                    "{at}"
                );
                assert_eq!(count("packets"), Some(lengths.len() as i64), "{at}");
                let bytes: usize = sent.iter().sum();
                assert_eq!(count("wire_bytes"), Some(bytes as i64), "{at}");
                assert_eq!(count("over_mtu").unwrap_or(0), over as i64, "{at}");
                if case.id == "forward" {
                    assert_eq!(count("wire_bytes"), manifest["inner_ip_bytes"].as_integer());
                }
                checked += 1;
            }
        }
    }
    println!("{checked} pairs of capture and case");
    assert!(checked > 50);
}

/// Runs it for the least time there is.
fn run(folder: &Path, scenario: &str, more: &[&str]) -> Output {
    let mut command = program();
    command
        .args(["run", "--seconds=1", "--out"])
        .arg(folder.join("out"));
    command
        .arg(scenario)
        .args(more)
        .output()
        .expect("the program starts")
}

fn record(folder: &Path) -> Value {
    json(&folder.join("out/record.json"))
}

fn groups(record: &Value) -> &Vec<Value> {
    record["groups"].as_array().expect("a list")
}

#[test]
fn a_bundled_scenario_runs_and_does_what_it_expects() {
    let folder = folder();
    let output = run(folder.path(), "vnet-peering", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(
        printed.contains("Scenario vnet-peering (claims C14, "),
        "{printed}"
    );
    let record = record(folder.path());
    let (_, file) = scenarios()
        .into_iter()
        .find(|(name, _)| name == "vnet-peering")
        .unwrap();
    let scenario = &record["scenario"];
    assert_eq!(scenario["name"], "vnet-peering");
    assert_eq!(scenario["expected"], 33);
    assert_eq!(scenario["overridden_by"], serde_json::json!([]));
    let names = |key: &str, of: &str| -> Vec<String> {
        let list = record[key].as_array().unwrap().iter();
        list.map(|item| item[of].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("captures", "name"), list(&file, "captures"));
    // Of every library, where the file names none.
    let ids: BTreeSet<String> = names("cases", "id")
        .iter()
        .map(|id| id.split('@').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        ids,
        list(&file, "cases")
            .into_iter()
            .map(str::to_owned)
            .collect()
    );
    let workloads: BTreeSet<&str> = groups(&record)
        .iter()
        .filter(|group| group["capture"].is_null())
        .map(|group| group["workload"].as_str().unwrap())
        .collect();
    assert_eq!(
        workloads.into_iter().collect::<Vec<_>>(),
        ["1440", "64", "imix"]
    );
    for group in groups(&record) {
        for row in group["rows"].as_array().unwrap() {
            assert_eq!(row["passed"], true, "{}", row["message"]);
        }
    }
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("Scenario vnet-peering"));
    let command = record["provenance"]["command"].as_array().unwrap();
    assert!(command.iter().any(|argument| argument == "vnet-peering"));
}

/// A scenario of one's own, in a folder of its own beside its capture.
const OWN: &str = r#"question = "What does it cost?"
cases = ["forward", "esp/none"]
captures = ["mine.pcapng"]
reading = "Read it from the top."
burst = 4
"#;

/// The folder, and the path of the scenario in it.
fn own(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = folder();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::copy(bundled("dns.pcapng"), inside.join("mine.pcapng")).unwrap();
    let path = inside.join("own.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// 798 packets of 125178 bytes, as the manifest says of dns.
const RIGHT: &str = "[expect.mine]\nforward = { packets = 798, wire_bytes = 125178 }\n";

#[test]
fn a_wrong_expectation_is_a_failed_row() {
    let wrong = r#"[expect.mine]
forward = { packets = 797, wire_bytes = 125178, drops = { denied = 2 } }
"esp/none" = { packets = 798, wire_bytes = 169288, over_mtu = 8 }
"#;
    let (folder, path) = own(&format!("{OWN}{wrong}"));
    let output = run(folder.path(), path.to_str().unwrap(), &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    // Before it measures, and when it has.
    assert_eq!(said.lines().count(), 2, "{said}");
    let early = said.lines().next().unwrap_or_default();
    assert!(
        early.ends_with("expected 2 denied, got 0; the rest is measured, this row has no result"),
        "{early}"
    );
    let why = "expected 797 packets, got 798; expected 795 packets that come out right, got 798; \
               expected 2 denied, got 0";
    assert!(
        said.contains(&format!("forward on mine: {why}; ")),
        "{said}"
    );
    let record = record(folder.path());
    assert_eq!(record["scenario"]["name"], "own");
    assert_eq!(record["captures"][0]["name"], "mine");
    for group in groups(&record) {
        assert_eq!(group["burst"], 4);
        let [forward, none] = group["rows"].as_array().unwrap().as_slice() else {
            panic!("two rows");
        };
        assert_eq!(
            (&forward["passed"], &forward["message"]),
            (&false.into(), &why.into())
        );
        assert_eq!(none["passed"], true, "{}", none["message"]);
    }
    let page = std::fs::read_to_string(folder.path().join("out/report.md")).unwrap();
    assert!(page.contains("expected 2 denied, got 0"));
}

#[test]
fn the_command_line_comes_first_and_then_nothing_is_checked() {
    let wrong = RIGHT.replace("798", "9");
    let (folder, path) = own(&format!("{OWN}{wrong}"));
    let path = path.to_str().unwrap();
    let dns = bundled("dns.pcapng");
    let dns = dns.to_str().unwrap();
    for (given, name) in [
        (vec!["--case=forward", "--size=64"], "--case"),
        (vec!["--case=forward", "--burst=8"], "--case, --burst"),
        (vec![dns], "a capture"),
    ] {
        let output = run(folder.path(), path, &given);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let printed = text(&output.stdout).replace('\n', " ");
        let line = format!("was not checked, because the command line gives {name}.");
        assert!(printed.contains(&line), "{printed}");
        let record = record(folder.path());
        let groups = groups(&record);
        let burst = if given.contains(&"--burst=8") { 8 } else { 4 };
        assert!(groups.iter().all(|group| group["burst"] == burst));
        let sizes = groups
            .iter()
            .filter(|group| group["workload"] == "64")
            .count();
        assert_eq!(sizes, if given.contains(&"--size=64") { 2 } else { 0 });
        let rows = groups[0]["rows"].as_array().unwrap().len();
        assert_eq!(rows, if given.contains(&dns) { 2 } else { 1 });
        let capture = if given.contains(&dns) { "dns" } else { "mine" };
        assert_eq!(record["captures"][0]["name"], capture);
    }
    // Not what is sent, but how long it is looked at: that is checked.
    let output = run(folder.path(), path, &["--quiet", "--size=64"]);
    assert!(text(&output.stderr).contains("expected 9 packets, got 798"));
}

#[test]
fn a_mistake_is_pointed_at_by_line_and_column() {
    for (from, to, expected) in [
        ("burst", "bursts", "own.toml:5:1: unknown field `bursts`"),
        (
            "esp/none",
            "esp/nine",
            "own.toml:2:21: \"esp/nine\" names no case; ",
        ),
        (
            "esp/none",
            "esp/[x",
            "own.toml:2:21: \"esp/[x\" is not a glob",
        ),
        (
            "mine.p",
            "gone.p",
            "own.toml:3:13: there is no capture \"gone.pcapng\"; ",
        ),
        (
            "\"What does it cost?\"",
            "7",
            "own.toml:1:12: invalid type: integer `7`",
        ),
        (
            "Read it from the top.",
            " ",
            "own.toml:4:11: reading says nothing; ",
        ),
        (
            "burst = 4",
            "burst = 0",
            "own.toml:5:9: burst is 0; it may be 1 to 256",
        ),
        ("burst = 4", "burst = ", "own.toml:5:9: "),
        (
            "burst = 4",
            "claims = [\"C99\"]",
            "own.toml:5:11: \"C99\" is no claim; ",
        ),
        (
            "burst = 4",
            "sizes = [64, \"é\", 27]",
            "own.toml:5:14: in sizes, \"é\" is",
        ),
        (
            "burst = 4",
            "sizes = [64, 27]",
            "own.toml:5:14: in sizes, \"27\" is",
        ),
        (
            "burst = 4",
            "replay_window = 16",
            "own.toml:5:17: replay_window is 16; ",
        ),
        (
            "captures = [\"mine.pcapng\"]",
            "",
            "own.toml:1:1: there are neither ",
        ),
        (
            "expect.mine",
            "expect.yours",
            "own.toml:6:9: \"yours\" is no capture of",
        ),
        (
            "forward = {",
            "vxlan = {",
            "own.toml:7:1: \"vxlan\" is no case of this",
        ),
        ("burst = 4", "leads = \"x\"", "own.toml:5:9: \"x\" leads "),
        (
            ", wire_bytes = 125178",
            "",
            "own.toml:7:11: missing field `wire_bytes`; ",
        ),
        (
            "125178",
            "1, drops = { lost = 1 }",
            "own.toml:7:54: \"lost\" is no reason",
        ),
    ] {
        let text_of = format!("{OWN}{RIGHT}");
        assert!(text_of.contains(from), "{from}");
        let (folder, path) = own(&text_of.replacen(from, to, 1));
        let output = run(folder.path(), path.to_str().unwrap(), &[]);
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(1), 0),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains(expected) && said.contains("; "),
            "{expected}: {said}"
        );
        assert!(!folder.path().join("out").exists(), "{said}");
    }
}

#[test]
fn a_name_that_is_nothing_is_answered_with_what_there_is() {
    let refused = |arguments: &[&str], code, expected: &[&str]| {
        let folder = folder();
        let mut command = program();
        command
            .args(["run", "--out"])
            .arg(folder.path().join("out"));
        let output = command.args(arguments).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(code), 0),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        for expected in expected {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    };
    let every: Vec<String> = scenarios().into_iter().map(|(name, _)| name).collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    refused(
        &["site2site"],
        2,
        &[&["neither a file nor a scenario"], every.as_slice()].concat(),
    );
    refused(
        &["departments", "vnet-peering"],
        2,
        &["one after the other"],
    );
    refused(&["gone.toml"], 1, &["gone.toml", "`tunneltax list`"]);
    refused(&["gone.pcap"], 1, &["gone.pcap", "does not exist"]);
    let (_folder, path) = own(&OWN.replace("burst = 4", "sizes = [9000]"));
    refused(&[path.to_str().unwrap()], 2, &["size 9000", "raise --mtu"]);
}
