//! Loads and stores: the view of the micro TLB is probed inline; what it does
//! not know, and every store that needs a look, is the interpreter's.

use super::flow::Straddle;
use super::share::{Access, Kind, Role};
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Hole, Mem, Reg, Shift, Size, at, indexed};
use crate::frame::{field, place};
use crate::stubs::{cpu, frame};
use cpu::mmu::MicroTlb;
use fabric::memory::{PAGE_SHIFT, WRITABLE};
use isa::Word;

/// The views, from the first.
pub const READS: i32 = 0;
const WRITES: i32 = (MicroTlb::ENTRIES * 16) as i32;

/// How the effective address is made; `u`: RA takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    D,
    Ds,
    Dq,
    X,
    Du,
    Dsu,
    Xu,
}
use Form::*;

/// What is loaded: bytes, then how it is extended.
#[derive(Clone, Copy)]
enum Load {
    B,
    H,
    Ha,
    W,
    Wa,
    D,
    Hbr,
    Wbr,
    Dbr,
}

pub const ROWS: &[(&str, Emit)] = &[
    ("lbz", |b, w| load(b, w, D, Load::B)),
    ("lbzu", |b, w| load(b, w, Du, Load::B)),
    ("lbzx", |b, w| load(b, w, X, Load::B)),
    ("lbzux", |b, w| load(b, w, Xu, Load::B)),
    ("lhz", |b, w| load(b, w, D, Load::H)),
    ("lhzu", |b, w| load(b, w, Du, Load::H)),
    ("lhzx", |b, w| load(b, w, X, Load::H)),
    ("lhzux", |b, w| load(b, w, Xu, Load::H)),
    ("lha", |b, w| load(b, w, D, Load::Ha)),
    ("lhau", |b, w| load(b, w, Du, Load::Ha)),
    ("lhax", |b, w| load(b, w, X, Load::Ha)),
    ("lhaux", |b, w| load(b, w, Xu, Load::Ha)),
    ("lwz", |b, w| load(b, w, D, Load::W)),
    ("lwzu", |b, w| load(b, w, Du, Load::W)),
    ("lwzx", |b, w| load(b, w, X, Load::W)),
    ("lwzux", |b, w| load(b, w, Xu, Load::W)),
    ("lwa", |b, w| load(b, w, Ds, Load::Wa)),
    ("lwax", |b, w| load(b, w, X, Load::Wa)),
    ("lwaux", |b, w| load(b, w, Xu, Load::Wa)),
    ("ld", |b, w| load(b, w, Ds, Load::D)),
    ("ldu", |b, w| load(b, w, Dsu, Load::D)),
    ("ldx", |b, w| load(b, w, X, Load::D)),
    ("ldux", |b, w| load(b, w, Xu, Load::D)),
    ("lhbrx", |b, w| load(b, w, X, Load::Hbr)),
    ("lwbrx", |b, w| load(b, w, X, Load::Wbr)),
    ("ldbrx", |b, w| load(b, w, X, Load::Dbr)),
    ("stb", |b, w| store(b, w, D, 1)),
    ("stbu", |b, w| store(b, w, Du, 1)),
    ("stbx", |b, w| store(b, w, X, 1)),
    ("stbux", |b, w| store(b, w, Xu, 1)),
    ("sth", |b, w| store(b, w, D, 2)),
    ("sthu", |b, w| store(b, w, Du, 2)),
    ("sthx", |b, w| store(b, w, X, 2)),
    ("sthux", |b, w| store(b, w, Xu, 2)),
    ("stw", |b, w| store(b, w, D, 4)),
    ("stwu", |b, w| store(b, w, Du, 4)),
    ("stwx", |b, w| store(b, w, X, 4)),
    ("stwux", |b, w| store(b, w, Xu, 4)),
    ("std", |b, w| store(b, w, Ds, 8)),
    ("stdu", |b, w| store(b, w, Dsu, 8)),
    ("stdx", |b, w| store(b, w, X, 8)),
    ("stdux", |b, w| store(b, w, Xu, 8)),
    // No effect on this machine, see `cpu::exec::ldst`.
    ("dcbt", |_, _| true),
    ("dcbtst", |_, _| true),
    ("eieio", |_, _| true),
    ("sync", |_, _| true),
];

