//! One verb a file.

pub mod list;
pub mod report;
pub mod run;
pub mod verify;
