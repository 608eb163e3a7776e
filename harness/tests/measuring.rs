//! The instrument tells work from no work: a step done twice shows in the bill, a case is not
//! told from itself, and work that is skipped has no result.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::capture::Chunk;
use tunneltax_core::clock::Clock;
use tunneltax_core::fate::Reason;
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::{self, Case, PacketPath, Setup};
use tunneltax_core::proof::{Disproof, prove};
use tunneltax_core::replay::{self, Lane, Plan, Samples};
use tunneltax_core::synth::{Mix, Recipe};
use tunneltax_core::workload::{Caches, Labels, Shape, Workload};
use tunneltax_reports::stats::{CONFIDENCE, Estimate, stretch_mean};

static RUNNING: AtomicBool = AtomicBool::new(false);

/// A case that does what `inner` does, with something about it changed.
struct Changed {
    inner: Box<dyn PacketPath>,
    change: Change,
}

enum Change {
    /// Sends a copy of each packet through another path as well.
    AlsoSend(Box<dyn PacketPath>, Vec<Frame<'static>>),
    /// Loses each packet whose last byte says so.
    Lose,
    /// Never opens what it was sent.
    LeaveSealed,
    /// Sleeps in one of so many calls, [`NAP`] long.
    Nap { every: u32, calls: u32 },
}

const NAP: Duration = Duration::from_micros(300);

impl PacketPath for Changed {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        if let Change::AlsoSend(other, scratch) = &mut self.change {
            for (copy, frame) in scratch.iter_mut().zip(burst.iter()) {
                copy.load(frame.bytes());
            }
            let copies = burst.len().min(scratch.len());
            other.send(&mut scratch[..copies]);
        }
        if let Change::Nap { every, calls } = &mut self.change {
            *calls += 1;
            if calls.is_multiple_of(*every) {
                std::thread::sleep(NAP);
            }
        }
        self.inner.send(burst);
        if matches!(self.change, Change::Lose) {
            let unlucky = |frame: &&mut Frame<'_>| frame.bytes().last() == Some(&0);
            burst
                .iter_mut()
                .filter(unlucky)
                .for_each(|frame| frame.drop_as(Reason::NoRoute));
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        if !matches!(self.change, Change::LeaveSealed) {
            self.inner.receive(burst);
        }
    }
}

fn case(id: &str) -> &'static Case {
    path::find(id).expect("a case")
}

/// `id`, but opened by something else.
fn changed(id: &str, open: path::Make) -> &'static Case {
    Box::leak(Box::new(Case {
        make: open,
        ..*case(id)
    }))
}

fn open_changed(
    id: &str,
    setup: &Setup,
    change: Change,
) -> Result<Box<dyn PacketPath>, path::CaseError> {
    let inner = case(id).open(setup)?;
    Ok(Box::new(Changed { inner, change }))
}

fn also(id: &str, setup: &Setup) -> Result<Change, path::CaseError> {
    let other = case(id);
    let arena = Arena::new(
        setup.burst,
        other.overhead.headroom(),
        1500,
        other.overhead.tailroom(),
    );
    let scratch = Box::leak(Box::new(arena)).frames();
    Ok(Change::AlsoSend(other.open(setup)?, scratch))
}

fn packets(size: u16) -> Chunk {
    Recipe::new(Mix::Size(size), 512, 1)
        .chunk()
        .expect("packets")
}

/// Labels that the packets of a workload get, in turn.
const LABELS: u16 = 3;

/// The packets, with labels in turn, and with one label of its own for the first.
fn labelled(chunk: &Chunk) -> Workload<'_> {
    let packets: Vec<&[u8]> = chunk.packets().collect();
    let count = packets.len() as u16;
    let in_turn = (0..count).map(|at| at % LABELS).collect();
    let first = (0..count).map(|at| at.min(1)).collect();
    let labels = vec![Labels::new(in_turn, LABELS), Labels::new(first, 2)];
    Workload::new(packets).labelled(labels)
}

