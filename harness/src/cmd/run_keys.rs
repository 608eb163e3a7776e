//! `run --esp-keys`: measures the far gateway alone, on packets that others sealed.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::clock::Clock;
use tunneltax_core::path::received::Arrival;
use tunneltax_core::path::{Case, Setup, cases, find, receiving};
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::record::{self, Record, Temperature, WorkloadKind};

use super::run::{conclude, seconds, setup, stop_on_interrupt};
use crate::captures::{self, Look, Survey};
use crate::cli::{RunArguments, RunOptions};
use crate::core_share::CoreShare;
use crate::disturbance::Disturbance;
use crate::esp_packets::{read_keys, sealed_limits};
use crate::failure::Failure;
use crate::host;
use crate::measure::{Bench, GROUND_TWIN, GroupInMaking, Subject};
use crate::output;
use crate::outset;
use crate::pace::Pace;
use crate::payers::Names;
use crate::plan::{Cost, Planner, Work};
use crate::progress;
use crate::received::{Bundle, Keyring, Received, receive};
use crate::running::{LANES_MAX, Run, RunGroup};
use crate::sample::Sample;
use crate::schedule::{CAPTURE_PACKETS_MIN, INSTANCES, TEMPERATURES};
use crate::select::{select_receiving, without_library};
use crate::sides::Sides;
use crate::sweeps::{SWEEPS, Swept};

/// What the step from `forward` to a case that opens is.
const STEP: &str = "opening";
/// What a far gateway alone does with a packet, ahead of forwarding it.
const STAGES: [&str; 5] = ["outer headers", "SA", "window", "open", "decapsulate"];

/// Measures and reports.
pub fn run_keys(arguments: &RunArguments, file: &Path) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    let sas = read_keys(file, "verify")?;
    let chosen = select_receiving(&options.selection.cases)?;
    let chosen = (!options.selection.cases.is_empty()).then_some(&chosen[..]);
    let stop = stop_on_interrupt()?;
    output::prepare(&options.out)?;
    let setup = setup(&options.selection);
    let keyring = Keyring {
        file,
        sas: &sas,
        // Nothing is forwarded before the measuring begins: no flow needs room.
        setup: &setup.for_packets(1),
    };
    let opened = open(&keyring, arguments, &stop)?;
    let mut parts = Vec::new();
    for (survey, received) in &opened {
        for bundle in &received.bundles {
            parts.push(Part::new(survey, received, bundle, chosen)?);
        }
    }
    measure(options, &setup, &stop, &opened, parts)
}

/// Opens every capture once.
fn open(
    keyring: &Keyring<'_>,
    arguments: &RunArguments,
    stop: &AtomicBool,
) -> Result<Vec<Opened>, Failure> {
    let limits = sealed_limits(&arguments.options.selection);
    let sources = captures::sources(&arguments.files)?;
    let surveys = captures::survey(sources, limits, &Look::default(), stop)?.into_iter();
    let opened = surveys.map(|survey| {
        let received = receive(keyring, &survey, limits, stop)?;
        Ok((survey, received))
    });
    opened.collect()
}

