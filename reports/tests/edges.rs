//! Records that are thin, odd or broken: every look draws them, and none shows a NaN.

mod common;

use tunneltax_reports::record::{Figures, Group, Record, RecordError};
use tunneltax_reports::render::{TerminalStyle, html, markdown, terminal};
use tunneltax_reports::stats::Estimate;

fn small() -> Record {
    let mut record = common::record();
    record
        .groups
        .retain(|group| matches!(group.workload.as_str(), "64" | "1440" | "dns" | "dns 0-127"));
    record
}

fn figures(record: &mut Record) -> impl Iterator<Item = &mut Figures> {
    let rows = record.groups.iter_mut().flat_map(|group| &mut group.rows);
    rows.filter_map(|row| row.figures.as_mut())
}

fn estimates(figures: &mut Figures) -> Vec<&mut Estimate> {
    let mut all = vec![
        &mut figures.send_ns,
        &mut figures.receive_ns,
        &mut figures.sum_ns,
        &mut figures.send_stamped.stamping_ns,
        &mut figures.receive_stamped.stamping_ns,
    ];
    for pair in &mut figures.against {
        all.extend([
            &mut pair.send_ns,
            &mut pair.receive_ns,
            &mut pair.sum_ns,
            &mut pair.sum_ratio,
        ]);
    }
    all
}

/// Every look, joined; none may fail or show what is no number.
fn draw(record: &Record) -> String {
    let mut text = String::new();
    for full in [false, true] {
        text += &terminal(
            record,
            &TerminalStyle {
                width: 80,
                color: false,
                full,
            },
        )
        .unwrap();
    }
    text += &markdown(record).unwrap();
    text += &html(record).unwrap();
    let words = text.split(|c: char| !c.is_alphabetic());
    for word in words {
        assert!(!matches!(word, "NaN" | "inf" | "Infinity"), "{word}");
    }
    text
}

#[test]
fn nothing_was_measured() {
    let mut record = small();
    record.groups.clear();
    assert!(draw(&record).contains("Nothing was measured."));
    record.captures.clear();
    record.cases.clear();
    draw(&record);
    let mut record = small();
    record
        .groups
        .iter_mut()
        .for_each(|group| group.rows.clear());
    assert!(draw(&record).contains("Nothing was measured."));
}

#[test]
fn one_instance_has_no_interval_and_tells_nothing() {
    let mut record = small();
    for figures in figures(&mut record) {
        for estimate in estimates(figures) {
            (estimate.low, estimate.high) = (None, None);
        }
    }
    let text = draw(&record);
    assert!(text.contains("cannot tell") && text.contains("an amount that can't be told"));
}

#[test]
fn without_a_null_gate_no_difference_is_told() {
    let mut record = small();
    record
        .groups
        .iter_mut()
        .for_each(|group| group.null_gate.clear());
    assert!(draw(&record).contains("None was measured, so no difference can be told."));
}

#[test]
fn a_difference_that_may_be_nothing_is_a_bound() {
    let mut record = small();
    for figures in figures(&mut record) {
        for pair in figures
            .against
            .iter_mut()
            .filter(|pair| pair.case == "esp/none")
        {
            pair.sum_ns = Estimate {
                mean: 0.1,
                low: Some(-4.0),
                high: Some(4.2),
                instances: Vec::new(),
            };
        }
    }
    let text = draw(&record);
    assert!(text.contains("less than 4.2 ns"));
    let spelled = ["cannot tell (&lt; 4.20)", "cannot tell (< 4.20)"];
    assert!(spelled.iter().all(|words| text.contains(words)), "{text}");
    let narrow = TerminalStyle {
        width: 40,
        color: false,
        full: false,
    };
    assert!(terminal(&record, &narrow).unwrap().contains("<4.2"));
}

