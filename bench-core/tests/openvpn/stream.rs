//! Over TCP: how a record is cut, and what a receiver takes, holds and refuses.

use etherparse::{Ipv4HeaderSlice, TcpSlice};
use tunneltax_core::cipher::Cipher;
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::openvpn::{DataV2, OVER_TCP};
use tunneltax_core::path::records::{Carrier, Opener, Sealer};
use tunneltax_core::path::stream::Stream;
use tunneltax_core::path::{Setup, find, reference};

use super::packets::{A, B, fix_checksum, udp4};
use super::{IMPLICIT_IV, KEY, KEY_ID, PEER_ID, outcome};

type Gcm = Ring<{ ring::AES_256 }>;

/// Octets of IPv4 and TCP.
const OUTER: usize = 40;
/// Octets of length, header and tag.
const RECORD_FRONT: usize = 2 + 24;
const FIRST: u32 = 0xffff_fff0;

const WITH_TIMESTAMPS: Carrier = Carrier::Stream(Stream {
    ports: (50_000, 443),
    timestamps: true,
});

/// Two ends of a connection that stands at octet [`FIRST`].
struct Ends {
    carrier: Carrier,
    sealer: Sealer<Gcm, DataV2>,
    opener: Opener<Gcm, DataV2>,
}

impl Ends {
    fn over(carrier: Carrier) -> Self {
        let setup = Setup::default();
        let record = DataV2::new(carrier, KEY_ID, PEER_ID, IMPLICIT_IV);
        let cipher = || Gcm::new(&KEY).unwrap();
        Self {
            carrier,
            sealer: Sealer::new(&setup, cipher(), carrier, record).from_sequence(FIRST),
            opener: Opener::new(&setup, cipher(), carrier, record).from_sequence(FIRST),
        }
    }

    fn send(&mut self, inner: &[u8]) -> Result<Vec<Vec<u8>>, Reason> {
        let overhead = DataV2::overhead_over(self.carrier);
        let mut arena = Arena::new(1, overhead.front, inner.len(), overhead.tailroom());
        let mut burst = arena.frames();
        assert!(burst[0].load(inner));
        self.sealer.seal(&mut burst);
        let packets = burst[0].wire_packets().map(<[u8]>::to_vec).collect();
        outcome(burst[0].fate, &[]).map(|_| packets)
    }

    fn receive(&mut self, packet: &[u8]) -> Result<Vec<u8>, Reason> {
        let mut arena = Arena::new(1, 0, 10_000, 0);
        let mut burst = arena.frames();
        assert!(burst[0].load(packet));
        self.opener.open(&mut burst);
        outcome(burst[0].fate, burst[0].bytes())
    }
}

fn inner(bytes: usize) -> Vec<u8> {
    let payload: Vec<u8> = (0..bytes - 28).map(|at| at as u8).collect();
    udp4((A, 5000), (B, 53), &payload)
}

/// What a segment says, read and verified by etherparse: sequence number, push, what it carries.
fn segment(packet: &[u8], header_bytes: usize) -> (u32, bool, Vec<u8>) {
    let ip = Ipv4HeaderSlice::from_slice(packet).unwrap();
    assert_eq!(usize::from(ip.total_len()), packet.len());
    assert_eq!(ip.to_header().calc_header_checksum(), ip.header_checksum());
    assert_eq!(
        (ip.source(), ip.destination()),
        ([192, 0, 2, 1], [192, 0, 2, 2])
    );
    assert_eq!((ip.protocol().0, ip.ttl(), packet[1]), (6, 64, 0));
    assert!(ip.dont_fragment());
    let tcp = TcpSlice::from_slice(&packet[20..]).unwrap();
    let sum = tcp
        .calc_checksum_ipv4(ip.source(), ip.destination())
        .unwrap();
    assert_eq!(sum, tcp.checksum());
    assert_eq!((tcp.destination_port(), tcp.window_size()), (443, 0xffff));
    assert_eq!((tcp.acknowledgment_number(), tcp.urgent_pointer()), (1, 0));
    assert!(tcp.ack() && !(tcp.syn() || tcp.fin() || tcp.rst() || tcp.urg()));
    assert_eq!(20 + usize::from(tcp.data_offset()) * 4, header_bytes);
    if header_bytes > OUTER {
        assert_eq!(tcp.options()[..4], [1, 1, 8, 10]);
    }
    (tcp.sequence_number(), tcp.psh(), tcp.payload().to_vec())
}

