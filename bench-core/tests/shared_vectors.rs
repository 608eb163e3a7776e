//! Vectors of other implementations, where the shared folder is at hand, through the path's own
//! ends: ESP with 32-bit and extended sequence numbers, and the anti-replay tables.

mod ciphers;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use ciphers::{Visit, every_aead, name};
use etherparse::{IpNumber, Ipv4Header};
use serde::Deserialize;
use tunneltax_core::cipher::Aead;
use tunneltax_core::cipher::ring::{AES_256, Ring};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::Setup;
use tunneltax_core::path::esp::{Opener, Sealer};
use tunneltax_core::path::framing::Framing;
use tunneltax_core::replay_window::ReplayWindow;
use tunneltax_core::sa::{InboundSa, Keys, Numbers, OutboundSa, SALT_BYTES};
use tunneltax_core::vectors::octets;

/// A file of the shared folder's vectors; `None`, and said so, without the folder.
fn shared<T: for<'de> Deserialize<'de>>(file: &str) -> Option<T> {
    let Some(folder) = std::env::var_os("TUNNELTAX_SHARED") else {
        println!("skipped: TUNNELTAX_SHARED is not set");
        return None;
    };
    let text = std::fs::read_to_string(Path::new(&folder).join("vectors").join(file)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn numbers(is_extended: bool) -> Numbers {
    if is_extended {
        Numbers::Extended
    } else {
        Numbers::Sent
    }
}

/// A packet that somebody else sealed.
#[derive(Deserialize)]
struct Sealed {
    name: String,
    algorithm: String,
    mode: Option<String>,
    outer: Option<String>,
    key: String,
    salt: Option<String>,
    spi: Option<u32>,
    seq64: Option<u64>,
    esn: Option<bool>,
    plaintext_packet: Option<String>,
    expected_packet: Option<String>,
    expected_esp: Option<String>,
}

impl Sealed {
    /// The algorithm as a case id names it.
    fn algorithm(&self) -> &'static str {
        match (self.algorithm.as_str(), self.key.len() / 2) {
            ("AES-GCM-16 (RFC 4106)", 16) => "aes-128-gcm",
            ("AES-GCM-16 (RFC 4106)", 24) => "aes-192-gcm",
            ("AES-GCM-16 (RFC 4106)", 32) => "aes-256-gcm",
            ("ChaCha20-Poly1305 (RFC 7634)", 32) => "chacha20-poly1305",
            other => panic!("{}: {other:?}", self.name),
        }
    }

    fn framing(&self) -> Framing {
        let framing = match self.outer.as_deref() {
            None | Some("ipv4") => Framing::PLAIN,
            Some("ipv6") => Framing::OVER_V6,
            Some(other) => panic!("{}: {other}", self.name),
        };
        Framing {
            numbers: numbers(self.esn.unwrap()),
            ..framing
        }
    }

    fn is_tunnel(&self) -> bool {
        self.mode.as_deref() == Some("tunnel")
    }

    /// On the wire; with an outer header of ours where the vector has none, or one for transport
    /// mode, whose checksum is not always right.
    fn packet(&self) -> Vec<u8> {
        if let Some(packet) = self.expected_packet.as_ref().filter(|_| self.is_tunnel()) {
            return octets(packet).unwrap();
        }
        let esp = octets(self.expected_esp.as_ref().unwrap()).unwrap();
        let (near, far) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
        let length = u16::try_from(esp.len()).unwrap();
        let header = Ipv4Header::new(length, 64, IpNumber(50), near.octets(), far.octets());
        let mut packet = Vec::new();
        header.unwrap().write(&mut packet).unwrap();
        packet.extend(esp);
        packet
    }

    /// What a receiver makes of `packet` that had everything before this sequence number.
    fn received<C: Aead>(&self, packet: &[u8], last: u64) -> (Fate, Vec<u8>) {
        let framing = self.framing();
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&octets(self.salt.as_ref().unwrap()).unwrap());
        let keys = Keys {
            spi: self.spi.unwrap(),
            key: octets(&self.key).unwrap(),
            salt,
        };
        let mut sa = InboundSa::<C>::new(&keys, framing.numbers, 64).unwrap();
        sa.window.begin_after(last);
        let mut opener = Opener::new(sa, framing.underlay);
        let mut arena = Arena::new(1, 0, packet.len(), 0);
        let mut burst = arena.frames();
        assert!(burst[0].load(packet));
        opener.open(&mut burst);
        (burst[0].fate, burst[0].bytes().to_vec())
    }
}

/// Vectors opened by each cipher: of tunnels, and of other next headers.
#[derive(Default)]
struct Opened {
    vectors: Vec<Sealed>,
    tunnels: BTreeMap<String, usize>,
    others: BTreeMap<String, usize>,
    extended: usize,
}

