//! The `capisim` program.
fn main() {}
