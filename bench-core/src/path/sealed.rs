//! Cases of a tunnel of records: its framing alone, and sealed by every library.

use super::cases::{Case, CaseError, FORWARD, Kind, leaked};
use super::overhead::Overhead;
use super::{PacketPath, Setup};
use crate::cipher::aws_lc::{self, AwsLc};
use crate::cipher::ring::{self, Ring};
use crate::cipher::rust_crypto::RustCrypto;
use crate::cipher::{Cipher, none, titled};

/// A way to frame packets: what its cases share, whatever the cipher.
pub(super) trait Framed {
    /// In front of the `/` in an id.
    const PATH: &'static str;
    /// For people.
    const WORDS: &'static str;
    /// Stages up to the framing.
    const STAGES: &'static [&'static str];
    /// What it adds to forward.
    const STEP: &'static str;
    /// Bytes that it adds to a packet.
    const OVERHEAD: Overhead;

    /// Makes an instance.
    fn open<C: Cipher + 'static>(setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError>;
}

/// Without a cipher, and with AES-256-GCM of every library.
pub(super) fn with_gcm<F: Framed>() -> Vec<Case> {
    vec![
        none::<F>(),
        sealed::<F, Ring<{ ring::AES_256 }>>(),
        sealed::<F, AwsLc<{ aws_lc::AES_256 }>>(),
        sealed::<F, RustCrypto<aes_gcm::Aes256Gcm>>(),
    ]
}

/// The same, and with ChaCha20-Poly1305.
pub(super) fn with_aeads<F: Framed>() -> Vec<Case> {
    let mut cases = with_gcm::<F>();
    cases.push(sealed::<F, Ring<{ ring::CHACHA20 }>>());
    cases.push(sealed::<F, AwsLc<{ aws_lc::CHACHA20 }>>());
    cases.push(sealed::<F, RustCrypto<chacha20poly1305::ChaCha20Poly1305>>());
    cases
}

fn none<F: Framed>() -> Case {
    Case {
        id: leaked(format!("{}/none", F::PATH)),
        title: leaked(format!("{}, framing only, no cipher", F::WORDS)),
        stages: F::STAGES,
        step_of: Some(FORWARD.id),
        step: F::STEP,
        kind: Kind::Variant,
        overhead: F::OVERHEAD,
        make: |_, setup| F::open::<none::None>(setup),
        ..FORWARD
    }
}

fn sealed<F: Framed, C: Cipher + 'static>() -> Case {
    let below = none::<F>();
    Case {
        id: leaked(format!("{}/{}@{}", F::PATH, C::ALGORITHM, C::LIBRARY)),
        title: leaked(format!(
            "{}, {}",
            F::WORDS,
            titled(C::ALGORITHM, C::LIBRARY)
        )),
        stages: Box::leak([F::STAGES, &["seal"]].concat().into_boxed_slice()),
        step_of: Some(below.id),
        step: "encryption + integrity",
        algorithm: Some(C::ALGORITHM),
        library: Some(C::LIBRARY),
        hides: C::ENCRYPTS,
        make: |_, setup| F::open::<C>(setup),
        ..below
    }
}
