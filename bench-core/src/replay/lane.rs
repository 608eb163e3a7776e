//! A fresh instance of a case in the timed loop, and what it measured.

use crate::clock;
use crate::counters::Counts;
use crate::frame::Frame;
use crate::latency::Latency;
use crate::path::{Case, CaseError, PacketPath, Setup};
use crate::shares::Share;
use crate::slowest::{Slow, Slowest};
use crate::workload::{Shape, Workload};

/// One fresh instance of a case: its own keys, tables and windows.
pub struct Lane {
    pub(super) case: &'static Case,
    pub(super) path: Box<dyn PacketPath>,
    /// Only the totals count: a twin of another lane, for the null gate.
    pub(super) twin: bool,
    /// Which of a packet's forms it takes, where it has no sender.
    pub(super) arrives: Option<Form>,
    pub(super) samples: Samples,
    /// Why the lane has no result.
    pub(super) failed: Option<String>,
}

/// What an instance measured, one value a reading.
#[derive(Clone, Default)]
pub struct Samples {
    /// Which stretch of the workload the reading covered.
    pub stretch: Vec<u32>,
    /// Time a packet in send, ns, the clock's cost subtracted.
    pub send_ns: Vec<f64>,
    /// Time a packet in receive, ns, the clock's cost subtracted.
    pub receive_ns: Vec<f64>,
    /// Stamped minus unstamped time a packet in send, ns.
    pub send_stamping_ns: Vec<f64>,
    /// Stamped minus unstamped time a packet in receive, ns.
    pub receive_stamping_ns: Vec<f64>,
    /// What a reading of the clock took beside the work, ns, send and receive; the mean of the two
    /// at either end.
    pub reading_ns: [Vec<f64>; 2],
    /// Single packets in send.
    pub send_latency: Latency,
    /// Single packets in receive.
    pub receive_latency: Latency,
    /// The clock's part of a send total, 0 to 1.
    pub send_clock_share: f64,
    /// The clock's part of a receive total, 0 to 1.
    pub receive_clock_share: f64,
    /// Readings, send and receive, whose two visits differ by more than half and by more than
    /// [`super::DISTURBED_NS`]: something else ran.
    pub disturbed: [u64; 2],
    /// The slowest of the single packets, send and receive.
    pub slowest: [Slowest<Slow>; 2],
    /// Packets that the CPU counted something of, and what, send and receive.
    pub counted: [Option<(u64, Counts)>; 2],
    /// By the workload's labels, and by label.
    pub shares: Vec<Vec<Share>>,
}

impl Samples {
    /// What stamping added to a packet lately where nothing else happened: the lower quartile, ns; 0
    /// before the first stamp.
    pub(super) fn usual_stamping_ns(&self, half: Half) -> f64 {
        const LATELY: usize = 64;
        let all = match half {
            Half::Send => &self.send_stamping_ns,
            Half::Receive => &self.receive_stamping_ns,
        };
        let mut lately = all[all.len().saturating_sub(LATELY)..].to_vec();
        lately.sort_by(f64::total_cmp);
        lately.get(lately.len() / 4).copied().unwrap_or(0.0)
    }

    /// Adds what the CPU counted of so many packets, if it did.
    pub(super) fn add_counted(&mut self, half: Half, packets: u64, counted: Option<Counts>) {
        let Some(counted) = counted else {
            return;
        };
        let sum = &mut self.counted[half as usize];
        *sum = Some(match sum {
            Some((before, counts)) => (*before + packets, counts.plus(&counted)),
            None => (packets, counted),
        });
    }
}

/// The form in which a packet arrives at a gateway alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As others sealed it.
    Sealed,
    /// What is inside.
    Plain,
}

/// Which half of a path is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Send,
    Receive,
}

impl Lane {
    /// Opens a fresh instance.
    pub fn open(case: &'static Case, setup: &Setup, twin: bool) -> Result<Self, CaseError> {
        Ok(Self {
            case,
            path: case.open(setup)?,
            twin,
            arrives: None,
            samples: Samples::default(),
            failed: None,
        })
    }

    /// Opens the far gateway of a case alone, for packets that arrive.
    pub fn open_received(
        case: &'static Case,
        setup: &Setup,
        twin: bool,
        workload: &Workload<'_>,
        shape: Shape,
    ) -> Result<Self, CaseError> {
        let readings = workload.readings(shape);
        let path = case.receiver(setup, workload.inbox(&readings))?;
        let is_plain = case.library.is_none();
        Ok(Self {
            case,
            path,
            twin,
            arrives: Some(if is_plain { Form::Plain } else { Form::Sealed }),
            samples: Samples::default(),
            failed: None,
        })
    }

    /// Gateways between what is loaded and what comes out.
    pub(super) fn hops(&self) -> u8 {
        match self.arrives {
            None => self.case.hops,
            Some(_) => self.case.hops / 2,
        }
    }

    /// The halves of a path that are timed.
    pub(super) fn halves(&self) -> &'static [Half] {
        match self.arrives {
            None => &[Half::Send, Half::Receive],
            Some(_) => &[Half::Receive],
        }
    }

    /// What was measured, or why there is nothing.
    pub fn into_result(self) -> Result<Samples, String> {
        match self.failed {
            None => Ok(self.samples),
            Some(reason) => Err(reason),
        }
    }

    pub(super) fn walk(&mut self, half: Half, burst: &mut [Frame<'_>]) {
        match half {
            Half::Send => self.path.send(burst),
            Half::Receive => self.path.receive(burst),
        }
    }

    /// Ticks that the frames take, in bursts.
    #[inline(never)]
    pub(super) fn timed(&mut self, half: Half, frames: &mut [Frame<'_>], burst: usize) -> u64 {
        let start = clock::fenced();
        for frames in frames.chunks_mut(burst) {
            self.walk(half, frames);
        }
        clock::fenced() - start
    }

    /// The same between two readings at either end: ticks that the two more readings take there,
    /// beside this case's work and not in a loop of readings.
    #[inline(never)]
    pub(super) fn doubled(&mut self, half: Half, frames: &mut [Frame<'_>], burst: usize) -> u64 {
        let first = clock::fenced();
        let start = clock::fenced();
        for frames in frames.chunks_mut(burst) {
            self.walk(half, frames);
        }
        let end = clock::fenced();
        let last = clock::fenced();
        (start - first) + (last - end)
    }

    /// One reading a packet, each the end of one and the start of the next.
    #[inline(never)]
    pub(super) fn stamped(&mut self, half: Half, frames: &mut [Frame<'_>], stamps: &mut [u64]) {
        let Some((first, stamps)) = stamps.split_first_mut() else {
            return;
        };
        *first = clock::now();
        for (frame, stamp) in frames.iter_mut().zip(stamps) {
            self.walk(half, std::slice::from_mut(frame));
            *stamp = clock::now();
        }
    }
}
