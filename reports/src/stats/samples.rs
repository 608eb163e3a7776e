//! From the readings of one instance to the one value that it contributes.

/// Mean over the stretches of a workload, each the median of its readings.
///
/// A capture's stretches differ (bulk here, acknowledgements there), so their mean is what the
/// capture costs; readings of one stretch are the same work, so their median is robust.
/// `None` where there are no readings or one of them is not a number.
pub fn stretch_mean(readings: &[f64], stretch: &[u32]) -> Option<f64> {
    let mut tagged: Vec<(u32, f64)> = stretch
        .iter()
        .copied()
        .zip(readings.iter().copied())
        .collect();
    if tagged.is_empty() || tagged.iter().any(|(_, value)| !value.is_finite()) {
        return None;
    }
    tagged.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let medians: Vec<f64> = tagged
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|same| median_of_sorted(same.iter().map(|(_, value)| *value)))
        .collect();
    Some(medians.iter().sum::<f64>() / medians.len() as f64)
}

/// Median of any values; `None` without any.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(sorted.into_iter())
}

/// Mean of the middle half, from the lower quartile to the upper one (Tukey's midmean): finer than
/// the step of a clock, as a mean is, and as little moved by stalls as a median. `None` without any.
pub fn midmean(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cut = sorted.len() / 4;
    let middle = sorted.get(cut..sorted.len() - cut)?;
    (!middle.is_empty()).then(|| middle.iter().sum::<f64>() / middle.len() as f64)
}

fn median_of_sorted(mut sorted: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = sorted.len();
    let lower = sorted.nth(count.checked_sub(1)? / 2)?;
    if count % 2 == 1 {
        return Some(lower);
    }
    Some(f64::midpoint(lower, sorted.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_in_one_stretch_moves_nothing_and_every_stretch_counts_once() {
        let readings = [10.0, 11.0, 900.0, 30.0];
        let stretch = [0, 0, 0, 1];
        assert_eq!(stretch_mean(&readings, &stretch), Some(20.5));
        assert_eq!(stretch_mean(&[], &[]), None);
        assert_eq!(stretch_mean(&[f64::NAN], &[0]), None);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_midmean_is_finer_than_a_clock_and_sees_no_stall() {
        let steps = [20.0, 900.0, 30.0, 20.0, 10.0, 30.0, 20.0, 0.0];
        assert_eq!(midmean(&steps), Some(22.5));
        assert_eq!(midmean(&[3.0]), Some(3.0));
        assert_eq!(midmean(&[]), None);
    }
}
