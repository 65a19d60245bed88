//! Scalar arithmetic, whose FR, FI and FPRF are recorded: see [`crate::fpu`].
//!
//! Single precision is computed in double precision and rounded again. That is
//! one rounding to single unless the double lies exactly between two singles:
//! rounding is monotonic, and the middle between two singles is a double. So
//! in that case the interpreter's function does it.

use super::{Block, Emit};
use crate::asm::{Alu, Cond, Hole, Mem, Reg, Size, Vex, op};
use crate::fpu::{self, Slots};
use crate::frame::{field, place};
use crate::stubs::{cpu, frame};
use crate::xmm::Xmm;
use cpu::msr;
use isa::{Group, OpId, Word};

/// Operands by slot: FRA or XA, FRB or XB, FRC or XT.
const A: Slots = 1;
const B: Slots = 2;
const C: Slots = 4;
/// Where they are while an instruction is executed; the result follows.
const RESULT: Xmm = Xmm(3);
const SCRATCH: Xmm = Xmm(4);

/// The registers of a form.
#[derive(Clone, Copy)]
struct Form {
    slots: [usize; 3],
    target: usize,
    facility: u64,
}
fn fp(w: Word) -> Form {
    Form { slots: [w.ra(), w.rb(), w.rc_reg()], target: w.rt(), facility: msr::FP }
}
fn vsx(w: Word) -> Form {
    Form { slots: [w.xa(), w.xb(), w.xt()], target: w.xt(), facility: msr::VSX }
}

/// Precision of a result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Double,
    Single,
}
use To::*;

/// What is computed of which slots.
#[derive(Clone, Copy)]
enum Kind {
    Add,
    Sub,
    Mul(usize),
    Div,
    Sqrt,
    /// `slot 0 * slot y + slot z`.
    Fma {
        y: usize,
        z: usize,
        sub: bool,
        neg: bool,
    },
    /// The operand itself.
    Same,
}
use Kind::*;

/// Multiply-add of FP and of type M, where the second operand is added.
const fn madd_b(sub: bool, neg: bool) -> Kind {
    Fma { y: 2, z: 1, sub, neg }
}
/// Type A: the target is added.
const fn madd_t(sub: bool, neg: bool) -> Kind {
    Fma { y: 1, z: 2, sub, neg }
}

const ABC: Slots = A | B | C;

