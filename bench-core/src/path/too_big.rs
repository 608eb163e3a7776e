//! What a gateway does with a packet that is too long for its tunnel and may not be fragmented:
//! it drops it and tells the sender how long a packet may be.
//!
//! A packet that could be fragmented, and by policy is not, is dropped without a word: ICMP's
//! only code for it says "fragmentation needed and DF set" (RFC 792), which would not be true,
//! and a sender that did not set DF looks for no MTU (RFC 1191, 2). So is one that no error may
//! be sent about. The answer is not rationed, as RFC 4443, 2.4, f asks of a gateway: the frame is
//! there for each, and what is rationed could not be counted from the packets alone.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::fate::Reason;
use crate::frame::Frame;
use crate::wire::{self, icmp, ipv4, ipv6, protocol};

/// The near gateway on its inner network, of one that RFC 5737 keeps for documentation.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// The same over IPv6, of the network that RFC 3849 keeps for documentation.
pub const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
/// TTL and hop limit of an answer.
const TTL: u8 = 64;
/// Precedence of an answer: internetwork control (RFC 1812, 4.3.2.5).
const V4_TOS: u8 = 0xc0;

/// Refuses packets that are longer than a tunnel has room for.
pub struct TooBig {
    /// Longest packet that fits.
    mtu: usize,
}

impl TooBig {
    /// For a tunnel that a packet of `mtu` octets fits.
    pub const fn new(mtu: usize) -> Self {
        Self { mtu }
    }

    /// Why the packet is to be dropped. Where it is answered, the answer is in the frame then.
    #[inline]
    pub fn refuse(&self, frame: &mut Frame<'_>) -> Reason {
        let answered = match wire::version(frame.bytes()) {
            Some(4) => self.answer_v4(frame),
            _ => self.answer_v6(frame),
        };
        answered.unwrap_or(Reason::OverMtu)
    }

    fn answer_v4(&self, frame: &mut Frame<'_>) -> Option<Reason> {
        let header = ipv4::Header::parse(frame.bytes()).ok()?;
        if header.may_be_fragmented() || !icmp::may_answer_v4(frame.bytes(), &header) {
            return None;
        }
        let front_bytes = ipv4::HEADER_BYTES + icmp::HEADER_BYTES;
        quote(frame, front_bytes, icmp::V4_ERROR_BYTES)?;
        let total_bytes = frame.len();
        let (ip, message) = frame.bytes_mut().split_first_chunk_mut()?;
        let source = Ipv4Addr::from_bits(header.source);
        // With DF, so that any identification does (RFC 6864, 4.1).
        ipv4::OuterTemplate::new(GATEWAY, source, protocol::ICMP, TTL).emit(
            ip,
            total_bytes as u16,
            V4_TOS,
            0,
            true,
        );
        icmp::write_fragmentation_needed(message, self.mtu);
        Some(Reason::FragmentationNeeded)
    }

    fn answer_v6(&self, frame: &mut Frame<'_>) -> Option<Reason> {
        let header = ipv6::Header::parse(frame.bytes()).ok()?;
        // No sender makes a packet shorter than that (RFC 8200, 5).
        let can_be_shorter = frame.len() > ipv6::MTU_MIN;
        if !can_be_shorter || !icmp::may_answer_v6(frame.bytes(), &header) {
            return None;
        }
        let front_bytes = ipv6::HEADER_BYTES + icmp::HEADER_BYTES;
        quote(frame, front_bytes, icmp::V6_ERROR_BYTES)?;
        let payload_bytes = frame.len() - ipv6::HEADER_BYTES;
        let (ip, message) = frame.bytes_mut().split_first_chunk_mut()?;
        let source = Ipv6Addr::from_bits(header.source);
        ipv6::OuterTemplate::new(GATEWAY6, source, protocol::ICMPV6, TTL).emit(
            ip,
            payload_bytes as u16,
            0,
        );
        let mtu = self.mtu.max(ipv6::MTU_MIN);
        icmp::write_packet_too_big(message, mtu, &ip[8..]);
        Some(Reason::PacketTooBig)
    }
}

/// Leaves as much of the packet as an answer of `error_bytes` holds, behind room for its headers.
fn quote(frame: &mut Frame<'_>, front_bytes: usize, error_bytes: usize) -> Option<()> {
    let quoted_bytes = frame.len().min(error_bytes - front_bytes);
    frame.push_front(front_bytes)?;
    frame.keep(0, front_bytes + quoted_bytes);
    Some(())
}
