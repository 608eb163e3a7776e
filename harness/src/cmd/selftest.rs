//! `selftest`: proves the measuring on this host, now.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::capture::Chunk;
use tunneltax_core::clock::Clock;
use tunneltax_core::net::routes::Routes;
use tunneltax_core::path::{Setup, slowed};
use tunneltax_core::synth::Mix;
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::render;
use tunneltax_reports::selftest::{
    Judged, Look, SCHEMA, Selftest, Subject, Verdict, judge, judge_axes, sentence, told_here,
    warnings,
};
use tunneltax_reports::stats::Estimate;

use super::run::stop_on_interrupt;
use crate::cli::SelftestArguments;
use crate::disturbance::Disturbance;
use crate::failure::{Failure, NOISY};
use crate::generated::Generated;
use crate::selftest::{Bench, INSTANCES};
use crate::sensitivity::links::Links;
use crate::{host, output, outset, progress, sensitivity};

/// Time for all of it where none is given, seconds, and the least for comparisons.
const SECONDS: u32 = 270;
const SECONDS_MIN: u32 = 90;
/// The same with the axes: a part of a night.
const FULL_SECONDS: u32 = 7200;
/// Part of it that the comparisons get, as far as they need it.
const COMPARISONS_PART: f64 = 0.25;
/// Part of the axes' time that links get, where there are some.
const LINKS_PART: f64 = 0.4;
/// How often what there is is stored, seconds.
const STORED_SECONDS: f64 = 60.0;
/// What is said where there was no time for comparisons.
const WITHOUT_COMPARISONS: &str = "The comparisons with injected slow-downs were left out: \
    they need 90 s, and --full gives them a quarter of --seconds.";

/// Packet sizes, and the slow-down that is to be told at each, percent.
const SUBJECTS: [(u16, f64); 2] = [(1440, 0.5), (64, 1.0)];
/// A comparison, seconds; it may take less than twice as long on a host that slows down.
const COMPARISON_SECONDS: f64 = 5.5;
/// The fewest comparisons of a size that can contradict anything.
const TURNS_MIN: usize = 3;
/// The run that says how large a slow-down is, seconds.
const LONG_RUN_SECONDS: f64 = 12.0;
/// The run that finds how many steps make it, seconds.
const PILOT_SECONDS: f64 = 3.0;
/// Steps that it begins with, and how often it takes four times as many when nothing is seen.
const PILOT_STEPS: u32 = 128;
const PILOTS: u32 = 3;
/// A long run that is further from what was asked is made once more, with other steps.
const OFF: f64 = 0.15;

/// Measures, judges, stores, prints.
pub fn selftest(arguments: &SelftestArguments) -> Result<ExitCode, Failure> {
    let budget = Budget::new(arguments)?;
    let stop = stop_on_interrupt()?;
    output::prepare(&arguments.out)?;
    let pinned = host::pin();
    let disturbance = Disturbance::now();
    let start = Instant::now();
    let clock = Clock::measure();
    let mut test = Test {
        selftest: Selftest {
            schema: SCHEMA.to_owned(),
            state: "running".to_owned(),
            provenance: outset::provenance(
                &clock,
                arguments.seed,
                std::env::args().collect(),
                pinned,
            ),
            subjects: Vec::new(),
            looks: None,
        },
        setup: Setup {
            seed: arguments.seed,
            routes: Arc::new(Routes::seeded(arguments.seed)),
            ..Setup::default()
        },
        clock,
        stop: &stop,
        rng: ChaCha8Rng::seed_from_u64(arguments.seed),
        anchors: Vec::new(),
    };
    let chunks = chunks(arguments.seed)?;
    let workloads: Vec<Workload<'_>> = chunks
        .iter()
        .map(|chunk| Workload::new(chunk.packets().collect()))
        .collect();
    let links = arguments.links.as_deref();
    let links = links.map(|folder| Links::new(folder, &workloads, &stop));
    let links = links.transpose()?;
    if let Some(links) = &links {
        links.check()?;
    }
    let noisy = match budget.comparisons {
        Some(enough) if !test.stopped() => {
            test.comparisons(&workloads, &start, enough, arguments)?
        }
        _ => None,
    };
    if let Some(seconds) = budget.axes {
        test.look(&workloads, links.as_ref(), seconds, arguments)?;
    }
    let selftest = &mut test.selftest;
    selftest.provenance.seconds = start.elapsed().as_secs_f64();
    selftest.provenance.noise = disturbance.until_now(&test.anchors);
    let interrupted = stop.load(Ordering::Relaxed);
    let state = if interrupted {
        "interrupted"
    } else {
        "complete"
    };
    state.clone_into(&mut selftest.state);
    conclude(selftest, noisy, arguments)
}

