//! Fuzz targets: seeded, coverage-free mutation fuzzers.
fn main() {}
