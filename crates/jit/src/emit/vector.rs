//! Vector floating point: packed instructions of the host. FR, FI and FPRF
//! stay as they are; sticky bits are as in scalar arithmetic.

use super::float::state;
use super::{Block, Emit};
use crate::asm::{Cond, Hole, Vex, op};
use crate::fpu::place;
use crate::frame::field;
use crate::stubs::cpu;
use crate::xmm::Xmm;
use cpu::msr;
use isa::Word;

const A: Xmm = Xmm(0);
const B: Xmm = Xmm(1);
const T: Xmm = Xmm(2);
const RESULT: Xmm = Xmm(3);
const MAGNITUDE: Xmm = Xmm(4);
const BAD: Xmm = Xmm(5);
const SCRATCH: Xmm = Xmm(6);
const ZERO: Xmm = Xmm(7);
const OTHER: Xmm = Xmm(8);

/// What tells elements of single and double precision apart.
struct Elements {
    abs: i32,
    sign: i32,
    /// Subtracted from a magnitude: negative if that is not above the least normal number.
    low: i32,
    /// Added to a magnitude: negative if that is an infinity or a NaN.
    high: i32,
    sub: Vex,
    add: Vex,
    equal: Vex,
    test: Vex,
    compare: Vex,
}
const SINGLE: Elements = Elements {
    abs: place::ABS32,
    sign: place::SIGN32,
    low: place::LOW32,
    high: place::HIGH32,
    sub: op::PSUBD,
    add: op::PADDD,
    equal: op::PCMPEQD,
    test: op::TESTPS,
    compare: op::CMPPS,
};
const DOUBLE: Elements = Elements {
    abs: place::ABS64,
    sign: place::SIGN64,
    low: place::LOW64,
    high: place::HIGH64,
    sub: op::PSUBQ,
    add: op::PADDQ,
    equal: op::PCMPEQQ,
    test: op::TESTPD,
    compare: op::CMPPD,
};

/// Rows of [`arithmetic`] and the like, which set sticky bits.
pub const ROWS: &[(&str, Emit)] = &[
    ("xvaddsp", |b, w| sum(b, w, &SINGLE, op::ADDPS)),
    ("xvadddp", |b, w| sum(b, w, &DOUBLE, op::ADDPD)),
    ("xvsubsp", |b, w| sum(b, w, &SINGLE, op::SUBPS)),
    ("xvsubdp", |b, w| sum(b, w, &DOUBLE, op::SUBPD)),
    ("xvmulsp", |b, w| product(b, w, &SINGLE, op::MULPS, &[A, B])),
    ("xvmuldp", |b, w| product(b, w, &DOUBLE, op::MULPD, &[A, B])),
    ("xvdivsp", |b, w| product(b, w, &SINGLE, op::DIVPS, &[A])),
    ("xvdivdp", |b, w| product(b, w, &DOUBLE, op::DIVPD, &[A])),
    ("xvsqrtsp", |b, w| root(b, w, &SINGLE, op::SQRTPS)),
    ("xvsqrtdp", |b, w| root(b, w, &DOUBLE, op::SQRTPD)),
    ("xvmaddasp", |b, w| multiply_add(b, w, &SINGLE, op::FMADD231PS, B, T, false)),
    ("xvmaddadp", |b, w| multiply_add(b, w, &DOUBLE, op::FMADD231PD, B, T, false)),
    ("xvmaddmsp", |b, w| multiply_add(b, w, &SINGLE, op::FMADD231PS, T, B, false)),
    ("xvmaddmdp", |b, w| multiply_add(b, w, &DOUBLE, op::FMADD231PD, T, B, false)),
    ("xvmsubasp", |b, w| multiply_add(b, w, &SINGLE, op::FMSUB231PS, B, T, false)),
    ("xvmsubadp", |b, w| multiply_add(b, w, &DOUBLE, op::FMSUB231PD, B, T, false)),
    ("xvmsubmsp", |b, w| multiply_add(b, w, &SINGLE, op::FMSUB231PS, T, B, false)),
    ("xvmsubmdp", |b, w| multiply_add(b, w, &DOUBLE, op::FMSUB231PD, T, B, false)),
    ("xvnmaddasp", |b, w| multiply_add(b, w, &SINGLE, op::FMADD231PS, B, T, true)),
    ("xvnmaddadp", |b, w| multiply_add(b, w, &DOUBLE, op::FMADD231PD, B, T, true)),
    ("xvnmaddmsp", |b, w| multiply_add(b, w, &SINGLE, op::FMADD231PS, T, B, true)),
    ("xvnmaddmdp", |b, w| multiply_add(b, w, &DOUBLE, op::FMADD231PD, T, B, true)),
    ("xvnmsubasp", |b, w| multiply_add(b, w, &SINGLE, op::FMSUB231PS, B, T, true)),
    ("xvnmsubadp", |b, w| multiply_add(b, w, &DOUBLE, op::FMSUB231PD, B, T, true)),
    ("xvnmsubmsp", |b, w| multiply_add(b, w, &SINGLE, op::FMSUB231PS, T, B, true)),
    ("xvnmsubmdp", |b, w| multiply_add(b, w, &DOUBLE, op::FMSUB231PD, T, B, true)),
    ("xvcmpeqsp", |b, w| compare(b, w, &SINGLE, EQUAL)),
    ("xvcmpeqdp", |b, w| compare(b, w, &DOUBLE, EQUAL)),
    ("xvcmpgesp", |b, w| compare(b, w, &SINGLE, GREATER_EQUAL)),
    ("xvcmpgedp", |b, w| compare(b, w, &DOUBLE, GREATER_EQUAL)),
    ("xvcmpgtsp", |b, w| compare(b, w, &SINGLE, GREATER)),
    ("xvcmpgtdp", |b, w| compare(b, w, &DOUBLE, GREATER)),
    ("xvcvsxwsp", xvcvsxwsp),
    ("xvcvspsxws", xvcvspsxws),
    ("xvcvsxwdp", xvcvsxwdp),
    ("xvcvspdp", xvcvspdp),
];

