//! The start-up check: this binary may have been built for another CPU.

use raw_cpuid::CpuId;

use tunneltax_core::trap;

use crate::failure::Failure;

/// Target features that were on at compile time.
const BUILT_FOR: &str = env!("TUNNELTAX_TARGET_FEATURES");

/// What the CPU says of a target feature; `None` for one that this check does not know.
///
/// Asked of the CPU itself: the standard library's macro answers from the compile-time flags.
fn has(feature: &str) -> Option<bool> {
    let id = CpuId::new();
    let basic = id.get_feature_info();
    let extended = id.get_extended_feature_info();
    let vendor = id.get_extended_processor_and_feature_identifiers();
    let basic = |ask: fn(&raw_cpuid::FeatureInfo) -> bool| basic.as_ref().map(ask);
    let extended = |ask: fn(&raw_cpuid::ExtendedFeatures) -> bool| extended.as_ref().map(ask);
    let vendor =
        |ask: fn(&raw_cpuid::ExtendedProcessorFeatureIdentifiers) -> bool| vendor.as_ref().map(ask);
    let answer = match feature {
        "sse3" => basic(raw_cpuid::FeatureInfo::has_sse3),
        "ssse3" => basic(raw_cpuid::FeatureInfo::has_ssse3),
        "sse4.1" => basic(raw_cpuid::FeatureInfo::has_sse41),
        "sse4.2" => basic(raw_cpuid::FeatureInfo::has_sse42),
        "popcnt" => basic(raw_cpuid::FeatureInfo::has_popcnt),
        "aes" => basic(raw_cpuid::FeatureInfo::has_aesni),
        "pclmulqdq" => basic(raw_cpuid::FeatureInfo::has_pclmulqdq),
        "avx" => basic(raw_cpuid::FeatureInfo::has_avx),
        "fma" => basic(raw_cpuid::FeatureInfo::has_fma),
        "f16c" => basic(raw_cpuid::FeatureInfo::has_f16c),
        "movbe" => basic(raw_cpuid::FeatureInfo::has_movbe),
        "avx2" => extended(raw_cpuid::ExtendedFeatures::has_avx2),
        "bmi1" => extended(raw_cpuid::ExtendedFeatures::has_bmi1),
        "bmi2" => extended(raw_cpuid::ExtendedFeatures::has_bmi2),
        "adx" => extended(raw_cpuid::ExtendedFeatures::has_adx),
        "sha" => extended(raw_cpuid::ExtendedFeatures::has_sha),
        "vaes" => extended(raw_cpuid::ExtendedFeatures::has_vaes),
        "vpclmulqdq" => extended(raw_cpuid::ExtendedFeatures::has_vpclmulqdq),
        "gfni" => extended(raw_cpuid::ExtendedFeatures::has_gfni),
        "avx512f" => extended(raw_cpuid::ExtendedFeatures::has_avx512f),
        "avx512bw" => extended(raw_cpuid::ExtendedFeatures::has_avx512bw),
        "avx512dq" => extended(raw_cpuid::ExtendedFeatures::has_avx512dq),
        "avx512vl" => extended(raw_cpuid::ExtendedFeatures::has_avx512vl),
        "avx512cd" => extended(raw_cpuid::ExtendedFeatures::has_avx512cd),
        "avx512ifma" => extended(raw_cpuid::ExtendedFeatures::has_avx512_ifma),
        "avx512vbmi" => extended(raw_cpuid::ExtendedFeatures::has_avx512vbmi),
        "lzcnt" => vendor(raw_cpuid::ExtendedProcessorFeatureIdentifiers::has_lzcnt),
        "sse4a" => vendor(raw_cpuid::ExtendedProcessorFeatureIdentifiers::has_sse4a),
        _ => return None,
    };
    // A CPU without the leaf has none of its features.
    Some(answer.unwrap_or(false))
}

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
    const CIPHERS_CARE: [&str; 11] = [
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
    ];
    let present = CIPHERS_CARE.iter().filter(|f| has(f) == Some(true));
    present.map(|f| (*f).to_owned()).collect()
}

/// The hypervisor that the CPU reports, if any.
pub fn hypervisor() -> Option<String> {
    let id = CpuId::new();
    let hypervised = id.get_feature_info()?.has_hypervisor();
    let name = id
        .get_hypervisor_info()
        .map(|info| format!("{:?}", info.identify()));
    hypervised.then(|| name.unwrap_or_else(|| "unnamed".to_owned()))
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
