//! Ways for packets to leave a gateway and to be taken in by the other, and the list of them.

mod appliance;
pub mod bare;
mod cases;
mod controls;
pub mod dtls;
pub mod esp;
pub mod esp_fitted;
pub mod esp_many;
pub mod esp_shared;
pub mod esp_transit;
pub mod forward;
pub mod framing;
mod jobs;
pub mod openvpn;
pub mod outer_fragments;
pub mod overhead;
mod parse;
pub mod reassembly;
pub mod received;
pub mod records;
mod sealed;
pub mod session;
pub mod slowed;
pub mod sstp;
pub mod stream;
pub mod too_big;
pub mod underlay;
pub mod vxlan;
pub mod wireguard;

pub use cases::{
    Case, CaseError, Kind, Link, Make, Point, Tunnel, Waterfall, cases, find, keys, receiving,
    waterfall_ciphers, waterfalls,
};
pub use forward::expected_after as reference;

use std::sync::Arc;

use crate::frame::Frame;
use crate::net::flow_table::{FLOWS_MAX, FlowRoom};
use crate::net::route_tables::RouteTables;
use crate::net::routes::Routes;
use crate::sa::Keys;

/// A way through a pair of gateways. Works on a burst; a burst of one is the per-packet case.
///
/// Both calls may drop a frame with a reason and may grow or shrink it; neither allocates.
/// Frames that are already dropped are passed over.
pub trait PacketPath {
    /// What the gateway at the near end does with packets of its network.
    fn send(&mut self, burst: &mut [Frame<'_>]);
    /// What the gateway at the far end does with what [`PacketPath::send`] made; undoes it.
    fn receive(&mut self, burst: &mut [Frame<'_>]);
    /// Makes a receiver of what others sent what it was when the first packet of a reading
    /// arrived; outside the clock. Other paths go on where they are.
    fn rewind(&mut self, _reading: usize) {}
}

/// What a path is built from, before the clock starts. The same set-up gives the same path.
#[derive(Clone)]
pub struct Setup {
    /// Seeds keys, salts, SPIs and hashes; a fresh instance gets another one.
    pub seed: u64,
    /// Seeds which of many SAs a destination gets: the same in all instances that are compared.
    pub assignment_seed: u64,
    /// What every gateway routes by; shared, since making a table takes milliseconds.
    pub routes: Arc<Routes>,
    /// What the gateways of cases with tables of another size route by.
    pub route_tables: Arc<RouteTables>,
    /// Largest outer packet that does not count as [`Frame::over_mtu`].
    pub outer_mtu: usize,
    /// Outer IPv4 headers say that they may be fragmented, whatever the inner ones say
    /// (RFC 4301, 8.1); else they have the DF of the inner one.
    pub clear_df: bool,
    /// Size of the anti-replay window, in packets.
    pub replay_window: u32,
    /// Packets that are handed to a path at once.
    pub burst: usize,
    /// Flows that each gateway's flow tables have room for.
    pub flows: FlowRoom,
    /// The SA of a tunnel, where it is not to be made from the seed.
    pub sa: Option<Arc<GivenSa>>,
    /// Serial steps for every [`slowed::PER_PACKETS`] packets, of [`slowed`] alone.
    pub serial_steps: u32,
}

/// A security association that others agreed on.
#[derive(Clone, Debug)]
pub struct GivenSa {
    /// SPI, key and salt.
    pub keys: Keys,
    /// Highest sequence number that counts as received: the upper half of an extended one is
    /// not in the packets.
    pub received: u64,
}

impl Setup {
    /// The same for a fresh instance: keys and hashes of its own, routes of the same prefixes in
    /// memory of its own, flow tables for so many packets.
    #[must_use]
    pub fn fresh(&self, seed: u64, packets: impl Into<FlowRoom>) -> Self {
        Self {
            seed,
            routes: Arc::new(Routes::seeded(self.seed)),
            ..self.for_packets(packets)
        }
    }

    /// The same, with flow tables that are large enough for so many packets, and neither larger
    /// than that nor than they were: giving them memory takes longer than walking over a small
    /// capture.
    #[must_use]
    pub fn for_packets(&self, packets: impl Into<FlowRoom>) -> Self {
        Self {
            flows: self.flows.min(packets.into()),
            ..self.clone()
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 1,
            assignment_seed: 1,
            routes: Arc::new(Routes::seeded(1)),
            route_tables: Arc::new(RouteTables::new(1)),
            outer_mtu: overhead::OUTER_MTU,
            clear_df: false,
            replay_window: 64,
            burst: 32,
            flows: FLOWS_MAX.into(),
            sa: None,
            serial_steps: 0,
        }
    }
}
