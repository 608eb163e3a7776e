//! The ESP tunnel (RFC 4303, tunnel mode): forward, then encapsulate and seal; open and
//! decapsulate, then forward.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::forward::{Forwarder, Rules};
use super::framing::{Framing, esp_bytes};
use super::jobs::{CHUNK, Jobs};
use super::overhead::Overhead;
use super::underlay::{Inner, OuterWriter, Underlay};
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, Iv, Job, KeyLength, Layout, NONCE_BYTES};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::sa::{InboundSa, Keys, Numbers, OutboundSa};
use crate::wire::{esp, traffic_class};

/// A pair of gateways with an ESP tunnel between them.
pub struct Esp<C> {
    near: Forwarder,
    sealer: Sealer<C>,
    opener: Opener<C>,
    far: Forwarder,
}

impl<C: Cipher> Esp<C> {
    /// Expands keys and builds tables; the clock starts later.
    pub fn new(setup: &Setup, keys: &Keys, framing: Framing) -> Result<Self, KeyLength> {
        let outbound = OutboundSa::new(keys, framing.numbers)?;
        let mut inbound = InboundSa::new(keys, framing.numbers, framing.window(setup))?;
        if let Some(given) = &setup.sa {
            inbound.window.begin_after(given.received);
        }
        Ok(Self {
            near: Forwarder::new(setup, Rules::Default),
            sealer: Sealer::new(setup, outbound, framing),
            opener: Opener::new(inbound, framing.underlay),
            far: Forwarder::new(setup, Rules::Default),
        })
    }
}

impl<C: Cipher> PacketPath for Esp<C> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.near.forward_burst(chunk);
            self.sealer.seal_chunk(chunk);
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.opener.open_chunk(chunk);
            self.far.forward_burst(chunk);
        }
    }
}

/// The sender's half, behind the forwarding: encapsulates and seals.
pub struct Sealer<C> {
    sa: OutboundSa<C>,
    envelope: Envelope,
    jobs: Jobs,
}

impl<C: Cipher> Sealer<C> {
    /// A sender that goes on where the security association stands.
    pub fn new(setup: &Setup, sa: OutboundSa<C>, framing: Framing) -> Self {
        Self {
            sa,
            envelope: Envelope::new(setup, framing, C::LAYOUT),
            jobs: Jobs::new(),
        }
    }

    /// The last sequence number that was used.
    pub(super) fn last_sequence(&self) -> u64 {
        self.sa.last_sequence()
    }

    /// Goes on behind this sequence number, which is the last one that was used.
    #[inline(always)]
    pub(super) fn go_on_after(&mut self, sequence: u64) {
        self.sa.sent(sequence);
    }

    /// Encapsulates and seals what the burst still carries.
    pub fn seal(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.seal_chunk(chunk);
        }
    }

    /// The same of at most [`CHUNK`] packets.
    #[inline(always)]
    pub(super) fn seal_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self { sa, envelope, jobs } = self;
        let jobs = jobs.fill(chunk, |frame, at| envelope.encapsulate(sa, frame, at));
        sa.cipher.seal(chunk, jobs);
    }
}

/// What a sender puts around a packet, whatever its SA.
pub(super) struct Envelope {
    outer: OuterWriter,
    outer_bytes: usize,
    overhead: Overhead,
    /// Where IVs come from that nobody can foretell; one for every library.
    ivs: ChaCha12Rng,
}

impl Envelope {
    pub(super) fn new(setup: &Setup, framing: Framing, layout: Layout) -> Self {
        Self {
            outer: OuterWriter::new(framing.underlay, setup.outer_mtu).clearing_df(setup.clear_df),
            outer_bytes: framing.underlay.bytes(),
            overhead: framing.overhead(layout),
            ivs: ChaCha12Rng::seed_from_u64(!setup.seed),
        }
    }

