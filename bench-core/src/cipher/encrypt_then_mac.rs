//! Encryption and integrity by two algorithms: encrypt, then authenticate ESP header, IV and
//! encrypted text (RFC 4303, 3.3.2.1); on receipt authenticate first (3.4.4.1).

use std::ops::Range;

use subtle::ConstantTimeEq;

use super::{Cipher, Iv, Job, KeyLength, Layout, check_key};
use crate::fate::Reason;

/// Octets of the longest MAC here: HMAC-SHA-256, before it is cut (RFC 4868, 2.3).
pub const MAC_MAX_BYTES: usize = 32;

/// Encrypts whole blocks in place.
pub trait Encryption: Sized {
    /// Octets of key.
    const KEY_BYTES: usize;
    /// The IV, which stands right in front of the text.
    const IV: Iv;
    /// Octets of a block; 1 where there are none.
    const BLOCK_BYTES: usize;

    /// Expands a key of [`Self::KEY_BYTES`]; `None` for any other.
    fn new(key: &[u8]) -> Option<Self>;

    /// Encrypts. The text is whole blocks: ESP's padding sees to it.
    fn encrypt(&self, iv: &[u8], text: &mut [u8]) -> Result<(), Reason>;

    /// Decrypts.
    fn decrypt(&self, iv: &[u8], text: &mut [u8]) -> Result<(), Reason>;
}

/// Computes a MAC.
pub trait Integrity: Sized {
    /// Octets of key: as many as the hash has (RFC 4868, 2.1.1; RFC 2404, 3).
    const KEY_BYTES: usize;
    /// Octets of the MAC that are sent.
    const ICV_BYTES: usize;

    /// Prepares the key; `None` for one of another length.
    fn new(key: &[u8]) -> Option<Self>;

    /// The MAC of a packet, and of what follows it without being sent. Its first
    /// [`Self::ICV_BYTES`] octets are the ICV.
    fn mac(&self, packet: &[u8], not_sent: Option<[u8; 4]>) -> [u8; MAC_MAX_BYTES];
}

/// No encryption (RFC 2410).
pub struct Null;

impl Encryption for Null {
    const KEY_BYTES: usize = 0;
    const IV: Iv = Iv::None;
    const BLOCK_BYTES: usize = 1;

    fn new(key: &[u8]) -> Option<Self> {
        key.is_empty().then_some(Self)
    }

    #[inline(always)]
    fn encrypt(&self, _: &[u8], _: &mut [u8]) -> Result<(), Reason> {
        Ok(())
    }

    #[inline(always)]
    fn decrypt(&self, _: &[u8], _: &mut [u8]) -> Result<(), Reason> {
        Ok(())
    }
}

/// An encryption and an integrity algorithm that are used together, and their names.
pub trait Suite {
    /// Encrypts.
    type Encryption: Encryption;
    /// Authenticates.
    type Integrity: Integrity;
    /// As in a case id: `aes-256-cbc+hmac-sha-256-128`.
    const ALGORITHM: &'static str;
    /// As in a case id.
    const LIBRARY: &'static str;
}

/// A suite with its keys.
pub struct EncryptThenMac<S: Suite> {
    encryption: S::Encryption,
    integrity: S::Integrity,
}

impl<S: Suite> Cipher for EncryptThenMac<S> {
    const ALGORITHM: &'static str = S::ALGORITHM;
    const LIBRARY: &'static str = S::LIBRARY;
    const KEY_BYTES: usize = S::Encryption::KEY_BYTES + S::Integrity::KEY_BYTES;
    const INTEGRITY_KEY_BYTES: usize = S::Integrity::KEY_BYTES;
    const ENCRYPTS: bool = S::Encryption::KEY_BYTES > 0;
    const LAYOUT: Layout = Layout {
        iv: S::Encryption::IV,
        block_bytes: S::Encryption::BLOCK_BYTES,
        icv_bytes: S::Integrity::ICV_BYTES,
        covers_header: true,
    };

    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        check_key::<Self>(key)?;
        let (encryption, integrity) = key.split_at(S::Encryption::KEY_BYTES);
        let encryption = S::Encryption::new(encryption);
        let both = encryption.zip(S::Integrity::new(integrity));
        let (encryption, integrity) = both.ok_or_else(|| super::key_length::<Self>(key))?;
        Ok(Self {
            encryption,
            integrity,
        })
    }

    #[inline]
    fn seal_one(&mut self, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
        let Places { header, iv, text } = places::<S>(job)?;
        let end = text.end;
        let (before, rest) = split(packet, text.start)?;
        let text = rest.get_mut(..text.len()).ok_or(Reason::Truncated)?;
        let iv = before.get(iv).ok_or(Reason::Truncated)?;
        self.encryption.encrypt(iv, text)?;
        let (authentic, icv) = split(packet, end)?;
        let authentic = authentic.get(header..).ok_or(Reason::Truncated)?;
        let icv = icv.get_mut(..S::Integrity::ICV_BYTES);
        let mac = self.integrity.mac(authentic, job.high_word());
        icv.ok_or(Reason::Truncated)?
            .copy_from_slice(&mac[..S::Integrity::ICV_BYTES]);
        Ok(())
    }

    #[inline]
    fn open_one(&mut self, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
        let Places { header, iv, text } = places::<S>(job)?;
        let (authentic, icv) = split(packet, text.end)?;
        let authentic = authentic.get(header..).ok_or(Reason::Truncated)?;
        let icv = icv.get(..S::Integrity::ICV_BYTES);
        let mac = self.integrity.mac(authentic, job.high_word());
        let right = mac[..S::Integrity::ICV_BYTES].ct_eq(icv.ok_or(Reason::Truncated)?);
        if !bool::from(right) {
            return Err(Reason::BadIcv);
        }
        let (before, rest) = split(packet, text.start)?;
        let text = rest.get_mut(..text.len()).ok_or(Reason::Truncated)?;
        let iv = before.get(iv).ok_or(Reason::Truncated)?;
        self.encryption.decrypt(iv, text)
    }
}

/// Where the parts of a packet are.
struct Places {
    /// Where the ESP header begins.
    header: usize,
    iv: Range<usize>,
    text: Range<usize>,
}

/// The ICV stands right behind the text, IV and ESP header right in front.
#[inline(always)]
fn places<S: Suite>(job: &Job) -> Result<Places, Reason> {
    let start = job.text_start as usize;
    let header = start.checked_sub(usize::from(job.header_bytes));
    let iv = start.checked_sub(S::Encryption::IV.bytes());
    let text = start..start + job.text_len as usize;
    match (header, iv) {
        (Some(header), Some(iv)) if text.end == job.icv_start as usize => Ok(Places {
            header,
            iv: iv..start,
            text,
        }),
        _ => Err(Reason::Truncated),
    }
}

#[inline(always)]
fn split(packet: &mut [u8], at: usize) -> Result<(&mut [u8], &mut [u8]), Reason> {
    packet.split_at_mut_checked(at).ok_or(Reason::Truncated)
}
