//! `scale`: workers at the same time, with a security association each and with one for all.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::capture::{Chunk, Limits};
use tunneltax_core::clock::Clock;
use tunneltax_core::net::routes::Routes;
use tunneltax_core::net::rss::TABLE_ENTRIES;
use tunneltax_core::path::{Setup, esp_shared};
use tunneltax_core::proof;
use tunneltax_core::synth::Mix;
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::bill::provenance_line;
use tunneltax_reports::record::{Capture, Noise};
use tunneltax_reports::render;
use tunneltax_reports::scale::{Cpu, SCHEMA, Scale, Subject, judge, sentences, tables};

use super::run::stop_on_interrupt;
use crate::captures::{self, Kept, Look, Source};
use crate::cli::ScaleArguments;
use crate::disturbance::Disturbance;
use crate::failure::Failure;
use crate::generated::Generated;
use crate::scale::{Floor, flows, load};
use crate::sides::{SideCount, Sides};
use crate::{host, output, outset, progress};

/// Fresh instances.
const INSTANCES: u32 = 12;
/// Anti-replay window, packets: the largest that Linux has. A worker that is put aside for a
/// moment comes back to a window that others have moved on.
const REPLAY_WINDOW: u32 = 4096;
/// Part of the time for what sharing costs on one core.
const SHARING_PART: f64 = 0.2;
/// Part of the time in which workers work; the rest opens, fills and proves.
const WORKING_PART: f64 = 0.5;
/// Shortest and longest run of some workers, seconds.
const RUN_SECONDS: (f64, f64) = (0.01, 0.5);
/// Most packets of a capture: every run begins with a walk over all of them.
const PACKETS_MAX: usize = 1 << 16;

/// Measures, proves, stores, prints.
pub fn scale(arguments: &ScaleArguments) -> Result<ExitCode, Failure> {
    let stop = stop_on_interrupt()?;
    let cpus = host::cpus();
    let workers = numbers_of_workers(&arguments.workers, cpus.len())?;
    let mixes = mixes(arguments)?;
    let subjects = mixes.len().max(1);
    let run_seconds = run_seconds(arguments, &workers, subjects)?;
    output::prepare(&arguments.out)?;
    let disturbance = Disturbance::now();
    let start = Instant::now();
    let clock = Clock::measure();
    let most = workers.last().copied().unwrap_or(1);
    let mut shop = Shop {
        setup: Setup {
            seed: arguments.seed,
            routes: Arc::new(Routes::seeded(arguments.seed)),
            replay_window: REPLAY_WINDOW,
            ..Setup::default()
        },
        scale: Scale {
            schema: SCHEMA.to_owned(),
            state: "running".to_owned(),
            provenance: outset::provenance(
                &clock,
                arguments.seed,
                std::env::args().collect(),
                None,
            ),
            cpus: cpus[..most].iter().map(|cpu| of_kernel(*cpu)).collect(),
            case: esp_shared::OF.to_owned(),
            subjects: Vec::new(),
        },
        arguments,
        cpus: &cpus[..most],
        workers: &workers,
        subjects,
        run_seconds,
        clock,
        stop: &stop,
        rng: ChaCha8Rng::seed_from_u64(arguments.seed),
        anchors: Vec::new(),
    };
    if let Some(file) = &arguments.file {
        let (chunk, capture) = of_file(file, &stop)?;
        shop.subject(&capture.name.clone(), Some(capture), &chunk)?;
    }
    for mix in mixes {
        let chunk = Generated::plain(mix).chunk(arguments.seed, true)?;
        let name = match mix {
            Mix::Size(bytes) => format!("{bytes} bytes"),
            other => other.to_string(),
        };
        shop.subject(&name, None, &chunk)?;
    }
    let (mut scale, anchors) = (shop.scale, shop.anchors);
    // Of the CPUs of the workers; this thread is bound to none.
    scale.provenance.host.governor = host::governor(&cpus[..most]);
    scale.provenance.seconds = start.elapsed().as_secs_f64();
    scale.provenance.noise = Noise {
        // Of this thread, which only waits for workers.
        involuntary_switches: None,
        ..disturbance.until_now(&anchors)
    };
    let state = if stop.load(Ordering::Relaxed) {
        "interrupted"
    } else {
        "complete"
    };
    state.clone_into(&mut scale.state);
    conclude(&scale, arguments)
}

