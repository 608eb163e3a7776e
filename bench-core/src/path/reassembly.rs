//! Outer datagrams that came in fragments, put together again (RFC 791, 3.2; RFC 8200, 4.5).
//!
//! Memory is fixed: a table of datagrams, each with room for the longest there is and a list of
//! the fragments it has. A datagram that does not become whole makes room by age, counted in
//! fragments and not in seconds, since a path has no clock: at the latest when
//! [`AGE_MAX`] others came, long before its identification comes again (RFC 4963, 3), or when
//! the table is full and it is the oldest.
//!
//! A fragment that has octets in common with another one, or lies behind the end, takes its
//! datagram with it (RFC 5722, 4; RFC 8200, 4.5; of IPv4 alike). An exact repetition is refused alone. ECN is
//! put together as RFC 3168, 5.3 says.

use crate::fate::Reason;
use crate::wire::ipv6::FragmentHeader;
use crate::wire::{self, Fragment, ipv4, ipv6, protocol, traffic_class};

/// Datagrams in the table.
pub const DATAGRAMS_MAX: usize = 16;
/// Fragments of a datagram: enough for the longest one through an MTU of 1280 octets.
pub const FRAGMENTS_MAX: usize = 64;
const _: () = assert!(DATA_BYTES_MAX.div_ceil(1280 - 48) <= FRAGMENTS_MAX);
/// Fragments that may come between the first one of a datagram and its last.
pub const AGE_MAX: u64 = 1024;

/// Octets behind the header at most: what an offset of 13 bits and a length of 16 can say.
const DATA_BYTES_MAX: usize = u16::MAX as usize;
/// Every fragment but the last carries a multiple of this.
const UNIT_BYTES: usize = super::overhead::FRAGMENT_UNIT_BYTES;
/// Where ECN says "congestion experienced", and where it says "not ECN-capable" (RFC 3168, 5).
const ECN_CE: u8 = 3;
const ECN_NOT_CAPABLE: u8 = 0;
const ECN_MASK: u8 = 3;

/// Which datagram a fragment is of.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    source: u128,
    destination: u128,
    identification: u32,
    /// IPv4 only; each fragment of IPv6 may name another one (RFC 8200, 4.5).
    protocol: u8,
    is_v4: bool,
    /// A whole datagram behind a Fragment header, which is nobody's fragment (RFC 6946, 4).
    is_atomic: bool,
}

/// A fragment, verified.
struct Piece<'p> {
    key: Key,
    header: &'p [u8],
    /// Protocol of what was fragmented.
    next_header: u8,
    offset: usize,
    data: &'p [u8],
    more: bool,
    ecn: u8,
}

/// A datagram in the making.
struct Slot {
    /// `None` where the slot is free.
    key: Option<Key>,
    /// Fragments that the table had taken when the first one came.
    since: u64,
    /// Beginning and end of each fragment.
    pieces: [(u32, u32); FRAGMENTS_MAX],
    piece_count: usize,
    /// Octets so far; none stands for two.
    taken_bytes: usize,
    /// Known from the last fragment.
    total_bytes: Option<usize>,
    /// Known from the first fragment; 0 until then.
    header_bytes: usize,
    /// Which of the four values of ECN a fragment had, a bit each.
    ecn_seen: u8,
    /// The header, ending at [`ipv4::HEADER_MAX_BYTES`], and what stands behind it.
    octets: Box<[u8]>,
}

/// Where a datagram is that became whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    slot: usize,
    start: usize,
    end: usize,
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Its datagram is not whole yet.
    Held,
    /// Its datagram is whole, and stands here until the next fragment is taken.
    Whole(Place),
}

/// The table.
pub struct Reassembly {
    slots: Box<[Slot]>,
    /// Fragments taken so far.
    count: u64,
}

impl Default for Reassembly {
    fn default() -> Self {
        Self::new()
    }
}

impl Reassembly {
    /// An empty table.
    pub fn new() -> Self {
        Self {
            slots: (0..DATAGRAMS_MAX).map(|_| Slot::new()).collect(),
            count: 0,
        }
    }

    /// Whether a packet has anything to be put together; everything else passes by.
    #[inline(always)]
    pub fn is_for(packet: &[u8]) -> bool {
        match packet {
            [first, _, _, _, _, _, next, ..] if first >> 4 == 6 => *next == protocol::FRAGMENT,
            // MF and the offset.
            [_, _, _, _, _, _, flags, offset, ..] => flags & 0x3f != 0 || *offset != 0,
            _ => false,
        }
    }