    /// All but the cipher's work: outer headers, ESP header, IV, padding, trailer, room for the
    /// ICV.
    #[inline(always)]
    pub(super) fn encapsulate<C: Cipher>(
        &mut self,
        sa: &mut OutboundSa<C>,
        frame: &mut Frame<'_>,
        at: u32,
    ) -> Result<Job, Reason> {
        let inner_bytes = frame.len();
        let inner = Inner::read(frame.bytes())?;
        let next_header = if inner.is_v4 {
            esp::NEXT_IPV4
        } else {
            esp::NEXT_IPV6
        };
        let sequence = sa.next_sequence()?;
        let padding_bytes = self.overhead.padding_bytes(inner_bytes);
        let tail_bytes = padding_bytes + esp::TRAILER_BYTES;
        let icv_bytes = C::LAYOUT.icv_bytes;
        let back = frame.push_back(tail_bytes + icv_bytes);
        if !esp::write_tail(back.ok_or(Reason::NoRoom)?, padding_bytes, next_header) {
            return Err(Reason::NoRoom);
        }
        let front_bytes = self.overhead.front;
        let total_bytes = front_bytes + inner_bytes + tail_bytes + icv_bytes;
        let front = frame.push_front(front_bytes).ok_or(Reason::NoRoom)?;
        let (outer, esp_front) = front.split_at_mut(self.outer_bytes);
        self.outer.write(outer, total_bytes, inner)?;
        let Some((header_place, iv_place)) = esp_front.split_first_chunk_mut() else {
            return Err(Reason::NoRoom);
        };
        let counter = sequence.to_be_bytes();
        match C::LAYOUT.iv {
            Iv::None => {}
            // A counter of its own kind: the sequence number never repeats under a key
            // (RFC 4106, 3.1).
            Iv::Counter => *iv_place.first_chunk_mut().ok_or(Reason::NoRoom)? = counter,
            Iv::Random(_) => self.ivs.fill_bytes(iv_place),
        }
        // Nothing fails any more: only now the number is used up.
        sa.sent(sequence);
        *header_place = esp::header(sa.spi, sequence as u32);
        frame.over_mtu |= self.outer.is_over_mtu(total_bytes);
        let place = Place {
            frame: at,
            text_start: front_bytes,
            text_len: inner_bytes + tail_bytes,
            header_bytes: esp_bytes(C::LAYOUT),
        };
        Ok(job(place, sa.nonce(counter), sa.spi, sa.numbers, sequence))
    }
}

/// Where the text of a packet is; its ICV stands right behind it.
#[derive(Clone, Copy)]
struct Place {
    /// Place of the frame in its chunk.
    frame: u32,
    text_start: usize,
    text_len: usize,
    /// ESP header and IV in front of it.
    header_bytes: usize,
}

/// The job of a packet. Its associated data are the SPI and the sequence number: all 64 bits of
/// an extended one (RFC 4106, 5).
#[inline(always)]
fn job(place: Place, nonce: [u8; NONCE_BYTES], spi: u32, numbers: Numbers, sequence: u64) -> Job {
    let mut job = Job {
        frame: place.frame,
        text_start: place.text_start as u32,
        text_len: place.text_len as u32,
        icv_start: (place.text_start + place.text_len) as u32,
        nonce,
        header_bytes: place.header_bytes as u8,
        ..Job::default()
    };
    let (spi_place, number_place) = job.aad.split_at_mut(4);
    spi_place.copy_from_slice(&spi.to_be_bytes());
    match numbers {
        Numbers::Sent => {
            number_place[..4].copy_from_slice(&(sequence as u32).to_be_bytes());
            job.aad_len = 8;
        }
        Numbers::Extended => {
            number_place[..8].copy_from_slice(&sequence.to_be_bytes());
            job.aad_len = 12;
        }
    }
    job
}

/// The sequence number in a job's associated data.
#[inline(always)]
pub(super) fn sequence(job: &Job) -> u64 {
    let (_, number) = job.aad.split_at(4);
    let number = number.first_chunk().copied().map_or(0, u64::from_be_bytes);
    if job.aad_len == 8 {
        number >> 32
    } else {
        number
    }
}

