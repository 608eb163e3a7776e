//! From the text of a scenario to what can be run. A mistake is pointed at by line and column.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::{Spanned, Value};
use tunneltax_core::fate::Reason;
use tunneltax_core::path::{Case, cases};
use tunneltax_core::synth::Mix;

use super::{Expectation, Scenario};
use crate::captures::{Source, bundled_sources};
use crate::cli::{BURST, REPLAY_WINDOW};
use crate::failure::Failure;
use crate::select::{matching, without_library};

/// Claims are C1 to this one.
const CLAIM_MAX: u32 = 31;

/// The file, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    question: Spanned<String>,
    #[serde(default)]
    claims: Vec<Spanned<String>>,
    cases: Vec<Spanned<String>>,
    #[serde(default)]
    captures: Vec<Spanned<String>>,
    #[serde(default)]
    sizes: Vec<Spanned<Value>>,
    reading: Spanned<String>,
    leads: Option<Spanned<String>>,
    replay_window: Option<Spanned<u32>>,
    burst: Option<Spanned<u16>>,
    #[serde(default)]
    hot: bool,
    #[serde(default)]
    expect: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Counts>>,
}

/// What must come out of one case on one capture.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    packets: u64,
    wire_bytes: u64,
    #[serde(default)]
    over_mtu: u64,
    #[serde(default)]
    drops: BTreeMap<Spanned<String>, u64>,
}

/// A scenario of this name; `shown` is what mistakes call its file, and captures that are paths
/// lie in `folder`.
pub fn scenario(name: &str, shown: &str, folder: &Path, text: &str) -> Result<Scenario, Failure> {
    let file = File { shown, text };
    let written: Written = toml::from_str(text).map_err(|why| {
        let said: Vec<&str> = why.message().split_whitespace().collect();
        let next = "correct it there; harness/scenarios/README.md has the keys";
        file.mistake(&why.span().unwrap_or_default(), &said.join(" "), next)
    })?;
    if written.captures.is_empty() && written.sizes.is_empty() {
        let what = "there are neither captures nor sizes";
        return Err(file.mistake(&(0..0), what, "add captures = [..] or sizes = [..]"));
    }
    let cases = file.cases(&written.cases)?;
    let sources = file.sources(&written.captures, folder)?;
    let claims = written.claims.iter().map(|claim| file.claim(claim));
    let mixes = written.sizes.iter().map(|size| file.mix(size));
    let window = written.replay_window;
    let burst = written.burst;
    Ok(Scenario {
        name: name.to_owned(),
        question: file.words("question", &written.question)?,
        claims: claims.collect::<Result<_, _>>()?,
        reading: file.words("reading", &written.reading)?,
        leads: file.leads(written.leads, &cases)?,
        mixes: mixes.collect::<Result<_, _>>()?,
        replay_window: file.within("replay_window", window, REPLAY_WINDOW)?,
        burst: file.within("burst", burst, BURST)?,
        hot: written.hot,
        expect: file.expect(written.expect, &cases, &sources)?,
        cases,
        sources,
    })
}

/// The text of a scenario, and what its file is called.
struct File<'t> {
    shown: &'t str,
    text: &'t str,
}

