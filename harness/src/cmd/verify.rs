//! `verify`: published vectors, and every case's round trip over the captures. With `--write`,
//! what each case sent as pcap files, for tools that nobody here wrote.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use tunneltax_core::capture::Chunk;
use tunneltax_core::frame::Arena;
use tunneltax_core::path::{Case, Kind, PacketPath, Setup};
use tunneltax_core::proof::{self, Proof};
use tunneltax_core::vectors;
use tunneltax_core::workload::Workload;

use super::run::{limits, setup};
use super::verify_keys::verify_keys;
use crate::captures::{self, Look, Survey};
use crate::cli::VerifyArguments;
use crate::failure::{CUT_CAPTURE, Failure};
use crate::output;
use crate::pcap_file::PcapFile;
use crate::select::{over_underlay, select_cases};

/// Schema of `tunnels.json`.
const TUNNELS_SCHEMA: &str = "tunneltax-tunnels/2";
/// Case whose sent packets are what a tunnel carries inside.
const INNER: &str = "forward";

/// Proves, and says what was proven.
pub fn verify(arguments: &VerifyArguments) -> Result<ExitCode, Failure> {
    if let Some(keys) = &arguments.esp_keys {
        return verify_keys(arguments, keys);
    }
    let cases = select_cases(
        &arguments.selection.cases,
        &[Kind::Variant, Kind::Yardstick],
    )?;
    let cases = over_underlay(cases, arguments.selection.underlay)?;
    let limits = limits(&arguments.selection);
    let setup = setup(&arguments.selection);
    if let Some(folder) = &arguments.write {
        output::prepare(folder)?;
    }
    let vectors = vectors::check_all().map_err(|why| {
        Failure::Failed(format!(
            "{why}; this build must not be used; report it with the output of `tunneltax list`"
        ))
    })?;
    let mut text = String::new();
    for (library, count) in &vectors {
        let _ = writeln!(text, "{count:>8} published vectors reproduced by {library}");
    }
    let sources = captures::sources(&arguments.files)?;
    let surveys = captures::survey(sources, limits, &Look::default(), &AtomicBool::new(false))?;
    let mut tunnels = Tunnels {
        schema: TUNNELS_SCHEMA,
        sent: Vec::new(),
    };
    let mut verified = 0;
    let mut cut = None;
    for survey in &surveys {
        let mut proofs: Vec<Proof> = cases.iter().map(|_| Proof::default()).collect();
        let mut writers = match &arguments.write {
            Some(folder) => writers(folder, survey, &cases, &setup)?,
            None => Vec::new(),
        };
        let tally = captures::each_chunk(&survey.path, limits, |chunk| {
            for (case, proof) in cases.iter().zip(&mut proofs) {
                proof.add(&prove(case, &setup, survey, chunk)?);
            }
            writers
                .iter_mut()
                .try_for_each(|writer| writer.send(chunk, setup.burst))?;
            Ok(ControlFlow::Continue(()))
        })?;
        if tally.truncated {
            cut = Some(survey.file.clone());
        }
        for writer in writers {
            tunnels.sent.push(writer.finish()?);
        }
        for (case, proof) in cases.iter().zip(&proofs) {
            verified += proof.verified;
            let _ = writeln!(text, "{}", line(survey, case, proof));
        }
    }
    if let Some(folder) = &arguments.write {
        let json = serde_json::to_string_pretty(&tunnels).unwrap_or_default();
        output::replace(folder, "tunnels.json", &(json + "\n"))?;
        let _ = writeln!(
            text,
            "{:>8} files of sent packets, and tunnels.json, in {}",
            tunnels.sent.len(),
            output::shown(&folder.display().to_string())
        );
    }
    let _ = writeln!(text, "{verified:>8} round trips, every byte compared");
    output::print(&text)?;
    if verified == 0 {
        return Err(Failure::Failed(
            "no packet came through any case; take another capture".to_owned(),
        ));
    }
    Ok(done(cut.as_deref()))
}

