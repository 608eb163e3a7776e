//! What a record is, how two figures compare, and how they look. Knows no packet and no cipher.
//!
//! | module | noun | may import |
//! | --- | --- | --- |
//! | [`record`] | the versioned result of a run | `stats` |
//! | [`stats`] | figures with their uncertainty | |
//! | [`histogram`] | the stored form of a distribution | |
//! | [`bill`] | a record, judged once | `record`, `histogram` |
//! | [`render`] | three looks at one bill | `bill`, `record` |
//! | [`scale`] | workers at the same time, and what they do of what one does | `record`, `stats` |
//! | [`selftest`] | what the tool told of itself, and whether that holds | `record`, `stats` |

pub mod bill;
pub mod histogram;
pub mod record;
pub mod render;
pub mod scale;
pub mod selftest;
pub mod stats;
