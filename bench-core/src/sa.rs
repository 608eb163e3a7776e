//! Security associations of ESP (RFC 4303): what each end keeps for one direction of a tunnel.

use crate::cipher::{Cipher, KeyLength, NONCE_BYTES};
use crate::fate::Reason;
use crate::replay_window::ReplayWindow;

/// Octets of salt: the part of the nonce that is not sent (RFC 4106, 4; RFC 7634, 2).
pub const SALT_BYTES: usize = 4;
/// Octets of the explicit IV (RFC 4106, 3.1; RFC 7634, 2).
pub const IV_BYTES: usize = 8;
const _: () = assert!(SALT_BYTES + IV_BYTES == NONCE_BYTES);

/// What both ends agree on: the outcome of IKE, or of an operator's hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Security parameters index; never 0 (RFC 4303, 2.1).
    pub spi: u32,
    /// Key of the cipher.
    pub key: Vec<u8>,
    /// Salt.
    pub salt: [u8; SALT_BYTES],
}

/// The sender's end.
pub struct OutboundSa<C> {
    /// Seals.
    pub cipher: C,
    /// Security parameters index.
    pub spi: u32,
    salt: [u8; SALT_BYTES],
    /// The last sequence number that was used.
    last_sequence: u32,
}

impl<C: Cipher> OutboundSa<C> {
    /// Expands the key; nothing sent yet.
    pub fn new(keys: &Keys) -> Result<Self, KeyLength> {
        Self::after(keys, 0)
    }

    /// As if `last_sequence` packets had been sent.
    pub fn after(keys: &Keys, last_sequence: u32) -> Result<Self, KeyLength> {
        Ok(Self {
            cipher: C::new(&keys.key)?,
            spi: keys.spi,
            salt: keys.salt,
            last_sequence,
        })
    }

    /// The next sequence number: the first is 1; after 2^32 - 1 there is none, since a repeated
    /// number would repeat a nonce (RFC 4303, 3.3.3). Used up by [`Self::sent`].
    #[inline(always)]
    pub fn next_sequence(&self) -> Result<u32, Reason> {
        self.last_sequence
            .checked_add(1)
            .ok_or(Reason::SequenceExhausted)
    }

    /// Notes that a packet with this number is on its way.
    #[inline(always)]
    pub fn sent(&mut self, sequence: u32) {
        self.last_sequence = sequence;
    }

    /// Salt and IV as one nonce.
    #[inline(always)]
    pub fn nonce(&self, iv: [u8; IV_BYTES]) -> [u8; NONCE_BYTES] {
        nonce(self.salt, iv)
    }
}

/// The receiver's end.
pub struct InboundSa<C> {
    /// Opens.
    pub cipher: C,
    /// Security parameters index.
    pub spi: u32,
    salt: [u8; SALT_BYTES],
    /// Which sequence numbers may still come.
    pub window: ReplayWindow,
}

impl<C: Cipher> InboundSa<C> {
    /// Expands the key; nothing received yet.
    pub fn new(keys: &Keys, window: u32) -> Result<Self, KeyLength> {
        Ok(Self {
            cipher: C::new(&keys.key)?,
            spi: keys.spi,
            salt: keys.salt,
            window: ReplayWindow::new(window),
        })
    }

    /// Salt and IV as one nonce.
    #[inline(always)]
    pub fn nonce(&self, iv: [u8; IV_BYTES]) -> [u8; NONCE_BYTES] {
        nonce(self.salt, iv)
    }
}

#[inline(always)]
fn nonce(salt: [u8; SALT_BYTES], iv: [u8; IV_BYTES]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..SALT_BYTES].copy_from_slice(&salt);
    nonce[SALT_BYTES..].copy_from_slice(&iv);
    nonce
}
