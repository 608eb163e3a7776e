//! What a record is, how two figures compare, and how they look. Knows no packet and no cipher.
//!
//! | module | noun | may import |
//! | --- | --- | --- |
//! | [`record`] | the versioned result of a run | `stats` |
//! | [`stats`] | figures with their uncertainty | |
//! | [`histogram`] | the stored form of a distribution | |
//! | [`model`] | queueing in virtual time | |
//! | [`load`] | the versioned result of a run under load | `record`, `stats`, `histogram`, `model` |
//! | [`bill`] | a record, judged once | `record`, `histogram` |
//! | [`render`] | three looks at one bill | `bill`, `record` |

pub mod bill;
pub mod histogram;
pub mod load;
pub mod model;
pub mod record;
pub mod render;
pub mod stats;
