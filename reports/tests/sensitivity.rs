//! What is said of an axis: exact, from repetitions that nobody measured.

mod common;

use tunneltax_reports::render::{self, TerminalStyle};
use tunneltax_reports::selftest::{
    Axis, Figure, JudgedAxis, Level, Look, SCHEMA, Says, Selftest, axis_sentences, floor_percent,
    judge_axes, warnings,
};

/// Repetitions: deviations that add up to 0, whose order differs by level.
const NOISE: [f64; 8] = [0.3, -0.2, 0.5, -0.9, 0.1, 0.6, -0.5, 0.1];

/// A level whose tunnel takes `more` than 500 ns and whose forward takes 50.
fn level(name: &str, turned: usize, deviation: f64, more: f64) -> Level {
    let mut level = Level::new(name);
    for at in 0..NOISE.len() {
        let noise = deviation * NOISE[(at + turned) % NOISE.len()];
        let forward = 50.0 + 0.1 * noise;
        let tunnel = 500.0 + more + noise;
        level.push([forward, tunnel, tunnel - forward]);
    }
    level
}

fn look(axis: Axis, deviation: f64, more: f64) -> Look {
    Look {
        axis,
        inner_bytes: 64,
        packets_per_reading: Some(96),
        levels: vec![
            level("first", 0, deviation, 0.0),
            level("first", 1, deviation, 0.0),
            level("other", 3, deviation, more),
        ],
    }
}

fn of(judged: &[JudgedAxis], axis: Axis) -> &JudgedAxis {
    judged.iter().find(|of| of.axis == axis).unwrap()
}

fn says(look: Look) -> Option<Says> {
    let axis = look.axis;
    of(&judge_axes(&[look]), axis).says()
}

#[test]
fn what_is_within_a_hundredth_is_the_same_and_its_bound_is_the_interval_s_end() {
    let look = look(Axis::Line, 1.0, 1.0);
    let judged = judge_axes(std::slice::from_ref(&look));
    let judged = of(&judged, Axis::Line);
    assert_eq!(judged.says(), Some(Says::Same));
    // The mean is 1; differences of NOISE and itself turned by 3 have t 2.3646 at 7.
    let by_hand: Vec<f64> = (0..8).map(|at| NOISE[(at + 3) % 8] - NOISE[at]).collect();
    let squares: f64 = by_hand.iter().map(|d| d * d).sum();
    let half = 2.364_624 * (squares / 7.0 / 8.0).sqrt();
    let tunnel = judged
        .differences
        .iter()
        .find(|of| of.figure == Figure::Tunnel);
    let tunnel = tunnel.unwrap();
    assert!((tunnel.mean_ns - 1.0).abs() < 1e-9 && (tunnel.figure_ns - 500.0).abs() < 1e-9);
    assert!((tunnel.most_ns.unwrap() - (1.0 + half)).abs() < 1e-5);
}

#[test]
fn what_is_told_and_more_than_a_hundredth_matters_and_what_noise_hides_cannot_be_told() {
    assert_eq!(says(look(Axis::Page, 1.0, 20.0)), Some(Says::Matters));
    assert_eq!(says(look(Axis::Page, 1.0, -20.0)), Some(Says::Matters));
    assert_eq!(says(look(Axis::Page, 60.0, 20.0)), Some(Says::CannotTell));
    assert_eq!(says(look(Axis::Page, 60.0, 0.0)), Some(Says::CannotTell));
}

/// A first level that differs from itself by as much says what a difference is worth.
#[test]
fn what_is_less_than_the_smallest_difference_does_not_matter() {
    let mut offset = look(Axis::Turns, 1.0, 20.0);
    offset.levels[1] = level("first", 1, 1.0, 25.0);
    assert_eq!(says(offset), Some(Says::CannotTell));
}

/// Holm multiplies the least p, which is the bill's, by the number of tests.
#[test]
fn axes_that_should_not_matter_are_judged_together_and_the_burst_on_its_own() {
    let told = || look(Axis::Heap, 15.0, 17.0);
    let alone = judge_axes(&[told()]);
    let p = |judged: &[JudgedAxis]| of(judged, Axis::Heap).differences[2].p.unwrap();
    let many: Vec<Look> = std::iter::once(told())
        .chain((0..3).map(|_| look(Axis::Line, 15.0, 0.0)))
        .collect();
    let together = judge_axes(&many);
    let times = p(&together) / p(&alone);
    assert!((times - 12.0 / 3.0).abs() < 1e-9, "{times}");
    let with_burst = judge_axes(&[told(), look(Axis::Burst, 15.0, 0.0)]);
    assert!((p(&with_burst) - p(&alone)).abs() < 1e-12);
}

