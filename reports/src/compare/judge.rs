//! A change and what may be said of it.

use serde::Serialize;

use super::Row;
use super::draws::{Draws, Unit, average};
use super::group::GroupKey;
use crate::stats::{CONFIDENCE, Shift, holm};

/// What may be said of a row; one of these, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// B takes less time: as [`Verdict::Slower`], the other way.
    #[serde(rename = "faster")]
    Faster,
    /// B takes more time: told from nothing at 5 % over all rows together (Holm), so that its own
    /// 95 % interval is above 0 as well, and not less than the smallest difference by A/A.
    #[serde(rename = "slower")]
    Slower,
    /// The whole 95 % interval is within the margin: two one-sided t tests, each at 2.5 %. What is
    /// within the margin is the same, even where it can be told from nothing.
    #[serde(rename = "same")]
    Same,
    /// Neither.
    #[serde(rename = "cannot tell")]
    CannotTell,
    /// Other packets, other work, a failed row, or none.
    #[serde(rename = "not comparable")]
    NotComparable,
}

impl Verdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Same => "same",
            Self::CannotTell => "cannot tell",
            Self::NotComparable => "not comparable",
        }
    }
}

/// B over A as a percentage more, and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percent {
    /// Mean.
    pub mean: f64,
    /// Lower end; `null` where nothing says how much runs differ.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// A difference of logarithms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Change {
    mean: f64,
    shift: Option<Shift>,
}

impl Change {
    /// Of values by run and instance. With one run a side instances that were divided by an anchor
    /// are the unit, and no interval is narrower than what A/A lets be told; what was not divided
    /// by one says nothing then of how much runs differ.
    pub(super) fn new(
        sides: [&[Vec<f64>]; 2],
        draws: &Draws,
        anchored: bool,
        smallest_percent: Option<f64>,
    ) -> Self {
        let [a, b] = match (draws.unit, sides) {
            (Unit::Instance, [[a], [b]]) if anchored => [a.clone(), b.clone()],
            _ => draws.values(sides),
        };
        let least = smallest_percent.filter(|_| draws.unit == Unit::Instance);
        let floor_percent = draws.floor_percent.map(|of| of.max(least.unwrap_or(0.0)));
        let shift = Shift::between(&a, &b);
        Self {
            mean: average(&b) - average(&a),
            shift: match floor_percent {
                Some(percent) => shift.map(|of| of.widened((percent / 100.0).ln_1p())),
                None => shift,
            },
        }
    }

    /// As a percentage.
    pub fn percent(&self) -> Percent {
        let percent = |logarithm: f64| 100.0 * logarithm.exp_m1();
        let half = self.shift.and_then(|shift| shift.half());
        Percent {
            mean: percent(self.mean),
            low: half.map(|half| percent(self.mean - half)),
            high: half.map(|half| percent(self.mean + half)),
        }
    }
}

/// A row that is not yet judged.
pub(super) struct Draft {
    pub(super) group: GroupKey,
    pub(super) case: String,
    pub(super) anchored: bool,
    pub(super) measured: Option<Measured>,
    pub(super) why: Option<String>,
}

impl Draft {
    pub(super) fn new(group: &GroupKey, case: &str) -> Self {
        Self {
            group: group.clone(),
            case: case.to_owned(),
            anchored: false,
            measured: None,
            why: None,
        }
    }
}

/// The changes of a row.
pub(super) struct Measured {
    pub(super) sum: Change,
    pub(super) send: Option<Change>,
    pub(super) receive: Option<Change>,
    pub(super) smallest_percent: Option<f64>,
}

impl Measured {
    /// Of the anchor, which has no halves.
    pub(super) fn whole(sum: Change, smallest_percent: Option<f64>) -> Self {
        Self {
            sum,
            send: None,
            receive: None,
            smallest_percent,
        }
    }
}

/// Judges all rows of a comparison together. `shared` says of a group whether it was measured once a
/// side, and on a core that another thread had a part of.
pub(super) fn judge(
    drafts: Vec<Draft>,
    margin_percent: f64,
    shared: impl Fn(&GroupKey) -> bool,
) -> Vec<Row> {
    let p: Vec<f64> = drafts
        .iter()
        .map(|draft| {
            let shift = draft.measured.as_ref().and_then(|of| of.sum.shift);
            shift.and_then(|shift| shift.p()).unwrap_or(f64::NAN)
        })
        .collect();
    let tests = p.iter().filter(|p| !p.is_nan()).count();
    let adjusted = holm(&p);
    let rows = drafts.into_iter().zip(p.into_iter().zip(adjusted));
    rows.map(|(draft, (p, adjusted))| {
        let tested = Tested {
            p,
            adjusted,
            tests,
            margin_percent,
            shared: shared(&draft.group),
        };
        row(draft, &tested)
    })
    .collect()
}

/// What the tests of a row say.
struct Tested {
    p: f64,
    adjusted: f64,
    tests: usize,
    margin_percent: f64,
    /// One run a side, and the core was shared.
    shared: bool,
}

fn row(draft: Draft, tested: &Tested) -> Row {
    let (verdict, why) = match &draft.measured {
        None => (Verdict::NotComparable, draft.why),
        Some(measured) => tested.verdict(measured, draft.anchored),
    };
    let percent = |change: Option<&Change>| change.map(Change::percent);
    let measured = draft.measured.as_ref();
    Row {
        verdict,
        anchored: draft.anchored,
        percent: percent(measured.map(|of| &of.sum)),
        send_percent: percent(measured.and_then(|of| of.send.as_ref())),
        receive_percent: percent(measured.and_then(|of| of.receive.as_ref())),
        p: Some(tested.adjusted).filter(|p| !p.is_nan()),
        smallest_percent: measured.and_then(|of| of.smallest_percent),
        why,
        group: draft.group,
        case: draft.case,
    }
}

impl Tested {
    fn verdict(&self, measured: &Measured, anchored: bool) -> (Verdict, Option<String>) {
        let cannot_tell = |why: &str| (Verdict::CannotTell, Some(why.to_owned()));
        let percent = measured.sum.percent();
        let (Some(low), Some(high)) = (percent.low, percent.high) else {
            return cannot_tell(if anchored {
                "one instance has no interval"
            } else {
                "not divided by an anchor, and one run a side cannot say by how much whole runs \
                 differ"
            });
        };
        let Some(smallest) = measured.smallest_percent else {
            return cannot_tell("no A/A comparison in its group");
        };
        let level = 1.0 - CONFIDENCE;
        if low > -self.margin_percent && high < self.margin_percent {
            (Verdict::Same, None)
        } else if self.adjusted < level && self.shared {
            cannot_tell("the core was shared, and one run a side cannot say what that does")
        } else if self.adjusted < level && percent.mean.abs() >= smallest {
            let verdict = if percent.mean > 0.0 {
                Verdict::Slower
            } else {
                Verdict::Faster
            };
            (verdict, None)
        } else if self.adjusted < level {
            cannot_tell("less than the smallest difference by A/A")
        } else if self.p < level {
            cannot_tell(&format!(
                "clear of 0 alone, but not as one of {} rows (Holm)",
                self.tests
            ))
        } else {
            cannot_tell("the interval holds 0 and reaches beyond the margin")
        }
    }
}
