//! `run`: measures, prints the bill, writes record and reports.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use indicatif::ProgressBar;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::capture::Limits;
use tunneltax_core::clock::{self, Clock};
use tunneltax_core::net::routes::Routes;
use tunneltax_core::path::{Case, Setup};
use tunneltax_core::synth::Mix;
use tunneltax_core::workload::Shape;
use tunneltax_reports::record::{
    self, Noise, Provenance, Record, SCHEMA, Temperature, WorkloadKind,
};
use tunneltax_reports::stats::median;

use super::report;
use crate::captures::{self, CLASSES, Survey, class_name, class_of};
use crate::cli::{RunArguments, RunOptions, Selection};
use crate::failure::{CUT_CAPTURE, Failure};
use crate::host::{self, Disturbance};
use crate::libraries::libraries;
use crate::measure::{Bench, GroupInMaking, Subject};
use crate::output;
use crate::plan::{self, Cost, Planner};
use crate::progress;
use crate::select::select_cases;

/// Sizes of a plain run: IP total lengths, and simple IMIX.
pub const DEFAULT_SIZES: [&str; 7] = ["64", "350", "576", "1024", "1350", "1440", "imix"];
/// Temperatures, in the order of [`Planner::shapes`].
const TEMPERATURES: [Temperature; 2] = [Temperature::Hot, Temperature::Warm];

/// Measures and reports.
pub fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    let cases = select_cases(&options.selection.cases, options.full)?;
    let mixes = parse_sizes(&options.sizes, options.selection.mtu)?;
    output::prepare(&options.out)?;
    let stop = stop_on_interrupt()?;
    let surveys = captures::survey(&arguments.files, limits(&options.selection, None))?;

    let pinned = host::pin();
    let disturbance = Disturbance::now();
    let clock = Clock::measure();
    let setup = setup(&options.selection);
    let bench = Bench {
        cases: &cases,
        setup: &setup,
        clock: &clock,
        instances: plan::INSTANCES * if options.full { 2 } else { 1 },
        stop: &stop,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(options.selection.seed);
    let planner = planner(&bench, options, &mut rng)?;
    let schedule = Schedule::new(&planner, &mixes, &surveys, options);
    if !options.json && !options.quiet {
        output::print(&schedule.describe(&bench, options))?;
    }

    let mut run = Run {
        record: skeleton(&bench, options, pinned, &mixes),
        options,
        bench: &bench,
        planner: &planner,
        bar: progress::bar(schedule.groups, options.quiet || options.json),
        speeds: Vec::new(),
        started: Instant::now(),
        disturbance,
        rng,
    };
    run.sizes(&mixes, &schedule)?;
    run.captures(&surveys, &schedule)?;
    run.bar.finish_and_clear();
    run.conclude()
}

/// Seed, window, burst and MTU of the paths.
pub fn setup(selection: &Selection) -> Setup {
    Setup {
        seed: selection.seed,
        routes: Arc::new(Routes::seeded(selection.seed)),
        replay_window: selection.replay_window,
        burst: usize::from(selection.burst),
        ..Setup::default()
    }
}

/// What of a capture is read, with a cap of the plan's own.
pub fn limits(selection: &Selection, cap: Option<u64>) -> Limits {
    Limits {
        ingress_mtu: usize::from(selection.mtu),
        max_packets: selection.max_packets.into_iter().chain(cap).min(),
        ..Limits::default()
    }
}

fn parse_sizes(sizes: &[String], mtu: u16) -> Result<Vec<Mix>, Failure> {
    let named: Vec<&str> = if sizes.is_empty() {
        DEFAULT_SIZES.to_vec()
    } else {
        sizes.iter().map(String::as_str).collect()
    };
    let parse = |text: &str| {
        let mix = text
            .trim()
            .parse::<Mix>()
            .map_err(|why| Failure::Usage(format!("--size: {why}")))?;
        match mix.parts().map(|(size, _)| size).max() {
            Some(largest) if largest > mtu && !sizes.is_empty() => Err(Failure::Usage(format!(
                "--size {mix}: packets of {largest} bytes do not enter through an MTU of {mtu}; raise --mtu"
            ))),
            _ => Ok(mix),
        }
    };
    named.into_iter().map(parse).collect()
}

/// Ctrl-C ends the run after the reading it is in; a second one ends the program.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|why| Failure::Failed(format!("cannot catch signals: {why}; try again")))?;
    }
    Ok(stop)
}

