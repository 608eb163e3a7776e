//! OpenVPN's data channel, `P_DATA_V2` with an AEAD: opcode, key id and peer id, packet id, tag,
//! and the packet itself, without a header in front of it.
//!
//! There is no RFC. Rules are those of OpenVPN 2.6: `src/openvpn/ssl_pkt.h` (opcodes),
//! `crypto.h` (the order of a packet), `crypto.c`, `packet_id.c`, `ping.c`.

/// Port that IANA keeps for it.
pub const UDP_PORT: u16 = 1194;
/// Data channel with a peer id; the upper five bits of the first octet.
const P_DATA_V2: u8 = 9;
const OPCODE_SHIFT: u8 = 3;
/// Largest key id: the lower three bits of the first octet.
pub const KEY_ID_MAX: u8 = 7;
/// Largest peer id: 24 bits.
pub const PEER_ID_MAX: u32 = 0xff_ffff;
/// Opcode and key id, peer id, packet id. They are also the associated data.
pub const HEADER_BYTES: usize = 8;
/// Octets of the tag, which stands between the header and the text.
pub const TAG_BYTES: usize = 16;
/// Octets of the nonce that are not sent: the nonce is the packet id, then these.
pub const IMPLICIT_IV_BYTES: usize = 8;
const _: () = assert!(IMPLICIT_IV_BYTES + 4 == crate::cipher::NONCE_BYTES);

/// Over TCP, octets of the length in front of every packet (`socket.h`: `packet_size_type`).
pub const LENGTH_BYTES: usize = 2;
/// Longest packet over TCP, its length not included.
pub const LENGTH_MAX: usize = u16::MAX as usize;

/// What stands in place of a packet where an end only says that it is there (`--ping`).
pub const PING: [u8; 16] = [
    0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed, 0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48,
];

/// Opcode, key id and peer id as one word: what every packet of a tunnel begins with.
#[inline(always)]
pub const fn tunnel(key_id: u8, peer_id: u32) -> u32 {
    let first = P_DATA_V2 << OPCODE_SHIFT | key_id & KEY_ID_MAX;
    (first as u32) << 24 | peer_id & PEER_ID_MAX
}

/// Whether a packet's first octet is that of the data channel, version 2.
#[inline(always)]
pub const fn is_data(first: u8) -> bool {
    first >> OPCODE_SHIFT == P_DATA_V2
}

/// Writes the word of [`tunnel`] and the packet id.
#[inline(always)]
pub const fn header(tunnel: u32, packet_id: u32) -> [u8; HEADER_BYTES] {
    ((tunnel as u64) << 32 | packet_id as u64).to_be_bytes()
}

/// The word of [`tunnel`] and the packet id.
#[inline(always)]
pub const fn parse(header: [u8; HEADER_BYTES]) -> (u32, u32) {
    let both = u64::from_be_bytes(header);
    ((both >> 32) as u32, both as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let written = header(tunnel(5, 0x23_a99e), 0x0102_0304);
        assert_eq!(written, [0x4d, 0x23, 0xa9, 0x9e, 1, 2, 3, 4]);
        assert_eq!(parse(written), (0x4d23_a99e, 0x0102_0304));
        assert!(is_data(0x48) && is_data(0x4f));
        // P_CONTROL_V1, P_DATA_V1 and P_CONTROL_WKC_V1.
        assert!(![4, 6, 11].iter().any(|opcode| is_data(opcode << 3)));
    }
}
