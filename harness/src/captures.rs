//! Which captures a run uses, and a first look at each: how many packets, of what size.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use tunneltax_core::capture::{CaptureError, Chunk, LeftOut, Limits, Reader, Tally};
use tunneltax_core::wire;
use tunneltax_reports::model::arrivals::GapSum;
use tunneltax_reports::record::{self, Capture};

use crate::cli::Selection;
use crate::failure::{CUT_CAPTURE, Failure};
use crate::hashed::HashedFile;
use crate::output;
use crate::payers::{Census, Ranking, Way};
use crate::sides::{SideCount, Sides};

/// What is said where Ctrl-C came before the first group was finished.
pub const UNMEASURED: &str =
    "interrupted before anything was measured; nothing was written; run it again";

/// Where the bundled captures are: in the checkout that this was built from.
const BUNDLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps");

/// The part of `pcaps/manifest.toml` that the program needs.
#[derive(Deserialize)]
struct Manifest {
    capture: Vec<ManifestEntry>,
}

/// One bundled capture.
#[derive(Deserialize)]
pub struct ManifestEntry {
    /// File name in the folder.
    pub file: String,
    /// Short name.
    pub name: String,
    /// What it is.
    pub title: String,
}

/// A capture that has been read once.
pub struct Survey {
    /// Short name, unique in the run.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// As the record shows it.
    pub file: String,
    /// Packets that can be replayed.
    pub packets: u64,
    /// Mean IP total length of them.
    pub mean_bytes: f64,
    /// Who pays, in each way that was asked for.
    pub rankings: Arc<[Ranking]>,
    /// By size class, in the order of [`CLASSES`].
    by_class: [ClassCount; CLASSES.len()],
    /// Packets between the networks of --near and others; all of them without any.
    crossing: u64,
    /// The gaps between its packets, where they were looked at.
    pub gap_sum: GapSum,
    /// What was read, and what of it was left out.
    pub tally: Tally,
    sha256: String,
}

/// Packets of one size class, or of all.
#[derive(Clone, Copy, Default)]
struct ClassCount {
    packets: u64,
    bytes: u64,
}

impl ClassCount {
    fn add(&mut self, packet: &[u8]) {
        self.packets += 1;
        self.bytes += packet.len() as u64;
    }
}

/// Smallest class, in packets, that gets rows of its own.
pub const CLASS_PACKETS_MIN: u64 = 32;

impl Survey {
    /// Packets of a class among the first `kept`, if they are spread evenly.
    pub fn class_packets(&self, class: usize, kept: u64) -> f64 {
        let packets = self.by_class.get(class).map_or(0, |count| count.packets);
        packets as f64 * self.packets.min(kept) as f64 / self.packets.max(1) as f64
    }

    /// Mean IP total length of a class.
    pub fn class_mean_bytes(&self, class: usize) -> f64 {
        let count = self.by_class.get(class).copied().unwrap_or_default();
        count.bytes as f64 / count.packets.max(1) as f64
    }

    /// Packets that have to be kept of the capture for a class to have [`CLASS_PACKETS_MIN`];
    /// `None` where it has fewer.
    pub fn class_enough_at(&self, class: usize) -> Option<u64> {
        let of_class = self.by_class.get(class)?.packets;
        let enough = || (CLASS_PACKETS_MIN * self.packets).div_ceil(of_class);
        (of_class >= CLASS_PACKETS_MIN).then(enough)
    }
}

/// Size classes of a capture: least and largest IP total length.
pub const CLASSES: [(usize, usize); 5] = [
    (0, 127),
    (128, 255),
    (256, 511),
    (512, 1023),
    (1024, usize::MAX),
];

/// Name of a class.
pub fn class_name(class: usize) -> String {
    match CLASSES.get(class) {
        Some((low, usize::MAX)) => format!("{low} and more"),
        Some((low, high)) => format!("{low}-{high}"),
        None => String::new(),
    }
}

