//! OpenVPN's data channel with an AEAD, as OpenVPN 2.6 sends it from a tun device: the bare IP
//! packet, no compression framing, no data channel offload.
//!
//! Outer TOS is 0, DSCP and ECN alike: the program copies the inner octet only where `--passtos`
//! asks for it, which is off by default (`options.c`, `forward.c`: `process_ip_header`). Nothing
//! is copied back at the far end. DF is set, as Linux does for a socket that was not told
//! otherwise; a packet over the outer MTU, which Linux would fragment, is carried whole here.
//!
//! A receiver verifies first and judges the packet id then (`crypto.c`: `openvpn_decrypt_aead`).
//! Its window is the set-up's, 64 by default as `--replay-window`'s; the 15 seconds that
//! OpenVPN gives a late packet besides are not modelled. Over TCP a packet that does not open
//! would end the connection (`forward.c`: `process_incoming_link_part1`); here it is refused, and
//! the next one is looked at.

use super::cases::{Case, CaseError, stages};
use super::overhead::Overhead;
use super::records::{Carrier, Numbers, Record, Records};
use super::sealed::{Framed, with_aeads, with_gcm};
use super::session::Session;
use super::stream::Stream;
use super::underlay::{Family, Underlay};
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, Job, NONCE_BYTES};
use crate::fate::Reason;
use crate::wire::openvpn::{self, HEADER_BYTES, IMPLICIT_IV_BYTES, LENGTH_MAX, TAG_BYTES};

/// Over UDP, both ends on the port that IANA keeps for it.
pub const OVER_UDP: Carrier = Carrier::Datagrams(Underlay::udp(
    Family::V4,
    openvpn::UDP_PORT,
    openvpn::UDP_PORT,
));
/// Over TCP, to the port of HTTPS, where firewalls let it through, and without timestamps.
pub const OVER_TCP: Carrier = Carrier::Stream(Stream {
    ports: (TCP_CLIENT_PORT, HTTPS_PORT),
    timestamps: false,
});
/// The same with timestamps in every segment, as most hosts agree on.
pub const OVER_TCP_WITH_TIMESTAMPS: Carrier = Carrier::Stream(Stream {
    ports: (TCP_CLIENT_PORT, HTTPS_PORT),
    timestamps: true,
});
/// Of the dynamic ones (RFC 6335, 6).
const TCP_CLIENT_PORT: u16 = 49_152;
const HTTPS_PORT: u16 = 443;

/// Octets of header and tag in front of the text.
const FRONT_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// What both ends of a tunnel agree on, but the key.
#[derive(Clone, Copy, Debug)]
pub struct DataV2 {
    carrier: Carrier,
    /// Octets in front of the header: over a stream, the packet's length.
    prefix_bytes: usize,
    /// Opcode, key id and peer id.
    tunnel: u32,
    implicit_iv: [u8; IMPLICIT_IV_BYTES],
}

impl DataV2 {
    /// A tunnel with this key id (3 bits), peer id (24 bits) and part of the nonce.
    pub fn new(
        carrier: Carrier,
        key_id: u8,
        peer_id: u32,
        implicit_iv: [u8; IMPLICIT_IV_BYTES],
    ) -> Self {
        Self {
            carrier,
            prefix_bytes: prefix_bytes(carrier),
            tunnel: openvpn::tunnel(key_id, peer_id),
            implicit_iv,
        }
    }

    /// Bytes that it adds to a packet.
    pub const fn overhead_over(carrier: Carrier) -> Overhead {
        let prefix_bytes = prefix_bytes(carrier);
        Overhead {
            longest_inner: match carrier {
                Carrier::Datagrams(_) => None,
                Carrier::Stream(_) => Some(LENGTH_MAX - FRONT_BYTES),
            },
            ..carrier.overhead(prefix_bytes + FRONT_BYTES)
        }
    }

    /// The job of a record whose text has so many octets.
    #[inline(always)]
    fn job(&self, header: [u8; HEADER_BYTES], text_bytes: usize) -> Job {
        let mut job = Job {
            text_start: (self.prefix_bytes + FRONT_BYTES) as u32,
            text_len: text_bytes as u32,
            icv_start: (self.prefix_bytes + HEADER_BYTES) as u32,
            aad_len: HEADER_BYTES as u8,
            ..Job::default()
        };
        let [.., p0, p1, p2, p3] = header;
        let (packet_id, implicit_iv) = job.nonce.split_at_mut(NONCE_BYTES - IMPLICIT_IV_BYTES);
        packet_id.copy_from_slice(&[p0, p1, p2, p3]);
        implicit_iv.copy_from_slice(&self.implicit_iv);
        job.aad[..HEADER_BYTES].copy_from_slice(&header);
        job
    }
}

const fn prefix_bytes(carrier: Carrier) -> usize {
    match carrier {
        Carrier::Datagrams(_) => 0,
        Carrier::Stream(_) => openvpn::LENGTH_BYTES,
    }
}

// The 20 and 8 octets of IPv4 and UDP, 4 of opcode and peer id, 4 of packet id, 16 of tag.
const _: () = assert!(DataV2::overhead_over(OVER_UDP).added_bytes(1) == 20 + 8 + 4 + 4 + 16);
// 20 and 20 octets of IPv4 and TCP, 2 of length; and 40 more where one segment is not enough.
const _: () = assert!(DataV2::overhead_over(OVER_TCP).added_bytes(1434) == 40 + 2 + 24);
const _: () = assert!(DataV2::overhead_over(OVER_TCP).added_bytes(1435) == 40 + 2 + 24 + 40);

