//! The platform of a POWER9 machine as the stock kernel sees it: OPAL calls
//! answered at a high level, the flattened device tree, interrupt
//! presentation (XICS through OPAL), consoles, the clock, and one PHB4 with
//! a root port for each adapter.
//!
//! Knows no CPU: the machine hands over a call's token and arguments and
//! acts on the [`Action`] that comes back. All structures in guest memory
//! are big-endian; every pointer is the guest's and may be nonsense.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod console;
mod fdt;
pub mod fuzzing;
mod layout;
pub mod map;
mod opal;
pub mod phb;
mod platform;
mod rtc;
#[cfg(test)]
mod tests;
mod world;
pub mod xics;

pub use console::Console;
pub use fdt::device_tree;
pub use layout::{LayoutError, MemoryLayout, PlatformConfig, layout};
pub use opal::{Action, CALLS, Call, Need, OpalReturn, RebootKind, rc};
pub use phb::{Breakage, Phb};
pub use platform::{DumpRegion, Message, Platform};
pub use world::World;
pub use xics::Xics;
