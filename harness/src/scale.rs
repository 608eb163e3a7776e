//! Workers at the same time: which packets fall to whom, and fresh instances of every number of
//! workers in both arrangements, in drawn order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::clock::Clock;
use tunneltax_core::net::rss::Input;
use tunneltax_core::path::{Setup, esp_shared};
use tunneltax_core::scale::{Arrangement, Crew, Fault, spread};
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::scale::{Instance, Load, Run, Sas, Sharing, Spread, Worker};

use crate::failure::Failure;
use crate::lane_sum::values;
use crate::{host, in_turns};

/// What workers work on, and where.
pub struct Floor<'a> {
    /// Packets that the tunnel carries.
    pub workload: &'a Workload<'a>,
    /// How they lie.
    pub shape: Shape,
    /// What paths are built from; every worker gets a seed of its own.
    pub setup: &'a Setup,
    /// CPUs, one a worker at most.
    pub cpus: &'a [usize],
    /// Numbers of workers, ascending, 1 the first.
    pub workers: &'a [usize],
    /// Calibrated clock.
    pub clock: &'a Clock,
    /// Ends it early.
    pub stop: &'a AtomicBool,
}

impl Floor<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// What falls to whom, by number of workers.
    pub fn spreads(&self) -> Vec<Spread> {
        let of = |workers: &usize| Spread {
            loads: spread(self.workload.iter(), *workers)
                .iter()
                .map(|packets| load(packets.iter().copied()))
                .collect(),
        };
        self.workers.iter().map(of).collect()
    }

    /// Every number of workers in both arrangements once, each run `time` long, in an order drawn
    /// anew; nothing where it was stopped. Worker 0 has another CPU in every instance.
    pub fn instance(
        &self,
        number: usize,
        time: Duration,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Instance>, Failure> {
        let both = [Arrangement::Own, Arrangement::Shared];
        let of = |workers: &usize| both.map(|arrangement| (arrangement, *workers));
        let mut order: Vec<(Arrangement, usize)> = self.workers.iter().flat_map(of).collect();
        order.shuffle(rng);
        let mut cpus = self.cpus.to_vec();
        cpus.rotate_left(number % self.cpus.len().max(1));
        let mut runs = Vec::new();
        for (arrangement, workers) in order {
            runs.push(self.run(arrangement, &cpus[..workers], time, rng)?);
            if self.stopped() {
                return Ok(None);
            }
        }
        Ok(Some(Instance { runs }))
    }

    /// So many workers as there are CPUs.
    fn run(
        &self,
        arrangement: Arrangement,
        cpus: &[usize],
        time: Duration,
        rng: &mut ChaCha8Rng,
    ) -> Result<Run, Failure> {
        let workloads: Vec<Workload<'_>> = spread(self.workload.iter(), cpus.len())
            .into_iter()
            .map(Workload::new)
            .collect();
        let setups: Vec<Setup> = workloads
            .iter()
            .map(|workload| self.setup.fresh(rng.random(), workload.flow_room()))
            .collect();
        let worked = Crew {
            arrangement,
            setups: &setups,
            workloads: &workloads,
            cpus,
            pin: &host::pin_to,
            shape: self.shape,
            time,
            clock: self.clock,
            stop: self.stop,
        }
        .work()
        .map_err(|why| Failure::Failed(format!("{why}; {}", next_step(&why))))?;
        let nonces = worked.iter().map(|worker| worker.used.len() as u64).sum();
        let workers = worked.into_iter().zip(cpus).map(|(worker, cpu)| Worker {
            cpu: *cpu as u32,
            packets: worker.packets,
            too_old: worker.too_old,
            readings: worker.readings,
            cpu_ns: worker.cpu_ns,
            wall_ns: worker.wall_ns,
            loop_ns: worker.loop_ns,
            clocks_ns: worker.clocks_ns,
            width: worker.width,
        });
        Ok(Run {
            sas: match arrangement {
                Arrangement::Own => Sas::Own,
                Arrangement::Shared => Sas::Shared,
            },
            workers: workers.collect(),
            nonces,
        })
    }

    /// On one core, in the one timed loop and in turns: a counter and a window of its own, the same
    /// again, and both as they are when they can be shared. Nothing where it was stopped.
    pub fn sharing(
        &self,
        instances: u32,
        seconds: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<(Sharing, Vec<Anchor>)>, Failure> {
        let cpu = self.cpus.last().copied().unwrap_or(0);
        // On a thread of its own: the threads of this one may run on every CPU.
        std::thread::scope(|scope| {
            let measured = scope.spawn(|| {
                if !host::pin_to(cpu) {
                    return Err(Failure::Failed(format!(
                        "this thread cannot be bound to CPU {cpu}; run it where it may"
                    )));
                }
                self.sharing_here(instances, seconds, rng)
            });
            match measured.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn sharing_here(
        &self,
        instances: u32,
        seconds: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<(Sharing, Vec<Anchor>)>, Failure> {
        const PILOT: usize = 20;
        let start = std::time::Instant::now();
        self.paired(PILOT, rng)?;
        let round = start.elapsed().as_secs_f64() / PILOT as f64;
        let rounds = (seconds / f64::from(instances) / round) as usize;
        let mut sharing = Sharing {
            own_ns: Vec::new(),
            twin_above_ns: Vec::new(),
            shared_above_ns: Vec::new(),
        };
        let mut anchors = Vec::new();
        for _ in 0..instances {
            let rounds = rounds.clamp(PILOT, 1_000_000);
            let Some(([own, twin, shared], looks)) = self.paired(rounds, rng)? else {
                return Ok(None);
            };
            sharing.own_ns.push(own);
            sharing.twin_above_ns.push(twin);
            sharing.shared_above_ns.push(shared);
            anchors.extend(looks);
        }
        Ok(Some((sharing, anchors)))
    }

    /// One fresh instance of each: what its own takes, what its twin and what the shared one take
    /// more, ns a packet.
    fn paired(
        &self,
        rounds: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<in_turns::Outcome<[f64; 3]>, Failure> {
        let setup = self.setup.fresh(rng.random(), self.workload.flow_room());
        let own = (esp_shared::own(), &setup);
        let bench = in_turns::Bench {
            workload: self.workload,
            shape: self.shape,
            clock: self.clock,
            stop: self.stop,
        };
        let lanes = [own, own, (esp_shared::shared(), &setup)];
        let Some(([own, twin, shared], anchors)) = bench.measure(lanes, rounds, rng)? else {
            return Ok(None);
        };
        let unread = || Failure::Failed("an instance has no reading; run it again".to_owned());
        let twin = values(&twin, &[Some(&own)]).ok_or_else(unread)?;
        let shared = values(&shared, &[Some(&own)]).ok_or_else(unread)?;
        let own = values(&own, &[]).ok_or_else(unread)?;
        let above = [own.sum_ns(), twin.above_ns(0), shared.above_ns(0)];
        Ok(Some((above, anchors)))
    }
}

fn next_step(why: &Fault) -> &'static str {
    match why {
        Fault::Pin(_) => "give fewer --workers, or run it where it may use that CPU",
        Fault::NoCpuTime => "run it on another one",
        Fault::Case(_) | Fault::Wrong { .. } => "`tunneltax verify` looks at it alone",
        Fault::Repeated { .. } | Fault::Foreign { .. } => {
            "this build must not be used; report it with the command"
        }
    }
}

/// Packets and bytes.
pub fn load<'p>(packets: impl Iterator<Item = &'p [u8]>) -> Load {
    packets.fold(Load::default(), |sum, packet| Load {
        packets: sum.packets + 1,
        bytes: sum.bytes + packet.len() as u64,
    })
}

/// How many flows there are, directions apart, and what the one with the most bytes has. What
/// cannot be hashed is one flow, since it stays on one worker.
pub fn flows<'p>(packets: impl Iterator<Item = &'p [u8]>) -> (u64, Load) {
    let mut flows: HashMap<Option<Input>, Load> = HashMap::new();
    for packet in packets {
        let flow = flows.entry(Input::of(packet)).or_default();
        flow.packets += 1;
        flow.bytes += packet.len() as u64;
    }
    let largest = flows.values().max_by_key(|of| (of.bytes, of.packets));
    (flows.len() as u64, largest.copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use tunneltax_core::synth::Mix;
    use tunneltax_core::workload::Caches;

    use super::*;
    use crate::generated::Generated;

    #[test]
    fn an_instance_has_every_number_of_workers_in_both_arrangements() {
        let chunk = Generated::plain(Mix::Size(64)).chunk(1, true).unwrap();
        let workload = Workload::new(chunk.packets().collect());
        let cpus = host::cpus();
        let workers: Vec<usize> = (1..=cpus.len().min(2)).collect();
        let setup = Setup {
            replay_window: 4096,
            ..Setup::default()
        };
        let floor = Floor {
            workload: &workload,
            shape: Shape::hot(64, setup.burst, Caches::default()),
            setup: &setup,
            cpus: &cpus,
            workers: &workers,
            clock: &Clock::measure(),
            stop: &AtomicBool::new(false),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let time = Duration::from_millis(5);
        let first: Vec<u32> = (0..2)
            .map(|number| {
                let instance = floor.instance(number, time, &mut rng).unwrap().unwrap();
                let mut made: Vec<(Sas, usize)> = instance
                    .runs
                    .iter()
                    .map(|run| (run.sas, run.workers.len()))
                    .collect();
                made.sort_unstable();
                let both = [Sas::Own, Sas::Shared];
                let all = both.map(|sas| workers.iter().map(move |n| (sas, *n)));
                assert_eq!(made, all.into_iter().flatten().collect::<Vec<_>>());
                assert!(instance.runs.iter().all(|run| run.nonces > 0));
                instance.runs[0].workers[0].cpu
            })
            .collect();
        assert_eq!(first[0] == first[1], cpus.len() == 1, "CPUs take turns");
        for (spread, workers) in floor.spreads().iter().zip(&workers) {
            assert_eq!(spread.loads.len(), *workers);
            let packets: u64 = spread.loads.iter().map(|load| load.packets).sum();
            assert_eq!(packets, workload.len() as u64);
        }
        let (sharing, _) = floor.sharing(2, 0.1, &mut rng).unwrap().unwrap();
        assert_eq!(sharing.own_ns.len(), 2);
        assert!(sharing.own_ns.iter().all(|ns| *ns > 0.0));
    }

    #[test]
    fn the_largest_flow_is_found() {
        let chunk = Generated::plain(Mix::Size(64)).chunk(1, true).unwrap();
        let (count, largest) = flows(chunk.packets());
        assert_eq!(count, 64);
        let one = chunk.packet(0).unwrap();
        let again = std::iter::repeat_n(one, 2000);
        let (count, elephant) = flows(chunk.packets().chain(again));
        assert_eq!(count, 64);
        assert!(elephant.packets >= 2000 && elephant.packets > largest.packets);
        assert_eq!(elephant.bytes, 64 * elephant.packets);
    }
}