/// Seconds for the comparisons and for the axes, where there are any.
struct Budget {
    comparisons: Option<f64>,
    axes: Option<f64>,
}

impl Budget {
    fn new(arguments: &SelftestArguments) -> Result<Self, Failure> {
        let seconds = |default| f64::from(arguments.seconds.unwrap_or(default));
        if arguments.full {
            let all = seconds(FULL_SECONDS);
            let part = (COMPARISONS_PART * all).min(f64::from(SECONDS));
            let comparisons = Some(part).filter(|part| *part >= f64::from(SECONDS_MIN));
            return Ok(Self {
                comparisons,
                axes: Some(all - comparisons.unwrap_or(0.0)),
            });
        }
        if let Some(few) = arguments.seconds.filter(|given| *given < SECONDS_MIN) {
            return Err(Failure::Usage(format!(
                "--seconds {few} is not in {SECONDS_MIN}..=86400; with --full it may be less"
            )));
        }
        Ok(Self {
            comparisons: Some(seconds(SECONDS)),
            axes: None,
        })
    }
}

/// The packets of every subject.
fn chunks(seed: u64) -> Result<Vec<Chunk>, Failure> {
    let of = |(bytes, _)| Generated::plain(Mix::Size(bytes)).chunk(seed, true);
    SUBJECTS.into_iter().map(of).collect()
}

/// A selftest under way.
struct Test<'a> {
    selftest: Selftest,
    setup: Setup,
    clock: Clock,
    stop: &'a AtomicBool,
    rng: ChaCha8Rng,
    anchors: Vec<Anchor>,
}

