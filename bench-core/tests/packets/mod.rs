//! Packets for the tests of forwarding, made with etherparse.
#![allow(dead_code)]

use etherparse::{IpNumber, Ipv4Header, Ipv4Options, Ipv6FlowLabel, Ipv6Header, PacketBuilder};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::Case;

pub type V4 = [u8; 4];
pub type V6 = [u8; 16];

pub const A: V4 = [10, 1, 2, 3];
pub const B: V4 = [192, 168, 7, 9];
pub const A6: V6 = [0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub const B6: V6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// UDP over IPv4, TTL 64.
pub fn udp4(from: (V4, u16), to: (V4, u16), payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(from.0, to.0, 64)
        .udp(from.1, to.1)
        .write(&mut packet, payload)
        .unwrap();
    packet
}

/// UDP over IPv6, hop limit 64.
pub fn udp6(from: (V6, u16), to: (V6, u16), payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv6(from.0, to.0, 64)
        .udp(from.1, to.1)
        .write(&mut packet, payload)
        .unwrap();
    packet
}

/// An IPv4 packet with whatever options, flags and payload; `change` sees the header before
/// its checksum is made.
pub fn ip4(protocol: u8, options: &[u8], payload: &[u8], change: fn(&mut Ipv4Header)) -> Vec<u8> {
    let mut header = Ipv4Header::new(payload.len() as u16, 64, IpNumber(protocol), A, B).unwrap();
    header.options = Ipv4Options::try_from(options).unwrap();
    header.set_payload_len(payload.len()).unwrap();
    header.identification = 7;
    change(&mut header);
    header.header_checksum = header.calc_header_checksum();
    let mut packet = header.to_bytes().to_vec();
    packet.extend_from_slice(payload);
    packet
}

/// An IPv6 packet whose payload begins with `next_header`.
pub fn ip6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header {
        traffic_class: 0,
        flow_label: Ipv6FlowLabel::try_new(0xa_bcde).unwrap(),
        payload_length: payload.len() as u16,
        next_header: IpNumber(next_header),
        hop_limit: 64,
        source: A6,
        destination: B6,
    };
    let mut packet = header.to_bytes().to_vec();
    packet.extend_from_slice(payload);
    packet
}

/// Source port 1000 and a destination port, then four octets of something.
pub fn ports(to: u16) -> [u8; 8] {
    let [high, low] = to.to_be_bytes();
    [0x03, 0xe8, high, low, 0xde, 0xad, 0xbe, 0xef]
}

/// Makes the checksum of an IPv4 packet right, by pnet.
pub fn fix_checksum(packet: &mut [u8]) {
    use pnet::packet::ipv4::{MutableIpv4Packet, checksum};
    if let Some(mut ip) = MutableIpv4Packet::new(packet) {
        let right = checksum(&ip.to_immutable());
        ip.set_checksum(right);
    }
}

/// Runs something over one packet in a frame: its result, the bytes then and the neighbour.
pub fn in_frame<R>(packet: &[u8], run: impl FnOnce(&mut Frame<'_>) -> R) -> (R, Vec<u8>, u32) {
    let mut arena = Arena::new(1, 64, 2048, 64);
    let mut frames = arena.frames();
    let frame = &mut frames[0];
    assert!(frame.load(packet));
    let result = run(frame);
    (result, frame.bytes().to_vec(), frame.next_hop)
}

/// Why a case drops a packet for its length, by the name of the case and an underlay of 1500.
pub fn too_long(case: &Case, packet: &[u8]) -> Option<Reason> {
    let (path, _) = case.id.split_once('/')?;
    let (_, how) = path.split_once('+')?;
    let fits = Some(packet.len()) <= case.overhead.largest_inner_bytes(1500);
    if fits || !["drop", "inner-fragment"].contains(&how) {
        return None;
    }
    let dont_fragment = packet[6] & 0x40 != 0;
    match (packet[0] >> 4, dont_fragment, how) {
        (6, ..) => Some(Reason::PacketTooBig),
        (_, true, _) => Some(Reason::FragmentationNeeded),
        (_, false, "drop") => Some(Reason::OverMtu),
        _ => None,
    }
}

/// The packet that a host makes of what a frame holds: the fragments joined, as they stand.
pub fn joined(frame: &Frame<'_>) -> Vec<u8> {
    if frame.segments == 0 {
        return frame.bytes().to_vec();
    }
    let mut fragments = frame.wire_packets();
    let mut whole = fragments.next().unwrap().to_vec();
    let header_bytes = usize::from(whole[0] & 0x0f) * 4;
    let mut last_flags = 0;
    for fragment in fragments {
        last_flags = fragment[6] & 0x20;
        whole.extend(&fragment[header_bytes..]);
    }
    let total = (whole.len() as u16).to_be_bytes();
    whole[2..4].copy_from_slice(&total);
    whole[6] = whole[6] & !0x20 | last_flags;
    fix_checksum(&mut whole);
    whole
}

pub fn reason(frame: &Frame<'_>) -> Option<Reason> {
    match frame.fate {
        Fate::Carried => None,
        Fate::Dropped(reason) => Some(reason),
    }
}
