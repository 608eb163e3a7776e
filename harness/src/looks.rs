//! What the core was beside the rounds of a group, in memory that does not grow with them.

use tunneltax_core::anchor::Anchor;

/// Most that are kept.
pub const LOOKS_MAX: usize = 1 << 16;

/// Looks at the core: all of them up to [`LOOKS_MAX`], then evenly every second, every fourth, ….
#[derive(Default)]
pub struct Looks {
    kept: Vec<Anchor>,
    seen: u64,
    /// Of 2 to the power of this, the first is kept.
    thinned: u32,
}

impl Looks {
    /// How many there were.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Those that are kept, in their order.
    pub fn kept(&self) -> &[Anchor] {
        &self.kept
    }
}

impl Extend<Anchor> for Looks {
    fn extend<T: IntoIterator<Item = Anchor>>(&mut self, looks: T) {
        for look in looks {
            if self.seen.is_multiple_of(1 << self.thinned) {
                if self.kept.len() == LOOKS_MAX {
                    let mut at = 0;
                    self.kept.retain(|_| {
                        at += 1;
                        at % 2 == 1
                    });
                    self.thinned += 1;
                }
                // As many as there are places before it: this one is even.
                self.kept.push(look);
            }
            self.seen += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_lies_evenly_and_has_an_end() {
        let mut looks = Looks::default();
        let numbered = |number: u32| Anchor {
            ghz: f64::from(number),
            width: 1.0,
        };
        let many = 5 * LOOKS_MAX as u32 + 3;
        looks.extend((0..100).map(numbered));
        assert_eq!(looks.kept().len(), 100);
        looks.extend((100..many).map(numbered));
        let kept = looks.kept();
        assert!(kept.len() <= LOOKS_MAX && kept.len() > LOOKS_MAX / 2);
        let steps = kept.windows(2).map(|pair| pair[1].ghz - pair[0].ghz);
        assert!(steps.map(|step| step as u32).all(|step| step == 8));
    }
}
