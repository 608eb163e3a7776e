//! `verify --write`: what each case sent, as files of packets with their keys, for tools that
//! nobody here wrote.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tunneltax_core::capture::Chunk;
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::{Case, PacketPath, Setup, Tunnel};

use crate::captures::Survey;
use crate::cli::Format;
use crate::esp_keys::{self, EspSa};
use crate::failure::Failure;
use crate::output;
use crate::pcap_file::PcapFile;
use crate::pcapng_file::PcapNgFile;

/// Schema of `tunnels.json`.
const TUNNELS_SCHEMA: &str = "tunneltax-tunnels/2";
/// Case whose sent packets are what a tunnel carries inside.
const INNER: &str = "forward";

/// `tunnels.json`: what an independent tool needs to open what was sent. Keys are made from the
/// seed for this run and protect nothing.
#[derive(Serialize)]
pub struct Tunnels {
    schema: &'static str,
    /// A file each.
    pub sent: Vec<Sent>,
}

impl Default for Tunnels {
    fn default() -> Self {
        Self {
            schema: TUNNELS_SCHEMA,
            sent: Vec::new(),
        }
    }
}

/// What one case sent of one capture.
#[derive(Serialize)]
pub struct Sent {
    capture: String,
    case: &'static str,
    file: String,
    /// The file with the packets that are inside, in the same order.
    inner_file: String,
    packets: u64,
    algorithm: Option<&'static str>,
    spi: Option<String>,
    /// Of the encryption, or of the AEAD.
    key: Option<String>,
    /// Of the integrity algorithm, where that is another one.
    integrity_key: Option<String>,
    /// Of an AEAD.
    salt: Option<String>,
    /// Octets of IV in front of the text.
    iv_bytes: Option<usize>,
    /// Octets of ICV behind it.
    icv_bytes: Option<usize>,
    source: Option<String>,
    destination: Option<String>,
    /// Sequence numbers have 64 bits.
    extended: bool,
    /// ESP is in UDP, port 4500.
    in_udp: bool,
    /// Text, padding and trailer end on a multiple of this.
    alignment: usize,
}

/// Sends the packets of one capture through the near gateway of one case into a file.
pub struct Writer {
    case: &'static Case,
    path: Box<dyn PacketPath>,
    file: Trace,
    sent: Sent,
}

/// The file of sent packets.
enum Trace {
    Pcap(PcapFile),
    PcapNg(PcapNgFile),
}

