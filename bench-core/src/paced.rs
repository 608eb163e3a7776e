//! Packets sent at their times, on one core: the loop that the queue model is held against.
//!
//! The loop polls the clock. What is due by a reading enters the ring, or is dropped where the ring
//! is full; up to a burst of what waits is then sent in one call, and the next reading is the time
//! at which all of that burst is done. So a turn has one plain reading, which is part of what the
//! loop costs. A packet's latency counts from the time at which it was due, whenever the loop
//! got to look (no coordinated omission).
//!
//! Nothing is loaded while the clock runs. An arena of frames is filled; when every packet in it
//! has come, the clock stands still: what was sent is received and compared, what waits moves to
//! the front, the rest of the arena is filled again, and the clock goes on where it stood. To the
//! queue that pause does not exist; the caches see it, and the first packets behind it are slower.

use crate::clock;
use crate::frame::{Arena, Frame};
use crate::path::{Case, CaseError, PacketPath, Setup};
use crate::workload::{Workload, came_out};

/// Which gateway is paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// The near one: packets come, and are sent.
    Near,
    /// The far one: packets that were sent outside the clock come, and are received.
    Far,
}

/// How the loop takes packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Most packets in a call.
    pub burst: usize,
    /// Most packets that wait; at most half of the frames, or there is no room for new ones.
    pub ring: usize,
    /// A poll that finds nothing and comes so many ticks after the last is a stall.
    pub stall_ticks: u64,
}

/// One call of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The poll that found its packets, ticks of the trial.
    pub begin: u64,
    /// The next reading.
    pub end: u64,
    /// Packets.
    pub packets: u32,
}

/// What happened between two pauses.
pub struct Stretch<'a> {
    /// The turns, in order.
    pub turns: &'a [Turn],
    /// When each packet was due, turn by turn; ticks of the trial.
    pub due: &'a [u64],
    /// Which packet of the workload each is.
    pub at: &'a [usize],
    /// Packets that found the ring full.
    pub dropped: u64,
    /// Most packets that waited.
    pub longest_line: usize,
    /// How long stalls took in which nothing waited, ticks.
    pub idle_stalls: &'a [u64],
}

/// When packets come.
pub enum Arrivals<'a> {
    /// One is always there: the closed loop.
    Always,
    /// As many are there as these say, turn by turn, from 1 to the burst: a closed loop whose next
    /// turn no branch predictor knows.
    Mixed(&'a [u8]),
    /// At these times, in ticks from the begin of the trial, never falling.
    At(&'a mut dyn FnMut() -> u64),
}

/// Most stalls of an idle loop that are kept between two pauses.
const IDLE_STALLS_MAX: usize = 256;

/// Why a trial has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// What came out is not what had to.
    #[error("packet {0} was dropped or came out different in the paced loop")]
    Packet(usize),
}

/// A fresh instance of a case behind the loop, and its frames' logs; allocates only here.
pub struct Paced<'w, 'a> {
    case: &'static Case,
    path: Box<dyn PacketPath>,
    gateway: Gateway,
    workload: &'w Workload<'w>,
    frames: Vec<Frame<'a>>,
    due: Vec<u64>,
    at: Vec<usize>,
    turns: Vec<Turn>,
    idle_stalls: Vec<u64>,
}

/// Memory for `packets` frames that a case can work in.
pub fn arena(case: &Case, workload: &Workload<'_>, packets: usize) -> Arena {
    Arena::new(
        packets,
        case.overhead.headroom(),
        workload.longest(),
        case.overhead.tailroom(),
    )
}

/// Where the loop stands within a trial.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Packets that wait, at the front of the frames.
    waiting: usize,
    /// Ticks of the trial so far.
    now: u64,
}

