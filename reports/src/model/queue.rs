//! One server with the real loop's rules, in virtual time (Lindley's recursion, by bursts).
//!
//! The loop polls. On finding packets it takes up to a burst of those that wait, and all of them
//! are done when the burst is (the reading of the clock that ends it). What comes while the ring
//! is full is dropped. Memory is the ring and three histograms, however many packets come.

use std::collections::VecDeque;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::arrivals::exponential;
use super::seen::{Seen, Settling};

/// How the loop takes packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Most packets taken at once.
    pub burst: usize,
    /// Most packets that wait.
    pub ring: usize,
}

/// What work takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    /// By packet, ns, in the order in which they come, and then from the beginning again.
    pub series_ns: Vec<f32>,
    /// What every turn of the loop takes beside its packets, ns: poll, clock, call.
    pub turn_ns: f64,
    /// What a turn takes longer, ns, that begins right behind another and is no full burst: how many
    /// packets it has no branch predictor knows.
    pub mixed_ns: f64,
    /// What a turn takes longer after the loop was idle, by how long it was; shortest first.
    pub idle: Vec<AfterIdle>,
}

/// Turns after an idle time of about this length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AfterIdle {
    /// Idle time, ns.
    pub gap_ns: f64,
    /// What such turns took beyond turn and packet, ns, one by one; may be negative.
    pub extra_ns: Vec<f32>,
}

/// Times in which the machine did something else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stalls {
    /// How often, a second of time that is no stall.
    pub per_second: f64,
    /// How long, ns, one by one.
    pub lengths_ns: Vec<f32>,
}

/// Stalls in virtual time: a Poisson process, lengths drawn again from those that were seen.
struct StallClock {
    stalls: Stalls,
    rng: ChaCha8Rng,
    next_ns: f64,
    length_ns: f64,
    count: u64,
    sum_ns: f64,
}

impl StallClock {
    fn new(stalls: Stalls, seed: u64) -> Option<Self> {
        if stalls.per_second <= 0.0 || stalls.lengths_ns.is_empty() {
            return None;
        }
        let mut clock = Self {
            stalls,
            rng: ChaCha8Rng::seed_from_u64(seed),
            next_ns: 0.0,
            length_ns: 0.0,
            count: 0,
            sum_ns: 0.0,
        };
        clock.draw(0.0);
        Some(clock)
    }

    fn draw(&mut self, from_ns: f64) {
        self.next_ns = from_ns + exponential(&mut self.rng, 1e9 / self.stalls.per_second);
        let at = self.rng.random_range(0..self.stalls.lengths_ns.len());
        self.length_ns = f64::from(self.stalls.lengths_ns[at]);
    }

    /// Takes the stall that is next; returns when it ends.
    fn pass(&mut self) -> f64 {
        let end_ns = self.next_ns + self.length_ns;
        self.count += 1;
        self.sum_ns += self.length_ns;
        self.draw(end_ns);
        end_ns
    }

    /// When work that could begin at a time can: behind a stall that covers it.
    fn begin(&mut self, mut at_ns: f64) -> f64 {
        while self.next_ns <= at_ns {
            at_ns = at_ns.max(self.pass());
        }
        at_ns
    }

    /// When work ends that begins then and takes so long.
    fn end(&mut self, begin_ns: f64, takes_ns: f64) -> f64 {
        let mut end_ns = begin_ns + takes_ns;
        while self.next_ns < end_ns {
            end_ns += self.length_ns;
            self.pass();
        }
        end_ns
    }
}

/// A packet that waits.
#[derive(Clone, Copy)]
struct Waiting {
    at_ns: f64,
    /// Which of the series it is.
    position: usize,
    counts: bool,
}

/// The server.
pub struct Queue<'s> {
    rules: Rules,
    service: &'s Service,
    stalls: Option<StallClock>,
    rng: ChaCha8Rng,
    waiting: VecDeque<Waiting>,
    /// Position of the next packet in the series.
    next: usize,
    free_ns: f64,
    settling: Settling,
    seen: Seen,
}

