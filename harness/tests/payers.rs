//! Who pays: exact counts by flow and by SA on a capture made here, that add up; names that say
//! nothing; and one side of a capture.

mod program;

use std::path::Path;
use std::process::Output;
use std::sync::LazyLock;

use program::{folder, json, pcap, small_but, text, tunneltax};
use serde_json::Value;

const SEALED: &str = "esp/aes-256-gcm@ring";
/// Packets of the first flow from the near network, and back to it.
const OUT: usize = 40;
const BACK: usize = 9;
/// IP total lengths of them.
const OUT_BYTES: usize = 1452;
const BACK_BYTES: usize = 90;
/// Flows beside the first: the one with index N has N packets.
const OTHERS: usize = 12;
const OTHER_BYTES: usize = 200;

const NEAR: [u8; 4] = [10, 7, 1, 2];
const FAR: [u8; 4] = [203, 0, 113, 77];

/// An Ethernet frame with a UDP datagram in IPv4, so many bytes by its IP total length.
fn udp(source: [u8; 4], from: u16, destination: [u8; 4], to: u16, bytes: usize) -> Vec<u8> {
    let mut packet = vec![0_u8; 20];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&(bytes as u16).to_be_bytes());
    packet[8..10].copy_from_slice(&[64, 17]);
    packet[12..16].copy_from_slice(&source);
    packet[16..20].copy_from_slice(&destination);
    let words = packet
        .chunks(2)
        .map(|w| u32::from(w[0]) << 8 | u32::from(w[1]));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    packet[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    for word in [from, to, bytes as u16 - 20, 0] {
        packet.extend(word.to_be_bytes());
    }
    packet.extend((packet.len()..bytes).map(|at| at as u8));
    let mut frame = vec![2; 12];
    frame.extend([8, 0]);
    frame.extend(packet);
    frame
}