/// A writer for every case that is a tunnel, and for what goes into one.
pub fn writers(
    folder: &Path,
    format: Format,
    survey: &Survey,
    cases: &[&'static Case],
    setup: &Setup,
) -> Result<Vec<Writer>, Failure> {
    let wanted = |case: &&&'static Case| case.id == INNER || case.tunnel(setup).is_some();
    cases
        .iter()
        .filter(wanted)
        .map(|case| Writer::create(folder, format, survey, case, setup))
        .collect()
}

fn file_name(capture: &str, case: &str, ending: &str) -> PathBuf {
    PathBuf::from(format!("{capture}.{}.{ending}", case.replace('/', ".")))
}

impl Writer {
    fn create(
        folder: &Path,
        format: Format,
        survey: &Survey,
        case: &'static Case,
        setup: &Setup,
    ) -> Result<Self, Failure> {
        let name = |case: &str, ending| file_name(&survey.name, case, ending);
        let (file, inner_file) = match format {
            Format::Pcap => (name(case.id, "pcap"), name(INNER, "pcap")),
            Format::Pcapng => (name(case.id, "pcapng"), name(case.id, "pcapng")),
        };
        let tunnel = case.tunnel(setup);
        if let (Format::Pcapng, Some(tunnel)) = (format, &tunnel) {
            let keys = name(case.id, "esp_sa").display().to_string();
            output::replace(folder, &keys, &esp_sa(case, tunnel))?;
        }
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
        };
        let sent = Sent {
            capture: survey.name.clone(),
            case: case.id,
            file: file.display().to_string(),
            inner_file: inner_file.display().to_string(),
            packets: 0,
            algorithm: case.algorithm,
            spi: tunnel.as_ref().map(|t| format!("0x{:08x}", t.spi)),
            key: tunnel.as_ref().map(|t| hex(&t.key)),
            integrity_key: tunnel
                .as_ref()
                .filter(|t| !t.integrity_key.is_empty())
                .map(|t| hex(&t.integrity_key)),
            salt: tunnel
                .as_ref()
                .filter(|t| t.integrity_key.is_empty())
                .map(|t| hex(&t.salt)),
            iv_bytes: tunnel.as_ref().map(|t| t.iv_bytes),
            icv_bytes: tunnel.as_ref().map(|t| t.icv_bytes),
            source: tunnel.as_ref().map(|t| t.source.to_string()),
            destination: tunnel.as_ref().map(|t| t.destination.to_string()),
            extended: tunnel.as_ref().is_some_and(|t| t.extended),
            in_udp: tunnel.as_ref().is_some_and(|t| t.in_udp),
            alignment: case.overhead.alignment,
        };
        Ok(Self {
            case,
            path: case.open(setup).map_err(|why| {
                Failure::Failed(format!("{}: {why}; leave it out with --case", case.id))
            })?,
            file: match format {
                Format::Pcap => Trace::Pcap(PcapFile::create(&folder.join(file))?),
                Format::Pcapng => Trace::PcapNg(PcapNgFile::create(&folder.join(file))?),
            },
            sent,
        })
    }

    /// Sends the packets of a chunk.
    pub fn send(&mut self, chunk: &Chunk, burst: usize) -> Result<(), Failure> {
        let longest = chunk.packets().map(<[u8]>::len).max().unwrap_or(0);
        let mut arena = Arena::new(
            burst,
            self.case.overhead.headroom(),
            longest,
            self.case.overhead.tailroom(),
        );
        let mut frames = arena.frames();
        let packets: Vec<&[u8]> = chunk.packets().collect();
        for (packets, first) in packets.chunks(burst).zip((0..).step_by(burst)) {
            let frames = &mut frames[..packets.len()];
            for (frame, packet) in frames.iter_mut().zip(packets) {
                frame.load(packet);
            }
            self.path.send(frames);
            for ((frame, packet), at) in frames.iter().zip(packets).zip(first..) {
                let seen_ns = chunk.timestamp_ns(at);
                self.file.write(frame, packet, seen_ns)?;
            }
        }
        Ok(())
    }

    /// Puts the file into its place, and says what is in it.
    pub fn finish(self) -> Result<Sent, Failure> {
        let packets = match self.file {
            Trace::Pcap(file) => file.finish()?,
            Trace::PcapNg(file) => file.finish()?,
        };
        Ok(Sent {
            packets,
            ..self.sent
        })
    }
}

impl Trace {
    /// Writes what became of a packet that the near gateway received.
    fn write(
        &mut self,
        sent: &Frame<'_>,
        received: &[u8],
        seen_ns: Option<u64>,
    ) -> Result<(), Failure> {
        let mut wire = sent.wire_packets().filter(|_| sent.is_carried());
        match self {
            Self::Pcap(file) => wire.try_for_each(|packet| file.write(packet)),
            Self::PcapNg(file) => {
                file.received(received, seen_ns)?;
                wire.try_for_each(|packet| file.sent(packet))
            }
        }
    }
}

/// The keys of a tunnel as Wireshark reads them.
fn esp_sa(case: &Case, tunnel: &Tunnel) -> String {
    let sa = EspSa {
        spi: tunnel.spi,
        algorithm: case.algorithm.unwrap_or_default().to_owned(),
        key: [&tunnel.key[..], &tunnel.integrity_key].concat(),
        salt: tunnel.salt,
        source: Some(tunnel.source),
        destination: Some(tunnel.destination),
        esn_high: tunnel.extended.then_some(0),
    };
    let integrity_bytes = tunnel.integrity_key.len();
    esp_keys::table_line(&sa, integrity_bytes).unwrap_or_else(|| {
        format!(
            "# SPI 0x{:08x}: Wireshark has no name for {}\n",
            sa.spi, sa.algorithm
        )
    })
}
