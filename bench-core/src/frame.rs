//! A packet in a fixed buffer with headroom and tailroom, and what became of it.
//!
//! All memory is taken once, by [`Arena::new`]; growing a packet at either end moves two
//! integers and never allocates or copies. A *burst* is a `&mut [Frame]`.

use std::ops::Range;

use crate::fate::{Fate, Reason};

/// A cache line of x86-64.
pub const LINE_BYTES: usize = 64;

#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u8; LINE_BYTES]);

/// A page of x86-64.
pub const PAGE_BYTES: usize = 4096;
/// Where a packet starts in its page when all of it is to be in one: behind headers that may be
/// pushed in front of it.
const IN_PAGE_BYTES: usize = 256;
/// Where it starts when what is sealed of it is to be in two: a cache line before the end.
const ACROSS_PAGES_BYTES: usize = PAGE_BYTES - LINE_BYTES;
const _: () = assert!(PAGE_BYTES.is_multiple_of(LINE_BYTES));
const _: () = assert!(IN_PAGE_BYTES.is_multiple_of(LINE_BYTES));

/// Where packets start in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// So many bytes behind the start of a cache line, less than [`LINE_BYTES`]. The distance
    /// between two frames is an odd number of lines.
    InLine(usize),
    /// At the same place of a page each, a whole number of pages apart, so that all share a few
    /// cache sets; each in one page, as far as it fits.
    InPage,
    /// The same, the end of the page a line behind the start of each.
    AcrossPages,
}

impl Default for Placement {
    fn default() -> Self {
        Self::InLine(0)
    }
}

impl Placement {
    /// Lines from the start of one buffer to the next, for buffers of so many bytes.
    fn stride_lines(self, bytes: usize) -> usize {
        match self {
            Self::InLine(_) => bytes.div_ceil(LINE_BYTES) | 1,
            Self::InPage | Self::AcrossPages => bytes.next_multiple_of(PAGE_BYTES) / LINE_BYTES,
        }
    }

    /// Bytes to be left free in front of the first buffer, which packets start in `headroom`
    /// behind its start, in memory that begins at an address, on a line.
    fn skipped_bytes(self, address: usize, headroom: usize) -> usize {
        let in_page = |at: usize| at.wrapping_sub(headroom).wrapping_sub(address) % PAGE_BYTES;
        match self {
            Self::InLine(bytes) => bytes % LINE_BYTES,
            Self::InPage => in_page(IN_PAGE_BYTES),
            Self::AcrossPages => in_page(ACROSS_PAGES_BYTES),
        }
    }

    /// Lines that this may take.
    fn skipped_lines(self) -> usize {
        match self {
            Self::InLine(0) => 0,
            Self::InLine(_) => 1,
            Self::InPage | Self::AcrossPages => PAGE_BYTES / LINE_BYTES,
        }
    }
}

/// Owner of the memory behind a set of frames.
///
/// The distance between two frames is an odd number of cache lines: with an even one all
/// headers would fall into a few cache sets and a burst that fits the L1 would not stay there.
pub struct Arena {
    lines: Vec<Line>,
    frames: usize,
    stride_lines: usize,
    headroom: usize,
    placement: Placement,
}

impl Arena {
    /// Memory for `frames` packets of up to `capacity` bytes that may grow by `headroom` in
    /// front and `tailroom` behind. `headroom` is rounded up to whole cache lines, so that a
    /// packet starts on one.
    pub fn new(frames: usize, headroom: usize, capacity: usize, tailroom: usize) -> Self {
        Self::placed(frames, headroom, capacity, tailroom, Placement::default())
    }

    /// The same with packets that start elsewhere.
    pub fn placed(
        frames: usize,
        headroom: usize,
        capacity: usize,
        tailroom: usize,
        placement: Placement,
    ) -> Self {
        let headroom = headroom.next_multiple_of(LINE_BYTES);
        let stride_lines = placement.stride_lines(headroom + capacity + tailroom);
        let lines = frames * stride_lines + placement.skipped_lines();
        Self {
            lines: vec![Line([0; LINE_BYTES]); lines],
            frames,
            stride_lines,
            headroom,
            placement,
        }
    }

    /// Bytes from the start of one frame's buffer to the start of the next.
    pub fn stride_bytes(&self) -> usize {
        self.stride_lines * LINE_BYTES
    }

    /// The frames, empty, each on its own buffer.
    pub fn frames(&mut self) -> Vec<Frame<'_>> {
        let (stride, headroom) = (self.stride_lines * LINE_BYTES, self.headroom);
        let bytes = bytemuck::cast_slice_mut::<Line, u8>(&mut self.lines);
        let skipped = self
            .placement
            .skipped_bytes(bytes.as_ptr().addr(), headroom);
        bytes
            .get_mut(skipped..)
            .unwrap_or_default()
            .chunks_exact_mut(stride)
            .take(self.frames)
            .map(|buffer| Frame {
                buffer,
                headroom: headroom as u32,
                start: headroom as u32,
                end: headroom as u32,
                next_hop: 0,
                fate: Fate::Carried,
                over_mtu: false,
                segment_bytes: 0,
                segments: 0,
                segment_gap_bytes: 0,
            })
            .collect()
    }
}

