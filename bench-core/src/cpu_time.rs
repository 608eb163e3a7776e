//! CPU time of a thread: what it has had of its CPU, without the time in which others ran. Linux,
//! `CLOCK_THREAD_CPUTIME_ID` (POSIX.1-2008, `clock_gettime`).
//!
//! A system call of some hundred ns. It does not see what another hardware thread of the core, or
//! a hypervisor, takes away.

/// CPU time of the calling thread, ns. `None` where the system keeps none.
#[inline(always)]
pub fn of_this_thread_ns() -> Option<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a timespec that lives until the call returns, and the call writes
    // no more than that.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    (done == 0).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn working_counts_and_sleeping_does_not() {
        let now = || of_this_thread_ns().expect("the system keeps it");
        let (start, begin) = (now(), Instant::now());
        std::thread::sleep(Duration::from_millis(50));
        let slept = now() - start;
        assert!(slept < 25_000_000, "{slept}");
        let mut worked = 0;
        while worked < 20_000_000 {
            worked = now() - start - slept;
            assert!(begin.elapsed() < Duration::from_secs(30), "{worked}");
        }
        assert!(u128::from(worked) <= begin.elapsed().as_nanos());
    }
}
