//! `overhead` says what the arithmetic of the paths says: as JSON, at every size, and as a table
//! that fits a narrow terminal. That the paths emit just that is proven in bench-core.

mod program;

use std::collections::BTreeSet;

use program::{text, tunneltax};
use serde_json::{Value, json};
use tunneltax_core::path::{Kind, cases};

/// Runs it, and reads the JSON.
fn computed(arguments: &[&str]) -> Value {
    let output = tunneltax([&["overhead", "--json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(output.stderr.len(), 0);
    serde_json::from_slice(&output.stdout).expect("one JSON value")
}

fn case<'v>(computed: &'v Value, id: &str) -> &'v Value {
    let cases = computed["cases"].as_array().expect("a list");
    let found = cases.iter().find(|case| case["case"] == id);
    found.unwrap_or_else(|| panic!("{id} is missing"))
}

#[test]
fn every_case_adds_what_its_path_adds_at_every_size() {
    let computed = computed(&[]);
    assert_eq!(computed["schema"], "tunneltax-overhead/1");
    assert_eq!(computed["mtu"], 1500);
    assert_eq!(computed["inner"], json!((20..=1500).collect::<Vec<_>>()));
    let mut expected = BTreeSet::new();
    for listed in cases().filter(|case| case.kind != Kind::Yardstick && case.hops > 0) {
        let (id, _) = listed.id.split_once('@').unwrap_or((listed.id, ""));
        // What is dropped has nothing added.
        let is_sent = |bytes: &usize| {
            let fits = Some(*bytes) <= listed.overhead.largest_inner_bytes(1500);
            fits || !id.contains("+drop/")
        };
        let added = |bytes: usize| is_sent(&bytes).then(|| listed.overhead.added_bytes(bytes));
        let added: Vec<Option<usize>> = (20..=1500).map(added).collect();
        assert_eq!(case(&computed, id)["added"], json!(added), "{}", listed.id);
        expected.insert(id);
    }
    let shown = computed["cases"].as_array().unwrap();
    let ids = shown.iter().map(|case| case["case"].as_str().unwrap());
    assert_eq!(ids.clone().count(), expected.len(), "each once");
    assert_eq!(ids.collect::<BTreeSet<_>>(), expected);
}

/// By hand, for AES-256-GCM: 20 of outer header, 8 of ESP header, 8 of IV, padding to 4, 2 of
/// trailer, 16 of ICV (RFC 4303, 2; RFC 4106, 3, 5 and 6).
#[test]
fn figures_are_those_of_a_calculation_by_hand() {
    let inner = "19-23,1446,1447,1500,2926,2927,65476-65480";
    let computed = computed(&[
        "--inner",
        inner,
        "--case",
        "esp/aes-256-gcm",
        "--case",
        "esp6/aes-256-gcm",
    ]);
    assert_eq!(computed["cases"].as_array().unwrap().len(), 2);
    let gcm = case(&computed, "esp/aes-256-gcm");
    // 20 + 2 are two short of 24. 65476 + 2 are two short of 65480, and 52 more are 65532;
    // from 65479 on that is 65536, which no IPv4 header can say.
    let at = |padding: u64| json!(20 + 8 + 8 + padding + 2 + 16);
    let expected = [
        (19, json!(null), json!(null)),
        (20, at(2), json!(1)),
        (21, at(1), json!(1)),
        (22, at(0), json!(1)),
        (23, at(3), json!(1)),
        (1446, at(0), json!(1)),
        // 1504 - 20 octets are 1480 and 4 in fragments.
        (1447, at(3), json!(2)),
        (1500, at(2), json!(2)),
        // 2980 - 20 octets are twice 1480.
        (2926, at(0), json!(2)),
        (2927, at(3), json!(3)),
        // 65532 - 20 octets are 44 times 1480 and 392.
        (65_476, at(2), json!(45)),
        (65_477, at(1), json!(45)),
        (65_478, at(0), json!(45)),
        (65_479, json!(null), json!(null)),
        (65_480, json!(null), json!(null)),
    ];
    let sizes = expected.iter().map(|(size, ..)| *size);
    let sizes: Vec<u32> = sizes.collect();
    assert_eq!(computed["inner"], json!(sizes));
    let added = expected.iter().map(|(_, added, _)| added);
    let added: Vec<&Value> = added.collect();
    assert_eq!(gcm["added"], json!(added));
    let fragments = expected.iter().map(|(.., fragments)| fragments);
    let fragments: Vec<&Value> = fragments.collect();
    assert_eq!(gcm["fragments"], json!(fragments));
    assert_eq!(gcm["largest_inner"], 1446);
    assert_eq!(gcm["mss_ipv4"], 1446 - 20 - 20);
    assert_eq!(gcm["mss_ipv6"], 1446 - 40 - 20);
    assert_eq!(case(&computed, "esp6/aes-256-gcm")["largest_inner"], 1426);
}

/// By hand, for OpenVPN over TCP: 20 + 20 of headers, 2 of length, 4 of opcode and peer, 4 of
/// packet number, 16 of tag; each further segment has 40 of headers.
#[test]
fn a_tunnel_in_tcp_is_cut_into_segments_at_any_mtu() {
    let alone = 20 + 20 + 2 + 4 + 4 + 16;
    for (mtu, inner, added, packets) in [
        ("1500", "1434,1435", [alone, alone + 40], [1, 2]),
        ("576", "510,1046,1047", [alone, alone + 40], [1, 2]),
    ] {
        let case_of = ["--case", "openvpn-tcp/aes-256-gcm"];
        let arguments = [&["--inner", inner, "--mtu", mtu], case_of.as_slice()].concat();
        let computed = computed(&arguments);
        let tcp = case(&computed, "openvpn-tcp/aes-256-gcm");
        for (at, (added, packets)) in added.into_iter().zip(packets).enumerate() {
            assert_eq!(tcp["added"][at], added, "{mtu}");
            assert_eq!(tcp["fragments"][at], packets, "{mtu}");
        }
        assert_eq!(tcp["segmented"], true);
        let mtu: u64 = mtu.parse().unwrap();
        assert_eq!(tcp["largest_inner"], mtu - alone);
    }
    // Two segments of 536 hold 1046 and 26 of framing, and not one octet more.
    let computed = computed(&[
        "--inner",
        "1047",
        "--mtu",
        "576",
        "--case",
        "openvpn-tcp/aes-256-gcm",
    ]);
    let tcp = case(&computed, "openvpn-tcp/aes-256-gcm");
    assert_eq!(
        (&tcp["added"][0], &tcp["fragments"][0]),
        (&json!(alone + 80), &json!(3))
    );
    assert_eq!(
        case(&self::computed(&["--inner=64"]), "esp/none")["segmented"],
        false
    );
}

#[test]
fn an_mtu_that_holds_no_packet_has_none() {
    let computed = computed(&["--mtu=84", "--inner=64"]);
    let forward = case(&computed, "forward");
    assert_eq!([&forward["largest_inner"], &forward["mss_ipv4"]], [84, 44]);
    assert_eq!(forward["mss_ipv6"], 24);
    // 84 - 40 - 8 of outer headers leave less than ESP takes.
    let udp6 = case(&computed, "esp6-udp/aes-256-gcm");
    for none in ["largest_inner", "mss_ipv4", "mss_ipv6"] {
        assert_eq!(udp6[none], json!(null), "{none}");
    }
    // 148 - 40 octets: 32 in each but the last, with 48 of headers, which takes up to 36.
    assert_eq!(udp6["fragments"], json!([4]));
}

#[test]
fn the_table_fits_eighty_columns_and_says_what_it_is() {
    let output = tunneltax(["overhead"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = text(&output.stdout);
    assert!(printed.starts_with("Computed from the standards of the headers, not measured."));
    let test = "what_is_sent_is_as_long_as_the_arithmetic_says";
    let proof = include_str!("../../bench-core/tests/variants.rs");
    assert!(printed.contains(test) && proof.contains(&format!("fn {test}()")));
    let row = |id: &str, from: &str| -> Vec<String> {
        let (_, table) = printed.split_once(from).expect("a table");
        let line = table
            .lines()
            .find(|line| line.starts_with(&format!("{id} ")));
        let cells = line.expect("a row").split_whitespace().skip(1);
        cells.map(str::to_owned).collect()
    };
    let gcm = row("esp/aes-256-gcm", "Bytes added");
    assert_eq!(gcm, ["56", "54", "56", "54", "56", "56", "56"]);
    let gcm = row("esp/aes-256-gcm", "What fits an outer MTU of 1500 bytes");
    assert_eq!(gcm, ["1446", "1406", "1386", "1", "2"]);
    for line in printed.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn what_cannot_be_computed_is_one_sentence() {
    for (arguments, expected) in [
        (vec!["--inner=9-"], "no range of them like 20-1500"),
        (vec!["--inner=0"], "no number of bytes from 1 to 65535"),
        (vec!["--inner=70000"], "no number of bytes from 1 to 65535"),
        (vec!["--inner=90-80"], "turn it around"),
        (vec!["--mtu=67"], "tunneltax --help"),
        (vec!["--case=esp/rot13"], "`tunneltax list`"),
        (vec!["--case=bare/*"], "`tunneltax list`"),
        (vec!["capture.pcap"], "tunneltax --help"),
    ] {
        let output = tunneltax([vec!["overhead"], arguments].concat());
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.starts_with("tunneltax: ") && said.contains(expected),
            "{said}"
        );
    }
}
