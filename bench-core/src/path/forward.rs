//! Plain forward: what a router does with every packet, at the near and at the far gateway.
//!
//! Parse, verify, route, guard, take 1 from TTL or hop limit, keep the checksum, note the next
//! hop (RFC 1812, 5.2; RFC 8200). Addresses are not judged: a packet from or to a multicast or
//! loopback address is forwarded like any other, so that it is in the bill.

use std::sync::Arc;

use pnet::packet::Packet;
use pnet::packet::ipv4::{Ipv4Packet, MutableIpv4Packet, checksum};
use pnet::packet::ipv6::{Ipv6Packet, MutableIpv6Packet};

use super::{PacketPath, Setup};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::net::flows::Flow;
use crate::net::routes::Routes;
use crate::net::security_group::{RuleSet, SecurityGroup};
use crate::wire::{self, ipv4, ipv6};

/// Which security group guards a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// None at all: no rules, no flow table.
    None,
    /// [`SecurityGroup::default_group`].
    Default,
}

/// One gateway's forwarding. Also the first step of a tunnel's sender and the last of its
/// receiver.
pub struct Forwarder {
    routes: Arc<Routes>,
    group: Option<SecurityGroup>,
}

impl Forwarder {
    /// A gateway with this set-up's routes.
    pub fn new(setup: &Setup, rules: Rules) -> Self {
        let group = match rules {
            Rules::None => None,
            Rules::Default => Some(SecurityGroup::default_group(setup.flows, setup.seed)),
        };
        Self::with(Arc::clone(&setup.routes), group)
    }

    /// A gateway with these routes and this group.
    pub fn with(routes: impl Into<Arc<Routes>>, group: Option<SecurityGroup>) -> Self {
        Self {
            routes: routes.into(),
            group,
        }
    }

    /// The security group, where there is one.
    pub fn group(&self) -> Option<&SecurityGroup> {
        self.group.as_ref()
    }

    /// Lets time pass for the flow table ([`SecurityGroup::advance`]).
    #[inline(always)]
    pub fn advance(&mut self, by_us: u64) {
        if let Some(group) = &mut self.group {
            group.advance(by_us);
        }
    }

    /// Puts these rules in force and takes the others out ([`SecurityGroup::swap_rules`]).
    pub fn swap_rules(&mut self, rules: &mut RuleSet) {
        if let Some(group) = &mut self.group {
            group.swap_rules(rules);
        }
    }

    /// Forwards one packet, in place, and notes the neighbour in [`Frame::next_hop`]. Octets
    /// behind the packet's own length are cut off. A packet that is refused keeps its bytes,
    /// and the caller drops it.
    #[inline]
    pub fn forward(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        match wire::version(frame.bytes()) {
            Some(4) => self.forward_v4(frame),
            Some(6) => self.forward_v6(frame),
            _ => Err(Reason::MalformedHeader),
        }
    }

    /// Forwards what a burst still carries; drops the rest with the reason.
    #[inline]
    pub fn forward_burst(&mut self, burst: &mut [Frame<'_>]) {
        for frame in burst {
            if !frame.is_carried() {
                continue;
            }
            if let Err(reason) = self.forward(frame) {
                frame.drop_as(reason);
            }
        }
    }

    #[inline(always)]
    fn forward_v4(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let header = ipv4::Header::parse(frame.bytes())?;
        if header.ttl <= 1 {
            return Err(Reason::TtlExpired);
        }
        let next_hop = self
            .routes
            .next_hop_v4(header.destination)
            .ok_or(Reason::NoRoute)?;
        if let Some(group) = &mut self.group {
            let packet = &frame.bytes()[..header.total_bytes];
            let fragment = header.fragment();
            let flow = flow_v4(packet, &header, fragment)?;
            group.judge_v4(&flow, fragment)?;
        }
        trim(frame, header.total_bytes);
        ipv4::decrement_ttl(frame.bytes_mut())?;
        frame.next_hop = next_hop;
        Ok(())
    }

    #[inline(never)]
    fn forward_v6(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let header = ipv6::Header::parse(frame.bytes())?;
        if header.hop_limit <= 1 {
            return Err(Reason::TtlExpired);
        }
        let next_hop = self
            .routes
            .next_hop_v6(header.destination)
            .ok_or(Reason::NoRoute)?;
        if let Some(group) = &mut self.group {
            let packet = &frame.bytes()[..header.total_bytes];
            let upper = ipv6::upper(packet, header.next_header)?;
            let flow = flow_v6(packet, &header, &upper)?;
            group.judge_v6(&flow, upper.fragment)?;
        }
        trim(frame, header.total_bytes);
        ipv6::decrement_hop_limit(frame.bytes_mut())?;
        frame.next_hop = next_hop;
        Ok(())
    }
}

/// Cuts off what lies behind the packet's own length: padding of the link, or traffic flow
/// confidentiality padding that a tunnel brought (RFC 4303, 2.7).
#[inline(always)]
pub(super) fn trim(frame: &mut Frame<'_>, total_bytes: usize) {
    let excess = frame.len().saturating_sub(total_bytes);
    if excess > 0 {
        frame.pull_back(excess);
    }
}

/// The 5-tuple of an IPv4 packet. A packet that ends before its ports cannot be judged
/// (RFC 1858, 3): [`Reason::MalformedHeader`].
#[inline(always)]
fn flow_v4(
    packet: &[u8],
    header: &ipv4::Header,
    fragment: wire::Fragment,
) -> Result<Flow<u32>, Reason> {
    let (source_port, destination_port) = match fragment {
        wire::Fragment::Later(_) => (0, 0),
        _ => wire::ports(packet, header.header_bytes, header.protocol)
            .ok_or(Reason::MalformedHeader)?,
    };
    Ok(Flow {
        source: header.source,
        destination: header.destination,
        source_port,
        destination_port,
        protocol: header.protocol,
    })
}

/// The 5-tuple of an IPv6 packet; as [`flow_v4`].
#[inline(always)]
fn flow_v6(
    packet: &[u8],
    header: &ipv6::Header,
    upper: &ipv6::Upper,
) -> Result<Flow<u128>, Reason> {
    let (source_port, destination_port) = match upper.fragment {
        wire::Fragment::Later(_) => (0, 0),
        _ => wire::ports(packet, upper.at, upper.protocol).ok_or(Reason::MalformedHeader)?,
    };
    Ok(Flow {
        source: header.source,
        destination: header.destination,
        source_port,
        destination_port,
        protocol: upper.protocol,
    })
}

/// Two gateways and a bare wire between them: the case that every tunnel is compared with.
pub struct Forward {
    pub(super) near: Forwarder,
    pub(super) far: Forwarder,
}

impl Forward {
    /// Both gateways, each with routes, rules and flow table of its own.
    pub fn new(setup: &Setup, rules: Rules) -> Self {
        Self::between(Forwarder::new(setup, rules), Forwarder::new(setup, rules))
    }

