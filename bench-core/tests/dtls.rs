//! DTLS 1.2: records of OpenSSL, octets on the wire, and what is refused.

mod packets;

use aes_gcm::aead::{AeadInOut, KeyInit};
use packets::{A, A6, B, B6, fix_checksum, udp4, udp6};
use serde::Deserialize;
use tunneltax_core::cipher::Cipher;
use tunneltax_core::cipher::aws_lc::{self, AwsLc};
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::cipher::rust_crypto::RustCrypto;
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::Setup;
use tunneltax_core::path::dtls::{Dtls, OVER_UDP, OVERHEAD};
use tunneltax_core::path::records::{Opener, Sealer};

type Gcm = Ring<{ ring::AES_256 }>;

/// Octets of IPv4 and UDP.
const OUTER: usize = 28;
const KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";
const SALT: [u8; 4] = *b"salt";
/// The largest sequence number: 48 bits.
const LAST: u64 = 0xffff_ffff_ffff;

fn sealer() -> Sealer<Gcm, Dtls> {
    Sealer::new(
        &Setup::default(),
        Gcm::new(&KEY).unwrap(),
        OVER_UDP,
        Dtls::new(SALT),
    )
}

fn opener<C: Cipher>(key: &[u8], salt: [u8; 4]) -> Opener<C, Dtls> {
    Opener::new(
        &Setup::default(),
        C::new(key).unwrap(),
        OVER_UDP,
        Dtls::new(salt),
    )
}

fn seal(sealer: &mut Sealer<Gcm, Dtls>, inner: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut arena = Arena::new(1, OVERHEAD.front, inner.len(), OVERHEAD.tailroom());
    let mut burst = arena.frames();
    assert!(burst[0].load(inner));
    sealer.seal(&mut burst);
    match burst[0].fate {
        Fate::Carried => Ok(burst[0].bytes().to_vec()),
        Fate::Dropped(reason) => Err(reason),
    }
}

fn open<C: Cipher>(opener: &mut Opener<C, Dtls>, packet: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut arena = Arena::new(1, 0, packet.len(), 0);
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    opener.open(&mut burst);
    match burst[0].fate {
        Fate::Carried => Ok(burst[0].bytes().to_vec()),
        Fate::Dropped(reason) => Err(reason),
    }
}

fn inner() -> Vec<u8> {
    udp4((A, 5000), (B, 53), &[0x5a; 33])
}

/// A datagram with whatever octets.
fn datagram(octets: &[u8]) -> Vec<u8> {
    let mut packet = seal(&mut sealer(), &inner()).unwrap();
    packet.truncate(OUTER);
    packet.extend(octets);
    let (total, udp) = (packet.len() as u16, packet.len() as u16 - 20);
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[24..26].copy_from_slice(&udp.to_be_bytes());
    fix_checksum(&mut packet[..20]);
    packet
}

/// A record as RFC 6347, 4.1 and RFC 5288, 3 say, by RustCrypto.
fn by_hand(kind: u8, epoch: u16, sequence: u64, explicit: [u8; 8], content: &[u8]) -> Vec<u8> {
    let number = [&epoch.to_be_bytes()[..], &sequence.to_be_bytes()[2..]].concat();
    let length = |octets: usize| (octets as u16).to_be_bytes();
    let aad = [&number[..], &[kind, 254, 253], &length(content.len())].concat();
    let nonce: [u8; 12] = [&SALT[..], &explicit].concat().try_into().unwrap();
    let mut text = content.to_vec();
    let cipher = aes_gcm::Aes256Gcm::new(&KEY.into());
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &aad, text.as_mut_slice().into());
    let header = [&[kind, 254, 253], &number[..], &length(8 + text.len() + 16)].concat();
    [&header[..], &explicit, &text, &tag.unwrap()].concat()
}

