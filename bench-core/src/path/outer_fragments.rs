//! Fragmentation behind the tunnel: what is too long for the underlay when it is sealed goes out
//! in fragments (RFC 4303, 3.3.4), and the far gateway puts them together before it opens
//! anything (RFC 4303, 3.4.1). Stands around any path whose packets have an IP header outside.

use super::overhead::{Cut, FRAGMENT_UNIT_BYTES};
use super::reassembly::{Reassembly, Taken};
use super::underlay::Family;
use super::{PacketPath, Setup};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::wire::ipv6::FragmentHeader;
use crate::wire::{ipv4, ipv6, protocol};

/// A path between gateways that fragment what does not fit. The outer headers of the path must
/// say that its IPv4 packets may be fragmented ([`Setup::clear_df`]).
pub struct OuterFragments<P> {
    path: P,
    outer: Family,
    outer_mtu: usize,
    /// Of the next IPv6 datagram that is fragmented; IPv4 has it in its header already.
    identification: u32,
    reassembly: Reassembly,
}

impl<P> OuterFragments<P> {
    /// Around a path whose outer headers are of this family.
    pub fn new(path: P, setup: &Setup, outer: Family) -> Self {
        Self {
            path,
            outer,
            outer_mtu: setup.outer_mtu,
            identification: setup.seed as u32,
            reassembly: Reassembly::new(),
        }
    }

    fn fragment(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let cut = Cut::of_outer(self.outer, frame.len(), self.outer_mtu);
        let cut = cut.ok_or(Reason::NoRoom)?;
        match self.outer {
            Family::V4 => spread(frame, cut, ipv4::HEADER_BYTES, |packet, units, more| {
                ipv4::set_fragment(packet, ipv4::HEADER_BYTES, units, more);
            })?,
            Family::V6 => {
                let header_bytes = ipv6::HEADER_BYTES + ipv6::FRAGMENT_BYTES;
                let first = insert_fragment_header(frame, self.identification)?;
                self.identification = self.identification.wrapping_add(1);
                spread(frame, cut, header_bytes, |packet, offset_units, more| {
                    ipv6::set_length_and_next(packet, protocol::FRAGMENT);
                    let header = FragmentHeader {
                        offset_units,
                        more,
                        ..first
                    };
                    let place = ipv6::HEADER_BYTES..header_bytes;
                    packet[place].copy_from_slice(&header.emit());
                })?;
            }
        }
        frame.over_mtu = false;
        Ok(())
    }

    /// Takes the packets of a frame; leaves a datagram in it where that is whole now.
    fn reassemble(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        if frame.segments == 0 && !Reassembly::is_for(frame.bytes()) {
            return Ok(());
        }
        let mut whole = None;
        let mut refused = Reason::Held;
        for packet in frame.wire_packets() {
            match self.reassembly.take(packet) {
                Ok(Taken::Whole(slot)) => whole = Some(slot),
                Ok(Taken::Held) => {}
                Err(reason) => refused = reason,
            }
        }
        frame.join();
        let datagram = self.reassembly.datagram(whole.ok_or(refused)?);
        let more_bytes = datagram.len().saturating_sub(frame.len());
        frame.push_back(more_bytes).ok_or(Reason::NoRoom)?;
        frame.keep(0, datagram.len());
        frame.bytes_mut().copy_from_slice(datagram);
        Ok(())
    }
}

/// Makes room for a Fragment header behind the IPv6 header, and says what all of them share.
#[inline(always)]
fn insert_fragment_header(
    frame: &mut Frame<'_>,
    identification: u32,
) -> Result<FragmentHeader, Reason> {
    let next_header = ipv6::Header::parse(frame.bytes())?.next_header;
    let fragment_bytes = ipv6::FRAGMENT_BYTES;
    frame.push_front(fragment_bytes).ok_or(Reason::NoRoom)?;
    let header = fragment_bytes..fragment_bytes + ipv6::HEADER_BYTES;
    frame.bytes_mut().copy_within(header, 0);
    Ok(FragmentHeader {
        next_header,
        offset_units: 0,
        more: false,
        identification,
    })
}

/// Makes packets of what stands behind a frame's first `header_bytes`, each with those in front;
/// `say` makes a fragment's headers right.
#[inline(always)]
fn spread(
    frame: &mut Frame<'_>,
    cut: Cut,
    header_bytes: usize,
    say: impl Fn(&mut [u8], u16, bool),
) -> Result<(), Reason> {
    let more_bytes = (cut.packets - 1) * header_bytes;
    frame.push_back(more_bytes).ok_or(Reason::NoRoom)?;
    let each_bytes = header_bytes + cut.each_bytes;
    let packets = frame.bytes_mut();
    // The last one first: each moves behind where the one before it ends now.
    for at in (0..cut.packets).rev() {
        let (from, to) = (header_bytes + at * cut.each_bytes, at * each_bytes);
        let more = at + 1 < cut.packets;
        let data_bytes = if more { cut.each_bytes } else { cut.last_bytes };
        if at > 0 {
            packets.copy_within(from..from + data_bytes, to + header_bytes);
            packets.copy_within(..header_bytes, to);
        }
        let offset_units = (at * cut.each_bytes / FRAGMENT_UNIT_BYTES) as u16;
        let packet = &mut packets[to..to + header_bytes + data_bytes];
        say(packet, offset_units, more);
    }
    frame.cut(cut.packets, each_bytes);
    Ok(())
}

impl<P: PacketPath> PacketPath for OuterFragments<P> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        self.path.send(burst);
        for frame in burst {
            if !frame.is_carried() || !frame.over_mtu {
                continue;
            }
            if let Err(reason) = self.fragment(frame) {
                frame.drop_as(reason);
            }
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for frame in &mut *burst {
            if !frame.is_carried() {
                continue;
            }
            if let Err(reason) = self.reassemble(frame) {
                frame.drop_as(reason);
            }
        }
        self.path.receive(burst);
    }
}
