//! Loads and stores of floating-point and vector registers.

use super::ldst::{self, Form};
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Hole, Reg, Shift, Size, at};
use crate::frame::field;
use crate::stubs::cpu;
use crate::xmm::Xmm;
use cpu::msr;
use isa::Word;

/// What is loaded, and where it goes.
#[derive(Clone, Copy)]
enum Load {
    Double,
    /// Bits of a single, as a double.
    Single,
    /// Integers, extended to the high half.
    Byte,
    Half,
    Word,
    WordAlgebraic,
    Quad,
    /// Elements in ascending order.
    Doubles,
    Words,
    /// One element everywhere.
    DoubleSplat,
    WordSplat,
}

/// What is stored.
#[derive(Clone, Copy)]
enum Store {
    Double,
    Single,
    Byte,
    Half,
    Word,
    Quad,
    Doubles,
    Words,
}

/// Orders of words for [`crate::asm::Asm::xmm_words`].
const HALVES_SWAPPED: u8 = 0x4E;
const WORDS_REVERSED: u8 = 0x1B;
const LOW_HALF_TWICE: u8 = 0x44;
const LOW_WORD_EVERYWHERE: u8 = 0;

const VALUE: Xmm = Xmm(0);
const OTHER: Xmm = Xmm(1);

fn fp_load(b: &mut Block<'_>, w: Word, form: Form, what: Load) -> bool {
    load(b, w, form, w.rt(), msr::FP, what)
}
fn fp_store(b: &mut Block<'_>, w: Word, form: Form, what: Store) -> bool {
    store(b, w, form, w.rt(), msr::FP, what)
}
/// XX1 forms that name VSX.
fn x_load(b: &mut Block<'_>, w: Word, what: Load) -> bool {
    load(b, w, Form::X, w.xt(), msr::VSX, what)
}
fn x_store(b: &mut Block<'_>, w: Word, what: Store) -> bool {
    store(b, w, Form::X, w.xt(), msr::VSX, what)
}
/// Forms whose register names the facility.
fn by_register(vsr: usize) -> u64 {
    if vsr < 32 { msr::VSX } else { msr::VEC }
}