/// The displacement of a form that has one.
fn displacement(w: Word, form: Form) -> Option<i32> {
    match form {
        D | Du => Some(w.si() as i32),
        Ds | Dsu => Some(w.ds() as i32),
        Dq => Some(w.dq() as i32),
        X | Xu => None,
    }
}
/// Whether RA takes the address.
fn updates(form: Form) -> bool {
    matches!(form, Du | Dsu | Xu)
}

/// RAX = the effective address; for update forms also in the register that
/// is returned, which RA is to get.
pub fn address(b: &mut Block<'_>, w: Word, form: Form) -> Option<Reg> {
    let update = updates(form);
    let base = (update || w.ra() != 0).then(|| b.get(w.ra()));
    match (displacement(w, form), base) {
        (Some(displacement), Some(base)) => b.asm.lea(Reg::RAX, at(base, displacement)),
        (Some(displacement), None) => b.asm.mov_imm(Reg::RAX, displacement as i64 as u64),
        (None, base) => {
            let index = b.get(w.rb());
            match base {
                Some(base) => b.asm.lea(Reg::RAX, indexed(base, index, 0)),
                None => b.asm.mov(Size::Q, Reg::RAX, index),
            }
        }
    }
    keep(b, update)
}
fn keep(b: &mut Block<'_>, update: bool) -> Option<Reg> {
    update.then(|| {
        let kept = b.spare();
        b.asm.mov(Size::Q, kept, Reg::RAX);
        kept
    })
}

/// RAX, an effective address, becomes one of the host if all `len` bytes lie
/// in one page that the view knows; else the hole is taken.
pub fn probe(b: &mut Block<'_>, len: i32, view: i32) -> Hole {
    probe_all(b, 0, len, view)
}
/// The same for bytes `from` to `to` (exclusive), counted from the address.
fn probe_all(b: &mut Block<'_>, from: i32, to: i32, view: i32) -> Hole {
    let miss = probe_at(b, Reg::RAX, from, to, view);
    b.asm.alu_load(Alu::Add, Size::Q, Reg::RAX, entry(view + 8));
    miss
}
/// Of the entry that RCX leads to.
fn entry(at: i32) -> Mem {
    indexed(Reg::RBX, Reg::RCX, field::DATA_VIEW + at)
}
/// RCX leads to the entry of effective address `ea`; RAX stays.
fn probe_at(b: &mut Block<'_>, ea: Reg, from: i32, to: i32, view: i32) -> Hole {
    let (asm, shift) = (&mut *b.asm, b.view_shift);
    if from == 0 {
        asm.rorx(Size::W, Reg::RCX, ea, shift - 4);
    } else {
        asm.lea(Reg::RCX, at(ea, from));
        asm.rorx(Size::W, Reg::RCX, Reg::RCX, shift - 4);
    }
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, ((MicroTlb::ENTRIES - 1) << 4) as i32);
    // The tag of the last byte: another one if the bytes cross the page.
    asm.lea(Reg::RDX, at(ea, to - 1));
    asm.alu_imm(Alu::And, Size::Q, Reg::RDX, -1 << shift);
    asm.alu_load(Alu::Or, Size::Q, Reg::RDX, cpu(field::DATA_CONTEXT));
    asm.alu_load(Alu::Cmp, Size::Q, Reg::RDX, entry(view));
    asm.jcc_hole(Cond::NotEqual)
}
/// The same for `len` bytes, a power of two that divides `ea`, else the first hole is taken.
pub fn probe_aligned(b: &mut Block<'_>, ea: Reg, len: i32, view: i32, holes: &mut Vec<Hole>) {
    if len > 1 {
        // Not to be had from the tag's compare: with bits of the address in it, it may be that of another context.
        b.asm.test_imm(ea, len as u32 - 1);
        holes.push(b.asm.jcc_hole(Cond::NotEqual));
    }
    holes.push(probe_at(b, ea, 0, 1, view));
}
/// `address` = where effective address `ea` is in the host, by the entry that RCX leads to.
pub fn to_host(b: &mut Block<'_>, address: Reg, ea: Reg, view: i32) {
    if address == ea {
        return b.asm.alu_load(Alu::Add, Size::Q, ea, entry(view + 8));
    }
    b.asm.load(Size::Q, Reg::RAX, entry(view + 8));
    b.asm.lea(address, indexed(Reg::RAX, ea, 0));
}
/// The effective address of an instruction in a register of the pool, if that
/// takes no more than in RAX; RA is to get what an update form leaves there.
fn address_in_place(b: &mut Block<'_>, w: Word, form: Form) -> Option<Reg> {
    if updates(form) {
        let base = b.get(w.ra());
        let index = (form == Xu).then(|| b.get(w.rb()));
        let kept = b.spare();
        match index {
            Some(index) => b.asm.lea(kept, indexed(base, index, 0)),
            None => b.asm.lea(kept, at(base, displacement(w, form)?)),
        }
        return Some(kept);
    }
    (w.ra() != 0 && displacement(w, form) == Some(0)).then(|| b.get(w.ra()))
}

