//! Whose the core is: what it can take when it is alone, by all looks at it so far, and whether
//! what was just measured had to share it.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tunneltax_core::anchor::{self, Anchor};
use tunneltax_core::clock::Clock;

use crate::looks::Looks;

/// Looks before anything is measured: some milliseconds.
const FIRST_LOOKS: usize = 400;
/// Looks that tell whether the core is alone now: some tens of microseconds.
const LOOKS_AT_ONCE: usize = 10;
/// Part of the looks that found another thread in the core, above which it counts as shared.
const SHARED_PART: f64 = 0.1;

/// The core that a run measures on.
pub struct CoreShare {
    looks: RefCell<Looks>,
    /// Additions a cycle when it is alone; 0 on an architecture without looks.
    widest: Cell<f64>,
    /// How many looks there must be before they are sorted again.
    sort_at: Cell<u64>,
}

impl CoreShare {
    /// Knows what some first looks say.
    pub fn look(clock: &Clock) -> Self {
        Self::of((0..FIRST_LOOKS).filter_map(|_| Anchor::read(clock)))
    }

    fn of(looks: impl IntoIterator<Item = Anchor>) -> Self {
        let core = Self {
            looks: RefCell::default(),
            widest: Cell::new(0.0),
            sort_at: Cell::new(0),
        };
        core.learn(looks);
        core
    }

    /// Takes in what was seen beside some work. Of many looks one that errs is left out; of a few it
    /// would make every core seem shared: so all of them together say what the core can take.
    pub fn learn(&self, looks: impl IntoIterator<Item = Anchor>) {
        let mut all = self.looks.borrow_mut();
        all.extend(looks);
        if all.seen() >= self.sort_at.get() {
            self.widest.set(anchor::widest(all.kept()).unwrap_or(0.0));
            // A twentieth more says little else, and sorting takes its time.
            self.sort_at.set(all.seen() + all.seen() / 20);
        }
    }

    /// Looks on until the core is alone, so much time is over, or it is stopped; returns how much it was, s.
    pub fn wait(&self, clock: &Clock, seconds: f64, stop: &AtomicBool) -> f64 {
        let start = Instant::now();
        loop {
            let looks: Vec<Anchor> = (0..LOOKS_AT_ONCE)
                .filter_map(|_| Anchor::read(clock))
                .collect();
            let shared = self.is_shared(&looks);
            let waited = start.elapsed().as_secs_f64();
            if !shared || waited >= seconds || stop.load(Ordering::Relaxed) {
                return waited;
            }
        }
    }

    /// Whether another thread had a part of the core beside these looks.
    pub fn is_shared(&self, looks: &[Anchor]) -> bool {
        let widest = self.widest.get();
        let shared = looks.iter().filter(|look| look.is_shared(widest));
        shared.count() as f64 > SHARED_PART * looks.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(widths: &[(f64, usize)]) -> Vec<Anchor> {
        let of = |(width, times): &(f64, usize)| {
            let look = Anchor {
                ghz: 3.0,
                width: *width,
            };
            vec![look; *times]
        };
        widths.iter().flat_map(of).collect()
    }

    #[test]
    fn one_look_in_ten_may_be_shared() {
        let core = CoreShare::of(looks(&[(3.8, 400)]));
        assert!(!core.is_shared(&looks(&[(3.8, 27), (2.2, 3)])));
        assert!(core.is_shared(&looks(&[(3.8, 26), (2.2, 4)])));
        assert!(!core.is_shared(&[]));
    }

    #[test]
    fn a_group_of_few_looks_does_not_say_what_the_core_can_take() {
        let core = CoreShare::of(looks(&[(3.8, 400)]));
        core.learn(looks(&[(3.8, 29), (4.6, 1)]));
        assert!(!core.is_shared(&looks(&[(3.8, 30)])));
        // It was shared from the beginning; later it is not.
        let core = CoreShare::of(looks(&[(2.2, 400)]));
        assert!(!core.is_shared(&looks(&[(2.2, 30)])));
        core.learn(looks(&[(3.8, 300)]));
        assert!(core.is_shared(&looks(&[(2.2, 30)])));
    }

    #[test]
    fn without_looks_nothing_is_shared() {
        assert!(!CoreShare::of([]).is_shared(&[]));
    }
}
