//! Vector integers, logic and permutes. The host keeps a register with its
//! element 0 last, so what the manual calls high is the upper half here too.

use super::float::state;
use super::{Block, Emit};
use crate::asm::{Reg, Vex, op};
use crate::fpu::place;
use crate::frame::field;
use crate::stubs::cpu;
use crate::xmm::Xmm;
use cpu::msr;
use isa::Word;

const A: Xmm = Xmm(0);
const B: Xmm = Xmm(1);
const C: Xmm = Xmm(2);
const D: Xmm = Xmm(3);

pub const ROWS: &[(&str, Emit)] = &[
    ("vaddubm", |b, w| vmx(b, w, op::PADDB)),
    ("vadduhm", |b, w| vmx(b, w, op::PADDW)),
    ("vadduwm", |b, w| vmx(b, w, op::PADDD)),
    ("vaddudm", |b, w| vmx(b, w, op::PADDQ)),
    ("vsububm", |b, w| vmx(b, w, op::PSUBB)),
    ("vsubuhm", |b, w| vmx(b, w, op::PSUBW)),
    ("vsubuwm", |b, w| vmx(b, w, op::PSUBD)),
    ("vsubudm", |b, w| vmx(b, w, op::PSUBQ)),
    ("vmuluwm", |b, w| vmx(b, w, op::PMULLD)),
    ("vavgub", |b, w| vmx(b, w, op::PAVGB)),
    ("vavguh", |b, w| vmx(b, w, op::PAVGW)),
    ("vmaxub", |b, w| vmx(b, w, op::PMAXUB)),
    ("vmaxuh", |b, w| vmx(b, w, op::PMAXUW)),
    ("vmaxuw", |b, w| vmx(b, w, op::PMAXUD)),
    ("vmaxsb", |b, w| vmx(b, w, op::PMAXSB)),
    ("vmaxsh", |b, w| vmx(b, w, op::PMAXSW)),
    ("vmaxsw", |b, w| vmx(b, w, op::PMAXSD)),
    ("vminub", |b, w| vmx(b, w, op::PMINUB)),
    ("vminuh", |b, w| vmx(b, w, op::PMINUW)),
    ("vminuw", |b, w| vmx(b, w, op::PMINUD)),
    ("vminsb", |b, w| vmx(b, w, op::PMINSB)),
    ("vminsh", |b, w| vmx(b, w, op::PMINSW)),
    ("vminsw", |b, w| vmx(b, w, op::PMINSD)),
    ("vslw", |b, w| shift(b, w, op::PSLLVD, place::SHIFT32)),
    ("vsld", |b, w| shift(b, w, op::PSLLVQ, place::SHIFT64)),
    ("vsrw", |b, w| shift(b, w, op::PSRLVD, place::SHIFT32)),
    ("vsrd", |b, w| shift(b, w, op::PSRLVQ, place::SHIFT64)),
    ("vsraw", |b, w| shift(b, w, op::PSRAVD, place::SHIFT32)),
    ("vrlw", |b, w| rotate(b, w, [op::PSLLVD, op::PSRLVD, op::PSUBD], place::SHIFT32)),
    ("vrld", |b, w| rotate(b, w, [op::PSLLVQ, op::PSRLVQ, op::PSUBQ], place::SHIFT64)),
    ("vand", |b, w| logic(b, vr(w), op::PAND, false)),
    ("vandc", |b, w| logic(b, vr(w), op::PANDN, false)),
    ("vor", |b, w| logic(b, vr(w), op::POR, false)),
    ("vnor", |b, w| logic(b, vr(w), op::POR, true)),
    ("vxor", |b, w| logic(b, vr(w), op::PXOR, false)),
    ("veqv", |b, w| logic(b, vr(w), op::PXOR, true)),
    ("vnand", |b, w| logic(b, vr(w), op::PAND, true)),
    ("vorc", |b, w| or_complement(b, vr(w))),
    ("xxland", |b, w| logic(b, vsr(w), op::PAND, false)),
    ("xxlandc", |b, w| logic(b, vsr(w), op::PANDN, false)),
    ("xxlor", |b, w| logic(b, vsr(w), op::POR, false)),
    ("xxlnor", |b, w| logic(b, vsr(w), op::POR, true)),
    ("xxlxor", |b, w| logic(b, vsr(w), op::PXOR, false)),
    ("xxleqv", |b, w| logic(b, vsr(w), op::PXOR, true)),
    ("xxlnand", |b, w| logic(b, vsr(w), op::PAND, true)),
    ("xxlorc", |b, w| or_complement(b, vsr(w))),
    ("vsel", |b, w| select(b, vr(w), w.vrc() + 32)),
    ("xxsel", |b, w| select(b, vsr(w), w.xc())),
    ("xvabsdp", |b, w| signs(b, w, op::PAND, place::ABS64)),
    ("xvabssp", |b, w| signs(b, w, op::PAND, place::ABS32)),
    ("xvnabsdp", |b, w| signs(b, w, op::POR, place::SIGN64)),
    ("xvnabssp", |b, w| signs(b, w, op::POR, place::SIGN32)),
    ("xvnegdp", |b, w| signs(b, w, op::PXOR, place::SIGN64)),
    ("xvnegsp", |b, w| signs(b, w, op::PXOR, place::SIGN32)),
    ("xxpermdi", xxpermdi),
    ("xxsldwi", |b, w| align(b, vsr(w), 4 * w.shw() as u8)),
    ("vsldoi", |b, w| align(b, vr(w), w.shb() as u8)),
    ("xxspltw", |b, w| splat_word(b, msr::VSX, w.xt(), w.xb(), w.uim())),
    ("vspltw", |b, w| splat_word(b, msr::VEC, w.vrt() + 32, w.vrb() + 32, w.uim())),
    ("vspltisb", |b, w| constant(b, w, 0x0101_0101_0101_0101, 0xFF)),
    ("vspltish", |b, w| constant(b, w, 0x0001_0001_0001_0001, 0xFFFF)),
    ("vspltisw", |b, w| constant(b, w, 0x0000_0001_0000_0001, 0xFFFF_FFFF)),
    ("xxspltib", xxspltib),
    ("vperm", |b, w| permute(b, vr(w), w.vrc() + 32, false)),
    ("vpermr", |b, w| permute(b, vr(w), w.vrc() + 32, true)),
    ("xxperm", |b, w| permute(b, Form { b: w.xt(), ..vsr(w) }, w.xb(), false)),
    ("xxpermr", |b, w| permute(b, Form { b: w.xt(), ..vsr(w) }, w.xb(), true)),
    ("vmrghb", |b, w| merge(b, vr(w), op::PUNPCKHBW)),
    ("vmrghh", |b, w| merge(b, vr(w), op::PUNPCKHWD)),
    ("vmrghw", |b, w| merge(b, vr(w), op::PUNPCKHDQ)),
    ("vmrglb", |b, w| merge(b, vr(w), op::PUNPCKLBW)),
    ("vmrglh", |b, w| merge(b, vr(w), op::PUNPCKLWD)),
    ("vmrglw", |b, w| merge(b, vr(w), op::PUNPCKLDQ)),
    ("xxmrghw", |b, w| merge(b, vsr(w), op::PUNPCKHDQ)),
    ("xxmrglw", |b, w| merge(b, vsr(w), op::PUNPCKLDQ)),
];

