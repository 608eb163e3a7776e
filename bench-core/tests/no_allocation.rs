//! Send and receive allocate nothing, of every case but those that say that they do: neither by Rust's allocator nor by C's,
//! which the libraries written in C and assembly use.
//!
//! C's functions are defined here again, so that the linker takes these for the whole binary;
//! they count and hand on to glibc's own under their other names. Counts are kept by thread:
//! the test runner's threads allocate as they like.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod packets;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::sync::Arc;

use packets::{A, A6, B, B6, fix_checksum, ip4, ip6, ports, udp4, udp6};
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::received::{Arrival, Inbox};
use tunneltax_core::path::{Case, GivenSa, Setup, cases, find, keys};

thread_local! {
    // Without a destructor and constant from the start: looking at it allocates nothing.
    static RUST: Cell<u64> = const { Cell::new(0) };
    static C: Cell<u64> = const { Cell::new(0) };
}

fn count(calls: &'static std::thread::LocalKey<Cell<u64>>) {
    calls.with(|calls| calls.set(calls.get() + 1));
}

/// Calls of this thread so far: Rust's allocator, C's.
fn calls() -> (u64, u64) {
    (RUST.get(), C.get())
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(&RUST);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(&RUST);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(&RUST);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(old, layout, bytes) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        count(&RUST);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(old, layout) }
    }
}

unsafe extern "C" {
    fn __libc_malloc(bytes: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, bytes: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, bytes: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, bytes: usize) -> *mut c_void;
    fn __libc_free(old: *mut c_void);
}

/// # Safety
/// As C's.
// SAFETY: glibc allows a program to define the whole set (The GNU C Library, "Replacing malloc").
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(bytes: usize) -> *mut c_void {
    count(&C);
    // SAFETY: glibc's own function, with the caller's arguments.
    unsafe { __libc_malloc(bytes) }
}

/// # Safety
/// As C's.
// SAFETY: as malloc.
#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(number: usize, bytes: usize) -> *mut c_void {
    count(&C);
    // SAFETY: as malloc.
    unsafe { __libc_calloc(number, bytes) }
}

/// # Safety
/// As C's.
// SAFETY: as malloc.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(old: *mut c_void, bytes: usize) -> *mut c_void {
    count(&C);
    // SAFETY: as malloc.
    unsafe { __libc_realloc(old, bytes) }
}

/// # Safety
/// As C's.
// SAFETY: as malloc.
#[unsafe(no_mangle)]
unsafe extern "C" fn free(old: *mut c_void) {
    // To free nothing is to do nothing (ISO C, 7.22.3.3); AWS-LC does with each wrong ICV.
    if !old.is_null() {
        count(&C);
    }
    // SAFETY: as malloc.
    unsafe { __libc_free(old) }
}

/// # Safety
/// As C's.
// SAFETY: as malloc.
#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(alignment: usize, bytes: usize) -> *mut c_void {
    count(&C);
    // SAFETY: as malloc.
    unsafe { __libc_memalign(alignment, bytes) }
}

/// # Safety
/// As C's.
// SAFETY: as malloc.
#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(alignment: usize, bytes: usize) -> *mut c_void {
    count(&C);
    // SAFETY: as malloc.
    unsafe { __libc_memalign(alignment, bytes) }
}

/// # Safety
/// As C's.
// SAFETY: as malloc.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(to: *mut *mut c_void, alignment: usize, bytes: usize) -> c_int {
    count(&C);
    // SAFETY: as malloc; where to write is the caller's.
    unsafe {
        let memory = __libc_memalign(alignment, bytes);
        if memory.is_null() {
            return libc::ENOMEM;
        }
        to.write(memory);
    }
    0
}

