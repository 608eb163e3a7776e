//! Workers at the same time, as a gateway has them: each pinned to a CPU of its own, with the
//! packets that a card's hash gives it, and memory, flow tables and expanded keys of its own;
//! only the routes, which nobody changes, are shared.
//!
//! All begin at a barrier and go on for a fixed time. A worker fills its frames, sends and receives
//! them in bursts (timed), and compares every packet with what must come out. Filling and comparing
//! are outside the clocks: of CPU time (what counts) and of wall time (beside it). What the clocks
//! themselves take is measured behind every reading, with nothing between, and subtracted.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crate::anchor::Anchor;
use crate::clock::{self, Clock};
use crate::cpu_time;
use crate::fate::{Fate, Reason};
use crate::frame::{Arena, Frame, LINE_BYTES};
use crate::net::rss::Rss;
use crate::path::esp_shared::{self, SharedSa};
use crate::path::{CaseError, PacketPath, Setup};
use crate::sa::Keys;
use crate::wire::{esp, ipv4};
use crate::workload::{Shape, Workload, came_out};

/// Readings between two looks at the core.
const READINGS_A_LOOK: u64 = 16;
/// ESP header and IV: what stands in front of the text (RFC 4106, 3.1).
const ESP_BYTES: usize = esp::HEADER_BYTES + 8;

/// Who has a security association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrangement {
    /// Every worker one of its own (RFC 9611).
    Own,
    /// All workers one.
    Shared,
}

/// The packets of every worker, as a card spreads them.
pub fn spread<'c>(
    packets: impl IntoIterator<Item = &'c [u8]>,
    workers: usize,
) -> Vec<Vec<&'c [u8]>> {
    let rss = Rss::new(workers);
    let mut spread = vec![Vec::new(); workers.max(1)];
    for packet in packets {
        spread[rss.worker_of(packet)].push(packet);
    }
    spread
}

/// What workers do at the same time.
pub struct Crew<'a> {
    /// Who has an SA.
    pub arrangement: Arrangement,
    /// What each worker's path is built from; where all share an SA, it is the first one's.
    pub setups: &'a [Setup],
    /// The packets of each: one that has none does nothing.
    pub workloads: &'a [Workload<'a>],
    /// The CPU of each.
    pub cpus: &'a [usize],
    /// Binds the calling thread to a CPU.
    pub pin: &'a (dyn Fn(usize) -> bool + Sync),
    /// Layout in memory and time.
    pub shape: Shape,
    /// How long they work.
    pub time: Duration,
    /// Calibrated clock.
    pub clock: &'a Clock,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
}

/// What one worker did.
#[derive(Clone, Debug, Default)]
pub struct Worked {
    /// Packets that came out, and right.
    pub packets: u64,
    /// Packets that were sealed and then refused, since other workers had moved the window on.
    pub too_old: u64,
    /// Readings: fills of the frames.
    pub readings: u64,
    /// CPU time in send and receive, ns.
    pub cpu_ns: f64,
    /// Wall time in send and receive, ns.
    pub wall_ns: f64,
    /// Wall time from the barrier to the end, ns: with filling and comparing.
    pub loop_ns: f64,
    /// What the clocks took of a reading's CPU time, ns; subtracted.
    pub clocks_ns: f64,
    /// Additions a cycle beside the others' work: how much of the core was free. `None` where
    /// there is no such look.
    pub width: Option<f64>,
    /// SPI, sequence number and IV of every packet that was sent, the warm-up included.
    pub used: Vec<Used>,
}

/// What a packet shows of its nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Which SA.
    pub spi: u32,
    /// Its sequence number.
    pub sequence: u32,
    /// Its IV.
    pub iv: u64,
}