#[test]
fn records_are_cut_where_a_segment_is_full() {
    for (carrier, header, most) in [(OVER_TCP, 40, 1460), (WITH_TIMESTAMPS, 52, 1448)] {
        let mut ends = Ends::over(carrier);
        let (mut next, mut packet_id) = (FIRST, 0_u32);
        let last_single = most - RECORD_FRONT;
        for bytes in [
            28,
            100,
            last_single,
            last_single + 1,
            1500,
            4000,
            last_single + most,
        ] {
            let inner = inner(bytes);
            let packets = ends.send(&inner).unwrap();
            let record_bytes = bytes + RECORD_FRONT;
            assert_eq!(packets.len(), record_bytes.div_ceil(most), "{bytes}");
            let mut record = vec![];
            for (at, packet) in packets.iter().enumerate() {
                let (sequence, push, payload) = segment(packet, header);
                assert_eq!(sequence, next);
                let is_last = at + 1 == packets.len();
                assert_eq!(
                    (push, packet.len() == 1500),
                    (is_last, payload.len() == most)
                );
                assert!(is_last || payload.len() == most);
                next = next.wrapping_add(payload.len() as u32);
                record.extend(payload);
            }
            packet_id += 1;
            let by_hand = super::wire::by_hand::<aes_gcm::Aes256Gcm>(packet_id, &inner);
            assert_eq!(record[..2], (by_hand.len() as u16).to_be_bytes());
            assert_eq!(record[2..], by_hand);
            let sent: usize = packets.iter().map(Vec::len).sum();
            let added = DataV2::overhead_over(carrier).added_bytes(bytes);
            assert_eq!(sent, bytes + added);
        }
    }
}

/// Each segment in a frame of its own: all but the last are held.
#[test]
fn a_record_comes_together_from_several_frames() {
    let mut ends = Ends::over(OVER_TCP);
    for bytes in [1434, 1435, 1500, 4000, 9000, 60] {
        let inner = inner(bytes);
        let packets = ends.send(&inner).unwrap();
        let (last, before) = packets.split_last().unwrap();
        for packet in before {
            assert_eq!(ends.receive(packet), Err(Reason::Held));
        }
        assert_eq!(ends.receive(last), Ok(inner));
    }
}

/// As a path hands them over: back to back in one frame.
#[test]
fn a_record_comes_together_in_one_frame() {
    let case = find("openvpn-tcp/aes-256-gcm@ring").unwrap();
    let mut path = case.open(&Setup::default()).unwrap();
    let mut arena = Arena::new(3, case.overhead.headroom(), 9000, case.overhead.tailroom());
    let mut burst = arena.frames();
    for round in 0..3 {
        for (frame, bytes) in burst.iter_mut().zip([1400, 1500, 9000]) {
            assert!(frame.load(&inner(bytes)));
        }
        path.send(&mut burst);
        let segments =
            [0, 1, 2].map(|at| (burst[at].segment_bytes, burst[at].wire_packets().count()));
        assert_eq!(segments, [(0, 1), (1500, 2), (1500, 7)], "{round}");
        assert!(burst.iter().all(|frame| !frame.over_mtu));
        path.receive(&mut burst);
        for (frame, bytes) in burst.iter().zip([1400, 1500, 9000]) {
            assert_eq!((frame.fate, frame.segment_bytes), (Fate::Carried, 0));
            assert_eq!(Ok(frame.bytes().to_vec()), reference(2, &inner(bytes)));
        }
    }
}

#[test]
fn a_lost_segment_stops_all_that_follow_until_it_comes() {
    let mut ends = Ends::over(OVER_TCP);
    let lost = ends.send(&inner(1500)).unwrap();
    let next = ends.send(&inner(300)).unwrap();
    assert_eq!(ends.receive(&lost[1]), Err(Reason::OutOfSequence));
    assert_eq!(ends.receive(&next[0]), Err(Reason::OutOfSequence));
    assert_eq!(ends.receive(&lost[0]), Err(Reason::Held));
    // What was taken is not taken again, and a gap is still a gap.
    assert_eq!(ends.receive(&lost[0]), Err(Reason::OutOfSequence));
    assert_eq!(ends.receive(&next[0]), Err(Reason::OutOfSequence));
    assert_eq!(ends.receive(&lost[1]), Ok(inner(1500)));
    assert_eq!(ends.receive(&next[0]), Ok(inner(300)));
    assert_eq!(ends.receive(&next[0]), Err(Reason::OutOfSequence));
}

