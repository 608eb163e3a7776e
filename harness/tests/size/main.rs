//! However large a capture is, memory and the cost of a packet are not.

mod grown;
#[path = "../program/mod.rs"]
mod program;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use grown::Stock;
use program::{bundled, folder, json, program, root, text};
use serde_json::Value;

/// What no capture may take, MiB.
const PEAK_MAX_MIB: u64 = 512;
/// By how much a capture of ten times the size may raise the peak, MiB: by the flows that are told
/// apart, up to their bound, and by what the allocator keeps.
const GROWTH_MAX_MIB: u64 = 48;
/// Packets of the smaller capture, 31 MB: more than a chunk.
const SMALL: u64 = 280_000;
/// Packets of the largest, 11 GB.
const LARGEST: u64 = 100_000_000;
/// Laps with flows of their own, where no other number is said: all.
const NETWORKS: u64 = 1 << 16;
/// The same where the cost of a packet is held against that of the small capture: no more than that
/// one has laps, since a table of more flows costs more, whatever the capture's size is.
const FEW_NETWORKS: u64 = 100;
/// How often the peak is read. It never falls, so that only what comes right before the end is
/// missed.
const EVERY: Duration = Duration::from_millis(5);

/// A program that has ended well.
struct Ended {
    peak_mib: u64,
    seconds: f64,
    said: String,
}

/// Runs a program to its end.
fn watched(mut command: Command) -> Ended {
    let start = Instant::now();
    let output = tempfile::NamedTempFile::new().expect("a file");
    command.stdout(output.reopen().expect("a file"));
    command.stderr(Stdio::inherit());
    let mut child = command.spawn().expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let code = loop {
        peak_kib = peak_kib.max(peak_kib_in(&status).unwrap_or(0));
        match child.try_wait().expect("a child") {
            Some(code) => break code,
            None => sleep(EVERY),
        }
    };
    let said = text(&std::fs::read(output.path()).expect("a file"));
    assert!(code.success(), "{command:?}: {code}\n{said}");
    assert!(peak_kib > 0, "Linux tells the peak");
    Ended {
        peak_mib: peak_kib >> 10,
        seconds: start.elapsed().as_secs_f64(),
        said,
    }
}

