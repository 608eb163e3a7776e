//! Packets of ESP that other code sealed: put together here of the standards' parts, with other
//! packages' AEADs, block modes and MACs, in every framing that a far gateway alone takes in.

mod packets;

use std::collections::BTreeSet;

use aes_gcm::aead::{AeadInOut, KeyInit, array::Array, consts::U12, inout::InOutBuf};
use cbc::cipher::{Block, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, Mac};
use packets::{A, B, ip4, ip6, udp4, udp6};
use tunneltax_core::cipher::rust_crypto::Aes192Gcm;
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::received::Inbox;
use tunneltax_core::path::{Case, GivenSa, Setup, cases, find, receiving, reference};
use tunneltax_core::sa::Keys;

const SPI: u32 = 0x1a2b_3c4d;
const SALT: [u8; 4] = [9, 8, 7, 6];
/// Upper half of the extended numbers here.
const HIGH: u32 = 7;

/// What an id says of the framing, in front of its `/`.
#[derive(Clone, Copy)]
struct Named {
    over_v6: bool,
    in_udp: bool,
    extended: bool,
}

impl Named {
    fn of(case: &Case) -> Self {
        let (path, _) = case.id.split_once('/').expect("a path");
        Self {
            over_v6: path.starts_with("esp6"),
            in_udp: path.contains("-udp"),
            extended: path.ends_with("+esn"),
        }
    }

    /// Outer headers around ESP.
    fn around(self, esp: &[u8]) -> Vec<u8> {
        let ports = ([192, 0, 2, 9], 4500);
        match (self.over_v6, self.in_udp) {
            (false, false) => ip4(50, &[], esp, |_| ()),
            (true, false) => ip6(50, esp),
            (false, true) => udp4(ports, ([192, 0, 2, 10], 4500), esp),
            (true, true) => udp6((packets::A6, 4500), (packets::B6, 4500), esp),
        }
    }
}

/// A key of ascending octets, as long as the algorithm's: encryption's, then integrity's.
fn key(algorithm: &str) -> Vec<u8> {
    let (encryption, integrity) = algorithm.split_once('+').unwrap_or((algorithm, ""));
    let encryption = match encryption {
        "null" => 0,
        "aes-128-gcm" | "aes-128-cbc" => 16,
        "aes-192-gcm" | "3des-cbc" => 24,
        _ => 32,
    };
    let integrity = match integrity {
        "" => 0,
        "hmac-sha-1-96" => 20,
        _ => 32,
    };
    (1..=encryption + integrity).collect()
}

fn tag<C: AeadInOut<NonceSize = U12> + KeyInit>(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    text: &mut [u8],
) -> Vec<u8> {
    let aead = C::new_from_slice(key).expect("a key");
    let nonce = Array::try_from(nonce).expect("12 octets");
    let tag = aead.encrypt_inout_detached(&nonce, aad, InOutBuf::from(text));
    tag.expect("room").to_vec()
}

/// RFC 4106, 4543 and 7634: IV, text and tag behind the ESP header.
fn aead(algorithm: &str, header: &[u8], number: &[u8], mut text: Vec<u8>) -> Vec<u8> {
    let iv = [0xa0, 1, 2, 3, header[4], header[5], header[6], header[7]];
    let nonce = [&SALT[..], &iv].concat();
    let aad = [&header[..4], number].concat();
    let key = key(algorithm);
    let tag = match algorithm {
        "aes-128-gcm" => tag::<aes_gcm::Aes128Gcm>(&key, &nonce, &aad, &mut text),
        "aes-192-gcm" => tag::<Aes192Gcm>(&key, &nonce, &aad, &mut text),
        "aes-256-gcm" => tag::<aes_gcm::Aes256Gcm>(&key, &nonce, &aad, &mut text),
        "chacha20-poly1305" => {
            tag::<chacha20poly1305::ChaCha20Poly1305>(&key, &nonce, &aad, &mut text)
        }
        // RFC 4543, 3.3: all of it is associated data.
        "aes-256-gmac" => {
            let all = [&aad[..], &iv, &text].concat();
            tag::<aes_gcm::Aes256Gcm>(&key, &nonce, &all, &mut [])
        }
        other => panic!("{other}"),
    };
    [&iv[..], &text, &tag].concat()
}

