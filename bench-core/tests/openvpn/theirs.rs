//! Packets of two real OpenVPN processes, see `data/openvpn/take.sh`: every one of them opens
//! with the keys that the processes logged, holds the ping that was sent, and is, octet by octet,
//! what a sender here makes of that ping.

use serde::Deserialize;
use tunneltax_core::cipher::Cipher;
use tunneltax_core::cipher::aws_lc::{self, AwsLc};
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::cipher::rust_crypto::RustCrypto;
use tunneltax_core::fate::Reason;
use tunneltax_core::frame::Arena;
use tunneltax_core::path::Setup;
use tunneltax_core::path::openvpn::{DataV2, OVER_UDP};
use tunneltax_core::path::records::{Carrier, Opener, Sealer};
use tunneltax_core::path::stream::Stream;
use tunneltax_core::wire::openvpn::PING;

use super::{FRONT, OUTER, from_hex, open_one, outcome, seal_one};

#[derive(Deserialize)]
struct Document {
    taken_from: String,
    tunnels: Vec<Tunnel>,
}

#[derive(Deserialize)]
struct Tunnel {
    cipher: String,
    transport: String,
    keys: Ends,
    packets: Vec<Packet>,
}

#[derive(Deserialize)]
struct Ends {
    near: Keys,
    far: Keys,
}

/// What an end sends with.
#[derive(Deserialize)]
struct Keys {
    key: String,
    implicit_iv: String,
}

#[derive(Deserialize)]
struct Packet {
    from: String,
    packet: String,
}

fn tunnels(transport: &str) -> Vec<Tunnel> {
    let text = include_str!("../../data/openvpn/packets.json");
    let document: Document = serde_json::from_str(text).unwrap();
    assert!(document.taken_from.starts_with("OpenVPN 2.6"));
    let mut tunnels = document.tunnels;
    tunnels.retain(|tunnel| tunnel.transport == transport);
    tunnels
}

/// A ping as the kernel at an end of the tunnel made it, or the answer to one.
#[derive(Debug, PartialEq, Eq)]
struct Ping {
    is_reply: bool,
    identifier: u16,
    sequence: u16,
    data: Vec<u8>,
}

/// Reads a ping with other people's parsers and checks all that is known of it.
fn ping(inner: &[u8], from: &str) -> Ping {
    use pnet::packet::Packet;
    use pnet::packet::icmp::{IcmpPacket, IcmpTypes, checksum};
    let ip = etherparse::Ipv4HeaderSlice::from_slice(inner).unwrap();
    assert_eq!(usize::from(ip.total_len()), inner.len());
    assert_eq!(ip.to_header().calc_header_checksum(), ip.header_checksum());
    let ends = ([10, 8, 0, 1], [10, 8, 0, 2]);
    let (source, destination) = if from == "near" {
        ends
    } else {
        (ends.1, ends.0)
    };
    assert_eq!((ip.source(), ip.destination()), (source, destination));
    assert_eq!((ip.protocol().0, ip.ttl()), (1, 64));
    let icmp = IcmpPacket::new(&inner[20..]).unwrap();
    assert_eq!(icmp.get_checksum(), checksum(&icmp));
    let is_reply = icmp.get_icmp_type() == IcmpTypes::EchoReply;
    assert!(is_reply || icmp.get_icmp_type() == IcmpTypes::EchoRequest);
    let body = icmp.payload();
    let word = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    Ping {
        is_reply,
        identifier: word(0),
        sequence: word(2),
        data: body[4..].to_vec(),
    }
}

/// What one end of a tunnel says to the other, through a sender and a receiver here.
struct Direction<C> {
    opener: Opener<C, DataV2>,
    sealer: Sealer<C, DataV2>,
}

impl<C: Cipher> Direction<C> {
    fn new(keys: &Keys, first: &[u8]) -> Self {
        let setup = Setup::default();
        // The peer id is the program's choice; the first packet shows it.
        let peer_id = u32::from_be_bytes([0, first[OUTER + 1], first[OUTER + 2], first[OUTER + 3]]);
        let implicit_iv = from_hex(&keys.implicit_iv).try_into().unwrap();
        let record = DataV2::new(OVER_UDP, first[OUTER] & 7, peer_id, implicit_iv);
        let cipher = || C::new(&from_hex(&keys.key)).unwrap();
        Self {
            opener: Opener::new(&setup, cipher(), OVER_UDP, record),
            sealer: Sealer::new(&setup, cipher(), OVER_UDP, record),
        }
    }
}

