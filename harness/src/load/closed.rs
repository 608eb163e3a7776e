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
/// Most rounds that are kept: the slowest goes.
const ROUNDS_MAX: usize = 64;
/// How much slower a round may be than the fastest and still say what packets take: a neighbour in
/// the core changes more than the pace of it.
const CALM: f64 = 1.1;
/// Turns behind a filling of the frames that are in no distribution: caches and predictors have
/// seen something else.
pub const SETTLE: usize = 64;

/// Idle times after which packets are measured, ns.
pub const IDLE_NS: [f64; 4] = [100.0, 1_000.0, 10_000.0, 100_000.0];

/// Rounds of the closed loop so far.
pub struct Closed {
    /// Packets of the workload.
    positions: usize,
    rounds: Vec<Round>,
}

/// One repetition over the frames, alone and in full bursts, and the idle times behind it; ns.
#[derive(Default)]
struct Round {
    /// One a packet, in turns of one.
    single: Vec<f32>,
    /// By packet of the workload, what it took alone in its turn: idle times are tried right behind
    /// that, while the core is as fast.
    alone_ns: Vec<f32>,
    /// In full bursts: ns, the first packet's place among the frames, and packets.
    bursts: Vec<(f32, u32, u32)>,
    /// Turns of so many packets in mixed order: ns, the first packet's place, and packets.
    mixed: Vec<(f32, u32, u32)>,
    /// After idle time, by [`IDLE_NS`]: how much longer than alone.
    after_idle: [Vec<f32>; IDLE_NS.len()],
    /// Time in which the loop of idle trials was watched, and the stalls of its polls.
    watched_ns: f64,
    idle_stalls: Vec<f32>,
    /// How much slower the core was than in the first rounds.
    slowness: f64,
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
            rounds: Vec::new(),
        }
    }

    /// A round begins; what is handed over is of it.
    pub fn begin(&mut self) {
        if self.rounds.len() == ROUNDS_MAX {
            let by_slowness =
                |a: &(usize, &Round), b: &(usize, &Round)| a.1.slowness.total_cmp(&b.1.slowness);
            let slowest = self.rounds.iter().enumerate().max_by(by_slowness);
            if let Some((slowest, _)) = slowest {
                self.rounds.remove(slowest);
            }
        }
        self.rounds.push(Round {
            slowness: 1.0,
            ..Round::default()
        });
    }

    /// The core was so much slower in this round than in the first ones.
    pub fn end(&mut self, slowness: f64) {
        if let Some(round) = self.rounds.last_mut() {
            round.slowness = slowness;
        }
    }

    /// Forgets the round at hand.
    pub fn forget(&mut self) {
        self.rounds.pop();
    }

    /// How many there are.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// A repetition in turns of one.
    pub fn single(&mut self, spans_ns: Vec<f32>) {
        let alone_ns = typical(self.positions, &[&spans_ns]).unwrap_or_default();
        if let Some(round) = self.rounds.last_mut() {
            (round.single, round.alone_ns) = (spans_ns, alone_ns);
        }
    }

    /// A full burst: how long, where among the frames it began, and its packets.
    pub fn burst(&mut self, ns: f64, first: usize, packets: u32) {
        if let Some(round) = self.rounds.last_mut() {
            round.bursts.push((ns as f32, first as u32, packets));
        }
    }

    /// A turn of some packets in a row of others: the same.
    pub fn mixed(&mut self, ns: f64, first: usize, packets: u32) {
        if let Some(round) = self.rounds.last_mut() {
            round.mixed.push((ns as f32, first as u32, packets));
        }
    }

    /// A packet of the workload after idle time.
    pub fn idle(&mut self, class: usize, at: usize, latency_ns: f64) {
        let Some(round) = self.rounds.last_mut() else {
            return;
        };
        let of = round.after_idle.get_mut(class);
        if let Some((of, alone_ns)) = of.zip(round.alone_ns.get(at)) {
            of.push(latency_ns as f32 - alone_ns);
        }
    }

    /// So long an idle loop was watched, with these stalls between its polls.
    pub fn watched(&mut self, ns: f64, stalls_ns: impl Iterator<Item = f64>) {
        if let Some(round) = self.rounds.last_mut() {
            round.watched_ns += ns;
            round.idle_stalls.extend(stalls_ns.map(|ns| ns as f32));
        }
    }

    /// The rounds in which the core was about as fast as it ever was.
    fn calm(&self) -> Vec<&Round> {
        let slowness = self.rounds.iter().map(|round| round.slowness);
        let fastest = slowness.fold(f64::INFINITY, f64::min);
        let rounds = self.rounds.iter();
        rounds
            .filter(|round| round.slowness <= CALM * fastest)
            .collect()
    }

    /// What the turns so far say, with bursts of at most so many; `None` without any.
    pub fn found(&self, burst: usize) -> Option<Found> {
        let rounds = self.calm();
        let repetitions: Vec<&[f32]> = rounds.iter().map(|of| of.single.as_slice()).collect();
        let typical = typical(self.positions, &repetitions)?;
        let at = |place: usize| f64::from(typical[place % typical.len()]);
        let all = repetitions.iter().copied().flatten();
        let all: Vec<f64> = all.map(|ns| f64::from(*ns)).collect();
        let threshold_ns = STALL_MIN_NS.max(STALL_MEDIANS * median(&all)?);
        let idle_stalls = rounds.iter().flat_map(|round| &round.idle_stalls);
        let mut out = Out {
            threshold: threshold_ns,
            lengths: idle_stalls.copied().collect(),
            watched: rounds.iter().map(|round| round.watched_ns).sum(),
        };
        let mut histogram = Latency::default();
        let mut series: Vec<Vec<f64>> = Vec::new();
        for repetition in &repetitions {
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
        let burst_ns = in_bursts(&rounds, &mut out, at)?;
        // A turn of one is t + s, a packet of n in a turn t / n + s.
        let n = burst as f64;
        let turn_ns = if burst > 1 {
            ((single_ns - burst_ns) * n / (n - 1.0)).clamp(0.0, single_ns.min(n * burst_ns))
        } else {
            0.0
        };
        series.truncate(SERIES_MAX);
        alike(&mut series);
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
        let by_packet_ns: Vec<f64> = by_packet.iter().map(|ns| scale * mean(ns)).collect();
        let takes = |first: u32, packets: u32| {
            let places = first as usize..(first + packets) as usize;
            let of = |place: usize| -> f64 { by_packet_ns[place % by_packet_ns.len()] };
            turn_ns + places.map(of).sum::<f64>()
        };
        let mixed_ns = longer_mixed(&rounds, &mut out, takes);
        let idle = idle_classes(&rounds, &mut out);
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
                mixed_ns,
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
}

/// Takes every repetition to the same mean: rounds are far apart, and a series that is slow for one
/// and fast for the next would be a queue that no stretch of paced packets sees.
fn alike(series: &mut [Vec<f64>]) {
    let means: Vec<f64> = series.iter().map(|ns| mean(ns)).collect();
    let whole = mean(&means);
    for (repetition, of) in series.iter_mut().zip(means) {
        if of > 0.0 {
            for ns in repetition {
                *ns *= whole / of;
            }
        }
    }
}

/// Mean of a packet in full bursts. What is expected of a burst is the sum of what its packets take
/// alone, less what full bursts save.
fn in_bursts(rounds: &[&Round], out: &mut Out, at: impl Fn(usize) -> f64) -> Option<f64> {
    let alone = |first: u32, packets: u32| {
        let places = first as usize..(first + packets) as usize;
        places.map(&at).sum::<f64>()
    };
    let full = || rounds.iter().flat_map(|round| &round.bursts);
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

/// What turns of unforeseen numbers of packets take longer than is expected of them, mean; no less
/// than nothing.
fn longer_mixed(rounds: &[&Round], out: &mut Out, takes: impl Fn(u32, u32) -> f64) -> f64 {
    let turns = rounds.iter().flat_map(|round| &round.mixed);
    let longer: Vec<f64> = turns
        .map(|(ns, first, packets)| {
            let expected_ns = takes(*first, *packets);
            out.without(f64::from(*ns), expected_ns, true) - expected_ns
        })
        .collect();
    mean(&longer).max(0.0)
}

fn idle_classes(rounds: &[&Round], out: &mut Out) -> Vec<AfterIdle> {
    let mut classes = Vec::new();
    for (class, gap_ns) in IDLE_NS.into_iter().enumerate() {
        let of = rounds.iter().flat_map(|round| &round.after_idle[class]);
        let (calm, stalled): (Vec<f32>, Vec<f32>) =
            of.copied().partition(|ns| f64::from(*ns) <= out.threshold);
        // The polls around them were watched; their time is counted there.
        out.lengths.extend(stalled);
        if !calm.is_empty() {
            classes.push(AfterIdle {
                gap_ns,
                extra_ns: calm,
            });
        }
    }
    classes
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
            closed.begin();
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

    #[test]
    fn turns_of_unforeseen_numbers_of_packets_take_longer() {
        let mut closed = closed();
        assert!(closed.found(4).unwrap().service.mixed_ns.abs() < 1e-9);
        let packet = |at: usize| [100.0, 300.0][at % 2];
        let mut first = 0;
        for packets in [1, 3, 2].repeat(100) {
            let own: f64 = (first..first + packets).map(packet).sum();
            let stall = if first == 60 { 70_000.0 } else { 0.0 };
            closed.mixed(20.0 + own + 25.0 + stall, first, packets as u32);
            first += packets;
        }
        let found = closed.found(4).unwrap();
        // One turn in 300 is taken for what was expected of it.
        assert!((found.service.mixed_ns - 25.0).abs() < 0.2);
        assert_eq!(found.stall_count, 4);
    }

    /// Settling makes the first walk slower: what is expected of a packet is the mean of all walks.
    #[test]
    fn what_is_expected_of_a_packet_is_that_of_no_walk_more_than_of_another() {
        let mut closed = Closed::new(100);
        for _ in 0..3 {
            let spans = (0..PACKETS).map(|at| if at < 100 { 300.0 } else { 200.0 });
            closed.begin();
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

    /// A round of everything, slower by so much.
    fn slow(closed: &mut Closed, by: f64) {
        closed.begin();
        closed.single(vec![9_000.0; PACKETS]);
        closed.burst(90_000.0, 0, 4);
        closed.idle(1, 0, 4_000.0);
        closed.watched(1e9, [70_000.0].into_iter());
        closed.end(by);
    }

    fn same(one: &Found, other: &Found) {
        assert!((one.single_ns - other.single_ns).abs() < 1e-9);
        assert!((one.burst_ns - other.burst_ns).abs() < 1e-9);
        assert_eq!(one.idle_extra_ns, other.idle_extra_ns);
        assert_eq!(one.stall_count, other.stall_count);
        assert!((one.watched_ns - other.watched_ns).abs() < 1e-6);
    }

    #[test]
    fn a_round_can_be_forgotten() {
        let mut once = closed();
        let before = once.found(4).unwrap();
        slow(&mut once, 1.0);
        assert!(once.found(4).unwrap().single_ns > before.single_ns);
        once.forget();
        same(&before, &once.found(4).unwrap());
    }

    #[test]
    fn no_repetition_of_the_series_is_slower_than_another() {
        let mut closed = Closed::new(PACKETS);
        for by in [1.0_f32, 1.08, 0.95] {
            closed.begin();
            closed.single(vec![by * 200.0; PACKETS]);
            closed.burst(f64::from(by) * 800.0, 0, 4);
        }
        let found = closed.found(4).unwrap();
        let series = &found.service.series_ns;
        let off = |ns: &f32| (ns / series[0] - 1.0).abs();
        assert_eq!(series.len(), 3 * PACKETS);
        assert!(series.iter().map(off).fold(0.0, f32::max) < 1e-5);
    }

    /// The first rounds are no measure of it: a later one may be faster.
    #[test]
    fn rounds_on_a_slow_core_say_nothing_beside_those_on_a_fast_one() {
        let mut closed = closed();
        let before = closed.found(4).unwrap();
        slow(&mut closed, 1.2);
        same(&before, &closed.found(4).unwrap());
        closed.end(1.05);
        assert!(closed.found(4).unwrap().single_ns > before.single_ns);
        closed.end(0.8);
        assert!((closed.found(4).unwrap().single_ns - 9_000.0).abs() < 1e-3);
    }

    #[test]
    fn the_slowest_round_goes_where_there_are_too_many() {
        let mut closed = closed();
        slow(&mut closed, 3.0);
        slow(&mut closed, 2.0);
        for _ in 0..2 * ROUNDS_MAX {
            closed.begin();
            closed.end(1.5);
        }
        assert_eq!(closed.rounds.len(), ROUNDS_MAX);
        let slowest = closed
            .rounds
            .iter()
            .map(|of| of.slowness)
            .fold(0.0, f64::max);
        assert!(slowest < 1.6 && closed.calm().len() == 3, "{slowest}");
    }

    /// Bursts that are far faster than the packets alone: the bursts are believed.
    #[test]
    fn stamps_that_slow_the_packets_down_are_scaled() {
        let mut closed = Closed::new(PACKETS);
        for _ in 0..3 {
            closed.begin();
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
        closed.begin();
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