/// Predicates of VCMPPS.
const EQUAL: u8 = 0x00;
const GREATER_EQUAL: u8 = 0x1D;
const GREATER: u8 = 0x1E;
const UNORDERED: u8 = 0x03;

impl Block<'_> {
    pub(super) fn load_vsr(&mut self, x: Xmm, n: usize) {
        self.asm.v2(op::MOVUPS_LOAD, x, cpu(field::vsr(n)));
    }
    pub(super) fn store_vsr(&mut self, n: usize, x: Xmm) {
        self.asm.v2(op::MOVUPS_STORE, x, cpu(field::vsr(n)));
    }
}

/// BAD gets a sign in each element of RESULT that is an infinity or a NaN.
fn unless_finite(b: &mut Block<'_>, e: &Elements) {
    b.asm.v3(op::PAND, MAGNITUDE, RESULT, state(e.abs));
    b.asm.v3(e.add, BAD, MAGNITUDE, state(e.high));
}
/// Takes the hole if an element is bad.
fn take_if_bad(b: &mut Block<'_>, e: &Elements) -> Hole {
    b.asm.v2(e.test, BAD, BAD);
    b.asm.jcc_hole(Cond::NotEqual)
}

/// Sums and differences that are small are exact.
fn sum(b: &mut Block<'_>, w: Word, e: &Elements, op: Vex) -> bool {
    let mut holes = b.open(msr::VSX);
    b.load_vsr(A, w.xa());
    b.load_vsr(B, w.xb());
    b.asm.v3(op, RESULT, A, B);
    unless_finite(b, e);
    holes.push(take_if_bad(b, e));
    b.store_vsr(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
/// A root is never tiny.
fn root(b: &mut Block<'_>, w: Word, e: &Elements, op: Vex) -> bool {
    let mut holes = b.open(msr::VSX);
    b.load_vsr(B, w.xb());
    b.asm.v2(op, RESULT, B);
    unless_finite(b, e);
    holes.push(take_if_bad(b, e));
    b.store_vsr(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
/// A hole that is taken if an element of the result may be tiny, or is not
/// finite; a 0 is exact where one of `factors` is 0.
fn ordinary(b: &mut Block<'_>, e: &Elements, factors: &[Xmm]) -> Hole {
    unless_finite(b, e);
    b.asm.v3(e.sub, SCRATCH, MAGNITUDE, state(e.low));
    b.asm.v3(op::POR, BAD, BAD, SCRATCH);
    b.asm.v2(e.test, BAD, BAD);
    let fine = b.asm.jcc_hole(Cond::Equal);
    b.asm.v3(op::PXOR, ZERO, ZERO, ZERO);
    b.asm.v3(e.equal, MAGNITUDE, MAGNITUDE, ZERO);
    for (n, factor) in factors.iter().enumerate() {
        let to = if n == 0 { SCRATCH } else { OTHER };
        b.asm.v3(op::PAND, to, *factor, state(e.abs));
        b.asm.v3(e.equal, to, to, ZERO);
        if n > 0 {
            b.asm.v3(op::POR, SCRATCH, SCRATCH, to);
        }
    }
    b.asm.v3(op::PAND, MAGNITUDE, MAGNITUDE, SCRATCH);
    b.asm.v3(op::PANDN, BAD, MAGNITUDE, BAD);
    let hole = take_if_bad(b, e);
    b.asm.fill(fine);
    hole
}
fn product(b: &mut Block<'_>, w: Word, e: &Elements, op: Vex, factors: &[Xmm]) -> bool {
    let mut holes = b.open(msr::VSX);
    b.load_vsr(A, w.xa());
    b.load_vsr(B, w.xb());
    b.asm.v3(op, RESULT, A, B);
    holes.push(ordinary(b, e, factors));
    b.store_vsr(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
/// `A * y + z` or `A * y - z`; `negate`: with the other sign.
fn multiply_add(b: &mut Block<'_>, w: Word, e: &Elements, op: Vex, y: Xmm, z: Xmm, negate: bool) -> bool {
    let mut holes = b.open(msr::VSX);
    b.load_vsr(A, w.xa());
    b.load_vsr(B, w.xb());
    b.load_vsr(T, w.xt());
    b.asm.v2(op::MOVAPS, RESULT, z);
    b.asm.v3(op, RESULT, A, y);
    holes.push(ordinary(b, e, &[A, y]));
    if negate {
        b.asm.v3(op::PXOR, RESULT, RESULT, state(e.sign));
    }
    b.store_vsr(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
/// Masks; the forms that record in CR6, and NaNs, are the interpreter's.
fn compare(b: &mut Block<'_>, w: Word, e: &Elements, predicate: u8) -> bool {
    if w.vrc_bit() {
        return false;
    }
    let mut holes = b.open(msr::VSX);
    b.load_vsr(A, w.xa());
    b.load_vsr(B, w.xb());
    b.asm.v3_imm(e.compare, BAD, A, B, UNORDERED);
    holes.push(take_if_bad(b, e));
    b.asm.v3_imm(e.compare, RESULT, A, B, predicate);
    b.store_vsr(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
fn xvcvsxwsp(b: &mut Block<'_>, w: Word) -> bool {
    let holes = b.open(msr::VSX);
    b.asm.v2(op::CVTDQ2PS, RESULT, cpu(field::vsr(w.xb())));
    b.store_vsr(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
/// The host's sign for "out of range" is the least integer.
fn xvcvspsxws(b: &mut Block<'_>, w: Word) -> bool {
    let mut holes = b.open(msr::VSX);
    b.asm.v2(op::CVTTPS2DQ, RESULT, cpu(field::vsr(w.xb())));
    b.asm.v3(op::PCMPEQD, BAD, RESULT, state(place::SIGN32));
    holes.push(take_if_bad(b, &SINGLE));
    b.store_vsr(w.xt(), RESULT);
    b.unless(holes, true);
    true
}

/// Words 0 and 2 of VSR `n`, in the low half.
fn even_words(b: &mut Block<'_>, n: usize) {
    b.asm.v2_imm(op::PSHUFD, B, cpu(field::vsr(n)), 0b1101);
}
fn xvcvsxwdp(b: &mut Block<'_>, w: Word) -> bool {
    let holes = b.open(msr::VSX);
    even_words(b, w.xb());
    b.asm.v2(op::CVTDQ2PD, RESULT, B);
    b.store_vsr(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
fn xvcvspdp(b: &mut Block<'_>, w: Word) -> bool {
    let mut holes = b.open(msr::VSX);
    even_words(b, w.xb());
    b.asm.v2(op::CVTPS2PD, RESULT, B);
    unless_finite(b, &DOUBLE);
    holes.push(take_if_bad(b, &DOUBLE));
    b.store_vsr(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
