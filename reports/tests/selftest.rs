//! When a selftest holds, fails, and cannot hold on a host.

mod common;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tunneltax_reports::render::{self, TerminalStyle};
use tunneltax_reports::selftest::{
    ALARMS_BY_DESIGN, Comparison, POWER_BY_DESIGN, SCHEMA, Selftest, Subject, Told, Verdict, judge,
    sentence, tables, told,
};
use tunneltax_reports::stats::{Estimate, binomial, smallest_told};

const INSTANCES: u32 = 20;

/// Standard normal (Box and Muller, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (one, two): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * two).cos()
}

fn instances(rng: &mut ChaCha8Rng, mean: f64, deviation: f64) -> Vec<f64> {
    (0..INSTANCES)
        .map(|_| mean + deviation * normal(rng))
        .collect()
}

/// A selftest of 20 comparisons whose twins differ by `twin` and whose slow-downs by `slowed`.
fn selftest(twin: f64, slowed: f64, deviation: f64) -> Selftest {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let comparisons = (0..20)
        .map(|_| Comparison {
            seconds: 5.5,
            twin_percent: instances(&mut rng, twin, deviation),
            slowed_percent: instances(&mut rng, slowed, deviation),
        })
        .collect();
    let estimate = |mean: f64| {
        let spread = [0.99, 1.0, 1.01].map(|part| part * mean);
        Estimate::from_instances(spread.to_vec()).unwrap()
    };
    Selftest {
        schema: SCHEMA.to_owned(),
        state: "complete".to_owned(),
        provenance: common::record().provenance,
        subjects: vec![Subject {
            case: "esp/aes-256-gcm@ring".to_owned(),
            inner_bytes: 1440,
            burst: 15,
            instances: INSTANCES,
            asked_percent: 0.5,
            steps: 50,
            steps_per_packets: 16,
            steps_alone_ns: 2.7,
            long_run_percent: estimate(0.5),
            long_run_ns: estimate(2.7),
            comparisons,
        }],
        looks: None,
    }
}

fn verdict(twin: f64, slowed: f64, deviation: f64) -> Verdict {
    judge(&selftest(twin, slowed, deviation))[0].verdict
}

#[test]
fn a_tool_that_tells_what_is_there_and_nothing_else_holds() {
    assert_eq!(verdict(0.0, 0.5, 0.2), Verdict::Holds);
}

#[test]
fn a_twin_that_differs_is_a_failure() {
    assert_eq!(verdict(0.4, 0.5, 0.2), Verdict::Fails);
    // Too little to be told, but more than the intervals allow.
    assert_eq!(verdict(0.13, 0.5, 0.2), Verdict::Fails);
}

#[test]
fn what_could_be_told_and_is_not_is_a_failure_and_on_a_noisy_host_it_is_noise() {
    assert_eq!(verdict(0.0, 0.0, 0.2), Verdict::Fails);
    // Told, but as faster.
    assert_eq!(verdict(0.0, -0.5, 0.2), Verdict::Fails);
    assert_eq!(verdict(0.0, 0.5, 1.5), Verdict::Noisy);
}

/// With two comparisons no count could contradict 95 %.
#[test]
fn too_few_comparisons_say_nothing() {
    let mut few = selftest(0.0, 0.5, 0.2);
    few.subjects[0].comparisons.truncate(2);
    let judged = judge(&few);
    assert_eq!(judged[0].verdict, Verdict::TooFew);
    assert!(sentence(&few, &judged).contains("too few"));
    few.subjects[0].comparisons[0].twin_percent = vec![1.0; 20];
    few.subjects[0].comparisons[1].twin_percent = vec![1.0; 20];
    assert_eq!(judge(&few)[0].verdict, Verdict::Fails);
}