impl Visit for Opened {
    fn visit<C: Aead>(&mut self) {
        for vector in &self.vectors {
            if vector.algorithm() != C::ALGORITHM {
                continue;
            }
            let what = format!("{} by {}", vector.name, name::<C>());
            let packet = vector.packet();
            let last = vector.seq64.unwrap() - 1;
            let (fate, inner) = vector.received::<C>(&packet, last);
            if vector.is_tunnel() {
                let expected = octets(vector.plaintext_packet.as_ref().unwrap()).unwrap();
                assert_eq!((fate, inner), (Fate::Carried, expected), "{what}");
                *self.tunnels.entry(name::<C>()).or_default() += 1;
            } else {
                // The next header is looked at only in what is authentic.
                assert_eq!(fate, Fate::Dropped(Reason::BadNextHeader), "{what}");
                *self.others.entry(name::<C>()).or_default() += 1;
            }
            let mut forged = packet.clone();
            *forged.last_mut().unwrap() ^= 1;
            let (fate, _) = vector.received::<C>(&forged, last);
            assert_eq!(fate, Fate::Dropped(Reason::BadIcv), "{what}");
            if vector.esn == Some(true) {
                // The same octets under another upper half, which is authenticated and not sent.
                let (fate, _) = vector.received::<C>(&packet, last ^ (1 << 32));
                assert_eq!(fate, Fate::Dropped(Reason::BadIcv), "{what}");
                self.extended += 1;
            }
        }
    }
}

#[test]
fn esp_of_others_is_opened_and_a_forgery_of_it_is_not() {
    let Some(vectors) = shared::<Vec<Sealed>>("esp.json") else {
        return;
    };
    // The vector of an IKE message is no ESP.
    let vectors = vectors.into_iter().filter(|v| v.seq64.is_some()).collect();
    let mut opened = Opened {
        vectors,
        ..Opened::default()
    };
    every_aead(&mut opened);
    println!("tunnels: {:?}", opened.tunnels);
    println!("others: {:?}", opened.others);
    assert_eq!(opened.vectors.len(), 25);
    for library in ["ring", "aws-lc", "rustcrypto"] {
        let of = |counts: &BTreeMap<String, usize>, algorithm: &str| {
            let cipher = format!("{algorithm}@{library}");
            counts.get(&cipher).copied().unwrap_or_default()
        };
        let tunnels = ["aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"];
        assert_eq!(tunnels.map(|name| of(&opened.tunnels, name)), [4, 3, 2]);
        let others = ["aes-128-gcm", "aes-256-gcm"];
        assert_eq!(others.map(|name| of(&opened.others, name)), [10, 4]);
    }
    assert!(opened.extended >= 3 * 8, "{}", opened.extended);
}

#[derive(Deserialize)]
struct Tables {
    cases: Vec<Table>,
}

/// What a window takes and what not, in this order.
#[derive(Deserialize)]
struct Table {
    name: String,
    window: u32,
    esn: bool,
    steps: Vec<(u64, String)>,
}

/// A packet with a sequence number of choice.
fn sealed(keys: &Keys, framing: Framing, sequence: u64) -> Vec<u8> {
    let setup = Setup::default();
    let last = sequence - 1;
    let sa = OutboundSa::<Ring<AES_256>>::after(keys, framing.numbers, last).unwrap();
    let mut sealer = Sealer::new(&setup, sa, framing);
    let header = Ipv4Header::new(0, 64, IpNumber(59), [192, 0, 2, 7], [192, 0, 2, 8]);
    let mut inner = Vec::new();
    header.unwrap().write(&mut inner).unwrap();
    let mut arena = Arena::new(1, 64, inner.len(), 64);
    let mut burst = arena.frames();
    assert!(burst[0].load(&inner));
    sealer.seal(&mut burst);
    assert_eq!(burst[0].fate, Fate::Carried);
    burst[0].bytes().to_vec()
}

#[test]
fn windows_and_ends_refuse_what_the_tables_of_others_refuse() {
    let Some(Tables { cases }) = shared("anti_replay.json") else {
        return;
    };
    let keys = Keys {
        spi: 0x1001,
        key: vec![7; 32],
        salt: [1; SALT_BYTES],
    };
    let mut steps = 0;
    for table in &cases {
        let numbers = numbers(table.esn);
        let framing = Framing {
            numbers,
            ..Framing::PLAIN
        };
        let sa = InboundSa::<Ring<AES_256>>::new(&keys, numbers, table.window).unwrap();
        let mut opener = Opener::new(sa, framing.underlay);
        // By itself, too: it counts in 64 bits, extended or not.
        let mut window = ReplayWindow::new(table.window);
        for (sequence, verdict) in &table.steps {
            let is_taken = verdict == "accept";
            let what = format!("{}: {sequence}", table.name);
            assert_eq!(window.check(*sequence).is_ok(), is_taken, "{what}");
            assert_eq!(window.accept(*sequence).is_ok(), is_taken, "{what}");
            let packet = sealed(&keys, framing, *sequence);
            let mut arena = Arena::new(1, 0, packet.len(), 0);
            let mut burst = arena.frames();
            assert!(burst[0].load(&packet));
            opener.open(&mut burst);
            let fate = burst[0].fate;
            let is_right = match verdict.as_str() {
                "accept" => fate == Fate::Carried,
                // Of an extended number that is too old, the receiver takes the upper half for
                // the next one, so that its ICV is wrong (RFC 4303, appendix A2.2).
                "drop" if table.esn => matches!(
                    fate,
                    Fate::Dropped(Reason::Replayed | Reason::TooOld | Reason::BadIcv)
                ),
                "drop" => matches!(fate, Fate::Dropped(Reason::Replayed | Reason::TooOld)),
                other => panic!("{}: {other}", table.name),
            };
            assert!(is_right, "{what} ended as {fate:?}");
            steps += 1;
        }
    }
    println!("{} tables, {steps} packets", cases.len());
    assert_eq!((cases.len(), steps), (14, 84));
}