pub const ROWS: &[(&str, Emit)] = &[
    ("lfd", |b, w| fp_load(b, w, Form::D, Load::Double)),
    ("lfdu", |b, w| fp_load(b, w, Form::Du, Load::Double)),
    ("lfdx", |b, w| fp_load(b, w, Form::X, Load::Double)),
    ("lfdux", |b, w| fp_load(b, w, Form::Xu, Load::Double)),
    ("lfs", |b, w| fp_load(b, w, Form::D, Load::Single)),
    ("lfsu", |b, w| fp_load(b, w, Form::Du, Load::Single)),
    ("lfsx", |b, w| fp_load(b, w, Form::X, Load::Single)),
    ("lfsux", |b, w| fp_load(b, w, Form::Xu, Load::Single)),
    ("lfiwax", |b, w| fp_load(b, w, Form::X, Load::WordAlgebraic)),
    ("lfiwzx", |b, w| fp_load(b, w, Form::X, Load::Word)),
    ("stfd", |b, w| fp_store(b, w, Form::D, Store::Double)),
    ("stfdu", |b, w| fp_store(b, w, Form::Du, Store::Double)),
    ("stfdx", |b, w| fp_store(b, w, Form::X, Store::Double)),
    ("stfdux", |b, w| fp_store(b, w, Form::Xu, Store::Double)),
    ("stfs", |b, w| fp_store(b, w, Form::D, Store::Single)),
    ("stfsu", |b, w| fp_store(b, w, Form::Du, Store::Single)),
    ("stfsx", |b, w| fp_store(b, w, Form::X, Store::Single)),
    ("stfsux", |b, w| fp_store(b, w, Form::Xu, Store::Single)),
    ("stfiwx", |b, w| fp_store(b, w, Form::X, Store::Word)),
    ("lxv", |b, w| load(b, w, Form::Dq, w.xt_dq(), by_register(w.xt_dq()), Load::Quad)),
    ("lxvx", |b, w| load(b, w, Form::X, w.xt(), by_register(w.xt()), Load::Quad)),
    ("lxvwsx", |b, w| load(b, w, Form::X, w.xt(), by_register(w.xt()), Load::WordSplat)),
    ("lxsd", |b, w| load(b, w, Form::Ds, w.vrt() + 32, msr::VEC, Load::Double)),
    ("lxssp", |b, w| load(b, w, Form::Ds, w.vrt() + 32, msr::VEC, Load::Single)),
    ("lxvdsx", |b, w| x_load(b, w, Load::DoubleSplat)),
    ("lxvd2x", |b, w| x_load(b, w, Load::Doubles)),
    ("lxvw4x", |b, w| x_load(b, w, Load::Words)),
    ("lxsdx", |b, w| x_load(b, w, Load::Double)),
    ("lxsspx", |b, w| x_load(b, w, Load::Single)),
    ("lxsiwax", |b, w| x_load(b, w, Load::WordAlgebraic)),
    ("lxsiwzx", |b, w| x_load(b, w, Load::Word)),
    ("lxsibzx", |b, w| x_load(b, w, Load::Byte)),
    ("lxsihzx", |b, w| x_load(b, w, Load::Half)),
    ("stxv", |b, w| store(b, w, Form::Dq, w.xt_dq(), by_register(w.xt_dq()), Store::Quad)),
    ("stxvx", |b, w| store(b, w, Form::X, w.xt(), by_register(w.xt()), Store::Quad)),
    ("stxsd", |b, w| store(b, w, Form::Ds, w.vrt() + 32, msr::VEC, Store::Double)),
    ("stxssp", |b, w| store(b, w, Form::Ds, w.vrt() + 32, msr::VEC, Store::Single)),
    ("stxvd2x", |b, w| x_store(b, w, Store::Doubles)),
    ("stxvw4x", |b, w| x_store(b, w, Store::Words)),
    ("stxsdx", |b, w| x_store(b, w, Store::Double)),
    ("stxsspx", |b, w| x_store(b, w, Store::Single)),
    ("stxsiwx", |b, w| x_store(b, w, Store::Word)),
    ("stxsibx", |b, w| x_store(b, w, Store::Byte)),
    ("stxsihx", |b, w| x_store(b, w, Store::Half)),
    ("lvx", lvx),
    ("lvxl", lvx),
    ("stvx", stvx),
    ("stvxl", stvx),
    ("lvebx", |b, w| load_element(b, w, 1)),
    ("lvehx", |b, w| load_element(b, w, 2)),
    ("lvewx", |b, w| load_element(b, w, 4)),
    ("stvebx", |b, w| store_element(b, w, 1)),
    ("stvehx", |b, w| store_element(b, w, 2)),
    ("stvewx", |b, w| store_element(b, w, 4)),
    ("lvsl", |b, w| alignment(b, w, false)),
    ("lvsr", |b, w| alignment(b, w, true)),
];

fn load(b: &mut Block<'_>, w: Word, form: Form, vsr: usize, facility: u64, what: Load) -> bool {
    let mut holes: Vec<Hole> = b.facility(facility).into_iter().collect();
    let kept = ldst::address(b, w, form);
    let len = match what {
        Load::Byte => 1,
        Load::Half => 2,
        Load::Single | Load::Word | Load::WordAlgebraic | Load::WordSplat => 4,
        Load::Double | Load::DoubleSplat => 8,
        Load::Quad | Load::Doubles | Load::Words => 16,
    };
    holes.push(ldst::probe(b, len, ldst::READS));
    let (asm, from) = (&mut *b.asm, at(Reg::RAX, 0));
    match what {
        Load::Double | Load::DoubleSplat => asm.xmm_load64(VALUE, from),
        Load::Word | Load::WordSplat => asm.xmm_load32(VALUE, from),
        Load::Quad | Load::Doubles | Load::Words => asm.xmm_load(VALUE, from),
        Load::Byte => asm.load8z(Reg::RAX, from),
        Load::Half => asm.load16z(Reg::RAX, from),
        Load::WordAlgebraic => asm.load32s(Reg::RAX, from),
        Load::Single => {
            // The host's conversion is exact, but makes NaNs quiet.
            asm.load(Size::W, Reg::RCX, from);
            asm.alu(Alu::Add, Size::W, Reg::RCX, Reg::RCX);
            asm.alu_imm(Alu::Cmp, Size::W, Reg::RCX, 0xFF00_0000_u32 as i32);
            holes.push(asm.jcc_hole(Cond::Above));
            asm.xmm_zero(VALUE);
            asm.xmm_load_single(VALUE, from);
        }
    }
    match what {
        Load::Byte | Load::Half | Load::WordAlgebraic => asm.xmm_from(VALUE, Reg::RAX),
        Load::Doubles => asm.xmm_words(VALUE, VALUE, HALVES_SWAPPED),
        Load::Words => asm.xmm_words(VALUE, VALUE, WORDS_REVERSED),
        Load::DoubleSplat => asm.xmm_words(VALUE, VALUE, LOW_HALF_TWICE),
        Load::WordSplat => asm.xmm_words(VALUE, VALUE, LOW_WORD_EVERYWHERE),
        Load::Double | Load::Single | Load::Word | Load::Quad => {}
    }
    if len <= 8 && !matches!(what, Load::DoubleSplat | Load::WordSplat) {
        asm.xmm_to_high(VALUE);
    }
    asm.xmm_store(cpu(field::vsr(vsr)), VALUE);
    if let Some(kept) = kept {
        b.set(w.ra(), kept);
    }
    b.unless(holes, true);
    true
}