/// Ascending, 1 the first; more than there are CPUs are refused.
fn numbers_of_workers(asked: &[u16], cpus: usize) -> Result<Vec<usize>, Failure> {
    let most = cpus.min(TABLE_ENTRIES);
    if let Some(many) = asked.iter().find(|workers| usize::from(**workers) > most) {
        return Err(Failure::Usage(format!(
            "--workers {many}: this program may use {cpus} CPUs, and two workers on one would only \
             wait for each other; give at most {most}"
        )));
    }
    let mut workers: Vec<usize> = asked.iter().copied().map(usize::from).collect();
    if workers.is_empty() {
        workers.extend((0..).map(|power| 1 << power).take_while(|n| *n < most));
        workers.push(most);
    }
    workers.push(1);
    workers.sort_unstable();
    workers.dedup();
    Ok(workers)
}

fn mixes(arguments: &ScaleArguments) -> Result<Vec<Mix>, Failure> {
    if arguments.file.is_some() {
        return Ok(Vec::new());
    }
    let mix = |size: &String| {
        let mix = size.parse::<Mix>();
        mix.map_err(|why| Failure::Usage(format!("--size: {why}")))
    };
    arguments.sizes.iter().map(mix).collect()
}

/// How long a run of some workers is; refused where that is too short to tell anything.
fn run_seconds(
    arguments: &ScaleArguments,
    workers: &[usize],
    subjects: usize,
) -> Result<f64, Failure> {
    let runs = f64::from(INSTANCES) * 2.0 * workers.len() as f64 * subjects as f64;
    let seconds = f64::from(arguments.seconds) * WORKING_PART / runs;
    if seconds < RUN_SECONDS.0 {
        let least = (RUN_SECONDS.0 * runs / WORKING_PART).ceil();
        return Err(Failure::Usage(format!(
            "--seconds {}: {runs} runs take at least {least} s; give that many, or fewer --workers \
             or sizes",
            arguments.seconds
        )));
    }
    Ok(seconds.min(RUN_SECONDS.1))
}

fn of_kernel(cpu: usize) -> Cpu {
    Cpu {
        id: cpu as u32,
        siblings: host::siblings(cpu),
    }
}