/// One heavy flow in both directions, others out of the near network with ever more packets, and
/// one packet that stays in it.
fn capture() -> Vec<u8> {
    let mut frames = Vec::new();
    frames.extend((0..OUT).map(|_| udp(NEAR, 40_001, FAR, 443, OUT_BYTES)));
    frames.extend((0..BACK).map(|_| udp(FAR, 443, NEAR, 40_001, BACK_BYTES)));
    for flow in 1..=OTHERS {
        let port = 41_000 + flow as u16;
        let to = [198, 51, 100, flow as u8];
        frames.extend((0..flow).map(|_| udp(NEAR, port, to, 53, OTHER_BYTES)));
    }
    frames.push(udp(NEAR, 7, [10, 7, 1, 3], 7, 100));
    pcap(&frames.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

const PACKETS: usize = OUT + BACK + OTHERS * (OTHERS + 1) / 2 + 1;

/// What ESP with AES-GCM adds (RFC 4303, 2; RFC 4106): 20 octets of IPv4, 8 of SPI and sequence
/// number, 8 of IV, padding to 4 with 2 of trailer, 16 of ICV.
fn added(bytes: usize) -> u64 {
    (20 + 8 + 8 + (bytes + 2).next_multiple_of(4) - bytes + 16) as u64
}

struct Done {
    record: Value,
    output: Output,
    /// Every byte that the run left.
    left: Vec<u8>,
}

fn run(options: &[&'static str]) -> Done {
    let folder = folder();
    let file = folder.path().join("made.pcap");
    std::fs::write(&file, capture()).expect("a capture");
    let out = folder.path().join("out");
    let (file, out) = (shown(&file), format!("--out={}", shown(&out)));
    let mut arguments: Vec<&str> = small_but(&["--case=forward", "--size=64"]);
    arguments.extend(["--case=esp/aes-256-gcm@ring", "--case=esp/none"]);
    arguments.extend(options);
    arguments.extend([file.as_str(), out.as_str()]);
    let output = tunneltax(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let out = folder.path().join("out");
    let mut left = [output.stdout.clone(), output.stderr.clone()].concat();
    for file in ["record.json", "report.html", "report.md"] {
        left.extend(std::fs::read(out.join(file)).expect("a file"));
    }
    Done {
        record: json(&out.join("record.json")),
        output,
        left,
    }
}

fn shown(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

static HASHED: LazyLock<Done> =
    LazyLock::new(|| run(&["--case=esp+100sa/aes-256-gcm@ring", "--near=10.7.0.0/16"]));

fn group(record: &Value) -> &Value {
    let groups = record["groups"].as_array().expect("groups");
    let hot = |g: &&Value| g["kind"] == "capture" && g["temperature"] == "hot";
    groups.iter().find(hot).expect("the capture, hot")
}

fn payers<'r>(record: &'r Value, by: &str) -> &'r Value {
    let all = group(record)["payers"].as_array().expect("payers");
    all.iter().find(|p| p["by"] == by).expect("the table")
}

fn rows(payers: &Value) -> &Vec<Value> {
    payers["rows"].as_array().expect("rows")
}

fn cost<'r>(row: &'r Value, case: &str) -> &'r Value {
    let costs = row["costs"].as_array().expect("costs");
    costs.iter().find(|c| c["case"] == case).expect("the case")
}

fn sum(rows: &[Value], value: impl Fn(&Value) -> &Value) -> u64 {
    rows.iter()
        .map(|row| value(row).as_u64().expect("a count"))
        .sum()
}

#[test]
fn every_flow_is_counted_exactly() {
    let flows = payers(&HASHED.record, "flow");
    assert_eq!(
        (&flows["case"], &flows["known"]),
        (&SEALED.into(), &14.into())
    );
    let counts: Vec<(String, u64, u64, u64, u64)> = rows(flows)
        .iter()
        .map(|row| {
            let cost = cost(row, SEALED);
            let of = |value: &Value| value.as_u64().expect("a count");
            (
                row["kind"].as_str().expect("a kind").to_owned(),
                of(&row["packets"]),
                of(&row["inner_bytes"]),
                of(&cost["added_bytes"]),
                of(&cost["wire_packets"]),
            )
        })
        .collect();
    let one = |packets: u64| {
        let bytes = packets * OTHER_BYTES as u64;
        (
            "one".to_owned(),
            packets,
            bytes,
            packets * added(OTHER_BYTES),
            packets,
        )
    };
    // 1452 bytes become 1508: two fragments each.
    let (out, back) = (OUT as u64, BACK as u64);
    let heavy = (
        "one".to_owned(),
        out + back,
        out * OUT_BYTES as u64 + back * BACK_BYTES as u64,
        out * added(OUT_BYTES) + back * added(BACK_BYTES),
        2 * out + back,
    );
    let most = (4..=OTHERS as u64).rev().map(one);
    let mut expected: Vec<_> = std::iter::once(heavy).chain(most).collect();
    // The flows of 1, 2 and 3 packets, and the one inside the near network.
    let rest = 6 * added(OTHER_BYTES) + added(100);
    expected.push(("rest".to_owned(), 7, 6 * OTHER_BYTES as u64 + 100, rest, 7));
    assert_eq!(counts, expected);
    let last = &rows(flows)[10];
    assert_eq!((&last["name"], &last["count"]), (&Value::Null, &4.into()));
}

#[test]
fn rows_add_up_to_the_capture_and_have_times() {
    let record = &HASHED.record;
    let capture = &record["captures"][0];
    assert_eq!(capture["frames_replayed"], PACKETS);
    for (by, case) in [
        ("flow", SEALED),
        ("flow", "esp/none"),
        ("sa", "esp+100sa/aes-256-gcm@ring"),
    ] {
        let rows = rows(payers(record, by));
        assert_eq!(sum(rows, |row| &row["packets"]), PACKETS as u64, "{by}");
        assert_eq!(
            sum(rows, |row| &row["inner_bytes"]),
            capture["inner_bytes"],
            "{by}"
        );
        let figures = group(record)["rows"].as_array().expect("rows").iter();
        let row = figures
            .clone()
            .find(|row| row["case"] == case)
            .expect("a row");
        let work = &row["figures"]["work"];
        let wire =
            work["wire_bytes"].as_u64().unwrap() - work["sent_inner_bytes"].as_u64().unwrap();
        assert_eq!(
            sum(rows, |row| &cost(row, case)["added_bytes"]),
            wire,
            "{by} {case}"
        );
        let told = |row: &Value| cost(row, case)["added_ns"]["mean"].is_f64();
        assert!(rows.iter().all(told), "{by} {case}");
    }
}

#[test]
fn a_case_of_many_sas_has_its_bill_by_sa() {
    let sas = payers(&HASHED.record, "sa");
    assert_eq!(sas["case"], "esp+100sa/aes-256-gcm@ring");
    let known = sas["known"].as_u64().expect("a count");
    assert!((2..=15).contains(&known), "15 destinations, {known} SAs");
    for row in rows(sas) {
        let costs = row["costs"].as_array().expect("costs");
        assert_eq!(costs.len(), 1, "a case of one SA has no part in it");
        let name = row["name"]
            .as_str()
            .map(|name| name.parse::<u32>().expect("a number"));
        assert!(name.is_none_or(|number| number < 100));
    }
    let report = String::from_utf8_lossy(&HASHED.left);
    assert!(report.contains("Who pays, by flow: made, hot"));
    assert!(report.contains("Who pays, by SA: made, hot"));
}

fn holds(left: &[u8], what: &[u8]) -> bool {
    left.windows(what.len())
        .any(|window| window.eq_ignore_ascii_case(what))
}

/// Addresses as text, in hexadecimal, as a number and as they are.
fn forms(address: [u8; 4]) -> Vec<Vec<u8>> {
    let [a, b, c, d] = address;
    let number = u32::from_be_bytes(address);
    vec![
        format!("{a}.{b}.{c}.{d}").into_bytes(),
        format!("{a:02x}{b:02x}{c:02x}{d:02x}").into_bytes(),
        format!("{a:02x}{b:02x}:{c:02x}{d:02x}").into_bytes(),
        number.to_string().into_bytes(),
        address.to_vec(),
        address.iter().rev().copied().collect(),
    ]
}

#[test]
fn no_address_leaves_a_run_unless_it_is_asked_for() {
    for address in [NEAR, FAR, [198, 51, 100, 12], [10, 7, 0, 0]] {
        for form in forms(address) {
            assert!(
                !holds(&HASHED.left, &form),
                "{}",
                String::from_utf8_lossy(&form)
            );
        }
    }
    assert_eq!(HASHED.record["carries_addresses"], false);
    let shown = run(&["--show-addresses", "--near=10.7.0.0/16"]);
    assert_eq!(shown.record["carries_addresses"], true);
    let first = &rows(payers(&shown.record, "flow"))[0];
    assert_eq!(first["name"], "10.7.1.2:40001 - 203.0.113.77:443 udp");
    let command = shown.record["provenance"]["command"].to_string();
    assert!(command.contains("--near=10.7.0.0/16"), "{command}");
    let said = text(&shown.output.stdout);
    assert!(said.contains("This record carries addresses"), "{said}");
}

#[test]
fn a_flow_has_another_name_in_another_run() {
    let again = run(&[]);
    let name = |record| {
        rows(payers(record, "flow"))[0]["name"]
            .as_str()
            .expect("a name")
            .to_owned()
    };
    let (first, second) = (name(&HASHED.record), name(&again.record));
    for name in [&first, &second] {
        assert!(
            name.len() == 16 && name.chars().all(|c| c.is_ascii_hexdigit()),
            "{name}"
        );
    }
    assert_ne!(first, second, "the same seed, another key");
    assert_eq!(
        HASHED.record["provenance"]["seed"],
        again.record["provenance"]["seed"]
    );
    assert!(again.record["captures"][0].get("sides").is_none());
}

#[test]
fn one_side_is_replayed_and_the_rest_is_counted() {
    let both = &HASHED.record["captures"][0]["sides"];
    let (near, far) = (PACKETS - BACK - 1, BACK);
    let of = |sides: &Value| ["near", "far", "neither"].map(|side| sides[side].as_u64().unwrap());
    assert_eq!(of(both), [near as u64, far as u64, 1]);
    assert_eq!(both["only"], Value::Null);
    for (side, replayed, other) in [("--side=near", near, far), ("--side=far", far, near)] {
        let done = run(&["--near=10.7.0.0/16", side]);
        let capture = &done.record["captures"][0];
        assert_eq!(of(&capture["sides"]), of(both));
        assert_eq!(capture["frames_replayed"], replayed, "{side}");
        let left_out = &capture["left_out"];
        assert_eq!(
            (&left_out["other_side"], &left_out["neither_side"]),
            (&other.into(), &1.into())
        );
        assert_eq!(capture["frames_read"], replayed + other + 1);
        assert_eq!(group(&done.record)["packets"], replayed);
        let flows = payers(&done.record, "flow");
        assert_eq!(sum(rows(flows), |row| &row["packets"]), replayed as u64);
    }
}

#[test]
fn a_side_that_is_none_is_refused_in_a_sentence() {
    let folder = folder();
    let file = folder.path().join("made.pcap");
    std::fs::write(&file, capture()).expect("a capture");
    let file = shown(&file);
    for (options, code, says) in [
        (&["--near=10.0.0.0/40"][..], 2, "10.1.0.0/16"),
        (&["--near=site"], 2, "10.1.0.0/16"),
        (&["--side=near"], 2, "--near"),
        (&["--near=10.0.0.0/8", "--side=up"], 2, "--side"),
        (&["--near=192.168.0.0/16", "--side=near"], 1, "--near"),
    ] {
        let mut arguments = small_but(&[]);
        arguments.extend(options);
        let out = format!("--out={}", shown(&folder.path().join("out")));
        let output = tunneltax(arguments.into_iter().chain([file.as_str(), &out]));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{options:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(said.contains(says), "{said}");
        assert_eq!(text(&output.stdout), "");
    }
}
