//! Published vectors, reproduced by every cipher of this build, here and now.
//!
//! The numbers are RFC 7634's (appendices A and B), draft-mcgrew-gcm-test's, and those that the
//! test suites of DPDK and `OpenDataPlane` carry; each has its source in `data/esp_vectors.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::cipher::{Aead, ICV_BYTES, aws_lc, ring, rust_crypto};

/// The file.
const VECTORS: &str = include_str!("../data/esp_vectors.json");

/// One vector. All octets in hexadecimal.
#[derive(Clone, Debug, Deserialize)]
pub struct Vector {
    /// Name, with its origin.
    pub name: String,
    /// Document or file that it comes from.
    pub source: String,
    /// Algorithm, as in a case id.
    pub algorithm: String,
    /// Key, salt not included.
    pub key: String,
    /// Salt and IV.
    pub nonce: String,
    /// Associated data.
    pub aad: String,
    /// What is sealed, padding and trailer included.
    pub text: String,
    /// Encrypted text and ICV.
    pub sealed: String,
    /// The packets around it, where the vector has them.
    pub tunnel: Option<TunnelVector>,
}

/// A whole packet in tunnel mode.
#[derive(Clone, Debug, Deserialize)]
pub struct TunnelVector {
    /// The packet inside.
    pub inner: String,
    /// The packet on the wire, outer header included.
    pub outer: String,
    /// Security parameters index.
    pub spi: u32,
    /// Sequence number.
    pub sequence: u32,
}

/// Why a build must not be used.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// The file is not what this code reads.
    #[error("the published vectors cannot be read: {0}")]
    Unreadable(String),
    /// A library disagrees with the document.
    #[error("{cipher} does not reproduce the published vector {vector} ({what})")]
    Wrong {
        /// Algorithm and library.
        cipher: String,
        /// Name of the vector.
        vector: String,
        /// What was tried.
        what: &'static str,
    },
}

/// Every vector.
pub fn vectors() -> Result<Vec<Vector>, VectorError> {
    serde_json::from_str(VECTORS).map_err(|why| VectorError::Unreadable(why.to_string()))
}

/// Octets from hexadecimal.
pub fn octets(hex: &str) -> Result<Vec<u8>, VectorError> {
    let digits = hex.as_bytes().chunks(2);
    let octet = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok().filter(|t| t.len() == 2);
        text.and_then(|text| u8::from_str_radix(text, 16).ok())
    };
    digits
        .map(|pair| {
            octet(pair)
                .ok_or_else(|| VectorError::Unreadable(format!("{hex:.8}… is not hexadecimal")))
        })
        .collect()
}

/// [`check_these`] of every vector.
pub fn check_all() -> Result<BTreeMap<String, usize>, VectorError> {
    check_these(&vectors()?)
}

/// Seals, opens and tampers with each vector through every library that has its algorithm; how
/// many each `algorithm@library` reproduced. The first disagreement ends it.
pub fn check_these(vectors: &[Vector]) -> Result<BTreeMap<String, usize>, VectorError> {
    let mut counts = BTreeMap::new();
    for vector in vectors {
        check::<ring::Ring<{ ring::AES_128 }>>(vector, &mut counts)?;
        check::<ring::Ring<{ ring::AES_256 }>>(vector, &mut counts)?;
        check::<ring::Ring<{ ring::CHACHA20 }>>(vector, &mut counts)?;
        check::<aws_lc::AwsLc<{ aws_lc::AES_128 }>>(vector, &mut counts)?;
        check::<aws_lc::AwsLc<{ aws_lc::AES_256 }>>(vector, &mut counts)?;
        check::<aws_lc::AwsLc<{ aws_lc::CHACHA20 }>>(vector, &mut counts)?;
        check::<aws_lc::AwsLc<{ aws_lc::AES_192 }>>(vector, &mut counts)?;
        check::<rust_crypto::RustCrypto<rust_crypto::Aes192Gcm>>(vector, &mut counts)?;
        check::<rust_crypto::RustCrypto<aes_gcm::Aes128Gcm>>(vector, &mut counts)?;
        check::<rust_crypto::RustCrypto<aes_gcm::Aes256Gcm>>(vector, &mut counts)?;
        check::<rust_crypto::RustCrypto<chacha20poly1305::ChaCha20Poly1305>>(vector, &mut counts)?;
        check_behind_features(vector, &mut counts)?;
    }
    Ok(counts)
}

/// The libraries that are not in every build.
#[allow(unused_variables, clippy::unnecessary_wraps)] // a plain build has none
fn check_behind_features(
    vector: &Vector,
    counts: &mut BTreeMap<String, usize>,
) -> Result<(), VectorError> {
    #[cfg(feature = "ipsec-mb")]
    {
        use crate::cipher::ipsec_mb::{AES_128, AES_192, AES_256, CHACHA20, IpsecMb};
        check::<IpsecMb<AES_128>>(vector, counts)?;
        check::<IpsecMb<AES_192>>(vector, counts)?;
        check::<IpsecMb<AES_256>>(vector, counts)?;
        check::<IpsecMb<CHACHA20>>(vector, counts)?;
    }
    #[cfg(feature = "openssl")]
    {
        use crate::cipher::openssl::{AES_128, AES_192, AES_256, CHACHA20, OpenSsl};
        check::<OpenSsl<AES_128>>(vector, counts)?;
        check::<OpenSsl<AES_192>>(vector, counts)?;
        check::<OpenSsl<AES_256>>(vector, counts)?;
        check::<OpenSsl<CHACHA20>>(vector, counts)?;
    }
    #[cfg(feature = "graviola")]
    {
        use crate::cipher::graviola::{AES_128, AES_256, CHACHA20, Graviola};
        check::<Graviola<AES_128>>(vector, counts)?;
        check::<Graviola<AES_256>>(vector, counts)?;
        check::<Graviola<CHACHA20>>(vector, counts)?;
    }
    Ok(())
}

fn check<C: Aead>(
    vector: &Vector,
    counts: &mut BTreeMap<String, usize>,
) -> Result<(), VectorError> {
    if vector.algorithm != C::ALGORITHM || C::missing().is_some() {
        return Ok(());
    }
    let cipher_name = format!("{}@{}", C::ALGORITHM, C::LIBRARY);
    let wrong = |what| VectorError::Wrong {
        cipher: cipher_name.clone(),
        vector: vector.name.clone(),
        what,
    };
    let mut cipher = C::new(&octets(&vector.key)?).map_err(|_| wrong("key"))?;
    let nonce = octets(&vector.nonce)?
        .try_into()
        .map_err(|_| wrong("nonce"))?;
    let aad = octets(&vector.aad)?;
    let plain = octets(&vector.text)?;
    let sealed = octets(&vector.sealed)?;
    let (sealed_text, sealed_icv) = sealed
        .split_last_chunk::<ICV_BYTES>()
        .ok_or_else(|| wrong("length"))?;

    let mut text = plain.clone();
    let mut icv = [0; ICV_BYTES];
    cipher.seal_parts(&nonce, &aad, &mut text, &mut icv);
    if text != sealed_text || icv != *sealed_icv {
        return Err(wrong("seal"));
    }
    if cipher.open_parts(&nonce, &aad, &mut text, &icv).is_err() || text != plain {
        return Err(wrong("open"));
    }
    let mut tampered = sealed_text.to_vec();
    icv[ICV_BYTES - 1] ^= 1;
    if cipher.open_parts(&nonce, &aad, &mut tampered, &icv).is_ok() {
        return Err(wrong("a wrong ICV was accepted"));
    }
    *counts.entry(cipher_name).or_default() += 1;
    Ok(())
}
