//! The anti-replay window (RFC 4303, 3.4.3 and appendix A2): which sequence numbers were
//! received, exact for the last W of them.
//!
//! [`ReplayWindow::check`] before the ICV is verified, [`ReplayWindow::accept`] after, and never
//! without: a forged number must move nothing.

use crate::fate::Reason;

const WORD_BITS: u64 = u64::BITS as u64;

/// A ring of bits, one a sequence number; one word more than the window needs, so that words
/// to the right of its edge can be cleared whole.
#[derive(Clone, Debug)]
pub struct ReplayWindow {
    /// 0 of a window that takes everything.
    size: u64,
    /// Highest number accepted; 0 before the first, and the last of all where everything is
    /// taken: then each number goes the way of an old one, and no new one pays for the question.
    highest: u64,
    words: Box<[u64]>,
    word_mask: u64,
}

impl ReplayWindow {
    /// Remembers the last `size` numbers. Of size 0 it remembers none and takes every number,
    /// any times: anti-replay is off, which is up to the receiver (RFC 4303, 3.4.3), though not
    /// with extended numbers.
    pub fn new(size: u32) -> Self {
        let size = u64::from(size);
        let words = (size.div_ceil(WORD_BITS) + 1).next_power_of_two();
        Self {
            size,
            highest: if size == 0 { u64::MAX } else { 0 },
            words: vec![0; words as usize].into_boxed_slice(),
            word_mask: words - 1,
        }
    }

    /// Highest number accepted.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Goes on as if this number, and none before it, had been received.
    pub fn begin_after(&mut self, sequence: u64) {
        if sequence > self.highest {
            self.advance(sequence);
        }
    }

    /// Becomes what another window of the same size is.
    pub fn restore(&mut self, other: &Self) {
        debug_assert_eq!(self.size, other.size);
        self.highest = other.highest;
        self.words.copy_from_slice(&other.words);
    }

    /// The 64-bit number whose lower half is `low` and that is nearest to the window: in it, or
    /// else to its right (RFC 4303, appendix A2.2). `None` where it would lie before 0.
    #[inline(always)]
    pub fn extend(&self, low: u32) -> Option<u64> {
        const HALF: u64 = 1 << 32;
        let (high, top) = (self.highest & !(HALF - 1), self.highest as u32);
        let span = self.size.saturating_sub(1).min(u64::from(u32::MAX)) as u32;
        // Lower half of the window's left edge; it lies in the subspace before where top < span.
        let left = top.wrapping_sub(span);
        let low_part = u64::from(low);
        if top >= span {
            let subspace = if low >= left {
                high
            } else {
                high.checked_add(HALF)?
            };
            Some(subspace | low_part)
        } else {
            let subspace = if low >= left {
                high.checked_sub(HALF)?
            } else {
                high
            };
            Some(subspace | low_part)
        }
    }

    /// Whether a number may still come. 0 never does: the first packet has number 1.
    #[inline(always)]
    pub fn check(&self, sequence: u64) -> Result<(), Reason> {
        if sequence > self.highest {
            return Ok(());
        }
        if self.size == 0 {
            return Ok(());
        }
        if sequence == 0 || self.highest - sequence >= self.size {
            return Err(Reason::TooOld);
        }
        let (word, bit) = self.place(sequence);
        if self.words[word] & bit == 0 {
            Ok(())
        } else {
            Err(Reason::Replayed)
        }
    }

    /// Notes a number whose packet is authentic. Checks again: a burst is checked as a whole
    /// before any of it is accepted, and may hold a number twice.
    #[inline(always)]
    pub fn accept(&mut self, sequence: u64) -> Result<(), Reason> {
        if sequence > self.highest {
            self.advance(sequence);
        } else if self.size == 0 {
            return Ok(());
        } else {
            self.check(sequence)?;
        }
        let (word, bit) = self.place(sequence);
        self.words[word] |= bit;
        Ok(())
    }

    /// Moves the right edge, clearing the words that it enters.
    #[inline(always)]
    fn advance(&mut self, sequence: u64) {
        let (old, new) = (self.highest / WORD_BITS, sequence / WORD_BITS);
        if old != new {
            self.enter(old, new);
        }
        self.highest = sequence;
    }

    #[inline(never)]
    fn enter(&mut self, old: u64, new: u64) {
        let entered = (new - old).min(self.words.len() as u64);
        for word in 1..=entered {
            self.words[((old + word) & self.word_mask) as usize] = 0;
        }
    }

    #[inline(always)]
    fn place(&self, sequence: u64) -> (usize, u64) {
        let word = (sequence / WORD_BITS) & self.word_mask;
        (word as usize, 1 << (sequence % WORD_BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set of all numbers ever accepted: slow and obviously right.
    #[derive(Default)]
    struct Naive(std::collections::BTreeSet<u64>);

    impl Naive {
        fn accept(&mut self, size: u64, sequence: u64) -> Result<(), Reason> {
            let highest = self.0.last().copied().unwrap_or(0);
            if sequence == 0 || sequence + size <= highest {
                return Err(Reason::TooOld);
            }
            if self.0.insert(sequence) {
                Ok(())
            } else {
                Err(Reason::Replayed)
            }
        }
    }

    #[test]
    fn exact_for_every_size_and_any_order() {
        use proptest::prelude::*;
        let sizes = prop_oneof![Just(32), Just(64), 32_u32..300, Just(4096)];
        let steps = prop::collection::vec((0_u64..12_000, any::<bool>()), 1..300);
        proptest!(|(size in sizes, steps in steps)| {
            let (mut window, mut naive) = (ReplayWindow::new(size), Naive::default());
            for (step, near) in steps {
                let sequence = if near { window.highest().saturating_sub(u64::from(size)) + step % (2 * u64::from(size)) } else { step };
                let expected = naive.accept(u64::from(size), sequence);
                prop_assert_eq!(window.accept(sequence), expected, "{} of {}", sequence, size);
            }
        });
    }

    #[test]
    fn the_upper_half_is_the_one_nearest_to_the_window() {
        const HALF: u64 = 1 << 32;
        let at = |highest: u64| {
            let mut window = ReplayWindow::new(64);
            window.accept(highest).unwrap();
            move |low: u64| window.extend(low as u32)
        };
        // Right edge far from a boundary: left of the window means the next subspace.
        let window = at(5 * HALF + 1000);
        assert_eq!(window(1000), Some(5 * HALF + 1000));
        assert_eq!(window(937), Some(5 * HALF + 937));
        assert_eq!(window(936), Some(6 * HALF + 936));
        assert_eq!(window(HALF - 1), Some(6 * HALF - 1));
        // The window lies across the boundary.
        let window = at(5 * HALF + 10);
        assert_eq!(window(10), Some(5 * HALF + 10));
        assert_eq!(window(HALF - 53), Some(5 * HALF - 53));
        assert_eq!(window(HALF - 54), Some(6 * HALF - 54));
        // Before the first packet of all there is nothing.
        let window = at(10);
        assert_eq!((window(11), window(HALF - 1)), (Some(11), None));
    }

    #[test]
    fn a_check_moves_nothing() {
        let mut window = ReplayWindow::new(64);
        window.accept(1).unwrap();
        assert_eq!(window.check(u64::from(u32::MAX)), Ok(()));
        assert_eq!(
            (window.highest(), window.check(1)),
            (1, Err(Reason::Replayed))
        );
        assert_eq!(window.accept(2), Ok(()));
    }
}
