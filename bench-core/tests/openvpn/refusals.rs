//! What a receiver refuses, and why; nothing refused moves its window.

use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::openvpn::{DataV2, OVER_UDP};
use tunneltax_core::path::records::Opener;
use tunneltax_core::path::{Setup, reference};
use tunneltax_core::wire::openvpn::PING;

use super::packets::{A, B, fix_checksum, udp4};
use super::{
    FRONT, IMPLICIT_IV, KEY, KEY_ID, OUTER, PEER_ID, ends, open_one, seal_one, sealed_cases,
};
use tunneltax_core::cipher::Cipher;

type Gcm = Ring<{ ring::AES_256 }>;

fn inner() -> Vec<u8> {
    udp4((A, 5000), (B, 53), &[0x5a; 40])
}

/// Makes the lengths of the outer headers agree with the packet.
fn fix_lengths(packet: &mut [u8]) {
    let (total, udp) = (packet.len() as u16, packet.len() as u16 - 20);
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[24..26].copy_from_slice(&udp.to_be_bytes());
    fix_checksum(&mut packet[..20]);
}

#[test]
fn a_bit_turned_in_any_octet() {
    for case in sealed_cases() {
        let setup = Setup::default();
        let (mut near, mut far) = (case.open(&setup).unwrap(), case.open(&setup).unwrap());
        let mut arena = Arena::new(1, case.overhead.headroom(), 100, case.overhead.tailroom());
        let mut burst = arena.frames();
        assert!(burst[0].load(&inner()));
        near.send(&mut burst);
        let packet = burst[0].bytes().to_vec();
        let mut receive = |packet: &[u8]| {
            assert!(burst[0].load(packet));
            far.receive(&mut burst);
            (burst[0].fate, burst[0].bytes().to_vec())
        };
        for at in OUTER..packet.len() {
            let mut wrong = packet.clone();
            wrong[at] ^= 1 << (at % 8);
            let reason = match at - OUTER {
                0 if at % 8 >= 3 => Reason::ControlMessage,
                0..4 => Reason::WrongPeer,
                _ => Reason::BadIcv,
            };
            assert_eq!(receive(&wrong).0, Fate::Dropped(reason), "{} {at}", case.id);
        }
        let forwarded = reference(2, &inner()).unwrap();
        assert_eq!(receive(&packet), (Fate::Carried, forwarded), "{}", case.id);
        assert_eq!(receive(&packet).0, Fate::Dropped(Reason::Replayed));
    }
}

#[test]
fn truncated_to_every_length() {
    let (mut sealer, mut opener) = ends::<Gcm>();
    let packet = seal_one(&mut sealer, &inner()).unwrap();
    for length in 0..packet.len() {
        let mut cut = packet[..length].to_vec();
        assert_eq!(
            open_one(&mut opener, &cut),
            Err(Reason::MalformedHeader),
            "{length}"
        );
        if length < OUTER {
            continue;
        }
        fix_lengths(&mut cut);
        let reason = if length <= FRONT {
            Reason::Truncated
        } else {
            Reason::BadIcv
        };
        assert_eq!(open_one(&mut opener, &cut), Err(reason), "{length}");
    }
    assert_eq!(open_one(&mut opener, &packet), Ok(inner()));
}

#[test]
fn another_port_protocol_or_fragment() {
    let (mut sealer, mut opener) = ends::<Gcm>();
    let packet = seal_one(&mut sealer, &inner()).unwrap();
    for (at, bit, reason) in [
        (9, 0x17, Reason::NotOpenVpn),
        (23, 1, Reason::NotOpenVpn),
        (6, 0x60, Reason::FragmentOrphan),
        (7, 1, Reason::FragmentOrphan),
        (24, 0x80, Reason::MalformedHeader),
    ] {
        let mut wrong = packet.clone();
        wrong[at] ^= bit;
        fix_checksum(&mut wrong[..20]);
        assert_eq!(open_one(&mut opener, &wrong), Err(reason), "{at}");
    }
    let mut wrong = packet.clone();
    wrong[10] ^= 1;
    assert_eq!(open_one(&mut opener, &wrong), Err(Reason::BadChecksum));
    assert_eq!(open_one(&mut opener, &packet), Ok(inner()));
}

