//! What integration tests and measurements share: a guest that boots. The tests live in `it/`.
#![forbid(unsafe_code)]

pub mod boot;
