//! What the capture reader promises: formats, link types, reasons, damage, and the shared files.

mod shared;