/// What `b` says of the probe of an access by base and displacement.
fn role(b: &mut Block<'_>, w: Word, form: Form, len: i32, store: bool) -> Role {
    let Some(displacement) = displacement(w, form) else { return Role::Alone };
    if updates(form) {
        b.derives(w.ra(), w.ra(), displacement);
    } else if w.ra() == 0 {
        return Role::Alone;
    }
    let kind = if store { Kind::Store } else { Kind::Load };
    b.role(Access { base: Some(w.ra()), displacement, len, kind })
}
/// Where the bytes of an access are whose probe another one made; with the
/// register that RA is to get.
fn again(b: &mut Block<'_>, w: Word, form: Form, number: usize, plus: i32) -> (Mem, Option<Reg>) {
    let kept = updates(form).then(|| {
        let (base, kept) = (b.get(w.ra()), b.spare());
        b.asm.lea(kept, at(base, displacement(w, form).unwrap_or(0)));
        kept
    });
    (at(b.get(number), plus), kept)
}
/// The address in RAX is kept for others.
fn keep_address(b: &mut Block<'_>, number: usize) {
    let kept = b.spare();
    b.asm.mov(Size::Q, kept, Reg::RAX);
    b.set(number, kept);
}

/// Where `len` bytes to be loaded are in the host, with the register that RA
/// is to get.
pub fn source(b: &mut Block<'_>, w: Word, form: Form, len: i32, holes: &mut Vec<Hole>) -> (Mem, Option<Reg>) {
    let role = role(b, w, form, len, false);
    if let Role::Again { number, at } = role {
        return again(b, w, form, number, at);
    }
    if role == Role::Alone
        && let Some(ea) = address_in_place(b, w, form)
    {
        holes.push(probe_at(b, ea, 0, len, READS));
        b.asm.load(Size::Q, Reg::RAX, entry(READS + 8));
        return (indexed(Reg::RAX, ea, 0), updates(form).then_some(ea));
    }
    let kept = address(b, w, form);
    match role {
        Role::First { number, from, to } => {
            holes.push(probe_all(b, from, to, READS));
            keep_address(b, number);
        }
        _ => holes.push(probe(b, len, READS)),
    }
    (at(Reg::RAX, 0), kept)
}
/// The same for a store.
pub fn target(b: &mut Block<'_>, w: Word, form: Form, len: i32, holes: &mut Vec<Hole>) -> (Mem, Option<Reg>) {
    let role = role(b, w, form, len, true);
    if let Role::Again { number, at } = role {
        return again(b, w, form, number, at);
    }
    let kept = address(b, w, form);
    match role {
        Role::First { number, from, to } => {
            holes.push(probe_all(b, from, to, WRITES));
            clean(b, Reg::RAX, from, holes);
            // Fewer bytes than two pages have: if both ends may be stored to, all may.
            clean(b, Reg::RAX, to - 1, holes);
            keep_address(b, number);
        }
        _ => writable(b, len, holes),
    }
    (at(Reg::RAX, 0), kept)
}

