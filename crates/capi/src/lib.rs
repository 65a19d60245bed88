//! The CAPI flash adapter: PCI function, PSL, AFU, FC ports, flash LUNs.
//!
//! Knows no CPU and no OPAL; reaches guest memory through `fabric::Translate`.
#![forbid(unsafe_code)]

pub mod adapter;
pub mod afu;
pub mod flash;
pub mod port;
pub mod ports;
pub mod psl;

#[cfg(test)]
mod tests;