/// The class of a packet. A fragment has none: its verdict hangs on the datagram's first one,
/// which may be of another class.
pub fn class_of(packet: &[u8]) -> Option<usize> {
    if wire::is_fragment(packet) {
        return None;
    }
    CLASSES
        .iter()
        .position(|(low, high)| (*low..=*high).contains(&packet.len()))
}

/// The bundled captures.
pub fn bundled() -> Result<Vec<ManifestEntry>, Failure> {
    let path = Path::new(BUNDLED).join("manifest.toml");
    let next = "run inside a checkout, or name captures: tunneltax run FILE…";
    let text = std::fs::read_to_string(&path)
        .map_err(|why| Failure::file("read the bundled captures'", &path, why, next))?;
    let manifest: Manifest = toml::from_str(&text)
        .map_err(|why| Failure::file("understand", &path, why.message(), next))?;
    Ok(manifest.capture)
}

/// A capture before it is read.
pub struct Source {
    /// Short name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// As the record shows it.
    pub file: String,
}

impl Source {
    /// A capture of the user's.
    pub fn file(path: &Path) -> Self {
        Self {
            name: short_name(path),
            path: path.to_owned(),
            file: path.display().to_string(),
        }
    }

    fn bundled(entry: ManifestEntry) -> Self {
        Self {
            path: Path::new(BUNDLED).join(&entry.file),
            file: format!("pcaps/{}", entry.file),
            name: entry.name,
        }
    }
}

/// The bundled captures, to be read.
pub fn bundled_sources() -> Result<Vec<Source>, Failure> {
    Ok(bundled()?.into_iter().map(Source::bundled).collect())
}

/// The named captures, or the bundled ones without any.
pub fn sources(files: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    if files.is_empty() {
        return bundled_sources();
    }
    Ok(files.iter().map(|path| Source::file(path)).collect())
}

/// What is looked for in a capture when it is read the first time.
#[derive(Default)]
pub struct Look {
    /// Which packets are replayed.
    pub sides: Sides,
    /// How those who pay are told apart.
    pub ways: Vec<Way>,
    /// Whether gaps between packets are summed up.
    pub gaps: bool,
}

/// Reads every capture once.
pub fn survey(
    sources: Vec<Source>,
    limits: Limits,
    look: &Look,
    stop: &AtomicBool,
) -> Result<Vec<Survey>, Failure> {
    let mut surveys: Vec<Survey> = Vec::new();
    for Source { name, path, file } in sources {
        let taken = surveys
            .iter()
            .filter(|s| s.name == name || s.name.starts_with(&format!("{name}~")))
            .count();
        let name = if taken == 0 {
            name
        } else {
            format!("{name}~{}", taken + 1)
        };
        surveys.push(survey_one(Source { name, path, file }, limits, look, stop)?);
    }
    let packets: u64 = surveys.iter().map(|s| s.packets).sum();
    if packets > 0 && surveys.iter().all(|s| s.crossing == 0) {
        return Err(Failure::Failed(format!(
            "--near: none of {packets} packets goes between those networks and others; give the networks behind the near gateway"
        )));
    }
    Ok(surveys)
}

