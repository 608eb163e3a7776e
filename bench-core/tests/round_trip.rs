//! Any packets through every case: what comes out is what the reference says, and all cases
//! that do the same forwarding drop the same packets for the same reason.

mod packets;

use std::cell::RefCell;

use etherparse::{IpFragOffset, Ipv4Options};
use packets::{A, B, fix_checksum, ip4, ip6, ports};
use proptest::prelude::*;
use tunneltax_core::fate::Reason;
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::overhead::Beyond;
use tunneltax_core::path::{Case, PacketPath, Setup, cases, reference};

/// What became of a packet: its octets, or why it was dropped.
type Outcome = Result<Vec<u8>, Reason>;

/// One part of an IPv4 datagram.
#[derive(Clone, Copy, Debug)]
enum Part {
    Whole,
    First,
    Later,
}

/// IPv4 of any header that a host may send.
fn ipv4() -> impl Strategy<Value = Vec<u8>> {
    let options = prop::collection::vec(any::<u8>(), 0..=10).prop_map(|o| o.repeat(4));
    let part = prop_oneof![4 => Just(Part::Whole), 1 => Just(Part::First), 1 => Just(Part::Later)];
    let protocol = prop_oneof![4 => Just(17_u8), 4 => Just(6), 1 => Just(1), 1 => any::<u8>()];
    let fields = (
        any::<u8>(),
        prop_oneof![4 => 3_u8.., 1 => 0_u8..4],
        any::<bool>(),
        0..4_u16,
    );
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        prop::collection::vec(any::<u8>(), 0..1420)
    ];
    (options, part, protocol, fields, payload).prop_map(
        |(options, part, protocol, fields, mut payload)| {
            let (tos, ttl, dont_fragment, identification) = fields;
            let octets = ports(53);
            let start = payload.len().min(octets.len());
            payload[..start].copy_from_slice(&octets[..start]);
            let mut header =
                etherparse::Ipv4Header::new(0, ttl, etherparse::IpNumber(protocol), A, B).unwrap();
            header.options = Ipv4Options::try_from(&options[..options.len().min(40)]).unwrap();
            header.set_payload_len(payload.len()).unwrap();
            header.dscp = (tos >> 2).try_into().unwrap();
            header.ecn = (tos & 3).try_into().unwrap();
            header.dont_fragment = dont_fragment && matches!(part, Part::Whole);
            header.identification = identification;
            header.more_fragments = matches!(part, Part::First);
            let offset = u16::from(matches!(part, Part::Later)) * 185;
            header.fragment_offset = IpFragOffset::try_new(offset).unwrap();
            header.header_checksum = header.calc_header_checksum();
            [header.to_bytes().to_vec(), payload].concat()
        },
    )
}

/// An extension header of this kind, and what it is followed by.
fn extension(kind: u8, next: u8, filler: u8) -> Vec<u8> {
    match kind {
        // Fragment: whole, first or later, of few datagrams.
        44 => vec![
            next,
            0,
            [0, 0, 5][usize::from(filler % 3)],
            [0, 1, 0xa8][usize::from(filler % 3)],
            0,
            0,
            0,
            filler % 4,
        ],
        // Authentication: SPI, sequence number, 12 octets of ICV.
        51 => [&[next, 4, 0, 0][..], &[filler; 20]].concat(),
        // Hop-by-hop, routing, destination options: 8 or 16 octets.
        _ => {
            let length = filler % 2;
            let rest = 6 + 8 * usize::from(length);
            [
                &[next, length][..],
                &[1, 4, 0, 0, 0, 0, 1, 12][..6],
                &vec![0; rest - 6],
            ]
            .concat()
        }
    }
}