/// Why workers have no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A path cannot be opened.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The thread cannot be bound.
    #[error("a worker cannot be bound to CPU {0}")]
    Pin(usize),
    /// No CPU time.
    #[error("this system tells no CPU time of a thread")]
    NoCpuTime,
    /// A packet did not come out as it must.
    #[error("packet {packet} of worker {worker}: {why}")]
    Wrong {
        /// From 0.
        worker: usize,
        /// Position in its workload.
        packet: usize,
        /// What became of it.
        why: String,
    },
    /// A nonce was used twice under a key.
    #[error("SPI {spi:#010x} used IV {iv} twice: a nonce was repeated")]
    Repeated {
        /// Which SA.
        spi: u32,
        /// The IV.
        iv: u64,
    },
    /// A packet of no SA, or whose IV is not its sequence number.
    #[error("SPI {spi:#010x} sent number {sequence} with IV {iv}, which no SA here would")]
    Foreign {
        /// What the packet says.
        spi: u32,
        /// What the packet says.
        sequence: u32,
        /// What the packet says.
        iv: u64,
    },
}

impl Crew<'_> {
    /// Works, and proves: every packet came out right or was refused as too old, and no nonce was
    /// used twice. One value a worker, in order.
    pub fn work(&self) -> Result<Vec<Worked>, Fault> {
        let shared = match self.arrangement {
            Arrangement::Own => None,
            Arrangement::Shared => self.setups.first().map(|s| Arc::new(SharedSa::new(s))),
        };
        let sas: Vec<Keys> = match &shared {
            Some(sa) => vec![sa.keys().clone()],
            None => self.setups.iter().map(esp_shared::keys_of).collect(),
        };
        let places: Vec<usize> = (0..self.workloads.len())
            .filter(|at| !self.workloads[*at].is_empty())
            .collect();
        let (barrier, given_up) = (Barrier::new(places.len()), AtomicBool::new(false));
        let begin = Begin {
            barrier: &barrier,
            given_up: &given_up,
        };
        let mut worked = vec![Worked::default(); self.workloads.len()];
        std::thread::scope(|scope| {
            let start = |&at: &usize| {
                let (shared, begin) = (shared.as_ref(), &begin);
                let others = places.len() > 1;
                (
                    at,
                    scope.spawn(move || self.worker(at, shared, others, begin)),
                )
            };
            let threads: Vec<_> = places.iter().map(start).collect();
            for (at, thread) in threads {
                match thread.join() {
                    Ok(done) => worked[at] = done?,
                    Err(panic) => resume_unwind(panic),
                }
            }
            Ok::<(), Fault>(())
        })?;
        prove_nonces(&sas, &worked)?;
        Ok(worked)
    }

    /// One worker, on a thread of its own.
    fn worker(
        &self,
        at: usize,
        shared: Option<&Arc<SharedSa>>,
        others: bool,
        begin: &Begin<'_>,
    ) -> Result<Worked, Fault> {
        let overhead = esp_shared::shared().overhead;
        let (workload, shape) = (&self.workloads[at], self.shape);
        let mut arena = Arena::new(
            shape.packets_per_reading,
            overhead.headroom(),
            workload.longest(),
            overhead.tailroom(),
        );
        let frames = arena.frames();
        // The others wait for this worker, whatever becomes of it.
        let prepared = catch_unwind(AssertUnwindSafe(|| {
            let mut bench = Bench {
                worker: at,
                path: self.open(at, shared)?,
                frames,
                workload,
                burst: shape.burst,
                may_be_late: others && shared.is_some(),
                at: 0,
                worked: Worked::default(),
            };
            // Flows are established: nothing of this counts but its nonces.
            for _ in 0..shape.readings_per_walk(workload.len()) {
                bench.reading(self.clock)?;
            }
            Ok::<_, Fault>(bench)
        }));
        begin
            .given_up
            .fetch_or(!matches!(prepared, Ok(Ok(_))), Ordering::Relaxed);
        begin.barrier.wait();
        let mut bench = prepared.unwrap_or_else(|panic| resume_unwind(panic))?;
        if begin.given_up.load(Ordering::Relaxed) {
            return Ok(Worked::default());
        }
        self.until_time_is_up(&mut bench)?;
        Ok(bench.worked)
    }

    fn open(
        &self,
        at: usize,
        shared: Option<&Arc<SharedSa>>,
    ) -> Result<Box<dyn PacketPath>, Fault> {
        let (cpu, setup) = (self.cpus[at], &self.setups[at]);
        if !(self.pin)(cpu) {
            return Err(Fault::Pin(cpu));
        }
        Ok(match shared {
            Some(sa) => sa.worker(setup)?,
            None => esp_shared::own().open(setup)?,
        })
    }

    fn until_time_is_up(&self, bench: &mut Bench<'_, '_>) -> Result<(), Fault> {
        let used = std::mem::take(&mut bench.worked.used);
        bench.worked = Worked {
            used,
            ..Worked::default()
        };
        let (mut clocks, mut widths) = (Vec::new(), Vec::new());
        let start = Instant::now();
        while start.elapsed() < self.time && !self.stop.load(Ordering::Relaxed) {
            if bench.worked.readings.is_multiple_of(READINGS_A_LOOK) {
                widths.extend(Anchor::read(self.clock).map(|look| look.width));
            }
            clocks.push(bench.reading(self.clock)?);
        }
        let worked = &mut bench.worked;
        worked.loop_ns = start.elapsed().as_nanos() as f64;
        let cpu: Vec<f64> = clocks.iter().map(|took| took.cpu_ns).collect();
        let wall: Vec<f64> = clocks.iter().map(|took| took.wall_ns).collect();
        worked.clocks_ns = median(cpu).unwrap_or(0.0);
        worked.cpu_ns -= worked.clocks_ns * worked.readings as f64;
        worked.wall_ns -= median(wall).unwrap_or(0.0) * worked.readings as f64;
        worked.width = median(widths);
        Ok(())
    }
}