#[test]
fn the_counters_count() {
    let counted = |run: fn()| {
        let before = calls();
        run();
        let after = calls();
        (after.0 - before.0, after.1 - before.1)
    };
    // Each call of Rust's goes on to C's.
    assert_eq!(counted(|| black_box(Vec::new()).push(1_u8)), (2, 2));
    assert_eq!(counted(|| drop(black_box(vec![0_u8; 100]))), (2, 2));
    let line = || assert_eq!(black_box(Box::new(Aligned([7; 64]))).0[63], 7);
    assert_eq!(counted(line), (2, 2));
    // SAFETY: what was allocated is freed, once.
    let one = || unsafe { libc::free(black_box(libc::malloc(9))) };
    assert_eq!(counted(one), (0, 2));
    // SAFETY: as above.
    let zeroed = || unsafe { libc::free(black_box(libc::calloc(9, 9))) };
    assert_eq!(counted(zeroed), (0, 2));
    let grown = || {
        // SAFETY: as above; realloc took the first.
        unsafe { libc::free(black_box(libc::realloc(black_box(libc::malloc(9)), 90))) }
    };
    assert_eq!(counted(grown), (0, 3));
    let aligned = || {
        let mut memory = std::ptr::null_mut();
        // SAFETY: as above; the address to write to is a local variable's.
        unsafe {
            assert_eq!(libc::posix_memalign(&raw mut memory, 64, 64), 0);
            libc::free(black_box(memory));
        }
    };
    assert_eq!(counted(aligned), (0, 2));
    // The C library itself comes here too.
    // SAFETY: the string ends in a zero; strdup's copy is freed, once.
    let copied = || unsafe { libc::free(black_box(libc::strdup(c"abc".as_ptr())).cast()) };
    assert_eq!(counted(copied), (0, 2));
    assert_eq!(counted(|| ()), (0, 0));
}

#[repr(align(64))]
struct Aligned([u8; 64]);

/// A library in C that expands a key allocates: that it is seen shows that its sealing would be.
#[test]
fn a_key_expansion_in_c_is_seen() {
    use tunneltax_core::cipher::{Cipher, aws_lc};
    let before = calls();
    let cipher = aws_lc::AwsLc::<{ aws_lc::AES_256 }>::new(&[7; 32]).unwrap();
    let after = calls();
    assert!(
        after.1 - before.1 > after.0 - before.0,
        "{before:?} {after:?}"
    );
    drop(cipher);
}

/// Both families, small and large, options, extension headers, whole and in fragments, flows
/// that are new in each round, and what is dropped on the way.
fn traffic(round: u16) -> Vec<Vec<u8>> {
    let mut packets = vec![];
    for size in [0, 1, 2, 3, 18, 64, 512, 1400] {
        packets.push(udp4((A, 1000), (B, 53), &vec![1; size]));
        packets.push(udp6((A6, 1000), (B6, 53), &vec![1; size]));
        packets.push(udp4(
            (A, 10_000 + round),
            (B, 1000 + size as u16),
            &vec![1; size],
        ));
        packets.push(udp6(
            (A6, 10_000 + round),
            (B6, 1000 + size as u16),
            &vec![1; size],
        ));
    }
    packets.push(ip4(17, &[1; 40], &ports(53), |_| ()));
    let long = [&ports(53)[..], &[1; 1440]].concat();
    packets.push(ip4(17, &[1; 4], &long, |h| h.dont_fragment = false));
    packets.push(ip4(17, &[], &long, |_| ()));
    packets.push(ip6(59, &long));
    packets.push(ip4(17, &[], &ports(53), |h| h.more_fragments = true));
    packets.push(ip4(17, &[], &ports(53), |h| {
        h.fragment_offset = 1.try_into().unwrap();
    }));
    let mut orphan = ip4(17, &[], &ports(53), |h| {
        h.fragment_offset = 1.try_into().unwrap();
    });
    orphan[4..6].copy_from_slice(&(20_000 + round).to_be_bytes());
    fix_checksum(&mut orphan);
    packets.push(orphan);
    // Hop-by-hop options, then destination options, then UDP.
    let chain = [
        [60, 0, 1, 4, 0, 0, 0, 0],
        [17, 0, 1, 4, 0, 0, 0, 0],
        ports(53),
    ]
    .concat();
    packets.push(ip6(0, &chain));
    let mut expired = udp4((A, 1), (B, 2), b"data");
    expired[8] = 2;
    fix_checksum(&mut expired);
    packets.push(expired.clone());
    expired[8] = 1;
    packets.push(expired.clone());
    fix_checksum(&mut expired);
    packets.push(expired);
    packets.extend([vec![], vec![0x45; 30], vec![0x60; 50], vec![0xff; 60]]);
    packets
}

