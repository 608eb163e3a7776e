//! Intel's multi-buffer library (`intel-ipsec-mb`), which VPP and DPDK use. With the feature
//! `ipsec-mb`, and Debian's package `libipsec-mb-dev`.
//!
//! AES-GCM is one direct call a packet. The other algorithms are the library's jobs: one a call
//! for ChaCha20-Poly1305, which it does one after another anyhow, and up to sixteen for
//! encryption and HMAC, which it does side by side.

mod library;
mod suites;

use subtle::ConstantTimeEq;

use super::aead::one_by_one;
use super::{Aead, Cipher, ICV_BYTES, IcvMismatch, KeyLength, NONCE_BYTES, check_key};
use library::{Manager, Way};
pub use suites::{AES_CBC_128, AES_CBC_256, MbSuite, NULL, SHA_1, SHA_256, TRIPLE_DES};

/// An AEAD of the library, by its place in the list of algorithms.
pub struct IpsecMb<const ALGORITHM: usize>(Manager);

/// AES-128-GCM.
pub const AES_128: usize = 0;
/// AES-192-GCM.
pub const AES_192: usize = 1;
/// AES-256-GCM.
pub const AES_256: usize = 2;
/// ChaCha20-Poly1305.
pub const CHACHA20: usize = 3;

const NAMES: [&str; 4] = [
    "aes-128-gcm",
    "aes-192-gcm",
    "aes-256-gcm",
    "chacha20-poly1305",
];
const KEYS: [usize; 4] = [16, 24, 32, 32];
const LIBRARY: &str = "ipsec-mb";

/// Version of the library that is loaded.
pub fn version() -> String {
    library::version()
}

/// The instruction set whose code the library chose for this CPU, in the words of its header.
pub fn instruction_set() -> &'static str {
    match Manager::chacha20(&[0; 32]).arch() {
        1 => "no AES-NI",
        2 => "SSE",
        3 => "AVX",
        4 => "AVX2",
        5 => "AVX-512",
        _ => "unknown",
    }
}

impl<const ALGORITHM: usize> IpsecMb<ALGORITHM> {
    #[inline(always)]
    fn transform(
        &mut self,
        way: Way,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
    ) -> Option<[u8; ICV_BYTES]> {
        if ALGORITHM == CHACHA20 {
            self.0.chacha20_one(way, nonce, aad, text)
        } else {
            Some(self.0.gcm_one(way, nonce, aad, text))
        }
    }
}

impl<const ALGORITHM: usize> Cipher for IpsecMb<ALGORITHM> {
    const ALGORITHM: &'static str = NAMES[ALGORITHM];
    const LIBRARY: &'static str = LIBRARY;
    const KEY_BYTES: usize = KEYS[ALGORITHM];

    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        check_key::<Self>(key)?;
        let manager = match key.first_chunk() {
            Some(key) if ALGORITHM == CHACHA20 => Some(Manager::chacha20(key)),
            _ => Manager::gcm(key),
        };
        let manager = manager.ok_or_else(|| super::key_length::<Self>(key));
        manager.map(Self)
    }

    one_by_one!();
}

impl<const ALGORITHM: usize> Aead for IpsecMb<ALGORITHM> {
    #[inline(always)]
    fn seal_parts(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &mut [u8; ICV_BYTES],
    ) {
        if let Some(tag) = self.transform(Way::Seal, nonce, aad, text) {
            *icv = tag;
        } else {
            text.fill(0);
            icv.fill(0);
        }
    }

    /// The library decrypts before it is known whether the ICV is right; what was not is
    /// cleared.
    #[inline(always)]
    fn open_parts(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &[u8; ICV_BYTES],
    ) -> Result<(), IcvMismatch> {
        let tag = self.transform(Way::Open, nonce, aad, text);
        if tag.is_some_and(|tag| bool::from(tag.ct_eq(icv))) {
            return Ok(());
        }
        text.fill(0);
        Err(IcvMismatch)
    }
}