#[test]
fn super_frames_are_said_and_old_records_have_none() {
    let mut record = small();
    let mut old = serde_json::to_value(&record).unwrap();
    for capture in old["captures"].as_array_mut().unwrap() {
        let capture = capture.as_object_mut().unwrap();
        assert!(capture.remove("super_frames").is_some());
        assert!(capture.remove("segments").is_some());
        assert!(capture.remove("checksums_filled").is_some());
    }
    assert_eq!(serde_json::from_value::<Record>(old).unwrap(), record);
    assert!(!markdown(&record).unwrap().contains("super-frame"));

    let dns = record.captures.iter_mut().find(|c| c.name == "dns");
    let dns = dns.expect("a capture of that name");
    (dns.super_frames, dns.segments) = (1, 1201);
    dns.frames_replayed = 1990;
    dns.left_out = [("arp".to_owned(), 10)].into();
    assert_eq!((dns.frames_read, dns.packets_read()), (800, 2000));
    let line =
        "1,990 of 2,000 frames replayed (1 super-frame cut into 1,201 segments; left out: arp 10)";
    let words = |said: &str| said.split_whitespace().collect::<Vec<_>>().join(" ");
    let wide = TerminalStyle {
        width: 400,
        color: false,
        full: true,
    };
    assert!(words(&terminal(&record, &wide).unwrap()).contains(line));
    let table = words(&markdown(&record).unwrap());
    assert!(table.contains("| capture | read | super-frames | segments | replayed |"));
    assert!(table.contains("| dns | 800 | 1 | 1,201 | 1,990 |"));
    let page = html(&record).unwrap();
    assert!(page.contains("super-frames") && page.contains("1,201"));
    draw(&record);

    assert!(!table.contains("filled in"));
    let dns = record.captures.iter_mut().find(|c| c.name == "dns");
    dns.expect("a capture of that name").checksums_filled = 7;
    let line = "(1 super-frame cut into 1,201 segments; 7 header checksums filled in; left out:";
    assert!(words(&terminal(&record, &wide).unwrap()).contains(line));
    let table = words(&markdown(&record).unwrap());
    assert!(table.contains("| dns | 800 | 1 | 1,201 | 7 | 1,990 |"));
}

#[test]
fn zero_packets_and_zero_sizes() {
    let mut record = small();
    for group in &mut record.groups {
        (
            group.packets,
            group.mean_inner_bytes,
            group.packets_per_reading,
        ) = (0, 0.0, 0);
    }
    record
        .captures
        .iter_mut()
        .for_each(|capture| capture.frames_replayed = 0);
    for figures in figures(&mut record) {
        figures.work = tunneltax_reports::record::Work::default();
        for stamped in [&mut figures.send_stamped, &mut figures.receive_stamped] {
            (stamped.packets, stamped.mean_ns) = (0, 0.0);
            stamped.histogram_ns.clear();
        }
    }
    draw(&record);
}

#[test]
fn figures_that_are_no_numbers() {
    for bad in [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -5.0,
        0.0,
        1e300,
        f64::MAX,
    ] {
        let mut record = small();
        for figures in figures(&mut record) {
            figures.clock_share_percent = [bad, bad];
            figures.send_stamped.mean_ns = bad;
            for estimate in estimates(figures) {
                *estimate = Estimate {
                    mean: bad,
                    low: Some(bad),
                    high: Some(bad),
                    instances: vec![bad],
                };
            }
        }
        for group in &mut record.groups {
            group.anchor_ghz = bad;
            group.mean_inner_bytes = bad;
            for gate in &mut group.null_gate {
                gate.smallest_percent = bad;
                gate.difference_percent.mean = bad;
            }
        }
        let clock = &mut record.provenance.clock;
        (clock.step_ns, clock.reading_ns, clock.hertz) = (bad, bad, bad);
        record.provenance.seconds = bad;
        draw(&record);
    }
}

/// Ten times half of it is more than the largest number.
#[test]
fn an_interval_as_wide_as_all_numbers() {
    let mut record = small();
    for figures in figures(&mut record) {
        for estimate in estimates(figures) {
            (estimate.low, estimate.high) = (Some(0.0), Some(1e308));
        }
    }
    draw(&record);
}

