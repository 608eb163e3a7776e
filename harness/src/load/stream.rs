//! The model over all packets of a large capture, at their own times: it is read once more, and
//! nothing of it is held.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use tunneltax_core::capture::Limits;
use tunneltax_core::workload::Workload;
use tunneltax_reports::model::arrivals::{GapRule, GapSum};
use tunneltax_reports::model::queue::Queue;
use tunneltax_reports::model::seen::Seen;

use super::closed::Found;
use super::instance::Bench;
use crate::captures;
use crate::failure::Failure;

/// A capture of which only the first packets were replayed.
pub struct Stream<'s> {
    /// Where it is.
    pub path: &'s Path,
    /// What of it is read.
    pub limits: Limits,
    /// Its gaps, from the first look at it.
    pub gap_sum: GapSum,
    /// The packets that were replayed.
    pub workload: &'s Workload<'s>,
}

/// What came of it.
pub struct Streamed {
    /// What packets saw, by case and load.
    pub seen: Vec<Vec<Seen>>,
    /// What the rule for timestamps did.
    pub rule: GapRule,
}

/// A server at one load.
struct Line<'f> {
    found: &'f Found,
    /// Of virtual time to the capture's.
    scale: f64,
    now_ns: f64,
    queue: Queue<'f>,
}

impl Stream<'_> {
    /// Mean gap by the rule for timestamps: a schedule is scaled by it. Where some gap is clipped,
    /// that takes a reading of its own. `None` where the run was stopped, or where the times are
    /// no schedule.
    pub fn mean_ns(&self, stop: &AtomicBool) -> Result<Option<f64>, Failure> {
        if let Some(mean_ns) = self.gap_sum.mean_unclipped_ns() {
            return Ok(Some(mean_ns));
        }
        let mut rule = GapRule::new(&self.gap_sum);
        captures::each_chunk(self.path, self.limits, |chunk| {
            for at in 0..chunk.len() {
                rule.next_ns(chunk.timestamp_ns(at));
            }
            Ok(captures::going(stop))
        })?;
        let is_whole = captures::going(stop).is_continue();
        Ok(rule.mean_ns().ok().filter(|_| is_whole))
    }

    /// What all packets see, by case and load, at these rates of packets a second; `None` where
    /// the run was stopped. Each takes as long as one that was measured, of its length or the
    /// nearest: these take turns.
    pub fn modelled(
        &self,
        bench: &Bench<'_>,
        mean_ns: f64,
        cases: &[(&Found, Vec<f64>)],
        stop: &AtomicBool,
    ) -> Result<Option<Streamed>, Failure> {
        let mut lines: Vec<Line<'_>> = Vec::new();
        for (found, rates) in cases {
            lines.extend(rates.iter().map(|pps| Line {
                found,
                scale: 1e9 / pps / mean_ns,
                now_ns: 0.0,
                queue: Queue::new(bench.rules, &found.service, Some(&found.stalls), 1),
            }));
        }
        let mut lengths = Lengths::of(self.workload);
        let mut rule = GapRule::new(&self.gap_sum);
        captures::each_chunk(self.path, self.limits, |chunk| {
            for (at, packet) in chunk.packets().enumerate() {
                // The first comes a mean gap after the begin.
                let gap_ns = rule.next_ns(chunk.timestamp_ns(at)).unwrap_or(mean_ns);
                let (place, turn) = lengths.next(packet.len());
                for line in &mut lines {
                    line.now_ns += gap_ns * line.scale;
                    let series = line.found.service.series_ns.len();
                    let repetition = turn % (series / self.workload.len()).max(1);
                    let position = repetition * self.workload.len() + place;
                    line.queue.offer_as(line.now_ns, position);
                }
            }
            Ok(captures::going(stop))
        })?;
        if captures::going(stop).is_break() {
            return Ok(None);
        }
        let mut seen = lines.into_iter().map(|line| line.queue.finish());
        let of_case = |(_, rates): &(&Found, Vec<f64>)| seen.by_ref().take(rates.len()).collect();
        Ok(Some(Streamed {
            seen: cases.iter().map(of_case).collect(),
            rule,
        }))
    }
}

/// Packets that were measured, by length.
struct Lengths {
    /// By length, the place in `groups` of the nearest.
    nearest: Vec<u16>,
    groups: Vec<Group>,
}

/// Packets of one length.
struct Group {
    places: Vec<usize>,
    /// How often one was taken.
    taken: usize,
}

impl Lengths {
    fn of(workload: &Workload<'_>) -> Self {
        let mut by_length = std::collections::BTreeMap::<usize, Vec<usize>>::new();
        for (place, packet) in workload.iter().enumerate() {
            by_length.entry(packet.len()).or_default().push(place);
        }
        let lengths: Vec<usize> = by_length.keys().copied().collect();
        let mut at = 0;
        let nearest = (0..=usize::from(u16::MAX)).map(|bytes| {
            let is_nearer = |next: &usize| next.abs_diff(bytes) < lengths[at].abs_diff(bytes);
            if lengths.get(at + 1).is_some_and(is_nearer) {
                at += 1;
            }
            at as u16
        });
        Self {
            nearest: nearest.collect(),
            groups: by_length
                .into_values()
                .map(|places| Group { places, taken: 0 })
                .collect(),
        }
    }

    /// A packet like one of this length: its place in the workload, and which of its repetitions.
    fn next(&mut self, bytes: usize) -> (usize, usize) {
        let at = self.nearest.get(bytes).copied().unwrap_or(0);
        let Some(group) = self.groups.get_mut(usize::from(at)) else {
            return (0, 0);
        };
        let taken = group.taken;
        group.taken += 1;
        let all = group.places.len();
        (group.places[taken % all], taken / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_the_nearest_length_take_turns() {
        let packets: Vec<&[u8]> = vec![&[0; 60], &[0; 1500], &[0; 60], &[0; 100]];
        let mut lengths = Lengths::of(&Workload::new(packets));
        let taken: Vec<_> = [60, 40, 70, 81, 9000, 60]
            .into_iter()
            .map(|bytes| lengths.next(bytes))
            .collect();
        assert_eq!(taken, [(0, 0), (2, 0), (0, 1), (3, 0), (1, 0), (2, 1)]);
    }
}