/// The exit code, after a word on a capture that ends within a frame.
pub fn done(cut: Option<&str>) -> ExitCode {
    let Some(file) = cut else {
        return ExitCode::SUCCESS;
    };
    output::say(&format!(
        "{file} ends within a frame; its whole frames were used; take it again for the rest"
    ));
    ExitCode::from(CUT_CAPTURE)
}

fn prove(
    case: &'static Case,
    setup: &Setup,
    survey: &Survey,
    chunk: &Chunk,
) -> Result<Proof, Failure> {
    let workload = Workload::new(chunk.packets().collect());
    proof::prove(case, setup, &workload)
        .map_err(|why| {
            Failure::Failed(format!(
                "{} on {}: {why}; this build must not be used; run `tunneltax verify --case {}` on fewer packets to find it",
                case.id, survey.file, case.id
            ))
        })
}

fn line(survey: &Survey, case: &Case, proof: &Proof) -> String {
    let drops: Vec<String> = proof
        .drops
        .iter()
        .map(|(reason, count)| format!("{count} {}", reason.name()))
        .collect();
    let drops = if drops.is_empty() {
        String::new()
    } else {
        format!(", dropped {}", drops.join(", "))
    };
    format!(
        "{:>8} of {} packets of {} through {}{drops}",
        proof.verified,
        proof.packets,
        output::shown(&survey.name),
        case.id
    )
}

/// `tunnels.json`: what an independent tool needs to open what was sent. Keys are made from the
/// seed for this run and protect nothing.
#[derive(Serialize)]
struct Tunnels {
    schema: &'static str,
    sent: Vec<Sent>,
}

#[derive(Serialize)]
struct Sent {
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
struct Writer {
    case: &'static Case,
    path: Box<dyn PacketPath>,
    file: PcapFile,
    sent: Sent,
}

fn writers(
    folder: &Path,
    survey: &Survey,
    cases: &[&'static Case],
    setup: &Setup,
) -> Result<Vec<Writer>, Failure> {
    let wanted = |case: &&&'static Case| case.id == INNER || case.tunnel(setup).is_some();
    cases
        .iter()
        .filter(wanted)
        .map(|case| Writer::create(folder, survey, case, setup))
        .collect()
}

fn file_name(capture: &str, case: &str) -> PathBuf {
    PathBuf::from(format!("{capture}.{}.pcap", case.replace('/', ".")))
}

impl Writer {
    fn create(
        folder: &Path,
        survey: &Survey,
        case: &'static Case,
        setup: &Setup,
    ) -> Result<Self, Failure> {
        let name = file_name(&survey.name, case.id);
        let tunnel = case.tunnel(setup);
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
        };
        let sent = Sent {
            capture: survey.name.clone(),
            case: case.id,
            file: name.display().to_string(),
            inner_file: file_name(&survey.name, INNER).display().to_string(),
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
            file: PcapFile::create(&folder.join(name))?,
            sent,
        })
    }

    fn send(&mut self, chunk: &Chunk, burst: usize) -> Result<(), Failure> {
        let longest = chunk.packets().map(<[u8]>::len).max().unwrap_or(0);
        let mut arena = Arena::new(
            burst,
            self.case.overhead.headroom(),
            longest,
            self.case.overhead.tailroom(),
        );
        let mut frames = arena.frames();
        let packets: Vec<&[u8]> = chunk.packets().collect();
        for packets in packets.chunks(burst) {
            let frames = &mut frames[..packets.len()];
            for (frame, packet) in frames.iter_mut().zip(packets) {
                frame.load(packet);
            }
            self.path.send(frames);
            for frame in frames.iter().filter(|f| f.is_carried()) {
                frame
                    .wire_packets()
                    .try_for_each(|packet| self.file.write(packet))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Sent, Failure> {
        let packets = self.file.finish()?;
        Ok(Sent {
            packets,
            ..self.sent
        })
    }
}
