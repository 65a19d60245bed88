//! Branches and condition-register logic.

use super::flow::Target;
use super::regs::{CTR, LR};
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Reg, Shift, Size};
use crate::frame::place;
use crate::stubs::frame;
use isa::{OpId, Word};

pub const ROWS: &[(&str, Emit)] = &[
    ("b", b),
    ("bc", bc),
    ("bclr", |block, w| indirect(block, w, LR, true)),
    ("bcctr", |block, w| indirect(block, w, CTR, false)),
    ("mcrf", mcrf),
    ("crand", |block, w| cr_logic(block, w, Alu::And, false, false)),
    ("crandc", |block, w| cr_logic(block, w, Alu::And, true, false)),
    ("creqv", |block, w| cr_logic(block, w, Alu::Xor, false, true)),
    ("crnand", |block, w| cr_logic(block, w, Alu::And, false, true)),
    ("crnor", |block, w| cr_logic(block, w, Alu::Or, false, true)),
    ("cror", |block, w| cr_logic(block, w, Alu::Or, false, false)),
    ("crorc", |block, w| cr_logic(block, w, Alu::Or, true, false)),
    ("crxor", |block, w| cr_logic(block, w, Alu::Xor, false, false)),
];

const ALWAYS: usize = 20;
/// BO of a `bc` that looks at a CR bit and is said to be hardly ever taken, but for what
/// the bit has to be (Book I 2.4, "at").
const UNLIKELY: usize = 0b00110;

/// Where control goes from an instruction at an offset of a page.
#[derive(Clone, Copy, Default)]
pub struct Way {
    /// To a later or an earlier instruction of the page.
    pub forward: Option<u32>,
    pub back: Option<u32>,
    /// It seldom goes on behind the instruction.
    pub ends: bool,
}

/// A branch back is one of a loop, whose taken way is the usual one, unless it says
/// otherwise, or tries again what a stcx. did not do, `behind_stcx`.
pub fn way(id: OpId, w: Word, offset: u32, behind_stcx: bool) -> Way {
    let always = w.bo() & ALWAYS == ALWAYS;
    let (displacement, ends) = match isa::rows()[id.0 as usize].name {
        // Control comes back behind a call.
        "b" if w.lk() => return Way { ends: true, ..Way::default() },
        "b" => (w.li() as i64, true),
        "bc" if (w.bd() as i64) < 0 && only_tests(id, w) && (behind_stcx || w.bo() & !8 == UNLIKELY) => {
            return Way::default();
        }
        "bc" => (w.bd() as i64, always),
        "bclr" | "bcctr" => return Way { ends: always, ..Way::default() },
        _ => return Way::default(),
    };
    let to = i64::from(offset) + displacement;
    if w.aa() || !(0..0x1000).contains(&to) {
        return Way { ends, ..Way::default() };
    }
    let back = displacement <= 0;
    let to = Some(to as u32);
    Way { forward: to.filter(|_| !back), back: to.filter(|_| back), ends: ends || back }
}

/// Whether it is a `bc` that looks at a CR bit and does nothing else.
pub fn only_tests(id: OpId, w: Word) -> bool {
    isa::rows()[id.0 as usize].name == "bc" && w.bo() & ALWAYS == 4 && !w.lk()
}

fn b(block: &mut Block<'_>, w: Word) -> bool {
    let target = if w.aa() { Target::Absolute(w.li()) } else { block.relative(w.li() as i32) };
    if w.lk() && (w.aa() || w.li() != 4) {
        block.call_target(target);
        return true;
    }
    if w.lk() {
        block.link();
    }
    block.goto(target);
    true
}

/// The host's condition for "the CR bit is as BO wants it", and the code for it.
pub fn condition(block: &mut Block<'_>, w: Word) -> Cond {
    let holds = block.cr_bit_is_set(w.bi());
    if w.bo() & 8 != 0 { holds } else { holds.negated() }
}

/// Decrements CTR; the host's condition for "it is as BO wants it".
fn count(block: &mut Block<'_>, w: Word) -> Cond {
    block.decrement_ctr();
    if w.bo() & 2 == 0 { Cond::NotEqual } else { Cond::Equal }
}

