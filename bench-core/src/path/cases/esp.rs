//! The cases of ESP: ways to frame it, each without a cipher and with those that are of use in
//! it; and the ciphers alone.

use std::net::IpAddr;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::beyond_mtu::{BEYOND, BeyondMtu};
use super::gateways::{many, transit};
use super::{Case, CaseError, FORWARD, Kind};
use crate::cipher::gmac::Gmac;
use crate::cipher::ring::{self, Ring};
use crate::cipher::rust_crypto::{Aes192Gcm, RustCrypto};
use crate::cipher::{
    Cipher, Iv, Layout,
    aws_lc::{self, AwsLc},
    none, suites, titled,
};
use crate::path::bare::{self, Bare};
use crate::path::esp::Esp;
use crate::path::framing::Framing;
use crate::path::received::{BareReceived, EspReceived, Inbox, Open};
use crate::path::{GivenSa, PacketPath, Setup};
use crate::sa::{Keys, Numbers, SALT_BYTES};

/// Keys and ends of a tunnel. Made from the seed; they protect nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Security parameters index.
    pub spi: u32,
    /// Key of the encryption, or of the AEAD.
    pub key: Vec<u8>,
    /// Key of the integrity algorithm, where that is another one.
    pub integrity_key: Vec<u8>,
    /// Salt, of an AEAD.
    pub salt: [u8; SALT_BYTES],
    /// Outer source.
    pub source: IpAddr,
    /// Outer destination.
    pub destination: IpAddr,
    /// Sequence numbers have 64 bits.
    pub extended: bool,
    /// ESP is in UDP.
    pub in_udp: bool,
    /// Octets of IV in front of the text.
    pub iv_bytes: usize,
    /// Octets of ICV behind it.
    pub icv_bytes: usize,
}

/// The keys of a set-up: those that it was given, or else made from its seed.
pub fn keys(setup: &Setup, key_bytes: usize) -> Keys {
    if let Some(given) = &setup.sa {
        return given.keys.clone();
    }
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

/// Whether the cipher's library runs here.
fn check_cpu<C: Cipher>() -> Result<(), CaseError> {
    let library = C::LIBRARY;
    C::missing().map_or(Ok(()), |needs| Err(CaseError::Cpu { library, needs }))
}

fn open_esp<C: Cipher + 'static>(
    case: &Case,
    setup: &Setup,
) -> Result<Box<dyn PacketPath>, CaseError> {
    check_cpu::<C>()?;
    let keys = keys(setup, C::KEY_BYTES);
    Ok(Box::new(Esp::<C>::new(setup, &keys, case.framing)?))
}

fn open_bare<C: Cipher + 'static>(
    case: &Case,
    setup: &Setup,
) -> Result<Box<dyn PacketPath>, CaseError> {
    check_cpu::<C>()?;
    let keys = keys(setup, C::KEY_BYTES);
    Ok(Box::new(Bare::<C>::new(setup, &keys, case.overhead)?))
}

fn receive_esp<C: Cipher + 'static>(
    setup: &Setup,
    inbox: &Inbox<'_>,
) -> Result<Box<dyn PacketPath>, CaseError> {
    check_cpu::<C>()?;
    Ok(Box::new(EspReceived::<C>::new(setup, inbox)?))
}

fn receive_bare<C: Cipher + 'static>(
    setup: &Setup,
    inbox: &Inbox<'_>,
) -> Result<Box<dyn PacketPath>, CaseError> {
    check_cpu::<C>()?;
    Ok(Box::new(BareReceived::<C>::new(setup, inbox)?))
}

fn opener<C: Cipher + 'static>(
    case: &Case,
    setup: &Setup,
    sa: &GivenSa,
) -> Result<Box<dyn Open>, CaseError> {
    check_cpu::<C>()?;
    let inbox = Inbox {
        framing: case.framing,
        sas: std::slice::from_ref(sa),
        arrivals: &[],
        readings: &[],
    };
    Ok(Box::new(EspReceived::<C>::new(setup, &inbox)?))
}

#[allow(clippy::unnecessary_wraps)] // the field of a case has this type
fn tunnel<C: Cipher>(case: &Case, setup: &Setup) -> Option<Tunnel> {
    let Keys { spi, mut key, salt } = keys(setup, C::KEY_BYTES);
    let integrity_key = key.split_off(key.len().saturating_sub(C::INTEGRITY_KEY_BYTES));
    let (source, destination) = case.framing.underlay.ends();
    Some(Tunnel {
        spi,
        key,
        integrity_key,
        salt,
        source,
        destination,
        extended: case.framing.numbers == Numbers::Extended,
        in_udp: case.framing.underlay.ports.is_some(),
        iv_bytes: C::LAYOUT.iv.bytes(),
        icv_bytes: C::LAYOUT.icv_bytes,
    })
}