/// The receiver's half, ahead of the forwarding: verifies, opens and decapsulates.
pub struct Opener<C> {
    sa: InboundSa<C>,
    underlay: Underlay,
    jobs: Jobs,
}

impl<C: Cipher> Opener<C> {
    /// A receiver that goes on where the security association stands.
    pub fn new(sa: InboundSa<C>, underlay: Underlay) -> Self {
        Self {
            sa,
            underlay,
            jobs: Jobs::new(),
        }
    }

    /// Opens what the burst still carries, in the order of RFC 4303, 3.4: SPI, window, ICV, and
    /// only then the window moves and anything inside is believed.
    pub fn open(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.open_chunk(chunk);
        }
    }

    /// The same of at most [`CHUNK`] packets.
    #[inline(always)]
    pub(super) fn open_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self { sa, underlay, jobs } = self;
        let jobs = jobs.fill(chunk, |frame, at| {
            let arrived = Arrived::read(*underlay, frame)?;
            if arrived.spi != sa.spi {
                return Err(Reason::WrongSpi);
            }
            look(sa, arrived, frame, at)
        });
        sa.cipher.open(chunk, jobs);
        for job in jobs {
            if let Some(frame) = chunk.get_mut(job.frame as usize) {
                take(sa, frame, job);
            }
        }
    }
}

/// Takes an opened packet in: the window moves, and what is inside comes out.
#[inline(always)]
pub(super) fn take<C: Cipher>(sa: &mut InboundSa<C>, frame: &mut Frame<'_>, job: &Job) {
    if !frame.is_carried() {
        return;
    }
    let taken = sa.window.accept(sequence(job));
    if let Err(reason) = taken.and_then(|()| decapsulate(frame, job)) {
        frame.drop_as(reason);
    }
}

/// What a packet says of itself before any SA is looked at.
#[derive(Clone, Copy)]
pub(super) struct Arrived {
    /// Where the ESP header begins.
    esp_start: usize,
    /// Which SA it is for.
    pub(super) spi: u32,
    /// The part of the sequence number that is sent.
    pub(super) sent: u32,
}

impl Arrived {
    /// Reads outer headers and ESP header; changes nothing but the packet's end, where the link
    /// padded it.
    #[inline(always)]
    pub(super) fn read(underlay: Underlay, frame: &mut Frame<'_>) -> Result<Self, Reason> {
        let outer = underlay.read(frame.bytes(), Reason::NotEsp)?;
        let link_padding = frame.len() - outer.total_bytes;
        if link_padding > 0 {
            frame.pull_back(link_padding);
        }
        let packet = frame.bytes().get(outer.header_bytes..).unwrap_or_default();
        if underlay.ports.is_some() {
            shares_the_port(packet)?;
        }
        let (spi, sent) = esp::parse_header(*packet.first_chunk().ok_or(Reason::Truncated)?);
        Ok(Self {
            esp_start: outer.header_bytes,
            spi,
            sent,
        })
    }
}

/// Whether a packet of this SA is worth opening.
#[inline(always)]
pub(super) fn look<C: Cipher>(
    sa: &InboundSa<C>,
    arrived: Arrived,
    frame: &Frame<'_>,
    at: u32,
) -> Result<Job, Reason> {
    look_with(sa, arrived, frame, at, |sequence| sa.window.check(sequence))
}

