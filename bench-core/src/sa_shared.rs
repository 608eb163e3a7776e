//! What several workers share where one security association is on all of them: the sequence
//! number and the anti-replay window (RFC 4303, 2.2 and 3.4.3). A worker that has an SA of its
//! own (RFC 9611) needs none of this.
//!
//! Numbers are reserved a chunk at a time, by one atomic addition, as DPDK and VPP do. The window
//! is behind a lock that is taken twice a chunk, never around the cipher: a look before the ICVs
//! are verified, and the taking after it, which looks again. Whoever waits for the lock spins, as
//! a worker that polls its queues does, so that waiting is in its CPU time.
//!
//! A lock for every packet costs an atomic exchange for each of them; a bitmap of atomic words
//! costs one, too, and needs a tag in every word to be cleared soundly.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::fate::Reason;
use crate::replay_window::ReplayWindow;
use crate::sa::Numbers;

/// Numbers at the end of the 64-bit ones that are never used: more than all workers together can
/// ask for at once, so that the counter cannot run over and begin again.
const NEVER_USED: u64 = 1 << 32;

/// The sender's sequence numbers, for several workers. Alone on its cache lines: two, since CPUs
/// fetch them in pairs.
#[repr(align(128))]
pub struct SharedNumbers {
    /// The last number that somebody reserved.
    reserved: AtomicU64,
    /// The last one that there is.
    last: u64,
}

impl SharedNumbers {
    /// Nothing reserved yet.
    pub fn new(numbers: Numbers) -> Self {
        Self::after(numbers, 0)
    }

    /// As if `reserved` numbers had been used.
    pub fn after(numbers: Numbers, reserved: u64) -> Self {
        let last = match numbers {
            Numbers::Sent => numbers.last(),
            Numbers::Extended => numbers.last() - NEVER_USED,
        };
        Self {
            reserved: AtomicU64::new(reserved.min(last)),
            last,
        }
    }

    /// Reserves so many numbers in a row, for the caller alone; returns the one before the first.
    /// Those that it does not use are left out for good. Where fewer are left, none of them is
    /// used any more: the SA must be replaced (RFC 4303, 3.3.3).
    #[inline(always)]
    pub fn reserve(&self, packets: u64) -> Result<u64, Reason> {
        // Uniqueness is all that is asked: no other memory is handed over with a number.
        let before = self.reserved.fetch_add(packets, Ordering::Relaxed);
        if packets > self.last.saturating_sub(before) {
            return Err(self.exhausted());
        }
        Ok(before)
    }

    /// The counter stays at its end, and so far from its overrun.
    #[cold]
    fn exhausted(&self) -> Reason {
        self.reserved.store(self.last, Ordering::Relaxed);
        Reason::SequenceExhausted
    }
}

/// The receiver's window, for several workers.
#[repr(align(128))]
pub struct SharedWindow(Mutex<ReplayWindow>);

impl SharedWindow {
    /// Remembers the last `size` numbers.
    pub fn new(size: u32) -> Self {
        Self(Mutex::new(ReplayWindow::new(size)))
    }