fn encrypted<M: BlockModeEncrypt + KeyIvInit>(key: &[u8], iv: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mode = M::new_from_slices(key, iv).expect("key and IV");
    let blocks = text.chunks_exact(iv.len()).flat_map(|block| {
        let mut block = Block::<M>::try_from(block).expect("a block");
        mode.encrypt_block(&mut block);
        block.to_vec()
    });
    blocks.collect()
}

fn mac<M: Mac + hmac::KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as hmac::KeyInit>::new_from_slice(key).expect("any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// RFC 4303, 3.3.2.1: IV, text and ICV, the upper half of the number behind what is covered.
fn suite(algorithm: &str, header: &[u8], high: &[u8], text: &[u8]) -> Vec<u8> {
    let (encryption, integrity) = algorithm.split_once('+').expect("two algorithms");
    let mut key = key(algorithm);
    let of_mac = key.split_off(key.len() - if integrity == "hmac-sha-1-96" { 20 } else { 32 });
    let iv: Vec<u8> = (0x51..).take(block(algorithm)).collect();
    let covered = match encryption {
        "null" => text.to_vec(),
        "aes-128-cbc" => encrypted::<cbc::Encryptor<aes::Aes128>>(&key, &iv, text),
        "aes-256-cbc" => encrypted::<cbc::Encryptor<aes::Aes256>>(&key, &iv, text),
        "3des-cbc" => encrypted::<cbc::Encryptor<des::TdesEde3>>(&key, &iv, text),
        other => panic!("{other}"),
    };
    let iv = if encryption == "null" { &[][..] } else { &iv };
    let parts = [header, iv, &covered, high];
    let icv = match integrity {
        "hmac-sha-1-96" => mac::<Hmac<sha1::Sha1>>(&of_mac, &parts)[..12].to_vec(),
        _ => mac::<Hmac<sha2::Sha256>>(&of_mac, &parts)[..16].to_vec(),
    };
    [iv, &covered, &icv].concat()
}

/// What a text is a multiple of.
fn block(algorithm: &str) -> usize {
    match algorithm {
        of if of.starts_with("3des") => 8,
        of if of.contains("cbc") => 16,
        _ => 4,
    }
}

/// A packet as another gateway seals it under a sequence number.
fn sealed(case: &Case, inner: &[u8], sequence: u32) -> Vec<u8> {
    let (named, algorithm) = (Named::of(case), case.algorithm.expect("a cipher"));
    let number = sequence.to_be_bytes();
    let high = HIGH.to_be_bytes();
    let high: &[u8] = if named.extended { &high } else { &[] };
    let header = [&SPI.to_be_bytes()[..], &number].concat();
    let block = block(algorithm);
    let padding = (inner.len() + 2).next_multiple_of(block) - inner.len() - 2;
    let mut text = inner.to_vec();
    text.extend(1..=padding as u8);
    text.extend([padding as u8, if inner[0] >> 4 == 4 { 4 } else { 41 }]);
    let behind = if algorithm.contains('+') {
        suite(algorithm, &header, high, &text)
    } else {
        aead(algorithm, &header, &[high, &number].concat(), text)
    };
    named.around(&[header, behind].concat())
}

/// An SA that received so much before; its upper half says the half of what comes.
fn given(case: &Case, high: u32) -> GivenSa {
    GivenSa {
        keys: Keys {
            spi: SPI,
            key: key(case.algorithm.expect("a cipher")),
            salt: SALT,
        },
        received: u64::from(high) << 32,
    }
}

/// Fate, sequence number and what is inside, by a case that opens alone.
fn opened(case: &Case, high: u32, packet: &[u8]) -> (Fate, Option<u64>, Vec<u8>) {
    let open = case.opener.expect("it opens");
    let mut opener = open(case, &Setup::default(), &given(case, high)).expect("keys that fit");
    let mut arena = Arena::new(1, 0, packet.len(), 0);
    let mut frames = arena.frames();
    assert!(frames[0].load(packet));
    let sequence = opener.open(&mut frames[0]);
    (frames[0].fate, sequence, frames[0].bytes().to_vec())
}

/// Fate and what comes out, by the far gateway that is measured.
fn received(case: &Case, packet: &[u8]) -> (Fate, Vec<u8>) {
    let sas = [given(case, if Named::of(case).extended { HIGH } else { 0 })];
    let inbox = Inbox {
        framing: case.framing,
        sas: &sas,
        arrivals: &[],
        readings: &[],
    };
    let setup = Setup::default().for_packets(1);
    let mut far = case.receiver(&setup, Some(inbox)).expect("a receiver");
    let mut arena = Arena::new(1, 0, packet.len(), 0);
    let mut frames = arena.frames();
    assert!(frames[0].load(packet));
    far.receive(&mut frames);
    (frames[0].fate, frames[0].bytes().to_vec())
}

fn inner(payload: usize) -> Vec<u8> {
    let octets: Vec<u8> = (0..payload).map(|at| (at * 7) as u8).collect();
    udp4((A, 5000), (B, 53), &octets)
}

#[test]
fn every_cipher_in_every_framing_opens_what_others_sealed() {
    for case in receiving() {
        let extended = Named::of(case).extended;
        let (high, whole) = if extended {
            (HIGH, u64::from(HIGH) << 32 | 5)
        } else {
            (0, 5)
        };
        for payload in [0, 1, 13, 200] {
            let inner = inner(payload);
            let packet = sealed(case, &inner, 5);
            let (fate, sequence, came) = opened(case, high, &packet);
            assert_eq!(
                (fate, sequence),
                (Fate::Carried, Some(whole)),
                "{}",
                case.id
            );
            assert_eq!(came, inner, "{}", case.id);
            let forwarded = reference(1, &inner).expect("forwarded");
            assert_eq!(received(case, &packet), (Fate::Carried, forwarded));
        }
    }
}

#[test]
fn what_was_changed_is_refused_and_so_is_another_upper_half() {
    let bad = Fate::Dropped(Reason::BadIcv);
    for case in receiving() {
        let Named {
            over_v6,
            in_udp,
            extended,
        } = Named::of(case);
        let packet = sealed(case, &inner(50), 5);
        let esp = if over_v6 { 40 } else { 20 } + if in_udp { 8 } else { 0 };
        let high = if extended { HIGH } else { 0 };
        for at in [esp + 7, esp + 8, packet.len() - 20, packet.len() - 1] {
            let mut turned = packet.clone();
            turned[at] ^= 0x10;
            let (fate, sequence, _) = opened(case, high, &turned);
            assert_eq!((fate, sequence), (bad, None), "{} {at}", case.id);
        }
        if extended {
            let (fate, ..) = opened(case, HIGH + 1, &packet);
            assert_eq!(fate, bad, "{}", case.id);
        }
    }
}

/// A framing is the packet's, not the case's: what is framed otherwise is not taken for it.
#[test]
fn a_packet_in_another_framing_is_not_taken() {
    let framed = || receiving().filter(|case| case.id.ends_with("/aes-128-gcm@ring"));
    assert_eq!(framed().count(), 8);
    for case in framed() {
        let packet = sealed(case, &inner(50), 5);
        for other in framed().filter(|other| other.id != case.id) {
            let high = if Named::of(other).extended { HIGH } else { 0 };
            let (fate, ..) = opened(other, high, &packet);
            assert_ne!(fate, Fate::Carried, "{} by {}", case.id, other.id);
        }
    }
}

#[test]
fn no_framing_of_a_cipher_is_missing_and_none_is_there_twice() {
    let plain = || cases().filter(|case| case.id.starts_with("esp/") && case.opener.is_some());
    let ids: BTreeSet<&str> = receiving().map(|case| case.id).collect();
    assert_eq!(ids.len(), receiving().count());
    assert_eq!(ids.len(), 8 * plain().count());
    for case in plain() {
        let cipher = case.id.strip_prefix("esp").expect("its path");
        for path in ["esp", "esp6", "esp-udp", "esp6-udp"] {
            for esn in ["", "+esn"] {
                assert!(ids.contains(format!("{path}{esn}{cipher}").as_str()));
            }
        }
    }
    // The list has not grown by them, and what it has is the same case.
    assert!(find("esp-udp+esn/aes-128-gcm@ring").is_none());
    for case in receiving() {
        if let Some(listed) = find(case.id) {
            assert_eq!(listed.title, case.title);
        }
        let grown = sealed(case, &inner(72), 5).len() - inner(72).len();
        assert_eq!(case.overhead.added_bytes(100), grown, "{}", case.id);
    }
    let titles: BTreeSet<&str> = receiving().map(|case| case.title).collect();
    assert_eq!(titles.len(), ids.len());
}
