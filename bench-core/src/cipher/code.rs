//! Which code each cipher library runs on this CPU, in this build.
//!
//! Most libraries do not tell; these are their dispatch rules, read in their sources at the versions that
//! the lock file pins. ring 0.17.14: `src/aead/aes_gcm.rs`, `chacha20_poly1305/integrated.rs`,
//! `digest/sha2/sha2_32.rs`. AWS-LC 0.47: `crypto/fipsmodule/modes/gcm.c`,
//! `cipher_extra/e_chacha20poly1305.c`, `fipsmodule/sha/sha256.c`. OpenSSL 3.0:
//! `crypto/modes/asm/aesni-gcm-x86_64.pl`, `crypto/chacha/asm/chacha-x86_64.pl`. Graviola 0.4.4:
//! `src/low/x86_64`. `RustCrypto`: `aes` 0.9.4,
//! `polyval` 0.7.3, `chacha20` 0.10.2, `poly1305` 0.9.1, `sha1` 0.11.0, `sha2` 0.11.1, which
//! detect at run time unless the feature was on at compile time, when the choice is folded away
//! and the rounds are inlined.

/// One algorithm of one library.
#[derive(Clone, Debug)]
pub struct Implementation {
    /// Packages whose versions make the library.
    pub packages: &'static [&'static str],
    /// What was installed beside them, with the version that it tells itself.
    pub installed: Option<String>,
    /// The code that runs here.
    pub code: String,
    /// When it was chosen.
    pub chosen_at: &'static str,
}

const RUST_CRYPTO: &[&str] = &[
    "aes-gcm",
    "aes",
    "ghash",
    "polyval",
    "chacha20poly1305",
    "chacha20",
    "poly1305",
    "cbc",
    "des",
    "hmac",
    "sha1",
    "sha2",
];

/// What runs for an algorithm and a library, named as in a case id; `None` for those that this
/// binary does not have.
pub fn implementation(algorithm: &str, library: &str) -> Option<Implementation> {
    #[cfg(feature = "ipsec-mb")]
    if library == "ipsec-mb" {
        return Some(ipsec_mb());
    }
    let cpu = Cpu::detect();
    let packages: &[&str] = match library {
        "ring" => &["ring"],
        "aws-lc" => &["aws-lc-rs", "aws-lc-sys"],
        "rustcrypto" => RUST_CRYPTO,
        "graviola" => &["graviola"],
        "openssl" => &["openssl"],
        _ => return None,
    };
    let parts = algorithm.split('+').filter(|part| *part != "null");
    let codes: Option<Vec<&str>> = parts.map(|part| cpu.code(part, library)).collect();
    let is_inlined = cfg!(target_feature = "vaes") || cfg!(target_feature = "avx2");
    Some(Implementation {
        packages,
        installed: installed(library),
        code: codes?.join("; "),
        chosen_at: if library == "rustcrypto" && is_inlined {
            "compile time, inlined"
        } else {
            "run time"
        },
    })
}

/// A library that the system has, with its version.
fn installed(library: &str) -> Option<String> {
    #[cfg(feature = "openssl")]
    if library == "openssl" {
        return Some(super::openssl::version().to_owned());
    }
    let _ = library;
    None
}

/// OpenSSL has GCM by AVX-512 since 3.1.
fn openssl_is_wide() -> bool {
    #[cfg(feature = "openssl")]
    return super::openssl::is_since(3, 1);
    #[cfg(not(feature = "openssl"))]
    false
}

/// One manager does all algorithms; within its instruction set it knows VAES and the SHA
/// extensions by themselves.
#[cfg(feature = "ipsec-mb")]
fn ipsec_mb() -> Implementation {
    use super::ipsec_mb::{instruction_set, version};
    Implementation {
        packages: &[],
        installed: Some(format!("ipsec-mb {}", version())),
        code: instruction_set().to_owned(),
        chosen_at: "run time",
    }
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
    ssse3: bool,
    sse41: bool,
    sha: bool,
    intel: bool,
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
            ssse3: has!("ssse3"),
            sse41: has!("sse4.1"),
            sha: has!("sha"),
            intel: raw_cpuid::CpuId::new()
                .get_vendor_info()
                .is_some_and(|vendor| vendor.as_str() == "GenuineIntel"),
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
            ssse3: false,
            sse41: false,
            sha: false,
            intel: false,
        }
    }

    /// What runs for an encryption, an integrity algorithm or an AEAD.
    fn code(self, part: &str, library: &str) -> Option<&'static str> {
        let is_gcm = part.ends_with("-gcm") || part.ends_with("-gmac");
        Some(match (part, library) {
            (_, "ring") if is_gcm => self.ring_gcm(),
            (_, "aws-lc") if is_gcm => self.aws_lc_gcm(),
            (_, "rustcrypto") if is_gcm => self.rust_crypto_gcm(),
            (_, "openssl") if is_gcm => self.openssl_gcm(),
            (_, "graviola") if is_gcm => self.graviola_gcm(),
            ("chacha20-poly1305", "openssl") => self.openssl_chacha(),
            ("chacha20-poly1305", "graviola") => "AVX2, Poly1305 portable",
            ("chacha20-poly1305", "rustcrypto") => self.rust_crypto_chacha(),
            ("chacha20-poly1305", _) => self.assembly_chacha(),
            ("hmac-sha-256-128" | "hmac-sha-1-96", "rustcrypto") => self.rust_crypto_sha(),
            ("hmac-sha-256-128", _) => self.assembly_sha_256(),
            ("aes-128-cbc" | "aes-256-cbc", "rustcrypto") => self.rust_crypto_cbc(),
            ("3des-cbc", "rustcrypto") => "portable",
            _ => return None,
        })
    }

    fn assembly_sha_256(self) -> &'static str {
        match self {
            Self {
                sha: true,
                ssse3: true,
                ..
            } => "SHA extensions",
            Self {
                avx_movbe: true,
                intel: true,
                ..
            } => "AVX",
            Self { ssse3: true, .. } => "SSSE3",
            _ => "portable",
        }
    }

    fn rust_crypto_sha(self) -> &'static str {
        if self.sha && self.sse41 {
            "SHA extensions"
        } else {
            "portable"
        }
    }

    fn rust_crypto_cbc(self) -> &'static str {
        match self {
            Self {
                aes_clmul: false, ..
            } => "portable",
            Self {
                vaes_vpclmul: true, ..
            } => "AES-NI, decrypting by VAES",
            _ => "AES-NI",
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

    fn openssl_gcm(self) -> &'static str {
        if openssl_is_wide() {
            self.aws_lc_gcm()
        } else {
            self.narrow_gcm()
        }
    }

    fn openssl_chacha(self) -> &'static str {
        match self {
            Self { avx512: true, .. } => "AVX-512",
            Self { avx2: true, .. } => "AVX2",
            _ => "SSSE3 or less",
        }
    }

    fn graviola_gcm(self) -> &'static str {
        match self {
            Self {
                vaes_vpclmul: true,
                avx512: true,
                ..
            } => "VAES + VPCLMULQDQ (AVX-512), short packets AES-NI + PCLMULQDQ (AVX)",
            _ => "AES-NI + PCLMULQDQ (AVX)",
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
