//! Header arithmetic: which bytes a case adds to a packet, exactly, and what of that fits an MTU.
//! The one place that says so; what a path emits is held against it, packet by packet.

use super::underlay::Family;
use crate::wire::{self, icmp, ipv4, ipv6};

/// Most octets of an IPv4 packet, and most behind an IPv6 header: what a length field of 16 bits
/// can say (RFC 791, 3.1; RFC 8200, 3).
const LENGTH_MAX: usize = u16::MAX as usize;
/// A TCP header without options (RFC 9293, 3.1).
const TCP_HEADER_BYTES: usize = 20;
/// MTU of the underlay that the list of cases is for: Ethernet's.
pub const OUTER_MTU: usize = 1500;
/// What an ICMP answer needs in front of the packet that it quotes: the longer of both headers,
/// and ICMP's own.
const ANSWER_BYTES: usize = ipv6::HEADER_BYTES + icmp::HEADER_BYTES;
/// Every fragment but the last carries a multiple of this (RFC 791, 3.2; RFC 8200, 4.5).
pub const FRAGMENT_UNIT_BYTES: usize = 8;

/// Octets around an inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead {
    /// In front: outer headers, tunnel header, IV.
    pub front: usize,
    /// Octets of that which stand right in front of the packet and are sealed with it.
    pub sealed_front: usize,
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
    /// What becomes of a packet that is longer than the underlay's MTU when it is sealed.
    pub beyond: Beyond,
    /// That MTU, which fragments are as long as.
    pub outer_mtu: usize,
}

/// What becomes of a packet that does not fit the underlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// It is carried whole: the underlay has jumbo frames.
    Carried,
    /// The outer packet, with a header of this family, is fragmented behind the sealing
    /// (RFC 4303, 3.3.4).
    FragmentedOutside(Family),
    /// An IPv4 packet without DF is fragmented ahead of the sealing (RFC 791, 3.2), any other is
    /// dropped.
    FragmentedInside,
    /// It is dropped.
    Dropped,
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
        sealed_front: 0,
        trailer: 0,
        icv: 0,
        segments: None,
        longest_inner: None,
        beyond: Beyond::Carried,
        outer_mtu: OUTER_MTU,
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
            None => LENGTH_MAX,
        };
        let cut_bytes = match self.beyond {
            Beyond::Carried | Beyond::Dropped => self.further_header_bytes(longest_inner),
            Beyond::FragmentedOutside(outer) => {
                let outer_bytes = longest_inner + self.whole_bytes(longest_inner);
                fragmenting_bytes(outer, outer_bytes, self.outer_mtu)
            }
            Beyond::FragmentedInside => self.inside_bytes(longest_inner, ipv4::HEADER_MAX_BYTES),
        };
        self.alignment - 1 + self.trailer + self.icv + cut_bytes
    }

    /// Most octets in front of a packet.
    pub const fn headroom(self) -> usize {
        match self.beyond {
            Beyond::Carried => self.front,
            Beyond::FragmentedOutside(_) => self.front + ipv6::FRAGMENT_BYTES,
            // The answer stands in front of what is not sealed.
            _ if self.front < ANSWER_BYTES => ANSWER_BYTES,
            _ => self.front,
        }
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

    /// Octets added to a packet of so many that is sent whole, or as segments.
    #[inline(always)]
    pub const fn whole_bytes(self, inner_bytes: usize) -> usize {
        self.front
            + self.padding_bytes(inner_bytes)
            + self.trailer
            + self.icv
            + self.further_header_bytes(inner_bytes)
    }

    /// Octets added to a packet of so many, in all that it is sent as. Where it is fragmented
    /// inside, its header has no options.
    #[inline(always)]
    pub const fn added_bytes(self, inner_bytes: usize) -> usize {
        self.added_behind(inner_bytes, ipv4::HEADER_BYTES)
    }

    /// The same of this packet, whose header may have options.
    pub fn added_to(self, packet: &[u8]) -> usize {
        let header_bytes = match packet.first() {
            Some(first) if wire::version(packet) == Some(4) => usize::from(first & 0x0f) * 4,
            _ => ipv4::HEADER_BYTES,
        };
        self.added_behind(packet.len(), header_bytes)
    }

    #[inline(always)]
    const fn added_behind(self, inner_bytes: usize, header_bytes: usize) -> usize {
        let whole_bytes = self.whole_bytes(inner_bytes);
        match self.beyond {
            Beyond::Carried | Beyond::Dropped => whole_bytes,
            Beyond::FragmentedOutside(outer) => {
                let outer_bytes = inner_bytes + whole_bytes;
                whole_bytes + fragmenting_bytes(outer, outer_bytes, self.outer_mtu)
            }
            Beyond::FragmentedInside => self.inside_bytes(inner_bytes, header_bytes),
        }
    }

    /// How an IPv4 packet of so many octets, header included, is cut so that each fragment fits
    /// the underlay: `None` where it is not, since it fits or since nothing would.
    #[inline(always)]
    pub const fn inner_fragments(self, inner_bytes: usize, header_bytes: usize) -> Option<Cut> {
        match self.largest_inner_bytes(self.outer_mtu) {
            Some(largest) if inner_bytes > largest => {
                Cut::new(inner_bytes, header_bytes, header_bytes, largest)
            }
            _ => None,
        }
    }

    /// Octets added to an IPv4 packet in all the fragments that it is sealed as.
    const fn inside_bytes(self, inner_bytes: usize, header_bytes: usize) -> usize {
        let Some(cut) = self.inner_fragments(inner_bytes, header_bytes) else {
            return self.whole_bytes(inner_bytes);
        };
        let each_bytes = header_bytes + cut.each_bytes;
        let last_bytes = header_bytes + cut.last_bytes;
        (cut.packets - 1) * (header_bytes + self.whole_bytes(each_bytes))
            + self.whole_bytes(last_bytes)
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
        let outer_bytes = inner_bytes + self.whole_bytes(inner_bytes);
        let has_one_length = match self.beyond {
            Beyond::FragmentedInside => false,
            Beyond::Dropped if outer_bytes > self.outer_mtu => return None,
            // Segments have a length field each.
            _ => self.segments.is_none(),
        };
        if outer_bytes > longest && has_one_length {
            return None;
        }
        Some(inner_bytes + self.added_bytes(inner_bytes))
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
        Self {
            segments,
            outer_mtu,
            ..self
        }
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
            None if matches!(over.beyond, Beyond::FragmentedInside) => {
                match over.inner_fragments(inner_bytes, ipv4::HEADER_BYTES) {
                    Some(cut) => Some(cut.packets),
                    None if outer_bytes > mtu => None,
                    None => Some(1),
                }
            }
            None => fragments(outer, inner_bytes + over.whole_bytes(inner_bytes), mtu),
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

/// What fits an outer MTU, and what to tell TCP of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fits {
    /// Longest inner packet ([`Overhead::largest_inner_bytes`]).
    pub largest_inner_bytes: Option<usize>,
    /// Segment size to clamp TCP over IPv4 to ([`mss`]).
    pub mss_v4: Option<usize>,
    /// The same over IPv6.
    pub mss_v6: Option<usize>,
}

impl Fits {
    /// In an outer packet of at most `outer_mtu`.
    pub fn new(overhead: Overhead, outer_mtu: usize) -> Self {
        let largest_inner_bytes = overhead.largest_inner_bytes(outer_mtu);
        let clamp = |inner| largest_inner_bytes.and_then(|bytes| mss(bytes, inner));
        Self {
            largest_inner_bytes,
            mss_v4: clamp(Family::V4),
            mss_v6: clamp(Family::V6),
        }
    }
}

/// How a packet is cut into fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// At least two.
    pub packets: usize,
    /// Octets behind the header of each but the last; a multiple of [`FRAGMENT_UNIT_BYTES`].
    pub each_bytes: usize,
    /// Octets behind the header of the last, which is bound by the MTU alone.
    pub last_bytes: usize,
}

