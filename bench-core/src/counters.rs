//! What the CPU itself counts of a thread, where the kernel lets it: `perf_event_open(2)`.
//!
//! Beside the clock and never in its way: a walk that is counted is not timed. In a virtual machine
//! there are often none.

use std::io;

use perf_event::events::{Event, Hardware};
use perf_event::{Builder, Counter, Group};

/// Counts, each of what it is named for, in user mode alone; `None` where the CPU does not count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instructions that retired.
    pub instructions: Option<u64>,
    /// Cycles of the core.
    pub cycles: Option<u64>,
    /// Branches that were predicted wrong.
    pub branch_misses: Option<u64>,
    /// Accesses that missed the last-level cache, as the kernel's generic event has it.
    pub cache_misses: Option<u64>,
}

impl Counts {
    /// Both together; what one of them lacks, the sum lacks.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a? + b?);
        Self {
            instructions: sum(self.instructions, more.instructions),
            cycles: sum(self.cycles, more.cycles),
            branch_misses: sum(self.branch_misses, more.branch_misses),
            cache_misses: sum(self.cache_misses, more.cache_misses),
        }
    }
}

/// Counters of the calling thread.
pub struct Counters {
    group: Group,
    events: [Option<Counter>; 4],
}

impl Counters {
    /// Opens them; the error says why there are none.
    pub fn open() -> io::Result<Self> {
        Self::of([
            Hardware::INSTRUCTIONS,
            Hardware::CPU_CYCLES,
            Hardware::BRANCH_MISSES,
            Hardware::CACHE_MISSES,
        ])
    }

    fn of<E: Event>(events: [E; 4]) -> io::Result<Self> {
        let mut group = Group::new()?;
        let mut refused = None;
        let events = events.map(|event| {
            let added = group.add(&Builder::new(event));
            added.map_err(|why| refused = Some(why)).ok()
        });
        match (events.iter().all(Option::is_none), refused) {
            (true, Some(why)) => Err(why),
            _ => Ok(Self { group, events }),
        }
    }

    /// Counts some work. Nothing where the kernel gave the counters to somebody else meanwhile.
    pub fn count(&mut self, work: impl FnOnce()) -> Option<Counts> {
        self.group.reset().ok()?;
        self.group.enable().ok()?;
        work();
        self.group.disable().ok()?;
        let counted = self.group.read().ok()?;
        if counted.time_running() < counted.time_enabled() {
            return None;
        }
        let of = |event: &Option<Counter>| Some(counted.get(event.as_ref()?)?.value());
        let [instructions, cycles, branch_misses, cache_misses] = &self.events;
        Some(Counts {
            instructions: of(instructions),
            cycles: of(cycles),
            branch_misses: of(branch_misses),
            cache_misses: of(cache_misses),
        })
    }
}

#[cfg(test)]
mod tests {
    use perf_event::events::Software;

    use super::*;

    /// By events of the kernel's, which are there where the CPU's are not.
    #[test]
    fn what_is_counted_is_the_work_alone() {
        let events = [
            Software::PAGE_FAULTS,
            Software::PAGE_FAULTS_MIN,
            Software::PAGE_FAULTS_MAJ,
            Software::ALIGNMENT_FAULTS,
        ];
        let mut counters = match Counters::of(events) {
            Ok(counters) => counters,
            Err(why) => {
                println!("skipped: the kernel counts nothing here ({why})");
                return;
            }
        };
        let touch = |bytes: usize| {
            std::hint::black_box(vec![1_u8; bytes]);
        };
        touch(8 << 20);
        let some = counters.count(|| touch(8 << 20)).expect("counted");
        let none = counters.count(|| ()).expect("counted");
        // A page is 4 KiB, or up to 2 MiB of them are mapped at once.
        assert!(some.instructions >= Some(4), "{some:?}");
        assert_eq!(none.instructions, Some(0));
        assert_eq!(some.cycles, some.instructions, "all of them minor");
        assert_eq!(some.branch_misses, Some(0), "none major");
        let twice = some.plus(&some).instructions;
        assert_eq!(twice, some.instructions.map(|n| 2 * n));
    }
}
