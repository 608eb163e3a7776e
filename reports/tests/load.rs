//! A record of `load` that nobody measured: what is drawn of it, and that older ones are read.

mod common;

use serde_json::Value;
use tunneltax_reports::histogram;
use tunneltax_reports::load::{
    Arrivals, AtLoad, Bounds, Figures, LoadCase, LoadRecord, Pooled, Rate, SCHEMA, Service, Sight,
    Stalls, Throughput, Twin, compare, trial,
};
use tunneltax_reports::model::arrivals::Kind;
use tunneltax_reports::model::seen::Seen;
use tunneltax_reports::render::{self, TerminalStyle};
use tunneltax_reports::stats::Estimate;

const INSTANCES: u32 = 5;

fn estimate(mean: f64) -> Estimate {
    let off = (0..INSTANCES).map(|i| mean * (1.0 + 0.01 * (f64::from(i) - 2.0)));
    Estimate::from_instances(off.collect()).unwrap()
}

/// Packets of each of the instances, whose latency is so long and differs by a hundredth.
fn pooled(ns: f64, packets: u32) -> Pooled {
    let mut pooled = Pooled::default();
    for i in 0..INSTANCES {
        let mut seen = Seen::new();
        let own_ns = ns * (1.0 + 0.01 * (f64::from(i) - 2.0));
        for at in 0..packets {
            seen.packet(own_ns * if at % 50 == 0 { 4.0 } else { 1.0 }, own_ns / 2.0);
        }
        seen.elapsed_ns = 10.0 * ns * f64::from(packets);
        pooled.add(&seen);
    }
    pooled
}

fn at_load(percent: Option<f64>, speed_up: Option<f64>, ns: f64) -> AtLoad {
    let (modelled, paced) = (pooled(0.95 * ns, 2000), pooled(ns, 2000));
    let trials = [trial(&paced.all); 3];
    AtLoad {
        load_percent: percent,
        speed_up,
        streamed_pps: None,
        offered_pps: 1e6,
        offered_gbps: 1.0,
        modelled: Sight::new(&modelled, true),
        paced: Sight::new(&paced, false),
        all: compare(&modelled, &paced, &trials, true),
        quiet: None,
    }
}

fn rate(pps: f64) -> Rate {
    let of = |i: u32| Bounds {
        lower_pps: pps * (1.0 + 0.01 * f64::from(i)),
        upper_pps: Some(pps * (1.02 + 0.01 * f64::from(i))),
        conditional_pps: Some(pps),
        regular: i > 0,
    };
    Rate::over((0..INSTANCES).map(of).collect(), 125.0).unwrap()
}

fn case(name: &str, ns: f64) -> LoadCase {
    let loads = [10.0, 50.0, 90.0].map(|percent| at_load(Some(percent), None, ns + percent));
    let others = [at_load(None, None, ns), at_load(None, Some(500.0), ns)];
    LoadCase {
        case: name.to_owned(),
        passed: true,
        message: None,
        figures: Some(Figures {
            service: Service {
                histogram_ns: histogram::encode(&pooled(ns, 2000).all.latency),
                packets: 10_000,
                burst_ns: estimate(ns),
                single_ns: estimate(1.2 * ns),
                turn_ns: estimate(20.0),
                mixed_ns: Some(estimate(9.0)),
                limit_pps: estimate(1e9 / ns),
                limit_gbps: 1e3 / ns,
                idle: Vec::new(),
                stalls: Stalls {
                    threshold_ns: estimate(5000.0),
                    count: 40,
                    watched_seconds: 2.0,
                    per_second: 20.0,
                    rate: Some(estimate(20.0)),
                    histogram_ns: histogram::encode(&Seen::new().latency),
                },
            },
            loads: loads.into_iter().chain(others).collect(),
            throughput: Some(Throughput {
                trial_packets: 65_536,
                trials: 3,
                width_percent: 2.0,
                initial_packets: 8192,
                exceed_percent: 50.0,
                paced_trials: 90,
                modelled_ndr: rate(4e6),
                modelled_pdr: rate(4.1e6),
                modelled_quiet_ndr: rate(4.2e6),
                paced_ndr: rate(3.9e6),
                paced_pdr: rate(4e6),
            }),
        }),
    }
}

