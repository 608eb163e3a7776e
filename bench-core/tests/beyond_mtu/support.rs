//! Both ends of a case, and packets as they are on the wire.

use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::{Case, PacketPath, Setup, cases};

use crate::packets::{A, B, fix_checksum, udp4};

/// Cases that treat what does not fit in this way.
pub fn cases_with(how: &str) -> Vec<&'static Case> {
    let with = |case: &&Case| {
        let path = case.id.split('/').next().unwrap();
        path.split_once('+').is_some_and(|(_, this)| this == how)
    };
    let found: Vec<&Case> = cases().filter(with).collect();
    assert_eq!(found.len(), 14, "{how}");
    found
}

pub struct Ends {
    pub case: &'static Case,
    path: Box<dyn PacketPath>,
}

/// The packets on the wire, or why there are none; an answer is in the second part.
pub type Sent = Result<Vec<Vec<u8>>, (Reason, Vec<u8>)>;

impl Ends {
    pub fn new(case: &'static Case) -> Self {
        Self {
            case,
            path: case.open(&Setup::default()).unwrap(),
        }
    }

    fn in_frame<R>(
        &mut self,
        packet: &[u8],
        walk: impl FnOnce(&mut Self, &mut [Frame<'_>]) -> R,
    ) -> R {
        let overhead = self.case.overhead;
        let mut arena = Arena::new(1, overhead.headroom(), packet.len(), overhead.tailroom());
        let mut burst = arena.frames();
        assert!(burst[0].load(packet));
        walk(self, &mut burst)
    }

    pub fn send(&mut self, packet: &[u8]) -> Sent {
        self.in_frame(packet, |ends, burst| {
            ends.path.send(burst);
            match burst[0].fate {
                Fate::Carried => Ok(burst[0].wire_packets().map(<[u8]>::to_vec).collect()),
                Fate::Dropped(reason) => Err((reason, burst[0].bytes().to_vec())),
            }
        })
    }

    /// One packet of the wire in a frame with room for a datagram.
    pub fn receive(&mut self, packet: &[u8]) -> Result<Vec<u8>, Reason> {
        let mut arena = Arena::new(1, 0, 70_000, 0);
        let mut burst = arena.frames();
        assert!(burst[0].load(packet));
        self.path.receive(&mut burst);
        match burst[0].fate {
            Fate::Carried => Ok(burst[0].bytes().to_vec()),
            Fate::Dropped(reason) => Err(reason),
        }
    }

    /// Sends and receives in one frame; what comes out, packet by packet.
    pub fn through(&mut self, packet: &[u8]) -> Vec<Vec<u8>> {
        self.in_frame(packet, |ends, burst| {
            ends.path.send(burst);
            ends.path.receive(burst);
            assert_eq!(burst[0].fate, Fate::Carried, "{}", ends.case.id);
            burst[0].wire_packets().map(<[u8]>::to_vec).collect()
        })
    }
}

/// UDP without DF, identification 0x1234, of this total length.
pub fn without_df(bytes: usize) -> Vec<u8> {
    let payload: Vec<u8> = (0..bytes - 28).map(|at| (at % 251) as u8).collect();
    let mut packet = udp4((A, 5000), (B, 53), &payload);
    packet[4..8].copy_from_slice(&[0x12, 0x34, 0, 0]);
    fix_checksum(&mut packet);
    packet
}

/// The sum of RFC 1071, written as there: 0xffff over what has its checksum in place.
pub fn sum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2);
    let mut sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | word.get(1).copied().map_or(0, u32::from))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
