//! Super-frames are cut as a network card would: every segment is compared, octet by octet, with
//! one that etherparse builds, checksums included.

use std::ops::Range;

use etherparse::{IpNumber, Ipv4Header, Ipv6Header, TcpHeader};
use proptest::prelude::*;
use tunneltax_core::capture::{Chunk, LeftOut, Limits};

use crate::build::{MICROS, Order, Outcome, Pcap, PcapNg, open, read, try_read};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const ECE: u8 = 0x40;
const CWR: u8 = 0x80;

/// Two no-operations and timestamps, as most senders have it.
const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];

/// A TCP packet, to be built by etherparse.
#[derive(Clone, Debug)]
struct Tcp {
    is_ipv6: bool,
    is_reply: bool,
    identification: u16,
    sequence: u32,
    flags: u8,
    ip_options: Vec<u8>,
    options: Vec<u8>,
    payload: Vec<u8>,
}

fn tcp(is_ipv6: bool, payload_bytes: usize) -> Tcp {
    Tcp {
        is_ipv6,
        is_reply: false,
        identification: 0xfffe,
        sequence: 0xffff_ff00,
        flags: ACK,
        ip_options: vec![],
        options: vec![],
        payload: (0..payload_bytes).map(|at| (at * 7 % 251) as u8).collect(),
    }
}

impl Tcp {
    fn flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self
    }

    fn reply(mut self) -> Self {
        self.is_reply = true;
        self
    }

    /// A SYN that announces this MSS, from the receiver of the others.
    fn syn(is_ipv6: bool, mss: u16) -> Self {
        let [high, low] = mss.to_be_bytes();
        let syn = tcp(is_ipv6, 0).flags(SYN | ACK).reply();
        syn.options(&[2, 4, high, low])
    }

    fn header(&self) -> TcpHeader {
        let ports = if self.is_reply {
            (443, 50_000)
        } else {
            (50_000, 443)
        };
        let mut header = TcpHeader::new(ports.0, ports.1, self.sequence, 777);
        header.acknowledgment_number = 0x0102_0304;
        header.fin = self.flags & FIN != 0;
        header.syn = self.flags & SYN != 0;
        header.rst = self.flags & RST != 0;
        header.psh = self.flags & PSH != 0;
        header.ack = self.flags & ACK != 0;
        header.ece = self.flags & ECE != 0;
        header.cwr = self.flags & CWR != 0;
        header.set_options_raw(&self.options).expect("options fit");
        header
    }

    fn build(&self) -> Vec<u8> {
        let mut tcp = self.header();
        let mut bytes = Vec::new();
        let (from, to) = if self.is_reply { (2, 1) } else { (1, 2) };
        if self.is_ipv6 {
            let behind = tcp.header_len() + self.payload.len();
            let ip = Ipv6Header {
                traffic_class: 2,
                flow_label: 0x12345.try_into().expect("20 bits"),
                payload_length: u16::try_from(behind).unwrap_or(0),
                next_header: IpNumber::TCP,
                hop_limit: 63,
                source: [from; 16],
                destination: [to; 16],
            };
            tcp.checksum = tcp.calc_checksum_ipv6(&ip, &self.payload).unwrap_or(0);
            bytes.extend(ip.to_bytes());
        } else {
            let mut ip =
                Ipv4Header::new(0, 63, IpNumber::TCP, [198, 18, 0, from], [198, 18, 0, to])
                    .expect("fits");
            ip.options = self.ip_options.as_slice().try_into().expect("options");
            ip.identification = self.identification;
            let total = ip.header_len() + tcp.header_len() + self.payload.len();
            ip.total_len = u16::try_from(total).unwrap_or(0);
            ip.header_checksum = ip.calc_header_checksum();
            let (source, destination) = (ip.source, ip.destination);
            tcp.checksum = tcp
                .calc_checksum_ipv4_raw(source, destination, &self.payload)
                .unwrap_or(0);
            bytes.extend(ip.to_bytes());
        }
        bytes.extend(tcp.to_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// As a capture has it before the card has completed it: with checksums that are wrong.
    fn offloaded(&self) -> Vec<u8> {
        let mut bytes = self.build();
        let tcp_at = bytes.len() - self.payload.len() - self.header().header_len();
        bytes[tcp_at + 16] ^= 0x5a;
        if !self.is_ipv6 {
            bytes[10] ^= 0xa5;
        }
        bytes
    }

    /// The segment that carries this part of the payload.
    fn segment(&self, index: u16, part: Range<usize>) -> Vec<u8> {
        let is_last = part.end == self.payload.len();
        let mut segment = self.clone();
        segment.identification = self.identification.wrapping_add(index);
        segment.sequence = self.sequence.wrapping_add(part.start as u32);
        segment.flags &= if is_last { !0 } else { !(FIN | PSH) };
        segment.flags &= if index == 0 { !0 } else { !CWR };
        segment.payload = self.payload[part].to_vec();
        segment.build()
    }

    /// All segments, of so many octets of payload but for the last.
    fn segments(&self, payload_bytes: usize) -> Vec<Vec<u8>> {
        let all = self.payload.len();
        (0..all.div_ceil(payload_bytes))
            .map(|index| (index, index * payload_bytes))
            .map(|(index, at)| self.segment(index as u16, at..all.min(at + payload_bytes)))
            .collect()
    }
}

fn file(packets: &[Vec<u8>]) -> Vec<u8> {
    let empty = Pcap::new(Order::Little, MICROS, 101);
    let file = packets
        .iter()
        .fold(empty, |file, packet| file.record(packet));
    file.bytes
}

fn counts(outcome: &Outcome) -> (u64, u64, u64) {
    let tally = &outcome.tally;
    (tally.frames_read, tally.super_frames, tally.segments)
}

/// That a super-frame behind these packets comes out in segments of this payload.
fn is_cut(before: &[Vec<u8>], super_frame: &Tcp, payload_bytes: usize) {
    let segments = cut_behind(before, super_frame);
    let expected = super_frame.segments(payload_bytes);
    let lengths = |packets: &[Vec<u8>]| packets.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(&segments), lengths(&expected));
    assert!(segments == expected, "the octets differ");
}

