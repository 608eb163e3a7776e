//! Proof of the work: one untimed walk over a workload, every packet compared with the
//! reference, every drop with its reason. A case that fails it has no result.

use crate::fate::{DropCounts, Fate, Reason};
use crate::frame::{Arena, Frame};
use crate::path::{Case, Setup};
use crate::workload::{Workload, came_out};

/// One walk over a workload, exact: what came in, what was sent, what was dropped.
#[derive(Clone, Default)]
pub struct Proof {
    /// Packets handed in.
    pub packets: u64,
    /// Bytes handed in.
    pub inner_bytes: u64,
    /// Packets that the near gateway sent.
    pub sent_packets: u64,
    /// Bytes of them, as they came in.
    pub sent_inner_bytes: u64,
    /// Bytes of them, as they were sent.
    pub wire_bytes: u64,
    /// Packets on the wire: one for each that was sent, or as many as it was cut into.
    pub wire_packets: u64,
    /// Packets on the wire that are fragments of what was sent.
    pub fragments: u64,
    /// Packets longer than the outer MTU when sent.
    pub over_mtu: u64,
    /// Dropped by the near or the far gateway.
    pub drops: DropCounts,
    /// Packets compared byte by byte with what must come out.
    pub verified: u64,
    /// By packet: came out at the far end.
    pub carried: Vec<bool>,
}

impl Proof {
    /// Packets that were dropped and answered.
    pub fn icmp_answers(&self) -> u64 {
        let drops = self.drops.iter();
        drops
            .filter(|(reason, _)| reason.is_answered())
            .map(|(_, count)| count)
            .sum()
    }

    /// Adds the counts of another walk to this one; which packets were carried stays as it is.
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.inner_bytes += other.inner_bytes;
        self.sent_packets += other.sent_packets;
        self.sent_inner_bytes += other.sent_inner_bytes;
        self.wire_bytes += other.wire_bytes;
        self.wire_packets += other.wire_packets;
        self.over_mtu += other.over_mtu;
        self.fragments += other.fragments;
        self.verified += other.verified;
        self.drops.merge(&other.drops);
    }
}

/// Packets of a workload whose sent form is searched for their payload.
const LEAK_CHECKED: u64 = 64;
/// Octets of payload that are searched for.
const LEAK_OCTETS: usize = 16;

/// Why a case has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disproof {
    /// It cannot be opened.
    #[error("{0}")]
    NotOpened(#[from] crate::path::CaseError),
    /// A packet is longer than the frames of the walk.
    #[error("packet {0} does not fit its frame")]
    DoesNotFit(u64),
    /// What was sent does not have the length that the case says.
    #[error("packet {0} was sent with another length than the case adds")]
    Length(u64),
    /// What was sent shows what is inside.
    #[error("packet {0} was sent with its payload in the clear")]
    Leaked(u64),
    /// The receiver takes what was not sent.
    #[error("a packet that was changed on its way was taken")]
    Forged,
    /// What came out is not what went in, forwarded.
    #[error("round trip wrong: packet {0} came out different")]
    Different(u64),
    /// The tunnel lost a packet that no gateway had a reason to drop.
    #[error("round trip wrong: packet {packet} was dropped as {}", reason.name())]
    Lost {
        /// Position in the workload, from 0.
        packet: u64,
        /// What the path said.
        reason: Reason,
    },
}

/// Opens a case afresh and walks over the whole workload once.
pub fn prove(case: &Case, setup: &Setup, workload: &Workload<'_>) -> Result<Proof, Disproof> {
    let mut path = case.open(setup)?;
    let burst = setup.burst.max(1);
    let mut arena = Arena::new(
        burst,
        case.overhead.headroom(),
        workload.longest(),
        case.overhead.tailroom(),
    );
    let mut frames = arena.frames();
    let mut proof = Proof::default();
    let packets: Vec<&[u8]> = workload.iter().collect();
    for packets in packets.chunks(burst) {
        let frames = &mut frames[..packets.len()];
        for (frame, packet) in frames.iter_mut().zip(packets) {
            if !frame.load(packet) {
                return Err(Disproof::DoesNotFit(proof.packets));
            }
        }
        path.send(frames);
        for (at, (frame, packet)) in frames.iter().zip(packets).enumerate() {
            if !frame.is_carried() {
                continue;
            }
            let at = proof.packets + at as u64;
            if frame.len() != packet.len() + case.overhead.added_to(packet) {
                return Err(Disproof::Length(at));
            }
            let leaked = || frame.wire_packets().any(|sent| leaks(packet, sent));
            if case.hides && at < LEAK_CHECKED && leaked() {
                return Err(Disproof::Leaked(at));
            }
            proof.sent_packets += 1;
            proof.sent_inner_bytes += packet.len() as u64;
            proof.wire_bytes += frame.len() as u64;
            let wire_packets = frame.wire_packets().count() as u64;
            proof.wire_packets += wire_packets;
            // A tunnel over TCP has segments.
            if wire_packets > 1 && case.overhead.segments.is_none() {
                proof.fragments += wire_packets;
            }
            proof.over_mtu += u64::from(frame.over_mtu);
        }
        path.receive(frames);
        for (frame, packet) in frames.iter().zip(packets) {
            let at = proof.packets;
            match frame.fate {
                Fate::Dropped(reason) if reason.is_forwarding() || reason.is_limit() => {
                    proof.drops.add(reason);
                }
                Fate::Dropped(reason) => return Err(Disproof::Lost { packet: at, reason }),
                Fate::Carried if came_out(frame, workload.expected(case.hops, at as usize)) => {
                    proof.verified += 1;
                }
                Fate::Carried => return Err(Disproof::Different(at)),
            }
            proof.packets += 1;
            proof.inner_bytes += packet.len() as u64;
            proof.carried.push(frame.is_carried());
        }
    }
    if case.library.is_some() && forgery_passes(case, setup, workload)? {
        return Err(Disproof::Forged);
    }
    Ok(proof)
}

