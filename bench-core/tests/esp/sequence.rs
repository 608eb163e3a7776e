//! Sequence numbers: counting, running out, and the anti-replay window in the path.

use tunneltax_core::cipher::{Cipher, Layout, none, ring, rust_crypto};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::{Arena, LINE_BYTES};
use tunneltax_core::path::esp::{Opener, Sealer};
use tunneltax_core::path::framing::Framing;
use tunneltax_core::path::overhead::Overhead;
use tunneltax_core::path::{Setup, keys, reference};
use tunneltax_core::sa::{InboundSa, Numbers, OutboundSa};

use crate::packets::{A, B, udp4};
use crate::tunnel::{ESP, Ends, FRONT, OUTER, Outcome, Parts, sealed_cases, tunnel_cases};

const PLAIN: Overhead = Framing::PLAIN.overhead(Layout::AEAD);

fn inner() -> Vec<u8> {
    udp4((A, 1000), (B, 53), b"question")
}

/// A tunnel with a window of this size that takes sequence numbers.
struct Receiver(Ends);

impl Receiver {
    fn new(case: &'static tunneltax_core::path::Case, replay_window: u32) -> Self {
        let setup = Setup {
            replay_window,
            ..Setup::default()
        };
        Self(Ends::with(case, &setup))
    }

    fn craft(&self, sequence: u32) -> Vec<u8> {
        self.0.craft(&Parts::of(&inner(), sequence))
    }

    fn take(&mut self, sequence: u32) -> Result<(), Reason> {
        let packet = self.craft(sequence);
        self.0.receive_one(&packet).map(|_| ())
    }

    fn take_burst(&mut self, sequences: &[u32]) -> Vec<Result<(), Reason>> {
        let packets: Vec<_> = sequences.iter().map(|s| self.craft(*s)).collect();
        let outcomes = self.0.receive(&packets);
        outcomes
            .into_iter()
            .map(|o: Outcome| o.map(|_| ()))
            .collect()
    }
}

#[test]
fn the_window_of_the_path_is_exact() {
    for case in tunnel_cases() {
        for window in [32, 64, 65, 4096] {
            let mut receiver = Receiver::new(case, window);
            let top = 3 * window;
            let edge = top - window + 1;
            assert_eq!(receiver.take(top), Ok(()), "{}", case.id);
            assert_eq!(receiver.take(edge - 1), Err(Reason::TooOld), "{}", case.id);
            assert_eq!(receiver.take(edge), Ok(()), "{}", case.id);
            assert_eq!(receiver.take(edge), Err(Reason::Replayed), "{}", case.id);
            assert_eq!(receiver.take(top), Err(Reason::Replayed), "{}", case.id);
            assert_eq!(receiver.take(top + 1), Ok(()));
            assert_eq!(receiver.take(edge), Err(Reason::TooOld));
            assert_eq!(receiver.take(edge + 1), Ok(()));
            assert_eq!(receiver.take(0), Err(Reason::TooOld));
        }
    }
}

#[test]
fn the_default_window_is_64() {
    let mut receiver = Receiver(Ends::new(tunnel_cases().next().unwrap()));
    assert_eq!(receiver.take(64), Ok(()));
    assert_eq!(receiver.take(1), Ok(()));
    assert_eq!(receiver.take(65), Ok(()));
    assert_eq!(receiver.take(1), Err(Reason::TooOld));
}

#[test]
fn replayed_in_one_burst_and_across_bursts() {
    let (taken, replayed) = (Ok(()), Err(Reason::Replayed));
    for case in tunnel_cases() {
        let mut receiver = Receiver::new(case, 64);
        assert_eq!(
            receiver.take_burst(&[1, 2, 2, 1, 3]),
            [taken, taken, replayed, replayed, taken]
        );
        assert_eq!(
            receiver.take_burst(&[3, 1, 4, 4]),
            [replayed, replayed, taken, replayed]
        );
        // A number that is within the window when the burst is looked at, and left of it when
        // its turn comes.
        let old = Err(Reason::TooOld);
        assert_eq!(
            receiver.take_burst(&[5, 100, 36, 37]),
            [taken, taken, old, taken]
        );
        // Longer than the set-up's burst of 32: the path cuts it up.
        let long: Vec<u32> = (101..180).chain(101..180).collect();
        let outcomes = receiver.take_burst(&long);
        assert!(outcomes[..79].iter().all(Result::is_ok), "{}", case.id);
        assert!(outcomes[79..].iter().all(Result::is_err), "{}", case.id);
    }
}