/// What comes out of a super-frame behind these packets, which come out as they are.
fn cut_behind(before: &[Vec<u8>], super_frame: &Tcp) -> Vec<Vec<u8>> {
    let packets = [before, &[super_frame.offloaded()]].concat();
    let mut outcome = read(&file(&packets));
    let segments = outcome.packets.split_off(before.len());
    assert!(outcome.packets == before, "the packets before");
    let count = (packets.len() as u64, 1, segments.len() as u64);
    assert_eq!(counts(&outcome), count);
    segments
}

#[test]
fn ipv4_and_ipv6_without_anything_known_of_the_flow_are_cut_to_the_mtu() {
    for (is_ipv6, payload_bytes) in [(false, 1460), (true, 1440)] {
        for all in [payload_bytes + 1, 3 * payload_bytes, 64_000] {
            let of = tcp(is_ipv6, all);
            is_cut(&[], &of, payload_bytes);
        }
    }
}

#[test]
fn fin_and_psh_are_on_the_last_segment_and_cwr_is_on_the_first() {
    for is_ipv6 in [false, true] {
        let of = tcp(is_ipv6, 5000).flags(FIN | PSH | ACK | ECE | CWR);
        let segments = cut_behind(&[], &of);
        let tcp_at = if is_ipv6 { 40 } else { 20 };
        let flags: Vec<u8> = segments.iter().map(|s| s[tcp_at + 13]).collect();
        let between = ACK | ECE;
        assert_eq!(
            flags,
            [between | CWR, between, between, between | FIN | PSH]
        );
        assert!(segments == of.segments(1480 - tcp_at));
    }
}

