//! The core at this moment: how fast its clock runs, and how much of it is ours.
//!
//! Two loops of additions in registers, timed beside what is measured. In a *chain* every
//! addition waits for the one before, so it takes a cycle whatever else the core does: the
//! core's frequency, without counters. Six chains side by side take as many additions a cycle
//! as the core has units free: fewer where another hardware thread shares it, which a
//! frequency does not show and which makes the same code up to twice as slow.

use crate::clock::{self, Clock};

/// Additions one behind the other; at 3 GHz less than 3 microseconds.
const CHAINED: u32 = 8192;
/// Additions side by side.
const ABREAST: u32 = 6 * 2048;
/// Width, as a part of the widest seen, below which a core counts as shared.
const SHARED_BELOW: f64 = 0.9;

/// One look at the core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchor {
    /// Cycles a nanosecond.
    pub ghz: f64,
    /// Additions a cycle.
    pub width: f64,
}

impl Anchor {
    /// Looks now. `None` where the loops are not written for the architecture.
    pub fn read(clock: &Clock) -> Option<Self> {
        let ghz = rate(clock, chained)?;
        let width = rate(clock, abreast)? / ghz;
        Some(Self { ghz, width })
    }

    /// Whether another thread had a part of a core that took `widest` additions a cycle alone.
    pub fn is_shared(&self, widest: f64) -> bool {
        self.width < SHARED_BELOW * widest
    }
}

/// Frequency, as a part of the median one, below which the chain of a look was interrupted.
const INTERRUPTED_BELOW: f64 = 0.8;

/// Additions a cycle of a core that is alone: the widest of many looks, but for the few whose
/// chain was interrupted, which makes a core seem slower and so wider than it is. `None` without
/// a look.
pub fn widest(looks: &[Anchor]) -> Option<f64> {
    let sorted = |part: fn(&Anchor) -> f64, of: &[Anchor]| {
        let mut parts: Vec<f64> = of.iter().map(part).collect();
        parts.sort_by(f64::total_cmp);
        parts
    };
    let speeds = sorted(|look| look.ghz, looks);
    let least_ghz = INTERRUPTED_BELOW * speeds.get(speeds.len() / 2)?;
    let whole: Vec<Anchor> = looks
        .iter()
        .copied()
        .filter(|look| look.ghz >= least_ghz)
        .collect();
    let widths = sorted(|look| look.width, &whole);
    widths
        .get((widths.len() * 99 / 100).min(widths.len().checked_sub(1)?))
        .copied()
}

/// Additions a nanosecond.
fn rate(clock: &Clock, additions: impl Fn() -> Option<u32>) -> Option<f64> {
    let start = clock::fenced();
    let additions = additions()?;
    let ns = clock.ns(clock::fenced() - start) - clock.fenced_reading_ns;
    (ns > 0.0).then(|| f64::from(additions) / ns)
}

#[cfg(target_arch = "x86_64")]
#[allow(clippy::unnecessary_wraps)] // on other architectures there is no chain
fn chained() -> Option<u32> {
    let mut sum: u64 = 1;
    let step: u64 = std::hint::black_box(3);
    for _ in 0..CHAINED / 16 {
        // SAFETY: additions of two registers; no memory, no stack, only flags are clobbered.
        // Register operands: additions of a constant can be folded away at renaming.
        unsafe {
            core::arch::asm!(
                "add {s}, {x}", "add {s}, {x}", "add {s}, {x}", "add {s}, {x}",
                "add {s}, {x}", "add {s}, {x}", "add {s}, {x}", "add {s}, {x}",
                "add {s}, {x}", "add {s}, {x}", "add {s}, {x}", "add {s}, {x}",
                "add {s}, {x}", "add {s}, {x}", "add {s}, {x}", "add {s}, {x}",
                s = inout(reg) sum, x = in(reg) step,
                options(pure, nomem, nostack)
            );
        }
    }
    std::hint::black_box(sum);
    Some(CHAINED)
}

#[cfg(target_arch = "x86_64")]
#[allow(clippy::unnecessary_wraps)] // on other architectures there are no chains
fn abreast() -> Option<u32> {
    let step: u64 = std::hint::black_box(3);
    let mut sums = [1_u64; 6];
    let [one, two, three, four, five, six] = &mut sums;
    for _ in 0..ABREAST / 24 {
        // SAFETY: additions of two registers; no memory, no stack, only flags are clobbered.
        unsafe {
            core::arch::asm!(
                "add {a}, {x}", "add {b}, {x}", "add {c}, {x}",
                "add {d}, {x}", "add {e}, {x}", "add {f}, {x}",
                "add {a}, {x}", "add {b}, {x}", "add {c}, {x}",
                "add {d}, {x}", "add {e}, {x}", "add {f}, {x}",
                "add {a}, {x}", "add {b}, {x}", "add {c}, {x}",
                "add {d}, {x}", "add {e}, {x}", "add {f}, {x}",
                "add {a}, {x}", "add {b}, {x}", "add {c}, {x}",
                "add {d}, {x}", "add {e}, {x}", "add {f}, {x}",
                a = inout(reg) *one, b = inout(reg) *two, c = inout(reg) *three,
                d = inout(reg) *four, e = inout(reg) *five, f = inout(reg) *six,
                x = in(reg) step,
                options(pure, nomem, nostack)
            );
        }
    }
    std::hint::black_box(sums);
    Some(ABREAST)
}

#[cfg(not(target_arch = "x86_64"))]
fn chained() -> Option<u32> {
    None
}

#[cfg(not(target_arch = "x86_64"))]
fn abreast() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_core_has_a_clock_and_more_than_one_unit() {
        let clock = Clock::measure();
        // The best of many: any one look can be interrupted.
        let looks: Vec<Anchor> = (0..200).filter_map(|_| Anchor::read(&clock)).collect();
        let most = |of: fn(&Anchor) -> f64| looks.iter().map(of).fold(0.0, f64::max);
        assert!((0.2..10.0).contains(&most(|look| look.ghz)), "{looks:?}");
        assert!(most(|look| look.width) > 1.2, "{looks:?}");
    }

    #[test]
    fn a_shared_core_is_narrower() {
        let of = |width| Anchor { ghz: 3.0, width };
        assert!(of(2.2).is_shared(3.8));
        assert!(!of(3.7).is_shared(3.8));
        let mut looks = vec![of(2.2); 150];
        looks.extend([of(3.8); 49]);
        looks.push(of(120.0));
        assert_eq!(widest(&looks), Some(3.8));
        // Of a few looks, one whose chain was interrupted.
        let interrupted = Anchor {
            ghz: 1.5,
            width: 7.6,
        };
        assert_eq!(widest(&[of(3.8), of(3.7), interrupted]), Some(3.8));
        assert_eq!(widest(&looks[..1]), Some(2.2));
        assert_eq!(widest(&[]), None);
    }
}