fn planner(
    bench: &Bench<'_>,
    options: &RunOptions,
    rng: &mut ChaCha8Rng,
) -> Result<Planner, Failure> {
    let caches = host::caches();
    let seconds = f64::from(options.seconds.unwrap_or(plan::DEFAULT_SECONDS));
    Ok(Planner {
        seconds: if options.full && options.seconds.is_none() {
            2.0 * seconds
        } else {
            seconds
        },
        instances: bench.instances,
        cost: Cost::pilot(bench, caches, rng)?,
        caches,
        burst: bench.setup.burst,
        warm_classes: options.full,
    })
}

/// How the time is shared out.
struct Schedule {
    groups: usize,
    size_groups: usize,
    seconds_per_size: f64,
    /// Most packets of each capture; `None` with `--full`.
    cap: Option<u64>,
    seconds_per_capture: Vec<f64>,
    all_packets: u64,
    kept_packets: u64,
}

impl Schedule {
    fn new(planner: &Planner, mixes: &[Mix], surveys: &[Survey], options: &RunOptions) -> Self {
        let seconds_per_size = planner.seconds_per_size(mixes.len(), surveys.len());
        let sizes_seconds = seconds_per_size * 2.0 * mixes.len() as f64;
        let most = planner.packet_cap(surveys, sizes_seconds);
        let all_packets = surveys.iter().map(|s| s.packets).sum();
        let cap = (!options.full && surveys.iter().any(|s| s.packets > most)).then_some(most);
        let kept = cap.unwrap_or(u64::MAX);
        let walk = |s: &Survey| planner.capture_seconds(s, kept);
        let walks: f64 = surveys.iter().map(walk).sum();
        // What one walk leaves over goes into more walks.
        let stretch = ((planner.seconds - sizes_seconds) / walks.max(1e-9)).max(1.0);
        let groups_of = |s| plan::groups_of(s, kept, planner.warm_classes);
        Self {
            groups: 2 * mixes.len() + surveys.iter().map(groups_of).sum::<usize>(),
            size_groups: 2 * mixes.len(),
            seconds_per_size,
            cap,
            seconds_per_capture: surveys.iter().map(|s| walk(s) * stretch).collect(),
            all_packets,
            kept_packets: surveys.iter().map(|s| s.packets.min(kept)).sum(),
        }
    }

    fn describe(&self, bench: &Bench<'_>, options: &RunOptions) -> String {
        let captures: f64 = self.seconds_per_capture.iter().sum();
        let sizes = self.seconds_per_size * self.size_groups as f64;
        let rest = self.groups - self.size_groups;
        let full = if options.full {
            String::new()
        } else {
            let packets = match self.cap {
                Some(_) => format!("all {} packets", self.all_packets),
                None => "every packet".to_owned(),
            };
            format!(
                "--full adds {} more instances, {packets}, warm size classes and the yardsticks.\n",
                plan::INSTANCES
            )
        };
        format!(
            "{} rows: {} cases in {} groups, {} fresh instances each; about {:.0} s to measure:\n  \
             {} groups by size, {:.1} s each; {rest} by capture and size class, {:.1} s each \
             ({} of {} packets).\n{full}\n",
            self.groups * bench.cases.len(),
            bench.cases.len(),
            self.groups,
            bench.instances,
            sizes + captures,
            self.size_groups,
            self.seconds_per_size,
            captures / rest.max(1) as f64,
            self.kept_packets,
            self.all_packets,
        )
    }
}

/// A run under way.
struct Run<'a> {
    record: Record,
    options: &'a RunOptions,
    bench: &'a Bench<'a>,
    planner: &'a Planner,
    bar: ProgressBar,
    speeds: Vec<f64>,
    started: Instant,
    disturbance: Disturbance,
    rng: ChaCha8Rng,
}

