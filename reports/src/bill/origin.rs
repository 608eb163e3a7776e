//! Where a record comes from, as a list for people.

use std::collections::BTreeMap;

use super::words::command;
use super::{NAME_CHARS, Room, TEXT_CHARS, clean, count, estimate, three};
use crate::record::{Build, Capture, Host, Noise, Provenance, Record};

const UNKNOWN: &str = "not reported";

/// Everything the record says about its origin, name by name.
pub fn provenance(record: &Record) -> Vec<(String, String)> {
    let of = &record.provenance;
    provenance_list(of, &record.state, &record.schema, &record.captures)
}

/// The same of any record that has these.
pub fn provenance_list(
    of: &Provenance,
    state: &str,
    schema: &str,
    captures: &[Capture],
) -> Vec<(String, String)> {
    let clock = &of.clock;
    let ns = |ns: f64| estimate(ns, None, Room::Tight);
    let mut list = vec![
        ("command", command(&of.command)),
        (
            "started",
            format!("{}, measured for {} s", of.started, three(of.seconds)),
        ),
        ("seed", of.seed.to_string()),
        ("state", state.to_owned()),
    ];
    list.extend(host(&of.host));
    list.push((
        "clock",
        format!(
            "{} at {} GHz; step {} ns, reading {} ns, fenced reading {} ns",
            clock.name,
            three(clock.hertz / 1e9),
            ns(clock.step_ns),
            ns(clock.reading_ns),
            ns(clock.fenced_reading_ns),
        ),
    ));
    list.push(("noise", noise(&of.noise)));
    list.extend(build(&of.build));
    let mut list: Vec<(String, String)> = list
        .into_iter()
        .map(|(name, value)| (name.to_owned(), clean(&value, TEXT_CHARS)))
        .collect();
    for library in &of.libraries {
        let mut by_code: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (algorithm, code) in &library.code {
            by_code.entry(code).or_default().push(algorithm);
        }
        let code: Vec<String> = by_code
            .iter()
            .map(|(code, algorithms)| format!("{}: {code}", algorithms.join(", ")))
            .collect();
        list.push((
            clean(&library.name, NAME_CHARS),
            clean(
                &format!(
                    "{}; {}; chosen at {}",
                    library.version,
                    code.join("; "),
                    library.chosen_at
                ),
                TEXT_CHARS,
            ),
        ));
    }
    for capture in captures.iter().filter(|capture| capture.sha256.is_some()) {
        let hash = capture.sha256.as_deref().unwrap_or_default();
        list.push((
            format!("capture {}", clean(&capture.name, NAME_CHARS)),
            clean(&format!("{}, SHA-256 {hash}", capture.file), TEXT_CHARS),
        ));
    }
    list.push(("schema".to_owned(), clean(schema, NAME_CHARS)));
    list
}

fn host(host: &Host) -> [(&'static str, String); 8] {
    let or_unknown = |value: &Option<String>| value.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let size = |bytes: Option<u64>| bytes.map_or_else(|| UNKNOWN.to_owned(), binary);
    let pinned = host.pinned_to.map_or_else(
        || "not pinned".to_owned(),
        |cpu| format!("pinned to CPU {cpu}"),
    );
    [
        (
            "CPU",
            format!(
                "{}; microcode {}; {} logical CPUs, {pinned}",
                host.cpu,
                or_unknown(&host.microcode),
                host.cores
            ),
        ),
        ("CPU flags", list(&host.cpu_flags)),
        (
            "caches",
            format!(
                "L1d {}, L2 {}, L3 {}",
                size(host.l1d_bytes),
                size(host.l2_bytes),
                size(host.l3_bytes)
            ),
        ),
        ("memory", size(host.memory_bytes)),
        ("kernel", host.kernel.clone()),
        ("governor", or_unknown(&host.governor)),
        ("hypervisor", or_unknown(&host.hypervisor)),
        ("hardware counters", or_unknown(&host.counters)),
    ]
}

fn noise(noise: &Noise) -> String {
    let steal = noise.steal_percent.map_or_else(
        || UNKNOWN.to_owned(),
        |percent| format!("{} %", three(percent)),
    );
    let switches = noise
        .involuntary_switches
        .map_or_else(|| UNKNOWN.to_owned(), count);
    let shared = noise.shared_percent.map_or_else(
        || UNKNOWN.to_owned(),
        |percent| format!("{} %", three(percent)),
    );
    format!(
        "load {} to {}; stolen {steal}; put aside {switches} times; core at {} GHz ({} to {}), \
         {} additions a cycle ({} alone), shared with another thread {shared} of the time",
        three(noise.load_start),
        three(noise.load_end),
        three(noise.anchor_median_ghz),
        three(noise.anchor_min_ghz),
        three(noise.anchor_max_ghz),
        three(noise.anchor_median_width),
        three(noise.anchor_max_width),
    )
}

fn build(build: &Build) -> [(&'static str, String); 5] {
    let commit = match (&build.commit, build.dirty) {
        (None, _) => "none".to_owned(),
        (Some(commit), Some(true)) => format!("{commit}, with changes"),
        (Some(commit), _) => commit.clone(),
    };
    [
        ("tunneltax", format!("{}, commit {commit}", build.version)),
        (
            "compiler",
            format!("{}, profile {}", build.rustc, build.profile),
        ),
        ("target features", list(&build.target_features)),
        ("binary", format!("SHA-256 {}", build.binary_sha256)),
        ("lock file", format!("SHA-256 {}", build.lock_sha256)),
    ]
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(" ")
    }
}

/// Bytes in the binary unit that divides them best.
fn binary(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    units
        .iter()
        .find(|(shift, _)| bytes >= 1 << shift)
        .map_or_else(
            || format!("{bytes} B"),
            |(shift, unit)| {
                format!(
                    "{} {unit}",
                    super::bytes(bytes as f64 / (1_u64 << shift) as f64)
                )
            },
        )
}