#[test]
fn forged_far_ahead_moves_nothing() {
    for case in sealed_cases() {
        let mut receiver = Receiver::new(case, 64);
        let firsts: Vec<u32> = (1..=10).collect();
        assert!(receiver.take_burst(&firsts).iter().all(Result::is_ok));
        for far in [11, 75, 1000, u32::MAX] {
            let mut forged = receiver.craft(far);
            *forged.last_mut().unwrap() ^= 1;
            assert_eq!(receiver.0.receive_one(&forged), Err(Reason::BadIcv));
        }
        // In one burst with right ones as well.
        let mut forged = receiver.craft(u32::MAX);
        forged[FRONT] ^= 1;
        let burst = [receiver.craft(12), forged, receiver.craft(11)];
        let outcomes = receiver.0.receive(&burst);
        let right = reference(1, &inner());
        assert_eq!(outcomes, [right.clone(), Err(Reason::BadIcv), right]);
        assert_eq!(receiver.take(10), Err(Reason::Replayed), "{}", case.id);
        assert_eq!(receiver.take(13), Ok(()), "{}", case.id);
    }
}

/// The window is asked first (RFC 4303, 3.4.3): a copy costs no cipher, nor does one that was
/// changed.
#[test]
fn a_number_that_cannot_be_taken_is_refused_before_its_icv() {
    for case in sealed_cases() {
        let mut receiver = Receiver::new(case, 64);
        assert_eq!(receiver.take(100), Ok(()));
        for (sequence, reason) in [
            (100, Reason::Replayed),
            (36, Reason::TooOld),
            (0, Reason::TooOld),
            (37, Reason::BadIcv),
        ] {
            let mut forged = receiver.craft(sequence);
            *forged.last_mut().unwrap() ^= 1;
            let refused = receiver.0.receive_one(&forged);
            assert_eq!(refused, Err(reason), "{} {sequence}", case.id);
        }
        assert_eq!(receiver.take(37), Ok(()), "{}", case.id);
    }
}

#[test]
fn numbers_start_at_1_and_neither_number_nor_iv_repeats() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let mut expected = 1_u32;
        for burst in [1, 32, 33, 100] {
            for sent in ends.send(&vec![inner(); burst]) {
                let sent = sent.unwrap();
                assert_eq!(sent[OUTER..OUTER + 4], ends.keys.spi.to_be_bytes());
                assert_eq!(sent[OUTER + 4..OUTER + ESP], expected.to_be_bytes());
                // A counter of its own: one IV to one number (RFC 4106, 3.1).
                let iv = u64::from(expected).to_be_bytes();
                assert_eq!(sent[OUTER + ESP..FRONT], iv, "{}", case.id);
                expected += 1;
            }
        }
    }
}

/// A packet that is dropped before it is encapsulated takes no number.
#[test]
fn dropped_packets_take_no_number() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let mut expired = inner();
        expired[8] = 1;
        crate::packets::fix_checksum(&mut expired);
        let sent = ends.send(&[inner(), expired, vec![0; 40], inner()]);
        assert_eq!(sent[1], Err(Reason::TtlExpired));
        assert_eq!(sent[2], Err(Reason::MalformedHeader));
        let number = |at: usize| sent[at].as_ref().unwrap()[OUTER + 7];
        assert_eq!((number(0), number(3)), (1, 2), "{}", case.id);
    }
}

