//! ESP that others sealed, as a far gateway takes it in. There is no sender: what arrived once
//! arrives again for every visit, and [`PacketPath::rewind`] makes the receiver, outside the
//! clock, what it was when it came first.

use std::ops::Range;

use super::bare::unpad;
use super::esp::{Arrived, job_of, look, take};
use super::forward::{Forwarder, Rules};
use super::framing::Framing;
use super::jobs::{CHUNK, Jobs};
use super::underlay::Underlay;
use super::{Case, CaseError, GivenSa, PacketPath, Setup};
use crate::cipher::{Cipher, Job, KeyLength};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::replay_window::ReplayWindow;
use crate::sa::InboundSa;
use crate::sa_table::BySpi;

/// A packet of ESP that was opened once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// As it came: outer headers, ESP, and nothing behind them.
    pub sealed: Vec<u8>,
    /// What was inside, not forwarded yet.
    pub inner: Vec<u8>,
    /// The SA that it belongs to: its place in [`Inbox::sas`].
    pub sa: u32,
    /// Its sequence number, all bits of it.
    pub sequence: u64,
}

/// What a receiver is made for: its SAs, and what will arrive.
#[derive(Clone, Copy)]
pub struct Inbox<'a> {
    /// What stands around the packets.
    pub framing: Framing,
    /// The SAs; their SPIs are distinct.
    pub sas: &'a [GivenSa],
    /// Packets in the order in which they came.
    pub arrivals: &'a [&'a Arrival],
    /// Which of them lie between two readings of the clock, in the order of their beginnings.
    pub readings: &'a [Range<usize>],
}

