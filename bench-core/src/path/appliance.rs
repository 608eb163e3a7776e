//! A route through an appliance: between the two gateways stands a third router with routes and a
//! security group of its own, as a user-defined route puts a firewall between two networks.

use super::cases::{Case, FORWARD, Kind};
use super::forward::{Forwarder, Rules};
use super::{PacketPath, Setup};
use crate::frame::Frame;

/// Near gateway, appliance, far gateway.
struct ThroughAppliance {
    near: Forwarder,
    appliance: Forwarder,
    far: Forwarder,
}

impl ThroughAppliance {
    fn new(setup: &Setup) -> Self {
        let router = || Forwarder::new(setup, Rules::Default);
        Self {
            near: router(),
            appliance: router(),
            far: router(),
        }
    }
}

impl PacketPath for ThroughAppliance {
    /// Up to what the appliance sends.
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        self.near.forward_burst(burst);
        self.appliance.forward_burst(burst);
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        self.far.forward_burst(burst);
    }
}

/// Its place in the list.
pub(super) const CASE: Case = Case {
    id: "forward/appliance",
    title: "Plain forward by a route through an appliance",
    stages: &["parse", "route", "rules", "hop", "checksum", "appliance"],
    step_of: Some("forward"),
    step: "appliance",
    kind: Kind::Variant,
    hops: FORWARD.hops + 1,
    make: |_, setup| Ok(Box::new(ThroughAppliance::new(setup))),
    ..FORWARD
};
