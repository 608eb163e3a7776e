//! What spoils a run, whatever was measured in it: each with the next step.

use super::{NAME_CHARS, clean, three};
use crate::record::{Group, Noise, Provenance};

/// Part of the time stolen above which a run is said to be spoilt, percent.
const SPOILT_PERCENT: f64 = 1.0;
/// Looks at the core that found another thread in it, above which that is said, percent.
const SHARED_PERCENT: f64 = 1.0;
/// Times a second that the kernel puts the thread aside, above which somebody else wants its CPU.
const PUT_ASIDE_PER_SECOND: f64 = 10.0;

/// Additions a cycle, as a part of the most that the core took in a run, below which it was shared:
/// as in `tunneltax_core::anchor`.
const SHARED_BELOW: f64 = 0.9;
/// Instances of a group that shared their core, percent, above which the group did.
const SHARED_INSTANCES_PERCENT: f64 = 20.0;

/// Who measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measuring {
    /// One thread, which the kernel put aside so often a second, where that is known.
    OneThread(Option<f64>),
    /// Workers, each bound to a CPU of its own, or the run would have ended.
    Workers,
}

/// What spoils figures on this host or in this run, each with what can be done: the governor, the
/// hypervisor, a thread that is not bound, other programs, and a neighbour in the core.
pub fn spoilt(provenance: &Provenance, measuring: Measuring) -> Vec<String> {
    let (host, noise) = (&provenance.host, &provenance.noise);
    let governor = host.governor.as_deref().filter(|of| *of != "performance");
    let governor = governor.map(|governor| {
        format!(
            "The frequency governor is {}: the core's speed follows the load. `cpupower frequency-set -g performance` \
             holds it, as root, and run again.",
            clean(governor, NAME_CHARS)
        )
    });
    let stolen = noise.steal_percent.filter(|part| *part > SPOILT_PERCENT);
    let stolen = stolen.map(|part| {
        format!(
            "The hypervisor took {} % of the CPUs' time for other guests: run again when they are quiet, or on a host \
             with dedicated cores.",
            three(part)
        )
    });
    let is_loose = host.pinned_to.is_none() && measuring != Measuring::Workers;
    let unpinned = is_loose.then(|| {
        "The measuring thread could not be bound to a CPU: where it moved, caches were cold. Allow \
         sched_setaffinity, and run again."
            .to_owned()
    });
    let aside = match measuring {
        Measuring::OneThread(often) => often.filter(|often| *often > PUT_ASIDE_PER_SECOND),
        Measuring::Workers => None,
    };
    let aside = aside.map(|often| {
        format!(
            "The kernel put the measuring thread aside {} times a second: another program wants its CPU. Stop it, or keep \
             a CPU free of others (isolcpus, or a cpuset), and run again.",
            three(often)
        )
    });
    let said = [governor, stolen, unpinned, aside, shared(noise)];
    said.into_iter().flatten().collect()
}

/// Whether another hardware thread had a part of the core for much of what counts in a group, though
/// not always in the run whose noise this is: its times are others than those of a group that had none.
pub fn shared_core(group: &Group, noise: &Noise) -> bool {
    group.anchor_width < SHARED_BELOW * noise.anchor_max_width
        || group.shared_percent > SHARED_INSTANCES_PERCENT
}

/// How much of the core was another's.
fn shared(noise: &Noise) -> Option<String> {
    let percent = noise
        .shared_percent
        .filter(|percent| *percent >= SHARED_PERCENT)?;
    Some(format!(
        "Another hardware thread shared the core in {} % of the looks at it ({} additions a cycle in the median, {} \
         alone): times, and their differences, are longer than on a core of one's own. Stop what else runs here, or take a host \
         that gives no core to two guests, and run again.",
        three(percent),
        three(noise.anchor_median_width),
        three(noise.anchor_max_width),
    ))
}