/// Makes a receiver. [`PacketPath::send`] of it does nothing.
pub type MakeReceiver = fn(&Setup, &Inbox<'_>) -> Result<Box<dyn PacketPath>, CaseError>;
/// Makes what opens packets of one SA and leaves them there.
pub type MakeOpener = fn(&Case, &Setup, &GivenSa) -> Result<Box<dyn Open>, CaseError>;

/// Opens packets one by one, in their order, and forwards none.
pub trait Open {
    /// Leaves the inner packet in the frame and returns the sequence number; `None` where the
    /// packet was refused.
    fn open(&mut self, frame: &mut Frame<'_>) -> Option<u64>;
}

/// The far gateway of ESP tunnels: the SA of a packet is found by its SPI (RFC 4303, 3.4.2).
pub struct EspReceived<C> {
    sas: Sas<C>,
    by_spi: BySpi,
    underlay: Underlay,
    jobs: Jobs,
    far: Forwarder,
    /// By reading: the anti-replay windows of the SAs that have packets in it, as they were
    /// before them.
    before: Vec<Vec<(u32, ReplayWindow)>>,
}

/// SAs, and the one of each packet of a chunk.
struct Sas<C> {
    sas: Box<[InboundSa<C>]>,
    found: [u32; CHUNK],
}

impl<C: Cipher> Sas<C> {
    fn new(setup: &Setup, inbox: &Inbox<'_>) -> Result<Self, KeyLength> {
        let framing = inbox.framing;
        let sa = |given: &GivenSa| {
            let window = framing.window(setup);
            let mut sa = InboundSa::new(&given.keys, framing.numbers, window)?;
            sa.window.begin_after(given.received);
            Ok(sa)
        };
        Ok(Self {
            sas: inbox.sas.iter().map(sa).collect::<Result<_, KeyLength>>()?,
            found: [0; CHUNK],
        })
    }

    /// Opens the jobs of a chunk; neighbours of one SA go to its cipher together.
    #[inline(always)]
    fn open(
        &mut self,
        chunk: &mut [Frame<'_>],
        jobs: &[Job],
        mut opened: impl FnMut(&mut InboundSa<C>, &mut Frame<'_>, &Job),
    ) {
        let Self { sas, found } = self;
        for run in jobs.chunk_by(|a, b| found[a.frame as usize] == found[b.frame as usize]) {
            let sa = &mut sas[found[run[0].frame as usize] as usize];
            sa.cipher.open(chunk, run);
            for job in run {
                opened(sa, &mut chunk[job.frame as usize], job);
            }
        }
    }
}

impl<C: Cipher> EspReceived<C> {
    /// Expands the keys, and notes what the windows are before each reading.
    pub fn new(setup: &Setup, inbox: &Inbox<'_>) -> Result<Self, KeyLength> {
        let sas = Sas::<C>::new(setup, inbox)?;
        let mut by_spi = BySpi::new(inbox.sas.len());
        for (sa, at) in inbox.sas.iter().zip(0..) {
            by_spi.enter(sa.keys.spi, at);
        }
        let windows = sas.sas.iter().map(|sa| sa.window.clone()).collect();
        Ok(Self {
            sas,
            by_spi,
            underlay: inbox.framing.underlay,
            jobs: Jobs::new(),
            far: Forwarder::new(setup, Rules::Default),
            before: windows_before(windows, inbox),
        })
    }

    #[inline(always)]
    fn open_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self {
            sas: all,
            by_spi,
            underlay,
            jobs,
            ..
        } = self;
        let Sas { sas, found } = all;
        let jobs = jobs.fill(chunk, |frame, at| {
            let arrived = Arrived::read(*underlay, frame)?;
            let sa = by_spi.find(arrived.spi)?;
            found[at as usize] = sa;
            look(&sas[sa as usize], arrived, frame, at)
        });
        all.open(chunk, jobs, take);
    }
}

/// The windows of a reading's SAs before its first packet, reading by reading.
fn windows_before(
    mut windows: Vec<ReplayWindow>,
    inbox: &Inbox<'_>,
) -> Vec<Vec<(u32, ReplayWindow)>> {
    let mut received = 0;
    let before = inbox.readings.iter().map(|reading| {
        let since = inbox.arrivals.get(received..reading.start);
        for arrival in since.unwrap_or_default() {
            // It was taken once, behind more packets than these: it is again.
            let _ = windows[arrival.sa as usize].accept(arrival.sequence);
        }
        received = received.max(reading.start);
        let of_reading = inbox.arrivals.get(reading.clone()).unwrap_or_default();
        let mut sas: Vec<u32> = of_reading.iter().map(|arrival| arrival.sa).collect();
        sas.sort_unstable();
        sas.dedup();
        let state = |sa: u32| (sa, windows[sa as usize].clone());
        sas.into_iter().map(state).collect()
    });
    before.collect()
}

impl<C: Cipher> PacketPath for EspReceived<C> {
    fn send(&mut self, _: &mut [Frame<'_>]) {}

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.open_chunk(chunk);
            self.far.forward_burst(chunk);
        }
    }

    fn rewind(&mut self, reading: usize) {
        for (sa, window) in self.before.get(reading).into_iter().flatten() {
            self.sas.sas[*sa as usize].window.restore(window);
        }
    }
}

impl<C: Cipher> Open for EspReceived<C> {
    fn open(&mut self, frame: &mut Frame<'_>) -> Option<u64> {
        let arrived = Arrived::read(self.underlay, frame);
        self.open_chunk(std::slice::from_mut(frame));
        if !frame.is_carried() {
            if let Err(reason) = arrived {
                frame.drop_as(reason);
            }
            return None;
        }
        let arrived = arrived.ok()?;
        let sa = self.by_spi.find(arrived.spi).ok()?;
        // The window holds it by now, so that it is the number nearest to the window.
        self.sas.sas[sa as usize].sequence(arrived.sent).ok()
    }
}

/// The ciphers alone, over the same octets: what is to be opened of each packet is known before
/// the clock starts, and nothing is looked up.
pub struct BareReceived<C> {
    sas: Sas<C>,
    /// Of every arrival: its SA, and its job but for the place in a burst.
    work: Vec<(u32, Job)>,
    /// Where each reading begins.
    starts: Vec<usize>,
    jobs: Jobs,
    next: usize,
}

impl<C: Cipher> BareReceived<C> {
    /// Expands the keys, and lays out every job.
    pub fn new(setup: &Setup, inbox: &Inbox<'_>) -> Result<Self, KeyLength> {
        let sas = Sas::<C>::new(setup, inbox)?;
        let underlay = inbox.framing.underlay;
        let work = inbox.arrivals.iter().map(|arrival| {
            let sa = &sas.sas[arrival.sa as usize];
            let job = job_of(sa, underlay, &arrival.sealed, arrival.sequence);
            (arrival.sa, job.unwrap_or_default())
        });
        Ok(Self {
            work: work.collect(),
            sas,
            starts: inbox.readings.iter().map(|reading| reading.start).collect(),
            jobs: Jobs::new(),
            next: 0,
        })
    }
}

impl<C: Cipher> PacketPath for BareReceived<C> {
    fn send(&mut self, _: &mut [Frame<'_>]) {}

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        let Self {
            sas,
            work,
            jobs,
            next,
            ..
        } = self;
        for chunk in burst.chunks_mut(CHUNK) {
            let jobs = jobs.fill(chunk, |_, at| {
                let (sa, job) = work.get(*next).ok_or(Reason::NoRoom)?;
                *next += 1;
                sas.found[at as usize] = *sa;
                Ok(Job { frame: at, ..*job })
            });
            sas.open(chunk, jobs, |_, frame, job| {
                if frame.is_carried()
                    && let Err(reason) = unpad(frame, job)
                {
                    frame.drop_as(reason);
                }
            });
        }
    }

    fn rewind(&mut self, reading: usize) {
        self.next = self.starts.get(reading).copied().unwrap_or(0);
    }
}
