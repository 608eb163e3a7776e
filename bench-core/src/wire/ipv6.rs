//! IPv6 header (RFC 8200, 3) and the way through its extension headers to the ports.

use std::net::Ipv6Addr;

use super::{Fragment, protocol};
use crate::fate::Reason;

/// Octets of the header.
pub const HEADER_BYTES: usize = 40;
/// Extension headers that are walked before the packet is given up on. RFC 8200, 4.1 has each
/// occur once, destination options twice: that makes six.
pub const EXTENSIONS_MAX: usize = 8;

const HOP_LIMIT_AT: usize = 7;
/// Octets of a Fragment header (RFC 8200, 4.5).
pub const FRAGMENT_BYTES: usize = 8;
/// Every link carries a packet of so many octets (RFC 8200, 5).
pub const MTU_MIN: usize = 1280;
/// Where the protocol of what follows stands.
const NEXT_HEADER_AT: usize = 6;

/// What a gateway acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Octets of the packet, by its own account, this header included.
    pub total_bytes: usize,
    /// DSCP and ECN, as one octet.
    pub traffic_class: u8,
    /// Protocol of what follows: an extension header or the payload.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub source: u128,
    /// Destination address.
    pub destination: u128,
}

impl Header {
    /// Reads the header of a packet and verifies version and length. A payload length of 0
    /// means none: jumbograms (RFC 2675) do not fit a frame here. A packet may be longer than
    /// its header says: what to do then is the caller's.
    #[inline(always)]
    pub fn parse(packet: &[u8]) -> Result<Self, Reason> {
        let fixed = packet
            .first_chunk::<HEADER_BYTES>()
            .ok_or(Reason::MalformedHeader)?;
        let &[
            v0,
            v1,
            _,
            _,
            l0,
            l1,
            next_header,
            hop_limit,
            ref addresses @ ..,
        ] = fixed;
        let (source, destination) = addresses.split_at(16);
        let total_bytes = HEADER_BYTES + usize::from(u16::from_be_bytes([l0, l1]));
        if v0 >> 4 != 6 || total_bytes > packet.len() {
            return Err(Reason::MalformedHeader);
        }
        Ok(Self {
            total_bytes,
            traffic_class: v0 << 4 | v1 >> 4,
            next_header,
            hop_limit,
            source: address(source),
            destination: address(destination),
        })
    }
}

#[inline(always)]
fn address(octets: &[u8]) -> u128 {
    octets
        .first_chunk::<16>()
        .map_or(0, |octets| u128::from_be_bytes(*octets))
}

/// Takes 1 from the hop limit (RFC 8200, 3). [`Reason::TtlExpired`], and nothing is changed,
/// where none would be left.
#[inline(always)]
pub fn decrement_hop_limit(packet: &mut [u8]) -> Result<(), Reason> {
    let hop_limit = packet
        .get_mut(HOP_LIMIT_AT)
        .ok_or(Reason::MalformedHeader)?;
    if *hop_limit <= 1 {
        return Err(Reason::TtlExpired);
    }
    *hop_limit -= 1;
    Ok(())
}

/// An outer header of which only payload length and traffic class change from packet to packet.
/// No extension headers, flow label 0.
#[derive(Clone, Copy, Debug)]
pub struct OuterTemplate([u8; HEADER_BYTES]);

impl OuterTemplate {
    /// Fixes the endpoints of the tunnel, the protocol that it carries and the hop limit of
    /// every packet in it.
    pub fn new(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8, hop_limit: u8) -> Self {
        let mut header = [0; HEADER_BYTES];
        header[0] = 0x60;
        header[NEXT_HEADER_AT] = next_header;
        header[HOP_LIMIT_AT] = hop_limit;
        header[8..24].copy_from_slice(&source.octets());
        header[24..].copy_from_slice(&destination.octets());
        Self(header)
    }

    /// Writes the header of a packet with `payload_len` octets behind it.
    #[inline(always)]
    pub fn emit(&self, into: &mut [u8; HEADER_BYTES], payload_len: u16, traffic_class: u8) {
        *into = self.0;
        into[0] |= traffic_class >> 4;
        into[1] = traffic_class << 4;
        into[4..6].copy_from_slice(&payload_len.to_be_bytes());
    }
}

/// Where the extension headers of a packet end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upper {
    /// Protocol of what follows the extension headers.
    pub protocol: u8,
    /// Where that begins; meaningless in a later fragment.
    pub at: usize,
    /// Which part of the datagram this is.
    pub fragment: Fragment,
}

