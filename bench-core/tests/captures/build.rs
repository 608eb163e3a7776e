//! Small captures and frames, byte by byte, so that no test depends on the reader's own parser.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use tunneltax_core::capture::{CaptureError, Chunk, Limits, Reader, Tally};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

pub const ORDERS: [Order; 2] = [Order::Little, Order::Big];

impl Order {
    pub fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

pub const MICROS: u32 = 0xa1b2_c3d4;
pub const NANOS: u32 = 0xa1b2_3c4d;

/// A classic capture that grows record by record.
pub struct Pcap {
    pub bytes: Vec<u8>,
    order: Order,
}

impl Pcap {
    pub fn new(order: Order, magic: u32, link: u32) -> Self {
        Self::of_version(order, magic, link, (2, 4))
    }

    pub fn of_version(order: Order, magic: u32, link: u32, (major, minor): (u16, u16)) -> Self {
        let mut bytes = Vec::new();
        bytes.extend(order.u32(magic));
        bytes.extend(order.u16(major));
        bytes.extend(order.u16(minor));
        bytes.extend([0; 8]);
        bytes.extend(order.u32(65535));
        bytes.extend(order.u32(link));
        Self { bytes, order }
    }

    pub fn ethernet() -> Self {
        Self::new(Order::Little, MICROS, 1)
    }

    pub fn record(self, frame: &[u8]) -> Self {
        self.record_at(0, 0, frame, frame.len() as u32)
    }

    pub fn record_at(mut self, seconds: u32, fraction: u32, frame: &[u8], original: u32) -> Self {
        for word in [seconds, fraction, frame.len() as u32, original] {
            self.bytes.extend(self.order.u32(word));
        }
        self.bytes.extend(frame);
        self
    }
}

/// A pcapng file that grows block by block.
#[derive(Default)]
pub struct PcapNg {
    pub bytes: Vec<u8>,
    order: Option<Order>,
}

impl PcapNg {
    fn order(&self) -> Order {
        self.order.unwrap_or(Order::Little)
    }

