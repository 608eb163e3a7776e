//! Many security associations at one gateway, and how the one of a packet is found: by the
//! destination when sending, by the SPI when receiving (RFC 4301, 4.4.1 and 4.1).
//!
//! Both tables are hash tables of fixed size with open addressing, at most half full.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fate::Reason;

/// Finds an SA by its SPI.
pub struct BySpi {
    slots: Box<[SpiSlot]>,
    mask: usize,
    entered: usize,
}

/// SPI 0 is never one (RFC 4303, 2.1) and marks a free slot.
#[derive(Clone, Copy, Default)]
struct SpiSlot {
    spi: u32,
    sa: u32,
}

impl BySpi {
    /// Room for so many SAs.
    pub fn new(sas: usize) -> Self {
        let slots = (2 * sas).next_power_of_two().max(2);
        Self {
            slots: vec![SpiSlot::default(); slots].into_boxed_slice(),
            mask: slots - 1,
            entered: 0,
        }
    }

    /// Gives an SA its SPI. False, and nothing is changed, where the SPI is 0 or another SA's,
    /// or the room is used up.
    pub fn enter(&mut self, spi: u32, sa: u32) -> bool {
        let at = self.place(spi);
        let is_full = 2 * (self.entered + 1) > self.slots.len();
        if spi == 0 || self.slots[at].spi == spi || is_full {
            return false;
        }
        self.slots[at] = SpiSlot { spi, sa };
        self.entered += 1;
        true
    }

    /// Which SA a packet with this SPI is for.
    #[inline(always)]
    pub fn find(&self, spi: u32) -> Result<u32, Reason> {
        let slot = self.slots[self.place(spi)];
        if spi != 0 && slot.spi == spi {
            Ok(slot.sa)
        } else {
            Err(Reason::WrongSpi)
        }
    }

    /// The slot of an SPI, or the free one where it would be.
    #[inline(always)]
    fn place(&self, spi: u32) -> usize {
        let mut at = (u64::from(spi).wrapping_mul(GOLDEN) >> 32) as usize & self.mask;
        while self.slots[at].spi != 0 && self.slots[at].spi != spi {
            at = (at + 1) & self.mask;
        }
        at
    }
}

/// 2^64 divided by the golden ratio: Knuth's multiplier (The Art of Computer Programming, 3,
/// 6.4).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which of so many SAs a destination gets: one of them, by a keyed hash.
#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    sas: u64,
    key: [u64; 2],
}

impl Assignment {
    /// For so many SAs, at least 1. The same seed deals them out in the same way.
    pub fn new(sas: usize, seed: u64) -> Self {
        Self {
            sas: sas.max(1) as u64,
            key: key(seed),
        }
    }

    /// The SA that a packet goes out by.
    pub fn sa_of(&self, packet: &[u8]) -> Result<u32, Reason> {
        let address = destination(packet).ok_or(Reason::MalformedHeader)?;
        Ok(self.sa_of_address(address))
    }

    fn sa_of_address(&self, address: u128) -> u32 {
        let hash = hash(address, self.key);
        ((u128::from(hash) * u128::from(self.sas)) >> 64) as u32
    }
}

/// Finds an SA by where a packet goes. A destination that has not been seen gets the one that the
/// assignment says, and keeps it, as a client keeps the address that its gateway gave it.
pub struct ByDestination {
    slots: Box<[Option<Destination>]>,
    mask: usize,
    entered: usize,
    assignment: Assignment,
    key: [u64; 2],
}

#[derive(Clone, Copy)]
struct Destination {
    address: u128,
    sa: u32,
}

impl ByDestination {
    /// For so many destinations, whose places the seed says.
    pub fn new(assignment: Assignment, destinations: usize, seed: u64) -> Self {
        let slots = (2 * destinations).next_power_of_two().max(2);
        Self {
            slots: vec![None; slots].into_boxed_slice(),
            mask: slots - 1,
            entered: 0,
            assignment,
            key: key(seed),
        }
    }

    /// Which SA a packet goes out by.
    #[inline(always)]
    pub fn find(&mut self, packet: &[u8]) -> Result<u32, Reason> {
        let address = destination(packet).ok_or(Reason::MalformedHeader)?;
        let mut at = hash(address, self.key) as usize & self.mask;
        while let Some(known) = self.slots[at] {
            if known.address == address {
                return Ok(known.sa);
            }
            at = (at + 1) & self.mask;
        }
        Ok(self.enter(at, address))
    }

