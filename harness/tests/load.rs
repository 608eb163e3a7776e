//! `load` as a script meets it: files, record, exit codes, refusals in one sentence.

mod program;

use std::process::Output;

use program::{bundled, files_in, folder, json, pcap, program, text};
use serde_json::Value;

/// The least that `load` can be asked for.
fn load(out: &std::path::Path, more: &[&str]) -> Output {
    let mut command = program();
    command.args(["load", "--seconds=1", "--out"]).arg(out);
    command.args(more).output().expect("the program starts")
}

fn array<'v>(value: &'v Value, key: &str) -> &'v Vec<Value> {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("{key} is a list"))
}

#[test]
fn a_bundled_capture_at_its_own_times() {
    let out = folder();
    let file = bundled("dns.pcapng");
    let options = ["--arrivals=capture", file.to_str().unwrap()];
    let done = load(out.path(), &options);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert_eq!(files_in(out.path()), ["load.html", "load.json", "load.md"]);
    let said = text(&done.stdout);
    assert!(said.contains("Latency, modelled") && said.contains("Throughput"));
    assert!(
        said.lines().all(|line| line.chars().count() <= 100),
        "{said}"
    );
    let record = json(&out.path().join("load.json"));
    assert_eq!(record["schema"], "tunneltax-load/1");
    assert_eq!(record["state"], "complete");
    assert_eq!(record["arrivals"]["kind"], "capture");
    assert_eq!(record["capture"]["frames_replayed"], record["packets"]);
    let cases = array(&record, "cases");
    assert_eq!(cases.len(), 2);
    for case in cases {
        let figures = &case["figures"];
        assert!(figures["service"]["limit_pps"]["mean"].as_f64() > Some(1e3));
        let throughput = &figures["throughput"];
        assert!(throughput["paced_trials"].as_u64() > Some(0));
        for rate in ["paced_ndr", "paced_pdr", "modelled_ndr"] {
            assert!(throughput[rate]["lower_pps"].as_f64().is_some());
            let searched = array(&throughput[rate], "instances").len();
            assert_eq!(record["instances"], searched);
        }
        let loads = array(figures, "loads");
        // Six parts of the limit, and the load of all.
        assert_eq!(loads.len(), 7);
        for load in loads {
            assert_eq!(load["modelled"]["modelled"], true);
            assert_eq!(load["paced"]["modelled"], false);
            for sight in [&load["modelled"], &load["paced"]] {
                assert!(sight["packets"].as_u64() > Some(0), "{load}");
                assert!(sight["histogram_ns"].as_str().unwrap().starts_with("HISTF"));
                assert!(sight["queue_max"].as_u64() <= Some(1024));
                let means = array(&sight["latency_ns"], "instances").len();
                assert_eq!(record["instances"], means);
            }
        }
        // What all cases have alike is alike.
        assert!((loads[6]["offered_gbps"].as_f64().unwrap() - 1.0).abs() < 1e-6);
    }
    // Forward once more, at the load of all; the tunnel is held against it.
    assert_eq!(record["twin"]["case"], "forward");
    assert!(record["twin"]["paced"]["packets"].as_u64() > Some(0));
    assert!(said.contains("At the same load"));
}

#[test]
fn a_capture_sped_up_is_one_load_more() {
    let out = folder();
    let file = bundled("dns.pcapng");
    let of = |factor: &str| {
        let speed_up = format!("--speed-up={factor}");
        let options = [
            "--arrivals=capture",
            &speed_up,
            "--json",
            file.to_str().unwrap(),
        ];
        load(out.path(), &options)
    };
    let done = of("1");
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let record = json(&out.path().join("load.json"));
    let own = |record: &Value| array(&record["cases"][0]["figures"], "loads")[7].clone();
    let slow = own(&record);
    assert_eq!(slow["speed_up"], 1.0);
    // Packets of names are far apart: too far for a trial on the clock, not in virtual time.
    let pps = slow["offered_pps"].as_f64().unwrap();
    assert!(pps < 1280.0, "{pps}");
    assert_eq!(slow["paced"]["packets"], 0);
    assert!(slow["modelled"]["packets"].as_u64() >= record["packets"].as_u64());
    let factor = (2e5 / pps).round().to_string();
    let done = of(&factor);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let fast = own(&json(&out.path().join("load.json")));
    let ratio = fast["offered_pps"].as_f64().unwrap() / pps;
    assert!(
        (ratio / factor.parse::<f64>().unwrap() - 1.0).abs() < 1e-9,
        "{ratio}"
    );
    assert!(fast["paced"]["packets"].as_u64() > Some(0));
}

