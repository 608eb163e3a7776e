//! `load`: what packets see under load, modelled and paced; writes record and reports.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::clock::Clock;
use tunneltax_core::paced::{self, Gateway, Paced};
use tunneltax_core::path::overhead::Beyond;
use tunneltax_core::path::{Case, Setup};
use tunneltax_core::stack;
use tunneltax_core::synth::Mix;
use tunneltax_core::workload::Workload;
use tunneltax_reports::bill::three;
use tunneltax_reports::load::{Arrivals, LoadRecord, SCHEMA};
use tunneltax_reports::model::arrivals::{Gaps, Kind, NoSchedule};
use tunneltax_reports::model::queue::Rules;
use tunneltax_reports::render;

use super::run;
use crate::captures::{self, Source, UNMEASURED};
use crate::cli::{ArrivalKind, HalfKind, LoadArguments};
use crate::core_share::CoreShare;
use crate::disturbance::Disturbance;
use crate::failure::Failure;
use crate::generated::Generated;
use crate::host;
use crate::load::{
    Bench, Instance, OWN, OwnTimes, Packets, Plan, Stream, Streamed, Tally, searched,
};
use crate::output;
use crate::outset;
use crate::progress;
use crate::select::{over_underlay, select_cases};

/// The cases of a plain run.
const DEFAULT_CASES: [&str; 2] = ["forward", "esp/aes-256-gcm@ring"];
/// Part of an instance's time for rounds that may be spent waiting for the core.
const WAIT_PART: f64 = 0.3;
/// Fewest rounds of an instance.
const ROUNDS_MIN: u32 = 2;

/// Measures and reports.
pub fn load(arguments: &LoadArguments) -> Result<ExitCode, Failure> {
    if arguments.speed_up.is_some() && arguments.arrivals != ArrivalKind::Capture {
        return Err(Failure::Usage(
            "--speed-up: only a capture's own times can be sped up; add --arrivals capture"
                .to_owned(),
        ));
    }
    let cases = cases(arguments)?;
    let stop = run::stop_on_interrupt()?;
    output::prepare(&arguments.out)?;
    let mut plan = Plan::new(arguments.seconds.into());
    plan.frames = plan.frames.max(2 * usize::from(arguments.ring));
    let setup = run::setup(&arguments.selection);
    let packets = packets(arguments, &cases, plan.frames, &stop)?;
    let carried = packets.carried(&cases, &setup)?;
    let gaps = gaps(arguments, carried.gaps)?;

    let pinned = host::pin();
    let disturbance = Disturbance::now();
    let clock = Clock::measure();
    let workload = &carried.workload;
    let mean_bytes = workload.inner_bytes() as f64 / workload.len() as f64;
    let bench = Bench {
        clock: &clock,
        plan,
        kind: kind(arguments.arrivals),
        gaps: gaps.as_ref(),
        rules: Rules {
            burst: usize::from(arguments.selection.burst),
            ring: usize::from(arguments.ring),
        },
        common_pps: arguments.gbps * 1e9 / 8.0 / mean_bytes,
        own: own_times(arguments.speed_up, gaps.as_ref()),
    };
    let ground = ground(&cases);
    let record = LoadRecord {
        schema: SCHEMA.to_owned(),
        state: "running".to_owned(),
        provenance: outset::provenance(
            &clock,
            arguments.selection.seed,
            std::env::args().collect(),
            pinned,
        ),
        capture: packets.capture.clone(),
        workload: packets.workload.clone(),
        packets: workload.len() as u64,
        mean_inner_bytes: mean_bytes,
        half: half(arguments.half).to_owned(),
        arrivals: arrivals(bench.kind, gaps.as_ref()),
        burst: bench.rules.burst as u32,
        ring: bench.rules.ring as u32,
        frames: 0,
        instances: 0,
        made_again: 0,
        waited_seconds: 0.0,
        cases: Vec::new(),
        twin: None,
    };
    // The twin is the last of the lanes.
    let with_twin = cases.iter().zip(&carried.failed);
    let twin = ground.map(|at| (&cases[at], &carried.failed[at]));
    let lanes: Vec<(&'static Case, Option<String>)> = with_twin
        .chain(twin)
        .map(|(case, why)| (*case, why.clone()))
        .collect();
    let mut run = Run {
        arguments,
        bench: &bench,
        lanes: lanes.iter().map(|(case, _)| *case).collect(),
        has_twin: ground.is_some(),
        workload,
        stop: &stop,
        record,
        tallies: lanes
            .into_iter()
            .map(|(case, why)| Tally::new(case.id, why, bench.loads()))
            .collect(),
        anchors: Vec::new(),
        core: CoreShare::look(&clock),
        disturbance,
        started: Instant::now(),
        rest_seconds: plan.rest_seconds,
        bar: progress::bar(plan.instances as usize, arguments.quiet || arguments.json),
        rng: ChaCha8Rng::seed_from_u64(arguments.selection.seed),
    };
    for instance in 0..plan.instances {
        stack::placed(instance as usize, || run.instance(&setup, instance))?;
        run.bar.inc(1);
        if run.stopped() {
            break;
        }
    }
    run.bar.finish_and_clear();
    if let (Kind::Capture, Some((path, gap_sum))) = (bench.kind, &packets.more) {
        run.stream(&Stream {
            path,
            limits: captures::limits(&arguments.selection),
            gap_sum: *gap_sum,
            workload,
        })?;
    }
    run.conclude()
}

fn cases(arguments: &LoadArguments) -> Result<Vec<&'static Case>, Failure> {
    let selection = &arguments.selection;
    let globs = if selection.cases.is_empty() {
        DEFAULT_CASES.map(str::to_owned).to_vec()
    } else {
        selection.cases.clone()
    };
    over_underlay(select_cases(&globs, &[])?, selection.underlay)
}