/// Target and operands, as VSRs.
#[derive(Clone, Copy)]
struct Form {
    t: usize,
    a: usize,
    b: usize,
    facility: u64,
}
fn vr(w: Word) -> Form {
    Form { t: w.vrt() + 32, a: w.vra() + 32, b: w.vrb() + 32, facility: msr::VEC }
}
fn vsr(w: Word) -> Form {
    Form { t: w.xt(), a: w.xa(), b: w.xb(), facility: msr::VSX }
}

/// Emits what only the facility can keep from being inline.
pub(super) fn with(b: &mut Block<'_>, facility: u64, emit: impl FnOnce(&mut Block<'_>)) -> bool {
    let hole = b.facility(facility);
    emit(b);
    if let Some(hole) = hole {
        b.unless(vec![hole], true);
    }
    true
}
/// `t = a op b`
fn binary(b: &mut Block<'_>, f: Form, op: Vex) -> bool {
    with(b, f.facility, |b| {
        b.load_vsr(A, f.a);
        b.asm.v3(op, A, A, cpu(field::vsr(f.b)));
        b.store_vsr(f.t, A);
    })
}
fn vmx(b: &mut Block<'_>, w: Word, op: Vex) -> bool {
    binary(b, vr(w), op)
}
/// The host takes the elements of its first operand first, from the lowest.
fn merge(b: &mut Block<'_>, f: Form, op: Vex) -> bool {
    binary(b, Form { a: f.b, b: f.a, ..f }, op)
}

