//! From a link-layer frame to the IP packet in it.
//!
//! Only etherparse's header slices are used: full slicing costs 30 times as much and would look
//! at transport headers, which a forwarding gateway does not need at this point.

use etherparse::{
    EtherType, Ethernet2HeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice,
    SingleVlanHeaderSlice, ether_type,
};

use super::tally::LeftOut;

/// `EtherType` of the link layer discovery protocol (IEEE 802.1AB).
const LLDP: EtherType = EtherType(0x88cc);

/// How frames of one interface begin. Numbers are those of the registry of link types
/// (draft-ietf-opsawg-pcaplinktype).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// 1: Ethernet, with any number of VLAN tags.
    Ethernet,
    /// 101, and 12 and 14 where a file holds what an operating system called it: IPv4 or IPv6.
    RawIp,
    /// 228.
    Ipv4,
    /// 229.
    Ipv6,
    /// 0 (NULL, in the byte order of the machine that captured) and 108 (LOOP, big endian): four
    /// bytes of address family. Either order is taken for both; the values leave no doubt.
    Loopback,
    /// 113: Linux cooked, 16 bytes, the protocol at the end.
    Sll,
    /// 276: Linux cooked version 2, 20 bytes, the protocol in front.
    Sll2,
    /// Any other.
    Unsupported,
}

impl Link {
    /// `number` as stored: the lower 16 bits, since pcap keeps the length of the frame check
    /// sequence in the upper ones.
    pub(super) fn from_number(number: u32) -> Self {
        match number & 0xffff {
            1 => Self::Ethernet,
            12 | 14 | 101 => Self::RawIp,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            0 | 108 => Self::Loopback,
            113 => Self::Sll,
            276 => Self::Sll2,
            _ => Self::Unsupported,
        }
    }
}

/// The IP packet of a frame, cut to its total length, or why there is none that a router could
/// forward. One without a length that is longer than `ingress_mtu` is all that was captured.
#[inline]
pub(super) fn ip_packet(link: Link, frame: &[u8], ingress_mtu: usize) -> Result<&[u8], LeftOut> {
    match link {
        Link::Ethernet => {
            let header =
                Ethernet2HeaderSlice::from_slice(frame).map_err(|_| LeftOut::MalformedHeader)?;
            network_layer(header.ether_type(), from(frame, 14)?, ingress_mtu)
        }
        Link::Ipv4 => ipv4(frame, ingress_mtu),
        Link::Ipv6 => ipv6(frame, ingress_mtu),
        Link::RawIp => match frame.first().map(|byte| byte >> 4) {
            Some(4) => ipv4(frame, ingress_mtu),
            Some(6) => ipv6(frame, ingress_mtu),
            _ => Err(LeftOut::MalformedHeader),
        },
        Link::Loopback => loopback(frame, ingress_mtu),
        Link::Sll => network_layer(ether_type_at(frame, 14)?, from(frame, 16)?, ingress_mtu),
        Link::Sll2 => network_layer(ether_type_at(frame, 0)?, from(frame, 20)?, ingress_mtu),
        Link::Unsupported => Err(LeftOut::LinkType),
    }
}

fn from(frame: &[u8], offset: usize) -> Result<&[u8], LeftOut> {
    frame.get(offset..).ok_or(LeftOut::MalformedHeader)
}

fn ether_type_at(frame: &[u8], offset: usize) -> Result<EtherType, LeftOut> {
    from(frame, offset)?
        .first_chunk()
        .map(|bytes| EtherType(u16::from_be_bytes(*bytes)))
        .ok_or(LeftOut::MalformedHeader)
}

/// Goes through the VLAN tags, however many there are, to what they carry.
#[inline]
fn network_layer(
    mut protocol: EtherType,
    mut payload: &[u8],
    ingress_mtu: usize,
) -> Result<&[u8], LeftOut> {
    loop {
        match protocol {
            ether_type::IPV4 => return ipv4(payload, ingress_mtu),
            ether_type::IPV6 => return ipv6(payload, ingress_mtu),
            ether_type::VLAN_TAGGED_FRAME
            | ether_type::PROVIDER_BRIDGING
            | ether_type::VLAN_DOUBLE_TAGGED_FRAME => {
                let tag = SingleVlanHeaderSlice::from_slice(payload)
                    .map_err(|_| LeftOut::MalformedHeader)?;
                protocol = tag.ether_type();
                payload = from(payload, 4)?;
            }
            ether_type::ARP => return Err(LeftOut::Arp),
            LLDP => return Err(LeftOut::Lldp),
            _ => return Err(LeftOut::NotIp),
        }
    }
}

/// `AF_INET` is 2 everywhere; `AF_INET6` is 24 (NetBSD, OpenBSD), 28 (FreeBSD), 30 (Darwin) or
/// 10 (Linux).
fn loopback(frame: &[u8], ingress_mtu: usize) -> Result<&[u8], LeftOut> {
    let family = frame.first_chunk().ok_or(LeftOut::MalformedHeader)?;
    let little = u32::from_le_bytes(*family);
    let packet = from(frame, 4)?;
    match little.min(little.swap_bytes()) {
        2 => ipv4(packet, ingress_mtu),
        10 | 24 | 28 | 30 => ipv6(packet, ingress_mtu),
        _ => Err(LeftOut::NotIp),
    }
}

/// Version, header length and total length fit the bytes at hand; padding behind is cut. The
/// header checksum is left to the path, whose work verifying it is; only one that the sending
/// host never computed is filled in ([`super::checksum`]).
#[inline]
fn ipv4(bytes: &[u8], ingress_mtu: usize) -> Result<&[u8], LeftOut> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| LeftOut::MalformedHeader)?;
    let total = usize::from(header.total_len());
    if total < header.slice().len() {
        return without_length(total, bytes, ingress_mtu);
    }
    bytes.get(..total).ok_or(LeftOut::MalformedHeader)
}

/// As [`ipv4`]. A payload length of 0 is right only where nothing follows (next header 59,
/// RFC 8200, 4.7); else it is a jumbogram (RFC 2675) or left by segmentation offload.
#[inline]
fn ipv6(bytes: &[u8], ingress_mtu: usize) -> Result<&[u8], LeftOut> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|_| LeftOut::MalformedHeader)?;
    let payload = usize::from(header.payload_length());
    if payload == 0 && header.next_header() != IpNumber::IPV6_NO_NEXT_HEADER {
        return without_length(payload, bytes, ingress_mtu);
    }
    bytes
        .get(..header.slice().len() + payload)
        .ok_or(LeftOut::MalformedHeader)
}

/// A packet that is handed to a card for segmentation may have 0 for a length. It is longer than
/// the MTU then, which tells it from a malformed one.
#[cold]
fn without_length(length: usize, bytes: &[u8], ingress_mtu: usize) -> Result<&[u8], LeftOut> {
    if length == 0 && bytes.len() > ingress_mtu {
        Ok(bytes)
    } else {
        Err(LeftOut::MalformedHeader)
    }
}
