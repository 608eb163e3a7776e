//! What scripts may rely on: files, the record, standard output and exit codes, as `--help`
//! promises them.

mod program;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use program::{SMALL, bundled, files_in, folder, json, pcap, program, text, tunneltax};
use serde_json::Value;

/// One small run over two captures, for all tests that only look at what it left.
struct Done {
    folder: tempfile::TempDir,
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

static JSON_RUN: LazyLock<Done> = LazyLock::new(|| {
    let folder = folder();
    let output = program()
        .args(SMALL)
        .args(["--json", "--out"])
        .arg(folder.path())
        .args([bundled("dns.pcapng"), bundled("redis.pcap.zst")])
        .output()
        .expect("the program starts");
    Done {
        folder,
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        code: output.status.code(),
    }
});

fn record() -> Value {
    json(&JSON_RUN.folder.path().join("record.json"))
}

fn array<'v>(value: &'v Value, key: &str) -> &'v Vec<Value> {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("{key} is a list"))
}

#[test]
fn a_run_writes_three_files_and_nothing_else() {
    let done = &*JSON_RUN;
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let files = ["record.json", "report.html", "report.md"];
    assert_eq!(files_in(done.folder.path()), files);
    for file in files {
        let bytes = std::fs::metadata(done.folder.path().join(file))
            .unwrap()
            .len();
        assert!(bytes > 1000, "{file} has {bytes} bytes");
    }
}

#[test]
fn json_prints_the_record_and_nothing_else() {
    let printed: Value = serde_json::from_str(&JSON_RUN.stdout).expect("one JSON value");
    assert_eq!(printed, record());
}

#[test]
fn every_frame_read_is_replayed_or_left_out_for_a_reason() {
    let record = record();
    assert_eq!(record["schema"], "tunneltax-record/1");
    assert_eq!(record["state"], "complete");
    let captures = array(&record, "captures");
    assert_eq!(captures.len(), 2);
    for (capture, name) in captures.iter().zip(["dns.pcapng", "redis.pcap.zst"]) {
        assert!(capture["file"].as_str().unwrap().ends_with(name));
        let number = |key: &str| capture[key].as_u64().unwrap_or_else(|| panic!("{key}"));
        let left_out = capture["left_out"].as_object().expect("reasons");
        let left_out: u64 = left_out
            .values()
            .map(|n| n.as_u64().expect("a count"))
            .sum();
        assert_eq!((number("super_frames"), number("segments")), (0, 0));
        assert_eq!(number("frames_read"), number("frames_replayed") + left_out);
        assert!(number("frames_replayed") > 0 && number("frames_replayed") <= 300);
        assert!(left_out > 0, "more than 300 packets are in {name}");
    }
}

#[test]
fn every_planned_group_has_a_result_for_every_case() {
    let record = record();
    let groups = array(&record, "groups");
    let of = |workload: &str, temperature: &str| {
        groups
            .iter()
            .any(|g| g["workload"] == workload && g["temperature"] == temperature)
    };
    for workload in ["1440", "dns", "redis"] {
        assert!(of(workload, "hot") && of(workload, "warm"), "{workload}");
    }
    for group in groups {
        assert!(
            group["instances"].as_u64() >= Some(5),
            "{}",
            group["workload"]
        );
        assert!(group["rounds"].as_u64() >= Some(1));
        let rows = array(group, "rows");
        let cases: Vec<&Value> = rows.iter().map(|row| &row["case"]).collect();
        assert_eq!(cases, ["forward", "esp/aes-256-gcm@ring"]);
        for row in rows {
            assert_eq!(row["passed"], true, "{}: {}", row["case"], row["message"]);
            let work = &row["figures"]["work"];
            assert_eq!(work["packets"], work["verified"], "nothing here is dropped");
            for half in ["send_stamped", "receive_stamped"] {
                let quantiles = array(&row["figures"][half], "quantiles");
                assert_eq!(quantiles.first().map(|q| &q["quantile"]), Some(&0.5.into()));
                for quantile in quantiles {
                    let instances = array(&quantile["ns"], "instances");
                    assert_eq!(Some(instances.len() as u64), group["instances"].as_u64());
                }
                let means = quantiles.iter().map(|q| q["ns"]["mean"].as_f64());
                assert!(means.is_sorted(), "{quantiles:?}");
            }
        }
        assert_eq!(array(group, "null_gate").len(), 2);
    }
}

