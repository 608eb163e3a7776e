//! A run under way: its groups, what is measured of them in each sweep, and what is kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use indicatif::ProgressBar;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::anchor::Anchor;
use tunneltax_core::capture::Chunk;
use tunneltax_core::workload::{Shape, Workload};
use tunneltax_reports::record::{self, Record, WorkloadKind};

use crate::captures::{self, CHUNK_BYTES, Kept, Survey};
use crate::cli::RunOptions;
use crate::disturbance::Disturbance;
use crate::failure::Failure;
use crate::generated::Generated;
use crate::measure::{Bench, GroupInMaking, Subject};
use crate::output;
use crate::pace::Pace;
use crate::plan::{Planner, Work};
use crate::sample::Sample;
use crate::schedule::{Part, Schedule};
use crate::sides::{SideCount, Sides};
use crate::sweeps::{SWEEPS, Swept, pace_with};

/// Most bytes of captures that are kept in memory from one sweep to the next.
const HELD_BYTES_MAX: f64 = (64 << 20) as f64;
/// Most lanes of groups that are measured in sweeps: as much memory as they take.
pub const LANES_MAX: usize = 2400;
/// Most generated packets that are made anew in every sweep.
const MADE_ANEW_MAX: usize = 1 << 16;

/// Packets, and the groups that are measured on them.
pub enum Packets {
    /// Made in every sweep.
    Made(Generated, Vec<Swept>),
    /// What is kept of a capture, and its parts.
    Held(Chunk, Vec<(Part, Swept)>),
    /// Of a capture that is too large to be kept: read and measured chunk by chunk, in the first
    /// sweep.
    Read(Capture),
}

/// A capture, by its place among the surveys, and its parts, which are groups one behind the other.
pub struct Capture {
    at: usize,
    first_group: usize,
    parts: Vec<Part>,
    /// What one walk leaves over goes into more walks, as many for every part.
    stretch: f64,
}

/// A group of a run. What is in the making takes some tenths of a megabyte a lane.
pub enum RunGroup<'a> {
    /// To be measured, or measured in part.
    Making(Box<GroupInMaking<'a>>),
    /// Measured, and the looks at the core beside it; none where there was no packet, or no time.
    Done(Option<Box<record::Group>>, Vec<Anchor>),
}

impl<'a> RunGroup<'a> {
    /// Nothing measured yet.
    pub fn new(group: GroupInMaking<'a>) -> Self {
        Self::Making(Box::new(group))
    }

    fn making(&mut self) -> Option<&mut GroupInMaking<'a>> {
        match self {
            Self::Making(group) => Some(group),
            Self::Done(..) => None,
        }
    }

    /// What there is so far.
    fn so_far(&mut self) -> Option<record::Group> {
        match self {
            Self::Making(group) => group.finish(),
            Self::Done(group, _) => group.as_deref().cloned(),
        }
    }

    fn anchors(&self) -> &[Anchor] {
        match self {
            Self::Making(group) => group.anchors(),
            Self::Done(_, anchors) => anchors,
        }
    }

    /// Nothing more is measured.
    fn close(&mut self) {
        if let Self::Making(group) = self {
            *self = Self::Done(group.finish().map(Box::new), group.anchors().to_vec());
        }
    }
}

/// A run under way.
pub struct Run<'a> {
    pub record: Record,
    /// Every group is measured at once, since there are too many.
    pub at_once: bool,
    /// In the order of the record.
    pub groups: Vec<RunGroup<'a>>,
    /// The captures that were read, in their order.
    pub captures: Vec<Option<record::Capture>>,
    pub options: &'a RunOptions,
    pub bench: &'a Bench<'a>,
    pub sides: &'a Sides,
    pub planner: &'a Planner,
    pub bar: ProgressBar,
    pub pace: Pace,
    pub disturbance: Disturbance,
    pub rng: ChaCha8Rng,
}

