//! T1, the second executor: hot code of the guest is translated to x86-64
//! host code, block by block, in one pass.
//!
//! It is no part of the machine. With it or without it every run is the same
//! to the bit: registers, memory, TLB, counts of instructions. What a block
//! does not do inline it does by a call to the interpreter's own function for
//! that instruction, and every fault, device access or store to code goes
//! that way. Counters of hotness and host code are not state.
//!
//! The crate exists to hold the unsafe code that running emitted code needs.
//! Other hosts than x86-64 Linux have no translator: [`translator`] is `None`
//! there, and the interpreter executes everything.
#![deny(missing_docs)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod asm;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod buffer;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod emit;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod fpu;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod frame;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod stubs;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tier;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod xmm;

use cpu::Translator;

/// When a block is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// When control came to it this many times.
    Times(u8),
    /// After a number of times drawn for each place from this seed: no
    /// threshold may change a result, and tests try many.
    Drawn(u64),
}

impl Default for Threshold {
    fn default() -> Threshold {
        Threshold::Times(16)
    }
}

/// A translator for this host; `None` if it has no suitable processor
/// (x86-64 with BMI1, BMI2, LZCNT, POPCNT) or gives no executable memory.
pub fn translator(threshold: Threshold) -> Option<Box<dyn Translator>> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return tier::Tier::new(threshold).map(|tier| Box::new(tier) as Box<dyn Translator>);
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    {
        let _ = threshold;
        None
    }
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod tests;
