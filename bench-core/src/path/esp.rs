//! The ESP tunnel (RFC 4303, tunnel mode over IPv4): forward, then encapsulate and seal; open
//! and decapsulate, then forward.

use std::net::Ipv4Addr;

use super::forward::{Forwarder, Rules};
use super::jobs::{CHUNK, Jobs};
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, ICV_BYTES, Job, KeyLength, NONCE_BYTES};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::sa::{IV_BYTES, InboundSa, Keys, OutboundSa};
use crate::wire::{esp, ipv4, traffic_class};

/// TTL of the outer header: fresh, not the inner one's (RFC 4301, 5.1.2.1).
const OUTER_TTL: u8 = 64;
/// Octets in front of the inner packet.
const FRONT_BYTES: usize = ipv4::HEADER_BYTES + esp::HEADER_BYTES + IV_BYTES;
/// Octets in front of the inner packet: what [`Frame::push_front`] is asked for.
pub const HEADROOM: usize = FRONT_BYTES;
/// Most octets behind the inner packet.
pub const TAILROOM: usize = esp::PADDING_MAX_BYTES + esp::TRAILER_BYTES + ICV_BYTES;
/// Octets of a received packet without any payload.
const LEAST_BYTES: usize = FRONT_BYTES + esp::ALIGNMENT + ICV_BYTES;
const _: () = assert!(FRONT_BYTES == 36 && TAILROOM == 21 && LEAST_BYTES == 56);

/// Bytes on the wire that the tunnel adds to a packet: outer header, ESP header, IV, padding,
/// trailer, ICV.
pub const fn added_bytes(inner_bytes: usize) -> usize {
    FRONT_BYTES + esp::padding_bytes(inner_bytes) + esp::TRAILER_BYTES + ICV_BYTES
}
// RFC 4106, 8, and 20 octets of outer header: with 2 octets of padding, and with none.
const _: () = assert!(added_bytes(40) == 20 + 8 + 8 + 2 + 2 + 16);
const _: () = assert!(added_bytes(42) == 20 + 8 + 8 + 2 + 16);

/// The two ends of the tunnel, of the network that RFC 5737 keeps for documentation.
pub const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The far end.
pub const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// A pair of gateways with an ESP tunnel between them.
pub struct Esp<C> {
    near: Forwarder,
    sealer: Sealer<C>,
    opener: Opener<C>,
    far: Forwarder,
}

