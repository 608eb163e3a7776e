//! DSCP (RFC 2474) and ECN (RFC 3168): one octet of every IPv4 and IPv6 header.

use super::{ipv4, version};
use crate::fate::Reason;

/// Not ECN-capable (RFC 3168, 5).
pub const NOT_ECT: u8 = 0b00;
/// ECN-capable, codepoint ECT(1).
pub const ECT_1: u8 = 0b01;
/// ECN-capable, codepoint ECT(0).
pub const ECT_0: u8 = 0b10;
/// Congestion experienced.
pub const CE: u8 = 0b11;

const ECN_MASK: u8 = 0b11;

/// The ECN field of a traffic class: its lower two bits.
#[inline(always)]
pub const fn ecn(traffic_class: u8) -> u8 {
    traffic_class & ECN_MASK
}

/// The traffic class with another ECN field and the same DSCP.
#[inline(always)]
pub const fn with_ecn(traffic_class: u8, ecn: u8) -> u8 {
    traffic_class & !ECN_MASK | ecn & ECN_MASK
}

/// DSCP and ECN of an IPv4 or IPv6 packet; `None` where it is neither or too short.
#[inline(always)]
pub fn get(packet: &[u8]) -> Option<u8> {
    let &[first, second, ..] = packet else {
        return None;
    };
    match first >> 4 {
        4 => Some(second),
        6 => Some(first << 4 | second >> 4),
        _ => None,
    }
}

/// Writes DSCP and ECN of an IPv4 or IPv6 packet; IPv4's checksum follows (RFC 1624). False,
/// and nothing is changed, where it is neither or too short.
#[inline]
pub fn set(packet: &mut [u8], traffic_class: u8) -> bool {
    match version(packet) {
        Some(4) => ipv4::set_tos(packet, traffic_class),
        Some(6) => {
            let [first, second, ..] = packet else {
                return false;
            };
            *first = *first & 0xf0 | traffic_class >> 4;
            *second = *second & 0x0f | traffic_class << 4;
            true
        }
        _ => false,
    }
}

/// The ECN field of a fresh outer header, as tunnels of RFC 3168, 9.1.1 write it: the inner one,
/// and ECT(0) where that is CE.
#[inline(always)]
pub const fn encapsulated_ecn(inner: u8) -> u8 {
    match inner {
        CE => ECT_0,
        inner => inner,
    }
}

/// The ECN field of a packet that leaves a tunnel (RFC 6040, 4.2, figure 4); `None` where it
/// must be dropped: congestion was marked on a packet that cannot carry the mark.
#[inline]
pub const fn decapsulated_ecn(outer: u8, inner: u8) -> Option<u8> {
    match (inner, outer) {
        (NOT_ECT, CE) => None,
        (NOT_ECT, _) => Some(NOT_ECT),
        (CE, _) | (_, CE) => Some(CE),
        (ECT_0, ECT_1) => Some(ECT_1),
        (inner, _) => Some(inner),
    }
}

/// Applies the outer ECN field to a packet that was just taken out of a tunnel.
/// [`Reason::EcnNotCapable`] where [`decapsulated_ecn`] says that it must be dropped.
#[inline(always)]
pub fn leave_tunnel(outer: u8, packet: &mut [u8]) -> Result<(), Reason> {
    let inner = get(packet).ok_or(Reason::MalformedHeader)?;
    if ecn(outer) == ecn(inner) {
        return Ok(());
    }
    take_over(outer, inner, packet)
}

#[inline(never)]
fn take_over(outer: u8, inner: u8, packet: &mut [u8]) -> Result<(), Reason> {
    let ecn = decapsulated_ecn(ecn(outer), ecn(inner)).ok_or(Reason::EcnNotCapable)?;
    set(packet, with_ecn(inner, ecn));
    Ok(())
}
