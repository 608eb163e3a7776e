//! `verify`: proves and measures nothing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::selection::Selection;

/// Format of files of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A file for what was sent; that of `forward` is what is inside
    Pcap,
    /// Both sides of the near gateway in one file: interface 0 is that of its network, 1 the
    /// wire's. A packet and what was sent for it share an `epb_packetid`. Beside it, its keys as
    /// Wireshark's table `esp_sa`: that file in its configuration folder, or
    /// `-o uat:esp_sa:LINE`, with `-o esp.enable_encryption_decode:TRUE`
    Pcapng,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Captures; the bundled ones if left out
    pub files: Vec<PathBuf>,
    /// What is read, and which cases see it.
    #[command(flatten)]
    pub selection: Selection,
    /// Write what each case sent, and what entered its tunnel, with the keys
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
    /// Format of the files
    #[arg(
        long,
        value_enum,
        default_value_t = Format::Pcap,
        requires = "write",
        conflicts_with = "esp_keys"
    )]
    pub format: Format,
    /// Open what others sealed: SPIs, algorithms and keys as TOML (tables `sa` with spi, algorithm, key,
    /// salt or `integrity_key`, source, destination, `esn_high`) or as Wireshark's table `esp_sa`
    #[arg(
        long,
        value_name = "FILE",
        requires = "files",
        conflicts_with = "cases"
    )]
    pub esp_keys: Option<PathBuf>,
}
