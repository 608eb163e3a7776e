//! The cost model finds what was planted, predicts what it has not seen, and says where it is off.

mod common;

use std::collections::BTreeMap;

use common::{Seeded, Workload, estimate, group};
use tunneltax_reports::bill::{Bill, CaseModel, Cell, Prediction, RowKind, Says, cost_models};
use tunneltax_reports::model::cost::Stretch;
use tunneltax_reports::record::{Case, Group, Paired, Record, Temperature, Text, WorkloadKind};
use tunneltax_reports::render::{TerminalStyle, html, markdown, terminal};

const GROUND: &str = "forward";
const SEALED: &str = "esp/aes-256-gcm@ring";
const PLAIN: &str = "esp/none";
const SIZES: [u32; 30] = [
    46, 50, 62, 86, 94, 110, 126, 142, 154, 158, 190, 206, 210, 238, 254, 270, 294, 334, 382, 462,
    510, 530, 638, 782, 914, 1022, 1166, 1230, 1418, 1454,
];
/// ESP with an AEAD: a trailer of 2, padded to 4.
const TEXT: Text = Text {
    front: 0,
    trailer: 2,
    alignment: 4,
    padded_most: None,
};

/// What is planted. Below 16 blocks: 160 ns, 20 for 8 of them, 12 for one that is left. From there
/// 190, 30 for 16, 12 for one that is left, 7 for any. 40 and 2 an octet where the last is not full.
fn sealed_ns(size: u32) -> f64 {
    let text = (size + 2).next_multiple_of(4);
    let (blocks, octets) = (text / 16, text % 16);
    let (base, chunk, of_chunk, any) = match blocks {
        0..16 => (160.0, 8, 20.0, 0.0),
        _ => (190.0, 16, 30.0, 7.0),
    };
    let left = f64::from(blocks % chunk);
    base + f64::from(blocks / chunk) * of_chunk
        + 12.0 * left
        + if left > 0.0 { any } else { 0.0 }
        + if octets > 0 { 40.0 } else { 0.0 }
        + 2.0 * f64::from(octets)
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
    assert_eq!([plain.id.as_str(), sealed.id.as_str()], [PLAIN, SEALED]);
    let of = |from, chunk| Stretch { from, chunk };
    let stretches = |case: &CaseModel| -> Vec<Stretch> {
        let all = case.cost.stretches();
        all.iter().map(|of| of.stretch).collect()
    };
    assert_eq!(stretches(sealed), [of(0, 8), of(16, 16)]);
    assert_eq!(stretches(plain), [of(0, 4)]);
    assert_eq!(plain.cost.open(), [None, None]);
    let worst = [sealed, plain].map(|case| case.cost.worst_percent);
    assert!(worst.iter().all(|percent| *percent < 1e-6), "{worst:?}");
    for size in [40, 52, 576, 1440, 1500] {
        let off = sealed.step_ns(size) - sealed_ns(size);
        assert!(off.abs() < 1e-6, "{size}: {off}");
        let off = plain.step_ns(size) - plain_ns(size);
        assert!(off.abs() < 1e-6, "{size}: {off}");
    }
    let [bulk] = &sealed.predictions[..] else {
        panic!("one capture");
    };
    let by_hand = 65.0 + f64::midpoint(sealed_ns(52), sealed_ns(1440));
    assert!((bulk.predicted_ns - by_hand).abs() < 1e-6);
    assert!(bulk.off_percent().abs() < 1e-6);
    assert_eq!(bulk.says(), Says::Holds);
    let said = models[0].sentence().unwrap();
    assert!(said.starts_with("hot: 2 of 2 predictions"), "{said}");
}

/// What was measured for the model alone is fitted and is in no table.
#[test]
fn sizes_for_the_model_are_in_no_other_table() {
    let mut record = record(&SIZES, &[("bulk", 1.0)]);
    let all = cost_models(&Bill::new(&record).unwrap());
    record.model_sizes = SIZES.iter().copied().filter(|size| *size != 126).collect();
    let bill = Bill::new(&record).unwrap();
    let names: Vec<&str> = bill.groups.iter().map(|of| of.name.as_str()).collect();
    assert_eq!(names, ["126", "bulk"]);
    assert_eq!(bill.flagship().unwrap().name, "126");
    let fitted = cost_models(&bill);
    assert_eq!(fitted[0].sizes, all[0].sizes);
    let bulk = |of: &CaseModel| of.predictions[0].predicted_ns;
    assert!((bulk(&fitted[0].cases[1]) - bulk(&all[0].cases[1])).abs() < 1e-9);
}

/// Of eight sizes whose texts all end with 4 octets in the last block nothing is told of one that is
/// full.
#[test]
fn a_packet_like_none_that_was_fitted_is_predicted_without_an_interval() {
    let sizes = [64, 128, 256, 512, 704, 1024, 1280, 1440];
    let record = record(&sizes, &[("bulk", 1.0)]);
    let bill = Bill::new(&record).unwrap();
    let models = cost_models(&bill);
    let sealed = models[0].cases.last().unwrap();
    assert_eq!(
        (sealed.id.as_str(), sealed.cost.open()),
        (SEALED, [None, None])
    );
    let told = |sizes: &[u32]| {
        let lengths = sizes.iter().map(|size| (TEXT.bytes(*size), 1));
        sealed.cost.mean_ns(lengths).1.is_some()
    };
    assert!(told(&[64, 320, 1440]) && !told(&[64, 62]) && !told(&[40]) && !told(&[1500]));
}

/// Of sizes that shared their core nothing is fitted, and what did is no test of the model.
#[test]
fn a_shared_core_is_left_out_and_tests_nothing() {
    let mut record = record(&SIZES, &[("bulk", 1.0)]);
    record.groups[3].shared_percent = 50.0;
    let groups = record.groups.len();
    record.groups[groups - 1].anchor_width = 2.2;
    let models = cost_models(&Bill::new(&record).unwrap());
    assert_eq!((models[0].sizes, models[0].left_out), (SIZES.len() - 1, 1));
    assert!(models[0].table().note.contains("(1 more shared their core"));
    let says: Vec<Says> = models[0]
        .cases
        .iter()
        .map(|of| of.predictions[0].says())
        .collect();
    assert_eq!(says, [Says::CannotTell; 2]);
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
fn an_interval_that_reaches_over_the_bound_says_nothing() {
    let says = |off_percent: f64, half_ns: f64, measured_half_ns| {
        let of = Prediction {
            workload: "bulk".to_owned(),
            predicted_ns: 200.0 * (1.0 + off_percent / 100.0),
            half_ns: Some(half_ns),
            measured_ns: 200.0,
            measured_half_ns,
            shared_core: false,
        };
        of.says()
    };
    // 3 and 4 ns of 200: 2.5 %.
    assert_eq!(says(2.0, 3.0, Some(4.0)), Says::Holds);
    assert_eq!(says(-2.0, 3.0, Some(4.0)), Says::Holds);
    assert_eq!(says(-3.0, 3.0, Some(4.0)), Says::CannotTell);
    assert_eq!(says(7.0, 3.0, Some(4.0)), Says::CannotTell);
    assert_eq!(says(8.0, 3.0, Some(4.0)), Says::Off);
    assert_eq!(says(0.0, 3.0, None), Says::CannotTell);
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
        assert!(look.contains("2 of 2 predictions hold within 5 %"));
    }
}
