//! What of a capture is replayed where all of it would take too long.

/// Packets of a block: as many as a burst mostly has.
const BLOCK: u64 = 32;

/// Blocks of neighbours that lie evenly over a capture, so that its beginning is not taken for
/// the whole.
pub struct Sample {
    keep: u64,
    of: u64,
    seen: u64,
    kept: u64,
    kept_bytes: u64,
}

impl Sample {
    /// About `keep` packets of a capture of `of`; all of them where `keep` is no less.
    pub fn new(keep: u64, of: u64) -> Self {
        Self {
            keep: keep.min(of),
            of: of.max(1),
            seen: 0,
            kept: 0,
            kept_bytes: 0,
        }
    }

    /// Whether the next packet is kept.
    pub fn takes(&mut self, packet: &[u8]) -> bool {
        let block = self.seen / BLOCK;
        self.seen += 1;
        let blocks = self.of.div_ceil(BLOCK);
        let wanted = self.keep.div_ceil(BLOCK);
        let share = |before: u64| (before * wanted).div_ceil(blocks);
        let kept = share(block + 1) > share(block);
        if kept {
            self.kept += 1;
            self.kept_bytes += packet.len() as u64;
        }
        kept
    }

    /// Packets kept so far.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// IP bytes of them.
    pub fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_lies_evenly_over_the_capture() {
        for (keep, of) in [
            (1, 1000),
            (30, 41),
            (2500, 5376),
            (5376, 5376),
            (9000, 5376),
        ] {
            let mut sample = Sample::new(keep, of);
            let kept: Vec<bool> = (0..of).map(|_| sample.takes(&[0; 20])).collect();
            let count = kept.iter().filter(|kept| **kept).count() as u64;
            assert_eq!((sample.kept(), sample.kept_bytes()), (count, 20 * count));
            assert!(
                count > 0 && count.abs_diff(keep.min(of)) <= BLOCK,
                "{keep} {of}"
            );
            let halves = kept.chunks(kept.len().div_ceil(2));
            let halves: Vec<usize> = halves.map(|h| h.iter().filter(|k| **k).count()).collect();
            assert!(keep < 100 || halves[0].abs_diff(halves[1]) <= 2 * BLOCK as usize);
            assert!(keep < of || count == of);
        }
    }
}
