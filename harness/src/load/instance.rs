//! A fresh instance of a case in the loop: closed, after idle time, and paced at every load, in
//! rounds; then the model over the same trials.

use std::ops::RangeInclusive;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tunneltax_core::clock::Clock;
use tunneltax_core::paced::{Arrivals, Paced, Rules, Stretch, Wrong};
use tunneltax_core::workload::Workload;
use tunneltax_reports::model::arrivals::{Gaps, Kind, Schedule};
use tunneltax_reports::model::queue::{self, AfterIdle, Queue, Service};
use tunneltax_reports::model::seen::{Seen, Settling};

use super::closed::{Closed, Found, IDLE_NS, SETTLE};
use super::{COMMON, LOADS_PERCENT, OWN, Plan};

/// Between the begin of a trial and its first packet: the loop polls before anything comes.
const LEAD_NS: f64 = 20_000.0;
/// Repetitions of the closed loop before the limit is known.
const FIRST_REPETITIONS: usize = 3;
/// Most that the closed loops before and after a trial differ where it counts as steady.
const STEADY: f64 = 0.1;
/// How often a trial that was not is made again.
const AGAIN_MAX: usize = 2;
/// Packets after idle time in a round, by [`IDLE_NS`].
const IDLE_PACKETS: [usize; IDLE_NS.len()] = [1024, 1024, 512, 128];

/// What stays the same for all instances.
pub struct Bench<'a> {
    /// Calibrated clock.
    pub clock: &'a Clock,
    /// How much is measured.
    pub plan: Plan,
    /// Where packets come from.
    pub kind: Kind,
    /// Their gaps, of a capture.
    pub gaps: Option<&'a Gaps>,
    /// Burst and ring.
    pub rules: queue::Rules,
    /// The load that all cases have alike, packets a second.
    pub common_pps: f64,
    /// The capture's own, where it was asked for.
    pub own: Option<OwnTimes>,
}

/// The capture's own times, divided by a factor.
#[derive(Clone, Copy, Debug)]
pub struct OwnTimes {
    /// The factor.
    pub speed_up: f64,
    /// Packets a second that this makes of the packets that are replayed.
    pub pps: f64,
}

impl Bench<'_> {
    fn ticks(&self, ns: f64) -> u64 {
        (ns * self.clock.hertz / 1e9).round() as u64
    }

    /// How many loads there are.
    pub fn loads(&self) -> usize {
        if self.own.is_some() { OWN + 1 } else { OWN }
    }

    /// Packets a second at a load of [`LOADS_PERCENT`] for a case that takes so long a packet;
    /// behind the last, the common one, and then the capture's own.
    pub fn pps(&self, load: usize, burst_ns: f64) -> f64 {
        match (LOADS_PERCENT.get(load), self.own) {
            (Some(percent), _) => percent / 100.0 * 1e9 / burst_ns,
            (None, Some(own)) if load == OWN => own.pps,
            (None, _) => self.common_pps,
        }
    }

    /// The factor of a load, where it is the capture's own.
    pub fn speed_up_of(&self, load: usize) -> Option<f64> {
        self.own.filter(|_| load == OWN).map(|own| own.speed_up)
    }

    /// Packets of a modelled load: the same virtual time at every one, and so the same number of
    /// stalls; of the capture's own times at least all of them once.
    pub fn modelled_packets(&self, load: usize, pps: f64, burst_ns: f64) -> usize {
        let part = pps * burst_ns / 1e9;
        let packets = (self.plan.modelled_packets as f64 * part).ceil() as usize;
        let least = self.gaps.filter(|_| load == OWN);
        packets.max(least.map_or(1, |gaps| gaps.ns.len()))
    }

    /// A schedule at a rate.
    pub fn schedule(&self, pps: f64, seed: u64) -> Schedule<'_> {
        Schedule::new(self.kind, self.gaps, pps, seed)
    }

    /// Rules of the loop: `stall_ns` is what a poll that finds nothing may take.
    fn rules(&self, burst: usize, stall_ns: f64) -> Rules {
        Rules {
            burst,
            ring: self.rules.ring,
            stall_ticks: self.ticks(stall_ns),
        }
    }
}

/// A paced trial.
pub struct Trial {
    /// Index of the load.
    pub load: usize,
    /// Packets a second that came.
    pub pps: f64,
    /// A packet in full bursts just before and after it, mean.
    pub burst_ns: f64,
    /// Those two are alike.
    pub steady: bool,
    /// Seed of its schedule.
    pub seed: u64,
    /// Packets that came.
    pub packets: usize,
    /// What came of it.
    pub ran: Ran,
}

