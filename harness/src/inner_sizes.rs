//! Sizes of inner packets, as `--inner` names them: numbers and ranges.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::str::FromStr;

/// Sizes that say most, where there are too many to show: small packets, two of an IMIX, and what
/// lies around an MTU of 1500 less a tunnel.
const TELLING: [u16; 7] = [64, 350, 576, 1350, 1400, 1440, 1500];
/// A bare IPv4 header.
const SHORTEST: u16 = 20;
/// Most sizes that are shown as they are.
const SHOWN_MAX: usize = 8;

/// Sizes in ascending order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerSizes(BTreeSet<u16>);

/// Why a text names no sizes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InnerSizesError {
    /// Neither number nor range.
    #[error("{0:?} is no number of bytes from 1 to 65535 and no range of them like 20-1500")]
    NoSize(String),
    /// The end comes before the beginning.
    #[error("the range {0} ends before it begins; turn it around")]
    Backwards(String),
    /// No packet has any of them.
    #[error(
        "{0:?} names no size that a packet has: the shortest, a bare IPv4 header, has 20 bytes"
    )]
    TooShort(String),
}

impl FromStr for InnerSizes {
    type Err = InnerSizesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut sizes = BTreeSet::new();
        for part in text.split(',') {
            let number = |text: &str| {
                let number = text.trim().parse::<NonZeroU16>();
                number.map_err(|_| InnerSizesError::NoSize(part.to_owned()))
            };
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let (low, high) = (number(low)?, number(high)?);
            if high < low {
                return Err(InnerSizesError::Backwards(part.to_owned()));
            }
            sizes.extend(low.get()..=high.get());
        }
        if sizes.last() < Some(&SHORTEST) {
            return Err(InnerSizesError::TooShort(text.to_owned()));
        }
        Ok(Self(sizes))
    }
}

impl InnerSizes {
    /// All of them, bytes.
    pub fn all(&self) -> Vec<usize> {
        self.0.iter().copied().map(usize::from).collect()
    }

    /// Those for a table: all, or the telling ones, or the ends.
    pub fn shown(&self) -> Vec<usize> {
        if self.0.len() <= SHOWN_MAX {
            return self.all();
        }
        let told = TELLING.iter().filter(|size| self.0.contains(size));
        let told: Vec<usize> = told.copied().map(usize::from).collect();
        if told.is_empty() {
            let ends = [self.0.first(), self.0.last()];
            return ends
                .into_iter()
                .flatten()
                .copied()
                .map(usize::from)
                .collect();
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_shown_by_the_sizes_that_tell() {
        let of = |text: &str| text.parse::<InnerSizes>().unwrap();
        assert_eq!(of("20-1500").all().len(), 1481);
        assert_eq!(of("20-1500").shown(), TELLING.map(usize::from));
        assert_eq!(of("100-400, 9000").shown(), [350]);
        assert_eq!(of("100-200").shown(), [100, 200]);
        assert_eq!(of("99,1-3,2").shown(), [1, 2, 3, 99]);
        assert_eq!(of("65535").all(), [65_535]);
    }

    #[test]
    fn what_names_no_size_is_refused() {
        for text in [
            "", "x", "0", "65536", "-20", "20-", "1-2-3", "20,,30", "1.5",
        ] {
            let refused = text.parse::<InnerSizes>();
            assert!(matches!(refused, Err(InnerSizesError::NoSize(_))), "{text}");
        }
        let refused = "1-19".parse::<InnerSizes>();
        assert_eq!(refused, Err(InnerSizesError::TooShort("1-19".to_owned())));
        assert!("1-20".parse::<InnerSizes>().is_ok());
        let refused = "5,30-20".parse::<InnerSizes>();
        assert_eq!(refused, Err(InnerSizesError::Backwards("30-20".to_owned())));
    }
}
