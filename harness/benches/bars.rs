//! The speed that the project promises itself, judged by its own paired instrument:
//! `cargo bench --bench bars`. Hot, burst totals; a bar holds where the far end of the 95 %
//! interval over fresh instances is on its right side. Exit code 1 where one does not, or where
//! that cannot be told since the core was shared with another hardware thread. Rounds during
//! which it was are measured again, for some minutes.
//!
//! With `--test` every bar is measured once, briefly, and none is judged. A size, 64, 350 or
//! 1440, leaves out the others and the bars on reading.

mod support;

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::{self, Anchor};
use tunneltax_core::capture::{Chunk, Limits, Reader};
use tunneltax_core::clock::Clock;
use tunneltax_core::path::{Case, Kind, Setup, cases};
use tunneltax_core::replay::{Lane, Plan, Samples, measure};
use tunneltax_core::synth::Mix;
use tunneltax_core::workload::{Caches, Shape, Workload};
use tunneltax_reports::stats::{Estimate, median};

/// ESP less forwarding less the cipher alone, ns a packet, each way.
const ENCAPSULATION_NS: f64 = 25.0;
/// A 64-byte packet forwarded without rules.
const FORWARD_NS: f64 = 20.0;
/// The same with the security group and an established flow.
const FORWARD_RULES_NS: f64 = 40.0;
/// What stamping adds to a packet.
const STAMPING_NS: f64 = 20.0;
/// Reading and classifying, 1440-byte frames.
const READING_GIGABYTES: f64 = 1.2;
/// Reading and classifying, 90-byte frames.
const READING_MILLION_FRAMES: f64 = 10.0;

/// Looks at the core that tell how wide it is: half a second.
const WIDTH_LOOKS: usize = 100_000;
/// Parts in which the rounds of an instance are measured.
const SLICES: usize = 4;

/// Effort: instances, rounds of each, and seconds for all of a size.
#[derive(Clone, Copy)]
struct Effort {
    instances: usize,
    rounds: usize,
    size_seconds: f64,
    judged: bool,
}

/// A promise and what was measured.
struct Bar {
    name: String,
    figure: Estimate,
    unit: &'static str,
    limit: Limit,
    /// Some of it was measured on a core that another hardware thread had a part of, which only
    /// makes code slower: a bar that holds all the same holds.
    shared: bool,
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Bar {
    fn holds(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.figure.high.is_some_and(|high| high <= limit),
            Limit::AtLeast(limit) => self.figure.low.is_some_and(|low| low >= limit),
        }
    }

    fn print(&self, judged: bool) {
        let (sign, limit) = match self.limit {
            Limit::AtMost(limit) => ("≤", limit),
            Limit::AtLeast(limit) => ("≥", limit),
        };
        let verdict = match (judged, self.holds(), self.shared) {
            (false, ..) => "not judged",
            (true, true, _) => "holds",
            (true, false, false) => "BROKEN",
            (true, false, true) => "cannot tell: shared core",
        };
        let interval = match self.figure.low.zip(self.figure.high) {
            Some((low, high)) => format!("[{low:.2}, {high:.2}]"),
            None => "[one instance]".to_owned(),
        };
        println!(
            "{:<66} {:>8.2} {interval:>18} {sign} {limit:<5} {:<10} {verdict}",
            self.name, self.figure.mean, self.unit
        );
    }
}

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--test");
    let effort = if quick {
        Effort {
            instances: 2,
            rounds: 4,
            size_seconds: 0.0,
            judged: false,
        }
    } else {
        Effort {
            instances: 24,
            rounds: 120,
            size_seconds: 75.0,
            judged: true,
        }
    };
    let clock = Clock::measure();
    println!(
        "95 % intervals over {} fresh instances of {} rounds\n",
        effort.instances, effort.rounds
    );
    let mut bars = Vec::new();
    let mut judge = |bar: Bar| {
        bar.print(effort.judged);
        bars.push(bar);
    };
    let asked: Vec<u16> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    for size in [64, 350, 1440] {
        if asked.is_empty() || asked.contains(&size) {
            paths(size, effort, &clock, &mut judge);
        }
    }
    if asked.is_empty() {
        reading(effort, &mut judge);
    }
    let beyond: Vec<&Bar> = bars.iter().filter(|bar| !bar.holds()).collect();
    let untold = beyond.iter().filter(|bar| bar.shared).count();
    if effort.judged {
        println!("\n{} bars, {} broken", bars.len(), beyond.len() - untold);
        if untold > 0 {
            println!("{untold} cannot be told: run again when the core is not shared");
        }
    } else {
        println!("\n{} bars, {} beyond, not judged", bars.len(), beyond.len());
    }
    if effort.judged && !beyond.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// One value an instance, from the readings of several cases in the same rounds.
