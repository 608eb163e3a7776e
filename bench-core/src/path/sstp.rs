//! SSTP: a PPP frame in an SSTP packet in a TLS record with AES-256-GCM over TCP, port 443; as it
//! comes with Windows, and with TLS 1.2 unless the case says 1.3.
//!
//! One packet a record, one record a write. The connection's own messages (alerts, session
//! tickets, key updates) and SSTP's (echoes) are refused and would be dealt with elsewhere; a
//! record that does not open would end the connection (RFC 5246, 7.2.2), here the next one is
//! looked at. Its number is used up like that of any other. RFC 8446, 5.5 asks for new keys
//! after 2^24.5 records; what that costs is not measured.

use super::cases::{Case, CaseError, stages};
use super::overhead::Overhead;
use super::records::{Carrier, Numbers, Record, Records};
use super::sealed::{Framed, with_gcm};
use super::session::Session;
use super::stream::Stream;
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, Job, NONCE_BYTES};
use crate::fate::Reason;
use crate::wire::{sstp, tls, version};

/// The connection that carries it: to the port of HTTPS, without timestamps.
pub const OVER_TCP: Carrier = over_tcp(false);
/// The same with timestamps in every segment; a Windows client asks for none of itself.
pub const OVER_TCP_WITH_TIMESTAMPS: Carrier = over_tcp(true);

const fn over_tcp(timestamps: bool) -> Carrier {
    Carrier::Stream(Stream {
        ports: (49_152, 443),
        timestamps,
    })
}

/// Version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.2 (RFC 5246, RFC 5288).
    Tls12,
    /// 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    /// Octets in front of the text: header, and the nonce where it is shown.
    const fn front_bytes(self) -> usize {
        match self {
            Self::Tls12 => tls::HEADER_BYTES + tls::EXPLICIT_NONCE_BYTES,
            Self::Tls13 => tls::HEADER_BYTES,
        }
    }

    /// Octets behind the packet that are sealed with it: the content type.
    const fn trailer_bytes(self) -> usize {
        match self {
            Self::Tls12 => 0,
            Self::Tls13 => 1,
        }
    }

    /// Bytes that it adds to a packet, over a connection without timestamps.
    pub const fn overhead(self) -> Overhead {
        self.overhead_over(OVER_TCP)
    }

    /// Bytes that it adds to a packet.
    pub const fn overhead_over(self, carrier: Carrier) -> Overhead {
        Overhead {
            sealed_front: sstp::HEADER_BYTES,
            trailer: self.trailer_bytes(),
            icv: tls::TAG_BYTES,
            longest_inner: Some(sstp::LONGEST_BYTES),
            ..carrier.overhead(self.front_bytes() + sstp::HEADER_BYTES)
        }
    }
}
// IPv4 and TCP, TLS header and nonce, SSTP and PPP, tag; the content type in place of the nonce.
const _: () = assert!(Version::Tls12.overhead().added_bytes(1) == 40 + 5 + 8 + 4 + 4 + 16);
const _: () = assert!(Version::Tls13.overhead().added_bytes(1) == 40 + 5 + 4 + 4 + 1 + 16);

/// What both ends of a connection agree on, but the key.
#[derive(Clone, Copy, Debug)]
pub struct Sstp {
    version: Version,
    carrier: Carrier,
    iv: [u8; NONCE_BYTES],
}

impl Sstp {
    /// A direction with this IV, of which TLS 1.2 takes the first four octets, over a connection
    /// without timestamps.
    pub fn new(version: Version, iv: [u8; NONCE_BYTES]) -> Self {
        Self {
            version,
            carrier: OVER_TCP,
            iv,
        }
    }

    /// The same over this connection.
    #[must_use]
    pub fn over(self, carrier: Carrier) -> Self {
        Self { carrier, ..self }
    }

