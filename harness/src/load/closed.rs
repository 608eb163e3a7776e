//! From the closed loop's turns to what the queue model needs: a series of service times whose sum
//! is that of the bursts, what a turn takes beside its packets, what a packet takes longer after
//! idle time, and the stalls that were taken out of all of it.

use hdrhistogram::Histogram;
use tunneltax_core::latency::Latency;
use tunneltax_reports::model::queue::{AfterIdle, Service, Stalls};
use tunneltax_reports::stats::median;

/// Least time beyond what was expected of a turn that is a stall, ns: an interrupt that does
/// anything takes longer, and what caches and predictors cost a packet is far less.
const STALL_MIN_NS: f64 = 5_000.0;
/// The same in medians of a packet, for cases that are slow themselves: a capture's longest packet
/// takes less than that of its median one.
const STALL_MEDIANS: f64 = 20.0;
/// Most repetitions of the packets in a series.
const SERIES_MAX: usize = 8;
/// Most packets after idle time that are kept of each length.
const IDLE_MAX: usize = 1 << 16;
/// Turns behind a filling of the frames that are in no distribution: caches and predictors have
/// seen something else.
pub const SETTLE: usize = 64;

/// Idle times after which packets are measured, ns.
pub const IDLE_NS: [f64; 4] = [100.0, 1_000.0, 10_000.0, 100_000.0];

/// Turns of the closed loop so far, ns.
pub struct Closed {
    /// Packets of the workload.
    positions: usize,
    /// One a packet, in turns of one; whole repetitions.
    single: Vec<Vec<f32>>,
    /// In full bursts: ns, the first packet's place among the frames, and packets.
    bursts: Vec<(f32, u32, u32)>,
    /// By packet of the workload, what it took alone in its turn in the last repetition: idle times
    /// are tried right behind one, while the core is as fast.
    alone_ns: Vec<f32>,
    /// After idle time, by [`IDLE_NS`]: how much longer than that.
    after_idle: [Vec<f32>; IDLE_NS.len()],
    /// Time in which the loop of idle trials was watched, ns, and the stalls of its polls.
    watched_ns: f64,
    idle_stalls: Vec<f32>,
}

/// How much of a [`Closed`] there was at some time.
pub struct Mark {
    single: usize,
    bursts: usize,
    after_idle: [usize; IDLE_NS.len()],
    watched_ns: f64,
    idle_stalls: usize,
}

/// What was found.
#[derive(Clone)]
pub struct Found {
    /// For the model.
    pub service: Service,
    /// For the model.
    pub stalls: Stalls,
    /// What is longer by more than this is a stall.
    pub threshold_ns: f64,
    /// How many there were in how long.
    pub stall_count: u64,
    /// The time, without them.
    pub watched_ns: f64,
    /// By packet of the workload, what it takes in a full burst, mean: what behind a filling takes
    /// longer is in none more than in another.
    pub by_packet_ns: Vec<f64>,
    /// A packet alone in its turn.
    pub single_ns: f64,
    /// A packet in full bursts.
    pub burst_ns: f64,
    /// By [`IDLE_NS`], where there were such packets: the median of what they took longer.
    pub idle_extra_ns: [Option<f64>; IDLE_NS.len()],
    /// Turns of one, as they were.
    pub histogram: Histogram<u64>,
}

impl Closed {
    /// Nothing yet.
    pub fn new(positions: usize) -> Self {
        Self {
            positions: positions.max(1),
            single: Vec::new(),
            alone_ns: Vec::new(),
            bursts: Vec::new(),
            after_idle: Default::default(),
            watched_ns: 0.0,
            idle_stalls: Vec::new(),
        }
    }

    /// What there is now.
    pub fn mark(&self) -> Mark {
        Mark {
            single: self.single.len(),
            bursts: self.bursts.len(),
            after_idle: std::array::from_fn(|class| self.after_idle[class].len()),
            watched_ns: self.watched_ns,
            idle_stalls: self.idle_stalls.len(),
        }
    }

    /// Forgets what came behind a mark.
    pub fn back_to(&mut self, mark: &Mark) {
        self.single.truncate(mark.single);
        self.bursts.truncate(mark.bursts);
        for (of, len) in self.after_idle.iter_mut().zip(mark.after_idle) {
            of.truncate(len);
        }
        self.watched_ns = mark.watched_ns;
        self.idle_stalls.truncate(mark.idle_stalls);
    }

    /// A repetition in turns of one.
    pub fn single(&mut self, spans_ns: Vec<f32>) {
        self.alone_ns = typical(self.positions, &[&spans_ns]).unwrap_or_default();
        self.single.push(spans_ns);
    }