pub const ROWS: &[(&str, Slots, Emit)] = &[
    ("fadd", A | B, |b, w| arithmetic(b, w, fp(w), Add, Double)),
    ("fadds", A | B, |b, w| arithmetic(b, w, fp(w), Add, Single)),
    ("fsub", A | B, |b, w| arithmetic(b, w, fp(w), Sub, Double)),
    ("fsubs", A | B, |b, w| arithmetic(b, w, fp(w), Sub, Single)),
    ("fmul", A | C, |b, w| arithmetic(b, w, fp(w), Mul(2), Double)),
    ("fmuls", A | C, |b, w| arithmetic(b, w, fp(w), Mul(2), Single)),
    ("fdiv", A | B, |b, w| arithmetic(b, w, fp(w), Div, Double)),
    ("fdivs", A | B, |b, w| arithmetic(b, w, fp(w), Div, Single)),
    ("fsqrt", B, |b, w| arithmetic(b, w, fp(w), Sqrt, Double)),
    ("fsqrts", B, |b, w| arithmetic(b, w, fp(w), Sqrt, Single)),
    ("fmadd", ABC, |b, w| arithmetic(b, w, fp(w), madd_b(false, false), Double)),
    ("fmadds", ABC, |b, w| arithmetic(b, w, fp(w), madd_b(false, false), Single)),
    ("fmsub", ABC, |b, w| arithmetic(b, w, fp(w), madd_b(true, false), Double)),
    ("fmsubs", ABC, |b, w| arithmetic(b, w, fp(w), madd_b(true, false), Single)),
    ("fnmadd", ABC, |b, w| arithmetic(b, w, fp(w), madd_b(false, true), Double)),
    ("fnmadds", ABC, |b, w| arithmetic(b, w, fp(w), madd_b(false, true), Single)),
    ("fnmsub", ABC, |b, w| arithmetic(b, w, fp(w), madd_b(true, true), Double)),
    ("fnmsubs", ABC, |b, w| arithmetic(b, w, fp(w), madd_b(true, true), Single)),
    ("frsp", B, |b, w| arithmetic(b, w, fp(w), Same, Single)),
    ("xsadddp", A | B, |b, w| arithmetic(b, w, vsx(w), Add, Double)),
    ("xsaddsp", A | B, |b, w| arithmetic(b, w, vsx(w), Add, Single)),
    ("xssubdp", A | B, |b, w| arithmetic(b, w, vsx(w), Sub, Double)),
    ("xssubsp", A | B, |b, w| arithmetic(b, w, vsx(w), Sub, Single)),
    ("xsmuldp", A | B, |b, w| arithmetic(b, w, vsx(w), Mul(1), Double)),
    ("xsmulsp", A | B, |b, w| arithmetic(b, w, vsx(w), Mul(1), Single)),
    ("xsdivdp", A | B, |b, w| arithmetic(b, w, vsx(w), Div, Double)),
    ("xsdivsp", A | B, |b, w| arithmetic(b, w, vsx(w), Div, Single)),
    ("xssqrtdp", B, |b, w| arithmetic(b, w, vsx(w), Sqrt, Double)),
    ("xssqrtsp", B, |b, w| arithmetic(b, w, vsx(w), Sqrt, Single)),
    ("xsrsp", B, |b, w| arithmetic(b, w, vsx(w), Same, Single)),
    ("xsmaddadp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_t(false, false), Double)),
    ("xsmaddmdp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_b(false, false), Double)),
    ("xsmaddasp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_t(false, false), Single)),
    ("xsmaddmsp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_b(false, false), Single)),
    ("xsmsubadp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_t(true, false), Double)),
    ("xsmsubmdp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_b(true, false), Double)),
    ("xsmsubasp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_t(true, false), Single)),
    ("xsmsubmsp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_b(true, false), Single)),
    ("xsnmaddadp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_t(false, true), Double)),
    ("xsnmaddmdp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_b(false, true), Double)),
    ("xsnmaddasp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_t(false, true), Single)),
    ("xsnmaddmsp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_b(false, true), Single)),
    ("xsnmsubadp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_t(true, true), Double)),
    ("xsnmsubmdp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_b(true, true), Double)),
    ("xsnmsubasp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_t(true, true), Single)),
    ("xsnmsubmsp", ABC, |b, w| arithmetic(b, w, vsx(w), madd_b(true, true), Single)),
    ("fcfid", B, |b, w| from_integer(b, w, fp(w), op::CVTSI2SD, true)),
    ("fcfidu", B, |b, w| from_integer(b, w, fp(w), op::CVTSI2SD, false)),
    ("fcfids", B, |b, w| from_integer(b, w, fp(w), op::CVTSI2SS, true)),
    ("fcfidus", B, |b, w| from_integer(b, w, fp(w), op::CVTSI2SS, false)),
    ("xscvsxddp", B, |b, w| from_integer(b, w, vsx(w), op::CVTSI2SD, true)),
    ("xscvuxddp", B, |b, w| from_integer(b, w, vsx(w), op::CVTSI2SD, false)),
    ("xscvsxdsp", B, |b, w| from_integer(b, w, vsx(w), op::CVTSI2SS, true)),
    ("xscvuxdsp", B, |b, w| from_integer(b, w, vsx(w), op::CVTSI2SS, false)),
    ("friz", B, |b, w| integral(b, w, fp(w), 3)),
    ("frip", B, |b, w| integral(b, w, fp(w), 2)),
    ("frim", B, |b, w| integral(b, w, fp(w), 1)),
    ("xsrdpiz", B, |b, w| integral(b, w, vsx(w), 3)),
    ("xsrdpip", B, |b, w| integral(b, w, vsx(w), 2)),
    ("xsrdpim", B, |b, w| integral(b, w, vsx(w), 1)),
    ("xscvdpsp", B, xscvdpsp),
    ("xscvspdp", B, xscvspdp),
];

/// Whether this form of a row in [`ROWS`] is inline: it does not record in CR1.
pub fn inline(id: OpId, w: Word) -> bool {
    isa::rows()[id.0 as usize].group != Group::Float || !w.rc()
}

/// `[fpu + displacement]`
pub(super) fn state(displacement: i32) -> Mem {
    frame(place::FPU + displacement)
}
/// The scalar in VSR `n`.
pub(super) fn scalar(n: usize) -> Mem {
    cpu(field::vsr(n) + 8)
}

impl Block<'_> {
    /// Holes that are taken if the facility is off or arithmetic is closed.
    pub(super) fn open(&mut self, facility: u64) -> Vec<Hole> {
        let mut holes: Vec<_> = self.facility(facility).into_iter().collect();
        self.asm.cmp8_mem_imm(state(fpu::place::CLOSED), 0);
        holes.push(self.asm.jcc_hole(Cond::NotEqual));
        holes
    }
    /// VSR `n` becomes the scalar in `x`, and 0.
    pub(super) fn set_scalar(&mut self, n: usize, x: Xmm) {
        self.asm.v2(op::MOVSD_STORE, x, scalar(n));
        self.asm.store_imm64(cpu(field::vsr(n)), 0);
    }
    /// The same from a general register.
    pub(super) fn set_scalar_bits(&mut self, n: usize, r: Reg) {
        self.asm.store(Size::Q, scalar(n), r);
        self.asm.store_imm64(cpu(field::vsr(n)), 0);
    }
    /// RAX = twice the magnitude of `x`.
    fn doubled(&mut self, r: Reg, x: Xmm) {
        self.asm.v2(op::MOVQ_TO, x, r);
        self.asm.alu(Alu::Add, Size::Q, r, r);
    }
    /// A hole that is taken if `x` is an infinity or a NaN.
    fn finite(&mut self, x: Xmm) -> Hole {
        self.doubled(Reg::RAX, x);
        self.asm.alu_load(Alu::Cmp, Size::Q, Reg::RAX, state(fpu::place::INFINITY));
        self.asm.jcc_hole(Cond::AboveEqual)
    }
    /// The instruction, with the operands in `slots`, sets FR, FI and FPRF.
    fn recorded(&mut self, w: Word, slots: Slots) {
        if self.overwritten {
            return;
        }
        for n in (0..3).filter(|n| slots >> n & 1 != 0) {
            self.asm.v2(op::MOVSD_STORE, Xmm(n), state(fpu::place::OPERANDS + 8 * i32::from(n)));
        }
        // Sign-extended: nothing behind it changed FPCC and FI yet.
        self.asm.store_imm64(state(fpu::place::STATUS), w.0 as i32);
    }
}

impl Kind {
    fn slots(self) -> Slots {
        match self {
            Add | Sub | Div => A | B,
            Mul(y) => A | 1 << y,
            Sqrt | Same => B,
            Fma { .. } => ABC,
        }
    }
    fn compute(self, b: &mut Block<'_>) {
        let binary = |b: &mut Block<'_>, op: Vex, y: usize| b.asm.v3(op, RESULT, Xmm(0), Xmm(y as u8));
        match self {
            Add => binary(b, op::ADDSD, 1),
            Sub => binary(b, op::SUBSD, 1),
            Mul(y) => binary(b, op::MULSD, y),
            Div => binary(b, op::DIVSD, 1),
            Sqrt => b.asm.v3(op::SQRTSD, RESULT, Xmm(1), Xmm(1)),
            Same => b.asm.v2(op::MOVAPS, RESULT, Xmm(1)),
            Fma { y, z, sub, .. } => {
                b.asm.v2(op::MOVAPS, RESULT, Xmm(z as u8));
                let op = if sub { op::FMSUB231SD } else { op::FMADD231SD };
                b.asm.v3(op, RESULT, Xmm(0), Xmm(y as u8));
            }
        }
    }
    /// A sum, or difference, that is not normal is exact, and so is a root.
    fn exact_if_small(self) -> bool {
        matches!(self, Add | Sub | Sqrt)
    }
    /// Operands of which one is 0 if a result of 0 is exact.
    fn factors(self) -> &'static [u8] {
        match self {
            Add | Sub | Sqrt | Same => &[],
            Mul(2) | Fma { y: 2, .. } => &[0, 2],
            Mul(_) | Fma { .. } => &[0, 1],
            Div => &[0],
        }
    }
}

fn arithmetic(b: &mut Block<'_>, w: Word, form: Form, kind: Kind, to: To) -> bool {
    if form.facility == msr::FP && w.rc() {
        return false;
    }
    let mut holes = b.open(form.facility);
    for n in (0..3).filter(|n| kind.slots() >> n & 1 != 0) {
        b.asm.v2(op::MOVSD_LOAD, Xmm(n), scalar(form.slots[n as usize]));
    }
    kind.compute(b);
    if to == Double && kind.exact_if_small() {
        holes.push(b.finite(RESULT));
    } else {
        ordinary(b, kind, to, &mut holes);
    }
    if to == Single {
        b.asm.v3(op::CVTSD2SS, RESULT, RESULT, RESULT);
        b.asm.v3(op::CVTSS2SD, RESULT, RESULT, RESULT);
    }
    if let Fma { neg: true, .. } = kind {
        b.asm.v3(op::PXOR, RESULT, RESULT, state(fpu::place::SIGN64));
    }
    b.recorded(w, kind.slots());
    b.set_scalar(form.target, RESULT);
    b.unless(holes, true);
    true
}

/// Takes a hole unless the result is certainly neither tiny nor too large, or
/// is an exact zero, and, if it becomes a single, not in the middle of two.
fn ordinary(b: &mut Block<'_>, kind: Kind, to: To, holes: &mut Vec<Hole>) {
    let (low, span) = match to {
        Double => (fpu::place::LOW, fpu::place::SPAN),
        Single => (fpu::place::SINGLE_LOW, fpu::place::SINGLE_SPAN),
    };
    b.doubled(Reg::RAX, RESULT);
    b.asm.mov(Size::Q, Reg::RCX, Reg::RAX);
    b.asm.alu_load(Alu::Sub, Size::Q, Reg::RCX, state(low));
    b.asm.alu_load(Alu::Cmp, Size::Q, Reg::RCX, state(span));
    let fine = b.asm.jcc_hole(Cond::Below);
    b.asm.test(Size::Q, Reg::RAX, Reg::RAX);
    holes.push(b.asm.jcc_hole(Cond::NotEqual));
    let zero = exact_zero(b, kind);
    if !kind.factors().is_empty() {
        holes.push(b.asm.jmp_hole());
    }
    zero.into_iter().for_each(|hole| b.asm.fill(hole));
    b.asm.fill(fine);
    if to == Single && !matches!(kind, Same) {
        b.asm.alu_imm(Alu::And, Size::W, Reg::RAX, 0x3FFF_FFFF);
        b.asm.alu_imm(Alu::Cmp, Size::W, Reg::RAX, 0x2000_0000);
        holes.push(b.asm.jcc_hole(Cond::Equal));
    }
}
/// Jumps that are taken if a result of 0 is exact.
fn exact_zero(b: &mut Block<'_>, kind: Kind) -> Vec<Hole> {
    let mut zero = vec![];
    for factor in kind.factors() {
        b.doubled(Reg::RCX, Xmm(*factor));
        zero.push(b.asm.jcc_hole(Cond::Equal));
    }
    if let Fma { z, .. } = kind {
        // The product and the addend cancel. Of an addend of at least 2^-900
        // the last bit of the product, 106 bits wide, is far above the least
        // denormal, so that a difference would not have become 0.
        b.doubled(Reg::RCX, Xmm(z as u8));
        b.asm.alu_load(Alu::Cmp, Size::Q, Reg::RCX, state(fpu::place::ADDEND));
        zero.push(b.asm.jcc_hole(Cond::AboveEqual));
    }
    zero
}

fn from_integer(b: &mut Block<'_>, w: Word, form: Form, convert: Vex, signed: bool) -> bool {
    if form.facility == msr::FP && w.rc() {
        return false;
    }
    let mut holes = b.open(form.facility);
    b.asm.v2(op::MOVSD_LOAD, Xmm(1), scalar(form.slots[1]));
    b.asm.v2(op::MOVQ_TO, Xmm(1), Reg::RAX);
    if !signed {
        b.asm.test(Size::Q, Reg::RAX, Reg::RAX);
        holes.push(b.asm.jcc_hole(Cond::Sign));
    }
    // Else the result would wait for the last one.
    b.asm.v3(op::PXOR, RESULT, RESULT, RESULT);
    b.asm.v3(convert, RESULT, RESULT, Reg::RAX);
    if convert.prefix() == op::CVTSI2SS.prefix() {
        b.asm.v3(op::CVTSS2SD, RESULT, RESULT, RESULT);
    }
    b.recorded(w, B);
    b.set_scalar(form.target, RESULT);
    b.unless(holes, true);
    true
}

/// Rounding to an integral value, as `mode` of ROUNDSD says; never inexact.
fn integral(b: &mut Block<'_>, w: Word, form: Form, mode: u8) -> bool {
    const NO_INEXACT: u8 = 8;
    if form.facility == msr::FP && w.rc() {
        return false;
    }
    let mut holes = b.open(form.facility);
    b.asm.v2(op::MOVSD_LOAD, Xmm(1), scalar(form.slots[1]));
    b.asm.v3_imm(op::ROUNDSD, RESULT, Xmm(1), Xmm(1), mode | NO_INEXACT);
    holes.push(b.finite(RESULT));
    b.recorded(w, B);
    b.set_scalar(form.target, RESULT);
    b.unless(holes, true);
    true
}

/// A single in both words.
fn xscvdpsp(b: &mut Block<'_>, w: Word) -> bool {
    let mut holes = b.open(msr::VSX);
    b.asm.v2(op::MOVSD_LOAD, Xmm(1), scalar(w.xb()));
    b.asm.v2(op::MOVAPS, RESULT, Xmm(1));
    ordinary(b, Same, Single, &mut holes);
    b.asm.v3(op::CVTSD2SS, RESULT, RESULT, RESULT);
    b.asm.v2_imm(op::PSHUFD, RESULT, RESULT, 0);
    b.recorded(w, B);
    b.set_scalar(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
fn xscvspdp(b: &mut Block<'_>, w: Word) -> bool {
    let mut holes = b.open(msr::VSX);
    b.asm.v2(op::MOVSD_LOAD, Xmm(1), scalar(w.xb()));
    b.asm.v_shift(op::SHIFT_Q, 2, SCRATCH, Xmm(1), 32);
    b.asm.v3(op::CVTSS2SD, RESULT, SCRATCH, SCRATCH);
    holes.push(b.finite(RESULT));
    b.recorded(w, B);
    b.set_scalar(w.xt(), RESULT);
    b.unless(holes, true);
    true
}
