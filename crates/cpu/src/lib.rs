//! The POWER9 hardware thread: architected state, MMU, interrupts and the
//! interpreter. One table (`isa`) lists the instructions; `exec` gives each
//! row its meaning.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod access;
pub mod code;
pub mod env;
pub mod exec;
pub mod fpscr;
pub mod interrupt;
pub mod mmu;
pub mod msr;
pub mod run;
pub mod softfloat;
pub mod spr;
pub mod state;
pub mod translator;

pub use code::CodeCache;
pub use env::{Env, Platform};
pub use interrupt::{Raised, Trap};
pub use run::Exit;
pub use state::Cpu;
pub use translator::{Progress, Translator};

#[cfg(test)]
mod tests;