/// A way to frame ESP: what its cases share, whatever the cipher.
pub(super) struct Esps {
    pub(super) framing: Framing,
    /// Of the cases that are on the bill where the framing is.
    kind: Kind,
    /// In front of the `/` in an id.
    pub(super) path: &'static str,
    /// For people.
    pub(super) words: &'static str,
    /// Stages up to the framing.
    pub(super) stages: &'static [&'static str],
    /// The case whose step the framing is.
    step_of: &'static str,
    step: &'static str,
}

pub(super) const PLAIN: Esps = Esps {
    framing: Framing::PLAIN,
    kind: Kind::Bill,
    path: "esp",
    words: "ESP tunnel",
    stages: stages!["encapsulate"],
    step_of: "forward",
    step: "encapsulation",
};

pub(super) const OVER_V6: Esps = Esps {
    framing: Framing::OVER_V6,
    kind: Kind::Variant,
    path: "esp6",
    words: "ESP tunnel over IPv6",
    stages: stages!["encapsulate over IPv6"],
    ..PLAIN
};

pub(super) const IN_UDP: Esps = Esps {
    framing: Framing::IN_UDP,
    kind: Kind::Variant,
    path: "esp-udp",
    words: "ESP tunnel in UDP",
    stages: stages!["encapsulate", "UDP"],
    step_of: "esp/none",
    step: "UDP",
};

pub(super) const IN_UDP_OVER_V6: Esps = Esps {
    framing: Framing::IN_UDP_OVER_V6,
    kind: Kind::Variant,
    path: "esp6-udp",
    words: "ESP tunnel in UDP over IPv6",
    stages: stages!["encapsulate over IPv6", "UDP"],
    step_of: "esp6/none",
    step: "UDP",
};

/// Beside plain ESP.
const OTHERS: [Esps; 5] = [
    OVER_V6,
    IN_UDP,
    IN_UDP_OVER_V6,
    Esps {
        framing: Framing::PAD_16,
        kind: Kind::Variant,
        path: "esp+pad16",
        words: "ESP tunnel, padded to 16",
        stages: stages!["encapsulate", "pad to 16"],
        step_of: "esp/none",
        step: "padding to 16",
    },
    Esps {
        framing: Framing::EXTENDED,
        kind: Kind::Variant,
        path: "esp+esn",
        words: "ESP tunnel, extended sequence numbers",
        stages: stages!["encapsulate", "extend the number"],
        step_of: "esp/none",
        step: "extended sequence numbers",
    },
];

/// Plain ESP without the window: what the window takes is the difference.
const NO_REPLAY: Esps = Esps {
    framing: Framing::NO_REPLAY,
    kind: Kind::Variant,
    path: "esp+noreplay",
    words: "ESP tunnel, no anti-replay",
    stages: stages!["encapsulate, no anti-replay"],
    ..PLAIN
};

/// Every case of ESP, and every cipher alone.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    PLAIN.usual(&mut cases);
    PLAIN.more(&mut cases);
    PLAIN.behind_features(&mut cases);
    for esps in &OTHERS {
        esps.usual(&mut cases);
        esps.older(&mut cases);
    }
    NO_REPLAY.usual(&mut cases);
    PLAIN.beyond_the_mtu(&mut cases);
    OVER_V6.beyond_the_mtu(&mut cases);
    transit::<Ring<{ ring::AES_256 }>>(&mut cases);
    transit::<AwsLc<{ aws_lc::AES_256 }>>(&mut cases);
    transit::<RustCrypto<aes_gcm::Aes256Gcm>>(&mut cases);
    transit::<Ring<{ ring::CHACHA20 }>>(&mut cases);
    transit::<AwsLc<{ aws_lc::CHACHA20 }>>(&mut cases);
    transit::<RustCrypto<chacha20poly1305::ChaCha20Poly1305>>(&mut cases);
    many::<Ring<{ ring::AES_256 }>>(&mut cases);
    many::<AwsLc<{ aws_lc::AES_256 }>>(&mut cases);
    many::<RustCrypto<aes_gcm::Aes256Gcm>>(&mut cases);
    let bare: Vec<Case> = cases
        .iter()
        .filter(|case| case.id.starts_with("esp/"))
        .filter_map(|case| case.alone.map(|alone| alone(case.kind)))
        .collect();
    cases.extend(bare);
    cases
}

