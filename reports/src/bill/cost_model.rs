//! What a packet of any length costs: a model of each case's step above the ground, fitted to the
//! generated sizes, and held against the mixes and captures, which it has not seen.
//!
//! A cipher works in blocks of 16 octets of its text. So the step is a constant, so much for each
//! block, something else for each of the first few (libraries switch to wider code behind them),
//! and something for a last block that is not full. A case without a cipher has a constant and so
//! much for each 64 octets. Coefficients come from least squares of relative errors.

use super::{
    Bill, Cell, GroupBill, RowKind, TEMPERATURES, Table, TableRow, estimate, half, mean,
    temperature, three,
};
use super::{Room, words};
use crate::record::{Temperature, Text, WorkloadKind};
use crate::stats::Estimate;
use crate::stats::least_squares::{Fit, fit};

/// Octets of a block.
const BLOCK: u32 = 16;
/// Octets of a cache line: what a case without a cipher is counted in.
const LINE: u32 = 64;
/// Where wider code may begin, in blocks: the one that leaves least is taken.
const FIRST_BLOCKS: [u32; 7] = [4, 6, 8, 12, 16, 24, 32];
/// Fewest sizes that a model is fitted to: twice its coefficients.
const SIZES_MIN: usize = 8;
/// A prediction holds within this, percent.
pub const HOLDS_PERCENT: f64 = 5.0;

/// How to read it.
pub const COST_MODEL: &str = "Each case's step above its ground as a constant, so much for every 16-octet block of what \
     its cipher seals, more or less for each of the first blocks, and an extra where the last one is \
     not full; without a cipher, for every 64 octets. Fitted to the generated sizes alone; mixes and \
     captures are predicted from their lengths and from the ground as it was measured there.";

/// The models at one temperature.
pub struct CostModel {
    /// Its name.
    pub temperature: &'static str,
    /// Sizes that were fitted.
    pub sizes: usize,
    /// One a case.
    pub cases: Vec<CaseModel>,
}

/// The model of a case.
pub struct CaseModel {
    /// Id to show.
    pub id: String,
    /// Blocks after which a block costs something else; none without a cipher.
    pub first_blocks: Option<u32>,
    /// Largest error at a size that was fitted, percent of the case's time.
    pub worst_percent: f64,
    /// Workloads that were not fitted.
    pub predictions: Vec<Prediction>,
    shape: Shape,
    fit: Fit,
}

/// A workload that the model has not seen.
pub struct Prediction {
    /// Its name.
    pub workload: String,
    /// The ground as it was measured there and the step of the model, ns.
    pub predicted_ns: f64,
    /// Half of the model's interval.
    pub half_ns: f64,
    /// What was measured, ns.
    pub measured_ns: f64,
    /// Half of its interval.
    pub measured_half_ns: Option<f64>,
}

impl Prediction {
    /// Predicted over measured, percent.
    pub fn off_percent(&self) -> f64 {
        100.0 * (self.predicted_ns / self.measured_ns - 1.0)
    }
}

/// Columns of a model.
#[derive(Clone, Copy)]
struct Shape {
    text: Option<Text>,
    first_blocks: u32,
}

impl Shape {
    /// The columns at a packet length: a packet, blocks, first blocks, a last one not full; or a
    /// packet and lines.
    fn row(&self, inner_bytes: u32) -> Vec<f64> {
        let Some(text) = self.text else {
            return vec![1.0, f64::from(inner_bytes.div_ceil(LINE))];
        };
        let bytes = text.bytes(inner_bytes);
        let blocks = bytes / BLOCK;
        let is_open = !bytes.is_multiple_of(BLOCK);
        vec![
            1.0,
            f64::from(blocks),
            f64::from(blocks.min(self.first_blocks)),
            f64::from(u8::from(is_open)),
        ]
    }
}

/// The models that a record has sizes enough for.
pub fn cost_models(bill: &Bill<'_>) -> Vec<CostModel> {
    let models = TEMPERATURES.into_iter().map(|at| cost_model(bill, at));
    models.filter(|model| !model.cases.is_empty()).collect()
}

fn cost_model(bill: &Bill<'_>, at: Temperature) -> CostModel {
    let mut sizes = bill.of(&[WorkloadKind::Size], at);
    let flows = sizes.iter().filter_map(|group| group.group.flows).min();
    sizes.retain(|group| group.group.flows == flows);
    let mut others = bill.of(&[WorkloadKind::Mix, WorkloadKind::Capture], at);
    others.retain(|group| !group.group.sizes.is_empty());
    let cases = bill.record.cases.iter();
    CostModel {
        temperature: temperature(at),
        sizes: sizes.len(),
        cases: cases
            .filter_map(|case| of_case(&case.id, case.text, &sizes, &others))
            .collect(),
    }
}

/// Inner size, the case's time and its step above the ground.
struct Point {
    size: u32,
    sum_ns: f64,
    step_ns: f64,
}

