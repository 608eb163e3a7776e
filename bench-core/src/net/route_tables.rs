//! Route tables of several sizes, for what a look-up costs by the size of its table.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::routes::{Routes, spread_prefixes};

/// Tables of one seed, each made when it is first asked for and shared from then on: making a
/// table of thousands takes longer than opening everything else of a case. Unlike what a fresh
/// instance makes for itself, a shared table stays where it is in memory.
pub struct RouteTables {
    seed: u64,
    made: Mutex<BTreeMap<usize, Arc<Routes>>>,
}

impl RouteTables {
    /// No table yet.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            made: Mutex::default(),
        }
    }

    /// The table of so many routes in each family, the default route among them
    /// ([`spread_prefixes`]).
    pub fn of(&self, routes: usize) -> Arc<Routes> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let table = made.entry(routes).or_insert_with(|| {
            let (v4, v6) = spread_prefixes(routes.saturating_sub(1), self.seed);
            Arc::new(Routes::new(v4, v6))
        });
        Arc::clone(table)
    }
}
