//! Header arithmetic: which bytes a case adds to a packet, exactly. The one place that says so;
//! what a path emits is held against it, packet by packet.

/// Octets around an inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead {
    /// In front: outer headers, tunnel header, IV.
    pub front: usize,
    /// Packet, padding and trailer end on a multiple of this; 1 for no padding. A power of 2.
    pub alignment: usize,
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

    /// Octets added to a packet of so many.
    pub const fn added_bytes(self, inner_bytes: usize) -> usize {
        let padding = (inner_bytes + self.trailer).wrapping_neg() & (self.alignment - 1);
        self.front + padding + self.trailer + self.icv
    }

    /// The largest inner packet whose outer packet is no longer than `mtu`; `None` where none is.
    pub fn largest_inner(self, mtu: usize) -> Option<usize> {
        let most = mtu.checked_sub(self.front + self.trailer + self.icv)?;
        let fits = |inner: &usize| inner + self.added_bytes(*inner) <= mtu;
        (1..=most).rev().take(self.alignment).find(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_inner_packet_fits_and_the_next_does_not() {
        for overhead in [
            Overhead::NONE,
            Overhead::in_front(50),
            Overhead {
                front: 36,
                alignment: 4,
                trailer: 2,
                icv: 16,
            },
            Overhead {
                front: 64,
                alignment: 16,
                trailer: 2,
                icv: 16,
            },
        ] {
            let outer = |inner| inner + overhead.added_bytes(inner);
            for mtu in 120..2000 {
                let largest = overhead.largest_inner(mtu).unwrap();
                assert!(outer(largest) <= mtu, "{overhead:?} {mtu}");
                assert!(
                    (largest + 1..=mtu).all(|inner| outer(inner) > mtu),
                    "{overhead:?} {mtu}"
                );
            }
            assert_eq!(overhead.largest_inner(overhead.added_bytes(0) / 2), None);
        }
    }
}
