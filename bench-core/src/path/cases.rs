//! The list of cases that the whole project reads. Adding a path or a cipher is one file and
//! one line here.

use std::net::Ipv4Addr;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bare::Bare;
use super::esp::{self, Esp};
use super::forward::{Forward, Rules};
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, KeyLength, aws_lc, none, ring, rust_crypto};
use crate::sa::{Keys, SALT_BYTES};

/// Whether a case is part of what a tunnel costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A row of the bill.
    Bill,
    /// Something to hold the bill against.
    Yardstick,
}

/// One row of every report. The type is erased once a burst, never once a packet.
pub struct Case {
    /// `path/cipher@library`; stable.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// What a packet goes through on its way to the wire, in order.
    pub stages: &'static [&'static str],
    /// The case that shares all stages but the last.
    pub step_of: Option<&'static str>,
    /// What the step adds.
    pub step: &'static str,
    /// Part of the bill or not.
    pub kind: Kind,
    /// The cipher's algorithm.
    pub algorithm: Option<&'static str>,
    /// The cipher's library.
    pub library: Option<&'static str>,
    /// Gateways that take 1 from the TTL between the packet handed to send and the one that
    /// comes out of receive.
    pub hops: u8,
    /// Bytes that the case may grow a packet by in front.
    pub headroom: usize,
    /// Bytes that the case may grow a packet by behind.
    pub tailroom: usize,
    /// Bytes on the wire added to an inner packet.
    pub added_bytes: fn(usize) -> usize,
    /// Makes a fresh instance.
    pub open: fn(&Setup) -> Result<Box<dyn PacketPath>, CaseError>,
    /// What an independent tool needs to open what was sent.
    pub tunnel: fn(&Setup) -> Option<Tunnel>,
}

/// Why a case cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The cipher refuses the key.
    #[error(transparent)]
    Key(#[from] KeyLength),
}

/// Keys and ends of a tunnel. Made from the seed; they protect nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Security parameters index.
    pub spi: u32,
    /// Key.
    pub key: Vec<u8>,
    /// Salt.
    pub salt: [u8; SALT_BYTES],
    /// Outer source.
    pub source: Ipv4Addr,
    /// Outer destination.
    pub destination: Ipv4Addr,
}

/// The keys of a set-up.
pub fn keys(setup: &Setup, key_bytes: usize) -> Keys {
    let mut rng = ChaCha8Rng::seed_from_u64(setup.seed);
    let mut key = vec![0; key_bytes];
    rng.fill_bytes(&mut key);
    let mut salt = [0; SALT_BYTES];
    rng.fill_bytes(&mut salt);
    // 0 is kept for local use and 1 to 255 are reserved (RFC 4303, 2.1).
    Keys {
        spi: rng.next_u32().max(256),
        key,
        salt,
    }
}

fn open_esp<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
    Ok(Box::new(Esp::<C>::new(setup, &keys(setup, C::KEY_BYTES))?))
}

fn open_bare<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
    Ok(Box::new(Bare::<C>::new(setup, &keys(setup, C::KEY_BYTES))?))
}

#[allow(clippy::unnecessary_wraps)] // the field of a case has this type
fn tunnel<C: Cipher>(setup: &Setup) -> Option<Tunnel> {
    let Keys { spi, key, salt } = keys(setup, C::KEY_BYTES);
    Some(Tunnel {
        spi,
        key,
        salt,
        source: esp::NEAR,
        destination: esp::FAR,
    })
}

const FORWARD_STAGES: [&str; 5] = ["parse", "route", "rules", "hop", "checksum"];
const ESP_NONE_STAGES: [&str; 6] = ["parse", "route", "rules", "hop", "checksum", "encapsulate"];
const ESP_STAGES: [&str; 7] = [
    "parse",
    "route",
    "rules",
    "hop",
    "checksum",
    "encapsulate",
    "seal",
];

const fn forward(id: &'static str, title: &'static str, stages: &'static [&'static str]) -> Case {
    Case {
        id,
        title,
        stages,
        step_of: None,
        step: "forwarding",
        kind: Kind::Bill,
        algorithm: None,
        library: None,
        hops: 2,
        headroom: 0,
        tailroom: 0,
        added_bytes: |_| 0,
        open: |setup| Ok(Box::new(Forward::new(setup, Rules::Default))),
        tunnel: |_| None,
    }
}

