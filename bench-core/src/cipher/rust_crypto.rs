//! `RustCrypto`'s `aes-gcm`, `chacha20poly1305`, `cbc` over `aes` and `des`, and `hmac` over
//! `sha1` and `sha2`.

use aes_gcm::AeadInOut;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::inout::InOutBuf;
use cbc::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt,
    BlockSizeUser, InnerIvInit, KeyInit, KeySizeUser, typenum::Unsigned,
};
use hmac::Mac;
use hmac::digest::OutputSizeUser;
use hmac::digest::block_api::EagerHash;

use super::aead::one_by_one;
use super::encrypt_then_mac::{Encryption, Integrity, MAC_MAX_BYTES};
use super::{Aead, Cipher, ICV_BYTES, IcvMismatch, Iv, KeyLength, NONCE_BYTES, check_key};
use crate::fate::Reason;

/// Any AEAD of `RustCrypto` with a 12-octet nonce and a 16-octet tag.
pub struct RustCrypto<A>(A);

/// AES-192-GCM, which the library has no name for.
pub type Aes192Gcm = aes_gcm::AesGcm<aes::Aes192, U12>;

macro_rules! rust_crypto {
    ($aead:ty, $algorithm:literal, $key_bytes:literal) => {
        impl Cipher for RustCrypto<$aead> {
            const ALGORITHM: &'static str = $algorithm;
            const LIBRARY: &'static str = "rustcrypto";
            const KEY_BYTES: usize = $key_bytes;

            fn new(key: &[u8]) -> Result<Self, KeyLength> {
                check_key::<Self>(key)?;
                <$aead>::new_from_slice(key)
                    .map(Self)
                    .map_err(|_| super::key_length::<Self>(key))
            }

            one_by_one!();
        }

        impl Aead for RustCrypto<$aead> {
            #[inline(always)]
            fn seal_parts(
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
            fn open_parts(
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
rust_crypto!(Aes192Gcm, "aes-192-gcm", 24);
rust_crypto!(aes_gcm::Aes256Gcm, "aes-256-gcm", 32);
rust_crypto!(chacha20poly1305::ChaCha20Poly1305, "chacha20-poly1305", 32);

/// A block cipher in CBC mode.
pub struct Cbc<B>(B);

impl<B> Encryption for Cbc<B>
where
    B: BlockCipherEncrypt + BlockCipherDecrypt + BlockSizeUser + KeyInit,
{
    const KEY_BYTES: usize = <B as KeySizeUser>::KeySize::USIZE;
    const IV: Iv = Iv::Random(B::BlockSize::USIZE);
    const BLOCK_BYTES: usize = B::BlockSize::USIZE;

    fn new(key: &[u8]) -> Option<Self> {
        B::new_from_slice(key).ok().map(Self)
    }

    #[inline(always)]
    fn encrypt(&self, iv: &[u8], text: &mut [u8]) -> Result<(), Reason> {
        let (blocks, rest) = Array::slice_as_chunks_mut(text);
        let mode = cbc::Encryptor::inner_iv_slice_init(&self.0, iv);
        match mode {
            Ok(mut mode) if rest.is_empty() => mode.encrypt_blocks(blocks),
            _ => return Err(Reason::Truncated),
        }
        Ok(())
    }

    #[inline(always)]
    fn decrypt(&self, iv: &[u8], text: &mut [u8]) -> Result<(), Reason> {
        let (blocks, rest) = Array::slice_as_chunks_mut(text);
        let mode = cbc::Decryptor::inner_iv_slice_init(&self.0, iv);
        match mode {
            Ok(mut mode) if rest.is_empty() => mode.decrypt_blocks(blocks),
            _ => return Err(Reason::Truncated),
        }
        Ok(())
    }
}

/// HMAC, cut as ESP asks: SHA-256 to 128 bits (RFC 4868, 2.3), SHA-1 to 96 (RFC 2404, 2).
pub struct Hmac<D: EagerHash>(hmac::Hmac<D>);

impl<D: EagerHash> Integrity for Hmac<D>
where
    hmac::Hmac<D>: Mac + KeyInit + Clone,
{
    const KEY_BYTES: usize = <hmac::Hmac<D> as OutputSizeUser>::OutputSize::USIZE;
    const ICV_BYTES: usize = if Self::KEY_BYTES == 20 { 12 } else { 16 };

    fn new(key: &[u8]) -> Option<Self> {
        let right = key.len() == Self::KEY_BYTES;
        let mac = <hmac::Hmac<D> as KeyInit>::new_from_slice(key).ok();
        mac.filter(|_| right).map(Self)
    }

    #[inline(always)]
    fn mac(&self, packet: &[u8], not_sent: Option<[u8; 4]>) -> [u8; MAC_MAX_BYTES] {
        // A copy of the state behind the key: what depends on the key alone is not done again.
        let mut mac = self.0.clone();
        mac.update(packet);
        if let Some(not_sent) = not_sent {
            mac.update(&not_sent);
        }
        let mut whole = [0; MAC_MAX_BYTES];
        let output = mac.finalize().into_bytes();
        whole[..output.len()].copy_from_slice(&output);
        whole
    }
}