/// Plans, measures, reports.
fn measure(
    options: &RunOptions,
    setup: &Setup,
    stop: &AtomicBool,
    opened: &[Opened],
    mut parts: Vec<Part<'_>>,
) -> Result<ExitCode, Failure> {
    let pinned = host::pin();
    let disturbance = Disturbance::now();
    let clock = Clock::measure();
    let all = all_cases(&parts);
    let names = Names::draw(options.show_addresses)?;
    let core = CoreShare::look(&clock);
    let bench = Bench {
        cases: &all,
        refuted: &[],
        setup,
        clock: &clock,
        stop,
        names: &names,
        tunnel_twin: "",
        core: &core,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(options.selection.seed);
    let caches = host::caches();
    let planner = Planner {
        instances: INSTANCES * if options.full { 2 } else { 1 },
        cost: Cost::pilot(&bench, caches, &mut rng)?.of_one_half(),
        caches,
        burst: setup.burst,
        cold: false,
        warm: true,
    };
    let seconds = seconds(options);
    let groups = parts.len() * TEMPERATURES.len();
    let share = seconds / groups.max(1) as f64;
    for part in &mut parts {
        part.plan(&planner, share, options.full);
    }
    if !options.json && !options.quiet {
        output::print(&describe(opened, &parts, seconds))?;
    }
    let benches = parts.iter().map(|part| Bench {
        cases: &part.cases,
        tunnel_twin: part.tunnel.id,
        ..bench
    });
    let benches: Vec<Bench<'_>> = benches.collect();
    let mut run = Run {
        record: Record {
            cases: all.iter().map(|case| case_of_record(case)).collect(),
            ..outset::begin(&bench, options, pinned, &[])
        },
        at_once: groups * bench.lanes() > LANES_MAX,
        groups: Vec::new(),
        captures: captures_of_record(opened, &parts)
            .into_iter()
            .map(Some)
            .collect(),
        options,
        bench: &bench,
        sides: &Sides::default(),
        planner: &planner,
        bar: progress::bar(groups * SWEEPS as usize, options.quiet || options.json),
        pace: Pace::begin(seconds, seconds),
        disturbance,
        rng,
    };
    let mut swept = Vec::new();
    for (part, bench) in parts.iter().zip(&benches) {
        for (temperature, (shape, work)) in TEMPERATURES
            .into_iter()
            .zip(part.works(&planner, part.arrivals.len()))
        {
            let group = GroupInMaking::new(bench, part.subject(temperature), Arc::new([]));
            let new = Swept::new(run.groups.len(), shape, work, share);
            swept.push((part, new.at_once(run.at_once)));
            run.groups.push(RunGroup::new(group));
        }
    }
    for sweep in 0..SWEEPS {
        for (part, swept) in &mut swept {
            run.swept(swept, &part.workload(), sweep);
        }
        run.write()?;
    }
    run.bar.finish_and_clear();
    conclude(run)
}

/// A capture, and what of it was opened.
type Opened = (Survey, Received);

/// Packets of a capture that the same cases open, and these cases.
struct Part<'r> {
    survey: &'r Survey,
    name: String,
    bundle: &'r Bundle,
    cases: Vec<&'static Case>,
    /// The first of them that opens.
    tunnel: &'static Case,
    /// What of the packets is replayed.
    arrivals: Vec<&'r Arrival>,
}

impl<'r> Part<'r> {
    fn new(
        survey: &'r Survey,
        received: &Received,
        bundle: &'r Bundle,
        chosen: Option<&[&'static Case]>,
    ) -> Result<Self, Failure> {
        let id = without_library(bundle.case.id);
        let sealed = receiving().filter(|case| without_library(case.id) == id);
        let is_chosen = |case: &&Case| {
            chosen.is_none_or(|chosen| chosen.iter().any(|chosen| chosen.id == case.id))
        };
        let sealed: Vec<&'static Case> = sealed.filter(is_chosen).collect();
        let Some(tunnel) = sealed.first().copied() else {
            return Err(Failure::Usage(format!(
                "{}: no case that --case names opens what {id} sealed; name some of --case '{id}@*'",
                survey.file
            )));
        };
        let cipher = id.split_once('/').map_or(id, |(_, cipher)| cipher);
        let alone = |case: &&Case| {
            without_library(case.id).strip_prefix("bare/") == Some(cipher)
                && sealed.iter().any(|sealed| sealed.library == case.library)
        };
        let name = match received.bundles.len() {
            1 => survey.name.clone(),
            _ => format!("{} {id}", survey.name),
        };
        Ok(Self {
            survey,
            name,
            bundle,
            cases: find(GROUND_TWIN)
                .into_iter()
                .chain(sealed.iter().copied())
                .chain(cases().filter(alone))
                .collect(),
            tunnel,
            arrivals: bundle.arrivals.iter().collect(),
        })
    }

    /// The packets as they arrive.
    fn workload(&self) -> Workload<'_> {
        let of = self.bundle;
        Workload::of_arrivals(of.case.framing, &of.sas, &self.arrivals)
    }

