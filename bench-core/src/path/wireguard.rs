//! The WireGuard tunnel as Linux's data path has it: forward, then encapsulate and seal; open
//! and decapsulate, then forward. The handshake that agrees on keys and indices came before.
//!
//! What differs from Linux: the outer UDP checksum is 0, as in the other tunnels here (Linux
//! leaves a full one to the network card); one peer, so that the routes stand for its allowed
//! IPs; and congestion that the inner packet cannot carry drops it (RFC 6040, 4.2).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cases::{Case, CaseError, FORWARD, Kind, stages};
use super::forward::{Forwarder, Rules};
use super::jobs::{CHUNK, Jobs};
use super::overhead::Overhead;
use super::underlay::{Family, Inner, OuterWriter, Underlay};
use super::{PacketPath, Setup};
use crate::cipher::{
    Aead, Job, KeyLength, NONCE_BYTES, aws_lc, none, ring, rust_crypto::RustCrypto,
};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::replay_window::ReplayWindow;
use crate::wire::wireguard::{
    ALIGNMENT, COUNTER_WINDOW, HEADER_BYTES, REJECT_AFTER_MESSAGES, TAG_BYTES, UDP_PORT,
};
use crate::wire::{self, traffic_class, wireguard};

/// In UDP over IPv4.
const UNDERLAY: Underlay = Underlay::udp(Family::V4, UDP_PORT, UDP_PORT);
const FRONT_BYTES: usize = UNDERLAY.bytes() + HEADER_BYTES;
/// MTU of the tunnel's interface: what Linux leaves of Ethernet's 1500 for an outer IPv6 header,
/// UDP, header and tag.
const TUNNEL_MTU: usize = 1500 - (40 + 8 + HEADER_BYTES + TAG_BYTES);
const _: () = assert!(TUNNEL_MTU == 1420);

/// Bytes that the tunnel adds to a packet: outer headers, header, padding up to the tunnel's MTU
/// at most, tag. A packet beyond that MTU gets no padding; Linux, whose interface has none such,
/// would pad what is left of it when whole MTUs are taken off.
pub const OVERHEAD: Overhead = Overhead {
    front: FRONT_BYTES,
    alignment: ALIGNMENT,
    padded_most: TUNNEL_MTU,
    icv: TAG_BYTES,
    ..Overhead::NONE
};
const _: () = assert!(OVERHEAD.added_bytes(20) == 60 + 12 && OVERHEAD.added_bytes(64) == 60);
const _: () = assert!(OVERHEAD.added_bytes(1419) == 61 && OVERHEAD.added_bytes(1421) == 60);

/// Octets of the nonce ahead of the counter, all 0 (paper, 5.4.6).
const NONCE_ZEROS: usize = NONCE_BYTES - size_of::<u64>();
const _: () = assert!(NONCE_ZEROS == 4);

/// What both ends of one direction agree on: the outcome of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Key of the cipher.
    pub key: Vec<u8>,
    /// The receiver's name for the session.
    pub receiver: u32,
}

impl Keys {
    /// The keys of a set-up. Made from the seed; they protect nothing.
    pub fn seeded(setup: &Setup, key_bytes: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(setup.seed);
        let mut key = vec![0; key_bytes];
        rng.fill_bytes(&mut key);
        Self {
            key,
            receiver: rng.next_u32(),
        }
    }
}

const NONE: Case = Case {
    id: "wireguard/none",
    title: "WireGuard tunnel, framing only, no cipher",
    stages: stages!["encapsulate in WireGuard"],
    step_of: Some("forward"),
    step: "encapsulation",
    kind: Kind::Variant,
    overhead: OVERHEAD,
    make: open::<none::None>,
    ..FORWARD
};

const fn sealed<C: Aead + 'static>(id: &'static str, title: &'static str) -> Case {
    Case {
        id,
        title,
        stages: stages!["encapsulate in WireGuard", "seal"],
        step_of: Some(NONE.id),
        step: "encryption + integrity",
        algorithm: Some(C::ALGORITHM),
        library: Some(C::LIBRARY),
        hides: C::ENCRYPTS,
        make: open::<C>,
        ..NONE
    }
}

/// The one cipher that WireGuard has, by every library, and the framing without it.
pub(super) const CASES: [Case; 4] = [
    NONE,
    sealed::<ring::Ring<{ ring::CHACHA20 }>>(
        "wireguard/chacha20-poly1305@ring",
        "WireGuard tunnel, ChaCha20-Poly1305, ring",
    ),
    sealed::<aws_lc::AwsLc<{ aws_lc::CHACHA20 }>>(
        "wireguard/chacha20-poly1305@aws-lc",
        "WireGuard tunnel, ChaCha20-Poly1305, AWS-LC",
    ),
    sealed::<RustCrypto<chacha20poly1305::ChaCha20Poly1305>>(
        "wireguard/chacha20-poly1305@rustcrypto",
        "WireGuard tunnel, ChaCha20-Poly1305, RustCrypto",
    ),
];

