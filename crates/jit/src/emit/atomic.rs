//! Load and reserve, store conditional, isync, dcbz and the cache operations
//! that look at a translation alone.

use super::ldst::{self, Form};
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Hole, Reg, Size, at};
use crate::frame::{field, place};
use crate::stubs::{cpu, frame, probe_fetch};
use crate::xmm::Xmm;
use isa::Word;

pub const ROWS: &[(&str, Emit)] = &[
    ("lbarx", |b, w| load_reserve(b, w, 1)),
    ("lharx", |b, w| load_reserve(b, w, 2)),
    ("lwarx", |b, w| load_reserve(b, w, 4)),
    ("ldarx", |b, w| load_reserve(b, w, 8)),
    ("stbcx", |b, w| store_conditional(b, w, 1)),
    ("sthcx", |b, w| store_conditional(b, w, 2)),
    ("stwcx", |b, w| store_conditional(b, w, 4)),
    ("stdcx", |b, w| store_conditional(b, w, 8)),
    ("isync", isync),
    ("dcbz", dcbz),
    ("dcbst", touch),
    ("dcbf", touch),
    ("icbi", touch),
];

/// Bytes that dcbz clears.
const BLOCK: i32 = 128;

fn load_reserve(b: &mut Block<'_>, w: Word, len: i32) -> bool {
    ldst::address(b, w, Form::X);
    let mut holes = vec![];
    ldst::aligned(b, len, &mut holes);
    holes.push(ldst::probe(b, 1, ldst::READS));
    b.asm.mov(Size::Q, Reg::RDX, Reg::RAX);
    b.asm.alu_load(Alu::Sub, Size::Q, Reg::RDX, frame(place::MEMORY));
    b.asm.store(Size::Q, cpu(field::RESERVED_RA), Reg::RDX);
    b.asm.store_imm64(cpu(field::RESERVED_LEN), len);
    let d = b.fresh(w.rt());
    let from = at(Reg::RAX, 0);
    match len {
        1 => b.asm.load8z(d, from),
        2 => b.asm.load16z(d, from),
        4 => b.asm.load(Size::W, d, from),
        _ => b.asm.load(Size::Q, d, from),
    }
    b.set(w.rt(), d);
    b.unless(holes, true);
    true
}

/// CR0 = 0, 0, stored, SO.
fn store_conditional(b: &mut Block<'_>, w: Word, len: i32) -> bool {
    let s = b.get(w.rs());
    ldst::address(b, w, Form::X);
    let mut holes = vec![];
    ldst::aligned(b, len, &mut holes);
    ldst::writable(b, 1, &mut holes);
    let asm = &mut *b.asm;
    asm.load(Size::Q, Reg::RDX, cpu(field::RESERVED_LEN));
    asm.store_imm64(cpu(field::RESERVED_LEN), 0);
    asm.load(Size::W, Reg::RCX, frame(place::EQUAL));
    asm.alu_imm(Alu::Cmp, Size::Q, Reg::RDX, len);
    let other_size = asm.jcc_hole(Cond::NotEqual);
    asm.mov(Size::Q, Reg::RDX, Reg::RAX);
    asm.alu_load(Alu::Sub, Size::Q, Reg::RDX, frame(place::MEMORY));
    asm.alu_load(Alu::Cmp, Size::Q, Reg::RDX, cpu(field::RESERVED_RA));
    let other_place = asm.jcc_hole(Cond::NotEqual);
    let to = at(Reg::RAX, 0);
    match len {
        1 => asm.store8(to, s),
        2 => asm.store16(to, s),
        4 => asm.store(Size::W, to, s),
        _ => asm.store(Size::Q, to, s),
    }
    let stored = asm.jmp_hole();
    asm.fill(other_size);
    asm.fill(other_place);
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, 1);
    asm.fill(stored);
    asm.store8(frame(place::CR), Reg::RCX);
    b.unless(holes, false);
    true
}

/// The run loop would look: for interrupts, of which none can be pending that
/// was not before, and for the page through the fetch view. So only that is
/// left to do; a view that does not know this page leads to the run loop.
fn isync(b: &mut Block<'_>, _: Word) -> bool {
    let holes = b.unknown_page();
    b.refetch_if(holes);
    true
}

impl Block<'_> {
    /// Holes that are taken unless the fetch view leads to this page.
    pub(super) fn unknown_page(&mut self) -> [Hole; 2] {
        let asm = &mut *self.asm;
        probe_fetch(asm, Reg::R13);
        let unknown = asm.jcc_hole(Cond::NotEqual);
        asm.load(Size::W, Reg::RAX, frame(place::PAGE));
        asm.alu_load(Alu::Cmp, Size::W, Reg::RAX, at(Reg::RCX, 8));
        [unknown, asm.jcc_hole(Cond::NotEqual)]
    }
}

fn dcbz(b: &mut Block<'_>, w: Word) -> bool {
    ldst::address(b, w, Form::X);
    b.asm.alu_imm(Alu::And, Size::Q, Reg::RAX, -BLOCK);
    let mut holes = vec![];
    ldst::writable(b, 1, &mut holes);
    b.asm.xmm_zero(Xmm(0));
    for i in 0..BLOCK / 16 {
        b.asm.xmm_store(at(Reg::RAX, 16 * i), Xmm(0));
    }
    b.unless(holes, true);
    true
}

/// Translated as a load, which has no effect if the view knows the page.
fn touch(b: &mut Block<'_>, w: Word) -> bool {
    ldst::address(b, w, Form::X);
    let miss = ldst::probe(b, 1, ldst::READS);
    b.unless(vec![miss], true);
    true
}
