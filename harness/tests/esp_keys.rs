//! `verify --esp-keys`: what is sealed is opened with the keys that `verify --write` wrote, in
//! either format, and with no others.

mod program;

use std::fs;
use std::path::Path;

use program::{bundled, folder, json, program, text};
use serde_json::Value;

/// One capture through one case: its folder and what `tunnels.json` says of it.
fn sealed(case: &str) -> (tempfile::TempDir, Value) {
    let folder = folder();
    let done = program()
        .args([
            "verify",
            "--max-packets=40",
            "--case=forward",
            "--case",
            case,
        ])
        .arg("--write")
        .arg(folder.path())
        .arg(bundled("dns.pcapng"))
        .output()
        .expect("the program starts");
    assert!(done.status.success(), "{}", text(&done.stderr));
    let tunnels = json(&folder.path().join("tunnels.json"));
    let sent = tunnels["sent"].as_array().expect("a list").iter();
    let mut tunnels = sent.filter(|sent| !sent["spi"].is_null());
    let sent = tunnels.next().expect("a tunnel").clone();
    (folder, sent)
}

fn words<'v>(sent: &'v Value, key: &str) -> &'v str {
    sent[key].as_str().unwrap_or_default()
}

fn toml(sent: &Value) -> String {
    let mut lines = vec!["[[sa]]".to_owned()];
    for key in [
        "spi",
        "algorithm",
        "key",
        "salt",
        "integrity_key",
        "source",
        "destination",
    ] {
        if !sent[key].is_null() {
            lines.push(format!("{key} = {}", sent[key]));
        }
    }
    if sent["extended"] == true {
        lines.push("esn_high = 0".to_owned());
    }
    lines.join("\n")
}

/// Exit code, standard output, standard error.
fn opened(folder: &Path, sent: &Value, keys: &str) -> (Option<i32>, String, String) {
    let file = folder.join("keys");
    fs::write(&file, keys).expect("a file");
    let done = program()
        .args(["verify", "--esp-keys"])
        .arg(&file)
        .arg("--write")
        .arg(folder.join("opened"))
        .arg(folder.join(words(sent, "file")))
        .output()
        .expect("the program starts");
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// Packets of a pcap file (link type RAW, nanoseconds, the writer's byte order).
fn packets(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).expect("a file");
    let mut rest = &bytes[24..];
    let mut packets = Vec::new();
    while let Some((header, behind)) = rest.split_first_chunk::<16>() {
        let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        packets.push(behind[..length].to_vec());
        rest = &behind[length..];
    }
    packets
}

#[test]
fn every_framing_is_opened_with_its_keys() {
    for case in [
        "esp/aes-256-gcm@ring",
        "esp+esn/aes-256-gcm@ring",
        "esp6/chacha20-poly1305@ring",
        "esp-udp/aes-256-cbc+hmac-sha-256-128@rustcrypto",
        "esp/null+hmac-sha-256-128@ring",
    ] {
        let (folder, sent) = sealed(case);
        let (code, said, complaint) = opened(folder.path(), &sent, &toml(&sent));
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{case}");
        let without_library = case.split('@').next().unwrap();
        let count = sent["packets"].as_u64().unwrap();
        assert!(count > 0);
        let wanted = format!("{count} of {count} packets of SPI {}", words(&sent, "spi"));
        assert!(said.contains(&wanted), "{said}");
        assert!(
            said.contains(&format!("opened as {without_library}@")),
            "{said}"
        );
        let name = words(&sent, "file").trim_end_matches(".pcap").to_owned();
        let came = packets(&folder.path().join("opened").join(name + ".opened.pcap"));
        let inner = packets(&folder.path().join(words(&sent, "inner_file")));
        assert_eq!(came.len(), inner.len());
        for (came, inner) in came.iter().zip(&inner) {
            // Behind the header: the far gateway took 1 from the TTL.
            assert_eq!(came[20..], inner[20..]);
        }
    }
}

#[test]
fn wiresharks_table_will_do() {
    let (folder, sent) = sealed("esp/aes-256-gcm@ring");
    let line = format!(
        "\"IPv4\",\"{}\",\"*\",\"{}\",\"AES-GCM with 16 octet ICV [RFC4106]\",\"0x{}{}\",\"NULL\",\"\"\n",
        words(&sent, "source"),
        words(&sent, "spi"),
        words(&sent, "key"),
        words(&sent, "salt"),
    );
    let (code, said, _) = opened(folder.path(), &sent, &line);
    assert_eq!(code, Some(0));
    assert!(said.contains("opened as esp/aes-256-gcm@"), "{said}");
}

#[test]
fn keys_that_open_nothing_fail_in_a_sentence() {
    let (folder, sent) = sealed("esp/aes-256-gcm@ring");
    let refused = |keys: &str, wanted: &str| {
        let (code, _, complaint) = opened(folder.path(), &sent, keys);
        assert_eq!(code, Some(1), "{complaint}");
        assert!(complaint.contains(wanted), "{complaint}");
        assert_eq!(complaint.trim_end().lines().count(), 1, "{complaint}");
    };
    let keys = toml(&sent);
    let with = |key: &str, value: &str| keys.replace(words(&sent, key), value);
    refused(
        &with("key", &"00".repeat(32)),
        "could be opened; check its keys",
    );
    refused(&with("key", "00"), "takes a key of 32 octets, not 1");
    refused(&with("spi", "0x00000fff"), "belongs to an SA of");
    refused(&with("destination", "192.0.2.99"), "belongs to an SA of");
    refused(&with("algorithm", "rot13"), "no case is esp/rot13");
    // Of an SA that no packet belongs to, too.
    let idle = |algorithm: &str, key: &str| {
        format!("{keys}\n[[sa]]\nspi = 9\nalgorithm = \"{algorithm}\"\nkey = \"{key}\"\n")
    };
    refused(&idle("rot13", "00"), "SPI 0x00000009 of");
    refused(
        &idle("aes-128-gcm", "00"),
        "takes a key of 16 octets, not 1",
    );
    refused("", "it names no SA");
}