const fn esp<C: Cipher + 'static>(id: &'static str, title: &'static str) -> Case {
    Case {
        id,
        title,
        stages: &ESP_STAGES,
        step_of: Some("esp/none"),
        step: "encryption + integrity",
        kind: Kind::Bill,
        algorithm: Some(C::ALGORITHM),
        library: Some(C::LIBRARY),
        hops: 2,
        headroom: esp::HEADROOM,
        tailroom: esp::TAILROOM,
        added_bytes: esp::added_bytes,
        open: open_esp::<C>,
        tunnel: tunnel::<C>,
    }
}

const fn bare<C: Cipher + 'static>(id: &'static str, title: &'static str) -> Case {
    Case {
        stages: &["seal"],
        step_of: None,
        step: "cipher alone",
        kind: Kind::Yardstick,
        hops: 0,
        headroom: 0,
        added_bytes: |bytes| esp::added_bytes(bytes) - esp::HEADROOM,
        open: open_bare::<C>,
        tunnel: |_| None,
        ..esp::<C>(id, title)
    }
}

/// Every case: the bill from the ground up, then the yardsticks.
static CASES: [Case; 15] = [
    forward(
        "forward",
        "Plain forward, as over a peering",
        &FORWARD_STAGES,
    ),
    Case {
        step_of: Some("forward"),
        step: "encapsulation",
        stages: &ESP_NONE_STAGES,
        algorithm: None,
        library: None,
        tunnel: |_| None,
        ..esp::<none::None>("esp/none", "ESP tunnel, framing only, no cipher")
    },
    esp::<ring::Ring<{ ring::AES_256 }>>("esp/aes-256-gcm@ring", "ESP tunnel, AES-256-GCM, ring"),
    esp::<aws_lc::AwsLc<{ aws_lc::AES_256 }>>(
        "esp/aes-256-gcm@aws-lc",
        "ESP tunnel, AES-256-GCM, AWS-LC",
    ),
    esp::<rust_crypto::RustCrypto<aes_gcm::Aes256Gcm>>(
        "esp/aes-256-gcm@rustcrypto",
        "ESP tunnel, AES-256-GCM, RustCrypto",
    ),
    esp::<ring::Ring<{ ring::CHACHA20 }>>(
        "esp/chacha20-poly1305@ring",
        "ESP tunnel, ChaCha20-Poly1305, ring",
    ),
    esp::<aws_lc::AwsLc<{ aws_lc::CHACHA20 }>>(
        "esp/chacha20-poly1305@aws-lc",
        "ESP tunnel, ChaCha20-Poly1305, AWS-LC",
    ),
    esp::<rust_crypto::RustCrypto<chacha20poly1305::ChaCha20Poly1305>>(
        "esp/chacha20-poly1305@rustcrypto",
        "ESP tunnel, ChaCha20-Poly1305, RustCrypto",
    ),
    Case {
        kind: Kind::Yardstick,
        open: |setup| Ok(Box::new(Forward::new(setup, Rules::None))),
        ..forward(
            "forward/no-rules",
            "Plain forward without a security group",
            &["parse", "route", "hop", "checksum"],
        )
    },
    bare::<ring::Ring<{ ring::AES_256 }>>("bare/aes-256-gcm@ring", "AES-256-GCM alone, ring"),
    bare::<aws_lc::AwsLc<{ aws_lc::AES_256 }>>(
        "bare/aes-256-gcm@aws-lc",
        "AES-256-GCM alone, AWS-LC",
    ),
    bare::<rust_crypto::RustCrypto<aes_gcm::Aes256Gcm>>(
        "bare/aes-256-gcm@rustcrypto",
        "AES-256-GCM alone, RustCrypto",
    ),
    bare::<ring::Ring<{ ring::CHACHA20 }>>(
        "bare/chacha20-poly1305@ring",
        "ChaCha20-Poly1305 alone, ring",
    ),
    bare::<aws_lc::AwsLc<{ aws_lc::CHACHA20 }>>(
        "bare/chacha20-poly1305@aws-lc",
        "ChaCha20-Poly1305 alone, AWS-LC",
    ),
    bare::<rust_crypto::RustCrypto<chacha20poly1305::ChaCha20Poly1305>>(
        "bare/chacha20-poly1305@rustcrypto",
        "ChaCha20-Poly1305 alone, RustCrypto",
    ),
];

/// Every case, in the order of the bill.
pub fn cases() -> &'static [Case] {
    &CASES
}

/// The case with exactly this id.
pub fn find(id: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.id == id)
}