/// An end here shows epoch and sequence number as the nonce (RFC 5288, 3).
fn ours(sequence: u64, content: &[u8]) -> Vec<u8> {
    by_hand(23, 1, sequence, (1 << 48 | sequence).to_be_bytes(), content)
}

#[derive(Deserialize)]
struct Session {
    taken_from: String,
    keys: Ends,
    records: Vec<Taken>,
}

#[derive(Deserialize)]
struct Ends {
    near: Keys,
    far: Keys,
}

#[derive(Deserialize)]
struct Keys {
    key: String,
    salt: String,
}

#[derive(Deserialize)]
struct Taken {
    from: String,
    record: String,
    inner: String,
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().as_chunks::<2>().0.iter();
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn judge<C: Cipher>(session: &Session) {
    let end = |keys: &Keys| {
        let salt = from_hex(&keys.salt).try_into().unwrap();
        opener::<C>(&from_hex(&keys.key), salt)
    };
    let (mut near, mut far) = (end(&session.keys.near), end(&session.keys.far));
    for Taken {
        from,
        record,
        inner,
    } in &session.records
    {
        let opener = if from == "near" { &mut near } else { &mut far };
        let packet = datagram(&from_hex(record));
        for at in [OUTER + 12, OUTER + 20, packet.len() - 17, packet.len() - 1] {
            let mut changed = packet.clone();
            changed[at] ^= 1;
            assert!(open(opener, &changed).is_err());
        }
        assert_eq!(open(opener, &packet), Ok(from_hex(inner)));
        assert_eq!(open(opener, &packet), Err(Reason::Replayed));
    }
}

/// See `data/dtls/take.py`.
#[test]
fn what_openssl_sent_is_opened() {
    let session: Session = serde_json::from_str(include_str!("../data/dtls/records.json")).unwrap();
    assert!(session.taken_from.starts_with("OpenSSL 3"));
    assert_eq!(session.records.len(), 22);
    judge::<Ring<{ ring::AES_256 }>>(&session);
    judge::<AwsLc<{ aws_lc::AES_256 }>>(&session);
    judge::<RustCrypto<aes_gcm::Aes256Gcm>>(&session);
}

#[test]
fn a_datagram_holds_a_record_holds_a_packet() {
    let mut sealer = sealer();
    let six = udp6((A6, 5000), (B6, 53), &[0x5a; 33]);
    for (sequence, inner) in (1..).zip([inner(), six, inner()]) {
        let packet = seal(&mut sealer, &inner).unwrap();
        assert_eq!(packet[OUTER..], ours(sequence, &inner));
        assert_eq!(packet.len(), inner.len() + 20 + 8 + 13 + 8 + 16);
        let udp = (packet.len() as u16 - 20).to_be_bytes();
        let expected = [0x11, 0x51, 0x11, 0x51, udp[0], udp[1], 0, 0];
        assert_eq!((packet[1], &packet[20..28]), (0, &expected[..]));
    }
}

#[test]
fn the_last_sequence_number_is_the_last() {
    let mut sealer = sealer().from_number(LAST);
    let packet = seal(&mut sealer, &inner()).unwrap();
    assert_eq!(packet[OUTER..], ours(LAST, &inner()));
    assert_eq!(seal(&mut sealer, &inner()), Err(Reason::SequenceExhausted));
    assert_eq!(open(&mut opener::<Gcm>(&KEY, SALT), &packet), Ok(inner()));
    // RFC 6347, 4.1: a record holds 2^14 octets.
    let mut long = vec![0x45; (1 << 14) + 1];
    let mut sealer = self::sealer();
    assert_eq!(seal(&mut sealer, &long), Err(Reason::TooLong));
    long.pop();
    let packet = seal(&mut sealer, &long).unwrap();
    assert_eq!(open(&mut opener::<Gcm>(&KEY, SALT), &packet), Ok(long));
}

#[test]
fn a_bit_turned_in_any_octet_of_a_record() {
    let mut opener = opener::<Gcm>(&KEY, SALT);
    let record = ours(3 << 40, &inner());
    for at in 0..record.len() {
        let mut wrong = record.clone();
        wrong[at] ^= 1;
        let reason = match at {
            0 => Reason::ControlMessage,
            1 | 2 | 11 | 12 => Reason::BadRecord,
            3 | 4 => Reason::WrongEpoch,
            _ => Reason::BadIcv,
        };
        assert_eq!(open(&mut opener, &datagram(&wrong)), Err(reason), "{at}");
    }
    // Nothing of that moved the window.
    let first = datagram(&ours(1, &inner()));
    assert_eq!(open(&mut opener, &first), Ok(inner()));
    assert_eq!(open(&mut opener, &datagram(&record)), Ok(inner()));
    assert_eq!(open(&mut opener, &first), Err(Reason::TooOld));
}

#[test]
fn truncated_to_every_length() {
    let mut opener = opener::<Gcm>(&KEY, SALT);
    let record = ours(1, &inner());
    for length in 0..record.len() {
        let mut cut = record[..length].to_vec();
        let reason = if length < 13 {
            Reason::Truncated
        } else {
            Reason::BadRecord
        };
        assert_eq!(open(&mut opener, &datagram(&cut)), Err(reason), "{length}");
        if length < 13 {
            continue;
        }
        // With a length that agrees.
        cut[11..13].copy_from_slice(&(length as u16 - 13).to_be_bytes());
        let reason = if length <= 13 + 8 + 16 {
            Reason::Truncated
        } else {
            Reason::BadIcv
        };
        assert_eq!(open(&mut opener, &datagram(&cut)), Err(reason), "{length}");
    }
    let more = [&record[..], &[0]].concat();
    assert_eq!(open(&mut opener, &datagram(&more)), Err(Reason::BadRecord));
    assert_eq!(open(&mut opener, &datagram(&record)), Ok(inner()));
}

/// RFC 6347, 4.1.2.6: a record that cannot be new is refused unopened.
#[test]
fn replayed_and_late_records() {
    let mut opener = opener::<Gcm>(&KEY, SALT);
    let mut receive = |sequence| open(&mut opener, &datagram(&ours(sequence, &inner())));
    assert_eq!(receive(0), Err(Reason::TooOld));
    assert!(receive(100).is_ok() && receive(37).is_ok());
    assert_eq!(receive(36), Err(Reason::TooOld));
    assert_eq!(receive(100), Err(Reason::Replayed));
    let mut forged = ours(37, &inner());
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(open(&mut opener, &datagram(&forged)), Err(Reason::Replayed));
}

#[test]
fn what_else_comes_to_the_port() {
    let mut opener = opener::<Gcm>(&KEY, SALT);
    let record = |kind, epoch, content: &[u8]| datagram(&by_hand(kind, epoch, 9, [9; 8], content));
    let mut refused = |packet: &[u8], reason| assert_eq!(open(&mut opener, packet), Err(reason));
    // A handshake, an alert, a change of ciphers; a type of DTLS 1.3.
    refused(&record(22, 0, &inner()), Reason::ControlMessage);
    refused(&record(21, 1, &inner()), Reason::ControlMessage);
    refused(&record(20, 0, &[1]), Reason::ControlMessage);
    refused(&record(0x2f, 1, &inner()), Reason::BadRecord);
    refused(&record(23, 0, &inner()), Reason::WrongEpoch);
    refused(&record(23, 2, &inner()), Reason::WrongEpoch);
    let mut port = record(23, 1, &inner());
    port[23] ^= 1;
    refused(&port, Reason::NotDtls);
    // Authentic, and no packet.
    refused(&record(23, 1, &[0x15; 40]), Reason::MalformedHeader);
    let any_nonce = datagram(&by_hand(23, 1, 10, *b"whatever", &inner()));
    assert_eq!(open(&mut opener, &any_nonce), Ok(inner()));
}
