//! A far gateway alone, on packets that others sealed: every case of ESP takes in what it has
//! opened once, as often as it is measured, each time with the window that it had then.

mod packets;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use packets::{A, B, udp4};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunneltax_core::cipher::KeyLength;
use tunneltax_core::clock::Clock;
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::received::{Arrival, Inbox};
use tunneltax_core::path::{Case, CaseError, GivenSa, Setup, cases, find, keys};
use tunneltax_core::proof::prove_received;
use tunneltax_core::replay::{Lane, Plan, measure};
use tunneltax_core::workload::{Shape, Workload};

/// The keys that a case makes of a seed, with an SPI of their own.
fn given(case: &Case, spi: u32) -> GivenSa {
    let setup = Setup {
        seed: u64::from(spi),
        ..Setup::default()
    };
    let tunnel = case.tunnel(&setup).expect("a tunnel");
    let mut keys = keys(&setup, tunnel.key.len() + tunnel.integrity_key.len());
    keys.spi = spi;
    GivenSa { keys, received: 0 }
}

fn setup_of(sa: &GivenSa) -> Setup {
    Setup {
        sa: Some(Arc::new(sa.clone())),
        ..Setup::default()
    }
}

/// So many packets, each by the next of the SAs in turn, as they arrive and as they are opened.
fn sealed(case: &Case, sas: &[GivenSa], count: usize) -> Vec<Arrival> {
    let opener = case.opener.expect("it opens");
    let mut ends: Vec<_> = sas
        .iter()
        .map(|sa| {
            let setup = setup_of(sa);
            let near = case.open(&setup).unwrap();
            (near, opener(case, &setup, sa).unwrap())
        })
        .collect();
    let mut arena = Arena::new(1, case.overhead.front, 1500, case.overhead.tailroom());
    let mut frames = arena.frames();
    (0..count)
        .map(|at| {
            let sa = at % sas.len();
            let packet = udp4((A, 4000), (B, 53), &vec![at as u8; 20 + at % 90]);
            frames[0].load(&packet);
            ends[sa].0.send(&mut frames);
            let sealed = frames[0].bytes().to_vec();
            frames[0].load(&sealed);
            let sequence = ends[sa].1.open(&mut frames[0]).expect("taken");
            Arrival {
                sealed,
                inner: frames[0].bytes().to_vec(),
                sa: sa as u32,
                sequence,
            }
        })
        .collect()
}

/// The cases of ESP that take in what others sealed.
fn receivers() -> impl Iterator<Item = &'static Case> {
    cases().filter(|case| case.opener.is_some())
}