fn store(b: &mut Block<'_>, w: Word, form: Form, vsr: usize, facility: u64, what: Store) -> bool {
    let mut holes: Vec<Hole> = b.facility(facility).into_iter().collect();
    let kept = ldst::address(b, w, form);
    let len = match what {
        Store::Byte => 1,
        Store::Half => 2,
        Store::Single | Store::Word => 4,
        Store::Double => 8,
        Store::Quad | Store::Doubles | Store::Words => 16,
    };
    ldst::writable(b, len, &mut holes);
    let (asm, to) = (&mut *b.asm, at(Reg::RAX, 0));
    // The high half is what scalars are in.
    let (register, scalar) = (cpu(field::vsr(vsr)), cpu(field::vsr(vsr) + 8));
    match what {
        Store::Quad | Store::Doubles | Store::Words => asm.xmm_load(VALUE, register),
        Store::Double | Store::Single => asm.load(Size::Q, Reg::RCX, scalar),
        Store::Byte | Store::Half | Store::Word => asm.load(Size::W, Reg::RCX, scalar),
    }
    match what {
        Store::Quad => asm.xmm_store(to, VALUE),
        Store::Doubles | Store::Words => {
            let order = if matches!(what, Store::Doubles) { HALVES_SWAPPED } else { WORDS_REVERSED };
            asm.xmm_words(VALUE, VALUE, order);
            asm.xmm_store(to, VALUE);
        }
        Store::Double => asm.store(Size::Q, to, Reg::RCX),
        Store::Word => asm.store(Size::W, to, Reg::RCX),
        Store::Half => asm.store16(to, Reg::RCX),
        Store::Byte => asm.store8(to, Reg::RCX),
        Store::Single => {
            holes.push(single(b));
            b.asm.store(Size::W, to, Reg::RCX);
        }
    }
    if let Some(kept) = kept {
        b.set(w.ra(), kept);
    }
    b.unless(holes, true);
    true
}

/// ECX = SINGLE(RCX) (Book I 4.6.3); RDX is used. The hole is taken if the
/// double is less than any normal single, and not zero.
fn single(b: &mut Block<'_>) -> Hole {
    /// The bits that a single keeps: the first two, and 30 from bit 5 on.
    const KEPT: u64 = 0xC7FF_FFFF_E000_0000;
    let asm = &mut *b.asm;
    asm.mov(Size::Q, Reg::RDX, Reg::RCX);
    asm.alu(Alu::Add, Size::Q, Reg::RDX, Reg::RDX);
    let zero = asm.jcc_hole(Cond::Equal);
    asm.shift(Shift::Shr, Size::Q, Reg::RDX, 53);
    asm.alu_imm(Alu::Cmp, Size::W, Reg::RDX, 896);
    let denormal = asm.jcc_hole(Cond::BelowEqual);
    asm.fill(zero);
    asm.mov_imm(Reg::RDX, KEPT);
    asm.pext(Reg::RCX, Reg::RCX, Reg::RDX);
    denormal
}

/// RAX = the address of the block of `size` bytes, a power of two, that the
/// instruction's X-form address lies in.
fn block_address(b: &mut Block<'_>, w: Word, size: i32) {
    ldst::address(b, w, Form::X);
    if size > 1 {
        b.asm.alu_imm(Alu::And, Size::Q, Reg::RAX, -size);
    }
}

