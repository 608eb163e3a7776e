//! Ciphers as a packet path sees them: a burst and a list of jobs, transformed in place.
//!
//! The path owns nonce, associated data and the place of the ICV; a cipher only transforms.
//! Every implementation is one file and one type, so that libraries stand side by side in one
//! binary and can be compared in one run.

pub mod aws_lc;
pub mod code;
pub mod none;
pub mod ring;
pub mod rust_crypto;

use crate::fate::Reason;
use crate::frame::Frame;

/// Octets of the ICV of every cipher here: the full GCM or Poly1305 tag (RFC 4106, 6; RFC 7634, 2).
pub const ICV_BYTES: usize = 16;
/// Octets of the nonce: salt and explicit IV (RFC 4106, 4; RFC 7634, 2).
pub const NONCE_BYTES: usize = 12;
/// Longest associated data that a path here has: SPI and 64-bit sequence number (RFC 4106, 5).
pub const AAD_MAX_BYTES: usize = 12;

/// One packet's cryptographic work. Offsets count from the start of the frame's packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Job {
    /// Index of the frame in the burst.
    pub frame: u32,
    /// Where the text to transform begins.
    pub text_start: u32,
    /// Octets of text.
    pub text_len: u32,
    /// Where the ICV stands; it must not overlap the text.
    pub icv_start: u32,
    /// Salt, then explicit IV.
    pub nonce: [u8; NONCE_BYTES],
    /// Associated data, of which `aad_len` octets count.
    pub aad: [u8; AAD_MAX_BYTES],
    /// Octets of associated data.
    pub aad_len: u8,
}

/// The ICV did not match; the text must not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcvMismatch;

/// Why a cipher cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cipher} takes a key of {expected} octets, not {given}")]
pub struct KeyLength {
    /// Cipher and library.
    pub cipher: &'static str,
    /// Octets that it takes.
    pub expected: usize,
    /// Octets that were given.
    pub given: usize,
}

/// Seals or opens packets in place. [`Cipher::new`] expands the key; sealing must not.
pub trait Cipher: Sized {
    /// Name of the algorithm, as in a case id: `aes-256-gcm`.
    const ALGORITHM: &'static str;
    /// Name of the library, as in a case id behind the `@`: `ring`; empty for none.
    const LIBRARY: &'static str;
    /// Octets of key, salt not included.
    const KEY_BYTES: usize;

    /// Expands the key.
    fn new(key: &[u8]) -> Result<Self, KeyLength>;

    /// Encrypts `text` in place and writes the ICV.
    fn seal_one(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &mut [u8; ICV_BYTES],
    );

    /// Verifies the ICV and decrypts `text` in place.
    fn open_one(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &[u8; ICV_BYTES],
    ) -> Result<(), IcvMismatch>;

    /// Seals the jobs of a burst, one after another; a multi-buffer library can do better.
    /// A job that does not fit its frame drops the frame as [`Reason::Truncated`].
    #[inline]
    fn seal(&mut self, burst: &mut [Frame<'_>], jobs: &[Job]) {
        for job in jobs {
            let Some(frame) = burst.get_mut(job.frame as usize) else {
                continue;
            };
            match parts(frame, job) {
                Some((text, icv)) => {
                    self.seal_one(&job.nonce, &job.aad[..usize::from(job.aad_len)], text, icv);
                }
                None => frame.drop_as(Reason::Truncated),
            }
        }
    }

    /// Opens the jobs of a burst; a frame whose ICV is wrong is dropped as [`Reason::BadIcv`].
    #[inline]
    fn open(&mut self, burst: &mut [Frame<'_>], jobs: &[Job]) {
        for job in jobs {
            let Some(frame) = burst.get_mut(job.frame as usize) else {
                continue;
            };
            let aad = &job.aad[..usize::from(job.aad_len)];
            let refused = match parts(frame, job) {
                Some((text, icv)) => self
                    .open_one(&job.nonce, aad, text, icv)
                    .err()
                    .map(|IcvMismatch| Reason::BadIcv),
                None => Some(Reason::Truncated),
            };
            if let Some(reason) = refused {
                frame.drop_as(reason);
            }
        }
    }
}

/// Text and ICV of a job, as two disjoint parts of its frame.
#[inline(always)]
fn parts<'f>(
    frame: &'f mut Frame<'_>,
    job: &Job,
) -> Option<(&'f mut [u8], &'f mut [u8; ICV_BYTES])> {
    let text = job.text_start as usize..(job.text_start + job.text_len) as usize;
    let icv = job.icv_start as usize..job.icv_start as usize + ICV_BYTES;
    let [text, icv] = frame.bytes_mut().get_disjoint_mut([text, icv]).ok()?;
    Some((text, icv.try_into().ok()?))
}

fn key_length(cipher: &'static str, key: &[u8], expected: usize) -> KeyLength {
    KeyLength {
        cipher,
        expected,
        given: key.len(),
    }
}

fn check_key(cipher: &'static str, key: &[u8], expected: usize) -> Result<(), KeyLength> {
    if key.len() == expected {
        Ok(())
    } else {
        Err(key_length(cipher, key, expected))
    }
}
