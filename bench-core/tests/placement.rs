//! Where frames lie when somebody asks: every packet at the place that its name says, all of them
//! apart, and carried right by the timed loop from there.

use std::sync::atomic::AtomicBool;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::clock::Clock;
use tunneltax_core::frame::{Arena, LINE_BYTES, PAGE_BYTES, Placement};
use tunneltax_core::path::{Setup, find};
use tunneltax_core::replay::{self, Arrangement, Lane, Plan, Turns};
use tunneltax_core::synth::{Mix, Recipe};
use tunneltax_core::workload::{Shape, Workload};

const FRAMES: usize = 20;

/// Addresses of packets of so many bytes, and whether each has all its room.
fn starts(placement: Placement, bytes: usize) -> Vec<usize> {
    let mut arena = Arena::placed(FRAMES, 40, bytes, 30, placement);
    let mut frames = arena.frames();
    assert_eq!(frames.len(), FRAMES);
    let packet = vec![1; bytes];
    frames
        .iter_mut()
        .map(|frame| {
            assert!(frame.load(&packet));
            let start = frame.bytes().as_ptr().addr();
            assert!(frame.push_front(40).is_some() && frame.push_back(30).is_some());
            start
        })
        .collect()
}

fn distances(starts: &[usize]) -> Vec<usize> {
    starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn packets_start_so_many_bytes_behind_a_line() {
    for bytes in [64, 1440, 9000] {
        for displaced in [0, 2, 31, 63] {
            let starts = starts(Placement::InLine(displaced), bytes);
            assert!(starts.iter().all(|at| at % LINE_BYTES == displaced));
            let lines = distances(&starts);
            assert!(lines.iter().all(|d| d % (2 * LINE_BYTES) == LINE_BYTES));
        }
    }
}

#[test]
fn packets_start_at_the_same_place_of_a_page() {
    let place = |placement| {
        let starts = starts(placement, 1440);
        assert!(distances(&starts).iter().all(|d| *d == PAGE_BYTES));
        starts[0] % PAGE_BYTES
    };
    let (within, across) = (place(Placement::InPage), place(Placement::AcrossPages));
    // Headers in front and the trailer behind are in the same page, or are not.
    assert!(within >= 40 && within + 1440 + 30 <= PAGE_BYTES);
    assert!(across + 64 <= PAGE_BYTES && across + 64 + 30 > PAGE_BYTES);
    assert_eq!((within % LINE_BYTES, across % LINE_BYTES), (0, 0));
}

#[test]
fn what_is_carried_does_not_depend_on_where_it_lies_nor_on_who_begins() {
    let setup = Setup::default();
    let chunk = Recipe::new(Mix::Size(1440), 64, 1).chunk().unwrap();
    let workload = Workload::new(chunk.packets().collect());
    let (clock, stop) = (Clock::measure(), AtomicBool::new(false));
    let plan = Plan {
        shape: Shape {
            burst: 8,
            packets_per_reading: 16,
            readings_per_fill: 1,
            scattered: false,
        },
        rounds: 3,
        first_stretch: 0,
        stop: &stop,
    };
    for placement in [
        Placement::InLine(31),
        Placement::InPage,
        Placement::AcrossPages,
    ] {
        let open = |id| Lane::open(find(id).unwrap(), &setup, true).unwrap();
        let mut lanes = ["forward", "esp/aes-256-gcm@ring"].map(open);
        let arrangement = Arrangement {
            placement,
            turns: Turns::AsGiven,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let untouched = rng.clone();
        replay::measure_arranged(&mut lanes, &workload, &plan, arrangement, &clock, &mut rng);
        assert!(rng == untouched, "a fixed order draws nothing");
        for lane in lanes {
            let samples = lane.into_result().unwrap();
            assert_eq!(samples.send_ns.len(), plan.rounds);
        }
    }
}
