//! Counters: each is taken once, out of order up to the window, exact at its edges.

use tunneltax_core::cipher::ring::{CHACHA20, Ring};
use tunneltax_core::path::Setup;
use tunneltax_core::path::wireguard::{Keys, Opener};
use tunneltax_core::wire::wireguard::{COUNTER_WINDOW, REJECT_AFTER_MESSAGES};

use crate::packets::{A, B, udp4};
use crate::tunnel::{Reason, in_frame, in_udp, message, sealed};

const WINDOW: u64 = COUNTER_WINDOW as u64;

/// A receiver, and messages for it that are authentic whatever their counter.
struct Far {
    keys: Keys,
    opener: Opener<Ring<CHACHA20>>,
    inner: Vec<u8>,
}

impl Far {
    fn new(window: u32) -> Self {
        let keys = Keys::seeded(&Setup::default(), 32);
        Self {
            opener: Opener::new(&keys, window).unwrap(),
            inner: udp4((A, 1), (B, 2), b"data"),
            keys,
        }
    }

    fn takes(&mut self, counter: u64) -> Result<(), Reason> {
        let sealed = sealed(&self.keys, counter, &self.inner);
        let packet = in_udp(&message(self.keys.receiver, counter, &sealed));
        let opened = in_frame(&packet, |burst| self.opener.open(burst));
        opened.map(|inner| assert_eq!(inner, self.inner))
    }
}

#[test]
fn the_window_is_linux_s() {
    assert_eq!(WINDOW, 8128);
}

/// Linux refuses what lies more than `COUNTER_WINDOW_SIZE` behind the highest counter.
#[test]
fn exact_at_its_edges() {
    for highest in [WINDOW + 1, 20_000, 1 << 40, REJECT_AFTER_MESSAGES - 1] {
        let mut far = Far::new(COUNTER_WINDOW);
        assert_eq!(far.takes(highest), Ok(()));
        let left = highest - WINDOW;
        assert_eq!(far.takes(left - 1), Err(Reason::TooOld), "{highest}");
        assert_eq!(far.takes(0), Err(Reason::TooOld), "{highest}");
        for counter in [left, left + 1, left + 63, left + 64, highest - 1] {
            assert_eq!(far.takes(counter), Ok(()), "{counter} of {highest}");
            assert_eq!(far.takes(counter), Err(Reason::Replayed));
        }
        assert_eq!(far.takes(highest), Err(Reason::Replayed));
    }
}

#[test]
fn all_of_it_backwards_and_each_once() {
    let mut far = Far::new(COUNTER_WINDOW);
    for counter in (0..=WINDOW).rev() {
        assert_eq!(far.takes(counter), Ok(()), "{counter}");
    }
    for counter in 0..=WINDOW {
        assert_eq!(far.takes(counter), Err(Reason::Replayed), "{counter}");
    }
    // One further, and the first falls out.
    assert_eq!(far.takes(WINDOW + 1), Ok(()));
    assert_eq!(far.takes(0), Err(Reason::TooOld));
    assert_eq!(far.takes(1), Err(Reason::Replayed));
}

#[test]
fn its_size_is_the_receiver_s_choice() {
    for window in [0, 1, 10, 64, 1000] {
        let mut far = Far::new(window);
        let highest = 5000;
        let left = highest - u64::from(window);
        assert_eq!(far.takes(highest), Ok(()));
        assert_eq!(far.takes(left - 1), Err(Reason::TooOld), "{window}");
        let expected = if window == 0 {
            Err(Reason::Replayed)
        } else {
            Ok(())
        };
        assert_eq!(far.takes(left), expected, "{window}");
    }
}

#[test]
fn the_limit_holds_for_authentic_messages_too() {
    let mut far = Far::new(COUNTER_WINDOW);
    for counter in [REJECT_AFTER_MESSAGES, REJECT_AFTER_MESSAGES + 1, u64::MAX] {
        assert_eq!(far.takes(counter), Err(Reason::SequenceExhausted));
    }
    // And they moved nothing.
    assert_eq!(far.takes(0), Ok(()));
    assert_eq!(far.takes(REJECT_AFTER_MESSAGES - 1), Ok(()));
    assert_eq!(far.takes(1), Err(Reason::TooOld));
}
