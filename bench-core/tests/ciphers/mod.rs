//! Something done with every cipher of every library.

use tunneltax_core::cipher::aws_lc::{self, AwsLc};
use tunneltax_core::cipher::gmac::Gmac;
#[cfg(feature = "ipsec-mb")]
use tunneltax_core::cipher::ipsec_mb::{self, IpsecMb};
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::cipher::rust_crypto::{Aes192Gcm, RustCrypto};
use tunneltax_core::cipher::{Aead, Cipher, none, suites};

/// What is done with each AEAD.
pub trait Visit {
    fn visit<A: Aead>(&mut self);
}

/// What is done with each cipher.
#[allow(dead_code)] // not every test that includes this file wants it
pub trait VisitAny {
    fn visit<C: Cipher>(&mut self);
}

/// Libraries that are behind features: 1 where it is in this build.
pub const IPSEC_MB: usize = cfg!(feature = "ipsec-mb") as usize;
/// The same.
pub const OPENSSL: usize = cfg!(feature = "openssl") as usize;
/// The same; it has no key of 192 bits.
pub const GRAVIOLA: usize = cfg!(feature = "graviola") as usize;

/// Four algorithms of three libraries, of which ring has no key of 192 bits; and those behind
/// features.
pub const AEADS: usize = 11 + 4 * IPSEC_MB + 4 * OPENSSL + 3 * GRAVIOLA;
/// Three GMACs and nine suites more; and those behind features.
#[allow(dead_code)] // not every test that includes this file wants it
pub const CIPHERS: usize = AEADS + 12 + 7 * IPSEC_MB;

/// A library that is not in every build.
#[allow(dead_code)] // not every test that includes this file wants it
pub fn is_behind_feature(library: &str) -> bool {
    ["ipsec-mb", "openssl", "graviola"].contains(&library)
}

/// All AEADs.
pub fn every_aead(visitor: &mut impl Visit) {
    visitor.visit::<Ring<{ ring::AES_128 }>>();
    visitor.visit::<Ring<{ ring::AES_256 }>>();
    visitor.visit::<Ring<{ ring::CHACHA20 }>>();
    visitor.visit::<AwsLc<{ aws_lc::AES_128 }>>();
    visitor.visit::<AwsLc<{ aws_lc::AES_256 }>>();
    visitor.visit::<AwsLc<{ aws_lc::AES_192 }>>();
    visitor.visit::<AwsLc<{ aws_lc::CHACHA20 }>>();
    visitor.visit::<RustCrypto<aes_gcm::Aes128Gcm>>();
    visitor.visit::<RustCrypto<Aes192Gcm>>();
    visitor.visit::<RustCrypto<aes_gcm::Aes256Gcm>>();
    visitor.visit::<RustCrypto<chacha20poly1305::ChaCha20Poly1305>>();
    #[cfg(feature = "ipsec-mb")]
    {
        visitor.visit::<IpsecMb<{ ipsec_mb::AES_128 }>>();
        visitor.visit::<IpsecMb<{ ipsec_mb::AES_192 }>>();
        visitor.visit::<IpsecMb<{ ipsec_mb::AES_256 }>>();
        visitor.visit::<IpsecMb<{ ipsec_mb::CHACHA20 }>>();
    }
    #[cfg(feature = "openssl")]
    {
        use tunneltax_core::cipher::openssl::{AES_128, AES_192, AES_256, CHACHA20, OpenSsl};
        visitor.visit::<OpenSsl<AES_128>>();
        visitor.visit::<OpenSsl<AES_192>>();
        visitor.visit::<OpenSsl<AES_256>>();
        visitor.visit::<OpenSsl<CHACHA20>>();
    }
    #[cfg(feature = "graviola")]
    {
        use tunneltax_core::cipher::graviola::{AES_128, AES_256, CHACHA20, Graviola};
        visitor.visit::<Graviola<AES_128>>();
        visitor.visit::<Graviola<AES_256>>();
        visitor.visit::<Graviola<CHACHA20>>();
    }
}

/// All ciphers.
#[allow(dead_code)] // not every test that includes this file wants it
pub fn every_cipher(visitor: &mut impl VisitAny) {
    struct Aeads<'v, V>(&'v mut V);
    impl<V: VisitAny> Visit for Aeads<'_, V> {
        fn visit<A: Aead>(&mut self) {
            self.0.visit::<A>();
        }
    }
    every_aead(&mut Aeads(visitor));
    visitor.visit::<Gmac<Ring<{ ring::AES_256 }>>>();
    visitor.visit::<Gmac<AwsLc<{ aws_lc::AES_256 }>>>();
    visitor.visit::<Gmac<RustCrypto<aes_gcm::Aes256Gcm>>>();
    visitor.visit::<suites::NullSha256Ring>();
    visitor.visit::<suites::NullSha256AwsLc>();
    visitor.visit::<suites::NullSha256RustCrypto>();
    visitor.visit::<suites::NullSha1RustCrypto>();
    visitor.visit::<suites::Aes128Sha256>();
    visitor.visit::<suites::Aes256Sha256>();
    visitor.visit::<suites::Aes128Sha1>();
    visitor.visit::<suites::Aes256Sha1>();
    visitor.visit::<suites::TripleDesSha256>();
    #[cfg(feature = "ipsec-mb")]
    {
        use ipsec_mb::{AES_CBC_128, AES_CBC_256, MbSuite, NULL, SHA_1, SHA_256, TRIPLE_DES};
        visitor.visit::<MbSuite<NULL, SHA_256>>();
        visitor.visit::<MbSuite<AES_CBC_128, SHA_256>>();
        visitor.visit::<MbSuite<AES_CBC_256, SHA_256>>();
        visitor.visit::<MbSuite<TRIPLE_DES, SHA_256>>();
        visitor.visit::<MbSuite<NULL, SHA_1>>();
        visitor.visit::<MbSuite<AES_CBC_128, SHA_1>>();
        visitor.visit::<MbSuite<AES_CBC_256, SHA_1>>();
    }
}

/// And [`none`].
#[allow(dead_code)] // not every test that includes this file wants it
pub fn every_cipher_and_none(visitor: &mut impl VisitAny) {
    every_cipher(visitor);
    visitor.visit::<none::None>();
}

/// `algorithm@library`.
pub fn name<C: Cipher>() -> String {
    format!("{}@{}", C::ALGORITHM, C::LIBRARY)
}
