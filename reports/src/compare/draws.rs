//! What the intervals of a comparison are over, and the floor that stands for what no run of it
//! shows.
//!
//! A binary is one draw of a link order: its runs agree on what its layout costs, so that no number
//! of them says by how much another link of the same code would differ. Only several binaries a side
//! do; where a side has one, a floor stands for it.

use serde::Serialize;

use super::Run;

/// By how much a row's ratio to its anchor may differ between two builds of the same code, percent,
/// half of the 95 % interval, where no other floor is given: of 30 processes of a seal against
/// itself, the worst was off by 0.96 %, and a fresh instance is wrong by up to 1 %. Where other work
/// runs, it is too small: of 167 pairs of records of one binary, not all independent, 18 had a row
/// that was called slower or faster. `tunneltax selftest --full --links DIR` measures a host's own.
pub const FLOOR_PERCENT: f64 = 1.0;

/// What two builds may differ by, and who says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// Half of the 95 % interval of a row's ratio to its anchor, percent.
    pub percent: f64,
    /// Where it is from, in words.
    pub from: String,
    /// The CPU that it was measured on, where it was.
    pub cpu: Option<String>,
}

impl Default for Floor {
    fn default() -> Self {
        Self {
            percent: FLOOR_PERCENT,
            from: "the default of --floor".to_owned(),
            cpu: None,
        }
    }
}

impl Floor {
    /// One that was asked for.
    pub fn asked(percent: f64) -> Self {
        Self {
            percent,
            from: "--floor".to_owned(),
            cpu: None,
        }
    }
}

/// What an interval is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Links: several binaries on both sides, each the mean of its runs.
    Link,
    /// Runs: two or more on a side.
    Run,
    /// Fresh instances of one run a side, and the floor.
    Instance,
}

/// The draws of both sides.
pub(super) struct Draws {
    pub(super) unit: Unit,
    /// Binaries of each side.
    pub(super) binaries: [usize; 2],
    /// What intervals are widened by, percent; none where the records show all there is.
    pub(super) floor_percent: Option<f64>,
    /// Of every run, which of its side's binaries it is of.
    binary_of: [Vec<usize>; 2],
}

impl Draws {
    pub(super) fn new(a: &[Run<'_>], b: &[Run<'_>], floor: &Floor) -> Self {
        let hash = |run: &Run<'_>| run.record.provenance.build.binary_sha256.clone();
        let hashes = [a, b].map(|runs| runs.iter().map(hash).collect::<Vec<_>>());
        let binary_of = hashes.each_ref().map(|hashes| {
            let first = |hash| hashes.iter().position(|other| other == hash).unwrap_or(0);
            hashes.iter().map(first).collect::<Vec<usize>>()
        });
        let binaries = binary_of.each_ref().map(|of| {
            let firsts = of.iter().enumerate();
            firsts.filter(|(at, first)| at == *first).count()
        });
        // A record that does not know its binary may be of any.
        let known = !hashes[0][0].is_empty();
        let all_of_one = binaries == [1, 1] && hashes[0][0] == hashes[1][0] && known;
        let unit = match (a.len(), b.len()) {
            (1, 1) => Unit::Instance,
            _ if binaries.iter().all(|count| *count > 1) => Unit::Link,
            _ => Unit::Run,
        };
        Self {
            unit,
            binaries,
            floor_percent: match unit {
                Unit::Instance => Some(floor.percent),
                Unit::Run if !all_of_one => Some(part_of(floor.percent, binaries)),
                Unit::Run | Unit::Link => None,
            },
            binary_of,
        }
    }

    /// A value a draw of each side, of values by run and instance.
    pub(super) fn values(&self, sides: [&[Vec<f64>]; 2]) -> [Vec<f64>; 2] {
        let [a, b] = sides.map(|runs| runs.iter().map(|run| average(run)).collect::<Vec<_>>());
        if self.unit != Unit::Link {
            return [a, b];
        }
        let [of_a, of_b] = &self.binary_of;
        [by_binary(&a, of_a), by_binary(&b, of_b)]
    }
}

/// The floor is of one binary against one; the mean over several differs by less.
fn part_of(percent: f64, binaries: [usize; 2]) -> f64 {
    let parts: f64 = binaries.iter().map(|count| 1.0 / *count as f64).sum();
    percent * (parts / 2.0).sqrt()
}

/// The mean of every binary's runs.
fn by_binary(runs: &[f64], binary_of: &[usize]) -> Vec<f64> {
    let of = |binary: usize| -> Vec<f64> {
        let runs = runs.iter().zip(binary_of);
        runs.filter(|(_, of)| **of == binary)
            .map(|(run, _)| *run)
            .collect()
    };
    let all = (0..runs.len()).map(of).filter(|runs| !runs.is_empty());
    all.map(|runs| average(&runs)).collect()
}

pub(super) fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: one against one is the floor; the mean of three against one has 1/3 and 1 of the
    /// variance of one, where one against one has 2.
    #[test]
    fn several_binaries_have_a_part_of_the_floor() {
        assert!((part_of(1.0, [1, 1]) - 1.0).abs() < 1e-12);
        assert!((part_of(1.0, [3, 1]) - (2.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn runs_of_a_binary_are_one_value() {
        let means = by_binary(&[1.0, 5.0, 3.0, 7.0], &[0, 1, 0, 1]);
        assert_eq!(means, [2.0, 6.0]);
    }
}
