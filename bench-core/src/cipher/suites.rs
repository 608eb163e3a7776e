//! Which encryption goes with which integrity algorithm, by which library: what a gateway's
//! policy can ask for beside AEADs (RFC 8221, 5 and 6).

use aes::{Aes128, Aes256};
use des::TdesEde3;

use super::encrypt_then_mac::{EncryptThenMac, Null, Suite};
use super::rust_crypto::{Cbc, Hmac};
use super::{aws_lc, ring};

macro_rules! suite {
    ($(#[$doc:meta])* $name:ident: $encryption:ty, $integrity:ty, $algorithm:literal, $library:literal) => {
        $(#[$doc])*
        pub type $name = EncryptThenMac<of::$name>;

        impl Suite for of::$name {
            type Encryption = $encryption;
            type Integrity = $integrity;
            const ALGORITHM: &'static str = $algorithm;
            const LIBRARY: &'static str = $library;
        }
    };
}

/// What tells the suites apart.
mod of {
    pub struct NullSha256Ring;
    pub struct NullSha256AwsLc;
    pub struct NullSha256RustCrypto;
    pub struct NullSha1RustCrypto;
    pub struct Aes128Sha256;
    pub struct Aes256Sha256;
    pub struct Aes128Sha1;
    pub struct Aes256Sha1;
    pub struct TripleDesSha256;
}

suite!(
    /// NULL with HMAC-SHA-256-128 (RFC 2410, RFC 4868) by ring.
    NullSha256Ring: Null, ring::HmacSha256, "null+hmac-sha-256-128", "ring"
);
suite!(
    /// The same by AWS-LC.
    NullSha256AwsLc: Null, aws_lc::HmacSha256, "null+hmac-sha-256-128", "aws-lc"
);
suite!(
    /// The same by `RustCrypto`.
    NullSha256RustCrypto: Null, Hmac<sha2::Sha256>, "null+hmac-sha-256-128", "rustcrypto"
);
suite!(
    /// NULL with HMAC-SHA-1-96 (RFC 2404).
    NullSha1RustCrypto: Null, Hmac<sha1::Sha1>, "null+hmac-sha-1-96", "rustcrypto"
);
suite!(
    /// AES-CBC (RFC 3602) with HMAC-SHA-256-128, key of 128 bits.
    Aes128Sha256: Cbc<Aes128>, Hmac<sha2::Sha256>, "aes-128-cbc+hmac-sha-256-128", "rustcrypto"
);
suite!(
    /// AES-CBC with HMAC-SHA-256-128, key of 256 bits.
    Aes256Sha256: Cbc<Aes256>, Hmac<sha2::Sha256>, "aes-256-cbc+hmac-sha-256-128", "rustcrypto"
);
suite!(
    /// AES-CBC with HMAC-SHA-1-96, key of 128 bits.
    Aes128Sha1: Cbc<Aes128>, Hmac<sha1::Sha1>, "aes-128-cbc+hmac-sha-1-96", "rustcrypto"
);
suite!(
    /// AES-CBC with HMAC-SHA-1-96, key of 256 bits.
    Aes256Sha1: Cbc<Aes256>, Hmac<sha1::Sha1>, "aes-256-cbc+hmac-sha-1-96", "rustcrypto"
);
suite!(
    /// 3DES-CBC (RFC 2451) with HMAC-SHA-256-128: legacy, RFC 8221, 5 asks not to use it.
    TripleDesSha256: Cbc<TdesEde3>, Hmac<sha2::Sha256>, "3des-cbc+hmac-sha-256-128", "rustcrypto"
);