    /// A full burst: how long, where among the frames it began, and its packets.
    pub fn burst(&mut self, ns: f64, first: usize, packets: u32) {
        self.bursts.push((ns as f32, first as u32, packets));
    }

    /// A packet of the workload after idle time.
    pub fn idle(&mut self, class: usize, at: usize, latency_ns: f64) {
        let classes = self.after_idle.get_mut(class);
        let room = classes.filter(|of| of.len() < IDLE_MAX);
        if let Some((of, alone_ns)) = room.zip(self.alone_ns.get(at)) {
            of.push(latency_ns as f32 - alone_ns);
        }
    }

    /// So long an idle loop was watched, with these stalls between its polls.
    pub fn watched(&mut self, ns: f64, stalls_ns: impl Iterator<Item = f64>) {
        self.watched_ns += ns;
        self.idle_stalls.extend(stalls_ns.map(|ns| ns as f32));
    }

    /// What the turns so far say, with bursts of at most so many; `None` without any.
    pub fn found(&self, burst: usize) -> Option<Found> {
        let repetitions: Vec<&[f32]> = self.single.iter().map(Vec::as_slice).collect();
        let typical = typical(self.positions, &repetitions)?;
        let at = |place: usize| f64::from(typical[place % typical.len()]);
        let sorted: Vec<f64> = self
            .single
            .iter()
            .flatten()
            .map(|ns| f64::from(*ns))
            .collect();
        let threshold_ns = STALL_MIN_NS.max(STALL_MEDIANS * median(&sorted)?);
        let mut out = Out {
            threshold: threshold_ns,
            lengths: self.idle_stalls.clone(),
            watched: self.watched_ns,
        };
        let mut histogram = Latency::default();
        let mut series: Vec<Vec<f64>> = Vec::new();
        for repetition in &self.single {
            let clean = repetition.iter().enumerate().map(|(place, ns)| {
                if place >= SETTLE {
                    histogram.record(f64::from(*ns));
                }
                out.without(f64::from(*ns), at(place), place >= SETTLE)
            });
            series.push(clean.collect());
        }
        let packets = series.iter().map(Vec::len).sum::<usize>() as f64;
        let single_ns = series.iter().flatten().sum::<f64>() / packets;
        let burst_ns = self.in_bursts(&mut out, at)?;
        // A turn of one is t + s, a packet of n in a turn t / n + s.
        let n = burst as f64;
        let turn_ns = if burst > 1 {
            ((single_ns - burst_ns) * n / (n - 1.0)).clamp(0.0, single_ns.min(n * burst_ns))
        } else {
            0.0
        };
        series.truncate(SERIES_MAX);
        for ns in series.iter_mut().flatten() {
            *ns = (*ns - turn_ns).max(0.0);
        }
        let kept = series.iter().map(Vec::len).sum::<usize>() as f64;
        let of_packets_ns = (burst_ns - turn_ns / n).max(0.0) * kept;
        let scale = of_packets_ns / series.iter().flatten().sum::<f64>().max(1e-9);
        let series_ns: Vec<f32> = series
            .iter()
            .flatten()
            .map(|ns| (ns * scale) as f32)
            .collect();
        let clean: Vec<&[f64]> = series.iter().map(Vec::as_slice).collect();
        let by_packet = by_packet(self.positions, &clean);
        let by_packet_ns = by_packet.iter().map(|ns| scale * mean(ns)).collect();
        let idle = self.idle_classes(&mut out);
        let idle_extra_ns = IDLE_NS.map(|gap_ns| {
            let of = idle.iter().find(|of| (of.gap_ns - gap_ns).abs() < 0.5)?;
            median(
                &of.extra_ns
                    .iter()
                    .map(|ns| f64::from(*ns))
                    .collect::<Vec<_>>(),
            )
        });
        Some(Found {
            service: Service {
                series_ns,
                turn_ns,
                idle,
            },
            threshold_ns,
            stall_count: out.lengths.len() as u64,
            watched_ns: out.watched,
            stalls: Stalls {
                per_second: out.lengths.len() as f64 * 1e9 / out.watched.max(1.0),
                lengths_ns: out.lengths,
            },
            by_packet_ns,
            single_ns,
            burst_ns,
            idle_extra_ns,
            histogram: histogram.histogram().clone(),
        })
    }

    /// Mean of a packet in full bursts. What is expected of a burst is the sum of what its packets
    /// take alone, less what full bursts save.
    fn in_bursts(&self, out: &mut Out, at: impl Fn(usize) -> f64) -> Option<f64> {
        let alone = |first: u32, packets: u32| {
            let places = first as usize..(first + packets) as usize;
            places.map(&at).sum::<f64>()
        };
        let full = || self.bursts.iter();
        let ratios: Vec<f64> = full()
            .map(|(ns, first, packets)| f64::from(*ns) / alone(*first, *packets).max(1e-9))
            .collect();
        let saved = median(&ratios)?;
        let (mut sum_ns, mut count) = (0.0, 0.0);
        for (ns, first, packets) in full() {
            sum_ns += out.without(f64::from(*ns), saved * alone(*first, *packets), true);
            count += f64::from(*packets);
        }
        Some(sum_ns / count)
    }

