//! Route table: longest prefix match (RFC 1812, 5.2.4.3) to the index of a neighbour.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use iptrie::map::{LCTrieMap, RTrieMap};
use iptrie::{Ipv4Prefix, Ipv6Prefix};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Prefixes of [`Routes::seeded`] beside the default route, in each of both families.
pub const SEEDED_PREFIXES: usize = 399;
/// Neighbours that the seeded routes spread over; the default route leads to number 0.
pub const NEIGHBOURS: u32 = 16;

/// Value of the tries' root, which they have whether there is a default route or not.
const NO_ROUTE: u32 = u32::MAX;

/// A prefix, and the number of the neighbour that it leads to.
pub type Route<N> = (N, u32);

/// Both families' routes, ready for look-up; a change means a new table.
pub struct Routes {
    v4: LCTrieMap<Ipv4Prefix, u32>,
    v6: LCTrieMap<Ipv6Prefix, u32>,
}

impl Routes {
    /// A table of these prefixes and the neighbours they lead to. Of two equal prefixes the
    /// later one counts; without a prefix of length 0 some addresses have no route. The
    /// number `u32::MAX` is no neighbour.
    pub fn new(
        v4: impl IntoIterator<Item = Route<Ipv4Net>>,
        v6: impl IntoIterator<Item = Route<Ipv6Net>>,
    ) -> Self {
        let mut trie4 = RTrieMap::with_root(NO_ROUTE);
        for (prefix, neighbour) in disjoint(v4) {
            trie4.insert(Ipv4Prefix::from(prefix), neighbour);
        }
        let mut trie6 = RTrieMap::with_root(NO_ROUTE);
        for (prefix, neighbour) in v6 {
            trie6.insert(Ipv6Prefix::from(prefix), neighbour);
        }
        Self {
            v4: trie4.compress(),
            v6: trie6.compress(),
        }
    }

    /// A default route and [`SEEDED_PREFIXES`] more in each family; the same seed gives the
    /// same table.
    pub fn seeded(seed: u64) -> Self {
        let (v4, v6) = seeded_prefixes(seed);
        Self::new(v4, v6)
    }

    /// The neighbour that leads to an IPv4 address.
    #[inline(always)]
    pub fn next_hop_v4(&self, destination: u32) -> Option<u32> {
        let (_, &neighbour) = self.v4.lookup(&Ipv4Addr::from_bits(destination));
        (neighbour != NO_ROUTE).then_some(neighbour)
    }

    /// The neighbour that leads to an IPv6 address.
    #[inline(always)]
    pub fn next_hop_v6(&self, destination: u128) -> Option<u32> {
        let (_, &neighbour) = self.v6.lookup(&Ipv6Addr::from_bits(destination));
        (neighbour != NO_ROUTE).then_some(neighbour)
    }
}

/// Cuts the address space into prefixes of which none lies inside another, each with the
/// neighbour that the longest match among `routes` has for it (leaf pushing).
///
/// Look-up is then one way down the trie, never up again: 3 to 4 times as fast for IPv4
/// addresses under nested prefixes, with 400 routes cut into 4,000. Not for IPv6, where long
/// prefixes far apart make 15,000, and look-ups in them 4 times as slow.
fn disjoint(routes: impl IntoIterator<Item = Route<Ipv4Net>>) -> Vec<Route<Ipv4Net>> {
    let mut routes: Vec<_> = routes
        .into_iter()
        .map(|(prefix, neighbour)| (prefix.trunc(), neighbour))
        .collect();
    // What lies inside a prefix then follows it, and equal ones keep their order.
    routes.sort_by_key(|(prefix, _)| (prefix.network(), prefix.prefix_len()));
    let mut pieces = Vec::with_capacity(routes.len() * 12);
    cut(Ipv4Net::default(), NO_ROUTE, &routes, &mut pieces);
    pieces
}

/// Appends the pieces of `net`, which leads to `neighbour` where no route says otherwise;
/// `routes` are those equal to it or inside it.
fn cut(net: Ipv4Net, neighbour: u32, routes: &[Route<Ipv4Net>], pieces: &mut Vec<Route<Ipv4Net>>) {
    let (same, inside) = routes.split_at(routes.partition_point(|(prefix, _)| *prefix == net));
    let neighbour = same.last().map_or(neighbour, |(_, neighbour)| *neighbour);
    let halves = net.subnets(net.prefix_len() + 1).ok();
    match halves.and_then(|mut halves| halves.next().zip(halves.next())) {
        Some((lower, upper)) if !inside.is_empty() => {
            let middle = inside.partition_point(|(prefix, _)| lower.contains(prefix));
            let (in_lower, in_upper) = inside.split_at(middle);
            cut(lower, neighbour, in_lower, pieces);
            cut(upper, neighbour, in_upper, pieces);
        }
        _ => pieces.push((net, neighbour)),
    }
}

