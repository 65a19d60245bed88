//! Load and reserve, store conditional, isync, dcbz and the cache operations
//! that look at a translation alone.

use super::ldst::{self, Form};
use super::share::{Access, Kind, Role};
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Reg, Size, at};
use crate::frame::{field, place};
use crate::stubs::{cpu, frame};
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

/// The access of a larx or stcx. to the scan for probes that are shared.
fn access(w: Word, len: i32, kind: Kind) -> Access {
    Access { base: (w.ra() == 0).then(|| w.rb()), displacement: 0, len, kind }
}

/// The reservation is for `len` bytes at host address `address`. RDX is lost.
fn reserve(b: &mut Block<'_>, address: Reg, len: i32) {
    b.asm.mov(Size::Q, Reg::RDX, address);
    b.asm.alu_load(Alu::Sub, Size::Q, Reg::RDX, frame(place::MEMORY));
    b.asm.store(Size::Q, cpu(field::RESERVED_RA), Reg::RDX);
    b.asm.store_imm64(cpu(field::RESERVED_LEN), len);
}

fn load_reserve(b: &mut Block<'_>, w: Word, len: i32) -> bool {
    let role = b.role(access(w, len, Kind::Reserve));
    let mut holes = vec![];
    let mut kept = None;
    let address = if let Role::Reserve { number, observed } = role {
        let (ea, address) = (b.get(w.rb()), b.spare());
        ldst::writable_aligned(b, ea, address, len, &mut holes);
        if observed {
            reserve(b, address, len);
        }
        kept = Some(number);
        address
    } else {
        ldst::address(b, w, Form::X);
        ldst::probe_aligned(b, Reg::RAX, len, ldst::READS, &mut holes);
        ldst::to_host(b, Reg::RAX, Reg::RAX, ldst::READS);
        reserve(b, Reg::RAX, len);
        Reg::RAX
    };
    let d = b.fresh(w.rt());
    let from = at(address, 0);
    match len {
        1 => b.asm.load8z(d, from),
        2 => b.asm.load16z(d, from),
        4 => b.asm.load(Size::W, d, from),
        _ => b.asm.load(Size::Q, d, from),
    }
    b.set(w.rt(), d);
    if let Some(number) = kept {
        b.set(number, address);
    }
    b.unless(holes, true);
    true
}

/// CR0 = 0, 0, stored, SO.
fn store_conditional(b: &mut Block<'_>, w: Word, len: i32) -> bool {
    let s = b.get(w.rs());
    if let Role::Again { number, .. } = b.role(access(w, len, Kind::Conditional)) {
        // The larx of this block reserved it, and nothing can have happened since.
        let to = at(b.get(number), 0);
        ldst::put(b, to, s, len);
        b.asm.store_imm64(cpu(field::RESERVED_LEN), 0);
        b.always_equal(0, s);
        return true;
    }
    ldst::address(b, w, Form::X);
    let mut holes = vec![];
    ldst::writable_aligned(b, Reg::RAX, Reg::RAX, len, &mut holes);
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
    ldst::put(b, at(Reg::RAX, 0), s, len);
    let asm = &mut *b.asm;
    let stored = asm.jmp_hole();
    asm.fill(other_size);
    asm.fill(other_place);
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, 1);
    asm.fill(stored);
    asm.store8(frame(place::CR), Reg::RCX);
    b.sets_cr(0);
    b.unless(holes, false);
    true
}

/// The run loop would look: for interrupts, of which none can be pending that
/// was not before, and for the page through the fetch view. So only that is
/// left to do, once until a function is called, which may change the view: every
/// jump to another page asks it.
fn isync(b: &mut Block<'_>, _: Word) -> bool {
    b.ask();
    true
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