type Combine<'a> = dyn Fn(&[&Samples]) -> Option<f64> + 'a;

/// The bars on paths at one size: every case in the same rounds.
fn paths(size: u16, effort: Effort, clock: &Clock, judge: &mut impl FnMut(Bar)) {
    let names: Vec<&'static Case> = cases().filter(|case| case.kind != Kind::Variant).collect();
    let (instances, shared) = measure_instances(&names, size, effort, clock);
    let mut judge = |bar: Bar| judge(Bar { shared, ..bar });
    let judge = &mut judge;
    let estimate = |cases: &[&str], combine: &Combine<'_>| -> Option<Estimate> {
        let at: Option<Vec<usize>> = cases
            .iter()
            .map(|id| names.iter().position(|c| c.id == *id))
            .collect();
        let at = at?;
        let value = |samples: &Vec<Samples>| {
            let chosen: Vec<&Samples> = at.iter().map(|at| &samples[*at]).collect();
            combine(&chosen)
        };
        Estimate::from_instances(instances.iter().filter_map(value).collect())
    };
    if size == 64 {
        for (id, limit) in [
            ("forward/no-rules", FORWARD_NS),
            ("forward", FORWARD_RULES_NS),
        ] {
            let figure = estimate(&[id], &|s| median(&s[0].send_ns));
            bar(format!("{id}, send, {size} B"), figure, limit, judge);
        }
    }
    for case in names
        .iter()
        .filter(|c| c.kind == Kind::Bill && c.library.is_some())
    {
        let bare = case.id.replace("esp/", "bare/");
        let chosen = [case.id, "forward", bare.as_str()];
        let own_send = estimate(&chosen, &|s| own_share(s, |s| &s.send_ns));
        let own_receive = estimate(&chosen, &|s| own_share(s, |s| &s.receive_ns));
        bar(
            format!("{} − forward − {bare}, send, {size} B", case.id),
            own_send,
            ENCAPSULATION_NS,
            judge,
        );
        bar(
            format!("{} − forward − {bare}, receive, {size} B", case.id),
            own_receive,
            ENCAPSULATION_NS,
            judge,
        );
    }
    for id in ["forward", "esp/none", "esp/aes-256-gcm@ring"] {
        let send = estimate(&[id], &|s| median(&s[0].send_stamping_ns));
        let receive = estimate(&[id], &|s| median(&s[0].receive_stamping_ns));
        bar(
            format!("stamping {id}, send, {size} B"),
            send,
            STAMPING_NS,
            judge,
        );
        bar(
            format!("stamping {id}, receive, {size} B"),
            receive,
            STAMPING_NS,
            judge,
        );
    }
}

fn bar(name: String, figure: Option<Estimate>, limit: f64, judge: &mut impl FnMut(Bar)) {
    // A case that failed has no figure, and that breaks the bar.
    let figure = figure.unwrap_or(Estimate {
        mean: f64::NAN,
        low: None,
        high: None,
        instances: vec![],
    });
    judge(Bar {
        name,
        figure,
        unit: "ns/packet",
        limit: Limit::AtMost(limit),
        shared: false,
    });
}

/// Tunnel less forward less the cipher alone, paired reading by reading; the median reading, since
/// all packets of a workload here are of one size.
fn own_share(samples: &[&Samples], half: impl Fn(&Samples) -> &Vec<f64>) -> Option<f64> {
    let [tunnel, forward, bare] = samples else {
        return None;
    };
    let differences: Vec<f64> = half(tunnel)
        .iter()
        .zip(half(forward))
        .zip(half(bare))
        .map(|((tunnel, forward), bare)| tunnel - forward - bare)
        .collect();
    median(&differences)
}

