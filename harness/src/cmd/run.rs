//! `run`: measures, prints the bill, writes record and reports.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::capture::{Chunk, Limits};
use tunneltax_core::clock::Clock;
use tunneltax_core::net::route_tables::RouteTables;
use tunneltax_core::net::routes::Routes;
use tunneltax_core::path::Setup;
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::record::Record;

use super::report::{self, Drawn};
use super::run_keys::run_keys;
use crate::captures::{self, Kept, Look, Survey, UNMEASURED};
use crate::choice::Choice;
use crate::cli::{RunArguments, RunOptions, Selection};
use crate::core_share::CoreShare;
use crate::disturbance::Disturbance;
use crate::failure::Failure;
use crate::generated::Generated;
use crate::host;
use crate::measure::{Bench, GroupInMaking, Subject, TUNNEL_TWIN};
use crate::output;
use crate::outset;
use crate::pace::Pace;
use crate::payers::{Names, Way};
use crate::plan::{Cost, Planner, Work};
use crate::progress;
use crate::sample::Sample;
use crate::scenario::Refuted;
use crate::schedule::{DEFAULT_SECONDS, INSTANCES, Part, Schedule};
use crate::sides::{SideCount, Sides};

/// Measures and reports.
pub fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    if let Some(keys) = &arguments.esp_keys {
        return run_keys(arguments, keys);
    }
    let mut choice = Choice::new(arguments)?;
    let sources = std::mem::take(&mut choice.sources);
    let (options, mixes) = (&choice.options, &choice.mixes);
    let limits = limits(&options.selection);
    let generated = Generated::all(mixes, &options.flows)?;
    let stop = stop_on_interrupt()?;
    output::prepare(&options.out)?;
    let names = Names::draw(options.show_addresses)?;
    let look = look(&choice, &names);
    let surveys = captures::survey(sources, limits, &look, &stop)?;

    let pinned = host::pin();
    let disturbance = Disturbance::now();
    let clock = Clock::measure();
    let mut setup = setup(&options.selection);
    // Room for as many as are asked for, if that is more than for a capture.
    let flows = generated.iter().map(|of| of.flows).max();
    setup.flows.v4 = setup.flows.v4.max(flows.unwrap_or(0));
    let refuted = choice.refuted(&surveys, limits, &setup, &stop)?;
    if !options.quiet {
        refuted.iter().for_each(|of| output::say(of));
    }
    let core = CoreShare::look(&clock);
    let bench = Bench {
        cases: &choice.cases,
        refuted: &refuted,
        setup: &setup,
        clock: &clock,
        stop: &stop,
        names: &names,
        tunnel_twin: TUNNEL_TWIN,
        core: &core,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(options.selection.seed);
    let caches = host::caches();
    let planner = Planner {
        instances: INSTANCES * if options.full { 2 } else { 1 },
        cost: Cost::pilot(&bench, caches, &mut rng)?,
        caches,
        burst: setup.burst,
        cold: options.cold,
        warm: !options.hot,
    };
    let seconds = seconds(options);
    let schedule = Schedule::new(&planner, &generated, &surveys, seconds, options.full);
    schedule.check(seconds, options.full)?;
    if !options.json && !options.quiet {
        output::print(&schedule.describe(&bench, &planner, seconds, options.full))?;
    }

    let mut run = Run {
        record: Record {
            scenario: choice.scenario_of_record(),
            waterfalls: choice.waterfalls_of_record(),
            model_sizes: choice.model_sizes.clone(),
            ..outset::begin(&bench, options, pinned, mixes)
        },
        options,
        bench: &bench,
        sides: &look.sides,
        planner: &planner,
        bar: progress::bar(schedule.groups, options.quiet || options.json),
        anchors: Vec::new(),
        pace: Pace::begin(seconds, schedule.seconds()),
        disturbance,
        rng,
    };
    run.sizes(&generated, &schedule)?;
    run.captures(&surveys, &schedule)?;
    run.bar.finish_and_clear();
    run.conclude()
}

/// Seed, window, burst and MTU of the paths.
pub fn setup(selection: &Selection) -> Setup {
    Setup {
        seed: selection.seed,
        assignment_seed: selection.seed,
        routes: Arc::new(Routes::seeded(selection.seed)),
        route_tables: Arc::new(RouteTables::new(selection.seed)),
        replay_window: selection.replay_window,
        burst: usize::from(selection.burst),
        ..Setup::default()
    }
}

