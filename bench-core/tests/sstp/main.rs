//! SSTP: octets on the wire, what is refused, and rustls at the other end of the connection.

#[path = "../packets/mod.rs"]
mod packets;
mod peer;
mod refusals;
mod wire;

use tunneltax_core::cipher::Cipher;
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::Setup;
use tunneltax_core::path::records::{Opener, Sealer};
use tunneltax_core::path::sstp::{OVER_TCP, Sstp, Version};

type Gcm = Ring<{ ring::AES_256 }>;

/// Octets of IPv4 and TCP.
const OUTER: usize = 40;
const KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";
const IV: [u8; 12] = *b"saltIVIVIVIV";
const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

fn sealer(version: Version, key: &[u8], iv: [u8; 12]) -> Sealer<Gcm, Sstp> {
    let cipher = Gcm::new(key).unwrap();
    let record = Sstp::new(version, iv);
    Sealer::new(&Setup::default(), cipher, OVER_TCP, record).from_sequence(1000)
}

fn opener(version: Version, key: &[u8], iv: [u8; 12]) -> Opener<Gcm, Sstp> {
    let cipher = Gcm::new(key).unwrap();
    let record = Sstp::new(version, iv);
    Opener::new(&Setup::default(), cipher, OVER_TCP, record).from_sequence(1000)
}

/// The packets on the wire that one packet becomes.
fn seal(sealer: &mut Sealer<Gcm, Sstp>, inner: &[u8]) -> Result<Vec<Vec<u8>>, Reason> {
    let mut arena = Arena::new(1, 100, inner.len(), 200);
    let mut burst = arena.frames();
    assert!(burst[0].load(inner));
    sealer.seal(&mut burst);
    match burst[0].fate {
        Fate::Carried => Ok(burst[0].wire_packets().map(<[u8]>::to_vec).collect()),
        Fate::Dropped(reason) => Err(reason),
    }
}

/// A packet on the wire through a receiver.
fn open(opener: &mut Opener<Gcm, Sstp>, packet: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut arena = Arena::new(1, 0, 6000, 0);
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    opener.open(&mut burst);
    match burst[0].fate {
        Fate::Carried => Ok(burst[0].bytes().to_vec()),
        Fate::Dropped(reason) => Err(reason),
    }
}

/// What segments carry.
fn octets(packets: &[Vec<u8>]) -> Vec<u8> {
    packets
        .iter()
        .flat_map(|packet| packet[OUTER..].to_vec())
        .collect()
}

/// A segment with whatever octets, the next after `*sequence`.
fn segment(sequence: &mut u32, octets: &[u8]) -> Vec<u8> {
    use pnet::packet::tcp::{MutableTcpPacket, ipv4_checksum};
    let mut packet = seal(&mut sealer(Version::Tls12, &KEY, IV), &[0x45; 20])
        .unwrap()
        .remove(0);
    packet.truncate(OUTER);
    packet.extend(octets);
    packet[24..28].copy_from_slice(&sequence.to_be_bytes());
    *sequence += octets.len() as u32;
    let total = (packet.len() as u16).to_be_bytes();
    packet[2..4].copy_from_slice(&total);
    packets::fix_checksum(&mut packet[..20]);
    let mut tcp = MutableTcpPacket::new(&mut packet[20..]).unwrap();
    let ends = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let right = ipv4_checksum(&tcp.to_immutable(), &ends.0, &ends.1);
    tcp.set_checksum(right);
    packet
}
