//! A record that nobody measured: deterministic, with the shapes that real ones have.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hdrhistogram::Histogram;
use tunneltax_reports::histogram;
use tunneltax_reports::record::{
    Build, Capture, Case, Clock, CpuCounts, Figures, Group, Host, Library, Noise, NullGate, Paired,
    Provenance, Quantile, Record, Row, SCHEMA, Stamped, Temperature, Work, WorkloadKind,
};
use tunneltax_reports::stats::{Estimate, smallest_difference};

pub const INSTANCES: usize = 8;
const SIZES: [u32; 6] = [64, 350, 576, 1024, 1350, 1440];
const CLASSES: [(&str, f64); 4] = [
    ("0-127", 74.0),
    ("128-511", 260.0),
    ("512-1023", 790.0),
    ("1024-1500", 1448.0),
];
const STAMPING_NS: f64 = 10.2;

/// Id, the case below, the step, fixed ns and ns a byte, of both ways together.
const CASES: [(&str, Option<&str>, &str, f64, f64); 8] = [
    ("forward", None, "forwarding", 21.0, 0.001),
    ("esp/none", Some("forward"), "encapsulation", 29.0, 0.002),
    (
        "esp/aes-256-gcm@ring",
        Some("esp/none"),
        "encryption + integrity",
        166.0,
        0.29,
    ),
    (
        "esp/aes-256-gcm@aws-lc",
        Some("esp/none"),
        "encryption + integrity",
        205.0,
        0.262,
    ),
    (
        "esp/aes-256-gcm@rustcrypto",
        Some("esp/none"),
        "encryption + integrity",
        84.0,
        0.62,
    ),
    (
        "esp/chacha20-poly1305@ring",
        Some("esp/none"),
        "encryption + integrity",
        360.0,
        0.8,
    ),
    (
        "esp/chacha20-poly1305@aws-lc",
        Some("esp/none"),
        "encryption + integrity",
        361.0,
        0.8,
    ),
    (
        "esp/chacha20-poly1305@rustcrypto",
        Some("esp/none"),
        "encryption + integrity",
        600.0,
        1.45,
    ),
];

/// A small generator of numbers, the same every time.
pub struct Seeded(pub u64);