/// The cases that are measured beside one: the forward, and its cipher alone.
fn beside(case: &'static Case) -> Vec<&'static Case> {
    let cipher = case.id.split_once('/').unwrap().1;
    let bare = find(&format!("bare/{cipher}")).expect("its cipher alone");
    vec![find("forward").unwrap(), bare, case]
}

#[test]
fn every_round_takes_in_what_arrived_once() {
    let clock = Clock::measure();
    for case in receivers() {
        let sas = [given(case, 0x1001), given(case, 0x1002)];
        let arrivals = sealed(case, &sas, 100);
        let arrivals: Vec<&Arrival> = arrivals.iter().collect();
        let workload = Workload::of_arrivals(case.framing, &sas, &arrivals);
        let setup = Setup::default().for_packets(workload.flow_room());
        let hot = Shape {
            burst: 8,
            packets_per_reading: 24,
            readings_per_fill: 1,
            scattered: false,
        };
        let warm = Shape {
            readings_per_fill: 7,
            ..hot
        };
        for shape in [hot, warm] {
            let mut lanes: Vec<Lane> = beside(case)
                .into_iter()
                .map(|case| {
                    prove_received(case, &setup, &workload).unwrap();
                    Lane::open_received(case, &setup, false, &workload, shape).unwrap()
                })
                .collect();
            let plan = Plan {
                shape,
                rounds: 6,
                first_stretch: 0,
                stop: &AtomicBool::new(false),
            };
            let mut order = ChaCha8Rng::seed_from_u64(1);
            measure(&mut lanes, &workload, &plan, &clock, &mut order);
            for (lane, of) in lanes.into_iter().zip(beside(case)) {
                let samples = lane
                    .into_result()
                    .unwrap_or_else(|why| panic!("{}: {why}", of.id));
                let readings = 6 * shape.readings_per_fill;
                assert_eq!(samples.receive_ns.len(), readings);
                assert_eq!(samples.send_ns, vec![0.0; readings]);
                assert_eq!(samples.send_latency.packets(), 0);
                assert_eq!(samples.receive_latency.packets(), 24 * readings as u64);
            }
        }
    }
}

#[test]
fn the_window_is_what_it_was_when_the_reading_came() {
    let case = find("esp/aes-256-gcm@ring").unwrap();
    let sas = [given(case, 0x1001)];
    let arrivals = sealed(case, &sas, 200);
    let arrivals: Vec<&Arrival> = arrivals.iter().collect();
    let readings = [0..40, 160..200];
    let inbox = Inbox {
        framing: case.framing,
        sas: &sas,
        arrivals: &arrivals,
        readings: &readings,
    };
    let mut far = case.receiver(&Setup::default(), Some(inbox)).unwrap();
    let mut arena = Arena::new(1, 0, 1500, 0);
    let mut frames = arena.frames();
    let mut fate = |far: &mut Box<dyn tunneltax_core::path::PacketPath>, at: usize| {
        frames[0].load(&arrivals[at].sealed);
        far.receive(&mut frames);
        frames[0].fate
    };
    far.rewind(1);
    // Behind 160 packets, a window of 64 holds the last 64 of them, all received.
    assert_eq!(fate(&mut far, 95), Fate::Dropped(Reason::TooOld));
    assert_eq!(fate(&mut far, 96), Fate::Dropped(Reason::Replayed));
    assert_eq!(fate(&mut far, 159), Fate::Dropped(Reason::Replayed));
    assert_eq!(fate(&mut far, 160), Fate::Carried);
    assert_eq!(fate(&mut far, 160), Fate::Dropped(Reason::Replayed));
    far.rewind(1);
    assert_eq!(fate(&mut far, 160), Fate::Carried);
    far.rewind(0);
    assert_eq!(fate(&mut far, 0), Fate::Carried);
}

#[test]
fn an_extended_number_is_known_whole() {
    let case = find("esp+esn/aes-256-gcm@ring").unwrap();
    let mut sa = given(case, 0x1001);
    let arrivals = sealed(case, std::slice::from_ref(&sa), 3);
    assert_eq!(arrivals[2].sequence, 3);
    // Sealed under the first 2^32 numbers, and refused by who believes to be beyond them.
    sa.received = 1 << 32;
    let mut opener = case.opener.unwrap()(case, &Setup::default(), &sa).unwrap();
    let mut arena = Arena::new(1, 0, 1500, 0);
    let mut frames = arena.frames();
    frames[0].load(&arrivals[0].sealed);
    assert_eq!(opener.open(&mut frames[0]), None);
    assert_eq!(frames[0].fate, Fate::Dropped(Reason::BadIcv));
}

#[test]
fn the_last_reading_begins_earlier_and_repeats_nothing() {
    let arrival = Arrival {
        sealed: vec![0x45; 40],
        inner: vec![0x45; 20],
        sa: 0,
        sequence: 1,
    };
    let arrivals = vec![&arrival; 50];
    let case = find("esp/aes-256-gcm@ring").unwrap();
    let sas = [given(case, 0x1001)];
    let workload = Workload::of_arrivals(case.framing, &sas, &arrivals);
    let shape = Shape {
        burst: 8,
        packets_per_reading: 24,
        readings_per_fill: 1,
        scattered: false,
    };
    assert_eq!(workload.readings(shape), [0..24, 24..48, 26..50]);
    let few = Workload::of_arrivals(case.framing, &sas, &arrivals[..5]);
    assert_eq!(few.readings(shape.within(few.len())), vec![0..5]);
    assert_eq!(workload.longest(), 40);
}

#[test]
fn a_wrong_key_and_a_case_without_a_receiver_are_told() {
    let case = find("esp/aes-256-gcm@ring").unwrap();
    let mut sa = given(case, 0x1001);
    sa.keys.key.truncate(16);
    let why = case.opener.unwrap()(case, &Setup::default(), &sa).err();
    let key = KeyLength {
        algorithm: "aes-256-gcm",
        library: "ring",
        expected: 32,
        given: 16,
    };
    assert_eq!(why, Some(CaseError::Key(key)));
    let other = find("vxlan").unwrap().receiver(&Setup::default(), None);
    assert_eq!(other.err(), Some(CaseError::NoReceiver));
}