fn survey_one(
    source: Source,
    limits: Limits,
    look: &Look,
    stop: &AtomicBool,
) -> Result<Survey, Failure> {
    let Source { name, path, file } = source;
    // It is read twice, and a pipe would block before it is empty the second time.
    if std::fs::metadata(&path).is_ok_and(|of| !of.is_file() && !of.is_dir()) {
        return Err(Failure::Failed(format!(
            "{} is no file but a pipe or a device; save the capture to a file first",
            path.display()
        )));
    }
    let mut by_class = [ClassCount::default(); CLASSES.len()];
    let mut all = ClassCount::default();
    let mut side_count = SideCount::new(&look.sides);
    let mut census: Vec<Census<'_>> = look.ways.iter().map(Census::new).collect();
    let mut gap_sum = GapSum::default();
    let hashed = HashedFile::open(&path);
    let tally = chunks_of(reader_of(&path, &hashed, limits)?, |chunk| {
        for (at, packet) in chunk.packets().enumerate() {
            if look.gaps {
                gap_sum.add(chunk.timestamp_ns(at));
            }
            if !side_count.takes(packet) {
                continue;
            }
            all.add(packet);
            for census in &mut census {
                census.count(packet);
            }
            let Some(class) = class_of(packet) else {
                continue;
            };
            by_class[class].add(packet);
        }
        Ok(going(stop))
    })?;
    if !going(stop).is_continue() {
        return Err(Failure::Failed(UNMEASURED.to_owned()));
    }
    refuse_nothing(&path, &tally, all.packets)?;
    let sha256 = hashed
        .and_then(HashedFile::finish)
        .map_err(|why| Failure::file("read", &path, why, "check the file"))?;
    Ok(Survey {
        name,
        path,
        file,
        packets: all.packets,
        mean_bytes: all.bytes as f64 / all.packets as f64,
        rankings: census.into_iter().map(Census::ranking).collect(),
        by_class,
        crossing: side_count.crossing(all.packets),
        gap_sum,
        tally,
        sha256,
    })
}

/// Refuses a capture of which nothing is replayed.
fn refuse_nothing(path: &Path, tally: &Tally, packets: u64) -> Result<(), Failure> {
    if tally.frames_replayed == 0 {
        return Err(Failure::Failed(nothing_routable(path, tally)));
    }
    if packets == 0 {
        return Err(Failure::Failed(format!(
            "{}: nothing to replay: none of its {} packets enters at that side; give --near the networks behind the near gateway",
            path.display(),
            tally.frames_replayed
        )));
    }
    Ok(())
}

fn nothing_routable(path: &Path, tally: &Tally) -> String {
    let reasons: Vec<String> = tally
        .left_out
        .iter()
        .map(|(reason, count)| format!("{count} {}", reason.name()))
        .collect();
    let why = if reasons.is_empty() {
        "it holds no whole frame".to_owned()
    } else {
        format!(
            "its {} frames were left out ({})",
            tally.frames_read,
            reasons.join(", ")
        )
    };
    let next = match tally.left_out.get(LeftOut::OverIngressMtu) {
        0 => "take a capture of whole IP packets",
        _ => "raise --mtu, or take a capture of smaller packets",
    };
    format!("{}: nothing to replay: {why}; {next}", path.display())
}

/// Bytes of packets that are at hand at once, of a capture of any size. What they must come out
/// as, by the number of routers, is as much again for each; samples of small packets are more.
pub const CHUNK_BYTES: usize = 16 << 20;

/// What of a capture is read.
pub fn limits(selection: &Selection) -> Limits {
    Limits {
        ingress_mtu: usize::from(selection.mtu),
        max_packets: selection.max_packets,
        chunk_bytes: CHUNK_BYTES,
    }
}