/// One comparison that took longer is no pass, and says how long.
#[test]
fn a_comparison_over_ten_seconds_is_no_pass() {
    let mut late = selftest(0.0, 0.5, 0.2);
    late.subjects[0].comparisons[3].seconds = 10.0;
    assert_eq!(judge(&late)[0].verdict, Verdict::Holds);
    late.subjects[0].comparisons[3].seconds = 14.2;
    let judged = judge(&late);
    assert_eq!(judged[0].verdict, Verdict::TooSlow);
    let said = sentence(&late, &judged);
    assert!(said.contains("14.2 s, and 10 s"), "{said}");
}

/// All kinds of intervals, on twins that are spread normally.
#[test]
fn every_kind_of_interval_is_simulated() {
    let judged = &judge(&selftest(0.0, 0.5, 0.2))[0];
    let [mean, quantile, instances, runs] = &judged.covered[..] else {
        panic!("{:?}", judged.covered);
    };
    for (what, covered) in [mean, instances, runs] {
        assert!((0.93..0.98).contains(covered), "{what}: {covered}");
    }
    // The clock of the record moves in steps that are wider than what twins differ by.
    assert!(quantile.1 > 0.99, "{quantile:?}");
    let mut few = selftest(0.0, 0.5, 0.2);
    few.subjects[0].comparisons.truncate(1);
    let judged = &judge(&few)[0];
    assert_eq!(
        judged.covered.len(),
        1,
        "three a side: {:?}",
        judged.covered
    );
}

#[test]
fn an_empty_selftest_does_not_hold() {
    let mut none = selftest(0.0, 0.5, 0.2);
    none.subjects.clear();
    let said = sentence(&none, &judge(&none));
    assert!(said.contains("contradicts what tunneltax says"), "{said}");
}

/// The rates of the design, over 20,000 simulated comparisons each.
#[test]
fn the_test_has_the_alarms_and_the_power_of_its_design() {
    const TRIALS: u64 = 20_000;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut count = |mean: f64| {
        let outcomes = (0..TRIALS).map(|_| told(&instances(&mut rng, mean, 1.0)));
        let outcomes: Vec<Told> = outcomes.collect();
        let of = |what| outcomes.iter().filter(|told| **told == what).count() as u64;
        (of(Told::Slower), of(Told::Faster))
    };
    let (slower, faster) = count(0.0);
    let alarms = slower + faster;
    assert!(
        binomial::at_least(alarms, TRIALS, ALARMS_BY_DESIGN) > 0.001,
        "{alarms}"
    );
    assert!(
        binomial::at_most(alarms, TRIALS, ALARMS_BY_DESIGN) > 0.001,
        "{alarms}"
    );
    // The smallest slow-down that instances of deviation 1 tell.
    let unit = [-1.0, 1.0].repeat(INSTANCES as usize / 2);
    let deviation = (f64::from(INSTANCES) / f64::from(INSTANCES - 1)).sqrt();
    let least = smallest_told(&unit, ALARMS_BY_DESIGN, POWER_BY_DESIGN).unwrap() / deviation;
    let (told, _) = count(least);
    let rate = told as f64 / TRIALS as f64;
    // The sum of two t quantiles is a little more than is needed.
    assert!((POWER_BY_DESIGN - 0.003..0.999).contains(&rate), "{rate}");
}

#[test]
fn drawn() {
    let style = TerminalStyle {
        width: 100,
        color: false,
        full: false,
    };
    let mut text = String::new();
    for (slowed, deviation) in [(0.5, 0.2), (0.5, 1.5)] {
        let selftest = selftest(0.0, slowed, deviation);
        let judged = judge(&selftest);
        for table in tables(&selftest, &judged) {
            text += &render::table(&table, &style);
        }
        text += &["\n", &sentence(&selftest, &judged), "\n"].concat();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_stored_selftest_is_read_as_it_was() {
    let selftest = selftest(0.0, 0.5, 0.2);
    let text = serde_json::to_string(&selftest).unwrap();
    assert_eq!(serde_json::from_str::<Selftest>(&text).unwrap(), selftest);
}
