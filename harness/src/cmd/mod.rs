//! One verb a file.

pub mod list;
pub mod overhead;
pub mod report;
pub mod run;
pub mod verify;
mod verify_keys;
