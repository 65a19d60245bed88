//! Compares of vector integers with CR6, packs, unpacks, splats of elements,
//! products of double width.

use super::float::state;
use super::lanes::with;
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Reg, Size, Vex, op};
use crate::fpu::place::SIGN64;
use crate::frame::{field, place};
use crate::stubs::{cpu, frame};
use crate::xmm::Xmm;
use cpu::msr;
use isa::Word;

const A: Xmm = Xmm(0);
const B: Xmm = Xmm(1);
const ONES: Xmm = Xmm(2);

pub const ROWS: &[(&str, Emit)] = &[
    ("vcmpequb", |b, w| compare(b, w, Test::Is(op::PCMPEQB))),
    ("vcmpequh", |b, w| compare(b, w, Test::Is(op::PCMPEQW))),
    ("vcmpequw", |b, w| compare(b, w, Test::Is(op::PCMPEQD))),
    ("vcmpequd", |b, w| compare(b, w, Test::Is(op::PCMPEQQ))),
    ("vcmpgtsb", |b, w| compare(b, w, Test::Is(op::PCMPGTB))),
    ("vcmpgtsh", |b, w| compare(b, w, Test::Is(op::PCMPGTW))),
    ("vcmpgtsw", |b, w| compare(b, w, Test::Is(op::PCMPGTD))),
    ("vcmpgtsd", |b, w| compare(b, w, Test::Is(op::PCMPGTQ))),
    ("vcmpneb", |b, w| compare(b, w, Test::Not(op::PCMPEQB))),
    ("vcmpneh", |b, w| compare(b, w, Test::Not(op::PCMPEQW))),
    ("vcmpnew", |b, w| compare(b, w, Test::Not(op::PCMPEQD))),
    ("vcmpgtub", |b, w| compare(b, w, Test::Above(op::PMAXUB, op::PCMPEQB))),
    ("vcmpgtuh", |b, w| compare(b, w, Test::Above(op::PMAXUW, op::PCMPEQW))),
    ("vcmpgtuw", |b, w| compare(b, w, Test::Above(op::PMAXUD, op::PCMPEQD))),
    ("vcmpgtud", |b, w| compare(b, w, Test::AboveDoubles)),
    ("vpkuhum", |b, w| pack(b, w, op::SHIFT_W, 8, op::PACKUSWB)),
    ("vpkuwum", |b, w| pack(b, w, op::SHIFT_D, 16, op::PACKUSDW)),
    ("vpkudum", vpkudum),
    ("vupkhsb", |b, w| unpack(b, w, op::PMOVSXBW, 8)),
    ("vupkhsh", |b, w| unpack(b, w, op::PMOVSXWD, 8)),
    ("vupkhsw", |b, w| unpack(b, w, op::PMOVSXDQ, 8)),
    ("vupklsb", |b, w| unpack(b, w, op::PMOVSXBW, 0)),
    ("vupklsh", |b, w| unpack(b, w, op::PMOVSXWD, 0)),
    ("vupklsw", |b, w| unpack(b, w, op::PMOVSXDQ, 0)),
    ("vspltb", |b, w| splat(b, w, op::PBROADCASTB, 15 - (w.uim() as i32 & 15))),
    ("vsplth", |b, w| splat(b, w, op::PBROADCASTW, 14 - 2 * (w.uim() as i32 & 7))),
    ("vmrgew", |b, w| merge_words(b, w, true)),
    ("vmrgow", |b, w| merge_words(b, w, false)),
    ("vmuleuw", |b, w| products(b, w, op::PMULUDQ, true)),
    ("vmulouw", |b, w| products(b, w, op::PMULUDQ, false)),
    ("vmulesw", |b, w| products(b, w, op::PMULDQ, true)),
    ("vmulosw", |b, w| products(b, w, op::PMULDQ, false)),
    ("vmladduhm", vmladduhm),
];

/// How a mask is made of the host's compares.
#[derive(Clone, Copy)]
enum Test {
    Is(Vex),
    Not(Vex),
    /// Unsigned: the greater one is not the second.
    Above(Vex, Vex),
    /// Unsigned: as signed numbers, with the first bits inverted.
    AboveDoubles,
}

/// Loads VRA and VRB.
fn load(b: &mut Block<'_>, w: Word) {
    b.load_vsr(A, w.vra() + 32);
    b.load_vsr(B, w.vrb() + 32);
}