/// The case that others are held against: forward, or else the first; none where there is one
/// alone.
fn ground(cases: &[&'static Case]) -> Option<usize> {
    let forward = cases.iter().position(|case| case.id == DEFAULT_CASES[0]);
    (cases.len() > 1).then(|| forward.unwrap_or(0))
}

fn packets(
    arguments: &LoadArguments,
    cases: &[&'static Case],
    most: usize,
    stop: &AtomicBool,
) -> Result<Packets, Failure> {
    let selection = &arguments.selection;
    if let Some(size) = &arguments.size {
        let mix: Mix = size
            .trim()
            .parse()
            .map_err(|why| Failure::Usage(format!("--size: {why}")))?;
        let of = Generated::plain(mix);
        if of.longest() > usize::from(selection.mtu) {
            return Err(Failure::Usage(format!(
                "--size {mix}: packets of {} bytes do not enter through an MTU of {}; raise --mtu",
                of.longest(),
                selection.mtu
            )));
        }
        let inside = |case: &&Case| case.overhead.beyond == Beyond::FragmentedInside;
        return Packets::generated(of, selection.seed, !cases.iter().any(inside));
    }
    let source = match &arguments.file {
        Some(path) => Some(Source::file(path)),
        None => captures::bundled_sources()?.into_iter().next(),
    };
    let source = source.ok_or_else(|| Failure::Failed("no capture is bundled; name one".into()))?;
    Packets::of_capture(source, captures::limits(selection), most, stop)
}

/// The capture's gaps, where they are asked for.
fn gaps(
    arguments: &LoadArguments,
    found: Result<Gaps, NoSchedule>,
) -> Result<Option<Gaps>, Failure> {
    if arguments.arrivals != ArrivalKind::Capture {
        return Ok(None);
    }
    if arguments.size.is_some() {
        return Err(Failure::Usage(
            "--arrivals capture: generated packets have no times; take --arrivals poisson".into(),
        ));
    }
    found.map(Some).map_err(|why| {
        Failure::Failed(format!(
            "--arrivals capture: {why}, which is no schedule; take --arrivals poisson"
        ))
    })
}

/// The capture's own times, faster.
fn own_times(speed_up: Option<f64>, gaps: Option<&Gaps>) -> Option<OwnTimes> {
    let (speed_up, gaps) = speed_up.zip(gaps)?;
    Some(OwnTimes {
        speed_up,
        pps: speed_up * 1e9 / gaps.mean_ns(),
    })
}

fn kind(arrivals: ArrivalKind) -> Kind {
    match arrivals {
        ArrivalKind::Capture => Kind::Capture,
        ArrivalKind::Poisson => Kind::Poisson,
        ArrivalKind::Constant => Kind::Constant,
    }
}

fn half(half: HalfKind) -> &'static str {
    match half {
        HalfKind::Send => "send",
        HalfKind::Receive => "receive",
    }
}

fn arrivals(kind: Kind, gaps: Option<&Gaps>) -> Arrivals {
    let count = |of: fn(&Gaps) -> u64| gaps.map_or(0, of);
    Arrivals {
        kind,
        backwards: count(|gaps| gaps.backwards),
        clipped: count(|gaps| gaps.clipped),
        missing: count(|gaps| gaps.missing),
        streamed: 0,
    }
}

/// A run under way.
struct Run<'a> {
    arguments: &'a LoadArguments,
    bench: &'a Bench<'a>,
    /// The cases, and behind them the ground case once more, where it has a twin.
    lanes: Vec<&'static Case>,
    has_twin: bool,
    workload: &'a Workload<'a>,
    stop: &'a AtomicBool,
    record: LoadRecord,
    tallies: Vec<Tally>,
    anchors: Vec<Anchor>,
    core: CoreShare,
    disturbance: Disturbance,
    started: Instant,
    /// What an instance takes behind its rounds, seconds: of the last one, or as planned.
    rest_seconds: f64,
    bar: ProgressBar,
    rng: ChaCha8Rng,
}

