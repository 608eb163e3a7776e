//! What a packet of any length costs, case by case: the model of its step above the ground, fitted
//! to the generated sizes, and held against the mixes and captures, which it has not seen.

use super::{
    Bill, Cell, GroupBill, RowKind, TEMPERATURES, Table, TableRow, estimate, half, mean,
    temperature, three,
};
use super::{Room, words};
use crate::model::cost::{Coefficient, Cost, OfStretch, Point, Work};
use crate::record::{Temperature, Text, WorkloadKind};
use crate::stats::Estimate;

/// Fewest sizes that a model is fitted to.
const SIZES_MIN: usize = 8;
/// A prediction holds within this, percent.
pub const HOLDS_PERCENT: f64 = 5.0;

/// How to read it.
pub const COST_MODEL: &str = "Each case's step above its ground as a constant, so much for every chunk of 16-octet blocks that \
     its library takes at once, so much for each block that is left and for there being any, and an \
     extra where the last block is not full; short texts may have a row of their own. Without a \
     cipher, a constant and so much for every 64 octets. Fitted to the generated sizes alone; mixes and \
     captures are predicted from their lengths and from the ground as it was measured there.";

/// The models at one temperature.
pub struct CostModel {
    /// Its name.
    pub temperature: &'static str,
    /// Sizes that were fitted.
    pub sizes: usize,
    /// Sizes that had to share their core.
    pub left_out: usize,
    /// One a case.
    pub cases: Vec<CaseModel>,
}

/// The model of a case.
pub struct CaseModel {
    /// Id to show.
    pub id: String,
    /// What was fitted, over octets of the text, or of the packet without one.
    pub cost: Cost,
    text: Option<Text>,
    /// Workloads that were not fitted.
    pub predictions: Vec<Prediction>,
}

/// A workload that the model has not seen.
pub struct Prediction {
    /// Its name.
    pub workload: String,
    /// The ground as it was measured there and the step of the model, ns.
    pub predicted_ns: f64,
    /// Half of the model's interval; none where some packets are like none that was fitted.
    pub half_ns: Option<f64>,
    /// What was measured, ns.
    pub measured_ns: f64,
    /// Half of the interval of the step that was measured.
    pub measured_half_ns: Option<f64>,
    /// It was measured on a core that another thread had a part of: not what was fitted.
    pub shared_core: bool,
}

/// What a prediction turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// The whole interval is within `HOLDS_PERCENT`.
    Holds,
    /// None of it is.
    Off,
    /// Some of it is.
    CannotTell,
}

impl Prediction {
    /// Predicted over measured, percent.
    pub fn off_percent(&self) -> f64 {
        100.0 * (self.predicted_ns / self.measured_ns - 1.0)
    }

    /// Half of its 95 % interval: that of the model and that of the step. The ground is on both
    /// sides and adds nothing.
    pub fn off_half_percent(&self) -> Option<f64> {
        Some(100.0 * self.half_ns?.hypot(self.measured_half_ns?) / self.measured_ns)
    }

    /// Whether it holds.
    pub fn says(&self) -> Says {
        let off = self.off_percent().abs();
        match self.off_half_percent().filter(|_| !self.shared_core) {
            Some(half) if off + half <= HOLDS_PERCENT => Says::Holds,
            Some(half) if off - half > HOLDS_PERCENT => Says::Off,
            _ => Says::CannotTell,
        }
    }
}

/// The models that a record has sizes enough for.
pub fn cost_models(bill: &Bill<'_>) -> Vec<CostModel> {
    let models = TEMPERATURES.into_iter().map(|at| cost_model(bill, at));
    models.filter(|model| !model.cases.is_empty()).collect()
}