fn compare(b: &mut Block<'_>, w: Word, test: Test) -> bool {
    let hole = b.facility(msr::VEC);
    load(b, w);
    match test {
        Test::Is(op) | Test::Not(op) => b.asm.v3(op, A, A, B),
        Test::Above(max, equal) => {
            b.asm.v3(max, A, A, B);
            b.asm.v3(equal, A, A, B);
        }
        Test::AboveDoubles => {
            b.asm.v3(op::PXOR, A, A, state(SIGN64));
            b.asm.v3(op::PXOR, B, B, state(SIGN64));
            b.asm.v3(op::PCMPGTQ, A, A, B);
        }
    }
    if matches!(test, Test::Not(_) | Test::Above(..)) {
        b.asm.v3(op::PCMPEQD, ONES, ONES, ONES);
        b.asm.v3(op::PXOR, A, A, ONES);
    }
    b.store_vsr(w.vrt() + 32, A);
    if w.vrc_bit() {
        set_cr6(b, A);
    }
    if let Some(hole) = hole {
        b.unless(vec![hole], false);
    }
    true
}
/// CR6 of a mask: all true, all false.
fn set_cr6(b: &mut Block<'_>, mask: Xmm) {
    b.asm.v_to_reg(op::PMOVMSKB, Reg::RAX, mask);
    b.asm.mov_imm(Reg::RCX, 0);
    b.asm.mov_imm(Reg::RDX, 2);
    b.asm.test(Size::W, Reg::RAX, Reg::RAX);
    b.asm.cmov(Cond::Equal, Reg::RCX, Reg::RDX);
    b.asm.mov_imm(Reg::RDX, 8);
    b.asm.alu_imm(Alu::Cmp, Size::W, Reg::RAX, 0xFFFF);
    b.asm.cmov(Cond::Equal, Reg::RCX, Reg::RDX);
    b.asm.store8(frame(place::CR + 6), Reg::RCX);
}

/// The low halves of the elements of VRA, then VRB: the host saturates, and
/// with the high halves cleared there is nothing to saturate.
fn pack(b: &mut Block<'_>, w: Word, group: Vex, bits: u8, pack: Vex) -> bool {
    const RIGHT: u8 = 2;
    with(b, msr::VEC, |b| {
        load(b, w);
        b.asm.v3(op::PCMPEQD, ONES, ONES, ONES);
        b.asm.v_shift(group, RIGHT, ONES, ONES, bits);
        b.asm.v3(op::PAND, A, A, ONES);
        b.asm.v3(op::PAND, B, B, ONES);
        b.asm.v3(pack, A, B, A);
        b.store_vsr(w.vrt() + 32, A);
    })
}
fn vpkudum(b: &mut Block<'_>, w: Word) -> bool {
    with(b, msr::VEC, |b| {
        load(b, w);
        b.asm.v3_imm(op::SHUFPS, A, B, A, 0b1000_1000);
        b.store_vsr(w.vrt() + 32, A);
    })
}
/// Elements of the half at `from`, sign-extended.
fn unpack(b: &mut Block<'_>, w: Word, op: Vex, from: i32) -> bool {
    with(b, msr::VEC, |b| {
        b.asm.v2(op, A, cpu(field::vsr(w.vrb() + 32) + from));
        b.store_vsr(w.vrt() + 32, A);
    })
}
fn splat(b: &mut Block<'_>, w: Word, op: Vex, from: i32) -> bool {
    with(b, msr::VEC, |b| {
        b.asm.v2(op, A, cpu(field::vsr(w.vrb() + 32) + from));
        b.store_vsr(w.vrt() + 32, A);
    })
}
/// Even or odd words of VRA and VRB in turn.
fn merge_words(b: &mut Block<'_>, w: Word, even: bool) -> bool {
    const LEFT: u8 = 6;
    const RIGHT: u8 = 2;
    with(b, msr::VEC, |b| {
        load(b, w);
        if even {
            b.asm.v_shift(op::SHIFT_Q, RIGHT, B, B, 32);
        } else {
            b.asm.v_shift(op::SHIFT_Q, LEFT, A, A, 32);
        }
        b.asm.v3_imm(op::PBLENDD, A, B, A, 0b1010);
        b.store_vsr(w.vrt() + 32, A);
    })
}
/// Products of even or odd words. The host multiplies the odd ones.
fn products(b: &mut Block<'_>, w: Word, op: Vex, even: bool) -> bool {
    const RIGHT: u8 = 2;
    with(b, msr::VEC, |b| {
        load(b, w);
        if even {
            b.asm.v_shift(op::SHIFT_Q, RIGHT, A, A, 32);
            b.asm.v_shift(op::SHIFT_Q, RIGHT, B, B, 32);
        }
        b.asm.v3(op, A, A, B);
        b.store_vsr(w.vrt() + 32, A);
    })
}
fn vmladduhm(b: &mut Block<'_>, w: Word) -> bool {
    with(b, msr::VEC, |b| {
        load(b, w);
        b.asm.v3(op::PMULLW, A, A, B);
        b.asm.v3(op::PADDW, A, A, cpu(field::vsr(w.vrc() + 32)));
        b.store_vsr(w.vrt() + 32, A);
    })
}