impl<'w, 'a> Paced<'w, 'a> {
    /// Opens a fresh instance of a case that carries every packet of the workload.
    pub fn open(
        case: &'static Case,
        setup: &Setup,
        gateway: Gateway,
        workload: &'w Workload<'w>,
        arena: &'a mut Arena,
    ) -> Result<Self, CaseError> {
        let frames = arena.frames();
        let room = frames.len();
        Ok(Self {
            case,
            path: case.open(setup)?,
            gateway,
            workload,
            frames,
            due: vec![0; room],
            at: vec![0; room],
            turns: Vec::with_capacity(room),
            idle_stalls: Vec::with_capacity(IDLE_STALLS_MAX),
        })
    }

    /// Frames that are filled at once.
    pub fn room(&self) -> usize {
        self.frames.len()
    }

    /// One trial: so many packets from the first of the workload on, at their times, the loop idle
    /// and the ring empty at its begin. `seen` is called in the pauses.
    pub fn trial(
        &mut self,
        rules: Rules,
        packets: usize,
        arrivals: &mut Arrivals<'_>,
        mut seen: impl FnMut(&Stretch<'_>),
    ) -> Result<(), Wrong> {
        let mut place = Place::default();
        let mut next = 0;
        let ready = match arrivals {
            Arrivals::Always => Ready::Burst,
            Arrivals::Mixed(counts) => Ready::Mixed(counts),
            Arrivals::At(_) => Ready::WhenDue,
        };
        while next < packets {
            let fresh = (self.frames.len() - place.waiting).min(packets - next);
            let filled = place.waiting + fresh;
            self.fill(place.waiting..filled, next, arrivals);
            next += fresh;
            self.seal(place.waiting..filled, rules.burst);
            self.push_away(filled, next);
            let mut line = Line {
                head: 0,
                tail: place.waiting,
                next: place.waiting,
                dropped: 0,
                longest: place.waiting,
            };
            place.now = self.run(rules, ready, filled, next == packets, place.now, &mut line);
            seen(&Stretch {
                turns: &self.turns,
                due: &self.due[..line.head],
                at: &self.at[..line.head],
                dropped: line.dropped,
                longest_line: line.longest,
                idle_stalls: &self.idle_stalls,
            });
            self.compare(line.head, rules.burst)?;
            place.waiting = line.tail - line.head;
            for at in 0..place.waiting {
                self.swap(at, line.head + at);
            }
        }
        Ok(())
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.frames.swap(one, other);
        self.due.swap(one, other);
        self.at.swap(one, other);
    }

    fn fill(&mut self, frames: std::ops::Range<usize>, first: usize, arrivals: &mut Arrivals<'_>) {
        for (count, slot) in frames.enumerate() {
            let position = first + count;
            self.frames[slot].load(self.workload.packet(position));
            self.at[slot] = position % self.workload.len().max(1);
            self.due[slot] = match arrivals {
                Arrivals::Always | Arrivals::Mixed(_) => 0,
                Arrivals::At(next) => next(),
            };
        }
    }

    /// Writes the frames that this stretch does not need: so what it does need is as far away as in
    /// a stretch of all frames, however short the trial is.
    fn push_away(&mut self, from: usize, first: usize) {
        for (count, frame) in self.frames[from..].iter_mut().enumerate() {
            frame.load(self.workload.packet(first + count));
        }
    }

    /// What comes to the far gateway was sent by the near one.
    fn seal(&mut self, frames: std::ops::Range<usize>, burst: usize) {
        if self.gateway == Gateway::Far {
            for burst in self.frames[frames].chunks_mut(burst) {
                self.path.send(burst);
            }
        }
    }

    /// Every packet must come out at the far gateway, and right.
    fn compare(&mut self, frames: usize, burst: usize) -> Result<(), Wrong> {
        let frames = &mut self.frames[..frames];
        if self.gateway == Gateway::Near {
            for burst in frames.chunks_mut(burst) {
                self.path.receive(burst);
            }
        }
        for (frame, at) in frames.iter().zip(&self.at) {
            let right = self.workload.expected(self.case.hops, *at);
            if !frame.is_carried() || !came_out(frame, right) {
                return Err(Wrong::Packet(*at));
            }
        }
        Ok(())
    }

    /// The loop, from one pause to the next: until all of `filled` frames have come and, if they
    /// are the `last`, are done. Returns the time of the trial at which it stopped.
    #[inline(never)]
    fn run(
        &mut self,
        rules: Rules,
        ready: Ready<'_>,
        filled: usize,
        last: bool,
        resume: u64,
        line: &mut Line,
    ) -> u64 {
        let Self {
            path,
            gateway,
            frames,
            due,
            at,
            turns,
            idle_stalls,
            ..
        } = self;
        turns.clear();
        idle_stalls.clear();
        let closed = !matches!(ready, Ready::WhenDue);
        let (mut ring, mixed) = match ready {
            Ready::Burst => (rules.burst, &[][..]),
            Ready::Mixed(counts) => (rules.burst, counts),
            Ready::WhenDue => (rules.ring.min(frames.len() / 2), &[][..]),
        };
        let mut next_counts = mixed.iter().cycle();
        let mut pending: u32 = 0;
        let mut begin = resume;
        let origin = clock::now().wrapping_sub(resume);
        loop {
            let now = clock::now().wrapping_sub(origin);
            if pending > 0 {
                turns.push(Turn {
                    begin,
                    end: now,
                    packets: pending,
                });
                pending = 0;
            } else if now.wrapping_sub(begin) > rules.stall_ticks
                && idle_stalls.len() < IDLE_STALLS_MAX
            {
                idle_stalls.push(now - begin);
            }
            begin = now;
            if let Some(count) = next_counts.next() {
                ring = usize::from(*count);
            }
            while line.next < filled && due[line.next] <= now {
                if line.tail - line.head < ring {
                    if line.tail != line.next {
                        // Behind a drop: the frames of those that wait stay neighbours.
                        frames.swap(line.tail, line.next);
                        due.swap(line.tail, line.next);
                        at.swap(line.tail, line.next);
                    }
                    line.tail += 1;
                } else if closed {
                    break;
                } else {
                    line.dropped += 1;
                }
                line.next += 1;
            }
            line.longest = line.longest.max(line.tail - line.head);
            if line.next == filled && (!last || line.head == line.tail) {
                return now;
            }
            if line.head == line.tail {
                continue;
            }
            let count = rules.burst.min(line.tail - line.head);
            let burst = &mut frames[line.head..line.head + count];
            match gateway {
                Gateway::Near => path.send(burst),
                Gateway::Far => path.receive(burst),
            }
            line.head += count;
            pending = count as u32;
        }
    }
}

/// Which of the packets are there when the loop looks.
#[derive(Clone, Copy)]
enum Ready<'r> {
    /// A burst.
    Burst,
    /// So many, turn by turn.
    Mixed(&'r [u8]),
    /// Those that are due.
    WhenDue,
}

/// Frames that wait: from `head` to `tail`; the next that comes is at `next`.
struct Line {
    head: usize,
    tail: usize,
    next: usize,
    dropped: u64,
    longest: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;
    use crate::synth::{Mix, Recipe};

