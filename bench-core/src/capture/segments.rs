//! Super-frames: TCP packets longer than the MTU, as a host sees them that leaves cutting them to
//! its network card, or that puts received ones together. They are cut here as a card would
//! (Linux, `tcp_gso_segment` and `inet_gso_segment`).

use std::net::{IpAddr, SocketAddr};

use etherparse::TcpHeaderSlice;

use super::checksum;
use crate::wire::checksum::{fold, sum};
use crate::wire::{ipv4, ipv6, protocol, tcp, version};

/// Finish: only the last segment has it.
const FIN: u8 = 0x01;
/// Push: only the last segment has it.
const PSH: u8 = 0x08;
/// Congestion window reduced (RFC 3168, 6.1.2): only the first segment has it.
const CWR: u8 = 0x80;

/// Least payload of a segment but the last, however small the MSS: Linux's smallest MSS
/// (`TCP_MIN_SND_MSS`, 48) less the longest options (40).
const PAYLOAD_MIN_BYTES: usize = 8;

/// More fragments and fragment offset, in the IPv4 header's word of flags and offset.
const FRAGMENT_MASK: u16 = 0x3fff;
const IPV4_TOTAL_AT: usize = 2;
const IPV4_IDENTIFICATION_AT: usize = 4;
const IPV4_FLAGS_AT: usize = 6;
const IPV4_PROTOCOL_AT: usize = 9;
const IPV6_PAYLOAD_AT: usize = 4;
const IPV6_NEXT_HEADER_AT: usize = 6;
const TCP_SEQUENCE_AT: usize = 4;
const TCP_FLAGS_AT: usize = 13;
const TCP_CHECKSUM_AT: usize = 16;

/// An IP packet that holds a whole TCP segment or super-frame.
#[derive(Clone)]
pub(super) struct TcpPacket<'a> {
    bytes: &'a [u8],
    is_ipv4: bool,
    pub(super) tcp: TcpHeaderSlice<'a>,
    tcp_at: usize,
    payload_at: usize,
}

impl<'a> TcpPacket<'a> {
    /// `None` for other protocols, for fragments, and behind IPv6 extension headers other than
    /// options: what follows a routing header has a checksum over other addresses, and what
    /// follows AH is authenticated. `packet` has a whole IP header.
    #[inline]
    pub(super) fn parse(packet: &'a [u8]) -> Option<Self> {
        let is_ipv4 = version(packet) == Some(4);
        let tcp_at = if is_ipv4 {
            behind_ipv4(packet)?
        } else {
            behind_ipv6(packet)?
        };
        let tcp = TcpHeaderSlice::from_slice(packet.get(tcp_at..)?).ok()?;
        let payload_at = tcp_at + tcp.slice().len();
        Some(Self {
            bytes: packet,
            is_ipv4,
            tcp,
            tcp_at,
            payload_at,
        })
    }

    /// Octets of addresses in the IP header.
    fn addresses(&self) -> &'a [u8] {
        let (at, end) = if self.is_ipv4 { (12, 20) } else { (8, 40) };
        self.bytes.get(at..end).unwrap_or_default()
    }

    /// Source and destination.
    pub(super) fn ends(&self) -> (SocketAddr, SocketAddr) {
        let (source, destination) = self.addresses().split_at(self.addresses().len() / 2);
        (
            SocketAddr::new(address(source), self.tcp.source_port()),
            SocketAddr::new(address(destination), self.tcp.destination_port()),
        )
    }

    /// Octets behind an IP and a TCP header without options: the MSS that this packet would be a
    /// full one of (RFC 9293, 3.7.1; RFC 6691).
    pub(super) fn mss(&self) -> usize {
        self.bytes.len().saturating_sub(self.plain_header_bytes())
    }

    fn plain_header_bytes(&self) -> usize {
        tcp::HEADER_BYTES
            + if self.is_ipv4 {
                ipv4::HEADER_BYTES
            } else {
                ipv6::HEADER_BYTES
            }
    }

    /// How to cut it to segments of this MSS, or of the longest that fit `mtu`. `None` where it
    /// is nothing that a sender leaves to a card: without payload, opening or breaking off a
    /// connection, or with headers that leave no room.
    pub(super) fn cut(&self, mss: Option<usize>, mtu: usize) -> Option<Cut> {
        let fits = mtu.min(usize::from(u16::MAX));
        let room = fits.checked_sub(self.payload_at).filter(|&room| room > 0)?;
        if self.tcp.syn() || self.tcp.rst() || self.bytes.len() <= self.payload_at {
            return None;
        }
        let options = self.payload_at - self.plain_header_bytes();
        let wanted = mss.map_or(room, |mss| {
            mss.saturating_sub(options).max(PAYLOAD_MIN_BYTES)
        });
        Some(Cut {
            payload_bytes: wanted.min(room),
            next: 0,
        })
    }

    /// Length of the next segment, headers included; `None` behind the last.
    pub(super) fn next_bytes(&self, cut: &Cut) -> Option<usize> {
        let (start, end) = self.next_range(cut)?;
        Some(self.payload_at + end - start)
    }

    /// Where the payload of the next segment is in the super-frame's payload.
    fn next_range(&self, cut: &Cut) -> Option<(usize, usize)> {
        let payload = self.bytes.len() - self.payload_at;
        let start = cut.next * cut.payload_bytes;
        (start < payload).then(|| (start, payload.min(start + cut.payload_bytes)))
    }

    /// Writes the next segment over what is in `into`, checksums included: those of a captured
    /// super-frame are the card's to complete. False, and nothing is written, behind the last.
    pub(super) fn write_next(&self, cut: &mut Cut, into: &mut Vec<u8>) -> bool {
        let Some((start, end)) = self.next_range(cut) else {
            return false;
        };
        let from = self.payload_at;
        into.clear();
        into.extend_from_slice(&self.bytes[..from]);
        into.extend_from_slice(&self.bytes[from + start..from + end]);
        let (ip, tcp) = into.split_at_mut(self.tcp_at);
        if self.is_ipv4 {
            write_ipv4(ip, tcp.len(), cut.next);
        } else {
            let payload = (ip.len() - ipv6::HEADER_BYTES + tcp.len()) as u16;
            ip[IPV6_PAYLOAD_AT..][..2].copy_from_slice(&payload.to_be_bytes());
        }
        let is_last = from + end == self.bytes.len();
        let sequence = self.tcp.sequence_number().wrapping_add(start as u32);
        tcp[TCP_SEQUENCE_AT..][..4].copy_from_slice(&sequence.to_be_bytes());
        tcp[TCP_FLAGS_AT] &= !(if start > 0 { CWR } else { 0 });
        tcp[TCP_FLAGS_AT] &= !(if is_last { 0 } else { FIN | PSH });
        write_checksum(self.addresses(), tcp);
        cut.next += 1;
        true
    }
}