/// Walks hop-by-hop options, routing, destination options, fragment and authentication headers.
///
/// A later fragment ends the walk: what follows its Fragment header is payload. ESP ends it as
/// well. [`Reason::MalformedHeader`] where the chain runs past the packet (a first fragment
/// must hold all of it: RFC 7112, 5), [`Reason::Denied`] where it has more than
/// [`EXTENSIONS_MAX`] links (RFC 7045, 2.1 allows that).
#[inline]
pub fn upper(packet: &[u8], next_header: u8) -> Result<Upper, Reason> {
    let mut found = Upper {
        protocol: next_header,
        at: HEADER_BYTES,
        fragment: Fragment::Whole,
    };
    for _ in 0..EXTENSIONS_MAX {
        if !is_extension(found.protocol) {
            return Ok(found);
        }
        let header = packet
            .get(found.at..)
            .and_then(|rest| rest.first_chunk::<FRAGMENT_BYTES>())
            .ok_or(Reason::MalformedHeader)?;
        let kind = found.protocol;
        found.protocol = header[0];
        found.at += extension_bytes(kind, header[1]);
        if kind == protocol::FRAGMENT {
            found.fragment = fragment(*header);
            if matches!(found.fragment, Fragment::Later(_)) {
                return Ok(found);
            }
        }
        if found.at > packet.len() {
            return Err(Reason::MalformedHeader);
        }
    }
    if is_extension(found.protocol) {
        return Err(Reason::Denied);
    }
    Ok(found)
}

#[inline(always)]
fn is_extension(protocol: u8) -> bool {
    matches!(
        protocol,
        protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::AH
            | protocol::DESTINATION_OPTIONS
    )
}

/// Octets of an extension header whose second octet is `length`.
fn extension_bytes(kind: u8, length: u8) -> usize {
    match kind {
        protocol::FRAGMENT => FRAGMENT_BYTES,
        // RFC 4302, 2.2: 32-bit words, minus 2.
        protocol::AH => (usize::from(length) + 2) * 4,
        // RFC 8200, 4.3: units of 8 octets, the first not counted.
        _ => (usize::from(length) + 1) * 8,
    }
}

/// A Fragment header (RFC 8200, 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// Protocol of what was fragmented.
    pub next_header: u8,
    /// Where the octets behind it stand, in units of 8.
    pub offset_units: u16,
    /// More fragments follow.
    pub more: bool,
    /// Identification of the datagram.
    pub identification: u32,
}

impl FragmentHeader {
    /// As it is sent.
    #[inline(always)]
    pub fn emit(self) -> [u8; FRAGMENT_BYTES] {
        let [o0, o1] = (self.offset_units << 3 | u16::from(self.more)).to_be_bytes();
        let [i0, i1, i2, i3] = self.identification.to_be_bytes();
        [self.next_header, 0, o0, o1, i0, i1, i2, i3]
    }

    /// As it was received; reserved bits are not looked at.
    #[inline(always)]
    pub fn parse(header: [u8; FRAGMENT_BYTES]) -> Self {
        let [next_header, _, o0, o1, identification @ ..] = header;
        let offset_flags = u16::from_be_bytes([o0, o1]);
        Self {
            next_header,
            offset_units: offset_flags >> 3,
            more: offset_flags & 1 != 0,
            identification: u32::from_be_bytes(identification),
        }
    }
}

/// Writes payload length, as the packet is long, and the protocol of what follows the header.
/// False, and nothing is changed, where it has no header or is too long.
#[inline(always)]
pub fn set_length_and_next(packet: &mut [u8], next_header: u8) -> bool {
    let payload_len = packet.len().checked_sub(HEADER_BYTES);
    let Some(payload_len) = payload_len.and_then(|bytes| u16::try_from(bytes).ok()) else {
        return false;
    };
    packet[4..NEXT_HEADER_AT].copy_from_slice(&payload_len.to_be_bytes());
    packet[NEXT_HEADER_AT] = next_header;
    true
}

/// Offset, M flag and identification of a Fragment header (RFC 8200, 4.5); one with offset 0
/// and nothing to follow is the whole datagram (RFC 6946).
fn fragment(header: [u8; FRAGMENT_BYTES]) -> Fragment {
    let header = FragmentHeader::parse(header);
    match (header.offset_units, header.more) {
        (0, false) => Fragment::Whole,
        (0, true) => Fragment::First(header.identification),
        _ => Fragment::Later(header.identification),
    }
}