fn lvx(b: &mut Block<'_>, w: Word) -> bool {
    let mut holes: Vec<Hole> = b.facility(msr::VEC).into_iter().collect();
    block_address(b, w, 16);
    holes.push(ldst::probe(b, 1, ldst::READS));
    b.asm.xmm_load(VALUE, at(Reg::RAX, 0));
    b.asm.xmm_store(cpu(field::vsr(32 + w.vrt())), VALUE);
    b.unless(holes, true);
    true
}
fn stvx(b: &mut Block<'_>, w: Word) -> bool {
    let mut holes: Vec<Hole> = b.facility(msr::VEC).into_iter().collect();
    block_address(b, w, 16);
    ldst::writable(b, 1, &mut holes);
    b.asm.xmm_load(VALUE, cpu(field::vsr(32 + w.vrt())));
    b.asm.xmm_store(at(Reg::RAX, 0), VALUE);
    b.unless(holes, true);
    true
}

/// RDX = the byte of the VR, from its low end, at which the element at the
/// real address RAX is: in little-endian mode the address modulo 16.
fn element(b: &mut Block<'_>) {
    b.asm.mov(Size::W, Reg::RDX, Reg::RAX);
    b.asm.alu_imm(Alu::And, Size::W, Reg::RDX, 15);
    b.asm.alu(Alu::Add, Size::Q, Reg::RDX, Reg::RBX);
}
fn load_element(b: &mut Block<'_>, w: Word, size: i32) -> bool {
    let mut holes: Vec<Hole> = b.facility(msr::VEC).into_iter().collect();
    block_address(b, w, size);
    holes.push(ldst::probe(b, 1, ldst::READS));
    element(b);
    let (from, to) = (at(Reg::RAX, 0), at(Reg::RDX, field::vsr(32 + w.vrt())));
    match size {
        1 => b.asm.load8z(Reg::RCX, from),
        2 => b.asm.load16z(Reg::RCX, from),
        _ => b.asm.load(Size::W, Reg::RCX, from),
    }
    store_small(b, size, to);
    b.unless(holes, true);
    true
}
fn store_element(b: &mut Block<'_>, w: Word, size: i32) -> bool {
    let mut holes: Vec<Hole> = b.facility(msr::VEC).into_iter().collect();
    block_address(b, w, size);
    ldst::writable(b, 1, &mut holes);
    element(b);
    let (from, to) = (at(Reg::RDX, field::vsr(32 + w.vrt())), at(Reg::RAX, 0));
    match size {
        1 => b.asm.load8z(Reg::RCX, from),
        2 => b.asm.load16z(Reg::RCX, from),
        _ => b.asm.load(Size::W, Reg::RCX, from),
    }
    store_small(b, size, to);
    b.unless(holes, true);
    true
}
/// `size` bytes at `to` = RCX.
fn store_small(b: &mut Block<'_>, size: i32, to: crate::asm::Mem) {
    match size {
        1 => b.asm.store8(to, Reg::RCX),
        2 => b.asm.store16(to, Reg::RCX),
        _ => b.asm.store(Size::W, to, Reg::RCX),
    }
}

/// lvsl: bytes sh, sh+1, ...; lvsr: 16-sh, 17-sh, ...
fn alignment(b: &mut Block<'_>, w: Word, right: bool) -> bool {
    const COUNTING: [u64; 2] = [0x0001_0203_0405_0607, 0x0809_0A0B_0C0D_0E0F];
    const ONES: u64 = 0x0101_0101_0101_0101;
    let holes: Vec<Hole> = b.facility(msr::VEC).into_iter().collect();
    ldst::address(b, w, Form::X);
    let asm = &mut *b.asm;
    asm.alu_imm(Alu::And, Size::W, Reg::RAX, 15);
    if right {
        asm.neg(Size::Q, Reg::RAX);
        asm.alu_imm(Alu::Add, Size::Q, Reg::RAX, 16);
    }
    asm.mov_imm(Reg::RCX, ONES);
    asm.imul(Size::Q, Reg::RAX, Reg::RCX);
    for (half, xmm) in COUNTING.into_iter().zip([OTHER, VALUE]) {
        asm.mov_imm(Reg::RCX, half);
        asm.alu(Alu::Add, Size::Q, Reg::RCX, Reg::RAX);
        asm.xmm_from(xmm, Reg::RCX);
    }
    asm.xmm_join(VALUE, OTHER);
    asm.xmm_store(cpu(field::vsr(32 + w.vrt())), VALUE);
    b.unless(holes, true);
    true
}
