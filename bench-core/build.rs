//! Builds the C side of the library that is reached through C, where its feature is on.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "ipsec-mb")]
    ipsec_mb();
}

/// The header has the layout of structures that the library fills: both are of one version.
#[cfg(feature = "ipsec-mb")]
fn ipsec_mb() {
    const SHIM: &str = "src/cipher/ipsec_mb/shim.c";
    println!("cargo::rerun-if-changed={SHIM}");
    let built = cc::Build::new()
        .file(SHIM)
        .opt_level(2)
        .warnings(true)
        .try_compile("tunneltax_ipsec_mb");
    if let Err(why) = built {
        println!(
            "cargo::error=the feature ipsec-mb needs Intel's multi-buffer library with its \
             header intel-ipsec-mb.h: install libipsec-mb-dev ({why})"
        );
    }
    println!("cargo::rustc-link-lib=IPSec_MB");
}
