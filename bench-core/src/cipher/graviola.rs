//! Graviola. With the feature `graviola`. It allocates for every packet: its cases say so.

use graviola::aead::{AesGcm, ChaCha20Poly1305};

use super::aead::one_by_one;
use super::{Aead, Cipher, ICV_BYTES, IcvMismatch, KeyLength, NONCE_BYTES, check_key};

/// An AEAD of the library, by its place in the list of algorithms. It has no key of 192 bits.
pub struct Graviola<const ALGORITHM: usize>(Key);

/// AES-128-GCM.
pub const AES_128: usize = 0;
/// AES-256-GCM.
pub const AES_256: usize = 1;
/// ChaCha20-Poly1305.
pub const CHACHA20: usize = 2;

const NAMES: [&str; 3] = ["aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"];
const KEYS: [usize; 3] = [16, 32, 32];
/// What it asks of a CPU (0.4.4, `src/low/x86_64/cpu.rs`); without one of them it panics.
const NEEDS: &str = "AES, PCLMULQDQ, BMI1, ADX and AVX2";

/// One of the two; which of them is known where the type is.
#[allow(clippy::large_enum_variant)] // a box would be one more look into memory a packet
enum Key {
    Gcm(AesGcm),
    ChaCha(ChaCha20Poly1305),
}

impl<const ALGORITHM: usize> Cipher for Graviola<ALGORITHM> {
    const ALGORITHM: &'static str = NAMES[ALGORITHM];
    const LIBRARY: &'static str = "graviola";
    const KEY_BYTES: usize = KEYS[ALGORITHM];

    const ALLOCATES: bool = true;

    fn missing() -> Option<&'static str> {
        (!graviola::util::is_cpu_supported()).then_some(NEEDS)
    }

    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        check_key::<Self>(key)?;
        Ok(Self(match key.first_chunk() {
            Some(key) if ALGORITHM == CHACHA20 => Key::ChaCha(ChaCha20Poly1305::new(*key)),
            _ => Key::Gcm(AesGcm::new(key)),
        }))
    }

    one_by_one!();
}

impl<const ALGORITHM: usize> Aead for Graviola<ALGORITHM> {
    #[inline(always)]
    fn seal_parts(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &mut [u8; ICV_BYTES],
    ) {
        match &self.0 {
            Key::Gcm(key) => key.encrypt(nonce, aad, text, icv),
            Key::ChaCha(key) => key.encrypt(nonce, aad, text, icv),
        }
    }

    #[inline(always)]
    fn open_parts(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &[u8; ICV_BYTES],
    ) -> Result<(), IcvMismatch> {
        let opened = match &self.0 {
            Key::Gcm(key) => key.decrypt(nonce, aad, text, icv),
            Key::ChaCha(key) => key.decrypt(nonce, aad, text, icv),
        };
        opened.map_err(|_| IcvMismatch)
    }
}
