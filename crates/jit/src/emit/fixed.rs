//! Fixed-point arithmetic, logic, compares, traps, moves of registers.

use super::regs::Operand;
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Reg, Shift, Size, at, indexed};
use crate::frame::place;
use crate::stubs::frame;
use isa::Word;

pub const ROWS: &[(&str, Emit)] = &[
    ("addi", |b, w| add_imm(b, w, w.si())),
    ("addis", |b, w| add_imm(b, w, w.si() << 16)),
    ("addpcis", addpcis),
    ("add", add),
    ("subf", subf),
    ("neg", neg),
    ("mulli", mulli),
    ("mullw", |b, w| multiply_words(b, w, true, 0)),
    ("mulhw", |b, w| multiply_words(b, w, true, 32)),
    ("mulhwu", |b, w| multiply_words(b, w, false, 32)),
    ("mulld", mulld),
    ("mulhd", |b, w| multiply_high(b, w, true)),
    ("mulhdu", |b, w| multiply_high(b, w, false)),
    ("and", |b, w| logic(b, w, Alu::And, false, false)),
    ("andc", |b, w| logic(b, w, Alu::And, true, false)),
    ("or", or),
    ("orc", |b, w| logic(b, w, Alu::Or, true, false)),
    ("xor", |b, w| logic(b, w, Alu::Xor, false, false)),
    ("nand", |b, w| logic(b, w, Alu::And, false, true)),
    ("nor", |b, w| logic(b, w, Alu::Or, false, true)),
    ("eqv", |b, w| logic(b, w, Alu::Xor, false, true)),
    ("andi", |b, w| logic_imm(b, w, Alu::And, w.ui(), true)),
    ("andis", |b, w| logic_imm(b, w, Alu::And, w.ui() << 16, true)),
    ("ori", |b, w| logic_imm(b, w, Alu::Or, w.ui(), false)),
    ("oris", |b, w| logic_imm(b, w, Alu::Or, w.ui() << 16, false)),
    ("xori", |b, w| logic_imm(b, w, Alu::Xor, w.ui(), false)),
    ("xoris", |b, w| logic_imm(b, w, Alu::Xor, w.ui() << 16, false)),
    ("extsb", |b, w| unary(b, w, |b, d, s| b.asm.sign8(d, s))),
    ("extsh", |b, w| unary(b, w, |b, d, s| b.asm.sign16(d, s))),
    ("extsw", |b, w| unary(b, w, |b, d, s| b.asm.sign32(d, s))),
    ("cntlzw", |b, w| unary(b, w, |b, d, s| b.asm.lzcnt(Size::W, d, s))),
    ("cntlzd", |b, w| unary(b, w, |b, d, s| b.asm.lzcnt(Size::Q, d, s))),
    ("cnttzw", |b, w| unary(b, w, |b, d, s| b.asm.tzcnt(Size::W, d, s))),
    ("cnttzd", |b, w| unary(b, w, |b, d, s| b.asm.tzcnt(Size::Q, d, s))),
    ("popcntd", popcntd),
    ("cmpi", |b, w| compare_imm(b, w, w.si() as i32, true)),
    ("cmpli", |b, w| compare_imm(b, w, w.ui() as i32, false)),
    ("cmp", |b, w| compare(b, w, true)),
    ("cmpl", |b, w| compare(b, w, false)),
    ("isel", isel),
    ("tw", |b, w| trap(b, w, Size::W, None)),
    ("twi", |b, w| trap(b, w, Size::W, Some(w.si() as i32))),
    ("td", |b, w| trap(b, w, Size::Q, None)),
    ("tdi", |b, w| trap(b, w, Size::Q, Some(w.si() as i32))),
    ("mfcr", mfcr),
    ("mfocrf", mfocrf),
    ("mtcrf", mtcrf),
    ("mtocrf", mtcrf),
];

