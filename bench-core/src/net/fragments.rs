//! Fragment table: the verdict on a datagram's first fragment, for its later ones.

use super::flows::Key;

/// Sets of the table; a power of two.
const SETS: usize = 256;
/// Datagrams in a set.
const WAYS: usize = 4;
/// Datagrams that are remembered at most, in each of both families.
pub const DATAGRAMS_MAX: usize = SETS * WAYS;

/// Verdicts of the last datagrams: four to a set, the oldest of a set makes room for a new one.
/// A datagram that was pushed out leaves its later fragments without a verdict.
pub struct FragmentTable<K> {
    sets: Vec<Set<K>>,
    seed: u64,
}

#[derive(Clone, Copy)]
struct Set<K> {
    datagrams: [(K, bool); WAYS],
    oldest: u8,
}

impl<K: Key> FragmentTable<K> {
    /// An empty table.
    pub fn new(seed: u64) -> Self {
        let empty = Set {
            datagrams: [(K::EMPTY, false); WAYS],
            oldest: 0,
        };
        Self {
            sets: vec![empty; SETS],
            seed,
        }
    }

    /// Whether the first fragment was allowed; `None` where it is not remembered.
    pub fn verdict(&self, key: &K) -> Option<bool> {
        let set = self.sets.get(self.home(key))?;
        let found = set.datagrams.iter().find(|(known, _)| known == key);
        found.map(|(_, allowed)| *allowed)
    }

    /// Remembers what became of a first fragment; a new verdict replaces an old one.
    pub fn insert(&mut self, key: K, allowed: bool) {
        let home = self.home(&key);
        let Some(set) = self.sets.get_mut(home) else {
            return;
        };
        if let Some(known) = set.datagrams.iter_mut().find(|(known, _)| *known == key) {
            known.1 = allowed;
            return;
        }
        if let Some(oldest) = set.datagrams.get_mut(usize::from(set.oldest)) {
            *oldest = (key, allowed);
        }
        set.oldest = (set.oldest + 1) % WAYS as u8;
    }

    fn home(&self, key: &K) -> usize {
        (key.hash(self.seed) >> 32) as usize & (SETS - 1)
    }
}