    /// These gateways.
    pub fn between(near: Forwarder, far: Forwarder) -> Self {
        Self { near, far }
    }
}

impl PacketPath for Forward {
    #[inline]
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        self.near.forward_burst(burst);
    }

    #[inline]
    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        self.far.forward_burst(burst);
    }
}

/// What a packet looks like `hops` routers later, or why one of them drops it: the yardstick
/// that a path's work is held against, byte by byte.
///
/// Independent of the path and slow: fields are read and written by pnet, and the checksum is
/// computed afresh. Knows neither routes nor rules. Options and payload stay as they are.
pub fn expected_after(hops: u8, packet: &[u8]) -> Result<Vec<u8>, Reason> {
    match Ipv4Packet::new(packet).map(|ip| ip.get_version()) {
        Some(4) => expected_v4(hops, packet),
        Some(6) => expected_v6(hops, packet),
        _ => Err(Reason::MalformedHeader),
    }
}

fn expected_v4(hops: u8, packet: &[u8]) -> Result<Vec<u8>, Reason> {
    let ip = Ipv4Packet::new(packet).ok_or(Reason::MalformedHeader)?;
    let header_bytes = usize::from(ip.get_header_length()) * 4;
    let total_bytes = usize::from(ip.get_total_length());
    if header_bytes < Ipv4Packet::minimum_packet_size()
        || total_bytes < header_bytes
        || total_bytes > ip.packet().len()
    {
        return Err(Reason::MalformedHeader);
    }
    if hops > 0 && !same_checksum(ip.get_checksum(), checksum(&ip)) {
        return Err(Reason::BadChecksum);
    }
    let mut after = packet[..total_bytes].to_vec();
    let mut ip = MutableIpv4Packet::new(&mut after).ok_or(Reason::MalformedHeader)?;
    ip.set_ttl(fewer(ip.get_ttl(), hops)?);
    if hops > 0 {
        ip.set_checksum(checksum(&ip.to_immutable()));
    }
    Ok(after)
}

/// 0 and 0xffff are one number in one's complement.
fn same_checksum(given: u16, computed: u16) -> bool {
    given == computed || (given == 0xffff && computed == 0)
}

fn expected_v6(hops: u8, packet: &[u8]) -> Result<Vec<u8>, Reason> {
    let ip = Ipv6Packet::new(packet).ok_or(Reason::MalformedHeader)?;
    let total_bytes = Ipv6Packet::minimum_packet_size() + usize::from(ip.get_payload_length());
    let mut after = packet
        .get(..total_bytes)
        .ok_or(Reason::MalformedHeader)?
        .to_vec();
    let mut ip = MutableIpv6Packet::new(&mut after).ok_or(Reason::MalformedHeader)?;
    ip.set_hop_limit(fewer(ip.get_hop_limit(), hops)?);
    Ok(after)
}

fn fewer(ttl: u8, hops: u8) -> Result<u8, Reason> {
    ttl.checked_sub(hops)
        .filter(|&left| left > 0 || hops == 0)
        .ok_or(Reason::TtlExpired)
}
