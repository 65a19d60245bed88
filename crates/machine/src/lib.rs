//! The whole machine: wires CPU, platform and adapters, runs them in virtual
//! time, and judges what it sees. Pure: scenario in, report out; files,
//! terminal and wall clock belong to `capisim`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod adapters;
pub mod build;
pub mod bus;
pub mod drives;
pub mod engine;
pub mod executor;
pub mod faults;
pub mod guest;
pub mod kernel;
pub mod machine;
mod mishap;
pub mod nest;
pub mod oracle;
pub mod policy;
pub mod report;
pub mod scenario;
pub mod snapshot;
pub mod snapshot_file;
mod state;

pub use build::{BuildError, MachineConfig};
pub use fabric::memory::PAGE;
pub use fabric::{BadState, Record, Ticks, Value};
pub use kernel::{KernelError, KernelImage, Symbols};
pub use machine::{Machine, Mark, Stop};
pub use snapshot::{CannotSave, Snapshot};
