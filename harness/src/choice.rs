//! What a run measures: the defaults, a scenario's choice, and over both the command line's.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use tunneltax_core::capture::Limits;
use tunneltax_core::path::{Case, Kind, Link, Setup, Waterfall, cases, find};
use tunneltax_core::synth::Mix;
use tunneltax_reports::record;

use crate::captures::{self, Source, Survey};
use crate::cli::{RunArguments, RunOptions};
use crate::failure::Failure;
use crate::scenario::{self, Refuted, Scenario};
use crate::select::{cases_of, over_underlay, select_cases, select_chains};

/// Sizes of a plain run: IP total lengths, and simple IMIX.
pub const DEFAULT_SIZES: [&str; 7] = ["64", "350", "576", "1024", "1350", "1440", "imix"];

/// What a cost model is fitted to, beside the sizes of the run. Texts of ESP, which are two octets
/// longer, that end on a block: so many blocks and counts of blocks that every chunk of 4 to 32
/// blocks is met whole, just begun, and nearly whole.
const MODEL_SIZES: [&str; 39] = [
    "30", "46", "62", "78", "94", "110", "126", "142", "158", "174", "190", "206", "238", "254",
    "270", "302", "334", "382", "398", "462", "510", "526", "590", "638", "718", "782", "846",
    "974", "1022", "1038", "1102", "1166", "1230", "1278", "1294", "1358", "1422", "1470", "1486",
];
/// Texts whose last block has 4, 8 or 12 octets.
const MODEL_OPEN_SIZES: [&str; 19] = [
    "40", "50", "86", "98", "154", "210", "234", "294", "426", "486", "530", "714", "806", "914",
    "1098", "1250", "1418", "1478", "1498",
];
/// Mixes that it is held against.
const MODEL_MIXES: [&str; 2] = ["imix", "ipsec-imix"];

/// What a run measures, and how.
pub struct Choice {
    /// Cases.
    pub cases: Vec<&'static Case>,
    /// Generated packets.
    pub mixes: Vec<Mix>,
    /// Sizes among them that are there for a cost model alone.
    pub model_sizes: Vec<u32>,
    /// Captures.
    pub sources: Vec<Source>,
    /// Options, with the scenario's where the command line gave none.
    pub options: RunOptions,
    /// The scenario, where one is run.
    pub scenario: Option<Scenario>,
    /// Chains of cases, where they are asked for.
    pub waterfalls: Vec<Waterfall>,
    /// What on the command line keeps the scenario's expectations from being checked.
    pub overridden_by: Vec<&'static str>,
}

impl Choice {
    /// Reads what the arguments name; captures are not yet opened.
    pub fn new(arguments: &RunArguments) -> Result<Self, Failure> {
        let options = arguments.options.clone();
        let waterfalls = chains(&options)?;
        match split(&arguments.files)? {
            (None, files) => {
                let cases = plain_cases(&options, &waterfalls)?;
                let cases = over_underlay(cases, options.selection.underlay)?;
                let mixes = sizes(&options, &DEFAULT_SIZES)?;
                let more = for_model(&mixes, &options);
                Ok(Self {
                    cases,
                    waterfalls,
                    model_sizes: sizes_of(&more),
                    mixes: [mixes, more].concat(),
                    sources: captures::sources(&files)?,
                    options,
                    scenario: None,
                    overridden_by: Vec::new(),
                })
            }
            (Some(scenario), files) => Self::of_scenario(scenario, &files, options, waterfalls),
        }
    }

    fn of_scenario(
        mut scenario: Scenario,
        files: &[PathBuf],
        mut options: RunOptions,
        waterfalls: Vec<Waterfall>,
    ) -> Result<Self, Failure> {
        let selection = &mut options.selection;
        let mut overridden_by = selection.given.clone();
        if !selection.is_given("--replay-window") {
            selection.replay_window = scenario.replay_window.unwrap_or(selection.replay_window);
        }
        if !selection.is_given("--burst") {
            selection.burst = scenario.burst.unwrap_or(selection.burst);
        }
        options.hot |= scenario.hot && !options.cold;
        if !waterfalls.is_empty() {
            overridden_by.push("--waterfall");
        }
        if options.side.is_some() {
            overridden_by.push("--side");
        }
        let selection = &options.selection;
        let cases = if selection.is_given("--case") || !waterfalls.is_empty() {
            plain_cases(&options, &waterfalls)?
        } else {
            scenario.cases.clone()
        };
        let cases = over_underlay(cases, options.selection.underlay)?;
        let mixes = if options.sizes.is_empty() {
            enter("size", &scenario.mixes, options.selection.mtu)?;
            scenario.mixes.clone()
        } else {
            sizes(&options, &[])?
        };
        let mut sources = std::mem::take(&mut scenario.sources);
        if !files.is_empty() {
            sources = captures::sources(files)?;
            overridden_by.push("a capture");
        }
        let more = for_model(&mixes, &options);
        Ok(Self {
            cases,
            model_sizes: sizes_of(&more),
            mixes: [mixes, more].concat(),
            sources,
            options,
            scenario: Some(scenario),
            waterfalls,
            overridden_by,
        })
    }