#[test]
fn generated_packets_received_and_the_record_on_standard_output() {
    let out = folder();
    let options = [
        "--size=350",
        "--half=receive",
        "--case=esp/none",
        "--ring=64",
        "--json",
        "--gbps=1000",
    ];
    let done = load(out.path(), &options);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let printed: Value = serde_json::from_str(&text(&done.stdout)).expect("one JSON value");
    assert_eq!(printed, json(&out.path().join("load.json")));
    assert_eq!(
        (&printed["half"], &printed["ring"]),
        (&"receive".into(), &64.into())
    );
    assert_eq!(printed["capture"], Value::Null);
    // A terabit a second is more than a core does: the ring is full.
    let loads = array(&printed["cases"][0]["figures"], "loads");
    for sight in ["modelled", "paced"] {
        assert!(loads[6][sight]["dropped"].as_u64() > Some(0), "{sight}");
        assert_eq!(loads[6][sight]["queue_max"], 64);
    }
    // One case alone is held against none.
    assert_eq!(printed["twin"], Value::Null);
}

/// One sentence on standard error, and no file.
fn refused(options: &[&str], code: i32, expected: &[&str]) {
    let out = folder();
    let done = load(out.path(), options);
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for expected in expected {
        assert!(said.contains(expected), "{expected:?} is missing: {said}");
    }
    assert_eq!(files_in(out.path()), [""; 0]);
}

#[test]
fn what_cannot_be_done_is_said_in_one_sentence() {
    refused(&["--gbps=0"], 2, &["--gbps", "0.0001"]);
    refused(&["--ring=0"], 2, &["--ring"]);
    refused(&["--arrivals=never"], 2, &["--arrivals", "poisson"]);
    refused(&["--size=350", "a.pcap"], 2, &["cannot be used"]);
    refused(&["--size=9000"], 2, &["--mtu"]);
    refused(&["--case=nonsense"], 2, &["tunneltax list"]);
    refused(&["gone.pcap"], 1, &["gone.pcap", "does not exist"]);
    let poisson = ["--speed-up=10"];
    refused(&poisson, 2, &["--speed-up", "--arrivals capture"]);
    refused(&["--speed-up=0.5"], 2, &["--speed-up", "from 1"]);
    let dns = bundled("dns.pcapng");
    let flood = [
        "--arrivals=capture",
        "--speed-up=1e9",
        dns.to_str().unwrap(),
    ];
    refused(&flood, 2, &["--speed-up", "more than", "give less than"]);
    let generated = ["--size=350", "--arrivals=capture"];
    refused(&generated, 2, &["no times", "--arrivals poisson"]);
}

#[test]
fn packets_that_all_have_one_time_are_no_schedule() {
    let folder = folder();
    let frame = ethernet(
        b"\x45\0\0\x1c\0\x07\0\0\x40\x11\0\0\x0a\x01\0\x01\x0a\x02\0\x02\0\x01\0\x02\0\x08\0\0",
    );
    let path = folder.path().join("same.pcap");
    std::fs::write(&path, pcap(&[&frame, &frame, &frame])).unwrap();
    let file = path.to_str().unwrap();
    let expected = ["one time", "--arrivals poisson"];
    refused(&["--arrivals=capture", file], 1, &expected);
}

/// A frame around an IPv4 packet, with its checksum.
fn ethernet(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let words = packet[..20].chunks(2);
    let sum: u32 = words
        .map(|word| u32::from(word[0]) * 256 + u32::from(word[1]))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    packet[10..12].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][..], &packet].concat()
}
