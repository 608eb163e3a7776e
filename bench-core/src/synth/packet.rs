//! One UDP packet of a flow, by pnet's packet builders.

use std::net::{Ipv4Addr, Ipv6Addr};

use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::{self, Ipv4Flags, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::udp::{self, MutableUdpPacket};
use rand::{Rng, RngExt};

/// Octets of an IPv4 header without options (RFC 791, 3.1).
const IPV4_BYTES: u16 = 20;
/// Octets of an IPv6 header (RFC 8200, 3).
const IPV6_BYTES: u16 = 40;
/// Octets of a UDP header (RFC 768).
const UDP_BYTES: u16 = 8;
/// Shortest packet over IPv4.
pub(super) const IPV4_LEAST_BYTES: u16 = IPV4_BYTES + UDP_BYTES;
/// Shortest packet over IPv6.
pub(super) const IPV6_LEAST_BYTES: u16 = IPV6_BYTES + UDP_BYTES;

/// TTL or hop limit: the value that hosts start with (RFC 1700, "IP time to live").
const HOPS: u8 = 64;
/// First port that is not a system port (RFC 6335, 6).
const FIRST_PORT: u16 = 1024;

/// Hosts that flows come from: one address each in a /16.
const HOSTS: usize = 65_534;
/// Flows that may share a host: their source ports differ in the bits below this.
const FLOWS_A_HOST: usize = 32;
const _: () = assert!(super::FLOWS_MAX <= HOSTS * FLOWS_A_HOST);

/// Whether every flow has a host of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hosts {
    /// It has.
    Own,
    /// There are more flows than hosts.
    Shared,
}

impl Hosts {
    /// For so many flows.
    pub(super) fn of(flows: usize) -> Self {
        if flows > HOSTS {
            Self::Shared
        } else {
            Self::Own
        }
    }
}

/// A 5-tuple. Addresses are those set aside for benchmarks: 198.18.0.0/15 (RFC 2544, C.2.2), the
/// lower half as source, and `2001:2::/48` (RFC 5180, 8, as RFC 6890, 2.2.3 lists it).
pub(super) struct Flow {
    ends: Ends,
    source_port: u16,
    destination_port: u16,
}

enum Ends {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Flow {
    /// The flow with this index, to a random destination; no two are equal.
    pub(super) fn draw(hosts: Hosts, index: usize, is_ipv6: bool, random: &mut impl Rng) -> Self {
        let host = (1 + index % HOSTS) as u16;
        let peer: u16 = random.random_range(1..u16::MAX);
        let v4 = |net, host: u16| {
            let [high, low] = host.to_be_bytes();
            Ipv4Addr::new(198, net, high, low)
        };
        let v6 = |subnet, host| Ipv6Addr::new(0x2001, 2, 0, subnet, 0, 0, 0, host);
        let mut flow = Self {
            ends: if is_ipv6 {
                Ends::V6(v6(1, host), v6(2, peer))
            } else {
                Ends::V4(v4(18, host), v4(19, peer))
            },
            source_port: random.random_range(FIRST_PORT..=u16::MAX),
            destination_port: random.random_range(FIRST_PORT..=u16::MAX),
        };
        if hosts == Hosts::Shared {
            let below = FLOWS_A_HOST as u16 - 1;
            flow.source_port = flow.source_port & !below | (index / HOSTS) as u16;
        }
        flow
    }
}

/// What an IPv4 header says of fragments.
#[derive(Clone, Copy)]
pub(super) struct Fragmenting {
    /// Identification.
    pub(super) identification: u16,
    /// DF.
    pub(super) dont_fragment: bool,
}

/// Fills `packet` to its whole length: headers with valid checksums, random payload. `None`
/// where it is too short for the headers.
pub(super) fn write_packet(
    flow: &Flow,
    fragmenting: Fragmenting,
    packet: &mut [u8],
    random: &mut impl Rng,
) -> Option<()> {
    let header_bytes = match flow.ends {
        Ends::V4(..) => IPV4_BYTES,
        Ends::V6(..) => IPV6_BYTES,
    };
    let total_bytes = u16::try_from(packet.len()).ok()?;
    let udp_bytes = total_bytes.checked_sub(header_bytes)?;
    let datagram = packet.get_mut(usize::from(header_bytes)..)?;
    write_udp(flow, udp_bytes, datagram, random)?;
    match flow.ends {
        Ends::V4(source, destination) => {
            let mut header = MutableIpv4Packet::new(packet)?;
            header.set_version(4);
            header.set_header_length((IPV4_BYTES / 4) as u8);
            header.set_dscp(0);
            header.set_ecn(0);
            header.set_total_length(total_bytes);
            header.set_identification(fragmenting.identification);
            header.set_flags(if fragmenting.dont_fragment {
                Ipv4Flags::DontFragment
            } else {
                0
            });
            header.set_fragment_offset(0);
            header.set_ttl(HOPS);
            header.set_next_level_protocol(IpNextHeaderProtocols::Udp);
            header.set_source(source);
            header.set_destination(destination);
            header.set_checksum(ipv4::checksum(&header.to_immutable()));
        }
        Ends::V6(source, destination) => {
            let mut header = MutableIpv6Packet::new(packet)?;
            header.set_version(6);
            header.set_traffic_class(0);
            header.set_flow_label(0);
            header.set_payload_length(udp_bytes);
            header.set_next_header(IpNextHeaderProtocols::Udp);
            header.set_hop_limit(HOPS);
            header.set_source(source);
            header.set_destination(destination);
        }
    }
    Some(())
}

fn write_udp(
    flow: &Flow,
    udp_bytes: u16,
    datagram: &mut [u8],
    random: &mut impl Rng,
) -> Option<()> {
    random.fill_bytes(datagram.get_mut(usize::from(UDP_BYTES)..)?);
    let mut header = MutableUdpPacket::new(datagram)?;
    header.set_source(flow.source_port);
    header.set_destination(flow.destination_port);
    header.set_length(udp_bytes);
    let sum = match &flow.ends {
        Ends::V4(source, destination) => {
            udp::ipv4_checksum(&header.to_immutable(), source, destination)
        }
        Ends::V6(source, destination) => {
            udp::ipv6_checksum(&header.to_immutable(), source, destination)
        }
    };
    // 0 would say that there is no checksum (RFC 768).
    header.set_checksum(if sum == 0 { u16::MAX } else { sum });
    Some(())
}