/// IPv6 with a chain of extension headers in front of UDP, TCP, or nothing (59).
fn ipv6() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(vec![0_u8, 43, 44, 51, 60]);
    let chain = prop::collection::vec((kinds, any::<u8>()), 0..4);
    let upper = prop::sample::select(vec![6_u8, 17, 59]);
    let payload = prop::collection::vec(any::<u8>(), 0..1300);
    let fields = (any::<[u8; 4]>(), prop_oneof![4 => 3_u8.., 1 => 0_u8..4]);
    (chain, upper, payload, fields).prop_map(|(chain, upper, mut payload, fields)| {
        let (class_and_label, hop_limit) = fields;
        payload.splice(0..0, ports(53));
        let mut next = upper;
        for (kind, filler) in chain.into_iter().rev() {
            payload.splice(0..0, extension(kind, next, filler));
            next = kind;
        }
        let mut packet = ip6(next, &payload);
        packet[..4].copy_from_slice(&class_and_label);
        packet[0] = 0x60 | class_and_label[0] & 0x0f;
        packet[7] = hop_limit;
        packet
    })
}

/// Mostly right; some with an octet changed, cut, or with something of the link behind.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let right = prop_oneof![3 => ipv4(), 2 => ipv6()];
    let change = (any::<prop::sample::Index>(), 1_u8..);
    (right, prop::option::weighted(0.15, change), 0..20_u8).prop_map(
        |(mut packet, change, more)| {
            if let Some((at, change)) = change {
                let at = at.index(packet.len().min(60));
                packet[at] ^= change;
                // Half of them with a right checksum, so that what follows it is judged.
                if change % 2 == 0 && packet.len() >= 20 && packet[0] >> 4 == 4 {
                    fix_checksum(&mut packet);
                }
            }
            match more {
                0 => packet.truncate(packet.len() / 2),
                1 => packet.extend([0; 6]),
                _ => {}
            }
            packet
        },
    )
}

fn outcome(frame: &Frame<'_>) -> Outcome {
    match packets::reason(frame) {
        None => Ok(packets::joined(frame)),
        Some(reason) => Err(reason),
    }
}

/// A burst through both ends of a case.
fn through(case: &Case, path: &mut dyn PacketPath, packets: &[Vec<u8>]) -> Vec<Outcome> {
    let longest = packets.iter().map(Vec::len).max().unwrap_or(0);
    let mut arena = Arena::new(
        packets.len(),
        case.overhead.headroom(),
        longest,
        case.overhead.tailroom(),
    );
    let mut burst = arena.frames();
    for (frame, packet) in burst.iter_mut().zip(packets) {
        assert!(frame.load(packet));
    }
    path.send(&mut burst);
    path.receive(&mut burst);
    burst.iter().map(outcome).collect()
}

/// Both gateways of a case have a security group.
fn guarded(case: &Case) -> bool {
    case.stages.iter().any(|stage| stage.contains("rule"))
}

/// Both are forward's own: the default rules, and a flow table that forgets nothing.
fn guarded_as_forward(case: &Case) -> bool {
    case.stages.contains(&"rules")
}

/// Its gateways drop packets for their length that forward carries.
fn limits(case: &Case) -> bool {
    matches!(
        case.overhead.beyond,
        Beyond::Dropped | Beyond::FragmentedInside
    )
}

/// As forward's, but for a packet that one of the two groups denies and the other does not.
fn differs_by_rules_only(forwarded: &Outcome, outcome: &Outcome) -> bool {
    let denied = [forwarded, outcome].map(|outcome| *outcome == Err(Reason::Denied));
    forwarded == outcome || denied[0] != denied[1]
}

/// Reasons that only a security group has, or finds in what only it looks at: the ports.
fn of_the_group(reason: Reason) -> bool {
    [
        Reason::Denied,
        Reason::FragmentOrphan,
        Reason::MalformedHeader,
    ]
    .contains(&reason)
}

/// What the reference says of this packet; or, by a security group, dropped for a reason that
/// the reference knows nothing of. That may come before another: the near gateway's group looks
/// at a packet whose TTL runs out at the far one.
fn is_right(case: &Case, packet: &[u8], outcome: &Outcome) -> bool {
    if case.hops == 0 {
        // A cipher alone takes whatever it is given, and gives it back.
        return outcome.as_deref() == Ok(packet);
    }
    match outcome {
        Err(reason) if guarded(case) && of_the_group(*reason) => true,
        // What is no occasion for an answer is told in its own test.
        Err(Reason::OverMtu) => packets::too_long(case, packet).is_some(),
        Err(reason) if reason.is_limit() => packets::too_long(case, packet) == Some(*reason),
        _ => *outcome == reference(case.hops, packet),
    }
}