impl Cut {
    /// Of a packet that does not fit: each fragment has `repeated_bytes` of headers and is no
    /// longer than `mtu`. `None` where no octet fits.
    #[inline(always)]
    const fn new(
        packet_bytes: usize,
        header_bytes: usize,
        repeated_bytes: usize,
        mtu: usize,
    ) -> Option<Self> {
        let Some(last_max) = mtu.checked_sub(repeated_bytes) else {
            return None;
        };
        let each_bytes = last_max / FRAGMENT_UNIT_BYTES * FRAGMENT_UNIT_BYTES;
        if each_bytes == 0 {
            return None;
        }
        let data_bytes = packet_bytes.saturating_sub(header_bytes);
        let before_last = data_bytes.saturating_sub(last_max).div_ceil(each_bytes);
        Some(Self {
            packets: before_last + 1,
            each_bytes,
            last_bytes: data_bytes - before_last * each_bytes,
        })
    }

    /// Of an outer packet: IPv4 repeats the header (RFC 791, 3.2), IPv6 adds a Fragment header
    /// to each (RFC 8200, 4.5). `None` where it fits, or no fragment does.
    #[inline(always)]
    pub const fn of_outer(outer: Family, outer_bytes: usize, mtu: usize) -> Option<Self> {
        if outer_bytes <= mtu {
            return None;
        }
        let (header_bytes, repeated_bytes) = outer_headers(outer);
        Self::new(outer_bytes, header_bytes, repeated_bytes, mtu)
    }
}

/// Octets of an outer header, and of the headers of a fragment.
const fn outer_headers(outer: Family) -> (usize, usize) {
    match outer {
        Family::V4 => (ipv4::HEADER_BYTES, ipv4::HEADER_BYTES),
        Family::V6 => (
            ipv6::HEADER_BYTES,
            ipv6::HEADER_BYTES + ipv6::FRAGMENT_BYTES,
        ),
    }
}

/// Packets in which an outer packet of so many octets goes through `mtu`: 1 where it fits, and
/// else as many as the near gateway cuts it into. `None` where no fragment fits.
pub const fn fragments(outer: Family, outer_bytes: usize, mtu: usize) -> Option<usize> {
    if outer_bytes <= mtu {
        return Some(1);
    }
    match Cut::of_outer(outer, outer_bytes, mtu) {
        Some(cut) => Some(cut.packets),
        None => None,
    }
}

/// Octets of headers that fragmenting an outer packet adds.
const fn fragmenting_bytes(outer: Family, outer_bytes: usize, mtu: usize) -> usize {
    let (header_bytes, repeated_bytes) = outer_headers(outer);
    match Cut::of_outer(outer, outer_bytes, mtu) {
        Some(cut) => cut.packets * repeated_bytes - header_bytes,
        None => 0,
    }
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
