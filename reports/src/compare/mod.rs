//! Two runs, or several a side, held against each other: what of B is slower than in A.
//!
//! Rows of the same workload, temperature, flows and case are compared; those that did other work
//! are not, and say why ([`Verdict::NotComparable`]).
//!
//! **The anchor.** A run can be off by 40 % as a whole: another core speed, a neighbour on the
//! other hardware thread. Inside a run the rows of a group agree much better, since they take
//! turns. So a row is never compared with itself in another run, but its ratio to an anchor of
//! its own run is. The anchor of an instance is the median, over the rows of its group that both
//! sides have, of how far each is from its mean over both sides, on a logarithmic scale. A change
//! in a minority of the rows moves it by no more than a part of the spread of the others.
//!
//! Other anchors were tried on pairs of records of one binary each, on a host where other work ran.
//! By the median, half of the rows differed by more than 3.2 %; by none 9.4 %, by the core's speed
//! 8.7 %, by its speed and width 9.8 %, by `forward` 7.8 %. `forward` is a short row whose own error
//! would be in all others; it is a part of every tunnel, and yet a change in it would show as one
//! of each tunnel, the other way round. What the median cannot see is a change that hits most rows
//! by the same ratio: the few that it spares then look changed the other way. The anchor has a row
//! of its own, which is compared without an anchor and says so; and `--anchor CASE` takes a case
//! in its place, such as `forward` where the framing of all tunnels was changed. With two rows the
//! median says nothing, and the ground case is taken; one row is compared as it is.
//!
//! **The unit.** With two runs or more on a side the run is the unit: Welch's t over the means of
//! runs. Runs of one binary have one link order, which costs what it costs in all of them: where the
//! sides' binaries differ, the interval is widened by a [`Floor`], in quadrature, as the two are
//! independent; by less where one side has several binaries. With several on both sides no floor is
//! needed: the binary is the unit, by the mean of its runs. With one run a side nothing in the records
//! says by how much two runs of the same program differ, either. Then the interval over instances is
//! widened by the larger of the floor and the row's smallest difference by A/A.
//!
//! **The verdict.** See [`Verdict`].

mod anchored;
mod comparable;
mod differs;
mod draws;
mod group;
mod judge;
mod tables;

use draws::Draws;
use serde::Serialize;

pub use differs::{Differs, differs};
pub use draws::{FLOOR_PERCENT, Floor, Unit};
pub use group::GroupKey;
pub use judge::{Change, Percent, Verdict};
pub use tables::{GroupTable, LEGEND, answer, group_tables, sides};

use crate::bill::shared_core;
use crate::record::Record;

/// The schema of a comparison as JSON.
pub const SCHEMA: &str = "tunneltax-comparison/1";
/// What is called the same, percent, where nothing else is asked for.
pub const MARGIN_PERCENT: f64 = 1.0;
/// Case of the row that the anchor itself has, where it is no case.
pub const ANCHOR_ROW: &str = "the anchor itself";
/// Rounds in which the core was shared, percent, above which a run is said to be disturbed.
const SHARED_PERCENT_MAX: f64 = 20.0;

/// A record and where it is from.
#[derive(Clone, Copy, Debug)]
pub struct Run<'r> {
    /// File, for people.
    pub name: &'r str,
    /// What it holds.
    pub record: &'r Record,
}

/// By what rule it is judged.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What is called the same, percent either way.
    pub margin_percent: f64,
    /// What two builds may differ by.
    pub floor: Floor,
    /// A case to divide by, in place of the median.
    pub anchor: Option<String>,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            margin_percent: MARGIN_PERCENT,
            floor: Floor::default(),
            anchor: None,
        }
    }
}

/// Two sides, compared.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The runs of the first side.
    pub a: Vec<RunName>,
    /// The runs of the second side.
    pub b: Vec<RunName>,
    /// What the intervals are over: `link`, `run` or `instance`.
    pub unit: Unit,
    /// Binaries in A and in B.
    pub binaries: [usize; 2],
    /// What is called the same, percent.
    pub margin_percent: f64,
    /// What intervals are widened by, percent; none where the runs of both sides show all that
    /// builds differ by.
    pub floor_percent: Option<f64>,
    /// What two builds may differ by, percent, one binary a side: `floor_percent` is this, or less
    /// where a side has several.
    pub floor_of_two_builds_percent: f64,
    /// Where that is from.
    pub floor_from: String,
    /// What rows are divided by: a case, or none for the median of the rows.
    pub anchor: Option<String>,
    /// A run that is on both sides.
    pub same_run: bool,
    /// What the records name and what is not the same in both.
    pub differs: Vec<Differs>,
    /// Rows, group by group.
    pub rows: Vec<Row>,
    /// Rows that failed in B and did not in A, in words.
    pub newly_failed: Vec<String>,
    /// What must be said.
    pub notes: Vec<String>,
}