    /// Datagrams that are not whole yet.
    pub fn held(&self) -> usize {
        let held = self.slots.iter().filter(|slot| slot.key.is_some());
        held.count()
    }

    /// Takes a fragment.
    pub fn take(&mut self, packet: &[u8]) -> Result<Taken, Reason> {
        let piece = Piece::read(packet)?;
        self.count += 1;
        let at = self.find(piece.key);
        let Some(slot) = self.slots.get_mut(at) else {
            return Err(Reason::NoRoom);
        };
        let taken = slot.take(&piece);
        match taken {
            Ok(true) => {
                slot.key = None;
                let datagram = slot.finish()?;
                Ok(Taken::Whole(Place {
                    slot: at,
                    ..datagram
                }))
            }
            Ok(false) => Ok(Taken::Held),
            Err(reason) => {
                // Of a repetition nothing is lost.
                if reason != Reason::DuplicateFragment {
                    slot.key = None;
                }
                Err(reason)
            }
        }
    }

    /// A datagram that became whole.
    pub fn datagram(&self, place: Place) -> &[u8] {
        let slot = self.slots.get(place.slot);
        let octets = slot.and_then(|slot| slot.octets.get(place.start..place.end));
        octets.unwrap_or_default()
    }

    /// The slot of a datagram: its own, or one that is free, or the oldest one's.
    fn find(&mut self, key: Key) -> usize {
        let mut free = None;
        let mut oldest = (u64::MAX, 0);
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if slot.key.is_some() && self.count - slot.since > AGE_MAX {
                slot.key = None;
            }
            if slot.key == Some(key) {
                return at;
            }
            if slot.key.is_none() && free.is_none() {
                free = Some(at);
            }
            oldest = oldest.min((slot.since, at));
        }
        let at = free.unwrap_or(oldest.1);
        if let Some(slot) = self.slots.get_mut(at) {
            slot.begin(key, self.count);
        }
        at
    }
}

impl Slot {
    fn new() -> Self {
        Self {
            key: None,
            since: 0,
            pieces: [(0, 0); FRAGMENTS_MAX],
            piece_count: 0,
            taken_bytes: 0,
            total_bytes: None,
            header_bytes: 0,
            ecn_seen: 0,
            octets: vec![0; ipv4::HEADER_MAX_BYTES + DATA_BYTES_MAX].into(),
        }
    }

    fn begin(&mut self, key: Key, since: u64) {
        self.key = Some(key);
        self.since = since;
        self.piece_count = 0;
        self.taken_bytes = 0;
        self.total_bytes = None;
        self.header_bytes = 0;
        self.ecn_seen = 0;
    }

    /// Takes a fragment in; whether the datagram is whole now.
    fn take(&mut self, piece: &Piece<'_>) -> Result<bool, Reason> {
        let (start, end) = (piece.offset, piece.offset + piece.data.len());
        self.look(start, end, piece.more)?;
        let free = self.pieces.get_mut(self.piece_count);
        *free.ok_or(Reason::NoRoom)? = (start as u32, end as u32);
        let front = ipv4::HEADER_MAX_BYTES;
        let place = self.octets.get_mut(front + start..front + end);
        place.ok_or(Reason::NoRoom)?.copy_from_slice(piece.data);
        self.piece_count += 1;
        self.taken_bytes += end - start;
        self.ecn_seen |= 1 << piece.ecn;
        if !piece.more {
            self.total_bytes = Some(end);
        }
        if start == 0 {
            let header_bytes = piece.header.len();
            let place = self.octets.get_mut(front - header_bytes..front);
            place.ok_or(Reason::NoRoom)?.copy_from_slice(piece.header);
            self.header_bytes = header_bytes;
            if let Some(key) = &mut self.key
                && !key.is_v4
                && let Some(next) = self.octets.get_mut(front - header_bytes + 6)
            {
                *next = piece.next_header;
            }
        }
        // None overlap, so that as many octets as there are to come are all of them.
        Ok(self.total_bytes == Some(self.taken_bytes))
    }

    /// Holds a fragment against those that are there.
    fn look(&self, start: usize, end: usize, more: bool) -> Result<(), Reason> {
        let pieces = self.pieces.get(..self.piece_count).unwrap_or_default();
        for &(other_start, other_end) in pieces {
            let (other_start, other_end) = (other_start as usize, other_end as usize);
            if (start, end) == (other_start, other_end) {
                let same_end = more == (self.total_bytes != Some(end));
                return Err(if same_end {
                    Reason::DuplicateFragment
                } else {
                    Reason::OverlappingFragment
                });
            }
            let behind_the_last = !more && other_end > end;
            if (start < other_end && other_start < end) || behind_the_last {
                return Err(Reason::OverlappingFragment);
            }
        }
        match self.total_bytes {
            Some(total) if end > total || !more => Err(Reason::OverlappingFragment),
            _ => Ok(()),
        }
    }

