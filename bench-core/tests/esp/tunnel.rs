//! Both ends of a tunnel case, and packets for it that the path under test did not make.

use etherparse::{IpFragOffset, IpNumber, Ipv4Header, Ipv4Options};
use tunneltax_core::cipher::ring::{AES_256, CHACHA20, Ring};
use tunneltax_core::cipher::{Aead, ICV_BYTES, none::None as NoCipher};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::{Case, Kind, PacketPath, Setup, cases, keys};
use tunneltax_core::sa::Keys;

/// Octets of the outer header, of the ESP header and of the IV.
pub const OUTER: usize = 20;
pub const ESP: usize = 8;
pub const IV: usize = 8;
/// Octets in front of the text.
pub const FRONT: usize = OUTER + ESP + IV;

/// What became of a packet: its octets, or why it was dropped.
pub type Outcome = Result<Vec<u8>, Reason>;

/// Every case of the bill that encapsulates in ESP.
pub fn tunnel_cases() -> impl Iterator<Item = &'static Case> {
    cases().filter(|case| case.id.starts_with("esp/") && case.kind == Kind::Bill)
}

/// Those of them that have an ICV to verify.
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
        Self::with(case, &Setup::default())
    }

    pub fn with(case: &'static Case, setup: &Setup) -> Self {
        Self {
            case,
            keys: keys(setup, 32),
            path: case.open(setup).unwrap(),
        }
    }

    /// As if a burst of these packets came from the near network.
    pub fn send(&mut self, packets: &[Vec<u8>]) -> Vec<Outcome> {
        let (head, tail) = (self.case.overhead.headroom(), self.case.overhead.tailroom());
        in_burst(packets, head, tail, |burst| self.path.send(burst))
    }

    /// As if a burst of these packets came over the wire.
    pub fn receive(&mut self, packets: &[Vec<u8>]) -> Vec<Outcome> {
        in_burst(packets, 0, 0, |burst| self.path.receive(burst))
    }

    pub fn send_one(&mut self, packet: &[u8]) -> Outcome {
        self.send(&[packet.to_vec()]).remove(0)
    }

    pub fn receive_one(&mut self, packet: &[u8]) -> Outcome {
        self.receive(&[packet.to_vec()]).remove(0)
    }

    /// A packet with these parts, sealed with the real key.
    pub fn craft(&self, parts: &Parts) -> Vec<u8> {
        let esp = self.craft_esp(parts);
        let mut header = Ipv4Header::new(
            esp.len() as u16,
            64,
            IpNumber(parts.protocol),
            [192, 0, 2, 1],
            [192, 0, 2, 2],
        )
        .unwrap();
        header.dscp = (parts.tos >> 2).try_into().unwrap();
        header.ecn = (parts.tos & 3).try_into().unwrap();
        header.options = Ipv4Options::try_from(parts.options.as_slice()).unwrap();
        header.set_payload_len(esp.len()).unwrap();
        header.more_fragments = parts.more_fragments;
        header.fragment_offset = IpFragOffset::try_new(parts.fragment_offset).unwrap();
        header.header_checksum = header.calc_header_checksum();
        [header.to_bytes().to_vec(), esp].concat()
    }

    fn craft_esp(&self, parts: &Parts) -> Vec<u8> {
        let mut packet = parts.spi.unwrap_or(self.keys.spi).to_be_bytes().to_vec();
        packet.extend(parts.sequence.to_be_bytes());
        // An IV that is not the sequence number: the receiver may not assume that it is.
        let iv = (0xabcd << 48 | u64::from(parts.sequence)).to_be_bytes();
        let nonce: Vec<u8> = self.keys.salt.iter().copied().chain(iv).collect();
        let mut text = [parts.inner.as_slice(), &parts.trailer].concat();
        let mut icv = [0; ICV_BYTES];
        let nonce = nonce.try_into().unwrap();
        let seal = match self.case.algorithm {
            Some("aes-256-gcm") => seal::<Ring<AES_256>>,
            Some("chacha20-poly1305") => seal::<Ring<CHACHA20>>,
            None => seal::<NoCipher>,
            Some(other) => panic!("no key for {other}"),
        };
        seal(&self.keys.key, &nonce, &packet, &mut text, &mut icv);
        packet.extend(iv);
        packet.extend(text);
        packet.extend(icv);
        packet
    }
}

fn seal<C: Aead>(key: &[u8], nonce: &[u8; 12], aad: &[u8], text: &mut [u8], icv: &mut [u8; 16]) {
    C::new(key).unwrap().seal_parts(nonce, aad, text, icv);
}

/// What a sender may write, rightly or not.
#[derive(Clone)]
pub struct Parts {
    pub inner: Vec<u8>,
    /// Padding, pad length, next header.
    pub trailer: Vec<u8>,
    pub sequence: u32,
    /// The tunnel's own where `None`.
    pub spi: Option<u32>,
    pub tos: u8,
    pub protocol: u8,
    pub options: Vec<u8>,
    pub more_fragments: bool,
    pub fragment_offset: u16,
}

impl Parts {
    /// A right packet around `inner`.
    pub fn of(inner: &[u8], sequence: u32) -> Self {
        Self {
            inner: inner.to_vec(),
            trailer: trailer(inner),
            sequence,
            spi: None,
            tos: 0,
            protocol: 50,
            options: vec![],
            more_fragments: false,
            fragment_offset: 0,
        }
    }
}

/// The least padding that ends on four octets: 1, 2, 3 (RFC 4303, 2.4), by a table.
pub fn trailer(inner: &[u8]) -> Vec<u8> {
    let padding: &[u8] = match inner.len() % 4 {
        0 => &[1, 2, 2],
        1 => &[1, 1],
        2 => &[0],
        _ => &[1, 2, 3, 3],
    };
    let next_header = if inner[0] >> 4 == 4 { 4 } else { 41 };
    [padding, &[next_header]].concat()
}

fn in_burst(
    packets: &[Vec<u8>],
    headroom: usize,
    tailroom: usize,
    run: impl FnOnce(&mut [Frame<'_>]),
) -> Vec<Outcome> {
    let longest = packets.iter().map(Vec::len).max().unwrap_or(0);
    let mut arena = Arena::new(packets.len(), headroom, longest, tailroom);
    let mut burst = arena.frames();
    for (frame, packet) in burst.iter_mut().zip(packets) {
        assert!(frame.load(packet));
    }
    run(&mut burst);
    burst
        .iter()
        .map(|frame| match frame.fate {
            Fate::Carried => Ok(frame.bytes().to_vec()),
            Fate::Dropped(reason) => Err(reason),
        })
        .collect()
}
