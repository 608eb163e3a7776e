//! Captures: pcap and pcapng, plain or compressed, in; chunks of IP packets out.
//!
//! What a file is, its first bytes say, never its name. Every frame is either handed out or
//! counted under the reason why not ([`LeftOut`]). TCP packets longer than the MTU, as offloads
//! leave them in a host's captures, come out as the segments that a network card would have cut
//! them into. Memory is one chunk, a window of at most [`RECORD_MAX_BYTES`], the segment sizes of
//! a bounded number of flows (all of it [`Reader::HELD_MAX_BYTES`]) and, in pcapng, the interfaces
//! of one section ([`INTERFACES_MAX`]), however large the file is or what it claims; a zstd stream
//! may ask for a window of up to 128 MiB more, which is the limit of its library.

mod checksum;
mod chunk;
mod error;
mod intake;
mod interface;
mod link;
mod mss;
mod pcap;
mod pcapng;
mod segments;
mod source;
mod tally;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use chunk::Chunk;
pub use error::{CaptureError, Damage};
use intake::{Fault, Intake, Progress};
pub use pcapng::INTERFACES_MAX;
use source::Window;
pub use source::{Compression, RECORD_MAX_BYTES};
pub use tally::{LeftOut, LeftOutCounts, Tally};

/// What is taken from a capture, and in which portions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest IP packet that is replayed, by total length. Longer TCP packets are cut.
    pub ingress_mtu: usize,
    /// Most packets that are replayed; the frames behind are still read and counted.
    pub max_packets: Option<u64>,
    /// Most bytes of packets and index in a chunk; it holds at least one packet all the same.
    pub chunk_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ingress_mtu: 1500,
            max_packets: None,
            chunk_bytes: 64 << 20,
        }
    }
}

/// The format inside of the compression.
enum Format {
    Pcap(pcap::Pcap),
    PcapNg(pcapng::PcapNg),
}

/// An opened capture.
pub struct Reader {
    file: PathBuf,
    window: Window,
    format: Format,
    intake: Intake,
    is_done: bool,
}

impl Reader {
    /// Opens a file, or a pipe under a path, and recognises it.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, CaptureError> {
        let file = path.to_path_buf();
        let opened = match File::open(path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CaptureError::Missing { file });
            }
            Err(source) => return Err(CaptureError::Unreadable { file, source }),
        };
        if opened.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(CaptureError::Directory { file });
        }
        Self::from_source(path, Box::new(opened), limits)
    }

    /// Recognises a capture that comes from elsewhere; `name` stands for it in errors.
    pub fn from_source(
        name: &Path,
        source: Box<dyn Read + Send>,
        limits: Limits,
    ) -> Result<Self, CaptureError> {
        let file = name.to_path_buf();
        let mut window = match Window::open(source) {
            Ok(window) => window,
            Err(source) => return Err(CaptureError::Unreadable { file, source }),
        };
        let format = match recognise(&file, &mut window) {
            Ok(format) => format,
            Err(Refusal::Final(error)) => return Err(error),
            Err(Refusal::Fault(fault)) => return Err(explain(fault, &file, &window, 0, "pcap")),
        };
        Ok(Self {
            file,
            window,
            format,
            intake: Intake::new(limits),
            is_done: false,
        })
    }

    /// Clears `chunk` and fills it with the next packets. False at the end of the capture, and
    /// then the chunk is empty. After an error the capture is at its end; packets read before it
    /// and not yet handed out are in the chunk.
    pub fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, CaptureError> {
        chunk.clear();
        if self.is_done {
            return Ok(false);
        }
        let (window, intake) = (&mut self.window, &mut self.intake);
        let (outcome, format) = match &mut self.format {
            Format::Pcap(pcap) => (pcap.read(window, intake, chunk), "pcap"),
            Format::PcapNg(pcapng) => (pcapng.read(window, intake, chunk), "pcapng"),
        };
        match outcome {
            Ok(Progress::ChunkFull) => {}
            Ok(Progress::End) => {
                self.is_done = true;
                self.intake.tally.truncated |= self.window.is_cut();
            }
            Err(fault) => {
                self.is_done = true;
                let frames_read = self.intake.tally.frames_read;
                return Err(explain(
                    fault,
                    &self.file,
                    &self.window,
                    frames_read,
                    format,
                ));
            }
        }
        Ok(!chunk.is_empty())
    }

    /// The account so far; complete once [`Reader::next_chunk`] has answered false.
    pub fn tally(&self) -> &Tally {
        &self.intake.tally
    }

    /// What wraps the capture.
    pub fn compression(&self) -> Compression {
        self.window.compression()
    }

    /// Most that [`Self::held_bytes`] comes to, whatever the file says.
    pub const HELD_MAX_BYTES: usize = RECORD_MAX_BYTES + Intake::HELD_MAX_BYTES;

    /// Memory held for reading, chunk and decompressor not counted.
    pub fn held_bytes(&self) -> usize {
        self.window.held_bytes() + self.intake.held_bytes()
    }
}

