//! No cipher: the same framing with the text left as it is. A yardstick for what encapsulation
//! costs, and nothing else; it is not RFC 2410's NULL, which comes with an integrity algorithm.

use super::aead::one_by_one;
use super::{Aead, Cipher, ICV_BYTES, IcvMismatch, KeyLength, NONCE_BYTES, check_key};

/// Writes an ICV of zeros and does not look at it again.
pub struct None;

impl Cipher for None {
    const ALGORITHM: &'static str = "none";
    const LIBRARY: &'static str = "";
    const KEY_BYTES: usize = 32;
    const ENCRYPTS: bool = false;

    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        check_key::<Self>(key)?;
        Ok(Self)
    }

    one_by_one!();
}

impl Aead for None {
    #[inline(always)]
    fn seal_parts(
        &mut self,
        _: &[u8; NONCE_BYTES],
        _: &[u8],
        _: &mut [u8],
        icv: &mut [u8; ICV_BYTES],
    ) {
        *icv = [0; ICV_BYTES];
    }

    #[inline(always)]
    fn open_parts(
        &mut self,
        _: &[u8; NONCE_BYTES],
        _: &[u8],
        _: &mut [u8],
        _: &[u8; ICV_BYTES],
    ) -> Result<(), IcvMismatch> {
        Ok(())
    }
}
