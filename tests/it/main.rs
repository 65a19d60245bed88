//! Integration tests.
#![forbid(unsafe_code)]

mod determinism;
mod layout;
mod oracle;
mod privtest;
mod snapshot;
mod verify;
