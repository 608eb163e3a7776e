//! What workers do of what one does, from instances whose answer is known.

mod common;

use tunneltax_reports::render::{self, TerminalStyle};
use tunneltax_reports::scale::{
    BAR, Bar, Cpu, Instance, Judged, Load, Run, SCHEMA, Sas, Scale, Sharing, Spread, Subject,
    Worker, judge, sentences, tables,
};

/// A worker that takes so long for a packet.
fn worker(cpu: u32, packet_ns: f64, width: f64) -> Worker {
    let packets = 100_000;
    Worker {
        cpu,
        packets,
        too_old: 0,
        readings: 1000,
        cpu_ns: packet_ns * packets as f64,
        wall_ns: 1.25 * packet_ns * packets as f64,
        loop_ns: 1.5 * packet_ns * packets as f64,
        clocks_ns: 400.0,
        width: Some(width),
    }
}

fn idle(cpu: u32) -> Worker {
    Worker {
        packets: 0,
        readings: 0,
        cpu_ns: 0.0,
        wall_ns: 0.0,
        loop_ns: 0.0,
        clocks_ns: 0.0,
        width: None,
        ..worker(cpu, 1.0, 1.0)
    }
}

fn load(packets: u64) -> Load {
    Load {
        packets,
        bytes: 64 * packets,
    }
}

/// Two workers with so many of 100 packets, which take so long for each; one alone takes 200 ns.
/// `wobble` is what instances differ by, as a part: of all runs of an instance alike.
fn subject(parts: [u64; 2], two_ns: [f64; 2], wobble: f64) -> Subject {
    let instances = (0..12).map(|i| {
        let speed = 1.0 + wobble * f64::from(i % 4);
        let own = |ns: f64, cpu, width| worker(cpu, ns * speed, width);
        let two = |above: f64| {
            let pairs = two_ns.iter().zip(parts).enumerate();
            let workers = pairs.map(|(cpu, (ns, part))| match part {
                0 => idle(cpu as u32),
                _ => own(ns + above, cpu as u32, 3.5),
            });
            workers.collect::<Vec<_>>()
        };
        let run = |sas, workers| Run {
            sas,
            workers,
            nonces: 1000,
        };
        Instance {
            runs: vec![
                run(Sas::Shared, two(20.0)),
                run(Sas::Own, vec![own(200.0, 1, 3.6)]),
                run(Sas::Own, two(0.0)),
                run(Sas::Shared, vec![own(205.0, 0, 3.6)]),
            ],
        }
    });
    Subject {
        workload: "64 bytes".to_owned(),
        capture: None,
        all: load(100),
        flows: 20,
        largest_flow: load(*parts.iter().max().unwrap() / 2),
        burst: 32,
        packets_per_reading: 96,
        replay_window: 4096,
        run_seconds: 0.13,
        spreads: vec![
            Spread {
                loads: vec![load(100)],
            },
            Spread {
                loads: parts.map(load).to_vec(),
            },
        ],
        sharing: Some(Sharing {
            own_ns: vec![200.0, 204.0, 196.0],
            twin_above_ns: vec![0.1, -0.1, 0.0],
            shared_above_ns: vec![3.1, 2.9, 3.0],
        }),
        instances: instances.collect(),
    }
}

fn by(judged: &Judged, sas: Sas, workers: u32) -> [f64; 4] {
    let row = judged
        .rows
        .iter()
        .find(|row| (row.sas, row.workers) == (sas, workers))
        .expect("a row");
    [&row.packet_ns, &row.by_cpu, &row.by_wall, &row.as_spread].map(|estimate| estimate.mean)
}

fn close(one: f64, other: f64) -> bool {
    (one / other - 1.0).abs() < 1e-9
}

#[test]
fn two_that_are_as_fast_as_one_are_two() {
    let judged = judge(&subject([50, 50], [200.0, 200.0], 0.0));
    let [ns, cpu, wall, spread] = by(&judged, Sas::Own, 2);
    assert!(close(ns, 200.0) && close(cpu, 2.0) && close(wall, 2.0) && close(spread, 2.0));
    // One SA for both: 220 ns where one alone takes 200, and 205 on one worker.
    let [_, cpu, ..] = by(&judged, Sas::Shared, 2);
    assert!(close(cpu, 2.0 * 200.0 / 220.0), "{cpu}");
    let [_, cpu, ..] = by(&judged, Sas::Shared, 1);
    assert!(close(cpu, 200.0 / 205.0), "{cpu}");
    assert_eq!(judged.bar, Some(Bar::Holds));
    assert_eq!(judged.nonces, 12 * 4 * 1000);
}

/// A host that gets slower and faster by the instance moves no ratio: they are paired.
#[test]
fn what_an_instance_has_in_common_is_in_no_ratio() {
    let judged = judge(&subject([50, 50], [200.0, 200.0], 0.3));
    let row = &judged.rows[1];
    assert_eq!((row.sas, row.workers), (Sas::Own, 2));
    let half = |of: &tunneltax_reports::stats::Estimate| of.high.unwrap() - of.mean;
    assert!(half(&row.by_cpu) < 1e-9 && half(&row.packet_ns) > 10.0);
}