/// Whether to read on.
pub fn going(stop: &AtomicBool) -> ControlFlow<()> {
    if stop.load(Ordering::Relaxed) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// Hands the chunks of a capture to `take` until it breaks off; returns the tally of what was
/// read.
pub fn each_chunk(
    path: &Path,
    limits: Limits,
    take: impl FnMut(&Chunk) -> Result<ControlFlow<()>, Failure>,
) -> Result<Tally, Failure> {
    chunks_of(
        Reader::open(path, limits).map_err(|why| unreadable(&why))?,
        take,
    )
}

/// Reads a capture through its hash, so that a large one is fetched from disk once; without one
/// where the file cannot be opened, which the reader says better.
fn reader_of(
    path: &Path,
    hashed: &std::io::Result<HashedFile>,
    limits: Limits,
) -> Result<Reader, Failure> {
    match hashed {
        Ok(file) if path.is_file() => Reader::from_source(path, Box::new(file.clone()), limits)
            .map_err(|why| unreadable(&why)),
        _ => Reader::open(path, limits).map_err(|why| unreadable(&why)),
    }
}

fn unreadable(why: &CaptureError) -> Failure {
    Failure::Failed(why.to_string())
}

fn chunks_of(
    mut reader: Reader,
    mut take: impl FnMut(&Chunk) -> Result<ControlFlow<()>, Failure>,
) -> Result<Tally, Failure> {
    let mut chunk = Chunk::new();
    while reader
        .next_chunk(&mut chunk)
        .map_err(|why| unreadable(&why))?
    {
        if take(&chunk)?.is_break() {
            break;
        }
    }
    Ok(*reader.tally())
}

/// What of a capture is replayed.
pub struct Kept {
    /// Packets.
    pub packets: u64,
    /// IP bytes of them.
    pub bytes: u64,
    /// Packets that there was no reason to leave out but time.
    pub of: u64,
}

/// The capture as the record has it.
pub fn to_record(
    survey: &Survey,
    tally: &Tally,
    side_count: &SideCount<'_>,
    kept: &Kept,
) -> record::Capture {
    let mut left_out: BTreeMap<String, u64> = tally
        .left_out
        .iter()
        .map(|(r, n)| (r.name().to_owned(), n))
        .collect();
    let [other, neither] = side_count.left_out();
    let by_us = [
        (record::OTHER_SIDE, other),
        (record::NEITHER_SIDE, neither),
        (record::LEFT_BY_PLAN, kept.of.saturating_sub(kept.packets)),
    ];
    let by_us = by_us.into_iter().filter(|(_, count)| *count > 0);
    left_out.extend(by_us.map(|(reason, count)| (reason.to_owned(), count)));
    record::Capture {
        name: survey.name.clone(),
        file: survey.file.clone(),
        sha256: Some(survey.sha256.clone()),
        frames_read: tally.frames_read,
        super_frames: tally.super_frames,
        segments: tally.segments,
        checksums_filled: tally.checksums_filled,
        frames_replayed: kept.packets,
        left_out,
        truncated: tally.truncated,
        inner_bytes: kept.bytes,
        sides: side_count.to_record(),
    }
}

/// File name without the endings that say format and compression.
fn short_name(path: &Path) -> String {
    let name = path
        .file_name()
        .map_or_else(|| path.to_string_lossy(), |n| n.to_string_lossy());
    let mut name = name.as_ref();
    while let Some((stem, ending)) = name.rsplit_once('.') {
        if stem.is_empty() || !["pcap", "pcapng", "cap", "gz", "zst", "dmp"].contains(&ending) {
            break;
        }
        name = stem;
    }
    name.to_owned()
}

/// How a run ends that has done what it was asked: of a capture that ends within a frame, that is
/// said, and has an exit code of its own.
pub fn ended<'c>(captures: impl IntoIterator<Item = &'c Capture>, quiet: bool) -> ExitCode {
    let mut captures = captures.into_iter();
    let Some(cut) = captures.find(|capture| capture.truncated) else {
        return ExitCode::SUCCESS;
    };
    if !quiet {
        output::say(&format!(
            "{} ends within a frame; its {} whole frames were used; take it again for the rest",
            cut.file, cut.frames_read
        ));
    }
    ExitCode::from(CUT_CAPTURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_no_gap_and_names_lose_their_endings() {
        for bytes in [0, 127, 128, 255, 256, 511, 512, 1023, 1024, 9000] {
            let (low, high) = CLASSES[class_of(&vec![0x40; bytes]).unwrap()];
            assert!(low <= bytes && bytes <= high);
        }
        let mut fragment = [0; 28];
        fragment[..12].copy_from_slice(&[0x45, 0, 0, 28, 0, 7, 0x20, 0, 64, 17, 0, 0]);
        fragment[10..12].copy_from_slice(&(!(0x4500_u16 + 28 + 7 + 0x2000 + 0x4011)).to_be_bytes());
        assert_eq!(class_of(&fragment), None);
        assert_eq!(short_name(Path::new("a/redis.pcap.zst")), "redis");
        assert_eq!(short_name(Path::new(".pcap")), ".pcap");
    }
}