/// Generated packets say how many flows they have; a capture has its own.
#[test]
fn a_group_of_generated_packets_says_how_many_flows_it_has() {
    let record = record();
    for group in array(&record, "groups") {
        let generated = group["capture"].is_null();
        assert_eq!(group["flows"].as_u64(), generated.then_some(64));
    }
    let out = folder();
    let mut command = program();
    command
        .args([
            "run",
            "--quiet",
            "--seconds=1",
            "--size=64",
            "--flows=3000,1,3000",
        ])
        .args(["--max-packets=300", "--case=forward/rules-10*", "--out"])
        .arg(out.path())
        .arg(bundled("dns.pcapng"));
    let output = command.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record = json(&out.path().join("record.json"));
    let mut generated = Vec::new();
    for group in array(&record, "groups") {
        let cases = array(group, "rows").iter().map(|row| &row["case"]);
        let expected = [
            "10",
            "10+first",
            "100",
            "100+first",
            "1000",
            "1000+first",
            "1000+changed",
        ];
        let expected = expected.map(|rules| format!("forward/rules-{rules}"));
        assert!(cases.eq(expected.iter()));
        assert!(array(group, "rows").iter().all(|row| row["passed"] == true));
        if group["capture"].is_null() {
            let counts = ["flows", "packets"].map(|key| group[key].as_u64());
            generated.push(counts.map(Option::unwrap_or_default));
        }
    }
    // Hot and warm, fewest first; no fewer packets than of a plain run.
    assert_eq!(
        generated,
        [[1, 1024], [1, 1024], [3000, 3000], [3000, 3000]]
    );
    let points = array(&record, "cases").iter().map(|case| &case["point"]);
    let counts: Vec<u64> = points.filter_map(|point| point["count"].as_u64()).collect();
    assert_eq!(counts, [10, 10, 100, 100, 1000, 1000]);
    let markdown = std::fs::read_to_string(out.path().join("report.md")).expect("a report");
    for counted in ["rules", "flows"] {
        let title = format!("### By number of {counted}, 64 bytes");
        assert!(markdown.contains(&title), "{counted}");
    }
}

/// What was not asked for does not run, and its step is part of the step above it.
#[test]
fn a_step_stands_on_the_nearest_case_that_runs() {
    let record = record();
    let [forward, sealed] = &array(&record, "cases")[..] else {
        panic!("two cases");
    };
    assert!(forward["step_of"].is_null());
    assert_eq!(sealed["step_of"], "forward");
    assert_eq!(sealed["step"], "encapsulation + encryption + integrity");
    for group in array(&record, "groups") {
        let figures = &group["rows"][1]["figures"];
        let against = array(figures, "against");
        assert!(against.iter().map(|pair| &pair["case"]).eq(["forward"]));
    }
}

#[test]
fn a_record_says_where_it_comes_from() {
    let record = record();
    let provenance = &record["provenance"];
    let hexadecimal = |value: &Value, digits: usize| {
        let text = value.as_str().unwrap_or_default();
        text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let build = &provenance["build"];
    assert!(hexadecimal(&build["binary_sha256"], 64));
    assert!(hexadecimal(&build["lock_sha256"], 64));
    if program::root().join(".git").exists() {
        assert!(hexadecimal(&build["commit"], 40), "{}", build["commit"]);
    }
    assert!(build["rustc"].as_str().unwrap().starts_with("rustc "));
    assert!(!array(build, "target_features").is_empty());
    for capture in array(&record, "captures") {
        assert!(hexadecimal(&capture["sha256"], 64));
    }
    let host = &provenance["host"];
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let model = cpuinfo
        .lines()
        .find_map(|l| l.strip_prefix("model name\t: "));
    assert!(
        host["cpu"]
            .as_str()
            .unwrap()
            .starts_with(model.unwrap().trim())
    );
    let processors = cpuinfo
        .lines()
        .filter(|l| l.starts_with("processor"))
        .count();
    assert_eq!(host["cores"].as_u64(), Some(processors as u64));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(host["kernel"], kernel.trim());
    assert!(host["memory_bytes"].as_u64() > Some(1 << 20));
    assert_eq!(provenance["seed"], 7);
    let command = array(provenance, "command");
    assert!(command.iter().any(|argument| argument == "--seconds=1"));
    assert!(provenance["clock"]["hertz"].as_f64() > Some(1e6));
    for library in array(provenance, "libraries") {
        let version = library["version"].as_str().unwrap();
        assert!(version.contains(|c: char| c.is_ascii_digit()), "{library}");
        assert!(!library["code"].as_object().unwrap().is_empty());
    }
    nothing_is_blank("record", &record);
}

/// No field says "unknown" or nothing where it could be `null`.
fn nothing_is_blank(at: &str, value: &Value) {
    match value {
        Value::String(text) => {
            let said = text.trim().to_ascii_lowercase();
            assert!(
                !["", "unknown", "n/a", "none given"].contains(&said.as_str()),
                "{at}"
            );
            assert!(!text.contains("(family , "), "{at}: {text}");
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                nothing_is_blank(&format!("{at}[{index}]"), value);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                nothing_is_blank(&format!("{at}.{key}"), value);
            }
        }
        _ => {}
    }
}

