//! The looks of a comparison. Read the snapshots before blessing them.

use crate::common::Seeded;
use crate::made::{RING, another_day, held, run_of_one_day, slowed};
use tunneltax_reports::compare::{Comparison, Rule};
use tunneltax_reports::record::Temperature;
use tunneltax_reports::render::{TerminalStyle, comparison_markdown, comparison_terminal};

/// A comparison of three links a side with one of each verdict.
fn of_each() -> Comparison {
    let mut seeded = Seeded(24);
    let mut first = run_of_one_day();
    first
        .groups
        .retain(|group| group.temperature == Temperature::Hot);
    let mut day = || another_day(&first, &mut seeded, 0.0006, 0.001);
    let (mut before, mut after) = ([day(), day(), day()], [day(), day(), day()]);
    for (at, run) in before.iter_mut().enumerate() {
        run.provenance.build.binary_sha256 = format!("0badcafe{at}").repeat(7);
    }
    for (at, run) in after.iter_mut().enumerate() {
        slowed(run, "1440", Temperature::Hot, RING, 1.05);
        slowed(run, "64", Temperature::Hot, "esp/none", 0.9);
        let drift = 1.0 + 0.03 * at as f64;
        slowed(
            run,
            "64",
            Temperature::Hot,
            "esp/chacha20-poly1305@ring",
            drift,
        );
        let build = &mut run.provenance.build;
        build.commit = Some("fedcba9876543210fedcba9876543210fedcba98".to_owned());
        build.binary_sha256 = format!("deadbeef{at}").repeat(7);
        "0.17.15".clone_into(&mut run.provenance.libraries[0].version);
        let https = run
            .groups
            .iter_mut()
            .find(|group| group.workload == "https");
        let row = https
            .unwrap()
            .rows
            .iter_mut()
            .find(|row| row.case == RING)
            .unwrap();
        (row.passed, row.figures) = (false, None);
        row.message = Some("packet 3 came back changed".to_owned());
    }
    held(&before.each_ref(), &after.each_ref(), &Rule::default()).unwrap()
}

#[test]
fn terminal() {
    let style = TerminalStyle {
        width: 100,
        color: false,
        full: false,
    };
    let text = comparison_terminal(&of_each(), &style);
    assert!(text.lines().all(|line| line.chars().count() <= 100));
    insta::assert_snapshot!(text);
}

#[test]
fn markdown() {
    insta::assert_snapshot!(comparison_markdown(&of_each()));
}

#[test]
fn json() {
    let of = of_each();
    let value: serde_json::Value = serde_json::from_str(&of.to_json()).unwrap();
    assert_eq!(value["schema"], "tunneltax-comparison/1");
    assert_eq!(value["unit"], "link");
    assert_eq!(value["binaries"], serde_json::json!([3, 3]));
    assert!(value["floor_percent"].is_null());
    assert_eq!(value["floor_from"], "the default of --floor");
    assert_eq!(value["a"].as_array().unwrap().len(), 3);
    let differs = value["differs"].as_array().unwrap();
    let whats: Vec<&str> = differs
        .iter()
        .map(|of| of["what"].as_str().unwrap())
        .collect();
    assert_eq!(whats, ["commit", "program", "libraries"]);
    let verdicts = ["faster", "slower", "same", "cannot tell", "not comparable"];
    let rows = value["rows"].as_array().unwrap();
    for verdict in verdicts {
        assert!(
            rows.iter().any(|row| row["verdict"] == verdict),
            "{verdict}"
        );
    }
    for row in rows {
        assert!(row["case"].is_string() && row["group"]["workload"].is_string());
        assert!(verdicts.contains(&row["verdict"].as_str().unwrap()));
        if row["verdict"] == "not comparable" {
            assert!(row["percent"].is_null() && row["why"].is_string());
        } else {
            let percent = &row["percent"];
            let of = |key: &str| percent[key].as_f64().unwrap();
            assert!(of("low") <= of("mean") && of("mean") <= of("high"));
            assert!(row["p"].as_f64().unwrap() <= 1.0);
        }
    }
}