/// Where all workers begin.
struct Begin<'a> {
    barrier: &'a Barrier,
    /// Some worker cannot: nobody goes on.
    given_up: &'a AtomicBool,
}

/// What one worker works on.
struct Bench<'w, 'a> {
    worker: usize,
    path: Box<dyn PacketPath>,
    frames: Vec<Frame<'a>>,
    workload: &'w Workload<'w>,
    burst: usize,
    /// Others move the window that its packets come to.
    may_be_late: bool,
    /// Position in the endless walk over the workload.
    at: usize,
    worked: Worked,
}

/// What a reading took, the clocks included.
#[derive(Clone, Copy)]
struct Took {
    cpu_ns: f64,
    wall_ns: f64,
}

impl Bench<'_, '_> {
    /// Fills, times, compares; returns what the clocks alone take now.
    fn reading(&mut self, clock: &Clock) -> Result<Took, Fault> {
        self.fill();
        let took = timed(&mut *self.path, &mut self.frames, self.burst, clock);
        let took = took.ok_or(Fault::NoCpuTime)?;
        let clocks = timed(&mut *self.path, &mut [], self.burst, clock);
        self.worked.readings += 1;
        self.worked.cpu_ns += took.cpu_ns;
        self.worked.wall_ns += took.wall_ns;
        self.compare()?;
        self.at = (self.at + self.frames.len()) % self.workload.len();
        clocks.ok_or(Fault::NoCpuTime)
    }

    /// Puts the next packets into the frames, and reads every line of them once more, as in
    /// [`crate::replay`].
    fn fill(&mut self) {
        for (place, frame) in self.frames.iter_mut().enumerate() {
            frame.load(self.workload.packet(self.at + place));
        }
        for frame in &self.frames {
            let lines = frame.bytes().chunks(LINE_BYTES);
            std::hint::black_box(lines.fold(0, |sum, line| sum ^ line[0]));
        }
    }

    /// Every packet must have come out, and right, or be too old.
    fn compare(&mut self) -> Result<(), Fault> {
        let hops = esp_shared::shared().hops;
        for (place, frame) in self.frames.iter_mut().enumerate() {
            let packet = (self.at + place) % self.workload.len();
            let wrong = |why: String| Fault::Wrong {
                worker: self.worker,
                packet,
                why,
            };
            match frame.fate {
                Fate::Carried if came_out(frame, self.workload.expected(hops, packet)) => {
                    self.worked.packets += 1;
                }
                Fate::Carried => return Err(wrong("it came out different".to_owned())),
                Fate::Dropped(Reason::TooOld) if self.may_be_late => self.worked.too_old += 1,
                Fate::Dropped(reason) => {
                    return Err(wrong(format!("it was dropped: {}", reason.name())));
                }
            }
            let used =
                used(frame).ok_or_else(|| wrong("no ESP header is left of it".to_owned()))?;
            self.worked.used.push(used);
        }
        Ok(())
    }
}

