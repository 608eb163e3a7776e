//! Bars on what grows: many SAs against one, many rules against one.

use tunneltax_core::clock::Clock;
use tunneltax_core::path::{Case, find};
use tunneltax_core::replay::Samples;
use tunneltax_core::synth::{Mix, Recipe};
use tunneltax_core::workload::Shape;
use tunneltax_reports::stats::median;

use crate::instances::Instances;
use crate::{Bar, Effort, at_most, hot, support};

/// Packet of every bar here.
const SIZE: u16 = 64;
/// 10,000 SAs in random order, look-up included, against one SA.
const MANY_SAS_RATIO: f64 = 2.5;
/// An established flow under 1,000 rules against one rule.
const ESTABLISHED_RATIO: f64 = 1.2;
/// A first packet under 1,000 rules against one rule: five fields, each a search of at most 11
/// steps among the boundaries and 16 words of bits, where a walk would look at 1,000 rules.
const FIRST_RATIO: f64 = 3.0;
/// Hosts that packets go to, so that they fall on most of the SAs.
const HOSTS: usize = 20_000;

/// All of them.
pub fn tables(effort: Effort, clock: &Clock, judge: &mut impl FnMut(Bar)) {
    let many = ["esp/aes-256-gcm@ring", "esp+10000sa/aes-256-gcm@ring"];
    let recipe = Recipe {
        flows: HOSTS,
        ..Recipe::new(Mix::Size(SIZE), HOSTS, 1)
    };
    let chunk = recipe.chunk().expect("a size that can be generated");
    // All packets between two visits to one: neither SAs nor slots of a table stay in the L2.
    let shape = Shape {
        readings_per_fill: HOSTS.div_ceil(hot(SIZE).packets_per_reading),
        ..hot(SIZE)
    };
    let rounds = effort.rounds.div_ceil(shape.readings_per_fill).max(4);
    let effort_many = Effort { rounds, ..effort };
    let measured = Instances::measure(found(&many), &chunk, shape, effort_many, clock);
    let bars = [(&many, MANY_SAS_RATIO)];
    ratios(&measured, &bars, judge);

    let established = ["forward/rules-1", "forward/rules-1000"];
    let first = ["forward/rules-1+first", "forward/rules-1000+first"];
    let chunk = support::chunk(Mix::Size(SIZE), 1024);
    let group = found(&[&established[..], &first[..]].concat());
    let measured = Instances::measure(group, &chunk, hot(SIZE), effort, clock);
    let bars = [(&established, ESTABLISHED_RATIO), (&first, FIRST_RATIO)];
    ratios(&measured, &bars, judge);
}

fn found(ids: &[&str]) -> Vec<&'static Case> {
    ids.iter().filter_map(|id| find(id)).collect()
}

/// The second case of each pair over the first.
fn ratios(measured: &Instances, bars: &[(&[&str; 2], f64)], judge: &mut impl FnMut(Bar)) {
    for (ids, limit) in bars {
        let of = |half: fn(&Samples) -> &Vec<f64>| {
            measured.estimate(*ids, &|samples| {
                let ratios = half(samples[1]).iter().zip(half(samples[0]));
                median(&ratios.map(|(many, one)| many / one).collect::<Vec<_>>())
            })
        };
        for (half, figure) in [
            ("send", of(|s| &s.send_ns)),
            ("receive", of(|s| &s.receive_ns)),
        ] {
            let name = format!("{} / {}, {half}, {SIZE} B", ids[1], ids[0]);
            judge(at_most(name, figure, *limit, "times", measured.shared));
        }
    }
}
