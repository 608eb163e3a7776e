//! Receive side scaling: which of several workers a packet goes to, by the Toeplitz hash of its
//! addresses and ports, as network cards compute it (Microsoft, RSS Hashing Functions).
//!
//! A card does this, so that it is outside the clock. The hash is not symmetric: the two
//! directions of a flow need not meet on one worker.

use crate::wire::{self, Fragment, ipv4, ipv6, protocol};

/// Octets of the secret key: as many as the longest input and the hash need.
pub const KEY_BYTES: usize = 40;
/// The key of Microsoft's verification data, which many drivers load when nobody gives them one.
pub const KEY: [u8; KEY_BYTES] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];
/// Entries of the indirection table.
pub const TABLE_ENTRIES: usize = 128;

/// Octets of the longest input: two IPv6 addresses and two ports.
const INPUT_BYTES: usize = 2 * 16 + 2 * 2;
const _: () = assert!(INPUT_BYTES + size_of::<u32>() == KEY_BYTES);

/// What of a packet is hashed: source address, destination address, and source and destination
/// port where they are known. One direction of a flow has one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Input {
    octets: [u8; INPUT_BYTES],
    len: u8,
}

impl Input {
    /// The input of an IP packet; `None` where it is none that a card would hash.
    ///
    /// Ports are those of TCP and UDP, of packets that are no fragments: of any other packet only
    /// the addresses are hashed. IPv6 extension headers are passed over.
    pub fn of(packet: &[u8]) -> Option<Self> {
        let (addresses, protocol, at, fragment) = match wire::version(packet)? {
            4 => {
                let header = ipv4::Header::parse(packet).ok()?;
                let addresses = packet.get(12..20)?;
                (
                    addresses,
                    header.protocol,
                    header.header_bytes,
                    header.fragment(),
                )
            }
            6 => {
                let header = ipv6::Header::parse(packet).ok()?;
                let upper = ipv6::upper(packet, header.next_header).ok()?;
                let addresses = packet.get(8..40)?;
                (addresses, upper.protocol, upper.at, upper.fragment)
            }
            _ => return None,
        };
        let hashes_ports = matches!(protocol, protocol::TCP | protocol::UDP);
        let ports = match fragment {
            Fragment::Whole if hashes_ports => packet.get(at..at + 4)?,
            _ => &[],
        };
        let mut octets = [0; INPUT_BYTES];
        let len = addresses.len() + ports.len();
        octets[..addresses.len()].copy_from_slice(addresses);
        octets[addresses.len()..len].copy_from_slice(ports);
        Some(Self {
            octets,
            len: len as u8,
        })
    }

    /// The octets, in network byte order.
    fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

/// The Toeplitz hash: for every bit of the input that is set, the 32 bits of the key that begin
/// there, added without carry.
pub fn toeplitz(key: &[u8; KEY_BYTES], input: &[u8]) -> u32 {
    let bits = |at: usize| -> u32 {
        let octet = |at: usize| u64::from(key.get(at).copied().unwrap_or(0));
        let window = (0..5).fold(0, |window, i| window << 8 | octet(at / 8 + i));
        (window >> (8 - at % 8)) as u32
    };
    let is_set = |at: &usize| input[at / 8] & (0x80 >> (at % 8)) != 0;
    let set = (0..8 * input.len()).filter(is_set);
    set.fold(0, |hash, at| hash ^ bits(at))
}

/// A card's choice among so many workers.
#[derive(Clone, Debug)]
pub struct Rss {
    key: [u8; KEY_BYTES],
    table: [u16; TABLE_ENTRIES],
}

impl Rss {
    /// [`KEY`], and the workers in turns in the table, as drivers fill it. More workers than
    /// entries get nothing.
    pub fn new(workers: usize) -> Self {
        Self {
            key: KEY,
            table: std::array::from_fn(|entry| (entry % workers.max(1)) as u16),
        }
    }

