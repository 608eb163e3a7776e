//! `run --waterfall`: the cases of a chain and no others, in one group, and the chain in the
//! record.

mod program;

use program::{folder, json, program, text};
use serde_json::Value;

fn run(arguments: &[&str]) -> (Option<i32>, String, Value) {
    let out = folder();
    let output = program()
        .args([
            "run",
            "--quiet",
            "--seconds=1",
            "--size=64",
            "--max-packets=50",
            "--out",
        ])
        .arg(out.path())
        .args(arguments)
        .arg(program::bundled("dns.pcapng"))
        .output()
        .expect("the program starts");
    let record = out.path().join("record.json");
    let record = if record.exists() {
        json(&record)
    } else {
        Value::Null
    };
    (output.status.code(), text(&output.stderr), record)
}

fn ids<'v>(of: &'v Value, key: &str) -> Vec<&'v str> {
    let list = of.as_array().expect("a list");
    list.iter().filter_map(|one| one[key].as_str()).collect()
}

#[test]
fn a_chain_is_measured_in_one_group_and_named_in_the_record() {
    let (code, said, record) = run(&["--waterfall"]);
    assert_eq!(code, Some(0), "{said}");
    let chains = &record["waterfalls"];
    assert_eq!(ids(chains, "id"), ["aes-256-gcm@ring"]);
    let main = ids(&chains[0]["links"], "case");
    assert_eq!((main.first(), main.len()), (Some(&"forward/parse"), 8));
    assert_eq!(main[7], "esp-udp-transit/aes-256-gcm@ring");
    let mut wanted = main;
    // What the bill's rows stand on beside the chain.
    wanted.extend(["esp/none", "esp-udp/none"]);
    wanted.sort_unstable();
    for group in record["groups"].as_array().expect("groups") {
        let mut rows = ids(&group["rows"], "case");
        rows.sort_unstable();
        assert_eq!(rows, wanted);
        let passed = |row: &Value| row["passed"] == true;
        assert!(group["rows"].as_array().unwrap().iter().all(passed));
    }
}

#[test]
fn another_cipher_is_named_behind_an_equals_sign() {
    let (code, said, record) = run(&["--waterfall=chacha20-poly1305@ring"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(ids(&record["waterfalls"], "id"), ["chacha20-poly1305@ring"]);
}

#[test]
fn a_cipher_without_a_chain_is_refused_with_those_that_have_one() {
    let (code, said, _) = run(&["--waterfall=aes-256-gmac@ring"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("no chain of cases for it; name one of aes-256-gcm@ring, "),
        "{said}"
    );
    let (code, said, _) = run(&["--waterfall", "--case=forward"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("cannot be used with"), "{said}");
}
