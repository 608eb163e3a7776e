//! Criterion over the list of cases but for variants, and over their parts: each cipher library
//! alone, capture reading, histogram recording. `cargo bench --bench cases -- 'esp/.*/1440'`
//! picks some.
//!
//! Filling the arena and sealing what is to be opened happen outside the clock, which is the
//! project's own: criterion's would count them.

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tunneltax_core::capture::{Chunk, Limits, Reader};
use tunneltax_core::clock::{self, Clock};
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::latency::Latency;
use tunneltax_core::path::{Case, Kind, PacketPath, Setup, cases};
use tunneltax_core::synth::Mix;
use tunneltax_core::workload::{Caches, Shape, Workload};

/// Inner sizes; the others are in `tunneltax run`.
const MIXES: [Mix; 3] = [Mix::Size(64), Mix::Size(1440), Mix::SimpleImix];

/// Ticks of one half of a case over a hot arena, `readings` times, flows established.
fn ticks(
    case: &Case,
    setup: &Setup,
    workload: &Workload<'_>,
    readings: usize,
    receive: bool,
) -> u64 {
    let shape = Shape::hot(workload.longest(), setup.burst, Caches::default());
    let mut path: Box<dyn PacketPath> = case.open(setup).expect("a case of the list opens");
    let mut arena = Arena::new(
        shape.packets_per_reading,
        case.overhead.headroom(),
        workload.longest(),
        case.overhead.tailroom(),
    );
    let mut frames = arena.frames();
    let untimed = shape.readings_per_walk(workload.len());
    let mut total = 0;
    for reading in 0..untimed + readings {
        let first = reading * shape.packets_per_reading;
        for (at, frame) in frames.iter_mut().enumerate() {
            frame.load(workload.packet(first + at));
        }
        let start = clock::fenced();
        frames
            .chunks_mut(shape.burst)
            .for_each(|burst| path.send(burst));
        let sent = clock::fenced();
        frames
            .chunks_mut(shape.burst)
            .for_each(|burst| path.receive(burst));
        let received = clock::fenced();
        assert!(
            frames.iter().all(Frame::is_carried),
            "{} dropped a packet",
            case.id
        );
        if reading >= untimed {
            total += if receive {
                received - sent
            } else {
                sent - start
            };
        }
    }
    total
}

fn bench_case(
    group: &mut BenchmarkGroup<'_, WallTime>,
    case: &'static Case,
    mix: Mix,
    chunk: &Chunk,
    clock: &Clock,
) {
    let workload = Workload::new(chunk.packets().collect());
    let setup = Setup::default().for_packets(workload.len());
    let shape = Shape::hot(workload.longest(), setup.burst, Caches::default());
    group.throughput(Throughput::Elements(shape.packets_per_reading as u64));
    for (half, receive) in [("send", false), ("receive", true)] {
        group.bench_function(format!("{}/{half}/{mix}", case.id), |bencher| {
            bencher.iter_custom(|readings| {
                let ns = clock.ns(ticks(case, &setup, &workload, readings as usize, receive));
                Duration::from_nanos(ns as u64)
            });
        });
    }
}

fn paths(criterion: &mut Criterion) {
    let clock = Clock::measure();
    let mut group = criterion.benchmark_group("cases");
    for mix in MIXES {
        let chunk = support::chunk(mix, 1024);
        for case in cases().filter(|case| case.kind != Kind::Variant) {
            bench_case(&mut group, case, mix, &chunk, &clock);
        }
    }
    group.finish();
}

fn capture_reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("capture");
    for (frame_bytes, frames) in [(90, 400_000), (1440, 40_000)] {
        let file = support::ethernet_file(frame_bytes, frames);
        let mut chunk = Chunk::new();
        group.throughput(Throughput::Elements(frames as u64));
        group.bench_function(format!("read/{frame_bytes}"), |bencher| {
            bencher.iter(|| {
                let mut reader = Reader::open(file.path(), Limits::default()).expect("a capture");
                while reader.next_chunk(&mut chunk).expect("whole frames") {}
                assert_eq!(reader.tally().frames_replayed, frames as u64);
            });
        });
    }
    group.finish();
}

fn histogram(criterion: &mut Criterion) {
    let mut latency = Latency::default();
    let mut service_ns = 17.0;
    criterion.bench_function("histogram/record", |bencher| {
        bencher.iter(|| {
            service_ns = if service_ns > 3000.0 {
                17.0
            } else {
                service_ns * 1.07
            };
            latency.record(black_box(service_ns));
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200));
    targets = paths, capture_reading, histogram
}
criterion_main!(benches);