    /// The window, for the caller alone. Spins until it is free, and makes no system call.
    #[inline(always)]
    pub fn lock(&self) -> MutexGuard<'_, ReplayWindow> {
        loop {
            match self.0.try_lock() {
                Ok(window) => return window,
                // Nothing in it is left half done: a bit is set or it is not.
                Err(TryLockError::Poisoned(window)) => return window.into_inner(),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Barrier;
    use std::time::{Duration, Instant};

    use super::*;

    const WORKERS: usize = 4;

    /// What every worker does, at the same time.
    fn at_once<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let barrier = Barrier::new(WORKERS);
        std::thread::scope(|scope| {
            let start = |worker| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    work(worker)
                })
            };
            let workers: Vec<_> = (0..WORKERS).map(start).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, T>| worker.join();
            let done = workers.into_iter().map(join);
            done.collect::<Result<_, _>>().expect("no worker panics")
        })
    }

    /// As long as it takes for threads to be at it at the same time, on a busy machine too.
    #[test]
    fn no_number_is_reserved_twice_by_threads() {
        const CHUNKS_MAX: usize = 400_000;
        let numbers = SharedNumbers::new(Numbers::Sent);
        let reserved = at_once(|worker| {
            let start = Instant::now();
            let mut reserved = Vec::with_capacity(CHUNKS_MAX);
            while reserved.len() < CHUNKS_MAX && start.elapsed() < Duration::from_millis(60) {
                let packets = 1 + (reserved.len() + worker) as u64 % 16;
                let before = numbers.reserve(packets).expect("enough numbers");
                reserved.push((before, before + packets));
            }
            reserved
        });
        let mut all: Vec<(u64, u64)> = reserved.into_iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(all.first().map(|chunk| chunk.0), Some(0));
        let gap = all.windows(2).find(|pair| pair[0].1 != pair[1].0);
        assert_eq!(gap, None, "neither a number twice nor one left out");
    }

    /// In whatever order workers ask, and wherever the numbers end: what is handed out is in the
    /// range and nobody else's, and behind the first refusal there is nothing.
    #[test]
    fn reserved_numbers_are_disjoint_up_to_the_last() {
        use proptest::prelude::*;
        let ends = prop_oneof![
            Just((Numbers::Sent, 0)),
            (0_u64..200).prop_map(|left| (Numbers::Sent, u64::from(u32::MAX) - left)),
            (0_u64..200).prop_map(|left| (Numbers::Extended, u64::MAX - NEVER_USED - left)),
        ];
        let asked = prop::collection::vec(0_u64..=16, 1..60);
        proptest!(|((numbers, begin) in ends, asked in asked)| {
            let shared = SharedNumbers::after(numbers, begin);
            let (mut at, mut is_over) = (begin, false);
            for packets in asked {
                match shared.reserve(packets) {
                    Ok(before) => {
                        prop_assert!(!is_over || packets == 0);
                        prop_assert!(before == at || packets == 0);
                        prop_assert!(before + packets <= numbers.last());
                        at += packets;
                    }
                    Err(reason) => {
                        prop_assert_eq!(reason, Reason::SequenceExhausted);
                        is_over = true;
                    }
                }
            }
        });
    }

    #[test]
    fn used_up_is_used_up_for_every_thread() {
        let left = 100;
        let numbers = SharedNumbers::after(Numbers::Sent, u64::from(u32::MAX) - left);
        let got = at_once(|_| {
            let chunks = (0..50_000).filter_map(|_| numbers.reserve(7).ok());
            chunks.collect::<Vec<u64>>()
        });
        let all: Vec<u64> = got.into_iter().flatten().collect();
        let distinct: BTreeSet<u64> = all.iter().copied().collect();
        assert_eq!((all.len(), distinct.len()), (14, 14));
        assert!(all.iter().all(|before| before + 7 <= Numbers::Sent.last()));
        let counter = numbers.reserved.load(Ordering::Relaxed);
        let overrun = counter - Numbers::Sent.last();
        assert!(overrun <= 7 * WORKERS as u64, "it ran on by {overrun}");
    }

    /// Every number comes to every worker at the same time, as a sender's would who repeats it:
    /// all of them find it fresh, and one takes it.
    #[test]
    fn a_number_is_accepted_once_by_all_workers_together() {
        const CHUNKS: u64 = 400;
        const CHUNK: u64 = 16;
        let window = SharedWindow::new(4096);
        let together = Barrier::new(WORKERS);
        let accepted = at_once(|_| {
            let mut accepted = Vec::new();
            for chunk in 0..CHUNKS {
                together.wait();
                let numbers = chunk * CHUNK + 1..=(chunk + 1) * CHUNK;
                let fresh: Vec<u64> = {
                    let window = window.lock();
                    numbers.filter(|n| window.check(*n).is_ok()).collect()
                };
                // Where the cipher works, others look.
                std::thread::yield_now();
                let mut window = window.lock();
                accepted.extend(fresh.into_iter().filter(|n| window.accept(*n).is_ok()));
            }
            accepted
        });
        let mut all: Vec<u64> = accepted.into_iter().flatten().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(1..=CHUNKS * CHUNK), "each of them once");
        let window = window.lock();
        let last = window.highest();
        assert_eq!(window.check(last), Err(Reason::Replayed));
        assert_eq!(window.check(last - 5000), Err(Reason::TooOld));
    }
}