/// What came of a trial.
pub struct Ran {
    /// What packets saw.
    pub seen: Seen,
    /// Stalls in it.
    pub stalls: u64,
    /// Packets that did not count, since they settled: when the first and the last of each stretch was
    /// due, ticks.
    settling: Vec<RangeInclusive<u64>>,
}

/// A fresh instance.
pub struct Instance<'b, 'w, 'a> {
    bench: &'b Bench<'b>,
    paced: Paced<'w, 'a>,
    closed: Closed,
    /// What the closed loop said before the first trial: loads and stalls are of this.
    first: Found,
    /// The trials so far.
    pub trials: Vec<Trial>,
    /// Trials, and rounds of the closed loop, that were made again.
    pub again: u32,
    /// It is paced at the load that all cases have alike, and at no other.
    is_twin: bool,
}

impl<'b, 'w, 'a> Instance<'b, 'w, 'a> {
    /// Runs the closed loop for the first time.
    pub fn begin(
        bench: &'b Bench<'b>,
        paced: Paced<'w, 'a>,
        workload: &Workload<'_>,
        is_twin: bool,
    ) -> Result<Self, String> {
        let mut of = (paced, Closed::new(workload.len()));
        for _ in 0..FIRST_REPETITIONS {
            of.1.begin();
            close(bench, &mut of.0, &mut of.1).map_err(|why| why.to_string())?;
        }
        let found = of.1.found(bench.rules.burst);
        let first = found
            .filter(|found| found.burst_ns > 0.0)
            .ok_or("no turn of the closed loop could be used")?;
        Ok(Self {
            bench,
            paced: of.0,
            closed: of.1,
            first,
            trials: Vec::new(),
            again: 0,
            is_twin,
        })
    }

    /// How much slower the closed loop is now than it was at first: sums of its full bursts without
    /// stalls. Sums, since a limit is a mean: a median forgets the slow bursts.
    fn slowness(&mut self) -> Result<f64, Wrong> {
        let room = self.paced.room();
        let rules = self.bench.rules(self.bench.rules.burst, 1e12);
        let (clock, first) = (self.bench.clock, &self.first);
        let (mut took_ns, mut expected_sum_ns) = (0.0, 0.0);
        self.paced
            .trial(rules, room, &mut Arrivals::Always, |stretch| {
                let mut place = 0;
                each_turn(stretch, |turn, due, at| {
                    let settled = place >= SETTLE.min(room / 2);
                    place += due.len();
                    if due.len() == rules.burst && settled {
                        let (ns, expected_ns) =
                            (clock.ns(turn.end - turn.begin), expected_ns(first, at));
                        if ns - expected_ns <= first.threshold_ns {
                            took_ns += ns;
                            expected_sum_ns += expected_ns;
                        }
                    }
                });
            })?;
        Ok(if took_ns > 0.0 && expected_sum_ns > 0.0 {
            took_ns / expected_sum_ns
        } else {
            1.0
        })
    }

    /// Closed loop and idle times once more; again where the core is slower or faster behind them.
    pub fn close(&mut self) -> Result<(), Wrong> {
        for left in (0..=AGAIN_MAX).rev() {
            self.closed.begin();
            close(self.bench, &mut self.paced, &mut self.closed)?;
            let before = self.slowness()?;
            for class in 0..IDLE_NS.len() {
                self.idle(class)?;
            }
            let after = self.slowness()?;
            if is_steady(before, after) || left == 0 {
                self.closed.end(f64::midpoint(before, after));
                break;
            }
            self.again += 1;
            self.closed.forget();
        }
        Ok(())
    }

    /// Packets that come after so long an idle time.
    fn idle(&mut self, class: usize) -> Result<(), Wrong> {
        let bench = self.bench;
        let gap_ns = IDLE_NS[class];
        let every_ns = gap_ns + self.first.single_ns;
        let mut time_ns = LEAD_NS;
        let mut due = || {
            time_ns += every_ns;
            bench.ticks(time_ns)
        };
        let rules = bench.rules(bench.rules.burst, self.first.threshold_ns);
        let closed = &mut self.closed;
        let clock = bench.clock;
        let mut before = 0;
        self.paced.trial(
            rules,
            IDLE_PACKETS[class],
            &mut Arrivals::At(&mut due),
            |stretch| {
                each_turn(stretch, |turn, due, at| {
                    let idle_ns = clock.ns(due[0].saturating_sub(before));
                    before = turn.end;
                    let is_alone = due.len() == 1;
                    if is_alone && idle_ns > gap_ns / 2.0 && idle_ns < gap_ns * 2.0 {
                        closed.idle(class, at[0], clock.ns(turn.end - due[0]));
                    }
                });
                let stalls = stretch.idle_stalls.iter().map(|ticks| clock.ns(*ticks));
                let stalled_ns: f64 = stalls.clone().sum();
                let end = stretch.turns.last().map_or(0, |turn| turn.end);
                closed.watched((clock.ns(end) - stalled_ns).max(0.0), stalls);
            },
        )
    }

