//! `run`: measures, prints the bill, writes record and reports.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::clock::Clock;
use tunneltax_core::net::route_tables::RouteTables;
use tunneltax_core::net::routes::Routes;
use tunneltax_core::path::Setup;
use tunneltax_reports::record::Record;

use super::report::{self, Drawn};
use super::run_keys::run_keys;
use crate::captures::{self, Look, UNMEASURED};
use crate::choice::Choice;
use crate::cli::{RunArguments, RunOptions, Selection};
use crate::core_share::CoreShare;
use crate::disturbance::Disturbance;
use crate::failure::Failure;
use crate::generated::Generated;
use crate::host;
use crate::measure::{Bench, TUNNEL_TWIN};
use crate::output;
use crate::outset;
use crate::pace::Pace;
use crate::payers::{Names, Way};
use crate::plan::{Cost, Planner};
use crate::progress;
use crate::running::{LANES_MAX, Run};
use crate::scenario::Refuted;
use crate::schedule::{DEFAULT_SECONDS, INSTANCES, Schedule};
use crate::sides::Sides;
use crate::sweeps::SWEEPS;

/// Measures and reports.
pub fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    if let Some(keys) = &arguments.esp_keys {
        return run_keys(arguments, keys);
    }
    let mut choice = Choice::new(arguments)?;
    let sources = std::mem::take(&mut choice.sources);
    let (options, mixes) = (&choice.options, &choice.mixes);
    let limits = captures::limits(&options.selection);
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
        for of in &refuted {
            output::say(of);
        }
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
        at_once: schedule.groups * bench.lanes() > LANES_MAX,
        groups: Vec::new(),
        captures: vec![None; surveys.len()],
        options,
        bench: &bench,
        sides: &look.sides,
        planner: &planner,
        bar: progress::bar(
            schedule.groups * SWEEPS as usize,
            options.quiet || options.json,
        ),
        pace: Pace::begin(seconds, schedule.seconds()),
        disturbance,
        rng,
    };
    let mut all = run.of_sizes(&generated, &schedule);
    all.extend(run.of_captures(&surveys, &schedule)?);
    for sweep in 0..SWEEPS {
        for packets in &mut all {
            run.sweep(packets, sweep, &surveys, &schedule)?;
            if run.at_once && sweep == 0 {
                run.write()?;
            }
        }
        run.write()?;
    }
    run.bar.finish_and_clear();
    conclude(run)
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

/// Prints what was measured, writes the reports, and says how it ended.
pub(super) fn conclude(mut run: Run<'_>) -> Result<ExitCode, Failure> {
    let interrupted = run.stopped();
    if interrupted && run.record.groups.is_empty() {
        return Err(Failure::Failed(UNMEASURED.to_owned()));
    }
    let state = if interrupted {
        "interrupted"
    } else {
        "complete"
    };
    state.clone_into(&mut run.record.state);
    run.write()?;
    Drawn::of(&run.record)?.write(&run.options.out)?;
    let out = run.options.out.display();
    if run.options.json {
        output::print(&run.record.to_json())?;
    } else if !run.options.quiet {
        let bill = report::bill(&run.record)?;
        output::print(&format!(
            "{bill}\nReport: {out}/report.html   Record: {out}/record.json\n"
        ))?;
    }
    if interrupted {
        return Err(Failure::Failed(format!(
            "interrupted after {} groups; they are kept in {out}/record.json; run again for the rest",
            run.record.groups.len()
        )));
    }
    if let Some(why) = first_failure(&run.record, run.bench.refuted) {
        return Err(Failure::Failed(why));
    }
    Ok(captures::ended(&run.record.captures, run.options.quiet))
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
