//! The list of cases: what its ids promise, and that each of them works.

mod ciphers;
mod packets;

use std::collections::BTreeSet;

use ciphers::{CIPHERS, IPSEC_MB, VisitAny, every_cipher_and_none, is_behind_feature, name};
use packets::{A, A6, B, B6, udp4, udp6};
use tunneltax_core::cipher::Cipher;
use tunneltax_core::fate::Fate;
use tunneltax_core::frame::Arena;
use tunneltax_core::path::overhead::Beyond;
use tunneltax_core::path::{Case, Kind, Setup, cases, find, reference};

#[test]
fn ids_are_unique_found_and_safe_in_a_glob() {
    let ids: BTreeSet<&str> = cases().map(|case| case.id).collect();
    assert_eq!(ids.len(), cases().count());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-+/@".contains(c);
    for case in cases() {
        assert!(case.id.chars().all(plain), "{}", case.id);
        assert!(case.id.starts_with(|c: char| c.is_ascii_lowercase()));
        assert_eq!(find(case.id).map(|found| found.title), Some(case.title));
        assert!(!case.title.is_empty() && !case.step.is_empty() && !case.stages.is_empty());
    }
    let titles: BTreeSet<&str> = cases().map(|case| case.title).collect();
    assert_eq!(titles.len(), cases().count());
    for unknown in ["", "esp", "esp/", "ESP/none", "esp/aes-256-gcm", "esp/*"] {
        assert!(find(unknown).is_none(), "{unknown}");
    }
}

/// All stages but one are shared: the last, or one that stands in place of another.
#[test]
fn a_step_is_one_stage_of_a_case_above_it() {
    for (at, case) in cases().enumerate() {
        let Some(below) = case.step_of else {
            continue;
        };
        let place = cases().position(|other| other.id == below);
        assert!(place.is_some_and(|place| place < at), "{}", case.id);
        let below = find(below).unwrap();
        let (_, shared) = case.stages.split_last().unwrap();
        let pairs = case.stages.iter().zip(below.stages);
        let replaced = pairs.filter(|(one, other)| one != other).count() == 1;
        assert!(
            shared == below.stages || replaced && case.stages.len() == below.stages.len(),
            "{}",
            case.id
        );
        // An integrity algorithm alone is a step; GMAC is, but nothing stands on it.
        assert!(!below.id.contains("gmac"), "{}", case.id);
        // A step of the bill stands on the bill; nothing stands on a yardstick.
        assert!(
            below.kind == Kind::Bill || case.kind == Kind::Variant,
            "{}",
            case.id
        );
        assert!(case.kind != Kind::Yardstick && below.kind != Kind::Yardstick);
        let more = u8::from(["second gateway", "appliance"].contains(&case.step));
        assert_eq!(case.hops, below.hops + more, "{}", case.id);
    }
    let steps = |kind| cases().filter(move |case| case.step_of.is_some() && case.kind == kind);
    assert_eq!(steps(Kind::Bill).count(), 7);
    let of = |path| steps(Kind::Variant).filter(move |case| path_of(case) == path);
    // The ciphers that are not on the bill; a framing, six AEADs, a suite and its integrity.
    assert_eq!(of("esp").count(), CIPHERS - 6);
    for path in ["esp6", "esp-udp", "esp6-udp", "esp+pad16", "esp+esn"] {
        assert_eq!(of(path).count(), 1 + 6 + 2, "{path}");
    }
    // A framing and six AEADs.
    assert_eq!(of("esp+noreplay").count(), 1 + 6);
    // The same of two framings, for each way to treat what does not fit the underlay.
    for path in [
        "esp+fragment",
        "esp+inner-fragment",
        "esp+drop",
        "esp6+fragment",
        "esp6+inner-fragment",
        "esp6+drop",
    ] {
        assert_eq!(of(path).count(), 1 + 6, "{path}");
    }
    // Two AEADs by three libraries.
    for path in ["esp-transit", "esp-udp-transit"] {
        assert_eq!(of(path).count(), 6, "{path}");
    }
    for path in ["esp+1sa", "esp+100sa", "esp+1000sa", "esp+10000sa"] {
        assert_eq!(of(path).count(), 3, "{path}");
    }
    // A framing, and the one cipher by three libraries.
    assert_eq!(of("wireguard").count(), 1 + 3);
    // Four numbers of rules, each with first packets; three of routes; changed rules, time-out,
    // full table; appliance.
    assert_eq!(of("forward").count(), 4 * 2 + 3 + 3 + 1);
    assert_eq!(of("openvpn-udp").count(), 1 + 6);
    for path in ["openvpn-udp", "openvpn-tcp"] {
        assert_eq!(of(path).count(), 1 + 6, "{path}");
    }
    for path in [
        "openvpn-tcp+timestamps",
        "sstp",
        "sstp+timestamps",
        "sstp+tls13",
        "dtls",
    ] {
        assert_eq!(of(path).count(), 1 + 3, "{path}");
    }
}