    /// Whether this instance is paced at a load.
    fn takes(&self, load: usize) -> bool {
        let pps = self.bench.pps(load, self.first.burst_ns);
        (load == COMMON || !self.is_twin) && self.bench.plan.paces(pps)
    }

    /// Whether every load that it is paced at has a trial.
    pub fn is_whole(&self) -> bool {
        let mut loads = (0..self.bench.loads()).filter(|load| self.takes(*load));
        loads.all(|load| self.trials.iter().any(|trial| trial.load == load))
    }

    /// Packets a second that the closed loop carried at first.
    pub fn limit_pps(&self) -> f64 {
        1e9 / self.first.burst_ns
    }

    /// A paced trial at a load: a part of what the core carries at this moment, by the closed loop
    /// just before it. Where the core is slower or faster behind it, it is made again.
    pub fn pace(&mut self, load: usize, seed: u64) -> Result<(), Wrong> {
        if !self.takes(load) {
            return Ok(());
        }
        let mut trial = self.trial(load, seed)?;
        for _ in 0..AGAIN_MAX {
            if trial.steady {
                break;
            }
            self.again += 1;
            trial = self.trial(load, seed)?;
        }
        self.trials.push(trial);
        Ok(())
    }

    fn trial(&mut self, load: usize, seed: u64) -> Result<Trial, Wrong> {
        // Other cases ran in between: what comes first finds their data in the caches.
        self.slowness()?;
        let before = self.slowness()?;
        let pps = self.bench.pps(load, self.first.burst_ns * before);
        let packets = self.bench.plan.trial_packets(pps);
        let ran = self.run(self.bench.kind, pps, seed, packets)?;
        let after = self.slowness()?;
        Ok(Trial {
            load,
            pps,
            burst_ns: self.first.burst_ns * f64::midpoint(before, after),
            steady: is_steady(before, after),
            seed,
            packets,
            ran,
        })
    }

    /// A trial of so many packets at a rate.
    pub fn run(&mut self, kind: Kind, pps: f64, seed: u64, packets: usize) -> Result<Ran, Wrong> {
        let bench = self.bench;
        let mut schedule = Schedule::new(kind, bench.gaps, pps, seed);
        let mut due = || bench.ticks(LEAD_NS + schedule.next_ns());
        let (mut seen, mut stalls) = (Seen::new(), 0);
        let mut settling = Settling::default();
        let mut settled: Vec<RangeInclusive<u64>> = Vec::new();
        let rules = bench.rules(bench.rules.burst, self.first.threshold_ns);
        let (clock, first) = (bench.clock, &self.first);
        let mut longest_line = 0;
        let arrivals = &mut Arrivals::At(&mut due);
        self.paced.trial(rules, packets, arrivals, |stretch| {
            let mut place = 0;
            let last = stretch.due.len().min(SETTLE).checked_sub(1);
            settled.extend(last.map(|last| stretch.due[0]..=stretch.due[last]));
            each_turn(stretch, |turn, due, at| {
                let expected_ns = expected_ns(first, at);
                let took_ns = clock.ns(turn.end - turn.begin);
                stalls += u64::from(took_ns - expected_ns > first.threshold_ns);
                for due in due {
                    let at_ns = clock.ns(*due) - LEAD_NS;
                    if place >= SETTLE {
                        settling.end(at_ns);
                        let latency_ns = clock.ns(turn.end - due);
                        seen.packet(latency_ns, clock.ns(turn.begin - due));
                    } else {
                        settling.begin(at_ns);
                        seen.settled += 1;
                    }
                    place += 1;
                }
                let end_ns = (clock.ns(turn.end) - LEAD_NS).max(0.0);
                seen.elapsed_ns = (end_ns - settling.until(end_ns)).max(0.0);
            });
            stalls += stretch.idle_stalls.len() as u64;
            seen.dropped += stretch.dropped;
            longest_line = longest_line.max(stretch.longest_line);
        })?;
        seen.queue.saturating_record(longest_line as u64);
        Ok(Ran {
            seen,
            stalls,
            settling: settled,
        })
    }

    /// What the closed loop says in the end, and the trials.
    pub fn finish(self) -> (Option<Found>, Vec<Trial>) {
        (self.closed.found(self.bench.rules.burst), self.trials)
    }

