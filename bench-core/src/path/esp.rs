//! The ESP tunnel (RFC 4303, tunnel mode over IPv4): forward, then encapsulate and seal; open
//! and decapsulate, then forward.

use std::net::Ipv4Addr;

use super::forward::{Forwarder, Rules};
use super::{PacketPath, Setup};
use crate::cipher::{Cipher, ICV_BYTES, Job, KeyLength};
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
            opener: Opener::new(setup, InboundSa::new(keys, setup.replay_window)?),
            far: Forwarder::new(setup, Rules::Default),
        })
    }
}

impl<C: Cipher> PacketPath for Esp<C> {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        for burst in burst.chunks_mut(self.sealer.jobs.len().max(1)) {
            self.near.forward_burst(burst);
            self.sealer.seal(burst);
        }
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        for burst in burst.chunks_mut(self.opener.jobs.len().max(1)) {
            self.opener.open(burst);
            self.far.forward_burst(burst);
        }
    }
}

/// The sender's half, behind the forwarding: encapsulates and seals.
pub struct Sealer<C> {
    sa: OutboundSa<C>,
    outer: ipv4::OuterTemplate,
    outer_mtu: usize,
    /// Identification of the next packet that may be fragmented (RFC 6864, 4).
    identification: u16,
    jobs: Box<[Job]>,
}

impl<C: Cipher> Sealer<C> {
    /// Room for the jobs of a burst.
    pub fn new(setup: &Setup, sa: OutboundSa<C>) -> Self {
        Self {
            sa,
            outer: ipv4::OuterTemplate::new(NEAR, FAR, esp::PROTOCOL, OUTER_TTL),
            outer_mtu: setup.outer_mtu,
            identification: 1,
            jobs: vec![Job::default(); setup.burst.max(1)].into_boxed_slice(),
        }
    }

    /// Encapsulates and seals what the burst still carries, at most as many frames as the
    /// set-up's burst; those beyond it are dropped as [`Reason::NoRoom`].
    #[inline]
    pub fn seal(&mut self, burst: &mut [Frame<'_>]) {
        let mut jobs = 0;
        for (at, frame) in burst.iter_mut().enumerate() {
            if !frame.is_carried() {
                continue;
            }
            match self.encapsulate(frame) {
                Ok(job) => match self.jobs.get_mut(jobs) {
                    Some(place) => {
                        *place = Job {
                            frame: at as u32,
                            ..job
                        };
                        jobs += 1;
                    }
                    // What cannot be sealed must not leave.
                    None => frame.drop_as(Reason::NoRoom),
                },
                Err(reason) => frame.drop_as(reason),
            }
        }
        if let Some(jobs) = self.jobs.get(..jobs) {
            self.sa.cipher.seal(burst, jobs);
        }
    }

    /// All but the cipher's work: outer header, ESP header, IV, padding, trailer, room for the
    /// ICV. The outer header copies DSCP (RFC 2983, 4.1) and ECN (RFC 6040, 4.1), and DF of an
    /// inner IPv4 packet; over an IPv6 one DF is set, since routers do not fragment it either.
    #[inline(always)]
    fn encapsulate(&mut self, frame: &mut Frame<'_>) -> Result<Job, Reason> {
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

        let tail = frame
            .push_back(tail_bytes + ICV_BYTES)
            .ok_or(Reason::NoRoom)?;
        esp::trailer(&mut tail[..tail_bytes], next_header);
        let front = frame.push_front(FRONT_BYTES).ok_or(Reason::NoRoom)?;
        let Some((front, _)) = front.split_first_chunk_mut::<FRONT_BYTES>() else {
            return Err(Reason::NoRoom);
        };
        let Some((outer, rest)) = front.split_first_chunk_mut::<{ ipv4::HEADER_BYTES }>() else {
            return Err(Reason::NoRoom);
        };
        let identification = if dont_fragment {
            0
        } else {
            self.identification
        };
        self.identification = self.identification.wrapping_add(u16::from(!dont_fragment));
        self.outer
            .emit(outer, total_len, tos, identification, dont_fragment);
        let header = esp::header(self.sa.spi, sequence);
        // The IV is a counter of its own kind: the sequence number never repeats under a key
        // (RFC 4106, 3.1).
        let iv = u64::from(sequence).to_be_bytes();
        rest[..esp::HEADER_BYTES].copy_from_slice(&header);
        rest[esp::HEADER_BYTES..].copy_from_slice(&iv);
        frame.over_mtu |= total_bytes > self.outer_mtu;

        let mut job = Job {
            text_start: FRONT_BYTES as u32,
            text_len: (inner_bytes + tail_bytes) as u32,
            icv_start: (FRONT_BYTES + inner_bytes + tail_bytes) as u32,
            nonce: self.sa.nonce(iv),
            aad_len: esp::HEADER_BYTES as u8,
            ..Job::default()
        };
        job.aad[..esp::HEADER_BYTES].copy_from_slice(&header);
        Ok(job)
    }
}

/// What a packet's first look gives, kept until its ICV is verified.
#[derive(Clone, Copy, Default)]
struct Pending {
    sequence: u32,
    outer_tos: u8,
}

/// The receiver's half, ahead of the forwarding: verifies, opens and decapsulates.
pub struct Opener<C> {
    sa: InboundSa<C>,
    jobs: Box<[Job]>,
    pending: Box<[Pending]>,
}

impl<C: Cipher> Opener<C> {
    /// Room for the jobs of a burst.
    pub fn new(setup: &Setup, sa: InboundSa<C>) -> Self {
        let burst = setup.burst.max(1);
        Self {
            sa,
            jobs: vec![Job::default(); burst].into_boxed_slice(),
            pending: vec![Pending::default(); burst].into_boxed_slice(),
        }
    }

