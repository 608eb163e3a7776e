//! What the capture reader promises: formats, link types, reasons, damage, and the shared files.

mod build;
mod damage;
mod formats;
mod fuzz;
mod links;
mod shared;
mod speed;
mod super_frames;