#[test]
fn identification_and_sequence_number_wrap_around() {
    let segments = cut_behind(&[], &tcp(false, 5000));
    let identifications: Vec<_> = segments.iter().map(|s| [s[4], s[5]]).collect();
    assert_eq!(identifications, [[255, 254], [255, 255], [0, 0], [0, 1]]);
    let sequences: Vec<_> = segments
        .iter()
        .map(|s| u32::from_be_bytes(s[24..28].try_into().expect("four octets")))
        .collect();
    assert_eq!(sequences, [0xffff_ff00, 0x4b4, 0xa68, 0x101c]);
}

#[test]
fn options_of_both_headers_take_from_the_payload() {
    let mut of = tcp(false, 4000).options(&TIMESTAMPS);
    is_cut(&[], &of, 1448);
    of.ip_options = vec![148, 4, 0, 0];
    is_cut(&[], &of, 1444);
    is_cut(&[Tcp::syn(false, 1000).build()], &of, 984);
    let of = tcp(true, 4000).options(&TIMESTAMPS);
    is_cut(&[], &of, 1428);
}

#[test]
fn the_mss_is_the_one_that_the_receiver_announced() {
    for is_ipv6 in [false, true] {
        let of = tcp(is_ipv6, 9000).options(&TIMESTAMPS);
        let other_way = Tcp {
            is_reply: false,
            ..Tcp::syn(is_ipv6, 600)
        };
        let before = [Tcp::syn(is_ipv6, 1212).build(), other_way.build()];
        is_cut(&before, &of, 1200);
        // Another version, and a new connection, have their own.
        let room = if is_ipv6 { 1428 } else { 1448 };
        let before = [Tcp::syn(!is_ipv6, 1212).build()];
        is_cut(&before, &of, room);
        let before = [1212, 1112].map(|mss| Tcp::syn(is_ipv6, mss).build());
        is_cut(&before, &of, 1100);
    }
}

#[test]
fn an_mss_cannot_exceed_the_mtu_nor_make_crumbs() {
    let of = tcp(false, 2000).options(&TIMESTAMPS);
    for (mss, payload_bytes) in [(8960, 1448), (1, 8), (20, 8), (21, 9), (0, 1448)] {
        let before = [Tcp::syn(false, mss).build()];
        is_cut(&before, &of, payload_bytes);
    }
}

#[test]
fn without_a_syn_the_largest_full_segment_says_the_mss() {
    let of = tcp(false, 9000).options(&TIMESTAMPS);
    let seen =
        |bytes: usize, flags: u8| tcp(false, bytes).flags(flags).options(&TIMESTAMPS).build();
    let before = [seen(1000, ACK), seen(1100, ACK), seen(900, ACK)];
    is_cut(&before, &of, 1100);
    let not_full = [
        seen(1000, ACK | PSH),
        seen(1000, ACK | FIN),
        seen(500, ACK),
        tcp(false, 1000).reply().build(),
    ];
    is_cut(&not_full, &of, 1448);
    let before = [Tcp::syn(false, 1212).build(), seen(1000, ACK)];
    is_cut(&before, &of, 1200);
}

#[test]
fn a_packet_without_a_length_is_as_long_as_it_was_captured() {
    for (is_ipv6, payload_bytes) in [(false, 1460), (true, 1440)] {
        let of = tcp(is_ipv6, 80_000).flags(ACK | PSH);
        let sent = of.build();
        let length_at = if is_ipv6 { 4 } else { 2 };
        assert_eq!(sent[length_at..length_at + 2], [0, 0]);
        is_cut(&[], &of, payload_bytes);
    }
}