    /// Makes the header that of the whole datagram.
    fn finish(&mut self) -> Result<Place, Reason> {
        let front = ipv4::HEADER_MAX_BYTES;
        let (start, end) = (front - self.header_bytes, front + self.taken_bytes);
        let packet = self.octets.get_mut(start..end).ok_or(Reason::NoRoom)?;
        if wire::version(packet) == Some(4) {
            if packet.len() > usize::from(u16::MAX) {
                return Err(Reason::MalformedHeader);
            }
            ipv4::set_fragment(packet, self.header_bytes, 0, false);
        } else {
            let next_header = packet.get(6).copied().ok_or(Reason::NoRoom)?;
            if !ipv6::set_length_and_next(packet, next_header) {
                return Err(Reason::MalformedHeader);
            }
        }
        if self.ecn_seen & 1 << ECN_CE != 0 {
            if self.ecn_seen & 1 << ECN_NOT_CAPABLE != 0 {
                return Err(Reason::EcnNotCapable);
            }
            let class = traffic_class::get(packet).ok_or(Reason::MalformedHeader)?;
            traffic_class::set(packet, class | ECN_CE);
        }
        Ok(Place {
            slot: 0,
            start,
            end,
        })
    }
}

impl<'p> Piece<'p> {
    fn read(packet: &'p [u8]) -> Result<Self, Reason> {
        let piece = match wire::version(packet) {
            Some(4) => Self::read_v4(packet)?,
            Some(6) => Self::read_v6(packet)?,
            _ => return Err(Reason::MalformedHeader),
        };
        let in_units = !piece.more || piece.data.len().is_multiple_of(UNIT_BYTES);
        let end = piece.offset + piece.data.len();
        if piece.data.is_empty() || !in_units || end > DATA_BYTES_MAX {
            return Err(Reason::MalformedHeader);
        }
        Ok(piece)
    }

    fn read_v4(packet: &'p [u8]) -> Result<Self, Reason> {
        let header = ipv4::Header::parse(packet)?;
        if header.fragment() == Fragment::Whole {
            return Err(Reason::FragmentOrphan);
        }
        let (front, data) = split(packet, header.header_bytes, header.total_bytes)?;
        Ok(Self {
            key: Key {
                source: u128::from(header.source),
                destination: u128::from(header.destination),
                identification: u32::from(header.identification),
                protocol: header.protocol,
                is_v4: true,
                is_atomic: false,
            },
            header: front,
            next_header: header.protocol,
            offset: usize::from(header.offset_units()) * UNIT_BYTES,
            data,
            more: header.has_more(),
            ecn: header.tos & ECN_MASK,
        })
    }

    /// A Fragment header right behind the IPv6 header, as a tunnel's far end gets it.
    fn read_v6(packet: &'p [u8]) -> Result<Self, Reason> {
        let header = ipv6::Header::parse(packet)?;
        if header.next_header != protocol::FRAGMENT {
            return Err(Reason::FragmentOrphan);
        }
        let (front, rest) = split(packet, ipv6::HEADER_BYTES, header.total_bytes)?;
        let (fragment, data) = rest.split_first_chunk().ok_or(Reason::MalformedHeader)?;
        let fragment = FragmentHeader::parse(*fragment);
        Ok(Self {
            key: Key {
                source: header.source,
                destination: header.destination,
                identification: fragment.identification,
                protocol: 0,
                is_v4: false,
                is_atomic: fragment.offset_units == 0 && !fragment.more,
            },
            header: front,
            next_header: fragment.next_header,
            offset: usize::from(fragment.offset_units) * UNIT_BYTES,
            data,
            more: fragment.more,
            ecn: header.traffic_class & ECN_MASK,
        })
    }
}

/// Header and what stands behind it, without what the link put behind that.
fn split(packet: &[u8], at: usize, total_bytes: usize) -> Result<(&[u8], &[u8]), Reason> {
    let packet = packet.get(..total_bytes);
    let halves = packet.and_then(|packet| packet.split_at_checked(at));
    halves.ok_or(Reason::MalformedHeader)
}
