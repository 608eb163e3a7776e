//! AES-GMAC: an AEAD that encrypts nothing (RFC 4543, 3). ESP header, IV and text are its
//! associated data.
//!
//! Libraries take associated data in one piece. With an extended sequence number it is not in
//! one piece in the packet: the upper half, which is not sent, belongs between SPI and lower
//! half (RFC 4543, 3.3). So the SPI moves four octets to the front for as long as it takes.

use super::{Aead, Cipher, ICV_BYTES, IcvMismatch, Job, KeyLength, Layout};
use crate::fate::Reason;

/// The GMAC of a library's AES-GCM.
pub struct Gmac<A>(A);

/// Octets of an SPI, and of half an extended sequence number.
const WORD_BYTES: usize = 4;

impl<A: Aead> Cipher for Gmac<A> {
    const ALGORITHM: &'static str = match A::KEY_BYTES {
        16 => "aes-128-gmac",
        24 => "aes-192-gmac",
        _ => "aes-256-gmac",
    };
    const LIBRARY: &'static str = A::LIBRARY;
    const KEY_BYTES: usize = A::KEY_BYTES;
    const ENCRYPTS: bool = false;
    const LAYOUT: Layout = Layout {
        covers_header: true,
        ..Layout::AEAD
    };

    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        super::check_key::<Self>(key)?;
        A::new(key).map(Self)
    }

    #[inline]
    fn seal_one(&mut self, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
        in_one_piece(packet, job, |aad, icv| {
            self.0.seal_parts(&job.nonce, aad, &mut [], icv);
            Ok(())
        })
    }

    #[inline]
    fn open_one(&mut self, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
        in_one_piece(packet, job, |aad, icv| {
            self.0.open_parts(&job.nonce, aad, &mut [], icv)
        })
    }
}

/// Calls `act` with the associated data in one piece, and with the ICV behind it.
#[inline(always)]
fn in_one_piece(
    packet: &mut [u8],
    job: &Job,
    act: impl FnOnce(&[u8], &mut [u8; ICV_BYTES]) -> Result<(), IcvMismatch>,
) -> Result<(), Reason> {
    let header = job.text_start.checked_sub(u32::from(job.header_bytes));
    let header = header.ok_or(Reason::Truncated)? as usize;
    let high = job.high_word();
    let start = if high.is_some() {
        header.checked_sub(WORD_BYTES)
    } else {
        Some(header)
    };
    let (before_icv, icv) = packet
        .split_at_mut_checked(job.icv_start as usize)
        .ok_or(Reason::Truncated)?;
    let icv = icv.first_chunk_mut().ok_or(Reason::Truncated)?;
    let aad = start.and_then(|start| before_icv.get_mut(start..));
    let aad = aad.ok_or(Reason::Truncated)?;
    let Some(high) = high else {
        return act(aad, icv).map_err(|IcvMismatch| Reason::BadIcv);
    };
    let Some(place) = aad.first_chunk_mut() else {
        return Err(Reason::Truncated);
    };
    let before: [u8; 2 * WORD_BYTES] = *place;
    place.copy_within(WORD_BYTES.., 0);
    place[WORD_BYTES..].copy_from_slice(&high);
    let done = act(aad, icv);
    aad[..before.len()].copy_from_slice(&before);
    done.map_err(|IcvMismatch| Reason::BadIcv)
}