/// Why a file was not recognised.
enum Refusal {
    Final(CaptureError),
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Fault(Fault::Io(error))
    }
}

fn recognise(file: &Path, window: &mut Window) -> Result<Format, Refusal> {
    let has_header = window.fill(pcap::HEADER_BYTES)?;
    let data = window.data();
    let magic = data.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let file = || file.to_path_buf();
    match magic {
        Some(magic) if has_header && pcap::MAGICS.contains(&magic) => {
            Ok(Format::Pcap(pcap::Pcap::open(window)?))
        }
        Some(pcapng::MAGIC) if pcapng::is_big_endian(data).is_some() => {
            Ok(Format::PcapNg(pcapng::PcapNg::default()))
        }
        _ if data.is_empty() && !window.is_cut() => {
            Err(Refusal::Final(CaptureError::Empty { file: file() }))
        }
        _ => {
            let (found, remedy) = foreign(data, window.is_cut());
            Err(Refusal::Final(CaptureError::NotCapture {
                file: file(),
                found,
                remedy,
            }))
        }
    }
}

/// What a file that is no capture looks like, and what to do about it.
fn foreign(data: &[u8], is_cut: bool) -> (&'static str, &'static str) {
    const SAVE_AGAIN: &str = "save it as pcap or pcapng";
    const UNPACK: &str = "unpack it first, or pack it with gzip or zstd";
    const KNOWN: &[(&[u8], &str, &str)] = &[
        (
            &[0x34, 0xcd, 0xb2, 0xa1],
            "pcap in Kuznetzov's modified format",
            "rewrite it with editcap",
        ),
        (
            &[0xa1, 0xb2, 0xcd, 0x34],
            "pcap in Kuznetzov's modified format",
            "rewrite it with editcap",
        ),
        (
            b"snoop\0\0\0",
            "a Solaris snoop file",
            "rewrite it with editcap",
        ),
        (
            &[0xfd, b'7', b'z', b'X', b'Z'],
            "compressed with xz",
            UNPACK,
        ),
        (b"BZh", "compressed with bzip2", UNPACK),
        (&[0x04, 0x22, 0x4d, 0x18], "compressed with lz4", UNPACK),
        (b"PK\x03\x04", "a zip archive", UNPACK),
        (&[0x1f, 0x8b], "compressed twice", UNPACK),
        (&[0x28, 0xb5, 0x2f, 0xfd], "compressed twice", UNPACK),
    ];
    let known = KNOWN.iter().find(|(head, _, _)| data.starts_with(head));
    let starts_well = data.first_chunk().is_some_and(|bytes| {
        let magic = u32::from_le_bytes(*bytes);
        pcap::MAGICS.contains(&magic) || magic == pcapng::MAGIC
    });
    let ends_early = is_cut || (starts_well && data.len() < pcap::HEADER_BYTES);
    match known {
        Some((_, found, remedy)) => (found, remedy),
        None if ends_early => ("it ends within its first header", "fetch the file again"),
        None => (
            "its first bytes are neither pcap's nor pcapng's",
            SAVE_AGAIN,
        ),
    }
}

fn explain(
    fault: Fault,
    file: &Path,
    window: &Window,
    frames_read: u64,
    format: &'static str,
) -> CaptureError {
    let file = file.to_path_buf();
    match fault {
        Fault::Io(source) if window.compression() == Compression::None => {
            CaptureError::Unreadable { file, source }
        }
        Fault::Io(source) => CaptureError::Decompress {
            file,
            compression: window.compression().name(),
            source,
        },
        Fault::Damage(damage) => CaptureError::Damaged {
            file,
            frames_read,
            damage,
        },
        Fault::Version { major, minor } => CaptureError::Version {
            file,
            format,
            major,
            minor,
        },
    }
}