fn of_case(
    key: &str,
    text: Option<Text>,
    sizes: &[&GroupBill<'_>],
    others: &[&GroupBill<'_>],
) -> Option<CaseModel> {
    let points: Vec<Point> = sizes.iter().filter_map(|group| point(group, key)).collect();
    if points.len() < SIZES_MIN {
        return None;
    }
    let steps: Vec<f64> = points.iter().map(|point| point.step_ns).collect();
    let weights: Vec<f64> = points.iter().map(|point| 1.0 / point.sum_ns).collect();
    // A change of slope behind the longest text is none.
    let blocks = |point: &Point| text.map_or(u32::MAX, |text| text.bytes(point.size) / BLOCK);
    let most = points.iter().map(blocks).max()?;
    let sooner = FIRST_BLOCKS.into_iter().filter(|blocks| *blocks < most);
    let candidates = sooner.filter_map(|first_blocks| {
        let shape = Shape { text, first_blocks };
        let rows: Vec<Vec<f64>> = points.iter().map(|point| shape.row(point.size)).collect();
        // Where the slope changes is found, too: a degree of freedom less.
        let found = usize::from(text.is_some());
        Some((shape, fit(&rows, &steps, &weights, found)?))
    });
    let (shape, fit) = candidates.min_by(|a, b| a.1.deviation.total_cmp(&b.1.deviation))?;
    let errors = fit.residuals.iter().zip(&weights);
    let worst = errors
        .map(|(left, weight)| (left * weight).abs())
        .fold(0.0, f64::max);
    let id = sizes
        .iter()
        .find_map(|group| Some(group.line(key)?.case.id.clone()))?;
    let predict = |group: &&GroupBill<'_>| predict(group, key, &shape, &fit);
    Some(CaseModel {
        id,
        first_blocks: text.map(|_| shape.first_blocks),
        worst_percent: 100.0 * worst,
        predictions: others.iter().filter_map(predict).collect(),
        shape,
        fit,
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

fn point(group: &GroupBill<'_>, key: &str) -> Option<Point> {
    let (sum, step) = times(group, key)?;
    Some(Point {
        size: group.size()?,
        sum_ns: mean(sum).filter(|ns| *ns > 0.0)?,
        step_ns: mean(step)?,
    })
}

fn predict(group: &GroupBill<'_>, key: &str, shape: &Shape, fit: &Fit) -> Option<Prediction> {
    let (sum, step) = times(group, key)?;
    let (measured_ns, measured_step_ns) = (mean(sum)?, mean(step)?);
    let sizes = &group.group.sizes;
    let packets: u64 = sizes.values().sum();
    // The mean of the columns over the packets: the model is linear in them.
    let mut row: Vec<f64> = Vec::new();
    for (size, count) in sizes {
        let part = *count as f64 / packets as f64;
        let of_size = shape.row(*size);
        row.resize(of_size.len(), 0.0);
        row.iter_mut()
            .zip(of_size)
            .for_each(|(sum, x)| *sum += part * x);
    }
    let ground_ns = measured_ns - measured_step_ns;
    Some(Prediction {
        workload: group.title(),
        predicted_ns: ground_ns + fit.at(&row),
        half_ns: fit.half_at(&row),
        measured_ns,
        measured_half_ns: half(sum),
    })
}

impl CostModel {
    /// The coefficients.
    pub fn table(&self) -> Table {
        let rows = self.cases.iter().map(|case| {
            let of = |column: usize| {
                let mean = case.fit.coefficients.get(column).copied();
                mean.map_or(Cell::Blank, |ns| {
                    Cell::Text(small(ns, case.fit.half(column)))
                })
            };
            let cells = match case.first_blocks {
                Some(first) => vec![
                    of(0),
                    of(1),
                    of(2),
                    Cell::Number(first.to_string()),
                    of(3),
                    Cell::Blank,
                ],
                None => vec![
                    of(0),
                    Cell::Blank,
                    Cell::Blank,
                    Cell::Blank,
                    Cell::Blank,
                    of(1),
                ],
            };
            let worst = Cell::Number(three(case.worst_percent));
            plain(&case.id, cells.into_iter().chain([worst]).collect())
        });
        Table {
            title: format!("Cost model, {}", self.temperature),
            note: format!(
                "ns a packet above the ground, send + receive, ± half of the 95 % interval; fitted to {} sizes; worst: \
                 largest error at one of them, percent of the case's time",
                self.sizes
            ),
            head: [
                "case",
                "a packet",
                "a block",
                "more for",
                "the first",
                "last not full",
                "64 octets",
                "worst",
            ]
            .map(str::to_owned)
            .to_vec(),
            rows: rows.collect(),
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
                    Cell::Estimate(of.predicted_ns, Some(of.half_ns)),
                    Cell::Estimate(of.measured_ns, of.measured_half_ns),
                    Cell::Number(three(of.off_percent())),
                    Cell::Text(
                        if of.off_percent().abs() <= HOLDS_PERCENT {
                            "holds"
                        } else {
                            "off"
                        }
                        .to_owned(),
                    ),
                ],
            }));
        }
        (!rows.is_empty()).then(|| Table {
            title: format!("Predicted against measured, {}", self.temperature),
            note: format!(
                "ns a packet, send + receive; the interval of a prediction is the model's alone; it holds within {HOLDS_PERCENT} %"
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
        let off = |of: &&Prediction| of.off_percent().abs();
        let worst = all.iter().map(off).fold(0.0, f64::max);
        let held = all.iter().filter(|of| off(of) <= HOLDS_PERCENT).count();
        (!all.is_empty()).then(|| {
            format!(
                "{}: {held} of {} predictions are within {HOLDS_PERCENT} % of what was measured; the worst is off by {} %.",
                self.temperature,
                all.len(),
                three(worst)
            )
        })
    }
}

impl CaseModel {
    /// The step above the ground of a packet of so many bytes, ns.
    pub fn step_ns(&self, inner_bytes: u32) -> f64 {
        self.fit.at(&self.shape.row(inner_bytes))
    }
}

/// A coefficient, which may be a fraction of a nanosecond.
fn small(ns: f64, half: f64) -> String {
    estimate(ns, Some(half), Room::Ample)
}

fn plain(label: &str, cells: Vec<Cell>) -> TableRow {
    TableRow {
        label: label.to_owned(),
        kind: RowKind::Plain,
        cells,
    }
}
