//! ESP (RFC 4303): header, trailer and padding. What stands between them is the cipher's.

/// IP protocol number of ESP (RFC 4303, 2).
pub const PROTOCOL: u8 = 50;
/// SPI and sequence number (RFC 4303, 2.1 and 2.2).
pub const HEADER_BYTES: usize = 8;
/// Pad length and next header (RFC 4303, 2.5 and 2.6).
pub const TRAILER_BYTES: usize = 2;
/// Pad length and next header end on such a boundary, or on a wider one where the sender likes
/// (RFC 4303, 2.4).
pub const ALIGNMENT: usize = 4;
/// Widest alignment that a sender here uses.
pub const ALIGNMENT_MAX: usize = 16;
/// Most padding that a sender here writes.
pub const PADDING_MAX_BYTES: usize = ALIGNMENT_MAX - 1;
/// Next header of an IPv4 packet in tunnel mode (RFC 4303, 2.6).
pub const NEXT_IPV4: u8 = 4;
/// Next header of an IPv6 packet in tunnel mode.
pub const NEXT_IPV6: u8 = 41;

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

/// Octets that padding of an ordinary sender, its length and the next header fit in.
const TAIL_BYTES: usize = 8;
const _: () = assert!(ALIGNMENT - 1 + TRAILER_BYTES <= TAIL_BYTES);

/// Padding and its length for 0 to 3 octets of it, first octet lowest.
const PADDED: [u32; ALIGNMENT] = [0x00, 0x01_01, 0x02_02_01, 0x03_03_02_01];
/// The longest padding, first octet lowest, with one octet more.
const COUNTED: u128 = 0x100f_0e0d_0c0b_0a09_0807_0605_0403_0201;

/// Writes padding, its length and the next header to the beginning of `back`, and something
/// behind them that the ICV covers: `back` has room for both. False where it has not, or where
/// the padding is longer than [`PADDING_MAX_BYTES`].
#[inline(always)]
pub fn write_tail(back: &mut [u8], padding_bytes: usize, next_header: u8) -> bool {
    if let Some(padded) = PADDED.get(padding_bytes) {
        let Some(back) = back.first_chunk_mut::<TAIL_BYTES>() else {
            return false;
        };
        let tail = u64::from(*padded) | u64::from(next_header) << (8 * (padding_bytes + 1));
        *back = tail.to_le_bytes();
        return true;
    }
    let Some(counted) = back.first_chunk_mut::<ALIGNMENT_MAX>() else {
        return false;
    };
    *counted = COUNTED.to_le_bytes();
    let trailer = back.get_mut(padding_bytes..padding_bytes + TRAILER_BYTES);
    let Some([length, next]) = trailer.filter(|_| padding_bytes <= PADDING_MAX_BYTES) else {
        return false;
    };
    (*length, *next) = (padding_bytes as u8, next_header);
    true
}

/// Octets of padding and next header at the end of decrypted text; `None` where the padding is
/// longer than the text or not 1, 2, 3, …
#[inline(always)]
pub fn parse_trailer(text: &[u8]) -> Option<(usize, u8)> {
    let Some(end) = text.last_chunk::<TAIL_BYTES>() else {
        return short_trailer(text);
    };
    let [.., length, next_header] = *end;
    let length = usize::from(length);
    let Some(padded) = PADDED.get(length) else {
        return counted(text, length).then_some((length, next_header));
    };
    // What a sender here adds is compared at once, by the table that it was written with: the
    // next header falls off above, what is before the padding below.
    let found = u64::from_le_bytes(*end) << 8 >> (8 * (TAIL_BYTES - 1 - length));
    (found == u64::from(*padded)).then_some((length, next_header))
}

/// Whether `length` octets before the trailer are 1, 2, 3, …
#[inline(never)]
fn counted(text: &[u8], length: usize) -> bool {
    let end = text.len() - TRAILER_BYTES;
    let Some(padding) = end.checked_sub(length).and_then(|at| text.get(at..end)) else {
        return false;
    };
    if let (Some(end), 1..=PADDING_MAX_BYTES) = (text[..end].last_chunk(), length) {
        let found = u128::from_le_bytes(*end) >> (8 * (ALIGNMENT_MAX - length));
        return found == COUNTED & ((1 << (8 * length)) - 1);
    }
    padding.iter().zip(1..=u8::MAX).all(|(is, be)| *is == be)
}

/// The trailer of a text of less than [`TAIL_BYTES`] octets.
#[cold]
fn short_trailer(text: &[u8]) -> Option<(usize, u8)> {
    let &[.., length, next_header] = text else {
        return None;
    };
    let length = usize::from(length);
    counted(text, length).then_some((length, next_header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_written_as_they_are_read() {
        for (alignment, payload) in [4, 16].iter().flat_map(|a| (0..60).map(|p| (*a, p))) {
            let padding = (alignment - (payload + TRAILER_BYTES) % alignment) % alignment;
            let mut text = vec![0xee; payload + padding + TRAILER_BYTES + 16];
            assert!(write_tail(&mut text[payload..], padding, NEXT_IPV4));
            text.truncate(payload + padding + TRAILER_BYTES);
            assert_eq!(text.len() % alignment, 0);
            let counted: Vec<u8> = (1..=padding as u8).collect();
            assert_eq!(text[payload..payload + padding], counted);
            assert_eq!(parse_trailer(&text), Some((padding, NEXT_IPV4)));
            for at in payload..payload + padding {
                text[at] ^= 0x40;
                assert_eq!(parse_trailer(&text), None, "{alignment} {payload} {at}");
                text[at] ^= 0x40;
            }
        }
        assert!(!write_tail(&mut [0; 7], 0, NEXT_IPV4));
        assert!(!write_tail(&mut [0; 40], 16, NEXT_IPV4));
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
