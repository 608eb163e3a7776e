//! Which packet sizes, in which proportions.

use std::fmt;
use std::str::FromStr;

use super::SynthError;
use super::packet::IPV4_LEAST_BYTES;

/// Ethernet header (14) and frame check sequence (4): what frame sizes count and IP does not.
const ETHERNET_BYTES: u16 = 18;

/// A size or a mix of sizes, by IP total length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mix {
    /// All packets have this size.
    Size(u16),
    /// 7 × 46, 4 × 552, 1 × 1500 bytes: the simple IMIX of test equipment, which counts Ethernet
    /// frames of 64, 570 and 1518 bytes with frame check sequence. Sources: FD.io CSIT,
    /// methodology, data plane throughput (28 × 64 B, 16 × 570 B, 4 × 1518 B); Open Traffic
    /// Generator models (64:7, 570:4, 1518:1).
    SimpleImix,
    /// 58.67 % × 72, 2 % × 74, 23.66 % × 576, 15.67 % × 1400 bytes: the predefined `ipsec_imix`
    /// of the Open Traffic Generator models, which count Ethernet frames of 90, 92, 594 and 1418
    /// bytes with frame check sequence. Its largest leaves room for a tunnel's headers.
    IpsecImix,
}

/// Frame size and weight.
const SIMPLE_IMIX: [(u16, u32); 3] = [(64, 7), (570, 4), (1518, 1)];
/// Frame size and weight, in hundredths of a percent.
const IPSEC_IMIX: [(u16, u32); 4] = [(90, 5867), (92, 200), (594, 2366), (1418, 1567)];

impl Mix {
    /// Sizes with their weights.
    pub fn parts(self) -> impl Iterator<Item = (u16, u32)> {
        let (frames, size): (&[_], _) = match self {
            Self::Size(size) => (&[], Some((size, 1))),
            Self::SimpleImix => (&SIMPLE_IMIX, None),
            Self::IpsecImix => (&IPSEC_IMIX, None),
        };
        let packets = frames
            .iter()
            .map(|&(frame, weight)| (frame - ETHERNET_BYTES, weight));
        packets.chain(size)
    }

    /// Mean size of a packet, in bytes.
    pub fn mean_bytes(self) -> f64 {
        let (bytes, weights) = self
            .parts()
            .fold((0, 0), |(bytes, weights), (size, weight)| {
                (bytes + u32::from(size) * weight, weights + weight)
            });
        f64::from(bytes) / f64::from(weights)
    }

    /// `packets` sizes in the mix's proportions, by the method of largest remainders: rounded
    /// down, and what is missing goes to the sizes that lost most by it.
    pub(super) fn apportion(self, packets: usize) -> Vec<u16> {
        let weights: u128 = self.parts().map(|(_, weight)| u128::from(weight)).sum();
        let mut shares: Vec<_> = self
            .parts()
            .map(|(size, weight)| {
                let exact = packets as u128 * u128::from(weight);
                (size, (exact / weights) as usize, exact % weights)
            })
            .collect();
        let missing = packets - shares.iter().map(|(_, count, _)| count).sum::<usize>();
        shares.sort_by_key(|&(_, _, remainder)| std::cmp::Reverse(remainder));
        for (_, count, _) in shares.iter_mut().take(missing) {
            *count += 1;
        }
        let runs = shares.into_iter();
        runs.flat_map(|(size, count, _)| std::iter::repeat_n(size, count))
            .collect()
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => size.fmt(f),
            Self::SimpleImix => f.pad("imix"),
            Self::IpsecImix => f.pad("ipsec-imix"),
        }
    }
}

impl FromStr for Mix {
    type Err = SynthError;

    fn from_str(name: &str) -> Result<Self, SynthError> {
        match name {
            "imix" => Ok(Self::SimpleImix),
            "ipsec-imix" => Ok(Self::IpsecImix),
            _ => match name.parse() {
                Ok(size) if size >= IPV4_LEAST_BYTES => Ok(Self::Size(size)),
                _ => Err(SynthError::UnknownMix(name.to_owned())),
            },
        }
    }
}
