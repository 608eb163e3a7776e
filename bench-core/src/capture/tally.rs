//! What became of the frames of a capture: replayed, or left out and why.

/// Why a frame of a capture is not replayed. The first reason that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum LeftOut {
    /// A pcapng packet block that contradicts itself or names an interface that was not described.
    MalformedRecord,
    /// A link type other than Ethernet, raw IP, NULL, LOOP, SLL and SLL2.
    LinkType,
    /// Fewer bytes captured than were on the wire.
    Snapped,
    /// Address resolution, `EtherType` 0x0806: never leaves its link.
    Arp,
    /// Link layer discovery, `EtherType` 0x88cc: never leaves its link.
    Lldp,
    /// Any other protocol that is neither IPv4 nor IPv6, 802.3 length fields included.
    NotIp,
    /// A link or IP header that is cut short, or whose version, header length or total length
    /// contradict the bytes at hand (RFC 791, 3.1; RFC 8200, 3).
    MalformedHeader,
    /// An IP packet longer than the ingress MTU that is no TCP packet which a network card would
    /// have cut: a fragment, a jumbogram, a datagram of any other protocol.
    OverIngressMtu,
    /// It could have been replayed, but [`super::Limits::max_packets`] was reached before.
    OverMaxPackets,
}

impl LeftOut {
    /// Every reason, in the order in which they are looked for.
    pub const ALL: [Self; 9] = [
        Self::MalformedRecord,
        Self::LinkType,
        Self::Snapped,
        Self::Arp,
        Self::Lldp,
        Self::NotIp,
        Self::MalformedHeader,
        Self::OverIngressMtu,
        Self::OverMaxPackets,
    ];

    /// The name that records and reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MalformedRecord => "malformed_record",
            Self::LinkType => "link_type",
            Self::Snapped => "snapped",
            Self::Arp => "arp",
            Self::Lldp => "lldp",
            Self::NotIp => "not_ip",
            Self::MalformedHeader => "malformed_header",
            Self::OverIngressMtu => "over_ingress_mtu",
            Self::OverMaxPackets => "over_max_packets",
        }
    }
}

const _: () = assert!(
    LeftOut::OverMaxPackets as usize + 1 == LeftOut::ALL.len(),
    "LeftOut::ALL has every reason"
);

/// How many frames were left out for each reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOutCounts([u64; LeftOut::ALL.len()]);

impl LeftOutCounts {
    /// Counts one more.
    pub fn add(&mut self, reason: LeftOut) {
        self.0[reason as usize] += 1;
    }

    /// Frames left out for this reason.
    pub fn get(&self, reason: LeftOut) -> u64 {
        self.0[reason as usize]
    }

    /// The reasons that occurred, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (LeftOut, u64)> + '_ {
        LeftOut::ALL
            .into_iter()
            .zip(self.0)
            .filter(|(_, count)| *count > 0)
    }

    /// All frames left out.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// The account of a capture so far: read = replayed + left out, at every moment, where what is
/// read of a super-frame is its segments: `frames_read - super_frames + segments`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Whole frames found in the file.
    pub frames_read: u64,
    /// Packets handed out in chunks: frames, and segments of super-frames.
    pub frames_replayed: u64,
    /// TCP packets longer than the ingress MTU that were cut, as segmentation offload on send and
    /// coalescing on receive leave them in captures.
    pub super_frames: u64,
    /// What they were cut into.
    pub segments: u64,
    /// IPv4 packets handed out whose header checksum was 0, left to the card of the host that
    /// captured, and is filled in.
    pub checksums_filled: u64,
    /// Frames, and segments of super-frames, not handed out, by reason.
    pub left_out: LeftOutCounts,
    /// The file ends in the middle of a record or of its compressed stream.
    pub truncated: bool,
    /// Bytes of the packets handed out, by IP total length.
    pub inner_bytes: u64,
}
