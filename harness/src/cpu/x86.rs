//! What an x86-64 CPU says of itself.

use raw_cpuid::CpuId;

/// What the CPU says of a target feature; `None` for one that this check does not know.
///
/// Asked of the CPU itself: the standard library's macro answers from the compile-time flags.
pub fn has(feature: &str) -> Option<bool> {
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

/// The hypervisor that the CPU reports, if any.
pub fn hypervisor() -> Option<String> {
    let id = CpuId::new();
    let hypervised = id.get_feature_info()?.has_hypervisor();
    let name = id
        .get_hypervisor_info()
        .map(|info| format!("{:?}", info.identify()));
    hypervised.then(|| name.unwrap_or_else(|| "unnamed".to_owned()))
}
