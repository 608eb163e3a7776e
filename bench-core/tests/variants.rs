//! Ways to frame a tunnel beside plain ESP over IPv4: what is on the wire, octet by octet, and
//! what is refused.

mod packets;

use packets::{A, A6, B, B6, udp4, udp6};
use tunneltax_core::cipher::Layout;
use tunneltax_core::cipher::ring::{AES_256, Ring};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::esp::{Framing, Opener, Sealer};
use tunneltax_core::path::{Case, Setup, cases, find, keys, reference};
use tunneltax_core::sa::{InboundSa, Numbers, OutboundSa};

type Gcm = Ring<{ AES_256 }>;

fn inner() -> Vec<u8> {
    udp4((A, 5000), (B, 53), &[0x5a; 100])
}

fn case(id: &str) -> &'static Case {
    find(id).expect("a case")
}

/// What a case's near gateway makes of a packet.
fn sent(case: &Case, packet: &[u8]) -> Vec<u8> {
    let mut path = case.open(&Setup::default()).unwrap();
    let (front, behind) = (case.overhead.front, case.overhead.tailroom());
    let mut arena = Arena::new(1, front, packet.len(), behind);
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    path.send(&mut burst);
    assert_eq!(burst[0].fate, Fate::Carried, "{}", case.id);
    burst[0].bytes().to_vec()
}

/// What a case's far gateway, opened afresh, says to a packet.
fn received(case: &Case, packet: &[u8]) -> (Fate, Vec<u8>) {
    let mut path = case.open(&Setup::default()).unwrap();
    let mut arena = Arena::new(1, 0, packet.len(), 0);
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    path.receive(&mut burst);
    (burst[0].fate, burst[0].bytes().to_vec())
}

#[test]
fn bytes_added_are_those_of_the_standards() {
    // RFC 791: 20; RFC 8200: 40; RFC 768: 8; RFC 4303 and RFC 4106: 8 + 8 in front, 2 + 16
    // behind; RFC 7348: 8, and 14 of Ethernet. WireGuard paper, 5.4.6: 16 in front, 16 behind,
    // padded to 16 but not beyond the tunnel's MTU.
    for (id, inner, added) in [
        ("vxlan", 64, 50),
        ("vxlan", 1450, 50),
        ("esp/none", 66, 20 + 16 + 18),
        ("esp/none", 64, 20 + 16 + 18 + 2),
        ("esp6/none", 66, 40 + 16 + 18),
        ("esp-udp/none", 66, 20 + 8 + 16 + 18),
        ("esp6-udp/none", 66, 40 + 8 + 16 + 18),
        ("esp+esn/none", 66, 20 + 16 + 18),
        ("esp+pad16/none", 62, 20 + 16 + 18),
        ("esp+pad16/none", 63, 20 + 16 + 18 + 15),
        ("wireguard/none", 64, 20 + 8 + 16 + 16),
        ("wireguard/none", 65, 20 + 8 + 16 + 16 + 15),
        ("wireguard/none", 1408, 60),
        ("wireguard/none", 1409, 60 + 11),
        ("wireguard/none", 1419, 60 + 1),
        ("wireguard/none", 1420, 60),
        ("wireguard/none", 1421, 60),
        ("wireguard/none", 1500, 60),
    ] {
        assert_eq!(case(id).overhead.added_bytes(inner), added, "{id} {inner}");
    }
}

/// The arithmetic and what the path emits are one, for every case and every size.
#[test]
fn what_is_sent_is_as_long_as_the_arithmetic_says() {
    for case in cases() {
        let mut path = case.open(&Setup::default()).unwrap();
        let (front, behind) = (case.overhead.front, case.overhead.tailroom());
        let mut arena = Arena::new(1, front, 1500, behind);
        let mut burst = arena.frames();
        for bytes in 28..=1500 {
            let packet = udp4((A, 5000), (B, 53), &vec![7; bytes - 28]);
            assert!(burst[0].load(&packet));
            path.send(&mut burst);
            let expected = bytes + case.overhead.added_bytes(bytes);
            assert_eq!(burst[0].len(), expected, "{} {bytes}", case.id);
            // A cipher alone sends nothing.
            if case.hops > 0 {
                assert_eq!(burst[0].over_mtu, expected > 1500, "{} {bytes}", case.id);
            }
        }
    }
}

