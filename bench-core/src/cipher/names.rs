//! Names of algorithms and libraries for people.

/// Where capitals alone would not do.
const TITLES: [(&str, &str); 4] = [
    ("chacha20-poly1305", "ChaCha20-Poly1305"),
    ("aws-lc", "AWS-LC"),
    ("rustcrypto", "RustCrypto"),
    ("openssl", "OpenSSL"),
];
/// Libraries that write themselves small.
const SMALL: [&str; 3] = ["ring", "graviola", "ipsec-mb"];

/// Whether an algorithm is here for those that still have it, and for nobody to choose: 3DES has
/// blocks of 64 bits and SHOULD NOT be used (RFC 8221, 5).
pub fn is_legacy(algorithm: &str) -> bool {
    algorithm.starts_with("3des-")
}

/// What an algorithm or a library is called: `AES-256-CBC + HMAC-SHA-256-128`.
pub fn title(name: &str) -> String {
    let own = TITLES.iter().find(|(known, _)| *known == name);
    match own {
        Some((_, title)) => (*title).to_owned(),
        None if SMALL.contains(&name) => name.to_owned(),
        None => {
            let legacy = if is_legacy(name) { " (legacy)" } else { "" };
            name.to_uppercase().replace('+', " + ") + legacy
        }
    }
}

/// Algorithm and library: `AES-256-GCM, ring`.
pub fn titled(algorithm: &str, library: &str) -> String {
    format!("{}, {}", title(algorithm), title(library))
}