/// Samples by instance, then by case, and whether some were measured on a shared core.
///
/// A bar is on the code and not on the neighbours: an instance goes on until it has its rounds
/// with the core to itself, as the anchors before and behind each round say. Where the time for
/// a size is over before, the rounds that it has count, and an instance that has next to none
/// counts with all of its rounds; both are said.
fn measure_instances(
    cases: &[&'static Case],
    size: u16,
    effort: Effort,
    clock: &Clock,
) -> (Vec<Vec<Samples>>, bool) {
    let chunk = support::chunk(Mix::Size(size), 1024);
    let workload = Workload::new(chunk.packets().collect());
    let shape = Shape::hot(
        workload.longest(),
        Setup::default().burst,
        Caches::default(),
    );
    let never = AtomicBool::new(false);
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(size));
    let looks = (0..WIDTH_LOOKS).filter_map(|_| Anchor::read(clock));
    let widest = anchor::widest(&looks.collect::<Vec<_>>()).unwrap_or(0.0);
    let start = Instant::now();
    let (mut shared_instances, mut fewest_rounds) = (0, effort.rounds);
    let instances = (0..effort.instances).map(|instance| {
        let setup = Setup {
            seed: instance as u64,
            ..Setup::default().for_packets(workload.len())
        };
        // As in a run: a moved heap, and lanes opened in an order of their own.
        let displacement: Vec<u8> = vec![0; rng.random_range(64..65_536)];
        let mut order: Vec<usize> = (0..cases.len()).collect();
        order.shuffle(&mut rng);
        let open = |at: &usize| Lane::open(cases[*at], &setup, false).expect("opens");
        let mut lanes: Vec<Lane> = order.iter().map(open).collect();
        std::hint::black_box(&displacement);
        let mut alone: Vec<bool> = Vec::new();
        let deadline = effort.size_seconds * (instance + 1) as f64 / effort.instances as f64;
        loop {
            let plan = Plan {
                shape,
                rounds: effort.rounds / SLICES,
                first_stretch: alone.len(),
                stop: &never,
            };
            let anchors = measure(&mut lanes, &workload, &plan, clock, &mut rng);
            if anchors.is_empty() {
                // No anchor on this architecture: the core is taken to be ours.
                alone.resize(alone.len() + plan.rounds, true);
            }
            let is_shared = |around: &[Anchor]| around.iter().any(|look| look.is_shared(widest));
            alone.extend(anchors.windows(2).map(|around| !is_shared(around)));
            let own = alone.iter().filter(|alone| **alone).count();
            let late = start.elapsed().as_secs_f64() > deadline;
            if own >= effort.rounds || (late && alone.len() >= effort.rounds) {
                if own < effort.rounds / SLICES {
                    shared_instances += 1;
                    alone.fill(true);
                } else {
                    fewest_rounds = fewest_rounds.min(own);
                }
                break;
            }
        }
        let mut samples: Vec<Samples> = vec![Samples::default(); cases.len()];
        for (lane, at) in lanes.into_iter().zip(order) {
            samples[at] = only(&lane.into_result().expect("a right round trip"), &alone);
        }
        samples
    });
    let instances = instances.collect();
    if shared_instances > 0 || fewest_rounds < effort.rounds {
        println!(
            "{size} B: {shared_instances} instances on a shared core, {fewest_rounds} rounds alone in the fewest of the others"
        );
    }
    (instances, shared_instances > 0)
}

/// The readings of the rounds that are kept; hot, so a reading a round.
fn only(samples: &Samples, keep: &[bool]) -> Samples {
    let of = |values: &Vec<f64>| -> Vec<f64> {
        let kept = values.iter().zip(keep).filter(|(_, keep)| **keep);
        kept.map(|(value, _)| *value).collect()
    };
    Samples {
        send_ns: of(&samples.send_ns),
        receive_ns: of(&samples.receive_ns),
        send_stamping_ns: of(&samples.send_stamping_ns),
        receive_stamping_ns: of(&samples.receive_stamping_ns),
        ..Samples::default()
    }
}

/// The bars on reading captures from the page cache; an instance is one walk over the file.
fn reading(effort: Effort, judge: &mut impl FnMut(Bar)) {
    for (frame_bytes, frames) in [(1440_u16, 60_000_usize), (90, 600_000)] {
        let file = support::ethernet_file(frame_bytes, frames);
        let mut chunk = Chunk::new();
        let mut seconds = || {
            let start = Instant::now();
            let mut reader = Reader::open(file.path(), Limits::default()).expect("a capture");
            while reader.next_chunk(&mut chunk).expect("whole frames") {}
            assert_eq!(reader.tally().frames_replayed, frames as u64);
            start.elapsed().as_secs_f64()
        };
        seconds();
        let walks: Vec<f64> = (0..effort.instances).map(|_| seconds()).collect();
        let rate = |per_walk: f64| {
            Estimate::from_instances(walks.iter().map(|s| per_walk / s).collect()).expect("walks")
        };
        let bytes = frames as f64 * f64::from(frame_bytes);
        judge(if frame_bytes == 90 {
            Bar {
                name: format!("reading a capture, {frame_bytes} B a frame"),
                figure: rate(frames as f64 / 1e6),
                unit: "M frames/s",
                limit: Limit::AtLeast(READING_MILLION_FRAMES),
                shared: false,
            }
        } else {
            Bar {
                name: format!("reading a capture, {frame_bytes} B a frame"),
                figure: rate(bytes / 1e9),
                unit: "GB/s",
                limit: Limit::AtLeast(READING_GIGABYTES),
                shared: false,
            }
        });
    }
}
