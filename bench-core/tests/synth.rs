//! What the generator promises: the same seed gives the same packets, each of them whole and valid.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use tunneltax_core::capture::Chunk;
use tunneltax_core::synth::{FLOWS_MAX, Mix, Recipe, SynthError};

fn chunk(recipe: &Recipe) -> Chunk {
    recipe.chunk().expect("the recipe is sound")
}

/// FNV-1a over lengths and bytes (Fowler, Noll, Vo; 64 bits).
fn digest(chunk: &Chunk) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    chunk.packets().fold(0xcbf2_9ce4_8422_2325, |hash, packet| {
        let length = (packet.len() as u32).to_be_bytes();
        let bytes = length.iter().chain(packet);
        bytes.fold(hash, |hash, &byte| fold(hash, byte))
    })
}

/// Checks a packet with a parser that did not build it. Its 5-tuple comes back.
fn flow_of_valid(packet: &[u8]) -> (Vec<u8>, u16, u16) {
    let sliced = SlicedPacket::from_ip(packet).expect("parses");
    let Some(TransportSlice::Udp(udp)) = sliced.transport else {
        panic!("no UDP")
    };
    let udp = udp.to_header();
    let (addresses, sum, payload_bytes) = match sliced.net {
        Some(NetSlice::Ipv4(net)) => {
            let header = net.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            assert_eq!(usize::from(header.total_len), packet.len());
            assert_eq!(header.time_to_live, 64);
            let payload = &packet[28..];
            let sum = udp.calc_checksum_ipv4(&header, payload);
            (
                [header.source, header.destination].concat(),
                sum,
                payload.len(),
            )
        }
        Some(NetSlice::Ipv6(net)) => {
            let header = net.header().to_header();
            assert_eq!(usize::from(header.payload_length) + 40, packet.len());
            assert_eq!(header.hop_limit, 64);
            let payload = &packet[48..];
            let sum = udp.calc_checksum_ipv6(&header, payload);
            (
                [header.source, header.destination].concat(),
                sum,
                payload.len(),
            )
        }
        _ => panic!("no IP"),
    };
    assert_eq!(udp.checksum, sum.expect("has a sum"));
    assert_ne!(udp.checksum, 0);
    assert_eq!(usize::from(udp.length), payload_bytes + 8);
    (addresses, udp.source_port, udp.destination_port)
}

fn sizes(chunk: &Chunk) -> BTreeMap<usize, usize> {
    let mut sizes = BTreeMap::new();
    for packet in chunk.packets() {
        *sizes.entry(packet.len()).or_default() += 1;
    }
    sizes
}

#[test]
fn the_seed_decides_every_byte() {
    let recipe = Recipe::new(Mix::SimpleImix, 240, 7);
    let first = digest(&chunk(&recipe));
    assert_eq!(first, digest(&chunk(&recipe)));
    assert_ne!(first, digest(&chunk(&Recipe { seed: 8, ..recipe })));
    // Changes only with the generator or with a library's algorithm: results before and after
    // were measured on different packets then, and records must not be compared.
    assert_eq!(first, PINNED, "now {first:#x}");
}

const PINNED: u64 = 0x9a23_e7f2_2a1a_9436;

#[test]
fn mixes_keep_their_proportions_exactly() {
    let imix = chunk(&Recipe::new(Mix::SimpleImix, 1200, 1));
    assert_eq!(
        sizes(&imix),
        BTreeMap::from([(46, 700), (552, 400), (1500, 100)])
    );
    let mean = imix.packet_bytes() as f64 / imix.len() as f64;
    assert!((mean - Mix::SimpleImix.mean_bytes()).abs() < 1e-9, "{mean}");
    // As frames with frame check sequence, 18 bytes more each: 353.83 and 417.4.
    assert!((Mix::SimpleImix.mean_bytes() - 335.83).abs() < 0.01);

    let ipsec = chunk(&Recipe::new(Mix::IpsecImix, 10_000, 1));
    let expected = BTreeMap::from([(72, 5867), (74, 200), (576, 2366), (1400, 1567)]);
    assert_eq!(sizes(&ipsec), expected);
    assert!((Mix::IpsecImix.mean_bytes() - 399.4).abs() < 0.1);

    let few = chunk(&Recipe::new(Mix::SimpleImix, 5, 1));
    assert_eq!(sizes(&few), BTreeMap::from([(46, 3), (552, 2)]));
    assert!((Mix::Size(350).mean_bytes() - 350.0).abs() < 1e-9);
}

#[test]
fn mixes_are_shuffled() {
    let imix = chunk(&Recipe::new(Mix::SimpleImix, 1200, 1));
    let lengths: Vec<_> = imix.packets().map(<[u8]>::len).collect();
    let changes = lengths.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 400, "{changes}");
}

