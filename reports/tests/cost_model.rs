//! The cost model finds what was planted, predicts what it has not seen, and says where it is off.

mod common;

use std::collections::BTreeMap;

use common::{Seeded, Workload, estimate, group};
use tunneltax_reports::bill::{Bill, Cell, RowKind, cost_models};
use tunneltax_reports::record::{Case, Group, Paired, Record, Temperature, Text, WorkloadKind};
use tunneltax_reports::render::{TerminalStyle, html, markdown, terminal};

const GROUND: &str = "forward";
const SEALED: &str = "esp/aes-256-gcm@ring";
const PLAIN: &str = "esp/none";
const SIZES: [u32; 16] = [
    46, 50, 62, 94, 98, 126, 206, 210, 270, 334, 462, 530, 782, 914, 1166, 1454,
];
/// ESP with an AEAD: a trailer of 2, padded to 4.
const TEXT: Text = Text {
    front: 0,
    trailer: 2,
    alignment: 4,
    padded_most: None,
};

/// What is planted: 200 ns, 4 a block, 3 more for the first 12, 70 where the last is not full.
fn sealed_ns(size: u32) -> f64 {
    let text = (size + 2).next_multiple_of(4);
    let blocks = f64::from(text / 16);
    let open = if text.is_multiple_of(16) { 0.0 } else { 70.0 };
    200.0 + 4.0 * blocks + 3.0 * blocks.min(12.0) + open
}

/// And without a cipher: 50 ns and half a nanosecond for 64 octets.
fn plain_ns(size: u32) -> f64 {
    50.0 + 0.5 * f64::from(size.div_ceil(64))
}

/// A group whose ground takes `ground_ns` and whose cases take their mean over these sizes, times
/// a factor.
fn made(
    kind: WorkloadKind,
    name: &str,
    sizes: &[(u32, u64)],
    ground_ns: f64,
    factor: f64,
) -> Group {
    let of = Workload {
        kind,
        name,
        capture: None,
        mean_bytes: 64.0,
        packets: 4096,
    };
    let mut group = group(&mut Seeded(1), &of, Temperature::Hot);
    let packets: u64 = sizes.iter().map(|(_, count)| count).sum();
    let mean = |of: fn(u32) -> f64| -> f64 {
        let sum: f64 = sizes
            .iter()
            .map(|(size, count)| of(*size) * *count as f64)
            .sum();
        factor * sum / packets as f64
    };
    let around = |ns: f64| estimate([ns - 0.01, ns, ns + 0.01]);
    let template = group.rows[0].clone();
    let cases = [
        (GROUND, 0.0),
        (PLAIN, mean(plain_ns)),
        (SEALED, mean(sealed_ns)),
    ];
    group.rows = cases
        .iter()
        .map(|(case, step_ns)| {
            let mut row = template.clone();
            (*case).clone_into(&mut row.case);
            let figures = row.figures.as_mut().unwrap();
            figures.sum_ns = around(ground_ns + step_ns);
            figures.against = vec![Paired {
                case: GROUND.to_owned(),
                send_ns: around(step_ns / 2.0),
                receive_ns: around(step_ns / 2.0),
                sum_ns: around(*step_ns),
                sum_ratio: around(1.0 + step_ns / ground_ns),
            }];
            if *case == GROUND {
                figures.against.clear();
            }
            row
        })
        .collect();
    group.sizes = sizes.iter().copied().collect::<BTreeMap<u32, u64>>();
    group
}

fn case(id: &str, below: Option<&str>, text: Option<Text>) -> Case {
    Case {
        id: id.to_owned(),
        title: id.to_owned(),
        stages: vec!["parse".to_owned()],
        step_of: below.map(str::to_owned),
        step: "a step".to_owned(),
        added_bytes: BTreeMap::new(),
        text,
        point: None,
        fits: None,
    }
}

