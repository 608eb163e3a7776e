//! Writes both sides of the near gateway as one pcapng file (draft-ietf-opsawg-pcapng), for other
//! people's tools: nanoseconds, an interface a side, and an id that joins a packet to what was
//! sent for it.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use pcap_parser::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, Linktype, OptionCode, PcapNGOption,
    SectionHeaderBlock, ToVec,
};
use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::output;
use crate::pcap_file::NEXT;

/// Names of the interfaces: that of the gateway's own network, and the wire's (`if_name`, 4.2).
const INTERFACES: [&str; 2] = ["plain", "wire"];
/// Places in [`INTERFACES`].
const PLAIN: u32 = 0;
const WIRE: u32 = 1;
/// A time is a number of 10^-9 seconds (`if_tsresol`, 4.2).
const NANOSECONDS: u8 = 9;
/// Flags of a packet, 32 bits; the lowest two are its direction (`epb_flags`, 4.3.1).
const EPB_FLAGS: OptionCode = OptionCode(2);
/// Direction of a packet that came in.
const INBOUND: u32 = 0b01;
/// Direction of a packet that went out.
const OUTBOUND: u32 = 0b10;
/// Id that a packet has on every interface that it was seen on, 64 bits (`epb_packetid`, 4.3).
const EPB_PACKETID: OptionCode = OptionCode(5);
/// Time between two packets of a capture that says none.
const STEP_NS: u64 = 1000;

/// A pcapng file in the making.
pub struct PcapNgFile {
    path: PathBuf,
    file: std::io::BufWriter<NamedTempFile>,
    /// Id of the packet that came in last, from 1.
    id: u64,
    /// When it came in.
    time_ns: u64,
    sent: u64,
}

impl PcapNgFile {
    /// Begins the file, in the folder that it will be in, with section and interfaces.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let fail = |why: &dyn std::fmt::Display| Failure::file("write", path, why, NEXT);
        let folder = path.parent().unwrap_or(Path::new("."));
        let file = output::beside(folder).map_err(|why| fail(&why))?;
        let mut file = Self {
            path: path.to_owned(),
            file: std::io::BufWriter::new(file),
            id: 0,
            time_ns: 0,
            sent: 0,
        };
        let application = concat!("tunneltax ", env!("CARGO_PKG_VERSION"));
        file.block(&mut SectionHeaderBlock {
            block_type: 0,
            block_len1: 0,
            bom: 0,
            major_version: 0,
            minor_version: 0,
            // Not said: a reader goes by the blocks (4.1).
            section_len: -1,
            options: vec![option(OptionCode::ShbUserAppl, application.as_bytes())],
            block_len2: 0,
        })?;
        for name in INTERFACES {
            file.block(&mut InterfaceDescriptionBlock {
                block_type: 0,
                block_len1: 0,
                linktype: Linktype::RAW,
                reserved: 0,
                snaplen: 0,
                options: vec![
                    option(OptionCode::IfName, name.as_bytes()),
                    option(OptionCode::IfTsresol, &[NANOSECONDS]),
                ],
                block_len2: 0,
                if_tsresol: NANOSECONDS,
                if_tsoffset: 0,
            })?;
        }
        Ok(file)
    }

    /// Appends a packet that the gateway received. Its time is the capture's, or else its place
    /// in it.
    pub fn received(&mut self, packet: &[u8], seen_ns: Option<u64>) -> Result<(), Failure> {
        self.time_ns = seen_ns.unwrap_or(self.id * STEP_NS);
        self.id += 1;
        self.packet(PLAIN, INBOUND, packet)
    }

    /// Appends a packet that the gateway sent for the one that it received last, at the same time.
    pub fn sent(&mut self, packet: &[u8]) -> Result<(), Failure> {
        self.sent += 1;
        self.packet(WIRE, OUTBOUND, packet)
    }

    fn packet(&mut self, interface: u32, direction: u32, packet: &[u8]) -> Result<(), Failure> {
        let (flags, id) = (direction.to_le_bytes(), self.id.to_le_bytes());
        let mut block = EnhancedPacketBlock {
            block_type: 0,
            block_len1: 0,
            if_id: interface,
            ts_high: (self.time_ns >> 32) as u32,
            ts_low: self.time_ns as u32,
            caplen: packet.len() as u32,
            origlen: packet.len() as u32,
            data: packet,
            options: vec![option(EPB_FLAGS, &flags), option(EPB_PACKETID, &id)],
            block_len2: 0,
        };
        self.block(&mut block)
    }

    fn block(&mut self, block: &mut impl ToVec) -> Result<(), Failure> {
        let fail = |why: &dyn std::fmt::Display| Failure::file("write", &self.path, why, NEXT);
        let block = block.to_vec().map_err(|why| fail(&format!("{why:?}")))?;
        self.file.write_all(&block).map_err(|why| fail(&why))
    }

    /// Puts the file, whole, into its place; returns the packets that were sent.
    pub fn finish(self) -> Result<u64, Failure> {
        let fail = |why: std::io::Error| Failure::file("write", &self.path, why, NEXT);
        let file = self
            .file
            .into_inner()
            .map_err(|why| fail(why.into_error()))?;
        file.persist(&self.path).map_err(|why| fail(why.error))?;
        Ok(self.sent)
    }
}

/// An option of a block; the writer pads it.
fn option(code: OptionCode, value: &[u8]) -> PcapNGOption<'_> {
    PcapNGOption {
        code,
        len: value.len() as u16,
        value: Cow::Borrowed(value),
    }
}
