//! The flash behind the ports: SCSI target, logical units, their blocks.
//!
//! Documents: SPC-4 (T10/BSR INCITS 513), SBC-3 (INCITS 514), SAM-5, FCP-4.

pub mod cache;
pub mod commands;
pub mod drive;
pub mod internal;
pub mod lun;
pub mod pages;
pub mod profile;
pub mod reservation;
pub mod sense;
pub mod store;
pub mod target;
#[cfg(test)]
mod tests;

pub use lun::{Lun, LunConfig};
pub use profile::Profile;
pub use sense::{Refusal, Sense};
pub use store::{Backing, LunStore, MemStore, StoreError};
pub use target::{Plan, Request, Target};
