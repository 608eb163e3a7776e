//! The far gateway's table of fragments: lost, repeated, overlapping, in any order, and too many.

use proptest::prelude::*;
use tunneltax_core::fate::Reason;
use tunneltax_core::path::reassembly::{AGE_MAX, DATAGRAMS_MAX, FRAGMENTS_MAX, Reassembly, Taken};
use tunneltax_core::path::{find, reference};

use super::packets::{fix_checksum, ip4, ip6};
use super::support::{Ends, without_df};

/// Both families, with how their last fragment may be made another one.
const CASES: [&str; 2] = [
    "esp+fragment/aes-256-gcm@ring",
    "esp6+fragment/aes-256-gcm@ring",
];

/// Three fragments, and what comes out of them.
fn three(ends: &mut Ends) -> ([Vec<u8>; 3], Vec<u8>) {
    let packet = without_df(3000);
    let sent = ends.send(&packet).unwrap();
    (sent.try_into().unwrap(), reference(2, &packet).unwrap())
}

#[test]
fn in_any_order() {
    const HELD: Result<Vec<u8>, Reason> = Err(Reason::Held);
    for id in CASES {
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut ends = Ends::new(find(id).unwrap());
            let (sent, expected) = three(&mut ends);
            let outcomes = order.map(|at| ends.receive(&sent[at]));
            assert_eq!(outcomes, [HELD, HELD, Ok(expected)], "{id} {order:?}");
        }
    }
}

/// What is lost is waited for, and takes nothing with it.
#[test]
fn without_a_lost_one_nothing_comes_out() {
    for id in CASES {
        let mut ends = Ends::new(find(id).unwrap());
        let (lost, expected) = three(&mut ends);
        let (next, _) = three(&mut ends);
        for at in [0, 2] {
            assert_eq!(ends.receive(&lost[at]), Err(Reason::Held));
        }
        for (at, outcome) in [Err(Reason::Held), Err(Reason::Held), Ok(expected.clone())]
            .into_iter()
            .enumerate()
        {
            assert_eq!(ends.receive(&next[at]), outcome, "{id}");
        }
        // When it comes all the same, its datagram is whole.
        assert_eq!(ends.receive(&lost[1]), Ok(expected), "{id}");
    }
}

#[test]
fn a_repeated_one_is_refused_alone() {
    for id in CASES {
        let mut ends = Ends::new(find(id).unwrap());
        let (sent, expected) = three(&mut ends);
        for at in [0, 2] {
            assert_eq!(ends.receive(&sent[at]), Err(Reason::Held));
            assert_eq!(
                ends.receive(&sent[at]),
                Err(Reason::DuplicateFragment),
                "{id} {at}"
            );
        }
        assert_eq!(ends.receive(&sent[1]), Ok(expected));
        // Of a datagram that came out, a copy begins a new one, and that is a replay.
        for at in [0, 1] {
            assert_eq!(ends.receive(&sent[at]), Err(Reason::Held));
        }
        assert_eq!(ends.receive(&sent[2]), Err(Reason::Replayed), "{id}");
    }
}

/// A fragment of this datagram at another place: 8 octets further in front.
fn moved(fragment: &[u8]) -> Vec<u8> {
    let mut fragment = fragment.to_vec();
    if fragment[0] >> 4 == 4 {
        let offset = u16::from_be_bytes([fragment[6], fragment[7]]) - 1;
        fragment[6..8].copy_from_slice(&offset.to_be_bytes());
        fix_checksum(&mut fragment);
    } else {
        let offset = u16::from_be_bytes([fragment[42], fragment[43]]) - 8;
        fragment[42..44].copy_from_slice(&offset.to_be_bytes());
    }
    fragment
}

/// RFC 5722, 4: with an overlap all of the datagram is gone.
#[test]
fn an_overlap_takes_its_datagram_with_it() {
    for id in CASES {
        let mut ends = Ends::new(find(id).unwrap());
        let (sent, expected) = three(&mut ends);
        assert_eq!(ends.receive(&sent[0]), Err(Reason::Held));
        assert_eq!(
            ends.receive(&moved(&sent[1])),
            Err(Reason::OverlappingFragment),
            "{id}"
        );
        for at in [1, 2] {
            assert_eq!(ends.receive(&sent[at]), Err(Reason::Held), "{id}");
        }
        assert_eq!(
            ends.receive(&sent[0]),
            Ok(expected),
            "{id}: all of it, again"
        );
    }
}

/// An IPv4 fragment of a datagram with this identification.
fn piece(identification: u16, offset_units: u16, bytes: usize, more: bool) -> Vec<u8> {
    let mut packet = ip4(50, &[], &vec![identification as u8; bytes], |_| ());
    packet[4..6].copy_from_slice(&identification.to_be_bytes());
    let flags = offset_units | if more { 0x2000 } else { 0 };
    packet[6..8].copy_from_slice(&flags.to_be_bytes());
    fix_checksum(&mut packet);
    packet
}

