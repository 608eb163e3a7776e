//! The list of cases that the whole project reads. Adding a path or a cipher is one file and
//! one line here.

use std::net::IpAddr;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bare::Bare;
use super::esp::{Esp, Framing};
use super::forward::{Forward, Rules};
use super::overhead::Overhead;
use super::vxlan::{self, Vxlan};
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, KeyLength, aws_lc, none, ring, rust_crypto};
use crate::sa::{Keys, Numbers, SALT_BYTES};

/// Whether a case is part of what a tunnel costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A row of the bill.
    Bill,
    /// A row for those who ask for it.
    Variant,
    /// Something to hold the bill against.
    Yardstick,
}

/// Makes an instance of a case.
pub type Make = fn(&Case, &Setup) -> Result<Box<dyn PacketPath>, CaseError>;

/// One row of every report. The type is erased once a burst, never once a packet.
#[derive(Clone, Copy)]
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
    /// Bytes that it adds to a packet.
    pub overhead: Overhead,
    /// How its ESP tunnel is framed, where it is one.
    pub framing: Framing,
    /// What [`Self::open`] calls.
    pub make: Make,
    /// What [`Self::tunnel`] calls.
    pub describe: fn(&Self, &Setup) -> Option<Tunnel>,
}

impl Case {
    /// Makes a fresh instance.
    pub fn open(&self, setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        (self.make)(self, setup)
    }

    /// What an independent tool needs to open what was sent.
    pub fn tunnel(&self, setup: &Setup) -> Option<Tunnel> {
        (self.describe)(self, setup)
    }
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
    pub source: IpAddr,
    /// Outer destination.
    pub destination: IpAddr,
    /// Sequence numbers have 64 bits.
    pub extended: bool,
    /// ESP is in UDP.
    pub in_udp: bool,
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

fn open_esp<C: Cipher + 'static>(
    case: &Case,
    setup: &Setup,
) -> Result<Box<dyn PacketPath>, CaseError> {
    let keys = keys(setup, C::KEY_BYTES);
    Ok(Box::new(Esp::<C>::new(setup, &keys, case.framing)?))
}

fn open_bare<C: Cipher + 'static>(
    _: &Case,
    setup: &Setup,
) -> Result<Box<dyn PacketPath>, CaseError> {
    Ok(Box::new(Bare::<C>::new(setup, &keys(setup, C::KEY_BYTES))?))
}

#[allow(clippy::unnecessary_wraps)] // the field of a case has this type
fn tunnel<C: Cipher>(case: &Case, setup: &Setup) -> Option<Tunnel> {
    let Keys { spi, key, salt } = keys(setup, C::KEY_BYTES);
    let (source, destination) = case.framing.underlay.ends();
    Some(Tunnel {
        spi,
        key,
        salt,
        source,
        destination,
        extended: case.framing.numbers == Numbers::Extended,
        in_udp: case.framing.underlay.ports.is_some(),
    })
}

macro_rules! stages {
    ($($more:literal),*) => { &["parse", "route", "rules", "hop", "checksum", $($more),*] };
}

/// What all cases share that are no case of ESP.
const FORWARD: Case = Case {
    id: "forward",
    title: "Plain forward, as over a peering",
    stages: stages![],
    step_of: None,
    step: "forwarding",
    kind: Kind::Bill,
    algorithm: None,
    library: None,
    hops: 2,
    overhead: Overhead::NONE,
    framing: Framing::PLAIN,
    make: |_, setup| Ok(Box::new(Forward::new(setup, Rules::Default))),
    describe: |_, _| None,
};

/// A way to frame ESP: what its cases share, whatever the cipher.
struct Esps {
    framing: Framing,
    kind: Kind,
    /// Stages up to the framing, and with the cipher's.
    stages: &'static [&'static str],
    sealed_stages: &'static [&'static str],
    /// The case whose step the framing is.
    step_of: &'static str,
    step: &'static str,
}

const PLAIN: Esps = Esps {
    framing: Framing::PLAIN,
    kind: Kind::Bill,
    stages: stages!["encapsulate"],
    sealed_stages: stages!["encapsulate", "seal"],
    step_of: "forward",
    step: "encapsulation",
};

const OVER_V6: Esps = Esps {
    framing: Framing::OVER_V6,
    kind: Kind::Variant,
    stages: stages!["encapsulate over IPv6"],
    sealed_stages: stages!["encapsulate over IPv6", "seal"],
    ..PLAIN
};

const IN_UDP: Esps = Esps {
    framing: Framing::IN_UDP,
    kind: Kind::Variant,
    stages: stages!["encapsulate", "UDP"],
    sealed_stages: stages!["encapsulate", "UDP", "seal"],
    step_of: "esp/none",
    step: "UDP",
};

const IN_UDP_OVER_V6: Esps = Esps {
    framing: Framing::IN_UDP_OVER_V6,
    stages: stages!["encapsulate over IPv6", "UDP"],
    sealed_stages: stages!["encapsulate over IPv6", "UDP", "seal"],
    step_of: "esp6/none",
    ..IN_UDP
};

const PAD_16: Esps = Esps {
    framing: Framing::PAD_16,
    kind: Kind::Variant,
    stages: stages!["encapsulate", "pad to 16"],
    sealed_stages: stages!["encapsulate", "pad to 16", "seal"],
    step_of: "esp/none",
    step: "padding to 16",
};

