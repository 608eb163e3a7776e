//! Security associations of ESP (RFC 4303): what each end keeps for one direction of a tunnel.

use crate::cipher::{COUNTER_BYTES, Cipher, KeyLength, NONCE_BYTES};
use crate::fate::Reason;
use crate::replay_window::ReplayWindow;

/// Octets of salt: the part of the nonce that is not sent (RFC 4106, 4; RFC 7634, 2).
pub const SALT_BYTES: usize = 4;
const _: () = assert!(SALT_BYTES + COUNTER_BYTES == NONCE_BYTES);

/// What both ends agree on: the outcome of IKE, or of an operator's hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Security parameters index; never 0 (RFC 4303, 2.1).
    pub spi: u32,
    /// Key of the cipher: of the encryption, then of the integrity, where they are two.
    pub key: Vec<u8>,
    /// Salt of an AEAD.
    pub salt: [u8; SALT_BYTES],
}

/// How many numbers an SA has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// 32 bits, all of them sent (RFC 4303, 2.2).
    Sent,
    /// 64 bits, of which the lower half is sent and both are authenticated (RFC 4303, 2.2.1).
    Extended,
}

impl Numbers {
    /// The last one: a repeated number would repeat a nonce (RFC 4303, 3.3.3).
    pub(crate) const fn last(self) -> u64 {
        match self {
            Self::Sent => u32::MAX as u64,
            Self::Extended => u64::MAX,
        }
    }
}

/// The sender's end.
pub struct OutboundSa<C> {
    /// Seals.
    pub cipher: C,
    /// Security parameters index.
    pub spi: u32,
    /// 32 bits or 64.
    pub numbers: Numbers,
    salt: [u8; SALT_BYTES],
    /// The last sequence number that was used.
    last_sequence: u64,
}

impl<C: Cipher> OutboundSa<C> {
    /// Expands the key; nothing sent yet.
    pub fn new(keys: &Keys, numbers: Numbers) -> Result<Self, KeyLength> {
        Self::after(keys, numbers, 0)
    }

    /// As if `last_sequence` packets had been sent.
    pub fn after(keys: &Keys, numbers: Numbers, last_sequence: u64) -> Result<Self, KeyLength> {
        Ok(Self {
            cipher: C::new(&keys.key)?,
            spi: keys.spi,
            numbers,
            salt: keys.salt,
            last_sequence,
        })
    }

    /// The next sequence number: the first is 1; after the last there is none. Used up by
    /// [`Self::sent`].
    #[inline(always)]
    pub fn next_sequence(&self) -> Result<u64, Reason> {
        if self.last_sequence == self.numbers.last() {
            return Err(Reason::SequenceExhausted);
        }
        Ok(self.last_sequence + 1)
    }

    /// The last sequence number that was used; 0 before the first.
    #[inline(always)]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Notes that a packet with this number is on its way.
    #[inline(always)]
    pub fn sent(&mut self, sequence: u64) {
        self.last_sequence = sequence;
    }

    /// Salt and IV as one nonce, of an AEAD.
    #[inline(always)]
    pub fn nonce(&self, iv: [u8; COUNTER_BYTES]) -> [u8; NONCE_BYTES] {
        nonce(self.salt, iv)
    }
}

/// The receiver's end.
pub struct InboundSa<C> {
    /// Opens.
    pub cipher: C,
    /// Security parameters index.
    pub spi: u32,
    /// 32 bits or 64.
    pub numbers: Numbers,
    salt: [u8; SALT_BYTES],
    /// Which sequence numbers may still come.
    pub window: ReplayWindow,
}

impl<C: Cipher> InboundSa<C> {
    /// Expands the key; nothing received yet. A window of 0 is none ([`ReplayWindow::new`]).
    pub fn new(keys: &Keys, numbers: Numbers, window: u32) -> Result<Self, KeyLength> {
        Ok(Self {
            cipher: C::new(&keys.key)?,
            spi: keys.spi,
            numbers,
            salt: keys.salt,
            window: ReplayWindow::new(window),
        })
    }

    /// The number of a packet that shows `sent`. [`Reason::TooOld`] where that can only be one
    /// from before the first.
    #[inline(always)]
    pub fn sequence(&self, sent: u32) -> Result<u64, Reason> {
        match self.numbers {
            Numbers::Sent => Ok(u64::from(sent)),
            Numbers::Extended => self.window.extend(sent).ok_or(Reason::TooOld),
        }
    }

    /// Salt and IV as one nonce, of an AEAD.
    #[inline(always)]
    pub fn nonce(&self, iv: [u8; COUNTER_BYTES]) -> [u8; NONCE_BYTES] {
        nonce(self.salt, iv)
    }
}

#[inline(always)]
fn nonce(salt: [u8; SALT_BYTES], iv: [u8; COUNTER_BYTES]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..SALT_BYTES].copy_from_slice(&salt);
    nonce[SALT_BYTES..].copy_from_slice(&iv);
    nonce
}