impl Seeded {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Around 0, about as wide as a normal distribution of deviation 1.
    pub fn spread(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

pub fn estimate(values: impl IntoIterator<Item = f64>) -> Estimate {
    Estimate::from_instances(values.into_iter().collect()).unwrap()
}

fn instances(seeded: &mut Seeded, mean: f64, relative: f64) -> Vec<f64> {
    (0..INSTANCES)
        .map(|_| mean * (1.0 + relative * seeded.spread()))
        .collect()
}

fn minus(a: &[f64], b: &[f64]) -> Estimate {
    estimate(a.iter().zip(b).map(|(a, b)| a - b))
}

fn added(case: &str, size: u32) -> u32 {
    if case == "forward" {
        return 0;
    }
    // outer header, SPI and sequence number, IV, trailer and ICV, padding to 4
    20 + 8 + 8 + 2 + 16 + (4 - (size + 2) % 4) % 4
}

fn stamped(seeded: &mut Seeded, mean_ns: f64) -> Stamped {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    let mut packets = 0_u64;
    let mut sum = 0.0;
    // share of the packets, what they wait in addition, how wide that is
    let strata = [
        (2_425, 400, 0.0, 0.0),
        (29, 500, 30.0, 60.0),
        (1, 190, 400.0, 2_500.0),
        (1, 10, 9_000.0, 60_000.0),
    ];
    for (each, draws, wait, width) in strata {
        for _ in 0..draws {
            let ns = mean_ns * (1.0 + 0.02 * seeded.spread())
                + STAMPING_NS
                + wait
                + width * seeded.unit();
            let read = ((ns / 10.4).round() * 10.4).max(10.0);
            sum += read * f64::from(each);
            packets += u64::try_from(each).unwrap();
            histogram
                .record_n(read as u64, u64::try_from(each).unwrap())
                .unwrap();
        }
    }
    let mean = sum / packets as f64;
    // A step of the clock up and down, by instance; too few packets each for p99.9.
    let quantiles = [0.5, 0.9, 0.99].map(|quantile| {
        let all = histogram.value_at_quantile(quantile) as f64;
        let of = |instance: usize| all + 10.4 * (instance % 3) as f64 - 10.4;
        Quantile {
            quantile,
            ns: estimate((0..INSTANCES).map(of)),
        }
    });
    Stamped {
        quantiles: quantiles.to_vec(),
        tails: Vec::new(),
        histogram_ns: histogram::encode(&histogram),
        packets,
        mean_ns: mean,
        stamping_ns: estimate((0..INSTANCES).map(|_| mean - mean_ns + 0.05 * seeded.spread())),
    }
}

pub struct Workload<'a> {
    pub kind: WorkloadKind,
    pub name: &'a str,
    pub capture: Option<&'a str>,
    pub mean_bytes: f64,
    pub packets: u64,
}

/// Send and receive of a case on packets of a size, one value an instance.
type Times = (Vec<f64>, Vec<f64>);

pub fn group(seeded: &mut Seeded, of: &Workload<'_>, temperature: Temperature) -> Group {
    let warm = if temperature == Temperature::Warm {
        24.0 + of.mean_bytes * 0.03
    } else {
        0.0
    };
    let mut times: BTreeMap<&str, Times> = BTreeMap::new();
    for (id, below, _, fixed, slope) in CASES {
        let step = fixed + slope * of.mean_bytes + if below.is_none() { warm } else { 0.0 };
        let base = below.map_or_else(
            || (vec![0.0; INSTANCES], vec![0.0; INSTANCES]),
            |below| times[below].clone(),
        );
        let add = |base: &[f64], mean: f64, seeded: &mut Seeded| {
            instances(seeded, mean, 0.004)
                .iter()
                .zip(base)
                .map(|(a, b)| a + b)
                .collect()
        };
        times.insert(
            id,
            (
                add(&base.0, step * 0.48, seeded),
                add(&base.1, step * 0.52, seeded),
            ),
        );
    }
    let rows = CASES
        .map(|(id, below, ..)| row(seeded, of, &times, id, below))
        .to_vec();
    let null = |seeded: &mut Seeded, case: &str| {
        let twins: Vec<f64> = (0..INSTANCES).map(|_| 0.18 * seeded.spread()).collect();
        NullGate {
            case: case.to_owned(),
            smallest_percent: smallest_difference(&twins).unwrap(),
            difference_percent: estimate(twins),
        }
    };
    Group {
        kind: of.kind,
        workload: of.name.to_owned(),
        capture: of.capture.map(str::to_owned),
        temperature,
        packets: of.packets,
        mean_inner_bytes: of.mean_bytes,
        sizes: BTreeMap::new(),
        burst: 32,
        packets_per_reading: if temperature == Temperature::Hot {
            32
        } else {
            64
        },
        instances: INSTANCES as u32,
        measured_again: 0,
        shared_percent: 0.0,
        rounds: 240,
        anchor_ghz: 3.69,
        flows: None,
        anchor_width: 3.78,
        rows,
        null_gate: vec![
            null(seeded, "forward"),
            null(seeded, "esp/aes-256-gcm@ring"),
        ],
        stalls: None,
        passes: Vec::new(),
        payers: Vec::new(),
    }
}

/// A thousand packets; this CPU does not count what misses its caches.
fn cpu_counts(instructions: u64) -> CpuCounts {
    CpuCounts {
        packets: 1_000,
        instructions: Some(1_000 * instructions / 20),
        cycles: Some(1_000 * instructions / 80),
        branch_misses: Some(instructions / 100),
        cache_misses: None,
    }
}

fn row(
    seeded: &mut Seeded,
    of: &Workload<'_>,
    times: &BTreeMap<&str, Times>,
    id: &str,
    below: Option<&str>,
) -> Row {
    if id == "esp/chacha20-poly1305@rustcrypto" && of.name == "imix" {
        return Row {
            case: id.to_owned(),
            passed: false,
            message: Some("packet 17 came back changed at byte 20 of 576".to_owned()),
            figures: None,
        };
    }
    let (send, receive) = &times[id];
    let sum = |(send, receive): &Times| -> Vec<f64> {
        send.iter().zip(receive).map(|(a, b)| a + b).collect()
    };
    let pair = |other: &str| {
        let theirs = &times[other];
        Paired {
            case: other.to_owned(),
            send_ns: minus(send, &theirs.0),
            receive_ns: minus(receive, &theirs.1),
            sum_ns: minus(&sum(&times[id]), &sum(theirs)),
            sum_ratio: estimate(sum(&times[id]).iter().zip(sum(theirs)).map(|(a, b)| a / b)),
        }
    };
    let mut against: Vec<Paired> = below.map(pair).into_iter().collect();
    if below.is_some_and(|below| below != "forward") {
        against.push(pair("forward"));
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let send_stamped = stamped(seeded, mean(send));
    let receive_stamped = stamped(seeded, mean(receive));
    Row {
        case: id.to_owned(),
        passed: true,
        message: None,
        figures: Some(Figures {
            send_ns: estimate(send.clone()),
            receive_ns: estimate(receive.clone()),
            sum_ns: estimate(sum(&times[id])),
            disturbed_percent: [0.4, 0.2],
            clock_share_percent: [
                20.0 / (32.0 * mean(send)) * 100.0,
                20.0 / (32.0 * mean(receive)) * 100.0,
            ],
            // Half a nanosecond more than was calibrated.
            reading_ns: [0, 1].map(|_| {
                Some(estimate(
                    (0..INSTANCES).map(|at| 21.6 + 0.2 * (at % 3) as f64),
                ))
            }),
            against,
            send_stamped,
            receive_stamped,
            counted: (of.name == "64").then(|| [8_000, 10_000].map(cpu_counts)),
            work: work(of, id),
        }),
    }
}

fn work(of: &Workload<'_>, id: &str) -> Work {
    let capture = matches!(of.kind, WorkloadKind::Capture);
    let drops: BTreeMap<String, u64> = if capture && of.name == "https" {
        BTreeMap::from([("denied".to_owned(), 12), ("ttl_expired".to_owned(), 3)])
    } else {
        BTreeMap::new()
    };
    let dropped: u64 = drops.values().sum();
    let inner_bytes = (of.packets as f64 * of.mean_bytes) as u64;
    let sent = of.packets - dropped;
    Work {
        packets: of.packets,
        inner_bytes,
        sent_packets: sent,
        wire_packets: sent,
        sent_inner_bytes: inner_bytes - dropped * 60,
        wire_bytes: inner_bytes - dropped * 60 + sent * u64::from(added(id, of.mean_bytes as u32)),
        over_mtu: if id != "forward" && of.mean_bytes > 800.0 && of.capture.is_some() {
            of.packets / 3
        } else {
            0
        },
        fragments: 0,
        icmp_answers: 0,
        drops,
        verified: sent,
    }
}

/// The whole record, made once.
pub fn record() -> Record {
    static RECORD: LazyLock<Record> = LazyLock::new(made);
    RECORD.clone()
}

/// Seven generated workloads hot and warm, two captures with classes.
fn made() -> Record {
    let mut seeded = Seeded(7);
    let mut groups = Vec::new();
    for temperature in [Temperature::Hot, Temperature::Warm] {
        for size in SIZES {
            let name = size.to_string();
            let of = Workload {
                kind: WorkloadKind::Size,
                name: &name,
                capture: None,
                mean_bytes: f64::from(size),
                packets: 4096,
            };
            groups.push(group(&mut seeded, &of, temperature));
        }
        let imix = Workload {
            kind: WorkloadKind::Mix,
            name: "imix",
            capture: None,
            mean_bytes: 361.8,
            packets: 4096,
        };
        groups.push(group(&mut seeded, &imix, temperature));
        for (capture, mean_bytes, packets) in [("https", 912.4, 6021), ("dns", 118.6, 800)] {
            let of = Workload {
                kind: WorkloadKind::Capture,
                name: capture,
                capture: Some(capture),
                mean_bytes,
                packets,
            };
            groups.push(group(&mut seeded, &of, temperature));
        }
    }
    for (capture, classes) in [("https", &CLASSES[..]), ("dns", &CLASSES[..2])] {
        for (class, mean_bytes) in classes {
            let name = format!("{capture} {class}");
            let of = Workload {
                kind: WorkloadKind::Class,
                name: &name,
                capture: Some(capture),
                mean_bytes: *mean_bytes,
                packets: 700,
            };
            groups.push(group(&mut seeded, &of, Temperature::Hot));
        }
    }
    Record {
        schema: SCHEMA.to_owned(),
        state: "complete".to_owned(),
        carries_addresses: false,
        provenance: provenance(),
        scenario: None,
        captures: captures(),
        cases: CASES
            .map(|(id, below, step, ..)| Case {
                id: id.to_owned(),
                title: id.to_owned(),
                stages: vec!["parse".to_owned(), "route".to_owned()],
                step_of: below.map(str::to_owned),
                step: step.to_owned(),
                added_bytes: SIZES.map(|size| (size, added(id, size))).into(),
                point: None,
                text: None,
                fits: None,
            })
            .to_vec(),
        groups,
        waterfalls: Vec::new(),
        model_sizes: Vec::new(),
    }
}

fn captures() -> Vec<Capture> {
    let capture =
        |name: &str, read: u64, left_out: &[(&str, u64)], bytes: u64, truncated: bool| Capture {
            name: name.to_owned(),
            file: format!("pcaps/{name}.pcapng.zst"),
            sha256: Some("5f8d0e".repeat(10) + "abcd"),
            frames_read: read,
            super_frames: 0,
            checksums_filled: 0,
            segments: 0,
            frames_replayed: read - left_out.iter().map(|(_, n)| n).sum::<u64>(),
            left_out: left_out
                .iter()
                .map(|(reason, n)| ((*reason).to_owned(), *n))
                .collect(),
            truncated,
            inner_bytes: bytes,
            sides: None,
        };
    vec![
        capture(
            "https",
            6044,
            &[("arp", 14), ("over_ingress_mtu", 9)],
            5_493_560,
            false,
        ),
        capture("dns", 800, &[], 94_880, true),
    ]
}

fn provenance() -> Provenance {
    Provenance {
        started: "2026-02-03T04:05:06Z".to_owned(),
        seconds: 41.7,
        command: ["tunneltax", "run", "--seed", "7"]
            .map(str::to_owned)
            .to_vec(),
        seed: 7,
        build: Build {
            version: "0.1.0".to_owned(),
            commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
            dirty: Some(false),
            profile: "release".to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            target_features: ["aes", "avx2", "avx512f", "pclmulqdq", "vaes", "vpclmulqdq"]
                .map(str::to_owned)
                .to_vec(),
            binary_sha256: "0badcafe".repeat(8),
            lock_sha256: "feedbeef".repeat(8),
        },
        host: Host {
            cpu: "Example CPU 9000 (family 25, model 17, stepping 1)".to_owned(),
            microcode: Some("0xa101148".to_owned()),
            cpu_flags: ["aes", "vaes", "pclmulqdq", "avx512f"]
                .map(str::to_owned)
                .to_vec(),
            cores: 2,
            pinned_to: Some(1),
            l1d_bytes: Some(32 << 10),
            l2_bytes: Some(1 << 20),
            l3_bytes: Some(32 << 20),
            memory_bytes: Some(8 << 30),
            kernel: "Linux 6.12".to_owned(),
            governor: None,
            hypervisor: Some("KVM".to_owned()),
            counters: Some("not available here: No such file or directory (os error 2)".to_owned()),
        },
        clock: Clock {
            name: "time stamp counter, invariant".to_owned(),
            hertz: 2.45e9,
            step_ns: 10.4,
            reading_ns: 9.6,
            fenced_reading_ns: 21.3,
            invariant: true,
        },
        libraries: vec![Library {
            name: "ring".to_owned(),
            version: "0.17.14".to_owned(),
            code: BTreeMap::from([(
                "aes-256-gcm".to_owned(),
                "VAES + VPCLMULQDQ, AVX2".to_owned(),
            )]),
            chosen_at: "run time".to_owned(),
        }],
        noise: Noise {
            load_start: 0.31,
            load_end: 1.02,
            steal_percent: Some(0.4),
            involuntary_switches: Some(1204),
            anchor_min_ghz: 3.41,
            anchor_median_ghz: 3.69,
            anchor_max_ghz: 3.71,
            anchor_median_width: 3.78,
            anchor_max_width: 3.82,
            shared_percent: Some(4.2),
        },
    }
}
