//! Which host register holds which guest register.
//!
//! A result stays in its host register, "dirty", until the register is needed
//! for something else or control leaves the block: [`super::flow`] stores what
//! is dirty on the way out, so the CPU is exact wherever a block can be left.

use super::Block;
use super::compare::{Compares, keeps};
use crate::asm::{Alu, Mem, Reg, Rm, Size};
use crate::frame::{field, place};
use crate::stubs::{cpu, frame};

/// Host registers that hold guest registers. A called function changes them.
pub const POOL: [Reg; 8] = [Reg::RSI, Reg::RDI, Reg::R8, Reg::R9, Reg::R10, Reg::R11, Reg::RBP, Reg::R12];
/// Registers of the pool that one instruction may ask for.
pub const ASKED: usize = 4;

/// Count register and link register are numbered behind the GPRs, and kept like them.
pub const CTR: usize = 32;
pub const LR: usize = 33;
/// Numbers for addresses in the host that accesses share, see [`super::share`].
pub const SHARED: std::ops::Range<usize> = 34..38;
/// Numbers of registers that are kept.
pub const NUMBERS: usize = 38;
/// Those that are registers of the guest.
const GUEST: u64 = (1 << SHARED.start) - 1;

/// Where a register is when no host register holds it.
pub fn home(number: usize) -> Mem {
    match number.checked_sub(SHARED.start) {
        Some(shared) => frame(place::SHARED + 8 * shared as i32),
        None => cpu(field::gpr(number)),
    }
}

/// What a host register holds: the value of several GPRs after an `mr`. One bit
/// for each GPR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    pub gprs: u64,
    /// Those of which the CPU does not have this value yet.
    pub dirty: u64,
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
        self.held.iter().position(|slot| slot.gprs >> gpr & 1 != 0)
    }
    /// GPRs, one bit each, that the CPU does not have.
    pub fn dirty(&self) -> u64 {
        self.held.iter().fold(0, |all, slot| all | slot.dirty)
    }
    /// The CPU is exact.
    pub fn is_stored(&self) -> bool {
        self.dirty() & GUEST == 0 && self.compares.iter().all(Option::is_none)
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
    pub reads: u64,
    pub writes: u64,
    /// A slot that is read at the end of the instruction: no result is made in it.
    pub kept: Option<usize>,
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
    /// Nobody needs these numbers any more.
    pub fn forget(&mut self, gprs: u64) {
        for slot in &mut self.held {
            slot.gprs &= !gprs;
            slot.dirty &= !gprs;
        }
    }
    /// What was held at a jump whose displacement is at place `at`.
    pub fn held_at(&self, at: usize) -> Held {
        debug_assert!(self.given_up.is_none_or(|from| at < from), "the value of a target is lost here");
        let known = self.journal.iter().rev().find(|(from, _)| *from <= at);
        known.map_or(self.journal[0].1, |(_, held)| *held)
    }
}

/// What of a set the CPU has to know where control leaves.
pub fn of_guest(gprs: u64) -> u64 {
    gprs & GUEST
}
/// Where an instruction finds the value of a GPR.
#[derive(Clone, Copy)]
pub enum Operand {
    Reg(Reg),
    Mem(Mem),
}
impl From<Operand> for Rm {
    fn from(operand: Operand) -> Rm {
        match operand {
            Operand::Reg(reg) => reg.into(),
            Operand::Mem(mem) => mem.into(),
        }
    }
}
/// A value that is read again within so many instructions is worth a host register.
const SOON: usize = 3;

/// The slot of a register of the pool.
pub fn slot_of(reg: Reg) -> Option<usize> {
    POOL.iter().position(|r| *r == reg)
}
/// The numbers of the GPRs of a set.
pub fn bits(mut gprs: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (gprs != 0).then(|| gprs.trailing_zeros() as usize);
        gprs &= gprs.wrapping_sub(1);
        lowest
    })
}
/// The same with one GPR for each register.
pub fn without_aliases(held: &Held) -> Held {
    let first = |gprs: u64| gprs & gprs.wrapping_neg();
    held.map(|slot| Slot { gprs: first(slot.gprs), dirty: slot.dirty & first(slot.gprs) })
}

/// When each GPR is read next: the index of the instruction, or `NEVER`.
pub type NextRead = [u8; NUMBERS];
pub const NEVER: u8 = u8::MAX;

