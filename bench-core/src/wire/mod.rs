//! One file per header that more than one path uses: sizes, parse, emit.
//!
//! Parsing copies the few fields that a gateway acts on; it never panics, and says why with a
//! [`Reason`](crate::fate::Reason).

pub mod checksum;
pub mod esp;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod openvpn;
pub mod sstp;
pub mod tcp;
pub mod tls;
pub mod traffic_class;
pub mod udp;
pub mod vxlan;
pub mod wireguard;

/// IP protocol numbers that something here acts on (IANA, Assigned Internet Protocol Numbers).
pub mod protocol {
    /// IPv6 Hop-by-Hop Options (RFC 8200, 4.3).
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP (RFC 792).
    pub const ICMP: u8 = 1;
    /// IPv4 inside a tunnel (RFC 2003).
    pub const IPV4: u8 = 4;
    /// TCP (RFC 9293).
    pub const TCP: u8 = 6;
    /// UDP (RFC 768).
    pub const UDP: u8 = 17;
    /// DCCP (RFC 4340).
    pub const DCCP: u8 = 33;
    /// IPv6 inside a tunnel (RFC 2473).
    pub const IPV6: u8 = 41;
    /// IPv6 Routing header (RFC 8200, 4.4).
    pub const ROUTING: u8 = 43;
    /// IPv6 Fragment header (RFC 8200, 4.5).
    pub const FRAGMENT: u8 = 44;
    /// ESP (RFC 4303).
    pub const ESP: u8 = 50;
    /// AH (RFC 4302).
    pub const AH: u8 = 51;
    /// IPv6 Destination Options (RFC 8200, 4.6).
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// ICMPv6 (RFC 4443).
    pub const ICMPV6: u8 = 58;
    /// SCTP (RFC 9260).
    pub const SCTP: u8 = 132;
    /// UDP-Lite (RFC 3828).
    pub const UDP_LITE: u8 = 136;

    /// True for protocols whose header begins with source and destination port, 16 bits each.
    #[inline]
    pub const fn has_ports(protocol: u8) -> bool {
        matches!(protocol, TCP | UDP | DCCP | SCTP | UDP_LITE)
    }
}

/// IP version of a packet: the upper half of its first octet (RFC 791, 3.1; RFC 8200, 3).
#[inline(always)]
pub fn version(packet: &[u8]) -> Option<u8> {
    packet.first().map(|octet| octet >> 4)
}

/// Octets of an IPv4 or IPv6 packet by its own account (RFC 791, 3.1; RFC 8200, 3); `None` where
/// it is neither, ends before it says so, or says less than a header.
#[inline(always)]
pub fn total_bytes(packet: &[u8]) -> Option<usize> {
    let &[first, _, t0, t1, p0, p1, ..] = packet else {
        return None;
    };
    match first >> 4 {
        4 => Some(usize::from(u16::from_be_bytes([t0, t1]))).filter(|&b| b >= ipv4::HEADER_BYTES),
        6 => Some(ipv6::HEADER_BYTES + usize::from(u16::from_be_bytes([p0, p1]))),
        _ => None,
    }
}

/// Which part of a datagram a packet carries. The number is the datagram's identification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// All of it.
    Whole,
    /// Its beginning, where the ports are, but not its end.
    First(u32),
    /// Some part behind the beginning.
    Later(u32),
}

/// Whether an IP packet is part of a datagram and not all of it. False for what is no IP packet.
pub fn is_fragment(packet: &[u8]) -> bool {
    let fragment = match version(packet) {
        Some(4) => ipv4::Header::parse(packet).map(|header| header.fragment()),
        Some(6) => ipv6::Header::parse(packet)
            .and_then(|header| ipv6::upper(packet, header.next_header))
            .map(|upper| upper.fragment),
        _ => return false,
    };
    fragment.is_ok_and(|fragment| fragment != Fragment::Whole)
}

/// Source and destination port of `packet`, whose transport header begins at `at`; 0 and 0 for
/// protocols without ports. `None` where the packet ends before its ports do.
#[inline(always)]
pub fn ports(packet: &[u8], at: usize, protocol: u8) -> Option<(u16, u16)> {
    if !protocol::has_ports(protocol) {
        return Some((0, 0));
    }
    let &[s0, s1, d0, d1] = packet.get(at..)?.first_chunk::<4>()?;
    Some((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])))
}