#[test]
fn options_in_an_ipv6_extension_header_are_copied() {
    let of = tcp(true, 4000);
    let with_options = |packet: Vec<u8>| {
        let mut packet = packet;
        packet[6] = 60;
        packet.splice(40..40, [0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0]);
        // Behind destination options of 8 octets come hop-by-hop options of 8.
        let length = (packet.len() - 40) as u16;
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        packet
    };
    let expected: Vec<_> = of.segments(1424).into_iter().map(with_options).collect();
    let outcome = read(&file(&[with_options(of.offloaded())]));
    assert!(outcome.packets == expected);
}

#[test]
fn what_no_card_cuts_is_left_out_as_too_long() {
    let changed = |is_ipv6: bool, change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = tcp(is_ipv6, 3000).build();
        change(&mut packet);
        packet
    };
    let packets = [
        tcp(false, 3000).flags(SYN).build(),
        tcp(true, 3000).flags(RST | ACK).build(),
        changed(false, &|packet| packet[6] = 0x20),
        changed(false, &|packet| packet[7] = 1),
        changed(false, &|packet| packet[9] = 17),
        changed(false, &|packet| packet[32] = 0x40),
        changed(true, &|packet| packet[6] = 44),
        changed(true, &|packet| packet[6] = 43),
        changed(true, &|packet| packet[6] = 51),
        changed(true, &|packet| {
            packet[4..7].fill(0);
            packet.splice(40..40, [6, 0, 0xc2, 4, 0, 1, 0x11, 0x70]);
        }),
    ];
    let outcome = read(&file(&packets));
    let count = packets.len() as u64;
    assert_eq!(outcome.left_out(), [("over_ingress_mtu", count)]);
    assert_eq!(counts(&outcome), (count, 0, 0));

    let snapped = Pcap::new(Order::Big, MICROS, 101).record_at(0, 0, &packets[0], 3041);
    assert_eq!(read(&snapped.bytes).left_out(), [("snapped", 1)]);
    let narrow = Limits {
        ingress_mtu: 40,
        ..Limits::default()
    };
    let outcome = try_read(&file(&[tcp(false, 1).build()]), narrow).expect("reads");
    assert_eq!(outcome.left_out(), [("over_ingress_mtu", 1)]);
}

#[test]
fn segments_have_the_time_of_their_super_frame_and_fill_chunk_after_chunk() {
    let of = tcp(false, 20_000);
    let file = PcapNg::default()
        .section(Order::Little)
        .interface(101)
        .enhanced(0, 7, &tcp(false, 10).build())
        .enhanced(0, 8, &of.offloaded())
        .enhanced(0, 9, &tcp(false, 11).build());
    let limits = Limits {
        chunk_bytes: 4000,
        ..Limits::default()
    };
    let mut expected = of.segments(1460);
    let segments = expected.len();
    expected.insert(0, tcp(false, 10).build());
    expected.push(tcp(false, 11).build());
    let outcome = try_read(&file.bytes, limits).expect("reads");
    assert!(outcome.packets == expected);
    assert_eq!(counts(&outcome), (3, 1, segments as u64));
    let mut times = vec![Some(8000); segments];
    times.insert(0, Some(7000));
    times.push(Some(9000));
    assert_eq!(outcome.times_ns, times);

    let mut reader = open(&file.bytes, limits).expect("opens");
    let mut chunk = Chunk::new();
    while reader.next_chunk(&mut chunk).expect("reads") {
        assert!(chunk.used_bytes() <= 4000);
    }
}

#[test]
fn segments_behind_max_packets_are_left_out() {
    let of = tcp(false, 10_000);
    let limits = Limits {
        max_packets: Some(3),
        ..Limits::default()
    };
    let packets = [of.offloaded(), of.offloaded(), tcp(false, 9).build()];
    let outcome = try_read(&file(&packets), limits).expect("reads");
    assert!(outcome.packets == of.segments(1460)[..3]);
    assert_eq!(counts(&outcome), (3, 1, 7));
    let left_out = outcome.tally.left_out.get(LeftOut::OverMaxPackets);
    assert_eq!(left_out, 4 + 1 + 1);
}

