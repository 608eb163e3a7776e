//! Encryption and HMAC, several packets at once.
//!
//! The library's MAC covers one range of octets and is written beside the packet. So the upper
//! half of an extended sequence number, which is authenticated and not sent, stands for as long
//! as it takes where the ICV begins (RFC 4303, 2.2.1 puts it behind the text).

use subtle::ConstantTimeEq;

use super::library::{Covered, LANES, Manager, TAG_BYTES, Way, Work};
use super::{Cipher, KeyLength, check_key};
use crate::cipher::{Iv, Job, Layout};
use crate::fate::Reason;
use crate::frame::Frame;

/// NULL (RFC 2410).
pub const NULL: usize = 0;
/// AES-CBC, key of 128 bits (RFC 3602).
pub const AES_CBC_128: usize = 1;
/// AES-CBC, key of 256 bits.
pub const AES_CBC_256: usize = 2;
/// 3DES-CBC (RFC 2451).
pub const TRIPLE_DES: usize = 3;
/// HMAC-SHA-256-128 (RFC 4868).
pub const SHA_256: usize = 0;
/// HMAC-SHA-1-96 (RFC 2404).
pub const SHA_1: usize = 1;

/// Names by integrity algorithm, then by encryption.
const NAMES: [[&str; 4]; 2] = [
    [
        "null+hmac-sha-256-128",
        "aes-128-cbc+hmac-sha-256-128",
        "aes-256-cbc+hmac-sha-256-128",
        "3des-cbc+hmac-sha-256-128",
    ],
    [
        "null+hmac-sha-1-96",
        "aes-128-cbc+hmac-sha-1-96",
        "aes-256-cbc+hmac-sha-1-96",
        "3des-cbc+hmac-sha-1-96",
    ],
];
/// Octets of key by encryption.
const KEYS: [usize; 4] = [0, 16, 32, 24];
const IVS: [Iv; 4] = [Iv::None, Iv::Random(16), Iv::Random(16), Iv::Random(8)];
/// Octets of key by integrity algorithm.
const HMAC_KEYS: [usize; 2] = [32, 20];
const ICVS: [usize; 2] = [16, 12];
/// Octets of the upper half of an extended sequence number: the ICV's place has room for it.
const HIGH_BYTES: usize = 4;
const _: () = assert!(HIGH_BYTES <= ICVS[SHA_1] && ICVS[SHA_256] <= TAG_BYTES);

/// An encryption and an integrity algorithm, by their places in the lists.
pub struct MbSuite<const ENCRYPTION: usize, const INTEGRITY: usize> {
    manager: Manager,
    work: [Work; LANES],
    /// What the library computed.
    tags: [[u8; TAG_BYTES]; LANES],
    /// What stood in the place of the ICV.
    icvs: [[u8; TAG_BYTES]; LANES],
}

impl<const ENCRYPTION: usize, const INTEGRITY: usize> MbSuite<ENCRYPTION, INTEGRITY> {
    const ICV_BYTES: usize = ICVS[INTEGRITY];

    /// Lays a packet's work into a lane.
    #[inline(always)]
    fn lay(&mut self, lane: usize, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
        let covered = covered::<Self>(job).ok_or(Reason::Truncated)?;
        let icv = packet
            .get_mut(job.icv_start as usize..)
            .and_then(|behind| behind.get_mut(..Self::ICV_BYTES))
            .ok_or(Reason::Truncated)?;
        self.icvs[lane][..Self::ICV_BYTES].copy_from_slice(icv);
        let high = job.high_word();
        let covered = Covered {
            bytes: covered.bytes + high.map_or(0, |high| high.len()),
            ..covered
        };
        if let Some(high) = high {
            icv[..HIGH_BYTES].copy_from_slice(&high);
        }
        let work = Work::new(packet, covered);
        self.work[lane] = work.ok_or(Reason::Truncated)?;
        Ok(())
    }

    /// Takes a packet out of its lane: the ICV is written, or put back and compared in constant
    /// time. Only then is anything inside believed (RFC 4303, 3.4.4.1 allows to decrypt at the
    /// same time).
    #[inline(always)]
    fn take(&self, way: Way, lane: usize, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
        let start = job.icv_start as usize;
        let icv = packet.get_mut(start..start + Self::ICV_BYTES);
        let icv = icv.ok_or(Reason::Truncated)?;
        let tag = &self.tags[lane][..Self::ICV_BYTES];
        if way == Way::Seal {
            icv.copy_from_slice(tag);
            return Ok(());
        }
        let given = &self.icvs[lane][..Self::ICV_BYTES];
        icv.copy_from_slice(given);
        if bool::from(tag.ct_eq(given)) {
            Ok(())
        } else {
            Err(Reason::BadIcv)
        }
    }

    #[inline(always)]
    fn one(&mut self, way: Way, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
        self.lay(0, packet, job)?;
        let (work, tags) = (&mut self.work[..1], &mut self.tags);
        // SAFETY: the packet is borrowed for writing and not touched until this returns.
        if !unsafe { self.manager.burst(way, work, tags) } {
            return Err(Reason::Truncated);
        }
        self.take(way, 0, packet, job)
    }