impl Run<'_> {
    pub fn stopped(&self) -> bool {
        self.bench.stop.load(Ordering::Relaxed)
    }

    /// Generated packets and their groups.
    pub fn of_sizes(&mut self, generated: &[Generated], schedule: &Schedule) -> Vec<Packets> {
        let mut all = Vec::new();
        for &of in generated {
            let mut swept = Vec::new();
            for (temperature, shape) in self.planner.generated_shapes(of) {
                let subject = Subject {
                    kind: of.kind(),
                    workload: of.mix.to_string(),
                    capture: None,
                    temperature,
                    flows: Some(of.flows as u64),
                    names_packets: !self.is_for_model(of),
                };
                let work = Work::generated(of, shape);
                let group = self.groups.len();
                let new = Swept::new(group, shape, work, schedule.seconds_per_size);
                swept.push(new.at_once(self.at_once || of.packets() > MADE_ANEW_MAX));
                let making = GroupInMaking::new(self.bench, subject, Arc::new([]));
                self.groups.push(RunGroup::new(making));
            }
            all.push(Packets::Made(of, swept));
        }
        all
    }

    /// Whether it is measured for the cost model alone.
    fn is_for_model(&self, of: Generated) -> bool {
        let sizes = &self.record.model_sizes;
        of.kind() == WorkloadKind::Size && sizes.contains(&(of.longest() as u32))
    }

    /// Captures and their groups. Those that fit are read here.
    pub fn of_captures(
        &mut self,
        surveys: &[Survey],
        schedule: &Schedule,
    ) -> Result<Vec<Packets>, Failure> {
        let (mut all, mut held_bytes) = (Vec::new(), 0.0);
        for (at, survey) in surveys.iter().enumerate() {
            let kept = self.kept(survey, schedule);
            let parts = schedule.parts(survey, kept);
            let planned = schedule.seconds_per_capture.get(at).copied();
            let walk = schedule.walk_seconds(self.planner, survey, kept);
            let stretch = planned.unwrap_or(0.0) / walk.max(1e-9);
            let first_group = self.groups.len();
            for part in &parts {
                let rankings = part.rankings(survey);
                let group = GroupInMaking::new(self.bench, part.subject(survey), rankings);
                self.groups.push(RunGroup::new(group));
            }
            let bytes = kept as f64 * survey.mean_bytes;
            let capture = Capture {
                at,
                first_group,
                parts,
                stretch,
            };
            let fits = bytes <= CHUNK_BYTES as f64 && held_bytes + bytes <= HELD_BYTES_MAX;
            all.push(if fits {
                held_bytes += bytes;
                self.held(capture, survey, kept)?
            } else {
                Packets::Read(capture)
            });
        }
        Ok(all)
    }

    /// Packets of a capture that are planned to be replayed; as many as the record has that is
    /// measured again.
    fn kept(&self, survey: &Survey, schedule: &Schedule) -> u64 {
        let as_recorded = self.options.kept.get(&survey.file).copied();
        let cap = as_recorded.or(schedule.cap).unwrap_or(u64::MAX);
        survey.packets.min(cap)
    }

    /// Reads what is kept of a capture.
    fn held(&mut self, of: Capture, survey: &Survey, kept: u64) -> Result<Packets, Failure> {
        let mut gathered = Chunk::new();
        self.read(of.at, survey, kept, |_, packet| {
            gathered.push(packet, None);
        })?;
        let mut swept = Vec::new();
        for (part, group) in of.parts.into_iter().zip(of.first_group..) {
            let mine = gathered.packets().filter(|packet| part.takes(packet));
            let Some((shape, work)) = self.work(&part, mine) else {
                continue;
            };
            let seconds = self.planner.least_seconds(&work) * of.stretch;
            let new = Swept::new(group, shape, work, seconds);
            swept.push((part, new.at_once(self.at_once)));
        }
        Ok(Packets::Held(gathered, swept))
    }

    /// Reads a capture, hands over what is kept of it, and notes what became of the rest.
    fn read(
        &mut self,
        at: usize,
        survey: &Survey,
        keep: u64,
        mut take: impl FnMut(&mut Self, &[u8]),
    ) -> Result<(), Failure> {
        let sides = self.sides;
        let mut side_count = SideCount::new(sides);
        let mut sample = Sample::new(keep, survey.packets);
        let limits = captures::limits(&self.options.selection);
        let stop = self.bench.stop;
        let tally = captures::each_chunk(&survey.path, limits, |chunk| {
            let of_side = chunk.packets().filter(|p| side_count.takes(p));
            for packet in of_side.filter(|p| sample.takes(p)) {
                take(self, packet);
            }
            Ok(captures::going(stop))
        })?;
        let kept = Kept {
            packets: sample.kept(),
            bytes: sample.kept_bytes(),
            of: tally.frames_replayed - side_count.left_out().iter().sum::<u64>(),
        };
        let record = captures::to_record(survey, &tally, &side_count, &kept);
        self.captures[at] = Some(record);
        Ok(())
    }

    /// The layout and the work of a part of a capture; `None` without packets.
    fn work<'p>(
        &self,
        part: &Part,
        packets: impl Iterator<Item = &'p [u8]>,
    ) -> Option<(Shape, Work)> {
        let (mut count, mut longest, mut bytes) = (0, 0, 0);
        for packet in packets {
            count += 1;
            longest = longest.max(packet.len());
            bytes += packet.len();
        }
        let mean = bytes as f64 / f64::from(count);
        let shape = part.shape(self.planner.shapes(longest, mean));
        (count > 0).then(|| (shape, Work::walk(count as usize, mean, shape)))
    }

    /// Measures a sweep's part of the groups of some packets.
    pub fn sweep(
        &mut self,
        packets: &mut Packets,
        sweep: u32,
        surveys: &[Survey],
        schedule: &Schedule,
    ) -> Result<(), Failure> {
        match packets {
            Packets::Made(of, swept) => {
                let making = |of: &&mut Swept| {
                    let group = self.groups.get(of.group);
                    group.is_some_and(|group| matches!(group, RunGroup::Making(_)))
                };
                let swept: Vec<&mut Swept> = swept.iter_mut().filter(making).collect();
                if swept.is_empty() {
                    return Ok(());
                }
                let dont_fragment = !self.bench.fragments_inside();
                let chunk = of.chunk(self.bench.setup.seed, dont_fragment)?;
                let workload = Workload::new(chunk.packets().collect());
                for swept in swept {
                    self.swept(swept, &workload, sweep);
                }
            }
            Packets::Held(chunk, swept) => {
                for (part, swept) in swept {
                    let mine = chunk.packets().filter(|packet| part.takes(packet));
                    let group = self.groups.get_mut(swept.group);
                    let Some(group) = group.and_then(RunGroup::making) else {
                        continue;
                    };
                    let workload = group.labelled(mine.collect());
                    self.swept(swept, &workload, sweep);
                }
            }
            Packets::Read(capture) if sweep == 0 => {
                let survey = surveys.get(capture.at);
                if let Some(survey) = survey.filter(|_| !self.stopped()) {
                    self.whole(capture, survey, schedule)?;
                }
            }
            Packets::Read(_) => {}
        }
        Ok(())
    }

    /// Measures a sweep's part of a group.
    pub fn swept(&mut self, swept: &mut Swept, workload: &Workload<'_>, sweep: u32) {
        let stopped = self.stopped();
        let Some(group) = self.groups.get_mut(swept.group).filter(|_| !stopped) else {
            return;
        };
        if let Some(making) = group.making() {
            let (planner, pace) = (self.planner, &mut self.pace);
            swept.measure(making, workload, sweep, planner, pace, &mut self.rng);
            if swept.is_over(making, sweep) {
                group.close();
            }
        }
        self.bar.inc(1);
    }

    /// Measures a capture that is not kept in memory: what is kept of it lies over many chunks, and
    /// is measured in a few.
    fn whole(
        &mut self,
        capture: &Capture,
        survey: &Survey,
        schedule: &Schedule,
    ) -> Result<(), Failure> {
        let planned = schedule.seconds_per_capture.get(capture.at).copied();
        let share = self.pace.share(planned.unwrap_or(0.0));
        let kept = self.kept(survey, schedule);
        let keep = if self.options.kept.contains_key(&survey.file) {
            kept
        } else {
            schedule.keep(self.planner, survey, kept, share, self.pace.slowness())
        };
        let mut gathered = Chunk::new();
        self.read(capture.at, survey, keep, |run, packet| {
            if !gathered.is_empty() && gathered.used_bytes() + packet.len() > CHUNK_BYTES {
                run.chunk(&gathered, capture);
                gathered.clear();
            }
            gathered.push(packet, None);
        })?;
        self.chunk(&gathered, capture);
        let groups = self.groups.iter_mut().skip(capture.first_group);
        groups.take(capture.parts.len()).for_each(RunGroup::close);
        let parts = capture.parts.len() as u64;
        self.bar.inc(parts * u64::from(SWEEPS));
        self.write()
    }

    /// Measures what some packets of a capture are to its parts.
    fn chunk(&mut self, chunk: &Chunk, capture: &Capture) {
        for (part, at) in capture.parts.iter().zip(capture.first_group..) {
            let packets: Vec<&[u8]> = chunk.packets().filter(|p| part.takes(p)).collect();
            let work = self.work(part, packets.iter().copied());
            let stopped = self.stopped();
            let Some((shape, work)) = work.filter(|_| !stopped) else {
                continue;
            };
            let group = self.groups.get_mut(at).and_then(RunGroup::making);
            let Some(group) = group else {
                continue;
            };
            let planned = self.planner.least_seconds(&work) * capture.stretch;
            let share = self.pace.share(planned);
            let (portion, predicted) = self.planner.fit(&work, share, self.pace.slowness());
            let workload = group.labelled(packets);
            pace_with(&mut self.pace, (planned, predicted), group, |group| {
                group.add(&workload, shape, &portion, &mut self.rng);
            });
        }
    }

    /// Keeps what was measured so far.
    pub fn write(&mut self) -> Result<(), Failure> {
        let groups = self.groups.iter_mut();
        self.record.groups = groups.filter_map(RunGroup::so_far).collect();
        if self.record.groups.is_empty() && self.stopped() {
            // An earlier record stays where it is.
            return Ok(());
        }
        let captures = self.captures.iter().flatten();
        self.record.captures = captures.cloned().collect();
        let anchors = self.groups.iter().flat_map(RunGroup::anchors);
        let anchors: Vec<Anchor> = anchors.copied().collect();
        let provenance = &mut self.record.provenance;
        provenance.seconds = self.pace.elapsed();
        provenance.noise = self.disturbance.until_now(&anchors);
        output::replace(&self.options.out, "record.json", &self.record.to_json())
    }
}
