//! Integration tests.
#![forbid(unsafe_code)]

mod determinism;
mod oracle;
mod privtest;
mod snapshot;
mod verify;
