//! What a record is, how two figures compare, and how they look. Knows no packet and no cipher.
//!
//! | module | noun | may import |
//! | --- | --- | --- |
//! | [`record`] | the versioned result of a run | `stats` |
//! | [`stats`] | figures with their uncertainty | |
//! | [`histogram`] | the stored form of a distribution | |
//! | [`model`] | queueing in virtual time, and what a length costs a cipher | `stats` |
//! | [`load`] | the versioned result of a run under load | `record`, `stats`, `histogram`, `model`, `bill` |
//! | [`bill`] | a record, judged once | `record`, `stats`, `histogram`, `model` |
//! | [`scale`] | workers at the same time, and what they do of what one does | `record`, `stats`, `bill` |
//! | [`selftest`] | what the tool told of itself, and whether that holds | `record`, `stats`, `bill`, `compare` |
//! | [`compare`] | two runs, held against each other | `record`, `stats`, `bill` |
//! | [`render`] | three looks at one bill, two at a comparison and a selftest | `bill`, `compare`, `selftest`, `record` |

pub mod bill;
pub mod compare;
pub mod histogram;
pub mod load;
pub mod model;
pub mod record;
pub mod render;
pub mod scale;
pub mod selftest;
pub mod stats;
