//! Which flow a packet belongs to, for those who count: outside the clock.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::wire::{self, Fragment, ipv4, ipv6, protocol};

/// Octets of [`FlowId::octets`]: two ends of address and port, protocol and family.
pub const FLOW_ID_BYTES: usize = 2 * END_BYTES + 2;
/// An address as IPv6 writes it, and a port.
const END_BYTES: usize = 16 + 2;

/// A 5-tuple, the same for both of its directions.
///
/// Ports are 0 where the protocol has none, and of a fragment, first or later: only the first
/// one of a datagram has them, so that all fragments between two hosts are a flow of their own,
/// by protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId {
    /// The lower one first.
    ends: [(IpAddr, u16); 2],
    protocol: u8,
}

impl FlowId {
    /// The flow of an IP packet; `None` where a gateway would find its headers malformed.
    pub fn of(packet: &[u8]) -> Option<Self> {
        let (protocol, at, fragment) = match wire::version(packet)? {
            4 => {
                let header = ipv4::Header::parse(packet).ok()?;
                (header.protocol, header.header_bytes, header.fragment())
            }
            6 => {
                let header = ipv6::Header::parse(packet).ok()?;
                let upper = ipv6::upper(packet, header.next_header).ok()?;
                (upper.protocol, upper.at, upper.fragment)
            }
            _ => return None,
        };
        let (source, destination) = addresses(packet)?;
        let (from, to) = match fragment {
            Fragment::Whole => wire::ports(packet, at, protocol)?,
            Fragment::First(_) | Fragment::Later(_) => (0, 0),
        };
        let (one, other) = ((source, from), (destination, to));
        Some(Self {
            ends: [one.min(other), one.max(other)],
            protocol,
        })
    }

    /// The flow in octets, different for different flows.
    pub fn octets(&self) -> [u8; FLOW_ID_BYTES] {
        let mut octets = [0; FLOW_ID_BYTES];
        for (place, (address, port)) in octets.chunks_exact_mut(END_BYTES).zip(self.ends) {
            let address = match address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            place[..16].copy_from_slice(&address.octets());
            place[16..].copy_from_slice(&port.to_be_bytes());
        }
        octets[2 * END_BYTES] = self.protocol;
        octets[2 * END_BYTES + 1] = u8::from(self.ends[0].0.is_ipv6());
        octets
    }
}

impl Display for FlowId {
    /// Addresses, ports where there are some, and the protocol.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (address, port)) in self.ends.into_iter().enumerate() {
            if at > 0 {
                f.write_str(" - ")?;
            }
            match port {
                0 => write!(f, "{address}")?,
                _ => write!(f, "{}", SocketAddr::new(address, port))?,
            }
        }
        match self.protocol {
            protocol::TCP => f.write_str(" tcp"),
            protocol::UDP => f.write_str(" udp"),
            protocol::ICMP => f.write_str(" icmp"),
            other => write!(f, " protocol {other}"),
        }
    }
}

/// Source and destination address of an IP packet (RFC 791, 3.1; RFC 8200, 3); `None` where it
/// is none or ends before them.
pub fn addresses(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    match wire::version(packet)? {
        4 => {
            let v4 = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
            Some((v4(12)?.into(), v4(16)?.into()))
        }
        6 => {
            let v6 = |at: usize| Some(Ipv6Addr::from(*packet.get(at..)?.first_chunk::<16>()?));
            Some((v6(8)?.into(), v6(24)?.into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    fn tcp(from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Vec<u8> {
        let builder = PacketBuilder::ipv4(from.0, to.0, 64).tcp(from.1, to.1, 1, 100);
        let mut packet = Vec::new();
        builder.write(&mut packet, b"text").expect("a packet");
        packet
    }

    #[test]
    fn both_directions_are_one_flow_and_nothing_else_is() {
        let (a, b) = (([192, 0, 2, 1], 5000), ([198, 51, 100, 9], 443));
        let flow = FlowId::of(&tcp(a, b)).expect("a flow");
        assert_eq!(FlowId::of(&tcp(b, a)), Some(flow));
        assert_eq!(flow.to_string(), "192.0.2.1:5000 - 198.51.100.9:443 tcp");
        for other in [
            tcp((a.0, 5001), b),
            tcp(a, (b.0, 80)),
            // The same numbers, crosswise.
            tcp((a.0, 443), (b.0, 5000)),
            tcp(([192, 0, 2, 2], 5000), b),
        ] {
            let other = FlowId::of(&other).expect("a flow");
            assert_ne!(other, flow);
            assert_ne!(other.octets(), flow.octets());
        }
        assert_eq!(FlowId::of(&tcp(a, b)[..19]), None);
        assert_eq!(FlowId::of(&[]), None);
    }

    #[test]
    fn fragments_between_two_hosts_are_one_flow() {
        let packet = |flags: u16| {
            let builder = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).udp(7, 9);
            let mut packet = Vec::new();
            builder.write(&mut packet, &[1; 64]).expect("a packet");
            packet[6..8].copy_from_slice(&flags.to_be_bytes());
            packet[10..12].fill(0);
            let sum = crate::wire::checksum::sum(&packet[..20]);
            packet[10..12].copy_from_slice(&(!sum).to_ne_bytes());
            FlowId::of(&packet).expect("a flow")
        };
        // More fragments, offset 0; the last one, at octet 72 (RFC 791, 3.1).
        let (whole, parts) = (packet(0), [packet(0x2000), packet(9)]);
        assert_eq!(parts[0], parts[1]);
        assert_ne!(whole, parts[0]);
        assert_eq!(parts[0].to_string(), "192.0.2.1 - 192.0.2.2 udp");
    }
}
