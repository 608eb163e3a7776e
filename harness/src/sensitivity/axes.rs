//! The axes and their levels: what is held otherwise than in a run.

use tunneltax_core::frame::Placement;
use tunneltax_core::replay::{Arrangement, Turns};
use tunneltax_core::stack;
use tunneltax_core::workload::{Caches, Shape};
use tunneltax_reports::selftest::Axis;

use super::{FORWARD, TUNNEL};

/// Axes that one process can look at.
pub const AXES: [Axis; 7] = [
    Axis::Burst,
    Axis::Turns,
    Axis::Opened,
    Axis::Line,
    Axis::Page,
    Axis::Heap,
    Axis::Stack,
];

/// Bursts, in packets: the first is a run's.
const BURSTS: [usize; 5] = [32, 1, 8, 64, 256];
/// Packets between two readings, whatever the burst is: as many as the largest has.
const BURST_READING_PACKETS: usize = 256;
/// Bytes behind the start of a cache line: of a run, behind an Ethernet header (RFC 894) whose
/// frame starts 2 bytes behind one that is aligned, at other words, and across none.
const IN_LINE_BYTES: [usize; 5] = [0, 2, 16, 31, 48];
/// Bytes held when instances are opened: none, a word, behind a line, behind a page, and more
/// than an allocation that has pages of its own.
const HELD_BYTES: [usize; 5] = [0, 16, 1040, 4112, 200_000];

/// A level of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// What it is, for people.
    pub name: String,
    /// How many packets are handed over and timed at once.
    pub shape: Shape,
    /// How the loop is arranged.
    pub arrangement: Arrangement,
    /// The lane that begins every round, where the order is not drawn.
    pub begins: usize,
    /// The lane that is opened first; drawn if none.
    pub opened_first: Option<usize>,
    /// Bytes that are held while lanes are opened; drawn, as in a run, if none.
    pub held_bytes: Option<usize>,
    /// Place of the stack in its cache line; drawn if none.
    pub stack: Option<usize>,
}

/// Levels of an axis for packets of some length: the first is what the others are held against,
/// the second the first once more.
pub fn ways(axis: Axis, longest: usize, burst: usize, caches: Caches) -> Vec<Way> {
    let usual = Way {
        name: String::new(),
        shape: Shape::hot(longest, burst, caches),
        arrangement: Arrangement::default(),
        begins: FORWARD,
        opened_first: None,
        held_bytes: None,
        stack: None,
    };
    let mut levels = match axis {
        Axis::Burst => bursts(&usual),
        Axis::Turns => who(&usual, |way, lane| {
            way.arrangement.turns = Turns::AsGiven;
            way.begins = lane;
        }),
        Axis::Opened => who(&usual, |way, lane| way.opened_first = Some(lane)),
        Axis::Line => lines(&usual),
        Axis::Page => pages(&usual),
        Axis::Heap => heaps(&usual),
        Axis::Stack => stacks(&usual),
        Axis::Links => Vec::new(),
    };
    if let Some(first) = levels.first().cloned() {
        levels.insert(1, first);
    }
    levels
}

/// The same memory and the same readings with bursts of several sizes.
fn bursts(usual: &Way) -> Vec<Way> {
    let of = |burst| Way {
        name: format!("bursts of {burst}"),
        shape: Shape {
            burst,
            packets_per_reading: BURST_READING_PACKETS,
            ..usual.shape
        },
        ..usual.clone()
    };
    BURSTS.into_iter().map(of).collect()
}

fn who(usual: &Way, set: impl Fn(&mut Way, usize)) -> Vec<Way> {
    let of = |(lane, name): (usize, &str)| {
        let mut way = usual.clone();
        name.clone_into(&mut way.name);
        set(&mut way, lane);
        way
    };
    [(FORWARD, "forward first"), (TUNNEL, "tunnel first")]
        .map(of)
        .into()
}

fn placed(usual: &Way, name: String, placement: Placement) -> Way {
    let arrangement = Arrangement {
        placement,
        ..usual.arrangement
    };
    Way {
        name,
        arrangement,
        ..usual.clone()
    }
}

fn lines(usual: &Way) -> Vec<Way> {
    let of = |bytes| {
        let name = format!("line + {bytes}");
        placed(usual, name, Placement::InLine(bytes))
    };
    IN_LINE_BYTES.into_iter().map(of).collect()
}

fn pages(usual: &Way) -> Vec<Way> {
    let of = |(name, placement): (&str, _)| placed(usual, name.to_owned(), placement);
    [
        ("in one page", Placement::InPage),
        ("across two pages", Placement::AcrossPages),
    ]
    .map(of)
    .into()
}

fn heaps(usual: &Way) -> Vec<Way> {
    let of = |bytes| Way {
        name: format!("{bytes} bytes held"),
        held_bytes: Some(bytes),
        ..usual.clone()
    };
    HELD_BYTES.into_iter().map(of).collect()
}

fn stacks(usual: &Way) -> Vec<Way> {
    let of = |place| Way {
        name: format!("{} bytes lower", place * stack::STEP_BYTES),
        stack: Some(place),
        ..usual.clone()
    };
    (0..stack::PLACES).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_differ_in_their_axis_alone_and_the_second_is_the_first() {
        for axis in AXES {
            let levels = ways(axis, 1440, 32, Caches::default());
            assert_eq!(levels[0], levels[1]);
            for (at, level) in levels.iter().enumerate().skip(2) {
                assert!(!levels[..at].contains(level), "{axis:?} {}", level.name);
            }
            let shapes = levels.iter().all(|way| way.shape == levels[0].shape);
            assert_eq!(shapes, axis != Axis::Burst);
        }
        let bursts = ways(Axis::Burst, 1440, 32, Caches::default());
        let packets: Vec<usize> = bursts.iter().map(|way| way.shape.burst).collect();
        assert_eq!(packets, [32, 32, 1, 8, 64, 256]);
    }
}
