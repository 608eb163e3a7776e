//! What a text of any length costs a cipher: a shape of few coefficients, chosen among the shapes
//! that libraries have, and fitted.
//!
//! A cipher works in blocks of 16 octets. Libraries take a chunk of several blocks at once, what is
//! left block by block, and a last block that is not full in a way of its own; and many of them do
//! so otherwise where a text is short. So there are one or two stretches of lengths, and in each a
//! constant, so much for a chunk, for a block that is left, and for there being any; and for all of
//! them an extra where the last block is not full, and so much for each octet in it. Where the
//! second stretch begins and how long the chunks are is chosen by generalized cross-validation
//! (Golub, Heath and Wahba, Technometrics 21, 1979), each choice at the price of a coefficient.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::stats::least_squares::{Fit, fit};

/// Octets of a block.
const BLOCK: u32 = 16;
/// Blocks of a cache line: the chunk of a case without a cipher.
const LINE: u32 = 4;
/// Where the second stretch may begin, in blocks.
const TURNS: [u32; 8] = [4, 6, 8, 12, 16, 24, 32, 48];
/// Chunks that libraries take at once, in blocks.
const CHUNKS: [u32; 6] = [4, 6, 8, 12, 16, 32];
/// Part of a time that no shape is better than.
const SHAPE_PART: f64 = 0.01;
/// Fewest sizes of a stretch: one more than its coefficients.
const STRETCH_MIN: usize = 5;

/// What a case does with the octets that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Seals them, as the text of a cipher.
    Seals,
    /// Carries them, without a cipher: it pays by 64 octets.
    Carries,
}

/// A length that was measured.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Octets of the text, or of the packet without a cipher.
    pub bytes: u32,
    /// What is fitted, ns.
    pub ns: f64,
    /// Half of its interval, ns.
    pub half_ns: f64,
    /// What errors are relative to, ns.
    pub of_ns: f64,
}

impl Point {
    /// How far a model may miss it: it was not measured better, and no shape is better than
    /// [`SHAPE_PART`].
    fn tolerance_ns(&self) -> f64 {
        self.half_ns.hypot(SHAPE_PART * self.of_ns)
    }
}

/// Some lengths that cost alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Whole blocks of its shortest text.
    pub from: u32,
    /// Blocks that are taken at once; 1 where none are.
    pub chunk: u32,
}

impl Stretch {
    /// Columns: a text, chunks, and where a chunk has several blocks, those left and whether any.
    fn columns(self) -> usize {
        if self.chunk > 1 { 4 } else { 2 }
    }

    fn row(self, blocks: u32) -> Vec<f64> {
        let left = blocks % self.chunk;
        let mut row = vec![1.0, f64::from(blocks / self.chunk)];
        if self.chunk > 1 {
            row.extend([f64::from(left), f64::from(u8::from(left > 0))]);
        }
        row
    }
}

/// Which columns there are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    work: Work,
    stretches: Vec<Stretch>,
    open: Open,
}

/// What is told of a last block that is not full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Open {
    /// Nothing: all texts that were measured end alike.
    Alike,
    /// That it is not full.
    NotFull,
    /// That, and its octets.
    Octets,
}

impl Open {
    fn columns(self) -> usize {
        match self {
            Self::Alike => 0,
            Self::NotFull => 1,
            Self::Octets => 2,
        }
    }
}

/// A model: coefficients by name, and what they say of a length.
#[derive(Clone, Debug)]
pub struct Cost {
    shape: Shape,
    fit: Fit,
    /// Most blocks of a text that was fitted, fewest, and whether one ended on a block, or did not.
    blocks: RangeInclusive<u32>,
    ends: BTreeSet<bool>,
    /// Largest error at a size that was fitted, percent.
    pub worst_percent: f64,
}

/// A coefficient and half of its 95 % interval, ns.
pub type Coefficient = (f64, f64);

