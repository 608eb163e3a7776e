//! What of a burst total each of its packets is charged with.
//!
//! Totals are of many packets, and stamps of one, each with something that the total has not seen:
//! a reading of the clock, what a packet alone takes beyond its part of a burst, a stall. So the
//! total says how much there is, and the stamps say only whose it is: parts add up to the total.

/// What packets of one label took, send and receive together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// Packets that were stamped.
    pub packets: u64,
    /// Their parts of the totals, ns.
    pub ns: f64,
}

/// The parts of a total, ns, in proportion to what its packets took alone, by stamps of which the
/// cost of a reading was subtracted. None counts more than the whole total: a longer one is a
/// stall. Where the stamps say nothing, all parts are equal.
pub fn parts(alone_ns: impl Iterator<Item = f64>, total_ns: f64) -> Vec<f64> {
    let most_ns = total_ns.max(0.0);
    let mut parts: Vec<f64> = alone_ns.map(|ns| ns.clamp(0.0, most_ns)).collect();
    let sum_ns: f64 = parts.iter().sum();
    let equal_ns = total_ns / parts.len().max(1) as f64;
    for part in &mut parts {
        *part = if sum_ns > 0.0 {
            total_ns * *part / sum_ns
        } else {
            equal_ns
        };
    }
    parts
}

/// What each stamped packet of a visit took, ticks, send and receive apart.
pub(crate) struct Spans([Vec<u32>; 2]);

impl Spans {
    /// Room for so many packets; what is beyond is not kept.
    pub(crate) fn new(packets: usize) -> Self {
        Self([vec![0; packets], vec![0; packets]])
    }

    /// Takes the stamps of one reading.
    pub(crate) fn keep(&mut self, half: usize, reading: usize, stamps: &[u64]) {
        let from = reading * stamps.len().saturating_sub(1);
        let Some(spans) = self.0[half].get_mut(from..) else {
            return;
        };
        for (span, pair) in spans.iter_mut().zip(stamps.windows(2)) {
            let ticks = pair[1].saturating_sub(pair[0]);
            *span = u32::try_from(ticks).unwrap_or(u32::MAX);
        }
    }

    /// Those of one reading of so many packets.
    pub(crate) fn of(&self, half: usize, reading: usize, packets: usize) -> &[u32] {
        let from = reading * packets;
        self.0[half].get(from..from + packets).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_total_and_a_stall_takes_no_more_than_half() {
        let parts_of = |stamps: &[f64], total| parts(stamps.iter().copied(), total);
        assert_eq!(parts_of(&[10.0, 30.0], 80.0), [20.0, 60.0]);
        assert_eq!(parts_of(&[-3.0, 0.0], 80.0), [40.0, 40.0]);
        assert_eq!(parts_of(&[], 80.0), [0.0; 0]);
        // A total below the clock's cost: nothing to share but the difference itself.
        assert_eq!(parts_of(&[10.0, 30.0], -4.0), [-2.0, -2.0]);
        let stalled = parts_of(&[10.0, 300_000.0, 30.0, 40.0], 80.0);
        assert_eq!(stalled, [5.0, 40.0, 15.0, 20.0]);
    }

    #[test]
    fn spans_are_kept_by_reading() {
        let mut spans = Spans::new(4);
        spans.keep(0, 1, &[100, 110, 130]);
        spans.keep(1, 0, &[7, 8, 8]);
        spans.keep(1, 9, &[7, 8, 8]);
        assert_eq!(
            (spans.of(0, 1, 2), spans.of(1, 0, 2)),
            (&[10, 20][..], &[1, 0][..])
        );
        assert_eq!(
            (spans.of(0, 0, 2), spans.of(0, 2, 2)),
            (&[0, 0][..], &[][..])
        );
    }
}
