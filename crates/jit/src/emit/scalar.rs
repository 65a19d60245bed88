//! Scalar floating point without a rounding: moves, select, comparisons,
//! conversions to integers, moves between register files.

use super::float::{scalar, state};
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Reg, Shift, Size, Vex, op};
use crate::fpu;
use crate::frame::{field, place};
use crate::stubs::{cpu, frame};
use crate::xmm::Xmm;
use cpu::msr;
use isa::Word;

const X: Xmm = Xmm(0);
const Y: Xmm = Xmm(1);

pub const ROWS: &[(&str, Emit)] = &[
    ("fmr", |b, w| fp_move(b, w, None, fpu::place::SIGN64)),
    ("fneg", |b, w| fp_move(b, w, Some(op::PXOR), fpu::place::SIGN64)),
    ("fabs", |b, w| fp_move(b, w, Some(op::PAND), fpu::place::ABS64)),
    ("fnabs", |b, w| fp_move(b, w, Some(op::POR), fpu::place::SIGN64)),
    ("xsnegdp", |b, w| vsx_move(b, w, op::PXOR, fpu::place::SIGN64)),
    ("xsabsdp", |b, w| vsx_move(b, w, op::PAND, fpu::place::ABS64)),
    ("xsnabsdp", |b, w| vsx_move(b, w, op::POR, fpu::place::SIGN64)),
    ("fcpsgn", |b, w| !w.rc() && copy_sign(b, msr::FP, [w.ra(), w.rb(), w.rt()])),
    ("xscpsgndp", |b, w| copy_sign(b, msr::VSX, [w.xa(), w.xb(), w.xt()])),
    ("fsel", fsel),
    ("fcmpu", |b, w| compare(b, w, msr::FP, w.ra(), w.rb())),
    ("fcmpo", |b, w| compare(b, w, msr::FP, w.ra(), w.rb())),
    ("xscmpudp", |b, w| compare(b, w, msr::VSX, w.xa(), w.xb())),
    ("xscmpodp", |b, w| compare(b, w, msr::VSX, w.xa(), w.xb())),
    ("fctidz", |b, w| !w.rc() && to_integer(b, msr::FP, w.rb(), w.rt(), Integer::Signed)),
    ("fctiduz", |b, w| !w.rc() && to_integer(b, msr::FP, w.rb(), w.rt(), Integer::Unsigned)),
    ("fctiwz", |b, w| !w.rc() && to_integer(b, msr::FP, w.rb(), w.rt(), Integer::Word)),
    ("fctiwuz", |b, w| !w.rc() && to_integer(b, msr::FP, w.rb(), w.rt(), Integer::UnsignedWord)),
    ("xscvdpsxds", |b, w| to_integer(b, msr::VSX, w.xb(), w.xt(), Integer::Signed)),
    ("xscvdpuxds", |b, w| to_integer(b, msr::VSX, w.xb(), w.xt(), Integer::Unsigned)),
    ("xscvdpsxws", |b, w| to_integer(b, msr::VSX, w.xb(), w.xt(), Integer::Words)),
    ("xscvdpuxws", |b, w| to_integer(b, msr::VSX, w.xb(), w.xt(), Integer::UnsignedWords)),
    ("xscvdpspn", xscvdpspn),
    ("xscvspdpn", xscvspdpn),
    ("mfvsrd", |b, w| to_gpr(b, w, fp_or_vec(w.xt()), 8, Size::Q)),
    ("mfvsrwz", |b, w| to_gpr(b, w, fp_or_vec(w.xt()), 8, Size::W)),
    ("mfvsrld", |b, w| to_gpr(b, w, vsx_or_vec(w.xt()), 0, Size::Q)),
    ("mtvsrd", mtvsrd),
    ("mtvsrwa", |b, w| mtvsrw(b, w, |b, r| b.asm.sign32(Reg::RAX, r))),
    ("mtvsrwz", |b, w| mtvsrw(b, w, |b, r| b.asm.mov(Size::W, Reg::RAX, r))),
    ("mtvsrws", mtvsrws),
    ("mtvsrdd", mtvsrdd),
];

/// What a conversion gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Integer {
    Signed,
    Unsigned,
    /// Sign-extended.
    Word,
    UnsignedWord,
    /// In both halves of doubleword 0.
    Words,
    UnsignedWords,
}

/// Facilities of instructions that name them by register.
fn fp_or_vec(vsr: usize) -> u64 {
    if vsr < 32 { msr::FP } else { msr::VEC }
}
fn vsx_or_vec(vsr: usize) -> u64 {
    if vsr < 32 { msr::VSX } else { msr::VEC }
}

/// Ends an instruction that only the facility can keep from being inline.
fn end(b: &mut Block<'_>, hole: Option<crate::asm::Hole>) -> bool {
    if let Some(hole) = hole {
        b.unless(vec![hole], true);
    }
    true
}

