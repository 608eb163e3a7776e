//! `verify --write --format pcapng`: both sides of the near gateway in one file, joined packet by
//! packet, and the keys beside it as Wireshark's table.

mod program;

use std::fs;
use std::path::Path;

use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{
    EnhancedPacketBlock, OptionCode, PcapNGOption, parse_enhancedpacketblock_le,
    parse_interfacedescriptionblock_le, parse_sectionheaderblock_le,
};
use program::{bundled, folder, json, program, text};
use tunneltax_core::capture::{Chunk, Limits, Reader};
use tunneltax_core::path::reference;

const CASE: &str = "esp-udp/aes-256-gcm@ring";
const PACKETS: usize = 50;

fn verify(arguments: &[&str], files: [&Path; 2]) -> (Option<i32>, String, String) {
    let done = program()
        .arg("verify")
        .args(arguments)
        .args(files)
        .output()
        .expect("the program starts");
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// The bundled capture through a case, as pcapng in a folder.
fn written(case: &str) -> tempfile::TempDir {
    let folder = folder();
    let max = format!("--max-packets={PACKETS}");
    let arguments = ["--case", case, &max, "--format=pcapng", "--write"];
    let (code, said, complaint) = verify(&arguments, [folder.path(), &bundled("https.pcap")]);
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    assert!(
        said.contains("1 files of sent packets, keys as Wireshark's esp_sa"),
        "{said}"
    );
    folder
}

fn value(options: &[PcapNGOption<'_>], code: u16) -> Vec<u8> {
    let mut of_code = options
        .iter()
        .filter(|option| option.code == OptionCode(code));
    let option = of_code.next().expect("the option");
    assert!(of_code.next().is_none());
    option.as_bytes().expect("octets").to_vec()
}

/// Interface, direction, id, time and packet of a block.
fn parts(block: &EnhancedPacketBlock<'_>) -> (u32, u32, u64, u64, Vec<u8>) {
    let flags = value(&block.options, 2).try_into().expect("four octets");
    let id = value(&block.options, 5).try_into().expect("eight octets");
    let time_ns = u64::from(block.ts_high) << 32 | u64::from(block.ts_low);
    assert_eq!(block.caplen, block.origlen);
    (
        block.if_id,
        u32::from_le_bytes(flags),
        u64::from_le_bytes(id),
        time_ns,
        block.packet_data().to_vec(),
    )
}

/// All packets of a capture, with their times.
fn read(path: &Path, max_packets: Option<u64>) -> Vec<(Option<u64>, Vec<u8>)> {
    let limits = Limits {
        ingress_mtu: 9216,
        max_packets,
        ..Limits::default()
    };
    let mut reader = Reader::open(path, limits).expect("a capture");
    let mut chunk = Chunk::new();
    let mut all = Vec::new();
    while reader.next_chunk(&mut chunk).expect("no damage") {
        let packets = chunk.packets().enumerate();
        all.extend(packets.map(|(at, packet)| (chunk.timestamp_ns(at), packet.to_vec())));
    }
    assert!(!reader.tally().truncated);
    all
}

#[test]
fn a_packet_and_what_was_sent_for_it_share_an_id() {
    let folder = written(CASE);
    let file = folder.path().join("https.esp-udp.aes-256-gcm@ring.pcapng");
    let bytes = fs::read(&file).expect("a file");
    let (mut rest, section) = parse_sectionheaderblock_le(&bytes).expect("a section");
    assert_eq!((section.major_version, section.minor_version), (1, 0));
    for name in ["plain", "wire"] {
        let (behind, interface) = parse_interfacedescriptionblock_le(rest).expect("an interface");
        assert_eq!(value(&interface.options, 2), name.as_bytes());
        assert_eq!(value(&interface.options, 9), [9]);
        assert_eq!(interface.linktype.0, 101);
        rest = behind;
    }
    let inner = read(&bundled("https.pcap"), Some(PACKETS as u64));
    for (id, (time_ns, packet)) in (1..).zip(&inner) {
        let (behind, block) = parse_enhancedpacketblock_le(rest).expect("a packet");
        let plain = parts(&block);
        let time_ns = time_ns.expect("a time");
        assert_eq!(plain, (0, 1, id, time_ns, packet.clone()));
        let (behind, block) = parse_enhancedpacketblock_le(behind).expect("a packet");
        let (interface, direction, wire_id, wire_ns, sealed) = parts(&block);
        assert_eq!(
            (interface, direction, wire_id, wire_ns),
            (1, 2, id, time_ns)
        );
        // 20 of IPv4, 8 of UDP, 16 of ESP header and IV, padding, trailer, 16 of ICV.
        let text = (packet.len() + 2).next_multiple_of(4);
        assert_eq!(sealed.len(), 20 + 8 + 16 + text + 16);
        rest = behind;
    }
    assert!(rest.is_empty());
    let both = read(&file, None);
    assert_eq!(both.len(), 2 * PACKETS);
    assert!(both.iter().step_by(2).eq(&inner));
    let sent = &json(&folder.path().join("tunnels.json"))["sent"][0];
    assert_eq!(sent["file"], sent["inner_file"]);
    assert_eq!(sent["packets"], PACKETS);
}

#[test]
fn its_keys_open_it() {
    for case in [
        CASE,
        "esp+esn/aes-256-gcm@ring",
        "esp6/chacha20-poly1305@ring",
        "esp/aes-128-cbc+hmac-sha-1-96@rustcrypto",
    ] {
        let folder = written(case);
        let name = format!("https.{}", case.replace('/', "."));
        let opened = folder.path().join("opened");
        let keys = folder.path().join(format!("{name}.esp_sa"));
        let arguments = ["--write", opened.to_str().unwrap(), "--esp-keys"];
        let file = folder.path().join(format!("{name}.pcapng"));
        let (code, said, complaint) = verify(&arguments, [&keys, &file]);
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{case}");
        assert!(
            said.contains(&format!("{PACKETS} of {PACKETS} packets")),
            "{said}"
        );
        let came = read(&opened.join(format!("{name}.opened.pcap")), None);
        let inner = read(&bundled("https.pcap"), Some(PACKETS as u64));
        assert_eq!(came.len(), inner.len());
        for ((_, came), (_, inner)) in came.iter().zip(&inner) {
            assert_eq!(came, &reference(2, inner).expect("forwarded"));
        }
    }
}

#[test]
fn what_wireshark_has_no_name_for_is_said() {
    let folder = written("esp/aes-256-gmac@ring");
    let keys = folder.path().join("https.esp.aes-256-gmac@ring.esp_sa");
    let said = fs::read_to_string(keys).expect("a file");
    assert!(said.starts_with("# SPI 0x"), "{said}");
    assert!(said.contains("no name for aes-256-gmac"), "{said}");
}

#[test]
fn a_format_without_a_folder_is_refused() {
    let (code, _, complaint) = verify(
        &["--format=pcapng"],
        [&bundled("dns.pcapng"), &bundled("https.pcap")],
    );
    assert_eq!(code, Some(2));
    assert!(complaint.contains("--write"), "{complaint}");
}