    fn idle_classes(&self, out: &mut Out) -> Vec<AfterIdle> {
        let mut classes = Vec::new();
        for (gap_ns, of) in IDLE_NS.into_iter().zip(&self.after_idle) {
            let longer = of.iter().map(|ns| f64::from(*ns));
            let (calm, stalled): (Vec<f64>, Vec<f64>) = longer.partition(|ns| *ns <= out.threshold);
            // The polls around them were watched; their time is counted there.
            out.lengths.extend(stalled.iter().map(|ns| *ns as f32));
            if !calm.is_empty() {
                classes.push(AfterIdle {
                    gap_ns,
                    extra_ns: calm.iter().map(|ns| *ns as f32).collect(),
                });
            }
        }
        classes
    }
}

/// By packet of the workload: its turns of one, ns. Every repetition begins with the first packet.
fn by_packet<T: Copy + Into<f64>>(positions: usize, repetitions: &[&[T]]) -> Vec<Vec<f64>> {
    let mut by_packet: Vec<Vec<f64>> = vec![Vec::new(); positions];
    for repetition in repetitions {
        for (place, ns) in repetition.iter().enumerate() {
            by_packet[place % positions].push((*ns).into());
        }
    }
    by_packet
}

/// By packet of the workload: the median of its turns of one.
fn typical(positions: usize, repetitions: &[&[f32]]) -> Option<Vec<f32>> {
    let by_packet = by_packet(positions, repetitions);
    let medians = by_packet
        .iter()
        .map(|spans| median(spans).map(|ns| ns as f32));
    medians.collect()
}

/// The mean of some times, ns; 0 of none.
fn mean(ns: &[f64]) -> f64 {
    ns.iter().sum::<f64>() / ns.len().max(1) as f64
}

/// What is taken out, ns.
struct Out {
    threshold: f64,
    lengths: Vec<f32>,
    watched: f64,
}

