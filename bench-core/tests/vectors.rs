//! Published vectors: every one by every library, a corrupted one by none, and whole tunnel
//! packets through the path's own ends.

mod ciphers;

use std::collections::BTreeMap;

use ciphers::{GRAVIOLA, IPSEC_MB, OPENSSL, Visit, every_aead, name};
use tunneltax_core::cipher::{Aead, COUNTER_BYTES, Cipher, ICV_BYTES, Layout, NONCE_BYTES};
use tunneltax_core::fate::Fate;
use tunneltax_core::frame::Arena;
use tunneltax_core::path::Setup;
use tunneltax_core::path::esp::{Opener, Sealer};
use tunneltax_core::path::framing::Framing;
use tunneltax_core::path::underlay::{FAR, NEAR};
use tunneltax_core::sa::{InboundSa, Keys, Numbers, OutboundSa, SALT_BYTES};
use tunneltax_core::vectors::{Vector, VectorError, check_all, check_these, octets, vectors};
use tunneltax_core::wire::ipv4::OuterTemplate;

/// Three, and those behind features.
const LIBRARIES: usize = 3 + IPSEC_MB + OPENSSL + GRAVIOLA;

/// Vectors of an algorithm in the file.
fn in_the_file(algorithm: &str) -> usize {
    let all = vectors().unwrap();
    all.iter().filter(|v| v.algorithm == algorithm).count()
}

#[test]
fn every_vector_is_reproduced_by_every_library() {
    let counts = check_all().unwrap();
    for (cipher, count) in &counts {
        println!("{cipher}: {count} vectors");
        let algorithm = cipher.split('@').next().unwrap();
        assert_eq!(*count, in_the_file(algorithm), "{cipher}");
    }
    // No vector has a key of 192 bits: that size is Wycheproof's.
    assert_eq!(counts.len(), 3 * LIBRARIES);
    let whole = LIBRARIES * vectors().unwrap().len();
    assert_eq!(counts.values().sum::<usize>(), whole);
    // The file as it is: a vector less is a vector lost.
    let algorithms = ["aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"];
    assert_eq!(algorithms.map(in_the_file), [14, 7, 3]);
}

/// The same octets with one bit of one of them turned.
fn corrupted(hex: &str, at: usize) -> String {
    let mut digits: Vec<u8> = hex.bytes().collect();
    let digit = char::from(digits[at]).to_digit(16).unwrap() ^ 1;
    digits[at] = char::from_digit(digit, 16).unwrap() as u8;
    String::from_utf8(digits).unwrap()
}

#[test]
fn a_corrupted_vector_is_reproduced_by_none() {
    let fields: [fn(&mut Vector) -> &mut String; 5] = [
        |v| &mut v.key,
        |v| &mut v.nonce,
        |v| &mut v.aad,
        |v| &mut v.text,
        |v| &mut v.sealed,
    ];
    for vector in vectors().unwrap() {
        assert!(check_these(std::slice::from_ref(&vector)).is_ok());
        for field in fields {
            let digits = field(&mut vector.clone()).len();
            for at in [0, digits / 2, digits - 1] {
                let mut wrong = vector.clone();
                let value = field(&mut wrong);
                *value = corrupted(value, at);
                let refused = check_these(&[wrong]).unwrap_err();
                assert!(matches!(refused, VectorError::Wrong { .. }), "{refused}");
                assert!(refused.to_string().contains(&vector.name), "{refused}");
            }
        }
    }
}

#[test]
fn a_damaged_vector_is_an_error_and_no_panic() {
    let whole = vectors().unwrap().remove(0);
    let damages: [fn(&mut Vector); 6] = [
        |v| v.key.truncate(30),
        |v| v.nonce.truncate(22),
        |v| v.sealed.truncate(30),
        |v| v.text.push('0'),
        |v| v.aad.replace_range(0..1, "g"),
        |v| v.aad.replace_range(0..1, "é"),
    ];
    for damage in damages {
        let mut vector = whole.clone();
        damage(&mut vector);
        assert!(check_these(&[vector]).is_err());
    }
}

/// A vector with a whole packet inside, and the ends that the path makes of it.
struct Tunnel {
    keys: Keys,
    sequence: u32,
    inner: Vec<u8>,
    outer: Vec<u8>,
    /// Sealed with this nonce.
    nonce: [u8; NONCE_BYTES],
    aad: Vec<u8>,
    text: Vec<u8>,
    sealed: Vec<u8>,
}

impl Tunnel {
    /// `None` where the vector is of another algorithm or has no packet around it.
    fn of(vector: &Vector, algorithm: &str) -> Option<Self> {
        let packets = vector.tunnel.as_ref()?;
        if vector.algorithm != algorithm {
            return None;
        }
        let nonce: [u8; NONCE_BYTES] = octets(&vector.nonce).unwrap().try_into().unwrap();
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&nonce[..SALT_BYTES]);
        Some(Self {
            keys: Keys {
                spi: packets.spi,
                key: octets(&vector.key).unwrap(),
                salt,
            },
            sequence: packets.sequence,
            inner: octets(&packets.inner).unwrap(),
            outer: octets(&packets.outer).unwrap(),
            nonce,
            aad: octets(&vector.aad).unwrap(),
            text: octets(&vector.text).unwrap(),
            sealed: octets(&vector.sealed).unwrap(),
        })
    }

    fn received<C: Cipher>(&self) -> Vec<u8> {
        let setup = Setup::default();
        let sa = InboundSa::<C>::new(&self.keys, Numbers::Sent, setup.replay_window).unwrap();
        let mut opener = Opener::new(sa, Framing::PLAIN.underlay);
        let mut arena = Arena::new(1, 0, self.outer.len(), 0);
        let mut burst = arena.frames();
        assert!(burst[0].load(&self.outer));
        opener.open(&mut burst);
        assert_eq!(burst[0].fate, Fate::Carried);
        burst[0].bytes().to_vec()
    }

    fn sent<C: Cipher>(&self) -> Vec<u8> {
        let setup = Setup::default();
        let last = u64::from(self.sequence - 1);
        let sa = OutboundSa::<C>::after(&self.keys, Numbers::Sent, last).unwrap();
        let mut sealer = Sealer::new(&setup, sa, Framing::PLAIN);
        let mut arena = {
            let overhead = Framing::PLAIN.overhead(Layout::AEAD);
            Arena::new(1, overhead.front, self.inner.len(), overhead.tailroom())
        };
        let mut burst = arena.frames();
        assert!(burst[0].load(&self.inner));
        sealer.seal(&mut burst);
        assert_eq!(burst[0].fate, Fate::Carried);
        burst[0].bytes().to_vec()
    }
}