    /// The job of a record with this number, header and octets of text. An end here shows its
    /// number as the nonce of TLS 1.2, as RFC 5288, 3 suggests; another may show any.
    #[inline(always)]
    fn job(
        &self,
        number: u64,
        header: [u8; tls::HEADER_BYTES],
        explicit: [u8; tls::EXPLICIT_NONCE_BYTES],
        text_bytes: usize,
    ) -> Job {
        let front_bytes = self.version.front_bytes();
        let mut job = Job {
            text_start: front_bytes as u32,
            text_len: text_bytes as u32,
            icv_start: (front_bytes + text_bytes) as u32,
            ..Job::default()
        };
        match self.version {
            Version::Tls12 => {
                let aad = tls::aad(number, tls::TLS_1_2, text_bytes);
                job.aad[..tls::AAD_BYTES].copy_from_slice(&aad);
                job.aad_len = tls::AAD_BYTES as u8;
                job.nonce = tls::nonce(&self.iv, explicit);
            }
            Version::Tls13 => {
                job.aad[..tls::HEADER_BYTES].copy_from_slice(&header);
                job.aad_len = tls::HEADER_BYTES as u8;
                job.nonce = tls::nonce_1_3(&self.iv, number);
            }
        }
        job
    }
}

impl Record for Sstp {
    // 0 was the handshake's last message, or what SSTP began with.
    const FIRST_NUMBER: u64 = 1;
    // Numbers do not turn over (RFC 5246, 6.1; RFC 8446, 5.3).
    const LAST_NUMBER: u64 = u64::MAX - 1;
    const NUMBERS: Numbers = Numbers::Counted;
    const NOT_OURS: Reason = Reason::NotSstp;

    fn overhead(&self) -> Overhead {
        self.version.overhead_over(self.carrier)
    }

    #[inline(always)]
    fn write(&self, number: u64, record: &mut [u8]) -> Result<Job, Reason> {
        let front_bytes = self.version.front_bytes();
        let around_bytes = front_bytes + tls::TAG_BYTES;
        let text_bytes = record
            .len()
            .checked_sub(around_bytes)
            .ok_or(Reason::NoRoom)?;
        let header = tls::header((record.len() - tls::HEADER_BYTES) as u16);
        let explicit = number.to_be_bytes();
        let (front, text) = record.split_at_mut(front_bytes);
        let (place, rest) = front.split_first_chunk_mut().ok_or(Reason::NoRoom)?;
        *place = header;
        if let Some(place) = rest.first_chunk_mut() {
            *place = explicit;
        }
        let text = text.get_mut(..text_bytes).ok_or(Reason::NoRoom)?;
        let trailer_bytes = self.version.trailer_bytes();
        if let Some(kind) = text.last_mut().filter(|_| trailer_bytes > 0) {
            *kind = tls::APPLICATION_DATA;
        }
        let (front, packet) = text.split_first_chunk_mut().ok_or(Reason::NoRoom)?;
        let is_v4 = version(packet) == Some(4);
        *front = sstp::header(packet.len() - trailer_bytes, is_v4);
        Ok(self.job(number, header, explicit, text_bytes))
    }

    #[inline(always)]
    fn read(&self, record: &[u8], counted: u64) -> Result<Job, Reason> {
        let (header, rest) = record.split_first_chunk().ok_or(Reason::Truncated)?;
        tls::parse(*header)?;
        let explicit = match self.version {
            Version::Tls12 => *rest.first_chunk().ok_or(Reason::Truncated)?,
            Version::Tls13 => [0; tls::EXPLICIT_NONCE_BYTES],
        };
        let around_bytes = self.version.front_bytes() + tls::TAG_BYTES;
        match record.len().checked_sub(around_bytes) {
            None | Some(0) => Err(Reason::Truncated),
            Some(text_bytes) => Ok(self.job(counted, *header, explicit, text_bytes)),
        }
    }

    #[inline(always)]
    fn number(&self, _: &Job) -> u64 {
        0
    }

