//! The start-up check: this binary may have been built for another CPU.

#[cfg(not(target_arch = "x86_64"))]
mod elsewhere;
#[cfg(target_arch = "x86_64")]
mod x86;

use tunneltax_core::trap;

use crate::failure::Failure;

#[cfg(not(target_arch = "x86_64"))]
use elsewhere::has;
#[cfg(not(target_arch = "x86_64"))]
pub use elsewhere::hypervisor;
#[cfg(target_arch = "x86_64")]
use x86::has;
#[cfg(target_arch = "x86_64")]
pub use x86::hypervisor;

/// Target features that were on at compile time.
const BUILT_FOR: &str = env!("TUNNELTAX_TARGET_FEATURES");

/// Refuses a CPU that lacks a feature that the compiler was allowed to use. Runs first.
pub fn check() -> Result<(), Failure> {
    // What comes before this line is the trap's: naming it here links it.
    std::hint::black_box(trap::is_set());
    let missing: Vec<&str> = BUILT_FOR
        .split(',')
        .filter(|feature| has(feature) == Some(false))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "this binary was built for a CPU with {}, which this one lacks; build it here with \
         `cargo build --release`, or take the portable build of ci/portable.sh",
        missing.join(", ")
    )))
}

/// Target features that were on at compile time, one by one.
pub fn built_for() -> Vec<String> {
    BUILT_FOR
        .split(',')
        .filter(|f| !f.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Of the features that ciphers care about, those that this CPU has.
pub fn cipher_flags() -> Vec<String> {
    const CIPHERS_CARE: [&str; 14] = [
        "ssse3",
        "sse4.1",
        "aes",
        "pclmulqdq",
        "avx",
        "movbe",
        "avx2",
        "vaes",
        "vpclmulqdq",
        "avx512f",
        "avx512vl",
        "neon",
        "sha2",
        "sve2",
    ];
    let present = CIPHERS_CARE.iter().filter(|f| has(f) == Some(true));
    present.map(|f| (*f).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_that_builds_passes_and_an_unknown_feature_is_no_reason() {
        assert!(check().is_ok());
        assert_eq!(has("no-such-feature"), None);
    }
}
