//! What workers together do of what one does, instance by instance.
//!
//! Every worker has its own packets, which may be larger than another's. So rates are not added up:
//! what a packet costs is averaged over the workers, each by its part of the packets, and so many
//! workers do so many times what one of that cost would.

use super::{BAR, BAR_WORKERS, Instance, Load, Run, Sas, Sharing, Spread, Subject, Worker};
use crate::stats::{Estimate, median, smallest_difference};

/// So many workers in one arrangement, over the instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who has an SA.
    pub sas: Sas,
    /// Workers.
    pub workers: u32,
    /// What a packet costs in CPU time, ns.
    pub packet_ns: Estimate,
    /// Packets a thread-CPU-second of all workers together, over that of one with its own SA.
    pub by_cpu: Estimate,
    /// The same by the wall clock.
    pub by_wall: Estimate,
    /// By CPU time, with every worker at the pace of the one that is busiest: what the hash leaves.
    pub as_spread: Estimate,
    /// Packets that were sealed and refused as too old.
    pub too_old: u64,
    /// Packets that were sealed.
    pub sealed: u64,
    /// Additions a cycle beside the work, median over workers and instances.
    pub width: Option<f64>,
    /// Part of the time that was timed: 1 less filling and comparing, in which others are alone.
    pub timed_part: f64,
}

/// What sharing costs on one core.
#[derive(Clone, Debug, PartialEq)]
pub struct SharingJudged {
    /// A packet with a counter and a window of its own, ns.
    pub own_ns: Estimate,
    /// What those that can be shared take more, ns.
    pub above_ns: Estimate,
    /// Smallest difference that its twin lets tell, ns.
    pub tells_ns: Option<f64>,
}

/// What the bar says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// The whole interval is at or above it.
    Holds,
    /// The whole interval is below it.
    Missed,
    /// It lies in the interval.
    CannotTell,
}

/// A subject, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// An SA each before one for all; by number of workers.
    pub rows: Vec<Row>,
    /// What sharing costs on one core.
    pub sharing: Option<SharingJudged>,
    /// Of two workers with an SA each; `None` where there were none.
    pub bar: Option<Bar>,
    /// Nonces that were looked at.
    pub nonces: u64,
}

/// Judges a subject.
pub fn judge(subject: &Subject) -> Judged {
    let rows: Vec<Row> = [Sas::Own, Sas::Shared]
        .into_iter()
        .flat_map(|sas| subject.spreads.iter().map(move |spread| (sas, spread)))
        .filter_map(|(sas, spread)| row(subject, sas, spread))
        .collect();
    let runs = subject.instances.iter().flat_map(|of| &of.runs);
    Judged {
        bar: rows
            .iter()
            .find(|row| (row.sas, row.workers) == (Sas::Own, BAR_WORKERS))
            .and_then(|row| bar(&row.by_cpu)),
        rows,
        sharing: subject.sharing.as_ref().and_then(sharing),
        nonces: runs.map(|run| run.nonces).sum(),
    }
}

/// `None` without an interval.
fn bar(by_cpu: &Estimate) -> Option<Bar> {
    let (low, high) = by_cpu.low.zip(by_cpu.high)?;
    Some(match () {
        () if low >= BAR => Bar::Holds,
        () if high < BAR => Bar::Missed,
        () => Bar::CannotTell,
    })
}

fn sharing(of: &Sharing) -> Option<SharingJudged> {
    Some(SharingJudged {
        own_ns: Estimate::from_instances(of.own_ns.clone())?,
        above_ns: Estimate::from_instances(of.shared_above_ns.clone())?,
        tells_ns: smallest_difference(&of.twin_above_ns).map(|spread| {
            // Its own offset, where that is larger.
            let offset = Estimate::from_instances(of.twin_above_ns.clone());
            spread.max(offset.map_or(0.0, |twin| twin.mean.abs()))
        }),
    })
}

/// What a worker took by one clock, ns.
type Time = fn(&Worker) -> f64;