    pub fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let order = self.order();
        let padded = body.len().next_multiple_of(4);
        let length = order.u32(12 + padded as u32);
        self.bytes.extend(order.u32(kind));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len() + padded - body.len(), 0);
        self.bytes.extend(length);
        self
    }

    pub fn section(self, order: Order) -> Self {
        self.section_of_version(order, 1, 0)
    }

    pub fn section_of_version(mut self, order: Order, major: u16, minor: u16) -> Self {
        self.order = Some(order);
        let mut body = order.u32(0x1a2b_3c4d).to_vec();
        body.extend(order.u16(major));
        body.extend(order.u16(minor));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    pub fn interface(self, link: u16) -> Self {
        self.interface_with(link, 0, &[])
    }

    /// `options`: code and value.
    pub fn interface_with(self, link: u16, snapshot: u32, options: &[(u16, &[u8])]) -> Self {
        let order = self.order();
        let mut body = order.u16(link).to_vec();
        body.extend([0; 2]);
        body.extend(order.u32(snapshot));
        for (code, value) in options {
            body.extend(order.u16(*code));
            body.extend(order.u16(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }

    pub fn enhanced(self, interface: u32, ticks: u64, frame: &[u8]) -> Self {
        self.enhanced_with(interface, ticks, frame, frame.len() as u32, &[])
    }

    pub fn enhanced_with(
        self,
        interface: u32,
        ticks: u64,
        frame: &[u8],
        original: u32,
        options: &[u8],
    ) -> Self {
        let order = self.order();
        let mut body = Vec::new();
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        for word in [interface, high, low, frame.len() as u32, original] {
            body.extend(order.u32(word));
        }
        body.extend(frame);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(6, &body)
    }

    pub fn simple(self, frame: &[u8], original: u32) -> Self {
        let mut body = self.order().u32(original).to_vec();
        body.extend(frame);
        self.block(3, &body)
    }

    pub fn obsolete(self, interface: u16, ticks: u64, frame: &[u8]) -> Self {
        let order = self.order();
        let mut body = order.u16(interface).to_vec();
        body.extend(order.u16(0xffff));
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        for word in [high, low, frame.len() as u32, frame.len() as u32] {
            body.extend(order.u32(word));
        }
        body.extend(frame);
        self.block(2, &body)
    }
}

/// An IPv4 UDP packet of this total length.
pub fn ipv4(total: usize) -> Vec<u8> {
    let mut packet = Vec::new();
    etherparse::PacketBuilder::ipv4([198, 18, 0, 1], [198, 19, 0, 1], 64)
        .udp(7000, 7001)
        .write(&mut packet, &vec![0x5a; total - 28])
        .expect("a packet of this length can be built");
    packet
}

/// An IPv6 UDP packet of this total length.
pub fn ipv6(total: usize) -> Vec<u8> {
    let mut packet = Vec::new();
    etherparse::PacketBuilder::ipv6([0x20; 16], [0x21; 16], 64)
        .udp(7000, 7001)
        .write(&mut packet, &vec![0xa5; total - 48])
        .expect("a packet of this length can be built");
    packet
}

/// Puts bytes in front.
pub fn behind(head: &[u8], packet: &[u8]) -> Vec<u8> {
    [head, packet].concat()
}

/// An Ethernet frame; `types` are the `EtherType`s, VLAN tags in front.
pub fn ethernet(types: &[u16], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for (index, ether_type) in types.iter().enumerate() {
        if index > 0 {
            frame.extend([0x20, index as u8]);
        }
        frame.extend(ether_type.to_be_bytes());
    }
    frame.extend(payload);
    frame
}

/// A pcap file of two frames of 114 bytes.
pub fn two_records() -> Vec<u8> {
    let frame = ethernet(&[0x0800], &ipv4(100));
    Pcap::ethernet().record(&frame).record(&frame).bytes
}

/// The same as pcapng, big endian.
pub fn two_blocks() -> Vec<u8> {
    let frame = ethernet(&[0x0800], &ipv4(100));
    let file = PcapNg::default().section(Order::Big).interface(1);
    file.enhanced(0, 0, &frame).enhanced(0, 0, &frame).bytes
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// What came out of a capture.
#[derive(Debug)]
pub struct Outcome {
    pub packets: Vec<Vec<u8>>,
    pub times_ns: Vec<Option<u64>>,
    pub tally: Tally,
}

impl Outcome {
    /// The reasons that occurred, by name.
    pub fn left_out(&self) -> Vec<(&'static str, u64)> {
        let reasons = self.tally.left_out.iter();
        reasons
            .map(|(reason, count)| (reason.name(), count))
            .collect()
    }
}

/// Drains a reader and checks the account after every chunk.
pub fn drain(mut reader: Reader) -> Result<Outcome, CaptureError> {
    let mut read = Outcome {
        packets: Vec::new(),
        times_ns: Vec::new(),
        tally: Tally::default(),
    };
    let mut chunk = Chunk::new();
    loop {
        let more = reader.next_chunk(&mut chunk);
        for (index, packet) in chunk.packets().enumerate() {
            assert_eq!(chunk.packet(index), Some(packet));
            read.packets.push(packet.to_vec());
            read.times_ns.push(chunk.timestamp_ns(index));
        }
        read.tally = *reader.tally();
        let tally = &read.tally;
        assert_eq!(
            tally.frames_read - tally.super_frames + tally.segments,
            tally.frames_replayed + tally.left_out.total()
        );
        assert_eq!(tally.frames_replayed, read.packets.len() as u64);
        let bytes: usize = read.packets.iter().map(Vec::len).sum();
        assert_eq!(tally.inner_bytes, bytes as u64);
        if !more? {
            assert!(chunk.is_empty());
            return Ok(read);
        }
    }
}

pub fn open(bytes: &[u8], limits: Limits) -> Result<Reader, CaptureError> {
    let source: Box<dyn Read + Send> = Box::new(Cursor::new(bytes.to_vec()));
    Reader::from_source(Path::new("test.cap"), source, limits)
}

pub fn try_read(bytes: &[u8], limits: Limits) -> Result<Outcome, CaptureError> {
    open(bytes, limits).and_then(drain)
}

pub fn read(bytes: &[u8]) -> Outcome {
    try_read(bytes, Limits::default()).expect("the capture is read")
}
