//! Treatments measured once each in every block: analysis of variance of a randomised complete
//! block design. A treatment is a link of the program, a block a turn in which each ran once.

use statrs::distribution::{ContinuousCDF, FisherSnedecor, StudentsT};

use super::CONFIDENCE;

/// What treatments differ by, and what is left over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blocks {
    treatments: f64,
    turns: f64,
    /// Mean square between treatments.
    between: f64,
    /// Mean square of what neither treatment nor block accounts for.
    residual: f64,
}

impl Blocks {
    /// Of values by treatment and block. `None` with fewer than two of either, or where some
    /// treatment lacks a block.
    pub fn new(values: &[&[f64]]) -> Option<Self> {
        let count = values.first()?.len();
        if values.len() < 2 || count < 2 || values.iter().any(|row| row.len() != count) {
            return None;
        }
        let (treatments, blocks) = (values.len() as f64, count as f64);
        let of_treatment = |row: &&[f64]| row.iter().sum::<f64>() / blocks;
        let means: Vec<f64> = values.iter().map(of_treatment).collect();
        let of_block = |at| values.iter().map(|row| row[at]).sum::<f64>() / treatments;
        let block_means: Vec<f64> = (0..count).map(of_block).collect();
        let grand = means.iter().sum::<f64>() / treatments;
        let squares: f64 = means.iter().map(|mean| (mean - grand).powi(2)).sum();
        let left = values.iter().zip(&means).flat_map(|(row, mean)| {
            let pairs = row.iter().zip(&block_means);
            pairs.map(move |(value, block)| (value - mean - block + grand).powi(2))
        });
        Some(Self {
            treatments,
            turns: blocks,
            between: blocks * squares / (treatments - 1.0),
            residual: left.sum::<f64>() / ((treatments - 1.0) * (blocks - 1.0)),
        })
    }

    fn freedom(&self) -> (f64, f64) {
        let between = self.treatments - 1.0;
        (between, between * (self.turns - 1.0))
    }

    /// Probability that treatments which differ by nothing differ so much: Fisher's F test.
    pub fn p(&self) -> Option<f64> {
        let (between, left) = self.freedom();
        let f = FisherSnedecor::new(between, left).ok()?;
        Some(f.sf(self.between / self.residual)).filter(|p| p.is_finite())
    }

    /// Standard deviation of single values of one treatment, blocks taken out.
    pub fn within(&self) -> f64 {
        self.residual.sqrt()
    }

    /// Standard deviation of the treatments themselves, 0 where they differ by no more than their
    /// values would.
    pub fn among(&self) -> f64 {
        ((self.between - self.residual) / self.turns)
            .max(0.0)
            .sqrt()
    }

    /// The largest [`Self::among`] that the values do not contradict at 5 %, one-sided, as the ratio
    /// of both variances is F distributed. Treatments that are more alike than their values allow
    /// count as alike, and no more.
    pub fn among_most(&self) -> Option<f64> {
        let (between, left) = self.freedom();
        let f = FisherSnedecor::new(between, left).ok()?;
        let scale = f.inverse_cdf(1.0 - CONFIDENCE);
        let most = (self.between.max(self.residual) / scale - self.residual) / self.turns;
        Some(most.max(0.0).sqrt()).filter(|most| most.is_finite())
    }

    /// What two single values of two treatments differ by at most in 95 % of all pairs, where
    /// treatments differ by nothing but this. Degrees of freedom are Satterthwaite's.
    pub fn apart(&self) -> Option<f64> {
        let (between, left) = self.freedom();
        let of_treatments = self.between.max(self.residual) / self.turns;
        let of_values = self.residual * (self.turns - 1.0) / self.turns;
        let variance = of_treatments + of_values;
        let freedom =
            variance.powi(2) / (of_treatments.powi(2) / between + of_values.powi(2) / left);
        let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
        let t = t.inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
        Some(t * (2.0 * variance).sqrt()).filter(|apart| apart.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Box, Hunter and Hunter, Statistics for Experimenters, table 4.4: yields of penicillin by
    /// four variants in five blends. Mean squares 23.3 and 18.8 at 3 and 12 degrees of freedom,
    /// F = 1.24, p = 0.34.
    #[test]
    fn penicillin() {
        let yields: [&[f64]; 4] = [
            &[89.0, 84.0, 81.0, 87.0, 79.0],
            &[88.0, 77.0, 87.0, 92.0, 81.0],
            &[97.0, 92.0, 87.0, 89.0, 80.0],
            &[94.0, 79.0, 85.0, 84.0, 88.0],
        ];
        let found = Blocks::new(&yields).unwrap();
        assert!((found.between - 70.0 / 3.0).abs() < 1e-9);
        assert!((found.residual - 226.0 / 12.0).abs() < 1e-9);
        assert!((found.p().unwrap() - 0.338_7).abs() < 1e-4);
        assert!((found.among() - ((70.0 / 3.0 - 226.0 / 12.0) / 5.0_f64).sqrt()).abs() < 1e-9);
        assert!(found.among_most().unwrap() > found.among());
    }

    /// By hand: treatments 1 apart, values that only blocks change. With 2 degrees of freedom
    /// between, p is (1 + 2 F / n)^(-n / 2).
    #[test]
    fn blocks_are_no_difference_and_p_has_a_closed_form() {
        let rows: [&[f64]; 3] = [&[0.0, 10.0, 21.0], &[1.0, 12.0, 21.0], &[2.0, 13.0, 23.0]];
        let found = Blocks::new(&rows).unwrap();
        let f = found.between / found.residual;
        assert!((found.p().unwrap() - (1.0 + 2.0 * f / 4.0).powf(-2.0)).abs() < 1e-9);
        assert!(found.p().unwrap() < 0.05 && found.within() < 1.0);
    }

    #[test]
    fn what_is_not_whole_is_nothing() {
        assert_eq!(Blocks::new(&[&[1.0, 2.0]]), None);
        assert_eq!(Blocks::new(&[&[1.0], &[2.0]]), None);
        assert_eq!(Blocks::new(&[&[1.0, 2.0], &[2.0]]), None);
    }

    /// Treatments that are alike: two values of one are t √2 deviations apart, and no more.
    #[test]
    fn alike_treatments_are_as_far_apart_as_their_values() {
        let noise = [0.3, -0.2, 0.5, -0.9, 0.1, 0.6, -0.4, 0.2];
        let moved = |by: usize| -> Vec<f64> { (0..8).map(|at| noise[(at + by) % 8]).collect() };
        let rows: Vec<Vec<f64>> = (0..8).map(moved).collect();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let found = Blocks::new(&rows).unwrap();
        assert!(found.among() == 0.0 && found.p().unwrap() > 0.99);
        let ratio = found.apart().unwrap() / found.within();
        assert!(
            (2.0 * 1.96 / 2.0_f64.sqrt()..3.0).contains(&ratio),
            "{ratio}"
        );
    }
}
