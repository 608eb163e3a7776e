//! tunneltax.
fn main() {}
