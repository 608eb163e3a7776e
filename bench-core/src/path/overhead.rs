//! Header arithmetic: which bytes a case adds to a packet, exactly, and what of that fits an MTU.
//! The one place that says so; what a path emits is held against it, packet by packet.

use super::underlay::Family;
use crate::wire::{ipv4, ipv6};

/// Most octets of an IPv4 packet, and most behind an IPv6 header: what a length field of 16 bits
/// can say (RFC 791, 3.1; RFC 8200, 3).
const LENGTH_MAX: usize = u16::MAX as usize;
/// A TCP header without options (RFC 9293, 3.1).
const TCP_HEADER_BYTES: usize = 20;
/// The Fragment header of IPv6 (RFC 8200, 4.5).
const FRAGMENT_HEADER_BYTES: usize = 8;
/// Every fragment but the last carries a multiple of this (RFC 791, 3.2; RFC 8200, 4.5).
const FRAGMENT_UNIT_BYTES: usize = 8;

/// Octets around an inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead {
    /// In front: outer headers, tunnel header, IV.
    pub front: usize,
    /// Packet, padding and trailer end on a multiple of this; 1 for no padding. A power of 2.
    pub alignment: usize,
    /// Padding ends here at the latest, on a multiple or not; what is longer gets none.
    pub padded_most: usize,
    /// Behind the padding, and sealed with it.
    pub trailer: usize,
    /// Behind all: the ICV.
    pub icv: usize,
    /// How what comes behind the first outer headers is cut, where one packet may go out as
    /// several.
    pub segments: Option<Segments>,
    /// Longest packet that the tunnel's own length fields can hold, where those are what ends
    /// first; a longer one is dropped.
    pub longest_inner: Option<usize>,
}

/// How a record becomes packets: each has a header in front and as much of the record as fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// Octets in front of each; of the first one, they are part of [`Overhead::front`].
    pub header_bytes: usize,
    /// Octets of the record in each but the last.
    pub payload_bytes: usize,
}

impl Segments {
    /// Packets that a record of so many octets becomes.
    #[inline(always)]
    pub const fn packets(self, record_bytes: usize) -> usize {
        if record_bytes <= self.payload_bytes {
            1
        } else {
            record_bytes.div_ceil(self.payload_bytes)
        }
    }

    /// Octets of headers beside the first one.
    #[inline(always)]
    pub const fn further_header_bytes(self, record_bytes: usize) -> usize {
        (self.packets(record_bytes) - 1) * self.header_bytes
    }
}

impl Overhead {
    /// Nothing at all.
    pub const NONE: Self = Self {
        front: 0,
        alignment: 1,
        padded_most: usize::MAX,
        trailer: 0,
        icv: 0,
        segments: None,
        longest_inner: None,
    };

    /// Only something in front.
    pub const fn in_front(front: usize) -> Self {
        Self {
            front,
            ..Self::NONE
        }
    }

    /// Most octets behind a packet.
    pub const fn tailroom(self) -> usize {
        let longest_inner = match self.longest_inner {
            Some(bytes) => bytes,
            None => u16::MAX as usize,
        };
        self.alignment - 1 + self.trailer + self.icv + self.further_header_bytes(longest_inner)
    }

    /// Octets of padding behind a packet of so many.
    #[inline(always)]
    pub const fn padding_bytes(self, inner_bytes: usize) -> usize {
        let unpadded_bytes = inner_bytes + self.trailer;
        let padding_bytes = unpadded_bytes.wrapping_neg() & (self.alignment - 1);
        let room = self.padded_most.saturating_sub(unpadded_bytes);
        if padding_bytes < room {
            padding_bytes
        } else {
            room
        }
    }

    /// Octets of headers that stand between parts of what a packet of so many became.
    #[inline(always)]
    pub const fn further_header_bytes(self, inner_bytes: usize) -> usize {
        match self.segments {
            None => 0,
            Some(segments) => {
                let front_bytes = self.front - segments.header_bytes;
                let back_bytes = self.padding_bytes(inner_bytes) + self.trailer + self.icv;
                segments.further_header_bytes(front_bytes + inner_bytes + back_bytes)
            }
        }
    }

    /// Octets added to a packet of so many.
    #[inline(always)]
    pub const fn added_bytes(self, inner_bytes: usize) -> usize {
        self.front
            + self.padding_bytes(inner_bytes)
            + self.trailer
            + self.icv
            + self.further_header_bytes(inner_bytes)
    }