impl<'s> Queue<'s> {
    /// Empty and idle at 0.
    pub fn new(rules: Rules, service: &'s Service, stalls: Option<&Stalls>, seed: u64) -> Self {
        Self {
            rules,
            service,
            stalls: stalls.and_then(|stalls| StallClock::new(stalls.clone(), seed ^ 1)),
            rng: ChaCha8Rng::seed_from_u64(seed),
            waiting: VecDeque::with_capacity(rules.ring),
            next: 0,
            free_ns: 0.0,
            settling: Settling::default(),
            seen: Seen::new(),
        }
    }

    /// A packet comes; never earlier than the one before.
    pub fn offer(&mut self, at_ns: f64) {
        let position = self.take_position();
        self.offer_as(at_ns, position);
    }

    /// The same of a packet that takes its time and does not count.
    pub fn offer_settling(&mut self, at_ns: f64) {
        let position = self.take_position();
        self.settling.begin(at_ns);
        self.come(at_ns, position, false);
    }

    fn take_position(&mut self) -> usize {
        let position = self.next;
        self.next = (self.next + 1) % self.service.series_ns.len().max(1);
        position
    }

    /// The same of a packet that takes as long as the one at a position of the series.
    pub fn offer_as(&mut self, at_ns: f64, position: usize) {
        self.settling.end(at_ns);
        self.come(at_ns, position, true);
    }

    fn come(&mut self, at_ns: f64, position: usize, counts: bool) {
        while self.next_turn_ns().is_some_and(|turn_ns| turn_ns < at_ns) {
            self.turn();
        }
        if self.waiting.len() < self.rules.ring {
            self.waiting.push_back(Waiting {
                at_ns,
                position,
                counts,
            });
        } else {
            self.seen.dropped += 1;
        }
        self.seen.queue.saturating_record(self.waiting.len() as u64);
    }

    /// Works off what still waits; returns what all packets saw.
    pub fn finish(mut self) -> Seen {
        while !self.waiting.is_empty() {
            self.turn();
        }
        self.seen.elapsed_ns = (self.free_ns - self.settling.until(self.free_ns)).max(0.0);
        self.seen
    }

    /// How many stalls there were so far, and how long they were together, ns.
    pub fn stalled(&self) -> (u64, f64) {
        let clock = self.stalls.as_ref();
        clock.map_or((0, 0.0), |clock| (clock.count, clock.sum_ns))
    }

    /// Packets that there is memory for.
    pub fn room(&self) -> usize {
        self.waiting.capacity()
    }

    fn next_turn_ns(&self) -> Option<f64> {
        self.waiting
            .front()
            .map(|waiting| waiting.at_ns.max(self.free_ns))
    }

    /// One turn of the loop on what waits.
    fn turn(&mut self) {
        let Some(first_ns) = self.waiting.front().map(|waiting| waiting.at_ns) else {
            return;
        };
        let idle_ns = first_ns - self.free_ns;
        let poll_ns = first_ns.max(self.free_ns);
        let begin_ns = match &mut self.stalls {
            Some(stalls) => stalls.begin(poll_ns),
            None => poll_ns,
        };
        let mut takes_ns = self.service.turn_ns;
        let count = self.waiting.len().min(self.rules.burst);
        if idle_ns > 0.0 {
            takes_ns += self.after_idle(idle_ns);
        } else if count < self.rules.burst {
            takes_ns += self.service.mixed_ns;
        }
        let burst = || self.waiting.iter().take(count);
        for waiting in burst() {
            let of_packet = self.service.series_ns.get(waiting.position);
            takes_ns += of_packet.map_or(0.0, |ns| f64::from(*ns));
        }
        let takes_ns = takes_ns.max(0.0);
        let end_ns = match &mut self.stalls {
            Some(stalls) => stalls.end(begin_ns, takes_ns),
            None => begin_ns + takes_ns,
        };
        for waiting in self.waiting.drain(..count) {
            if !waiting.counts {
                self.seen.settled += 1;
                continue;
            }
            let at_ns = waiting.at_ns;
            self.seen.packet(end_ns - at_ns, begin_ns - at_ns);
        }
        self.free_ns = end_ns;
    }