impl File<'_> {
    /// One sentence that points at a place in the file.
    fn mistake(&self, at: &Range<usize>, what: &str, next: &str) -> Failure {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Failure::Failed(format!("{}:{line}:{column}: {what}; {next}", self.shown))
    }

    /// Text on one line.
    fn words(&self, key: &str, text: &Spanned<String>) -> Result<String, Failure> {
        let words: Vec<&str> = text.get_ref().split_whitespace().collect();
        if words.is_empty() {
            let what = format!("{key} says nothing");
            return Err(self.mistake(&text.span(), &what, "write what the scenario is for"));
        }
        Ok(words.join(" "))
    }

    fn claim(&self, claim: &Spanned<String>) -> Result<String, Failure> {
        let number = claim.get_ref().strip_prefix('C');
        let number = number.and_then(|number| number.parse::<u32>().ok());
        if !number.is_some_and(|number| (1..=CLAIM_MAX).contains(&number)) {
            let what = format!("{:?} is no claim", claim.get_ref());
            let next = format!("claims are C1 to C{CLAIM_MAX}");
            return Err(self.mistake(&claim.span(), &what, &next));
        }
        Ok(claim.get_ref().clone())
    }

    fn cases(&self, globs: &[Spanned<String>]) -> Result<Vec<&'static Case>, Failure> {
        let mut named = vec![false; cases().count()];
        for glob in globs {
            let matching = matching(glob.get_ref()).map_err(|why| {
                let why = why.to_string();
                let (what, next) = why.split_once("; ").unwrap_or((&why, ""));
                self.mistake(&glob.span(), what, next)
            })?;
            for (named, matching) in named.iter_mut().zip(matching) {
                *named |= matching;
            }
        }
        let named: Vec<&Case> = cases()
            .zip(named)
            .filter(|(_, named)| *named)
            .map(|(case, _)| case)
            .collect();
        if named.is_empty() {
            let next = "name some that `tunneltax list` shows, as cases = [..]";
            return Err(self.mistake(&(0..0), "there are no cases", next));
        }
        Ok(named)
    }

    /// One of the cases; of several libraries the first in the list.
    fn leads(
        &self,
        id: Option<Spanned<String>>,
        cases: &[&'static Case],
    ) -> Result<Option<&'static Case>, Failure> {
        let Some(id) = id else {
            return Ok(None);
        };
        let is =
            |case: &&&Case| [case.id, without_library(case.id)].contains(&id.get_ref().as_str());
        if let Some(case) = cases.iter().find(is) {
            return Ok(Some(case));
        }
        let what = format!("{:?} leads and is no case of this scenario", id.get_ref());
        Err(self.mistake(&id.span(), &what, "name one of its cases"))
    }

    /// Bundled captures by name, any other as a path from the folder of the file.
    fn sources(&self, named: &[Spanned<String>], folder: &Path) -> Result<Vec<Source>, Failure> {
        let mut bundled = bundled_sources();
        let mut source = |named: &Spanned<String>| {
            let name = named.get_ref();
            if let Ok(bundled) = &mut bundled
                && let Some(at) = bundled.iter().position(|source| source.name == *name)
            {
                return Ok(bundled.swap_remove(at));
            }
            let path = folder.join(name);
            if path.exists() {
                return Ok(Source::file(&path));
            }
            let what = format!("there is no capture {name:?}");
            let next =
                "name a file, from the folder of the scenario, or one that `tunneltax list` shows";
            Err(self.mistake(&named.span(), &what, next))
        };
        named.iter().map(&mut source).collect()
    }

    fn mix(&self, size: &Spanned<Value>) -> Result<Mix, Failure> {
        let text = match size.get_ref() {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.parse().map_err(|why| {
            let what = format!("in sizes, {why}");
            self.mistake(&size.span(), &what, "correct it there")
        })
    }

    /// A number in the range that the command line allows as well.
    fn within<N: Copy + Into<i64>>(
        &self,
        key: &str,
        number: Option<Spanned<N>>,
        (low, high): (i64, i64),
    ) -> Result<Option<N>, Failure> {
        let Some(number) = number else {
            return Ok(None);
        };
        let is: i64 = (*number.get_ref()).into();
        if !(low..=high).contains(&is) {
            let what = format!("{key} is {is}");
            let next = format!("it may be {low} to {high}");
            return Err(self.mistake(&number.span(), &what, &next));
        }
        Ok(Some(*number.get_ref()))
    }

    fn expect(
        &self,
        written: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Counts>>,
        cases: &[&'static Case],
        sources: &[Source],
    ) -> Result<Vec<Expectation>, Failure> {
        let mut expect = Vec::new();
        for (capture, by_case) in written {
            let name = capture.get_ref();
            if !sources.iter().any(|source| source.name == *name) {
                let what = format!("{name:?} is no capture of this scenario");
                return Err(self.mistake(&capture.span(), &what, "add it to captures"));
            }
            for (case, counts) in by_case {
                let id = case.get_ref();
                if !cases.iter().any(|case| without_library(case.id) == id) {
                    let what = format!("{id:?} is no case of this scenario");
                    let next = "name one of them without its library";
                    return Err(self.mistake(&case.span(), &what, next));
                }
                expect.push(Expectation {
                    capture: name.clone(),
                    case: id.clone(),
                    packets: counts.packets,
                    wire_bytes: counts.wire_bytes,
                    over_mtu: counts.over_mtu,
                    drops: self.drops(&counts.drops)?,
                });
            }
        }
        Ok(expect)
    }

    fn drops(
        &self,
        drops: &BTreeMap<Spanned<String>, u64>,
    ) -> Result<BTreeMap<&'static str, u64>, Failure> {
        let one = |(reason, count): (&Spanned<String>, &u64)| {
            let known = Reason::ALL.iter().map(|known| known.name());
            let name = known.clone().find(|known| known == reason.get_ref());
            let name = name.ok_or_else(|| {
                let what = format!("{:?} is no reason to drop a packet", reason.get_ref());
                let next = format!("reasons are {}", known.collect::<Vec<_>>().join(", "));
                self.mistake(&reason.span(), &what, &next)
            })?;
            Ok((name, *count))
        };
        drops.iter().map(one).collect()
    }
}
