//! Which groups a run measures, and how they share its time.

use std::sync::Arc;

use tunneltax_core::workload::Shape;
use tunneltax_reports::record::{Temperature, WorkloadKind};

use crate::captures::{CLASSES, Survey, class_name, class_of};
use crate::failure::Failure;
use crate::generated::Generated;
use crate::measure::{Bench, Subject};
use crate::payers::Ranking;
use crate::plan::{Planner, Work};

/// Seconds of a plain run; calibrating, reading and drawing come on top.
pub const DEFAULT_SECONDS: u32 = 45;
/// Fresh instances in a plain run.
pub const INSTANCES: u32 = 10;
/// Part of the time that generated sizes get, where there are captures too.
const SIZES_SHARE: f64 = 0.3;
/// Least part of the time that captures get, whatever the sizes take.
const CAPTURES_SHARE_MIN: f64 = 0.1;
/// How much longer than asked a plan may be without a word.
const LONGER: f64 = 1.2;
/// A plan that is so many times longer than asked, and longer than so many minutes, is not begun.
const MUCH_LONGER: f64 = 10.0;
const MINUTES_WITHOUT_ASKING: f64 = 10.0;
/// Packets of a capture that are replayed however short the time is: fewer would not be it.
pub const CAPTURE_PACKETS_MIN: u64 = 256;
/// Where there is no time for all packets of a capture, at least this part of those planned.
const KEPT_MIN: f64 = 0.25;
/// Size for which layouts are planned: the longest packet of most captures.
const LONGEST: usize = 1500;
/// Temperatures of captures, in the order of [`Planner::shapes`].
pub const TEMPERATURES: [Temperature; 2] = [Temperature::Hot, Temperature::Warm];

/// Which size classes of captures are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Classes {
    /// There is no time for any.
    None,
    /// Hot ones.
    Hot,
    /// Hot and warm ones.
    Both,
}

/// How the time is shared out.
pub struct Schedule {
    /// Groups in all.
    pub groups: usize,
    /// Seconds for each generated workload and temperature.
    pub seconds_per_size: f64,
    /// Most packets of each capture; `None` where all of them fit, and with `--full`.
    pub cap: Option<u64>,
    /// Seconds for each capture, all its groups.
    pub seconds_per_capture: Vec<f64>,
    classes: Classes,
    warm: bool,
    size_groups: usize,
    size_seconds: f64,
    instances_min: u32,
    all_packets: u64,
    kept_packets: u64,
}

impl Schedule {
    /// Shares out `seconds`; `full` takes every packet whatever that takes.
    pub fn new(
        planner: &Planner,
        generated: &[Generated],
        surveys: &[Survey],
        seconds: f64,
        full: bool,
    ) -> Self {
        let share = if surveys.is_empty() { 1.0 } else { SIZES_SHARE };
        let works: Vec<Work> = generated
            .iter()
            .flat_map(|of| size_works(planner, *of))
            .collect();
        let size_groups = works.len();
        let seconds_per_size = seconds * share / size_groups.max(1) as f64;
        let fits = works
            .into_iter()
            .map(|work| planner.fit(&work, seconds_per_size, 1.0));
        let (mut size_seconds, mut instances_min) = (0.0, planner.instances);
        for (portion, predicted) in fits {
            size_seconds += predicted;
            instances_min = instances_min.min(portion.instances.end);
        }
        let left = (seconds - size_seconds).max(seconds * CAPTURES_SHARE_MIN);
        let walks = |cap: u64, classes| -> f64 {
            let walk = |s| least_seconds(planner, s, cap, classes);
            surveys.iter().map(walk).sum()
        };
        let classes = match full {
            true => Classes::Both,
            false if walks(CAPTURE_PACKETS_MIN, Classes::Hot) <= left => Classes::Hot,
            false => Classes::None,
        };
        let most = packet_cap(surveys, |cap| walks(cap, classes) <= left);
        let cap = (!full && surveys.iter().any(|s| s.packets > most)).then_some(most);
        let kept = cap.unwrap_or(u64::MAX);
        // What one walk leaves over goes into more walks.
        let stretch = (left / walks(kept, classes).max(1e-9)).max(1.0);
        let of_capture = |s| least_seconds(planner, s, kept, classes) * stretch;
        let parts = surveys
            .iter()
            .map(|s| parts_of(s, kept, classes, planner.warm).len());
        let parts: usize = parts.sum();
        Self {
            groups: size_groups + parts,
            seconds_per_size: size_seconds / size_groups.max(1) as f64,
            cap,
            seconds_per_capture: surveys.iter().map(of_capture).collect(),
            classes,
            warm: planner.warm,
            size_groups,
            size_seconds,
            instances_min,
            all_packets: surveys.iter().map(|s| s.packets).sum(),
            kept_packets: surveys.iter().map(|s| s.packets.min(kept)).sum(),
        }
    }