/// A run, as a reader knows it again.
#[derive(Clone, Debug, Serialize)]
pub struct RunName {
    /// File.
    pub file: String,
    /// Start, RFC 3339, UTC.
    pub started: String,
    /// Commit.
    pub commit: Option<String>,
}

/// One case in one group, compared.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its group.
    pub group: GroupKey,
    /// Id of the case, or [`ANCHOR_ROW`].
    pub case: String,
    /// What may be said of send and receive together.
    pub verdict: Verdict,
    /// It was divided by the anchor of its run; if not, the speed of the whole run is in it.
    pub anchored: bool,
    /// B over A, send and receive together; none where not comparable.
    pub percent: Option<Percent>,
    /// The same, send; none where nothing is sent.
    pub send_percent: Option<Percent>,
    /// The same, receive.
    pub receive_percent: Option<Percent>,
    /// p-value of no difference, adjusted by Holm for all rows that have one.
    pub p: Option<f64>,
    /// Smallest difference that A/A lets be told, percent.
    pub smallest_percent: Option<f64>,
    /// Why no more can be said.
    pub why: Option<String>,
}

/// Why two sides cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A side without a run.
    #[error("{0} holds no run")]
    Empty(&'static str),
    /// A run twice on one side: it would count as two.
    #[error("{second} is the same run as {first}; name every run of a side once")]
    Twice {
        /// File.
        first: String,
        /// The other.
        second: String,
    },
    /// No row can be compared.
    #[error("nothing in A and B can be compared: {0}; run both with the same arguments")]
    NothingInCommon(String),
    /// The anchor that was asked for is nowhere.
    #[error(
        "no group has {0:?} on both sides to divide by; `--anchor` takes the id of a case in both records"
    )]
    NoAnchor(String),
}

/// Compares B with A.
pub fn compare(a: &[Run<'_>], b: &[Run<'_>], rule: &Rule) -> Result<Comparison, CompareError> {
    for (side, runs) in [("A", a), ("B", b)] {
        if runs.is_empty() {
            return Err(CompareError::Empty(side));
        }
        once(runs)?;
    }
    let draws = Draws::new(a, b, &rule.floor);
    let unit = draws.unit;
    let mut drafts = Vec::new();
    let mut newly_failed = Vec::new();
    for key in group::keys(a, b) {
        newly_failed.extend(comparable::newly_failed(a, b, &key));
        drafts.extend(anchored::rows(a, b, &key, rule, &draws));
    }
    something_in_common(&drafts, rule)?;
    // One run a side on a core that another thread shared: nothing says what that does to a ratio.
    let shared = |key: &GroupKey| {
        let mut runs = [a, b].into_iter().flatten();
        unit == Unit::Instance && runs.any(|run| is_shared(run) || shares_core(run, key))
    };
    let rows = judge::judge(drafts, rule.margin_percent, shared);
    let same_run = a.iter().any(|a| b.iter().any(|b| is_same_run(a, b)));
    let differs = differs(&records(a), &records(b));
    let notes = notes(a, b, &draws, same_run, &differs, rule);
    Ok(Comparison {
        schema: SCHEMA,
        a: names(a),
        b: names(b),
        unit,
        margin_percent: rule.margin_percent,
        binaries: draws.binaries,
        floor_percent: draws.floor_percent,
        floor_of_two_builds_percent: rule.floor.percent,
        floor_from: rule.floor.from.clone(),
        anchor: rule.anchor.clone(),
        same_run,
        differs,
        rows,
        newly_failed,
        notes,
    })
}

impl Comparison {
    /// Rows with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows
            .iter()
            .filter(|row| row.verdict == verdict)
            .count()
    }

    /// The comparison as JSON, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn once(runs: &[Run<'_>]) -> Result<(), CompareError> {
    for (at, second) in runs.iter().enumerate() {
        if let Some(first) = runs[..at].iter().find(|first| is_same_run(first, second)) {
            return Err(CompareError::Twice {
                first: first.name.to_owned(),
                second: second.name.to_owned(),
            });
        }
    }
    Ok(())
}

/// The same start, length and program: a copy of the same record, or a later state of it.
fn is_same_run(one: &Run<'_>, other: &Run<'_>) -> bool {
    let of = |run: &Run<'_>| {
        let from = &run.record.provenance;
        let seconds = from.seconds.to_bits();
        (
            from.started.clone(),
            seconds,
            from.build.binary_sha256.clone(),
        )
    };
    of(one) == of(other)
}

