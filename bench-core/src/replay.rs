//! The one timed loop. Cases under comparison take turns on the same packets, in the same
//! memory, in an order drawn anew for every round and then reversed (ABBA), so that whatever
//! drifts hits all alike.
//!
//! A *visit* fills the arena, sends (timed), looks at what was sent, receives what was just
//! sent (timed), and compares every packet with what must come out. Filling, looking and
//! comparing are outside the clock; so are keys, tables and memory, which belong to
//! [`Lane::open`]. Of two visits to the same packets the faster one counts, for every case
//! alike: what else runs only ever adds time. How often the two disagree is counted.
//!
//! Packets that others sealed are not sent: a visit loads them as they arrived, and only receives.
//! Before every reading the receiver is made what it was when the first of its packets came
//! ([`crate::path::PacketPath::rewind`]), outside the clock too.

mod arrangement;
mod lane;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::anchor::Anchor;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::fate::Fate;
use crate::frame::{Arena, Frame, LINE_BYTES, Placement};
use crate::path::Case;
use crate::shares::{self, Share, Spans};
use crate::slowest::Slow;
use crate::stalls::{self, Stalls};
use crate::usage::Usage;
use crate::workload::{Shape, Workload, came_out};

pub use arrangement::{Arrangement, Turns};
use lane::{Form, Half};
pub use lane::{Lane, Samples};

/// Least difference between two visits, in ns a reading, that counts as a disagreement.
pub const DISTURBED_NS: f64 = 300.0;

/// Memory for `packets` frames that every one of `cases` can work in.
fn arena(
    cases: &[&'static Case],
    workload: &Workload<'_>,
    packets: usize,
    placement: Placement,
) -> Arena {
    let headroom = cases
        .iter()
        .map(|c| c.overhead.headroom())
        .max()
        .unwrap_or(0);
    let tailroom = cases
        .iter()
        .map(|c| c.overhead.tailroom())
        .max()
        .unwrap_or(0);
    Arena::placed(packets, headroom, workload.longest(), tailroom, placement)
}

/// What to measure in one instance.
pub struct Plan<'a> {
    /// Layout in memory and time.
    pub shape: Shape,
    /// Fills of the arena; the walk over the workload goes on from one to the next.
    pub rounds: usize,
    /// Where in the workload to begin, in readings.
    pub first_stretch: usize,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
}

/// Measures one fresh instance of every lane. All packets must be such that every lane carries
/// them ([`Workload::filtered`]); a lane that drops one, or lets it come out different, fails.
/// Returns what else was seen meanwhile.
pub fn measure(
    lanes: &mut [Lane],
    workload: &Workload<'_>,
    plan: &Plan<'_>,
    clock: &Clock,
    order_rng: &mut ChaCha8Rng,
) -> Beside {
    let usual = Arrangement::default();
    measure_arranged(lanes, workload, plan, usual, clock, order_rng)
}

/// The same, arranged in some way that should not matter.
pub fn measure_arranged(
    lanes: &mut [Lane],
    workload: &Workload<'_>,
    plan: &Plan<'_>,
    arrangement: Arrangement,
    clock: &Clock,
    order_rng: &mut ChaCha8Rng,
) -> Beside {
    let before = Usage::now();
    let shape = plan.shape;
    let cases: Vec<_> = lanes.iter().map(|l| l.case).collect();
    let packets = shape.arena_packets();
    let mut arena = arena(&cases, workload, packets, arrangement.placement);
    let mut frames = arena.frames();
    if shape.scattered {
        frames.shuffle(order_rng);
    }
    let mut desk = Desk::new(frames, workload, shape, clock);
    let stretches = desk.readings.len();
    let mut anchors = Vec::new();
    let mut order: Vec<usize> = (0..lanes.len()).collect();
    for round in 0..plan.rounds {
        if plan.stop.load(Ordering::Relaxed) {
            break;
        }
        let first = (plan.first_stretch + round * shape.readings_per_fill) % stretches;
        anchors.extend(Anchor::read(clock));
        if arrangement.turns == Turns::Drawn {
            order.shuffle(order_rng);
        }
        measure_round(lanes, &mut desk, Walk { round, first }, &order);
    }
    anchors.extend(Anchor::read(clock));
    Beside {
        anchors,
        stalls: desk.stalls,
        usage: Usage::now().since(&before),
    }
}

