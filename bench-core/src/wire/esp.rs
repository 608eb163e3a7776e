//! ESP (RFC 4303): header, trailer and padding. What stands between them is the cipher's.

/// IP protocol number of ESP (RFC 4303, 2).
pub const PROTOCOL: u8 = 50;
/// SPI and sequence number (RFC 4303, 2.1 and 2.2).
pub const HEADER_BYTES: usize = 8;
/// Pad length and next header (RFC 4303, 2.5 and 2.6).
pub const TRAILER_BYTES: usize = 2;
/// Pad length and next header end on such a boundary (RFC 4303, 2.4).
pub const ALIGNMENT: usize = 4;
/// Most padding that [`trailer`] writes.
pub const PADDING_MAX_BYTES: usize = ALIGNMENT - 1;
/// Next header of an IPv4 packet in tunnel mode (RFC 4303, 2.6).
pub const NEXT_IPV4: u8 = 4;
/// Next header of an IPv6 packet in tunnel mode.
pub const NEXT_IPV6: u8 = 41;
/// The padding that a sender writes: 1, 2, 3, … (RFC 4303, 2.4).
const PADDING: [u8; 255] = {
    let mut padding = [0; 255];
    let mut at = 0;
    while at < padding.len() {
        padding[at] = at as u8 + 1;
        at += 1;
    }
    padding
};

/// Octets of padding behind a payload.
#[inline(always)]
pub const fn padding_bytes(payload_bytes: usize) -> usize {
    (payload_bytes + TRAILER_BYTES).wrapping_neg() % ALIGNMENT
}

/// Writes SPI and sequence number, which are also the associated data (RFC 4106, 5).
#[inline(always)]
pub fn header(spi: u32, sequence: u32) -> [u8; HEADER_BYTES] {
    (u64::from(spi) << 32 | u64::from(sequence)).to_be_bytes()
}

/// Writes padding and trailer into exactly `padding_bytes + 2` octets.
#[inline(always)]
pub fn trailer(into: &mut [u8], next_header: u8) {
    match into {
        [length, next] => (*length, *next) = (0, next_header),
        [a, length, next] => (*a, *length, *next) = (1, 1, next_header),
        [a, b, length, next] => (*a, *b, *length, *next) = (1, 2, 2, next_header),
        [a, b, c, length, next] => (*a, *b, *c, *length, *next) = (1, 2, 3, 3, next_header),
        _ => {}
    }
}

/// Octets of padding and next header at the end of decrypted text; `None` where the padding is
/// longer than the text or not 1, 2, 3, …
#[inline(always)]
pub fn parse_trailer(text: &[u8]) -> Option<(usize, u8)> {
    let (rest, &[length, next_header]) = text.split_last_chunk::<TRAILER_BYTES>()?;
    let length = usize::from(length);
    let padding = rest.get(rest.len().checked_sub(length)?..)?;
    // A byte at a time for the few octets that alignment needs: a call would cost more.
    let right = if length <= PADDING_MAX_BYTES {
        padding
            .iter()
            .zip(1..)
            .all(|(octet, expected): (&u8, u8)| *octet == expected)
    } else {
        padding == PADDING.get(..length)?
    };
    right.then_some((length, next_header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_written_as_they_are_read() {
        for payload in 20..60 {
            let padding = padding_bytes(payload);
            let mut text = vec![0xee; payload + padding + TRAILER_BYTES];
            trailer(&mut text[payload..], NEXT_IPV4);
            assert_eq!(text.len() % ALIGNMENT, 0);
            assert_eq!(parse_trailer(&text), Some((padding, NEXT_IPV4)));
        }
    }

    #[test]
    fn long_padding_is_allowed_and_wrong_padding_is_not() {
        let mut text: Vec<u8> = (1..=255).collect();
        text.extend([255, NEXT_IPV6]);
        assert_eq!(parse_trailer(&text), Some((255, NEXT_IPV6)));
        text[100] ^= 1;
        assert_eq!(parse_trailer(&text), None);
        assert_eq!(parse_trailer(&[9, 2, 2, 4]), None);
        assert_eq!(parse_trailer(&[3, 4]), None);
        assert_eq!(parse_trailer(&[4]), None);
    }
}