    /// The same so far.
    pub fn found(&self) -> Option<Found> {
        self.closed.found(self.bench.rules.burst)
    }
}

/// Whether the core was as fast behind something as before it.
fn is_steady(before: f64, after: f64) -> bool {
    (after / before - 1.0).abs() <= STEADY
}

/// What is expected of a turn on these packets, ns.
fn expected_ns(found: &Found, at: &[usize]) -> f64 {
    let of = |at: &usize| found.by_packet_ns.get(*at).copied().unwrap_or(0.0);
    found.service.turn_ns + at.iter().map(of).sum::<f64>()
}

/// A repetition of the closed loop, alone and in full bursts.
fn close(bench: &Bench<'_>, paced: &mut Paced<'_, '_>, closed: &mut Closed) -> Result<(), Wrong> {
    let clock = bench.clock;
    let room = paced.room();
    let burst = bench.rules.burst;
    let rules = bench.rules(burst, 1e12);
    // Other cases ran in between: what is alone in its turn would pay for that, full bursts not.
    paced.trial(rules, room, &mut Arrivals::Always, |_| {})?;
    let mut spans = Vec::with_capacity(room);
    paced.trial(
        bench.rules(1, 1e12),
        room,
        &mut Arrivals::Always,
        |stretch| {
            each_turn(stretch, |turn, _, _| {
                spans.push(clock.ns(turn.end - turn.begin) as f32);
            });
        },
    )?;
    closed.single(spans);
    let counts = mixed_counts(paced.room(), burst, closed.rounds() as u64);
    let mut first = 0;
    paced.trial(rules, room, &mut Arrivals::Mixed(&counts), |stretch| {
        each_turn(stretch, |turn, due, _| {
            if first >= SETTLE.min(room / 2) {
                closed.mixed(clock.ns(turn.end - turn.begin), first, turn.packets);
            }
            first += due.len();
        });
    })?;
    paced.trial(rules, room, &mut Arrivals::Always, |stretch| {
        let mut first = 0;
        each_turn(stretch, |turn, due, _| {
            if due.len() == burst && first >= SETTLE.min(room / 2) {
                closed.burst(clock.ns(turn.end - turn.begin), first, turn.packets);
            }
            first += due.len();
        });
    })
}

/// Numbers of packets, each twice as seldom as one less, as many as may be needed.
fn mixed_counts(room: usize, burst: usize, seed: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let most = burst.min(usize::from(u8::MAX)) as u32;
    let mut count = || (rng.random::<u64>().trailing_zeros() + 1).min(most) as u8;
    (0..room).map(|_| count()).collect()
}

/// Hands out the turns, each with its packets' times and positions.
fn each_turn(
    stretch: &Stretch<'_>,
    mut take: impl FnMut(&tunneltax_core::paced::Turn, &[u64], &[usize]),
) {
    let (mut due, mut at) = (stretch.due, stretch.at);
    for turn in stretch.turns {
        let packets = turn.packets as usize;
        let (of_turn, rest) = due.split_at(packets.min(due.len()));
        let (positions, others) = at.split_at(packets.min(at.len()));
        take(turn, of_turn, positions);
        (due, at) = (rest, others);
    }
}

/// The model over the same packets at the same times, on a core as fast as it was beside them.
pub fn modelled(bench: &Bench<'_>, found: &Found, trial: &Trial, stalls: bool) -> Seen {
    let stalls = stalls.then_some(&found.stalls);
    let scale = trial.burst_ns / found.burst_ns;
    let series = found.service.series_ns.iter();
    let scaled = |ns: &f32| (f64::from(*ns) * scale) as f32;
    let idle = found.service.idle.iter().map(|of| AfterIdle {
        gap_ns: of.gap_ns,
        extra_ns: of.extra_ns.iter().map(scaled).collect(),
    });
    let service = Service {
        series_ns: series.map(scaled).collect(),
        turn_ns: found.service.turn_ns * scale,
        mixed_ns: found.service.mixed_ns * scale,
        idle: idle.collect(),
    };
    let mut queue = Queue::new(bench.rules, &service, stalls, trial.seed);
    let mut schedule = bench.schedule(trial.pps, trial.seed);
    for _ in 0..trial.packets {
        let at_ns = schedule.next_ns();
        let due = bench.ticks(LEAD_NS + at_ns);
        if trial.ran.settling.iter().any(|of| of.contains(&due)) {
            queue.offer_settling(at_ns);
        } else {
            queue.offer(at_ns);
        }
    }
    queue.finish()
}