#[test]
fn an_id_without_at_means_every_library() {
    let output = tunneltax(
        ["verify", "--max-packets=20", "--case=esp/aes-256-gcm"]
            .map(Into::into)
            .into_iter()
            .chain([bundled("dns.pcapng").into_os_string()]),
    );
    assert!(output.status.success());
    let printed = text(&output.stdout);
    let cases: BTreeSet<&str> = printed
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("esp/aes-256-gcm@"))
        .collect();
    assert_eq!(Vec::from_iter(cases), ["aws-lc", "ring", "rustcrypto"]);
}

#[test]
fn report_draws_the_same_again() {
    let again = folder();
    let record = JSON_RUN.folder.path().join("record.json");
    let output = program()
        .args(["report", "--quiet", "--out"])
        .arg(again.path())
        .arg(&record)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!((output.stdout.len(), output.stderr.len()), (0, 0));
    for file in ["report.md", "report.html"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(again.path()) == read(JSON_RUN.folder.path()), "{file}");
    }
}

#[test]
fn report_json_hands_the_record_on() {
    let again = folder();
    let record_path = JSON_RUN.folder.path().join("record.json");
    let mut command = program();
    command
        .args(["report", "--json", "--out"])
        .arg(again.path());
    let output = command.arg(&record_path).output().unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!(printed, record());
    let stored = std::fs::read(&record_path).unwrap();
    assert!(output.stdout == stored, "not byte for byte");
}

/// A capture that ends within a frame: its whole frames are used, quietly, and the exit code says so.
/// An Ethernet frame of a TCP packet over IPv4 with so much payload, its checksums left to the card.
fn offloaded(payload_bytes: u16) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((payload_bytes + 40).to_be_bytes());
    frame.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    frame.extend([198, 18, 0, 1, 198, 19, 0, 1]);
    frame.extend([
        0xc3, 0x50, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0,
    ]);
    frame.resize(frame.len() + usize::from(payload_bytes), 0x5a);
    frame
}

#[test]
fn super_frames_are_replayed_as_segments_and_counted() {
    let folder = folder();
    let capture = folder.path().join("offloads.pcap");
    let super_frame = offloaded(40_000);
    std::fs::write(&capture, pcap(&[&super_frame, &super_frame])).unwrap();
    let out = folder.path().join("out");
    let mut command = program();
    command.args(SMALL).arg("--out").arg(&out).arg(&capture);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record = json(&out.join("record.json"));
    let read = &record["captures"][0];
    let number = |key: &str| read[key].as_u64().unwrap_or_else(|| panic!("{key}"));
    // 27 of 1460 octets of payload, one of 580.
    let counts = ["frames_read", "super_frames", "segments", "frames_replayed"].map(number);
    assert_eq!(counts, [2, 2, 56, 56]);
    assert_eq!(number("inner_bytes"), 2 * (40_000 + 28 * 40));
    assert_eq!(
        read["left_out"].as_object().map(serde_json::Map::len),
        Some(0)
    );
    let words = |said: &str| said.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed = words(&text(&output.stdout));
    let line = "56 of 56 frames replayed (2 super-frames cut into 56 segments)";
    assert!(printed.contains(line), "{printed}");
    let report = words(&std::fs::read_to_string(out.join("report.md")).unwrap());
    assert!(report.contains("| offloads | 2 | 2 | 56 | 56 |"), "no row");
}

