//! Which code each cipher library runs on this CPU, in this build.
//!
//! No library tells; these are their dispatch rules, read in their sources at the versions that
//! the lock file pins. ring 0.17.14: `src/aead/aes_gcm.rs`, `chacha20_poly1305/integrated.rs`.
//! AWS-LC 0.47: `crypto/fipsmodule/modes/gcm.c`, `cipher_extra/e_chacha20poly1305.c`.
//! `RustCrypto`: `aes` 0.9.4, `polyval` 0.7.3, `chacha20` 0.10.2, `poly1305` 0.9.1, which detect
//! at run time unless the feature was on at compile time, when the choice is folded away and
//! the rounds are inlined.

/// One algorithm of one library.
#[derive(Clone, Copy, Debug)]
pub struct Implementation {
    /// Name, as in a case id.
    pub library: &'static str,
    /// Packages whose versions make the library.
    pub packages: &'static [&'static str],
    /// Algorithm, as in a case id.
    pub algorithm: &'static str,
    /// The code that runs here.
    pub code: &'static str,
    /// When it was chosen.
    pub chosen_at: &'static str,
}

const GCM: &str = "aes-256-gcm";
const CHACHA: &str = "chacha20-poly1305";
const RUST_CRYPTO: &[&str] = &[
    "aes-gcm",
    "aes",
    "ghash",
    "polyval",
    "chacha20poly1305",
    "chacha20",
    "poly1305",
];

/// Every implementation in this binary.
pub fn implementations() -> Vec<Implementation> {
    let row = |library, packages, algorithm, code, chosen_at| Implementation {
        library,
        packages,
        algorithm,
        code,
        chosen_at,
    };
    let run_time = "run time";
    let rust_crypto = if cfg!(target_feature = "vaes") || cfg!(target_feature = "avx2") {
        "compile time, inlined"
    } else {
        run_time
    };
    let cpu = Cpu::detect();
    vec![
        row("ring", &["ring"], GCM, cpu.ring_gcm(), run_time),
        row("ring", &["ring"], CHACHA, cpu.assembly_chacha(), run_time),
        row(
            "aws-lc",
            &["aws-lc-rs", "aws-lc-sys"],
            GCM,
            cpu.aws_lc_gcm(),
            run_time,
        ),
        row(
            "aws-lc",
            &["aws-lc-rs", "aws-lc-sys"],
            CHACHA,
            cpu.assembly_chacha(),
            run_time,
        ),
        row(
            "rustcrypto",
            RUST_CRYPTO,
            GCM,
            cpu.rust_crypto_gcm(),
            rust_crypto,
        ),
        row(
            "rustcrypto",
            RUST_CRYPTO,
            CHACHA,
            cpu.rust_crypto_chacha(),
            rust_crypto,
        ),
    ]
}

/// What the dispatch rules ask for.
#[derive(Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // they are bits of CPUID
struct Cpu {
    aes_clmul: bool,
    avx_movbe: bool,
    avx2: bool,
    avx512: bool,
    vaes_vpclmul: bool,
    sse41: bool,
}

impl Cpu {
    #[cfg(target_arch = "x86_64")]
    fn detect() -> Self {
        use std::arch::is_x86_feature_detected as has;
        Self {
            aes_clmul: has!("aes") && has!("pclmulqdq"),
            avx_movbe: has!("avx") && has!("movbe"),
            avx2: has!("avx2"),
            avx512: has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq"),
            vaes_vpclmul: has!("vaes") && has!("vpclmulqdq"),
            sse41: has!("sse4.1"),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detect() -> Self {
        Self {
            aes_clmul: false,
            avx_movbe: false,
            avx2: false,
            avx512: false,
            vaes_vpclmul: false,
            sse41: false,
        }
    }

    fn ring_gcm(self) -> &'static str {
        match self {
            Self {
                vaes_vpclmul: true,
                avx2: true,
                ..
            } => "VAES + VPCLMULQDQ (AVX2)",
            other => other.narrow_gcm(),
        }
    }

    fn aws_lc_gcm(self) -> &'static str {
        match self {
            Self {
                vaes_vpclmul: true,
                avx512: true,
                ..
            } => "VAES + VPCLMULQDQ (AVX-512)",
            other => other.narrow_gcm(),
        }
    }

    fn narrow_gcm(self) -> &'static str {
        match self {
            Self {
                aes_clmul: true,
                avx_movbe: true,
                ..
            } => "AES-NI + PCLMULQDQ (AVX)",
            Self {
                aes_clmul: true, ..
            } => "AES-NI + PCLMULQDQ",
            _ => "portable",
        }
    }

    fn assembly_chacha(self) -> &'static str {
        match self {
            Self { avx2: true, .. } => "AVX2",
            Self { sse41: true, .. } => "SSE4.1",
            _ => "portable",
        }
    }

    fn rust_crypto_gcm(self) -> &'static str {
        match self {
            Self {
                vaes_vpclmul: true,
                avx512: true,
                ..
            } => "VAES (AVX-512) + PCLMULQDQ",
            Self {
                vaes_vpclmul: true, ..
            } => "VAES (AVX) + PCLMULQDQ",
            Self {
                aes_clmul: true, ..
            } => "AES-NI + PCLMULQDQ",
            _ => "portable",
        }
    }

    fn rust_crypto_chacha(self) -> &'static str {
        if self.avx2 {
            "AVX2"
        } else {
            "SSE2, Poly1305 portable"
        }
    }
}
