//! VXLAN (RFC 7348, 5): the header, and the inner Ethernet header behind it.

use super::version;
use crate::fate::Reason;

/// Port that VXLAN is sent to (RFC 7348, 5).
pub const UDP_PORT: u16 = 4789;
/// Octets of the VXLAN header.
const VXLAN_BYTES: usize = 8;
/// Octets of the inner Ethernet header, without a tag.
const ETHERNET_BYTES: usize = 14;
/// Octets of both.
pub const HEADER_BYTES: usize = VXLAN_BYTES + ETHERNET_BYTES;
/// Flag I: the network identifier counts.
const FLAG_I: u8 = 0x08;
/// Locally administered addresses of the two ends (IEEE 802, 8.2).
const ADDRESSES: [u8; 12] = [0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1];
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
/// Ports of flows: the dynamic range (RFC 7348, 5).
const SOURCE_PORTS: u16 = 0xc000;

/// Both headers in front of an IPv4 or IPv6 packet.
#[inline(always)]
pub fn header(vni: u32, is_v4: bool) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0] = FLAG_I;
    header[4..VXLAN_BYTES].copy_from_slice(&(vni << 8).to_be_bytes());
    header[VXLAN_BYTES..VXLAN_BYTES + 12].copy_from_slice(&ADDRESSES);
    header[HEADER_BYTES - 2..].copy_from_slice(if is_v4 {
        &ETHERTYPE_IPV4
    } else {
        &ETHERTYPE_IPV6
    });
    header
}

/// Network identifier, and whether an IPv4 packet follows.
#[inline(always)]
pub fn parse(header: &[u8; HEADER_BYTES]) -> Result<(u32, bool), Reason> {
    let [flags, _, _, _, v0, v1, v2, _, .., e0, e1] = *header;
    if flags & FLAG_I == 0 {
        return Err(Reason::NotVxlan);
    }
    let is_v4 = match [e0, e1] {
        ETHERTYPE_IPV4 => true,
        ETHERTYPE_IPV6 => false,
        _ => return Err(Reason::BadNextHeader),
    };
    Ok((u32::from_be_bytes([0, v0, v1, v2]), is_v4))
}

/// Source port of the outer UDP header: a hash of the inner addresses and ports, so that the
/// underlay spreads flows over its links and keeps the packets of one together (RFC 7348, 5).
#[inline(always)]
pub fn source_port(packet: &[u8]) -> u16 {
    // Addresses, and the four octets behind a header without options: the ports, mostly.
    let fields = if version(packet) == Some(4) {
        packet.get(12..24)
    } else {
        packet.get(8..44)
    };
    let words = fields.unwrap_or_default().as_chunks::<4>().0;
    let hash = words.iter().fold(0_u32, |hash, word| {
        (hash.rotate_left(5) ^ u32::from_ne_bytes(*word)).wrapping_mul(0x9e37_79b9)
    });
    SOURCE_PORTS | (hash >> 18) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(parse(&header(0x12_3456, true)), Ok((0x12_3456, true)));
        assert_eq!(parse(&header(0, false)), Ok((0, false)));
        let mut other = header(7, true);
        other[0] = 0;
        assert_eq!(parse(&other), Err(Reason::NotVxlan));
        let mut other = header(7, true);
        other[HEADER_BYTES - 1] = 6;
        assert_eq!(parse(&other), Err(Reason::BadNextHeader));
    }

    #[test]
    fn a_flow_keeps_its_port_and_flows_are_spread() {
        let packet = |host: u8| {
            let mut packet = [0; 28];
            packet[0] = 0x45;
            packet[19] = host;
            packet
        };
        let ports: std::collections::BTreeSet<u16> =
            (0..=255).map(|host| source_port(&packet(host))).collect();
        assert!(ports.len() > 200 && ports.iter().all(|port| *port >= SOURCE_PORTS));
        assert_eq!(source_port(&packet(9)), source_port(&packet(9)));
        assert!(source_port(&[]) >= SOURCE_PORTS);
    }
}