/// Send and receive of all frames, in bursts.
#[inline(never)]
fn timed(
    path: &mut dyn PacketPath,
    frames: &mut [Frame<'_>],
    burst: usize,
    clock: &Clock,
) -> Option<Took> {
    let cpu = cpu_time::of_this_thread_ns()?;
    let wall = clock::fenced();
    for frames in frames.chunks_mut(burst) {
        path.send(frames);
    }
    for frames in frames.chunks_mut(burst) {
        path.receive(frames);
    }
    let wall = clock::fenced() - wall;
    let cpu = cpu_time::of_this_thread_ns()? - cpu;
    Some(Took {
        cpu_ns: cpu as f64,
        wall_ns: clock.ns(wall),
    })
}

/// SPI, sequence number and IV of a packet that was sent: still in front of what came out of it,
/// where the receiver leaves them, or in the packet that was refused.
fn used(frame: &mut Frame<'_>) -> Option<Used> {
    let header: [u8; ESP_BYTES] = if frame.is_carried() {
        *frame.push_front(ESP_BYTES)?.first_chunk()?
    } else {
        *frame.bytes().get(ipv4::HEADER_BYTES..)?.first_chunk()?
    };
    let (front, iv) = header.split_first_chunk()?;
    let (spi, sequence) = esp::parse_header(*front);
    Some(Used {
        spi,
        sequence,
        iv: u64::from_be_bytes(*iv.first_chunk()?),
    })
}

/// Proves that no nonce was used twice under a key, by all workers together: the IV of every packet
/// is its sequence number, and no two packets of SAs with the same key and salt have the same one.
/// Returns how many there were.
pub fn prove_nonces(sas: &[Keys], worked: &[Worked]) -> Result<u64, Fault> {
    // SAs with the same key and salt count as one.
    let first_of = |keys: &Keys| {
        let same = |other: &Keys| (&other.key, other.salt) == (&keys.key, keys.salt);
        sas.iter().position(same).unwrap_or(0) as u64
    };
    let by_spi: HashMap<u32, u64> = sas.iter().map(|sa| (sa.spi, first_of(sa))).collect();
    let all = || worked.iter().flat_map(|worker| &worker.used);
    let mut nonces = Vec::with_capacity(all().count());
    for &Used { spi, sequence, iv } in all() {
        match by_spi.get(&spi) {
            Some(key) if iv == u64::from(sequence) => nonces.push(key << 32 | iv),
            _ => return Err(Fault::Foreign { spi, sequence, iv }),
        }
    }
    nonces.sort_unstable();
    let repeated = nonces.windows(2).find(|pair| pair[0] == pair[1]);
    match repeated {
        Some(pair) => Err(Fault::Repeated {
            spi: sas[(pair[0] >> 32) as usize].spi,
            iv: pair[0] & u64::from(u32::MAX),
        }),
        None => Ok(nonces.len() as u64),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::capture::Chunk;
    use crate::net::routes::Routes;
    use crate::synth::{Mix, Recipe};
    use crate::workload::Caches;

    static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::measure);

    fn chunk() -> Chunk {
        let recipe = Recipe {
            ipv6_percent: 30,
            ..Recipe::new(Mix::IpsecImix, 500, 7)
        };
        recipe.chunk().expect("packets")
    }

    fn setups(seeds: &[u64]) -> Vec<Setup> {
        let routes = Arc::new(Routes::seeded(1));
        let of = |seed: &u64| Setup {
            seed: *seed,
            routes: Arc::clone(&routes),
            replay_window: 4096,
            ..Setup::default().for_packets(500)
        };
        seeds.iter().map(of).collect()
    }

    fn work(arrangement: Arrangement, seeds: &[u64], millis: u64) -> Result<Vec<Worked>, Fault> {
        let chunk = chunk();
        let workloads: Vec<Workload<'_>> = spread(chunk.packets(), seeds.len())
            .into_iter()
            .map(Workload::new)
            .collect();
        let cpus = vec![0; seeds.len()];
        Crew {
            arrangement,
            setups: &setups(seeds),
            workloads: &workloads,
            cpus: &cpus,
            pin: &|_| true,
            shape: Shape::hot(1500, 32, Caches::default()),
            time: Duration::from_millis(millis),
            clock: &CLOCK,
            stop: &AtomicBool::new(false),
        }
        .work()
    }

    #[test]
    fn every_packet_goes_to_one_worker() {
        let chunk = chunk();
        for workers in [1, 2, 3, 8] {
            let spread = spread(chunk.packets(), workers);
            assert_eq!(spread.len(), workers);
            assert_eq!(spread.iter().map(Vec::len).sum::<usize>(), chunk.len());
            assert!(spread.iter().all(|packets| !packets.is_empty()));
        }
    }

    #[test]
    fn all_workers_carry_all_packets_and_no_nonce_repeats() {
        for arrangement in [Arrangement::Own, Arrangement::Shared] {
            for seeds in [&[1][..], &[1, 2], &[1, 2, 3, 4]] {
                let worked = work(arrangement, seeds, 30).expect("it comes out right");
                assert_eq!(worked.len(), seeds.len());
                for worker in &worked {
                    assert!(worker.readings > 0 && worker.packets > 0, "{arrangement:?}");
                    assert!(worker.cpu_ns > 0.0 && worker.wall_ns > 0.0);
                    let timed = worker.packets + worker.too_old;
                    assert!(worker.used.len() as u64 > timed, "with the warm-up");
                    let distinct: std::collections::BTreeSet<u32> =
                        worker.used.iter().map(|used| used.spi).collect();
                    assert_eq!(distinct.len(), 1);
                }
                let spis: std::collections::BTreeSet<u32> =
                    worked.iter().map(|worker| worker.used[0].spi).collect();
                let sas = if arrangement == Arrangement::Own {
                    seeds.len()
                } else {
                    1
                };
                assert_eq!(spis.len(), sas);
            }
        }
    }

    /// Two workers that think that their SAs are their own, with the same keys.
    #[test]
    fn the_same_keys_for_two_workers_are_found_out() {
        let fault = work(Arrangement::Own, &[5, 5], 5).expect_err("nonces repeat");
        assert!(matches!(fault, Fault::Repeated { .. }), "{fault}");
    }

    #[test]
    fn a_nonce_is_told_by_key_and_salt_and_not_by_the_spi() {
        let keys = |spi, key, salt| Keys {
            spi,
            key: vec![key; 32],
            salt: [salt; 4],
        };
        let one = |spi, sequence, iv| Worked {
            used: vec![Used { spi, sequence, iv }],
            ..Worked::default()
        };
        let sas = [
            keys(300, 1, 1),
            keys(301, 1, 1),
            keys(302, 1, 2),
            keys(303, 2, 1),
        ];
        let all = |spis: &[u32]| spis.iter().map(|spi| one(*spi, 7, 7)).collect::<Vec<_>>();
        assert_eq!(prove_nonces(&sas, &all(&[300, 302, 303])), Ok(3));
        assert_eq!(
            prove_nonces(&sas, &all(&[300, 301])),
            Err(Fault::Repeated { spi: 300, iv: 7 })
        );
        assert!(matches!(
            prove_nonces(&sas, &all(&[304])),
            Err(Fault::Foreign { .. })
        ));
        let other_iv = [one(300, 7, 8)];
        assert!(matches!(
            prove_nonces(&sas, &other_iv),
            Err(Fault::Foreign { .. })
        ));
    }

    #[test]
    fn one_that_cannot_be_bound_ends_all() {
        let chunk = chunk();
        let workloads = [
            Workload::new(chunk.packets().collect()),
            Workload::new(chunk.packets().collect()),
        ];
        let fault = Crew {
            arrangement: Arrangement::Shared,
            setups: &setups(&[1, 1]),
            workloads: &workloads,
            cpus: &[0, 77],
            pin: &|cpu| cpu != 77,
            shape: Shape::hot(1500, 32, Caches::default()),
            time: Duration::from_secs(60),
            clock: &CLOCK,
            stop: &AtomicBool::new(false),
        }
        .work()
        .expect_err("it ends");
        assert_eq!(fault, Fault::Pin(77));
    }
}
