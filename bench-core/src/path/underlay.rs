//! What a tunnel's packets travel in: an outer IPv4 or IPv6 header, and a UDP header where the
//! tunnel asks for one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::fate::Reason;
use crate::wire::{Fragment, ipv4, ipv6, protocol, udp};

/// TTL and hop limit of outer headers: fresh, not the inner one's (RFC 4301, 5.1.2.1).
const OUTER_TTL: u8 = 64;

/// The near end of every tunnel, of the network that RFC 5737 keeps for documentation.
pub const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The far end.
pub const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// The near end over IPv6, of the network that RFC 3849 keeps for documentation.
pub const NEAR6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// The far end.
pub const FAR6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// Family of the outer header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Which headers stand around a tunnel's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Underlay {
    /// Of the outer header.
    pub family: Family,
    /// Protocol that the outer header names.
    pub protocol: u8,
    /// Source and destination port where that is UDP.
    pub ports: Option<(u16, u16)>,
}

impl Underlay {
    /// Right behind the IP header.
    pub const fn ip(family: Family, protocol: u8) -> Self {
        Self {
            family,
            protocol,
            ports: None,
        }
    }

    /// In UDP.
    pub const fn udp(family: Family, source: u16, destination: u16) -> Self {
        Self {
            family,
            protocol: protocol::UDP,
            ports: Some((source, destination)),
        }
    }

    /// Near and far end.
    pub fn ends(self) -> (IpAddr, IpAddr) {
        match self.family {
            Family::V4 => (NEAR.into(), FAR.into()),
            Family::V6 => (NEAR6.into(), FAR6.into()),
        }
    }

    /// Octets of the outer headers.
    pub const fn bytes(self) -> usize {
        let ip = match self.family {
            Family::V4 => ipv4::HEADER_BYTES,
            Family::V6 => ipv6::HEADER_BYTES,
        };
        let udp = match self.ports {
            Some(_) => udp::HEADER_BYTES,
            None => 0,
        };
        ip + udp
    }
}

/// What an outer header takes over from the inner packet.
#[derive(Clone, Copy)]
pub struct Inner {
    /// DSCP as it is (RFC 2983, 4.1) and ECN as it is (RFC 6040, 4.1), as one octet.
    pub class: u8,
    /// DF of an IPv4 packet; set over an IPv6 one, which routers do not fragment either.
    pub dont_fragment: bool,
    /// IPv4, or else IPv6.
    pub is_v4: bool,
}

impl Inner {
    /// Of a packet that the writer of the outer header never saw, since it was written to a
    /// socket as something else: class 0, and DF, with which Linux looks for the MTU of a path
    /// (ip(7), `IP_MTU_DISCOVER`).
    pub const UNSEEN: Self = Self {
        class: 0,
        dont_fragment: true,
        is_v4: true,
    };

    /// Reads the first octets of a packet that was forwarded, so that its header is right.
    #[inline(always)]
    pub fn read(packet: &[u8]) -> Result<Self, Reason> {
        let &[first, second, _, _, _, _, flags, ..] = packet else {
            return Err(Reason::MalformedHeader);
        };
        Ok(if first >> 4 == 4 {
            Self {
                class: second,
                dont_fragment: flags & 0x40 != 0,
                is_v4: true,
            }
        } else {
            Self {
                class: first << 4 | second >> 4,
                dont_fragment: true,
                is_v4: false,
            }
        })
    }
}

/// Writes outer headers.
pub struct OuterWriter {
    underlay: Underlay,
    v4: ipv4::OuterTemplate,
    v6: ipv6::OuterTemplate,
    outer_mtu: usize,
    clear_df: bool,
    /// Identification of the next packet that may be fragmented (RFC 6864, 4).
    identification: u16,
}

impl OuterWriter {
    /// Packets from the near to the far end; those longer than `outer_mtu` are over it.
    pub fn new(underlay: Underlay, outer_mtu: usize) -> Self {
        Self {
            underlay,
            v4: ipv4::OuterTemplate::new(NEAR, FAR, underlay.protocol, OUTER_TTL),
            v6: ipv6::OuterTemplate::new(NEAR6, FAR6, underlay.protocol, OUTER_TTL),
            outer_mtu,
            clear_df: false,
            identification: 1,
        }
    }

