//! Which packets of a capture belong to which SA of a file of keys, and which case opens them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use tunneltax_core::capture::Limits;
use tunneltax_core::path::framing::UDP_PORT;
use tunneltax_core::path::{Case, CaseError, GivenSa, Setup, cases};
use tunneltax_core::sa::Keys;
use tunneltax_core::wire::{self, Fragment, esp, ipv4, ipv6, protocol, udp};

use crate::captures::Survey;
use crate::cli::{MTU, Selection};
use crate::cmd::run::limits;
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
    let any = |v6: bool, in_udp| Outer {
        source: unspecified(v6),
        destination: unspecified(v6),
        in_udp,
        spi: sa.spi,
    };
    let families = match sa.destination.or(sa.source) {
        Some(end) => vec![end.is_ipv6()],
        None => vec![false, true],
    };
    let outers = families
        .iter()
        .flat_map(|v6| [any(*v6, false), any(*v6, true)]);
    let speaks = |outer: Outer| {
        let case = case_of(sa, &outer)?;
        Some((case, case.opener?))
    };
    let Some((case, open)) = outers.into_iter().find_map(speaks) else {
        return Err(unknown(sa, &any(families[0], false), file));
    };
    match open(case, &Setup::default(), &given(sa)) {
        Ok(_) => Ok(()),
        Err(why) => Err(refused(sa, why, file)),
    }
}

fn unspecified(v6: bool) -> IpAddr {
    if v6 {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
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

/// What is said where no case speaks an SA's algorithm.
pub fn unknown(sa: &EspSa, outer: &Outer, file: &Path) -> Failure {
    Failure::Failed(format!(
        "SPI 0x{:08x} of {}: no case is {}; `tunneltax list` shows them",
        sa.spi,
        file.display(),
        id_of(sa, outer)
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
    pub in_udp: bool,
    spi: u32,
}

impl Outer {
    /// Of a whole packet that carries ESP.
    pub fn read(packet: &[u8]) -> Option<Self> {
        let (ends, protocol, header_bytes): ([IpAddr; 2], u8, usize);
        if wire::version(packet)? == 4 {
            let header = ipv4::Header::parse(packet).ok()?;
            if header.fragment() != Fragment::Whole {
                return None;
            }
            ends = [header.source, header.destination].map(|end| Ipv4Addr::from(end).into());
            (protocol, header_bytes) = (header.protocol, header.header_bytes);
        } else {
            let header = ipv6::Header::parse(packet).ok()?;
            ends = [header.source, header.destination].map(|end| Ipv6Addr::from(end).into());
            (protocol, header_bytes) = (header.next_header, ipv6::HEADER_BYTES);
        }
        let behind = packet.get(header_bytes..)?;
        let (in_udp, behind) = match protocol {
            protocol::ESP => (false, behind),
            protocol::UDP => {
                let (header, rest) = behind.split_first_chunk()?;
                let (port, _) = udp::parse(*header);
                (port == UDP_PORT).then_some((true, rest))?
            }
            _ => return None,
        };
        let (spi, _) = esp::parse_header(*behind.first_chunk()?);
        Some(Outer {
            source: ends[0],
            destination: ends[1],
            in_udp,
            spi,
        })
    }

    /// Whether a packet with these headers is of an SA.
    pub fn is_of(&self, sa: &EspSa) -> bool {
        let fits = |wanted: Option<IpAddr>, is| wanted.is_none_or(|wanted| wanted == is);
        self.spi == sa.spi && fits(sa.source, self.source) && fits(sa.destination, self.destination)
    }
}

/// The id of the case that opens an SA's packets, without its library.
pub fn id_of(sa: &EspSa, outer: &Outer) -> String {
    let family = if outer.destination.is_ipv6() { "6" } else { "" };
    let udp = if outer.in_udp { "-udp" } else { "" };
    let extended = sa.esn_high.map_or("", |_| "+esn");
    format!("esp{family}{udp}{extended}/{}", sa.algorithm)
}

/// The case of an SA: of several libraries the first in the list, always.
pub fn case_of(sa: &EspSa, outer: &Outer) -> Option<&'static Case> {
    let id = id_of(sa, outer) + "@";
    cases().find(|case| case.id.starts_with(&id))
}
