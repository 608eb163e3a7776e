//! The system's OpenSSL. With the feature `openssl`, and Debian's package `libssl-dev`.
//!
//! A context for each way has the key; a packet only sets its IV, as OpenSSL's manual asks
//! (`EVP_EncryptInit`(3), "AEAD Interface"). What is left is the price of that interface.

use openssl::cipher::{Cipher as Algorithm, CipherRef};
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;

use super::aead::one_by_one;
use super::{Aead, Cipher, ICV_BYTES, IcvMismatch, KeyLength, NONCE_BYTES, check_key};

/// An AEAD of the library, by its place in the list of algorithms.
pub struct OpenSsl<const ALGORITHM: usize> {
    seals: CipherCtx,
    opens: CipherCtx,
}

/// AES-128-GCM.
pub const AES_128: usize = 0;
/// AES-192-GCM.
pub const AES_192: usize = 1;
/// AES-256-GCM.
pub const AES_256: usize = 2;
/// ChaCha20-Poly1305.
pub const CHACHA20: usize = 3;

const ALGORITHMS: [fn() -> &'static CipherRef; 4] = [
    Algorithm::aes_128_gcm,
    Algorithm::aes_192_gcm,
    Algorithm::aes_256_gcm,
    Algorithm::chacha20_poly1305,
];
const NAMES: [&str; 4] = [
    "aes-128-gcm",
    "aes-192-gcm",
    "aes-256-gcm",
    "chacha20-poly1305",
];
const KEYS: [usize; 4] = [16, 24, 32, 32];

/// Version of the library that is loaded: `OpenSSL 3.0.22 …`.
pub fn version() -> &'static str {
    openssl::version::version()
}

/// Whether the library that is loaded is of this version or a later one.
pub(super) fn is_since(major: i64, minor: i64) -> bool {
    // OPENSSL_VERSION_NUMBER is 0xMNN00PP0 since 3.0 (`OpenSSL_version_num`(3)).
    openssl::version::number() >> 20 >= major << 8 | minor
}

impl<const ALGORITHM: usize> OpenSsl<ALGORITHM> {
    fn made(key: &[u8]) -> Result<Self, ErrorStack> {
        // OpenSSL takes memory for a thread's errors when the thread first asks for them: now, and
        // not when a packet is refused.
        drop(ErrorStack::get());
        let (mut seals, mut opens) = (CipherCtx::new()?, CipherCtx::new()?);
        let algorithm = ALGORITHMS[ALGORITHM]();
        seals.encrypt_init(Some(algorithm), Some(key), None)?;
        opens.decrypt_init(Some(algorithm), Some(key), None)?;
        Ok(Self { seals, opens })
    }

    #[inline(always)]
    fn seal_or_fail(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &mut [u8; ICV_BYTES],
    ) -> Result<(), ErrorStack> {
        self.seals.encrypt_init(None, None, Some(nonce))?;
        update(&mut self.seals, aad, text)?;
        self.seals.cipher_final(&mut [])?;
        self.seals.tag(icv)
    }

    #[inline(always)]
    fn open_or_fail(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &[u8; ICV_BYTES],
    ) -> Result<(), ErrorStack> {
        self.opens.decrypt_init(None, None, Some(nonce))?;
        self.opens.set_tag(icv)?;
        update(&mut self.opens, aad, text)?;
        self.opens.cipher_final(&mut []).map(|_| ())
    }
}

#[inline(always)]
fn update(context: &mut CipherCtx, aad: &[u8], text: &mut [u8]) -> Result<(), ErrorStack> {
    context.cipher_update(aad, None)?;
    if !text.is_empty() {
        context.cipher_update_inplace(text, text.len())?;
    }
    Ok(())
}

impl<const ALGORITHM: usize> Cipher for OpenSsl<ALGORITHM> {
    const ALGORITHM: &'static str = NAMES[ALGORITHM];
    const LIBRARY: &'static str = "openssl";
    const KEY_BYTES: usize = KEYS[ALGORITHM];

    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        check_key::<Self>(key)?;
        Self::made(key).map_err(|_| super::key_length::<Self>(key))
    }

    one_by_one!();
}

impl<const ALGORITHM: usize> Aead for OpenSsl<ALGORITHM> {
    #[inline(always)]
    fn seal_parts(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &mut [u8; ICV_BYTES],
    ) {
        if self.seal_or_fail(nonce, aad, text, icv).is_err() {
            text.fill(0);
            icv.fill(0);
        }
    }

    /// The library decrypts before it knows whether the ICV is right; what was not is cleared.
    #[inline(always)]
    fn open_parts(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &[u8; ICV_BYTES],
    ) -> Result<(), IcvMismatch> {
        self.open_or_fail(nonce, aad, text, icv).map_err(|_| {
            text.fill(0);
            IcvMismatch
        })
    }
}
