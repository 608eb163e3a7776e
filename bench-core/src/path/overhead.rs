//! Header arithmetic: which bytes a case adds to a packet, exactly. The one place that says so;
//! what a path emits is held against it, packet by packet.

/// Octets around an inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead {
    /// In front: outer headers, tunnel header, IV.
    pub front: usize,
    /// Packet, padding and trailer end on a multiple of this; 1 for no padding. A power of 2.
    pub alignment: usize,
    /// Padding ends here at the latest, on a multiple or not; what is longer gets none.
    pub padded_most: usize,
    /// Behind the padding, and sealed with it.
    pub trailer: usize,
    /// Behind all: the ICV.
    pub icv: usize,
}

impl Overhead {
    /// Nothing at all.
    pub const NONE: Self = Self {
        front: 0,
        alignment: 1,
        padded_most: usize::MAX,
        trailer: 0,
        icv: 0,
    };

    /// Only something in front.
    pub const fn in_front(front: usize) -> Self {
        Self {
            front,
            ..Self::NONE
        }
    }

    /// Most octets behind a packet.
    pub const fn tailroom(self) -> usize {
        self.alignment - 1 + self.trailer + self.icv
    }

    /// Octets of padding behind a packet of so many.
    #[inline(always)]
    pub const fn padding_bytes(self, inner_bytes: usize) -> usize {
        let unpadded_bytes = inner_bytes + self.trailer;
        let padding_bytes = unpadded_bytes.wrapping_neg() & (self.alignment - 1);
        let room = self.padded_most.saturating_sub(unpadded_bytes);
        if padding_bytes < room {
            padding_bytes
        } else {
            room
        }
    }

    /// Octets added to a packet of so many.
    pub const fn added_bytes(self, inner_bytes: usize) -> usize {
        self.front + self.padding_bytes(inner_bytes) + self.trailer + self.icv
    }
}
