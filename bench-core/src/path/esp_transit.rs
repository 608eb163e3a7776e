//! Two ESP tunnels and the gateway between them: what it opens it routes and guards like any
//! router, and seals again for the second tunnel, on the same frame.

use super::esp::{Opener, Sealer};
use super::forward::{Forwarder, Rules};
use super::framing::Framing;
use super::jobs::CHUNK;
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, KeyLength};
use crate::frame::Frame;
use crate::sa::{InboundSa, Keys, OutboundSa};

/// Near gateway, transit gateway, far gateway.
pub struct EspTransit<C> {
    near: Forwarder,
    first: Tunnel<C>,
    transit: Forwarder,
    second: Tunnel<C>,
    far: Forwarder,
}

/// Both ends of a tunnel.
struct Tunnel<C> {
    sealer: Sealer<C>,
    opener: Opener<C>,
}

impl<C: Cipher> Tunnel<C> {
    fn new(setup: &Setup, keys: &Keys, framing: Framing) -> Result<Self, KeyLength> {
        let outbound = OutboundSa::new(keys, framing.numbers)?;
        let inbound = InboundSa::new(keys, framing.numbers, framing.window(setup))?;
        Ok(Self {
            sealer: Sealer::new(setup, outbound, framing),
            opener: Opener::new(inbound, framing.underlay),
        })
    }
}

impl<C: Cipher> EspTransit<C> {
    /// Expands the keys of both tunnels, which are framed alike.
    pub fn new(setup: &Setup, keys: [&Keys; 2], framing: Framing) -> Result<Self, KeyLength> {
        let [first, second] = keys;
        Ok(Self {
            near: Forwarder::new(setup, Rules::Default),
            first: Tunnel::new(setup, first, framing)?,
            transit: Forwarder::new(setup, Rules::Default),
            second: Tunnel::new(setup, second, framing)?,
            far: Forwarder::new(setup, Rules::Default),
        })
    }
}

impl<C: Cipher> PacketPath for EspTransit<C> {
    /// Up to what the transit gateway sends.
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.near.forward_burst(chunk);
            self.first.sealer.seal_chunk(chunk);
            self.first.opener.open_chunk(chunk);
            self.transit.forward_burst(chunk);
            self.second.sealer.seal_chunk(chunk);
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.second.opener.open_chunk(chunk);
            self.far.forward_burst(chunk);
        }
    }
}