fn add_imm(b: &mut Block<'_>, w: Word, value: u64) -> bool {
    if w.ra() == 0 {
        let d = b.fresh(w.rt());
        b.asm.mov_imm(d, value);
        b.set(w.rt(), d);
        return true;
    }
    b.derives(w.rt(), w.ra(), value as i32);
    let a = b.get(w.ra());
    let d = b.over(w.rt(), &[w.ra()]);
    b.asm.lea(d, at(a, value as i32));
    b.set(w.rt(), d);
    true
}
/// The next address plus the immediate.
fn addpcis(b: &mut Block<'_>, w: Word) -> bool {
    let Ok(displacement) = i32::try_from((w.dx() << 16) as i64 + i64::from(b.op.offset) + 4) else {
        return false;
    };
    let d = b.fresh(w.rt());
    b.asm.lea(d, at(Reg::R13, displacement));
    b.set(w.rt(), d);
    true
}
fn add(b: &mut Block<'_>, w: Word) -> bool {
    if w.oe() {
        return false;
    }
    let (x, y) = operands(b, w.ra(), w.rb());
    let d = b.over(w.rt(), &[w.ra(), w.rb()]);
    match y {
        Operand::Reg(y) if d == x => b.asm.alu(Alu::Add, Size::Q, d, y),
        Operand::Reg(y) if d == y => b.asm.alu(Alu::Add, Size::Q, d, x),
        Operand::Reg(y) => b.asm.lea(d, indexed(x, y, 0)),
        Operand::Mem(y) => {
            b.asm.copy(d, x);
            b.asm.alu_load(Alu::Add, Size::Q, d, y);
        }
    }
    b.set(w.rt(), d);
    b.record(w.rc(), d);
    true
}
/// Two GPRs in any order; the second may stay in memory.
fn operands(b: &mut Block<'_>, ra: usize, rb: usize) -> (Reg, Operand) {
    let (ra, rb) = if b.holds(ra) { (ra, rb) } else { (rb, ra) };
    (b.get(ra), b.operand(rb))
}
fn subf(b: &mut Block<'_>, w: Word) -> bool {
    if w.oe() {
        return false;
    }
    let (rb, ra) = (b.get(w.rb()), b.operand(w.ra()));
    let d = b.over(w.rt(), &[w.ra(), w.rb()]);
    match ra {
        Operand::Reg(ra) if d == ra && d != rb => {
            b.asm.neg(Size::Q, d);
            b.asm.alu(Alu::Add, Size::Q, d, rb);
        }
        Operand::Reg(ra) => {
            b.asm.copy(d, rb);
            b.asm.alu(Alu::Sub, Size::Q, d, ra);
        }
        Operand::Mem(ra) => {
            b.asm.copy(d, rb);
            b.asm.alu_load(Alu::Sub, Size::Q, d, ra);
        }
    }
    b.set(w.rt(), d);
    b.record(w.rc(), d);
    true
}
fn neg(b: &mut Block<'_>, w: Word) -> bool {
    if w.oe() {
        return false;
    }
    let a = b.get(w.ra());
    let d = b.over(w.rt(), &[w.ra()]);
    b.asm.copy(d, a);
    b.asm.neg(Size::Q, d);
    b.set(w.rt(), d);
    b.record(w.rc(), d);
    true
}
fn mulli(b: &mut Block<'_>, w: Word) -> bool {
    let a = b.get(w.ra());
    let d = b.over(w.rt(), &[w.ra()]);
    b.asm.imul_imm(d, a, w.si() as i32);
    b.set(w.rt(), d);
    true
}
/// The product of two words, shifted right by `shift`.
fn multiply_words(b: &mut Block<'_>, w: Word, signed: bool, shift: u32) -> bool {
    if w.oe() && shift == 0 {
        return false;
    }
    let (ra, rb) = (b.get(w.ra()), b.get(w.rb()));
    let d = b.over(w.rt(), &[w.ra(), w.rb()]);
    if signed {
        b.asm.sign32(Reg::RAX, rb);
        b.asm.sign32(d, ra);
    } else {
        b.asm.mov(Size::W, Reg::RAX, rb);
        b.asm.mov(Size::W, d, ra);
    }
    b.asm.imul(Size::Q, d, Reg::RAX);
    if shift != 0 {
        b.asm.shift(Shift::Shr, Size::Q, d, shift);
    }
    b.set(w.rt(), d);
    b.record(w.rc(), d);
    true
}
fn mulld(b: &mut Block<'_>, w: Word) -> bool {
    if w.oe() {
        return false;
    }
    let (ra, rb) = (b.get(w.ra()), b.get(w.rb()));
    let d = b.over(w.rt(), &[w.ra(), w.rb()]);
    let (to, by) = if d == rb { (rb, ra) } else { (ra, rb) };
    b.asm.copy(d, to);
    b.asm.imul(Size::Q, d, by);
    b.set(w.rt(), d);
    b.record(w.rc(), d);
    true
}
fn multiply_high(b: &mut Block<'_>, w: Word, signed: bool) -> bool {
    let (ra, rb) = (b.get(w.ra()), b.get(w.rb()));
    let d = b.fresh(w.rt());
    b.asm.mov(Size::Q, Reg::RAX, ra);
    b.asm.mul_wide(signed, rb);
    b.asm.mov(Size::Q, d, Reg::RDX);
    b.set(w.rt(), d);
    b.record(w.rc(), d);
    true
}

