//! Calls, returns, and the way from page to page.
//!
//! A call of the guest is a call of the host: on the host's stack lie the
//! guest's return address and the host's, so that the host predicts returns.
//! It is a guess and no more: a return whose address is not the one on top
//! goes through the common stub, and leaves the stack as it is. An entry
//! holds what emitted code of this one entry of `enter` put there: blocks are
//! forgotten only outside, when the stack is gone. Page and context may have
//! changed meanwhile, so where a return arrives it asks the same as any jump:
//! is this the page that control is in, or that the fetch view leads to?
//!
//! A jump to another page leads to a door of the block it goes to, which asks
//! the fetch view. When the block's page is forgotten its doors are closed.

use super::Block;
use super::flow::{Cold, Target};
use super::regs::LR;
use crate::asm::{Alu, Asm, Cond, Hole, Reg, Size, at};
use crate::frame::place;
use crate::stubs::{Stubs, frame, probe_fetch};

/// Most bytes of a door.
pub const DOOR: usize = 128;

/// A way from other pages to a block.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// Where its code is.
    pub place: usize,
    /// Where the number of the page is in its code.
    pub key: usize,
}

impl Door {
    /// No page has this number.
    pub const CLOSED: [u8; 4] = u32::MAX.to_le_bytes();

    /// Emits the door of the block at `block`, which begins at `offset` of
    /// page `page`, whose code places are at `entries`. RAX is the address.
    pub fn emit(
        asm: &mut Asm,
        stubs: &Stubs,
        page: u32,
        entries: *const u32,
        offset: u32,
        block: usize,
    ) -> Door {
        let place = asm.here();
        asm.lea(Reg::RSI, at(Reg::RAX, -(offset as i32)));
        let key = arrive(asm, stubs, page, entries);
        asm.jmp(block);
        Door { place, key }
    }
}

/// Control comes to page `page` at RSI, if the fetch view says so; else it
/// goes where it leads. RAX is the whole address. The place of the number.
fn arrive(asm: &mut Asm, stubs: &Stubs, page: u32, entries: *const u32) -> usize {
    probe_fetch(asm, Reg::RSI);
    asm.jcc(Cond::NotEqual, stubs.refetch);
    asm.cmp_mem_imm32(at(Reg::RCX, 8), page);
    let key = asm.here() - 4;
    asm.jcc(Cond::NotEqual, stubs.refetch);
    asm.mov(Size::Q, Reg::R13, Reg::RSI);
    asm.store_imm32(frame(place::PAGE), page as i32);
    asm.mov_imm(Reg::RCX, entries as u64);
    asm.store(Size::Q, frame(place::ENTRIES), Reg::RCX);
    key
}

impl Block<'_> {
    /// LR = the next address; the register that holds it. Leaves the flags.
    pub(super) fn link(&mut self) -> Reg {
        let next = self.fresh(LR);
        self.asm.lea(next, at(Reg::R13, self.op.offset as i32 + 4));
        self.set(LR, next);
        next
    }
    /// Control leaves the block by a call, to come back to the address in
    /// `next`, the next one. True if that is on the return stack now, less the
    /// host's address: not if it is in another page.
    pub(super) fn remember(&mut self, next: Reg) -> bool {
        self.ended = true;
        if self.op.offset + 4 == 0x1000 {
            return false;
        }
        self.asm.alu_load(Alu::Cmp, Size::Q, Reg::RSP, frame(place::DEEPEST));
        let hole = self.asm.jcc_hole(Cond::Below);
        self.cold.push(Cold::Full { hole, back: self.asm.here() });
        self.asm.push(next);
        true
    }
    /// LR becomes the next address, and the CPU is exact; see [`Self::remember`].
    fn prepare(&mut self) -> bool {
        let next = self.link();
        self.refund(self.behind);
        self.store_state(&self.state());
        self.remember(next)
    }
    /// Calls what is at `target`.
    pub(super) fn call_target(&mut self, target: Target) {
        if !self.prepare() {
            return self.jump(target);
        }
        match target {
            Target::Page(offset) => match self.place(offset) {
                Some(place) => self.asm.call(place),
                None => {
                    let hole = self.asm.call_hole();
                    self.cold.push(Cold::Link { hole, offset });
                }
            },
            Target::Away(to) => {
                self.asm.lea(Reg::RAX, at(Reg::R13, to));
                self.call_far();
            }
            Target::Absolute(ea) => {
                self.asm.mov_imm(Reg::RAX, ea);
                self.asm.call(self.stubs.dispatch);
            }
        }
        self.landing();
    }
    /// Calls what is at the address in RAX, in another page.
    pub(super) fn call_far(&mut self) {
        let hole = self.asm.call_hole();
        self.cold.push(Cold::Far { hole });
    }
    /// Calls what is at the address in `target`, RDX.
    pub(super) fn call_register(&mut self, target: Reg) {
        let returns = self.prepare();
        self.asm.mov(Size::Q, Reg::RAX, target);
        self.asm.alu_imm(Alu::And, Size::Q, Reg::RAX, -4);
        if !returns {
            return self.asm.jmp(self.stubs.dispatch);
        }
        self.asm.call(self.stubs.dispatch);
        self.landing();
    }
    /// Returns to the address in RAX; if nobody calls from there, it is
    /// `elsewhere` that goes on.
    pub(super) fn go_back(&mut self, elsewhere: usize) {
        self.asm.alu_load(Alu::Cmp, Size::Q, Reg::RAX, at(Reg::RSP, 8));
        self.asm.jcc(Cond::NotEqual, elsewhere);
        self.asm.ret();
    }
    /// Where a return arrives, with the address in RAX.
    pub(super) fn landing(&mut self) {
        let offset = self.op.offset + 4;
        self.asm.pop(Reg::RCX);
        self.asm.lea(Reg::RSI, at(Reg::RAX, -(offset as i32)));
        self.asm.alu(Alu::Cmp, Size::Q, Reg::RSI, Reg::R13);
        let hole = self.asm.jcc_hole(Cond::NotEqual);
        self.cold.push(Cold::Back { hole, offset });
        // The same address may be another page by now.
        self.asm.cmp_mem_imm32(frame(place::PAGE), self.page);
        self.asm.jcc(Cond::NotEqual, self.stubs.dispatch);
        self.jump(Target::Page(offset));
    }
    /// A return from another page.
    pub(super) fn come_back(&mut self, hole: Hole, offset: u32) {
        self.asm.fill(hole);
        arrive(self.asm, self.stubs, self.page, self.entries.as_ptr());
        self.jump(Target::Page(offset));
    }
}
