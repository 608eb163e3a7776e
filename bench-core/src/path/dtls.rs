//! A packet in a DTLS 1.2 record with AES-256-GCM over UDP: an assumption about what a provider
//! that encrypts between its own hosts puts around a packet. Providers say that they use DTLS and
//! publish no format; record and replay window are RFC 6347's, the bare packet as the content and
//! the port are ours.

use super::cases::{Case, CaseError, stages};
use super::overhead::Overhead;
use super::records::{Carrier, Numbers, Record, Records};
use super::sealed::{Framed, with_gcm};
use super::session::Session;
use super::underlay::{Family, Underlay};
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, Job, NONCE_BYTES};
use crate::fate::Reason;
use crate::wire::tls;

/// Nobody's: what OpenSSL's own tools take where none is named.
const UDP_PORT: u16 = 4433;
/// What carries it.
pub const OVER_UDP: Carrier = Carrier::Datagrams(Underlay::udp(Family::V4, UDP_PORT, UDP_PORT));

/// Epoch of the first keys: 0 is the handshake's (RFC 6347, 4.1).
const EPOCH: u64 = 1;
/// Bits of the sequence number, below the epoch (RFC 6347, 4.1).
const SEQUENCE_BITS: u32 = 48;
const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;
/// Octets between outer headers and text.
const FRONT_BYTES: usize = tls::DTLS_HEADER_BYTES + tls::EXPLICIT_NONCE_BYTES;

/// Bytes that it adds to a packet.
pub const OVERHEAD: Overhead = Overhead {
    icv: tls::TAG_BYTES,
    longest_inner: Some(1 << 14),
    ..OVER_UDP.overhead(FRONT_BYTES)
};
const _: () = assert!(OVERHEAD.added_bytes(1) == 20 + 8 + 13 + 8 + 16);

/// What both ends agree on, but the key.
#[derive(Clone, Copy, Debug)]
pub struct Dtls {
    iv: [u8; NONCE_BYTES],
}

impl Dtls {
    /// A direction with this salt (RFC 5288, 3).
    pub fn new(salt: [u8; tls::SALT_BYTES]) -> Self {
        let mut iv = [0; NONCE_BYTES];
        iv[..tls::SALT_BYTES].copy_from_slice(&salt);
        Self { iv }
    }

    #[inline(always)]
    fn job(
        &self,
        number: u64,
        explicit: [u8; tls::EXPLICIT_NONCE_BYTES],
        text_bytes: usize,
    ) -> Job {
        let mut job = Job {
            text_start: FRONT_BYTES as u32,
            text_len: text_bytes as u32,
            icv_start: (FRONT_BYTES + text_bytes) as u32,
            nonce: tls::nonce(&self.iv, explicit),
            aad_len: tls::AAD_BYTES as u8,
            ..Job::default()
        };
        let aad = tls::aad(number, tls::DTLS_1_2, text_bytes);
        job.aad[..tls::AAD_BYTES].copy_from_slice(&aad);
        job
    }
}

impl Record for Dtls {
    // 0 was the handshake's last message.
    const FIRST_NUMBER: u64 = 1;
    const LAST_NUMBER: u64 = SEQUENCE_MASK;
    // A number that cannot be new need not be verified (RFC 6347, 4.1.2.6).
    const NUMBERS: Numbers = Numbers::Sent {
        checked_first: true,
    };
    const NOT_OURS: Reason = Reason::NotDtls;

    fn overhead(&self) -> Overhead {
        OVERHEAD
    }

    #[inline(always)]
    fn write(&self, number: u64, record: &mut [u8]) -> Result<Job, Reason> {
        let around_bytes = FRONT_BYTES + tls::TAG_BYTES;
        let text_bytes = record
            .len()
            .checked_sub(around_bytes)
            .ok_or(Reason::NoRoom)?;
        let number = EPOCH << SEQUENCE_BITS | number;
        let length = (record.len() - tls::DTLS_HEADER_BYTES) as u16;
        let explicit = number.to_be_bytes();
        let (header, rest) = record.split_first_chunk_mut().ok_or(Reason::NoRoom)?;
        *header = tls::dtls_header(number, length);
        *rest.first_chunk_mut().ok_or(Reason::NoRoom)? = explicit;
        Ok(self.job(number, explicit, text_bytes))
    }

    #[inline(always)]
    fn read(&self, record: &[u8], _: u64) -> Result<Job, Reason> {
        let (header, rest) = record.split_first_chunk().ok_or(Reason::Truncated)?;
        let (number, length) = tls::parse_dtls(*header)?;
        if number >> SEQUENCE_BITS != EPOCH {
            return Err(Reason::WrongEpoch);
        }
        // More records may follow in a datagram (RFC 6347, 4.1.1); no sender here adds any.
        if length != rest.len() {
            return Err(Reason::BadRecord);
        }
        let explicit = *rest.first_chunk().ok_or(Reason::Truncated)?;
        match record.len().checked_sub(FRONT_BYTES + tls::TAG_BYTES) {
            None | Some(0) => Err(Reason::Truncated),
            Some(text_bytes) => Ok(self.job(number, explicit, text_bytes)),
        }
    }

    #[inline(always)]
    fn number(&self, job: &Job) -> u64 {
        let [n0, n1, n2, n3, n4, n5, n6, n7, ..] = job.aad;
        u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7]) & SEQUENCE_MASK
    }

    fn length(_: &[u8]) -> Result<Option<usize>, Reason> {
        Err(Reason::BadRecord)
    }

    #[inline(always)]
    fn unwrap(&self, _: &[u8]) -> Result<(usize, usize), Reason> {
        Ok((0, 0))
    }
}

struct OverUdp;

impl Framed for OverUdp {
    const PATH: &'static str = "dtls";
    const WORDS: &'static str = "DTLS 1.2, as assumed of a provider's own encryption";
    const STAGES: &'static [&'static str] = stages!["encapsulate in DTLS"];
    const STEP: &'static str = "DTLS";
    const OVERHEAD: Overhead = OVERHEAD;

    fn open<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        let session = Session::seeded(setup, C::KEY_BYTES);
        let [salt @ .., _, _, _, _, _, _, _, _] = session.iv;
        let path = Records::<C, _>::new(setup, &session.key, OVER_UDP, || Dtls::new(salt))?;
        Ok(Box::new(path))
    }
}

/// Its place in the list.
pub(super) fn cases() -> Vec<Case> {
    with_gcm::<OverUdp>()
}