/// Whoever reads a title of 3DES reads that it is legacy; of nothing else.
#[test]
fn titles_say_what_is_legacy() {
    let mut legacy = 0;
    for case in cases() {
        let is_legacy = case.id.contains("3des");
        assert_eq!(case.title.contains("(legacy)"), is_legacy, "{}", case.id);
        legacy += usize::from(is_legacy);
    }
    // In a tunnel and alone.
    assert_eq!(legacy, 2 + 2 * IPSEC_MB);
}

#[test]
fn an_id_names_its_algorithm_and_library() {
    for case in cases() {
        let (path, rest) = case.id.split_once('/').unwrap_or((case.id, ""));
        let named = rest.split_once('@');
        assert_eq!(case.algorithm.zip(case.library), named, "{}", case.id);
        assert_eq!(case.algorithm.is_some(), case.library.is_some());
        // A library stands in an id exactly where a cipher works.
        let works = ["seal", "authenticate"];
        let works = works.iter().any(|stage| case.stages.contains(stage));
        assert_eq!(works, named.is_some(), "{}", case.id);
        let several = path.ends_with("-transit") || path.ends_with("sa");
        let several = several || case.overhead.beyond != Beyond::Carried;
        let sealed = path.starts_with("esp") && named.is_some() && !several;
        assert_eq!(case.tunnel(&Setup::default()).is_some(), sealed);
        let on_bill = ["aes-256-gcm", "chacha20-poly1305"];
        let on_bill = case
            .algorithm
            .is_none_or(|algorithm| on_bill.contains(&algorithm))
            && !case.library.is_some_and(is_behind_feature);
        let kind = match (path, rest) {
            ("forward", "") | ("esp", _) if on_bill => Kind::Bill,
            ("forward", "no-rules" | "parse") | ("bare", _) if on_bill => Kind::Yardstick,
            _ => Kind::Variant,
        };
        assert_eq!(case.kind, kind, "{}", case.id);
    }
}

#[test]
fn a_step_among_chosen_cases_is_as_long_as_it_must_be() {
    let of = |id: &str, chosen: &[&str]| {
        let chosen: Vec<&Case> = chosen.iter().map(|id| find(id).unwrap()).collect();
        find(id).unwrap().step_among(&chosen)
    };
    let gcm = "esp/aes-256-gcm@ring";
    let step = |below, step: &str| (below, step.to_owned());
    assert_eq!(
        of(gcm, &["forward", "esp/none", gcm]),
        step(Some("esp/none"), "encryption + integrity")
    );
    let both = "encapsulation + encryption + integrity";
    assert_eq!(of(gcm, &[gcm, "forward"]), step(Some("forward"), both));
    // On none of them: it is ground itself.
    assert_eq!(of(gcm, &[gcm]), step(None, &format!("forwarding + {both}")));
    assert_eq!(of("forward", &["forward"]), step(None, "forwarding"));
}

/// Cases that differ in one number say so, and no two of a curve have the same one.
#[test]
fn points_of_a_curve_differ_in_their_number() {
    let points = || cases().filter_map(|case| case.point);
    let mut seen = BTreeSet::new();
    for point in points() {
        assert!(point.count > 0 && seen.insert((point.of, point.curve, point.count)));
    }
    let counts = |of, curve| {
        let points = points().filter(move |point| (point.of, point.curve) == (of, curve));
        points.map(|point| point.count).collect::<Vec<u32>>()
    };
    let decades = [1, 10, 100, 1000];
    assert_eq!(counts("rules", "established flows"), decades);
    assert_eq!(counts("rules", "first packets"), decades);
    assert_eq!(counts("routes", "the longest match"), [1, 400, 4000]);
    let sas = counts("SAs", "AES-256-GCM, ring");
    assert_eq!(sas, [1, 100, 1000, 10_000]);
    assert_eq!(points().count(), 2 * 4 + 3 + 3 * 4);
}

fn path_of(case: &Case) -> &'static str {
    case.id.split_once('/').map_or(case.id, |(path, _)| path)
}