    /// The group that it becomes.
    fn subject(&self, temperature: Temperature) -> Subject {
        Subject {
            kind: WorkloadKind::Received,
            workload: self.name.clone(),
            capture: Some(self.survey.name.clone()),
            temperature,
            flows: None,
            names_packets: true,
        }
    }

    /// Longest and mean packet, as it arrives.
    fn sealed_bytes(&self) -> (usize, f64) {
        let lengths = || self.arrivals.iter().map(|arrival| arrival.sealed.len());
        let mean = lengths().sum::<usize>() as f64 / self.arrivals.len().max(1) as f64;
        (lengths().max().unwrap_or(0), mean)
    }

    /// The layouts and the least work of both temperatures.
    fn works(&self, planner: &Planner, packets: usize) -> [(Shape, Work); 2] {
        let (longest, mean) = self.sealed_bytes();
        planner.shapes(longest, mean).map(|shape| {
            let shape = shape.within(packets);
            (shape, Work::walk(packets, mean, shape))
        })
    }

    /// Leaves out what there is no time for: blocks that lie evenly over the capture are kept.
    fn plan(&mut self, planner: &Planner, seconds: f64, full: bool) {
        let all = self.arrivals.len();
        let least = |(_, work): &(Shape, Work)| planner.least_seconds(work);
        let needed = self
            .works(planner, all)
            .iter()
            .map(least)
            .fold(0.0, f64::max);
        let fits = (all as f64 * seconds / needed.max(1e-9)) as u64;
        let keep = if full {
            all as u64
        } else {
            fits.max(CAPTURE_PACKETS_MIN)
        };
        let mut sample = Sample::new(keep, all as u64);
        self.arrivals.retain(|arrival| sample.takes(&arrival.inner));
    }
}

/// The cases of all parts, once each: the ground, what opens, ciphers alone.
fn all_cases(parts: &[Part<'_>]) -> Vec<&'static Case> {
    let mut all: Vec<&'static Case> = Vec::new();
    for case in parts.iter().flat_map(|part| &part.cases) {
        if !all.iter().any(|known| known.id == case.id) {
            all.push(case);
        }
    }
    all.sort_by_key(|case| case.id != GROUND_TWIN && case.opener.is_none());
    all
}

/// A case as its far gateway alone is: one step above `forward`.
fn case_of_record(case: &Case) -> record::Case {
    let of = outset::case_of_record(case, &[], &[]);
    if case.opener.is_none() {
        return of;
    }
    let stages = STAGES.map(str::to_owned).into_iter();
    let forward = find(GROUND_TWIN).map_or(&[][..], |case| case.stages);
    record::Case {
        // Nothing is sent.
        fits: None,
        stages: stages
            .chain(forward.iter().map(|&stage| stage.to_owned()))
            .collect(),
        step_of: Some(GROUND_TWIN.to_owned()),
        step: STEP.to_owned(),
        ..of
    }
}

fn captures_of_record(opened: &[Opened], parts: &[Part<'_>]) -> Vec<record::Capture> {
    let of = |(survey, received): &Opened| {
        let parts = parts.iter().filter(|part| part.survey.name == survey.name);
        let replayed: Vec<&Arrival> = parts.flat_map(|part| &part.arrivals).copied().collect();
        received.to_record(survey, &replayed)
    };
    opened.iter().map(of).collect()
}

/// What was opened, and the plan, in words.
fn describe(opened: &[Opened], parts: &[Part<'_>], seconds: f64) -> String {
    let lines = opened.iter().map(|(survey, of)| of.describe(survey));
    let kept: usize = parts.iter().map(|part| part.arrivals.len()).sum();
    let of: usize = parts.iter().map(|part| part.bundle.arrivals.len()).sum();
    let rows: usize = parts.iter().map(|part| part.cases.len()).sum();
    format!(
        "{}{} rows, received alone: nothing is sent; {kept} of {of} packets, about {seconds:.0} s \
         to measure.\n\n",
        lines.collect::<String>(),
        rows * TEMPERATURES.len(),
    )
}
