//! Octets on the wire.

use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::fate::Reason;
use tunneltax_core::path::Setup;
use tunneltax_core::path::openvpn::OVER_UDP;
use tunneltax_core::path::records::Sealer;

use super::packets::{A, A6, B, B6, fix_checksum, udp4, udp6};
use super::{FRONT, IMPLICIT_IV, KEY, OUTER, ends, open_one, seal_one};

type Gcm = Ring<{ ring::AES_256 }>;
type ChaCha = Ring<{ ring::CHACHA20 }>;

/// The packet as the program's sources say, by RustCrypto.
pub fn by_hand<C: KeyInit + AeadInOut<NonceSize = U12, TagSize = U16>>(
    packet_id: u32,
    text: &[u8],
) -> Vec<u8> {
    let id = packet_id.to_be_bytes();
    // P_DATA_V2 is 9, and the key id 3.
    let aad = [&[9 << 3 | 3, 0x0a, 0x0b, 0x0c][..], &id].concat();
    let nonce: [u8; 12] = [&id[..], &IMPLICIT_IV].concat().try_into().unwrap();
    let mut text = text.to_vec();
    let cipher = C::new_from_slice(&KEY).unwrap();
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &aad, text.as_mut_slice().into());
    [&aad[..], &tag.unwrap(), &text].concat()
}

#[test]
fn a_packet_is_header_tag_and_text() {
    let inner = udp4((A, 5000), (B, 53), &[0x5a; 33]);
    let (mut sealer, _) = ends::<Gcm>();
    let (mut other, _) = ends::<ChaCha>();
    for packet_id in 1..=3 {
        let packet = seal_one(&mut sealer, &inner).unwrap();
        assert_eq!(packet.len(), inner.len() + 52);
        assert_eq!(
            packet[OUTER..],
            by_hand::<aes_gcm::Aes256Gcm>(packet_id, &inner)
        );
        let packet = seal_one(&mut other, &inner).unwrap();
        assert_eq!(
            packet[OUTER..],
            by_hand::<chacha20poly1305::ChaCha20Poly1305>(packet_id, &inner)
        );
    }
}

#[test]
fn outer_headers_know_nothing_of_the_packet_inside() {
    let mut marked = udp4((A, 5000), (B, 53), &[0x5a; 33]);
    marked[1] = 0xbb; // EF, congestion experienced
    fix_checksum(&mut marked);
    let mut six = udp6((A6, 5000), (B6, 53), &[0x5a; 13]);
    six[0] = 0x6b;
    six[1] |= 0xb0;
    let (mut sealer, mut opener) = ends::<Gcm>();
    for inner in [marked, six] {
        let packet = seal_one(&mut sealer, &inner).unwrap();
        let total = (inner.len() + 52) as u16;
        let udp = (total - 20).to_be_bytes();
        assert_eq!(packet[..4], [&[0x45, 0][..], &total.to_be_bytes()].concat());
        // Identification 0 and DF, TTL 64, UDP.
        assert_eq!(packet[4..10], [0, 0, 0x40, 0, 64, 17]);
        assert_eq!(packet[12..20], [192, 0, 2, 1, 192, 0, 2, 2]);
        assert_eq!(packet[20..28], [4, 0xaa, 4, 0xaa, udp[0], udp[1], 0, 0]);
        // What routers marked on the way reaches nobody.
        let mut on_its_way = packet;
        on_its_way[1] = 3;
        fix_checksum(&mut on_its_way);
        assert_eq!(open_one(&mut opener, &on_its_way), Ok(inner));
    }
}

#[test]
fn octets_behind_the_outer_packet_are_the_links() {
    let inner = udp4((A, 5000), (B, 53), &[]);
    let (mut sealer, mut opener) = ends::<Gcm>();
    let mut packet = seal_one(&mut sealer, &inner).unwrap();
    packet.extend([0; 9]);
    assert_eq!(open_one(&mut opener, &packet), Ok(inner));
}

#[test]
fn the_last_packet_id_is_the_last() {
    let inner = udp4((A, 5000), (B, 53), &[0x5a; 33]);
    let (sealer, mut opener) = ends::<Gcm>();
    let mut sealer: Sealer<_, _> = sealer.from_number(u64::from(u32::MAX));
    let packet = seal_one(&mut sealer, &inner).unwrap();
    assert_eq!(packet[OUTER + 4..OUTER + 8], [0xff; 4]);
    for _ in 0..2 {
        assert_eq!(
            seal_one(&mut sealer, &inner),
            Err(Reason::SequenceExhausted)
        );
    }
    assert_eq!(open_one(&mut opener, &packet), Ok(inner));
}

#[test]
fn a_packet_that_is_not_sent_uses_up_no_number() {
    use tunneltax_core::frame::Arena;
    let inner = udp4((A, 5000), (B, 53), &[0x5a; 33]);
    let (mut sealer, _) = ends::<Gcm>();
    let mut arena = Arena::new(1, 0, inner.len(), 0);
    let mut burst = arena.frames();
    assert!(burst[0].load(&inner));
    sealer.seal(&mut burst);
    assert_eq!(super::packets::reason(&burst[0]), Some(Reason::NoRoom));
    let packet = seal_one(&mut sealer, &inner).unwrap();
    assert_eq!(packet[OUTER + 4..OUTER + 8], [0, 0, 0, 1]);
    assert_eq!(packet.len(), FRONT + inner.len());
    // Nor does one that no length field can hold.
    let long = vec![0x45; 65_535 - 51];
    assert_eq!(seal_one(&mut sealer, &long), Err(Reason::NoRoom));
    let setup = Setup::default();
    assert_eq!((setup.replay_window, OVER_UDP.header_bytes()), (64, OUTER));
    assert_eq!(seal_one(&mut sealer, &inner).unwrap()[OUTER + 7], 2);
}