/// Measures fresh instances of the cases in turns.
fn measure(
    cases: [&'static Case; 2],
    chunk: &Chunk,
    rounds: usize,
    clock: &Clock,
    rng: &mut ChaCha8Rng,
) -> [Result<Samples, String>; 2] {
    measure_beside(cases, chunk, rounds, clock, rng).0
}

/// The same, and what was seen beside.
fn measure_beside(
    cases: [&'static Case; 2],
    chunk: &Chunk,
    rounds: usize,
    clock: &Clock,
    rng: &mut ChaCha8Rng,
) -> ([Result<Samples, String>; 2], replay::Beside) {
    use rand::RngExt;
    let workload = labelled(chunk);
    let setup = Setup {
        seed: rng.random(),
        ..Setup::default().for_packets(workload.len())
    };
    // As in a run: a moved heap, and lanes opened in an order of their own. Who is always opened
    // second finds the same heap every time, and that tells the two apart.
    let displacement: Vec<u8> = vec![0; rng.random_range(64..65_536)];
    let swapped: bool = rng.random();
    let [one, two] = cases;
    let in_order = if swapped { [two, one] } else { [one, two] };
    let mut lanes = in_order.map(|case| Lane::open(case, &setup, false).expect("opens"));
    std::hint::black_box(&displacement);
    let shape = Shape::hot(workload.longest(), setup.burst, Caches::default());
    let plan = Plan {
        shape,
        rounds,
        first_stretch: 0,
        stop: &RUNNING,
    };
    let beside = replay::measure(&mut lanes, &workload, &plan, clock, rng);
    let [first, second] = lanes.map(Lane::into_result);
    let samples = if swapped {
        [second, first]
    } else {
        [first, second]
    };
    (samples, beside)
}

/// Time a packet of the second case minus the first, in send, ns; one value an instance.
fn send_differences(cases: [&'static Case; 2], instances: usize, seed: u64) -> Vec<f64> {
    const ROUNDS: usize = 24;
    let clock = Clock::measure();
    let chunk = packets(256);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut instance = || {
        let [one, two] =
            measure(cases, &chunk, ROUNDS, &clock, &mut rng).map(|r| r.expect("a result"));
        let pairs = one.send_ns.iter().zip(&two.send_ns);
        let differences: Vec<f64> = pairs.map(|(one, two)| two - one).collect();
        stretch_mean(&differences, &one.stretch).expect("readings")
    };
    (0..instances).map(|_| instance()).collect()
}

/// The step is told from nothing: its interval lies above 0.
fn is_seen(what: &str, cases: [&'static Case; 2]) {
    let estimate = Estimate::from_instances(send_differences(cases, 10, 1)).expect("instances");
    let low = estimate.low.expect("an interval");
    assert!(
        low > 0.0,
        "{what} twice costs {:.1} ns more, at least {low:.1}",
        estimate.mean
    );
}

/// What labels are charged with is what all readings took, to the last digit, whoever's packets
/// they are; and every packet of every round is somebody's.
#[test]
fn labels_add_up_to_the_burst_totals() {
    const ROUNDS: usize = 5;
    let chunk = packets(256);
    let cases = [case("forward"), case("esp/aes-256-gcm@ring")];
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let packets = Shape::hot(256, Setup::default().burst, Caches::default()).packets_per_reading;
    for samples in measure(cases, &chunk, ROUNDS, &Clock::measure(), &mut rng) {
        let samples = samples.expect("a result");
        let halves = samples.send_ns.iter().chain(&samples.receive_ns);
        let total_ns = halves.sum::<f64>() * packets as f64;
        assert_eq!(samples.shares.len(), 2);
        for shares in &samples.shares {
            let charged_ns: f64 = shares.iter().map(|share| share.ns).sum();
            assert!((charged_ns - total_ns).abs() < 1e-6 * total_ns);
            let stamped: u64 = shares.iter().map(|share| share.packets).sum();
            assert_eq!(stamped, (ROUNDS * packets) as u64);
        }
        // Five rounds are less than a walk over 512 packets: the first packet came once.
        assert_eq!(samples.shares[1][0].packets, 1);
    }
}

#[test]
fn forwarding_twice_is_seen() {
    let twice = changed("forward", |_, s| {
        open_changed("forward", s, also("forward", s)?)
    });
    is_seen("forwarding", [case("forward"), twice]);
}

#[test]
fn encapsulating_twice_is_seen() {
    let twice = changed("esp/none", |_, s| {
        open_changed("esp/none", s, also("esp/none", s)?)
    });
    is_seen("encapsulating", [case("esp/none"), twice]);
}

#[test]
fn sealing_twice_is_seen_in_every_library() {
    for library in ["ring", "aws-lc"] {
        let id: &'static str = match library {
            "ring" => "esp/aes-256-gcm@ring",
            _ => "esp/aes-256-gcm@aws-lc",
        };
        let twice = match library {
            "ring" => changed(id, |_, s| {
                open_changed("esp/aes-256-gcm@ring", s, also("bare/aes-256-gcm@ring", s)?)
            }),
            _ => changed(id, |_, s| {
                open_changed(
                    "esp/aes-256-gcm@aws-lc",
                    s,
                    also("bare/aes-256-gcm@aws-lc", s)?,
                )
            }),
        };
        is_seen(library, [case(id), twice]);
    }
}

/// A/A, many times over: an interval misses the difference that is not there in 5 % of tries, as
/// it says, and not in so many more that chance cannot explain it.
#[test]
fn a_case_is_not_told_from_itself() {
    const TRIES: u32 = 24;
    const INSTANCES: usize = 6;
    const FALSE_ALARM: f64 = 1e-6;
    for id in ["forward", "esp/aes-256-gcm@ring"] {
        let pair = [case(id), case(id)];
        let differences = send_differences(pair, TRIES as usize * INSTANCES, 2);
        let misses = |instances: &&[f64]| {
            let estimate = Estimate::from_instances(instances.to_vec()).expect("instances");
            estimate.low > Some(0.0) || estimate.high < Some(0.0)
        };
        let told = differences.chunks(INSTANCES).filter(misses).count() as u32;
        println!("{id}: told from itself {told} times of {TRIES}");
        let chance = at_least(told, TRIES, 1.0 - CONFIDENCE);
        assert!(chance > FALSE_ALARM, "{id}: {told} times of {TRIES}");
    }
}

/// Chance of `successes` or more in so many tries.
fn at_least(successes: u32, tries: u32, probability: f64) -> f64 {
    let term = |k: u32| {
        let choose: f64 = (0..k)
            .map(|i| f64::from(tries - i) / f64::from(i + 1))
            .product();
        let (yes, no) = (f64::from(k), f64::from(tries - k));
        choose * probability.powf(yes) * (1.0 - probability).powf(no)
    };
    (successes..=tries).map(term).sum()
}

#[test]
fn the_binomial_tail_is_exact() {
    assert!((at_least(0, 10, 0.3) - 1.0).abs() < 1e-12);
    assert!((at_least(10, 10, 0.5) - 2_f64.powi(-10)).abs() < 1e-15);
    assert!((at_least(2, 3, 0.5) - 0.5).abs() < 1e-15);
}

#[test]
fn a_path_that_loses_packets_has_no_result() {
    let loser = changed("forward", |_, s| open_changed("forward", s, Change::Lose));
    let chunk = packets(256);
    let all = Workload::new(chunk.packets().collect());
    let proof = prove(loser, &Setup::default(), &all).expect("a loss has its reason");
    let lost = proof.drops.total();
    assert!(lost > 0, "some packet ends in a zero");
    assert_eq!(
        proof.verified + lost,
        all.len() as u64,
        "what is lost is not verified"
    );
    assert_eq!(proof.carried.iter().filter(|c| !**c).count() as u64, lost);
    failed(
        [case("forward"), loser],
        &chunk,
        "dropped in the timed loop: no_route",
    );
}

#[test]
fn a_path_that_skips_the_opening_has_no_result() {
    let id = "esp/aes-256-gcm@ring";
    let lazy = changed(id, |_, s| {
        open_changed("esp/aes-256-gcm@ring", s, Change::LeaveSealed)
    });
    let chunk = packets(256);
    let all = Workload::new(chunk.packets().collect());
    let disproof = prove(lazy, &Setup::default(), &all).map(|_| ());
    assert_eq!(disproof, Err(Disproof::Different(0)));
    failed(
        [case(id), lazy],
        &chunk,
        "came out different in the timed loop",
    );
}

/// A plain forward in the place of a tunnel comes out right, and is told by what it sent.
#[test]
fn a_path_that_skips_the_tunnel_is_told_by_its_bytes() {
    let bypass = changed("esp/none", |_, s| case("forward").open(s));
    let chunk = packets(256);
    let all = Workload::new(chunk.packets().collect());
    let disproof = prove(bypass, &Setup::default(), &all).map(|_| ());
    assert_eq!(disproof, Err(Disproof::Length(0)));
    let honest = prove(case("esp/none"), &Setup::default(), &all).expect("comes out right");
    let added = all.len() * case("esp/none").overhead.added_bytes(256);
    assert_eq!(honest.wire_bytes, all.inner_bytes() + added as u64);
}

/// The framing without the cipher in the place of a sealed tunnel: right bytes out, right
/// length, and the payload in the clear.
#[test]
fn a_path_that_skips_the_cipher_is_told_by_the_clear_text() {
    let id = "esp/aes-256-gcm@ring";
    let clear = changed(id, |_, s| case("esp/none").open(s));
    let chunk = packets(256);
    let all = Workload::new(chunk.packets().collect());
    let disproof = prove(clear, &Setup::default(), &all).map(|_| ());
    assert_eq!(disproof, Err(Disproof::Leaked(0)));
}

/// The second case fails with a message, and takes nothing from the first.
fn failed(cases: [&'static Case; 2], chunk: &Chunk, expected: &str) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let [right, wrong] = measure(cases, chunk, 4, &Clock::measure(), &mut rng);
    assert!(right.is_ok());
    let why = wrong.map(|_| ()).expect_err("no result");
    assert!(why.contains(expected), "{why}");
}

/// Sleep is the one gap that a test can make: it is found, its packet is named, and what the kernel
/// counted stands beside it.
#[test]
fn a_gap_is_found_and_its_packet_named() {
    // More calls than some rounds have, and a prime: most readings have none, and none has two.
    let napping = changed("forward", |_, setup| {
        let nap = Change::Nap {
            every: 211,
            calls: 0,
        };
        open_changed("forward", setup, nap)
    });
    let (chunk, clock) = (packets(256), Clock::measure());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let cases = [case("forward"), napping];
    let ([_, samples], beside) = measure_beside(cases, &chunk, 60, &clock, &mut rng);
    let samples = samples.expect("a result");
    let nap_ns = NAP.as_nanos() as u64;
    let naps = samples.slowest[0].iter().filter(|(ns, _)| *ns >= nap_ns);
    let naps: Vec<_> = naps.collect();
    assert!(naps.len() > 5, "{} naps in stamped visits", naps.len());
    for (ns, slow) in &naps {
        assert!(slow.stalled, "{ns} {slow:?}");
        assert!(slow.usage.voluntary_switches >= 1, "{ns} {slow:?}");
        assert!(slow.packet < 512, "{ns} {slow:?}");
    }
    let stalls = &beside.stalls;
    let long = stalls
        .lengths_ns
        .iter()
        .filter(|ns| **ns > 0.9 * nap_ns as f32);
    assert!(long.count() >= 1, "{stalls:?}");
    assert!(stalls.sum_ns <= stalls.watched_ns, "{stalls:?}");
    assert!(
        beside.usage.voluntary_switches as usize > naps.len(),
        "{:?}",
        beside.usage
    );
}