fn something_in_common(rows: &[judge::Draft], rule: &Rule) -> Result<(), CompareError> {
    if rows.iter().any(|row| row.measured.is_some()) {
        return Ok(());
    }
    let mut whys = rows.iter().filter_map(|row| Some((row, row.why.as_ref()?)));
    let lacks_anchor = |(_, why): &(_, &String)| *why == anchored::LACKS_ANCHOR;
    if let Some(case) = rule
        .anchor
        .as_ref()
        .filter(|_| whys.clone().any(|of| lacks_anchor(&of)))
    {
        return Err(CompareError::NoAnchor(case.clone()));
    }
    let why = whys
        .next()
        .map(|(row, why)| format!("{} of {}: {why}", tables::shown(&row.case), row.group.title));
    let why = why.unwrap_or_else(|| "no row was measured".to_owned());
    Err(CompareError::NothingInCommon(why))
}

fn records<'r>(runs: &[Run<'r>]) -> Vec<&'r Record> {
    runs.iter().map(|run| run.record).collect()
}

fn names(runs: &[Run<'_>]) -> Vec<RunName> {
    let name = |run: &Run<'_>| RunName {
        file: run.name.to_owned(),
        started: run.record.provenance.started.clone(),
        commit: run.record.provenance.build.commit.clone(),
    };
    runs.iter().map(name).collect()
}

/// Another hardware thread had a part of the core in many rounds.
fn is_shared(run: &Run<'_>) -> bool {
    let shared = run.record.provenance.noise.shared_percent;
    shared.is_some_and(|percent| percent > SHARED_PERCENT_MAX)
}

/// The same in one group.
fn shares_core(run: &Run<'_>, key: &GroupKey) -> bool {
    let group = key.group(run.record);
    group.is_some_and(|group| shared_core(group, &run.record.provenance.noise))
}

fn notes(
    a: &[Run<'_>],
    b: &[Run<'_>],
    draws: &Draws,
    same_run: bool,
    differs: &[Differs],
    rule: &Rule,
) -> Vec<String> {
    let mut notes = Vec::new();
    if same_run {
        notes.push("A and B hold the same run: it is compared with itself.".to_owned());
    } else if differs.is_empty() {
        notes.push("Nothing that the records name differs but the time.".to_owned());
    }
    notes.extend(floor_notes(a, b, draws, rule));
    for (side, runs) in [("A", a), ("B", b)] {
        for run in runs {
            let noise = &run.record.provenance.noise;
            if let Some(percent) = noise.shared_percent.filter(|_| is_shared(run)) {
                notes.push(format!(
                    "In {side} the core was shared in {percent:.0} % of the rounds of {}: two such \
                     runs differ by more than the floor.",
                    tables::shown(run.name)
                ));
            }
            if run.record.state != "complete" {
                notes.push(format!(
                    "{} of {side} is not complete: {}.",
                    tables::shown(run.name),
                    tables::shown(&run.record.state)
                ));
            }
        }
    }
    notes
}

/// What stands for that which the runs do not show, and how to show it.
fn floor_notes(a: &[Run<'_>], b: &[Run<'_>], draws: &Draws, rule: &Rule) -> Vec<String> {
    let Some(floor_percent) = draws.floor_percent else {
        return Vec::new();
    };
    let mut notes = vec![match draws.unit {
        Unit::Instance => "One run a side: what two runs of one program differ by was not measured, and a \
             floor stands for it. Several runs a side, with commas between them or in a folder, \
             measure it."
            .to_owned(),
        _ => "A side with one binary has one link order, which all its runs share: a floor stands for \
             what another would cost. Runs of several links a side (ci/links.sh) measure it."
            .to_owned(),
    }];
    if rule.margin_percent <= floor_percent {
        notes.push(format!(
            "No row can be the same within {} % where two builds may differ by {} %: {}, or a wider \
             --margin.",
            tables::number(rule.margin_percent),
            tables::number(floor_percent),
            match draws.unit {
                Unit::Instance => "name several runs a side",
                _ => "name runs of several links a side",
            }
        ));
    }
    let another = |cpu: &&String| {
        let mut runs = a.iter().chain(b);
        runs.any(|run| run.record.provenance.host.cpu != **cpu)
    };
    if let Some(cpu) = rule.floor.cpu.as_ref().filter(another) {
        notes.push(format!(
            "The floor was measured on another CPU ({}): measure it where the runs were made.",
            tables::shown(cpu)
        ));
    }
    notes
}
