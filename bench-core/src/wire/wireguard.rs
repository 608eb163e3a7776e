//! WireGuard's transport data message (Donenfeld, "WireGuard: Next Generation Kernel Network
//! Tunnel", 5.4.6): the header in front of the sealed packet. All its fields are little endian.

use crate::fate::Reason;

/// Port that WireGuard listens on where nobody chose another.
pub const UDP_PORT: u16 = 51820;
/// Type and reserved octets, receiver index, counter.
pub const HEADER_BYTES: usize = 1 + 3 + 4 + 8;
const _: () = assert!(HEADER_BYTES == 16);
/// Octets of Poly1305's tag behind the text (paper, 5.4).
pub const TAG_BYTES: usize = 16;
/// A sender pads packets with zeros to a multiple of this (paper, 5.4.6).
pub const ALIGNMENT: usize = 16;
/// No counter reaches this: the session ends before (paper, 6.1, Reject-After-Messages).
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);
/// How far a counter may lie behind the highest one: Linux's `COUNTER_WINDOW_SIZE`.
pub const COUNTER_WINDOW: u32 = 8192 - 64;

/// Type and reserved octets of a data message, as one number.
const TYPE_DATA: u32 = 4;
/// First and last type of the handshake: initiation, response, cookie reply (paper, 5.4).
const TYPE_INITIATION: u32 = 1;
const TYPE_COOKIE_REPLY: u32 = 3;

/// The header of a data message.
#[inline(always)]
pub fn header(receiver: u32, counter: u64) -> [u8; HEADER_BYTES] {
    let first = u64::from(receiver) << 32 | u64::from(TYPE_DATA);
    (u128::from(counter) << 64 | u128::from(first)).to_le_bytes()
}

/// Receiver index and counter of a data message; why not, for any other.
#[inline(always)]
pub fn parse(header: [u8; HEADER_BYTES]) -> Result<(u32, u64), Reason> {
    let all = u128::from_le_bytes(header);
    match all as u32 {
        TYPE_DATA => Ok(((all >> 32) as u32, (all >> 64) as u64)),
        TYPE_INITIATION..=TYPE_COOKIE_REPLY => Err(Reason::HandshakeMessage),
        _ => Err(Reason::NotWireGuard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let written = header(0x0403_0201, 0x0c0b_0a09_0807_0605);
        let expected = [4, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        assert_eq!(written, expected);
        assert_eq!(parse(written), Ok((0x0403_0201, 0x0c0b_0a09_0807_0605)));
        assert_eq!(parse(header(u32::MAX, 0)), Ok((u32::MAX, 0)));
    }

    #[test]
    fn the_type_is_all_of_four_octets() {
        let with = |at: usize, octet: u8| {
            let mut header = header(7, 8);
            header[at] = octet;
            parse(header)
        };
        for kind in 0..=255 {
            let expected = match kind {
                4 => Ok((7, 8)),
                1..=3 => Err(Reason::HandshakeMessage),
                _ => Err(Reason::NotWireGuard),
            };
            assert_eq!(with(0, kind), expected, "{kind}");
        }
        for reserved in 1..4 {
            assert_eq!(with(reserved, 1), Err(Reason::NotWireGuard));
        }
    }

    #[test]
    fn the_last_counter_is_that_of_the_paper() {
        let limit = (1_u128 << 64) - (1 << 13) - 1;
        assert_eq!(u128::from(REJECT_AFTER_MESSAGES), limit);
    }
}