const _: () =
    assert!(DataV2::overhead_over(OVER_TCP_WITH_TIMESTAMPS).added_bytes(1422) == 52 + 2 + 24);
const _: () =
    assert!(DataV2::overhead_over(OVER_TCP_WITH_TIMESTAMPS).added_bytes(1423) == 52 + 2 + 24 + 52);

impl Record for DataV2 {
    const FIRST_NUMBER: u64 = 1;
    // A short packet id does not turn over (packet_id.c: packet_id_send_update).
    const LAST_NUMBER: u64 = u32::MAX as u64;
    const NUMBERS: Numbers = Numbers::Sent {
        checked_first: false,
    };
    const NOT_OURS: Reason = Reason::NotOpenVpn;

    fn overhead(&self) -> Overhead {
        Self::overhead_over(self.carrier)
    }

    #[inline(always)]
    fn write(&self, number: u64, record: &mut [u8]) -> Result<Job, Reason> {
        let split = record.split_at_mut_checked(self.prefix_bytes);
        let (prefix, packet) = split.ok_or(Reason::NoRoom)?;
        let packet_bytes = packet.len();
        let text_bytes = packet_bytes
            .checked_sub(FRONT_BYTES)
            .ok_or(Reason::NoRoom)?;
        let place = packet.first_chunk_mut().ok_or(Reason::NoRoom)?;
        if let Some(prefix) = prefix.first_chunk_mut() {
            *prefix = (packet_bytes as u16).to_be_bytes();
        }
        *place = openvpn::header(self.tunnel, number as u32);
        Ok(self.job(*place, text_bytes))
    }

    #[inline(always)]
    fn read(&self, record: &[u8], _: u64) -> Result<Job, Reason> {
        let packet = record.get(self.prefix_bytes..).unwrap_or_default();
        let first = *packet.first().ok_or(Reason::Truncated)?;
        if !openvpn::is_data(first) {
            return Err(Reason::ControlMessage);
        }
        let header = *packet.first_chunk().ok_or(Reason::Truncated)?;
        if openvpn::parse(header).0 != self.tunnel {
            return Err(Reason::WrongPeer);
        }
        match packet.len().checked_sub(FRONT_BYTES) {
            None | Some(0) => Err(Reason::Truncated),
            Some(text_bytes) => Ok(self.job(header, text_bytes)),
        }
    }

    #[inline(always)]
    fn number(&self, job: &Job) -> u64 {
        let [_, _, _, _, p0, p1, p2, p3, ..] = job.aad;
        u64::from(u32::from_be_bytes([p0, p1, p2, p3]))
    }

    #[inline(always)]
    fn length(octets: &[u8]) -> Result<Option<usize>, Reason> {
        let Some(length) = octets.first_chunk() else {
            return Ok(None);
        };
        match usize::from(u16::from_be_bytes(*length)) {
            0 => Err(Reason::BadRecord),
            packet_bytes => Ok(Some(openvpn::LENGTH_BYTES + packet_bytes)),
        }
    }

    #[inline(always)]
    fn unwrap(&self, text: &[u8]) -> Result<(usize, usize), Reason> {
        if text == openvpn::PING {
            return Err(Reason::Keepalive);
        }
        Ok((0, 0))
    }
}

fn open<C: Cipher + 'static>(
    setup: &Setup,
    carrier: Carrier,
) -> Result<Box<dyn PacketPath>, CaseError> {
    let session = Session::seeded(setup, C::KEY_BYTES);
    let [implicit_iv @ .., _, _, _, _] = session.iv;
    let record = || DataV2::new(carrier, 0, session.id & openvpn::PEER_ID_MAX, implicit_iv);
    let path = Records::<C, _>::new(setup, &session.key, carrier, record)?;
    Ok(Box::new(path))
}

struct Udp;

impl Framed for Udp {
    const PATH: &'static str = "openvpn-udp";
    const WORDS: &'static str = "OpenVPN over UDP";
    const STAGES: &'static [&'static str] = stages!["encapsulate in OpenVPN"];
    const STEP: &'static str = "OpenVPN";
    const OVERHEAD: Overhead = DataV2::overhead_over(OVER_UDP);

    fn open<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        open::<C>(setup, OVER_UDP)
    }
}

struct Tcp;

impl Framed for Tcp {
    const PATH: &'static str = "openvpn-tcp";
    const WORDS: &'static str = "OpenVPN over TCP";
    const STAGES: &'static [&'static str] = stages!["encapsulate in OpenVPN over TCP"];
    const STEP: &'static str = "OpenVPN over TCP";
    const OVERHEAD: Overhead = DataV2::overhead_over(OVER_TCP);

    fn open<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        open::<C>(setup, OVER_TCP)
    }
}

struct TcpTimestamps;

impl Framed for TcpTimestamps {
    const PATH: &'static str = "openvpn-tcp+timestamps";
    const WORDS: &'static str = "OpenVPN over TCP with timestamps";
    const STAGES: &'static [&'static str] = stages!["encapsulate in OpenVPN over TCP, timestamps"];
    const STEP: &'static str = "OpenVPN over TCP, timestamps";
    const OVERHEAD: Overhead = DataV2::overhead_over(OVER_TCP_WITH_TIMESTAMPS);

    fn open<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        open::<C>(setup, OVER_TCP_WITH_TIMESTAMPS)
    }
}

/// Its place in the list.
pub(super) fn cases() -> Vec<Case> {
    [
        with_aeads::<Udp>(),
        with_aeads::<Tcp>(),
        with_gcm::<TcpTimestamps>(),
    ]
    .concat()
}