fn record() -> LoadRecord {
    let mut provenance = common::record().provenance;
    provenance.host.governor = Some("powersave".to_owned());
    LoadRecord {
        schema: SCHEMA.to_owned(),
        state: "complete".to_owned(),
        provenance,
        capture: None,
        workload: "mix".to_owned(),
        packets: 2000,
        mean_inner_bytes: 125.0,
        half: "send".to_owned(),
        arrivals: Arrivals {
            kind: Kind::Capture,
            backwards: 0,
            clipped: 0,
            missing: 0,
            streamed: 0,
        },
        burst: 32,
        ring: 1024,
        frames: 8192,
        made_again: 0,
        waited_seconds: 0.0,
        instances: INSTANCES,
        cases: vec![case("forward", 60.0), case("esp/aes-256-gcm@ring", 260.0)],
        twin: Some(Twin {
            case: "forward".to_owned(),
            modelled: Sight::new(&pooled(57.3, 2000), true),
            paced: Sight::new(&pooled(60.4, 2000), false),
        }),
    }
}

fn terminal(record: &LoadRecord) -> String {
    let style = TerminalStyle {
        width: 100,
        color: false,
        full: false,
    };
    render::load_terminal(record, &style).unwrap()
}

#[test]
fn drawn() {
    let text = terminal(&record());
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn every_look_has_intervals_differences_and_warnings() {
    let record = record();
    let looks = [
        terminal(&record),
        render::load_markdown(&record).unwrap(),
        render::load_html(&record).unwrap(),
    ];
    for look in &looks {
        let flat = look.split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in [
            "At the same load",
            "slower",
            "its times / 500",
            "powersave",
            "cpupower",
        ] {
            assert!(flat.contains(expected), "{expected:?} is missing: {flat}");
        }
        // 260 ns, 1 % apart: t × error is 5.1, and a step of the clock.
        assert!(flat.contains("260±"), "{flat}");
    }
}

#[test]
fn what_was_waited_for_and_paced_again_is_said() {
    let mut record = record();
    let said = |record: &LoadRecord| render::load_markdown(record).unwrap();
    assert!(!said(&record).contains("The core was waited for"));
    record.waited_seconds = 2.5;
    record.made_again = 7;
    let text = said(&record);
    assert!(text.contains("waited for 2.50 s"), "{text}");
    assert!(text.contains("and 7 paced trials"), "{text}");
}

/// Fields that records of before lack are taken out; what is left is read and drawn.
#[test]
fn a_record_of_before_is_read_and_drawn_without_intervals() {
    let mut of: Value = serde_json::from_str(&record().to_json()).unwrap();
    let new = [
        "quantiles",
        "latency_ns",
        "queue",
        "dropped_percent",
        "rate",
        "speed_up",
        "streamed_pps",
        "lower",
        "initial_packets",
        "exceed_percent",
        "paced_trials",
        "twin",
    ];
    strip(&mut of, &new);
    for case in of["cases"].as_array_mut().unwrap() {
        let loads = case["figures"]["loads"].as_array_mut().unwrap();
        loads.truncate(4);
        for load in loads {
            for of in ["modelled", "paced"] {
                load["all"].as_object_mut().unwrap().remove(of);
            }
        }
        for rate in [
            "paced_ndr",
            "paced_pdr",
            "modelled_ndr",
            "modelled_pdr",
            "modelled_quiet_ndr",
        ] {
            let rate = case["figures"]["throughput"][rate].as_object_mut().unwrap();
            rate.remove("instances");
        }
    }
    let old = LoadRecord::from_json("old", &of.to_string()).unwrap();
    assert_eq!(old.twin, None);
    let text = terminal(&old);
    assert!(
        text.contains("247 ns") && !text.contains("At the same load"),
        "{text}"
    );
    assert!(text.contains("3.98"), "{text}");
    render::load_html(&old).unwrap();
}

fn strip(of: &mut Value, names: &[&str]) {
    match of {
        Value::Object(fields) => {
            fields.retain(|name, _| !names.contains(&name.as_str()));
            fields.values_mut().for_each(|value| strip(value, names));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| strip(value, names)),
        _ => {}
    }
}

#[test]
fn what_a_full_ring_says_is_no_difference_between_cases() {
    let mut record = record();
    for case in &mut record.cases {
        let figures = case.figures.as_mut().unwrap();
        figures.loads[3].offered_pps = 5e6;
    }
    let text = terminal(&record);
    // Forward carries 16.7 million a second, the tunnel 3.85.
    assert!(
        text.contains("overloaded") && text.contains("cannot be compared there"),
        "{text}"
    );
    assert!(!text.contains("slower"), "{text}");
}