/// One packet: bytes `start..end` of its buffer.
pub struct Frame<'a> {
    buffer: &'a mut [u8],
    headroom: u32,
    start: u32,
    end: u32,
    /// Index of the neighbour that the last route look-up chose.
    pub next_hop: u32,
    /// Carried, or dropped and why. A path passes over a frame that is already dropped.
    pub fate: Fate,
    /// Set by a path when the packet, as sent, is longer than the outer MTU.
    pub over_mtu: bool,
    /// Set by a path that sent one packet as several: each but the last has so many bytes. 0
    /// where there is only one.
    pub segment_bytes: u32,
    /// How many they are; the last may be shorter than the others, or longer. 0 where there is
    /// only one.
    pub segments: u32,
    /// Bytes between one and the next that belong to neither; 0 where they stand back to back.
    pub segment_gap_bytes: u32,
}

impl Frame<'_> {
    /// Puts a packet into the buffer, behind the headroom; forgets what was there. Returns
    /// false, and leaves an empty frame, where the packet is longer than the buffer allows.
    pub fn load(&mut self, packet: &[u8]) -> bool {
        self.start = self.headroom;
        self.end = self.headroom;
        self.next_hop = 0;
        self.fate = Fate::Carried;
        self.over_mtu = false;
        self.join();
        let Some(room) = self.buffer.get_mut(self.headroom as usize..) else {
            return false;
        };
        let Some(target) = room.get_mut(..packet.len()) else {
            return false;
        };
        target.copy_from_slice(packet);
        self.end = self.headroom + packet.len() as u32;
        true
    }

    /// The packet.
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start as usize..self.end as usize]
    }

    /// The packet, to be changed in place.
    #[inline(always)]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start as usize..self.end as usize]
    }

    /// The packets that would be on the wire, in order: one, or what it was cut into.
    pub fn wire_packets(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = self.bytes();
        self.places().filter_map(|place| bytes.get(place))
    }

    /// Where each of them stands in [`Frame::bytes`].
    pub fn places(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (count, end) = (self.segments.max(1) as usize, self.len());
        let each_bytes = self.segment_bytes as usize;
        let stride_bytes = each_bytes + self.segment_gap_bytes as usize;
        (0..count).map(move |at| {
            let start = at * stride_bytes;
            let is_last = at + 1 == count;
            start..if is_last { end } else { start + each_bytes }
        })
    }

    /// Says that the packet stands here as `segments`, at least two, back to back, each but the
    /// last of `segment_bytes`.
    #[inline(always)]
    pub fn cut(&mut self, segments: usize, segment_bytes: usize) {
        self.segments = segments as u32;
        self.segment_bytes = segment_bytes as u32;
        self.segment_gap_bytes = 0;
    }

    /// Says that it is one packet.
    #[inline(always)]
    pub fn join(&mut self) {
        self.segments = 0;
        self.segment_bytes = 0;
        self.segment_gap_bytes = 0;
    }

    /// A frame on a part of this one: a packet of `bytes` with `headroom` in front, and the rest
    /// of `place`, a part of [`Frame::bytes`], behind. `None` where the place does not hold it.
    #[inline(always)]
    pub fn part(
        &mut self,
        place: Range<usize>,
        headroom: usize,
        bytes: usize,
    ) -> Option<Frame<'_>> {
        let buffer = self.bytes_mut().get_mut(place)?;
        let end = headroom + bytes;
        (end <= buffer.len()).then_some(Frame {
            buffer,
            headroom: headroom as u32,
            start: headroom as u32,
            end: end as u32,
            next_hop: 0,
            fate: Fate::Carried,
            over_mtu: false,
            segment_bytes: 0,
            segments: 0,
            segment_gap_bytes: 0,
        })
    }

    /// Bytes in front of the packet in its buffer.
    #[inline(always)]
    pub fn offset(&self) -> usize {
        self.start as usize
    }

    /// Bytes of the packet.
    #[inline(always)]
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// True where no packet is loaded.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// Grows the packet by `bytes` in front, out of the headroom; `None` where it is used up.
    /// The new bytes hold whatever was there.
    #[inline(always)]
    pub fn push_front(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let start = (self.start as usize).checked_sub(bytes)?;
        self.start = start as u32;
        self.buffer.get_mut(start..start + bytes)
    }

    /// Grows the packet by `bytes` behind, out of the tailroom; `None` where it is used up.
    /// The new bytes hold whatever was there.
    #[inline(always)]
    pub fn push_back(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let old = self.end as usize;
        let grown = self.buffer.get_mut(old..old + bytes)?;
        self.end = (old + bytes) as u32;
        Some(grown)
    }

    /// Takes `bytes` away behind. False, and nothing is changed, where the packet is shorter.
    #[inline(always)]
    pub fn pull_back(&mut self, bytes: usize) -> bool {
        let enough = bytes <= self.len();
        if enough {
            self.end -= bytes as u32;
        }
        enough
    }

    /// Takes everything away but `bytes` that begin at `from`. False, and nothing is changed,
    /// where the packet ends before them.
    #[inline(always)]
    pub fn keep(&mut self, from: usize, bytes: usize) -> bool {
        let enough = from.saturating_add(bytes) <= self.len();
        if enough {
            self.start += from as u32;
            self.end = self.start + bytes as u32;
        }
        enough
    }

    /// True until some step dropped the packet.
    #[inline(always)]
    pub fn is_carried(&self) -> bool {
        matches!(self.fate, Fate::Carried)
    }

    /// Drops the packet; the first reason stays.
    #[inline(always)]
    pub fn drop_as(&mut self, reason: Reason) {
        if self.is_carried() {
            self.fate = Fate::Dropped(reason);
        }
    }
}
