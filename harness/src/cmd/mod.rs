//! One verb a file.

pub mod compare;
pub mod explain;
pub mod list;
pub mod load;
pub mod overhead;
pub mod report;
pub mod rerun;
pub mod run;
mod run_keys;
pub mod scale;
pub mod selftest;
pub mod verify;
mod verify_keys;
mod verify_write;
