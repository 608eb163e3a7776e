//! `--esp-keys` on packets in framings that no case of the list sends: what was sealed gets other
//! outer headers here, which ESP does not cover. Beside them what shares the port of ESP.

mod program;

use std::fs;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::process::Output;

use program::{bundled, folder, json, keys_of, program, text};
use serde_json::Value;

/// Octets of the file's header, link type RAW.
const FILE_HEADER: usize = 24;
/// Keepalives, IKE messages and packets that are no ESP beside the sealed ones.
const BESIDE: [u64; 3] = [3, 2, 1];

/// What a plain case sealed.
struct Sealed {
    keys: String,
    file_header: Vec<u8>,
    packets: Vec<Vec<u8>>,
}

fn sealed(folder: &Path, case: &str) -> Sealed {
    let done = program()
        .args(["verify", "--max-packets=40", "--case", case, "--write"])
        .arg(folder)
        .arg(bundled("dns.pcapng"))
        .output()
        .expect("the program starts");
    assert!(done.status.success(), "{}", text(&done.stderr));
    let sent = &json(&folder.join("tunnels.json"))["sent"][0];
    let file = sent["file"].as_str().expect("a name");
    let mut file_header = fs::read(folder.join(file)).expect("a file");
    let mut rest = file_header.split_off(FILE_HEADER);
    let mut packets = Vec::new();
    while rest.len() > 16 {
        let length = u32::from_le_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize;
        packets.push(rest[16..16 + length].to_vec());
        rest.drain(..16 + length);
    }
    Sealed {
        keys: keys_of(sent),
        file_header,
        packets,
    }
}

/// A datagram to the port of ESP.
fn in_udp(payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len() as u16).to_be_bytes();
    let ports = [0x11, 0x94, 0x11, 0x94];
    [&ports[..], &length, &[0, 0], payload].concat()
}

/// An IP packet; between other hosts than the program's own.
fn in_ip(over_v6: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    if over_v6 {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend((payload.len() as u16).to_be_bytes());
        packet.extend([protocol, 60]);
        for host in [7, 8] {
            packet.extend(Ipv6Addr::new(0x2001, 0xdb8, 0, 9, 0, 0, 0, host).octets());
        }
        return [packet, payload.to_vec()].concat();
    }
    let [high, low] = (20 + payload.len() as u16).to_be_bytes();
    let mut header = [
        0x45, 0, high, low, 0, 1, 0, 0, 60, protocol, 0, 0, 198, 51, 100, 7, 198, 51, 100, 8,
    ];
    let words = header.chunks_exact(2);
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    [&header[..], payload].concat()
}

/// The sealed packets in other headers and, in between, what is no ESP.
fn reframed(folder: &Path, sealed: &Sealed, over_v6: bool, udp: bool) -> PathBuf {
    let framed = |esp: &[u8]| {
        if udp {
            in_ip(over_v6, 17, &in_udp(esp))
        } else {
            in_ip(over_v6, 50, esp)
        }
    };
    let of_port = |payload: &[u8]| in_ip(over_v6, 17, &in_udp(payload));
    let mut packets: Vec<Vec<u8>> = sealed.packets.iter().map(|of| framed(&of[20..])).collect();
    let [keepalives, ike, others] = BESIDE;
    let beside = [
        (keepalives, of_port(&[0xff])),
        (ike, of_port(&[0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])),
        (others, in_ip(over_v6, 47, &[0; 20])),
    ];
    for (count, packet) in beside {
        (0..count).for_each(|at| packets.insert(2 * at as usize, packet.clone()));
    }
    let mut all = sealed.file_header.clone();
    for packet in packets {
        let length = (packet.len() as u32).to_le_bytes();
        all.extend([[0; 4], [0; 4], length, length].concat());
        all.extend(packet);
    }
    let file = folder.join("reframed.pcap");
    fs::write(&file, all).expect("a file");
    file
}

fn with_keys(folder: &Path, keys: &str, arguments: &[&str], capture: &Path) -> Output {
    let file = folder.join("keys");
    fs::write(&file, keys).expect("a file");
    let done = program()
        .args(arguments)
        .arg("--esp-keys")
        .arg(&file)
        .arg(capture)
        .output();
    done.expect("the program starts")
}

