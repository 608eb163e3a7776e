//! The chains of cases that the bill falls down by: each link one step from the one before. And
//! what two of their steps do: a forward that only parses, a receiver without a window.

mod packets;

use packets::{A, B, udp4};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::{
    Case, PacketPath, Setup, Waterfall, cases, find, reference, waterfall_ciphers, waterfalls,
};

fn ids(waterfall: &Waterfall) -> Vec<&'static str> {
    waterfall.links.iter().map(|link| link.case.id).collect()
}

fn steps(waterfall: &Waterfall) -> Vec<&'static str> {
    waterfall.links.iter().map(|link| link.id).collect()
}

#[test]
fn the_chain_of_an_aead() {
    let chains = waterfalls("aes-256-gcm@ring");
    let [main] = &chains[..] else {
        panic!("one chain, not {}", chains.len());
    };
    assert_eq!(
        ids(main),
        [
            "forward/parse",
            "forward/no-rules",
            "forward",
            "esp+noreplay/none",
            "esp+noreplay/aes-256-gcm@ring",
            "esp/aes-256-gcm@ring",
            "esp-udp/aes-256-gcm@ring",
            "esp-udp-transit/aes-256-gcm@ring",
        ]
    );
    let named = [
        "parse",
        "route",
        "rules",
        "encapsulate",
        "seal",
        "anti-replay",
        "udp",
        "second-gateway",
    ];
    assert_eq!(steps(main), named);
}

#[test]
fn every_aeads_chain_ends_at_the_second_gateway() {
    let mut seen = 0;
    for algorithm in ["aes-256-gcm", "chacha20-poly1305"] {
        for library in ["ring", "aws-lc", "rustcrypto"] {
            let cipher = format!("{algorithm}@{library}");
            let chains = waterfalls(&cipher);
            let [udp, transit] = ["esp-udp", "esp-udp-transit"].map(|of| format!("{of}/{cipher}"));
            let ids = ids(&chains[0]);
            assert_eq!(ids[ids.len() - 2..], [udp, transit]);
            seen += chains.len();
        }
    }
    assert_eq!(seen, 6);
}

#[test]
fn the_chain_of_a_suite_has_its_integrity_alone() {
    let chains = waterfalls("aes-256-cbc+hmac-sha-256-128@rustcrypto");
    assert_eq!(chains.len(), 1);
    assert_eq!(
        ids(&chains[0])[3..],
        [
            "esp+noreplay/none",
            "esp/none",
            "esp/null+hmac-sha-256-128@rustcrypto",
            "esp/aes-256-cbc+hmac-sha-256-128@rustcrypto",
            "esp-udp/aes-256-cbc+hmac-sha-256-128@rustcrypto",
        ]
    );
}

#[test]
fn what_has_no_chain_has_none() {
    let ciphers: Vec<&str> = waterfall_ciphers().collect();
    assert_eq!(ciphers.len(), 7, "{ciphers:?}");
    for cipher in [
        "",
        "*",
        "none",
        "aes-256-gcm",
        "aes-256-gmac@ring",
        "aes-128-gcm@ring",
    ] {
        assert!(waterfalls(cipher).is_empty() && !ciphers.contains(&cipher));
    }
    assert!(find("esp/aes-256-gmac@ring").is_some() && find("esp/aes-128-gcm@ring").is_some());
}

/// A stage more, or one in place of another; everything else in the same order.
fn one_apart(before: &Case, after: &Case) -> bool {
    let (less, more) = (before.stages, after.stages);
    let shared = less.iter().zip(more).take_while(|(a, b)| a == b).count();
    let (less, more) = (&less[shared..], &more[shared..]);
    more.get(1..) == Some(less)
        || less
            .get(1..)
            .is_some_and(|less| more.get(1..) == Some(less))
}

#[test]
fn every_link_is_one_stage_from_the_one_before() {
    for waterfall in waterfall_ciphers().flat_map(waterfalls) {
        let links = &waterfall.links;
        for (at, pair) in links.windows(2).enumerate() {
            let (before, after) = (pair[0].case, pair[1].case);
            assert!(one_apart(before, after), "{} → {}", before.id, after.id);
            assert!(!before.id.contains("gmac") && !after.id.contains("gmac"));
            let again = links[..=at].iter().any(|link| link.id == pair[1].id);
            assert!(!again, "{}: {} twice", waterfall.id, pair[1].id);
        }
    }
    let apart = |a: &str, b: &str| one_apart(find(a).unwrap(), find(b).unwrap());
    assert!(!apart("forward/parse", "forward"));
    assert!(!apart("forward", "forward"));
    assert!(!apart("forward", "esp/aes-256-gcm@ring"));
}

/// Sends and receives a packet; then its fate, its bytes and the neighbour.
fn through(case: &Case, packet: &[u8]) -> (Fate, Vec<u8>, u32) {
    let mut path = case.open(&Setup::default()).unwrap();
    let mut arena = Arena::new(1, 0, packet.len(), 0);
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    path.send(&mut burst);
    path.receive(&mut burst);
    (burst[0].fate, burst[0].bytes().to_vec(), burst[0].next_hop)
}

#[test]
fn a_forward_that_parses_checks_headers_and_asks_neither_routes_nor_rules() {
    let parse = find("forward/parse").unwrap();
    let packet = udp4((A, 5000), (B, 53), &[7; 40]);
    let after = reference(2, &packet).unwrap();
    assert_eq!(through(parse, &packet), (Fate::Carried, after.clone(), 0));
    let (fate, bytes, next_hop) = through(find("forward").unwrap(), &packet);
    assert_eq!((fate, bytes), (Fate::Carried, after));
    assert_ne!(next_hop, 0);

    let mut damaged = packet.clone();
    damaged[10] ^= 1;
    assert_eq!(
        through(parse, &damaged).0,
        Fate::Dropped(Reason::BadChecksum)
    );
    let mut padded = packet.clone();
    padded.extend([0; 6]);
    assert_eq!(through(parse, &padded), through(parse, &packet));
    assert_eq!(
        through(parse, &[0x55; 40]).0,
        Fate::Dropped(Reason::MalformedHeader)
    );
}

/// Sends a packet once and receives it so many times; then the fates.
fn received_again(case: &Case, times: usize) -> Vec<Fate> {
    let packet = udp4((A, 5000), (B, 53), &[7; 40]);
    let mut path: Box<dyn PacketPath> = case.open(&Setup::default()).unwrap();
    let (front, behind) = (case.overhead.headroom(), case.overhead.tailroom());
    let mut arena = Arena::new(1, front, packet.len(), behind);
    let mut frames = arena.frames();
    assert!(frames[0].load(&packet));
    path.send(&mut frames);
    let sent = frames[0].bytes().to_vec();
    let again = |_| {
        let mut arena = Arena::new(1, 0, sent.len(), 0);
        let mut frames: Vec<Frame<'_>> = arena.frames();
        assert!(frames[0].load(&sent));
        path.receive(&mut frames);
        frames[0].fate
    };
    (0..times).map(again).collect()
}

#[test]
fn without_a_window_a_packet_is_taken_any_times() {
    let off = cases().filter(|case| case.id.starts_with("esp+noreplay/"));
    for case in off.clone() {
        assert_eq!(received_again(case, 3), [Fate::Carried; 3], "{}", case.id);
        let with = find(&case.id.replace("+noreplay", "")).unwrap();
        let replayed = Fate::Dropped(Reason::Replayed);
        assert_eq!(received_again(with, 3), [Fate::Carried, replayed, replayed]);
        assert_eq!(case.overhead, with.overhead, "{}", case.id);
    }
    assert_eq!(off.count(), 7);
}
