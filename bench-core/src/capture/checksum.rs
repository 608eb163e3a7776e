//! Header checksums that a sending host left to its network card: captures taken on that host have
//! 0 in their place. The card would have filled them in before any gateway saw the packet.

use crate::wire::checksum::sum;
use crate::wire::version;

const CHECKSUM_AT: usize = 10;

/// Octets of the IPv4 header of a packet whose header checksum (RFC 791, 3.1) was left out: it is
/// 0 and wrong. `None` for a 0 that is right, and for any other wrong checksum, which is damage
/// for the path to find. `packet` has a whole IP header.
#[inline]
pub(super) fn left_out(packet: &[u8]) -> Option<usize> {
    if packet.get(CHECKSUM_AT..CHECKSUM_AT + 2) != Some(&[0, 0]) || version(packet) != Some(4) {
        return None;
    }
    let header_bytes = 4 * usize::from(packet[0] & 0x0f);
    let header = packet.get(..header_bytes)?;
    (sum(header) != 0xffff).then_some(header_bytes)
}

/// Writes the packet over what is in `into`, with its header's checksum.
pub(super) fn write_filled(packet: &[u8], header_bytes: usize, into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(packet);
    fill(&mut into[..header_bytes]);
}

/// Computes the checksum of an IPv4 header anew.
pub(super) fn fill(header: &mut [u8]) {
    header[CHECKSUM_AT..][..2].fill(0);
    let checksum = !sum(header);
    header[CHECKSUM_AT..][..2].copy_from_slice(&checksum.to_ne_bytes());
}
