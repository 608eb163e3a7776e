//! Something done with every cipher of every library.

use tunneltax_core::cipher::aws_lc::{self, AwsLc};
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::cipher::rust_crypto::RustCrypto;
use tunneltax_core::cipher::{Cipher, none};

/// What is done with each of them.
pub trait Visit {
    fn visit<C: Cipher>(&mut self);
}

/// Three algorithms of three libraries.
pub const CIPHERS: usize = 9;

/// All but [`none`].
pub fn every_cipher(visitor: &mut impl Visit) {
    visitor.visit::<Ring<{ ring::AES_128 }>>();
    visitor.visit::<Ring<{ ring::AES_256 }>>();
    visitor.visit::<Ring<{ ring::CHACHA20 }>>();
    visitor.visit::<AwsLc<{ aws_lc::AES_128 }>>();
    visitor.visit::<AwsLc<{ aws_lc::AES_256 }>>();
    visitor.visit::<AwsLc<{ aws_lc::CHACHA20 }>>();
    visitor.visit::<RustCrypto<aes_gcm::Aes128Gcm>>();
    visitor.visit::<RustCrypto<aes_gcm::Aes256Gcm>>();
    visitor.visit::<RustCrypto<chacha20poly1305::ChaCha20Poly1305>>();
}

/// And [`none`].
#[allow(dead_code)] // not every test that includes this file wants it
pub fn every_cipher_and_none(visitor: &mut impl Visit) {
    every_cipher(visitor);
    visitor.visit::<none::None>();
}

/// `algorithm@library`.
pub fn name<C: Cipher>() -> String {
    format!("{}@{}", C::ALGORITHM, C::LIBRARY)
}
