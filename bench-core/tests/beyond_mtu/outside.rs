//! Fragments of the outer packet.

use tunneltax_core::path::{find, reference};

use super::packets::{A6, B6, udp6};
use super::support::{Ends, cases_with, sum, without_df};

/// What the same tunnel sends over an underlay with jumbo frames, but for DF and identification.
fn whole(id: &str, packet: &[u8]) -> Vec<u8> {
    let id = id.replace("+fragment", "");
    let mut sent = Ends::new(find(&id).unwrap()).send(packet).unwrap();
    assert_eq!(sent.len(), 1);
    sent.remove(0)
}

/// 1500 octets of AES-256-GCM are 20 + 8 + 8 + 1500 + 2 + 2 + 16 = 1556: 1480 octets behind the
/// header of the first fragment, 56 behind that of the second.
#[test]
fn ipv4_fragments_octet_by_octet() {
    let packet = without_df(1500);
    let sent = Ends::new(find("esp+fragment/aes-256-gcm@ring").unwrap())
        .send(&packet)
        .unwrap();
    let whole = whole("esp+fragment/aes-256-gcm@ring", &packet);
    let [first, second] = &sent[..] else {
        panic!("two fragments, not {}", sent.len());
    };
    // Version, TOS, length, identification 1, MF, TTL 64, ESP.
    assert_eq!(first[..10], [0x45, 0, 0x05, 0xdc, 0, 1, 0x20, 0, 64, 50]);
    assert_eq!(first[12..20], [192, 0, 2, 1, 192, 0, 2, 2]);
    assert_eq!((first.len(), sum(&first[..20])), (1500, 0xffff));
    // 76 octets, offset 185 units of 8, no MF.
    assert_eq!(second[..10], [0x45, 0, 0, 76, 0, 1, 0, 185, 64, 50]);
    assert_eq!(second[12..20], first[12..20]);
    assert_eq!((second.len(), sum(&second[..20])), (76, 0xffff));
    assert_eq!([&first[20..], &second[20..]].concat(), whole[20..]);
}

/// 1500 octets over IPv6 are 1576: 1448 octets behind 48 of headers, then 88.
#[test]
fn ipv6_fragments_octet_by_octet() {
    let packet = udp6((A6, 5000), (B6, 53), &[7; 1452]);
    let sent = Ends::new(find("esp6+fragment/aes-256-gcm@ring").unwrap())
        .send(&packet)
        .unwrap();
    let whole = whole("esp6+fragment/aes-256-gcm@ring", &packet);
    let [first, second] = &sent[..] else {
        panic!("two fragments, not {}", sent.len());
    };
    // Version, class, label; payload 1456; Fragment header; hop limit.
    assert_eq!(first[..8], [0x60, 0, 0, 0, 0x05, 0xb0, 44, 64]);
    assert_eq!(first[8..40], whole[8..40]);
    // ESP, reserved, offset 0 with M, identification: the seed of the set-up.
    assert_eq!(first[40..48], [50, 0, 0, 1, 0, 0, 0, 1]);
    assert_eq!(second[..8], [0x60, 0, 0, 0, 0, 96, 44, 64]);
    assert_eq!(second[8..40], whole[8..40]);
    // Offset 181 units of 8, no M.
    assert_eq!(second[40..48], [50, 0, 0x05, 0xa8, 0, 0, 0, 1]);
    assert_eq!((first.len(), second.len()), (1496, 40 + 96));
    assert_eq!([&first[48..], &second[48..]].concat(), whole[40..]);
}

/// One datagram after the other, so that none is taken for another.
#[test]
fn identifications_count() {
    for (id, at) in [("esp+fragment/none", 4), ("esp6+fragment/none", 46)] {
        let mut ends = Ends::new(find(id).unwrap());
        for number in 1..5_u16 {
            let sent = ends.send(&without_df(1500)).unwrap();
            let numbers = sent.iter().map(|p| [p[at], p[at + 1]]);
            assert!(numbers.eq([number.to_be_bytes(); 2]), "{id}");
        }
    }
}

/// The outer header has no DF, whatever the inner one has: the gateway could not fragment it
/// (RFC 4301, 8.1).
#[test]
fn df_stays_inside() {
    let mut packet = without_df(1500);
    packet[6] |= 0x40;
    super::packets::fix_checksum(&mut packet);
    for case in cases_with("fragment") {
        let mut ends = Ends::new(case);
        let sent = ends.send(&packet).unwrap();
        assert_eq!(sent.len(), 2, "{}", case.id);
        if case.id.starts_with("esp+") {
            assert!(sent.iter().all(|p| p[6] & 0x40 == 0), "{}", case.id);
        }
        assert_eq!(
            Ends::new(case).through(&packet),
            [reference(2, &packet).unwrap()]
        );
    }
}

/// At every size from all that fits to three fragments, in the number that `overhead` says, each
/// full but the last, and out again as the reference says: in one frame, and each in its own.
#[test]
fn every_size_comes_out_as_it_went_in() {
    for case in cases_with("fragment") {
        let mut ends = Ends::new(case);
        let sizes = (1400..=1520).chain([2880, 2900, 2926, 2927, 9000]);
        for bytes in sizes {
            let packet = without_df(bytes);
            let expected = reference(2, &packet).unwrap();
            let sent = ends.send(&packet).unwrap();
            let count = case.overhead.packets(bytes, case.outer, 1500);
            assert_eq!(Some(sent.len()), count, "{} {bytes}", case.id);
            assert!(sent.iter().all(|packet| packet.len() <= 1500));
            let (last, before) = sent.split_last().unwrap();
            for packet in before {
                assert!(packet.len() > 1500 - 8, "{} {bytes}", case.id);
                assert_eq!(
                    ends.receive(packet),
                    Err(tunneltax_core::fate::Reason::Held)
                );
            }
            assert_eq!(ends.receive(last).unwrap(), expected, "{} {bytes}", case.id);
            assert_eq!(ends.through(&packet), [expected], "{} {bytes}", case.id);
        }
    }
}

/// The last fragment is bound by the MTU alone, so that it may be longer than those before it.
#[test]
fn a_last_fragment_may_be_the_longest() {
    // Sizes whose outer packet is 40 + 1448 + 1452 octets: the last has 1500.
    let case = find("esp6+fragment/none").unwrap();
    let inner = 40 + 1448 + 1452 - 74;
    let sent = Ends::new(case).send(&without_df(inner)).unwrap();
    let lengths: Vec<usize> = sent.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1496, 1500]);
    assert_eq!(Ends::new(case).through(&without_df(inner)).len(), 1);
}