    /// The cases that did something else than the scenario expects; none where nothing is
    /// expected, or not of what was asked for.
    pub fn refuted(
        &self,
        surveys: &[Survey],
        limits: Limits,
        setup: &Setup,
        stop: &AtomicBool,
    ) -> Result<Vec<Refuted>, Failure> {
        match &self.scenario {
            Some(scenario) if self.overridden_by.is_empty() => {
                scenario::refuted(scenario, surveys, limits, setup, stop)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The chains as the record has them.
    pub fn waterfalls_of_record(&self) -> Vec<record::Waterfall> {
        let link = |link: &Link| record::Link {
            id: link.id.to_owned(),
            step: link.step.to_owned(),
            case: link.case.id.to_owned(),
        };
        let chain = |chain: &Waterfall| record::Waterfall {
            id: chain.id.clone(),
            links: chain.links.iter().map(link).collect(),
        };
        self.waterfalls.iter().map(chain).collect()
    }

    /// The scenario as the record has it.
    pub fn scenario_of_record(&self) -> Option<record::Scenario> {
        let scenario = self.scenario.as_ref()?;
        Some(scenario.to_record(&self.overridden_by))
    }
}

/// The scenario among the arguments, and the captures.
fn split(named: &[PathBuf]) -> Result<(Option<Scenario>, Vec<PathBuf>), Failure> {
    let mut found: Option<Scenario> = None;
    let mut files = Vec::new();
    for path in named {
        let scenario = match path.to_str().and_then(scenario::bundled) {
            Some(bundled) => bundled?,
            None if path.extension().is_some_and(|ending| ending == "toml") => {
                scenario::load(path)?
            }
            None if is_bare_word(path) && !path.exists() => {
                return Err(Failure::Usage(format!(
                    "{} is neither a file nor a scenario; name a capture, or one of {}",
                    path.display(),
                    scenario::names().collect::<Vec<_>>().join(", ")
                )));
            }
            None => {
                files.push(path.clone());
                continue;
            }
        };
        if let Some(first) = &found {
            return Err(Failure::Usage(format!(
                "{} and {} are two scenarios; run them one after the other",
                first.name, scenario.name
            )));
        }
        found = Some(scenario);
    }
    Ok((found, files))
}

/// Neither a path nor a name with an ending: most likely a scenario's name.
fn is_bare_word(path: &Path) -> bool {
    path.extension().is_none() && path.components().count() == 1
}

/// The chains that the command line asks for.
fn chains(options: &RunOptions) -> Result<Vec<Waterfall>, Failure> {
    options
        .waterfall
        .as_deref()
        .map_or(Ok(Vec::new()), select_chains)
}

/// The cases that the command line names: those of the chains, where it asks for some.
fn plain_cases(
    options: &RunOptions,
    waterfalls: &[Waterfall],
) -> Result<Vec<&'static Case>, Failure> {
    if !waterfalls.is_empty() {
        return Ok(with_ground(&cases_of(waterfalls)));
    }
    let more: &[Kind] = if options.full {
        &[Kind::Yardstick]
    } else {
        &[]
    };
    select_cases(&options.selection.cases, more)
}

/// These cases and those that they are steps of, in the order of the list: the bill needs what
/// its rows stand on, even where a chain goes another way.
fn with_ground(chosen: &[&'static Case]) -> Vec<&'static Case> {
    let mut ids: Vec<&str> = chosen.iter().map(|case| case.id).collect();
    let mut at = 0;
    while let Some(id) = ids.get(at).copied() {
        let below = find(id).and_then(|case| case.step_of);
        ids.extend(below.filter(|below| !ids.contains(below)));
        at += 1;
    }
    cases().filter(|case| ids.contains(&case.id)).collect()
}

/// The sizes that `--size` names, or these without any.
fn sizes(options: &RunOptions, default: &[&str]) -> Result<Vec<Mix>, Failure> {
    let parse = |text: &str| {
        text.trim()
            .parse::<Mix>()
            .map_err(|why| Failure::Usage(format!("--size: {why}")))
    };
    if options.sizes.is_empty() {
        return default.iter().copied().map(parse).collect();
    }
    let mixes: Result<Vec<Mix>, Failure> = options.sizes.iter().map(|size| parse(size)).collect();
    let mixes = mixes?;
    enter("--size", &mixes, options.selection.mtu)?;
    Ok(mixes)
}

/// What a cost model needs beside these, where one is asked for; longer packets than enter the
/// gateway are left out.
fn for_model(mixes: &[Mix], options: &RunOptions) -> Vec<Mix> {
    let enters = |mix: &Mix| mix.parts().all(|(size, _)| size <= options.selection.mtu);
    let named = MODEL_SIZES.iter().chain(&MODEL_OPEN_SIZES);
    let named = named.chain(&MODEL_MIXES).filter(|_| options.cost_model);
    let needed = named.filter_map(|size| size.parse::<Mix>().ok());
    needed
        .filter(enters)
        .filter(|mix| !mixes.contains(mix))
        .collect()
}

/// The sizes among some mixes.
fn sizes_of(mixes: &[Mix]) -> Vec<u32> {
    let size = |mix: &Mix| match mix {
        Mix::Size(size) => Some(u32::from(*size)),
        _ => None,
    };
    mixes.iter().filter_map(size).collect()
}

/// Refuses packets that the near gateway's network could not have sent.
fn enter(named: &str, mixes: &[Mix], mtu: u16) -> Result<(), Failure> {
    for mix in mixes {
        let largest = mix.parts().map(|(size, _)| size).max();
        if let Some(largest) = largest.filter(|largest| *largest > mtu) {
            return Err(Failure::Usage(format!(
                "{named} {mix}: packets of {largest} bytes do not enter through an MTU of {mtu}; raise --mtu"
            )));
        }
    }
    Ok(())
}
