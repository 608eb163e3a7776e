//! VXLAN (RFC 7348), as a provider's underlay carries peered networks: forward, then an inner
//! Ethernet header, a VXLAN header and outer headers; the reverse, then forward. No cipher.

use super::cases::{Case, FORWARD, Kind, stages};
use super::forward::{Forwarder, Rules};
use super::overhead::Overhead;
use super::underlay::{Family, Inner, OuterWriter, Underlay};
use super::{PacketPath, Setup};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::wire::{traffic_class, vxlan};

/// In UDP over IPv4. The source port is the flow's, see [`vxlan::source_port`].
const UNDERLAY: Underlay = Underlay::udp(Family::V4, 0, vxlan::UDP_PORT);
const SOURCE_PORT_AT: usize = UNDERLAY.bytes() - crate::wire::udp::HEADER_BYTES;
const FRONT_BYTES: usize = UNDERLAY.bytes() + vxlan::HEADER_BYTES;
const _: () = assert!(FRONT_BYTES == 50);

/// The segment of every packet.
const VNI: u32 = 0x00_5eed;

/// Its place in the list.
pub(super) const CASES: [Case; 1] = [Case {
    id: "vxlan",
    title: "Plain forward in VXLAN, as in a provider's underlay",
    stages: stages!["encapsulate in VXLAN"],
    step_of: Some("forward"),
    step: "VXLAN",
    kind: Kind::Variant,
    // Bytes from IP to IP.
    overhead: Overhead::in_front(FRONT_BYTES),
    make: |_, setup| Ok(Box::new(Vxlan::new(setup))),
    ..FORWARD
}];

/// A pair of gateways with a VXLAN segment between them.
pub struct Vxlan {
    near: Forwarder,
    outer: OuterWriter,
    far: Forwarder,
}

impl Vxlan {
    /// Both ends.
    pub fn new(setup: &Setup) -> Self {
        Self {
            near: Forwarder::new(setup, Rules::Default),
            outer: OuterWriter::new(UNDERLAY, setup.outer_mtu),
            far: Forwarder::new(setup, Rules::Default),
        }
    }

    #[inline(always)]
    fn encapsulate(&mut self, frame: &mut Frame<'_>) -> Result<(), Reason> {
        let inner = Inner::read(frame.bytes())?;
        let source_port = vxlan::source_port(frame.bytes());
        let total_bytes = FRONT_BYTES + frame.len();
        let front = frame.push_front(FRONT_BYTES).ok_or(Reason::NoRoom)?;
        let (outer, header) = front.split_at_mut(UNDERLAY.bytes());
        self.outer.write(outer, total_bytes, inner)?;
        outer[SOURCE_PORT_AT..SOURCE_PORT_AT + 2].copy_from_slice(&source_port.to_be_bytes());
        let header = header.first_chunk_mut().ok_or(Reason::NoRoom)?;
        *header = vxlan::header(VNI, inner.is_v4);
        frame.over_mtu |= self.outer.is_over_mtu(total_bytes);
        Ok(())
    }
}

#[inline(always)]
fn decapsulate(frame: &mut Frame<'_>) -> Result<(), Reason> {
    let outer = UNDERLAY.read(frame.bytes(), Reason::NotVxlan)?;
    let text_start = outer.header_bytes + vxlan::HEADER_BYTES;
    let packet = frame.bytes_mut();
    let outer_class = traffic_class::get(packet).ok_or(Reason::MalformedHeader)?;
    let header = packet
        .get(outer.header_bytes..outer.total_bytes)
        .and_then(|datagram| datagram.first_chunk())
        .ok_or(Reason::Truncated)?;
    let (vni, is_v4) = vxlan::parse(header)?;
    if vni != VNI {
        return Err(Reason::WrongVni);
    }
    let inner_bytes = outer.total_bytes - text_start;
    let inner = packet
        .get_mut(text_start..outer.total_bytes)
        .ok_or(Reason::Truncated)?;
    let &[first, ..] = &*inner else {
        return Err(Reason::MalformedHeader);
    };
    if (first >> 4 == 4) != is_v4 {
        return Err(Reason::MalformedHeader);
    }
    traffic_class::leave_tunnel(outer_class, inner)?;
    frame.keep(text_start, inner_bytes);
    Ok(())
}

impl PacketPath for Vxlan {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        self.near.forward_burst(burst);
        for frame in burst.iter_mut().filter(|frame| frame.is_carried()) {
            if let Err(reason) = self.encapsulate(frame) {
                frame.drop_as(reason);
            }
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for frame in burst.iter_mut().filter(|frame| frame.is_carried()) {
            if let Err(reason) = decapsulate(frame) {
                frame.drop_as(reason);
            }
        }
        self.far.forward_burst(burst);
    }
}