    #[inline(always)]
    fn length(octets: &[u8]) -> Result<Option<usize>, Reason> {
        let Some([_, major, _, l0, l1]) = octets.first_chunk() else {
            return Ok(None);
        };
        let bytes = usize::from(u16::from_be_bytes([*l0, *l1]));
        if *major != tls::TLS_1_2[0] || bytes == 0 || bytes > tls::LONGEST_BYTES {
            return Err(Reason::BadRecord);
        }
        Ok(Some(tls::HEADER_BYTES + bytes))
    }

    #[inline(always)]
    fn unwrap(&self, text: &[u8]) -> Result<(usize, usize), Reason> {
        let packet = match self.version {
            Version::Tls12 => text,
            Version::Tls13 => application_data(text)?,
        };
        let inner = packet.get(sstp::HEADER_BYTES..).unwrap_or_default();
        if Some(sstp::parse(packet)?) != version(inner) {
            return Err(Reason::MalformedHeader);
        }
        Ok((sstp::HEADER_BYTES, text.len() - packet.len()))
    }
}

/// What stands in front of the content type and the zeros behind it (RFC 8446, 5.4).
#[inline(always)]
fn application_data(text: &[u8]) -> Result<&[u8], Reason> {
    let at = text.iter().rposition(|octet| *octet != 0);
    let (content, kind) = at
        .and_then(|at| text[..=at].split_last().map(|(k, c)| (c, *k)))
        .ok_or(Reason::BadRecord)?;
    match kind {
        tls::APPLICATION_DATA => Ok(content),
        _ => Err(Reason::ControlMessage),
    }
}

fn open<C: Cipher + 'static>(
    setup: &Setup,
    version: Version,
    carrier: Carrier,
) -> Result<Box<dyn PacketPath>, CaseError> {
    let session = Session::seeded(setup, C::KEY_BYTES);
    let record = || Sstp::new(version, session.iv).over(carrier);
    let path = Records::<C, _>::new(setup, &session.key, carrier, record)?;
    Ok(Box::new(path))
}

struct Tls12;

impl Framed for Tls12 {
    const PATH: &'static str = "sstp";
    const WORDS: &'static str = "SSTP, TLS 1.2";
    const STAGES: &'static [&'static str] = stages!["encapsulate in SSTP"];
    const STEP: &'static str = "SSTP";
    const OVERHEAD: Overhead = Version::Tls12.overhead();

    fn open<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        open::<C>(setup, Version::Tls12, OVER_TCP)
    }
}

struct Tls13;

impl Framed for Tls13 {
    const PATH: &'static str = "sstp+tls13";
    const WORDS: &'static str = "SSTP, TLS 1.3";
    const STAGES: &'static [&'static str] = stages!["encapsulate in SSTP, TLS 1.3"];
    const STEP: &'static str = "SSTP, TLS 1.3";
    const OVERHEAD: Overhead = Version::Tls13.overhead();

    fn open<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        open::<C>(setup, Version::Tls13, OVER_TCP)
    }
}

struct Timestamps;

impl Framed for Timestamps {
    const PATH: &'static str = "sstp+timestamps";
    const WORDS: &'static str = "SSTP, TLS 1.2, with timestamps";
    const STAGES: &'static [&'static str] = stages!["encapsulate in SSTP, timestamps"];
    const STEP: &'static str = "SSTP, timestamps";
    const OVERHEAD: Overhead = Version::Tls12.overhead_over(OVER_TCP_WITH_TIMESTAMPS);

    fn open<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        open::<C>(setup, Version::Tls12, OVER_TCP_WITH_TIMESTAMPS)
    }
}

/// Its place in the list.
pub(super) fn cases() -> Vec<Case> {
    [
        with_gcm::<Tls12>(),
        with_gcm::<Timestamps>(),
        with_gcm::<Tls13>(),
    ]
    .concat()
}
