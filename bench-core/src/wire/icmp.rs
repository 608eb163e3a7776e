//! Messages that say that a packet is too long: ICMP's Destination Unreachable, fragmentation
//! needed (RFC 792; RFC 1191, 4), and ICMPv6's Packet Too Big (RFC 4443, 3.2).

use super::checksum::{fold, sum};
use super::{Fragment, ipv4, ipv6, protocol};

/// Octets in front of the packet that a message quotes.
pub const HEADER_BYTES: usize = 8;
/// Destination Unreachable, and the code for "fragmentation needed and DF set".
const UNREACHABLE: [u8; 2] = [3, 4];
/// Packet Too Big, and its only code.
const PACKET_TOO_BIG: [u8; 2] = [2, 0];
/// Octets of an ICMP error at most, its IP header included (RFC 1812, 4.3.2.3).
pub const V4_ERROR_BYTES: usize = 576;
/// Octets of an ICMPv6 error at most, its IP header included (RFC 4443, 3.2).
pub const V6_ERROR_BYTES: usize = ipv6::MTU_MIN;
/// Types of ICMP messages that are errors (RFC 1122, 3.2.2): unreachable, source quench,
/// redirect, time exceeded, parameter problem.
const V4_ERRORS: [u8; 5] = [3, 4, 5, 11, 12];
/// ICMPv6 messages of a lower type are errors (RFC 4443, 2.1).
const V6_FIRST_INFORMATION: u8 = 128;
/// A redirect, which is not to be answered either (RFC 4443, 2.4, e.2).
const V6_REDIRECT: u8 = 137;

/// Writes header and checksum of "fragmentation needed" in front of the quoted packet.
#[inline(always)]
pub fn write_fragmentation_needed(message: &mut [u8], mtu: usize) {
    let [m0, m1] = u16::try_from(mtu).unwrap_or(u16::MAX).to_be_bytes();
    write(message, UNREACHABLE, [0, 0, m0, m1], 0);
}

/// The same of Packet Too Big, between these addresses: they are part of the checksum
/// (RFC 4443, 2.3).
#[inline(always)]
pub fn write_packet_too_big(message: &mut [u8], mtu: usize, addresses: &[u8]) {
    let [l0, l1, l2, l3] = (message.len() as u32).to_be_bytes();
    let rest = [l0, l1, l2, l3, 0, 0, 0, protocol::ICMPV6];
    let pseudo = u64::from(sum(addresses)) + u64::from(sum(&rest));
    let mtu = u32::try_from(mtu).unwrap_or(u32::MAX).to_be_bytes();
    write(message, PACKET_TOO_BIG, mtu, pseudo);
}

/// `pseudo` is the sum of what the checksum covers beside the message.
#[inline(always)]
fn write(message: &mut [u8], [kind, code]: [u8; 2], [a, b, c, d]: [u8; 4], pseudo: u64) {
    let Some(header) = message.first_chunk_mut::<HEADER_BYTES>() else {
        return;
    };
    *header = [kind, code, 0, 0, a, b, c, d];
    let checksum = !fold(u64::from(sum(message)) + pseudo);
    message[2..4].copy_from_slice(&checksum.to_ne_bytes());
}

/// Whether an error may be sent about an IPv4 packet: it is no error itself, no later fragment,
/// goes to a single host and comes from one (RFC 1122, 3.2.2; RFC 1812, 4.3.2.7).
pub fn may_answer_v4(packet: &[u8], header: &ipv4::Header) -> bool {
    if matches!(header.fragment(), Fragment::Later(_)) {
        return false;
    }
    let is_error = header.protocol == protocol::ICMP
        && packet
            .get(header.header_bytes)
            .is_none_or(|kind| V4_ERRORS.contains(kind));
    // 0/8, 127/8, multicast, and what RFC 1112, 4 reserves, the broadcast address among it.
    let names_no_host = |address: u32| matches!(address >> 24, 0 | 127 | 224..);
    !is_error && !names_no_host(header.source) && header.destination >> 24 < 224
}

/// The same of an IPv6 packet (RFC 4443, 2.4, e). A multicast destination may be answered: the
/// MTU of its path must be found as well.
pub fn may_answer_v6(packet: &[u8], header: &ipv6::Header) -> bool {
    let is_error = match ipv6::upper(packet, header.next_header) {
        Ok(upper) if upper.protocol == protocol::ICMPV6 => match upper.fragment {
            // Which message it is of cannot be told.
            Fragment::Later(_) => false,
            _ => packet
                .get(upper.at)
                .is_none_or(|kind| *kind < V6_FIRST_INFORMATION || *kind == V6_REDIRECT),
        },
        Ok(_) => false,
        Err(_) => true,
    };
    // ::, ::1, and ff00::/8.
    !is_error && header.source > 1 && header.source >> 120 != 0xff
}
