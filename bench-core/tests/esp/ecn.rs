//! ECN through the tunnel: all sixteen pairs of outer and inner (RFC 6040, 4.2, figure 4), and
//! both ends of DSCP (RFC 2983, 4.1: the inner one stays).

use tunneltax_core::fate::Reason;
use tunneltax_core::path::reference;

use crate::packets::{A, A6, B, B6, fix_checksum, udp4, udp6};
use crate::tunnel::{Ends, Parts, tunnel_cases};

const NOT_ECT: u8 = 0;
const ECT_1: u8 = 1;
const ECT_0: u8 = 2;
const CE: u8 = 3;

/// Figure 4: inner, then what comes out for outer Not-ECT, ECT(0), ECT(1), CE.
const FIGURE_4: [(u8, [Option<u8>; 4]); 4] = [
    (NOT_ECT, [Some(NOT_ECT), Some(NOT_ECT), Some(NOT_ECT), None]),
    (ECT_0, [Some(ECT_0), Some(ECT_0), Some(ECT_1), Some(CE)]),
    (ECT_1, [Some(ECT_1), Some(ECT_1), Some(ECT_1), Some(CE)]),
    (CE, [Some(CE), Some(CE), Some(CE), Some(CE)]),
];
const OUTER: [u8; 4] = [NOT_ECT, ECT_0, ECT_1, CE];

/// The packet with this traffic class.
fn with_class(packet: &[u8], class: u8) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet[0] >> 4 == 4 {
        packet[1] = class;
        fix_checksum(&mut packet);
    } else {
        packet[0] = 0x60 | class >> 4;
        packet[1] = packet[1] & 0x0f | class << 4;
    }
    packet
}

fn inners() -> [Vec<u8>; 2] {
    let mut six = udp6((A6, 1000), (B6, 53), b"question");
    // A flow label that shares an octet with the traffic class.
    six[1..4].copy_from_slice(&[0x0a, 0xbc, 0xde]);
    [udp4((A, 1000), (B, 53), b"question"), six]
}

#[test]
fn all_sixteen_pairs() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let mut sequence = 0;
        for packet in inners() {
            for (inner_ecn, row) in FIGURE_4 {
                for (outer_ecn, expected) in OUTER.into_iter().zip(row) {
                    for (inner_dscp, outer_dscp) in [(0, 0), (46, 10), (0, 63), (63, 0)] {
                        sequence += 1;
                        let inner = with_class(&packet, inner_dscp << 2 | inner_ecn);
                        let sent = ends.craft(&Parts {
                            tos: outer_dscp << 2 | outer_ecn,
                            ..Parts::of(&inner, sequence)
                        });
                        let expected = expected.ok_or(Reason::EcnNotCapable).and_then(|ecn| {
                            reference(1, &with_class(&packet, inner_dscp << 2 | ecn))
                        });
                        let what = format!("{}: {inner_ecn} in {outer_ecn}", case.id);
                        assert_eq!(ends.receive_one(&sent), expected, "{what}");
                    }
                }
            }
        }
    }
}

/// The mark is believed of an authentic packet only, and a drop for it uses the number up.
#[test]
fn a_drop_for_its_mark_was_authentic() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        let [inner, _] = inners();
        let marked = ends.craft(&Parts {
            tos: CE,
            ..Parts::of(&inner, 1)
        });
        if case.algorithm.is_some() {
            let mut forged = marked.clone();
            *forged.last_mut().unwrap() ^= 1;
            assert_eq!(ends.receive_one(&forged), Err(Reason::BadIcv));
        }
        assert_eq!(ends.receive_one(&marked), Err(Reason::EcnNotCapable));
        assert_eq!(ends.receive_one(&marked), Err(Reason::Replayed));
    }
}

/// What a router on the way marks on a packet that this path sent.
#[test]
fn a_mark_on_the_way_arrives() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for packet in inners() {
            for ecn in [ECT_0, ECT_1] {
                let mut sent = ends.send_one(&with_class(&packet, 46 << 2 | ecn)).unwrap();
                assert_eq!(sent[1], 46 << 2 | ecn);
                sent[1] |= CE;
                fix_checksum(&mut sent[..20]);
                let expected = reference(2, &with_class(&packet, 46 << 2 | CE));
                assert_eq!(ends.receive_one(&sent), expected, "{}", case.id);
            }
        }
    }
}