    /// In the order of RFC 4303, 3.4: SPI, window, ICV, and only then the window moves and
    /// anything inside is believed. At most as many frames as the set-up's burst; those beyond
    /// it are dropped as [`Reason::NoRoom`].
    #[inline]
    pub fn open(&mut self, burst: &mut [Frame<'_>]) {
        let mut jobs = 0;
        for (at, frame) in burst.iter_mut().enumerate() {
            if !frame.is_carried() {
                continue;
            }
            match self.look(frame) {
                Ok((job, pending)) => {
                    let places = self.jobs.get_mut(jobs).zip(self.pending.get_mut(jobs));
                    let Some((job_place, pending_place)) = places else {
                        // What cannot be opened must not go on.
                        frame.drop_as(Reason::NoRoom);
                        continue;
                    };
                    *job_place = Job {
                        frame: at as u32,
                        ..job
                    };
                    *pending_place = pending;
                    jobs += 1;
                }
                Err(reason) => frame.drop_as(reason),
            }
        }
        let (Some(jobs), Some(pending)) = (self.jobs.get(..jobs), self.pending.get(..jobs)) else {
            return;
        };
        self.sa.cipher.open(burst, jobs);
        for (job, pending) in jobs.iter().zip(pending) {
            let Some(frame) = burst.get_mut(job.frame as usize).filter(|f| f.is_carried()) else {
                continue;
            };
            let taken = self.sa.window.accept(u64::from(pending.sequence));
            if let Err(reason) = taken.and_then(|()| decapsulate(frame, job, pending.outer_tos)) {
                frame.drop_as(reason);
            }
        }
    }

    #[inline(always)]
    fn look(&self, frame: &mut Frame<'_>) -> Result<(Job, Pending), Reason> {
        let outer = ipv4::Header::parse(frame.bytes())?;
        if outer.protocol != esp::PROTOCOL {
            return Err(Reason::NotEsp);
        }
        if outer.fragment() != crate::wire::Fragment::Whole {
            // Reassembly comes before ESP (RFC 4303, 3.4.1), and this gateway has none.
            return Err(Reason::FragmentOrphan);
        }
        // The link may have padded the packet.
        frame.pull_back(frame.len() - outer.total_bytes);
        let options = outer.header_bytes - ipv4::HEADER_BYTES;
        let text_start = FRONT_BYTES + options;
        if frame.len() < LEAST_BYTES + options {
            return Err(Reason::Truncated);
        }
        let text_len = frame.len() - text_start - ICV_BYTES;
        if !text_len.is_multiple_of(esp::ALIGNMENT) {
            return Err(Reason::Truncated);
        }
        let front = frame.bytes().get(outer.header_bytes..text_start);
        let Some((&[s0, s1, s2, s3, n0, n1, n2, n3], iv)) =
            front.and_then(|front| front.split_first_chunk::<{ esp::HEADER_BYTES }>())
        else {
            return Err(Reason::Truncated);
        };
        if u32::from_be_bytes([s0, s1, s2, s3]) != self.sa.spi {
            return Err(Reason::WrongSpi);
        }
        let sequence = u32::from_be_bytes([n0, n1, n2, n3]);
        self.sa.window.check(u64::from(sequence))?;
        let iv: [u8; IV_BYTES] = iv.try_into().map_err(|_| Reason::Truncated)?;
        let mut job = Job {
            text_start: text_start as u32,
            text_len: text_len as u32,
            icv_start: (text_start + text_len) as u32,
            nonce: self.sa.nonce(iv),
            aad_len: esp::HEADER_BYTES as u8,
            ..Job::default()
        };
        job.aad[..esp::HEADER_BYTES].copy_from_slice(&[s0, s1, s2, s3, n0, n1, n2, n3]);
        Ok((
            job,
            Pending {
                sequence,
                outer_tos: outer.tos,
            },
        ))
    }
}

/// Takes the inner packet out, and applies what the outer ECN field says.
#[inline(always)]
fn decapsulate(frame: &mut Frame<'_>, job: &Job, outer_tos: u8) -> Result<(), Reason> {
    let text_end = job.icv_start as usize;
    let text = frame
        .bytes()
        .get(job.text_start as usize..text_end)
        .ok_or(Reason::Truncated)?;
    let (padding_bytes, next_header) = esp::parse_trailer(text).ok_or(Reason::BadPadding)?;
    let version = match next_header {
        esp::NEXT_IPV4 => 4,
        esp::NEXT_IPV6 => 6,
        _ => return Err(Reason::BadNextHeader),
    };
    let behind = padding_bytes + esp::TRAILER_BYTES + ICV_BYTES;
    if !frame.pull_back(behind) || !frame.pull_front(job.text_start as usize) {
        return Err(Reason::Truncated);
    }
    let inner_class = traffic_class::get(frame.bytes()).ok_or(Reason::MalformedHeader)?;
    if crate::wire::version(frame.bytes()) != Some(version) {
        return Err(Reason::MalformedHeader);
    }
    let (outer_ecn, inner_ecn) = (
        traffic_class::ecn(outer_tos),
        traffic_class::ecn(inner_class),
    );
    if outer_ecn != inner_ecn {
        let ecn =
            traffic_class::decapsulated_ecn(outer_ecn, inner_ecn).ok_or(Reason::EcnNotCapable)?;
        if ecn != inner_ecn {
            traffic_class::set(frame.bytes_mut(), traffic_class::with_ecn(inner_class, ecn));
        }
    }
    Ok(())
}
