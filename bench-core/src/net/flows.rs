//! Flows: what a packet belongs to, and the keys that flows and fragments are found by.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Addresses of one family, as a flow is told by them.
pub trait Address: Copy + Ord + std::fmt::Debug {
    /// What a flow table stores of a flow.
    type Key: Key;
    /// The key of a flow, the same for both of its directions, never [`Key::EMPTY`].
    fn flow_key(flow: &Flow<Self>) -> Self::Key;
    /// The key of a datagram's fragments, never [`Key::EMPTY`].
    fn datagram_key(flow: &Flow<Self>, identification: u32) -> Self::Key;
}

/// One packet's flow, in the packet's direction: the 5-tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow<A> {
    /// Where it comes from.
    pub source: A,
    /// Where it goes.
    pub destination: A,
    /// Source port; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination port; 0 where the protocol has none.
    pub destination_port: u16,
    /// Protocol above IP.
    pub protocol: u8,
}

impl From<Flow<Ipv4Addr>> for Flow<u32> {
    fn from(flow: Flow<Ipv4Addr>) -> Self {
        flow.map(Ipv4Addr::to_bits)
    }
}

impl From<Flow<Ipv6Addr>> for Flow<u128> {
    fn from(flow: Flow<Ipv6Addr>) -> Self {
        flow.map(Ipv6Addr::to_bits)
    }
}

impl<A> Flow<A> {
    fn map<B>(self, bits: impl Fn(A) -> B) -> Flow<B> {
        Flow {
            source: bits(self.source),
            destination: bits(self.destination),
            source_port: self.source_port,
            destination_port: self.destination_port,
            protocol: self.protocol,
        }
    }
}

/// A flow in as few words as tell it from all others.
pub trait Key: Copy + Eq {
    /// Marks a free slot.
    const EMPTY: Self;
    /// Differs between most keys, in its upper bits too.
    fn hash(&self, seed: u64) -> u64;
}

/// Set in every key in use, so that none is [`Key::EMPTY`].
const IN_USE: u64 = 1 << 63;

/// Upper and lower half of the product, added without carry: each bit of the result depends on
/// every bit of both factors.
#[inline(always)]
fn mix(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product >> 64) as u64 ^ product as u64
}

/// Odd constant, half of its bits set: the golden ratio's fraction in 64 bits.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Key for [u64; 2] {
    const EMPTY: Self = [0; 2];
    #[inline(always)]
    fn hash(&self, seed: u64) -> u64 {
        mix(self[0] ^ seed, self[1] ^ GOLDEN)
    }
}

impl Key for [u64; 5] {
    const EMPTY: Self = [0; 5];
    #[inline(always)]
    fn hash(&self, seed: u64) -> u64 {
        let [first_high, first_low, second_high, second_low, rest] = *self;
        let first = mix(first_high ^ seed, first_low ^ GOLDEN);
        let second = mix(second_high ^ seed, second_low ^ !GOLDEN);
        mix(first ^ rest, second ^ GOLDEN)
    }
}

impl Address for u32 {
    type Key = [u64; 2];

    /// 13 octets: two ends of address and port, the lower first, and the protocol.
    #[inline(always)]
    fn flow_key(flow: &Flow<Self>) -> Self::Key {
        let from = u64::from(flow.source) << 16 | u64::from(flow.source_port);
        let to = u64::from(flow.destination) << 16 | u64::from(flow.destination_port);
        let protocol = u64::from(flow.protocol) << 48;
        [from.min(to), from.max(to) | protocol | IN_USE]
    }

    /// Datagrams are told apart by addresses, protocol and identification (RFC 791, 3.2).
    fn datagram_key(flow: &Flow<Self>, identification: u32) -> Self::Key {
        let addresses = u64::from(flow.source) << 32 | u64::from(flow.destination);
        let protocol = u64::from(flow.protocol) << 48;
        [addresses, u64::from(identification) | protocol | IN_USE]
    }
}

impl Address for u128 {
    type Key = [u64; 5];

    /// 37 octets: two ends of address and port, the lower first, and the protocol.
    #[inline(always)]
    fn flow_key(flow: &Flow<Self>) -> Self::Key {
        let from = (flow.source, flow.source_port);
        let to = (flow.destination, flow.destination_port);
        let (low, high) = if from <= to { (from, to) } else { (to, from) };
        let ports = u64::from(low.1) << 16 | u64::from(high.1);
        words(low.0, high.0, ports | u64::from(flow.protocol) << 32)
    }

    /// Datagrams are told apart by addresses and identification alone (RFC 8200, 4.5): the
    /// protocol behind the Fragment header differs between first and later ones.
    fn datagram_key(flow: &Flow<Self>, identification: u32) -> Self::Key {
        words(flow.source, flow.destination, identification.into())
    }
}

#[inline(always)]
fn words(first: u128, second: u128, rest: u64) -> [u64; 5] {
    [
        (first >> 64) as u64,
        first as u64,
        (second >> 64) as u64,
        second as u64,
        rest | IN_USE,
    ]
}
