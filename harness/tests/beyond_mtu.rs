//! `--underlay`: what the record says of packets that do not fit, and that figures of cases
//! which drop some are of the packets that all of them carry.

mod program;

use program::{folder, json, pcap, text, tunneltax};
use serde_json::{Value, json};
use tunneltax_core::synth::{Mix, Recipe};

/// Packets of each kind.
const EACH: u64 = 40;

/// Ethernet frames of IPv4 packets: 200 bytes, 1500 without DF, 1500 with it, one after the other.
fn mixed() -> Vec<u8> {
    let packets = |size, dont_fragment| {
        let recipe = Recipe {
            dont_fragment,
            ..Recipe::new(Mix::Size(size), EACH as usize, u64::from(size))
        };
        recipe.chunk().expect("the recipe can be made")
    };
    let kinds = [
        packets(200, true),
        packets(1500, false),
        packets(1500, true),
    ];
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for at in 0..EACH as usize {
        for kind in &kinds {
            let packet = kind.packets().nth(at).expect("as many as asked for");
            frames.push([&[2; 12][..], &[8, 0], packet].concat());
        }
    }
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    pcap(&frames)
}

/// The group of the whole capture in the record of a run over it.
fn group(options: &[&str]) -> Value {
    let folder = folder();
    let capture = folder.path().join("mixed.pcap");
    std::fs::write(&capture, mixed()).expect("written");
    let out = folder.path().join("out");
    let paths = [capture.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let least = [
        "run",
        "--seconds=1",
        "--size=64",
        "--quiet",
        "--case=forward",
    ];
    let output = tunneltax([&least[..], &paths, options].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record = json(&out.join("record.json"));
    let groups = record["groups"].as_array().expect("groups").clone();
    let whole = groups.into_iter().find(|group| group["kind"] == "capture");
    whole.expect("the capture has a group")
}

fn row<'v>(group: &'v Value, case: &str) -> &'v Value {
    let rows = group["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["case"] == case);
    let row = row.unwrap_or_else(|| panic!("{case} is missing"));
    assert_eq!(row["passed"], true, "{row}");
    &row["figures"]
}

#[test]
fn what_a_case_drops_is_timed_for_none() {
    let group = group(&[
        "--underlay=drop",
        "--case=esp/aes-256-gcm@ring",
        "--case=esp/none",
    ]);
    let ids: Vec<&str> = group["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["case"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "forward",
            "esp/none",
            "esp/aes-256-gcm@ring",
            "esp+drop/none",
            "esp+drop/aes-256-gcm@ring"
        ]
    );
    // Only the small ones are carried by all; that they are all that is timed is in the mean.
    assert_eq!(group["packets"], EACH);
    assert_eq!(group["mean_inner_bytes"], 200.0);
    let dropping = row(&group, "esp+drop/aes-256-gcm@ring");
    let carrying = row(&group, "esp/aes-256-gcm@ring");
    // Both were timed on as many packets, and on whole walks over them.
    assert_eq!(
        dropping["send_stamped"]["packets"],
        carrying["send_stamped"]["packets"]
    );
    // Every packet is in the counts of either.
    assert_eq!(carrying["work"]["sent_packets"], 3 * EACH);
    assert_eq!(carrying["work"]["over_mtu"], 2 * EACH);
    assert_eq!(carrying["work"]["icmp_answers"], 0);
    let work = &dropping["work"];
    assert_eq!(work["packets"], 3 * EACH);
    assert_eq!(work["sent_packets"], EACH);
    assert_eq!(work["verified"], EACH);
    assert_eq!(work["over_mtu"], 0);
    assert_eq!(work["icmp_answers"], EACH);
    assert_eq!(
        work["drops"],
        json!({"fragmentation_needed": EACH, "over_mtu": EACH})
    );
    // The difference is to the case without the drop, on those packets.
    let against = dropping["against"].as_array().unwrap();
    assert_eq!(against[0]["case"], "esp/aes-256-gcm@ring");
}