/// Sealed with the right key: only opcode, key id and peer id say that it is not ours.
#[test]
fn another_key_id_or_peer() {
    let (_, mut opener) = ends::<Gcm>();
    let setup = Setup::default();
    for (key_id, peer_id) in [(KEY_ID + 1, PEER_ID), (KEY_ID, PEER_ID ^ 1), (KEY_ID, 0)] {
        let record = DataV2::new(OVER_UDP, key_id, peer_id, IMPLICIT_IV);
        let cipher = Gcm::new(&KEY).unwrap();
        let mut sealer =
            tunneltax_core::path::records::Sealer::new(&setup, cipher, OVER_UDP, record);
        let packet = seal_one(&mut sealer, &inner()).unwrap();
        assert_eq!(open_one(&mut opener, &packet), Err(Reason::WrongPeer));
    }
}

#[test]
fn a_keepalive_is_authentic_and_no_packet() {
    let (mut sealer, mut opener) = ends::<Gcm>();
    let keepalive = seal_one(&mut sealer, &PING).unwrap();
    assert_eq!(keepalive.len(), FRONT + 16);
    let mut forged = keepalive.clone();
    forged[FRONT] ^= 1;
    assert_eq!(open_one(&mut opener, &forged), Err(Reason::BadIcv));
    assert_eq!(open_one(&mut opener, &keepalive), Err(Reason::Keepalive));
    assert_eq!(open_one(&mut opener, &keepalive), Err(Reason::Replayed));
    // Neither shorter nor longer nor almost.
    for other in [&PING[..15], &[&PING[..], &[0]].concat(), &[0x2a; 16]] {
        let packet = seal_one(&mut sealer, other).unwrap();
        assert_eq!(open_one(&mut opener, &packet), Err(Reason::MalformedHeader));
    }
    let packet = seal_one(&mut sealer, &inner()).unwrap();
    assert_eq!(open_one(&mut opener, &packet), Ok(inner()));
}

#[test]
fn the_window_is_the_set_ups() {
    for window in [32, 64, 500] {
        let setup = Setup {
            replay_window: window,
            ..Setup::default()
        };
        let record = DataV2::new(OVER_UDP, KEY_ID, PEER_ID, IMPLICIT_IV);
        let mut opener = Opener::new(&setup, Gcm::new(&KEY).unwrap(), OVER_UDP, record);
        let (mut sealer, _) = ends::<Gcm>();
        let sent: Vec<Vec<u8>> = (0..=window + 1)
            .map(|_| seal_one(&mut sealer, &inner()).unwrap())
            .collect();
        let (&last, left) = (&sent.len(), window as usize);
        assert!(open_one(&mut opener, &sent[last - 1]).is_ok());
        // Packet `last` was the highest: the window holds it and those right before it.
        assert_eq!(
            open_one(&mut opener, &sent[last - 1 - left]),
            Err(Reason::TooOld)
        );
        assert_eq!(open_one(&mut opener, &sent[0]), Err(Reason::TooOld));
        assert!(open_one(&mut opener, &sent[last - left]).is_ok());
        assert_eq!(
            open_one(&mut opener, &sent[last - left]),
            Err(Reason::Replayed)
        );
        // What is no longer in the window is verified all the same, and first.
        let mut forged = sent[0].clone();
        forged[FRONT] ^= 1;
        assert_eq!(open_one(&mut opener, &forged), Err(Reason::BadIcv));
    }
}

/// The same packet twice in a burst: both are opened before either is judged.
#[test]
fn a_replay_within_a_burst() {
    let (mut sealer, mut opener) = ends::<Gcm>();
    let packet = seal_one(&mut sealer, &inner()).unwrap();
    let mut arena = Arena::new(2, 0, packet.len(), 0);
    let mut burst = arena.frames();
    for frame in &mut burst {
        assert!(frame.load(&packet));
    }
    opener.open(&mut burst);
    let fates = [Fate::Carried, Fate::Dropped(Reason::Replayed)];
    assert!(burst.iter().map(|frame| frame.fate).eq(fates));
}
