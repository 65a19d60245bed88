//! Fixed-point instructions that set XER[CA] and XER[CA32], which are bytes of the frame.

use super::{Block, Emit};
use crate::asm::{Alu, Cond, Reg, Shift, Size};
use crate::frame::place;
use crate::stubs::frame;
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
    if matches!(s.carry, Carry::Ca) {
        // Both sums start with the same carry, and the first one sets it.
        b.asm.load8z(Reg::RAX, frame(place::CA));
    }
    for (size, into, carry_out) in [(Size::Q, d, place::CA), (Size::W, Reg::RCX, place::CA32)] {
        match s.carry {
            Carry::Zero => {}
            Carry::One => b.asm.stc(),
            Carry::Ca => b.asm.bt(Reg::RAX, 0),
        }
        let op = if matches!(s.carry, Carry::Zero) { Alu::Add } else { Alu::Adc };
        match (rb, &s.addend) {
            (Some(rb), _) => b.asm.alu(op, size, into, rb),
            (None, Addend::Imm(value)) => b.asm.alu_imm(op, size, into, *value),
            (None, Addend::Rb) => unreachable!("RB was fetched"),
        }
        b.asm.setcc_mem(Cond::Below, frame(carry_out));
    }
    b.set(w.rt(), d);
    b.record(record, d);
    true
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
        b.asm.store_imm8(frame(place::CA), 0);
        b.asm.store_imm8(frame(place::CA32), 0);
    } else {
        b.asm.mov(Size::Q, Reg::RAX, d);
        b.asm.mov(Size::Q, Reg::RCX, d);
        b.asm.shift(Shift::Sar, Size::Q, Reg::RCX, 63);
        b.asm.shift(Shift::Shl, Size::Q, Reg::RAX, 64 - n);
        b.asm.test(Size::Q, Reg::RAX, Reg::RCX);
        b.asm.setcc_mem(Cond::NotEqual, frame(place::CA));
        b.asm.setcc_mem(Cond::NotEqual, frame(place::CA32));
        b.asm.shift(Shift::Sar, Size::Q, d, n);
    }
    b.set(w.ra(), d);
    b.record(w.rc(), d);
    true
}