impl<C: Cipher> Esp<C> {
    /// Expands keys and builds tables; the clock starts later.
    pub fn new(setup: &Setup, keys: &Keys) -> Result<Self, KeyLength> {
        Ok(Self {
            near: Forwarder::new(setup, Rules::Default),
            sealer: Sealer::new(setup, OutboundSa::new(keys)?),
            opener: Opener::new(InboundSa::new(keys, setup.replay_window)?),
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
    envelope: Envelope<C>,
    jobs: Jobs,
}

impl<C: Cipher> Sealer<C> {
    /// A sender that goes on where the security association stands.
    pub fn new(setup: &Setup, sa: OutboundSa<C>) -> Self {
        Self {
            envelope: Envelope {
                sa,
                outer: ipv4::OuterTemplate::new(NEAR, FAR, esp::PROTOCOL, OUTER_TTL),
                outer_mtu: setup.outer_mtu,
                identification: 1,
            },
            jobs: Jobs::new(),
        }
    }

    /// Encapsulates and seals what the burst still carries.
    pub fn seal(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.seal_chunk(chunk);
        }
    }

    #[inline(always)]
    fn seal_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self { envelope, jobs } = self;
        let jobs = jobs.fill(chunk, |frame, at| envelope.encapsulate(frame, at));
        envelope.sa.cipher.seal(chunk, jobs);
    }
}

/// What a sender puts around a packet, and what it counts.
struct Envelope<C> {
    sa: OutboundSa<C>,
    outer: ipv4::OuterTemplate,
    outer_mtu: usize,
    /// Identification of the next packet that may be fragmented (RFC 6864, 4).
    identification: u16,
}

impl<C: Cipher> Envelope<C> {
    /// All but the cipher's work: outer header, ESP header, IV, padding, trailer, room for the
    /// ICV. The outer header copies DSCP (RFC 2983, 4.1) and ECN (RFC 6040, 4.1), and DF of an
    /// inner IPv4 packet; over an IPv6 one DF is set, since routers do not fragment it either.
    #[inline(always)]
    fn encapsulate(&mut self, frame: &mut Frame<'_>, at: u32) -> Result<Job, Reason> {
        let inner_bytes = frame.len();
        let &[first, second, _, _, _, _, flags, ..] = frame.bytes() else {
            return Err(Reason::MalformedHeader);
        };
        let (next_header, tos, dont_fragment) = if first >> 4 == 4 {
            (esp::NEXT_IPV4, second, flags & 0x40 != 0)
        } else {
            (esp::NEXT_IPV6, first << 4 | second >> 4, true)
        };
        let tail_bytes = esp::padding_bytes(inner_bytes) + esp::TRAILER_BYTES;
        let total_bytes = FRONT_BYTES + inner_bytes + tail_bytes + ICV_BYTES;
        let total_len = u16::try_from(total_bytes).map_err(|_| Reason::NoRoom)?;
        let sequence = self.sa.next_sequence()?;
        let back = frame
            .push_back(tail_bytes + ICV_BYTES)
            .and_then(|back| back.first_chunk_mut());
        *back.ok_or(Reason::NoRoom)? = esp::tail(tail_bytes - esp::TRAILER_BYTES, next_header);
        let front = frame
            .push_front(FRONT_BYTES)
            .and_then(|front| front.first_chunk_mut::<FRONT_BYTES>())
            .ok_or(Reason::NoRoom)?;
        let Some((outer, esp_front)) = front.split_first_chunk_mut::<{ ipv4::HEADER_BYTES }>()
        else {
            return Err(Reason::NoRoom);
        };
        let Some((header_place, iv_place)) = esp_front.split_first_chunk_mut() else {
            return Err(Reason::NoRoom);
        };
        // Nothing fails any more: only now the number is used up.
        self.sa.sent(sequence);
        let identification = self.identify(dont_fragment);
        self.outer
            .emit(outer, total_len, tos, identification, dont_fragment);
        let header = esp::header(self.sa.spi, sequence);
        // The IV is a counter of its own kind: the sequence number never repeats under a key
        // (RFC 4106, 3.1).
        let iv = u64::from(sequence).to_be_bytes();
        *header_place = header;
        iv_place.copy_from_slice(&iv);
        frame.over_mtu |= total_bytes > self.outer_mtu;
        let text_len = inner_bytes + tail_bytes;
        Ok(job(at, FRONT_BYTES, text_len, self.sa.nonce(iv), header))
    }

