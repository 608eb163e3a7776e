//! Which packets of a capture belong to which SA of a file of keys, and which case opens them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use tunneltax_core::capture::Limits;
use tunneltax_core::fate::Reason;
use tunneltax_core::path::esp::shares_the_port;
use tunneltax_core::path::framing::{Framing, UDP_PORT};
use tunneltax_core::path::{Case, CaseError, GivenSa, Setup, receiving};
use tunneltax_core::sa::{Keys, Numbers};
use tunneltax_core::wire::{self, Fragment, esp, ipv4, ipv6, protocol, udp};

use crate::captures::{Survey, limits};
use crate::cli::{MTU, Selection};
use crate::esp_keys::{self, EspSa};
use crate::failure::Failure;

/// Reads a file of keys.
pub fn read_keys(file: &Path, verb: &str) -> Result<Vec<EspSa>, Failure> {
    let next = format!("correct it; `tunneltax {verb} --help` says what it holds");
    let text = std::fs::read_to_string(file)
        .map_err(|why| Failure::file("read", file, why, "check the file"))?;
    let sas = esp_keys::parse(&text);
    let sas = sas.map_err(|why| Failure::file("understand", file, why, &next))?;
    sas.iter().try_for_each(|sa| check(sa, file))?;
    Ok(sas)
}

/// Refuses an SA whose algorithm no case speaks, or whose key it does not take, whether or not a
/// packet of it will come.
fn check(sa: &EspSa, file: &Path) -> Result<(), Failure> {
    let opener = case_of(sa, framing(sa, false, false));
    let opener = opener.and_then(|case| Some((case, case.opener?)));
    let (case, open) = opener.ok_or_else(|| unknown(sa, file))?;
    match open(case, &Setup::default(), &given(sa)) {
        Ok(_) => Ok(()),
        Err(why) => Err(refused(sa, why, file)),
    }
}

/// What of a capture is read: a packet that is sealed was on a wire, whatever the MTU of the
/// network behind the gateway.
pub fn sealed_limits(selection: &Selection) -> Limits {
    Limits {
        ingress_mtu: MTU.1 as usize,
        ..limits(selection)
    }
}

/// An SA as a path is given it.
pub fn given(sa: &EspSa) -> GivenSa {
    GivenSa {
        keys: Keys {
            spi: sa.spi,
            key: sa.key.clone(),
            salt: sa.salt,
        },
        received: u64::from(sa.esn_high.unwrap_or(0)) << 32,
    }
}

/// What is said where nothing in a capture is of an SA.
pub fn nothing_of_these(survey: &Survey, file: &Path) -> Failure {
    Failure::Failed(format!(
        "no packet of {} belongs to an SA of {}; check SPIs and addresses",
        survey.file,
        file.display()
    ))
}

/// What is said where no case speaks an SA's algorithm; in which framing does not matter.
pub fn unknown(sa: &EspSa, file: &Path) -> Failure {
    Failure::Failed(format!(
        "SPI 0x{:08x} of {}: no case is esp/{}; `tunneltax list` shows them",
        sa.spi,
        file.display(),
        sa.algorithm
    ))
}

/// What is said where a cipher refuses an SA's key.
pub fn refused(sa: &EspSa, why: CaseError, file: &Path) -> Failure {
    let what = format!("SPI 0x{:08x}: {why}", sa.spi);
    Failure::file("use", file, what, "correct the key there")
}

/// What tells which SA a packet belongs to (RFC 4303, 3.4.2).
pub struct Outer {
    source: IpAddr,
    destination: IpAddr,
    /// ESP is in UDP.
    in_udp: bool,
    spi: u32,
}

impl Outer {
    /// Of a whole packet that carries ESP, or why it carries none: [`Reason::NatKeepalive`] and
    /// [`Reason::IkeMessage`] share its UDP port (RFC 3948, 2.2 and 2.3), anything else is
    /// [`Reason::NotEsp`].
    pub fn read(packet: &[u8]) -> Result<Self, Reason> {
        let ip = Ip::read(packet).ok_or(Reason::NotEsp)?;
        let (in_udp, esp) = match ip.protocol {
            protocol::ESP => (false, ip.behind),
            protocol::UDP => (true, behind_udp(ip.behind).ok_or(Reason::NotEsp)?),
            _ => return Err(Reason::NotEsp),
        };
        if in_udp {
            shares_the_port(esp)?;
        }
        let (spi, _) = esp::parse_header(*esp.first_chunk().ok_or(Reason::NotEsp)?);
        Ok(Outer {
            source: ip.source,
            destination: ip.destination,
            in_udp,
            spi,
        })
    }

    /// Whether a packet with these headers is of an SA.
    pub fn is_of(&self, sa: &EspSa) -> bool {
        let fits = |wanted: Option<IpAddr>, is| wanted.is_none_or(|wanted| wanted == is);
        self.spi == sa.spi && fits(sa.source, self.source) && fits(sa.destination, self.destination)
    }

    /// How a packet of an SA is framed: the headers say what is around it, the keys whether its
    /// number has an upper half.
    pub fn framing(&self, sa: &EspSa) -> Framing {
        framing(sa, self.destination.is_ipv6(), self.in_udp)
    }
}

/// An IP packet that is no fragment.
struct Ip<'p> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    /// What is behind its header, without what the link padded.
    behind: &'p [u8],
}

impl<'p> Ip<'p> {
    fn read(packet: &'p [u8]) -> Option<Self> {
        if wire::version(packet)? == 4 {
            let header = ipv4::Header::parse(packet).ok()?;
            let is_whole = header.fragment() == Fragment::Whole;
            is_whole.then_some(Self {
                source: Ipv4Addr::from(header.source).into(),
                destination: Ipv4Addr::from(header.destination).into(),
                protocol: header.protocol,
                behind: packet.get(header.header_bytes..header.total_bytes)?,
            })
        } else {
            let header = ipv6::Header::parse(packet).ok()?;
            Some(Self {
                source: Ipv6Addr::from(header.source).into(),
                destination: Ipv6Addr::from(header.destination).into(),
                protocol: header.next_header,
                behind: packet.get(ipv6::HEADER_BYTES..header.total_bytes)?,
            })
        }
    }
}

/// What is in a datagram to the port of ESP.
fn behind_udp(datagram: &[u8]) -> Option<&[u8]> {
    let (port, length) = udp::parse(*datagram.first_chunk()?);
    let payload = datagram.get(udp::HEADER_BYTES..length)?;
    (port == UDP_PORT).then_some(payload)
}

fn framing(sa: &EspSa, over_v6: bool, in_udp: bool) -> Framing {
    let framing = match (over_v6, in_udp) {
        (false, false) => Framing::PLAIN,
        (true, false) => Framing::OVER_V6,
        (false, true) => Framing::IN_UDP,
        (true, true) => Framing::IN_UDP_OVER_V6,
    };
    Framing {
        numbers: sa.esn_high.map_or(Numbers::Sent, |_| Numbers::Extended),
        ..framing
    }
}

/// The case that opens an SA's packets: of several libraries the first in the list, always.
pub fn case_of(sa: &EspSa, framing: Framing) -> Option<&'static Case> {
    let speaks =
        |case: &&Case| case.framing == framing && case.algorithm == Some(sa.algorithm.as_str());
    receiving().find(speaks)
}
