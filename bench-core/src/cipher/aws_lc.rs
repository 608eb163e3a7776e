//! AWS-LC, through `aws-lc-rs`.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};

use super::{Cipher, ICV_BYTES, IcvMismatch, KeyLength, NONCE_BYTES};

/// An AEAD of the library, by its place in the list of algorithms.
pub struct AwsLc<const ALGORITHM: usize>(LessSafeKey);

/// AES-128-GCM, which only published vectors use.
pub const AES_128: usize = 0;
/// AES-256-GCM.
pub const AES_256: usize = 1;
/// ChaCha20-Poly1305.
pub const CHACHA20: usize = 2;

const ALGORITHMS: [&Algorithm; 3] = [&AES_128_GCM, &AES_256_GCM, &CHACHA20_POLY1305];
const NAMES: [&str; 3] = ["aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"];
const KEYS: [usize; 3] = [16, 32, 32];
const FULL_NAMES: [&str; 3] = [
    "aes-128-gcm@aws-lc",
    "aes-256-gcm@aws-lc",
    "chacha20-poly1305@aws-lc",
];

impl<const ALGORITHM: usize> Cipher for AwsLc<ALGORITHM> {
    const ALGORITHM: &'static str = NAMES[ALGORITHM];
    const LIBRARY: &'static str = "aws-lc";
    const KEY_BYTES: usize = KEYS[ALGORITHM];

    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        let mut cipher = UnboundKey::new(ALGORITHMS[ALGORITHM], key)
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| super::key_length(FULL_NAMES[ALGORITHM], key, KEYS[ALGORITHM]))?;
        // The library notes every failure in a list that it allocates with a thread's first one:
        // better now than with the first forged packet.
        let _ = cipher.open_one(&[0; NONCE_BYTES], &[], &mut [], &[0; ICV_BYTES]);
        Ok(cipher)
    }

    #[inline(always)]
    fn seal_one(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &mut [u8; ICV_BYTES],
    ) {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        // Fails only beyond 2^36 octets of text, which no frame has. The call that returns the
        // tag instead of writing it is slower.
        let _ = self
            .0
            .seal_in_place_scatter(nonce, Aad::from(aad), text, &[], icv);
    }

    #[inline(always)]
    fn open_one(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &[u8; ICV_BYTES],
    ) -> Result<(), IcvMismatch> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0
            .open_in_place_separate_tag(nonce, Aad::from(aad), icv, text)
            .map(|_| ())
            .map_err(|_| IcvMismatch)
    }
}