fn links(deviation: f64, apart: f64) -> Look {
    let link = |(name, turned, more): (&str, usize, f64)| level(name, turned, deviation, more);
    Look {
        axis: Axis::Links,
        inner_bytes: 64,
        packets_per_reading: None,
        levels: [
            ("a", 0, -apart),
            ("b", 1, 0.0),
            ("c", 2, apart),
            ("d", 5, 0.0),
        ]
        .map(link)
        .into(),
    }
}

#[test]
fn links_are_judged_by_what_they_are_spread_beside_their_processes() {
    assert_eq!(says(links(0.5, 20.0)), Some(Says::Matters));
    assert_eq!(says(links(0.5, 0.1)), Some(Says::Same));
    assert_eq!(says(links(40.0, 0.0)), Some(Says::CannotTell));
    let judged = judge_axes(&[links(0.5, 20.0)]);
    let tunnel = &of(&judged, Axis::Links).differences[1];
    // Means -20, 0, 20, 0: the deviation is √(800 / 3), less the little that processes make of it.
    assert!((tunnel.mean_ns - (800.0_f64 / 3.0).sqrt()).abs() < 0.01);
}

/// Two of four links that are 1 % and 2 % off in the ratio; speeds of whole turns are no difference.
#[test]
fn the_floor_is_what_ratios_to_forward_differ_by_between_links() {
    let with = |looks: Option<Vec<Look>>| Selftest {
        looks,
        ..selftest()
    };
    let mut look = links(0.0, 0.0);
    let off = [1.0, 1.01, 1.02, 1.0];
    for (level, off) in look.levels.iter_mut().zip(off) {
        for turn in 0..NOISE.len() {
            let speed = 1.0 + 0.3 * NOISE[turn];
            level.forward_ns[turn] = 50.0 * speed;
            // Which link has the noise of which turn differs, so that turns do not take it all.
            let noise = 1.0 + 1e-6 * NOISE[(turn + level.name.len() * 3) % NOISE.len()];
            level.tunnel_ns[turn] = 500.0 * speed * off * noise;
        }
    }
    // Links of the deviation of these logarithms, at 3 degrees of freedom: t is 3.1824.
    let logs = off.map(f64::ln);
    let mean = logs.iter().sum::<f64>() / 4.0;
    let deviation = (logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
    let by_hand = 100.0 * (3.182_446 * 2.0_f64.sqrt() * deviation).exp_m1();
    let found = floor_percent(&with(Some(vec![links(0.0, 0.0), look.clone()]))).unwrap();
    assert!((found - by_hand).abs() < 0.01, "{found} {by_hand}");
    assert_eq!(floor_percent(&with(None)), None);
    look.levels.truncate(1);
    assert_eq!(floor_percent(&with(Some(vec![look]))), None);
}

#[test]
fn an_axis_without_figures_is_said_and_only_what_should_not_matter_is_warned_of() {
    let looks = [look(Axis::Burst, 1.0, 50.0), look(Axis::Line, 1.0, 50.0)];
    let judged = judge_axes(&looks);
    let said = axis_sentences(&looks, &judged);
    assert_eq!(said.len(), Axis::ALL.len());
    assert_eq!(
        said[7],
        "Link order: not looked at: give --links DIR, made by ci/links.sh."
    );
    let warned = warnings(&judged);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(
        warned[0].starts_with("Alignment: start of a packet"),
        "{warned:?}"
    );
}

fn selftest() -> Selftest {
    Selftest {
        schema: SCHEMA.to_owned(),
        state: "complete".to_owned(),
        provenance: common::record().provenance,
        subjects: Vec::new(),
        looks: Some(vec![
            look(Axis::Burst, 1.0, 50.0),
            look(Axis::Turns, 60.0, 0.0),
            look(Axis::Line, 1.0, 1.0),
            look(Axis::Page, 1.0, 20.0),
            links(0.5, 2.0),
        ]),
    }
}

#[test]
fn drawn() {
    let selftest = selftest();
    let axes = judge_axes(selftest.looks.as_deref().unwrap());
    let style = TerminalStyle {
        width: 100,
        color: false,
        full: false,
    };
    insta::assert_snapshot!(render::selftest_terminal(&selftest, &[], &axes, &style));
    insta::assert_snapshot!(
        "drawn_as_markdown",
        render::selftest_markdown(&selftest, &[], &axes)
    );
}

#[test]
fn a_stored_look_is_read_as_it_was_and_a_selftest_of_before_has_none() {
    let selftest = selftest();
    let text = serde_json::to_string(&selftest).unwrap();
    assert_eq!(serde_json::from_str::<Selftest>(&text).unwrap(), selftest);
    let mut before = serde_json::to_value(&selftest).unwrap();
    before["schema"] = "tunneltax-selftest/1".into();
    before.as_object_mut().unwrap().remove("looks");
    assert_eq!(
        serde_json::from_value::<Selftest>(before).unwrap().looks,
        None
    );
}
