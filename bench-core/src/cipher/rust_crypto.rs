//! `RustCrypto`'s `aes-gcm` and `chacha20poly1305`.

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, KeyInit};

use super::{Cipher, ICV_BYTES, IcvMismatch, KeyLength, NONCE_BYTES, check_key};

/// Any AEAD of `RustCrypto` with a 12-octet nonce and a 16-octet tag.
pub struct RustCrypto<A>(A);

macro_rules! rust_crypto {
    ($aead:ty, $algorithm:literal, $key_bytes:literal) => {
        impl Cipher for RustCrypto<$aead> {
            const ALGORITHM: &'static str = $algorithm;
            const LIBRARY: &'static str = "rustcrypto";
            const KEY_BYTES: usize = $key_bytes;

            fn new(key: &[u8]) -> Result<Self, KeyLength> {
                let wrong = check_key(concat!($algorithm, "@rustcrypto"), key, $key_bytes);
                let aead = <$aead>::new_from_slice(key);
                wrong.and_then(|()| {
                    aead.map(Self).map_err(|_| {
                        super::key_length(concat!($algorithm, "@rustcrypto"), key, $key_bytes)
                    })
                })
            }

            #[inline(always)]
            fn seal_one(
                &mut self,
                nonce: &[u8; NONCE_BYTES],
                aad: &[u8],
                text: &mut [u8],
                icv: &mut [u8; ICV_BYTES],
            ) {
                // Fails only beyond 2^36 octets of text, which no frame has.
                if let Ok(tag) =
                    self.0
                        .encrypt_inout_detached(nonce.into(), aad, InOutBuf::from(text))
                {
                    *icv = tag.into();
                }
            }

            #[inline(always)]
            fn open_one(
                &mut self,
                nonce: &[u8; NONCE_BYTES],
                aad: &[u8],
                text: &mut [u8],
                icv: &[u8; ICV_BYTES],
            ) -> Result<(), IcvMismatch> {
                self.0
                    .decrypt_inout_detached(nonce.into(), aad, InOutBuf::from(text), icv.into())
                    .map_err(|_| IcvMismatch)
            }
        }
    };
}

rust_crypto!(aes_gcm::Aes128Gcm, "aes-128-gcm", 16);
rust_crypto!(aes_gcm::Aes256Gcm, "aes-256-gcm", 32);
rust_crypto!(chacha20poly1305::ChaCha20Poly1305, "chacha20-poly1305", 32);