/// Walks every lane once more, counted by the CPU and not timed: over as much of the workload as a
/// plan has rounds for, and at most once. All packets are such as [`measure`] takes.
pub fn count(
    lanes: &mut [Lane],
    workload: &Workload<'_>,
    plan: &Plan<'_>,
    clock: &Clock,
    counters: &mut Counters,
) {
    let (shape, placement) = (plan.shape, Placement::default());
    let cases: Vec<_> = lanes.iter().map(|l| l.case).collect();
    let mut arena = arena(&cases, workload, shape.arena_packets(), placement);
    let mut desk = Desk::new(arena.frames(), workload, shape, clock);
    let fills = desk.readings.len().div_ceil(shape.readings_per_fill);
    for fill in 0..fills.min(plan.rounds) {
        let first = desk.stretch(plan.first_stretch, fill * shape.readings_per_fill);
        for lane in lanes.iter_mut().filter(|lane| !lane.twin) {
            desk.prepare(lane, first);
            for half in lane.halves() {
                desk.count(lane, *half, first, counters);
            }
            desk.compare(lane, first);
        }
    }
}

/// What was seen beside the packets.
pub struct Beside {
    /// What the core was before every round, and after the last.
    pub anchors: Vec<Anchor>,
    /// Stalls in the visits of all lanes.
    pub stalls: Stalls,
    /// What the kernel counted of this thread, filling and comparing included.
    pub usage: Usage,
}

/// A round, and the stretch that it begins with.
#[derive(Clone, Copy)]
struct Walk {
    round: usize,
    first: usize,
}

/// One round: a visit to get used to the packets (flows established, caches as the temperature
/// says), in which readings of the clock are timed and no packet; a visit in order, one in
/// reverse, and one with stamps.
fn measure_round(lanes: &mut [Lane], desk: &mut Desk<'_, '_>, walk: Walk, order: &[usize]) {
    let first = walk.first;
    let readings = desk.shape.readings_per_fill;
    let mut totals: Vec<[Visit; 2]> = lanes.iter().map(|_| Default::default()).collect();
    for &at in order {
        let lane = &mut lanes[at];
        let doubled = desk.visit(lane, first, Lane::doubled);
        for half in lane.halves() {
            let of_two = doubled.of(*half).iter().map(|&ticks| desk.clock.ns(ticks));
            lane.samples.reading_ns[*half as usize].extend(of_two.map(|ns| ns / 2.0));
        }
    }
    for (turn, lane) in both_ways(order) {
        totals[lane][turn] = desk.visit(&mut lanes[lane], first, Lane::timed);
    }
    for &at in order {
        let lane = &mut lanes[at];
        let stamped = (!lane.twin).then(|| desk.visit_stamped(lane, first));
        let [one, two] = &totals[at];
        for reading in 0..readings {
            let stretch = desk.stretch(first, reading) as u32;
            lane.samples.stretch.push(stretch);
            for half in [Half::Send, Half::Receive] {
                let total_ns = desk.take(lane, half, reading, one, two, stamped.as_ref());
                let Some(stamped) = &stamped else {
                    continue;
                };
                desk.share_out(&mut lane.samples, half, first, reading, total_ns);
                if lane.halves().contains(&half) {
                    desk.keep_slowest(&mut lane.samples, half, walk, (reading, total_ns), stamped);
                }
            }
        }
    }
}

/// A, B, B, A: the order, then its reverse.
fn both_ways(order: &[usize]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let there = order.iter().map(|lane| (0, *lane));
    there.chain(order.iter().rev().map(|lane| (1, *lane)))
}

/// Ticks of a visit, one value a reading.
#[derive(Default)]
struct Visit {
    send: Vec<u64>,
    receive: Vec<u64>,
    /// What the kernel counted meanwhile; of stamped visits alone.
    usage: Usage,
}

impl Visit {
    fn of(&self, half: Half) -> &[u64] {
        match half {
            Half::Send => &self.send,
            Half::Receive => &self.receive,
        }
    }

