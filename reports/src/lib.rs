//! What a record is, how two figures compare, and how they look. Knows no packet and no cipher.
//!
//! | module | noun | may import |
//! | --- | --- | --- |
//! | [`record`] | the versioned result of a run | `stats` |
//! | [`stats`] | figures with their uncertainty | |

pub mod record;
pub mod stats;
