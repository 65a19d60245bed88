//! Which host register holds which guest register.
//!
//! A result stays in its host register, "dirty", until the register is needed
//! for something else or control leaves the block: [`super::flow`] stores what
//! is dirty on the way out, so the CPU is exact wherever a block can be left.

use super::Block;
use super::compare::{Compares, keeps};
use crate::asm::{Mem, Reg, Size};
use crate::frame::field;
use crate::stubs::cpu;

/// Host registers that hold guest registers. A called function changes them.
pub const POOL: [Reg; 8] =
    [Reg::RSI, Reg::RDI, Reg::R8, Reg::R9, Reg::R10, Reg::R11, Reg::RBP, Reg::R12];
/// Registers of the pool that one instruction may ask for.
pub const ASKED: usize = 4;

/// What a host register holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    pub gpr: Option<u8>,
    /// The CPU does not have this value yet.
    pub dirty: bool,
}
pub type Held = [Slot; POOL.len()];

/// What host registers hold at a place in the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub held: Held,
    /// Compares whose CR field is not stored yet.
    pub compares: Compares,
    /// MSR bits that are known to be set.
    pub facilities: u64,
}

impl State {
    /// The slot that holds GPR `gpr`.
    pub fn find(&self, gpr: u8) -> Option<usize> {
        self.held.iter().position(|slot| slot.gpr == Some(gpr))
    }
    /// The CPU is exact.
    pub fn is_stored(&self) -> bool {
        self.held.iter().all(|slot| !slot.dirty) && self.compares.iter().all(Option::is_none)
    }
}

/// The allocator's side of a block.
#[derive(Default)]
pub struct Regs {
    pub held: Held,
    /// Used by the instruction being emitted.
    pinned: [bool; POOL.len()],
    /// What was held from which place on, while the instruction is emitted.
    journal: Vec<(usize, Held)>,
    /// GPRs that the instruction read and wrote, one bit each.
    pub reads: u32,
    pub writes: u32,
    /// From which place on the instruction has given up a value that the CPU needs
    /// if the interpreter's function does it.
    given_up: Option<usize>,
}

impl Regs {
    /// The next instruction begins, at place `here`.
    pub fn begin(&mut self, here: usize) {
        self.pinned = Default::default();
        self.journal.clear();
        self.journal.push((here, self.held));
        (self.reads, self.writes, self.given_up) = (0, 0, None);
    }
    /// What was held at a jump whose displacement is at place `at`.
    pub fn held_at(&self, at: usize) -> Held {
        debug_assert!(self.given_up.is_none_or(|from| at < from), "the value of a target is lost here");
        let known = self.journal.iter().rev().find(|(from, _)| *from <= at);
        known.map_or(self.journal[0].1, |(_, held)| *held)
    }
}

/// Where an instruction finds the value of a GPR.
#[derive(Clone, Copy)]
pub enum Operand {
    Reg(Reg),
    Mem(Mem),
}
/// A value that is read again within so many instructions is worth a host register.
const SOON: usize = 12;

/// When each GPR is read next: the index of the instruction, or `NEVER`.
pub type NextRead = [u8; 32];
pub const NEVER: u8 = u8::MAX;

