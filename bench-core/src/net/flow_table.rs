//! Flow table: which flows a security group has already allowed. Of fixed size.

use super::flows::Key;

/// Most flows that a gateway of a measured case tracks, in each of both families, unless more
/// are asked for.
pub const FLOWS_MAX: usize = 1 << 15;
/// The idle time-out of the cases that have one, µs: 4 minutes, the default of Azure's load
/// balancer and the least that it and a virtual network's flow time-out can be set to (Azure
/// documentation, 2024-02-12).
pub const IDLE_TIMEOUT_US: u64 = 4 * 60 * 1_000_000;
/// Slots that a new flow may look at for one that has expired, where the table is full.
const SWEEP_SLOTS: usize = 32;

/// Flows that there is room for, by family: tables of either have memory of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRoom {
    /// IPv4.
    pub v4: usize,
    /// IPv6.
    pub v6: usize,
}

impl FlowRoom {
    /// As much as both have.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self {
            v4: self.v4.min(other.v4),
            v6: self.v6.min(other.v6),
        }
    }
}

impl From<usize> for FlowRoom {
    /// The same for both families.
    fn from(each: usize) -> Self {
        Self { v4: each, v6: each }
    }
}

/// Set of flows: open addressing, at most half full, no growth.
///
/// A flow that finds the table full is not remembered: the rules judge each of its packets anew.
/// With an idle time-out, a flow whose last packet came so long ago or longer has expired: its
/// next packet is a first one again. It keeps its place until then, or until a new flow that
/// finds the table full comes by ([`Self::insert`]). The table has no clock: every call is given
/// the time, which never goes back. Without a time-out, times mean nothing, and nothing is kept
/// of them.
pub struct FlowTable<K> {
    slots: Vec<K>,
    /// By the slot, when a packet of its flow was last seen, µs; empty without a time-out.
    seen_us: Vec<u64>,
    idle_timeout_us: u64,
    /// Slots minus 1; their number is a power of two.
    mask: usize,
    used: usize,
    capacity: usize,
    /// Where the search for an expired flow goes on.
    hand: usize,
    seed: u64,
}

impl<K: Key> FlowTable<K> {
    /// An empty table for `capacity` flows. The memory is written once here, so that the
    /// operating system has it at hand before the clock starts.
    pub fn new(capacity: usize, seed: u64) -> Self {
        let count = (capacity * 2).next_power_of_two().max(2);
        Self {
            slots: written(count, K::EMPTY),
            seen_us: Vec::new(),
            idle_timeout_us: u64::MAX,
            mask: count - 1,
            used: 0,
            capacity,
            hand: 0,
            seed,
        }
    }

    /// The same, with an idle time-out.
    #[must_use]
    pub fn with_idle_timeout(self, idle_timeout_us: u64) -> Self {
        Self {
            seen_us: written(self.slots.len(), 0),
            idle_timeout_us,
            ..self
        }
    }

    /// True where the flow is remembered and has not expired; then its idle time begins anew.
    #[inline(always)]
    pub fn is_established(&mut self, key: &K, now_us: u64) -> bool {
        self.find(key).is_ok_and(|at| self.renew(at, now_us))
    }

    #[inline(always)]
    fn renew(&mut self, at: usize, now_us: u64) -> bool {
        // No time of last sight: no time-out.
        let Some(seen_us) = self.seen_us.get_mut(at) else {
            return true;
        };
        let alive = now_us - *seen_us < self.idle_timeout_us;
        if alive {
            *seen_us = now_us;
        }
        alive
    }

    /// Remembers a flow. False where the table is full, and none of the next `SWEEP_SLOTS`
    /// slots has an expired flow whose place it could take.
    pub fn insert(&mut self, key: K, now_us: u64) -> bool {
        let mut place = self.find(&key);
        if place.is_err() && self.used >= self.capacity {
            if !self.remove_expired(now_us) {
                return false;
            }
            // Others may have moved up.
            place = self.find(&key);
        }
        let (Ok(at) | Err(at)) = place;
        if let Err(free) = place {
            self.used += 1;
            self.slots[free] = key;
        }
        if let Some(seen_us) = self.seen_us.get_mut(at) {
            *seen_us = now_us;
        }
        true
    }

    /// Flows that are remembered, and those that have expired but keep their place.
    pub fn len(&self) -> usize {
        self.used
    }

    /// True where none is.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Removes one expired flow. False where none is in the slots looked at.
    fn remove_expired(&mut self, now_us: u64) -> bool {
        if self.seen_us.is_empty() || self.used == 0 {
            return false;
        }
        for _ in 0..SWEEP_SLOTS {
            let at = self.hand;
            self.hand = (at + 1) & self.mask;
            let expired = now_us - self.seen_us[at] >= self.idle_timeout_us;
            if expired && self.slots[at] != K::EMPTY {
                self.remove(at);
                return true;
            }
        }
        false
    }

    /// Empties a slot; what was pushed on by its flow moves up.
    fn remove(&mut self, at: usize) {
        let (mut hole, mut next) = (at, at);
        loop {
            next = (next + 1) & self.mask;
            let key = self.slots[next];
            if key == K::EMPTY {
                break;
            }
            let pushed = next.wrapping_sub(self.home(&key)) & self.mask;
            if pushed >= next.wrapping_sub(hole) & self.mask {
                self.slots[hole] = key;
                self.seen_us[hole] = self.seen_us[next];
                hole = next;
            }
        }
        self.slots[hole] = K::EMPTY;
        self.used -= 1;
    }

    /// The key's slot; where it is not there, the free slot that it would take. Half of the
    /// slots are free, so the search ends.
    #[inline(always)]
    fn find(&self, key: &K) -> Result<usize, usize> {
        let mut at = self.home(key);
        while let Some(slot) = self.slots.get(at) {
            if slot == key {
                return Ok(at);
            }
            if *slot == K::EMPTY {
                break;
            }
            at = (at + 1) & self.mask;
        }
        Err(at)
    }

    #[inline(always)]
    fn home(&self, key: &K) -> usize {
        // The upper half: the product's lower bits know the factors' lower bits only.
        (key.hash(self.seed) >> 32) as usize & self.mask
    }
}

/// So many values, in memory that was written to: fresh zeroes are memory that nobody has
/// provided yet.
fn written<T: Copy>(count: usize, value: T) -> Vec<T> {
    let mut values = vec![value; count];
    values.fill(std::hint::black_box(value));
    values
}
