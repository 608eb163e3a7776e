//! Linear least squares with weights: coefficients, their intervals, and the interval of a
//! prediction. The algebra is nalgebra's, by singular values, so that columns that say the same
//! do no harm.

use nalgebra::{DMatrix, DVector};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::CONFIDENCE;

/// Singular values below this part of the largest count as 0.
const RANK_TOLERANCE: f64 = 1e-10;

/// What was fitted.
#[derive(Clone, Debug)]
pub struct Fit {
    /// One a column.
    pub coefficients: Vec<f64>,
    /// Observed minus fitted, in the unit of the values.
    pub residuals: Vec<f64>,
    /// Standard deviation of the weighted residuals.
    pub deviation: f64,
    /// Columns that say something of their own.
    pub rank: usize,
    /// Observations minus columns that say something, and minus what was found beside them.
    pub freedom: usize,
    /// Inverse of the weighted normal matrix.
    unscaled: DMatrix<f64>,
    /// Student's t for both ends of an interval.
    t: f64,
}

/// Fits `values` by the columns of `rows`, each weighted: a weight of 1 / value fits relative
/// errors. `found` more figures were chosen by how well they fit. `None` where no observation is left over for the spread, or something is no number.
pub fn fit(rows: &[Vec<f64>], values: &[f64], weights: &[f64], found: usize) -> Option<Fit> {
    let columns = rows.first()?.len();
    let sound = rows.iter().all(|row| row.len() == columns)
        && rows
            .iter()
            .flatten()
            .chain(values)
            .chain(weights)
            .all(|v| v.is_finite());
    if !sound || values.len() != rows.len() || weights.len() != rows.len() {
        return None;
    }
    let design = DMatrix::from_fn(rows.len(), columns, |i, j| rows[i][j] * weights[i]);
    let observed = DVector::from_fn(rows.len(), |i, _| values[i] * weights[i]);
    let svd = design.clone().svd(true, true);
    let tolerance = RANK_TOLERANCE * svd.singular_values.max();
    let rank = svd.rank(tolerance);
    let freedom = rows.len().checked_sub(rank + found).filter(|f| *f > 0)?;
    let solved = svd.solve(&observed, tolerance).ok()?;
    let left = &observed - &design * &solved;
    let deviation = (left.norm_squared() / freedom as f64).sqrt();
    let inverse = design.pseudo_inverse(tolerance).ok()?;
    let t = StudentsT::new(0.0, 1.0, freedom as f64).ok()?;
    Some(Fit {
        coefficients: solved.iter().copied().collect(),
        residuals: left.iter().zip(weights).map(|(r, w)| r / w).collect(),
        deviation,
        rank,
        freedom,
        unscaled: &inverse * inverse.transpose(),
        t: t.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)),
    })
}

impl Fit {
    /// Half of a coefficient's 95 % interval.
    pub fn half(&self, column: usize) -> f64 {
        let variance = self
            .unscaled
            .get((column, column))
            .copied()
            .unwrap_or(f64::NAN);
        self.t * self.deviation * variance.sqrt()
    }

    /// The mean at these columns.
    pub fn at(&self, row: &[f64]) -> f64 {
        self.coefficients.iter().zip(row).map(|(c, x)| c * x).sum()
    }

    /// Half of that mean's 95 % interval; what a single observation would differ by is not in it.
    pub fn half_at(&self, row: &[f64]) -> f64 {
        let row = DVector::from_column_slice(row);
        let variance = (row.transpose() * &self.unscaled * &row)[(0, 0)];
        self.t * self.deviation * variance.max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anscombe's first set (The American Statistician 27, 1973): y = 3.0001 + 0.5001 x, standard
    /// errors 1.1247 and 0.1179, residual standard error 1.237 with 9 degrees of freedom.
    #[test]
    fn anscombes_first_set() {
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [
            8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68,
        ];
        let rows: Vec<Vec<f64>> = x.iter().map(|x| vec![1.0, *x]).collect();
        let fit = fit(&rows, &y, &[1.0; 11], 0).unwrap();
        assert!((fit.coefficients[0] - 3.0001).abs() < 1e-4);
        assert!((fit.coefficients[1] - 0.5001).abs() < 1e-4);
        assert_eq!(fit.freedom, 9);
        assert!((fit.deviation - 1.2366).abs() < 1e-4);
        // t of 9 degrees of freedom is 2.2622.
        assert!((fit.half(0) - 2.2622 * 1.1247).abs() < 1e-3);
        assert!((fit.half(1) - 2.2622 * 0.1179).abs() < 1e-3);
        // At the mean of x, 9, the error of the mean is s / √11.
        assert!((fit.at(&[1.0, 9.0]) - 7.5009).abs() < 1e-3);
        assert!((fit.half_at(&[1.0, 9.0]) - 2.2622 * 1.2366 / 11_f64.sqrt()).abs() < 1e-3);
    }

    #[test]
    fn weights_count_and_columns_that_say_the_same_do_no_harm() {
        // A weight of 0 takes an observation out.
        let rows = vec![
            vec![1.0, 1.0],
            vec![1.0, 2.0],
            vec![1.0, 3.0],
            vec![1.0, 4.0],
        ];
        let line = fit(&rows, &[2.0, 4.0, 6.0, 100.0], &[1.0, 1.0, 1.0, 1e-9], 0).unwrap();
        assert!((line.coefficients[1] - 2.0).abs() < 1e-6);
        let twice: Vec<Vec<f64>> = (1..=5)
            .map(|x| vec![1.0, f64::from(x), f64::from(x)])
            .collect();
        let same = fit(&twice, &[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0; 5], 0).unwrap();
        assert_eq!((same.freedom, same.rank), (3, 2));
        assert!((same.at(&[1.0, 10.0, 10.0]) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_left_over_is_no_fit() {
        assert!(fit(&[vec![1.0, 1.0], vec![1.0, 2.0]], &[1.0, 2.0], &[1.0; 2], 0).is_none());
        let column = [vec![1.0], vec![1.0]];
        assert!(fit(&column, &[1.0, 2.0], &[1.0; 2], 0).is_some_and(|fit| fit.freedom == 1));
        assert!(fit(&column, &[1.0, 2.0], &[1.0; 2], 1).is_none());
        assert!(fit(&[], &[], &[], 0).is_none());
        assert!(fit(&[vec![1.0], vec![f64::NAN]], &[1.0, 2.0], &[1.0; 2], 0).is_none());
    }
}
