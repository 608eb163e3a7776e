//! IPv4 header (RFC 791, 3.1): parse, checksum, TTL, and outer headers from a template.

use std::net::Ipv4Addr;

use super::Fragment;
use super::checksum::{fold, replace_word, sum};
use crate::fate::Reason;

/// Octets of a header without options: IHL 5.
pub const HEADER_BYTES: usize = 20;
/// Octets of a header with as many options as fit: IHL 15.
pub const HEADER_MAX_BYTES: usize = 60;
/// Version 4, IHL 5.
const VERSION_IHL: u8 = 0x45;
/// Don't fragment, in the word of flags and fragment offset.
const FLAG_DF: u16 = 0x4000;
/// More fragments, in the same word.
const FLAG_MF: u16 = 0x2000;
/// Fragment offset, in the same word, in units of 8 octets.
const OFFSET_MASK: u16 = 0x1fff;

const TOS_AT: usize = 1;
const TTL_AT: usize = 8;
const CHECKSUM_AT: usize = 10;

/// What a gateway acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Octets of the header, options included: 20 to 60.
    pub header_bytes: usize,
    /// Octets of the packet, by its own account; at least `header_bytes`.
    pub total_bytes: usize,
    /// DSCP and ECN, as one octet.
    pub tos: u8,
    /// Identification.
    pub identification: u16,
    /// Flags and fragment offset, as one word.
    pub flags_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Source address.
    pub source: u32,
    /// Destination address.
    pub destination: u32,
}

impl Header {
    /// Reads and verifies the header of a packet as RFC 1812, 5.2.2 asks: version, header
    /// length, total length, checksum over the options too. A packet may be longer than its
    /// header says (padding of the link, or of RFC 4303, 2.7): what to do then is the caller's.
    #[inline(always)]
    pub fn parse(packet: &[u8]) -> Result<Self, Reason> {
        let fixed = packet
            .first_chunk::<HEADER_BYTES>()
            .ok_or(Reason::MalformedHeader)?;
        // Five words as they lie in memory serve the checksum and, turned, the fields.
        let words = words(fixed);
        let [first, second, third, source, destination] = words.map(u32::from_be);
        let total_bytes = (first & 0xffff) as usize;
        let header_bytes = if fixed[0] == VERSION_IHL {
            HEADER_BYTES
        } else {
            options_length(fixed[0])?
        };
        if total_bytes < header_bytes || total_bytes > packet.len() {
            return Err(Reason::MalformedHeader);
        }
        let right = if header_bytes == HEADER_BYTES {
            fold(words.iter().map(|&word| u64::from(word)).sum()) == 0xffff
        } else {
            checksum_is_right(packet.get(..header_bytes).unwrap_or_default())
        };
        if !right {
            return Err(Reason::BadChecksum);
        }
        Ok(Self {
            header_bytes,
            total_bytes,
            tos: (first >> 16) as u8,
            identification: (second >> 16) as u16,
            flags_offset: second as u16,
            ttl: (third >> 24) as u8,
            protocol: (third >> 16) as u8,
            source,
            destination,
        })
    }

    /// True unless DF is set: the packet may be fragmented.
    #[inline(always)]
    pub fn may_be_fragmented(&self) -> bool {
        self.flags_offset & FLAG_DF == 0
    }

    /// Where its octets stand in the datagram, in units of 8.
    #[inline(always)]
    pub fn offset_units(&self) -> u16 {
        self.flags_offset & OFFSET_MASK
    }

    /// More fragments follow.
    #[inline(always)]
    pub fn has_more(&self) -> bool {
        self.flags_offset & FLAG_MF != 0
    }

    /// Which part of the datagram this is.
    #[inline(always)]
    pub fn fragment(&self) -> Fragment {
        let identification = u32::from(self.identification);
        match self.flags_offset & (FLAG_MF | OFFSET_MASK) {
            0 => Fragment::Whole,
            FLAG_MF => Fragment::First(identification),
            _ => Fragment::Later(identification),
        }
    }
}

/// Says in the header at the beginning of `packet`, `header_bytes` long, that it is a fragment:
/// its length, where its octets stand in the datagram, in units of 8, and whether more follow.
/// DF is cleared, and the checksum made right (RFC 791, 3.2).
#[inline(always)]
pub fn set_fragment(packet: &mut [u8], header_bytes: usize, offset_units: u16, more: bool) {
    let total_len = packet.len() as u16;
    let Some(header) = packet.get_mut(..header_bytes) else {
        return;
    };
    let flags_offset = offset_units & OFFSET_MASK | if more { FLAG_MF } else { 0 };
    if let Some([_, _, t0, t1, _, _, f0, f1, _, _, c0, c1]) = header.first_chunk_mut() {
        [*t0, *t1] = total_len.to_be_bytes();
        [*f0, *f1] = flags_offset.to_be_bytes();
        [*c0, *c1] = [0; 2];
    }
    let checksum = (!super::checksum::sum(header)).to_ne_bytes();
    if let Some(place) = header.get_mut(CHECKSUM_AT..CHECKSUM_AT + 2) {
        place.copy_from_slice(&checksum);
    }
}

/// Octet of an option that says that fragments have it, too (RFC 791, 3.1).
const OPTION_COPIED: u8 = 0x80;
/// End of the list of options.
const OPTION_END: u8 = 0;
/// An option that does nothing; one octet.
const OPTION_NOP: u8 = 1;