fn bc(block: &mut Block<'_>, w: Word) -> bool {
    let target = if w.aa() { Target::Absolute(w.bd()) } else { block.relative(w.bd() as i32) };
    if w.lk() {
        block.link();
    }
    let (counts, tests) = (w.bo() & 4 == 0, w.bo() & 16 == 0);
    match (counts, tests) {
        (false, false) => block.goto(target),
        (true, false) => {
            let cond = count(block, w);
            block.goto_if(cond, target, true);
        }
        (false, true) if block.converts() => block.convert(w),
        (false, true) => {
            let cond = condition(block, w);
            block.goto_if(cond, target, true);
            // Neither the branch nor what is behind it changes the flags.
            block.new_flags = block.flags;
        }
        (true, true) => {
            block.settle(1 << (w.bi() >> 2));
            let cond = count(block, w);
            block.flags = None;
            let not = block.asm.jcc_hole(cond.negated());
            let cond = condition(block, w);
            block.goto_if(cond, target, false);
            block.asm.fill(not);
        }
    }
    true
}

/// bclr and bcctr; `counts`: BO may ask for a decrement of CTR.
fn indirect(block: &mut Block<'_>, w: Word, register: usize, counts: bool) -> bool {
    if counts && w.bo() & 4 == 0 {
        return false;
    }
    // LR takes the next address, taken or not, and after it was read.
    let target = block.get(register);
    block.asm.mov(Size::Q, Reg::RDX, target);
    let always = w.bo() & 16 != 0;
    if w.lk() && always {
        block.call_register(Reg::RDX);
        return true;
    }
    if w.lk() {
        block.link();
    }
    let not = (!always).then(|| {
        let cond = condition(block, w);
        block.asm.jcc_hole(cond.negated())
    });
    block.refund(block.behind);
    block.store_state(&block.state());
    block.asm.mov(Size::Q, Reg::RAX, Reg::RDX);
    block.asm.alu_imm(Alu::And, Size::Q, Reg::RAX, -4);
    if register == LR && !w.lk() {
        block.go_back(block.stubs.dispatch);
    } else {
        block.asm.jmp(block.stubs.dispatch);
    }
    block.ended = not.is_none();
    not.into_iter().for_each(|hole| block.asm.fill(hole));
    true
}

fn mcrf(block: &mut Block<'_>, w: Word) -> bool {
    block.settle(1 << w.bfa() | 1 << w.bf());
    block.asm.load8z(Reg::RAX, frame(place::CR + w.bfa() as i32));
    block.asm.store8(frame(place::CR + w.bf() as i32), Reg::RAX);
    true
}

/// Puts CR bit `bit` into bit 0 of `reg`.
fn cr_bit(block: &mut Block<'_>, reg: Reg, bit: usize) {
    block.asm.load8z(reg, frame(place::CR + (bit >> 2) as i32));
    block.asm.shift(Shift::Shr, Size::W, reg, 3 - (bit as u32 & 3));
}

/// `CR[BT] = CR[BA] op CR[BB]`, with BB or the result inverted.
fn cr_logic(block: &mut Block<'_>, w: Word, op: Alu, invert_b: bool, invert: bool) -> bool {
    block.settle(1 << (w.ba() >> 2) | 1 << (w.bb() >> 2) | 1 << (w.bt() >> 2));
    cr_bit(block, Reg::RAX, w.ba());
    cr_bit(block, Reg::RCX, w.bb());
    if invert_b {
        block.asm.not(Reg::RCX);
    }
    block.asm.alu(op, Size::W, Reg::RAX, Reg::RCX);
    if invert {
        block.asm.not(Reg::RAX);
    }
    block.asm.alu_imm(Alu::And, Size::W, Reg::RAX, 1);
    let bit = 3 - (w.bt() as u32 & 3);
    block.asm.shift(Shift::Shl, Size::W, Reg::RAX, bit);
    let field = frame(place::CR + (w.bt() >> 2) as i32);
    block.asm.load8z(Reg::RCX, field);
    block.asm.alu_imm(Alu::And, Size::W, Reg::RCX, !(1 << bit));
    block.asm.alu(Alu::Or, Size::W, Reg::RAX, Reg::RCX);
    block.asm.store8(field, Reg::RAX);
    true
}
