//! What a CPU that is no x86-64 says of itself, as far as the operating system passes it on.

/// What the CPU says of a target feature; `None` for one that this check does not know.
#[cfg(target_arch = "aarch64")]
pub fn has(feature: &str) -> Option<bool> {
    use std::arch::is_aarch64_feature_detected as detected;
    Some(match feature {
        "neon" => detected!("neon"),
        "aes" => detected!("aes"),
        "sha2" => detected!("sha2"),
        "sha3" => detected!("sha3"),
        "lse" => detected!("lse"),
        "crc" => detected!("crc"),
        "sve" => detected!("sve"),
        "sve2" => detected!("sve2"),
        _ => return None,
    })
}

/// Of no other architecture anything is known.
#[cfg(not(target_arch = "aarch64"))]
pub fn has(_feature: &str) -> Option<bool> {
    None
}

/// No such CPU reports one.
pub fn hypervisor() -> Option<String> {
    None
}
