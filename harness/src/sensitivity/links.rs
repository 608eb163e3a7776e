//! Link order: binaries that were linked from the same code with their sections in another order,
//! each run as a process of its own, in turns.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::workload::Workload;
use tunneltax_reports::record::{Build, Figures, Group, Record, Temperature, WorkloadKind};
use tunneltax_reports::selftest::{Axis, Level, Look};

use super::CASES;
use crate::failure::Failure;
use crate::pcap_file::PcapFile;
use crate::{host, output, records};

const NEXT: &str = "make the binaries with ci/links.sh, from this commit";
/// Turns that the time is planned for, and the fewest.
const TURNS: f64 = 10.0;
const TURNS_MIN: usize = 2;
/// Shortest and longest that a process measures, seconds.
const PROCESS_SECONDS: (f64, f64) = (1.0, 10.0);
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Binaries that differ in their links.
pub struct Links<'a> {
    programs: Vec<Link>,
    sizes: Vec<u32>,
    /// Holds the capture, and what processes write.
    folder: tempfile::TempDir,
    stop: &'a AtomicBool,
}

struct Link {
    name: String,
    path: PathBuf,
    sha256: String,
}

impl<'a> Links<'a> {
    /// The programs in a folder. Refuses one that has fewer than two, or two that are one.
    pub fn new(
        folder: &Path,
        workloads: &[Workload<'_>],
        stop: &'a AtomicBool,
    ) -> Result<Self, Failure> {
        let links = programs(folder)?;
        let shown = folder.display();
        if links.len() < 2 {
            return Err(Failure::Failed(format!(
                "{shown} holds {} programs, and two at least are compared; {NEXT}",
                links.len()
            )));
        }
        for (at, link) in links.iter().enumerate() {
            if let Some(same) = links[..at].iter().find(|of| of.sha256 == link.sha256) {
                return Err(Failure::Failed(format!(
                    "{} and {} of {shown} are the same program: their link order does not differ; {NEXT}",
                    output::shown(&same.name),
                    output::shown(&link.name)
                )));
            }
        }
        let fail = |why| Failure::file("write to", &std::env::temp_dir(), why, "make room there");
        let of = Self {
            programs: links,
            sizes: workloads.iter().map(|of| of.longest() as u32).collect(),
            folder: tempfile::tempdir().map_err(fail)?,
            stop,
        };
        // A run has a capture: the smallest that there is.
        let mut capture = PcapFile::create(&of.capture())?;
        capture.write(workloads.first().map_or(&[][..], |of| of.packet(0)))?;
        capture.finish()?;
        Ok(of)
    }

    fn capture(&self) -> PathBuf {
        self.folder.path().join("one.pcap")
    }

    /// Runs each of them once, and refuses those that are not this program in another order.
    /// Nothing where it was stopped.
    pub fn check(&self) -> Result<(), Failure> {
        let own = host::build();
        for link in &self.programs {
            let Some(record) = self.run(link, PROCESS_SECONDS.0, 0)? else {
                return Ok(());
            };
            let theirs = &record.provenance.build;
            if let Some((what, here, there)) = differs(&own, theirs) {
                return Err(Failure::Failed(format!(
                    "{} differs from this program in more than its link order: {what} is {there}, here {here}; {NEXT}",
                    link.path.display()
                )));
            }
        }
        Ok(())
    }

    /// Runs all of them in turns for so many seconds; what was finished of a turn that was stopped
    /// is left away.
    pub fn look(
        &self,
        seconds: f64,
        rng: &mut ChaCha8Rng,
        bar: &ProgressBar,
        mut keep: impl FnMut(&[Look]) -> Result<(), Failure>,
    ) -> Result<Vec<Look>, Failure> {
        let start = Instant::now();
        let process = seconds / (TURNS * self.programs.len() as f64);
        let process = process.clamp(PROCESS_SECONDS.0, PROCESS_SECONDS.1);
        let mut looks = self.places();
        let mut turns = 0;
        while start.elapsed().as_secs_f64() < seconds || turns < TURNS_MIN {
            let mut order: Vec<usize> = (0..self.programs.len()).collect();
            order.shuffle(rng);
            let mut turn = Vec::new();
            for at in order {
                let link = &self.programs[at];
                let Some(record) = self.run(link, process, turns)? else {
                    return Ok(looks);
                };
                for (size, look) in self.sizes.iter().zip(0..) {
                    let figures = figures(&record, *size).ok_or_else(|| lacks(link, *size))?;
                    turn.push((look, at, figures));
                }
            }
            for (look, at, figures) in turn {
                let look: &mut Look = &mut looks[look];
                look.levels[at].push(figures);
            }
            turns += 1;
            bar.set_position(start.elapsed().as_secs());
            keep(&looks)?;
        }
        Ok(looks)
    }

    fn places(&self) -> Vec<Look> {
        let level = |link: &Link| Level {
            binary_sha256: Some(link.sha256.clone()),
            ..Level::new(&link.name)
        };
        let look = |bytes: &u32| Look {
            axis: Axis::Links,
            inner_bytes: *bytes,
            packets_per_reading: None,
            levels: self.programs.iter().map(level).collect(),
        };
        self.sizes.iter().map(look).collect()
    }

    /// A run of one of them as a process; nothing where it was stopped.
    fn run(&self, link: &Link, seconds: f64, seed: usize) -> Result<Option<Record>, Failure> {
        let out = self.folder.path().join("out");
        let sizes: Vec<String> = self.sizes.iter().map(u32::to_string).collect();
        let mut command = Command::new(&link.path);
        command.arg("run").arg(self.capture());
        command.args(["--size", &sizes.join(",")]);
        command.args(CASES.map(|case| format!("--case={case}")));
        command.args(["--seconds", &seconds.round().to_string()]);
        command.args(["--seed", &(seed + 1).to_string(), "--quiet", "--out"]);
        command.arg(&out);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        let fail = |why| Failure::file("run", &link.path, why, NEXT);
        let mut child = command.spawn().map_err(fail)?;
        while child.try_wait().map_err(fail)?.is_none() {
            if self.stop.load(Ordering::Relaxed) {
                // It may have ended by itself meanwhile: then there is nothing to end.
                let _ = child.kill();
            }
            std::thread::sleep(LOOK);
        }
        let ended = child.wait_with_output().map_err(fail)?;
        if self.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr);
            let said = said.lines().last().unwrap_or("it said nothing");
            return Err(Failure::Failed(format!(
                "{} ended with {}: {}; {NEXT}",
                link.path.display(),
                ended.status,
                output::shown(said)
            )));
        }
        records::read(&out.join(records::RECORD)).map(Some)
    }
}