fn load(b: &mut Block<'_>, w: Word, form: Form, what: Load) -> bool {
    let len = match what {
        Load::B => 1,
        Load::H | Load::Ha | Load::Hbr => 2,
        Load::W | Load::Wa | Load::Wbr => 4,
        Load::D | Load::Dbr => 8,
    };
    let mut holes = vec![];
    let (from, kept) = source(b, w, form, len, &mut holes);
    let d = b.fresh(w.rt());
    match what {
        Load::B => b.asm.load8z(d, from),
        Load::H => b.asm.load16z(d, from),
        Load::Ha => b.asm.load16s(d, from),
        Load::W => b.asm.load(Size::W, d, from),
        Load::Wa => b.asm.load32s(d, from),
        Load::D => b.asm.load(Size::Q, d, from),
        Load::Hbr => {
            b.asm.load16z(d, from);
            b.asm.bswap(Size::W, d);
            b.asm.shift(Shift::Shr, Size::W, d, 16);
        }
        Load::Wbr => {
            b.asm.load(Size::W, d, from);
            b.asm.bswap(Size::W, d);
        }
        Load::Dbr => {
            b.asm.load(Size::Q, d, from);
            b.asm.bswap(Size::Q, d);
        }
    }
    b.set(w.rt(), d);
    if let Some(kept) = kept {
        b.set(w.ra(), kept);
    }
    b.unless(holes, true);
    true
}

/// RAX, an effective address, becomes one of the host to which `len` bytes may be
/// stored without a look at the page.
pub fn writable(b: &mut Block<'_>, len: i32, holes: &mut Vec<Hole>) {
    // An aligned store is within one page of the flags; others are asked in cold code.
    if len > 1 {
        b.asm.test_imm(Reg::RAX, len as u32 - 1);
        let hole = b.asm.jcc_hole(Cond::NotEqual);
        let back = b.asm.here();
        b.straddles = Some(Straddle { hole, back, len });
    }
    holes.push(probe(b, 1, WRITES));
    clean(b, Reg::RAX, 0, holes);
}
/// `address` = where effective address `ea` is in the host, if `len`, a power of two, divides it and
/// so many bytes may be stored there without a look at the page. `ea` may be `address`.
pub fn writable_aligned(b: &mut Block<'_>, ea: Reg, address: Reg, len: i32, holes: &mut Vec<Hole>) {
    probe_aligned(b, ea, len, WRITES, holes);
    to_host(b, address, ea, WRITES);
    clean(b, address, 0, holes);
}
/// A hole that is taken unless the page of host address `address` plus `plus` may be
/// stored to without a look.
fn clean(b: &mut Block<'_>, address: Reg, plus: i32, holes: &mut Vec<Hole>) {
    b.asm.lea(Reg::RCX, at(address, plus));
    b.asm.shift(Shift::Shr, Size::Q, Reg::RCX, PAGE_SHIFT);
    b.asm.alu_load(Alu::Add, Size::Q, Reg::RCX, frame(place::FLAGS));
    b.asm.cmp8_mem_imm(at(Reg::RCX, 0), WRITABLE);
    holes.push(b.asm.jcc_hole(Cond::NotEqual));
}

/// Stores the low `len` bytes of `s`.
pub fn put(b: &mut Block<'_>, to: Mem, s: Reg, len: i32) {
    match len {
        1 => b.asm.store8(to, s),
        2 => b.asm.store16(to, s),
        4 => b.asm.store(Size::W, to, s),
        _ => b.asm.store(Size::Q, to, s),
    }
}
fn store(b: &mut Block<'_>, w: Word, form: Form, len: i32) -> bool {
    let s = b.get(w.rs());
    let mut holes = vec![];
    let (to, kept) = target(b, w, form, len, &mut holes);
    put(b, to, s, len);
    if let Some(kept) = kept {
        b.set(w.ra(), kept);
    }
    b.unless(holes, true);
    true
}