#[test]
fn ends_that_contradict_each_other() {
    let overlap = Err(Reason::OverlappingFragment);
    let outcomes = |pieces: &[Vec<u8>]| {
        let mut table = Reassembly::new();
        let outcomes: Vec<_> = pieces.iter().map(|piece| table.take(piece)).collect();
        (outcomes.last().copied().unwrap(), table.held())
    };
    let last = piece(1, 4, 8, false);
    // Behind the end, another end, an end in front of what came, the end that goes on.
    assert_eq!(
        outcomes(&[last.clone(), piece(1, 5, 8, true)]),
        (overlap, 0)
    );
    assert_eq!(
        outcomes(&[last.clone(), piece(1, 2, 8, false)]),
        (overlap, 0)
    );
    assert_eq!(
        outcomes(&[piece(1, 4, 8, true), piece(1, 2, 8, false)]),
        (overlap, 0)
    );
    assert_eq!(
        outcomes(&[last.clone(), piece(1, 4, 8, true)]),
        (overlap, 0)
    );
    assert_eq!(
        outcomes(&[last.clone(), last]),
        (Err(Reason::DuplicateFragment), 1)
    );
}

#[test]
fn fragments_that_no_sender_makes() {
    let mut table = Reassembly::new();
    let malformed = Err(Reason::MalformedHeader);
    assert_eq!(
        table.take(&piece(1, 0, 12, true)),
        malformed,
        "no multiple of 8"
    );
    assert_eq!(table.take(&piece(1, 2, 0, false)), malformed, "nothing");
    assert_eq!(
        table.take(&piece(1, 8191, 8, false)),
        malformed,
        "behind 65535"
    );
    assert_eq!(
        table.take(&without_df(100)),
        Err(Reason::FragmentOrphan),
        "whole"
    );
    let mut wrong = piece(1, 0, 8, true);
    wrong[10] ^= 1;
    assert_eq!(table.take(&wrong), Err(Reason::BadChecksum));
    assert_eq!(table.take(&[]), malformed);
    assert_eq!(
        table.take(&ip6(44, &[50, 0, 0, 1])),
        malformed,
        "half a header"
    );
    assert_eq!(table.held(), 0);
}

/// A datagram of 65535 octets has 65515 behind its header.
#[test]
fn a_datagram_longer_than_its_length_field_is_refused() {
    let mut table = Reassembly::new();
    for (at, offset) in (0..8184).step_by(1023).enumerate() {
        let more = table.take(&piece(1, offset, 8184, true));
        assert_eq!(more, Ok(Taken::Held), "{at}");
    }
    let mut again = Reassembly::new();
    for offset in (0..8184).step_by(1023) {
        assert_eq!(again.take(&piece(1, offset, 8184, true)), Ok(Taken::Held));
    }
    assert_eq!(
        table.take(&piece(1, 8184, 44, false)),
        Err(Reason::MalformedHeader)
    );
    let Ok(Taken::Whole(place)) = again.take(&piece(1, 8184, 43, false)) else {
        panic!("65535 octets are a datagram");
    };
    assert_eq!(again.datagram(place).len(), 65_535);
}

#[test]
fn the_table_has_an_end() {
    let mut table = Reassembly::new();
    let datagrams = DATAGRAMS_MAX as u16;
    for identification in 0..1000 {
        assert_eq!(
            table.take(&piece(identification, 0, 8, true)),
            Ok(Taken::Held)
        );
        assert_eq!(
            table.held(),
            DATAGRAMS_MAX.min(usize::from(identification) + 1)
        );
    }
    // The oldest have made room, the others are there.
    let oldest = table.take(&piece(999 - datagrams, 1, 8, false));
    assert_eq!(oldest, Ok(Taken::Held));
    assert!(matches!(
        table.take(&piece(999, 1, 8, false)),
        Ok(Taken::Whole(_))
    ));
    assert_eq!(table.held(), DATAGRAMS_MAX - 1);
}

#[test]
fn a_datagram_has_an_end() {
    let mut table = Reassembly::new();
    for at in 0..FRAGMENTS_MAX as u16 {
        assert_eq!(table.take(&piece(1, at, 8, true)), Ok(Taken::Held));
    }
    let more = table.take(&piece(1, FRAGMENTS_MAX as u16, 8, false));
    assert_eq!((more, table.held()), (Err(Reason::NoRoom), 0));
}

/// To the fragment.
#[test]
fn a_datagram_is_forgotten_with_age() {
    for (others, is_there) in [(AGE_MAX - 1, true), (AGE_MAX, false)] {
        let mut table = Reassembly::new();
        assert_eq!(table.take(&piece(1, 0, 8, true)), Ok(Taken::Held));
        for _ in 0..others / 2 {
            assert_eq!(table.take(&piece(2, 0, 8, true)), Ok(Taken::Held));
            assert!(matches!(
                table.take(&piece(2, 1, 8, false)),
                Ok(Taken::Whole(_))
            ));
        }
        if others % 2 == 1 {
            assert_eq!(table.take(&piece(3, 0, 8, true)), Ok(Taken::Held));
        }
        let last = table.take(&piece(1, 1, 8, false));
        assert_eq!(matches!(last, Ok(Taken::Whole(_))), is_there, "{others}");
    }
}

