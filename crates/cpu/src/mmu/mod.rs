//! The memory management unit: radix tree translation (Power ISA 3.0B, Book
//! III 5.7) through the architected TLB, and its fast-path views.
//!
//! `Deviates:` AMR and IAMR are registers without effect: storage keys are
//! not enforced. Linux uses them as KUAP/KUEP hardening, nothing depends on
//! a key fault.

mod invalidate;
mod micro;
mod processes;
pub mod radix;
mod tlb;

#[cfg(test)]
mod tests;

pub use micro::MicroTlb;
pub use processes::Processes;
pub use tlb::{Tlb, TlbEntry};

use crate::env::Env;
use crate::interrupt::{Trap, dsisr, vector};
use crate::msr;
use crate::state::Cpu;
use fabric::{Access, GuestMemory, TranslateFault};

/// Set in a translated address whose page is cache-inhibited. Real
/// addresses have 53 bits.
pub const CACHE_INHIBITED: u64 = 1 << 63;
/// In real mode the top four bits of an address are ignored (HRMOR=0).
const REAL_MODE_MASK: u64 = 0x0FFF_FFFF_FFFF_FFFF;
/// EA bits 2..11 must be zero: 52-bit effective addresses.
const EA_VALID: u64 = 0xC00F_FFFF_FFFF_FFFF;

/// Why a CPU access has no translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denied {
    Segment,
    Page(TranslateFault),
}

impl Cpu {
    /// Translates a data address; raises DSI or data segment interrupts. The
    /// result has [`CACHE_INHIBITED`] set for such pages.
    #[inline(never)]
    pub fn translate_data(&mut self, env: &mut Env<'_>, ea: u64, access: Access) -> Result<u64, Trap> {
        if self.msr & msr::DR == 0 {
            let ra = ea & REAL_MODE_MASK;
            self.micro.fill_data(env.mem, ea, ra, 16, access);
            return Ok(ra);
        }
        match self.look_up(env.mem, ea, access) {
            Ok((ra, entry)) => {
                if !entry.cache_inhibited() {
                    self.micro.fill_data(env.mem, ea, ra, entry.shift, access);
                    Ok(ra)
                } else {
                    Ok(ra | CACHE_INHIBITED)
                }
            }
            Err(denied) => Err(self.data_denied(ea, access, denied)),
        }
    }

    #[cold]
    fn data_denied(&mut self, ea: u64, access: Access, denied: Denied) -> Trap {
        self.sprs.dar = ea;
        let Denied::Page(fault) = denied else {
            return self.raise(vector::DATA_SEGMENT, 0);
        };
        let store = if access == Access::Write { dsisr::STORE } else { 0 };
        self.sprs.dsisr = store | fault_bits(fault);
        self.raise(vector::DATA_STORAGE, 0)
    }

    /// Translates an instruction address; raises ISI or instruction segment.
    #[inline(never)]
    pub fn translate_fetch(&mut self, env: &mut Env<'_>, ea: u64) -> Result<u64, Trap> {
        if self.msr & msr::IR == 0 {
            let ra = ea & REAL_MODE_MASK;
            return if env.mem.contains(ra, 4) { Ok(ra) } else { Err(self.no_execute()) };
        }
        match self.look_up(env.mem, ea, Access::Execute) {
            Ok((ra, entry)) if !entry.cache_inhibited() && env.mem.contains(ra, 4) => Ok(ra),
            Ok(_) => Err(self.no_execute()),
            Err(Denied::Segment) => Err(self.raise(vector::INSTRUCTION_SEGMENT, 0)),
            Err(Denied::Page(TranslateFault::Protection)) => Err(self.no_execute()),
            Err(Denied::Page(fault)) => Err(self.raise(vector::INSTRUCTION_STORAGE, fault_bits(fault))),
        }
    }

    #[cold]
    fn no_execute(&mut self) -> Trap {
        self.raise(vector::INSTRUCTION_STORAGE, dsisr::NO_EXECUTE)
    }

    /// Finds a translation in the TLB, or walks and fills it.
    fn look_up(&mut self, mem: &GuestMemory, ea: u64, access: Access) -> Result<(u64, TlbEntry), Denied> {
        if ea & !EA_VALID != 0 {
            return Err(Denied::Segment);
        }
        let pid = match ea >> 62 {
            0 => self.sprs.pidr as u32,
            3 => 0,
            _ => return Err(Denied::Segment),
        };
        let found = self.tlb.find(ea, pid);
        if let Some(entry) = found
            && entry.permits(access, self.msr)
            && (access != Access::Write || entry.changed())
        {
            return Ok((entry.ra(ea), entry));
        }
        let problem = self.msr & msr::PR != 0;
        let epoch = mem.code_epoch();
        let leaf = radix::translate(mem, self.sprs.ptcr, self.sprs.lpidr as u32, pid, ea, access, problem);
        if mem.code_epoch() != epoch {
            self.look_soon(); // a page table entry in a page of decoded code
        }
        let leaf = leaf.map_err(Denied::Page)?;
        let entry = TlbEntry::new(ea, pid, leaf);
        if let Some(lost) = self.tlb.fill(entry) {
            self.micro.drop_page(lost.ea, lost.shift);
        }
        // Tables may have changed without a tlbie: the views follow the TLB.
        if let Some(old) = found.filter(|old| !old.translates_as(&entry)) {
            self.micro.drop_page(old.ea, old.shift);
        }
        Ok((entry.ra(ea), entry))
    }
}

fn fault_bits(fault: TranslateFault) -> u64 {
    match fault {
        TranslateFault::NoTranslation => dsisr::NO_TRANSLATION,
        TranslateFault::Protection => dsisr::PROTECTION,
        TranslateFault::BadTable | TranslateFault::BadAddress => dsisr::BAD_CONFIG,
    }
}
