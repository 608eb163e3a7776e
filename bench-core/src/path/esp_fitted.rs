//! The ESP tunnel of a gateway that looks at the MTU before it seals: what would not fit is
//! fragmented first, where it may be (RFC 791, 3.2; RFC 4301, 7), and dropped with an answer
//! where it may not be (RFC 4301, 8.2).
//!
//! Each fragment is a packet of its own from then on, sealed, opened and forwarded; to put them
//! together is the host's work.

use super::esp::{Opener, Sealer};
use super::forward::{Forwarder, Rules};
use super::framing::Framing;
use super::jobs::CHUNK;
use super::overhead::{Beyond, Cut, FRAGMENT_UNIT_BYTES, Overhead};
use super::too_big::TooBig;
use super::underlay::Inner;
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, KeyLength};
use crate::fate::{Fate, Reason};
use crate::frame::Frame;
use crate::sa::{InboundSa, Keys, OutboundSa};
use crate::wire::ipv4;

/// A pair of gateways with an ESP tunnel between them that no packet is too long for.
pub struct EspFitted<C> {
    near: Forwarder,
    /// Longest packet that fits the underlay when it is sealed.
    largest_bytes: usize,
    overhead: Overhead,
    too_big: TooBig,
    sealer: Sealer<C>,
    opener: Opener<C>,
    far: Forwarder,
}

impl<C: Cipher> EspFitted<C> {
    /// Expands keys and builds tables. Packets are fragmented inside, or dropped.
    pub fn new(
        setup: &Setup,
        keys: &Keys,
        framing: Framing,
        beyond: Beyond,
    ) -> Result<Self, KeyLength> {
        let outbound = OutboundSa::new(keys, framing.numbers)?;
        let inbound = InboundSa::new(keys, framing.numbers, setup.replay_window)?;
        let overhead = Overhead {
            beyond,
            ..framing.overhead(C::LAYOUT)
        };
        let overhead = overhead.over(setup.outer_mtu);
        let largest_bytes = overhead.largest_inner_bytes(setup.outer_mtu);
        let largest_bytes = largest_bytes.unwrap_or(0);
        Ok(Self {
            near: Forwarder::new(setup, Rules::Default),
            largest_bytes,
            overhead,
            too_big: TooBig::new(largest_bytes),
            sealer: Sealer::new(setup, outbound, framing),
            opener: Opener::new(inbound, framing.underlay),
            far: Forwarder::new(setup, Rules::Default),
        })
    }

    /// Seals the chunk in its order, so that sequence numbers rise from packet to packet.
    fn seal_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let largest_bytes = self.largest_bytes;
        let is_long = |frame: &Frame<'_>| frame.is_carried() && frame.len() > largest_bytes;
        let mut rest = chunk;
        while let Some(at) = rest.iter().position(is_long) {
            let (fitting, others) = rest.split_at_mut(at);
            let Some((long, behind)) = others.split_first_mut() else {
                return;
            };
            self.sealer.seal_chunk(fitting);
            if let Err(reason) = self.seal_long(long) {
                long.drop_as(reason);
            }
            rest = behind;
        }
        self.sealer.seal_chunk(rest);
    }

    fn seal_long(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let inner = Inner::read(frame.bytes())?;
        let fragments = self.overhead.beyond == Beyond::FragmentedInside;
        if !fragments || !inner.is_v4 || inner.dont_fragment {
            return Err(self.too_big.refuse(frame));
        }
        let header = ipv4::Header::parse(frame.bytes())?;
        let cut = self
            .overhead
            .inner_fragments(frame.len(), header.header_bytes);
        let cut = cut.ok_or(Reason::OverMtu)?;
        let places = Places::new(&self.overhead, header.header_bytes, cut);
        places.fragment(frame, &header)?;
        for at in 0..cut.packets {
            let (place, bytes) = places.outer(at);
            let part = frame.part(place, self.overhead.front, bytes);
            let mut part = part.ok_or(Reason::NoRoom)?;
            self.sealer.seal_chunk(std::slice::from_mut(&mut part));
            if let Fate::Dropped(reason) = part.fate {
                return Err(reason);
            }
        }
        frame.cut(cut.packets, places.stride_bytes);
        Ok(())
    }

    fn open_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let mut rest = chunk;
        loop {
            let is_cut = |frame: &Frame<'_>| frame.is_carried() && frame.segments > 0;
            let at = rest.iter().position(is_cut).unwrap_or(rest.len());
            let (whole, others) = rest.split_at_mut(at);
            self.opener.open_chunk(whole);
            self.far.forward_burst(whole);
            let Some((cut, behind)) = others.split_first_mut() else {
                return;
            };
            if let Err(reason) = self.open_fragments(cut) {
                cut.drop_as(reason);
            }
            rest = behind;
        }
    }

    /// Opens and forwards each packet of a frame where it stands. All are gone through, whatever
    /// becomes of one; the frame is carried where they all are.
    fn open_fragments(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let mut outcome = Ok(());
        let stride_bytes = frame.segment_bytes + frame.segment_gap_bytes;
        let (mut first, mut end) = (0..0, 0);
        let mut next_hop = 0;
        for (at, outer) in frame.places().enumerate() {
            let (from, bytes) = (outer.start, outer.len());
            let mut part = frame.part(outer, 0, bytes).ok_or(Reason::Truncated)?;
            self.opener.open_chunk(std::slice::from_mut(&mut part));
            self.far.forward_burst(std::slice::from_mut(&mut part));
            if let (Fate::Dropped(reason), Ok(())) = (part.fate, outcome) {
                outcome = Err(reason);
            }
            next_hop = part.next_hop;
            end = from + part.offset() + part.len();
            let inner = part.offset()..part.offset() + part.len();
            if at == 0 {
                first = inner;
            } else if at + 1 < frame.segments as usize && inner != first {
                outcome = outcome.and(Err(Reason::MalformedHeader));
            }
        }
        outcome?;
        if !frame.keep(first.start, end - first.start) {
            return Err(Reason::Truncated);
        }
        frame.next_hop = next_hop;
        frame.segment_bytes = first.len() as u32;
        frame.segment_gap_bytes = stride_bytes.saturating_sub(frame.segment_bytes);
        Ok(())
    }
}

