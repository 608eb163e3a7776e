//! `run --esp-keys`: what others sealed is opened and measured at the far gateway alone; what is
//! refused and what is another's is counted, and keys that open nothing fail in a sentence.

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use program::{bundled, folder, json, keys_of, program, text};
use serde_json::Value;

/// What a gateway with this seed sealed: the file, and its keys as TOML.
struct Sealed {
    file: PathBuf,
    keys: String,
    spi: String,
    packets: u64,
}

fn sealed(folder: &Path, capture: &str, case: &str, seed: u32) -> Sealed {
    let folder = folder.join(format!("sealed-{seed}"));
    let done = program()
        .args(["verify", "--max-packets=60", "--case", case])
        .arg(format!("--seed={seed}"))
        .arg("--write")
        .arg(&folder)
        .arg(bundled(capture))
        .output()
        .expect("the program starts");
    assert!(done.status.success(), "{}", text(&done.stderr));
    let tunnels = json(&folder.join("tunnels.json"));
    let sent = &tunnels["sent"][0];
    let words = |key: &str| sent[key].as_str().unwrap_or_default().to_owned();
    Sealed {
        file: folder.join(words("file")),
        keys: keys_of(sent),
        spi: words("spi"),
        packets: sent["packets"].as_u64().expect("a number"),
    }
}

/// The files one behind the other, and the last so many packets of the last file once more.
fn joined(folder: &Path, parts: &[&Sealed], again: usize) -> PathBuf {
    let mut all = fs::read(&parts[0].file).expect("a file");
    for part in &parts[1..] {
        all.extend(&fs::read(&part.file).expect("a file")[24..]);
    }
    let mut starts = vec![24];
    while let Some(header) = all
        .get(starts[starts.len() - 1]..)
        .and_then(<[u8]>::first_chunk::<12>)
    {
        let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        starts.push(starts[starts.len() - 1] + 16 + length as usize);
    }
    let from = starts[starts.len() - 1 - again];
    all.extend_from_within(from..);
    let file = folder.join("joined.pcap");
    fs::write(&file, all).expect("a file");
    file
}

/// What a run did: exit code, both outputs, and its record where it wrote one.
struct Done {
    code: Option<i32>,
    said: String,
    complaint: String,
    record: Option<Value>,
}

fn run(folder: &Path, keys: &str, capture: &Path, more: &[&str]) -> Done {
    let (file, out) = (folder.join("keys"), folder.join("out"));
    fs::write(&file, keys).expect("a file");
    let done = program()
        .args(["run", "--seconds=1", "--burst=16", "--esp-keys"])
        .arg(&file)
        .args(more)
        .arg("--out")
        .arg(&out)
        .arg(capture)
        .output()
        .expect("the program starts");
    let record = out.join("record.json");
    Done {
        code: done.status.code(),
        said: text(&done.stdout),
        complaint: text(&done.stderr),
        record: record.exists().then(|| json(&record)),
    }
}

/// The ids of a group's rows, all of which have figures for the far gateway and for no other.
fn rows(group: &Value) -> Vec<&str> {
    assert_eq!(group["kind"], "received");
    let rows = group["rows"].as_array().expect("rows").iter();
    rows.map(|row| {
        assert_eq!(row["passed"], true, "{row}");
        let figures = &row["figures"];
        assert!(figures["receive_ns"]["mean"].as_f64() > Some(0.0));
        assert_eq!(figures["sum_ns"]["mean"], figures["receive_ns"]["mean"]);
        assert_eq!(figures["send_ns"]["mean"], 0.0);
        assert_eq!(figures["send_stamped"]["packets"], 0);
        assert!(figures["receive_stamped"]["packets"].as_u64() > Some(0));
        assert_eq!(figures["work"]["verified"], group["packets"]);
        row["case"].as_str().expect("an id")
    })
    .collect()
}

#[test]
fn every_library_opens_what_was_sealed() {
    let folder = folder();
    let sent = sealed(folder.path(), "https.pcap", "esp/aes-256-gcm@ring", 1);
    let done = run(folder.path(), &sent.keys, &sent.file, &[]);
    assert_eq!((done.code, done.complaint.as_str()), (Some(0), ""));
    let count = sent.packets;
    // Longer than 1500 bytes some of them are, as they were sent.
    let wanted = format!("{count} of {count} packets of SPI {}", sent.spi);
    assert!(done.said.contains(&wanted), "{}", done.said);
    assert!(
        done.said.contains("at the far gateway alone"),
        "{}",
        done.said
    );
    let record = done.record.expect("a record");
    let groups = record["groups"].as_array().expect("groups");
    let temperatures: Vec<&Value> = groups.iter().map(|group| &group["temperature"]).collect();
    assert_eq!(temperatures, ["hot", "warm"]);
    for group in groups {
        let ids = rows(group);
        assert_eq!(ids[0], "forward");
        for id in [
            "esp/aes-256-gcm@ring",
            "esp/aes-256-gcm@aws-lc",
            "bare/aes-256-gcm@ring",
        ] {
            assert!(ids.contains(&id), "{ids:?}");
        }
        assert_eq!(group["packets"], count);
        let gate = group["null_gate"].as_array().expect("gates").iter();
        let gate: Vec<&Value> = gate.map(|gate| &gate["case"]).collect();
        assert_eq!(gate, ["forward", "esp/aes-256-gcm@ring"]);
    }
    let cases = record["cases"].as_array().expect("cases").iter();
    let mut opens = cases.filter(|case| case["id"] == "esp/aes-256-gcm@ring");
    assert_eq!(opens.next().expect("the case")["step_of"], "forward");
}

