//! Effective-address translation for whoever is not the CPU: the nest MMU
//! that a PSL uses. The radix walker itself lives in `cpu::mmu`; the
//! machine wires it to this trait, another engine may bring its own.

use crate::memory::GuestMemory;
use serde::{Deserialize, Serialize};

/// How memory is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// Whose address space an effective address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranslationSpace {
    /// Logical partition; 0 is the host.
    pub lpid: u32,
    /// Process id: index of the process table, used for quadrant 0.
    pub pid: u32,
    /// True for problem state (PR=1).
    pub problem_state: bool,
}

/// A successful translation of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translation {
    /// Real address of the byte asked for.
    pub ra: u64,
    /// log2 of the size of the leaf: 12, 16, 21 or 30.
    pub page_shift: u32,
    /// Stores are permitted and C is set.
    pub writable: bool,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TranslateFault {
    /// No valid entry, or the process has no table.
    NoTranslation,
    /// An entry forbids the access.
    Protection,
    /// The tables themselves are malformed or lie outside memory.
    BadTable,
    /// The effective address is not one that can be translated.
    BadAddress,
}

/// What the tables say of an address at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// This translator cannot tell.
    Unknown,
    /// The process has no tables: its process table entry is zero.
    NoProcess,
    /// No entry, or one that forbids the access.
    Gone,
    /// The access is permitted, at this real address.
    At(u64),
}

/// A translator that walks the guest's own tables.
pub trait Translate {
    /// Translates one byte address; sets R, and C for a store, as hardware would.
    fn translate(
        &mut self,
        mem: &GuestMemory,
        space: TranslationSpace,
        ea: u64,
        access: Access,
    ) -> Result<Translation, TranslateFault>;
    /// The same for oracles: leaves no reference or change bit behind.
    fn peek(&self, _mem: &GuestMemory, _space: TranslationSpace, _ea: u64, _access: Access) -> Peek {
        Peek::Unknown
    }
}