    const RULES: Rules = Rules {
        burst: 8,
        ring: 64,
        stall_ticks: u64::MAX,
    };

    /// Runs a trial; returns turns, due times and positions of what was taken, and drops.
    fn trial(
        gateway: Gateway,
        rules: Rules,
        packets: usize,
        arrivals: &mut Arrivals<'_>,
    ) -> (Vec<Turn>, Vec<u64>, Vec<usize>, u64) {
        let chunk = Recipe::new(Mix::Size(200), 100, 1).chunk().unwrap();
        let workload = Workload::new(chunk.packets().collect());
        let case = path::find("esp/aes-256-gcm@ring").unwrap();
        let mut arena = arena(case, &workload, 300);
        let setup = Setup::default();
        let mut paced = Paced::open(case, &setup, gateway, &workload, &mut arena).unwrap();
        let (mut turns, mut due, mut at, mut dropped) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let outcome = paced.trial(rules, packets, arrivals, |stretch| {
            turns.extend_from_slice(stretch.turns);
            due.extend_from_slice(stretch.due);
            at.extend_from_slice(stretch.at);
            dropped += stretch.dropped;
        });
        assert_eq!(outcome, Ok(()));
        (turns, due, at, dropped)
    }

    #[test]
    fn a_closed_loop_takes_full_bursts_of_all_packets_in_order() {
        for gateway in [Gateway::Near, Gateway::Far] {
            let (turns, _, at, dropped) = trial(gateway, RULES, 1000, &mut Arrivals::Always);
            // Refilled after 300, 600 and 900 packets: 37 full bursts of 8 and one of 4 each, but
            // for the waiting ones, which go on.
            assert_eq!((at.len(), dropped), (1000, 0));
            assert_eq!(at, (0..1000).map(|at| at % 100).collect::<Vec<_>>());
            assert_eq!(turns.iter().map(|turn| turn.packets).sum::<u32>(), 1000);
            assert!(turns.iter().filter(|turn| turn.packets < 8).count() <= 4);
        }
    }