impl Esps {
    /// Without a cipher, and with the AEADs that are most in use.
    fn usual(&self, cases: &mut Vec<Case>) {
        cases.push(self.none());
        cases.push(self.sealed::<Ring<{ ring::AES_256 }>>());
        cases.push(self.sealed::<AwsLc<{ aws_lc::AES_256 }>>());
        cases.push(self.sealed::<RustCrypto<aes_gcm::Aes256Gcm>>());
        cases.push(self.sealed::<Ring<{ ring::CHACHA20 }>>());
        cases.push(self.sealed::<AwsLc<{ aws_lc::CHACHA20 }>>());
        cases.push(self.sealed::<RustCrypto<chacha20poly1305::ChaCha20Poly1305>>());
    }

    /// What becomes of packets that do not fit the underlay: without a cipher, and with the
    /// AEADs that are most in use.
    fn beyond_the_mtu(&self, cases: &mut Vec<Case>) {
        for how in &BEYOND {
            cases.push(how.of::<none::None>(&self.none()));
            cases.push(self.sealed_beyond::<Ring<{ ring::AES_256 }>>(how));
            cases.push(self.sealed_beyond::<AwsLc<{ aws_lc::AES_256 }>>(how));
            cases.push(self.sealed_beyond::<RustCrypto<aes_gcm::Aes256Gcm>>(how));
            cases.push(self.sealed_beyond::<Ring<{ ring::CHACHA20 }>>(how));
            cases.push(self.sealed_beyond::<AwsLc<{ aws_lc::CHACHA20 }>>(how));
            cases.push(self.sealed_beyond::<RustCrypto<chacha20poly1305::ChaCha20Poly1305>>(how));
        }
    }