#[test]
fn every_row_failed() {
    let mut record = small();
    for row in record.groups.iter_mut().flat_map(|group| &mut group.rows) {
        (row.passed, row.message, row.figures) = (false, None, None);
    }
    assert!(draw(&record).contains("no figures, and no word why"));
}

#[test]
fn steps_that_contradict_each_other() {
    let mut record = small();
    record.cases[0].step_of = Some("esp/aes-256-gcm@ring".to_owned());
    draw(&record);
    record.cases[0].step_of = Some("forward".to_owned());
    record.cases[1].step_of = Some("nobody".to_owned());
    draw(&record);
    record.cases.clear();
    draw(&record);
}

#[test]
fn parts_of_a_run() {
    let keep = |keep: fn(&Group) -> bool| {
        let mut record = small();
        record.groups.retain(keep);
        draw(&record)
    };
    keep(|group| group.workload == "dns");
    keep(|group| group.workload == "dns 0-127");
    keep(|group| group.workload == "64");
    for case in ["forward", "esp/none", "esp/aes-256-gcm@ring"] {
        let mut record = small();
        record
            .groups
            .iter_mut()
            .for_each(|group| group.rows.retain(|row| row.case == case));
        draw(&record);
    }
}

#[test]
fn huge_names_are_cut() {
    let mut record = small();
    let huge = "ä".repeat(100_000);
    for group in &mut record.groups {
        group.workload = if group.capture.is_some() {
            huge.clone()
        } else {
            group.workload.clone()
        };
        for row in &mut group.rows {
            row.case = format!("{}/{huge}@{huge}", row.case);
        }
    }
    record.captures[0].name.clone_from(&huge);
    record.provenance.host.cpu.clone_from(&huge);
    record.provenance.command = vec![huge];
    assert!(draw(&record).len() < 1_500_000);
}