/// RFC 6946, 4: a datagram that is whole behind its Fragment header is no other one's fragment.
#[test]
fn an_atomic_fragment_stands_alone() {
    let fragment = |offset_flags: u8, data: &[u8]| {
        ip6(44, &[&[50, 0, 0, offset_flags, 0, 0, 0, 9], data].concat())
    };
    let mut table = Reassembly::new();
    assert_eq!(table.take(&fragment(1, &[1; 16])), Ok(Taken::Held));
    let Ok(Taken::Whole(place)) = table.take(&fragment(0, &[2; 24])) else {
        panic!("it is whole");
    };
    assert_eq!(table.datagram(place), ip6(50, &[2; 24]));
    let Ok(Taken::Whole(place)) = table.take(&fragment(16, &[3; 5])) else {
        panic!("the other one is whole, too");
    };
    assert_eq!(
        table.datagram(place),
        ip6(50, &[&[1; 16][..], &[3; 5]].concat())
    );
}

/// RFC 3168, 5.3: one fragment's mark is the datagram's; a mark on what cannot have one is an
/// error.
#[test]
fn congestion_on_one_fragment_is_the_datagrams() {
    let marked = |mut packet: Vec<u8>, ecn: u8| {
        packet[1] |= ecn;
        fix_checksum(&mut packet);
        packet
    };
    for (first, second, whole) in [
        (0, 0, Ok(0)),
        (2, 2, Ok(2)),
        (2, 3, Ok(3)),
        (3, 2, Ok(3)),
        (3, 3, Ok(3)),
        (1, 3, Ok(3)),
        (0, 3, Err(Reason::EcnNotCapable)),
        (3, 0, Err(Reason::EcnNotCapable)),
    ] {
        let mut table = Reassembly::new();
        let held = table.take(&marked(piece(1, 0, 8, true), first));
        assert_eq!(held, Ok(Taken::Held));
        let taken = table.take(&marked(piece(1, 1, 8, false), second));
        let taken = taken.map(|taken| match taken {
            Taken::Whole(place) => {
                let datagram = table.datagram(place);
                assert_eq!(super::support::sum(&datagram[..20]), 0xffff);
                datagram[1]
            }
            Taken::Held => panic!("it is whole"),
        });
        assert_eq!(taken, whole, "{first} {second}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes, memory stays where it is, and what comes out is as long as it says.
    #[test]
    fn any_fragments_at_all(
        pieces in prop::collection::vec((0..40_u16, 0..24_u16, 0..6_usize, any::<bool>()), 1..200),
    ) {
        let mut table = Reassembly::new();
        for (identification, offset, units, more) in pieces {
            let taken = table.take(&piece(identification, offset, units * 8, more));
            if let Ok(Taken::Whole(place)) = taken {
                let datagram = table.datagram(place);
                let total = u16::from_be_bytes([datagram[2], datagram[3]]);
                prop_assert_eq!(usize::from(total), datagram.len());
                prop_assert!(datagram[20..].iter().all(|octet| *octet == identification as u8));
            }
            prop_assert!(table.held() <= DATAGRAMS_MAX);
        }
    }

    /// Fragments of one datagram, cut anywhere, in any order, some twice: it comes out once, when
    /// the last of them is there, and as it was.
    #[test]
    fn whatever_the_cut_and_the_order(
        data in prop::collection::vec(any::<u8>(), 9..4000),
        cuts in prop::collection::btree_set(1_usize..500, 1..20),
        shuffle in any::<u64>(),
    ) {
        use rand::seq::SliceRandom;
        use rand::SeedableRng;
        let mut bounds: Vec<usize> = cuts.iter().map(|at| at * 8).filter(|at| *at < data.len()).collect();
        prop_assume!(!bounds.is_empty());
        bounds.insert(0, 0);
        bounds.push(data.len());
        let mut pieces: Vec<Vec<u8>> = bounds.windows(2).map(|ends| {
            let mut packet = ip4(50, &[], &data[ends[0]..ends[1]], |h| h.dont_fragment = false);
            let more = if ends[1] < data.len() { 0x2000 } else { 0 };
            packet[6..8].copy_from_slice(&((ends[0] / 8) as u16 | more).to_be_bytes());
            fix_checksum(&mut packet);
            packet
        }).collect();
        pieces.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(shuffle));
        let mut table = Reassembly::new();
        let (last, before) = pieces.split_last().unwrap();
        for piece in before {
            prop_assert_eq!(table.take(piece), Ok(Taken::Held));
            prop_assert_eq!(table.take(piece), Err(Reason::DuplicateFragment));
        }
        let Ok(Taken::Whole(place)) = table.take(last) else {
            return Err(TestCaseError::fail("it is whole"));
        };
        let whole = ip4(50, &[], &data, |h| h.dont_fragment = false);
        prop_assert_eq!(table.datagram(place), whole);
        prop_assert_eq!(table.held(), 0);
    }
}