#[test]
fn every_framing_is_measured() {
    for (seed, case) in [
        (1, "esp+esn/aes-256-gcm@ring"),
        (2, "esp6/chacha20-poly1305@ring"),
        (3, "esp-udp/aes-256-cbc+hmac-sha-256-128@rustcrypto"),
    ] {
        let folder = folder();
        let sent = sealed(folder.path(), "dns.pcapng", case, seed);
        let more = ["--quiet", "--case", case];
        let done = run(folder.path(), &sent.keys, &sent.file, &more);
        assert_eq!(
            (done.code, done.complaint.as_str()),
            (Some(0), ""),
            "{case}"
        );
        let bare = format!("bare/{}", case.split_once('/').unwrap().1);
        for group in done.record.expect("a record")["groups"].as_array().unwrap() {
            assert_eq!(rows(group), ["forward", case, &bare]);
        }
    }
}

#[test]
fn what_is_refused_and_what_is_anothers_is_counted() {
    let folder = folder();
    let case = "esp/aes-256-gcm@ring";
    let one = sealed(folder.path(), "dns.pcapng", case, 1);
    let two = sealed(folder.path(), "dns.pcapng", case, 2);
    let capture = joined(folder.path(), &[&one, &two], 3);
    let both = run(
        folder.path(),
        &format!("{}{}", one.keys, two.keys),
        &capture,
        &[],
    );
    assert_eq!(both.code, Some(0), "{}", both.complaint);
    let wanted = format!(
        "{} of {} packets of SPI {}",
        two.packets,
        two.packets + 3,
        two.spi
    );
    assert!(both.said.contains(&wanted), "{}", both.said);
    assert!(both.said.contains("refused 3 replayed"), "{}", both.said);
    let of = &both.record.expect("a record")["captures"][0];
    assert_eq!(of["frames_read"], one.packets + two.packets + 3);
    assert_eq!(of["frames_replayed"], one.packets + two.packets);
    assert_eq!(of["left_out"], serde_json::json!({ "replayed": 3 }));

    let first = run(folder.path(), &one.keys, &capture, &["--json"]);
    assert_eq!(first.code, Some(0), "{}", first.complaint);
    let record: Value = serde_json::from_str(&first.said).expect("JSON alone");
    let of = &record["captures"][0];
    assert_eq!(of["frames_replayed"], one.packets);
    assert_eq!(
        of["left_out"],
        serde_json::json!({ "other_sa": two.packets + 3 })
    );
}

#[test]
fn keys_that_open_nothing_fail_in_a_sentence() {
    let folder = folder();
    let sent = sealed(folder.path(), "dns.pcapng", "esp/aes-256-gcm@ring", 1);
    let refused = |keys: &str, more: &[&str], code: i32, wanted: &str| {
        let done = run(folder.path(), keys, &sent.file, more);
        assert_eq!(done.code, Some(code), "{}", done.complaint);
        assert!(done.complaint.contains(wanted), "{}", done.complaint);
        assert_eq!(
            done.complaint.trim_end().lines().count(),
            1,
            "{}",
            done.complaint
        );
        assert!(done.record.is_none() && done.said.is_empty());
    };
    let line = |name: &str| {
        let mut lines = sent.keys.lines();
        lines
            .find(|line| line.starts_with(name))
            .expect("a line")
            .to_owned()
    };
    let with = |name: &str, value: &str| {
        sent.keys
            .replace(&line(name), &format!("{name} = \"{value}\""))
    };
    let zeros = "00".repeat(32);
    let wrong = with("key", &zeros);
    refused(
        &wrong,
        &[],
        1,
        &format!("could be opened ({} bad_icv); check its keys", sent.packets),
    );
    refused(
        &with("key", "00"),
        &[],
        1,
        "takes a key of 32 octets, not 1",
    );
    refused(&with("spi", "0x00000fff"), &[], 1, "belongs to an SA of");
    refused(&with("algorithm", "rot13"), &[], 1, "no case is esp/rot13");
    refused("", &[], 1, "it names no SA");
    refused("[[sa]]\nspi = 1\n", &[], 1, "missing field");
    let other = ["--case=esp/chacha20-poly1305"];
    refused(&sent.keys, &other, 2, "no case that --case names opens");
    refused(&sent.keys, &["--size=64"], 2, "cannot be used with");
    // A library that does not have the algorithm.
    let folder = program::folder();
    let sent = sealed(folder.path(), "dns.pcapng", "esp/aes-192-gcm@aws-lc", 1);
    let ring = ["--case=esp/*@ring"];
    let done = run(folder.path(), &sent.keys, &sent.file, &ring);
    assert_eq!(done.code, Some(2));
    assert!(
        done.complaint.contains("opens what esp/aes-192-gcm sealed"),
        "{}",
        done.complaint
    );
}