    #[test]
    fn a_mixed_loop_takes_as_many_as_it_is_told() {
        let counts = [1, 3, 8, 2];
        let mut mixed = Arrivals::Mixed(&counts);
        let (turns, _, at, dropped) = trial(Gateway::Near, RULES, 280, &mut mixed);
        assert_eq!((at.len(), dropped), (280, 0));
        let taken: Vec<u32> = turns.iter().map(|turn| turn.packets).collect();
        assert_eq!(taken, [1, 3, 8, 2].repeat(20));
    }

    #[test]
    fn nothing_is_sent_before_it_is_due_and_the_clock_stands_still_in_pauses() {
        let clock = clock::Clock::measure();
        let gap = (clock.hertz * 200e-6) as u64;
        let mut time = 0;
        let mut at_times = || {
            time += gap;
            time
        };
        // Half of the frames, which is the most: only a stall of 30 ms would be a drop.
        let rules = Rules { ring: 150, ..RULES };
        let (turns, due, _, dropped) =
            trial(Gateway::Near, rules, 1000, &mut Arrivals::At(&mut at_times));
        assert_eq!((due.len(), dropped), (1000, 0));
        let mut due = due.iter();
        for turn in &turns {
            assert!(turn.end >= turn.begin);
            for _ in 0..turn.packets {
                assert!(*due.next().unwrap() <= turn.begin);
            }
        }
        assert!(turns.windows(2).all(|pair| pair[0].end <= pair[1].begin));
        // A pause takes some 100 µs here; the trial takes its 200 ms, and stalls.
        assert!(turns.last().unwrap().end >= 1000 * gap);
    }

    #[test]
    fn what_finds_the_ring_full_is_dropped_and_the_rest_comes_out_right() {
        let mut all_at_once = || 0;
        let (turns, due, at, dropped) = trial(
            Gateway::Near,
            RULES,
            1000,
            &mut Arrivals::At(&mut all_at_once),
        );
        // 300 come to a ring of 64, then 300 - 64 + 64 … none is lost unseen.
        assert_eq!(due.len() as u64 + dropped, 1000);
        assert!(dropped > 600, "{dropped}");
        assert!(at.len() >= 64);
        assert!(turns.iter().all(|turn| turn.packets <= 8));
    }

    #[test]
    fn drops_in_between_leave_neighbours_together() {
        let rules = Rules { ring: 4, ..RULES };
        let mut count = 0;
        // Ten at a time, 20 µs apart: four are taken, six are dropped.
        let clock = clock::Clock::measure();
        let gap = (clock.hertz * 20e-6) as u64;
        let mut tens = || {
            count += 1;
            (count - 1) / 10 * gap
        };
        let (turns, due, _, dropped) =
            trial(Gateway::Near, rules, 200, &mut Arrivals::At(&mut tens));
        assert_eq!(due.len() as u64 + dropped, 200);
        // Stalls may bring two groups together, never more packets than the ring.
        assert!(turns.iter().all(|turn| turn.packets <= 4));
        assert!(dropped >= 120, "{dropped}");
        assert!(due.is_sorted());
    }
}