/// All packets of a tunnel, both directions; returns how many pings there were.
fn judge<C: Cipher>(tunnel: &Tunnel) -> usize {
    let first = |from| {
        let packet = tunnel.packets.iter().find(|packet| packet.from == from);
        from_hex(&packet.unwrap().packet)
    };
    let mut near = Direction::<C>::new(&tunnel.keys.near, &first("near"));
    let mut far = Direction::<C>::new(&tunnel.keys.far, &first("far"));
    let (mut asked, mut pings, mut keepalives) = (None, 0, 0);
    for Packet { from, packet } in &tunnel.packets {
        let packet = from_hex(packet);
        let direction = if from == "near" { &mut near } else { &mut far };
        // --passtos is off: whatever the packet inside asks for, the outer one asks for nothing.
        assert_eq!((packet[1], packet[6]), (0, 0x40));
        let opened = open_one(&mut direction.opener, &packet);
        let again = open_one(&mut direction.opener, &packet);
        assert_eq!(again, Err(Reason::Replayed));
        let inner = match opened {
            Ok(inner) => {
                let ping = ping(&inner, from);
                if ping.is_reply {
                    let asked: Option<Ping> = asked.take();
                    assert_eq!(
                        asked.map(|asked| (asked.identifier, asked.sequence, asked.data)),
                        Some((ping.identifier, ping.sequence, ping.data))
                    );
                } else {
                    if ping.data.len() != 56 {
                        assert_eq!(inner[1], 0xb8);
                        assert!(ping.data.iter().skip(16).all(|&octet| octet == 0x5a));
                    }
                    asked = Some(ping);
                }
                pings += 1;
                inner
            }
            Err(reason) => {
                assert_eq!((reason, packet.len()), (Reason::Keepalive, FRONT + 16));
                keepalives += 1;
                PING.to_vec()
            }
        };
        let number = u32::from_be_bytes(packet[OUTER + 4..OUTER + 8].try_into().unwrap());
        let mut sealer = Direction::<C>::new(
            if from == "near" {
                &tunnel.keys.near
            } else {
                &tunnel.keys.far
            },
            &packet,
        )
        .sealer
        .from_number(u64::from(number));
        let ours = seal_one(&mut sealer, &inner).unwrap();
        assert_eq!(ours[OUTER..], packet[OUTER..]);
        // Ports, lengths and checksum 0 are not: OpenVPN's kernel counts identifications, and
        // writes a UDP checksum.
        assert_eq!(ours[20..26], packet[20..26]);
    }
    assert!(keepalives >= 2);
    pings
}

#[test]
fn what_openvpn_sent_is_opened_and_sent_again() {
    let tunnels = tunnels("udp");
    assert_eq!(tunnels.len(), 2);
    for tunnel in &tunnels {
        let pings = match tunnel.cipher.as_str() {
            "AES-256-GCM" => [
                judge::<Ring<{ ring::AES_256 }>>(tunnel),
                judge::<AwsLc<{ aws_lc::AES_256 }>>(tunnel),
                judge::<RustCrypto<aes_gcm::Aes256Gcm>>(tunnel),
            ],
            "CHACHA20-POLY1305" => [
                judge::<Ring<{ ring::CHACHA20 }>>(tunnel),
                judge::<AwsLc<{ aws_lc::CHACHA20 }>>(tunnel),
                judge::<RustCrypto<chacha20poly1305::ChaCha20Poly1305>>(tunnel),
            ],
            other => panic!("no cipher {other} here"),
        };
        // Nine sizes, asked and answered, in both directions.
        assert!(pings.iter().all(|pings| *pings >= 36), "{pings:?}");
    }
}

/// One end's part of a connection: octets that a frame brought are looked at when they make a
/// record, and made again.
struct StreamEnd {
    opener: Opener<Ring<{ ring::AES_256 }>, DataV2>,
    carrier: Carrier,
    record: DataV2,
    key: Vec<u8>,
    octets: Vec<u8>,
}