#[test]
fn segments_behind_many_flows_are_cut_to_what_is_still_known() {
    let flows = (0..40_000_u32).map(|flow| {
        let mut syn = Tcp::syn(false, 700).build();
        syn[16..20].copy_from_slice(&flow.to_be_bytes());
        syn
    });
    let of = tcp(false, 3000);
    let mut before: Vec<_> = flows.collect();
    before.push(Tcp::syn(false, 1000).build());
    is_cut(&before, &of, 1000);
    before.rotate_right(1);
    // The first flow is long forgotten.
    is_cut(&before, &of, 1460);
}

/// Payload of a packet whose lengths and checksums are right.
fn checked(packet: &[u8]) -> Vec<u8> {
    let parsed = etherparse::PacketHeaders::from_ip_slice(packet).expect("an IP packet");
    let payload = parsed.payload.slice().to_vec();
    let Some(etherparse::TransportHeader::Tcp(tcp)) = parsed.transport else {
        panic!("no TCP");
    };
    let checksum = match parsed.net.expect("IP") {
        etherparse::NetHeaders::Ipv4(ip, _) => {
            assert_eq!(usize::from(ip.total_len), packet.len());
            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            tcp.calc_checksum_ipv4(&ip, &payload)
        }
        etherparse::NetHeaders::Ipv6(ip, _) => {
            assert_eq!(usize::from(ip.payload_length) + 40, packet.len());
            tcp.calc_checksum_ipv6(&ip, &payload)
        }
        etherparse::NetHeaders::Arp(_) => panic!("no IP"),
    };
    assert_eq!(Ok(tcp.checksum), checksum);
    payload
}

proptest! {
    #[test]
    fn segments_fit_are_right_and_make_the_payload_again(
        is_ipv6 in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 1..30_000),
        option_words in 0..=10_usize,
        flags in prop::sample::select(vec![ACK, ACK | PSH, ACK | FIN, ACK | CWR | PSH]),
        mss in prop::option::of(0..3000_u16),
        ingress_mtu in 200..3000_usize,
        chunk_bytes in 1..20_000_usize,
    ) {
        let mut of = tcp(is_ipv6, 0).flags(flags).options(&vec![1; option_words * 4]);
        of.payload = payload;
        let is_long = of.build().len() > ingress_mtu;
        let mut packets: Vec<_> = mss.map(|mss| Tcp::syn(is_ipv6, mss).build()).into_iter().collect();
        let before = packets.len();
        packets.push(if is_long { of.offloaded() } else { of.build() });
        let limits = Limits { ingress_mtu, chunk_bytes, ..Limits::default() };
        let outcome = try_read(&file(&packets), limits).expect("reads");
        let segments = &outcome.packets[before..];
        prop_assert!(segments.iter().all(|segment| segment.len() <= ingress_mtu));
        let joined: Vec<u8> = segments.iter().flat_map(|segment| checked(segment)).collect();
        prop_assert!(joined == of.payload);
        let tally = outcome.tally;
        prop_assert_eq!(tally.super_frames, u64::from(is_long));
        prop_assert_eq!(tally.segments, if is_long { segments.len() as u64 } else { 0 });
        prop_assert!(!is_long || segments.len() > 1);
    }

    #[test]
    fn damaged_super_frames_never_panic(
        is_ipv6 in any::<bool>(),
        flips in prop::collection::vec((0..80_usize, any::<u8>()), 1..8),
        ingress_mtu in 0..300_usize,
    ) {
        let mut packet = tcp(is_ipv6, 400).options(&TIMESTAMPS).build();
        for (at, value) in flips {
            packet[at] = value;
        }
        let syn = Tcp::syn(is_ipv6, 100).build();
        let limits = Limits { ingress_mtu, chunk_bytes: 500, ..Limits::default() };
        let outcome = try_read(&file(&[syn, packet]), limits).expect("reads");
        prop_assert!(outcome.packets.iter().all(|packet| packet.len() <= ingress_mtu));
    }
}