/// Every cipher of this build has a case of ESP, and its yardstick.
#[test]
fn no_cipher_is_forgotten() {
    struct Listed(usize);
    impl VisitAny for Listed {
        fn visit<C: Cipher>(&mut self) {
            if !C::LIBRARY.is_empty() {
                let alone = find(&format!("bare/{}", name::<C>())).unwrap();
                assert_eq!(alone.hides, C::ENCRYPTS);
                assert!(find(&format!("esp/{}", name::<C>())).is_some());
                self.0 += 1;
                // WireGuard has one cipher, of the libraries that every build has.
                let in_wireguard = find(&format!("wireguard/{}", name::<C>())).is_some();
                let is_its_cipher =
                    C::ALGORITHM == "chacha20-poly1305" && !is_behind_feature(C::LIBRARY);
                assert_eq!(in_wireguard, is_its_cipher, "{}", name::<C>());
            }
        }
    }
    let mut listed = Listed(0);
    every_cipher_and_none(&mut listed);
    assert_eq!(listed.0, CIPHERS);
    let with = |path| cases().filter(move |case| case.id.starts_with(path));
    assert_eq!(with("bare/").count(), listed.0);
    assert_eq!(with("esp/").count(), listed.0 + 1);
}

#[test]
fn a_wrong_key_length_is_refused_in_a_sentence() {
    struct Lengths(usize);
    impl VisitAny for Lengths {
        fn visit<C: Cipher>(&mut self) {
            for given in (0..=96).filter(|&given| given != C::KEY_BYTES) {
                let refused = C::new(&vec![7; given]).err().map(|why| why.to_string());
                let cipher = name::<C>();
                let expected = format!(
                    "{} takes a key of {} octets, not {given}",
                    cipher.trim_end_matches('@'),
                    C::KEY_BYTES
                );
                assert_eq!(refused, Some(expected));
            }
            assert!(C::new(&vec![7; C::KEY_BYTES]).is_ok());
            self.0 += 1;
        }
    }
    let mut lengths = Lengths(0);
    every_cipher_and_none(&mut lengths);
    assert_eq!(lengths.0, CIPHERS + 1);
}

fn round_trip(case: &Case, setup: &Setup, packet: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut path = case.open(setup).unwrap();
    let mut arena = Arena::new(
        1,
        case.overhead.headroom(),
        packet.len(),
        case.overhead.tailroom(),
    );
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    path.send(&mut burst);
    let sent = burst[0].bytes().to_vec();
    path.receive(&mut burst);
    assert_eq!(burst[0].fate, Fate::Carried, "{}", case.id);
    (sent, burst[0].bytes().to_vec())
}

#[test]
fn every_case_opens_and_carries_a_packet() {
    let packets = [
        udp4((A, 5000), (B, 53), &[0x5a; 100]),
        udp6((A6, 5000), (B6, 53), &[0x5a; 100]),
    ];
    for case in cases() {
        for packet in &packets {
            let (sent, received) = round_trip(case, &Setup::default(), packet);
            assert_eq!(
                received,
                reference(case.hops, packet).unwrap(),
                "{}",
                case.id
            );
            assert_eq!(
                sent.len(),
                packet.len() + case.overhead.added_bytes(packet.len())
            );
            let payload_seen = sent.windows(16).any(|octets| octets == [0x5a; 16]);
            assert_eq!(payload_seen, !case.hides, "{}", case.id);
        }
    }
}

#[test]
fn the_seed_decides_what_is_sent() {
    let packet = udp4((A, 5000), (B, 53), &[0x5a; 100]);
    for case in cases() {
        let with = |seed| {
            let setup = Setup {
                seed,
                ..Setup::default()
            };
            round_trip(case, &setup, &packet).0
        };
        assert_eq!(with(1), with(1), "{}", case.id);
        // The framing alone shows an SPI, an index, a peer or a sequence number of a stream.
        let named = ["esp", "wireguard/", "openvpn", "sstp"];
        let named = named.iter().any(|path| case.id.starts_with(path));
        let keyed = named || case.library.is_some();
        assert_eq!(with(1) != with(2), keyed, "{}", case.id);
    }
}

/// A path is held to its promise that a frame which is already dropped is passed over, and
/// that the frames around it are carried all the same.
#[test]
fn a_dropped_frame_is_passed_over() {
    use tunneltax_core::fate::Reason;
    let packet = udp4((A, 5000), (B, 53), &[0x5a; 100]);
    for case in cases() {
        let mut path = case.open(&Setup::default()).unwrap();
        let mut arena = Arena::new(
            3,
            case.overhead.headroom(),
            packet.len(),
            case.overhead.tailroom(),
        );
        let mut burst = arena.frames();
        for _ in 0..3 {
            for frame in &mut burst {
                assert!(frame.load(&packet));
            }
            burst[1].drop_as(Reason::Denied);
            path.send(&mut burst);
            assert_eq!(burst[1].bytes(), packet, "{}", case.id);
            path.receive(&mut burst);
            let fates = [Fate::Carried, Fate::Dropped(Reason::Denied), Fate::Carried];
            assert!(burst.iter().map(|f| f.fate).eq(fates), "{}", case.id);
            assert_eq!(burst[1].bytes(), packet, "{}", case.id);
        }
    }
}
