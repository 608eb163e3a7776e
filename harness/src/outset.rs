//! The record as a run begins it: where the figures will come from, the cases, and no figures.

use std::time::SystemTime;

use tunneltax_core::clock::Clock;
use tunneltax_core::path::Case;
use tunneltax_core::path::overhead::{Fits, OUTER_MTU};
use tunneltax_core::synth::Mix;
use tunneltax_reports::record::{self, Noise, Provenance, Record, SCHEMA};

use crate::cli::RunOptions;
use crate::cmd::overhead::sends;
use crate::host;
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
            command(options.typed.iter().cloned(), options.show_addresses),
            pinned_to,
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
        model_sizes: Vec::new(),
    }
}

/// Where the figures of a run that begins now will come from; no time has passed yet, and nothing
/// disturbed it.
pub fn provenance(
    clock: &Clock,
    seed: u64,
    command: Vec<String>,
    pinned_to: Option<usize>,
) -> Provenance {
    Provenance {
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        seconds: 0.0,
        command,
        seed,
        build: host::build(),
        host: host::host(pinned_to),
        clock: record::Clock {
            name: clock.name.to_owned(),
            hertz: clock.hertz,
            step_ns: clock.step_ns,
            reading_ns: clock.reading_ns,
            fenced_reading_ns: clock.fenced_reading_ns,
            // One that is not, is not read.
            invariant: true,
        },
        libraries: libraries(),
        noise: Noise::default(),
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
    let sizes: Vec<u16> = mixes.iter().copied().filter_map(size).collect();
    record::Case {
        id: case.id.to_owned(),
        title: case.title.to_owned(),
        stages: case.stages.iter().map(|s| (*s).to_owned()).collect(),
        step_of: step_of.map(str::to_owned),
        step,
        added_bytes: sizes
            .iter()
            .map(|&bytes| (bytes.into(), case.overhead.added_bytes(bytes.into()) as u32))
            .collect(),
        fits: sends(case).then(|| fits(case, &sizes)),
        text: text(case),
        point: case.point.map(|point| record::Point {
            of: point.of.to_owned(),
            curve: point.curve.to_owned(),
            count: point.count.into(),
        }),
    }
}

fn size(mix: Mix) -> Option<u16> {
    match mix {
        Mix::Size(bytes) => Some(bytes),
        _ => None,
    }
}

/// What of a case fits the outer MTU of the list.
fn fits(case: &Case, sizes: &[u16]) -> record::Fits {
    let fits = Fits::new(case.overhead, OUTER_MTU);
    let bytes = |of: Option<usize>| of.map(|bytes| bytes as u32);
    let packets = |&size: &u16| {
        let packets = case.overhead.packets(size.into(), case.outer, OUTER_MTU);
        (size.into(), bytes(packets))
    };
    record::Fits {
        outer_mtu: OUTER_MTU as u32,
        largest_inner: bytes(fits.largest_inner_bytes),
        mss_ipv4: bytes(fits.mss_v4),
        mss_ipv6: bytes(fits.mss_v6),
        packets: sizes.iter().map(packets).collect(),
    }
}

/// What the case's cipher works on, where it has one.
pub fn text(case: &Case) -> Option<record::Text> {
    let overhead = case.overhead;
    let most = overhead.padded_most;
    case.algorithm.map(|_| record::Text {
        front: overhead.sealed_front as u32,
        trailer: overhead.trailer as u32,
        alignment: overhead.alignment as u32,
        padded_most: u32::try_from(most).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record's arithmetic is the path's.
    #[test]
    fn a_text_is_as_long_as_the_path_makes_it() {
        let mut sealed = 0;
        for case in tunneltax_core::path::cases() {
            let Some(text) = text(case) else { continue };
            sealed += 1;
            for inner in 20..=1500 {
                let overhead = case.overhead;
                let padded = inner + overhead.padding_bytes(inner) + overhead.trailer;
                let bytes = overhead.sealed_front + padded;
                assert_eq!(
                    text.bytes(inner as u32) as usize,
                    bytes,
                    "{} {inner}",
                    case.id
                );
            }
        }
        assert!(sealed > 50, "{sealed}");
    }

    /// By hand, of AES-256-GCM: 1500 less 20 of outer header, 16 of ESP header and IV and 16 of ICV
    /// are 1448, a multiple of 4, less 2 of trailer (RFC 4303, 2; RFC 4106, 3 and 6).
    #[test]
    fn a_case_carries_what_fits() {
        let of = |id: &str| {
            let case = tunneltax_core::path::find(id).expect(id);
            let mixes = ["64", "1500"].map(|size| size.parse().expect("a size"));
            case_of_record(case, &[], &mixes).fits
        };
        let gcm = of("esp/aes-256-gcm@ring").expect("it sends");
        assert_eq!((gcm.outer_mtu, gcm.largest_inner), (1500, Some(1446)));
        assert_eq!((gcm.mss_ipv4, gcm.mss_ipv6), (Some(1406), Some(1386)));
        assert_eq!(gcm.packets, [(64, Some(1)), (1500, Some(2))].into());
        let drop = of("esp+drop/aes-256-gcm@ring").expect("it sends");
        assert_eq!(drop.packets, [(64, Some(1)), (1500, None)].into());
        assert_eq!(of("bare/aes-256-gcm@ring"), None);
        assert_eq!(of("forward/no-rules"), None);
    }

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