impl Out {
    /// A turn without its stall, if it had one: then it took what was expected of it.
    fn without(&mut self, ns: f64, expected_ns: f64, counts: bool) -> f64 {
        let is_stall = ns - expected_ns > self.threshold;
        let clean_ns = if is_stall { expected_ns } else { ns };
        if counts {
            self.watched += clean_ns;
            if is_stall {
                self.lengths.push((ns - expected_ns) as f32);
            }
        }
        clean_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: usize = 640;

    /// Packets of 100 and 300 ns in turns of one with 20 ns a turn, in bursts of 4, a stall in
    /// each, and after idle time.
    fn closed() -> Closed {
        let packet = |at: usize| [100.0, 300.0][at % 2];
        let mut closed = Closed::new(PACKETS);
        for repetition in 0..3 {
            let spans = (0..PACKETS).map(|at| {
                let stall = if (repetition, at) == (1, 200) {
                    80_000.0
                } else {
                    0.0
                };
                (20.0 + packet(at) + stall) as f32
            });
            closed.single(spans.collect());
            for first in (0..PACKETS).step_by(4) {
                let stall = if (repetition, first) == (2, 320) {
                    9_000.0
                } else {
                    0.0
                };
                closed.burst(20.0 + 800.0 + stall, first, 4);
            }
        }
        for at in 0..PACKETS {
            closed.idle(1, at, 20.0 + packet(at) + 35.0);
        }
        closed.watched(1e6, [50_000.0].into_iter());
        closed
    }

    #[test]
    fn stalls_are_taken_out_with_their_rate_and_lengths() {
        let found = closed().found(4).unwrap();
        let mut lengths = found.stalls.lengths_ns.clone();
        lengths.sort_by(f32::total_cmp);
        assert_eq!(found.stall_count, 3);
        assert!((lengths[0] - 9_000.0).abs() < 10.0, "{lengths:?}");
        assert!((lengths[1] - 50_000.0).abs() < 1.0 && (lengths[2] - 80_000.0).abs() < 10.0);
        let rate = 3.0 * 1e9 / found.watched_ns;
        assert!((found.stalls.per_second / rate - 1.0).abs() < 1e-9);
        assert!(found.histogram.max() >= 80_000);
        let longest = found.service.series_ns.iter().copied().fold(0.0, f32::max);
        assert!(longest < 301.0, "{longest}");
    }

    #[test]
    fn the_series_sums_up_to_the_bursts() {
        let found = closed().found(4).unwrap();
        assert!((found.burst_ns - 205.0).abs() < 0.01, "{}", found.burst_ns);
        assert!((found.single_ns - 220.0).abs() < 0.01);
        assert!((found.service.turn_ns - 20.0).abs() < 0.05);
        let series = &found.service.series_ns;
        let sum: f64 = series.iter().map(|ns| f64::from(*ns)).sum();
        let bursts = series.len() as f64 * found.burst_ns;
        let turns = series.len() as f64 / 4.0 * found.service.turn_ns;
        assert!(
            (sum + turns - bursts).abs() < 1e-3 * bursts,
            "{sum} + {turns}, {bursts}"
        );
    }

    /// Settling makes the first walk slower: what is expected of a packet is the mean of all walks.
    #[test]
    fn what_is_expected_of_a_packet_is_that_of_no_walk_more_than_of_another() {
        let mut closed = Closed::new(100);
        for _ in 0..3 {
            let spans = (0..PACKETS).map(|at| if at < 100 { 300.0 } else { 200.0 });
            closed.single(spans.collect());
            (0..PACKETS / 4).for_each(|at| closed.burst(800.0, 4 * at, 4));
        }
        let found = closed.found(4).unwrap();
        let of = &found.by_packet_ns;
        assert_eq!(of.len(), 100);
        // Six walks and 40 packets of a seventh.
        let mean = |from: usize| of[from..from + 40].iter().sum::<f64>() / 40.0;
        let first = mean(0) / mean(60);
        let by_hand = ((300.0 + 6.0 * 200.0) / 7.0) / ((300.0 + 5.0 * 200.0) / 6.0);
        let turn = found.service.turn_ns;
        assert!(
            turn < 30.0 && (first / by_hand - 1.0).abs() < 0.01,
            "{first} {by_hand}"
        );
        let all: f64 = (0..PACKETS).map(|at| of[at % 100]).sum();
        let bursts = PACKETS as f64 * (found.burst_ns - turn / 4.0);
        assert!((all / bursts - 1.0).abs() < 1e-6, "{all} {bursts}");
    }

    #[test]
    fn what_came_behind_a_mark_can_be_forgotten() {
        let mut once = closed();
        let mark = once.mark();
        let before = once.found(4).unwrap();
        once.single(vec![9_000.0; PACKETS]);
        once.burst(90_000.0, 0, 4);
        once.idle(1, 0, 4_000.0);
        once.watched(1e9, [70_000.0].into_iter());
        assert!(once.found(4).unwrap().single_ns > before.single_ns);
        once.back_to(&mark);
        let after = once.found(4).unwrap();
        assert!((after.single_ns - before.single_ns).abs() < 1e-9);
        assert!((after.burst_ns - before.burst_ns).abs() < 1e-9);
        assert_eq!(after.idle_extra_ns, before.idle_extra_ns);
        assert_eq!(after.stall_count, before.stall_count);
        assert!((after.watched_ns - before.watched_ns).abs() < 1e-6);
    }

    /// Bursts that are far faster than the packets alone: the bursts are believed.
    #[test]
    fn stamps_that_slow_the_packets_down_are_scaled() {
        let mut closed = Closed::new(PACKETS);
        for _ in 0..3 {
            closed.single(vec![110.0; PACKETS]);
            for first in (0..PACKETS).step_by(2) {
                closed.burst(40.0, first, 2);
            }
        }
        // (110 - 20) × 2 is more than a burst of two takes in all.
        let found = closed.found(2).unwrap();
        assert!((found.service.turn_ns - 40.0).abs() < 1e-3);
        let sum: f64 = found
            .service
            .series_ns
            .iter()
            .map(|ns| f64::from(*ns))
            .sum();
        assert!(sum.abs() < 1e-3);
    }

    /// The core slows down to half its speed for a repetition and what is tried behind it.
    #[test]
    fn idle_time_is_held_against_the_repetition_before_it() {
        let mut closed = closed();
        let packet = |at: usize| [100.0, 300.0][at % 2];
        let slow = (0..PACKETS).map(|at| (2.0 * (20.0 + packet(at))) as f32);
        closed.single(slow.collect());
        for at in 0..PACKETS {
            closed.idle(2, at, 2.0 * (20.0 + packet(at)) + 50.0);
        }
        let found = closed.found(4).unwrap();
        assert!((found.idle_extra_ns[2].unwrap() - 50.0).abs() < 1.0);
    }

    #[test]
    fn what_a_packet_takes_longer_after_idle_time_is_kept() {
        let found = closed().found(4).unwrap();
        assert_eq!(found.idle_extra_ns[0], None);
        assert!((found.idle_extra_ns[1].unwrap() - 35.0).abs() < 1.0);
    }
}
