//! What the sender writes around a packet, octet by octet.

use etherparse::Ipv4HeaderSlice;
use tunneltax_core::cipher::aws_lc::{self, AwsLc};
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::cipher::rust_crypto::RustCrypto;
use tunneltax_core::cipher::{Aead, none};
use tunneltax_core::fate::Reason;
use tunneltax_core::path::wireguard::{Keys, Sealer};
use tunneltax_core::path::{Setup, reference};
use tunneltax_core::wire::wireguard::REJECT_AFTER_MESSAGES;

use crate::packets::{A, A6, B, B6, ip4, ip6, udp4, udp6};
use crate::tunnel::{Ends, FRONT, TAG, in_frame, message, sealed, tunnel_cases};

/// UDP over IPv4 with DSCP 46, ECT(0) and DF, 36 octets.
const INNER: &str = "45ba002412344000401154260a010203c0a80709\
    13880035001000007175657374696f6e";
/// IPv4 with ECT(0), identification 1 and no DF; UDP with checksum 0.
const OUTER: &str = "4502006c000100004011f67ac0000201c0000202\
    ca6cca6c00580000";
/// Type, receiver index and counter.
const HEADER: &str = "040000007856341208070605\
    04030201";
/// The inner packet and 12 octets of 0 under the key 0, 1, … 31, and the tag: by pyca/cryptography.
const SEALED: &str = "b5f3adc0b90daa1824ba7eea797963bb20aef5cd9bcc45ab5725a75d9877c2ae\
    2d156fd3d23209f9103466f0c260e0661c75e084c1e2b28ea1d4c2a498443a90";
const COUNTER: u64 = 0x0102_0304_0506_0708;

fn keys() -> Keys {
    Keys {
        key: (0..32).collect(),
        receiver: 0x1234_5678,
    }
}

fn octets(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

fn sent<C: Aead>(counter: u64, packet: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut sealer = Sealer::<C>::after(&Setup::default(), &keys(), counter).unwrap();
    in_frame(packet, |burst| sealer.seal(burst))
}

#[test]
fn a_packet_octet_by_octet() {
    let front = [OUTER, HEADER].concat();
    let expected = Ok(octets(&[&front, SEALED].concat()));
    let inner = octets(INNER);
    assert_eq!(sent::<Ring<{ ring::CHACHA20 }>>(COUNTER, &inner), expected);
    assert_eq!(
        sent::<AwsLc<{ aws_lc::CHACHA20 }>>(COUNTER, &inner),
        expected
    );
    let rust_crypto = sent::<RustCrypto<chacha20poly1305::ChaCha20Poly1305>>(COUNTER, &inner);
    assert_eq!(rust_crypto, expected);
    // Without a cipher: the text as it is, and a tag of zeros.
    let open = [octets(&front), inner.clone(), vec![0; 12 + TAG]].concat();
    assert_eq!(sent::<none::None>(COUNTER, &inner), Ok(open));
}

/// Counters begin at 0 and rise by 1; a packet that is not sent uses none up.
#[test]
fn counters_count() {
    let case = tunneltax_core::path::find("wireguard/none").unwrap();
    let mut ends = Ends::new(case);
    let right = udp4((A, 1), (B, 2), b"data");
    let mut expired = right.clone();
    expired[8] = 1;
    crate::packets::fix_checksum(&mut expired);
    for counter in 0..300_u64 {
        assert_eq!(ends.send(&expired), Err(Reason::TtlExpired));
        let sent = ends.send(&right).unwrap();
        let header = message(ends.keys.receiver, counter, &[]);
        assert_eq!(sent[FRONT - 16..FRONT], header);
    }
}

#[test]
fn counters_end() {
    let inner = udp4((A, 1), (B, 2), b"data");
    let last = REJECT_AFTER_MESSAGES - 1;
    let mut sealer =
        Sealer::<Ring<{ ring::CHACHA20 }>>::after(&Setup::default(), &keys(), last).unwrap();
    let sent = in_frame(&inner, |burst| sealer.seal(burst)).unwrap();
    assert_eq!(sent[FRONT - 8..FRONT], last.to_le_bytes());
    for _ in 0..3 {
        let next = in_frame(&inner, |burst| sealer.seal(burst));
        assert_eq!(next, Err(Reason::SequenceExhausted));
    }
}

/// Zeros up to the next multiple of 16, and not beyond the tunnel's MTU: said by a table and
/// seen through the case without a cipher.
#[test]
fn padding_of_every_size() {
    let case = tunneltax_core::path::find("wireguard/none").unwrap();
    let mut ends = Ends::new(case);
    let four = (20..=1500).map(|bytes| ip4(253, &[], &vec![0xa5; bytes - 20], |_| ()));
    let six = (40..=1500).map(|bytes| ip6(59, &vec![0xa5; bytes - 40]));
    for packet in four.chain(six) {
        let padded = match packet.len() {
            bytes @ ..=1408 => bytes.next_multiple_of(16),
            1409..=1420 => 1420,
            bytes => bytes,
        };
        let sent = ends.send(&packet).unwrap();
        let mut text = reference(1, &packet).unwrap();
        text.resize(padded, 0);
        assert_eq!(sent[FRONT..sent.len() - TAG], text);
        assert_eq!(sent.len(), 60 + padded);
    }
}

/// The tag is that of an independent sealing, whatever the size.
#[test]
fn every_case_seals_as_the_cipher_says() {
    for case in crate::tunnel::sealed_cases() {
        let mut ends = Ends::new(case);
        for (counter, bytes) in (0..1400).step_by(13).enumerate() {
            let packet = udp6((A6, 1), (B6, 2), &vec![0x3c; bytes]);
            let sent = ends.send(&packet).unwrap();
            let mut text = reference(1, &packet).unwrap();
            text.resize(text.len().next_multiple_of(16).min(1420), 0);
            if packet.len() <= 1420 {
                let expected = sealed(&ends.keys, counter as u64, &text);
                assert_eq!(sent[FRONT..], expected, "{} {bytes}", case.id);
            }
        }
    }
}

/// Nothing of the inner packet but ECN is outside: no DSCP, no DF, no TTL.
#[test]
fn the_outer_header_is_fresh() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let atomic = ip4(253, &[], &[1; 30], |h| {
            h.dont_fragment = true;
            h.dscp = 46.try_into().unwrap();
            h.time_to_live = 9;
        });
        let mut identifications = vec![];
        for _ in 0..40 {
            let sent = ends.send(&atomic).unwrap();
            let header = Ipv4HeaderSlice::from_slice(&sent).unwrap().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            assert_eq!(usize::from(header.total_len), sent.len());
            assert_eq!((header.time_to_live, header.protocol.0), (64, 17));
            assert_eq!((header.dscp.value(), header.dont_fragment), (0, false));
            assert_eq!(sent[20..24], [0xca, 0x6c, 0xca, 0x6c]);
            identifications.push(header.identification);
        }
        // Not atomic, so that no two may be the same (RFC 6864, 4.2).
        assert!(identifications.iter().copied().eq(1..=40), "{}", case.id);
    }
}