/// `RA = RS op not RB`.
fn logic_inverted(b: &mut Block<'_>, w: Word, op: Alu) -> bool {
    if op == Alu::And {
        let (rb, rs) = (b.get(w.rb()), b.operand(w.rs()));
        let d = b.over(w.ra(), &[w.rs(), w.rb()]);
        b.asm.andn(Size::Q, d, rs, rb);
        b.set(w.ra(), d);
        b.record_logic(w.rc(), d);
        return true;
    }
    let (rs, rb) = (b.get(w.rs()), b.get(w.rb()));
    b.asm.mov(Size::Q, Reg::RAX, rb);
    b.asm.not(Reg::RAX);
    let d = b.over(w.ra(), &[w.rs()]);
    b.asm.copy(d, rs);
    b.asm.alu(op, Size::Q, d, Reg::RAX);
    b.set(w.ra(), d);
    b.record(w.rc(), d);
    true
}

/// `RA = RS op RB`, with RB or the result inverted.
fn logic(b: &mut Block<'_>, w: Word, op: Alu, invert_b: bool, invert: bool) -> bool {
    if invert_b {
        return logic_inverted(b, w, op);
    }
    let (x, y) = operands(b, w.rs(), w.rb());
    let d = b.over(w.ra(), &[w.rs(), w.rb()]);
    match y {
        Operand::Reg(y) => {
            let (to, by) = if d == y { (y, x) } else { (x, y) };
            b.asm.copy(d, to);
            b.asm.alu(op, Size::Q, d, by);
        }
        Operand::Mem(y) => {
            b.asm.copy(d, x);
            b.asm.alu_load(op, Size::Q, d, y);
        }
    }
    b.set(w.ra(), d);
    if invert {
        b.asm.not(d);
        b.record(w.rc(), d);
    } else {
        b.record_logic(w.rc(), d);
    }
    true
}
/// With one source it is `mr`; to itself, a hint without effect here.
fn or(b: &mut Block<'_>, w: Word) -> bool {
    if w.rs() != w.rb() {
        return logic(b, w, Alu::Or, false, false);
    }
    let s = b.get(w.rs());
    if w.ra() != w.rs() {
        b.derives(w.ra(), w.rs(), 0);
        b.alias(w.ra(), s);
    }
    b.record(w.rc(), s);
    true
}
fn logic_imm(b: &mut Block<'_>, w: Word, op: Alu, value: u64, record: bool) -> bool {
    if value == 0 && op != Alu::And && w.ra() == w.rs() {
        return true; // nop
    }
    let s = b.get(w.rs());
    let d = b.over(w.ra(), &[w.rs()]);
    b.asm.copy(d, s);
    if op == Alu::And {
        // The upper half of the result is 0.
        b.asm.alu_imm(op, Size::W, d, value as i32);
    } else if let Ok(value) = i32::try_from(value) {
        b.asm.alu_imm(op, Size::Q, d, value);
    } else {
        b.asm.mov_imm(Reg::RAX, value);
        b.asm.alu(op, Size::Q, d, Reg::RAX);
    }
    b.set(w.ra(), d);
    // Flags of a word that is negative are not those of the result.
    if value >> 31 == 0 {
        b.record_logic(record, d);
    } else {
        b.record(record, d);
    }
    true
}
fn unary(b: &mut Block<'_>, w: Word, f: fn(&mut Block<'_>, Reg, Reg)) -> bool {
    let s = b.get(w.rs());
    let d = b.over(w.ra(), &[w.rs()]);
    f(b, d, s);
    b.set(w.ra(), d);
    b.record(w.rc(), d);
    true
}
fn popcntd(b: &mut Block<'_>, w: Word) -> bool {
    let s = b.get(w.rs());
    let d = b.fresh(w.ra());
    b.asm.popcnt(Size::Q, d, s);
    b.set(w.ra(), d);
    true
}