fn open<C: Aead + 'static>(_: &Case, setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
    let keys = Keys::seeded(setup, C::KEY_BYTES);
    Ok(Box::new(WireGuard::<C>::new(setup, &keys, COUNTER_WINDOW)?))
}

/// A pair of gateways with a WireGuard tunnel between them.
pub struct WireGuard<C> {
    near: Forwarder,
    sealer: Sealer<C>,
    opener: Opener<C>,
    far: Forwarder,
}

impl<C: Aead> WireGuard<C> {
    /// Expands keys and builds tables; the clock starts later. `window` as in [`Opener::new`].
    pub fn new(setup: &Setup, keys: &Keys, window: u32) -> Result<Self, KeyLength> {
        Ok(Self {
            near: Forwarder::new(setup, Rules::Default),
            sealer: Sealer::new(setup, keys)?,
            opener: Opener::new(keys, window)?,
            far: Forwarder::new(setup, Rules::Default),
        })
    }
}

impl<C: Aead> PacketPath for WireGuard<C> {
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
    cipher: C,
    envelope: Envelope,
    jobs: Jobs,
}

impl<C: Aead> Sealer<C> {
    /// A sender at the beginning of its session.
    pub fn new(setup: &Setup, keys: &Keys) -> Result<Self, KeyLength> {
        Self::after(setup, keys, 0)
    }

    /// As if `messages` had been sent: the next counter, since the first is 0.
    pub fn after(setup: &Setup, keys: &Keys, messages: u64) -> Result<Self, KeyLength> {
        Ok(Self {
            cipher: C::new(&keys.key)?,
            envelope: Envelope {
                receiver: keys.receiver,
                counter: messages,
                outer: OuterWriter::new(UNDERLAY, setup.outer_mtu),
            },
            jobs: Jobs::new(),
        })
    }

    /// Encapsulates and seals what the burst still carries.
    pub fn seal(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.seal_chunk(chunk);
        }
    }

    #[inline(always)]
    fn seal_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self {
            cipher,
            envelope,
            jobs,
        } = self;
        let jobs = jobs.fill(chunk, |frame, at| envelope.encapsulate(frame, at));
        cipher.seal(chunk, jobs);
    }
}

/// What a sender puts around a packet, and what it counts.
struct Envelope {
    receiver: u32,
    /// Of the next message.
    counter: u64,
    outer: OuterWriter,
}

impl Envelope {
    /// All but the cipher's work: outer headers, header, padding, room for the tag.
    #[inline(always)]
    fn encapsulate(&mut self, frame: &mut Frame<'_>, at: u32) -> Result<Job, Reason> {
        let inner_bytes = frame.len();
        let inner = Inner::read(frame.bytes())?;
        if self.counter >= REJECT_AFTER_MESSAGES {
            return Err(Reason::SequenceExhausted);
        }
        let padding_bytes = OVERHEAD.padding_bytes(inner_bytes);
        let back = frame
            .push_back(padding_bytes + TAG_BYTES)
            .and_then(|back| back.first_chunk_mut::<ALIGNMENT>());
        // As much as there ever is of padding; the tag covers what is too much.
        *back.ok_or(Reason::NoRoom)? = [0; ALIGNMENT];
        let text_len = inner_bytes + padding_bytes;
        let total_bytes = FRONT_BYTES + text_len + TAG_BYTES;
        let front = frame.push_front(FRONT_BYTES).ok_or(Reason::NoRoom)?;
        let (outer, header) = front.split_at_mut(UNDERLAY.bytes());
        self.outer.write(outer, total_bytes, outside(inner))?;
        let header = header.first_chunk_mut().ok_or(Reason::NoRoom)?;
        // Nothing fails any more: only now the counter is used up.
        let counter = self.counter;
        self.counter = counter + 1;
        *header = wireguard::header(self.receiver, counter);
        frame.over_mtu |= self.outer.is_over_mtu(total_bytes);
        Ok(job(at, FRONT_BYTES, text_len, counter))
    }
}
const _: () = assert!(OVERHEAD.tailroom() < ALIGNMENT + TAG_BYTES && TAG_BYTES >= ALIGNMENT);

/// What an outer header shows of the inner packet: its ECN field and nothing else. Linux leaves
/// DSCP and DF 0, so that an outer packet may be fragmented.
#[inline(always)]
fn outside(inner: Inner) -> Inner {
    Inner {
        class: traffic_class::encapsulated_ecn(traffic_class::ecn(inner.class)),
        dont_fragment: false,
        ..inner
    }
}