/// What a packet takes by one clock: of every worker, weighted, and of the busiest one.
struct Cost {
    /// Over all workers, each by its part of the packets, ns a packet.
    mean_ns: f64,
    /// What the busiest worker takes, by packet of all workers, ns.
    busiest_ns: f64,
    /// Workers that have packets.
    busy: f64,
}

fn cost(run: &Run, spread: &Spread, time_ns: Time) -> Option<Cost> {
    let all: u64 = spread.loads.iter().map(|load| load.packets).sum();
    let mut cost = Cost {
        mean_ns: 0.0,
        busiest_ns: 0.0,
        busy: 0.0,
    };
    let pairs = run.workers.iter().zip(&spread.loads);
    for (worker, load) in pairs.filter(|(_, load)| load.packets > 0) {
        if worker.packets == 0 {
            return None;
        }
        let packet_ns = time_ns(worker) / worker.packets as f64;
        let its_ns = packet_ns * load.packets as f64 / all as f64;
        cost.mean_ns += its_ns;
        cost.busiest_ns = cost.busiest_ns.max(its_ns);
        cost.busy += 1.0;
    }
    (cost.mean_ns > 0.0).then_some(cost)
}

fn run_of<'a>(instance: &'a Instance, sas: Sas, workers: usize) -> Option<&'a Run> {
    let is = |run: &&'a Run| (run.sas, run.workers.len()) == (sas, workers);
    instance.runs.iter().find(is)
}

fn row(subject: &Subject, sas: Sas, spread: &Spread) -> Option<Row> {
    let workers = spread.loads.len();
    let alone = subject.spreads.iter().find(|of| of.loads.len() == 1)?;
    let (cpu, wall): (Time, Time) = (|worker| worker.cpu_ns, |worker| worker.wall_ns);
    let (mut packet_ns, mut by_cpu) = (Vec::new(), Vec::new());
    let (mut by_wall, mut as_spread) = (Vec::new(), Vec::new());
    let mut done: Vec<&Worker> = Vec::new();
    for instance in &subject.instances {
        let one = run_of(instance, Sas::Own, 1)?;
        let run = run_of(instance, sas, workers)?;
        let (one_cpu, one_wall) = (cost(one, alone, cpu)?, cost(one, alone, wall)?);
        let (by_its_cpu, by_its_wall) = (cost(run, spread, cpu)?, cost(run, spread, wall)?);
        packet_ns.push(by_its_cpu.mean_ns);
        by_cpu.push(by_its_cpu.busy * one_cpu.mean_ns / by_its_cpu.mean_ns);
        by_wall.push(by_its_wall.busy * one_wall.mean_ns / by_its_wall.mean_ns);
        as_spread.push(one_cpu.mean_ns / by_its_cpu.busiest_ns);
        done.extend(run.workers.iter().filter(|worker| worker.readings > 0));
    }
    let widths: Vec<f64> = done.iter().filter_map(|worker| worker.width).collect();
    let sum = |of: fn(&Worker) -> f64| done.iter().map(|worker| of(worker)).sum::<f64>();
    let too_old = done.iter().map(|worker| worker.too_old).sum();
    Some(Row {
        sas,
        workers: workers as u32,
        packet_ns: Estimate::from_instances(packet_ns)?,
        by_cpu: Estimate::from_instances(by_cpu)?,
        by_wall: Estimate::from_instances(by_wall)?,
        as_spread: Estimate::from_instances(as_spread)?,
        too_old,
        sealed: done.iter().map(|worker| worker.packets).sum::<u64>() + too_old,
        width: median(&widths),
        timed_part: sum(wall) / sum(|worker| worker.loop_ns).max(1.0),
    })
}

impl Spread {
    /// Of the packets and of the bytes the part that falls to the worker who has most of them.
    pub fn busiest(&self) -> (f64, f64) {
        let part = |of: fn(&Load) -> u64| {
            let all: u64 = self.loads.iter().map(of).sum();
            let most = self.loads.iter().map(of).max().unwrap_or(0);
            most as f64 / all.max(1) as f64
        };
        (part(|load| load.packets), part(|load| load.bytes))
    }
}