/// Opens the far gateway of a case afresh and walks over a workload of packets that others sealed
/// ([`Workload::of_arrivals`]) once.
pub fn prove_received(
    case: &Case,
    setup: &Setup,
    workload: &Workload<'_>,
) -> Result<Proof, Disproof> {
    let whole = 0..workload.len();
    let inbox = workload.inbox(std::slice::from_ref(&whole));
    let mut path = case.receiver(setup, inbox)?;
    path.rewind(0);
    let burst = setup.burst.max(1);
    let mut arena = Arena::new(burst, 0, workload.longest(), 0);
    let mut frames = arena.frames();
    let mut proof = Proof::default();
    let form = |at: usize| match case.library {
        Some(_) => workload.sealed(at),
        None => workload.packet(at),
    };
    for start in (0..workload.len()).step_by(burst) {
        let positions = start..workload.len().min(start + burst);
        let frames = &mut frames[..positions.len()];
        for (frame, at) in frames.iter_mut().zip(positions.clone()) {
            if !frame.load(form(at)) {
                return Err(Disproof::DoesNotFit(at as u64));
            }
        }
        path.receive(frames);
        for (frame, at) in frames.iter().zip(positions) {
            proof.wire_bytes += form(at).len() as u64;
            proof.receive(frame, case.hops / 2, workload, at)?;
        }
    }
    if case.opener.is_some() && forgery_is_received(case, setup, workload)? {
        return Err(Disproof::Forged);
    }
    Ok(proof)
}

impl Proof {
    /// Counts what a far gateway alone made of a packet.
    fn receive(
        &mut self,
        frame: &Frame<'_>,
        hops: u8,
        workload: &Workload<'_>,
        at: usize,
    ) -> Result<(), Disproof> {
        let inner_bytes = workload.packet(at).len() as u64;
        self.packets += 1;
        self.inner_bytes += inner_bytes;
        self.sent_packets += 1;
        self.sent_inner_bytes += inner_bytes;
        self.wire_packets += 1;
        self.carried.push(frame.is_carried());
        let packet = at as u64;
        match frame.fate {
            Fate::Dropped(reason) if reason.is_forwarding() => self.drops.add(reason),
            Fate::Dropped(reason) => return Err(Disproof::Lost { packet, reason }),
            Fate::Carried if frame.bytes() == workload.expected(hops, at) => self.verified += 1,
            Fate::Carried => return Err(Disproof::Different(packet)),
        }
        Ok(())
    }
}

/// True where the first packet, changed at its end, is taken.
fn forgery_is_received(
    case: &Case,
    setup: &Setup,
    workload: &Workload<'_>,
) -> Result<bool, Disproof> {
    let inbox = workload.inbox(&[]);
    let mut path = case.receiver(setup, inbox)?;
    let mut arena = Arena::new(1, 0, workload.longest(), 0);
    let mut frames = arena.frames();
    if workload.is_empty() {
        return Ok(false);
    }
    frames[0].load(workload.sealed(0));
    let bytes = frames[0].bytes_mut();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    path.receive(&mut frames);
    Ok(frames[0].is_carried())
}

/// True where the end of the packet stands in what was sent, wherever: its last octets are
/// payload, which no gateway changes. Payload that is one octet repeated tells nothing.
fn leaks(packet: &[u8], sent: &[u8]) -> bool {
    let Some(end) = packet.last_chunk::<LEAK_OCTETS>() else {
        return false;
    };
    let telling = end.iter().any(|octet| octet != &end[0]);
    telling && sent.windows(LEAK_OCTETS).any(|window| window == end)
}

/// True where a packet that was changed at its end is taken.
fn forgery_passes(case: &Case, setup: &Setup, workload: &Workload<'_>) -> Result<bool, Disproof> {
    let mut path = case.open(setup)?;
    let mut arena = Arena::new(
        1,
        case.overhead.headroom(),
        workload.longest(),
        case.overhead.tailroom(),
    );
    let mut frames = arena.frames();
    for packet in workload.iter() {
        frames[0].load(packet);
        path.send(&mut frames);
        if frames[0].is_carried() {
            let first_bytes = frames[0].wire_packets().next().map_or(0, <[u8]>::len);
            forge(&mut frames[0].bytes_mut()[..first_bytes]);
            path.receive(&mut frames);
            return Ok(frames[0].is_carried());
        }
    }
    Ok(false)
}

/// Exchanges the last two words of a packet that differ: no checksum over it notices, so that
/// only the integrity check can. The very last octet, where it is a word's half, stays.
fn forge(packet: &mut [u8]) {
    let (words, _) = packet.as_chunks_mut::<2>();
    let differ = words.windows(2).rposition(|pair| pair[0] != pair[1]);
    if let Some(at) = differ {
        words.swap(at, at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::checksum::sum;

    #[test]
    fn a_forgery_keeps_the_checksum() {
        let mut packet = *b"abcdefgghhhh!";
        forge(&mut packet);
        assert_eq!(&packet, b"abcdefhhgghh!");
        let mut same = [7; 9];
        forge(&mut same);
        assert_eq!(same, [7; 9]);
        assert_eq!(sum(b"abcdefgghhhh!"), sum(&packet));
    }
}
