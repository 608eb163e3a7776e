//! What became of a packet: carried, or dropped for one of a closed list of reasons.

/// Carried or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Still on its way.
    Carried,
    /// Taken out by a step of the path.
    Dropped(Reason),
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// Why a path dropped a packet. Small and `Copy`: it is set inside the timed loop.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $variant),+ }

        impl Reason {
            /// Every reason, in the order of the packet's way.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),+];

            /// The name that records and reports use.
            pub const fn name(self) -> &'static str {
                match self { $(Reason::$variant => $name),+ }
            }
        }
    };
}

reasons! {
    /// Version, header length or total length contradict the bytes at hand (RFC 791, RFC 8200).
    MalformedHeader = "malformed_header",
    /// IPv4 header checksum wrong (RFC 1812, 5.2.2).
    BadChecksum = "bad_checksum",
    /// TTL or hop limit would reach 0 here (RFC 1812, 5.3.1; RFC 8200, 3).
    TtlExpired = "ttl_expired",
    /// No prefix of the route table covers the destination.
    NoRoute = "no_route",
    /// The security group denied the flow.
    Denied = "denied",
    /// A later fragment whose first fragment, which carries the ports, has not been seen.
    FragmentOrphan = "fragment_orphan",
    /// Too long for the tunnel, and not to be fragmented: answered with an ICMP message, which
    /// is in the frame now (RFC 1191, 4).
    FragmentationNeeded = "fragmentation_needed",
    /// An IPv6 packet too long for the tunnel: answered with an ICMPv6 message, which is in the
    /// frame now (RFC 4443, 3.2).
    PacketTooBig = "packet_too_big",
    /// Too long for the tunnel, and not to be answered.
    OverMtu = "over_mtu",
    /// Head- or tailroom is used up, or the burst is longer than the path was made for.
    NoRoom = "no_room",
    /// The SA has used its last sequence number and must be replaced (RFC 4303, 3.3.3); or the
    /// WireGuard session its last counter (WireGuard paper, 6.2).
    SequenceExhausted = "sequence_exhausted",
    /// Shorter than the headers and trailer of the tunnel need.
    Truncated = "truncated",
    /// The outer packet does not carry ESP (IP protocol 50, or UDP port 4500).
    NotEsp = "not_esp",
    /// A single octet that keeps a NAT mapping alive (RFC 3948, 2.3).
    NatKeepalive = "nat_keepalive",
    /// An IKE message on the port that ESP shares with it (RFC 3948, 2.2).
    IkeMessage = "ike_message",
    /// Longer than the tunnel's own length field can say.
    TooLong = "too_long",
    /// The outer packet does not carry OpenVPN (UDP port 1194, or TCP port 443).
    NotOpenVpn = "not_openvpn",
    /// The outer packet does not carry SSTP (TCP port 443).
    NotSstp = "not_sstp",
    /// The outer packet does not carry DTLS (UDP port 4433).
    NotDtls = "not_dtls",
    /// The keys are those of another handshake (RFC 6347, 4.1).
    WrongEpoch = "wrong_epoch",
    /// A message that sets the tunnel up or ends it, where data travels too.
    ControlMessage = "control_message",
    /// TCP checksum wrong (RFC 9293, 3.1).
    BadSegmentChecksum = "bad_segment_checksum",
    /// A TCP segment behind a gap, or one that was received before (RFC 9293, 3.10.7.4).
    OutOfSequence = "out_of_sequence",
    /// A TCP segment without octets.
    Acknowledgement = "acknowledgement",
    /// What came so far is not a whole record or datagram; its octets are kept.
    Held = "held",
    /// A fragment that was received before (RFC 8200, 4.5 allows to tell it from an overlap).
    DuplicateFragment = "duplicate_fragment",
    /// A fragment that has octets in common with another, or lies behind the end: the whole
    /// datagram is thrown away (RFC 5722, 4).
    OverlappingFragment = "overlapping_fragment",
    /// No record begins like this or has this length, or more follows behind it.
    BadRecord = "bad_record",
    /// Key id or peer id are of another tunnel.
    WrongPeer = "wrong_peer",
    /// The outer packet does not carry VXLAN (UDP port 4789, flag I).
    NotVxlan = "not_vxlan",
    /// The network identifier is another segment's (RFC 7348, 5).
    WrongVni = "wrong_vni",
    /// The outer packet does not carry WireGuard (UDP port 51820, a message of type 1 to 4).
    NotWireGuard = "not_wireguard",
    /// A message of WireGuard's handshake, on the port that data shares with it (WireGuard
    /// paper, 5.4).
    HandshakeMessage = "handshake_message",
    /// No WireGuard session has this receiver index (WireGuard paper, 5.4.6).
    WrongReceiver = "wrong_receiver",
    /// No SA has this SPI (RFC 4303, 3.4.2).
    WrongSpi = "wrong_spi",
    /// Sequence number already received (RFC 4303, 3.4.3).
    Replayed = "replayed",
    /// Sequence number left of the anti-replay window, or 0 (RFC 4303, 3.4.3).
    TooOld = "too_old",
    /// Integrity check value wrong (RFC 4303, 3.4.4).
    BadIcv = "bad_icv",
    /// Authentic, and only says that the peer is there: a WireGuard message without a packet
    /// (WireGuard paper, 6.5), or OpenVPN's ping.
    Keepalive = "keepalive",
    /// Padding is not 1, 2, 3, … or longer than the packet (RFC 4303, 2.4).
    BadPadding = "bad_padding",
    /// Next header, or PPP's protocol, is neither IPv4 (4, 0x0021) nor IPv6 (41, 0x0057).
    BadNextHeader = "bad_next_header",
    /// Outer ECN says congestion, inner says not ECN-capable (RFC 6040, 4.2).
    EcnNotCapable = "ecn_not_capable",
}

impl Reason {
    /// A gateway's own decision on the packet, with or without a tunnel. Any other reason is
    /// the tunnel's, and on packets that it sealed itself it is a fault.
    pub const fn is_forwarding(self) -> bool {
        matches!(
            self,
            Self::MalformedHeader
                | Self::BadChecksum
                | Self::TtlExpired
                | Self::NoRoute
                | Self::Denied
                | Self::FragmentOrphan
        )
    }

    /// A tunnel's decision on a packet that is beyond it, before it is sealed: no fault either.
    pub const fn is_limit(self) -> bool {
        matches!(self, Self::TooLong | Self::OverMtu) || self.is_answered()
    }

    /// The frame holds an ICMP message to the packet's source.
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::FragmentationNeeded | Self::PacketTooBig)
    }
}

/// How many packets met each fate; no allocation, so that it can be kept beside the timed loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropCounts([u64; Reason::ALL.len()]);

impl Default for DropCounts {
    fn default() -> Self {
        Self([0; Reason::ALL.len()])
    }
}

impl DropCounts {
    /// Counts one more.
    pub fn add(&mut self, reason: Reason) {
        self.0[reason as usize] += 1;
    }

    /// Adds another tally to this one.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// The reasons that occurred, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL
            .iter()
            .copied()
            .zip(self.0.iter().copied())
            .filter(|(_, count)| *count > 0)
    }

    /// All drops.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}