    /// At most [`LANES`] jobs of as many frames.
    #[inline(always)]
    fn side_by_side(&mut self, way: Way, burst: &mut [Frame<'_>], jobs: &[Job]) {
        let mut laid: [&Job; LANES] = [&NO_JOB; LANES];
        let mut used = 0;
        for job in jobs {
            let Some(frame) = burst.get_mut(job.frame as usize) else {
                continue;
            };
            match self.lay(used, frame.bytes_mut(), job) {
                Ok(()) => {
                    laid[used] = job;
                    used += 1;
                }
                Err(reason) => frame.drop_as(reason),
            }
        }
        let (work, tags) = (&mut self.work[..used], &mut self.tags);
        // SAFETY: the frames are borrowed for writing, each has its own buffer, and no two jobs
        // are of one frame: the caller saw to that.
        let done = unsafe { self.manager.burst(way, work, tags) };
        for (lane, job) in laid[..used].iter().enumerate() {
            let Some(frame) = burst.get_mut(job.frame as usize) else {
                continue;
            };
            let taken = if done {
                self.take(way, lane, frame.bytes_mut(), job)
            } else {
                Err(Reason::Truncated)
            };
            if let Err(reason) = taken {
                frame.drop_as(reason);
            }
        }
    }

    #[inline(always)]
    fn all(&mut self, way: Way, burst: &mut [Frame<'_>], jobs: &[Job]) {
        for jobs in jobs.chunks(LANES) {
            if jobs.is_sorted_by(|one, next| one.frame < next.frame) {
                self.side_by_side(way, burst, jobs);
                continue;
            }
            // A frame may be named twice: one after another.
            for job in jobs.chunks(1) {
                self.side_by_side(way, burst, job);
            }
        }
    }
}

/// Stands where no job was laid yet.
static NO_JOB: Job = Job {
    frame: 0,
    text_start: 0,
    text_len: 0,
    icv_start: 0,
    nonce: [0; crate::cipher::NONCE_BYTES],
    aad: [0; crate::cipher::AAD_MAX_BYTES],
    aad_len: 0,
    header_bytes: 0,
};

/// What the MAC covers: ESP header, IV and text, right in front of the ICV; at least a block.
#[inline(always)]
fn covered<C: Cipher>(job: &Job) -> Option<Covered> {
    let (start, bytes) = (job.text_start as usize, job.text_len as usize);
    let front = usize::from(job.header_bytes);
    let whole = bytes > 0 && bytes.is_multiple_of(C::LAYOUT.block_bytes);
    let adjacent = job.text_start.checked_add(job.text_len) == Some(job.icv_start);
    let iv_bytes = C::LAYOUT.iv.bytes();
    (whole && adjacent && iv_bytes <= front).then_some(Covered {
        start: start.checked_sub(front)?,
        bytes: front + bytes,
        text: front,
        text_bytes: bytes,
        iv_bytes,
    })
}

impl<const ENCRYPTION: usize, const INTEGRITY: usize> Cipher for MbSuite<ENCRYPTION, INTEGRITY> {
    const ALGORITHM: &'static str = NAMES[INTEGRITY][ENCRYPTION];
    const LIBRARY: &'static str = super::LIBRARY;
    const KEY_BYTES: usize = KEYS[ENCRYPTION] + HMAC_KEYS[INTEGRITY];
    const INTEGRITY_KEY_BYTES: usize = HMAC_KEYS[INTEGRITY];
    const ENCRYPTS: bool = ENCRYPTION != NULL;
    const SIDE_BY_SIDE: bool = true;
    const LAYOUT: Layout = Layout {
        iv: IVS[ENCRYPTION],
        block_bytes: match IVS[ENCRYPTION] {
            Iv::Random(bytes) => bytes,
            _ => 1,
        },
        icv_bytes: ICVS[INTEGRITY],
        covers_header: true,
    };

    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        check_key::<Self>(key)?;
        let (encryption, integrity) = key.split_at(KEYS[ENCRYPTION]);
        let manager = Manager::encrypt_then_mac(encryption, integrity);
        Ok(Self {
            manager: manager.ok_or_else(|| crate::cipher::key_length::<Self>(key))?,
            work: [Work::NONE; LANES],
            tags: [[0; TAG_BYTES]; LANES],
            icvs: [[0; TAG_BYTES]; LANES],
        })
    }

    #[inline]
    fn seal_one(&mut self, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
        self.one(Way::Seal, packet, job)
    }

    #[inline]
    fn open_one(&mut self, packet: &mut [u8], job: &Job) -> Result<(), Reason> {
        self.one(Way::Open, packet, job)
    }

    #[inline]
    fn seal(&mut self, burst: &mut [Frame<'_>], jobs: &[Job]) {
        self.all(Way::Seal, burst, jobs);
    }

    #[inline]
    fn open(&mut self, burst: &mut [Frame<'_>], jobs: &[Job]) {
        self.all(Way::Open, burst, jobs);
    }
}