/// Cases that seal, over IPv6 or not, in UDP or not, and the path of what then opens.
const WAYS: [(&str, bool, bool, &str); 6] = [
    ("esp/aes-128-gcm@ring", false, true, "esp-udp"),
    (
        "esp/3des-cbc+hmac-sha-256-128@rustcrypto",
        false,
        true,
        "esp-udp",
    ),
    (
        "esp/aes-256-cbc+hmac-sha-1-96@rustcrypto",
        true,
        true,
        "esp6-udp",
    ),
    ("esp+esn/aes-256-gcm@ring", false, true, "esp-udp+esn"),
    ("esp+esn/chacha20-poly1305@ring", true, false, "esp6+esn"),
    (
        "esp+esn/aes-256-cbc+hmac-sha-256-128@rustcrypto",
        true,
        true,
        "esp6-udp+esn",
    ),
];

#[test]
fn framings_that_no_case_sends_are_opened() {
    for (case, over_v6, udp, path) in WAYS {
        let folder = folder();
        let sealed = sealed(folder.path(), case);
        let capture = reframed(folder.path(), &sealed, over_v6, udp);
        let done = with_keys(folder.path(), &sealed.keys, &["verify"], &capture);
        let (said, complaint) = (text(&done.stdout), text(&done.stderr));
        assert_eq!(
            (done.status.code(), complaint.as_str()),
            (Some(0), ""),
            "{case}"
        );
        let (count, cipher) = (sealed.packets.len(), case.split(['/', '@']).nth(1).unwrap());
        assert!(
            said.contains(&format!("{count} of {count} packets")),
            "{said}"
        );
        assert!(
            said.contains(&format!("opened as {path}/{cipher}@")),
            "{said}"
        );
        let [keepalives, ike, others] = BESIDE;
        for wanted in [
            format!("{keepalives} packets in reframed are NAT keepalives"),
            format!("{ike} packets in reframed are IKE on the port of ESP"),
            format!("{others} packets in reframed are not ESP, or a fragment of it"),
        ] {
            assert!(said.contains(&wanted), "{said}");
        }
        // Of a number whose upper half is another one, nothing is authentic.
        if path.ends_with("+esn") {
            let keys = sealed.keys.replace("esn_high = 0", "esn_high = 1");
            let done = with_keys(folder.path(), &keys, &["verify"], &capture);
            assert_eq!(done.status.code(), Some(1), "{case}");
            let refused = format!("refused {count} bad_icv");
            assert!(text(&done.stdout).contains(&refused), "{case}");
        }
    }
}

#[test]
fn a_framing_that_no_case_sends_is_measured_by_its_own_name() {
    let folder = folder();
    let sealed = sealed(folder.path(), "esp/aes-128-gcm@ring");
    let capture = reframed(folder.path(), &sealed, true, true);
    let run = [
        "run",
        "--seconds=1",
        "--burst=16",
        "--json",
        "--case=esp6-udp/*@ring",
    ];
    let out = folder.path().join("out");
    let out = format!("--out={}", out.display());
    let arguments = [&run[..], &[&out]].concat();
    let done = with_keys(folder.path(), &sealed.keys, &arguments, &capture);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let record: Value = serde_json::from_slice(&done.stdout).expect("JSON alone");
    let group = &record["groups"][0];
    let rows: Vec<&Value> = group["rows"].as_array().expect("rows").iter().collect();
    let ids: Vec<&Value> = rows.iter().map(|row| &row["case"]).collect();
    assert_eq!(
        ids,
        [
            "forward",
            "esp6-udp/aes-128-gcm@ring",
            "bare/aes-128-gcm@ring"
        ]
    );
    assert!(rows.iter().all(|row| row["passed"] == true));
    let case = &record["cases"][1];
    assert_eq!(
        case["title"],
        "ESP tunnel in UDP over IPv6, AES-128-GCM, ring"
    );
    let [keepalives, ike, others] = BESIDE;
    let wanted =
        serde_json::json!({"nat_keepalive": keepalives, "ike_message": ike, "not_esp": others});
    assert_eq!(record["captures"][0]["left_out"], wanted);
}