#[test]
fn an_outer_ipv6_header_carries_class_and_length() {
    let mut packet = inner();
    packet[1] = 0xb9; // EF and ECT(1)
    packets::fix_checksum(&mut packet);
    let outer = sent(case("esp6/aes-256-gcm@ring"), &packet);
    assert_eq!(outer[..4], [0x6b, 0x90, 0, 0]);
    let payload = u16::from_be_bytes([outer[4], outer[5]]);
    assert_eq!(usize::from(payload), outer.len() - 40);
    assert_eq!(outer[6..8], [50, 64]);
    assert_eq!(outer[8..12], [0x20, 0x01, 0x0d, 0xb8]);
    // Congestion that the outer header was marked with reaches the inner one.
    let mut marked = outer.clone();
    marked[1] |= 0x30;
    let (fate, inner) = received(case("esp6/aes-256-gcm@ring"), &marked);
    assert_eq!((fate, inner[1]), (Fate::Carried, 0xbb));
}

#[test]
fn what_else_comes_to_the_port_of_esp_is_told_apart() {
    for id in ["esp-udp/aes-256-gcm@ring", "esp6-udp/aes-256-gcm@ring"] {
        let udp_at = case(id).overhead.front - 16 - 8;
        let outer = sent(case(id), &inner());
        assert_eq!(outer[udp_at..udp_at + 4], [0x11, 0x94, 0x11, 0x94]);
        let length = usize::from(u16::from_be_bytes([outer[udp_at + 4], outer[udp_at + 5]]));
        assert_eq!(length, outer.len() - udp_at);
        assert_eq!(outer[udp_at + 6..udp_at + 8], [0, 0], "RFC 3948, 2.1");
        let refused = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut packet = outer.clone();
            change(&mut packet);
            received(case(id), &packet).0
        };
        // RFC 3948, 2.3: one octet, 0xff.
        let keepalive = refused(&|packet| {
            packet[udp_at + 5] = 9;
            packet[udp_at + 4] = 0;
            packet[udp_at + 8] = 0xff;
        });
        assert_eq!(keepalive, Fate::Dropped(Reason::NatKeepalive), "{id}");
        // RFC 3948, 2.2: four octets of 0 where the SPI would be.
        let ike = refused(&|packet| packet[udp_at + 8..udp_at + 12].fill(0));
        assert_eq!(ike, Fate::Dropped(Reason::IkeMessage), "{id}");
        let port = refused(&|packet| packet[udp_at + 3] ^= 1);
        assert_eq!(port, Fate::Dropped(Reason::NotEsp), "{id}");
        let long = refused(&|packet| packet[udp_at + 4] = 0xff);
        assert_eq!(long, Fate::Dropped(Reason::MalformedHeader), "{id}");
        assert_eq!(refused(&|_| ()), Fate::Carried, "{id}");
    }
}

#[test]
fn an_ipv6_packet_of_something_else_is_not_esp() {
    let id = "esp6/aes-256-gcm@ring";
    for (next_header, reason) in [(51, Reason::NotEsp), (44, Reason::FragmentOrphan)] {
        let mut outer = sent(case(id), &inner());
        outer[6] = next_header;
        assert_eq!(received(case(id), &outer).0, Fate::Dropped(reason));
    }
    let plain = udp6((A6, 5000), (B6, 53), &[7; 60]);
    assert_eq!(received(case(id), &plain).0, Fate::Dropped(Reason::NotEsp));
}

