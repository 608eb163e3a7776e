//! ESP (RFC 4303): header, trailer and padding. What stands between them is the cipher's.

/// IP protocol number of ESP (RFC 4303, 2).
pub const PROTOCOL: u8 = 50;
/// SPI and sequence number (RFC 4303, 2.1 and 2.2).
pub const HEADER_BYTES: usize = 8;
/// Pad length and next header (RFC 4303, 2.5 and 2.6).
pub const TRAILER_BYTES: usize = 2;
/// Pad length and next header end on such a boundary (RFC 4303, 2.4).
pub const ALIGNMENT: usize = 4;
/// Most padding that a sender here writes.
pub const PADDING_MAX_BYTES: usize = ALIGNMENT - 1;
/// Next header of an IPv4 packet in tunnel mode (RFC 4303, 2.6).
pub const NEXT_IPV4: u8 = 4;
/// Next header of an IPv6 packet in tunnel mode.
pub const NEXT_IPV6: u8 = 41;
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

/// SPI and sequence number.
#[inline(always)]
pub fn parse_header(header: [u8; HEADER_BYTES]) -> (u32, u32) {
    let both = u64::from_be_bytes(header);
    ((both >> 32) as u32, both as u32)
}

/// Octets that [`tail`] gives: as many as the shortest trailer and an ICV hold for sure.
pub const TAIL_BYTES: usize = 8;
const _: () = assert!(PADDING_MAX_BYTES + TRAILER_BYTES <= TAIL_BYTES);

/// Padding and its length for 0 to 3 octets of it, first octet lowest.
const PADDED: [u32; ALIGNMENT] = [0x00, 0x01_01, 0x02_02_01, 0x03_03_02_01];

/// Padding, its length and the next header, then zeros: one word, to be stored where the ICV
/// covers what is too much of it. `padding_bytes` is less than [`ALIGNMENT`].
#[inline(always)]
pub fn tail(padding_bytes: usize, next_header: u8) -> [u8; TAIL_BYTES] {
    let padding_bytes = padding_bytes % ALIGNMENT;
    let padded = u64::from(PADDED[padding_bytes]);
    (padded | u64::from(next_header) << (8 * (padding_bytes + 1))).to_le_bytes()
}

/// Octets of padding and next header at the end of decrypted text; `None` where the padding is
/// longer than the text or not 1, 2, 3, …
#[inline(always)]
pub fn parse_trailer(text: &[u8]) -> Option<(usize, u8)> {
    let Some(end) = text.last_chunk::<TAIL_BYTES>() else {
        return counts_from_one(text);
    };
    let [.., length, next_header] = *end;
    let length = usize::from(length);
    let Some(padded) = PADDED.get(length) else {
        return counts_from_one(text);
    };
    // What a sender here adds is compared at once, by the table that it was written with: the
    // next header falls off above, what is before the padding below.
    let found = u64::from_le_bytes(*end) << 8 >> (8 * (TAIL_BYTES - 1 - length));
    (found == u64::from(*padded)).then_some((length, next_header))
}

/// Octet by octet: long padding, or a text of one word.
#[cold]
fn counts_from_one(text: &[u8]) -> Option<(usize, u8)> {
    let (before, &[length, next_header]) = text.split_last_chunk()?;
    let length = usize::from(length);
    let padding = before.get(before.len().checked_sub(length)?..)?;
    let right = padding.iter().zip(1..=u8::MAX).all(|(is, be)| *is == be);
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
            let tail = tail(padding, NEXT_IPV4);
            text[payload..].copy_from_slice(&tail[..padding + TRAILER_BYTES]);
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