fn logic(b: &mut Block<'_>, f: Form, what: Vex, invert: bool) -> bool {
    with(b, f.facility, |b| {
        if f.a == f.b && what == op::PXOR {
            b.asm.v3(what, A, A, A);
        } else if what == op::PANDN {
            // The host inverts its first operand.
            b.load_vsr(A, f.b);
            b.asm.v3(what, A, A, cpu(field::vsr(f.a)));
        } else {
            b.load_vsr(A, f.a);
            if f.a != f.b {
                b.asm.v3(what, A, A, cpu(field::vsr(f.b)));
            }
        }
        if invert {
            invert_into(b, A, A);
        }
        b.store_vsr(f.t, A);
    })
}
fn invert_into(b: &mut Block<'_>, to: Xmm, from: Xmm) {
    b.asm.v3(op::PCMPEQD, D, D, D);
    b.asm.v3(op::PXOR, to, from, D);
}
fn or_complement(b: &mut Block<'_>, f: Form) -> bool {
    with(b, f.facility, |b| {
        b.load_vsr(A, f.b);
        invert_into(b, A, A);
        b.asm.v3(op::POR, A, A, cpu(field::vsr(f.a)));
        b.store_vsr(f.t, A);
    })
}
/// Bits of `b` where the mask has ones, of `a` elsewhere.
fn select(b: &mut Block<'_>, f: Form, mask: usize) -> bool {
    with(b, f.facility, |b| {
        b.load_vsr(C, mask);
        b.asm.v3(op::PAND, B, C, cpu(field::vsr(f.b)));
        b.asm.v3(op::PANDN, A, C, cpu(field::vsr(f.a)));
        b.asm.v3(op::POR, A, A, B);
        b.store_vsr(f.t, A);
    })
}
fn signs(b: &mut Block<'_>, w: Word, op: Vex, mask: i32) -> bool {
    with(b, msr::VSX, |b| {
        b.load_vsr(A, w.xb());
        b.asm.v3(op, A, A, state(mask));
        b.store_vsr(w.xt(), A);
    })
}

fn shift(b: &mut Block<'_>, w: Word, op: Vex, mask: i32) -> bool {
    let f = vr(w);
    with(b, f.facility, |b| {
        b.load_vsr(B, f.b);
        b.asm.v3(op::PAND, B, B, state(mask));
        b.load_vsr(A, f.a);
        b.asm.v3(op, A, A, B);
        b.store_vsr(f.t, A);
    })
}
/// Left, right, and the subtraction of counts. A count of 0 shifts right by
/// the width, which gives 0.
fn rotate(b: &mut Block<'_>, w: Word, [left, right, sub]: [Vex; 3], mask: i32) -> bool {
    let f = vr(w);
    with(b, f.facility, |b| {
        b.load_vsr(B, f.b);
        b.asm.v3(op::PAND, B, B, state(mask));
        b.load_vsr(A, f.a);
        b.asm.v3(left, C, A, B);
        // The width, less the count: the complement, and 1.
        b.asm.v2(op::MOVUPS_LOAD, D, state(mask));
        b.asm.v3(sub, B, D, B);
        b.asm.v3(op::PCMPEQD, D, D, D);
        b.asm.v3(sub, B, B, D);
        b.asm.v3(right, A, A, B);
        b.asm.v3(op::POR, A, A, C);
        b.store_vsr(f.t, A);
    })
}