    /// The same, whose IPv4 headers have no DF where `clear` says so, whatever the inner packets
    /// have.
    #[must_use]
    pub fn clearing_df(self, clear: bool) -> Self {
        Self {
            clear_df: clear,
            ..self
        }
    }

    /// Whether an outer packet of this length does not fit the MTU.
    #[inline(always)]
    pub fn is_over_mtu(&self, total_bytes: usize) -> bool {
        total_bytes > self.outer_mtu
    }

    /// Writes the headers in front of a packet of `total_bytes` octets, themselves included,
    /// into exactly as many octets as [`Underlay::bytes`] says. [`Reason::NoRoom`], and nothing
    /// is written, where the packet is too long for a length field.
    #[inline(always)]
    pub fn write(
        &mut self,
        into: &mut [u8],
        total_bytes: usize,
        inner: Inner,
    ) -> Result<(), Reason> {
        let into = match self.underlay.family {
            Family::V4 => {
                let total_len = u16::try_from(total_bytes).map_err(|_| Reason::NoRoom)?;
                let (ip, rest) = into.split_first_chunk_mut().ok_or(Reason::NoRoom)?;
                let dont_fragment = inner.dont_fragment && !self.clear_df;
                let identification = self.identify(dont_fragment);
                let class = inner.class;
                self.v4
                    .emit(ip, total_len, class, identification, dont_fragment);
                rest
            }
            Family::V6 => {
                let payload_len = u16::try_from(total_bytes - ipv6::HEADER_BYTES);
                let payload_len = payload_len.map_err(|_| Reason::NoRoom)?;
                let (ip, rest) = into.split_first_chunk_mut().ok_or(Reason::NoRoom)?;
                self.v6.emit(ip, payload_len, inner.class);
                rest
            }
        };
        if let Some((source, destination)) = self.underlay.ports {
            let payload_bytes = total_bytes - self.underlay.bytes();
            let into = into.first_chunk_mut().ok_or(Reason::NoRoom)?;
            *into = udp::header(source, destination, payload_bytes).ok_or(Reason::NoRoom)?;
        }
        Ok(())
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

/// What a receiver keeps of the outer headers.
#[derive(Clone, Copy)]
pub struct Outer {
    /// Octets of all of them.
    pub header_bytes: usize,
    /// Octets of the packet, themselves included; the link may have padded it.
    pub total_bytes: usize,
}

impl Underlay {
    /// Reads and verifies outer headers. `not_ours` where they are not of this tunnel.
    #[inline(always)]
    pub fn read(self, packet: &[u8], not_ours: Reason) -> Result<Outer, Reason> {
        let outer = match self.family {
            Family::V4 => {
                let header = ipv4::Header::parse(packet)?;
                if header.protocol != self.protocol {
                    return Err(not_ours);
                }
                if header.fragment() != Fragment::Whole {
                    // Reassembly comes before the tunnel (RFC 4303, 3.4.1), where there is one.
                    return Err(Reason::FragmentOrphan);
                }
                Outer {
                    header_bytes: header.header_bytes,
                    total_bytes: header.total_bytes,
                }
            }
            Family::V6 => {
                let header = ipv6::Header::parse(packet)?;
                match header.next_header {
                    protocol::FRAGMENT => return Err(Reason::FragmentOrphan),
                    next if next != self.protocol => return Err(not_ours),
                    _ => {}
                }
                Outer {
                    header_bytes: ipv6::HEADER_BYTES,
                    total_bytes: header.total_bytes,
                }
            }
        };
        match self.ports {
            Some((_, port)) => read_udp(packet, outer, port, not_ours),
            None => Ok(outer),
        }
    }
}

#[inline(always)]
fn read_udp(packet: &[u8], outer: Outer, port: u16, not_ours: Reason) -> Result<Outer, Reason> {
    let header = packet
        .get(outer.header_bytes..outer.total_bytes)
        .and_then(|datagram| datagram.first_chunk())
        .ok_or(Reason::Truncated)?;
    let (destination, length) = udp::parse(*header);
    if destination != port {
        return Err(not_ours);
    }
    let end = outer.header_bytes + length;
    if length < udp::HEADER_BYTES || end > outer.total_bytes {
        return Err(Reason::MalformedHeader);
    }
    Ok(Outer {
        header_bytes: outer.header_bytes + udp::HEADER_BYTES,
        total_bytes: end,
    })
}
