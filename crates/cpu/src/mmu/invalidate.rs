//! tlbie, tlbiel, slbia (Book III 5.9.3.3, 5.9.3.2).

use crate::env::Env;
use crate::state::Cpu;
use fabric::pci::Invalidate;
use isa::Word;

/// The PRS bit of tlbie: process-scoped.
fn process_scoped(w: Word) -> bool {
    w.0 >> 17 & 1 != 0
}

/// log2 of the page size that an AP field names.
fn ap_shift(ap: u64) -> Option<u32> {
    match ap {
        0 => Some(12),
        5 => Some(16),
        1 => Some(21),
        2 => Some(30),
        _ => None,
    }
}

/// What a tlbie or tlbiel asks for; `None` where nothing is to be done.
/// RIC=1 (page-walk cache alone) is nothing: no walk cache is modelled.
fn decode(w: Word, rb: u64, rs: u64, local: bool) -> Option<Invalidate> {
    if w.ric() == 1 {
        return None;
    }
    let is = rb >> 10 & 3;
    // tlbiel IS!=0 names one congruence class; set 0 stands for all of them.
    if local && is != 0 && rb >> 12 & 0xFFF != 0 {
        return None;
    }
    let pid = (rs >> 32) as u32;
    match is {
        // An undefined AP: the whole process goes, the safe side.
        0 => Some(match ap_shift(rb >> 5 & 7) {
            Some(page_shift) => Invalidate::Page { pid, ea: rb & !((1 << page_shift) - 1), page_shift },
            None => Invalidate::Pid(pid),
        }),
        1 if process_scoped(w) => Some(Invalidate::Pid(pid)),
        1 | 2 => Some(Invalidate::Lpid(rs as u32)),
        _ => Some(Invalidate::All),
    }
}

impl Cpu {
    /// Drops this thread's translations.
    pub fn invalidate(&mut self, what: Invalidate) {
        match what {
            // The quadrant of tlbie's EA is not given: both of a pid go.
            Invalidate::Page { pid, ea, page_shift } => {
                for ea in [ea & 0x3FFF_FFFF_FFFF_FFFF, ea | 0xC000_0000_0000_0000] {
                    let micro = &mut self.micro;
                    self.tlb.drop_page(pid, ea, page_shift, |ea, shift| micro.drop_page(ea, shift));
                }
            }
            Invalidate::Pid(pid) => {
                self.tlb.drop_process(pid);
                self.micro.drop_process(pid.into(), self.sprs.pidr);
            }
            Invalidate::Lpid(_) | Invalidate::All => {
                self.tlb.clear();
                self.micro.flush();
            }
        }
    }

    /// tlbie and tlbiel.
    pub(crate) fn tlb_invalidate(&mut self, env: &mut Env<'_>, w: Word, local: bool) {
        if let Some(what) = decode(w, self.gpr[w.rb()], self.gpr[w.rs()], local) {
            self.invalidate(what);
            if !local {
                env.platform.tlbie(self.now(), what);
            } else if let Invalidate::Pid(pid) = what {
                self.note_flush(env, pid);
            }
        }
    }
}