/// The coefficients of a stretch.
#[derive(Clone, Copy, Debug)]
pub struct OfStretch {
    /// Which.
    pub stretch: Stretch,
    /// A text.
    pub text: Coefficient,
    /// A chunk of it.
    pub chunk: Coefficient,
    /// A block that is left.
    pub left: Option<Coefficient>,
    /// That any block is left.
    pub any_left: Option<Coefficient>,
}

impl Shape {
    fn row(&self, bytes: u32) -> Vec<f64> {
        if self.work == Work::Carries {
            return vec![1.0, f64::from(bytes.div_ceil(LINE * BLOCK))];
        }
        let (blocks, octets) = (bytes / BLOCK, bytes % BLOCK);
        let of = self.of(blocks);
        let mut row = Vec::new();
        for (at, stretch) in self.stretches.iter().enumerate() {
            if at == of {
                row.extend(stretch.row(blocks));
            } else {
                row.resize(row.len() + stretch.columns(), 0.0);
            }
        }
        let open = [f64::from(u8::from(octets > 0)), f64::from(octets)];
        row.extend(&open[..self.open.columns()]);
        row
    }

    /// Index of the stretch of so many blocks.
    fn of(&self, blocks: u32) -> usize {
        let begun = self
            .stretches
            .iter()
            .rposition(|stretch| stretch.from <= blocks);
        begun.unwrap_or(0)
    }

    /// Figures that were chosen by how well they fit.
    fn found(&self) -> usize {
        if self.work == Work::Carries {
            return 0;
        }
        let chunks = self.stretches.iter().filter(|stretch| stretch.chunk > 1);
        self.stretches.len() - 1 + chunks.count()
    }

    fn fit(&self, points: &[Point]) -> Option<Fit> {
        let rows: Vec<Vec<f64>> = points.iter().map(|point| self.row(point.bytes)).collect();
        let values: Vec<f64> = points.iter().map(|point| point.ns).collect();
        let weights: Vec<f64> = points
            .iter()
            .map(|point| 1.0 / point.tolerance_ns())
            .collect();
        let fit = fit(&rows, &values, &weights, self.found())?;
        // Of columns that say the same nothing is told apart: not a shape that these points bear.
        (fit.rank == fit.coefficients.len()).then_some(fit)
    }
}

/// Generalized cross-validation but for a factor that all fits to the same points have alike:
/// sum of squares / freedom².
fn cross_validation(fit: &Fit) -> f64 {
    fit.deviation.powi(2) / fit.freedom as f64
}

/// The shapes that points of these block counts can tell apart.
fn shapes(work: Work, points: &[Point]) -> Vec<Shape> {
    let line = |chunk| vec![Stretch { from: 0, chunk }];
    if work == Work::Carries {
        return vec![Shape {
            work,
            stretches: line(LINE),
            open: Open::Alike,
        }];
    }
    let blocks: Vec<u32> = points.iter().map(|point| point.bytes / BLOCK).collect();
    let most = blocks.iter().copied().max().unwrap_or(0);
    let chunks = |below: u32| {
        let whole = CHUNKS.into_iter().filter(move |chunk| *chunk < below);
        std::iter::once(1).chain(whole)
    };
    let mut all: Vec<Vec<Stretch>> = chunks(most).map(line).collect();
    for from in TURNS {
        let short = blocks.iter().filter(|blocks| **blocks < from).count();
        if short < STRETCH_MIN || blocks.len() - short < STRETCH_MIN {
            continue;
        }
        for first in chunks(from) {
            for then in chunks(most) {
                all.push(vec![
                    Stretch {
                        from: 0,
                        chunk: first,
                    },
                    Stretch { from, chunk: then },
                ]);
            }
        }
    }
    let ends: BTreeSet<u32> = points.iter().map(|point| point.bytes % BLOCK).collect();
    // As much as the texts' ends bear.
    let open = match (ends.contains(&0), ends.len()) {
        (true, 3..) => Open::Octets,
        (true, 2) => Open::NotFull,
        _ => Open::Alike,
    };
    let shape = |stretches| Shape {
        work,
        stretches,
        open,
    };
    all.into_iter().map(shape).collect()
}