/// Number of packets each cipher opened and made.
struct Packets(BTreeMap<String, usize>);

const OUTER: usize = 20;
const ESP: usize = 8;
const FRONT: usize = OUTER + ESP + COUNTER_BYTES;

impl Visit for Packets {
    fn visit<C: Aead>(&mut self) {
        for vector in vectors().unwrap() {
            let Some(tunnel) = Tunnel::of(&vector, C::ALGORITHM) else {
                continue;
            };
            let what = format!("{} by {}", vector.name, name::<C>());
            assert_eq!(tunnel.received::<C>(), tunnel.inner, "{what}");
            let sent = tunnel.sent::<C>();
            assert_eq!(sent.len(), tunnel.outer.len(), "{what}");
            // SPI and sequence number as published; the IV is the path's own counter.
            assert_eq!(
                sent[OUTER..FRONT - COUNTER_BYTES],
                tunnel.outer[OUTER..OUTER + ESP]
            );
            assert_eq!(sent[OUTER..FRONT - COUNTER_BYTES], tunnel.aad, "{what}");
            let counter = u64::from(tunnel.sequence).to_be_bytes();
            assert_eq!(sent[FRONT - COUNTER_BYTES..FRONT], counter, "{what}");
            assert_eq!(resealed::<C>(&tunnel, &sent), tunnel.sealed, "{what}");
            *self.0.entry(name::<C>()).or_default() += 1;
        }
    }
}

/// Opens what the path sent, and seals the same text again with the published IV: what comes
/// out differs from the published octets where any octet of text or trailer does.
fn resealed<C: Aead>(tunnel: &Tunnel, sent: &[u8]) -> Vec<u8> {
    let mut cipher = C::new(&tunnel.keys.key).unwrap();
    let (text, icv) = sent[FRONT..].split_last_chunk::<ICV_BYTES>().unwrap();
    let mut text = text.to_vec();
    let mut nonce = tunnel.nonce;
    nonce[SALT_BYTES..].copy_from_slice(&sent[FRONT - COUNTER_BYTES..FRONT]);
    let aad = &sent[OUTER..OUTER + ESP];
    cipher.open_parts(&nonce, aad, &mut text, icv).unwrap();
    assert_eq!(text, tunnel.text);
    let mut icv = [0; ICV_BYTES];
    cipher.seal_parts(&tunnel.nonce, aad, &mut text, &mut icv);
    text.extend(icv);
    text
}

#[test]
fn published_packets_go_through_both_ends_of_the_path() {
    let mut packets = Packets(BTreeMap::new());
    every_aead(&mut packets);
    println!("tunnel packets: {:?}", packets.0);
    // AES-128-GCM has three, AES-256-GCM two, ChaCha20-Poly1305 one; of each library.
    let mut counts: Vec<usize> = packets.0.values().copied().collect();
    counts.sort_unstable();
    let expected = [1, 2, 3].map(|count| [count; LIBRARIES]);
    assert_eq!(counts, expected.concat());
}

/// One published packet has IPv6 on both sides. Its ESP part, behind an IPv4 header of ours.
#[test]
fn a_published_packet_with_ipv6_inside() {
    struct Inner;
    impl Visit for Inner {
        fn visit<C: Aead>(&mut self) {
            if C::ALGORITHM != "aes-256-gcm" {
                return;
            }
            let all = vectors().unwrap();
            let named = |v: &&Vector| v.name == "dpdk_pkt_aes_256_gcm_v6";
            let vector = all.iter().find(named).unwrap();
            let text = octets(&vector.text).unwrap();
            let esp = [&vector.aad, &vector.nonce[2 * SALT_BYTES..], &vector.sealed];
            let esp: Vec<u8> = esp.iter().flat_map(|hex| octets(hex).unwrap()).collect();
            let mut outer = [0; OUTER];
            let (near, far) = (NEAR, FAR);
            let total = (OUTER + esp.len()) as u16;
            OuterTemplate::new(near, far, 50, 64).emit(&mut outer, total, 0, 0, true);
            let tunnel = Tunnel {
                keys: Keys {
                    spi: 0x34,
                    key: octets(&vector.key).unwrap(),
                    salt: [0x11, 0x22, 0x33, 0x44],
                },
                sequence: 1,
                // Two octets of padding, its length, next header.
                inner: text[..text.len() - 4].to_vec(),
                outer: [&outer[..], &esp].concat(),
                nonce: octets(&vector.nonce).unwrap().try_into().unwrap(),
                aad: octets(&vector.aad).unwrap(),
                sealed: octets(&vector.sealed).unwrap(),
                text,
            };
            assert_eq!(tunnel.received::<C>(), tunnel.inner, "{}", name::<C>());
            assert_eq!(resealed::<C>(&tunnel, &tunnel.sent::<C>()), tunnel.sealed);
        }
    }
    every_aead(&mut Inner);
}