fn load(burst: &mut [Frame<'_>], packets: &[Vec<u8>]) {
    for (frame, packet) in burst.iter_mut().zip(packets) {
        assert!(frame.load(packet));
    }
}

/// Calls that a case makes in sending and receiving, by the side; and how many packets came out.
fn calls_of(case: &Case) -> ([(u64, u64); 2], usize, usize) {
    let mut path = case.open(&Setup::default()).unwrap();
    let (mut calls_of, mut carried, mut dropped) = ([(0, 0); 2], 0, 0);
    for round in 0..6 {
        let packets = traffic(round);
        let mut arena = Arena::new(
            packets.len(),
            case.overhead.headroom(),
            1500,
            case.overhead.tailroom(),
        );
        let mut burst = arena.frames();
        load(&mut burst, &packets);
        let start = calls();
        path.send(&mut burst);
        let sent = calls();
        // From the third round on some are lost or changed on the way, and come twice.
        if round > 2 {
            for frame in burst.iter_mut().filter(|frame| frame.len() > 60).step_by(5) {
                let last = frame.len() - 1;
                frame.bytes_mut()[usize::from(round) * 9] ^= 1;
                frame.bytes_mut()[last] ^= 1;
            }
        }
        let before = calls();
        path.receive(&mut burst);
        let received = calls();
        calls_of[0].0 += sent.0 - start.0;
        calls_of[0].1 += sent.1 - start.1;
        calls_of[1].0 += received.0 - before.0;
        calls_of[1].1 += received.1 - before.1;
        carried += burst.iter().filter(|frame| frame.is_carried()).count();
        dropped += burst.iter().filter(|frame| !frame.is_carried()).count();
    }
    (calls_of, carried, dropped)
}

#[test]
fn no_case_allocates_that_does_not_say_so() {
    for case in cases() {
        let (calls, carried, dropped) = calls_of(case);
        println!("{}: {carried} carried, {dropped} dropped", case.id);
        let none = [(0, 0), (0, 0)];
        assert_eq!(calls == none, !case.allocates, "{} {calls:?}", case.id);
        assert!(carried > 100, "{}", case.id);
        assert!(dropped > 10, "{}", case.id);
    }
}

/// Packets of a case as they arrive at a gateway that has only the keys.
fn arrivals(case: &Case, sa: &GivenSa) -> Vec<Arrival> {
    let setup = Setup {
        sa: Some(Arc::new(sa.clone())),
        ..Setup::default()
    };
    let mut near = case.open(&setup).unwrap();
    let mut opener = case.opener.unwrap()(case, &setup, sa).unwrap();
    let mut arena = Arena::new(1, case.overhead.front, 1500, case.overhead.tailroom());
    let mut frames = arena.frames();
    let mut arrivals = Vec::new();
    for packet in traffic(0) {
        frames[0].load(&packet);
        near.send(&mut frames);
        if frames[0].is_carried() {
            let sealed = frames[0].bytes().to_vec();
            let sequence = opener.open(&mut frames[0]).expect("taken");
            arrivals.push(Arrival {
                sealed,
                inner: frames[0].bytes().to_vec(),
                sa: 0,
                sequence,
            });
        }
    }
    arrivals
}

#[test]
fn no_far_gateway_alone_allocates() {
    for case in cases().filter(|case| case.opener.is_some() && !case.allocates) {
        let setup = Setup::default();
        let tunnel = case.tunnel(&setup).unwrap();
        let key_bytes = tunnel.key.len() + tunnel.integrity_key.len();
        let sas = [GivenSa {
            keys: keys(&setup, key_bytes),
            received: 0,
        }];
        let arrivals = arrivals(case, &sas[0]);
        let arrivals: Vec<&Arrival> = arrivals.iter().collect();
        let whole = 0..arrivals.len();
        let inbox = Inbox {
            framing: case.framing,
            sas: &sas,
            arrivals: &arrivals,
            readings: std::slice::from_ref(&whole),
        };
        let mut arena = Arena::new(arrivals.len(), 0, 1600, 0);
        let mut burst = arena.frames();
        let bare = format!("bare/{}", case.id.split_once('/').unwrap().1);
        for case in [case, find(&bare).unwrap()] {
            let mut far = case.receiver(&setup, Some(inbox)).unwrap();
            for _ in 0..2 {
                for (frame, arrival) in burst.iter_mut().zip(&arrivals) {
                    assert!(frame.load(&arrival.sealed));
                }
                far.rewind(0);
                let before = calls();
                far.receive(&mut burst);
                assert_eq!(calls(), before, "{}", case.id);
                let carried = burst.iter().filter(|frame| frame.is_carried()).count();
                assert!(carried > 30, "{}: {carried}", case.id);
            }
        }
    }
}