    /// A draw from the turns after the idle time that is nearest in proportion.
    fn after_idle(&mut self, idle_ns: f64) -> f64 {
        let distance = |of: &&AfterIdle| (idle_ns / of.gap_ns.max(1e-3)).ln().abs();
        let classes = self.service.idle.iter();
        let nearest = classes.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        match nearest {
            Some(of) if !of.extra_ns.is_empty() => {
                f64::from(of.extra_ns[self.rng.random_range(0..of.extra_ns.len())])
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::arrivals::{Kind, Schedule};

    const EVERY: Rules = Rules {
        burst: 1,
        ring: 1 << 20,
    };

    fn service(series_ns: &[f32]) -> Service {
        Service {
            series_ns: series_ns.to_vec(),
            ..Service::default()
        }
    }

    fn run(rules: Rules, service: &Service, times_ns: &[f64]) -> Seen {
        let mut queue = Queue::new(rules, service, None, 1);
        for at in times_ns {
            queue.offer(*at);
        }
        queue.finish()
    }

    fn latencies(seen: &Seen) -> Vec<(u64, u64)> {
        let recorded = seen.latency.iter_recorded();
        recorded
            .map(|value| (value.value_iterated_to(), value.count_at_value()))
            .collect()
    }

    /// Lindley: W(n+1) = max(0, W(n) + S(n) − A(n)), by hand.
    #[test]
    fn lindleys_recursion_to_the_nanosecond() {
        let service = service(&[100.0, 50.0, 200.0, 10.0]);
        let seen = run(EVERY, &service, &[0.0, 60.0, 120.0, 500.0]);
        // Waits 0, 40, 30, 0; latencies 100, 90, 230, 10.
        assert_eq!(latencies(&seen), [(10, 1), (90, 1), (100, 1), (230, 1)]);
        assert!((seen.wait_sum_ns - 70.0).abs() < 1e-9);
        assert!((seen.elapsed_ns - 510.0).abs() < 1e-9);
        assert!((seen.queue_mean() - 70.0 / 510.0).abs() < 1e-12);
    }

    /// 10 alone, behind idle time: 10-25. 11 and 12 right behind it: 25-57. A full burst is known.
    #[test]
    fn a_turn_of_some_packets_behind_another_takes_longer() {
        let service = Service {
            series_ns: vec![10.0],
            turn_ns: 5.0,
            mixed_ns: 7.0,
            ..Service::default()
        };
        let rules = Rules { burst: 3, ring: 64 };
        let seen = run(rules, &service, &[10.0, 11.0, 12.0]);
        assert_eq!(latencies(&seen), [(15, 1), (45, 1), (46, 1)]);
        let seen = run(rules, &service, &[10.0, 11.0, 12.0, 13.0]);
        assert_eq!(latencies(&seen), [(15, 1), (47, 1), (48, 1), (49, 1)]);
    }

    #[test]
    fn a_burst_is_what_waits_at_the_poll_and_ends_together() {
        let service = Service {
            series_ns: vec![10.0],
            turn_ns: 5.0,
            ..Service::default()
        };
        let rules = Rules { burst: 3, ring: 64 };
        // 0 alone: 0-15. At 15 four wait (1, 2, 3, 15): three go, 15-50. At 50 the fourth goes
        // with the one that came at 20: 50-75. At 100 one more.
        let seen = run(rules, &service, &[0.0, 1.0, 2.0, 3.0, 15.0, 20.0, 100.0]);
        assert_eq!(
            latencies(&seen),
            [(15, 2), (47, 1), (48, 1), (49, 1), (55, 1), (60, 1)]
        );
    }

    #[test]
    fn what_settles_takes_its_time_and_does_not_count() {
        let service = service(&[100.0]);
        let mut queue = Queue::new(EVERY, &service, None, 1);
        // 0 and 60 settle until 110 comes, which waits for both until 200; 400 settles, 450 waits
        // until 500 and ends at 600.
        queue.offer_settling(0.0);
        queue.offer_settling(60.0);
        queue.offer(110.0);
        queue.offer_settling(400.0);
        queue.offer(450.0);
        let seen = queue.finish();
        assert_eq!(latencies(&seen), [(150, 1), (190, 1)]);
        assert!((seen.wait_sum_ns - 140.0).abs() < 1e-9);
        assert!((seen.elapsed_ns - (600.0 - 110.0 - 50.0)).abs() < 1e-9);
        assert_eq!((seen.packets(), seen.settled), (2, 3));
        // Nothing that counts came behind.
        let mut queue = Queue::new(EVERY, &service, None, 1);
        queue.offer(0.0);
        queue.offer_settling(500.0);
        assert!((queue.finish().elapsed_ns - 500.0).abs() < 1e-9);
    }

    #[test]
    fn what_finds_the_ring_full_is_dropped() {
        let service = service(&[100.0]);
        let rules = Rules { burst: 1, ring: 2 };
        // 0 is in service, 1 and 2 wait, 3 and 4 are dropped; at 100 there is room for 150.
        let seen = run(rules, &service, &[0.0, 1.0, 2.0, 3.0, 4.0, 150.0]);
        assert_eq!((seen.packets(), seen.dropped), (4, 2));
        assert_eq!(latencies(&seen), [(100, 1), (199, 1), (250, 1), (298, 1)]);
        assert_eq!(seen.queue.max(), 2);
        assert!((seen.loss() - 2.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn a_turn_after_idle_time_takes_what_such_turns_took() {
        let after = |gap_ns, extra| AfterIdle {
            gap_ns,
            extra_ns: vec![extra],
        };
        let service = Service {
            series_ns: vec![100.0],
            turn_ns: 0.0,
            mixed_ns: 0.0,
            idle: vec![after(1e3, 7.0), after(1e5, 50.0)],
        };
        // Idle for 1 µs, not at all, 90 µs.
        let seen = run(EVERY, &service, &[1000.0, 1050.0, 91_207.0]);
        assert_eq!(latencies(&seen), [(107, 1), (150, 1), (157, 1)]);
    }

    #[test]
    fn stalls_come_back_at_their_rate_and_delay_what_they_cover() {
        let stalls = Stalls {
            per_second: 1000.0,
            lengths_ns: vec![20_000.0, 40_000.0],
        };
        for pps in [1e4, 5e5] {
            let service = service(&[1000.0]);
            let mut queue = Queue::new(EVERY, &service, Some(&stalls), 3);
            let mut schedule = Schedule::new(Kind::Poisson, None, pps, 5);
            let packets = (20.0 * pps) as u32;
            (0..packets).for_each(|_| queue.offer(schedule.next_ns()));
            // Of 20 s about 3 % are stalls, and the rest has 1000 a second.
            let (count, sum_ns) = queue.stalled();
            let free_s = (queue.free_ns - sum_ns) / 1e9;
            let off = count as f64 / free_s - 1000.0;
            assert!(
                off.abs() < 4.0 * (1000.0 / free_s).sqrt(),
                "{count} in {free_s} s"
            );
            let mean_ns = sum_ns / count as f64;
            assert!((mean_ns - 30_000.0).abs() < 4.0 * 10_000.0 / (count as f64).sqrt());
            // At a low load a packet meets the rest of a stall in 3 % of the cases.
            let seen = queue.finish();
            if pps < 1e5 {
                let late = seen.latency.count_between(1010, u64::MAX) as f64;
                let share = late / seen.packets() as f64;
                assert!((0.025..0.06).contains(&share), "{share}");
            }
        }
    }

    #[test]
    fn work_ends_later_by_the_stalls_in_it() {
        let stalls = Stalls {
            per_second: 1000.0,
            lengths_ns: vec![50_000.0],
        };
        let service = service(&[1e8]);
        let mut queue = Queue::new(EVERY, &service, Some(&stalls), 3);
        queue.offer(0.0);
        queue.turn();
        let (count, sum_ns) = queue.stalled();
        assert!(count > 60, "{count}");
        assert!((queue.seen.latency_sum_ns - 1e8 - sum_ns).abs() < 1e-3);
    }

    /// Mean wait of M/G/1 by Pollaczek and Khinchine: λ E[S²] / 2 (1 − ρ).
    fn wait_ns(rho: f64, service: &Service, times: Kind, packets: u32) -> f64 {
        let mean_ns: f64 = service
            .series_ns
            .iter()
            .map(|ns| f64::from(*ns))
            .sum::<f64>()
            / service.series_ns.len() as f64;
        let mut schedule = Schedule::new(times, None, rho * 1e9 / mean_ns, 11);
        let mut queue = Queue::new(EVERY, service, None, 1);
        (0..packets).for_each(|_| queue.offer(schedule.next_ns()));
        let seen = queue.finish();
        seen.wait_sum_ns / seen.packets() as f64
    }

    /// Waits are correlated over about (1 + √ρ)² / (1 − ρ)² packets or fewer; the variance of the
    /// wait in M/M/1 is at most ρ (2 − ρ) / (1 − ρ)² services squared. Four standard errors.
    fn clt_ns(rho: f64, mean_ns: f64, packets: u32) -> f64 {
        let deviation = mean_ns * (rho * (2.0 - rho)).sqrt() / (1.0 - rho);
        let independent = f64::from(packets) * (1.0 - rho).powi(2) / (1.0 + rho.sqrt()).powi(2);
        4.0 * deviation / independent.sqrt()
    }

    #[test]
    fn m_d_1_waits_as_long_as_pollaczek_and_khinchine_say() {
        let service = service(&[1000.0]);
        for rho in [0.1, 0.5, 0.8, 0.9] {
            let packets = 4_000_000;
            let expected = rho * 1000.0 / (2.0 * (1.0 - rho));
            let found = wait_ns(rho, &service, Kind::Poisson, packets);
            let bound = clt_ns(rho, 1000.0, packets);
            assert!(
                (found - expected).abs() < bound,
                "{rho}: {found}, {expected} ± {bound}"
            );
            assert!(bound < 0.2 * expected, "{rho}: the bound tells something");
        }
    }

    #[test]
    fn m_m_1_waits_as_long_as_pollaczek_and_khinchine_say() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let series: Vec<f32> = (0..1_000_003)
            .map(|_| exponential(&mut rng, 1000.0) as f32)
            .collect();
        let service = service(&series);
        for rho in [0.5, 0.8] {
            let packets = 1_000_003;
            let expected = rho * 1000.0 / (1.0 - rho);
            let found = wait_ns(rho, &service, Kind::Poisson, packets);
            let bound = clt_ns(rho, 1000.0, packets);
            assert!(
                (found - expected).abs() < bound,
                "{rho}: {found}, {expected} ± {bound}"
            );
        }
    }

    /// 5 M packets at 150 % of what the server does: the line would grow by 1.7 M.
    #[test]
    fn memory_does_not_grow_with_the_packets() {
        let service = service(&[1000.0]);
        let rules = Rules {
            burst: 32,
            ring: 1024,
        };
        let mut queue = Queue::new(rules, &service, None, 1);
        let mut schedule = Schedule::new(Kind::Poisson, None, 1.5e6, 1);
        let room = queue.room();
        let places = queue.seen.latency.distinct_values();
        (0..5_000_000).for_each(|_| queue.offer(schedule.next_ns()));
        assert_eq!((queue.room(), room), (room, 1024));
        assert_eq!(queue.seen.latency.distinct_values(), places);
        let seen = queue.finish();
        assert_eq!(seen.packets() + seen.dropped, 5_000_000);
        assert!((seen.loss() - 1.0 / 3.0).abs() < 0.01, "{}", seen.loss());
    }
}