    /// The worker of a packet; what cannot be hashed goes where a hash of 0 goes.
    pub fn worker_of(&self, packet: &[u8]) -> usize {
        let hash = Input::of(packet).map_or(0, |input| toeplitz(&self.key, input.octets()));
        usize::from(self.table[hash as usize % TABLE_ENTRIES])
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use etherparse::{IpFragOffset, Ipv6FlowLabel, Ipv6Header, PacketBuilder};

    use super::*;

    /// Destination, source, hash of the addresses, hash of addresses and ports: Microsoft,
    /// Verifying the RSS Hash Calculation.
    const VECTORS: [(&str, u16, &str, u16, u32, u32); 8] = [
        (
            "161.142.100.80",
            1766,
            "66.9.149.187",
            2794,
            0x323e_8fc2,
            0x51cc_c178,
        ),
        (
            "65.69.140.83",
            4739,
            "199.92.111.2",
            14230,
            0xd718_262a,
            0xc626_b0ea,
        ),
        (
            "12.22.207.184",
            38024,
            "24.19.198.95",
            12898,
            0xd2d0_a5de,
            0x5c2b_394a,
        ),
        (
            "209.142.163.6",
            2217,
            "38.27.205.30",
            48228,
            0x8298_9176,
            0xafc7_327f,
        ),
        (
            "202.188.127.2",
            1303,
            "153.39.163.191",
            44251,
            0x5d18_09c5,
            0x10e8_28a2,
        ),
        (
            "3ffe:2501:200:3::1",
            1766,
            "3ffe:2501:200:1fff::7",
            2794,
            0x2cc1_8cd5,
            0x4020_7d3d,
        ),
        (
            "ff02::1",
            4739,
            "3ffe:501:8::260:97ff:fe40:efab",
            14230,
            0x0f0c_461c,
            0xdde5_1bbf,
        ),
        (
            "fe80::200:f8ff:fe21:67cf",
            38024,
            "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
            44251,
            0x4b61_e985,
            0x02d1_feef,
        ),
    ];

    /// What a packet carries.
    #[derive(Clone, Copy)]
    enum Carries {
        Tcp,
        Udp,
        Icmp,
    }

    fn packet(from: (&str, u16), to: (&str, u16), carries: Carries) -> Vec<u8> {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let builder = match (address(from.0), address(to.0)) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                PacketBuilder::ipv4(from.octets(), to.octets(), 64)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                PacketBuilder::ipv6(from.octets(), to.octets(), 64)
            }
            _ => panic!("two families"),
        };
        let mut packet = Vec::new();
        let written = match carries {
            Carries::Tcp => builder
                .tcp(from.1, to.1, 1, 100)
                .write(&mut packet, b"text"),
            Carries::Udp => builder.udp(from.1, to.1).write(&mut packet, b"text"),
            Carries::Icmp => builder
                .icmpv4_echo_request(from.1, to.1)
                .write(&mut packet, b"text"),
        };
        written.expect("a packet");
        packet
    }

    fn hash(packet: &[u8]) -> u32 {
        toeplitz(&KEY, Input::of(packet).expect("an input").octets())
    }

    #[test]
    fn the_published_hashes_come_out() {
        for (to, to_port, from, from_port, of_addresses, of_ports) in VECTORS {
            for carries in [Carries::Tcp, Carries::Udp] {
                let packet = packet((from, from_port), (to, to_port), carries);
                assert_eq!(hash(&packet), of_ports, "{from}:{from_port} to {to}");
            }
            if !to.contains(':') {
                let packet = packet((from, from_port), (to, to_port), Carries::Icmp);
                assert_eq!(hash(&packet), of_addresses, "{from} to {to}");
            }
        }
    }

    /// Of a fragment only the addresses count: the first one too, or a datagram's parts would not
    /// meet.
    #[test]
    fn fragments_are_hashed_by_addresses() {
        for (to, to_port, from, from_port, of_addresses, _) in VECTORS {
            if to.contains(':') {
                let whole = packet((from, from_port), (to, to_port), Carries::Udp);
                let fragment = etherparse::Ipv6FragmentHeader::new(
                    etherparse::IpNumber::UDP,
                    IpFragOffset::ZERO,
                    true,
                    7,
                );
                let header = Ipv6Header {
                    traffic_class: 0,
                    flow_label: Ipv6FlowLabel::ZERO,
                    payload_length: (whole.len() - 40 + 8) as u16,
                    next_header: etherparse::IpNumber::IPV6_FRAGMENTATION_HEADER,
                    hop_limit: 64,
                    source: whole[8..24].try_into().expect("an address"),
                    destination: whole[24..40].try_into().expect("an address"),
                };
                let first = [&header.to_bytes()[..], &fragment.to_bytes(), &whole[40..]].concat();
                assert_eq!(hash(&first), of_addresses, "{from} to {to}");
                continue;
            }
            // More fragments, offset 0; the last one, at octet 72 (RFC 791, 3.1).
            for flags in [0x2000_u16, 9] {
                let mut part = packet((from, from_port), (to, to_port), Carries::Udp);
                part[6..8].copy_from_slice(&flags.to_be_bytes());
                part[10..12].fill(0);
                let sum = crate::wire::checksum::sum(&part[..20]);
                part[10..12].copy_from_slice(&(!sum).to_ne_bytes());
                assert_eq!(hash(&part), of_addresses, "{from} to {to}");
            }
        }
    }

    #[test]
    fn every_worker_has_its_turns_in_the_table_and_directions_need_not_meet() {
        for workers in [1, 2, 3, 7, 128] {
            let rss = Rss::new(workers);
            let mut turns = vec![0_usize; workers];
            for worker in rss.table {
                turns[usize::from(worker)] += 1;
            }
            let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
            assert!(*least > 0 && most - least <= 1, "{workers}: {turns:?}");
        }
        let rss = Rss::new(2);
        let apart = VECTORS.iter().filter(|(to, to_port, from, from_port, ..)| {
            let there = packet((from, *from_port), (to, *to_port), Carries::Tcp);
            let back = packet((to, *to_port), (from, *from_port), Carries::Tcp);
            rss.worker_of(&there) != rss.worker_of(&back)
        });
        assert!(apart.count() > 0);
        assert_eq!(rss.worker_of(&[]), rss.worker_of(b"no packet"));
    }

    #[test]
    fn a_flow_stays_on_its_worker() {
        let rss = Rss::new(5);
        let one = packet(("192.0.2.1", 5000), ("198.51.100.9", 443), Carries::Tcp);
        let mut later = one.clone();
        // The sequence number of another packet of the flow.
        later[24..28].fill(9);
        assert_eq!(Input::of(&one), Input::of(&later));
        assert_eq!(rss.worker_of(&one), rss.worker_of(&later));
    }
}