/// Which of a capture's packets are replayed, and who pays for them.
fn look(choice: &Choice, names: &Names) -> Look {
    let options = &choice.options;
    Look {
        sides: Sides::new(options.near.clone(), options.side),
        ways: Way::all(&choice.cases, names, options.selection.seed),
        gaps: false,
    }
}

/// Bytes of packets that are at hand at once, of a capture of any size. What they must come out
/// as, by the number of routers, is as much again for each; samples of small packets are more.
const CHUNK_BYTES: usize = 16 << 20;

/// What of a capture is read.
pub fn limits(selection: &Selection) -> Limits {
    Limits {
        ingress_mtu: usize::from(selection.mtu),
        max_packets: selection.max_packets,
        chunk_bytes: CHUNK_BYTES,
    }
}

/// Ctrl-C ends the run after the reading it is in; a second one ends the program.
pub(super) fn stop_on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|why| Failure::Failed(format!("cannot catch signals: {why}; try again")))?;
    }
    Ok(stop)
}

/// The whole run's time, seconds.
pub(super) fn seconds(options: &RunOptions) -> f64 {
    let plain = f64::from(DEFAULT_SECONDS);
    let default = if options.full { 2.0 * plain } else { plain };
    options.seconds.map_or(default, f64::from)
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) record: Record,
    pub(super) options: &'a RunOptions,
    pub(super) bench: &'a Bench<'a>,
    pub(super) sides: &'a Sides,
    pub(super) planner: &'a Planner,
    pub(super) bar: ProgressBar,
    pub(super) anchors: Vec<Anchor>,
    pub(super) pace: Pace,
    pub(super) disturbance: Disturbance,
    pub(super) rng: ChaCha8Rng,
}

