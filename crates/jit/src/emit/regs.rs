//! Which host register holds which guest register.

use super::Block;
use crate::asm::{Asm, Reg, Size};
use crate::frame::field;
use crate::stubs::cpu;

/// Host registers that hold guest registers. A called function changes them.
const POOL: [Reg; 6] = [Reg::RSI, Reg::RDI, Reg::R8, Reg::R9, Reg::R10, Reg::R11];

/// What the pool holds at a place in the code.
#[derive(Clone, Default)]
pub struct Regs {
    holds: [Option<u8>; POOL.len()],
    /// Used by the instruction being emitted.
    pinned: [bool; POOL.len()],
    /// When it was used last.
    used: [u32; POOL.len()],
    clock: u32,
}

impl Regs {
    /// No register of the pool holds anything.
    pub fn clear(&mut self) {
        self.holds = [None; POOL.len()];
    }
    /// The next instruction begins.
    pub fn unpin(&mut self) {
        self.pinned = [false; POOL.len()];
    }
    /// Loads what the pool is expected to hold.
    pub fn reload(&self, asm: &mut Asm) {
        for (reg, gpr) in POOL.iter().zip(self.holds) {
            if let Some(gpr) = gpr {
                asm.load(Size::Q, *reg, cpu(field::gpr(gpr as usize)));
            }
        }
    }
    fn find(&self, gpr: usize) -> Option<usize> {
        self.holds.iter().position(|held| *held == Some(gpr as u8))
    }
    fn touch(&mut self, slot: usize) {
        self.clock += 1;
        self.used[slot] = self.clock;
        self.pinned[slot] = true;
    }
    /// A slot that this instruction does not use, the least recently used.
    fn take(&mut self) -> usize {
        let unpinned = (0..POOL.len()).filter(|&slot| !self.pinned[slot]);
        let slot = unpinned
            .min_by_key(|&slot| (self.holds[slot].is_some(), self.used[slot]))
            .expect("no instruction uses six registers");
        self.holds[slot] = None;
        self.touch(slot);
        slot
    }
}

impl Block<'_> {
    /// The host register that holds GPR `gpr`.
    pub(super) fn get(&mut self, gpr: usize) -> Reg {
        if let Some(slot) = self.regs.find(gpr) {
            self.regs.touch(slot);
            return POOL[slot];
        }
        let slot = self.regs.take();
        self.regs.holds[slot] = Some(gpr as u8);
        self.asm.load(Size::Q, POOL[slot], cpu(field::gpr(gpr)));
        POOL[slot]
    }
    /// A host register that holds nothing.
    pub(super) fn fresh(&mut self) -> Reg {
        POOL[self.regs.take()]
    }
    /// GPR `gpr` takes the value of `reg`, which came from [`Self::fresh`].
    pub(super) fn set(&mut self, gpr: usize, reg: Reg) {
        if let Some(slot) = self.regs.find(gpr) {
            self.regs.holds[slot] = None;
        }
        let slot = POOL.iter().position(|r| *r == reg).expect("a register of the pool");
        self.regs.holds[slot] = Some(gpr as u8);
        self.asm.store(Size::Q, cpu(field::gpr(gpr)), reg);
    }
}
