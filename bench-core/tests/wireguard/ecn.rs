//! ECN through the tunnel: into it by RFC 3168, 9.1.1, out of it by RFC 6040, 4.2.

use tunneltax_core::path::reference;

use crate::packets::{A, A6, B, B6, fix_checksum, udp4, udp6};
use crate::tunnel::{Ends, Reason, tunnel_cases};

const NOT_ECT: u8 = 0;
const ECT_1: u8 = 1;
const ECT_0: u8 = 2;
const CE: u8 = 3;

/// A packet of each family with this traffic class.
fn with_class(class: u8) -> [Vec<u8>; 2] {
    let mut four = udp4((A, 1), (B, 2), b"data");
    four[1] = class;
    fix_checksum(&mut four);
    let mut six = udp6((A6, 1), (B6, 2), b"data");
    six[0] = 0x60 | class >> 4;
    six[1] = class << 4;
    [four, six]
}

#[test]
fn ecn_is_outside_and_dscp_is_not() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for class in 0..=255_u8 {
            for packet in with_class(class) {
                let sent = ends.send(&packet).unwrap();
                // Congestion that was met before the tunnel is not met again on the way.
                let outside = [NOT_ECT, ECT_1, ECT_0, ECT_0][usize::from(class & 3)];
                assert_eq!(sent[1], outside, "{} {class}", case.id);
                assert_eq!(ends.receive(&sent), reference(2, &packet));
            }
        }
    }
}

#[test]
fn a_mark_on_the_way_arrives_or_drops() {
    for case in tunnel_cases() {
        let mut ends = Ends::new(case);
        for ecn in [NOT_ECT, ECT_1, ECT_0, CE] {
            let marked = with_class(46 << 2 | CE);
            for (packet, marked) in with_class(46 << 2 | ecn).iter().zip(marked) {
                let mut sent = ends.send(packet).unwrap();
                sent[1] |= CE;
                fix_checksum(&mut sent[..20]);
                let expected = if ecn == NOT_ECT {
                    Err(Reason::EcnNotCapable)
                } else {
                    reference(2, &marked)
                };
                assert_eq!(ends.receive(&sent), expected, "{} {ecn}", case.id);
            }
        }
    }
}