/// Of two segments in one frame the first is taken even where the second is refused.
#[test]
fn what_was_in_sequence_is_held_whatever_follows() {
    let mut ends = Ends::over(OVER_TCP);
    let packets = ends.send(&inner(1500)).unwrap();
    let mut arena = Arena::new(1, 0, 10_000, 0);
    let mut burst = arena.frames();
    let mut both = packets.concat();
    *both.last_mut().unwrap() ^= 1;
    assert!(burst[0].load(&both));
    burst[0].segment_bytes = 1500;
    ends.opener.open(&mut burst);
    assert_eq!(burst[0].fate, Fate::Dropped(Reason::BadSegmentChecksum));
    assert_eq!(ends.receive(&packets[0]), Err(Reason::OutOfSequence));
    assert_eq!(ends.receive(&packets[1]), Ok(inner(1500)));
}

/// Makes the checksum of a segment right, by pnet.
fn fix_segment(packet: &mut [u8]) {
    use pnet::packet::tcp::{MutableTcpPacket, ipv4_checksum};
    let mut tcp = MutableTcpPacket::new(&mut packet[20..]).unwrap();
    let ends = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let right = ipv4_checksum(&tcp.to_immutable(), &ends.0, &ends.1);
    tcp.set_checksum(right);
}

#[test]
fn a_bit_turned_in_any_octet() {
    let mut ends = Ends::over(OVER_TCP);
    let packet = ends.send(&inner(60)).unwrap().remove(0);
    for at in 20..packet.len() {
        let mut wrong = packet.clone();
        wrong[at] ^= 1 << (at % 8);
        assert_eq!(
            ends.receive(&wrong),
            Err(Reason::BadSegmentChecksum),
            "{at}"
        );
    }
    assert_eq!(ends.receive(&packet), Ok(inner(60)));
}

/// The checksum is right again: whoever changes a segment can do that.
#[test]
fn a_changed_record_in_a_right_segment() {
    for at in 42..42 + 24 + 60 {
        let mut ends = Ends::over(OVER_TCP);
        let packet = ends.send(&inner(60)).unwrap().remove(0);
        let next = ends.send(&inner(61)).unwrap().remove(0);
        let mut wrong = packet.clone();
        wrong[at] ^= 1;
        fix_segment(&mut wrong);
        let reason = match at {
            42..46 => Reason::WrongPeer,
            _ => Reason::BadIcv,
        };
        assert_eq!(ends.receive(&wrong), Err(reason), "{at}");
        // Its octets are taken; the record behind it is as good as ever.
        assert_eq!(ends.receive(&packet), Err(Reason::OutOfSequence));
        assert_eq!(ends.receive(&next), Ok(inner(61)));
    }
}

#[test]
fn segments_that_carry_no_record_move_nothing() {
    let mut ends = Ends::over(OVER_TCP);
    let packet = ends.send(&inner(60)).unwrap().remove(0);
    let mut refused = |change: &dyn Fn(&mut Vec<u8>), reason| {
        let mut wrong = packet.clone();
        change(&mut wrong);
        let total = (wrong.len() as u16).to_be_bytes();
        wrong[2..4].copy_from_slice(&total);
        fix_checksum(&mut wrong[..20]);
        if wrong.len() >= OUTER {
            fix_segment(&mut wrong);
        }
        assert_eq!(ends.receive(&wrong), Err(reason));
    };
    refused(&|packet| packet.truncate(OUTER), Reason::Acknowledgement);
    refused(&|packet| packet.truncate(OUTER - 1), Reason::Truncated);
    refused(&|packet| packet[33] |= 1, Reason::ControlMessage);
    refused(&|packet| packet[33] |= 2, Reason::ControlMessage);
    refused(&|packet| packet[33] |= 4, Reason::ControlMessage);
    refused(&|packet| packet[33] = 8, Reason::ControlMessage);
    refused(&|packet| packet[32] = 0x40, Reason::MalformedHeader);
    refused(
        &|packet| {
            packet.truncate(41);
            packet[32] = 0x60;
        },
        Reason::MalformedHeader,
    );
    refused(&|packet| packet[23] ^= 1, Reason::NotOpenVpn);
    refused(&|packet| packet[9] = 17, Reason::NotOpenVpn);
    refused(&|packet| packet[6] |= 0x20, Reason::FragmentOrphan);
    refused(&|packet| packet[27] ^= 1, Reason::OutOfSequence);
    assert_eq!(ends.receive(&packet), Ok(inner(60)));
}

