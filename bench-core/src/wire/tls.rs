//! Records of TLS 1.2 (RFC 5246, 6.2), TLS 1.3 (RFC 8446, 5) and DTLS 1.2 (RFC 6347, 4.1) that
//! are sealed with AES-GCM (RFC 5288; RFC 8446, 5.2).

use crate::cipher::NONCE_BYTES;
use crate::fate::Reason;

/// Octets of type, version and length (RFC 5246, 6.2.1).
pub const HEADER_BYTES: usize = 5;
/// The same with epoch and sequence number (RFC 6347, 4.1).
pub const DTLS_HEADER_BYTES: usize = 13;
/// Octets of the nonce that a record of version 1.2 shows (RFC 5288, 3).
pub const EXPLICIT_NONCE_BYTES: usize = 8;
/// Octets of the nonce that it does not: its salt.
pub const SALT_BYTES: usize = NONCE_BYTES - EXPLICIT_NONCE_BYTES;
/// Octets of the tag of an AEAD that TLS uses (RFC 5288, 3; RFC 8446, 5.2).
pub const TAG_BYTES: usize = 16;
/// Octets of the associated data of version 1.2: number, type, version, length of the text
/// (RFC 5246, 6.2.3.3; RFC 6347, 4.1.2.1).
pub const AAD_BYTES: usize = 13;
/// Most octets behind the header: 2^14, and what protects them (RFC 5246, 6.2.3).
pub const LONGEST_BYTES: usize = (1 << 14) + 2048;

/// Content type of what applications send each other (RFC 5246, 6.2.1).
pub const APPLICATION_DATA: u8 = 23;
/// Content types of a connection's own messages: a change of ciphers, alerts, the handshake.
const OWN: std::ops::RangeInclusive<u8> = 20..=22;

/// Version that every record of TLS 1.2 and TLS 1.3 shows (RFC 8446, 5.1).
pub const TLS_1_2: [u8; 2] = [3, 3];
/// Version that every record of DTLS 1.2 shows (RFC 6347, 4.1).
pub const DTLS_1_2: [u8; 2] = [254, 253];

/// Type, version and length.
#[inline(always)]
pub const fn header(length: u16) -> [u8; HEADER_BYTES] {
    let [high, low] = length.to_be_bytes();
    [APPLICATION_DATA, TLS_1_2[0], TLS_1_2[1], high, low]
}

/// Type and length of what follows. [`Reason::ControlMessage`] for a message of the connection's
/// own, [`Reason::BadRecord`] for what is no record of this version, or longer than any.
#[inline(always)]
pub fn parse(header: [u8; HEADER_BYTES]) -> Result<usize, Reason> {
    let [kind, v0, v1, l0, l1] = header;
    check(kind, [v0, v1], TLS_1_2, [l0, l1])
}

/// Type, version, epoch and sequence number as one word, and length.
#[inline(always)]
pub fn dtls_header(number: u64, length: u16) -> [u8; DTLS_HEADER_BYTES] {
    let [n0, n1, n2, n3, n4, n5, n6, n7] = number.to_be_bytes();
    let ([v0, v1], [l0, l1]) = (DTLS_1_2, length.to_be_bytes());
    [
        APPLICATION_DATA,
        v0,
        v1,
        n0,
        n1,
        n2,
        n3,
        n4,
        n5,
        n6,
        n7,
        l0,
        l1,
    ]
}

/// Epoch and sequence number as one word, and length of what follows; reasons as [`parse`]'s.
#[inline(always)]
pub fn parse_dtls(header: [u8; DTLS_HEADER_BYTES]) -> Result<(u64, usize), Reason> {
    let [kind, v0, v1, number @ .., l0, l1] = header;
    let length = check(kind, [v0, v1], DTLS_1_2, [l0, l1])?;
    Ok((u64::from_be_bytes(number), length))
}

#[inline(always)]
fn check(kind: u8, version: [u8; 2], ours: [u8; 2], length: [u8; 2]) -> Result<usize, Reason> {
    let length = usize::from(u16::from_be_bytes(length));
    if version != ours || length > LONGEST_BYTES {
        return Err(Reason::BadRecord);
    }
    match kind {
        APPLICATION_DATA => Ok(length),
        kind if OWN.contains(&kind) => Err(Reason::ControlMessage),
        _ => Err(Reason::BadRecord),
    }
}

/// Associated data of version 1.2. `number` is the sequence number of TLS, epoch and sequence
/// number of DTLS.
#[inline(always)]
pub fn aad(number: u64, version: [u8; 2], text_bytes: usize) -> [u8; AAD_BYTES] {
    let mut aad = [0; AAD_BYTES];
    let [v0, v1] = version;
    let [l0, l1] = (text_bytes as u16).to_be_bytes();
    aad[..8].copy_from_slice(&number.to_be_bytes());
    aad[8..].copy_from_slice(&[APPLICATION_DATA, v0, v1, l0, l1]);
    aad
}

/// Nonce of version 1.2: the salt, and what the record shows (RFC 5288, 3).
#[inline(always)]
pub fn nonce(iv: &[u8; NONCE_BYTES], explicit: [u8; EXPLICIT_NONCE_BYTES]) -> [u8; NONCE_BYTES] {
    let mut nonce = *iv;
    nonce[SALT_BYTES..].copy_from_slice(&explicit);
    nonce
}

/// Nonce of version 1.3: IV and sequence number, one over the other (RFC 8446, 5.3).
#[inline(always)]
pub fn nonce_1_3(iv: &[u8; NONCE_BYTES], number: u64) -> [u8; NONCE_BYTES] {
    let [i0, i1, i2, i3, rest @ ..] = *iv;
    let rest = (u64::from_be_bytes(rest) ^ number).to_be_bytes();
    nonce(&[i0, i1, i2, i3, 0, 0, 0, 0, 0, 0, 0, 0], rest)
}
