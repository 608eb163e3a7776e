//! Both ends of a WireGuard case, and messages for it that the path under test did not make.

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use etherparse::PacketBuilder;
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::wireguard::Keys;
use tunneltax_core::path::{Case, PacketPath, Setup, cases};

use crate::packets::{fix_checksum, reason};

pub use tunneltax_core::fate::Reason;

/// Octets of the outer IPv4 and UDP headers.
pub const OUTER: usize = 28;
/// Octets in front of the text.
pub const FRONT: usize = OUTER + 16;
/// Octets of the tag.
pub const TAG: usize = 16;

/// What became of a packet: its octets, or why it was dropped.
pub type Outcome = Result<Vec<u8>, Reason>;

/// Every case of WireGuard.
pub fn tunnel_cases() -> impl Iterator<Item = &'static Case> {
    cases().filter(|case| case.id.starts_with("wireguard/"))
}

/// Those of them that have a tag to verify.
pub fn sealed_cases() -> impl Iterator<Item = &'static Case> {
    tunnel_cases().filter(|case| case.algorithm.is_some())
}

/// A case that was opened, with the keys that it has.
pub struct Ends {
    pub case: &'static Case,
    pub keys: Keys,
    pub path: Box<dyn PacketPath>,
}

impl Ends {
    pub fn new(case: &'static Case) -> Self {
        let setup = Setup::default();
        Self {
            case,
            keys: Keys::seeded(&setup, 32),
            path: case.open(&setup).unwrap(),
        }
    }

    pub fn send(&mut self, packet: &[u8]) -> Outcome {
        in_frame(packet, |burst| self.path.send(burst))
    }

    pub fn receive(&mut self, packet: &[u8]) -> Outcome {
        in_frame(packet, |burst| self.path.receive(burst))
    }

    /// A packet with this text in a message with this counter, sealed with the real key.
    pub fn craft(&self, counter: u64, text: &[u8]) -> Vec<u8> {
        let sealed = match self.case.algorithm {
            Some(_) => sealed(&self.keys, counter, text),
            None => [text, &[0; TAG]].concat(),
        };
        in_udp(&message(self.keys.receiver, counter, &sealed))
    }
}

/// A data message: type, receiver index, counter, what is sealed.
pub fn message(receiver: u32, counter: u64, sealed: &[u8]) -> Vec<u8> {
    let (receiver, counter) = (receiver.to_le_bytes(), counter.to_le_bytes());
    [&[4, 0, 0, 0], &receiver[..], &counter[..], sealed].concat()
}

/// Text and tag.
pub fn sealed(keys: &Keys, counter: u64, text: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    let aead = ChaCha20Poly1305::new_from_slice(&keys.key).unwrap();
    let mut sealed = text.to_vec();
    let text = InOutBuf::from(sealed.as_mut_slice());
    let tag = aead.encrypt_inout_detached(&nonce.into(), &[], text);
    sealed.extend(tag.unwrap());
    sealed
}

/// A datagram to the port of WireGuard, with a UDP checksum.
pub fn in_udp(datagram: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .udp(51820, 51820)
        .write(&mut packet, datagram)
        .unwrap();
    packet
}

/// The packet with as many octets as there are now, and outer headers that agree.
pub fn agreeing(mut packet: Vec<u8>) -> Vec<u8> {
    let total = (packet.len() as u16).to_be_bytes();
    let datagram = (packet.len() as u16 - 20).to_be_bytes();
    packet[2..4].copy_from_slice(&total);
    packet[24..26].copy_from_slice(&datagram);
    fix_checksum(&mut packet[..20]);
    packet
}

/// A packet alone in a burst, with room at both ends, and octets of another packet in it.
pub fn in_frame(packet: &[u8], run: impl FnOnce(&mut [Frame<'_>])) -> Outcome {
    let mut arena = Arena::new(1, 64, packet.len(), 64);
    let mut burst = arena.frames();
    assert!(burst[0].load(&vec![0xee; packet.len() + 64]));
    assert!(burst[0].load(packet));
    run(&mut burst);
    match reason(&burst[0]) {
        None => Ok(burst[0].bytes().to_vec()),
        Some(reason) => Err(reason),
    }
}