#[test]
fn a_cut_capture_is_done_with_exit_code_three() {
    let folder = folder();
    let whole = std::fs::read(bundled("voice.pcap")).unwrap();
    let cut = folder.path().join("cut.pcap");
    std::fs::write(&cut, &whole[..whole.len() / 2 + 7]).unwrap();
    let out = folder.path().join("out");
    // Every frame is read: a cap would end the reading before the cut.
    let small: Vec<&str> = SMALL
        .into_iter()
        .filter(|a| !a.starts_with("--max"))
        .collect();
    let run = |more: &[&str]| {
        let mut command = program();
        command.args(&small).args(more).arg("--out").arg(&out);
        command.arg(&cut).output().unwrap()
    };
    let output = run(&["--quiet"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (0, 0),
        "--quiet prints nothing"
    );
    assert_eq!(files_in(&out), ["record.json", "report.html", "report.md"]);
    let record = json(&out.join("record.json"));
    assert_eq!(record["captures"][0]["truncated"], true);
    assert!(record["captures"][0]["frames_read"].as_u64() > Some(10));

    let verify = program()
        .args(["verify", "--case=forward"])
        .arg(&cut)
        .output()
        .unwrap();
    assert_eq!(verify.status.code(), Some(3));
    let said = text(&verify.stderr);
    assert!(
        said.starts_with("tunneltax: ") && said.contains("cut.pcap"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
}

/// Two captures of one name, and one that is small: names stay apart, one packet is enough.
#[test]
fn a_single_packet_is_measured_too() {
    let folder = folder();
    let mut frame = vec![0x02; 12];
    frame.extend([0x08, 0x00, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0x66, 0xcb]);
    frame.extend([10, 1, 0, 1, 10, 2, 0, 2, 0x30, 0x39, 0x30, 0x39, 0, 8, 0, 0]);
    let paths = ["a", "b"].map(|name| folder.path().join(name).join("one.pcap"));
    for path in &paths {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, pcap(&[&frame])).unwrap();
    }
    let out = folder.path().join("out");
    let mut command = program();
    command.args(SMALL).arg("--quiet").arg("--out").arg(&out);
    let output = command.args(&paths).output().unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
    let record = json(&out.join("record.json"));
    let names: Vec<&Value> = array(&record, "captures")
        .iter()
        .map(|c| &c["name"])
        .collect();
    assert_eq!(names, ["one", "one~2"]);
}

#[test]
fn list_shows_cases_libraries_and_captures() {
    let output = tunneltax(["list"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = text(&output.stdout);
    for expected in [
        "forward",
        "esp/none",
        "@ring",
        "@aws-lc",
        "@rustcrypto",
        "aws-lc-rs 1",
        "ipsec-imix",
        "dns.pcapng",
    ] {
        assert!(printed.contains(expected), "{expected}");
    }
}

#[test]
fn help_promises_codes_and_files() {
    for arguments in [
        vec!["--help"],
        vec!["run", "--help"],
        vec!["verify", "--help"],
        vec!["report", "--help"],
    ] {
        let output = tunneltax(&arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let printed = text(&output.stdout);
        for expected in [
            "0  done",
            "1  failed",
            "2  usage",
            "3  done, on a capture",
            "record.json",
            "report.html",
            "report.md",
            "target/tunneltax",
        ] {
            assert!(printed.contains(expected), "{arguments:?}: {expected}");
        }
        assert_eq!(output.stderr.len(), 0);
    }
    assert!(text(&tunneltax(["--version"]).stdout).starts_with("tunneltax "));
}

/// Frames that come from memory take longer than those that were just touched, beyond both
/// intervals; the flow table, of 64 flows, is the same.
#[test]
fn cold_is_a_temperature_of_its_own() {
    let out = folder();
    let mut command = program();
    command.args([
        "run",
        "--quiet",
        "--cold",
        "--seconds=2",
        "--size=1440",
        "--case=forward",
        "--max-packets=64",
    ]);
    command
        .arg("--out")
        .arg(out.path())
        .arg(bundled("dns.pcapng"));
    assert_eq!(command.status().expect("the program").code(), Some(0));
    let record = json(&out.path().join("record.json"));
    let sum_ns = |temperature: &str| {
        let of = |g: &&Value| g["workload"] == "1440" && g["temperature"] == temperature;
        let group = array(&record, "groups").iter().find(of).expect("a group");
        group["rows"][0]["figures"]["sum_ns"].clone()
    };
    let (hot, cold) = (sum_ns("hot"), sum_ns("cold"));
    assert!(cold["low"].as_f64() > hot["high"].as_f64(), "{hot} {cold}");
}
