//! What a receiver refuses, and why.

use tunneltax_core::fate::Reason;
use tunneltax_core::path::sstp::Version;

use super::packets::{A, A6, B, B6, udp4, udp6};
use super::wire::{by_hand, sstp};
use super::{IV, KEY, VERSIONS, octets, open, opener, seal, sealer, segment};

fn inner() -> Vec<u8> {
    udp4((A, 5000), (B, 53), &[0x5a; 33])
}

#[test]
fn a_bit_turned_in_any_octet_of_a_record() {
    for version in VERSIONS {
        let first = octets(&seal(&mut sealer(version, &KEY, IV), &inner()).unwrap());
        let next = by_hand(version, 2, 23, &sstp(0x0021, &inner()));
        for at in 0..first.len() {
            let mut opener = opener(version, &KEY, IV);
            let mut sequence = 1000;
            let mut wrong = first.clone();
            wrong[at] ^= 1;
            let reason = match at {
                // Type 22, a version that is none, and a length that the segment has not.
                0 => Reason::ControlMessage,
                3 => Reason::Held,
                4 if first[4] & 1 == 0 => Reason::Held,
                1 | 2 | 4 => Reason::BadRecord,
                _ => Reason::BadIcv,
            };
            let refused = open(&mut opener, &segment(&mut sequence, &wrong));
            assert_eq!(refused, Err(reason), "{version:?} {at}");
            // A record that did not open has used up its number.
            if reason == Reason::BadIcv {
                assert_eq!(
                    open(&mut opener, &segment(&mut sequence, &next)),
                    Ok(inner())
                );
            }
        }
    }
}

#[test]
fn records_of_another_number() {
    for version in VERSIONS {
        let mut opener = opener(version, &KEY, IV);
        let mut sequence = 1000;
        // The first is lost to whoever can cut a stream; the second is not the next one.
        let second = by_hand(version, 2, 23, &sstp(0x0021, &inner()));
        assert_eq!(
            open(&mut opener, &segment(&mut sequence, &second)),
            Err(Reason::BadIcv)
        );
        assert_eq!(
            open(&mut opener, &segment(&mut sequence, &second)),
            Ok(inner())
        );
        // Played again, it would have to be the third.
        assert_eq!(
            open(&mut opener, &segment(&mut sequence, &second)),
            Err(Reason::BadIcv)
        );
    }
}

#[test]
fn truncated_to_every_length() {
    for version in VERSIONS {
        let front = if version == Version::Tls12 { 8 } else { 0 };
        let record = by_hand(version, 1, 23, &sstp(0x0021, &inner()));
        for length in 1..record.len() - 5 {
            let mut opener = opener(version, &KEY, IV);
            let mut sequence = 1000;
            let mut cut = record[..5 + length].to_vec();
            assert_eq!(
                open(&mut opener, &segment(&mut sequence, &cut)),
                Err(Reason::Held)
            );
            // With a length that agrees.
            let (mut opener, mut sequence) = (super::opener(version, &KEY, IV), 1000);
            cut[3..5].copy_from_slice(&(length as u16).to_be_bytes());
            let reason = if length <= front + 16 {
                Reason::Truncated
            } else {
                Reason::BadIcv
            };
            assert_eq!(
                open(&mut opener, &segment(&mut sequence, &cut)),
                Err(reason),
                "{length}"
            );
        }
        let (mut opener, mut sequence) = (opener(version, &KEY, IV), 1000);
        for length in [0_u16, (1 << 14) + 2049] {
            let mut wrong = record.clone();
            wrong[3..5].copy_from_slice(&length.to_be_bytes());
            let refused = open(&mut opener, &segment(&mut sequence, &wrong));
            assert_eq!(refused, Err(Reason::BadRecord));
        }
    }
}

