//! What the kernel counts of a thread: its time, faults and switches.

use nix::sys::resource::{Usage as Counted, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Counts of the calling thread; since it began, or between two looks ([`Usage::since`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time in the program, µs.
    pub user_us: u64,
    /// Time in the kernel on its behalf, µs.
    pub system_us: u64,
    /// Pages that were there but not mapped.
    pub minor_faults: u64,
    /// Pages that had to be read from disk.
    pub major_faults: u64,
    /// Times it gave the CPU away, to wait.
    pub voluntary_switches: u64,
    /// Times the kernel put it aside for another.
    pub involuntary_switches: u64,
}

impl Usage {
    /// Counts of this thread so far; all zero where the kernel counts none by thread. A system
    /// call.
    pub fn now() -> Self {
        of_thread().map_or_else(Self::default, |counted| {
            let count = |count: i64| u64::try_from(count).unwrap_or(0);
            Self {
                user_us: count(counted.user_time().num_microseconds()),
                system_us: count(counted.system_time().num_microseconds()),
                minor_faults: count(counted.minor_page_faults()),
                major_faults: count(counted.major_page_faults()),
                voluntary_switches: count(counted.voluntary_context_switches()),
                involuntary_switches: count(counted.involuntary_context_switches()),
            }
        })
    }

    /// What was counted since an earlier look of the same thread.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.with(earlier, u64::saturating_sub)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        self.with(more, u64::saturating_add)
    }

    fn with(&self, other: &Self, join: fn(u64, u64) -> u64) -> Self {
        let of = |part: fn(&Self) -> u64| join(part(self), part(other));
        Self {
            user_us: of(|usage| usage.user_us),
            system_us: of(|usage| usage.system_us),
            minor_faults: of(|usage| usage.minor_faults),
            major_faults: of(|usage| usage.major_faults),
            voluntary_switches: of(|usage| usage.voluntary_switches),
            involuntary_switches: of(|usage| usage.involuntary_switches),
        }
    }
}

#[cfg(target_os = "linux")]
fn of_thread() -> Option<Counted> {
    getrusage(UsageWho::RUSAGE_THREAD).ok()
}

#[cfg(not(target_os = "linux"))]
fn of_thread() -> Option<Counted> {
    let _ = getrusage(UsageWho::RUSAGE_SELF);
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn work_waiting_and_new_memory_are_counted() {
        let before = Usage::now();
        std::thread::sleep(Duration::from_millis(1));
        // More than an allocator keeps back for the next one.
        let fresh = std::hint::black_box(vec![1_u8; 64 << 20]);
        let mut sum = 0_u64;
        for round in 0..5 {
            sum += fresh
                .iter()
                .map(|byte| u64::from(*byte) + round)
                .sum::<u64>();
        }
        std::hint::black_box(sum);
        let counted = Usage::now().since(&before);
        assert!(counted.voluntary_switches >= 1, "{counted:?}");
        assert!(counted.minor_faults >= 1, "{counted:?}");
        assert!(counted.user_us + counted.system_us > 0, "{counted:?}");
        assert_eq!(before.plus(&counted).since(&before), counted);
    }
}