impl<C: Cipher> PacketPath for EspFitted<C> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.near.forward_burst(chunk);
            self.seal_chunk(chunk);
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.open_chunk(chunk);
        }
    }
}

/// Where the fragments of a packet stand in its frame: so that each, sealed, ends where the next
/// one's outer header begins.
struct Places {
    cut: Cut,
    /// Of the inner header; options that only the first fragment has are NOPs in the others.
    header_bytes: usize,
    /// Octets in front of each.
    front: usize,
    /// From one outer header to the next.
    stride_bytes: usize,
    /// Octets of all, sealed.
    total_bytes: usize,
}

impl Places {
    #[inline(always)]
    fn new(overhead: &Overhead, header_bytes: usize, cut: Cut) -> Self {
        let sealed_bytes = |data_bytes| {
            let inner_bytes = header_bytes + data_bytes;
            inner_bytes + overhead.whole_bytes(inner_bytes)
        };
        let stride_bytes = sealed_bytes(cut.each_bytes);
        Self {
            cut,
            header_bytes,
            front: overhead.front,
            stride_bytes,
            total_bytes: (cut.packets - 1) * stride_bytes + sealed_bytes(cut.last_bytes),
        }
    }

    /// Place of a fragment when it is sealed, and its octets ahead of that.
    #[inline(always)]
    fn outer(&self, at: usize) -> (std::ops::Range<usize>, usize) {
        let start = at * self.stride_bytes;
        if at + 1 == self.cut.packets {
            (
                start..self.total_bytes,
                self.header_bytes + self.cut.last_bytes,
            )
        } else {
            let end = start + self.stride_bytes;
            (start..end, self.header_bytes + self.cut.each_bytes)
        }
    }

    /// Moves the packet's octets there, each part behind a header of its own (RFC 791, 3.2).
    fn fragment(&self, frame: &mut Frame<'_>, header: &ipv4::Header) -> Result<(), Reason> {
        let Self {
            cut,
            header_bytes,
            front,
            ..
        } = *self;
        let offset_units = usize::from(header.offset_units());
        let data_bytes = frame.len() - header_bytes;
        // No datagram is as long as such a fragment says.
        if offset_units * FRAGMENT_UNIT_BYTES + data_bytes > usize::from(u16::MAX) {
            return Err(Reason::MalformedHeader);
        }
        let behind_bytes = self.total_bytes - front - frame.len();
        frame.push_front(front).ok_or(Reason::NoRoom)?;
        frame.push_back(behind_bytes).ok_or(Reason::NoRoom)?;
        let packets = frame.bytes_mut();
        // The last one first: each moves behind where the one before it ends now.
        for at in (0..cut.packets).rev() {
            let (place, bytes) = self.outer(at);
            let to = place.start + front;
            if at > 0 {
                let from = front + header_bytes + at * cut.each_bytes;
                let moved = from..from + bytes - header_bytes;
                packets.copy_within(moved, to + header_bytes);
                packets.copy_within(front..front + header_bytes, to);
                let options = to + ipv4::HEADER_BYTES..to + header_bytes;
                ipv4::leave_copied_options(&mut packets[options]);
            }
            let offset_units = offset_units + at * cut.each_bytes / FRAGMENT_UNIT_BYTES;
            let more = at + 1 < cut.packets || header.has_more();
            let fragment = &mut packets[to..to + bytes];
            ipv4::set_fragment(fragment, header_bytes, offset_units as u16, more);
        }
        Ok(())
    }
}