/// Sealed with the right key: what is inside decides.
#[test]
fn what_is_no_packet_inside() {
    let six = udp6((A6, 5000), (B6, 53), &[0x5a; 33]);
    let changed = |at: usize, to: u8| {
        let mut packet = sstp(0x0021, &inner());
        packet[at] = to;
        packet
    };
    let contents = [
        (
            sstp(0xc021, &[9, 1, 0, 8, 0, 0, 0, 0]),
            Reason::ControlMessage,
        ),
        (sstp(0x8021, &[1, 1, 0, 4]), Reason::ControlMessage),
        (sstp(0x002d, &inner()), Reason::BadNextHeader),
        (sstp(0x0057, &inner()), Reason::MalformedHeader),
        (sstp(0x0021, &six), Reason::MalformedHeader),
        (sstp(0x0021, &[]), Reason::MalformedHeader),
        (changed(0, 0x11), Reason::BadRecord),
        (changed(1, 0x01), Reason::ControlMessage),
        (changed(3, 0), Reason::BadRecord),
        (changed(4, 0x21), Reason::BadRecord),
        (changed(5, 0x13), Reason::BadRecord),
        (
            [&sstp(0x0021, &inner())[..], &[0x10]].concat(),
            Reason::BadRecord,
        ),
        (vec![0x10, 0, 0, 7, 0xff, 3, 0], Reason::Truncated),
    ];
    for version in VERSIONS {
        let (mut opener, mut sequence) = (opener(version, &KEY, IV), 1000);
        for (number, (content, reason)) in (1..).zip(&contents) {
            let record = by_hand(version, number, 23, content);
            let refused = open(&mut opener, &segment(&mut sequence, &record));
            assert_eq!(refused, Err(*reason), "{version:?} {content:02x?}");
        }
        // Reserved bits are ignored (MS-SSTP, 2.2.3).
        let mut reserved = sstp(0x0057, &six);
        reserved[1] = 0xfe;
        reserved[2] |= 0xf0;
        let record = by_hand(version, contents.len() as u64 + 1, 23, &reserved);
        assert_eq!(
            open(&mut opener, &segment(&mut sequence, &record)),
            Ok(six.clone())
        );
    }
}

/// TLS 1.3 says inside what a record is, and may pad it (RFC 8446, 5.2 and 5.4).
#[test]
fn the_content_type_inside() {
    let (mut opener, mut sequence) = (opener(Version::Tls13, &KEY, IV), 1000);
    let packet = sstp(0x0021, &inner());
    let padded = [&packet[..], &[23, 0, 0, 0]].concat();
    let mut receive = |record: Vec<u8>| open(&mut opener, &segment(&mut sequence, &record));
    assert_eq!(receive(by_hand(Version::Tls13, 1, 0, &padded)), Ok(inner()));
    let ticket = by_hand(Version::Tls13, 2, 22, &[4, 0, 0, 0]);
    assert_eq!(receive(ticket), Err(Reason::ControlMessage));
    let zeros = by_hand(Version::Tls13, 3, 0, &[0; 40]);
    assert_eq!(receive(zeros), Err(Reason::BadRecord));
    // Not protected at all, for old middleboxes (RFC 8446, 5): it has no number.
    assert_eq!(
        receive(vec![20, 3, 3, 0, 1, 1]),
        Err(Reason::ControlMessage)
    );
    assert_eq!(
        receive(by_hand(Version::Tls13, 4, 23, &packet)),
        Ok(inner())
    );
}

#[test]
fn another_key_or_iv() {
    for version in VERSIONS {
        let sent = seal(&mut sealer(version, &KEY, IV), &inner()).unwrap();
        let (mut key, mut iv) = (KEY, IV);
        key[31] ^= 1;
        iv[3] ^= 1;
        assert_eq!(
            open(&mut opener(version, &key, IV), &sent[0]),
            Err(Reason::BadIcv)
        );
        assert_eq!(
            open(&mut opener(version, &KEY, iv), &sent[0]),
            Err(Reason::BadIcv)
        );
        assert_eq!(open(&mut opener(version, &KEY, IV), &sent[0]), Ok(inner()));
    }
}
