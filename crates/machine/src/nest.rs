//! The nest MMU: the radix walker of `cpu` behind the `Translate` trait, so
//! that an adapter's accesses walk the guest's own tables.

use cpu::mmu::{CACHE_INHIBITED, radix};
use fabric::{Access, GuestMemory, Peek, Translate, TranslateFault, Translation, TranslationSpace};
use serde::{Deserialize, Serialize};

/// The nest MMU and its partition table register.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NestMmu {
    /// PTCR as OPAL_NMMU_SET_PTCR gave it; 0 until then: nothing translates.
    pub ptcr: u64,
}

/// Effective addresses have 52 bits below the quadrant.
const EA_UNUSED: u64 = 0x3FF0_0000_0000_0000;

impl Translate for NestMmu {
    fn translate(
        &mut self,
        mem: &GuestMemory,
        space: TranslationSpace,
        ea: u64,
        access: Access,
    ) -> Result<Translation, TranslateFault> {
        if self.ptcr == 0 {
            return Err(TranslateFault::NoTranslation);
        }
        if ea & EA_UNUSED != 0 {
            return Err(TranslateFault::BadAddress);
        }
        let pid = match ea >> 62 {
            0 => space.pid,
            3 => 0,
            _ => return Err(TranslateFault::BadAddress),
        };
        let leaf = radix::translate(mem, self.ptcr, space.lpid, pid, ea, access, space.problem_state)?;
        if leaf.pte & radix::ATT_CI != 0 {
            return Err(TranslateFault::Protection);
        }
        let writable =
            leaf.pte & radix::C != 0 && radix::permits(leaf.pte, Access::Write, space.problem_state);
        let ra = leaf.ra(ea) & !CACHE_INHIBITED;
        Ok(Translation { ra, page_shift: leaf.shift, writable })
    }
    fn peek(&self, mem: &GuestMemory, space: TranslationSpace, ea: u64, access: Access) -> Peek {
        let pid = if ea >> 62 == 3 { 0 } else { space.pid };
        if self.ptcr == 0 || space.lpid != 0 || ea & EA_UNUSED != 0 || !matches!(ea >> 62, 0 | 3) {
            return Peek::Unknown;
        }
        match radix::peek(mem, self.ptcr, pid, ea) {
            Some(leaf) if radix::permits(leaf.pte, access, space.problem_state) => {
                Peek::At(leaf.ra(ea) & !CACHE_INHIBITED)
            }
            Some(_) => Peek::Gone,
            None if radix::has_tables(mem, self.ptcr, pid) => Peek::Gone,
            None => Peek::NoProcess,
        }
    }
}
