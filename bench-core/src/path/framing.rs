//! How ESP is framed (RFC 4303, 2): outer headers, sequence numbers, padding, and what of it the
//! receiver keeps a window for.

use super::Setup;
use super::overhead::Overhead;
use super::underlay::{Family, Underlay};
use crate::cipher::Layout;
use crate::sa::Numbers;
use crate::wire::esp;

/// Port of ESP in UDP, at both ends (RFC 3948, 2.1).
pub const UDP_PORT: u16 = 4500;

/// Octets between the outer headers and the text: ESP header and IV.
pub(super) const fn esp_bytes(layout: Layout) -> usize {
    esp::HEADER_BYTES + layout.iv.bytes()
}

/// What may differ from one ESP tunnel to another beside cipher and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Outer headers.
    pub underlay: Underlay,
    /// Text and trailer end on a multiple of this at least: 4, or 16 as some libraries like it.
    pub alignment: usize,
    /// 32-bit or extended sequence numbers.
    pub numbers: Numbers,
    /// The receiver keeps an anti-replay window (RFC 4303, 3.4.3).
    pub anti_replay: bool,
}

impl Framing {
    /// Over IPv4, nothing special.
    pub const PLAIN: Self = Self {
        underlay: Underlay::ip(Family::V4, esp::PROTOCOL),
        alignment: esp::ALIGNMENT,
        numbers: Numbers::Sent,
        anti_replay: true,
    };
    /// Over IPv6.
    pub const OVER_V6: Self = Self {
        underlay: Underlay::ip(Family::V6, esp::PROTOCOL),
        ..Self::PLAIN
    };
    /// In UDP, as behind a NAT (RFC 3948).
    pub const IN_UDP: Self = Self {
        underlay: Underlay::udp(Family::V4, UDP_PORT, UDP_PORT),
        ..Self::PLAIN
    };
    /// In UDP over IPv6, its checksum 0 (RFC 6935).
    pub const IN_UDP_OVER_V6: Self = Self {
        underlay: Underlay::udp(Family::V6, UDP_PORT, UDP_PORT),
        ..Self::PLAIN
    };
    /// Padded to 16, which RFC 4303, 2.4 allows.
    pub const PAD_16: Self = Self {
        alignment: esp::ALIGNMENT_MAX,
        ..Self::PLAIN
    };
    /// Extended sequence numbers (RFC 4303, 2.2.1).
    pub const EXTENDED: Self = Self {
        numbers: Numbers::Extended,
        ..Self::PLAIN
    };
    /// The receiver takes every sequence number, which RFC 4303, 3.4.3 leaves to it.
    pub const NO_REPLAY: Self = Self {
        anti_replay: false,
        ..Self::PLAIN
    };

    /// Size of the receiver's anti-replay window; 0 where it keeps none.
    pub(super) const fn window(self, setup: &Setup) -> u32 {
        if self.anti_replay {
            setup.replay_window
        } else {
            0
        }
    }

    /// Bytes that the tunnel adds to a packet: outer headers, ESP header, IV, padding, trailer,
    /// ICV.
    pub const fn overhead(self, layout: Layout) -> Overhead {
        let alignment = if self.alignment > layout.block_bytes {
            self.alignment
        } else {
            layout.block_bytes
        };
        Overhead {
            front: self.underlay.bytes() + esp_bytes(layout),
            alignment,
            trailer: esp::TRAILER_BYTES,
            icv: layout.icv_bytes,
            ..Overhead::NONE
        }
    }
}
// RFC 4106, 8, and 20 octets of outer header: with 2 octets of padding, and with none.
const GCM: Overhead = Framing::PLAIN.overhead(Layout::AEAD);
const _: () = assert!(GCM.added_bytes(40) == 20 + 8 + 8 + 2 + 2 + 16);
const _: () = assert!(GCM.added_bytes(42) == 20 + 8 + 8 + 2 + 16);
