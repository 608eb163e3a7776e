//! Ticks, what a reading costs and how fine it is.
//!
//! On x86-64 the clock is the time stamp counter, read in two ways. *Plain*: one `rdtsc`, which
//! the CPU may move a few instructions to either side; chained stamps use it, since what one
//! packet gains its neighbour loses. *Fenced*: `lfence; rdtsc; lfence`, so that all work before
//! it is done and no work behind it has begun; burst totals use it. A counter that does not run at
//! one rate (`constant_tsc`, `nonstop_tsc` missing) would void every figure: there, and on other
//! architectures, both are the operating system's monotonic clock. [`Clock::measure`] chooses,
//! before anything is timed.

use std::collections::BTreeSet;
use std::sync::OnceLock;
#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The clock that is read where there is one at one rate.
#[cfg(target_arch = "x86_64")]
const COUNTER: &str = "time stamp counter (rdtsc)";
/// The clock that is read elsewhere.
const MONOTONIC: &str = "monotonic clock of the operating system";

/// The counter does not run at one rate. Set by [`Clock::measure`] alone, and never reset.
#[cfg(target_arch = "x86_64")]
static VARIANT: AtomicBool = AtomicBool::new(false);

/// The operating system's clock is read.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn is_monotonic() -> bool {
    VARIANT.load(Ordering::Relaxed)
}

/// How long the rate of the counter is compared with the operating system's clock.
const CALIBRATION: Duration = Duration::from_millis(60);
/// Readings taken to learn their cost and step.
const READINGS: usize = 20_000;

/// A plain reading, in ticks.
#[inline(always)]
pub fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    if !is_monotonic() {
        // SAFETY: rdtsc exists on every x86-64 CPU and touches no memory.
        return unsafe { core::arch::x86_64::_rdtsc() };
    }
    monotonic_ticks()
}

/// A fenced reading, in ticks.
#[inline(always)]
pub fn fenced() -> u64 {
    #[cfg(target_arch = "x86_64")]
    if !is_monotonic() {
        // SAFETY: lfence and rdtsc exist on every x86-64 CPU and touch no memory.
        return unsafe {
            core::arch::x86_64::_mm_lfence();
            let ticks = core::arch::x86_64::_rdtsc();
            core::arch::x86_64::_mm_lfence();
            ticks
        };
    }
    monotonic_ticks()
}

/// Nanoseconds since the first call, kept out of line: the other clock is the common one.
#[cold]
#[inline(never)]
fn monotonic_ticks() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Rate, step and cost of the clock, measured when this was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What is read.
    pub name: &'static str,
    /// Ticks a second.
    pub hertz: f64,
    /// Smallest step between readings that differ.
    pub step_ns: f64,
    /// Cost of [`now`] in a chain.
    pub reading_ns: f64,
    /// Cost of [`fenced`] in a chain.
    pub fenced_reading_ns: f64,
}

impl Clock {
    /// Takes about 65 ms.
    pub fn measure() -> Self {
        let name = choose();
        let hertz = ticks_per_second();
        let ns = |ticks: f64| ticks * 1e9 / hertz;
        Self {
            name,
            hertz,
            step_ns: ns(step_ticks()),
            reading_ns: ns(chained_ticks(now)),
            fenced_reading_ns: ns(chained_ticks(fenced)),
        }
    }

    /// Ticks as nanoseconds.
    #[inline(always)]
    pub fn ns(&self, ticks: u64) -> f64 {
        ticks as f64 * 1e9 / self.hertz
    }
}

/// Ticks a second, between two readings bracketed as tightly as the system's clock allows.
fn ticks_per_second() -> f64 {
    let start = bracketed();
    std::thread::sleep(CALIBRATION);
    let end = bracketed();
    (end.1 - start.1) as f64 / (end.0 - start.0).as_secs_f64()
}

/// The system's time and a tick taken together: the tightest of many attempts.
fn bracketed() -> (Instant, u64) {
    (0..64)
        .map(|_| {
            let before = fenced();
            let instant = Instant::now();
            let after = fenced();
            (after - before, instant, before + (after - before) / 2)
        })
        .min_by_key(|(width, ..)| *width)
        .map_or_else(|| (Instant::now(), fenced()), |(_, i, t)| (i, t))
}