    /// Octets of the outer packet around an IP packet of so many, under an outermost header of
    /// `outer`. `None` where there is no such packet: shorter than a header, or longer than a
    /// length field can say.
    pub const fn outer_bytes(self, inner_bytes: usize, outer: Family) -> Option<usize> {
        if inner_bytes < ipv4::HEADER_BYTES || inner_bytes > LENGTH_MAX {
            return None;
        }
        if let Some(longest) = self.longest_inner
            && inner_bytes > longest
        {
            return None;
        }
        let longest = match outer {
            Family::V4 => LENGTH_MAX,
            Family::V6 => ipv6::HEADER_BYTES + LENGTH_MAX,
        };
        let outer_bytes = inner_bytes + self.added_bytes(inner_bytes);
        // Segments have a length field each.
        if outer_bytes > longest && self.segments.is_none() {
            return None;
        }
        Some(outer_bytes)
    }

    /// The same over a path of another MTU, which segments are as long as.
    #[must_use]
    pub const fn over(self, outer_mtu: usize) -> Self {
        let segments = match self.segments {
            None => None,
            Some(segments) => Some(Segments {
                payload_bytes: outer_mtu.saturating_sub(segments.header_bytes),
                ..segments
            }),
        };
        Self { segments, ..self }
    }

    /// Packets that an inner packet of so many octets goes out as over `mtu`: one, or the
    /// segments of its record, or the fragments of the outer packet. `None` where there is no
    /// such packet, or no fragment fits.
    pub const fn packets(self, inner_bytes: usize, outer: Family, mtu: usize) -> Option<usize> {
        let over = self.over(mtu);
        let Some(outer_bytes) = over.outer_bytes(inner_bytes, outer) else {
            return None;
        };
        match over.segments {
            None => fragments(outer, outer_bytes, mtu),
            Some(segments) if segments.payload_bytes == 0 => None,
            Some(segments) => {
                let further_bytes = over.further_header_bytes(inner_bytes);
                Some(segments.packets(outer_bytes - further_bytes - segments.header_bytes))
            }
        }
    }

    /// Longest inner packet whose outer one is no longer than `outer_mtu`, in one piece; `None`
    /// where not even a header fits.
    pub const fn largest_inner_bytes(self, outer_mtu: usize) -> Option<usize> {
        let Some(room) = outer_mtu.checked_sub(self.front + self.icv) else {
            return None;
        };
        // Where padding ends before the room does, all of it can be filled.
        let sealed = if room < self.padded_most {
            room & !(self.alignment - 1)
        } else {
            room
        };
        match sealed.checked_sub(self.trailer) {
            Some(inner_bytes) if inner_bytes >= ipv4::HEADER_BYTES => Some(inner_bytes),
            _ => None,
        }
    }
}

/// Packets in which an outer packet of so many octets goes through `mtu`: 1 where it fits, and
/// else as many as the near gateway cuts it into. IPv4 repeats the header (RFC 791, 3.2), IPv6
/// adds a Fragment header to each (RFC 8200, 4.5). `None` where no fragment fits.
pub const fn fragments(outer: Family, outer_bytes: usize, mtu: usize) -> Option<usize> {
    if outer_bytes <= mtu {
        return Some(1);
    }
    let (header_bytes, repeated_bytes) = match outer {
        Family::V4 => (ipv4::HEADER_BYTES, ipv4::HEADER_BYTES),
        Family::V6 => (
            ipv6::HEADER_BYTES,
            ipv6::HEADER_BYTES + FRAGMENT_HEADER_BYTES,
        ),
    };
    let Some(last_max) = mtu.checked_sub(repeated_bytes) else {
        return None;
    };
    let each = last_max / FRAGMENT_UNIT_BYTES * FRAGMENT_UNIT_BYTES;
    if each == 0 {
        return None;
    }
    // The last one is bound by the MTU alone.
    let before_last = (outer_bytes - header_bytes).saturating_sub(last_max);
    Some(before_last.div_ceil(each) + 1)
}

/// Maximum segment size to clamp TCP of `inner` to, so that its packets are no longer than
/// `largest_inner_bytes`: without fixed IP and TCP headers, and with options, where there are
/// any, taken out of the segment (RFC 9293, 3.7.1). `None` where no octet is left.
pub const fn mss(largest_inner_bytes: usize, inner: Family) -> Option<usize> {
    let ip = match inner {
        Family::V4 => ipv4::HEADER_BYTES,
        Family::V6 => ipv6::HEADER_BYTES,
    };
    match largest_inner_bytes.checked_sub(ip + TCP_HEADER_BYTES) {
        Some(0) | None => None,
        segment => segment,
    }
}