    /// Seconds of all groups.
    pub fn seconds(&self) -> f64 {
        self.size_seconds + self.seconds_per_capture.iter().sum::<f64>()
    }

    /// Refuses what would take hours where seconds were asked for; `full` takes what it takes.
    pub fn check(&self, asked_seconds: f64, full: bool) -> Result<(), Failure> {
        let seconds = self.seconds();
        if full || seconds <= (MUCH_LONGER * asked_seconds).max(MINUTES_WITHOUT_ASKING * 60.0) {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "the least for so many rows is {seconds:.0} s, and {asked_seconds} s were asked for: some case is very slow here; \
             name fewer --case or --size, or ask for more --seconds"
        )))
    }

    /// The groups of a capture of which so many packets are kept.
    pub fn parts(&self, survey: &Survey, kept: u64) -> Vec<Part> {
        parts_of(survey, kept, self.classes, self.warm)
    }

    /// One walk over the first `kept` packets of a capture, all its groups.
    pub fn walk_seconds(&self, planner: &Planner, survey: &Survey, kept: u64) -> f64 {
        least_seconds(planner, survey, kept, self.classes)
    }

    /// Packets to keep of those that were planned, where so many seconds are left for a capture
    /// on a machine `slowness` times as slow as planned: all, if fewer instances are enough.
    pub fn keep(
        &self,
        planner: &Planner,
        survey: &Survey,
        kept: u64,
        seconds: f64,
        slowness: f64,
    ) -> u64 {
        let parts = self.parts(survey, kept);
        let works = parts.iter().map(|part| part.work(planner, survey, kept));
        let floor: f64 = works.map(|work| planner.floor_seconds(&work)).sum();
        let fits = seconds / (floor * slowness).max(1e-9);
        let keep = (kept as f64 * fits.clamp(KEPT_MIN, 1.0)).ceil() as u64;
        // No group that was planned is lost.
        let classes = parts.iter().filter_map(|part| part.class);
        let enough = classes.filter_map(|class| survey.class_enough_at(class));
        keep.max(enough.max().unwrap_or(1))
            .max(CAPTURE_PACKETS_MIN.min(kept))
    }

    /// The plan in words.
    pub fn describe(
        &self,
        bench: &Bench<'_>,
        planner: &Planner,
        asked_seconds: f64,
        full: bool,
    ) -> String {
        let captures: f64 = self.seconds_per_capture.iter().sum();
        let rest = self.groups - self.size_groups;
        let more = if full {
            String::new()
        } else {
            let packets = match self.cap {
                Some(_) => format!("all {} packets", self.all_packets),
                None => "every packet".to_owned(),
            };
            format!(
                "--full adds {INSTANCES} more instances, {packets}, warm size classes and the yardsticks.\n"
            )
        };
        let instances = match (self.instances_min, planner.instances) {
            (least, most) if least < most => format!("{least} to {most}"),
            (_, most) => most.to_string(),
        };
        let least = if self.seconds() > LONGER * asked_seconds {
            format!(
                ":\n  the least for so many rows, {asked_seconds} s are too few; fewer --case or --size are sooner done"
            )
        } else {
            String::new()
        };
        format!(
            "{} rows: {} cases in {} groups, {instances} fresh instances each; about {:.0} s to measure{least}:\n  \
             {} groups by size, {:.1} s each; {rest} by capture and size class, {:.1} s each \
             ({} of {} packets).\n{more}\n",
            self.groups * bench.cases.len(),
            bench.cases.len(),
            self.groups,
            self.seconds(),
            self.size_groups,
            self.seconds_per_size,
            captures / rest.max(1) as f64,
            self.kept_packets,
            self.all_packets,
        )
    }
}

/// A generated workload at every temperature.
fn size_works(planner: &Planner, of: Generated) -> impl Iterator<Item = Work> {
    let shapes = planner.generated_shapes(of).into_iter();
    shapes.map(move |(_, shape)| Work::generated(of, shape))
}