impl Run<'_> {
    pub(super) fn stopped(&self) -> bool {
        self.bench.stop.load(Ordering::Relaxed)
    }

    fn sizes(&mut self, generated: &[Generated], schedule: &Schedule) -> Result<(), Failure> {
        let dont_fragment = !self.bench.fragments_inside();
        for &of in generated {
            let chunk = of.chunk(self.bench.setup.seed, dont_fragment)?;
            let packets: Vec<&[u8]> = chunk.packets().collect();
            for (temperature, shape) in self.planner.generated_shapes(of) {
                if self.stopped() {
                    return Ok(());
                }
                let subject = Subject {
                    kind: of.kind(),
                    workload: of.mix.to_string(),
                    capture: None,
                    temperature,
                    flows: Some(of.flows as u64),
                };
                let mut group = GroupInMaking::new(self.bench, subject, Arc::new([]));
                let work = Work::generated(of, shape);
                let seconds = schedule.seconds_per_size;
                let workload = group.labelled(packets.clone());
                self.measure(&mut group, &workload, shape, &work, seconds);
                self.keep(group)?;
            }
        }
        Ok(())
    }

    fn captures(&mut self, surveys: &[Survey], schedule: &Schedule) -> Result<(), Failure> {
        let seconds_per_capture = &schedule.seconds_per_capture;
        for (at, survey) in surveys.iter().enumerate() {
            if self.stopped() {
                return Ok(());
            }
            let left: f64 = seconds_per_capture.iter().skip(at).sum();
            self.pace.left(left);
            let planned = seconds_per_capture.get(at).copied().unwrap_or(0.0);
            let as_recorded = self.options.kept.get(&survey.file).copied();
            let cap = as_recorded.or(schedule.cap).unwrap_or(u64::MAX);
            let kept = survey.packets.min(cap);
            // What one walk leaves over goes into more walks, as many for every part.
            let stretch = planned / schedule.walk_seconds(self.planner, survey, kept).max(1e-9);
            let parts = schedule.parts(survey, kept);
            let mut groups: Vec<GroupInMaking<'_>> = parts
                .iter()
                .map(|part| {
                    let rankings = part.rankings(survey);
                    GroupInMaking::new(self.bench, part.subject(survey), rankings)
                })
                .collect();
            let (share, slowness) = (self.pace.share(planned), self.pace.slowness());
            let keep = match as_recorded {
                Some(_) => kept,
                None => schedule.keep(self.planner, survey, kept, share, slowness),
            };
            let mut side_count = SideCount::new(self.sides);
            let mut sample = Sample::new(keep, survey.packets);
            let limits = limits(&self.options.selection);
            // What is kept of a large capture lies over many chunks, and is measured as one.
            let mut gathered = Chunk::new();
            let tally = captures::each_chunk(&survey.path, limits, |chunk| {
                let of_side = chunk.packets().filter(|p| side_count.takes(p));
                for packet in of_side.filter(|p| sample.takes(p)) {
                    if !gathered.is_empty() && gathered.used_bytes() + packet.len() > CHUNK_BYTES {
                        self.chunk(&gathered, &parts, &mut groups, stretch);
                        gathered.clear();
                    }
                    gathered.push(packet, None);
                }
                Ok(captures::going(self.bench.stop))
            })?;
            self.chunk(&gathered, &parts, &mut groups, stretch);
            let kept = Kept {
                packets: sample.kept(),
                bytes: sample.kept_bytes(),
                of: tally.frames_replayed - side_count.left_out().iter().sum::<u64>(),
            };
            self.record
                .captures
                .push(captures::to_record(survey, &tally, &side_count, &kept));
            for group in groups {
                self.anchors.extend(group.anchors());
                self.record.groups.extend(group.finish());
            }
            self.write()?;
        }
        Ok(())
    }

    /// Measures what some packets of a capture are to its parts.
    fn chunk(
        &mut self,
        chunk: &Chunk,
        parts: &[Part],
        groups: &mut [GroupInMaking<'_>],
        stretch: f64,
    ) {
        for (part, group) in parts.iter().zip(groups) {
            let packets: Vec<&[u8]> = chunk.packets().filter(|p| part.takes(p)).collect();
            if packets.is_empty() || self.stopped() {
                continue;
            }
            let longest = packets.iter().map(|p| p.len()).max().unwrap_or(0);
            let bytes: usize = packets.iter().map(|p| p.len()).sum();
            let mean = bytes as f64 / packets.len() as f64;
            let shape = part.shape(self.planner.shapes(longest, mean));
            let work = Work::walk(packets.len(), mean, shape);
            let seconds = self.planner.least_seconds(&work) * stretch;
            let workload = group.labelled(packets);
            self.measure(group, &workload, shape, &work, seconds);
        }
    }

    /// Measures some work in a group as long as its share of the time allows.
    pub(super) fn measure(
        &mut self,
        group: &mut GroupInMaking<'_>,
        workload: &Workload<'_>,
        shape: Shape,
        work: &Work,
        planned_seconds: f64,
    ) {
        let share = self.pace.share(planned_seconds);
        let (portion, predicted) = self.planner.fit(work, share, self.pace.slowness());
        let (start, before) = (Instant::now(), group.again_seconds());
        group.add(workload, shape, portion, &mut self.rng);
        // How slow the machine is does not depend on what was measured again.
        let again = group.again_seconds() - before;
        let taken = start.elapsed().as_secs_f64() - again;
        self.pace.done(planned_seconds, predicted, taken);
        self.bar.inc(1);
    }

    /// Keeps a finished group, on disk too.
    pub(super) fn keep(&mut self, group: GroupInMaking<'_>) -> Result<(), Failure> {
        self.anchors.extend(group.anchors());
        self.record.groups.extend(group.finish());
        self.write()
    }

    fn write(&mut self) -> Result<(), Failure> {
        let provenance = &mut self.record.provenance;
        provenance.seconds = self.pace.elapsed();
        provenance.noise = self.disturbance.until_now(&self.anchors);
        output::replace(&self.options.out, "record.json", &self.record.to_json())
    }

    pub(super) fn conclude(mut self) -> Result<ExitCode, Failure> {
        let interrupted = self.stopped();
        if interrupted && self.record.groups.is_empty() {
            return Err(Failure::Failed(UNMEASURED.to_owned()));
        }
        let state = if interrupted {
            "interrupted"
        } else {
            "complete"
        };
        state.clone_into(&mut self.record.state);
        self.write()?;
        Drawn::of(&self.record)?.write(&self.options.out)?;
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
        if let Some(why) = first_failure(&self.record, self.bench.refuted) {
            return Err(Failure::Failed(why));
        }
        Ok(captures::ended(&self.record.captures, self.options.quiet))
    }
}

/// A run with a failed row has not done what it was asked.
fn first_failure(record: &Record, refuted: &[Refuted]) -> Option<String> {
    let rows = record
        .groups
        .iter()
        .flat_map(|g| g.rows.iter().map(move |r| (g, r)));
    let failed: Vec<_> = rows.filter(|(_, row)| !row.passed).collect();
    let (group, row) = failed.first()?;
    let why = row.message.as_deref().unwrap_or("no reason given");
    let next = if refuted.iter().any(|refuted| refuted.case == row.case) {
        "where the new count is right, correct the scenario's [expect]"
    } else {
        "`tunneltax verify` looks at it alone"
    };
    Some(format!(
        "{} of the rows have no result; the first: {} on {}: {why}; {next}",
        failed.len(),
        row.case,
        group.workload,
    ))
}
