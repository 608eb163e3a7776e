//! Octets on the wire.

use aes_gcm::aead::{AeadInOut, KeyInit};
use tunneltax_core::fate::Reason;
use tunneltax_core::path::sstp::Version;

use super::packets::{A, A6, B, B6, udp4, udp6};
use super::{IV, KEY, OUTER, VERSIONS, octets, open, opener, seal, sealer};

/// A record as the RFCs say, by RustCrypto.
pub fn by_hand(version: Version, number: u64, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut text = content.to_vec();
    let mut header = match version {
        Version::Tls12 => vec![kind, 3, 3],
        Version::Tls13 => {
            text.push(kind);
            vec![23, 3, 3]
        }
    };
    let (mut nonce, mut aad) = (IV, vec![]);
    match version {
        Version::Tls12 => {
            header.extend((8 + text.len() as u16 + 16).to_be_bytes());
            nonce[4..].copy_from_slice(&number.to_be_bytes());
            aad.extend(number.to_be_bytes());
            aad.extend([kind, 3, 3]);
            aad.extend((text.len() as u16).to_be_bytes());
        }
        Version::Tls13 => {
            header.extend((text.len() as u16 + 16).to_be_bytes());
            for (octet, number) in nonce[4..].iter_mut().zip(number.to_be_bytes()) {
                *octet ^= number;
            }
            aad.clone_from(&header);
        }
    }
    let cipher = aes_gcm::Aes256Gcm::new(&KEY.into());
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &aad, text.as_mut_slice().into());
    let explicit = match version {
        Version::Tls12 => nonce[4..].to_vec(),
        Version::Tls13 => vec![],
    };
    [&header[..], &explicit, &text, &tag.unwrap()].concat()
}

/// An SSTP packet with a PPP frame (MS-SSTP, 2.2.3; RFC 1662, 3.1).
pub fn sstp(protocol: u16, inner: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x10, 0];
    packet.extend((8 + inner.len() as u16).to_be_bytes());
    packet.extend([0xff, 0x03]);
    packet.extend(protocol.to_be_bytes());
    packet.extend(inner);
    packet
}

#[test]
fn a_record_holds_an_sstp_packet_holds_a_ppp_frame() {
    let four = udp4((A, 5000), (B, 53), &[0x5a; 33]);
    let six = udp6((A6, 5000), (B6, 53), &[0x5a; 33]);
    let long = udp4((A, 5000), (B, 53), &[0x5a; 1472]);
    for version in VERSIONS {
        let mut sealer = sealer(version, &KEY, IV);
        let packets = [(&four, 0x0021), (&six, 0x0057), (&long, 0x0021)];
        for (number, (inner, protocol)) in (1..).zip(packets) {
            let sent = seal(&mut sealer, inner).unwrap();
            let record = by_hand(version, number, 23, &sstp(protocol, inner));
            assert_eq!(octets(&sent), record);
            assert_eq!(sent.len(), record.len().div_ceil(1460));
            let added = version.overhead().added_bytes(inner.len());
            assert_eq!(sent.concat().len(), inner.len() + added);
            assert_eq!(sent[0][20..24], [0xc0, 0, 1, 0xbb]);
        }
    }
}

#[test]
fn the_length_has_twelve_bits() {
    for version in VERSIONS {
        let (mut sealer, mut opener) = (sealer(version, &KEY, IV), opener(version, &KEY, IV));
        let mut inner = vec![0x45; 4088];
        assert_eq!(seal(&mut sealer, &inner), Err(Reason::TooLong));
        inner.pop();
        let sent = seal(&mut sealer, &inner).unwrap();
        let front = if version == Version::Tls12 { 13 } else { 5 };
        assert_eq!(
            octets(&sent).len(),
            front + 4095 + usize::from(front == 5) + 16
        );
        let (last, before) = sent.split_last().unwrap();
        for packet in before {
            assert_eq!(open(&mut opener, packet), Err(Reason::Held));
        }
        assert_eq!(open(&mut opener, last), Ok(inner));
    }
    assert_eq!(
        OUTER + 5 + 8 + 8 + 16,
        Version::Tls12.overhead().added_bytes(1)
    );
}

#[test]
fn the_last_number_is_the_last() {
    for version in VERSIONS {
        let last = u64::MAX - 1;
        let mut sealer = sealer(version, &KEY, IV).from_number(last);
        let mut opener = opener(version, &KEY, IV).from_number(last);
        let inner = udp4((A, 5000), (B, 53), &[0x5a; 33]);
        let sent = seal(&mut sealer, &inner).unwrap();
        assert_eq!(
            octets(&sent),
            by_hand(version, last, 23, &sstp(0x0021, &inner))
        );
        assert_eq!(seal(&mut sealer, &inner), Err(Reason::SequenceExhausted));
        assert_eq!(open(&mut opener, &sent[0]), Ok(inner));
    }
}