/// The programs in a folder, by name.
fn programs(folder: &Path) -> Result<Vec<Link>, Failure> {
    let fail = |why| Failure::file("read", folder, why, NEXT);
    let mut links = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let about = std::fs::metadata(&path).map_err(fail)?;
        if !about.is_file() || about.permissions().mode() & 0o111 == 0 {
            continue;
        }
        let path = path.canonicalize().map_err(fail)?;
        let sha256 = host::sha256_of(&path).map_err(fail)?;
        let name = path.file_name().unwrap_or_default();
        links.push(Link {
            name: name.to_string_lossy().into_owned(),
            path,
            sha256,
        });
    }
    links.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(links)
}

/// The first thing but the binary that two builds differ in: here, there.
fn differs(own: &Build, theirs: &Build) -> Option<(&'static str, String, String)> {
    let commit = |of: &Build| match (&of.commit, of.dirty) {
        (Some(commit), Some(true)) => format!("{commit} with changes"),
        (Some(commit), _) => commit.clone(),
        (None, _) => "unknown".to_owned(),
    };
    [
        ("the commit", commit(own), commit(theirs)),
        ("the profile", own.profile.clone(), theirs.profile.clone()),
        ("the compiler", own.rustc.clone(), theirs.rustc.clone()),
        (
            "the lock file",
            own.lock_sha256.clone(),
            theirs.lock_sha256.clone(),
        ),
        (
            "the set of CPU features",
            own.target_features.join(" "),
            theirs.target_features.join(" "),
        ),
    ]
    .into_iter()
    .find(|(_, here, there)| here != there)
}

/// Forward, tunnel and bill of a record, hot, ns a packet: the means over its instances.
fn figures(record: &Record, bytes: u32) -> Option<[f64; 3]> {
    let is_it = |group: &&Group| {
        group.kind == WorkloadKind::Size
            && group.temperature == Temperature::Hot
            && group.sizes.keys().eq([&bytes])
    };
    let group = record.groups.iter().find(is_it)?;
    let of = |case: &str| -> Option<&Figures> {
        let row = group.rows.iter().find(|row| row.case == case)?;
        row.figures.as_ref()
    };
    let [forward, tunnel] = CASES.map(of);
    let (forward, tunnel) = (forward?, tunnel?);
    let above = tunnel.against.iter().find(|of| of.case == CASES[0])?;
    Some([forward.sum_ns.mean, tunnel.sum_ns.mean, above.sum_ns.mean])
}

fn lacks(link: &Link, bytes: u32) -> Failure {
    Failure::Failed(format!(
        "{} has no figure at {bytes} bytes: see what `run` says there; {NEXT}",
        link.path.display()
    ))
}