    fn push(&mut self, half: Half, ticks: u64) {
        match half {
            Half::Send => self.send.push(ticks),
            Half::Receive => self.receive.push(ticks),
        }
    }

    /// Ticks of a reading; 0 of none.
    fn ticks(&self, half: Half, reading: usize) -> u64 {
        self.of(half).get(reading).copied().unwrap_or(0)
    }
}

/// Walks the frames of a reading; ticks of what it times.
type Read = fn(&mut Lane, Half, &mut [Frame<'_>], usize) -> u64;

/// What all lanes work on, in turns.
struct Desk<'w, 'a> {
    frames: Vec<Frame<'a>>,
    stamps: Vec<u64>,
    spans: Spans,
    stalls: Stalls,
    workload: &'w Workload<'w>,
    /// The packets of each stretch.
    readings: Vec<Range<usize>>,
    shape: Shape,
    clock: &'w Clock,
}

impl<'w, 'a> Desk<'w, 'a> {
    fn new(
        frames: Vec<Frame<'a>>,
        workload: &'w Workload<'w>,
        shape: Shape,
        clock: &'w Clock,
    ) -> Self {
        Self {
            frames,
            stamps: vec![0; shape.packets_per_reading + 1],
            spans: Spans::new(shape.arena_packets()),
            stalls: Stalls::default(),
            workload,
            readings: workload.readings(shape),
            shape,
            clock,
        }
    }
}

impl Desk<'_, '_> {
    /// All readings of a fill, in bursts and without a clock; what the CPU counts of each is added up.
    fn count(&mut self, lane: &mut Lane, half: Half, first: usize, counters: &mut Counters) {
        let stretches = self.stretches(first);
        let readings = self.frames.chunks_mut(self.shape.packets_per_reading);
        for (frames, stretch) in readings.zip(stretches) {
            lane.path.rewind(stretch);
            let counted = counters.count(|| {
                for burst in frames.chunks_mut(self.shape.burst) {
                    lane.walk(half, burst);
                }
            });
            lane.samples.add_counted(half, frames.len() as u64, counted);
        }
    }

    /// The stretch of a reading: the walk wraps between stretches, so that a stretch is always
    /// the same packets.
    fn stretch(&self, first_stretch: usize, reading: usize) -> usize {
        (first_stretch + reading) % self.readings.len().max(1)
    }

    /// The stretches of a fill.
    fn stretches(&self, first_stretch: usize) -> Vec<usize> {
        let readings = 0..self.shape.readings_per_fill;
        readings
            .map(|reading| self.stretch(first_stretch, reading))
            .collect()
    }

    /// Position in the workload of a frame of the arena.
    fn position(&self, first_stretch: usize, at: usize) -> usize {
        let packets = self.shape.packets_per_reading;
        let stretch = self.stretch(first_stretch, at / packets);
        self.readings.get(stretch).map_or(0, |range| range.start) + at % packets
    }

    fn fill(&mut self, lane: &Lane, first_stretch: usize) {
        for at in 0..self.frames.len() {
            let position = self.position(first_stretch, at);
            let packet = match lane.arrives {
                Some(Form::Sealed) => self.workload.sealed(position),
                Some(Form::Plain) | None => self.workload.packet(position),
            };
            self.frames[at].load(packet);
        }
    }

    /// Fills. Hot: with the lane's code, tables and branch predictors used to a burst of the
    /// packets that follow, since other lanes had their turns in between, and with every line of
    /// the frames read once more, since copying brought in the packets that they are copies of.
    fn prepare(&mut self, lane: &mut Lane, first_stretch: usize) {
        if self.shape.readings_per_fill == 1 {
            self.fill(lane, first_stretch + 1);
            let burst = self.shape.burst.min(self.frames.len());
            lane.path.rewind(self.stretch(first_stretch, 1));
            for half in lane.halves() {
                lane.walk(*half, &mut self.frames[..burst]);
            }
            self.fill(lane, first_stretch);
            for frame in &self.frames {
                let lines = frame.bytes().chunks(LINE_BYTES);
                std::hint::black_box(lines.fold(0, |sum, line| sum ^ line[0]));
            }
        } else {
            self.fill(lane, first_stretch);
        }
    }

    fn visit(&mut self, lane: &mut Lane, first_stretch: usize, read: Read) -> Visit {
        self.prepare(lane, first_stretch);
        let Shape {
            burst,
            packets_per_reading,
            ..
        } = self.shape;
        let mut visit = Visit::default();
        for half in lane.halves() {
            let stretches = self.stretches(first_stretch);
            let readings = self.frames.chunks_mut(packets_per_reading);
            for (frames, stretch) in readings.zip(stretches) {
                lane.path.rewind(stretch);
                visit.push(*half, read(lane, *half, frames, burst));
            }
        }
        self.compare(lane, first_stretch);
        visit
    }

    fn visit_stamped(&mut self, lane: &mut Lane, first_stretch: usize) -> Visit {
        // Around all of it: a system call before a reading would be seen in its first packets.
        let before = Usage::now();
        self.prepare(lane, first_stretch);
        let mut visit = Visit::default();
        for half in lane.halves() {
            let stretches = self.stretches(first_stretch);
            let readings = self.frames.chunks_mut(self.shape.packets_per_reading);
            for (reading, (frames, stretch)) in readings.zip(stretches).enumerate() {
                lane.path.rewind(stretch);
                lane.stamped(*half, frames, &mut self.stamps);
                let latency = match half {
                    Half::Send => &mut lane.samples.send_latency,
                    Half::Receive => &mut lane.samples.receive_latency,
                };
                for pair in self.stamps.windows(2) {
                    latency.record(self.clock.ns(pair[1].saturating_sub(pair[0])));
                }
                self.spans.keep(*half as usize, reading, &self.stamps);
                let ends = self.stamps.first().zip(self.stamps.last());
                let total = ends.map_or(0, |(start, end)| end.saturating_sub(*start));
                visit.push(*half, total);
            }
        }
        visit.usage = Usage::now().since(&before);
        self.compare(lane, first_stretch);
        visit
    }

    /// Every packet must have come out, and right.
    fn compare(&self, lane: &mut Lane, first_stretch: usize) {
        let wrong = self.frames.iter().enumerate().find(|(at, frame)| {
            let right = self
                .workload
                .expected(lane.hops(), self.position(first_stretch, *at));
            !frame.is_carried() || !came_out(frame, right)
        });
        if let (Some((at, frame)), None) = (wrong, &lane.failed) {
            let at = self.position(first_stretch, at) % self.workload.len().max(1);
            lane.failed = Some(match frame.fate {
                Fate::Dropped(reason) => {
                    format!(
                        "packet {at} was dropped in the timed loop: {}",
                        reason.name()
                    )
                }
                Fate::Carried => format!("packet {at} came out different in the timed loop"),
            });
        }
    }

    /// Adds a reading's total to the labels of its packets.
    fn share_out(
        &self,
        samples: &mut Samples,
        half: Half,
        first_stretch: usize,
        reading: usize,
        total_ns: f64,
    ) {
        let labels = self.workload.labels();
        if labels.is_empty() {
            return;
        }
        let packets = self.shape.packets_per_reading;
        let alone_ns = |span: &u32| self.clock.ns((*span).into()) - self.clock.reading_ns;
        let spans = self.spans.of(half as usize, reading, packets);
        let parts = shares::parts(spans.iter().map(alone_ns), total_ns);
        samples.shares.resize(labels.len(), Vec::new());
        for (labels, shares) in labels.iter().zip(&mut samples.shares) {
            shares.resize(labels.count(), Share::default());
            for (at, part_ns) in parts.iter().enumerate() {
                let position = self.position(first_stretch, reading * packets + at);
                let share = &mut shares[labels.at(position)];
                share.packets += u64::from(half == Half::Send);
                share.ns += part_ns;
            }
        }
    }

    /// Of the packets of a stamped reading, whose work takes so long, those that are among the
    /// slowest.
    fn keep_slowest(
        &self,
        samples: &mut Samples,
        half: Half,
        walk: Walk,
        (reading, work_ns): (usize, f64),
        stamped: &Visit,
    ) {
        let packets = self.shape.packets_per_reading;
        // What stamps, and calls of one packet in place of a burst, add to every reading.
        let stamping_ns = packets as f64 * samples.usual_stamping_ns(half);
        let took_ns = self.clock.ns(stamped.ticks(half, reading));
        let beyond_ns = took_ns - stamping_ns - work_ns;
        let slowest = &mut samples.slowest[half as usize];
        for (at, ticks) in self
            .spans
            .of(half as usize, reading, packets)
            .iter()
            .enumerate()
        {
            let ns = self.clock.ns((*ticks).into()).round() as u64;
            slowest.offer(ns, || Slow {
                packet: self.position(walk.first, reading * packets + at),
                place: reading * packets + at,
                round: walk.round,
                reading_beyond_ns: beyond_ns,
                stalled: beyond_ns > stalls::least_ns(work_ns) && is_most(beyond_ns, ns as f64),
                usage: stamped.usage,
            });
        }
    }

    /// Turns the two visits (and the stamped one) of a reading into a sample; returns what the
    /// reading took without the clock's cost, ns.
    fn take(
        &mut self,
        lane: &mut Lane,
        half: Half,
        reading: usize,
        one: &Visit,
        two: &Visit,
        stamped: Option<&Visit>,
    ) -> f64 {
        if !lane.halves().contains(&half) {
            // Nobody sends: that takes no time.
            lane.samples.send_ns.push(0.0);
            return 0.0;
        }
        let pick = |visit: &Visit| self.clock.ns(visit.ticks(half, reading));
        let visits = [pick(one), pick(two)];
        let (total_ns, disturbed) = faster(visits[0], visits[1]);
        for ns in visits {
            self.stalls.look(ns, total_ns);
        }
        let packets = self.shape.packets_per_reading as f64;
        // One fenced reading stands inside every total: half of each of the two.
        let clock_ns = self.clock.fenced_reading_ns;
        let packet_ns = (total_ns - clock_ns) / packets;
        let stamping_ns = stamped.map(|visit| pick(visit) / packets - packet_ns);
        let samples = &mut lane.samples;
        samples.disturbed[half as usize] += u64::from(disturbed);
        let (times, stampings, share) = match half {
            Half::Send => (
                &mut samples.send_ns,
                &mut samples.send_stamping_ns,
                &mut samples.send_clock_share,
            ),
            Half::Receive => (
                &mut samples.receive_ns,
                &mut samples.receive_stamping_ns,
                &mut samples.receive_clock_share,
            ),
        };
        times.push(packet_ns);
        stampings.extend(stamping_ns);
        let before = (times.len() - 1) as f64;
        *share = (*share * before + clock_ns / total_ns.max(clock_ns)) / times.len() as f64;
        total_ns - clock_ns
    }
}

/// Whether a gap in a reading is one of this packet, and most of it.
fn is_most(gap_ns: f64, packet_ns: f64) -> bool {
    packet_ns > gap_ns / 2.0 && gap_ns >= packet_ns / 2.0
}

/// The faster of two visits, and whether they disagree too much to have been alone.
fn faster(one_ns: f64, two_ns: f64) -> (f64, bool) {
    let (fast, slow) = (one_ns.min(two_ns), one_ns.max(two_ns));
    let disturbed = slow > 1.5 * fast && slow - fast > DISTURBED_NS;
    (fast, disturbed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faster_of_two_visits_counts_whatever_the_other_was() {
        assert_eq!(faster(1000.0, 1100.0), (1000.0, false));
        assert_eq!(faster(40_000.0, 1000.0), (1000.0, true));
        assert_eq!(faster(200.0, 100.0), (100.0, false));
    }

    #[test]
    fn a_gap_is_a_packets_where_it_is_at_least_half_of_it() {
        assert!(is_most(17_000.0, 20_000.0));
        assert!(!is_most(17_000.0, 60_000.0), "slow by itself");
        assert!(!is_most(17_000.0, 5_000.0), "the gap is another packet's");
    }

    #[test]
    fn the_order_is_mirrored() {
        let visits: Vec<_> = both_ways(&[2, 0, 1]).collect();
        assert_eq!(visits, [(0, 2), (0, 0), (0, 1), (1, 1), (1, 0), (1, 2)]);
    }
}