fn last_numbers<C: Cipher>() {
    let setup = Setup::default();
    let keys = keys(&setup, C::KEY_BYTES);
    let sa = OutboundSa::<C>::after(&keys, Numbers::Sent, u64::from(u32::MAX) - 2).unwrap();
    let mut sealer = Sealer::new(&setup, sa, Framing::PLAIN);
    let sa = InboundSa::<C>::new(&keys, Numbers::Sent, setup.replay_window).unwrap();
    let mut opener = Opener::new(sa, Framing::PLAIN.underlay);
    let mut arena = Arena::new(4, PLAIN.front, 100, PLAIN.tailroom());
    let mut burst = arena.frames();
    let exhausted = Fate::Dropped(Reason::SequenceExhausted);
    for round in 0..3 {
        for frame in &mut burst {
            assert!(frame.load(&inner()));
        }
        sealer.seal(&mut burst);
        for (at, frame) in burst.iter().enumerate() {
            if round == 0 && at < 2 {
                assert_eq!(frame.fate, Fate::Carried);
                let number = (u32::MAX - 1 + at as u32).to_be_bytes();
                assert_eq!(frame.bytes()[OUTER + 4..OUTER + ESP], number);
            } else {
                // Refused as it came: nothing of it was made ready to be sent.
                assert_eq!(frame.fate, exhausted, "{round} {at}");
                assert_eq!(frame.bytes(), inner(), "{round} {at}");
            }
        }
        opener.open(&mut burst);
        let carried = burst.iter().filter(|frame| frame.is_carried()).count();
        assert_eq!(carried, if round == 0 { 2 } else { 0 });
    }
}

#[test]
fn after_the_last_number_nothing_is_sent() {
    last_numbers::<none::None>();
    last_numbers::<ring::Ring<{ ring::AES_256 }>>();
    last_numbers::<rust_crypto::RustCrypto<chacha20poly1305::ChaCha20Poly1305>>();
}

/// Sends a packet of `size` octets in a frame with this headroom and 128 octets from the
/// packet's start to the end of the buffer.
fn sent_with_room(ends: &mut Ends, headroom: usize, size: usize) -> Fate {
    let mut arena = Arena::new(1, headroom, 3 * LINE_BYTES - headroom, 0);
    assert_eq!(arena.stride_bytes(), 3 * LINE_BYTES);
    let mut burst = arena.frames();
    assert!(burst[0].load(&udp4((A, 1000), (B, 53), &vec![7; size - 28])));
    ends.path.send(&mut burst);
    burst[0].fate
}

#[test]
fn no_room() {
    let no_room = Fate::Dropped(Reason::NoRoom);
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for size in 28..=128 {
            let behind = case.overhead.added_bytes(size) - PLAIN.front;
            let expected = if size + behind <= 2 * LINE_BYTES {
                Fate::Carried
            } else {
                no_room
            };
            let fate = sent_with_room(&mut ends, LINE_BYTES, size);
            assert_eq!(fate, expected, "{} {size}", case.id);
        }
        assert_eq!(sent_with_room(&mut ends, 0, 40), no_room, "{}", case.id);
        // What comes next is carried.
        let sent = ends.send_one(&inner()).unwrap();
        assert_eq!(ends.receive_one(&sent), reference(2, &inner()));
    }
}

/// The halves of the path take a burst that is longer than the set-up said: nothing may leave
/// as it was, neither unsealed nor unopened.
#[test]
fn a_burst_beyond_the_set_up_is_never_sent_in_the_clear() {
    type Gcm = ring::Ring<{ ring::AES_256 }>;
    let setup = Setup {
        burst: 2,
        ..Setup::default()
    };
    let keys = keys(&setup, 32);
    let mut sealer = Sealer::new(
        &setup,
        OutboundSa::<Gcm>::new(&keys, Numbers::Sent).unwrap(),
        Framing::PLAIN,
    );
    let mut opener = Opener::new(
        InboundSa::<Gcm>::new(&keys, Numbers::Sent, 64).unwrap(),
        Framing::PLAIN.underlay,
    );
    let mut arena = Arena::new(5, PLAIN.front, 100, PLAIN.tailroom());
    let mut burst = arena.frames();
    for frame in &mut burst {
        assert!(frame.load(&inner()));
    }
    sealer.seal(&mut burst);
    for frame in burst.iter().filter(|frame| frame.is_carried()) {
        let clear = frame.bytes().windows(8).any(|octets| octets == b"question");
        assert!(!clear);
    }
    opener.open(&mut burst);
    for frame in burst.iter().filter(|frame| frame.is_carried()) {
        assert_eq!(frame.bytes(), inner());
    }
}
