//! What the two ends of a tunnel of records agree on, as a handshake would leave it.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Setup;
use crate::cipher::NONCE_BYTES;

/// Made from the seed; protects nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Key of the cipher.
    pub key: Vec<u8>,
    /// As long as a nonce; a protocol takes as much of it as it does not send.
    pub iv: [u8; NONCE_BYTES],
    /// A number for the tunnel.
    pub id: u32,
}

impl Session {
    /// The session of a set-up.
    pub fn seeded(setup: &Setup, key_bytes: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(setup.seed);
        let mut key = vec![0; key_bytes];
        rng.fill_bytes(&mut key);
        let mut iv = [0; NONCE_BYTES];
        rng.fill_bytes(&mut iv);
        Self {
            key,
            iv,
            id: rng.next_u32(),
        }
    }
}

/// Number of the first octet of a stream: another one for another set-up (RFC 9293, 3.4.1).
pub fn first_sequence(setup: &Setup) -> u32 {
    Session::seeded(setup, 0).id
}