fn xxpermdi(b: &mut Block<'_>, w: Word) -> bool {
    let f = vsr(w);
    // A half is taken if its bit is 1 here, the upper if 0; DM says which of A, then of B.
    let (from_a, from_b) = (w.dm() as u8 >> 1 ^ 1, w.dm() as u8 & 1 ^ 1);
    with(b, f.facility, |b| {
        if f.a == f.b {
            // Words of one register, lowest first.
            let half = |upper: u8| if upper == 1 { 0b1110 } else { 0b0100 };
            b.asm.v2_imm(op::PSHUFD, A, cpu(field::vsr(f.b)), half(from_a) << 4 | half(from_b));
        } else {
            b.load_vsr(B, f.b);
            b.asm.v3_imm(op::SHUFPD, A, B, cpu(field::vsr(f.a)), from_a << 1 | from_b);
        }
        b.store_vsr(f.t, A);
    })
}
/// The 16 bytes from byte `n` of `a` and `b`.
fn align(b: &mut Block<'_>, f: Form, n: u8) -> bool {
    with(b, f.facility, |b| {
        b.load_vsr(A, f.a);
        b.asm.v3_imm(op::PALIGNR, A, A, cpu(field::vsr(f.b)), 16 - n);
        b.store_vsr(f.t, A);
    })
}
fn splat_word(b: &mut Block<'_>, facility: u64, t: usize, from: usize, element: usize) -> bool {
    let n = 3 - (element as u8 & 3);
    with(b, facility, |b| {
        b.asm.v2_imm(op::PSHUFD, A, cpu(field::vsr(from)), n * 0b0101_0101);
        b.store_vsr(t, A);
    })
}
/// SIM, sign-extended, in all elements: `ones` has their last bits.
fn constant(b: &mut Block<'_>, w: Word, ones: u64, element: u64) -> bool {
    let sim = ((w.uim() as u64) << 59) as i64 >> 59;
    let half = (sim as u64 & element).wrapping_mul(ones);
    with(b, msr::VEC, |b| halves(b, w.vrt() + 32, half))
}
fn xxspltib(b: &mut Block<'_>, w: Word) -> bool {
    let facility = if w.xt() < 32 { msr::VSX } else { msr::VEC };
    let byte = u64::from(w.0 >> 11 & 0xFF);
    with(b, facility, |b| halves(b, w.xt(), byte * 0x0101_0101_0101_0101))
}
/// Both halves of a register become `half`. One store: later loads are of 16 bytes.
fn halves(b: &mut Block<'_>, t: usize, half: u64) {
    match half {
        0 => b.asm.v3(op::PXOR, A, A, A),
        u64::MAX => b.asm.v3(op::PCMPEQD, A, A, A),
        _ => {
            b.asm.mov_imm(Reg::RAX, half);
            b.asm.v2(op::MOVQ_FROM, A, Reg::RAX);
            b.asm.v3(op::PUNPCKLQDQ, A, A, A);
        }
    }
    b.store_vsr(t, A);
}
/// Bytes of `a` and `b` by the numbers in `c`, counted from the upper end, or
/// for `reversed` from the lower.
fn permute(b: &mut Block<'_>, f: Form, c: usize, reversed: bool) -> bool {
    with(b, f.facility, |b| {
        b.load_vsr(C, c);
        if !reversed {
            invert_into(b, C, C);
        }
        // Bit 4 of a number, moved to bit 7: set for bytes of `a`.
        b.asm.v_shift(op::SHIFT_W, 6, D, C, 3);
        b.asm.v3(op::PAND, C, C, state(place::NIBBLE));
        b.load_vsr(A, f.a);
        b.asm.v3(op::PSHUFB, A, A, C);
        b.load_vsr(B, f.b);
        b.asm.v3(op::PSHUFB, B, B, C);
        b.asm.v3_imm(op::PBLENDVB, A, B, A, D.0 << 4);
        b.store_vsr(f.t, A);
    })
}