impl Cost {
    /// The model of a case that does such work. `None` where there are too few points for any shape.
    pub fn new(work: Work, points: &[Point]) -> Option<Self> {
        let fitted = shapes(work, points).into_iter().filter_map(|shape| {
            let fit = shape.fit(points)?;
            Some((shape, fit))
        });
        let (shape, fit) = fitted
            .min_by(|one, two| cross_validation(&one.1).total_cmp(&cross_validation(&two.1)))?;
        let errors = fit.residuals.iter().zip(points);
        let worst = errors
            .map(|(left, point)| (left / point.of_ns).abs())
            .fold(0.0, f64::max);
        let blocks = points.iter().map(|point| point.bytes / BLOCK);
        Some(Self {
            shape,
            fit,
            blocks: blocks.clone().min()?..=blocks.max()?,
            ends: points
                .iter()
                .map(|point| point.bytes.is_multiple_of(BLOCK))
                .collect(),
            worst_percent: 100.0 * worst,
        })
    }

    /// What so many octets cost, ns.
    pub fn ns(&self, bytes: u32) -> f64 {
        self.fit.at(&self.shape.row(bytes))
    }

    /// Whether a text like one of so many octets was fitted: about as long, and ending on a block, or
    /// not.
    fn covers(&self, bytes: u32) -> bool {
        let about = self.blocks.start().saturating_sub(1)..=self.blocks.end().saturating_add(1);
        let is_like = || {
            about.contains(&(bytes / BLOCK)) && self.ends.contains(&(bytes.is_multiple_of(BLOCK)))
        };
        self.shape.work == Work::Carries || is_like()
    }

    /// The mean over so many of these lengths, ns, and half of its interval, which is none where some
    /// were not like any that was fitted. The model is linear in its columns, so their mean is enough.
    pub fn mean_ns(&self, lengths: impl Iterator<Item = (u32, u64)>) -> (f64, Option<f64>) {
        let mut covered = true;
        let mut row: Vec<f64> = vec![0.0; self.fit.coefficients.len()];
        let mut all = 0.0;
        for (bytes, count) in lengths {
            let count = count as f64;
            all += count;
            covered &= self.covers(bytes);
            for (sum, column) in row.iter_mut().zip(self.shape.row(bytes)) {
                *sum += count * column;
            }
        }
        for sum in &mut row {
            *sum /= f64::max(all, 1.0);
        }
        (self.fit.at(&row), covered.then(|| self.fit.half_at(&row)))
    }

    /// The coefficients by stretch.
    pub fn stretches(&self) -> Vec<OfStretch> {
        let mut first = 0;
        let of = |stretch: &Stretch| {
            let at = first;
            first += stretch.columns();
            let has_left = stretch.chunk > 1 && self.shape.work == Work::Seals;
            OfStretch {
                stretch: *stretch,
                text: self.coefficient(at),
                chunk: self.coefficient(at + 1),
                left: has_left.then(|| self.coefficient(at + 2)),
                any_left: has_left.then(|| self.coefficient(at + 3)),
            }
        };
        self.shape.stretches.iter().map(of).collect()
    }

    /// What a last block that is not full costs more, and an octet in it: as much as the texts that
    /// were fitted tell.
    pub fn open(&self) -> [Option<Coefficient>; 2] {
        let open = self.shape.open;
        let first = self.fit.coefficients.len() - open.columns();
        [0, 1].map(|at| (at < open.columns()).then(|| self.coefficient(first + at)))
    }

    fn coefficient(&self, column: usize) -> Coefficient {
        (self.fit.coefficients[column], self.fit.half(column))
    }
}
