//! Writes IP packets as a pcap file (nanoseconds, link type RAW) for other people's tools.

use std::io::Write;
use std::path::{Path, PathBuf};

use pcap_parser::{LegacyPcapBlock, Linktype, PcapHeader, ToVec};
use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::output;

/// What to do where a file cannot be written.
pub const NEXT: &str = "make room there, or name another folder with --write";

/// A pcap file in the making.
pub struct PcapFile {
    path: PathBuf,
    file: std::io::BufWriter<NamedTempFile>,
    packets: u64,
}

impl PcapFile {
    /// Begins the file, in the folder that it will be in, with its header.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let fail = |why: &dyn std::fmt::Display| Failure::file("write", path, why, NEXT);
        let header = PcapHeader {
            // Nanoseconds, in the byte order of the writer.
            magic_number: 0xa1b2_3c4d,
            version_major: 2,
            version_minor: 4,
            thiszone: 0,
            sigfigs: 0,
            snaplen: u32::from(u16::MAX),
            network: Linktype::RAW,
        }
        .to_vec_raw()
        .map_err(|why| fail(&format!("{why:?}")))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = output::beside(folder)
            .map(std::io::BufWriter::new)
            .map_err(|w| fail(&w))?;
        file.write_all(&header).map_err(|w| fail(&w))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            packets: 0,
        })
    }

    /// Appends a packet. Its time is its position, a microsecond apart.
    pub fn write(&mut self, packet: &[u8]) -> Result<(), Failure> {
        let fail = |why: &dyn std::fmt::Display| Failure::file("write", &self.path, why, NEXT);
        let block = LegacyPcapBlock {
            ts_sec: (self.packets / 1_000_000) as u32,
            ts_usec: (self.packets % 1_000_000 * 1000) as u32,
            caplen: packet.len() as u32,
            origlen: packet.len() as u32,
            data: packet,
        }
        .to_vec_raw()
        .map_err(|why| fail(&format!("{why:?}")))?;
        self.file.write_all(&block).map_err(|w| fail(&w))?;
        self.packets += 1;
        Ok(())
    }

    /// Puts the file, whole, into its place; returns the packets in it.
    pub fn finish(self) -> Result<u64, Failure> {
        let fail = |why: std::io::Error| Failure::file("write", &self.path, why, NEXT);
        let file = self
            .file
            .into_inner()
            .map_err(|why| fail(why.into_error()))?;
        file.persist(&self.path).map_err(|why| fail(why.error))?;
        Ok(self.packets)
    }
}
