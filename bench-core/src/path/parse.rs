//! The least of a forward: header checks, TTL or hop limit, checksum. Knows neither routes nor
//! rules, so [`Frame::next_hop`] stays as it was. A yardstick for both.

use super::PacketPath;
use super::forward::trim;
use crate::fate::Reason;
use crate::frame::Frame;
use crate::wire::{self, ipv4, ipv6};

/// Two gateways that send every packet on unlooked at.
pub struct Parse;

impl PacketPath for Parse {
    #[inline]
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        pass_burst(burst);
    }

    #[inline]
    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        pass_burst(burst);
    }
}

#[inline]
fn pass_burst(burst: &mut [Frame<'_>]) {
    for frame in burst {
        if !frame.is_carried() {
            continue;
        }
        if let Err(reason) = pass(frame) {
            frame.drop_as(reason);
        }
    }
}

#[inline]
fn pass(frame: &mut Frame<'_>) -> Result<(), Reason> {
    match wire::version(frame.bytes()) {
        Some(4) => pass_v4(frame),
        Some(6) => pass_v6(frame),
        _ => Err(Reason::MalformedHeader),
    }
}

#[inline(always)]
fn pass_v4(frame: &mut Frame<'_>) -> Result<(), Reason> {
    let header = ipv4::Header::parse(frame.bytes())?;
    if header.ttl <= 1 {
        return Err(Reason::TtlExpired);
    }
    trim(frame, header.total_bytes);
    ipv4::decrement_ttl(frame.bytes_mut())
}

/// Behind a call, as in the forward that it is compared with.
#[inline(never)]
fn pass_v6(frame: &mut Frame<'_>) -> Result<(), Reason> {
    let header = ipv6::Header::parse(frame.bytes())?;
    if header.hop_limit <= 1 {
        return Err(Reason::TtlExpired);
    }
    trim(frame, header.total_bytes);
    ipv6::decrement_hop_limit(frame.bytes_mut())
}