#[test]
fn what_comes_out_is_what_the_reference_says() {
    let open = |case: &'static Case| (case, case.open(&Setup::default()).unwrap());
    let paths = RefCell::new(cases().map(open).collect::<Vec<_>>());
    let tally = RefCell::new((0_usize, 0_usize, 0_usize));
    // Paths remember flows and fragments of earlier bursts: a burst alone may not fail again.
    let config = ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(packets in prop::collection::vec(packet(), 1..50))| {
        let mut paths = paths.borrow_mut();
        // All of them before any is judged: what they remember of flows stays the same.
        let outcomes: Vec<Vec<Outcome>> = paths
            .iter_mut()
            .map(|(case, path)| through(case, path.as_mut(), &packets))
            .collect();
        let forwarded = &outcomes[0];
        let forward_hops = paths[0].0.hops;
        for ((case, _), outcomes) in paths.iter().zip(&outcomes) {
            // A gateway more drops what two still carry, and so does a shorter underlay: later
            // fragments with it.
            if case.hops == forward_hops && !limits(case) {
                prop_assert!(!guarded_as_forward(case) || outcomes == forwarded, "{} is not forward", case.id);
                let mut pairs = forwarded.iter().zip(outcomes);
                let alike = pairs.all(|(forwarded, outcome)| differs_by_rules_only(forwarded, outcome));
                prop_assert!(!guarded(case) || alike, "{} is not forward with other rules", case.id);
                tally.borrow_mut().2 += outcomes.iter().filter(|outcome| **outcome == Err(Reason::Denied)).count();
            }
            for (packet, outcome) in packets.iter().zip(outcomes) {
                prop_assert!(is_right(case, packet, outcome), "{}: {:?}", case.id, outcome);
            }
        }
        let mut tally = tally.borrow_mut();
        tally.0 += forwarded.iter().filter(|outcome| outcome.is_ok()).count();
        tally.1 += forwarded.len();
    });
    let (carried, all, denied) = tally.into_inner();
    println!(
        "{carried} of {all} packets carried through {} cases",
        cases().count()
    );
    assert!(carried * 2 > all && carried < all);
    // What rules are there to deny is rare, in all cases together.
    assert!(denied * 100 < all * cases().count(), "{denied} denied");
}

/// Each size once, so that no rare one is left to chance.
#[test]
fn every_size_of_both_families() {
    let sized = |bytes: usize, change| ip4(253, &[], &vec![0x3c; bytes - 20], change);
    let four = (20..=1500).map(|bytes| sized(bytes, |_| ()));
    let may_be_cut = (1400..=1500).map(|bytes| sized(bytes, |h| h.dont_fragment = false));
    let six = (40..=1500).map(|bytes| ip6(59, &vec![0x3c; bytes - 40]));
    let packets: Vec<Vec<u8>> = four.chain(six).chain(may_be_cut).collect();
    for case in cases() {
        let mut path = case.open(&Setup::default()).unwrap();
        let outcomes = through(case, path.as_mut(), &packets);
        for (packet, outcome) in packets.iter().zip(outcomes) {
            let expected = match packets::too_long(case, packet) {
                Some(reason) => Err(reason),
                None => reference(case.hops, packet),
            };
            assert_eq!(outcome, expected, "{} {}", case.id, packet.len());
        }
    }
}

/// All fragments of a datagram are carried where the first one is: in the tunnel as outside.
#[test]
fn fragments_follow_their_first_one() {
    let first = packets::ip4(17, &[], &[&ports(53)[..], &[1; 24]].concat(), |h| {
        h.more_fragments = true;
    });
    let later = packets::ip4(17, &[], &[2; 32], |h| {
        h.fragment_offset = 4.try_into().unwrap();
    });
    for case in cases().filter(|case| guarded(case)) {
        let mut path = case.open(&Setup::default()).unwrap();
        let burst = [later.clone(), first.clone(), later.clone()];
        let outcomes = through(case, path.as_mut(), &burst);
        let carried = |packet| reference(case.hops, packet);
        let expected = [
            Err(Reason::FragmentOrphan),
            carried(&first),
            carried(&later),
        ];
        assert_eq!(outcomes, expected, "{}", case.id);
    }
}
