//! The record as a run begins it: where the figures will come from, the cases, and no figures.

use std::time::SystemTime;

use tunneltax_core::anchor::{self, Anchor};
use tunneltax_core::clock;
use tunneltax_core::path::Case;
use tunneltax_core::synth::Mix;
use tunneltax_reports::record::{self, Noise, Provenance, Record, SCHEMA};
use tunneltax_reports::stats::median;

use crate::cli::RunOptions;
use crate::host::{self, Disturbance};
use crate::libraries::libraries;
use crate::measure::Bench;

/// The record of a run that begins now.
pub fn begin(
    bench: &Bench<'_>,
    options: &RunOptions,
    pinned_to: Option<usize>,
    mixes: &[Mix],
) -> Record {
    Record {
        schema: SCHEMA.to_owned(),
        state: "running".to_owned(),
        carries_addresses: options.show_addresses,
        provenance: provenance(
            bench.clock,
            options.selection.seed,
            pinned_to,
            options.show_addresses,
        ),
        scenario: None,
        captures: Vec::new(),
        cases: bench
            .cases
            .iter()
            .map(|case| case_of_record(case, bench.cases, mixes))
            .collect(),
        groups: Vec::new(),
        waterfalls: Vec::new(),
    }
}

/// Where figures come from that are about to be measured.
pub fn provenance(
    clock: &clock::Clock,
    seed: u64,
    pinned_to: Option<usize>,
    show_addresses: bool,
) -> Provenance {
    Provenance {
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        seconds: 0.0,
        command: command(std::env::args(), show_addresses),
        seed,
        build: host::build(),
        host: host::host(pinned_to),
        clock: record::Clock {
            name: clock::NAME.to_owned(),
            hertz: clock.hertz,
            step_ns: clock.step_ns,
            reading_ns: clock.reading_ns,
            fenced_reading_ns: clock.fenced_reading_ns,
            invariant: clock.invariant,
        },
        libraries: libraries(),
        noise: noise(&[], &Disturbance::default(), &Disturbance::default()),
    }
}

/// What disturbed a run since `earlier`, with the looks at the core so far.
pub fn noise(anchors: &[Anchor], earlier: &Disturbance, now: &Disturbance) -> Noise {
    let speeds: Vec<f64> = anchors.iter().map(|anchor| anchor.ghz).collect();
    let widths: Vec<f64> = anchors.iter().map(|anchor| anchor.width).collect();
    let slowest = speeds.iter().copied().reduce(f64::min);
    let fastest = speeds.iter().copied().reduce(f64::max);
    let widest = anchor::widest(anchors);
    let shared = |widest: f64| {
        let shared = anchors.iter().filter(|anchor| anchor.is_shared(widest));
        100.0 * shared.count() as f64 / anchors.len().max(1) as f64
    };
    Noise {
        load_start: earlier.load(),
        load_end: now.load(),
        steal_percent: now.steal_percent_since(earlier),
        involuntary_switches: now.switches_since(earlier),
        anchor_min_ghz: slowest.unwrap_or(0.0),
        anchor_median_ghz: median(&speeds).unwrap_or(0.0),
        anchor_max_ghz: fastest.unwrap_or(0.0),
        anchor_median_width: median(&widths).unwrap_or(0.0),
        anchor_max_width: widest.unwrap_or(0.0),
        shared_percent: widest.map(shared),
    }
}

/// The command as typed; without the prefixes of `--near`, which are addresses, unless they are to
/// be shown.
fn command(typed: impl Iterator<Item = String>, show_addresses: bool) -> Vec<String> {
    let mut is_value = false;
    let without = typed.map(|word| {
        let hidden = match word.as_str() {
            _ if show_addresses => None,
            _ if is_value => Some("PREFIX"),
            _ if word.starts_with("--near=") => Some("--near=PREFIX"),
            _ => None,
        };
        is_value = word == "--near";
        hidden.map_or(word, str::to_owned)
    });
    without.collect()
}

/// A case without figures, as a step from the nearest of those beside it.
pub fn case_of_record(case: &Case, beside: &[&Case], mixes: &[Mix]) -> record::Case {
    let (step_of, step) = case.step_among(beside);
    let sizes = mixes.iter().filter_map(|mix| match mix {
        Mix::Size(bytes) => Some(u32::from(*bytes)),
        _ => None,
    });
    record::Case {
        id: case.id.to_owned(),
        title: case.title.to_owned(),
        stages: case.stages.iter().map(|s| (*s).to_owned()).collect(),
        step_of: step_of.map(str::to_owned),
        step,
        added_bytes: sizes
            .map(|bytes| (bytes, case.overhead.added_bytes(bytes as usize) as u32))
            .collect(),
        point: case.point.map(|point| record::Point {
            of: point.of.to_owned(),
            curve: point.curve.to_owned(),
            count: point.count.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_keeps_its_prefixes_to_itself() {
        let typed =
            "tunneltax run --near 10.1.0.0/16,fd00::/8 --near=10.2.0.0/16 --side near a.pcap";
        let words = || typed.split(' ').map(str::to_owned);
        assert_eq!(
            command(words(), false).join(" "),
            "tunneltax run --near PREFIX --near=PREFIX --side near a.pcap"
        );
        assert_eq!(command(words(), true).join(" "), typed);
    }
}
