//! Where the stack lies while something is measured.
//!
//! Code that keeps wide buffers on the stack is faster or slower by some percent with where the
//! stack happens to begin in a cache line: the same for all that one process measures from one
//! place, another in the next process (Mytkowicz and others, "Producing wrong data without doing
//! anything obviously wrong", ASPLOS 2009). So every instance has the next of all places that
//! there are, and what they differ by is in the interval over instances.

use std::hint::black_box;

/// Bytes between two places: the alignment of the stack at a call (System V ABI, 3.2.2).
pub const STEP_BYTES: usize = 16;
/// Places in a cache line.
pub const PLACES: usize = 4;

/// Runs `work` with the stack at the place of an instance, which is its number modulo [`PLACES`].
pub fn placed<T>(instance: usize, work: impl FnOnce() -> T) -> T {
    let mut work = Some(work);
    let mut result = None;
    let mut once = || result = work.take().map(|work| work());
    match instance % PLACES {
        0 => lower::<STEP_BYTES>(&mut once),
        1 => lower::<{ 2 * STEP_BYTES }>(&mut once),
        2 => lower::<{ 3 * STEP_BYTES }>(&mut once),
        _ => lower::<{ 4 * STEP_BYTES }>(&mut once),
    }
    result.expect("it was called once")
}

/// Calls with so many bytes of the stack in between.
#[inline(never)]
fn lower<const BYTES: usize>(work: &mut dyn FnMut()) {
    let mut between = [0_u8; BYTES];
    black_box(&mut between);
    work();
    black_box(&mut between);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[inline(never)]
    fn place() -> usize {
        let here = 0_u64;
        std::ptr::from_ref(black_box(&here)) as usize % (PLACES * STEP_BYTES)
    }

    #[test]
    fn four_instances_have_four_places_and_the_fifth_the_first() {
        let of: Vec<usize> = (0..8).map(|instance| placed(instance, place)).collect();
        assert_eq!(of[..4].iter().collect::<BTreeSet<_>>().len(), PLACES);
        assert_eq!(of[..4], of[4..]);
    }
}
