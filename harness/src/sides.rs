//! Which way the packets of a capture go, by what networks the near gateway has behind it.

use std::net::IpAddr;

use clap::ValueEnum;
use ipnet::IpNet;
use tunneltax_core::net::flow_id;
use tunneltax_reports::record;

/// The side whose packets are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// From the networks of --near to others: sealed at the near gateway, opened at the far one
    Near,
    /// From others to the networks of --near: sealed at the far gateway, opened at the near one
    Far,
}

impl From<Side> for record::Side {
    fn from(side: Side) -> Self {
        match side {
            Side::Near => Self::Near,
            Side::Far => Self::Far,
        }
    }
}

/// Reads a network: `10.0.0.0/8`, or one address.
pub fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| {
        "a network is written as 10.1.0.0/16 or 2001:db8::/48, one host as its address".to_owned()
    })
}

/// What is behind the near gateway, and which side is replayed.
#[derive(Clone, Debug, Default)]
pub struct Sides {
    near: Vec<IpNet>,
    only: Option<Side>,
}

impl Sides {
    /// All packets where `only` is none, or nothing is near.
    pub fn new(near: Vec<IpNet>, only: Option<Side>) -> Self {
        Self { near, only }
    }

    /// The side that a packet enters at: exactly one of its ends is near.
    fn of(&self, packet: &[u8]) -> Option<Side> {
        let (source, destination) = flow_id::addresses(packet)?;
        let is_near = |address: IpAddr| self.near.iter().any(|net| net.contains(&address));
        match (is_near(source), is_near(destination)) {
            (true, false) => Some(Side::Near),
            (false, true) => Some(Side::Far),
            _ => None,
        }
    }
}

/// Sides, while a capture is read: which packets are replayed, and how many there were of each.
pub struct SideCount<'a> {
    sides: &'a Sides,
    near: u64,
    far: u64,
    neither: u64,
}

impl<'a> SideCount<'a> {
    /// Nothing read yet.
    pub fn new(sides: &'a Sides) -> Self {
        Self {
            sides,
            near: 0,
            far: 0,
            neither: 0,
        }
    }

    /// Counts a packet; says whether it is replayed.
    pub fn takes(&mut self, packet: &[u8]) -> bool {
        if self.sides.near.is_empty() {
            return true;
        }
        let side = self.sides.of(packet);
        match side {
            Some(Side::Near) => self.near += 1,
            Some(Side::Far) => self.far += 1,
            None => self.neither += 1,
        }
        self.sides.only.is_none() || side == self.sides.only
    }

    /// Packets that were not taken: of the other side, and of neither.
    pub fn left_out(&self) -> [u64; 2] {
        match self.sides.only {
            None => [0, 0],
            Some(Side::Near) => [self.far, self.neither],
            Some(Side::Far) => [self.near, self.neither],
        }
    }

    /// Of so many packets those that go between the near networks and others: all of them where
    /// nothing is near.
    pub fn crossing(&self, packets: u64) -> u64 {
        if self.sides.near.is_empty() {
            packets
        } else {
            self.near + self.far
        }
    }

    /// As the record has it; nothing where nothing is near.
    pub fn to_record(&self) -> Option<record::Sides> {
        let sides = record::Sides {
            only: self.sides.only.map(record::Side::from),
            near: self.near,
            far: self.far,
            neither: self.neither,
        };
        (!self.sides.near.is_empty()).then_some(sides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
        let mut packet = vec![0; 20];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&source);
        packet[16..].copy_from_slice(&destination);
        packet
    }

    #[test]
    fn a_packet_enters_where_its_source_is() {
        let (inside, outside) = ([10, 1, 2, 3], [192, 0, 2, 1]);
        let packets = [
            packet(inside, outside),
            packet(outside, inside),
            packet(inside, inside),
            packet(outside, outside),
            vec![],
        ];
        let near = vec![network("10.1.0.0/16").unwrap()];
        let taken = |near: &[IpNet], only| {
            let sides = Sides::new(near.to_vec(), only);
            let mut count = SideCount::new(&sides);
            let taken: Vec<bool> = packets.iter().map(|p| count.takes(p)).collect();
            (taken, count.left_out(), count.to_record())
        };
        let (all, left, counts) = taken(&near, None);
        assert_eq!((all, left), (vec![true; 5], [0, 0]));
        let counts = counts.unwrap();
        assert_eq!((counts.near, counts.far, counts.neither), (1, 1, 3));
        let (near_only, left, _) = taken(&near, Some(Side::Near));
        assert_eq!(
            (near_only, left),
            (vec![true, false, false, false, false], [1, 3])
        );
        let (far_only, _, _) = taken(&near, Some(Side::Far));
        assert_eq!(far_only, [false, true, false, false, false]);
        assert_eq!(taken(&[], None).2, None);
    }

    #[test]
    fn a_network_is_a_prefix_or_an_address() {
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(
            network("2001:db8::/32").unwrap().to_string(),
            "2001:db8::/32"
        );
        for wrong in ["", "10.1.0.0/33", "10.1", "host", "10.1.0.0/"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }
}