impl Run<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn is_twin(&self, lane: usize) -> bool {
        self.has_twin && lane + 1 == self.lanes.len()
    }

    /// One fresh instance of every case, in turns; kept on disk when it is finished.
    fn instance(&mut self, setup: &Setup, instance: u32) -> Result<(), Failure> {
        let setup = setup.fresh(self.rng.random(), self.workload.flow_room());
        // Whole walks over the packets, so that a repetition has every packet as often.
        let packets = self.workload.len();
        let room = (2 * self.bench.rules.ring).div_ceil(packets);
        let frames = (self.bench.plan.frames / packets).max(room) * packets;
        self.record.frames = frames as u32;
        let mut arenas: Vec<_> = self
            .lanes
            .iter()
            .map(|case| paced::arena(case, self.workload, frames))
            .collect();
        let gateway = match self.arguments.half {
            HalfKind::Send => Gateway::Near,
            HalfKind::Receive => Gateway::Far,
        };
        let mut wait_seconds = WAIT_PART * (self.until(instance) - self.elapsed()).max(0.0);
        wait_seconds -= self.wait(wait_seconds);
        let mut lanes: Vec<Option<Instance<'_, '_, '_>>> = Vec::new();
        for (at, arena) in arenas.iter_mut().enumerate() {
            let is_twin = self.is_twin(at);
            let opened = Paced::open(self.lanes[at], &setup, gateway, self.workload, arena)
                .map_err(|why| why.to_string())
                .and_then(|paced| Instance::begin(self.bench, paced, self.workload, is_twin));
            lanes.push(self.unless_failed(at, opened));
        }
        if instance == 0 {
            self.not_overloaded(&lanes)?;
        }
        self.rounds(&mut lanes, instance, wait_seconds);
        let rounds_over = Instant::now();
        self.search(&mut lanes);
        for (at, lane) in lanes.into_iter().enumerate() {
            let Some(lane) = lane else { continue };
            let whole = lane.is_whole();
            self.record.made_again += lane.again;
            let (found, trials) = lane.finish();
            if let Some(found) = found.filter(|_| whole && self.tallies[at].failed.is_none()) {
                self.tallies[at].add(self.bench, found, &trials);
            }
        }
        self.rest_seconds = rounds_over.elapsed().as_secs_f64();
        let finished = self.tallies.iter().map(Tally::instances).max();
        self.record.instances = finished.unwrap_or(0) as u32;
        if self.record.instances > 0 {
            self.write()?;
        }
        Ok(())
    }

    /// Refuses a capture that comes faster than some case carries: all that could be shown is a ring
    /// that is always full.
    fn not_overloaded(&self, lanes: &[Option<Instance<'_, '_, '_>>]) -> Result<(), Failure> {
        let Some(own) = self.bench.own else {
            return Ok(());
        };
        let limits = self.lanes.iter().zip(lanes);
        let limits = limits.filter_map(|(case, lane)| Some((case.id, lane.as_ref()?.limit_pps())));
        let Some((case, limit_pps)) = limits.min_by(|a, b| a.1.total_cmp(&b.1)) else {
            return Ok(());
        };
        if own.pps <= limit_pps {
            return Ok(());
        }
        let most = own.speed_up * limit_pps / own.pps;
        let next = if most < 1.0 {
            "it is more than that at its own times: leave --speed-up out".to_owned()
        } else {
            format!("give less than {most:.0}")
        };
        Err(Failure::Usage(format!(
            "--speed-up {}: {} million packets a second are more than {case} carries here, {} million; {next}",
            own.speed_up,
            three(own.pps / 1e6),
            three(limit_pps / 1e6),
        )))
    }

    /// The value, unless the case has failed; then why is kept.
    fn unless_failed<T>(&mut self, case: usize, outcome: Result<T, String>) -> Option<T> {
        let tally = self.tallies.get_mut(case)?;
        match outcome {
            Ok(value) => tally.failed.is_none().then_some(value),
            Err(why) => {
                tally.failed.get_or_insert(why);
                None
            }
        }
    }

    fn elapsed(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// When what is left of an instance's time is needed for the rest, seconds.
    fn until(&self, instance: u32) -> f64 {
        self.bench.plan.instance_seconds * f64::from(instance + 1) - self.rest_seconds
    }

    /// Rounds as long as the instance has time for them: the closed loop, and every load in an order
    /// drawn anew, the cases in turns. For the core it is waited so many seconds at most.
    fn rounds(
        &mut self,
        lanes: &mut [Option<Instance<'_, '_, '_>>],
        instance: u32,
        mut wait_seconds: f64,
    ) {
        let until = self.until(instance);
        let mut round = 0;
        let mut loads: Vec<usize> = (0..self.bench.loads()).collect();
        let mut order: Vec<usize> = (0..lanes.len()).collect();
        while round < ROUNDS_MIN || self.elapsed() < until {
            loads.shuffle(&mut self.rng);
            for step in 0..=loads.len() {
                wait_seconds -= self.wait(wait_seconds);
                order.shuffle(&mut self.rng);
                // The same times for all cases, so that chance is in no difference between them.
                let seed = self.rng.random();
                for &at in &order {
                    if self.stopped() {
                        return;
                    }
                    let Some(lane) = lanes.get_mut(at).and_then(Option::as_mut) else {
                        continue;
                    };
                    let outcome = match loads.get(step) {
                        Some(load) => lane.pace(*load, seed),
                        None => lane.close(),
                    };
                    self.unless_failed(at, outcome.map_err(|why| why.to_string()));
                }
                // Behind what was measured: where it was waited for, the core is alone.
                let look = Anchor::read(self.bench.clock);
                self.core.learn(look);
                self.anchors.extend(look);
            }
            round += 1;
        }
    }

    /// Waits for the core, at most so many seconds; returns how many.
    fn wait(&mut self, seconds: f64) -> f64 {
        let waited = self
            .core
            .wait(self.bench.clock, seconds.max(0.0), self.stop);
        self.record.waited_seconds += waited;
        waited
    }

    /// The largest loads of every case, each for its part of the time.
    fn search(&mut self, lanes: &mut [Option<Instance<'_, '_, '_>>]) {
        let cases = self.lanes.len() - usize::from(self.has_twin);
        let seconds = self.bench.plan.search_seconds / cases.max(1) as f64;
        let time = Duration::from_secs_f64(seconds);
        for (at, lane) in lanes.iter_mut().enumerate().take(cases) {
            let Some(lane) = lane else { continue };
            let Some(found) = lane.found() else { continue };
            let outcome = searched(self.bench, lane, &found, time, self.stop);
            let found = self.unless_failed(at, outcome.map_err(|why| why.to_string()));
            self.tallies[at].searched.extend(found.flatten());
        }
    }

    /// The model over all of a capture, where all cases have some instance.
    fn stream(&mut self, stream: &Stream<'_>) -> Result<(), Failure> {
        if self.stopped() {
            return Ok(());
        }
        let Some(mean_ns) = stream.mean_ns(self.stop)? else {
            return Ok(());
        };
        let cases = self.tallies.iter().enumerate();
        let typical = cases.filter(|(at, _)| !self.is_twin(*at));
        let typical = typical.filter_map(|(at, tally)| Some((at, tally.typical(self.bench)?)));
        let (places, cases): (Vec<usize>, Vec<_>) = typical.unzip();
        let own_pps = self.bench.own.map(|own| own.speed_up * 1e9 / mean_ns);
        let mut cases = cases;
        for (_, rates) in &mut cases {
            if let Some((rate, own_pps)) = rates.get_mut(OWN).zip(own_pps) {
                *rate = own_pps;
            }
        }
        let modelled = stream.modelled(self.bench, mean_ns, &cases, self.stop)?;
        let Some(Streamed { seen, rule }) = modelled else {
            return Ok(());
        };
        for (at, seen) in places.into_iter().zip(seen) {
            self.tallies[at].streamed(seen, own_pps);
        }
        self.record.arrivals = Arrivals {
            kind: self.bench.kind,
            backwards: rule.backwards,
            clipped: rule.clipped,
            missing: rule.missing,
            streamed: rule.count + 1,
        };
        Ok(())
    }

    fn write(&mut self) -> Result<(), Failure> {
        let provenance = &mut self.record.provenance;
        provenance.seconds = self.started.elapsed().as_secs_f64();
        provenance.noise = self.disturbance.until_now(&self.anchors);
        let mean_bytes = self.record.mean_inner_bytes;
        let cases = self.lanes.len() - usize::from(self.has_twin);
        let (cases, twin) = self.tallies.split_at(cases.min(self.tallies.len()));
        self.record.twin = twin.first().and_then(Tally::to_twin);
        self.record.cases = cases
            .iter()
            .map(|tally| tally.to_record(self.bench, mean_bytes))
            .collect();
        output::replace(&self.arguments.out, "load.json", &self.record.to_json())
    }

    fn conclude(mut self) -> Result<ExitCode, Failure> {
        let interrupted = self.stopped();
        if interrupted && self.record.instances == 0 {
            return Err(Failure::Failed(UNMEASURED.to_owned()));
        }
        let state = if interrupted {
            "interrupted"
        } else {
            "complete"
        };
        state.clone_into(&mut self.record.state);
        self.write()?;
        let out = &self.arguments.out;
        output::replace(
            out,
            "load.html",
            &render::load_html(&self.record).map_err(undrawable)?,
        )?;
        let markdown = render::load_markdown(&self.record).map_err(undrawable)?;
        output::replace(out, "load.md", &markdown)?;
        if self.arguments.json {
            output::print(&self.record.to_json())?;
        } else if !self.arguments.quiet {
            let text = render::load_terminal(&self.record, &output::style()).map_err(undrawable)?;
            let out = out.display();
            output::print(&format!(
                "{text}\nReport: {out}/load.html   Record: {out}/load.json\n"
            ))?;
        }
        if interrupted {
            return Err(Failure::Failed(format!(
                "interrupted after {} instances; they are kept in {}/load.json; run again from the start, with another --out to keep these",
                self.record.instances,
                out.display()
            )));
        }
        let failed = |case: &&tunneltax_reports::load::LoadCase| !case.passed;
        if let Some(case) = self.record.cases.iter().find(failed) {
            let why = case
                .message
                .as_deref()
                .unwrap_or("no instance was finished");
            return Err(Failure::Failed(format!(
                "{} has no result: {why}; `tunneltax verify` looks at it alone",
                case.case
            )));
        }
        Ok(captures::ended(&self.record.capture, self.arguments.quiet))
    }
}

fn undrawable(why: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!(
        "the record cannot be drawn: {why}; measure again with `tunneltax load`"
    ))
}