/// How far a super-frame has been cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Payload of every segment but the last.
    payload_bytes: usize,
    /// Segments written.
    next: usize,
}

fn address(octets: &[u8]) -> IpAddr {
    if let Some(octets) = octets.first_chunk::<16>() {
        return IpAddr::from(*octets);
    }
    IpAddr::from(*octets.first_chunk::<4>().unwrap_or(&[0; 4]))
}

/// Where the TCP header begins, if there is a whole one.
#[inline]
fn behind_ipv4(packet: &[u8]) -> Option<usize> {
    let header = packet.first_chunk::<{ ipv4::HEADER_BYTES }>()?;
    let flags_offset = u16::from_be_bytes([header[IPV4_FLAGS_AT], header[IPV4_FLAGS_AT + 1]]);
    let is_whole_tcp =
        header[IPV4_PROTOCOL_AT] == protocol::TCP && flags_offset & FRAGMENT_MASK == 0;
    is_whole_tcp.then_some(usize::from(header[0] & 0x0f) * 4)
}

/// As [`behind_ipv4`]. Without a payload length, only TCP itself may follow: options may be
/// those of a jumbogram (RFC 2675), which segments must not have.
#[inline]
fn behind_ipv6(packet: &[u8]) -> Option<usize> {
    let header = packet.first_chunk::<{ ipv6::HEADER_BYTES }>()?;
    let mut at = ipv6::HEADER_BYTES;
    let mut next = header[IPV6_NEXT_HEADER_AT];
    let has_length = header[IPV6_PAYLOAD_AT..][..2] != [0, 0];
    for _ in 0..=ipv6::EXTENSIONS_MAX {
        match next {
            protocol::TCP => return Some(at),
            protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS if has_length => {
                let [following, length] = *packet.get(at..)?.first_chunk()?;
                next = following;
                at += (usize::from(length) + 1) * 8;
            }
            _ => return None,
        }
    }
    None
}

/// Total length, identification and checksum of a segment's IPv4 header.
fn write_ipv4(header: &mut [u8], tcp_bytes: usize, index: usize) {
    let total = (header.len() + tcp_bytes) as u16;
    header[IPV4_TOTAL_AT..][..2].copy_from_slice(&total.to_be_bytes());
    let identification = &mut header[IPV4_IDENTIFICATION_AT..][..2];
    let first = u16::from_be_bytes([identification[0], identification[1]]);
    identification.copy_from_slice(&first.wrapping_add(index as u16).to_be_bytes());
    checksum::fill(header);
}

/// The checksum of a segment that fits an IP packet (RFC 9293, 3.1).
fn write_checksum(addresses: &[u8], segment: &mut [u8]) {
    segment[TCP_CHECKSUM_AT..][..2].fill(0);
    let length = u64::from((segment.len() as u16).to_be());
    let total = tcp::pseudo_sum(addresses) + length + u64::from(sum(segment));
    segment[TCP_CHECKSUM_AT..][..2].copy_from_slice(&(!fold(total)).to_ne_bytes());
}