#[test]
fn flows_are_as_many_as_asked_for() {
    let flows =
        |recipe: &Recipe| -> BTreeSet<_> { chunk(recipe).packets().map(flow_of_valid).collect() };
    let recipe = Recipe::new(Mix::Size(64), 2000, 3);
    assert_eq!(flows(&recipe).len(), 64);
    assert_eq!(flows(&Recipe { flows: 1, ..recipe }).len(), 1);

    let both = Recipe {
        flows: 8,
        ipv6_percent: 25,
        ..recipe
    };
    let both = flows(&both);
    let ipv6 = both
        .iter()
        .filter(|(addresses, ..)| addresses.len() == 32)
        .count();
    assert_eq!((both.len(), ipv6), (8, 2));
    let benchmark_nets = both.iter().all(|(addresses, ..)| {
        addresses.starts_with(&[198, 18]) || addresses.starts_with(&[0x20, 1, 0, 2, 0, 0])
    });
    assert!(benchmark_nets);
}

/// More flows than a /16 has hosts: still as many as asked for, one after the other.
#[test]
fn a_million_flows_in_turn_are_a_million() {
    let recipe = Recipe {
        flows: FLOWS_MAX,
        in_turn: true,
        ..Recipe::new(Mix::Size(28), FLOWS_MAX, 3)
    };
    let chunk = chunk(&recipe);
    // Addresses and ports of an IPv4 packet without options.
    let distinct: HashSet<&[u8]> = chunk.packets().map(|packet| &packet[12..24]).collect();
    assert_eq!((chunk.len(), distinct.len()), (FLOWS_MAX, FLOWS_MAX));
    for packet in chunk.packets().step_by(99_991) {
        flow_of_valid(packet);
    }
    let few = Recipe {
        flows: 10,
        packets: 25,
        ..recipe
    };
    let flows: Vec<_> = few.chunk().unwrap().packets().map(flow_of_valid).collect();
    assert!((10..25).all(|at| flows[at] == flows[at - 10]));
    assert_eq!(BTreeSet::from_iter(&flows).len(), 10);
}

#[test]
fn payloads_differ_and_times_are_unknown() {
    let chunk = chunk(&Recipe::new(Mix::Size(512), 50, 3));
    let payloads: BTreeSet<_> = chunk
        .packets()
        .map(|packet| packet[28..].to_vec())
        .collect();
    assert_eq!(payloads.len(), 50);
    assert!((0..50).all(|index| chunk.timestamp_ns(index).is_none()));
}

#[test]
fn names_are_parsed_back() {
    for mix in [
        Mix::Size(28),
        Mix::Size(65_535),
        Mix::SimpleImix,
        Mix::IpsecImix,
    ] {
        assert_eq!(mix.to_string().parse(), Ok(mix));
    }
    for name in ["", "27", "65536", "-1", "64.0", "IMIX", "large"] {
        let error = name.parse::<Mix>().expect_err("no such mix");
        assert_eq!(error, SynthError::UnknownMix(name.to_owned()));
        assert!(error.to_string().contains("from 28 to 65535"), "{error}");
    }
}

#[test]
fn what_cannot_be_made_is_refused() {
    let refused = |recipe: Recipe| recipe.chunk().expect_err("refused").to_string();
    let recipe = Recipe::new(Mix::Size(27), 1, 1);
    let sentence = refused(recipe);
    assert!(
        sentence.contains("27 bytes, but IPv4 and UDP headers take 28"),
        "{sentence}"
    );
    let recipe = Recipe {
        ipv6_percent: 1,
        ..Recipe::new(Mix::SimpleImix, 1, 1)
    };
    let sentence = refused(recipe);
    assert!(
        sentence.contains("mix imix has packets of 46 bytes, but IPv6"),
        "{sentence}"
    );
    let recipe = Recipe::new(Mix::Size(64), 1, 1);
    assert!(refused(Recipe { flows: 0, ..recipe }).starts_with("0 flows"));
    assert!(
        refused(Recipe {
            flows: FLOWS_MAX + 1,
            ..recipe
        })
        .contains("flows cannot be made")
    );
    assert!(
        refused(Recipe {
            ipv6_percent: 101,
            ..recipe
        })
        .starts_with("101 %")
    );
}

#[test]
fn a_refused_recipe_leaves_an_empty_chunk() {
    let mut chunk = chunk(&Recipe::new(Mix::Size(64), 5, 1));
    let refused = Recipe::new(Mix::Size(20), 5, 1).fill(&mut chunk);
    assert!(refused.is_err() && chunk.is_empty());
    assert!(Recipe::new(Mix::Size(64), 0, 1).fill(&mut chunk).is_ok() && chunk.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_recipe_gives_valid_packets_of_its_sizes(
        size in 28u16..=65_535,
        packets in 0usize..20,
        flows in 1usize..10,
        ipv6_percent in 0u8..=100,
        seed in any::<u64>(),
    ) {
        let recipe = Recipe { mix: Mix::Size(size), packets, flows, in_turn: seed % 2 == 0, ipv6_percent, dont_fragment: seed % 3 > 0, seed };
        match recipe.chunk() {
            Ok(chunk) => {
                prop_assert_eq!(chunk.len(), packets);
                for packet in chunk.packets() {
                    prop_assert_eq!(packet.len(), usize::from(size));
                    flow_of_valid(packet);
                    let has_df = packet[6] & 0x40 != 0;
                    prop_assert!(packet[0] >> 4 == 6 || has_df == recipe.dont_fragment);
                }
            }
            Err(error) => prop_assert!(size < 48 && ipv6_percent > 0, "{}", error),
        }
    }
}
