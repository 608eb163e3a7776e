//! The slowest of many packets.
//!
//! So many are kept, whatever the number of packets: a tail can be explained to the quantile that
//! so many packets lie beyond, and no further down.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::usage::Usage;

/// Packets that are kept.
pub const KEPT: usize = 1024;

/// What else is known of a packet that was stamped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slow {
    /// Which packet of the workload.
    pub packet: usize,
    /// Which of the packets between two fills of the arena it was, from 0.
    pub place: usize,
    /// Which walk of its instance, from 0.
    pub round: usize,
    /// What all packets of its reading took together, beyond the faster of their two visits
    /// without stamps and beyond the stamps' own cost, ns.
    pub reading_beyond_ns: f64,
    /// That is a stall ([`crate::stalls`]), and at least half of this packet.
    pub stalled: bool,
    /// What the kernel counted in its visit.
    pub usage: Usage,
}

/// Of many, those that took longest, each with what else is known of it.
#[derive(Clone, Debug)]
pub struct Slowest<T> {
    kept: BinaryHeap<Reverse<Timed<T>>>,
}

impl<T> Default for Slowest<T> {
    fn default() -> Self {
        Self {
            kept: BinaryHeap::new(),
        }
    }
}

impl<T> Slowest<T> {
    /// Takes one of so many ns, where it is slower than the fastest that is kept.
    #[inline]
    pub fn offer(&mut self, ns: u64, one: impl FnOnce() -> T) {
        if self.kept.len() >= KEPT {
            if self.kept.peek().is_some_and(|fastest| ns <= fastest.0.ns) {
                return;
            }
            self.kept.pop();
        }
        self.kept.push(Reverse(Timed { ns, one: one() }));
    }

    /// Those that are kept and what they took, ns, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.kept.iter().map(|kept| (kept.0.ns, &kept.0.one))
    }
}

/// Ordered by time alone.
#[derive(Clone, Debug)]
struct Timed<T> {
    ns: u64,
    one: T,
}

impl<T> PartialEq for Timed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ns == other.ns
    }
}

impl<T> Eq for Timed<T> {}

impl<T> PartialOrd for Timed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Timed<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ns.cmp(&other.ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_are_kept_and_no_more() {
        let mut slowest = Slowest::default();
        // Every number below 3 × KEPT once, in an order that is none.
        let count = 3 * KEPT as u64;
        for at in 0..count {
            let ns = at * 1021 % count;
            slowest.offer(ns, || 2 * ns);
        }
        let mut kept: Vec<(u64, u64)> = slowest.iter().map(|(ns, one)| (ns, *one)).collect();
        kept.sort_unstable();
        let expected: Vec<(u64, u64)> = (count - KEPT as u64..count)
            .map(|ns| (ns, 2 * ns))
            .collect();
        assert_eq!(kept, expected);
    }
}