fn sign_move(b: &mut Block<'_>, facility: u64, from: usize, to: usize, sign: Option<Vex>, mask: i32) -> bool {
    let hole = b.facility(facility);
    b.asm.v2(op::MOVSD_LOAD, X, scalar(from));
    if let Some(sign) = sign {
        b.asm.v3(sign, X, X, state(mask));
    }
    b.set_scalar(to, X);
    end(b, hole)
}
fn fp_move(b: &mut Block<'_>, w: Word, sign: Option<Vex>, mask: i32) -> bool {
    !w.rc() && sign_move(b, msr::FP, w.rb(), w.rt(), sign, mask)
}
fn vsx_move(b: &mut Block<'_>, w: Word, sign: Vex, mask: i32) -> bool {
    sign_move(b, msr::VSX, w.xb(), w.xt(), Some(sign), mask)
}
fn copy_sign(b: &mut Block<'_>, facility: u64, [sign, magnitude, to]: [usize; 3]) -> bool {
    let hole = b.facility(facility);
    b.asm.v2(op::MOVSD_LOAD, X, scalar(sign));
    b.asm.v2(op::MOVSD_LOAD, Y, scalar(magnitude));
    b.asm.v3(op::PAND, X, X, state(fpu::place::SIGN64));
    b.asm.v3(op::PAND, Y, Y, state(fpu::place::ABS64));
    b.asm.v3(op::POR, X, X, Y);
    b.set_scalar(to, X);
    end(b, hole)
}

/// FRC if FRA is at least 0, else, and for a NaN, FRB.
fn fsel(b: &mut Block<'_>, w: Word) -> bool {
    if w.rc() {
        return false;
    }
    let hole = b.facility(msr::FP);
    b.asm.v2(op::MOVSD_LOAD, X, scalar(w.ra()));
    b.asm.v3(op::PXOR, Y, Y, Y);
    b.asm.load(Size::Q, Reg::RAX, scalar(w.rb()));
    b.asm.load(Size::Q, Reg::RCX, scalar(w.rc_reg()));
    b.asm.v2(op::UCOMISD, X, Y);
    b.asm.cmov(Cond::AboveEqual, Reg::RAX, Reg::RCX);
    b.set_scalar_bits(w.rt(), Reg::RAX);
    end(b, hole)
}

/// A CR field and FPCC; NaNs are the interpreter's.
fn compare(b: &mut Block<'_>, w: Word, facility: u64, x: usize, y: usize) -> bool {
    let mut holes: Vec<_> = b.facility(facility).into_iter().collect();
    b.asm.test8_mem_imm(state(fpu::place::CLOSED), fpu::CLOSED_BY_MODE);
    holes.push(b.asm.jcc_hole(Cond::NotEqual));
    b.asm.v2(op::MOVSD_LOAD, X, scalar(x));
    b.asm.v2(op::UCOMISD, X, scalar(y));
    holes.push(b.asm.jcc_hole(Cond::Parity));
    b.asm.mov_imm(Reg::RAX, 2);
    b.asm.mov_imm(Reg::RCX, 8);
    b.asm.mov_imm(Reg::RDX, 4);
    b.asm.cmov(Cond::Below, Reg::RAX, Reg::RCX);
    b.asm.cmov(Cond::Above, Reg::RAX, Reg::RDX);
    b.asm.store8(frame(place::CR + w.bf() as i32), Reg::RAX);
    b.asm.store8(state(fpu::place::FPCC), Reg::RAX);
    b.unless(holes, false);
    true
}

/// Toward zero. FPRF stays, FR becomes 0, FI says whether it was inexact.
fn to_integer(b: &mut Block<'_>, facility: u64, from: usize, to: usize, kind: Integer) -> bool {
    use Integer::*;
    let mut holes = b.open(facility);
    b.asm.v2(op::MOVSD_LOAD, X, scalar(from));
    if let Some(end) = match kind {
        Unsigned => Some(fpu::place::TWO63),
        UnsignedWord | UnsignedWords => Some(fpu::place::TWO32),
        _ => None,
    } {
        // Also true of everything negative.
        b.asm.v2(op::MOVQ_TO, X, Reg::RAX);
        b.asm.alu_load(Alu::Cmp, Size::Q, Reg::RAX, state(end));
        holes.push(b.asm.jcc_hole(Cond::AboveEqual));
    }
    if matches!(kind, Word | Words) {
        b.asm.v_to_reg(op::CVTTSD2SI_W, Reg::RAX, X);
        b.asm.alu_imm(Alu::Cmp, Size::W, Reg::RAX, i32::MIN);
        holes.push(b.asm.jcc_hole(Cond::Equal));
        b.asm.sign32(Reg::RAX, Reg::RAX);
    } else {
        b.asm.v_to_reg(op::CVTTSD2SI, Reg::RAX, X);
        if kind == Signed {
            b.asm.alu_load(Alu::Cmp, Size::Q, Reg::RAX, state(fpu::place::SIGN64));
            holes.push(b.asm.jcc_hole(Cond::Equal));
        }
    }
    b.asm.v3(op::PXOR, Y, Y, Y);
    b.asm.v3(op::CVTSI2SD, Y, Y, Reg::RAX);
    b.asm.v2(op::UCOMISD, X, Y);
    b.asm.setcc(Cond::NotEqual, Reg::RCX);
    b.asm.store8(state(fpu::place::FI), Reg::RCX);
    if matches!(kind, Words | UnsignedWords) {
        b.asm.mov(Size::W, Reg::RAX, Reg::RAX);
        b.asm.mov(Size::Q, Reg::RCX, Reg::RAX);
        b.asm.shift(Shift::Shl, Size::Q, Reg::RCX, 32);
        b.asm.alu(Alu::Or, Size::Q, Reg::RAX, Reg::RCX);
    }
    b.set_scalar_bits(to, Reg::RAX);
    b.unless(holes, true);
    true
}