/// Sizes, and captures with these names and factors.
fn record(sizes: &[u32], captures: &[(&str, f64)]) -> Record {
    let of_size = |size: &u32| {
        made(
            WorkloadKind::Size,
            &size.to_string(),
            &[(*size, 1)],
            40.0,
            1.0,
        )
    };
    let mut groups: Vec<Group> = sizes.iter().map(of_size).collect();
    // Small and large packets, one of them not seen; another ground than that of the sizes.
    let mix = [(52, 500), (1440, 500)];
    let of_capture =
        |(name, factor): &(&str, f64)| made(WorkloadKind::Capture, name, &mix, 65.0, *factor);
    groups.extend(captures.iter().map(of_capture));
    Record {
        cases: vec![
            case(GROUND, None, None),
            case(PLAIN, Some(GROUND), None),
            case(SEALED, Some(PLAIN), Some(TEXT)),
        ],
        groups,
        ..common::record()
    }
}

#[test]
fn what_was_planted_is_found_and_predicts_what_was_not_seen() {
    let record = record(&SIZES, &[("bulk", 1.0)]);
    let bill = Bill::new(&record).unwrap();
    let models = cost_models(&bill);
    assert_eq!(models.len(), 1, "there are no warm sizes");
    let [plain, sealed] = &models[0].cases[..] else {
        panic!("the ground has no step");
    };
    assert_eq!(
        (sealed.id.as_str(), sealed.first_blocks),
        (SEALED, Some(12))
    );
    assert_eq!((plain.id.as_str(), plain.first_blocks), (PLAIN, None));
    assert!(sealed.worst_percent < 1e-6 && plain.worst_percent < 1e-6);
    for size in [40, 52, 576, 1440, 1500] {
        assert!(
            (sealed.step_ns(size) - sealed_ns(size)).abs() < 1e-6,
            "{size}"
        );
        assert!(
            (plain.step_ns(size) - plain_ns(size)).abs() < 1e-6,
            "{size}"
        );
    }
    let [bulk] = &sealed.predictions[..] else {
        panic!("one capture");
    };
    let by_hand = 65.0 + f64::midpoint(sealed_ns(52), sealed_ns(1440));
    assert!((bulk.predicted_ns - by_hand).abs() < 1e-6);
    assert!(bulk.off_percent().abs() < 1e-6);
    let said = models[0].sentence().unwrap();
    assert!(said.starts_with("hot: 2 of 2 predictions"), "{said}");
}

#[test]
fn a_workload_that_costs_more_than_its_lengths_is_off() {
    let record = record(&SIZES, &[("bulk", 1.0), ("odd", 1.2)]);
    let bill = Bill::new(&record).unwrap();
    let models = cost_models(&bill);
    let table = models[0].predictions().unwrap();
    let says = |workload: &str| -> Vec<&Cell> {
        let rows = table.rows.iter().filter(|row| row.label == workload);
        rows.filter(|row| row.kind == RowKind::Inner)
            .map(|row| row.cells.last().unwrap())
            .collect()
    };
    let text = |text: &str| Cell::Text(text.to_owned());
    assert_eq!(says("bulk"), [&text("holds"), &text("holds")]);
    assert_eq!(says("odd"), [&text("off"), &text("off")]);
    let said = models[0].sentence().unwrap();
    assert!(said.starts_with("hot: 2 of 4 predictions"), "{said}");
}

#[test]
fn with_too_few_sizes_there_is_no_model() {
    let record = record(&SIZES[..7], &[("bulk", 1.0)]);
    assert!(cost_models(&Bill::new(&record).unwrap()).is_empty());
    assert!(!html(&record).unwrap().contains("Cost model"));
}

#[test]
fn every_look_shows_it() {
    let record = record(&SIZES, &[("bulk", 1.0)]);
    let style = TerminalStyle {
        width: 100,
        color: false,
        full: true,
    };
    let looks = [
        html(&record).unwrap(),
        markdown(&record).unwrap(),
        terminal(&record, &style).unwrap(),
    ];
    for look in looks {
        assert!(look.contains("Cost model, hot"), "{look}");
        assert!(look.contains("Predicted against measured, hot"));
        assert!(look.contains("2 of 2 predictions are within 5 %"));
    }
}