impl Test<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn bench<'b>(&'b self, workload: &'b Workload<'b>) -> Bench<'b> {
        Bench {
            workload,
            shape: Shape::hot(workload.longest(), self.setup.burst, host::caches()),
            setup: &self.setup,
            clock: &self.clock,
            stop: self.stop,
        }
    }

    /// The comparisons, for so many seconds from the start. Returns why nothing could be seen, where
    /// the host is too noisy for that.
    fn comparisons(
        &mut self,
        workloads: &[Workload<'_>],
        start: &Instant,
        seconds: f64,
        arguments: &SelftestArguments,
    ) -> Result<Option<String>, Failure> {
        let noisy = self.find_steps(workloads)?;
        if noisy.is_none() && !self.stopped() {
            self.compare(workloads, start, seconds, arguments)?;
        }
        Ok(noisy)
    }

    /// What figures depend on: the axes, and then links where there are some. What there is, is
    /// stored from time to time.
    fn look(
        &mut self,
        workloads: &[Workload<'_>],
        links: Option<&Links<'_>>,
        seconds: f64,
        arguments: &SelftestArguments,
    ) -> Result<(), Failure> {
        let of_links = if links.is_some() {
            LINKS_PART * seconds
        } else {
            0.0
        };
        let bench = sensitivity::Bench {
            workloads,
            setup: &self.setup,
            caches: host::caches(),
            clock: &self.clock,
            stop: self.stop,
        };
        let hidden = arguments.quiet || arguments.json;
        let selftest = &mut self.selftest;
        let mut stored = Instant::now();
        let mut keep = |before: &[Look], looks: &[Look]| {
            selftest.looks = Some([before, looks].concat());
            if stored.elapsed().as_secs_f64() < STORED_SECONDS {
                return Ok(());
            }
            stored = Instant::now();
            store(selftest, arguments).map(drop)
        };
        let bar = progress::bar((seconds - of_links) as usize, hidden);
        let (mut looks, anchors) =
            bench.look(seconds - of_links, &mut self.rng, &bar, |looks| {
                keep(&[], looks)
            })?;
        bar.finish_and_clear();
        if let Some(links) = links.filter(|_| !self.stop.load(Ordering::Relaxed)) {
            let bar = progress::bar(of_links as usize, hidden);
            let more = links.look(of_links, &mut self.rng, &bar, |more| keep(&looks, more))?;
            looks.extend(more);
            bar.finish_and_clear();
        }
        self.selftest.looks = Some(looks);
        self.anchors.extend(anchors);
        Ok(())
    }

    /// Finds for every subject how many steps make its slow-down, and how large it then is.
    /// Returns why nothing could be seen, where the host is too noisy for that.
    fn find_steps(&mut self, workloads: &[Workload<'_>]) -> Result<Option<String>, Failure> {
        for (workload, (bytes, asked_percent)) in workloads.iter().zip(SUBJECTS) {
            let mut rng = self.rng.clone();
            let bench = self.bench(workload);
            let mut steps = PILOT_STEPS;
            let (mut found, mut told_percent) = (None, None);
            for pilot in 0..PILOTS {
                if pilot > 0 {
                    steps *= 4;
                }
                let rounds = bench.rounds_for(PILOT_SECONDS, &mut rng)?;
                let Some(seen) = bench.compare(steps, rounds, &mut rng)? else {
                    return Ok(None);
                };
                told_percent = told_here(&seen.comparison.twin_percent);
                let percent = Estimate::from_instances(seen.comparison.slowed_percent);
                if let Some(percent) = percent.filter(|p| p.low.is_some_and(|low| low > 0.0)) {
                    found = Some(percent.mean / f64::from(steps));
                    break;
                }
            }
            let Some(mut per_step) = found else {
                return Ok(Some(too_noisy(steps, bytes, told_percent)));
            };
            let rounds = bench.rounds_for(LONG_RUN_SECONDS, &mut rng)?;
            let mut subject = None;
            for _ in 0..2 {
                steps = (asked_percent / per_step).round().max(1.0) as u32;
                let Some(seen) = bench.compare(steps, rounds, &mut rng)? else {
                    return Ok(None);
                };
                let estimate = |values| {
                    Estimate::from_instances(values).ok_or_else(|| {
                        Failure::Failed("a long run has no instance; run it again".to_owned())
                    })
                };
                let long_run_percent = estimate(seen.comparison.slowed_percent)?;
                let is_off = (long_run_percent.mean / asked_percent - 1.0).abs() > OFF;
                per_step = long_run_percent.mean.max(asked_percent / 4.0) / f64::from(steps);
                subject = Some(Subject {
                    case: slowed::OF.to_owned(),
                    inner_bytes: bytes.into(),
                    burst: bench.shape.burst as u32,
                    instances: INSTANCES,
                    asked_percent,
                    steps,
                    steps_per_packets: slowed::PER_PACKETS as u32,
                    steps_alone_ns: slowed::alone_ns(steps, bench.clock),
                    long_run_percent,
                    long_run_ns: estimate(seen.slowed_ns)?,
                    comparisons: Vec::new(),
                });
                if !is_off {
                    break;
                }
            }
            self.rng = rng;
            self.selftest.subjects.extend(subject);
        }
        Ok(None)
    }

    /// Compares in turns, a size after the other, until the time is up, but for [`TURNS_MIN`].
    fn compare(
        &mut self,
        workloads: &[Workload<'_>],
        start: &Instant,
        seconds: f64,
        arguments: &SelftestArguments,
    ) -> Result<(), Failure> {
        let left = seconds - start.elapsed().as_secs_f64();
        let turns = (left / (COMPARISON_SECONDS * workloads.len() as f64))
            .floor()
            .max(TURNS_MIN as f64) as usize;
        let mut rng = self.rng.clone();
        let mut rounds = Vec::new();
        for workload in workloads {
            rounds.push(
                self.bench(workload)
                    .rounds_for(COMPARISON_SECONDS, &mut rng)?,
            );
        }
        let bar = progress::bar(turns * workloads.len(), arguments.quiet || arguments.json);
        for turn in 0..turns {
            // As many as there must be, or as the time allows.
            if turn >= TURNS_MIN && start.elapsed().as_secs_f64() > seconds {
                break;
            }
            for (at, workload) in workloads.iter().enumerate() {
                let Some(steps) = self.selftest.subjects.get(at).map(|s| s.steps) else {
                    continue;
                };
                let Some(seen) = self.bench(workload).compare(steps, rounds[at], &mut rng)? else {
                    return Ok(());
                };
                self.anchors.extend(&seen.anchors);
                self.selftest.subjects[at].comparisons.push(seen.comparison);
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// What is said where a pilot saw nothing: what could be seen, by how far its twins differ.
fn too_noisy(steps: u32, bytes: u16, told_percent: Option<f64>) -> String {
    let told = told_percent.map_or("no slow-down at all can be told".to_owned(), |percent| {
        format!("what can be told is a slow-down of {percent:.2} %")
    });
    format!(
        "{steps} serial steps for {} packets of {bytes} bytes cannot be told from none here and now: {told} in \
         {PILOT_SECONDS} s, by how far the same case twice differs; stop what else runs and try again",
        slowed::PER_PACKETS
    )
}

/// Writes selftest.json; returns what is in it.
fn store(selftest: &Selftest, arguments: &SelftestArguments) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(selftest)
        .map(|text| text + "\n")
        .map_err(|why| {
            Failure::Failed(format!(
                "the selftest cannot be stored: {why}; run it again"
            ))
        })?;
    output::replace(&arguments.out, "selftest.json", &json)?;
    Ok(json)
}

/// Stores, prints, and says how it ended.
fn conclude(
    selftest: &Selftest,
    noisy: Option<String>,
    arguments: &SelftestArguments,
) -> Result<ExitCode, Failure> {
    let out = arguments.out.display();
    let json = store(selftest, arguments)?;
    let judged = judge(selftest);
    let axes = judge_axes(selftest.looks.as_deref().unwrap_or_default());
    let page = render::selftest_markdown(selftest, &judged, &axes);
    output::replace(&arguments.out, "selftest.md", &page)?;
    if arguments.json {
        output::print(&json)?;
    } else if !arguments.quiet {
        let drawn = render::selftest_terminal(selftest, &judged, &axes, &output::style());
        output::print(&format!(
            "{drawn}\nRecord: {out}/selftest.json, {out}/selftest.md\n"
        ))?;
    }
    if let Some(why) = noisy {
        output::say(&why);
        return Ok(ExitCode::from(NOISY));
    }
    if selftest.state == "interrupted" {
        return Err(Failure::Failed(format!(
            "interrupted; what was compared is kept in {out}/selftest.json; run it again for a verdict"
        )));
    }
    for warning in warnings(&axes) {
        output::say(&warning);
    }
    if selftest.looks.is_some() && selftest.subjects.is_empty() {
        if !arguments.json && !arguments.quiet {
            output::print(&format!("{WITHOUT_COMPARISONS}\n"))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    verdict(selftest, &judged, arguments)
}

/// What the comparisons say.
fn verdict(
    selftest: &Selftest,
    judged: &[Judged],
    arguments: &SelftestArguments,
) -> Result<ExitCode, Failure> {
    let said = sentence(selftest, judged);
    match outcome(judged.iter().map(|j| j.verdict)) {
        Outcome::Holds => {
            if !arguments.json && !arguments.quiet {
                output::print(&format!("{said}\n"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Noisy => {
            output::say(&said);
            Ok(ExitCode::from(NOISY))
        }
        Outcome::Failed => Err(Failure::Failed(said)),
    }
}

/// How it ended: an exit code each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// 0.
    Holds,
    /// [`NOISY`]: nothing is contradicted, and nothing shown; the host's fault.
    Noisy,
    /// 1.
    Failed,
}

/// The worst of the verdicts decides; without one nothing was shown.
fn outcome(verdicts: impl Iterator<Item = Verdict>) -> Outcome {
    match verdicts.max() {
        Some(Verdict::Holds) => Outcome::Holds,
        Some(Verdict::Noisy | Verdict::TooFew | Verdict::TooSlow) => Outcome::Noisy,
        _ => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_decides_how_it_ends() {
        let of = |verdicts: &[Verdict]| outcome(verdicts.iter().copied());
        assert_eq!(of(&[]), Outcome::Failed);
        assert_eq!(of(&[Verdict::Holds, Verdict::Holds]), Outcome::Holds);
        for noisy in [Verdict::Noisy, Verdict::TooFew, Verdict::TooSlow] {
            assert_eq!(of(&[Verdict::Holds, noisy]), Outcome::Noisy, "{noisy:?}");
            assert_eq!(of(&[Verdict::Fails, noisy]), Outcome::Failed);
        }
    }
}