/// The step of the clock, from the differences of readings with work of changing length between
/// them.
fn step_ticks() -> f64 {
    let mut last = now();
    let differences = (0..READINGS).map(|at| {
        for work in 0..at % 61 {
            std::hint::black_box(work);
        }
        let reading = now();
        let difference = reading.wrapping_sub(last);
        last = reading;
        difference
    });
    step_of(differences)
}

/// Differences that are further apart than this, in ticks, are steps of the clock; a hypervisor
/// that scales the counter makes neighbours of what is one.
const SAME_STEP_TICKS: u64 = 2;
/// Differences beyond this, in ticks, are too rare to have neighbours.
const LONG_TICKS: u64 = 1000;

/// The least distance between neighbours of the differences that occur: a counter that moves in steps
/// of many ticks leaves gaps. 1 where it does not.
fn step_of(differences: impl Iterator<Item = u64>) -> f64 {
    let seen: BTreeSet<u64> = differences.filter(|ticks| *ticks <= LONG_TICKS).collect();
    let seen: Vec<u64> = seen.into_iter().collect();
    let gaps = seen.windows(2).map(|pair| pair[1] - pair[0]);
    let gaps: Vec<u64> = gaps.filter(|gap| *gap > SAME_STEP_TICKS).collect();
    // Where nearly every number of ticks occurs, the few gaps are of what did not happen to.
    if gaps.is_empty() || gaps.len() * 3 < seen.len() {
        return 1.0;
    }
    let gap = gaps.iter().copied().min().unwrap_or(1);
    // From the middle of a cluster to the middle of the next, not from edge to edge.
    let width = (seen.len() - 1 - gaps.len()) as f64 / (gaps.len() + 1) as f64;
    gap as f64 + width
}

/// Median ticks of a reading in chains of a hundred.
fn chained_ticks(read: impl Fn() -> u64) -> f64 {
    const CHAIN: u64 = 100;
    let mut chains: Vec<u64> = (0..READINGS as u64 / CHAIN)
        .map(|_| {
            let start = fenced();
            for _ in 0..CHAIN {
                std::hint::black_box(read());
            }
            fenced() - start
        })
        .collect();
    chains.sort_unstable();
    chains.get(chains.len() / 2).copied().unwrap_or(0) as f64 / (CHAIN + 1) as f64
}

/// Chooses the clock, and says which.
#[cfg(target_arch = "x86_64")]
fn choose() -> &'static str {
    let power = raw_cpuid::CpuId::new().get_advanced_power_mgmt_info();
    if power.is_some_and(|info| info.has_invariant_tsc()) {
        return COUNTER;
    }
    VARIANT.store(true, Ordering::Relaxed);
    MONOTONIC
}

/// Chooses the clock, and says which.
#[cfg(not(target_arch = "x86_64"))]
fn choose() -> &'static str {
    MONOTONIC
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_has_a_rate_a_step_and_a_cost() {
        let clock = Clock::measure();
        assert!(clock.hertz > 1e6, "{clock:?}");
        assert!(clock.step_ns > 0.0 && clock.reading_ns > 0.0, "{clock:?}");
        assert!(clock.fenced_reading_ns > 0.0, "{clock:?}");
    }

    #[test]
    fn a_step_is_the_distance_of_what_occurs() {
        let is = |step: f64, expected: f64| (step - expected).abs() < 1e-9;
        assert!(is(step_of((0..5000).map(|n| 20 + n % 300)), 1.0));
        assert!(is(step_of((0..5000).map(|n| n % 20 * 26)), 26.0));
        // Scaled by a hypervisor: 24 and 25 ticks are one step.
        let scaled = step_of((0..5000_u64).map(|n| n % 20 * 2447 / 100 + n % 2));
        assert!((23.0..26.0).contains(&scaled), "{scaled}");
        assert!(is(step_of([7].into_iter()), 1.0));
        assert!(is(step_of(std::iter::empty()), 1.0));
    }
}
