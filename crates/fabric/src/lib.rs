//! The seams of the simulator: virtual time, the agenda of events, guest
//! memory, the PCI function trait, interrupt queue, named random streams,
//! trace records and the state hash.
//!
//! Every model depends on this crate; it depends on none of them. What a
//! model needs of the world arrives in a [`Cx`], borrowed for one call: no
//! device keeps a handle, a lock or a thread (architecture.md, law 1).
#![deny(missing_docs)]

pub mod agenda;
pub mod bits;
pub mod cx;
pub mod hash;
pub mod image;
pub mod inject;
pub mod listing;
pub mod memory;
pub mod pci;
pub mod rng;
pub mod time;
pub mod trace;
pub mod translate;

pub use agenda::{Agenda, Due};
pub use cx::Cx;
pub use hash::state_hash;
pub use image::MemoryImage;
pub use inject::{Effect, Injector, Mishap, NoInjection, NotDone, Point};
pub use memory::{GuestMemory, OutOfMemory};
pub use pci::{BadState, BarRegion, PciFunction, ResetKind};
pub use rng::Rng;
pub use time::Ticks;
pub use trace::{Record, Trace, Value};
pub use translate::{Access, Peek, Translate, TranslateFault, Translation, TranslationSpace};