    /// Identification of an outer packet. One with DF set is atomic, and any value does; all
    /// others count (RFC 6864, 4.1 and 4.2).
    #[inline(always)]
    fn identify(&mut self, dont_fragment: bool) -> u16 {
        if dont_fragment {
            return 0;
        }
        let identification = self.identification;
        self.identification = identification.wrapping_add(1);
        identification
    }
}

/// The job of the frame at a place in its chunk, its ICV right behind the text.
#[inline(always)]
fn job(
    at: u32,
    text_start: usize,
    text_len: usize,
    nonce: [u8; NONCE_BYTES],
    header: [u8; esp::HEADER_BYTES],
) -> Job {
    let mut job = Job {
        frame: at,
        text_start: text_start as u32,
        text_len: text_len as u32,
        icv_start: (text_start + text_len) as u32,
        nonce,
        aad_len: esp::HEADER_BYTES as u8,
        ..Job::default()
    };
    job.aad[..esp::HEADER_BYTES].copy_from_slice(&header);
    job
}

/// The receiver's half, ahead of the forwarding: verifies, opens and decapsulates.
pub struct Opener<C> {
    sa: InboundSa<C>,
    jobs: Jobs,
}

impl<C: Cipher> Opener<C> {
    /// A receiver that goes on where the security association stands.
    pub fn new(sa: InboundSa<C>) -> Self {
        Self {
            sa,
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

    #[inline(always)]
    fn open_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self { sa, jobs } = self;
        let jobs = jobs.fill(chunk, |frame, at| look(sa, frame, at));
        sa.cipher.open(chunk, jobs);
        for job in jobs {
            let Some(frame) = chunk.get_mut(job.frame as usize).filter(|f| f.is_carried()) else {
                continue;
            };
            let [_, _, _, _, s0, s1, s2, s3, ..] = job.aad;
            let sequence = u32::from_be_bytes([s0, s1, s2, s3]);
            let taken = sa.window.accept(u64::from(sequence));
            if let Err(reason) = taken.and_then(|()| decapsulate(frame, job)) {
                frame.drop_as(reason);
            }
        }
    }
}

/// Whether a packet is worth opening; changes nothing but its end, where the link padded it.
#[inline(always)]
fn look<C: Cipher>(sa: &InboundSa<C>, frame: &mut Frame<'_>, at: u32) -> Result<Job, Reason> {
    let outer = ipv4::Header::parse(frame.bytes())?;
    if outer.protocol != esp::PROTOCOL {
        return Err(Reason::NotEsp);
    }
    if outer.fragment() != crate::wire::Fragment::Whole {
        // Reassembly comes before ESP (RFC 4303, 3.4.1), and this gateway has none.
        return Err(Reason::FragmentOrphan);
    }
    let link_padding = frame.len() - outer.total_bytes;
    if link_padding > 0 {
        frame.pull_back(link_padding);
    }
    let packet = frame.bytes().get(outer.header_bytes..).unwrap_or_default();
    let Some((header, rest)) = packet.split_first_chunk::<{ esp::HEADER_BYTES }>() else {
        return Err(Reason::Truncated);
    };
    let Some((iv, rest)) = rest.split_first_chunk() else {
        return Err(Reason::Truncated);
    };
    // Shorter than an ICV wraps around to what is no multiple or too long for any packet.
    let text_len = rest.len().wrapping_sub(ICV_BYTES);
    if text_len.wrapping_sub(1) >= rest.len() || !text_len.is_multiple_of(esp::ALIGNMENT) {
        return Err(Reason::Truncated);
    }
    let (spi, sequence) = esp::parse_header(*header);
    if spi != sa.spi {
        return Err(Reason::WrongSpi);
    }
    sa.window.check(u64::from(sequence))?;
    let text_start = outer.header_bytes + esp::HEADER_BYTES + IV_BYTES;
    Ok(job(at, text_start, text_len, sa.nonce(*iv), *header))
}

/// Takes the inner packet out, and applies what the outer ECN field says.
#[inline(always)]
fn decapsulate(frame: &mut Frame<'_>, job: &Job) -> Result<(), Reason> {
    let packet = frame.bytes_mut();
    let (text_start, text_end) = (job.text_start as usize, job.icv_start as usize);
    let Some((&mut [_, outer_class, ..], text)) = packet
        .get_mut(..text_end)
        .and_then(|packet| packet.split_at_mut_checked(text_start))
    else {
        return Err(Reason::Truncated);
    };
    let (padding_bytes, next_header) = esp::parse_trailer(text).ok_or(Reason::BadPadding)?;
    let inner_bytes = text.len() - padding_bytes - esp::TRAILER_BYTES;
    let inner = text.get_mut(..inner_bytes).ok_or(Reason::Truncated)?;
    let &[first, second, ..] = &*inner else {
        return Err(Reason::MalformedHeader);
    };
    let (version, inner_class) = match next_header {
        esp::NEXT_IPV4 => (4, second),
        esp::NEXT_IPV6 => (6, first << 4 | second >> 4),
        _ => return Err(Reason::BadNextHeader),
    };
    if first >> 4 != version {
        return Err(Reason::MalformedHeader);
    }
    if traffic_class::ecn(outer_class) != traffic_class::ecn(inner_class) {
        traffic_class::leave_tunnel(outer_class, inner)?;
    }
    frame.keep(text_start, inner_bytes);
    Ok(())
}