/// The first packets of a capture, as many as are kept.
fn of_file(file: &Path, stop: &AtomicBool) -> Result<(Chunk, Capture), Failure> {
    let limits = Limits::default();
    let sources = vec![Source::file(file)];
    let surveys = captures::survey(sources, limits, &Look::default(), stop)?;
    let survey = surveys
        .first()
        .ok_or_else(|| Failure::Failed(format!("{} was not read; try again", file.display())))?;
    let mut kept = Chunk::new();
    let tally = captures::each_chunk(&survey.path, limits, |chunk| {
        let room = PACKETS_MAX.saturating_sub(kept.len());
        for packet in chunk.packets().take(room) {
            kept.push(packet, None);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let counts = Kept {
        packets: kept.len() as u64,
        bytes: kept.packet_bytes() as u64,
        of: survey.packets,
    };
    let sides = Sides::default();
    let capture = captures::to_record(survey, &tally, &SideCount::new(&sides), &counts);
    Ok((kept, capture))
}

/// A run of `scale` under way.
struct Shop<'a> {
    setup: Setup,
    scale: Scale,
    arguments: &'a ScaleArguments,
    cpus: &'a [usize],
    workers: &'a [usize],
    /// Workloads in all.
    subjects: usize,
    run_seconds: f64,
    clock: Clock,
    stop: &'a AtomicBool,
    rng: ChaCha8Rng,
    anchors: Vec<Anchor>,
}

impl Shop<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Spreads and measures one workload: what its tunnel carries of it.
    fn subject(
        &mut self,
        name: &str,
        capture: Option<Capture>,
        chunk: &Chunk,
    ) -> Result<(), Failure> {
        if self.stopped() {
            return Ok(());
        }
        let all = Workload::new(chunk.packets().collect());
        let setup = self.setup.for_packets(all.flow_room());
        let proof = proof::prove(esp_shared::own(), &setup, &all)
            .map_err(|why| Failure::Failed(format!("{name}: {why}; report it with the capture")))?;
        let workload = all.filtered(&proof.carried);
        if workload.is_empty() {
            return Err(Failure::Failed(format!(
                "{name}: none of its {} packets is carried; `tunneltax verify` says why",
                all.len()
            )));
        }
        let shape = Shape::hot(workload.longest(), setup.burst, host::caches());
        let floor = Floor {
            workload: &workload,
            shape,
            setup: &setup,
            cpus: self.cpus,
            workers: self.workers,
            clock: &self.clock,
            stop: self.stop,
        };
        let (count, largest_flow) = flows(workload.iter());
        let mut subject = Subject {
            workload: name.to_owned(),
            capture,
            all: load(workload.iter()),
            flows: count,
            largest_flow,
            burst: shape.burst as u32,
            packets_per_reading: shape.packets_per_reading as u32,
            replay_window: setup.replay_window,
            run_seconds: self.run_seconds,
            spreads: floor.spreads(),
            sharing: None,
            instances: Vec::new(),
        };
        let quiet = self.arguments.quiet || self.arguments.json;
        let bar = progress::bar(INSTANCES as usize, quiet);
        let time = Duration::from_secs_f64(self.run_seconds);
        for number in 0..INSTANCES as usize {
            let instance = floor.instance(number, time, &mut self.rng)?;
            subject.instances.extend(instance);
            bar.inc(1);
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        bar.finish_and_clear();
        if !self.stopped() {
            let seconds = f64::from(self.arguments.seconds) * SHARING_PART / self.subjects as f64;
            if let Some((sharing, anchors)) = floor.sharing(INSTANCES, seconds, &mut self.rng)? {
                subject.sharing = Some(sharing);
                self.anchors.extend(anchors);
            }
        }
        self.scale.subjects.push(subject);
        Ok(())
    }
}

/// Stores, prints, and says how it ended.
fn conclude(scale: &Scale, arguments: &ScaleArguments) -> Result<ExitCode, Failure> {
    let out = arguments.out.display();
    let json = serde_json::to_string_pretty(scale)
        .map(|text| text + "\n")
        .map_err(|why| Failure::Failed(format!("it cannot be stored: {why}; run it again")))?;
    output::replace(&arguments.out, "scale.json", &json)?;
    if arguments.json {
        output::print(&json)?;
    } else if !arguments.quiet {
        output::print(&drawn(scale, &format!("Record: {out}/scale.json")))?;
    }
    if scale.state == "interrupted" {
        return Err(Failure::Failed(format!(
            "interrupted; what was measured is kept in {out}/scale.json; run it again from the start, with another --out to keep this"
        )));
    }
    let of_subjects = scale.subjects.iter().filter_map(|s| s.capture.as_ref());
    Ok(captures::ended(of_subjects, arguments.quiet))
}

/// Tables, sentences, and where the record is.
fn drawn(scale: &Scale, record: &str) -> String {
    let style = output::style();
    let judged: Vec<_> = scale.subjects.iter().map(judge).collect();
    let pairs = scale.subjects.iter().zip(&judged);
    let tables: String = pairs
        .flat_map(|(subject, judged)| tables(subject, judged))
        .map(|table| render::table(&table, &style))
        .collect();
    let said = sentences(scale, &judged);
    let said = render::paragraphs(&said, &style);
    let head = render::paragraphs(&[provenance_line(&scale.provenance)], &style);
    format!("{head}{tables}\n{said}\n{record}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_is_always_measured_and_no_more_than_cpus() {
        let of = |asked: &[u16], cpus| numbers_of_workers(asked, cpus).ok();
        assert_eq!(of(&[], 1), Some(vec![1]));
        assert_eq!(of(&[], 2), Some(vec![1, 2]));
        assert_eq!(of(&[], 12), Some(vec![1, 2, 4, 8, 12]));
        assert_eq!(of(&[3, 2, 3], 4), Some(vec![1, 2, 3]));
        assert_eq!(of(&[3], 2), None);
        assert_eq!(of(&[], 500), Some(vec![1, 2, 4, 8, 16, 32, 64, 128]));
    }
}
