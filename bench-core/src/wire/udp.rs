//! UDP header (RFC 768) as tunnels use it: checksum 0, which IPv4 allows and IPv6 allows for
//! tunnels (RFC 6935, 5): what is inside has an integrity check of its own.

/// Octets of the header.
pub const HEADER_BYTES: usize = 8;

/// The header in front of `payload_bytes` octets; `None` where they are too many for its length.
#[inline(always)]
pub fn header(source: u16, destination: u16, payload_bytes: usize) -> Option<[u8; HEADER_BYTES]> {
    let length = u16::try_from(HEADER_BYTES + payload_bytes).ok()?;
    let ports = u64::from(source) << 48 | u64::from(destination) << 32;
    Some((ports | u64::from(length) << 16).to_be_bytes())
}

/// Destination port and length of a header.
#[inline(always)]
pub fn parse(header: [u8; HEADER_BYTES]) -> (u16, usize) {
    let [_, _, d0, d1, l0, l1, _, _] = header;
    (
        u16::from_be_bytes([d0, d1]),
        usize::from(u16::from_be_bytes([l0, l1])),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let written = header(4500, 4501, 100).unwrap();
        assert_eq!(written, [0x11, 0x94, 0x11, 0x95, 0, 108, 0, 0]);
        assert_eq!(parse(written), (4501, 108));
        assert_eq!(header(1, 2, 65_528), None);
    }
}