/// The same with another window than the SA's own.
#[inline(always)]
pub(super) fn look_with<C: Cipher>(
    sa: &InboundSa<C>,
    arrived: Arrived,
    frame: &Frame<'_>,
    at: u32,
    check: impl FnOnce(u64) -> Result<(), Reason>,
) -> Result<Job, Reason> {
    let Arrived {
        esp_start,
        spi,
        sent,
    } = arrived;
    let behind = frame.bytes().get(esp_start + esp::HEADER_BYTES..);
    let rest = behind.ok_or(Reason::Truncated)?;
    let Some((iv, rest)) = rest.split_at_checked(C::LAYOUT.iv.bytes()) else {
        return Err(Reason::Truncated);
    };
    // Shorter than an ICV wraps around to what is no multiple or too long for any packet.
    let text_len = rest.len().wrapping_sub(C::LAYOUT.icv_bytes);
    if text_len.wrapping_sub(1) >= rest.len() || !text_len.is_multiple_of(least_alignment::<C>()) {
        return Err(Reason::Truncated);
    }
    let sequence = sa.sequence(sent)?;
    check(sequence)?;
    let place = Place {
        frame: at,
        text_start: esp_start + esp_bytes(C::LAYOUT),
        text_len,
        header_bytes: esp_bytes(C::LAYOUT),
    };
    // Only an AEAD has a nonce, and its IV is a counter.
    let iv = iv.first_chunk().copied().unwrap_or_default();
    Ok(job(place, sa.nonce(iv), spi, sa.numbers, sequence))
}

/// The job of a packet whose sequence number is known; `None` where it is too short for one.
pub(super) fn job_of<C: Cipher>(
    sa: &InboundSa<C>,
    underlay: Underlay,
    packet: &[u8],
    sequence: u64,
) -> Option<Job> {
    let outer = underlay.read(packet, Reason::NotEsp).ok()?;
    let text_start = outer.header_bytes + esp_bytes(C::LAYOUT);
    let iv = packet.get(outer.header_bytes + esp::HEADER_BYTES..text_start)?;
    let place = Place {
        frame: 0,
        text_start,
        text_len: outer
            .total_bytes
            .checked_sub(text_start + C::LAYOUT.icv_bytes)?,
        header_bytes: esp_bytes(C::LAYOUT),
    };
    let iv = iv.first_chunk().copied().unwrap_or_default();
    Some(job(place, sa.nonce(iv), sa.spi, sa.numbers, sequence))
}

/// What a text is a multiple of, whoever sent it.
const fn least_alignment<C: Cipher>() -> usize {
    if C::LAYOUT.block_bytes > esp::ALIGNMENT {
        C::LAYOUT.block_bytes
    } else {
        esp::ALIGNMENT
    }
}

/// Tells ESP from what else comes to its UDP port.
#[inline(always)]
pub fn shares_the_port(datagram: &[u8]) -> Result<(), Reason> {
    match datagram {
        [0xff] => Err(Reason::NatKeepalive),
        // Where an SPI, which is never 0, would be.
        [0, 0, 0, 0, ..] => Err(Reason::IkeMessage),
        _ => Ok(()),
    }
}

/// Takes the inner packet out, and applies what the outer ECN field says.
#[inline(always)]
pub(super) fn decapsulate(frame: &mut Frame<'_>, job: &Job) -> Result<(), Reason> {
    let packet = frame.bytes_mut();
    let (text_start, text_end) = (job.text_start as usize, job.icv_start as usize);
    let outer_class = traffic_class::get(packet).ok_or(Reason::MalformedHeader)?;
    let Some((_, text)) = packet
        .get_mut(..text_end)
        .and_then(|packet| packet.split_at_mut_checked(text_start))
    else {
        return Err(Reason::Truncated);
    };
    let (padding_bytes, next_header) = esp::parse_trailer(text).ok_or(Reason::BadPadding)?;
    let inner_bytes = text.len() - padding_bytes - esp::TRAILER_BYTES;
    let inner = text.get_mut(..inner_bytes).ok_or(Reason::Truncated)?;
    let version = match next_header {
        esp::NEXT_IPV4 => 4,
        esp::NEXT_IPV6 => 6,
        _ => return Err(Reason::BadNextHeader),
    };
    if crate::wire::version(inner) != Some(version) {
        return Err(Reason::MalformedHeader);
    }
    traffic_class::leave_tunnel(outer_class, inner)?;
    frame.keep(text_start, inner_bytes);
    Ok(())
}
