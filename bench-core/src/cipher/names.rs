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

/// What an algorithm or a library is called: `AES-256-CBC + HMAC-SHA-256-128`.
pub fn title(name: &str) -> String {
    let own = TITLES.iter().find(|(known, _)| *known == name);
    match own {
        Some((_, title)) => (*title).to_owned(),
        None if SMALL.contains(&name) => name.to_owned(),
        None => name.to_uppercase().replace('+', " + "),
    }
}

/// Algorithm and library: `AES-256-GCM, ring`.
pub fn titled(algorithm: &str, library: &str) -> String {
    format!("{}, {}", title(algorithm), title(library))
}
