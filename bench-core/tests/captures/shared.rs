//! Every capture of the optional data set, against the counts that its manifest gives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tunneltax_core::capture::{CaptureError, LeftOut, Limits, Reader};

use crate::build::{Outcome, drain};

fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("TUNNELTAX_SHARED").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: TUNNELTAX_SHARED is not set");
    }
    folder
}

/// One capture of the manifest. `counts` were taken by another program: frames by kind.
#[derive(serde::Deserialize)]
struct Entry {
    file: PathBuf,
    packets: u64,
    cut_tail: Option<u8>,
    counts: Option<BTreeMap<String, u64>>,
}

impl Entry {
    fn is_bad(&self) -> bool {
        self.file.starts_with("captures/bad")
    }

    fn count(&self, kind: &str) -> u64 {
        let counts = self.counts.as_ref();
        counts
            .and_then(|counts| counts.get(kind))
            .copied()
            .unwrap_or(0)
    }
}

fn manifest(shared: &Path) -> Vec<Entry> {
    let text = std::fs::read(shared.join("captures/manifest.json")).expect("the manifest is there");
    serde_json::from_slice(&text).expect("the manifest is JSON")
}

fn read_file(path: &Path) -> Result<Outcome, CaptureError> {
    drain(Reader::open(path, Limits::default())?)
}

#[test]
fn good_captures_are_read_with_the_count_of_the_manifest() {
    let Some(shared) = shared() else { return };
    let entries = manifest(&shared);
    let good: Vec<_> = entries.iter().filter(|entry| !entry.is_bad()).collect();
    assert!(good.len() > 100, "the manifest lists only {}", good.len());
    let mut super_frames = 0;
    for entry in &good {
        let name = entry.file.display();
        let outcome = read_file(&shared.join(&entry.file)).expect("a good capture is read");
        let tally = outcome.tally;
        assert_eq!(tally.frames_read, entry.packets, "{name}");
        assert_eq!(tally.truncated, entry.cut_tail == Some(1), "{name}");
        super_frames += tally.super_frames;
        let longest = outcome.packets.iter().map(Vec::len).max().unwrap_or(0);
        assert!(longest <= Limits::default().ingress_mtu, "{name}");
        let left_out = |reason| tally.left_out.get(reason);
        assert_eq!(left_out(LeftOut::MalformedRecord), 0, "{name}");
        assert_eq!(left_out(LeftOut::Snapped), entry.count("snapped"), "{name}");
        assert_eq!(left_out(LeftOut::Arp), entry.count("arp"), "{name}");
        // A snapped frame may have been anything; the segments of a super-frame were one packet.
        let ip = tally.frames_replayed - tally.segments
            + tally.super_frames
            + left_out(LeftOut::MalformedHeader)
            + left_out(LeftOut::OverIngressMtu);
        let ip_or_snapped = ip..=ip + left_out(LeftOut::Snapped);
        let expected = entry.count("v4") + entry.count("v6");
        assert!(
            ip_or_snapped.contains(&expected),
            "{name}: {ip_or_snapped:?} {expected}"
        );
    }
    println!("read {} captures", good.len());
    assert!(
        super_frames > 0,
        "the data set has captures taken with offloads"
    );
    println!("{super_frames} super-frames were cut");
}

#[test]
fn bad_captures_are_read_with_reasons_or_refused_in_one_sentence() {
    let Some(shared) = shared() else { return };
    let entries = manifest(&shared);
    let bad: Vec<_> = entries.iter().filter(|entry| entry.is_bad()).collect();
    assert!(bad.len() > 10, "the manifest lists only {}", bad.len());
    for entry in bad {
        let path = shared.join(&entry.file);
        match read_file(&path) {
            Ok(outcome) => {
                let tally = outcome.tally;
                assert_eq!(tally.frames_read, entry.packets, "{}", path.display());
                assert_eq!(
                    tally.truncated,
                    entry.cut_tail == Some(1),
                    "{}",
                    path.display()
                );
            }
            Err(error) => {
                let sentence = error.to_string();
                assert!(
                    sentence.starts_with(&path.display().to_string()),
                    "{sentence}"
                );
                assert!(!sentence.contains('\n'), "{sentence}");
                println!("{sentence}");
            }
        }
    }
}

#[test]
fn one_capture_in_four_formats_is_the_same() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("captures/format");
    let read = |name: &str| read_file(&folder.join(name)).expect("reads");
    let reference = read("ws_dhcp.pcap");
    assert_eq!(reference.packets.len(), 4);
    for name in ["ws_dhcp.pcapng", "ws_dhcp_ns.pcap", "ws_dhcp_ns.pcapng"] {
        let twin = read(name);
        assert_eq!(twin.packets.len(), 4, "{name}");
        assert!(
            twin.packets == reference.packets,
            "{name}: the packets differ"
        );
        let micros = |outcome: &Outcome| -> Vec<_> {
            let times = outcome.times_ns.iter();
            times.map(|time| time.map(|ns| ns / 1000)).collect()
        };
        assert_eq!(micros(&twin), micros(&reference), "{name}");
    }
}
