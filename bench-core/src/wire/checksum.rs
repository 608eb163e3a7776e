//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! All sums here take words as the machine loads them: the one's complement sum does not
//! depend on the byte order as long as every word, and the result, use the same one
//! (RFC 1071, 2 B). [`replace_word`] alone does not care which that is.

/// One's complement sum of 16 bits from a wider one: halves are added, with end-around carry,
/// until 16 bits are left. 0 stays 0; everything else comes out as 1 to 0xffff.
#[inline(always)]
pub const fn fold(sum: u64) -> u16 {
    // The upper half of `x + rotated x` is the sum of both halves plus the carry out of it.
    let sum = (sum.wrapping_add(sum.rotate_right(32)) >> 32) as u32;
    (sum.wrapping_add(sum.rotate_right(16)) >> 16) as u16
}

/// One's complement sum of `octets`, words in the machine's order; a last single octet counts
/// as if a zero followed (RFC 1071, 1). Over a header with its checksum in place, 0xffff means
/// that it is right.
#[inline]
pub fn sum(octets: &[u8]) -> u16 {
    let words = octets.chunks_exact(4);
    let mut tail = [0; 4];
    for (to, from) in tail.iter_mut().zip(words.remainder()) {
        *to = *from;
    }
    let total = words
        .filter_map(|word| word.first_chunk::<4>())
        .map(|word| u64::from(u32::from_ne_bytes(*word)))
        .sum::<u64>();
    fold(total + u64::from(u32::from_ne_bytes(tail)))
}

/// The checksum after one 16-bit word under it changed: `HC' = ~(~HC + ~m + m')`
/// (RFC 1624, equation 3). All three in the same byte order.
#[inline(always)]
pub const fn replace_word(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(!checksum as u64 + !old as u64 + new as u64)
}