impl Run<'_> {
    fn stopped(&self) -> bool {
        self.bench.stop.load(Ordering::Relaxed)
    }

    fn sizes(&mut self, mixes: &[Mix], schedule: &Schedule) -> Result<(), Failure> {
        for mix in mixes {
            let chunk = plan::generate(*mix, self.bench.setup.seed)?;
            let packets: Vec<&[u8]> = chunk.packets().collect();
            let longest = packets.iter().map(|p| p.len()).max().unwrap_or(0);
            let shapes = self.planner.shapes(longest);
            for (temperature, shape) in TEMPERATURES.into_iter().zip(shapes) {
                if self.stopped() {
                    return Ok(());
                }
                let planned = self
                    .planner
                    .size(mix.mean_bytes(), shape, schedule.seconds_per_size);
                let kind = match mix {
                    Mix::Size(_) => WorkloadKind::Size,
                    _ => WorkloadKind::Mix,
                };
                let subject = Subject {
                    kind,
                    workload: mix.to_string(),
                    capture: None,
                    temperature,
                };
                let mut group = GroupInMaking::new(self.bench, subject);
                group.add(packets.clone(), shape, planned.rounds, &mut self.rng);
                self.keep(group)?;
            }
        }
        Ok(())
    }

    fn captures(&mut self, surveys: &[Survey], schedule: &Schedule) -> Result<(), Failure> {
        for (survey, seconds) in surveys.iter().zip(&schedule.seconds_per_capture) {
            if self.stopped() {
                return Ok(());
            }
            let limits = limits(&self.options.selection, schedule.cap);
            let kept = survey.packets.min(limits.max_packets.unwrap_or(u64::MAX));
            let mut parts = parts_of(survey, kept, self.planner.warm_classes);
            let mut groups: Vec<GroupInMaking<'_>> = parts
                .iter()
                .map(|part| GroupInMaking::new(self.bench, part.subject(survey)))
                .collect();
            let walk = self.planner.capture_seconds(survey, kept);
            let tally = captures::each_chunk(&survey.path, limits, |chunk| {
                for (part, group) in parts.iter_mut().zip(&mut groups) {
                    let packets: Vec<&[u8]> = chunk.packets().filter(|p| part.takes(p)).collect();
                    if packets.is_empty() || self.bench.stop.load(Ordering::Relaxed) {
                        continue;
                    }
                    let longest = packets.iter().map(|p| p.len()).max().unwrap_or(0);
                    let mean = packets.iter().map(|p| p.len()).sum::<usize>() as f64
                        / packets.len() as f64;
                    let shape = part.shape(self.planner.shapes(longest));
                    // As many walks as the capture's time holds, the same for every part of it.
                    let once = self.planner.walk(packets.len(), mean, shape, 0.0);
                    let time = once.seconds * seconds / walk;
                    let planned = self.planner.walk(packets.len(), mean, shape, time);
                    group.add(packets, shape, planned.rounds, &mut self.rng);
                    self.bar.inc(1);
                }
                Ok(())
            })?;
            self.record
                .captures
                .push(captures::to_record(survey, &tally));
            for group in groups {
                self.speeds.extend(group.speeds());
                self.record.groups.extend(group.finish());
            }
            self.write()?;
        }
        Ok(())
    }

    /// Keeps a finished group, on disk too.
    fn keep(&mut self, group: GroupInMaking<'_>) -> Result<(), Failure> {
        self.speeds.extend(group.speeds());
        self.record.groups.extend(group.finish());
        self.bar.inc(1);
        self.write()
    }

    fn write(&mut self) -> Result<(), Failure> {
        let now = Disturbance::now();
        let provenance = &mut self.record.provenance;
        provenance.seconds = self.started.elapsed().as_secs_f64();
        let slowest = self.speeds.iter().copied().reduce(f64::min);
        let fastest = self.speeds.iter().copied().reduce(f64::max);
        provenance.noise = Noise {
            load_start: self.disturbance.load(),
            load_end: now.load(),
            steal_percent: now.steal_percent_since(&self.disturbance),
            involuntary_switches: now.switches_since(&self.disturbance),
            anchor_min_ghz: slowest.unwrap_or(0.0),
            anchor_median_ghz: median(&self.speeds).unwrap_or(0.0),
            anchor_max_ghz: fastest.unwrap_or(0.0),
        };
        output::replace(&self.options.out, "record.json", &self.record.to_json())
    }

    fn conclude(mut self) -> Result<ExitCode, Failure> {
        let interrupted = self.stopped();
        self.record.state = if interrupted {
            "interrupted"
        } else {
            "complete"
        }
        .to_owned();
        self.write()?;
        report::write_reports(&self.record, &self.options.out)?;
        let out = self.options.out.display();
        if self.options.json {
            output::print(&self.record.to_json())?;
        } else if !self.options.quiet {
            let bill = report::bill(&self.record)?;
            output::print(&format!(
                "{bill}\nReport: {out}/report.html   Record: {out}/record.json\n"
            ))?;
        }
        if interrupted {
            return Err(Failure::Failed(format!(
                "interrupted after {} groups; they are kept in {out}/record.json; run again for the rest",
                self.record.groups.len()
            )));
        }
        if let Some(why) = first_failure(&self.record) {
            return Err(Failure::Failed(why));
        }
        match self.record.captures.iter().find(|c| c.truncated) {
            Some(cut) => {
                eprintln!(
                    "tunneltax: {} ends within a frame; its {} whole frames were used; take it again for the rest",
                    cut.file, cut.frames_read
                );
                Ok(ExitCode::from(CUT_CAPTURE))
            }
            None => Ok(ExitCode::SUCCESS),
        }
    }
}