/// Most memory that a process has had (`VmHWM` of proc(5)), KiB.
fn peak_kib_in(status: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn with<S: AsRef<OsStr>>(mut command: Command, arguments: &[S]) -> Command {
    command.args(arguments);
    command
}

const RUN: [&str; 4] = [
    "run",
    "--size=64",
    "--case=forward",
    "--case=esp/aes-256-gcm@ring",
];
const LOAD: [&str; 3] = ["load", "--arrivals=capture", "--case=forward"];
const VERIFY: [&str; 2] = ["verify", "--case=forward"];

#[test]
fn ten_times_the_capture_takes_no_more_memory() {
    let folder = folder();
    let stock = Stock::of(&bundled("postgres.pcap"));
    let out = format!("--out={}", folder.path().join("out").display());
    let verbs: [(&[&str], &[&str]); 3] = [
        (&RUN, &["--seconds=2", &out]),
        (&LOAD, &["--seconds=2", &out]),
        (&VERIFY, &[]),
    ];
    let capture = folder.path().join("grown.pcap");
    let peaks = [SMALL, 10 * SMALL].map(|packets| {
        stock.grow(packets, NETWORKS, &capture);
        verbs.map(|(verb, more)| {
            let ended = watched(with(with(with(program(), verb), more), &[&capture]));
            if verb[0] == "load" {
                let record = json(&folder.path().join("out/load.json"));
                assert_eq!(record["arrivals"]["streamed"], packets);
            }
            ended.peak_mib
        })
    });
    for (verb, (small, large)) in verbs.iter().zip(peaks[0].iter().zip(peaks[1])) {
        let name = verb.0[0];
        println!("{name}: {small} MiB, {large} MiB of ten times the packets");
        assert!(large <= PEAK_MAX_MIB, "{name} takes {large} MiB");
        assert!(
            large <= small + GROWTH_MAX_MIB,
            "{name} takes {small} MiB, and {large} of ten times the packets"
        );
    }
}

/// 10 GB and 100 million packets in one: `ci/check.sh size` runs it, with the release binary
/// (TUNNELTAX) and where there is room for the file (`TUNNELTAX_ROOM`).
#[test]
#[ignore = "takes 11 GB of disk and some minutes: ci/check.sh size"]
fn ten_gigabytes_and_a_hundred_million_packets() {
    let given = |name| std::env::var_os(name).map(PathBuf::from);
    let binary = given("TUNNELTAX").expect("TUNNELTAX names the release binary");
    let room = given("TUNNELTAX_ROOM").expect("TUNNELTAX_ROOM names a folder with room for 15 GB");
    let folder = tempfile::tempdir_in(room).expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let (small, largest) = (place("small.pcap"), place("largest.pcap"));
    let stock = Stock::of(&bundled("postgres.pcap"));
    let start = Instant::now();
    stock.grow(SMALL, FEW_NETWORKS, &small);
    let bytes = stock.grow(LARGEST, FEW_NETWORKS, &largest);
    assert!(bytes > 10_000_000_000);
    println!(
        "wrote {bytes} bytes in {:.0} s",
        start.elapsed().as_secs_f64()
    );

    let tunneltax = || {
        let mut command = Command::new(&binary);
        command.current_dir(root());
        command
    };
    let held = |name: &str, ended: &Ended| {
        println!(
            "{name}: {} MiB at most, {:.0} s",
            ended.peak_mib, ended.seconds
        );
        assert!(ended.peak_mib <= PEAK_MAX_MIB, "{name}: {}", ended.said);
    };
    let out = format!("--out={}", place("out").display());
    let run = with(with(tunneltax(), &RUN), &["--quiet", "--seconds=15", &out]);
    held("run", &watched(with(run, &[&small, &largest, &small])));
    say_what_packets_cost(&json(&place("out/record.json")));
    let load = with(with(tunneltax(), &LOAD), &["--quiet", "--seconds=5", &out]);
    held("load", &watched(with(load, &[&largest])));
    let record = json(&place("out/load.json"));
    assert_eq!(record["arrivals"]["streamed"], LARGEST);
    let loads = &record["cases"][0]["figures"]["loads"];
    for load in loads.as_array().expect("loads") {
        let (seen, dropped) = (&load["modelled"]["packets"], &load["modelled"]["dropped"]);
        assert_eq!(
            seen.as_u64().zip(dropped.as_u64()).map(|(a, b)| a + b),
            Some(LARGEST)
        );
    }
}

/// Says what a packet costs of the largest capture, between two measurements of the small one in
/// the same run: what those differ by is the host's drift. Whether the largest one's is another
/// cost is said, and nothing timed fails a test.
fn say_what_packets_cost(record: &Value) {
    let frames = |capture: &Value| capture["frames_read"].as_u64();
    let captures = record["captures"].as_array().expect("captures");
    let read: Vec<_> = captures.iter().filter_map(frames).collect();
    assert_eq!(read, [SMALL, LARGEST, SMALL]);
    let groups = record["groups"].as_array().expect("groups");
    let groups = groups.iter().filter(|group| group["kind"] == "capture");
    let by_capture: Vec<Vec<Cost>> = captures
        .iter()
        .map(|capture| {
            let mine = groups.clone().filter(|g| g["capture"] == capture["name"]);
            mine.flat_map(Cost::all).collect()
        })
        .collect();
    let [before, largest, after] = &by_capture[..] else {
        panic!("three captures");
    };
    assert!(!before.is_empty() && before.len() == largest.len() && largest.len() == after.len());
    for ((before, largest), after) in before.iter().zip(largest).zip(after) {
        let low = before.low_ns.min(after.low_ns);
        let high = before.high_ns.max(after.high_ns);
        let is_alike = largest.low_ns <= high && low <= largest.high_ns;
        println!(
            "{}: {largest} of the largest, {before} and {after} of the small one: {}",
            largest.row,
            if is_alike { "not told apart" } else { "apart" },
        );
    }
}

/// What a packet costs in a row, and its interval.
struct Cost {
    row: String,
    mean_ns: f64,
    low_ns: f64,
    high_ns: f64,
}

impl Cost {
    /// Those of a group.
    fn all(group: &Value) -> Vec<Self> {
        let rows = group["rows"].as_array().expect("rows");
        let of = |row: &Value| {
            assert_eq!(row["passed"], true, "{row}");
            let ns = |part: &str| row["figures"]["sum_ns"][part].as_f64().expect("a figure");
            let word = |of: &Value| of.as_str().unwrap_or_default().to_owned();
            Self {
                row: word(&group["temperature"]) + " " + &word(&row["case"]),
                mean_ns: ns("mean"),
                low_ns: ns("low"),
                high_ns: ns("high"),
            }
        };
        rows.iter().map(of).collect()
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            mean_ns,
            low_ns,
            high_ns,
            ..
        } = self;
        write!(to, "{mean_ns:.1} ns [{low_ns:.1}, {high_ns:.1}]")
    }
}

/// The stock is what it says: every packet is forwarded, so that no checksum is wrong.
#[test]
fn every_grown_packet_is_forwarded() {
    let folder = folder();
    let capture = folder.path().join("grown.pcap");
    Stock::of(&bundled("postgres.pcap")).grow(70_000, NETWORKS, &capture);
    let said = watched(with(with(program(), &VERIFY), &[&capture])).said;
    let all = "70000 of 70000 packets of grown through forward\n";
    assert!(said.contains(all), "{said}");
}
