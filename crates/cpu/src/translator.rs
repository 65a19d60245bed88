//! The seam to a translator of hot code (crate `jit`): a second executor of
//! the same instructions. It is no part of the machine: with it or without
//! it, every run is the same to the bit.
//!
//! So it keeps to what the run loop does: it fetches through the view of
//! [`MicroTlb`](crate::mmu::MicroTlb) only where control leaves a page of 4 KiB of
//! effective addresses, never within one, since a miss there may fill the
//! TLB, which is architected; and it stops at the same counts of instructions.

use crate::code::CodeCache;
use crate::env::Env;
use crate::interrupt::Trap;
use crate::state::Cpu;

/// Where a translator stands when it hands control back. `cpu.cia`,
/// `cpu.nia` and `cpu.retired` are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The interpreter goes on in this decoded page, which holds `cpu.cia`;
    /// at least one instruction may be retired.
    Interpret {
        /// Number of the decoded page.
        page: u32,
        /// Until control leaves the page, rather than to the next taken branch.
        whole: bool,
    },
    /// The run loop looks: `stop_at` is reached, or control is in a page
    /// that the fetch view does not know.
    Look,
    /// As an instruction's meaning gave it.
    Trap(Trap),
}

/// Executes hot code.
pub trait Translator: Send {
    /// Executes from `cpu.cia`, which lies in decoded page `page`, on.
    fn execute(&mut self, cpu: &mut Cpu, env: &mut Env<'_>, code: &CodeCache, page: u32) -> Progress;
    /// Words of this decoded page changed, or became watched.
    fn forget(&mut self, page: u32);
}
