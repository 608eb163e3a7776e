//! Many tests at once: Holm's step-down adjustment.
//!
//! The least p-value is multiplied by the number of tests, the next by one less, and so on; none
//! is below one before it, and none above 1 (Holm, Scandinavian Journal of Statistics 6, 1979).
//! Rejecting what is below 5 % then rejects a true hypothesis in at most 5 of 100 families,
//! however the tests depend on each other.

/// Adjusted p-values, in the order given; one that is no number stays so and counts as no test.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|at| !p[*at].is_nan()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![f64::NAN; p.len()];
    let mut least = 0.0_f64;
    for (rank, at) in order.iter().enumerate() {
        let tests_left = (order.len() - rank) as f64;
        least = least.max((tests_left * p[*at]).min(1.0));
        adjusted[*at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    /// By hand: 4 × 0.005, 3 × 0.01, 2 × 0.03, and 0.04 held up to the one before it.
    #[test]
    fn four_tests_by_hand() {
        close(&holm(&[0.01, 0.04, 0.03, 0.005]), &[0.03, 0.06, 0.06, 0.02]);
    }

    /// What R's `p.adjust(p, "holm")` documents: never above 1, never below one before it.
    #[test]
    fn bounded_and_monotone() {
        close(&holm(&[0.5, 0.6, 0.2]), &[1.0, 1.0, 0.6]);
        close(&holm(&[0.02, 0.02]), &[0.04, 0.04]);
        close(&holm(&[0.03]), &[0.03]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn what_is_no_number_is_no_test() {
        let adjusted = holm(&[0.01, f64::NAN, 0.02]);
        assert!(adjusted[1].is_nan());
        close(&[adjusted[0], adjusted[2]], &[0.02, 0.02]);
    }
}