impl Block<'_> {
    /// The host register that holds GPR `gpr`.
    pub(super) fn get(&mut self, gpr: usize) -> Reg {
        if self.regs.writes >> gpr & 1 == 0 {
            self.regs.reads |= 1 << gpr;
        }
        if let Some(slot) = self.regs.held.iter().position(|slot| slot.gpr == Some(gpr as u8)) {
            self.regs.pinned[slot] = true;
            return POOL[slot];
        }
        let slot = self.take(None);
        self.regs.held[slot] = Slot { gpr: Some(gpr as u8), dirty: false };
        self.asm.load(Size::Q, POOL[slot], cpu(field::gpr(gpr)));
        self.note();
        POOL[slot]
    }
    /// A host register for the result of an instruction, which GPR `target` gets
    /// by [`Self::set`]; behind it the instruction cannot be left.
    pub(super) fn fresh(&mut self, target: usize) -> Reg {
        POOL[self.take(Some(target as u8))]
    }
    /// A host register that holds nothing; the instruction may be left behind it.
    pub(super) fn spare(&mut self) -> Reg {
        POOL[self.take(None)]
    }
    /// Whether a host register holds GPR `gpr`.
    pub(super) fn holds(&self, gpr: usize) -> bool {
        self.regs.held.iter().any(|slot| slot.gpr == Some(gpr as u8))
    }
    /// GPR `gpr` for an instruction that can take it from memory: so if no host
    /// register holds it and it is not needed again soon.
    pub(super) fn operand(&mut self, gpr: usize) -> Operand {
        let held = self.holds(gpr);
        let next = self.next.get(self.index + 1).map_or(NEVER, |next| next[gpr]);
        if held || usize::from(next) <= self.index + SOON {
            return Operand::Reg(self.get(gpr));
        }
        if self.regs.writes >> gpr & 1 == 0 {
            self.regs.reads |= 1 << gpr;
        }
        Operand::Mem(cpu(field::gpr(gpr)))
    }
    /// A host register for the result of an instruction that may be made where
    /// one of its operands is: that of GPR `target` if it is one of `sources`,
    /// which are not in other registers, and nobody else needs its value; else a fresh one.
    pub(super) fn over(&mut self, target: usize, sources: &[usize]) -> Reg {
        if sources.contains(&target) {
            let held = |slot: &Slot| slot.gpr == Some(target as u8);
            if let Some(slot) = self.regs.held.iter().position(held)
                && !keeps(&self.compares, slot)
            {
                return POOL[slot];
            }
        }
        self.fresh(target)
    }
    /// GPR `gpr` takes the value of `reg`, which came from [`Self::fresh`] or
    /// [`Self::over`].
    /// Nothing that may call the interpreter's function comes behind it.
    pub(super) fn set(&mut self, gpr: usize, reg: Reg) {
        self.regs.writes |= 1 << gpr;
        let gpr = Some(gpr as u8);
        if let Some(old) = self.regs.held.iter_mut().find(|slot| slot.gpr == gpr) {
            *old = Slot::default();
        }
        let slot = POOL.iter().position(|r| *r == reg).expect("a register of the pool");
        self.regs.held[slot] = Slot { gpr, dirty: true };
        self.note();
    }

    fn note(&mut self) {
        self.regs.journal.push((self.asm.here(), self.regs.held));
    }
    /// A slot that this instruction does not use: that of the target, an empty
    /// one, or the one whose value is read last. Leaves the flags and RAX, RCX, RDX.
    fn take(&mut self, target: Option<u8>) -> usize {
        let (next, unneeded) = (&self.next[self.index], self.unneeded[self.index]);
        let owed = |held: Slot| held.gpr.filter(|gpr| held.dirty && unneeded >> gpr & 1 == 0);
        let free = (0..POOL.len()).filter(|&slot| !self.regs.pinned[slot] && !keeps(&self.compares, slot));
        let slot = free
            .max_by_key(|&slot| {
                let held = self.regs.held[slot];
                let read = held.gpr.map_or(u16::MAX, |gpr| u16::from(next[gpr as usize]));
                (target.is_some() && held.gpr == target, read, owed(held).is_none())
            })
            .expect("an instruction asks for few registers, and compares keep few");
        let held = self.regs.held[slot];
        if target.is_some() && held.gpr == target {
            if owed(held).is_some() {
                self.regs.given_up = Some(self.asm.here());
            }
        } else if let Some(gpr) = owed(held) {
            self.asm.store(Size::Q, cpu(field::gpr(gpr as usize)), POOL[slot]);
        }
        self.regs.held[slot] = Slot::default();
        self.regs.pinned[slot] = true;
        self.note();
        slot
    }
}
