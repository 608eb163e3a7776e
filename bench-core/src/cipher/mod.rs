//! Ciphers as a packet path sees them: a burst and a list of jobs, transformed in place.
//!
//! The path owns nonce, associated data and the place of the ICV; a cipher only transforms.
//! Every implementation is one type, so that libraries stand side by side in one binary and can
//! be compared in one run. AEADs implement [`Aead`]; what encrypts and then authenticates is an
//! [`encrypt_then_mac::EncryptThenMac`] of a library's parts; [`gmac::Gmac`] makes an AEAD
//! authenticate only.

mod aead;
pub mod aws_lc;
pub mod code;
pub mod encrypt_then_mac;
pub mod gmac;
#[cfg(feature = "graviola")]
pub mod graviola;
#[cfg(feature = "ipsec-mb")]
pub mod ipsec_mb;
mod names;
pub mod none;
#[cfg(feature = "openssl")]
pub mod openssl;
pub mod ring;
pub mod rust_crypto;
pub mod suites;

pub use aead::{Aead, IcvMismatch};
pub use names::{is_legacy, title, titled};

use crate::fate::Reason;
use crate::frame::Frame;

/// Octets of an AEAD's ICV: the full GCM or Poly1305 tag (RFC 4106, 6; RFC 7634, 2).
pub const ICV_BYTES: usize = 16;
/// Octets of an AEAD's nonce: salt and explicit IV (RFC 4106, 4; RFC 7634, 2).
pub const NONCE_BYTES: usize = 12;
/// Longest associated data that a path here has: a TLS 1.2 record's 13 (RFC 5246, 6.2.3.3).
pub const AAD_MAX_BYTES: usize = 16;

/// What an algorithm asks of a packet of ESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What stands between the ESP header and the text.
    pub iv: Iv,
    /// Octets that the text must be a multiple of; ESP itself asks for 4.
    pub block_bytes: usize,
    /// Octets of the ICV behind the text.
    pub icv_bytes: usize,
    /// Header and IV are authenticated where they stand, and not as associated data of the job:
    /// octets in front of the text are touched.
    pub covers_header: bool,
}

impl Layout {
    /// An AEAD's: RFC 4106, 3.1 and RFC 7634, 2.
    pub const AEAD: Self = Self {
        iv: Iv::Counter,
        block_bytes: 1,
        icv_bytes: ICV_BYTES,
        covers_header: false,
    };
}

/// The IV that a packet shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iv {
    /// None (RFC 2410, 3).
    None,
    /// Eight octets that never repeat under a key: the sequence number (RFC 4106, 3.1).
    Counter,
    /// As many octets as the cipher's block that nobody can foretell (RFC 3602, 2.1).
    Random(usize),
}

impl Iv {
    /// Octets of it.
    pub const fn bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Counter => crate::cipher::COUNTER_BYTES,
            Self::Random(bytes) => bytes,
        }
    }
}

/// Octets of an IV that counts.
pub const COUNTER_BYTES: usize = 8;

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
    /// Salt, then explicit IV; of an AEAD.
    pub nonce: [u8; NONCE_BYTES],
    /// Associated data, of which `aad_len` octets count. Of ESP: SPI and sequence number, 32 or
    /// 64 bits of it (RFC 4106, 5).
    pub aad: [u8; AAD_MAX_BYTES],
    /// Octets of associated data.
    pub aad_len: u8,
    /// Octets right in front of the text that are ESP header and IV.
    pub header_bytes: u8,
}

impl Job {
    /// Upper half of an extended sequence number, which is authenticated and not sent.
    #[inline(always)]
    pub fn high_word(&self) -> Option<[u8; 4]> {
        let [_, _, _, _, high @ ..] = self.aad;
        (self.aad_len == 12).then(|| [high[0], high[1], high[2], high[3]])
    }
}

/// Why a cipher cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{algorithm}{}{library} takes a key of {expected} octets, not {given}",
    if library.is_empty() { "" } else { "@" }
)]
pub struct KeyLength {
    /// Algorithm.
    pub algorithm: &'static str,
    /// Library.
    pub library: &'static str,
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
    /// Octets of key, salt not included; the encryption's, then the integrity's where they are
    /// two.
    const KEY_BYTES: usize;
    /// Octets of it that are the integrity algorithm's.
    const INTEGRITY_KEY_BYTES: usize = 0;
    /// The text cannot be read in what is sealed.
    const ENCRYPTS: bool = true;
    /// What it asks of a packet.
    const LAYOUT: Layout = Layout::AEAD;
    /// [`Self::seal`] and [`Self::open`] work on several packets at the same time: jobs one by
    /// one are not what the library is for.
    const SIDE_BY_SIDE: bool = false;

    /// The library takes memory for every packet, which nothing here can spare it.
    const ALLOCATES: bool = false;

    /// What the library asks of a CPU, where this one has not all of it. [`Self::new`] must not
    /// be called then.
    fn missing() -> Option<&'static str> {
        None
    }

    /// Expands the key.
    fn new(key: &[u8]) -> Result<Self, KeyLength>;

    /// Encrypts a packet's text in place and writes the ICV. [`Reason::Truncated`] for a job
    /// that does not fit the packet.
    fn seal_one(&mut self, packet: &mut [u8], job: &Job) -> Result<(), Reason>;

    /// Verifies the ICV, in constant time, and decrypts the text in place.
    /// [`Reason::BadIcv`] where it is wrong: the text must not be used.
    fn open_one(&mut self, packet: &mut [u8], job: &Job) -> Result<(), Reason>;

    /// Seals the jobs of a burst, one after another; a multi-buffer library can do better.
    /// A frame whose job fails is dropped.
    #[inline]
    fn seal(&mut self, burst: &mut [Frame<'_>], jobs: &[Job]) {
        for job in jobs {
            let Some(frame) = burst.get_mut(job.frame as usize) else {
                continue;
            };
            if let Err(reason) = self.seal_one(frame.bytes_mut(), job) {
                frame.drop_as(reason);
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
            if let Err(reason) = self.open_one(frame.bytes_mut(), job) {
                frame.drop_as(reason);
            }
        }
    }
}

fn key_length<C: Cipher>(key: &[u8]) -> KeyLength {
    KeyLength {
        algorithm: C::ALGORITHM,
        library: C::LIBRARY,
        expected: C::KEY_BYTES,
        given: key.len(),
    }
}

fn check_key<C: Cipher>(key: &[u8]) -> Result<(), KeyLength> {
    if key.len() == C::KEY_BYTES {
        Ok(())
    } else {
        Err(key_length::<C>(key))
    }
}