#[test]
fn a_damaged_histogram_is_named() {
    let mut record = small();
    figures(&mut record)
        .nth(2)
        .unwrap()
        .send_stamped
        .histogram_ns = "HISTFAAA".to_owned();
    let refused = markdown(&record).unwrap_err();
    let RecordError::Histogram { name, case, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!(
        (name.as_str(), case.as_str()),
        ("64", "esp/aes-256-gcm@ring")
    );
}

#[test]
fn what_disturbed_a_run_is_said() {
    let mut record = small();
    assert!(!draw(&record).contains("The two visits of a reading"));
    figures(&mut record).for_each(|figures| figures.disturbed_percent = [0.2, 7.3]);
    record.provenance.clock.invariant = false;
    let text = draw(&record);
    assert!(text.contains("more than half in up to 7.30 % of the readings"));
    assert!(text.contains("The clock is not invariant"));
}

#[test]
fn instances_that_were_measured_again_are_said_and_so_is_what_never_had_the_core() {
    let flat = |record: &Record| {
        let text = markdown(record).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut record = small();
    assert!(!flat(&record).contains('†'));
    assert!(!flat(&record).contains("were measured again and do not count"));
    record.groups[0].measured_again = 3;
    let said = flat(&record);
    assert!(
        said.contains(
            "3 instances that shared their core were measured again and do not count; every group had a core of \
             its own, but for short whiles."
        ),
        "{said}"
    );
    // 3.82 additions a cycle is the most in the run.
    record.groups[0].anchor_width = 2.2;
    let name = record.groups[0].workload.clone();
    let one = format!("do not count; {name} bytes, hot had none of its own all the same (†).");
    assert!(flat(&record).contains(&one), "{one}");
    let marked = format!("{name} †");
    assert!(flat(&record).contains(&marked) && html(&record).unwrap().contains(&marked));
    record.groups[0].anchor_width = 3.8;
    record.groups[0].shared_percent = 30.0;
    assert!(flat(&record).contains(&one), "{one}");
    for group in &mut record.groups {
        group.anchor_width = 2.2;
    }
    let all = format!(
        "{} groups had none of their own all the same (†) and",
        record.groups.len()
    );
    assert!(flat(&record).contains(&all), "{all}");
}

/// By rule 2 of the methodology, what one case drops is timed for none.
#[test]
fn packets_that_one_case_alone_drops_are_said_to_be_timed_for_none() {
    let mut record = small();
    assert!(!draw(&record).contains("are timed, those that every case carries"));
    let dns = record
        .groups
        .iter_mut()
        .find(|group| group.workload == "dns");
    let group = dns.unwrap();
    group.packets = 700;
    let row = group.rows.iter_mut().find(|row| row.case == "esp/none");
    let work = &mut row.unwrap().figures.as_mut().unwrap().work;
    work.drops.insert("fragmentation_needed".to_owned(), 100);
    let text = draw(&record).replace('\n', " ");
    assert!(
        text.contains("Of dns only 700 of 800 packets are timed"),
        "{text}"
    );
    assert!(text.contains("esp/none drops more than others do"));
}

/// The command can be pasted back into a shell.
#[test]
fn a_command_keeps_its_quotes() {
    let mut record = small();
    record.provenance.command = ["tunneltax", "run", "--case", "esp/*@ring", "it's.pcap"]
        .map(str::to_owned)
        .to_vec();
    let text = draw(&record);
    assert!(
        text.contains("tunneltax run --case 'esp/*@ring' 'it'\\''s.pcap'"),
        "{text}"
    );
}

/// A row that does not stand on its own path's framing says on what.
#[test]
fn a_row_that_stands_elsewhere_says_where() {
    let mut record = small();
    assert!(!draw(&record).contains(", on "));
    record.cases[2].step_of = Some("forward".to_owned());
    assert!(draw(&record).contains("+ ring, on forward"));
    record.cases[2].step_of = Some("esp/null+hmac@ring".to_owned());
    assert!(draw(&record).contains("+ ring, on null+hmac"));
    // On nothing: all of it, and no step.
    record.cases[2].step_of = None;
    let text = draw(&record);
    assert!(!text.contains("+ ring, on") && text.contains("\n  ring "));
}

#[test]
fn what_was_not_measured_is_said() {
    let mut record = small();
    let text = draw(&record);
    assert!(!text.contains("There was no time") && !text.contains("the case that it stands on"));
    let left = &mut record.captures[0].left_out;
    left.insert("left_by_plan".to_owned(), 77);
    record.cases.retain(|case| case.id != "esp/none");
    let text = draw(&record);
    assert!(text.contains("There was no time for every packet of "));
    assert!(text.contains("the case that it stands on: add --case esp/none."));
}

/// All instances drift alike by far more than the cases differ: only their pairs tell.
#[test]
fn the_cheapest_case_is_found_by_pairs() {
    let mut record = common::record();
    let cheapest = |record: &Record| {
        let text = markdown(record).unwrap();
        let from = text.find("Cheapest here").unwrap();
        text[from..].lines().next().unwrap().to_owned()
    };
    for figures in figures(&mut record) {
        let drift = (0_u8..).map(|at| f64::from(at) * 40.0);
        let drifted = figures.sum_ns.instances.iter().zip(drift);
        figures.sum_ns =
            Estimate::from_instances(drifted.map(|(ns, drift)| ns + drift).collect()).unwrap();
    }
    assert!(!cheapest(&record).contains("can't be told"));
    for figures in figures(&mut record) {
        let mean = figures.sum_ns.mean;
        for (at, ns) in figures.sum_ns.instances.iter_mut().enumerate() {
            let turn = if (at + mean as usize).is_multiple_of(2) {
                300.0
            } else {
                -300.0
            };
            *ns += turn;
        }
    }
    assert!(cheapest(&record).contains("can't be told"));
}