    #[inline(never)]
    fn enter(&mut self, at: usize, address: u128) -> u32 {
        let sa = self.assignment.sa_of_address(address);
        // A full table remembers no more, and the assignment goes on to say the same.
        if 2 * self.entered < self.slots.len() {
            self.slots[at] = Some(Destination { address, sa });
            self.entered += 1;
        }
        sa
    }
}

fn key(seed: u64) -> [u64; 2] {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    [random.next_u64(), random.next_u64()]
}

#[inline(always)]
fn hash(address: u128, key: [u64; 2]) -> u64 {
    let (low, high) = (address as u64 ^ key[0], (address >> 64) as u64 ^ key[1]);
    let low = u128::from(low) * u128::from(GOLDEN);
    let high = u128::from(high) * u128::from(key[0] | 1);
    let product = low ^ high.rotate_left(32);
    let folded = product as u64 ^ (product >> 64) as u64;
    folded.wrapping_mul(GOLDEN) ^ (folded >> 29)
}

/// Destination address of an IP packet; an IPv4 address as IPv6 writes it
/// (RFC 4291, 2.5.5.2).
#[inline(always)]
fn destination(packet: &[u8]) -> Option<u128> {
    match packet.first()? >> 4 {
        4 => {
            let address = *packet.get(16..)?.first_chunk()?;
            Some(0xffff_0000_0000 | u128::from(u32::from_be_bytes(address)))
        }
        _ => Some(u128::from_be_bytes(*packet.get(24..)?.first_chunk()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_spi_finds_its_sa_and_no_other_does() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let spis: Vec<u32> = (0..5000).map(|_| random.next_u32() | 1).collect();
        let distinct: std::collections::BTreeSet<u32> = spis.iter().copied().collect();
        let spis: Vec<u32> = distinct.into_iter().collect();
        let mut table = BySpi::new(spis.len());
        for (sa, spi) in spis.iter().enumerate() {
            assert!(table.enter(*spi, sa as u32));
            assert!(!table.enter(*spi, 1), "another SA has it");
        }
        for (sa, spi) in spis.iter().enumerate() {
            assert_eq!(table.find(*spi), Ok(sa as u32));
            assert_eq!(table.find(spi & !1), Err(Reason::WrongSpi));
        }
        assert_eq!(table.find(0), Err(Reason::WrongSpi));
        assert!(!BySpi::new(3).enter(0, 1));
        let mut small = BySpi::new(1);
        assert!(
            small.enter(5, 0) && !small.enter(6, 1),
            "there is room for one"
        );
    }

    fn to(address: u32) -> Vec<u8> {
        let mut packet = vec![0; 20];
        packet[0] = 0x45;
        packet[16..].copy_from_slice(&address.to_be_bytes());
        packet
    }

    #[test]
    fn a_destination_keeps_its_sa_and_all_sas_are_used() {
        for room in [10, 100_000] {
            let assignment = Assignment::new(100, 3);
            let mut table = ByDestination::new(assignment, room, 4);
            let first: Vec<u32> = (0..10_000).map(|a| table.find(&to(a)).unwrap()).collect();
            let again: Vec<u32> = (0..10_000).map(|a| table.find(&to(a)).unwrap()).collect();
            assert_eq!(first, again);
            // Whatever the places, the SA is the one that the assignment says.
            let assigned: Vec<u32> = (0..10_000)
                .map(|a| assignment.sa_of(&to(a)).unwrap())
                .collect();
            assert_eq!(first, assigned);
            for sa in 0..100 {
                let packets = first.iter().filter(|found| **found == sa).count();
                assert!((50..170).contains(&packets), "{sa}: {packets}");
            }
            assert!(table.entered <= room.next_power_of_two());
        }
        let mut v6 = vec![0; 40];
        v6[0] = 0x60;
        let mut table = ByDestination::new(Assignment::new(100, 3), 10, 3);
        assert!(table.find(&v6).is_ok());
        assert_eq!(table.find(&v6[..30]), Err(Reason::MalformedHeader));
        assert_eq!(table.find(&[]), Err(Reason::MalformedHeader));
    }
}
