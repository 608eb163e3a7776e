//! AWS-LC, through `aws-lc-rs`.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce,
    UnboundKey,
};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};

use super::aead::one_by_one;
use super::encrypt_then_mac::{Integrity, MAC_MAX_BYTES};
use super::{Aead, Cipher, ICV_BYTES, IcvMismatch, KeyLength, NONCE_BYTES};

/// An AEAD of the library, by its place in the list of algorithms.
pub struct AwsLc<const ALGORITHM: usize>(LessSafeKey);

/// AES-128-GCM.
pub const AES_128: usize = 0;
/// AES-256-GCM.
pub const AES_256: usize = 1;
/// ChaCha20-Poly1305.
pub const CHACHA20: usize = 2;
/// AES-192-GCM.
pub const AES_192: usize = 3;

const ALGORITHMS: [&Algorithm; 4] = [&AES_128_GCM, &AES_256_GCM, &CHACHA20_POLY1305, &AES_192_GCM];
const NAMES: [&str; 4] = [
    "aes-128-gcm",
    "aes-256-gcm",
    "chacha20-poly1305",
    "aes-192-gcm",
];
const KEYS: [usize; 4] = [16, 32, 32, 24];

impl<const ALGORITHM: usize> Cipher for AwsLc<ALGORITHM> {
    const ALGORITHM: &'static str = NAMES[ALGORITHM];
    const LIBRARY: &'static str = "aws-lc";
    const KEY_BYTES: usize = KEYS[ALGORITHM];

    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        let mut cipher = UnboundKey::new(ALGORITHMS[ALGORITHM], key)
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| super::key_length::<Self>(key))?;
        // The library notes every failure in a list that it allocates with a thread's first one:
        // better now than with the first forged packet.
        let _ = cipher.open_parts(&[0; NONCE_BYTES], &[], &mut [], &[0; ICV_BYTES]);
        Ok(cipher)
    }

    one_by_one!();
}

impl<const ALGORITHM: usize> Aead for AwsLc<ALGORITHM> {
    #[inline(always)]
    fn seal_parts(
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
    fn open_parts(
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

/// HMAC-SHA-256-128 (RFC 4868).
pub struct HmacSha256(Key);

impl Integrity for HmacSha256 {
    const KEY_BYTES: usize = 32;
    const ICV_BYTES: usize = 16;

    fn new(key: &[u8]) -> Option<Self> {
        (key.len() == Self::KEY_BYTES).then(|| Self(Key::new(HMAC_SHA256, key)))
    }

    #[inline(always)]
    fn mac(&self, packet: &[u8], not_sent: Option<[u8; 4]>) -> [u8; MAC_MAX_BYTES] {
        let mut context = Context::with_key(&self.0);
        context.update(packet);
        if let Some(not_sent) = not_sent {
            context.update(&not_sent);
        }
        let mut whole = [0; MAC_MAX_BYTES];
        whole.copy_from_slice(context.sign().as_ref());
        whole
    }
}