#[test]
fn fragments_are_counted() {
    let group = group(&["--underlay=fragment", "--case=esp/aes-256-gcm@ring"]);
    // What may not be fragmented inside is timed for none.
    assert_eq!(group["packets"], 2 * EACH);
    assert_eq!(group["mean_inner_bytes"], 850.0);
    let counts = |case: &str| {
        let work = &row(&group, case)["work"];
        [
            "sent_packets",
            "wire_packets",
            "fragments",
            "over_mtu",
            "icmp_answers",
        ]
        .map(|count| work[count].as_u64().unwrap())
    };
    assert_eq!(counts("forward"), [3 * EACH, 3 * EACH, 0, 0, 0]);
    assert_eq!(
        counts("esp/aes-256-gcm@ring"),
        [3 * EACH, 3 * EACH, 0, 2 * EACH, 0]
    );
    let outside = counts("esp+fragment/aes-256-gcm@ring");
    assert_eq!(outside, [3 * EACH, 5 * EACH, 4 * EACH, 0, 0]);
    let inside = counts("esp+inner-fragment/aes-256-gcm@ring");
    assert_eq!(inside, [2 * EACH, 3 * EACH, 2 * EACH, 0, EACH]);
    // 200 and 2 need 2 more for a multiple of 4; two headers more of 20, or two tunnels' more.
    let bytes = |case: &str| row(&group, case)["work"]["wire_bytes"].as_u64().unwrap();
    let small = EACH * (200 + 2 + 2 + 52);
    let whole = EACH * 1556;
    assert_eq!(bytes("esp/aes-256-gcm@ring"), small + 2 * whole);
    assert_eq!(
        bytes("esp+fragment/aes-256-gcm@ring"),
        small + 2 * (whole + EACH * 20)
    );
    let cut = EACH * (1444 + 4 + 52 + 76 + 4 + 52);
    assert_eq!(bytes("esp+inner-fragment/aes-256-gcm@ring"), small + cut);
}

/// Sizes that are generated have no DF where something is to be fragmented inside.
#[test]
fn generated_packets_may_be_fragmented() {
    let folder = folder();
    let out = folder.path().to_str().unwrap().to_owned();
    let output = tunneltax([
        "run",
        "--seconds=1",
        "--size=1500",
        "--underlay=fragment",
        "--case=forward",
        "--case=esp/none",
        "--max-packets=300",
        "--out",
        &out,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record = json(&folder.path().join("record.json"));
    let groups = record["groups"].as_array().unwrap();
    let sizes = groups.iter().filter(|group| group["kind"] == "size");
    for group in sizes {
        let inside = &row(group, "esp+inner-fragment/none")["work"];
        assert_eq!(inside["fragments"], 2 * inside["packets"].as_u64().unwrap());
        assert_eq!(group["packets"], inside["packets"]);
    }
    let report = std::fs::read_to_string(folder.path().join("report.md")).expect("a report");
    assert!(report.contains("| fragments |"), "a column for them");
    let shown = text(&output.stdout);
    let words: Vec<&str> = shown.split_whitespace().collect();
    let said = "esp+fragment: 2,048 fragments; esp+inner-fragment: 2,048 fragments";
    assert!(words.join(" ").contains(said), "a line for them");
}

#[test]
fn an_underlay_that_no_case_has_is_refused() {
    for (arguments, expected) in [
        (
            ["run", "--underlay=drop", "--case=vxlan"],
            "--underlay drop: none of the cases",
        ),
        (
            ["run", "--underlay=whatever", "--case=esp/*"],
            "possible values: jumbo, fragment, drop",
        ),
        (
            ["run", "--underlay=drop", "--waterfall"],
            "cannot be used with",
        ),
    ] {
        let output = tunneltax(arguments);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(
            said.contains(expected) && said.lines().count() == 1,
            "{said}"
        );
    }
}