/// Puts no-operations in the place of options that only the first fragment has: the header
/// stays as long as it is (RFC 791, 3.1).
pub fn leave_copied_options(options: &mut [u8]) {
    let mut at = 0;
    while let Some(&kind) = options.get(at) {
        let bytes = match kind {
            OPTION_END => return,
            OPTION_NOP => 1,
            // A length of less than itself, or past the header: what follows cannot be told.
            _ => match options.get(at + 1) {
                Some(&bytes) if bytes >= 2 => usize::from(bytes),
                _ => return,
            },
        };
        let Some(option) = options.get_mut(at..at + bytes) else {
            return;
        };
        if kind & OPTION_COPIED == 0 {
            option.fill(OPTION_NOP);
        }
        at += bytes;
    }
}

/// The header as five words in the machine's order.
#[inline(always)]
fn words(header: &[u8; HEADER_BYTES]) -> [u32; 5] {
    let (chunks, _) = header.as_chunks::<4>();
    std::array::from_fn(|at| chunks.get(at).map_or(0, |word| u32::from_ne_bytes(*word)))
}

/// Octets of a header whose first octet is not 0x45.
#[cold]
fn options_length(version_ihl: u8) -> Result<usize, Reason> {
    let header_bytes = usize::from(version_ihl & 0x0f) * 4;
    if version_ihl >> 4 == 4 && header_bytes >= HEADER_BYTES {
        Ok(header_bytes)
    } else {
        Err(Reason::MalformedHeader)
    }
}

/// True where the checksum of `header`, options included, is right (RFC 791, 3.1).
#[inline]
pub fn checksum_is_right(header: &[u8]) -> bool {
    sum(header) == 0xffff
}

/// Takes 1 from the TTL and keeps the checksum right (RFC 1812, 5.3.1; RFC 1624).
/// [`Reason::TtlExpired`], and nothing is changed, where none would be left.
#[inline(always)]
pub fn decrement_ttl(packet: &mut [u8]) -> Result<(), Reason> {
    let header = packet
        .first_chunk_mut::<HEADER_BYTES>()
        .ok_or(Reason::MalformedHeader)?;
    // TTL, protocol and checksum are one word of 32 bits: read once, written once.
    let [_, _, _, _, _, _, _, _, t, p, c0, c1, ..] = header;
    let word = u32::from_be_bytes([*t, *p, *c0, *c1]);
    if word >> 24 <= 1 {
        return Err(Reason::TtlExpired);
    }
    let old = (word >> 16) as u16;
    let new = old - 0x0100;
    let checksum = replace_word(word as u16, old, new);
    let word = u32::from(new) << 16 | u32::from(checksum);
    [*t, *p, *c0, *c1] = word.to_be_bytes();
    Ok(())
}

/// Writes DSCP and ECN as one octet and keeps the checksum right (RFC 1624). False, and nothing
/// is changed, where the packet is shorter than a header.
#[inline]
pub fn set_tos(packet: &mut [u8], tos: u8) -> bool {
    let Some(header) = packet.first_chunk_mut::<HEADER_BYTES>() else {
        return false;
    };
    let old = u16::from_be_bytes([header[0], header[TOS_AT]]);
    let new = u16::from_be_bytes([header[0], tos]);
    let checksum = u16::from_be_bytes([header[CHECKSUM_AT], header[CHECKSUM_AT + 1]]);
    header[TOS_AT] = tos;
    let [high, low] = replace_word(checksum, old, new).to_be_bytes();
    header[CHECKSUM_AT] = high;
    header[CHECKSUM_AT + 1] = low;
    true
}

/// An outer header of which only length, TOS, identification and DF change from packet to
/// packet. Never a fragment, no options.
#[derive(Clone, Copy, Debug)]
pub struct OuterTemplate {
    header: [u8; HEADER_BYTES],
    /// Sum, words in network order, of all that does not change.
    fixed_sum: u64,
}

impl OuterTemplate {
    /// Fixes the endpoints of the tunnel, the protocol that it carries and the TTL of every
    /// packet in it.
    pub fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, ttl: u8) -> Self {
        let mut header = [0; HEADER_BYTES];
        header[0] = VERSION_IHL;
        header[TTL_AT] = ttl;
        header[TTL_AT + 1] = protocol;
        header[12..16].copy_from_slice(&source.octets());
        header[16..20].copy_from_slice(&destination.octets());
        let fixed_sum = header
            .chunks_exact(2)
            .map(|word| u64::from(word[0]) << 8 | u64::from(word[1]))
            .sum();
        Self { header, fixed_sum }
    }

    /// Writes the header of a packet of `total_len` octets, this header included.
    #[inline(always)]
    pub fn emit(
        &self,
        into: &mut [u8; HEADER_BYTES],
        total_len: u16,
        tos: u8,
        identification: u16,
        dont_fragment: bool,
    ) {
        let flags = if dont_fragment { FLAG_DF } else { 0 };
        let checksum = !fold(
            self.fixed_sum
                + u64::from(tos)
                + u64::from(total_len)
                + u64::from(identification)
                + u64::from(flags),
        );
        *into = self.header;
        into[TOS_AT] = tos;
        into[2..4].copy_from_slice(&total_len.to_be_bytes());
        into[4..6].copy_from_slice(&identification.to_be_bytes());
        into[6..8].copy_from_slice(&flags.to_be_bytes());
        into[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&checksum.to_be_bytes());
    }
}