fn cost_model(bill: &Bill<'_>, at: Temperature) -> CostModel {
    let mut sizes = bill.of(&[WorkloadKind::Size], at);
    sizes.extend(bill.fitted.iter().filter(|of| of.group.temperature == at));
    let flows = sizes.iter().filter_map(|group| group.group.flows).min();
    sizes.retain(|group| group.group.flows == flows);
    let measured = sizes.len();
    sizes.retain(|group| !group.shared_core);
    let mut others = bill.of(&[WorkloadKind::Mix, WorkloadKind::Capture], at);
    others.retain(|group| !group.group.sizes.is_empty());
    let cases = bill.record.cases.iter();
    CostModel {
        temperature: temperature(at),
        sizes: sizes.len(),
        left_out: measured - sizes.len(),
        cases: cases
            .filter_map(|case| of_case(&case.id, case.text, &sizes, &others))
            .collect(),
    }
}

fn of_case(
    key: &str,
    text: Option<Text>,
    sizes: &[&GroupBill<'_>],
    others: &[&GroupBill<'_>],
) -> Option<CaseModel> {
    let points: Vec<Point> = sizes
        .iter()
        .filter_map(|group| point(group, key, text))
        .collect();
    if points.len() < SIZES_MIN {
        return None;
    }
    let cost = Cost::new(text.map_or(Work::Carries, |_| Work::Seals), &points)?;
    let id = sizes
        .iter()
        .find_map(|group| Some(group.line(key)?.case.id.clone()))?;
    let predict = |group: &&GroupBill<'_>| predict(group, key, text, &cost);
    Some(CaseModel {
        id,
        text,
        predictions: others.iter().filter_map(predict).collect(),
        cost,
    })
}

/// A case's time in a group, and the ground's; none for the ground itself.
fn times<'a>(group: &'a GroupBill<'_>, key: &str) -> Option<(&'a Estimate, &'a Estimate)> {
    let line = group.line(key)?;
    let figures = line.measured()?.figures;
    let ground = line.below.last()?;
    let pair = figures.against.iter().find(|pair| pair.case == *ground)?;
    Some((&figures.sum_ns, &pair.sum_ns))
}

/// What a model counts of a packet: the octets of what its cipher seals, or its own.
fn counted_bytes(text: Option<Text>, size: u32) -> u32 {
    text.map_or(size, |text| text.bytes(size))
}

fn point(group: &GroupBill<'_>, key: &str, text: Option<Text>) -> Option<Point> {
    let (sum, step) = times(group, key)?;
    Some(Point {
        bytes: counted_bytes(text, group.size()?),
        ns: mean(step)?,
        half_ns: half(step)?,
        of_ns: mean(sum).filter(|ns| *ns > 0.0)?,
    })
}

fn predict(
    group: &GroupBill<'_>,
    key: &str,
    text: Option<Text>,
    cost: &Cost,
) -> Option<Prediction> {
    let (sum, step) = times(group, key)?;
    let (measured_ns, measured_step_ns) = (mean(sum)?, mean(step)?);
    let sizes = group.group.sizes.iter();
    let lengths = sizes.map(|(size, count)| (counted_bytes(text, *size), *count));
    let (step_ns, half_ns) = cost.mean_ns(lengths);
    Some(Prediction {
        workload: group.title(),
        predicted_ns: measured_ns - measured_step_ns + step_ns,
        half_ns,
        measured_ns,
        measured_half_ns: half(step),
        shared_core: group.shared_core,
    })
}

impl CostModel {
    /// The coefficients.
    pub fn table(&self) -> Table {
        Table {
            title: format!("Cost model, {}", self.temperature),
            note: format!(
                "ns a packet above the ground, send + receive, ± half of the 95 % interval; a chunk is of so many \
                 16-octet blocks; fitted to {} sizes{}; worst: largest error at one of them, percent of the case's time",
                self.sizes,
                match self.left_out {
                    0 => String::new(),
                    left_out => format!(" ({left_out} more shared their core and are left out)"),
                }
            ),
            head: [
                "case",
                "chunk",
                "a packet",
                "a chunk",
                "a block left",
                "any left",
                "not full",
                "octet of it",
                "worst",
            ]
            .map(str::to_owned)
            .to_vec(),
            rows: self.cases.iter().flat_map(CaseModel::rows).collect(),
        }
    }

    /// Predicted against measured; `None` where there was nothing to predict.
    pub fn predictions(&self) -> Option<Table> {
        let mut rows = Vec::new();
        for case in self
            .cases
            .iter()
            .filter(|case| !case.predictions.is_empty())
        {
            rows.push(TableRow {
                label: case.id.clone(),
                kind: RowKind::Heading,
                cells: Vec::new(),
            });
            rows.extend(case.predictions.iter().map(|of| TableRow {
                label: words::clean(&of.workload, super::NAME_CHARS),
                kind: RowKind::Inner,
                cells: vec![
                    Cell::Estimate(of.predicted_ns, of.half_ns),
                    Cell::Estimate(of.measured_ns, of.measured_half_ns),
                    Cell::Estimate(of.off_percent(), of.off_half_percent()),
                    match of.says() {
                        Says::Holds => Cell::Text("holds".to_owned()),
                        Says::Off => Cell::Text("off".to_owned()),
                        Says::CannotTell => Cell::CannotTell,
                    },
                ],
            }));
        }
        (!rows.is_empty()).then(|| Table {
            title: format!("Predicted against measured, {}", self.temperature),
            note: format!(
                "ns a packet, send + receive; the interval of a prediction is the model's, that of the measured the step's; \
                 it holds where the whole interval of what it is off by is within {HOLDS_PERCENT} %"
            ),
            head: ["workload", "predicted", "measured", "off %", "says"]
                .map(str::to_owned)
                .to_vec(),
            rows,
        })
    }

    /// How many predictions hold, in a sentence; `None` without any.
    pub fn sentence(&self) -> Option<String> {
        let all: Vec<&Prediction> = self.cases.iter().flat_map(|c| &c.predictions).collect();
        let worst = all.iter().map(|of| of.off_percent().abs());
        let worst = worst.fold(0.0, f64::max);
        let count = |says| all.iter().filter(|of| of.says() == says).count();
        let untold = match count(Says::CannotTell) {
            0 => String::new(),
            untold => format!(", and of {untold} it cannot be told"),
        };
        (!all.is_empty()).then(|| {
            format!(
                "{}: {} of {} predictions hold within {HOLDS_PERCENT} % of what was measured, {} are off{untold}; the \
                 means differ by {} % at most.",
                self.temperature,
                count(Says::Holds),
                all.len(),
                count(Says::Off),
                three(worst)
            )
        })
    }
}

impl CaseModel {
    /// The step above the ground of a packet of so many bytes, ns.
    pub fn step_ns(&self, inner_bytes: u32) -> f64 {
        self.cost.ns(counted_bytes(self.text, inner_bytes))
    }

    /// A row a stretch; what a last block costs stands in the first.
    fn rows(&self) -> Vec<TableRow> {
        let open = self.cost.open();
        let of = |(at, of): (usize, OfStretch)| {
            let open = |which: usize| open[which].filter(|_| at == 0);
            let mut cells = vec![Cell::Number(of.stretch.chunk.to_string())];
            let chunk = Some(of.chunk);
            let columns = [Some(of.text), chunk, of.left, of.any_left, open(0), open(1)];
            cells.extend(columns.map(small));
            let worst = Cell::Number(three(self.cost.worst_percent));
            cells.push(if at == 0 { worst } else { Cell::Blank });
            TableRow {
                label: match at {
                    0 => self.id.clone(),
                    _ => format!("from {} blocks", of.stretch.from),
                },
                kind: if at == 0 {
                    RowKind::Plain
                } else {
                    RowKind::Inner
                },
                cells,
            }
        };
        self.cost
            .stretches()
            .into_iter()
            .enumerate()
            .map(of)
            .collect()
    }
}

/// A coefficient, which may be a fraction of a nanosecond.
fn small(of: Option<Coefficient>) -> Cell {
    of.map_or(Cell::Blank, |(ns, half)| {
        Cell::Text(estimate(ns, Some(half), Room::Ample))
    })
}