impl StreamEnd {
    fn new(keys: &Keys, first: &[u8]) -> Self {
        let port = |at| u16::from_be_bytes([first[at], first[at + 1]]);
        let carrier = Carrier::Stream(Stream {
            ports: (port(20), port(22)),
            timestamps: true,
        });
        let sequence = u32::from_be_bytes(first[24..28].try_into().unwrap());
        let header = &first[TCP_OUTER + 2..];
        let peer_id = u32::from_be_bytes([0, header[1], header[2], header[3]]);
        let implicit_iv = from_hex(&keys.implicit_iv).try_into().unwrap();
        let record = DataV2::new(carrier, header[0] & 7, peer_id, implicit_iv);
        let key = from_hex(&keys.key);
        let cipher = Ring::new(&key).unwrap();
        let opener = Opener::new(&Setup::default(), cipher, carrier, record);
        Self {
            opener: opener.from_sequence(sequence),
            carrier,
            record,
            key,
            octets: vec![],
        }
    }

    /// What a segment brings.
    fn take(&mut self, packet: &[u8]) -> Result<Vec<u8>, Reason> {
        let mut arena = Arena::new(1, 0, 2000, 0);
        let mut burst = arena.frames();
        assert!(burst[0].load(packet));
        self.opener.open(&mut burst);
        self.octets.extend(&packet[TCP_OUTER..]);
        outcome(burst[0].fate, burst[0].bytes())
    }

    /// What was brought since, and the same as it is sent here, cut into as many segments.
    fn send_again(&mut self, inner: &[u8], segments: usize) {
        let theirs = std::mem::take(&mut self.octets);
        let number = u32::from_be_bytes(theirs[6..10].try_into().unwrap());
        let cipher = Ring::<{ ring::AES_256 }>::new(&self.key).unwrap();
        let sealer = Sealer::new(&Setup::default(), cipher, self.carrier, self.record);
        let mut arena = Arena::new(1, 100, 2000, 200);
        let mut burst = arena.frames();
        assert!(burst[0].load(inner));
        sealer.from_number(u64::from(number)).seal(&mut burst);
        let ours = burst[0].wire_packets().map(|packet| &packet[TCP_OUTER..]);
        let ours: Vec<&[u8]> = ours.collect();
        assert_eq!((ours.len(), ours.concat()), (segments, theirs));
    }
}

/// Octets of IPv4, TCP and timestamps.
const TCP_OUTER: usize = 52;

#[test]
fn what_openvpn_sent_over_tcp_is_opened_and_sent_again() {
    let tunnels = tunnels("tcp");
    let [tunnel] = tunnels.as_slice() else {
        panic!("one tunnel over TCP");
    };
    let first = |from| {
        let packet = tunnel.packets.iter().find(|packet| packet.from == from);
        from_hex(&packet.unwrap().packet)
    };
    let mut near = StreamEnd::new(&tunnel.keys.near, &first("near"));
    let mut far = StreamEnd::new(&tunnel.keys.far, &first("far"));
    let (mut pings, mut held, mut keepalives) = (0, 0, 0);
    let mut segments = 1;
    for Packet { from, packet } in &tunnel.packets {
        let packet = from_hex(packet);
        let end = if from == "near" { &mut near } else { &mut far };
        match end.take(&packet) {
            Ok(inner) => {
                ping(&inner, from);
                end.send_again(&inner, segments);
                (pings, segments) = (pings + 1, 1);
            }
            Err(Reason::Held) => (held, segments) = (held + 1, segments + 1),
            Err(reason) => {
                assert_eq!(reason, Reason::Keepalive);
                end.send_again(&PING, 1);
                keepalives += 1;
            }
        }
    }
    // A ping of 1400 octets needs two segments, each way, asked and answered.
    assert_eq!(held, 4);
    assert!(pings >= 36 && keepalives >= 2, "{pings} {keepalives}");
}

#[test]
fn what_openvpn_sent_and_somebody_changed_is_refused() {
    for tunnel in &tunnels("udp") {
        if tunnel.cipher != "AES-256-GCM" {
            continue;
        }
        let packet = from_hex(&tunnel.packets[4].packet);
        let keys = if tunnel.packets[4].from == "near" {
            &tunnel.keys.near
        } else {
            &tunnel.keys.far
        };
        let mut direction = Direction::<Ring<{ ring::AES_256 }>>::new(keys, &packet);
        for at in OUTER..packet.len() {
            let mut changed = packet.clone();
            changed[at] ^= 1;
            let reason = match at - OUTER {
                0..4 => Reason::WrongPeer,
                _ => Reason::BadIcv,
            };
            assert_eq!(
                open_one(&mut direction.opener, &changed),
                Err(reason),
                "{at}"
            );
        }
        assert!(open_one(&mut direction.opener, &packet).is_ok());
    }
}
