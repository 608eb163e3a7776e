//! AEADs: text and ICV of one packet, with nonce and associated data beside it.

use super::{Cipher, ICV_BYTES, Job, NONCE_BYTES};
use crate::fate::Reason;

/// The ICV did not match; the text must not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcvMismatch;

/// A cipher that is an AEAD with a nonce of 12 octets and an ICV of 16.
pub trait Aead: Cipher {
    /// Encrypts `text` in place and writes the ICV.
    fn seal_parts(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &mut [u8; ICV_BYTES],
    );

    /// Verifies the ICV and decrypts `text` in place.
    fn open_parts(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        text: &mut [u8],
        icv: &[u8; ICV_BYTES],
    ) -> Result<(), IcvMismatch>;
}

/// [`Cipher::seal_one`] of an AEAD.
#[inline(always)]
pub(super) fn seal_one(aead: &mut impl Aead, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
    let (text, icv) = parts(packet, job).ok_or(Reason::Truncated)?;
    aead.seal_parts(&job.nonce, &job.aad[..usize::from(job.aad_len)], text, icv);
    Ok(())
}

/// [`Cipher::open_one`] of an AEAD.
#[inline(always)]
pub(super) fn open_one(aead: &mut impl Aead, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
    let (text, icv) = parts(packet, job).ok_or(Reason::Truncated)?;
    aead.open_parts(&job.nonce, &job.aad[..usize::from(job.aad_len)], text, icv)
        .map_err(|IcvMismatch| Reason::BadIcv)
}

/// Text and ICV of a job, as two disjoint parts of its packet.
#[inline(always)]
fn parts<'p>(packet: &'p mut [u8], job: &Job) -> Option<(&'p mut [u8], &'p mut [u8; ICV_BYTES])> {
    let text = job.text_start as usize..(job.text_start + job.text_len) as usize;
    let icv = job.icv_start as usize..job.icv_start as usize + ICV_BYTES;
    let [text, icv] = packet.get_disjoint_mut([text, icv]).ok()?;
    Some((text, icv.try_into().ok()?))
}

/// The two methods of [`Cipher`] that every AEAD implements alike.
macro_rules! one_by_one {
    () => {
        #[inline(always)]
        fn seal_one(
            &mut self,
            packet: &mut [u8],
            job: &$crate::cipher::Job,
        ) -> Result<(), $crate::fate::Reason> {
            $crate::cipher::aead::seal_one(self, packet, job)
        }

        #[inline(always)]
        fn open_one(
            &mut self,
            packet: &mut [u8],
            job: &$crate::cipher::Job,
        ) -> Result<(), $crate::fate::Reason> {
            $crate::cipher::aead::open_one(self, packet, job)
        }
    };
}
pub(super) use one_by_one;