/// A segment with whatever octets, in sequence.
fn crafted(sequence: u32, octets: &[u8]) -> Vec<u8> {
    let mut ends = Ends::over(OVER_TCP);
    let mut packet = ends.send(&inner(28)).unwrap().remove(0);
    packet.truncate(OUTER);
    packet.extend(octets);
    packet[24..28].copy_from_slice(&sequence.to_be_bytes());
    let total = (packet.len() as u16).to_be_bytes();
    packet[2..4].copy_from_slice(&total);
    fix_checksum(&mut packet[..20]);
    fix_segment(&mut packet);
    packet
}

#[test]
fn lengths_that_no_record_has() {
    let mut ends = Ends::over(OVER_TCP);
    let right = ends.send(&inner(60)).unwrap().remove(0);
    let record = &right[OUTER..];
    let mut next = FIRST;
    let mut receive = |ends: &mut Ends, octets: &[u8]| {
        let packet = crafted(next, octets);
        next = next.wrapping_add(octets.len() as u32);
        ends.receive(&packet)
    };
    let bad = Err(Reason::BadRecord);
    // Nothing is no packet.
    assert_eq!(receive(&mut ends, &[0, 0]), bad);
    // More behind the record: it goes with it.
    assert_eq!(receive(&mut ends, &[record, &[0]].concat()), bad);
    // The same, with its beginning held.
    assert_eq!(receive(&mut ends, &record[..1]), Err(Reason::Held));
    assert_eq!(receive(&mut ends, &[&record[1..], &[0]].concat()), bad);
    // Too short for a header, for a tag, for any text.
    for bytes in [1, 7, 8, 23, 24] {
        let mut short = vec![0, bytes];
        short.extend(&record[2..2 + usize::from(bytes)]);
        assert_eq!(
            receive(&mut ends, &short),
            Err(Reason::Truncated),
            "{bytes}"
        );
    }
    // An octet at a time.
    let (last, before) = record.split_last().unwrap();
    for octet in before {
        assert_eq!(receive(&mut ends, &[*octet]), Err(Reason::Held));
    }
    assert_eq!(receive(&mut ends, &[*last]), Ok(inner(60)));
}

#[test]
fn a_record_that_the_frame_has_no_room_for() {
    let mut ends = Ends::over(OVER_TCP);
    let packets = ends.send(&inner(1500)).unwrap();
    let next = ends.send(&inner(60)).unwrap();
    assert_eq!(ends.receive(&packets[0]), Err(Reason::Held));
    let mut arena = Arena::new(1, 0, packets[1].len(), 0);
    let mut burst = arena.frames();
    assert!(burst[0].load(&packets[1]));
    ends.opener.open(&mut burst);
    assert_eq!(burst[0].fate, Fate::Dropped(Reason::NoRoom));
    assert_eq!(ends.receive(&next[0]), Ok(inner(60)));
}

#[test]
fn the_length_has_sixteen_bits() {
    let mut ends = Ends::over(OVER_TCP);
    let longest = DataV2::overhead_over(OVER_TCP).longest_inner.unwrap();
    assert_eq!(longest, 65_535 - 24);
    let mut long = vec![0x45; longest + 1];
    assert_eq!(ends.send(&long), Err(Reason::TooLong));
    long.pop();
    let packets = ends.send(&long).unwrap();
    assert_eq!(packets.len(), (2 + 65_535_usize).div_ceil(1460));
    assert_eq!(packets[0][OUTER..OUTER + 2], [0xff, 0xff]);
}
