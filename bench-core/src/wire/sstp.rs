//! SSTP data packets (MS-SSTP, 2.2.3) and the PPP frame in them (RFC 1661, 2): four octets each.
//!
//! The frame has no flags, no escapes and no FCS: SSTP keeps packets apart and TLS keeps them
//! whole. Address and control field are there and the protocol has two octets (RFC 1662, 3.1),
//! since ends leave them out only where LCP agreed on it (RFC 1661, 6.5 and 6.6): accel-ppp takes
//! a frame from the kernel as it is, with both, and SoftEther always writes them.

use crate::fate::Reason;

/// Octets of the SSTP header and the PPP header.
pub const HEADER_BYTES: usize = SSTP_BYTES + PPP_BYTES;
/// Longest packet: the length has 12 bits and counts both headers (MS-SSTP, 2.2.3).
pub const LONGEST_BYTES: usize = LENGTH_MAX as usize - HEADER_BYTES;
const _: () = assert!(LONGEST_BYTES == 4087);

const SSTP_BYTES: usize = 4;
const PPP_BYTES: usize = 4;
const LENGTH_MAX: u16 = 0x0fff;
/// Major 1, minor 0.
const VERSION: u8 = 0x10;
/// Bit C: a control packet. The other seven are reserved and ignored.
const CONTROL: u8 = 0x01;
/// All stations, unnumbered information (RFC 1662, 3.1).
const ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];
/// Protocols from here on configure the link (RFC 1661, 2).
const FIRST_OF_CONTROL: u16 = 0x8000;
/// Internet Protocol (RFC 1332, 3).
const IPV4: u16 = 0x0021;
/// Internet Protocol version 6 (RFC 5072, 3).
const IPV6: u16 = 0x0057;

/// Both headers in front of a packet of at most [`LONGEST_BYTES`] octets.
#[inline(always)]
pub const fn header(inner_bytes: usize, is_v4: bool) -> [u8; HEADER_BYTES] {
    let [l0, l1] = ((HEADER_BYTES + inner_bytes) as u16 & LENGTH_MAX).to_be_bytes();
    let [p0, p1] = if is_v4 { IPV4 } else { IPV6 }.to_be_bytes();
    let [a, c] = ADDRESS_CONTROL;
    [VERSION, 0, l0, l1, a, c, p0, p1]
}

/// IP version of the packet in an SSTP packet: of all octets of a record.
#[inline(always)]
pub fn parse(packet: &[u8]) -> Result<u8, Reason> {
    let header = packet.first_chunk::<HEADER_BYTES>();
    let [version, flags, l0, l1, a, c, p0, p1] = *header.ok_or(Reason::Truncated)?;
    let length = usize::from(u16::from_be_bytes([l0, l1]) & LENGTH_MAX);
    if version != VERSION || length != packet.len() {
        return Err(Reason::BadRecord);
    }
    if flags & CONTROL != 0 {
        return Err(Reason::ControlMessage);
    }
    if [a, c] != ADDRESS_CONTROL {
        return Err(Reason::BadRecord);
    }
    match u16::from_be_bytes([p0, p1]) {
        IPV4 => Ok(4),
        IPV6 => Ok(6),
        FIRST_OF_CONTROL.. => Err(Reason::ControlMessage),
        _ => Err(Reason::BadNextHeader),
    }
}