fn compare_size(w: Word) -> Size {
    if w.l() != 0 { Size::Q } else { Size::W }
}
fn compare_imm(b: &mut Block<'_>, w: Word, value: i32, signed: bool) -> bool {
    let a = b.get(w.ra());
    b.compare_with(w.bf(), compare_size(w), signed, a, value);
    true
}
fn compare(b: &mut Block<'_>, w: Word, signed: bool) -> bool {
    let (ra, rb) = (b.get(w.ra()), b.get(w.rb()));
    b.compare(w.bf(), compare_size(w), signed, ra, rb);
    true
}
fn isel(b: &mut Block<'_>, w: Word) -> bool {
    let rb = b.get(w.rb());
    let ra = if w.ra() == 0 { None } else { Some(b.get(w.ra())) };
    let d = b.fresh(w.rt());
    // RAX is lost, and a constant may change the flags: the condition first.
    let cond = b.cr_bit_is_set(w.rc_reg());
    let ra = ra.unwrap_or_else(|| {
        b.asm.mov_imm(Reg::RAX, 0);
        Reg::RAX
    });
    b.asm.mov(Size::Q, d, rb);
    b.asm.cmov(cond, d, ra);
    b.set(w.rt(), d);
    b.new_flags = b.flags;
    true
}
/// The interpreter's function raises the interrupt if a condition of TO holds.
fn trap(b: &mut Block<'_>, w: Word, size: Size, value: Option<i32>) -> bool {
    const CONDITIONS: [(usize, Cond); 5] =
        [(16, Cond::Less), (8, Cond::Greater), (4, Cond::Equal), (2, Cond::Below), (1, Cond::Above)];
    if w.to() == 31 {
        return false;
    }
    let a = b.get(w.ra());
    match value {
        Some(value) => b.asm.alu_imm(Alu::Cmp, size, a, value),
        None => {
            let rb = b.get(w.rb());
            b.asm.alu(Alu::Cmp, size, a, rb);
        }
    }
    let asked = CONDITIONS.into_iter().filter(|(bit, _)| w.to() & bit != 0);
    let holes = asked.map(|(_, cond)| b.asm.jcc_hole(cond)).collect();
    b.unless(holes, false);
    true
}

fn mfcr(b: &mut Block<'_>, w: Word) -> bool {
    b.settle(u8::MAX);
    let d = b.fresh(w.rt());
    b.asm.load(Size::Q, Reg::RAX, frame(place::CR));
    b.asm.bswap(Size::Q, Reg::RAX);
    b.asm.mov_imm(Reg::RCX, 0x0F0F_0F0F_0F0F_0F0F);
    b.asm.pext(d, Reg::RAX, Reg::RCX);
    b.set(w.rt(), d);
    true
}
/// One field; fields not asked for read 0.
fn mfocrf(b: &mut Block<'_>, w: Word) -> bool {
    if w.fxm().count_ones() != 1 {
        return false;
    }
    let field = 7 - w.fxm().trailing_zeros();
    b.settle(1 << field);
    let d = b.fresh(w.rt());
    b.asm.load8z(d, frame(place::CR + field as i32));
    b.asm.shift(Shift::Shl, Size::W, d, 28 - 4 * field);
    b.set(w.rt(), d);
    true
}
fn mtcrf(b: &mut Block<'_>, w: Word) -> bool {
    b.settle((w.fxm() as u8).reverse_bits());
    let s = b.get(w.rs());
    for field in (0..8).filter(|field| w.fxm() >> (7 - field) & 1 != 0) {
        b.asm.mov(Size::W, Reg::RAX, s);
        b.asm.shift(Shift::Shr, Size::W, Reg::RAX, 28 - 4 * field);
        b.asm.alu_imm(Alu::And, Size::W, Reg::RAX, 15);
        b.asm.store8(frame(place::CR + field as i32), Reg::RAX);
    }
    true
}