const EXTENDED: Esps = Esps {
    framing: Framing::EXTENDED,
    kind: Kind::Variant,
    stages: stages!["encapsulate", "extend the number"],
    sealed_stages: stages!["encapsulate", "extend the number", "seal"],
    step_of: "esp/none",
    step: "extended sequence numbers",
};

impl Esps {
    const fn none(&self, id: &'static str, title: &'static str) -> Case {
        Case {
            id,
            title,
            stages: self.stages,
            step_of: Some(self.step_of),
            step: self.step,
            kind: self.kind,
            overhead: self.framing.overhead(),
            framing: self.framing,
            make: open_esp::<none::None>,
            ..FORWARD
        }
    }

    const fn sealed<C: Cipher + 'static>(
        &self,
        none: &'static str,
        id: &'static str,
        title: &'static str,
    ) -> Case {
        Case {
            stages: self.sealed_stages,
            step_of: Some(none),
            step: "encryption + integrity",
            algorithm: Some(C::ALGORITHM),
            library: Some(C::LIBRARY),
            make: open_esp::<C>,
            describe: tunnel::<C>,
            ..self.none(id, title)
        }
    }
}

const fn bare<C: Cipher + 'static>(id: &'static str, title: &'static str) -> Case {
    Case {
        stages: &["seal"],
        step_of: None,
        step: "cipher alone",
        kind: Kind::Yardstick,
        hops: 0,
        overhead: Overhead {
            front: 0,
            ..Framing::PLAIN.overhead()
        },
        make: open_bare::<C>,
        describe: |_, _| None,
        ..PLAIN.sealed::<C>("", id, title)
    }
}

/// Expands to a list of cases: a framing without a cipher, and with every cipher of every
/// library. The prefix of ids and the words of titles must be literals.
macro_rules! with_ciphers {
    ($esps:expr, $prefix:literal, $words:literal) => {
        [
            $esps.none(
                concat!($prefix, "/none"),
                concat!($words, ", framing only, no cipher"),
            ),
            $esps.sealed::<ring::Ring<{ ring::AES_256 }>>(
                concat!($prefix, "/none"),
                concat!($prefix, "/aes-256-gcm@ring"),
                concat!($words, ", AES-256-GCM, ring"),
            ),
            $esps.sealed::<aws_lc::AwsLc<{ aws_lc::AES_256 }>>(
                concat!($prefix, "/none"),
                concat!($prefix, "/aes-256-gcm@aws-lc"),
                concat!($words, ", AES-256-GCM, AWS-LC"),
            ),
            $esps.sealed::<rust_crypto::RustCrypto<aes_gcm::Aes256Gcm>>(
                concat!($prefix, "/none"),
                concat!($prefix, "/aes-256-gcm@rustcrypto"),
                concat!($words, ", AES-256-GCM, RustCrypto"),
            ),
            $esps.sealed::<ring::Ring<{ ring::CHACHA20 }>>(
                concat!($prefix, "/none"),
                concat!($prefix, "/chacha20-poly1305@ring"),
                concat!($words, ", ChaCha20-Poly1305, ring"),
            ),
            $esps.sealed::<aws_lc::AwsLc<{ aws_lc::CHACHA20 }>>(
                concat!($prefix, "/none"),
                concat!($prefix, "/chacha20-poly1305@aws-lc"),
                concat!($words, ", ChaCha20-Poly1305, AWS-LC"),
            ),
            $esps.sealed::<rust_crypto::RustCrypto<chacha20poly1305::ChaCha20Poly1305>>(
                concat!($prefix, "/none"),
                concat!($prefix, "/chacha20-poly1305@rustcrypto"),
                concat!($words, ", ChaCha20-Poly1305, RustCrypto"),
            ),
        ]
    };
}

/// Parts of the list, each in the order of the bill, a case behind those that it stands on.
static PARTS: [&[Case]; 9] = [
    &[FORWARD],
    &with_ciphers!(PLAIN, "esp", "ESP tunnel"),
    &[Case {
        id: "vxlan",
        title: "Plain forward in VXLAN, as in a provider's underlay",
        stages: stages!["encapsulate in VXLAN"],
        step_of: Some("forward"),
        step: "VXLAN",
        kind: Kind::Variant,
        overhead: vxlan::OVERHEAD,
        make: |_, setup| Ok(Box::new(Vxlan::new(setup))),
        ..FORWARD
    }],
    &with_ciphers!(OVER_V6, "esp6", "ESP tunnel over IPv6"),
    &with_ciphers!(IN_UDP, "esp-udp", "ESP tunnel in UDP"),
    &with_ciphers!(IN_UDP_OVER_V6, "esp6-udp", "ESP tunnel in UDP over IPv6"),
    &with_ciphers!(PAD_16, "esp+pad16", "ESP tunnel, padded to 16"),
    &with_ciphers!(EXTENDED, "esp+esn", "ESP tunnel, extended sequence numbers"),
    &[
        Case {
            id: "forward/no-rules",
            title: "Plain forward without a security group",
            stages: &["parse", "route", "hop", "checksum"],
            kind: Kind::Yardstick,
            make: |_, setup| Ok(Box::new(Forward::new(setup, Rules::None))),
            ..FORWARD
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
    ],
];

/// Every case, in the order of the bill.
pub fn cases() -> impl Iterator<Item = &'static Case> + Clone {
    PARTS.iter().copied().flatten()
}

/// The case with exactly this id.
pub fn find(id: &str) -> Option<&'static Case> {
    cases().find(|case| case.id == id)
}
