//! ESP that others sealed, taken from a capture with their keys: opened once, in order, outside
//! the clock. What was opened is what a far gateway is measured on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use tunneltax_core::capture::{Limits, Tally};
use tunneltax_core::fate::{DropCounts, Fate};
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::framing::Framing;
use tunneltax_core::path::received::{Arrival, Open};
use tunneltax_core::path::{Case, GivenSa, Setup};
use tunneltax_reports::record;

use crate::captures::{self, Kept, Survey};
use crate::esp_keys::EspSa;
use crate::esp_packets::{case_of, given, nothing_of_these, refused, unknown};
use crate::failure::Failure;
use crate::output;
use crate::passed_over;
use crate::sides::{SideCount, Sides};

/// Most bytes of packets that are kept of a capture, sealed and opened.
const KEPT_BYTES: usize = 128 << 20;
/// Reason in [`record::Capture::left_out`]: opened, and more than there is room for.
const NO_ROOM: &str = "behind_128_mib";

/// The keys at hand.
pub struct Keyring<'k> {
    /// Where they come from.
    pub file: &'k Path,
    /// The SAs.
    pub sas: &'k [EspSa],
    /// What receivers are built from.
    pub setup: &'k Setup,
}

/// What of one capture was opened.
pub struct Received {
    /// One for each way to frame and to seal.
    pub bundles: Vec<Bundle>,
    /// What was read of the file.
    pub tally: Tally,
    /// Packets that were not opened, or not kept, by reason.
    pub left_out: BTreeMap<String, u64>,
    tunnels: Vec<Tunnel>,
}

/// Packets that the same cases can open: those of the SAs that share framing and algorithm.
pub struct Bundle {
    /// The first case that opens them.
    pub case: &'static Case,
    /// The SAs that opened any.
    pub sas: Vec<GivenSa>,
    /// In the order of the capture.
    pub arrivals: Vec<Arrival>,
}

/// One SA, and what it opened.
struct Tunnel {
    /// Its place in the file of keys.
    sa: usize,
    spi: u32,
    case: &'static Case,
    opener: Box<dyn Open>,
    given: GivenSa,
    packets: u64,
    opened: u64,
    refused: DropCounts,
    /// Its bundle, and its place in that one's SAs, once it has opened one.
    place: Option<(usize, u32)>,
}

/// Opens what belongs to the SAs of a file of keys, from the beginning of a capture.
pub fn receive(
    keyring: &Keyring<'_>,
    survey: &Survey,
    limits: Limits,
    stop: &AtomicBool,
) -> Result<Received, Failure> {
    let mut opening = Opening {
        keyring,
        tunnels: Vec::new(),
        bundles: Vec::new(),
        left_out: BTreeMap::new(),
        kept_bytes: 0,
    };
    let tally = captures::each_chunk(&survey.path, limits, |chunk| {
        let longest = chunk.packets().map(<[u8]>::len).max().unwrap_or(0);
        let mut arena = Arena::new(1, 0, longest, 0);
        let mut frames = arena.frames();
        for packet in chunk.packets() {
            frames[0].load(packet);
            opening.open(packet, &mut frames[0])?;
        }
        Ok(captures::going(stop))
    })?;
    if !captures::going(stop).is_continue() {
        return Err(Failure::Failed(captures::UNMEASURED.to_owned()));
    }
    opening.done(survey, tally)
}

/// A capture that is being opened.
struct Opening<'k> {
    keyring: &'k Keyring<'k>,
    tunnels: Vec<Tunnel>,
    bundles: Vec<Bundle>,
    left_out: BTreeMap<String, u64>,
    kept_bytes: usize,
}

