//! Gateways with many tunnels, and one between two: every packet by its own SA, and nobody
//! else's.

mod packets;

use std::collections::BTreeSet;

use packets::{A, udp4};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::{Case, PacketPath, Setup, cases, find, reference};

/// Packets to as many hosts.
fn to_hosts(hosts: u32) -> Vec<Vec<u8>> {
    let to = |host: u32| {
        udp4(
            (A, 5000),
            ((0xc613_0000 + host).to_be_bytes(), 53),
            &[7; 40],
        )
    };
    (1..=hosts).map(to).collect()
}

/// What a path makes of a burst.
fn walked(
    case: &Case,
    packets: &[Vec<u8>],
    walk: impl FnOnce(&mut [tunneltax_core::frame::Frame<'_>]),
) -> Vec<(Fate, Vec<u8>)> {
    let (front, behind) = (case.overhead.headroom(), case.overhead.tailroom());
    let longest = packets.iter().map(Vec::len).max().unwrap();
    let mut arena = Arena::new(packets.len(), front, longest, behind);
    let mut burst = arena.frames();
    for (frame, packet) in burst.iter_mut().zip(packets) {
        assert!(frame.load(packet));
    }
    walk(&mut burst);
    burst
        .iter()
        .map(|frame| (frame.fate, frame.bytes().to_vec()))
        .collect()
}

fn spi(outer: &[u8]) -> u32 {
    u32::from_be_bytes(outer[20..24].try_into().unwrap())
}

fn sequence(outer: &[u8]) -> u32 {
    u32::from_be_bytes(outer[24..28].try_into().unwrap())
}

fn sent(case: &Case, path: &mut dyn PacketPath, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let sent = walked(case, packets, |burst| path.send(burst));
    sent.into_iter()
        .map(|(fate, outer)| {
            assert_eq!(fate, Fate::Carried);
            outer
        })
        .collect()
}

#[test]
fn every_destination_has_its_sa_and_every_sa_its_own_numbers() {
    let packets = to_hosts(2000);
    for case in cases().filter(|case| case.id.starts_with("esp+") && case.id.contains("sa/")) {
        let mut path = case.open(&Setup::default()).unwrap();
        let first = sent(case, &mut *path, &packets);
        let again = sent(case, &mut *path, &packets);
        let spis: Vec<u32> = first.iter().map(|outer| spi(outer)).collect();
        assert!(
            again
                .iter()
                .map(|outer| spi(outer))
                .eq(spis.iter().copied())
        );
        let distinct: BTreeSet<u32> = spis.iter().copied().collect();
        // 2000 hosts fall on all SAs, or mostly on SAs of their own.
        match case.sas {
            sas @ (1 | 100) => assert_eq!(distinct.len(), sas, "{}", case.id),
            1000 => assert!(distinct.len() > 800, "{}", distinct.len()),
            10_000 => assert!(distinct.len() > 1700, "{}", distinct.len()),
            other => panic!("{other} SAs"),
        }
        for spi_of_one in distinct {
            let numbers: Vec<u32> = [&first, &again]
                .into_iter()
                .flatten()
                .filter(|outer| spi(outer) == spi_of_one)
                .map(|outer| sequence(outer))
                .collect();
            let counted: Vec<u32> = (1..=numbers.len() as u32).collect();
            assert_eq!(numbers, counted, "{}", case.id);
        }
        let back = walked(case, &first, |burst| path.receive(burst));
        for ((fate, out), packet) in back.iter().zip(&packets) {
            assert_eq!(
                (*fate, out),
                (Fate::Carried, &reference(2, packet).unwrap())
            );
        }
        let replayed = walked(case, &first, |burst| path.receive(burst));
        let reasons = [Reason::Replayed, Reason::TooOld].map(Fate::Dropped);
        assert!(replayed.iter().all(|(fate, _)| reasons.contains(fate)));
    }
}

#[test]
fn a_packet_with_the_spi_of_another_sa_is_refused() {
    let case = find("esp+100sa/aes-256-gcm@ring").unwrap();
    let mut path = case.open(&Setup::default()).unwrap();
    let mut outer = sent(case, &mut *path, &to_hosts(50));
    let one = outer[0].clone();
    let other = outer
        .iter()
        .find(|outer| spi(outer) != spi(&one))
        .unwrap()
        .clone();
    outer.truncate(2);
    outer[0][20..24].copy_from_slice(&other[20..24]);
    outer[1] = one;
    outer[1][23] ^= 1;
    let fates: Vec<Fate> = walked(case, &outer, |burst| path.receive(burst))
        .into_iter()
        .map(|(fate, _)| fate)
        .collect();
    let [bad_icv, wrong_spi] = [Reason::BadIcv, Reason::WrongSpi].map(Fate::Dropped);
    assert_eq!(fates, [bad_icv, wrong_spi]);
}

#[test]
fn a_transit_gateway_opens_routes_and_seals_again() {
    let packets = to_hosts(20);
    let mut seen = 0;
    for case in cases().filter(|case| case.id.contains("-transit/")) {
        let one = find(&case.id.replace("-transit", "")).unwrap();
        let in_udp = case.id.starts_with("esp-udp");
        let mut path = case.open(&Setup::default()).unwrap();
        let outer = sent(case, &mut *path, &packets);
        let first = sent(one, &mut *one.open(&Setup::default()).unwrap(), &packets);
        for (second, first) in outer.iter().zip(&first) {
            assert_eq!(second.len(), first.len());
            assert_eq!(second[9], if in_udp { 17 } else { 50 }, "{}", case.id);
            let spi = |outer: &[u8]| spi(&outer[if in_udp { 8 } else { 0 }..]);
            assert_ne!(
                spi(second),
                spi(first),
                "the second tunnel has an SA of its own"
            );
        }
        let back = walked(case, &outer, |burst| path.receive(burst));
        for ((fate, out), packet) in back.iter().zip(&packets) {
            assert_eq!(
                (*fate, out),
                (Fate::Carried, &reference(3, packet).unwrap())
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 2 * 6);
    // A packet that lives for two routers does not get through three.
    let case = find("esp-transit/aes-256-gcm@ring").unwrap();
    let mut short = packets[0].clone();
    short[8] = 2;
    packets::fix_checksum(&mut short);
    let mut path = case.open(&Setup::default()).unwrap();
    let sent = walked(case, &[short], |burst| path.send(burst));
    assert_eq!(sent[0].0, Fate::Dropped(Reason::TtlExpired));
}
