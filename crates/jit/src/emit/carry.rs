//! Fixed-point instructions that set XER[CA] and XER[CA32].

use super::{Block, Emit};
use crate::asm::{Alu, Cond, Reg, Shift, Size};
use crate::frame::field;
use crate::stubs::cpu;
use cpu::state::xer;
use isa::Word;

pub const ROWS: &[(&str, Emit)] = &[
    ("addic", |b, w| {
        sum(b, w, Sum { invert: false, addend: Addend::Imm(w.si() as i32), carry: Carry::Zero }, false)
    }),
    ("addic_dot", |b, w| {
        sum(b, w, Sum { invert: false, addend: Addend::Imm(w.si() as i32), carry: Carry::Zero }, true)
    }),
    ("subfic", |b, w| {
        sum(b, w, Sum { invert: true, addend: Addend::Imm(w.si() as i32), carry: Carry::One }, false)
    }),
    ("addc", |b, w| xo(b, w, Sum { invert: false, addend: Addend::Rb, carry: Carry::Zero })),
    ("subfc", |b, w| xo(b, w, Sum { invert: true, addend: Addend::Rb, carry: Carry::One })),
    ("adde", |b, w| xo(b, w, Sum { invert: false, addend: Addend::Rb, carry: Carry::Ca })),
    ("subfe", |b, w| xo(b, w, Sum { invert: true, addend: Addend::Rb, carry: Carry::Ca })),
    ("addme", |b, w| xo(b, w, Sum { invert: false, addend: Addend::Imm(-1), carry: Carry::Ca })),
    ("subfme", |b, w| xo(b, w, Sum { invert: true, addend: Addend::Imm(-1), carry: Carry::Ca })),
    ("addze", |b, w| xo(b, w, Sum { invert: false, addend: Addend::Imm(0), carry: Carry::Ca })),
    ("subfze", |b, w| xo(b, w, Sum { invert: true, addend: Addend::Imm(0), carry: Carry::Ca })),
    ("srawi", |b, w| shift_algebraic(b, w, Size::W, w.sh5() as u32)),
    ("sradi", |b, w| shift_algebraic(b, w, Size::Q, w.sh6())),
];

/// Bit numbers from the right.
const CA: u32 = xer::CA.trailing_zeros();
const CA32: u32 = xer::CA32.trailing_zeros();

enum Addend {
    Rb,
    Imm(i32),
}
#[derive(Clone, Copy)]
enum Carry {
    Zero,
    One,
    Ca,
}
/// `RA (or its complement) + addend + carry`.
struct Sum {
    invert: bool,
    addend: Addend,
    carry: Carry,
}

fn xo(b: &mut Block<'_>, w: Word, s: Sum) -> bool {
    !w.oe() && sum(b, w, s, w.rc())
}

fn sum(b: &mut Block<'_>, w: Word, s: Sum, record: bool) -> bool {
    let a = b.get(w.ra());
    let rb = match s.addend {
        Addend::Rb => Some(b.get(w.rb())),
        Addend::Imm(_) => None,
    };
    let d = b.fresh(w.rt());
    b.asm.mov(Size::Q, d, a);
    if s.invert {
        b.asm.not(d);
    }
    // The low words once more: their carry is CA32.
    b.asm.mov(Size::W, Reg::RCX, d);
    for (size, into, carry_out) in [(Size::Q, d, Reg::RAX), (Size::W, Reg::RCX, Reg::RDX)] {
        match s.carry {
            Carry::Zero => {}
            Carry::One => b.asm.stc(),
            Carry::Ca => b.asm.bt_mem(cpu(field::XER), CA as u8),
        }
        let op = if matches!(s.carry, Carry::Zero) { Alu::Add } else { Alu::Adc };
        match (rb, &s.addend) {
            (Some(rb), _) => b.asm.alu(op, size, into, rb),
            (None, Addend::Imm(value)) => b.asm.alu_imm(op, size, into, *value),
            (None, Addend::Rb) => unreachable!("RB was fetched"),
        }
        b.asm.setcc(Cond::Below, carry_out);
    }
    b.set(w.rt(), d);
    b.asm.zero8(Reg::RAX, Reg::RAX);
    b.asm.zero8(Reg::RDX, Reg::RDX);
    b.asm.shift(Shift::Shl, Size::W, Reg::RAX, CA);
    b.asm.shift(Shift::Shl, Size::W, Reg::RDX, CA32);
    b.asm.alu(Alu::Or, Size::W, Reg::RAX, Reg::RDX);
    set_carries(b);
    b.record(record, d);
    true
}

/// XER[CA] and XER[CA32] are those of EAX.
fn set_carries(b: &mut Block<'_>) {
    b.asm.load(Size::W, Reg::RCX, cpu(field::XER));
    b.asm.alu_imm(Alu::And, Size::W, Reg::RCX, !(xer::CA | xer::CA32) as u32 as i32);
    b.asm.alu(Alu::Or, Size::W, Reg::RCX, Reg::RAX);
    b.asm.store(Size::W, cpu(field::XER), Reg::RCX);
}

/// The carries are set if a negative number loses ones.
fn shift_algebraic(b: &mut Block<'_>, w: Word, size: Size, n: u32) -> bool {
    let s = b.get(w.rs());
    let d = b.fresh(w.ra());
    match size {
        Size::W => b.asm.sign32(d, s),
        Size::Q => b.asm.mov(Size::Q, d, s),
    }
    if n == 0 {
        b.asm.mov_imm(Reg::RAX, 0);
    } else {
        b.asm.mov(Size::Q, Reg::RAX, d);
        b.asm.mov(Size::Q, Reg::RCX, d);
        b.asm.shift(Shift::Sar, Size::Q, Reg::RCX, 63);
        b.asm.shift(Shift::Shl, Size::Q, Reg::RAX, 64 - n);
        b.asm.alu(Alu::And, Size::Q, Reg::RAX, Reg::RCX);
        b.asm.neg(Size::Q, Reg::RAX);
        b.asm.alu(Alu::Sbb, Size::W, Reg::RAX, Reg::RAX);
        b.asm.alu_imm(Alu::And, Size::W, Reg::RAX, (xer::CA | xer::CA32) as i32);
        b.asm.shift(Shift::Sar, Size::Q, d, n);
    }
    b.set(w.ra(), d);
    set_carries(b);
    b.record(w.rc(), d);
    true
}