impl Opening<'_> {
    fn leave_out(&mut self, reason: &str) {
        *self.left_out.entry(reason.to_owned()).or_default() += 1;
    }

    /// Opens a packet, which the frame holds too, and keeps what it was.
    fn open(&mut self, packet: &[u8], frame: &mut Frame<'_>) -> Result<(), Failure> {
        let sas = self.keyring.sas;
        let (outer, sa) = match passed_over::find_sa(packet, sas) {
            Ok(found) => found,
            Err(reason) => {
                self.leave_out(reason);
                return Ok(());
            }
        };
        let at = self.tunnel(sa, outer.framing(&sas[sa]))?;
        let tunnel = &mut self.tunnels[at];
        tunnel.packets += 1;
        let Some(sequence) = tunnel.opener.open(frame) else {
            if let Fate::Dropped(reason) = frame.fate {
                tunnel.refused.add(reason);
                self.leave_out(reason.name());
            }
            return Ok(());
        };
        tunnel.opened += 1;
        self.kept_bytes += packet.len() + frame.len();
        if self.kept_bytes > KEPT_BYTES {
            self.leave_out(NO_ROOM);
            return Ok(());
        }
        let (bundle, sa) = self.place(at)?;
        self.bundles[bundle].arrivals.push(Arrival {
            sealed: packet.to_vec(),
            inner: frame.bytes().to_vec(),
            sa,
            sequence,
        });
        Ok(())
    }

    /// The place of an SA's tunnel, which its first packet in this framing opens.
    fn tunnel(&mut self, sa: usize, framing: Framing) -> Result<usize, Failure> {
        let is_its = |tunnel: &Tunnel| tunnel.sa == sa && tunnel.case.framing == framing;
        if let Some(at) = self.tunnels.iter().position(is_its) {
            return Ok(at);
        }
        let Keyring { file, sas, setup } = *self.keyring;
        let key = &sas[sa];
        let unknown = || unknown(key, file);
        let case = case_of(key, framing).ok_or_else(unknown)?;
        let open = case.opener.ok_or_else(unknown)?;
        let given = given(key);
        let opener = open(case, setup, &given).map_err(|why| refused(key, why, file))?;
        self.tunnels.push(Tunnel {
            sa,
            spi: key.spi,
            case,
            opener,
            given,
            packets: 0,
            opened: 0,
            refused: DropCounts::default(),
            place: None,
        });
        Ok(self.tunnels.len() - 1)
    }

    /// Where a tunnel's packets are kept: bundle, and place among its SAs.
    fn place(&mut self, at: usize) -> Result<(usize, u32), Failure> {
        let tunnel = &mut self.tunnels[at];
        if let Some(place) = tunnel.place {
            return Ok(place);
        }
        let mut bundles = self.bundles.iter();
        let known = bundles.position(|bundle| bundle.case.id == tunnel.case.id);
        let bundle = known.unwrap_or(self.bundles.len());
        if known.is_none() {
            self.bundles.push(Bundle {
                case: tunnel.case,
                sas: Vec::new(),
                arrivals: Vec::new(),
            });
        }
        let sas = &mut self.bundles[bundle].sas;
        let spi = tunnel.given.keys.spi;
        if spi == 0 || sas.iter().any(|sa| sa.keys.spi == spi) {
            return Err(Failure::Failed(format!(
                "two SAs of {} have SPI 0x{spi:08x}, by which a receiver finds them; \
                 leave all but one out",
                self.keyring.file.display()
            )));
        }
        sas.push(tunnel.given.clone());
        let place = (bundle, sas.len() as u32 - 1);
        tunnel.place = Some(place);
        Ok(place)
    }

    /// Everything is read; fails where nothing was opened.
    fn done(self, survey: &Survey, tally: Tally) -> Result<Received, Failure> {
        let Some(first) = self.tunnels.first() else {
            return Err(nothing_of_these(survey, self.keyring.file));
        };
        if self.bundles.is_empty() {
            return Err(Failure::Failed(format!(
                "no packet of SPI 0x{:08x} in {} could be opened ({}); check its keys",
                first.spi,
                survey.file,
                counts(&first.refused)
            )));
        }
        Ok(Received {
            bundles: self.bundles,
            tally,
            left_out: self.left_out,
            tunnels: self.tunnels,
        })
    }
}

/// `3 bad_icv, 1 replayed`.
fn counts(drops: &DropCounts) -> String {
    let counts = drops.iter();
    let counts: Vec<String> = counts
        .map(|(reason, count)| format!("{count} {}", reason.name()))
        .collect();
    counts.join(", ")
}

impl Received {
    /// What was opened and refused, a line an SA; and what was of none.
    pub fn describe(&self, survey: &Survey) -> String {
        let name = output::shown(&survey.name);
        let mut lines: Vec<String> = Vec::new();
        for tunnel in &self.tunnels {
            let refused = counts(&tunnel.refused);
            let refused = if refused.is_empty() {
                refused
            } else {
                format!(", refused {refused}")
            };
            lines.push(format!(
                "{:>8} of {} packets of SPI 0x{:08x} in {name} opened as {}{refused}\n",
                tunnel.opened, tunnel.packets, tunnel.spi, tunnel.case.id
            ));
        }
        lines.push(passed_over::lines(&self.left_out, &name));
        lines.concat()
    }

    /// The capture as the record has it, of which these packets are replayed.
    pub fn to_record(&self, survey: &Survey, replayed: &[&Arrival]) -> record::Capture {
        let all_sides = Sides::default();
        let none = SideCount::new(&all_sides);
        let opened: usize = self.bundles.iter().map(|of| of.arrivals.len()).sum();
        let bytes = replayed.iter().map(|arrival| arrival.inner.len() as u64);
        let kept = Kept {
            packets: replayed.len() as u64,
            bytes: bytes.sum(),
            of: opened as u64,
        };
        let mut capture = captures::to_record(survey, &self.tally, &none, &kept);
        for (reason, count) in &self.left_out {
            *capture.left_out.entry(reason.clone()).or_default() += count;
        }
        capture
    }
}
