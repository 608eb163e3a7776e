//! What disturbs a run: how much else runs, by the kernel's counters and by the core's own.

use tunneltax_core::anchor::{self, Anchor};
use tunneltax_reports::record::Noise;
use tunneltax_reports::stats::median;

use crate::host::{field, read};

/// Ticks a second of the times in `/proc/stat`: `USER_HZ`, 100 on every architecture here
/// (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Counters of the kernel that tell how much else ran.
#[derive(Clone, Copy, Default)]
pub struct Disturbance {
    load: f64,
    steal_ticks: Option<u64>,
    all_ticks: Option<u64>,
    involuntary_switches: Option<u64>,
}

impl Disturbance {
    /// Reads them.
    pub fn now() -> Self {
        let stat = read("/proc/stat").unwrap_or_default();
        let ticks: Vec<u64> = stat
            .lines()
            .next()
            .map(|line| {
                line.split_whitespace()
                    .skip(1)
                    .filter_map(|n| n.parse().ok())
                    .collect()
            })
            .unwrap_or_default();
        Self {
            load: read("/proc/loadavg")
                .and_then(|text| text.split_whitespace().next()?.parse().ok())
                .unwrap_or(0.0),
            // user nice system idle iowait irq softirq steal; the guest columns are in user.
            steal_ticks: ticks.get(7).copied(),
            all_ticks: ticks.get(..8).map(|ticks| ticks.iter().sum()),
            involuntary_switches: read("/proc/thread-self/status")
                .and_then(|text| field(&text, "nonvoluntary_ctxt_switches")?.parse().ok()),
        }
    }

    /// Percent of all CPU time since `earlier` that the hypervisor took away.
    fn steal_percent_since(&self, earlier: &Self) -> Option<f64> {
        let stolen = self.steal_ticks?.checked_sub(earlier.steal_ticks?)?;
        let all = self.all_ticks?.checked_sub(earlier.all_ticks?)?;
        (all > 0).then(|| 100.0 * stolen as f64 / all as f64)
    }

    /// Time since `earlier` that the hypervisor took from all CPUs, s.
    pub fn stolen_seconds_since(&self, earlier: &Self) -> Option<f64> {
        let stolen = self.steal_ticks?.checked_sub(earlier.steal_ticks?)?;
        Some(stolen as f64 / TICKS_PER_SECOND)
    }

    /// Times since `earlier` that the kernel put this thread aside.
    fn switches_since(&self, earlier: &Self) -> Option<u64> {
        self.involuntary_switches?
            .checked_sub(earlier.involuntary_switches?)
    }

    /// What disturbed a run that began here, and what the core was beside it.
    pub fn until_now(&self, anchors: &[Anchor]) -> Noise {
        let now = Self::now();
        let of = |part: fn(&Anchor) -> f64| -> Vec<f64> { anchors.iter().map(part).collect() };
        let (speeds, widths) = (of(|anchor| anchor.ghz), of(|anchor| anchor.width));
        let widest = anchor::widest(anchors);
        let shared = |widest: f64| {
            let shared = anchors.iter().filter(|anchor| anchor.is_shared(widest));
            100.0 * shared.count() as f64 / anchors.len().max(1) as f64
        };
        Noise {
            load_start: self.load,
            load_end: now.load,
            steal_percent: now.steal_percent_since(self),
            involuntary_switches: now.switches_since(self),
            anchor_min_ghz: speeds.iter().copied().reduce(f64::min).unwrap_or(0.0),
            anchor_median_ghz: median(&speeds).unwrap_or(0.0),
            anchor_max_ghz: speeds.iter().copied().reduce(f64::max).unwrap_or(0.0),
            anchor_median_width: median(&widths).unwrap_or(0.0),
            anchor_max_width: widest.unwrap_or(0.0),
            shared_percent: widest.map(shared),
        }
    }
}