/// Most packets of each capture for which `fits` holds; at least [`CAPTURE_PACKETS_MIN`].
fn packet_cap(surveys: &[Survey], fits: impl Fn(u64) -> bool) -> u64 {
    let most = surveys.iter().map(|s| s.packets).max().unwrap_or(0).max(1);
    if fits(most) {
        return most;
    }
    let (mut fit, mut too_many) = (CAPTURE_PACKETS_MIN.min(most), most);
    while too_many - fit > 1 {
        let middle = u64::midpoint(fit, too_many);
        if fits(middle) {
            fit = middle;
        } else {
            too_many = middle;
        }
    }
    fit
}

/// One walk over the first `cap` packets of a capture, all its groups, all instances.
fn least_seconds(planner: &Planner, survey: &Survey, cap: u64, classes: Classes) -> f64 {
    let parts = parts_of(survey, cap, classes, planner.warm);
    let works = parts.iter().map(|part| part.work(planner, survey, cap));
    works.map(|work| planner.least_seconds(&work)).sum()
}

/// A capture as a whole, or one size class of it, at one temperature.
pub struct Part {
    class: Option<usize>,
    warm: bool,
}

fn parts_of(survey: &Survey, kept: u64, classes: Classes, warm: bool) -> Vec<Part> {
    let enough = |class: &usize| survey.class_enough_at(*class).is_some_and(|at| at <= kept);
    let whole = [false, true].map(|warm| Part { class: None, warm });
    let all = if classes == Classes::None {
        0..0
    } else {
        0..CLASSES.len()
    };
    let classes = all.filter(enough).flat_map(|class| {
        let of = move |warm| Part {
            class: Some(class),
            warm,
        };
        std::iter::once(of(false)).chain((classes == Classes::Both).then(|| of(true)))
    });
    let all = whole.into_iter().chain(classes);
    all.filter(|part| warm || !part.warm).collect()
}

impl Part {
    /// True for packets of this part.
    pub fn takes(&self, packet: &[u8]) -> bool {
        self.class
            .is_none_or(|class| class_of(packet) == Some(class))
    }

    /// The layout of this part's temperature.
    pub fn shape(&self, [hot, warm]: [Shape; 2]) -> Shape {
        if self.warm { warm } else { hot }
    }

    /// What is known of the part before it is read again.
    fn work(&self, planner: &Planner, survey: &Survey, kept: u64) -> Work {
        let (packets, mean_bytes, longest) = match self.class {
            None => (survey.packets.min(kept), survey.mean_bytes, LONGEST),
            Some(class) => (
                survey.class_packets(class, kept).ceil() as u64,
                survey.class_mean_bytes(class),
                CLASSES.get(class).map_or(LONGEST, |(_, high)| *high),
            ),
        };
        let shape = self.shape(planner.shapes(longest.min(LONGEST), mean_bytes));
        Work::walk(packets as usize, mean_bytes, shape)
    }

    /// Who pays: of the capture as a whole.
    pub fn rankings(&self, survey: &Survey) -> Arc<[Ranking]> {
        match self.class {
            None => Arc::clone(&survey.rankings),
            Some(_) => Arc::new([]),
        }
    }

    /// The group that the part becomes.
    pub fn subject(&self, survey: &Survey) -> Subject {
        let (kind, workload) = match self.class {
            None => (WorkloadKind::Capture, survey.name.clone()),
            Some(class) => (
                WorkloadKind::Class,
                format!("{} {}", survey.name, class_name(class)),
            ),
        };
        Subject {
            kind,
            workload,
            capture: Some(survey.name.clone()),
            temperature: TEMPERATURES[usize::from(self.warm)],
            flows: None,
            names_packets: self.class.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tunneltax_core::synth::Mix;

    use super::*;

    #[test]
    fn hours_are_not_begun_where_seconds_were_asked_for() {
        let generated = [Generated::plain(Mix::Size(64))];
        let of = |packet_ns| {
            let planner = Planner::made(packet_ns);
            Schedule::new(&planner, &generated, &[], 30.0, false)
        };
        assert!(of(1000.0).check(30.0, false).is_ok());
        let slow = of(1e7);
        assert!(slow.seconds() > 600.0, "{}", slow.seconds());
        let refused = slow.check(30.0, false).unwrap_err().to_string();
        assert!(refused.contains("30 s were asked for"), "{refused}");
        assert!(slow.check(30.0, true).is_ok());
        assert!(slow.check(slow.seconds() / 9.0, false).is_ok());
    }
}