    fn sealed_beyond<C: Cipher + 'static>(&self, how: &BeyondMtu) -> Case {
        how.of::<C>(&self.sealed::<C>())
    }

    /// With what older gateways speak.
    fn older(&self, cases: &mut Vec<Case>) {
        cases.push(self.more_of::<suites::NullSha256RustCrypto>());
        cases.push(self.more_of::<suites::Aes256Sha256>());
    }

    /// With everything else that there is.
    fn more(&self, cases: &mut Vec<Case>) {
        cases.push(self.more_of::<Ring<{ ring::AES_128 }>>());
        cases.push(self.more_of::<AwsLc<{ aws_lc::AES_128 }>>());
        cases.push(self.more_of::<RustCrypto<aes_gcm::Aes128Gcm>>());
        cases.push(self.more_of::<AwsLc<{ aws_lc::AES_192 }>>());
        cases.push(self.more_of::<RustCrypto<Aes192Gcm>>());
        cases.push(self.more_of::<Gmac<Ring<{ ring::AES_256 }>>>());
        cases.push(self.more_of::<Gmac<AwsLc<{ aws_lc::AES_256 }>>>());
        cases.push(self.more_of::<Gmac<RustCrypto<aes_gcm::Aes256Gcm>>>());
        cases.push(self.more_of::<suites::NullSha256Ring>());
        cases.push(self.more_of::<suites::NullSha256AwsLc>());
        self.older(cases);
        cases.push(self.more_of::<suites::Aes128Sha256>());
        cases.push(self.more_of::<suites::TripleDesSha256>());
        cases.push(self.more_of::<suites::NullSha1RustCrypto>());
        cases.push(self.more_of::<suites::Aes128Sha1>());
        cases.push(self.more_of::<suites::Aes256Sha1>());
    }

    /// With the libraries that are not in every build.
    #[allow(unused_variables, clippy::ptr_arg, clippy::unused_self)] // a plain build has none
    fn behind_features(&self, cases: &mut Vec<Case>) {
        #[cfg(feature = "ipsec-mb")]
        {
            use crate::cipher::ipsec_mb::{
                AES_128, AES_192, AES_256, AES_CBC_128, AES_CBC_256, CHACHA20, IpsecMb, MbSuite,
                NULL, SHA_1, SHA_256, TRIPLE_DES,
            };
            cases.push(self.more_of::<IpsecMb<AES_128>>());
            cases.push(self.more_of::<IpsecMb<AES_192>>());
            cases.push(self.more_of::<IpsecMb<AES_256>>());
            cases.push(self.more_of::<IpsecMb<CHACHA20>>());
            cases.push(self.more_of::<MbSuite<NULL, SHA_256>>());
            cases.push(self.more_of::<MbSuite<AES_CBC_128, SHA_256>>());
            cases.push(self.more_of::<MbSuite<AES_CBC_256, SHA_256>>());
            cases.push(self.more_of::<MbSuite<TRIPLE_DES, SHA_256>>());
            cases.push(self.more_of::<MbSuite<NULL, SHA_1>>());
            cases.push(self.more_of::<MbSuite<AES_CBC_128, SHA_1>>());
            cases.push(self.more_of::<MbSuite<AES_CBC_256, SHA_1>>());
        }
        #[cfg(feature = "openssl")]
        {
            use crate::cipher::openssl::{AES_128, AES_192, AES_256, CHACHA20, OpenSsl};
            cases.push(self.more_of::<OpenSsl<AES_128>>());
            cases.push(self.more_of::<OpenSsl<AES_192>>());
            cases.push(self.more_of::<OpenSsl<AES_256>>());
            cases.push(self.more_of::<OpenSsl<CHACHA20>>());
        }
        #[cfg(feature = "graviola")]
        {
            use crate::cipher::graviola::{AES_128, AES_256, CHACHA20, Graviola};
            cases.push(self.more_of::<Graviola<AES_128>>());
            cases.push(self.more_of::<Graviola<AES_256>>());
            cases.push(self.more_of::<Graviola<CHACHA20>>());
        }
    }

    fn none(&self) -> Case {
        Case {
            id: leaked(format!("{}/none", self.path)),
            title: leaked(format!("{}, framing only, no cipher", self.words)),
            stages: self.stages,
            step_of: Some(self.step_of),
            step: self.step,
            kind: self.kind,
            overhead: self.framing.overhead(Layout::AEAD),
            outer: self.framing.underlay.family,
            framing: self.framing,
            make: open_esp::<none::None>,
            ..FORWARD
        }
    }

    pub(super) fn sealed<C: Cipher + 'static>(&self) -> Case {
        let (below, step, stages) = self.step::<C>();
        Case {
            id: leaked(format!("{}/{}@{}", self.path, C::ALGORITHM, C::LIBRARY)),
            title: leaked(format!(
                "{}, {}",
                self.words,
                titled(C::ALGORITHM, C::LIBRARY)
            )),
            stages: Box::leak([self.stages, stages].concat().into_boxed_slice()),
            step_of: Some(below),
            step,
            kind: self.kind,
            algorithm: Some(C::ALGORITHM),
            library: Some(C::LIBRARY),
            allocates: C::ALLOCATES,
            hides: C::ENCRYPTS,
            overhead: self.framing.overhead(C::LAYOUT),
            outer: self.framing.underlay.family,
            framing: self.framing,
            make: open_esp::<C>,
            describe: tunnel::<C>,
            alone: Some(alone::<C>),
            receive: Some(receive_esp::<C>),
            opener: Some(opener::<C>),
            ..FORWARD
        }
    }

    fn more_of<C: Cipher + 'static>(&self) -> Case {
        Case {
            kind: Kind::Variant,
            ..self.sealed::<C>()
        }
    }

    /// What a cipher is a step of, how the step is called, and which stages it adds to the
    /// framing's.
    fn step<C: Cipher>(&self) -> (&'static str, &'static str, &'static [&'static str]) {
        let none = leaked(format!("{}/none", self.path));
        match (C::ENCRYPTS, C::LAYOUT.iv) {
            (false, _) => (none, "integrity", &["authenticate"]),
            (true, Iv::Random(_)) => {
                let integrity = C::ALGORITHM.split_once('+').map_or("", |(_, mac)| mac);
                let null = format!("{}/null+{integrity}@{}", self.path, C::LIBRARY);
                (leaked(null), "encryption", &["authenticate", "encrypt"])
            }
            (true, _) => (none, "encryption + integrity", &["seal"]),
        }
    }
}

/// The cipher alone, for a case of this kind.
fn alone<C: Cipher + 'static>(beside: Kind) -> Case {
    let sealed = PLAIN.sealed::<C>();
    Case {
        id: leaked(format!("bare/{}@{}", C::ALGORITHM, C::LIBRARY)),
        title: leaked(format!("{} alone", titled(C::ALGORITHM, C::LIBRARY))),
        stages: &["seal"],
        step_of: None,
        step: "cipher alone",
        kind: if beside == Kind::Bill {
            Kind::Yardstick
        } else {
            beside
        },
        hops: 0,
        overhead: bare::overhead(C::LAYOUT),
        make: open_bare::<C>,
        describe: |_, _| None,
        receive: Some(receive_bare::<C>),
        opener: None,
        ..sealed
    }
}

/// Text of the list, which is made once and stays.
pub(in crate::path) fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}