#[test]
fn a_segment_takes_only_its_own_packets() {
    let vxlan = case("vxlan");
    for packet in [inner(), udp6((A6, 5000), (B6, 53), &[7; 60])] {
        let outer = sent(vxlan, &packet);
        assert_eq!(outer[22..24], 4789_u16.to_be_bytes());
        assert_eq!(
            (outer[28], &outer[32..36]),
            (8, [0, 0x5e, 0xed, 0].as_slice())
        );
        let type_of = if packet[0] >> 4 == 4 {
            0x0800_u16
        } else {
            0x86dd
        };
        assert_eq!(outer[48..50], type_of.to_be_bytes());
        assert_eq!(
            received(vxlan, &outer),
            (Fate::Carried, reference(2, &packet).unwrap())
        );
        for (at, reason) in [
            (23, Reason::NotVxlan),
            (28, Reason::NotVxlan),
            (34, Reason::WrongVni),
            (49, Reason::BadNextHeader),
        ] {
            let mut other = outer.clone();
            other[at] ^= 8;
            assert_eq!(received(vxlan, &other).0, Fate::Dropped(reason), "{at}");
        }
    }
}

/// Numbers beyond 32 bits: the lower half is sent and turns over, all 64 bits are verified.
#[test]
fn extended_numbers_go_on_behind_32_bits() {
    const TURN: u64 = 1 << 32;
    let setup = Setup::default();
    let keys = keys(&setup, 32);
    let overhead = Framing::EXTENDED.overhead(Layout::AEAD);
    let mut arena = Arena::new(3, overhead.front, 200, overhead.tailroom());
    let mut burst = arena.frames();
    let sa = OutboundSa::<Gcm>::after(&keys, Numbers::Extended, TURN - 2).unwrap();
    let mut sealer = Sealer::new(&setup, sa, Framing::EXTENDED);
    for frame in &mut burst {
        assert!(frame.load(&inner()));
    }
    sealer.seal(&mut burst);
    let outer: Vec<Vec<u8>> = burst.iter().map(|frame| frame.bytes().to_vec()).collect();
    let number =
        |packet: &[u8]| u32::from_be_bytes([packet[24], packet[25], packet[26], packet[27]]);
    assert_eq!([0, 1, 2].map(|at| number(&outer[at])), [u32::MAX, 0, 1]);
    // The IV is the whole number (RFC 4106, 3.1 asks that it never repeats).
    assert_eq!(outer[1][28..36], TURN.to_be_bytes());

    let mut sa = InboundSa::<Gcm>::new(&keys, Numbers::Extended, 64).unwrap();
    sa.window.accept(TURN - 2).unwrap();
    let mut opener = Opener::new(sa, Framing::EXTENDED.underlay);
    opener.open(&mut burst);
    for frame in &burst {
        assert_eq!((frame.fate, frame.bytes()), (Fate::Carried, &*inner()));
    }
    for (frame, outer) in burst.iter_mut().zip(&outer) {
        assert!(frame.load(outer));
    }
    opener.open(&mut burst);
    assert!(
        burst
            .iter()
            .all(|frame| frame.fate == Fate::Dropped(Reason::Replayed))
    );

    // A receiver that stands in another turn takes another number, and the ICV is wrong.
    let mut sa = InboundSa::<Gcm>::new(&keys, Numbers::Extended, 64).unwrap();
    sa.window.accept(5 * TURN).unwrap();
    let mut opener = Opener::new(sa, Framing::EXTENDED.underlay);
    for (frame, outer) in burst.iter_mut().zip(&outer) {
        assert!(frame.load(outer));
    }
    opener.open(&mut burst);
    assert_eq!(burst[2].fate, Fate::Dropped(Reason::BadIcv));
    assert_eq!(burst[1].fate, Fate::Dropped(Reason::Replayed));
}

#[test]
fn extended_numbers_end_too() {
    let setup = Setup::default();
    let keys = keys(&setup, 32);
    let overhead = Framing::EXTENDED.overhead(Layout::AEAD);
    let mut arena = Arena::new(2, overhead.front, 200, overhead.tailroom());
    let mut burst = arena.frames();
    let sa = OutboundSa::<Gcm>::after(&keys, Numbers::Extended, u64::MAX - 1).unwrap();
    let mut sealer = Sealer::new(&setup, sa, Framing::EXTENDED);
    for frame in &mut burst {
        assert!(frame.load(&inner()));
    }
    sealer.seal(&mut burst);
    let exhausted = Fate::Dropped(Reason::SequenceExhausted);
    assert_eq!([burst[0].fate, burst[1].fate], [Fate::Carried, exhausted]);
}