/// The job of a packet; its tag stands right behind the text. No associated data.
#[inline(always)]
fn job(at: u32, text_start: usize, text_len: usize, counter: u64) -> Job {
    let mut nonce = [0; NONCE_BYTES];
    nonce[NONCE_ZEROS..].copy_from_slice(&counter.to_le_bytes());
    Job {
        frame: at,
        text_start: text_start as u32,
        text_len: text_len as u32,
        icv_start: (text_start + text_len) as u32,
        nonce,
        ..Job::default()
    }
}

/// The counter in a job's nonce.
#[inline(always)]
fn counter(job: &Job) -> u64 {
    let [_, _, _, _, counter @ ..] = job.nonce;
    u64::from_le_bytes(counter)
}

/// The receiver's half, ahead of the forwarding: verifies, opens and decapsulates.
pub struct Opener<C> {
    cipher: C,
    receiver: u32,
    /// Of counters and 1: its numbers begin there, counters at 0.
    window: ReplayWindow,
    jobs: Jobs,
}

impl<C: Aead> Opener<C> {
    /// A receiver at the beginning of its session, which takes counters that lie at most
    /// `window` behind the highest: [`COUNTER_WINDOW`] in Linux.
    pub fn new(keys: &Keys, window: u32) -> Result<Self, KeyLength> {
        Ok(Self {
            cipher: C::new(&keys.key)?,
            receiver: keys.receiver,
            // The highest itself is one of those that the window remembers.
            window: ReplayWindow::new(window.saturating_add(1)),
            jobs: Jobs::new(),
        })
    }

    /// Opens what the burst still carries: receiver index, counter, tag, and only then the
    /// window moves and anything inside is believed.
    pub fn open(&mut self, burst: &mut [Frame<'_>]) {
        for chunk in burst.chunks_mut(CHUNK) {
            self.open_chunk(chunk);
        }
    }

    #[inline(always)]
    fn open_chunk(&mut self, chunk: &mut [Frame<'_>]) {
        let Self {
            cipher,
            receiver,
            window,
            jobs,
        } = self;
        let jobs = jobs.fill(chunk, |frame, at| look(*receiver, window, frame, at));
        cipher.open(chunk, jobs);
        for job in jobs {
            let Some(frame) = chunk.get_mut(job.frame as usize).filter(|f| f.is_carried()) else {
                continue;
            };
            let taken = window.accept(counter(job) + 1);
            if let Err(reason) = taken.and_then(|()| decapsulate(frame, job)) {
                frame.drop_as(reason);
            }
        }
    }
}

/// Whether a packet is worth opening; changes nothing but its end, where the link padded it. The
/// text may have any length: not every sender pads.
#[inline(always)]
fn look(
    receiver: u32,
    window: &ReplayWindow,
    frame: &mut Frame<'_>,
    at: u32,
) -> Result<Job, Reason> {
    let outer = UNDERLAY.read(frame.bytes(), Reason::NotWireGuard)?;
    let link_padding = frame.len() - outer.total_bytes;
    if link_padding > 0 {
        frame.pull_back(link_padding);
    }
    let message = frame.bytes().get(outer.header_bytes..).unwrap_or_default();
    let Some((header, rest)) = message.split_first_chunk() else {
        return Err(Reason::Truncated);
    };
    let (named, counter) = wireguard::parse(*header)?;
    let text_len = rest.len().checked_sub(TAG_BYTES).ok_or(Reason::Truncated)?;
    if named != receiver {
        return Err(Reason::WrongReceiver);
    }
    if counter >= REJECT_AFTER_MESSAGES {
        return Err(Reason::SequenceExhausted);
    }
    window.check(counter + 1)?;
    let text_start = outer.header_bytes + HEADER_BYTES;
    Ok(job(at, text_start, text_len, counter))
}

/// Takes the inner packet out, as long as it says, and applies what the outer ECN field says.
#[inline(always)]
fn decapsulate(frame: &mut Frame<'_>, job: &Job) -> Result<(), Reason> {
    let packet = frame.bytes_mut();
    let (text_start, text_end) = (job.text_start as usize, job.icv_start as usize);
    let outer_class = traffic_class::get(packet).ok_or(Reason::MalformedHeader)?;
    let text = packet
        .get_mut(text_start..text_end)
        .ok_or(Reason::Truncated)?;
    if text.is_empty() {
        return Err(Reason::Keepalive);
    }
    let inner_bytes = wire::total_bytes(text).ok_or(Reason::MalformedHeader)?;
    let inner = text.get_mut(..inner_bytes).ok_or(Reason::MalformedHeader)?;
    traffic_class::leave_tunnel(outer_class, inner)?;
    frame.keep(text_start, inner_bytes);
    Ok(())
}