/// A run with a failed row has not done what it was asked.
fn first_failure(record: &Record) -> Option<String> {
    let rows = record
        .groups
        .iter()
        .flat_map(|g| g.rows.iter().map(move |r| (g, r)));
    let failed: Vec<_> = rows.filter(|(_, row)| !row.passed).collect();
    let (group, row) = failed.first()?;
    Some(format!(
        "{} of the rows have no result; the first: {} on {}: {}; `tunneltax verify` looks at it alone",
        failed.len(),
        row.case,
        group.workload,
        row.message.as_deref().unwrap_or("no reason given"),
    ))
}

/// A capture as a whole, or one size class of it, at one temperature.
struct Part {
    class: Option<usize>,
    warm: bool,
}

fn parts_of(survey: &Survey, kept: u64, warm_classes: bool) -> Vec<Part> {
    let mut parts = vec![
        Part {
            class: None,
            warm: false,
        },
        Part {
            class: None,
            warm: true,
        },
    ];
    let share = kept as f64 / survey.packets.max(1) as f64;
    for class in 0..CLASSES.len() {
        if survey.by_class[class] as f64 * share >= plan::CLASS_PACKETS_MIN as f64 {
            parts.push(Part {
                class: Some(class),
                warm: false,
            });
            if warm_classes {
                parts.push(Part {
                    class: Some(class),
                    warm: true,
                });
            }
        }
    }
    parts
}

impl Part {
    fn takes(&self, packet: &[u8]) -> bool {
        self.class
            .is_none_or(|class| class_of(packet.len()) == class)
    }

    fn shape(&self, [hot, warm]: [Shape; 2]) -> Shape {
        if self.warm { warm } else { hot }
    }

    fn subject(&self, survey: &Survey) -> Subject {
        let (kind, workload) = match self.class {
            None => (WorkloadKind::Capture, survey.name.clone()),
            Some(class) => (
                WorkloadKind::Class,
                format!("{} {}", survey.name, class_name(class)),
            ),
        };
        Subject {
            kind,
            workload,
            capture: Some(survey.name.clone()),
            temperature: TEMPERATURES[usize::from(self.warm)],
        }
    }
}

fn skeleton(
    bench: &Bench<'_>,
    options: &RunOptions,
    pinned_to: Option<usize>,
    mixes: &[Mix],
) -> Record {
    Record {
        schema: SCHEMA.to_owned(),
        state: "running".to_owned(),
        provenance: Provenance {
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            seconds: 0.0,
            command: std::env::args().collect(),
            seed: options.selection.seed,
            build: host::build(),
            host: host::host(pinned_to),
            clock: record::Clock {
                name: clock::NAME.to_owned(),
                hertz: bench.clock.hertz,
                step_ns: bench.clock.step_ns,
                reading_ns: bench.clock.reading_ns,
                fenced_reading_ns: bench.clock.fenced_reading_ns,
            },
            libraries: libraries(),
            noise: Noise {
                load_start: 0.0,
                load_end: 0.0,
                steal_percent: None,
                involuntary_switches: None,
                anchor_min_ghz: 0.0,
                anchor_median_ghz: 0.0,
                anchor_max_ghz: 0.0,
            },
        },
        captures: Vec::new(),
        cases: bench
            .cases
            .iter()
            .map(|case| case_of_record(case, mixes))
            .collect(),
        groups: Vec::new(),
    }
}

fn case_of_record(case: &Case, mixes: &[Mix]) -> record::Case {
    let sizes = mixes.iter().filter_map(|mix| match mix {
        Mix::Size(bytes) => Some(u32::from(*bytes)),
        _ => None,
    });
    record::Case {
        id: case.id.to_owned(),
        title: case.title.to_owned(),
        stages: case.stages.iter().map(|s| (*s).to_owned()).collect(),
        step_of: case.step_of.map(str::to_owned),
        step: case.step.to_owned(),
        added_bytes: sizes
            .map(|bytes| (bytes, (case.added_bytes)(bytes as usize) as u32))
            .collect(),
    }
}
