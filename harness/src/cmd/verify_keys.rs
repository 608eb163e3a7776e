//! `verify --esp-keys`: opens the packets of tunnels that others sealed, with the keys that they
//! used, and says what was opened and what was refused. With `--write`, what came out inside.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tunneltax_core::capture::{Chunk, Limits};
use tunneltax_core::fate::{DropCounts, Fate};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::framing::Framing;
use tunneltax_core::path::{Case, PacketPath, Setup};

use super::run::setup;
use super::verify::done;
use crate::captures::{self, Look, Survey};
use crate::cli::VerifyArguments;
use crate::esp_keys::EspSa;
use crate::esp_packets::{
    case_of, given, nothing_of_these, read_keys, refused, sealed_limits, unknown,
};
use crate::failure::Failure;
use crate::output;
use crate::passed_over;
use crate::pcap_file::PcapFile;

/// Opens what belongs to an SA of the file.
pub fn verify_keys(arguments: &VerifyArguments, file: &Path) -> Result<ExitCode, Failure> {
    let sas = read_keys(file, "verify")?;
    if let Some(folder) = &arguments.write {
        output::prepare(folder)?;
    }
    let limits = sealed_limits(&arguments.selection);
    let sources = captures::sources(&arguments.files)?;
    let surveys = captures::survey(sources, limits, &Look::default(), &AtomicBool::new(false))?;
    let mut text = String::new();
    let (mut cut, mut closed) = (None, None);
    for survey in &surveys {
        let mut opening = Opening {
            file,
            sas: &sas,
            setup: setup(&arguments.selection).for_packets(survey.packets as usize),
            tunnels: Vec::new(),
            passed_over: BTreeMap::new(),
        };
        if opening.open_capture(survey, limits, arguments.write.as_deref())? {
            cut = Some(survey.file.clone());
        }
        for tunnel in &opening.tunnels {
            let _ = writeln!(text, "{}", tunnel.line(survey));
            if tunnel.opened == 0 {
                closed = Some((tunnel.spi, survey.file.clone()));
            }
        }
        let name = output::shown(&survey.name);
        text += &passed_over::lines(&opening.passed_over, &name);
    }
    output::print(&text)?;
    match closed {
        Some((spi, capture)) => Err(Failure::Failed(format!(
            "no packet of SPI 0x{spi:08x} in {capture} could be opened; check its keys"
        ))),
        None => Ok(done(cut.as_deref())),
    }
}

/// The keys at hand, and what one capture made of them.
struct Opening<'k> {
    file: &'k Path,
    sas: &'k [EspSa],
    setup: Setup,
    tunnels: Vec<Tunnel>,
    /// Packets that belong to no SA of the file, by reason.
    passed_over: BTreeMap<String, u64>,
}

impl Opening<'_> {
    /// Opens a capture from its beginning, and writes what came out inside where asked; true
    /// where the capture ends within a frame.
    fn open_capture(
        &mut self,
        survey: &Survey,
        limits: Limits,
        folder: Option<&Path>,
    ) -> Result<bool, Failure> {
        let name = format!("{}.opened.pcap", survey.name);
        let create = |folder: &Path| PcapFile::create(&folder.join(name));
        let mut inside = folder.map(create).transpose()?;
        let tally = captures::each_chunk(&survey.path, limits, |chunk| {
            self.open_chunk(chunk, &mut inside)?;
            Ok(ControlFlow::Continue(()))
        })?;
        if self.tunnels.is_empty() {
            return Err(nothing_of_these(survey, self.file));
        }
        inside.map(PcapFile::finish).transpose()?;
        Ok(tally.truncated)
    }

    /// Opens what belongs to an SA, in order.
    fn open_chunk(&mut self, chunk: &Chunk, inside: &mut Option<PcapFile>) -> Result<(), Failure> {
        let longest = chunk.packets().map(<[u8]>::len).max().unwrap_or(0);
        let mut arena = Arena::new(1, 0, longest, 0);
        let mut frames = arena.frames();
        for packet in chunk.packets() {
            let (outer, sa) = match passed_over::find_sa(packet, self.sas) {
                Ok(found) => found,
                Err(reason) => {
                    *self.passed_over.entry(reason.to_owned()).or_default() += 1;
                    continue;
                }
            };
            let tunnel = self.tunnel(sa, outer.framing(&self.sas[sa]))?;
            frames[0].load(packet);
            tunnel.path.receive(&mut frames);
            tunnel.packets += 1;
            match frames[0].fate {
                Fate::Carried => {
                    tunnel.opened += 1;
                    if let Some(file) = inside {
                        file.write(frames[0].bytes())?;
                    }
                }
                Fate::Dropped(reason) => {
                    // The outer headers were read: what forwarding refuses is the packet inside.
                    tunnel.opened += u64::from(reason.is_forwarding());
                    tunnel.drops.add(reason);
                }
            }
        }
        Ok(())
    }

    /// The tunnel of an SA, opened with its first packet in this framing.
    fn tunnel(&mut self, sa: usize, framing: Framing) -> Result<&mut Tunnel, Failure> {
        let is_its = |tunnel: &Tunnel| tunnel.sa == sa && tunnel.case.framing == framing;
        let known = self.tunnels.iter().position(is_its);
        if known.is_none() {
            let tunnel = Tunnel::open(sa, &self.sas[sa], framing, &self.setup, self.file)?;
            self.tunnels.push(tunnel);
        }
        let at = known.unwrap_or(self.tunnels.len() - 1);
        Ok(&mut self.tunnels[at])
    }
}

/// The far gateway of one SA, and what it did.
struct Tunnel {
    /// Its place in the file of keys.
    sa: usize,
    spi: u32,
    case: &'static Case,
    path: Box<dyn PacketPath>,
    packets: u64,
    opened: u64,
    /// Of those opened, what the gateway did not forward; and all that it did not open.
    drops: DropCounts,
}

impl Tunnel {
    fn open(
        at: usize,
        sa: &EspSa,
        framing: Framing,
        setup: &Setup,
        file: &Path,
    ) -> Result<Self, Failure> {
        let case = case_of(sa, framing).ok_or_else(|| unknown(sa, file))?;
        let setup = Setup {
            sa: Some(Arc::new(given(sa))),
            ..setup.clone()
        };
        let path = case.open(&setup).map_err(|why| refused(sa, why, file))?;
        Ok(Self {
            sa: at,
            spi: sa.spi,
            case,
            path,
            packets: 0,
            opened: 0,
            drops: DropCounts::default(),
        })
    }

    fn line(&self, survey: &Survey) -> String {
        let with = |verb: &str, forwarding: bool| {
            let counts = self.drops.iter();
            let counts = counts.filter(|(reason, _)| reason.is_forwarding() == forwarding);
            let counts: Vec<String> = counts
                .map(|(reason, count)| format!("{count} {}", reason.name()))
                .collect();
            if counts.is_empty() {
                String::new()
            } else {
                format!(", {verb} {}", counts.join(", "))
            }
        };
        format!(
            "{:>8} of {} packets of SPI 0x{:08x} in {} opened as {}{}{}",
            self.opened,
            self.packets,
            self.spi,
            output::shown(&survey.name),
            self.case.id,
            with("refused", false),
            with("not forwarded then", true),
        )
    }
}