/// Bits are dropped, nothing is rounded; small numbers are the interpreter's.
fn xscvdpspn(b: &mut Block<'_>, w: Word) -> bool {
    let mut holes: Vec<_> = b.facility(msr::VSX).into_iter().collect();
    b.asm.load(Size::Q, Reg::RAX, scalar(w.xb()));
    b.asm.alu(Alu::Add, Size::Q, Reg::RAX, Reg::RAX);
    let zero = b.asm.jcc_hole(Cond::Equal);
    b.asm.shift(Shift::Shr, Size::Q, Reg::RAX, 53);
    b.asm.alu_imm(Alu::Cmp, Size::W, Reg::RAX, 896);
    holes.push(b.asm.jcc_hole(Cond::BelowEqual));
    b.asm.fill(zero);
    b.asm.load(Size::Q, Reg::RAX, scalar(w.xb()));
    b.asm.mov(Size::Q, Reg::RCX, Reg::RAX);
    b.asm.shift(Shift::Shr, Size::Q, Reg::RCX, 32);
    b.asm.alu_imm(Alu::And, Size::W, Reg::RCX, 0xC000_0000u32 as i32);
    b.asm.shift(Shift::Shr, Size::Q, Reg::RAX, 29);
    b.asm.alu_imm(Alu::And, Size::W, Reg::RAX, 0x3FFF_FFFF);
    b.asm.alu(Alu::Or, Size::W, Reg::RAX, Reg::RCX);
    b.asm.mov(Size::Q, Reg::RCX, Reg::RAX);
    b.asm.shift(Shift::Shl, Size::Q, Reg::RCX, 32);
    b.asm.alu(Alu::Or, Size::Q, Reg::RAX, Reg::RCX);
    b.set_scalar_bits(w.xt(), Reg::RAX);
    b.unless(holes, true);
    true
}
/// The host's conversion, but for infinities and NaNs.
fn xscvspdpn(b: &mut Block<'_>, w: Word) -> bool {
    let mut holes: Vec<_> = b.facility(msr::VSX).into_iter().collect();
    let single = cpu(field::vsr(w.xb()) + 12);
    b.asm.load(Size::W, Reg::RAX, single);
    b.asm.alu_imm(Alu::And, Size::W, Reg::RAX, 0x7F80_0000);
    b.asm.alu_imm(Alu::Cmp, Size::W, Reg::RAX, 0x7F80_0000);
    holes.push(b.asm.jcc_hole(Cond::Equal));
    b.asm.v2(op::MOVSS_LOAD, X, single);
    b.asm.v3(op::CVTSS2SD, X, X, X);
    b.set_scalar(w.xt(), X);
    b.unless(holes, true);
    true
}

fn to_gpr(b: &mut Block<'_>, w: Word, facility: u64, half: i32, size: Size) -> bool {
    let hole = b.facility(facility);
    let d = b.fresh(w.ra());
    b.asm.load(size, d, cpu(field::vsr(w.xt()) + half));
    b.set(w.ra(), d);
    end(b, hole)
}
fn mtvsrd(b: &mut Block<'_>, w: Word) -> bool {
    let s = b.get(w.ra());
    let hole = b.facility(fp_or_vec(w.xt()));
    b.set_scalar_bits(w.xt(), s);
    end(b, hole)
}
fn mtvsrw(b: &mut Block<'_>, w: Word, extend: impl Fn(&mut Block<'_>, Reg)) -> bool {
    let s = b.get(w.ra());
    let hole = b.facility(fp_or_vec(w.xt()));
    extend(b, s);
    b.set_scalar_bits(w.xt(), Reg::RAX);
    end(b, hole)
}
fn mtvsrws(b: &mut Block<'_>, w: Word) -> bool {
    let s = b.get(w.ra());
    let hole = b.facility(vsx_or_vec(w.xt()));
    b.asm.v2(op::MOVQ_FROM, X, s);
    b.asm.v2_imm(op::PSHUFD, X, X, 0);
    b.asm.v2(op::MOVUPS_STORE, X, cpu(field::vsr(w.xt())));
    end(b, hole)
}
fn mtvsrdd(b: &mut Block<'_>, w: Word) -> bool {
    let high = (w.ra() != 0).then(|| b.get(w.ra()));
    let low = b.get(w.rb());
    let hole = b.facility(vsx_or_vec(w.xt()));
    match high {
        Some(high) => b.asm.store(Size::Q, scalar(w.xt()), high),
        None => b.asm.store_imm64(scalar(w.xt()), 0),
    }
    b.asm.store(Size::Q, cpu(field::vsr(w.xt())), low);
    end(b, hole)
}