/// The prefixes of [`Routes::seeded`], each family's default route first.
///
/// A third of them lie in private space (RFC 1918; RFC 4193), as between sites of one owner,
/// so that captures taken there meet more than the default route.
pub fn seeded_prefixes(seed: u64) -> (Vec<Route<Ipv4Net>>, Vec<Route<Ipv6Net>>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let v4 = distinct(SEEDED_PREFIXES, || random_v4(&mut random));
    let v6 = distinct(SEEDED_PREFIXES, || random_v6(&mut random));
    with_neighbours(v4, v6, seed)
}

/// A default route and `prefixes` more in each family, the default route first; the same seed
/// gives the same prefixes.
///
/// Half of them lie where generated packets go to ([`crate::synth`]): in the benchmark networks
/// `198.18.0.0/15` (RFC 2544, C.2.2) and `2001:2:0:2::/112` (of RFC 5180, 8). The others are as
/// in [`seeded_prefixes`].
pub fn spread_prefixes(prefixes: usize, seed: u64) -> (Vec<Route<Ipv4Net>>, Vec<Route<Ipv6Net>>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let v4 = distinct(prefixes, || {
        if random.random() {
            return random_v4(&mut random);
        }
        let bits = 0xc612_0000 | random.next_u32() >> 15;
        net_v4(bits, random.random_range(20..=32))
    });
    let v6 = distinct(prefixes, || {
        if random.random() {
            return random_v6(&mut random);
        }
        let bits = 0x2001_0002_0000_0002 << 64 | u128::from(random.next_u32() >> 16);
        net_v6(bits, random.random_range(116..=128))
    });
    with_neighbours(v4, v6, seed)
}

/// Draws a neighbour for every prefix; the first of each family leads to number 0.
fn with_neighbours(
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
    seed: u64,
) -> (Vec<Route<Ipv4Net>>, Vec<Route<Ipv6Net>>) {
    let mut neighbours = ChaCha8Rng::seed_from_u64(!seed);
    let mut neighbour = |i| match i {
        0 => 0,
        _ => neighbours.random_range(1..NEIGHBOURS),
    };
    let v4 = v4.into_iter().enumerate();
    let v4 = v4.map(|(i, net)| (net, neighbour(i))).collect();
    let v6 = v6.into_iter().enumerate();
    (v4, v6.map(|(i, net)| (net, neighbour(i))).collect())
}

/// The prefix of length 0 and so many more, no two equal.
fn distinct<N: Copy + Default + Eq + Hash>(
    prefixes: usize,
    mut draw: impl FnMut() -> Option<N>,
) -> Vec<N> {
    let mut nets = vec![N::default()];
    let mut known = HashSet::from([N::default()]);
    while nets.len() <= prefixes {
        nets.extend(draw().filter(|net| known.insert(*net)));
    }
    nets
}

/// Lengths 8 to 32, most of them 16 to 24 as in any table that is not a backbone's.
fn random_v4(random: &mut ChaCha8Rng) -> Option<Ipv4Net> {
    let bits = random.next_u32();
    let bits = match random.random_range(0..16) {
        0..4 => 0x0a00_0000 | bits >> 8, // 10.0.0.0/8
        4 => 0xac10_0000 | bits >> 12,   // 172.16.0.0/12
        5 => 0xc0a8_0000 | bits >> 16,   // 192.168.0.0/16
        _ => bits,
    };
    let length = match random.random_range(0..8) {
        0 => random.random_range(8..16),
        1 => random.random_range(25..=32),
        _ => random.random_range(16..=24),
    };
    net_v4(bits, length)
}

fn net_v4(bits: u32, length: u8) -> Option<Ipv4Net> {
    let net = Ipv4Net::new(Ipv4Addr::from_bits(bits), length);
    net.ok().map(|net| net.trunc())
}

/// Lengths 16 to 128, most of them 32 to 64.
fn random_v6(random: &mut ChaCha8Rng) -> Option<Ipv6Net> {
    let bits = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
    let bits = match random.random_range(0..3) {
        0 => 0xfd << 120 | bits >> 8,  // fd00::/8
        _ => 0b001 << 125 | bits >> 3, // 2000::/3
    };
    let length = match random.random_range(0..8) {
        0 => random.random_range(16..32),
        1 => random.random_range(65..=128),
        _ => random.random_range(32..=64),
    };
    net_v6(bits, length)
}

fn net_v6(bits: u128, length: u8) -> Option<Ipv6Net> {
    let net = Ipv6Net::new(Ipv6Addr::from_bits(bits), length);
    net.ok().map(|net| net.trunc())
}