/// The worker with 80 of 100 packets is done last, and large packets on one worker are no gain.
#[test]
fn an_uneven_spread_is_weighted_and_the_busiest_one_limits() {
    let judged = judge(&subject([80, 20], [200.0, 200.0], 0.0));
    let [_, cpu, _, spread] = by(&judged, Sas::Own, 2);
    assert!(close(cpu, 2.0) && close(spread, 1.25), "{cpu} {spread}");
    // Worker 1 has the cheap packets: sums of rates would say 200 / 225 + 200 / 100 = 2.9.
    let judged = judge(&subject([80, 20], [225.0, 100.0], 0.0));
    let [ns, cpu, _, spread] = by(&judged, Sas::Own, 2);
    assert!(close(ns, 200.0) && close(cpu, 2.0), "{ns} {cpu}");
    assert!(close(spread, 200.0 / (0.8 * 225.0)), "{spread}");
}

#[test]
fn an_elephant_leaves_a_worker_without_work() {
    let judged = judge(&subject([100, 0], [200.0, 0.0], 0.0));
    let [_, cpu, wall, spread] = by(&judged, Sas::Own, 2);
    assert!(close(cpu, 1.0) && close(wall, 1.0) && close(spread, 1.0));
    assert_eq!(judged.bar, Some(Bar::Missed));
}

#[test]
fn the_bar_is_for_the_whole_interval() {
    // 2 × 200 / 220 = 1.82.
    let missed = judge(&subject([50, 50], [220.0, 220.0], 0.0));
    assert_eq!(missed.bar, Some(Bar::Missed));
    // A mean at the bar, instances on both sides of it.
    let mut unclear = subject([50, 50], [200.0, 200.0], 0.0);
    for (i, instance) in unclear.instances.iter_mut().enumerate() {
        for worker in &mut instance.runs[2].workers {
            worker.cpu_ns *= 2.0 / BAR * if i % 2 == 0 { 0.9 } else { 1.1 };
        }
    }
    assert_eq!(judge(&unclear).bar, Some(Bar::CannotTell));
}

#[test]
fn an_instance_without_its_yardstick_gives_no_row() {
    let mut subject = subject([50, 50], [200.0, 200.0], 0.0);
    subject.instances[3]
        .runs
        .retain(|run| run.workers.len() != 1);
    assert!(judge(&subject).rows.is_empty());
}

fn scale(subject: Subject, siblings: [Option<&str>; 2]) -> Scale {
    let cpu = |(id, siblings): (usize, Option<&str>)| Cpu {
        id: id as u32,
        siblings: siblings.map(str::to_owned),
    };
    Scale {
        schema: SCHEMA.to_owned(),
        state: "complete".to_owned(),
        provenance: common::record().provenance,
        cpus: siblings.into_iter().enumerate().map(cpu).collect(),
        case: "esp/aes-256-gcm@ring".to_owned(),
        subjects: vec![subject],
    }
}

fn said(scale: &Scale) -> String {
    let judged: Vec<Judged> = scale.subjects.iter().map(judge).collect();
    sentences(scale, &judged).join("\n")
}

#[test]
fn cores_are_told_by_the_kernel_and_by_themselves() {
    let even = || subject([50, 50], [200.0, 200.0], 0.0);
    let apart = said(&scale(even(), [Some("0"), Some("1")]));
    assert!(apart.contains("each is a core of its own"), "{apart}");
    assert!(apart.contains("no sign of a shared core"), "{apart}");
    let mut narrow = scale(even(), [Some("0-1"), Some("0-1")]);
    for instance in &mut narrow.subjects[0].instances {
        for worker in &mut instance.runs[2].workers {
            worker.width = Some(2.0);
        }
    }
    let narrow = said(&narrow);
    assert!(narrow.contains("hardware threads of 1 core."), "{narrow}");
    assert!(narrow.contains("they share cores"), "{narrow}");
    let unknown = said(&scale(even(), [Some("0"), None]));
    assert!(unknown.contains("does not say"), "{unknown}");
}

#[test]
fn drawn() {
    let style = TerminalStyle {
        width: 100,
        color: false,
        full: false,
    };
    let mut text = String::new();
    for mut subject in [
        subject([56, 44], [200.0, 204.0], 0.01),
        subject([100, 0], [200.0, 0.0], 0.01),
    ] {
        subject.instances[0].runs[0].workers[0].too_old = 40;
        let scale = scale(subject, [Some("0"), Some("1")]);
        let judged: Vec<Judged> = scale.subjects.iter().map(judge).collect();
        for table in tables(&scale.subjects[0], &judged[0]) {
            text += &render::table(&table, &style);
        }
        text += &[
            "\n",
            &render::paragraphs(&sentences(&scale, &judged), &style),
            "\n",
        ]
        .concat();
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_stored_one_is_read_as_it_was() {
    let scale = scale(subject([56, 44], [200.0, 204.0], 0.01), [Some("0"), None]);
    let text = serde_json::to_string(&scale).unwrap();
    assert_eq!(serde_json::from_str::<Scale>(&text).unwrap(), scale);
}