impl Block<'_> {
    /// The host register that holds GPR `gpr`.
    pub(super) fn get(&mut self, gpr: usize) -> Reg {
        if self.regs.writes >> gpr & 1 == 0 {
            self.regs.reads |= 1 << gpr;
        }
        if let Some(slot) = self.slot(gpr) {
            self.regs.pinned[slot] = true;
            return POOL[slot];
        }
        let slot = self.take(0);
        self.regs.held[slot] = Slot { gprs: 1 << gpr, dirty: 0 };
        self.asm.load(Size::Q, POOL[slot], home(gpr));
        self.note();
        POOL[slot]
    }
    /// A host register for the result of an instruction, which GPR `target` gets
    /// by [`Self::set`]; behind it the instruction cannot be left.
    pub(super) fn fresh(&mut self, target: usize) -> Reg {
        POOL[self.take(1 << target)]
    }
    /// A host register that holds nothing; the instruction may be left behind it.
    pub(super) fn spare(&mut self) -> Reg {
        POOL[self.take(0)]
    }
    /// The slot that holds GPR `gpr`.
    fn slot(&self, gpr: usize) -> Option<usize> {
        self.regs.held.iter().position(|slot| slot.gprs >> gpr & 1 != 0)
    }
    /// Whether a host register holds GPR `gpr`.
    pub(super) fn holds(&self, gpr: usize) -> bool {
        self.slot(gpr).is_some()
    }
    /// Takes 1 from CTR; the host's flags are those of the result. In memory if
    /// no host register holds it and others are in demand.
    pub(super) fn decrement_ctr(&mut self) {
        if !self.holds(CTR) && self.ahead.crowded {
            self.regs.reads |= 1 << CTR;
            self.regs.writes |= 1 << CTR;
            return self.asm.alu_mem_imm(Alu::Sub, Size::Q, home(CTR), 1);
        }
        let count = self.get(CTR);
        let d = self.over(CTR, &[CTR]);
        self.asm.copy(d, count);
        self.asm.alu_imm(Alu::Sub, Size::Q, d, 1);
        self.set(CTR, d);
    }
    /// GPR `gpr` for an instruction that can take it from memory: so if no host
    /// register holds it and it is not needed again soon.
    pub(super) fn operand(&mut self, gpr: usize) -> Operand {
        let held = self.holds(gpr);
        let next = self.ahead.next.get(self.index + 1).map_or(NEVER, |next| next[gpr]);
        if held || usize::from(next) <= self.index + SOON {
            return Operand::Reg(self.get(gpr));
        }
        if self.regs.writes >> gpr & 1 == 0 {
            self.regs.reads |= 1 << gpr;
        }
        Operand::Mem(home(gpr))
    }
    /// A host register for the result of an instruction that may be made where
    /// one of its operands is: that of GPR `target` if it is one of `sources`,
    /// which are not in other registers, and nobody else needs its value; else a fresh one.
    pub(super) fn over(&mut self, target: usize, sources: &[usize]) -> Reg {
        if sources.contains(&target)
            && let Some(slot) = self.slot(target)
            && self.regs.held[slot].gprs == 1 << target
            && self.regs.kept != Some(slot)
            && !keeps(&self.compares, slot)
        {
            return POOL[slot];
        }
        self.fresh(target)
    }
    /// GPR `gpr` takes the value of `reg`, which came from [`Self::fresh`] or
    /// [`Self::over`].
    /// Nothing that may call the interpreter's function comes behind it.
    pub(super) fn set(&mut self, gpr: usize, reg: Reg) {
        let slot = self.lose(gpr, reg);
        self.regs.held[slot] = Slot { gprs: 1 << gpr, dirty: 1 << gpr };
        self.note();
    }
    /// GPR `gpr` takes the value of another, which `reg` holds.
    pub(super) fn alias(&mut self, gpr: usize, reg: Reg) {
        let slot = self.lose(gpr, reg);
        self.regs.held[slot].gprs |= 1 << gpr;
        self.regs.held[slot].dirty |= 1 << gpr;
        self.note();
    }
    /// GPR `gpr` is set: its old value is nowhere. The slot of `reg`.
    fn lose(&mut self, gpr: usize, reg: Reg) -> usize {
        self.regs.writes |= 1 << gpr;
        self.regs.forget(1 << gpr);
        slot_of(reg).expect("a register of the pool")
    }
    /// Stores what of a slot the CPU does not have.
    pub(super) fn store_slot(&mut self, slot: usize, gprs: u64) {
        for gpr in bits(gprs) {
            self.asm.store(Size::Q, home(gpr), POOL[slot]);
        }
    }

    fn note(&mut self) {
        self.regs.journal.push((self.asm.here(), self.regs.held));
    }
    /// A slot that this instruction does not use: that of the target, an empty
    /// one, or the one whose value is read last. Leaves the flags and RAX, RCX, RDX.
    fn take(&mut self, target: u64) -> usize {
        let (next, needed) = (&self.ahead.next[self.index], !self.ahead.unneeded[self.index]);
        let is_target = |held: Slot| target != 0 && held.gprs == target;
        let free = (0..POOL.len()).filter(|&slot| !self.regs.pinned[slot] && !keeps(&self.compares, slot));
        let slot = free
            .max_by_key(|&slot| {
                let held = self.regs.held[slot];
                let read = bits(held.gprs).map(|gpr| u16::from(next[gpr])).min();
                (is_target(held), read.unwrap_or(u16::MAX), held.dirty & needed == 0)
            })
            .expect("an instruction asks for few registers, and compares keep few");
        let held = self.regs.held[slot];
        if !is_target(held) {
            self.store_slot(slot, held.dirty & needed);
        } else if held.dirty & needed != 0 {
            self.regs.given_up = Some(self.asm.here());
        }
        self.regs.held[slot] = Slot::default();
        self.regs.pinned[slot] = true;
        self.note();
        slot
    }
}
