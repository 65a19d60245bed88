//! System calls, and returns from them and from interrupts: they change the
//! MSR, and control goes on where the fetch view says.
//!
//! Each is its function in `cpu::exec::system` and what the run loop does
//! behind it, for the usual case: little-endian, relocation on, no single
//! step, nothing pending. The interpreter's function does all others.

use super::regs::{CTR, LR, Operand, home};
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Hole, Reg, Size, at};
use crate::frame::{field, place};
use crate::stubs::{cpu, frame};
use cpu::interrupt::{RFID_MASK, vector};
use cpu::msr;
use cpu::spr::Sprs;
use fabric::bits::{b64, b64s};
use isa::Word;
use std::mem::offset_of;

pub const ROWS: &[(&str, Emit)] = &[
    ("sc", |b, _| system_call(b)),
    ("scv", |b, w| system_call_vectored(b, w)),
    ("rfid", |b, _| go_back(b, spr(offset_of!(Sprs, srr0)), spr(offset_of!(Sprs, srr1)))),
    ("hrfid", |b, _| go_back(b, spr(offset_of!(Sprs, hsrr0)), spr(offset_of!(Sprs, hsrr1)))),
    ("rfscv", |b, _| {
        let (address, saved) = (b.get(LR), b.get(CTR));
        go_back(b, Operand::Reg(address), Operand::Reg(saved))
    }),
];

fn spr(offset: usize) -> Operand {
    Operand::Mem(cpu(field::spr(offset)))
}
fn load(b: &mut Block<'_>, d: Reg, from: Operand) {
    match from {
        Operand::Reg(s) => b.asm.mov(Size::Q, d, s),
        Operand::Mem(m) => b.asm.load(Size::Q, d, m),
    }
}

/// LPCR[AIL].
const AIL: u64 = b64s(39, 40);
/// FSCR[SCV].
const SCV: u64 = 1 << 12;
/// The single-step bit of MSR[TE].
const SE: u64 = b64(53);
/// No page of code begins there.
const NOWHERE: u64 = 1;
/// MSR bits that say where interrupts go and what they find.
const RELOCATED: u64 = msr::IR | msr::DR;

/// Holes that are taken unless interrupts go to the relocated vectors, in
/// little-endian mode. RAX = MSR.
fn relocated(b: &mut Block<'_>) -> Vec<Hole> {
    let asm = &mut *b.asm;
    asm.load(Size::W, Reg::RCX, cpu(field::spr(offset_of!(Sprs, lpcr))));
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, AIL as i32);
    asm.alu_imm(Alu::Cmp, Size::W, Reg::RCX, AIL as i32);
    let not_ail = asm.jcc_hole(Cond::NotEqual);
    asm.cmp8_mem_imm(cpu(field::HILE), 0);
    let big_endian = asm.jcc_hole(Cond::Equal);
    asm.load(Size::Q, Reg::RAX, cpu(field::MSR));
    asm.mov(Size::W, Reg::RCX, Reg::RAX);
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, RELOCATED as i32);
    asm.alu_imm(Alu::Cmp, Size::W, Reg::RCX, RELOCATED as i32);
    vec![not_ail, big_endian, asm.jcc_hole(Cond::NotEqual)]
}

/// The MSR of the handler from that in RAX, of which it keeps `kept`; then
/// control goes to `target`.
fn enter(b: &mut Block<'_>, kept: u64, target: u64) {
    b.asm.alu_imm(Alu::And, Size::W, Reg::RAX, kept as i32);
    b.asm.mov_imm(Reg::RCX, msr::SF | msr::HV | msr::LE | RELOCATED);
    b.asm.alu(Alu::Or, Size::Q, Reg::RAX, Reg::RCX);
    b.asm.call(b.stubs.context);
    b.asm.lea(Reg::RAX, at(Reg::R13, b.op.offset as i32 + 4));
    let remembered = b.remember(Reg::RAX);
    b.asm.mov_imm(Reg::RAX, target);
    if remembered {
        b.call_far();
        b.landing();
    } else {
        b.asm.jmp(b.stubs.refetch);
    }
}

/// `Cpu::deliver` for this vector. EE goes off, so nothing can be pending.
fn system_call(b: &mut Block<'_>) -> bool {
    let holes = relocated(b);
    b.refund(b.behind);
    b.store_state(&b.state());
    let asm = &mut *b.asm;
    asm.store_imm16(cpu(field::RAISED_VECTOR), vector::SYSTEM_CALL);
    asm.store_imm64(cpu(field::RAISED_SRR1), 0);
    asm.store_imm8(cpu(field::RAISED_AFTER), 1);
    asm.store_imm64(cpu(field::RESERVED_LEN), 0);
    asm.lea(Reg::RCX, at(Reg::R13, b.op.offset as i32 + 4));
    asm.store(Size::Q, cpu(field::spr(offset_of!(Sprs, srr0))), Reg::RCX);
    asm.load(Size::Q, Reg::RAX, cpu(field::MSR));
    asm.mov_imm(Reg::RCX, !(b64s(33, 36) | b64s(42, 47)));
    asm.alu(Alu::And, Size::Q, Reg::RCX, Reg::RAX);
    asm.store(Size::Q, cpu(field::spr(offset_of!(Sprs, srr1))), Reg::RCX);
    enter(b, msr::ME, 0xC000_0000_0000_4000 + u64::from(vector::SYSTEM_CALL));
    b.unless(holes, true);
    true
}

fn system_call_vectored(b: &mut Block<'_>, w: Word) -> bool {
    let mut holes = relocated(b);
    b.asm.load(Size::W, Reg::RCX, cpu(field::spr(offset_of!(Sprs, fscr))));
    b.asm.test_imm(Reg::RCX, SCV as u32);
    holes.push(b.asm.jcc_hole(Cond::Equal));
    holes.push(not_quiet(b));
    b.link();
    b.refund(b.behind);
    b.store_state(&b.state());
    b.asm.load(Size::Q, Reg::RAX, cpu(field::MSR));
    b.asm.mov_imm(Reg::RCX, RFID_MASK);
    b.asm.alu(Alu::And, Size::Q, Reg::RCX, Reg::RAX);
    b.asm.store(Size::Q, home(CTR), Reg::RCX);
    enter(b, msr::ME | msr::EE | msr::RI, 0xC000_0000_0000_3000 + 32 * w.lev() as u64);
    b.unless(holes, true);
    true
}

/// A hole that is taken if an interrupt may be pending.
fn not_quiet(b: &mut Block<'_>) -> Hole {
    b.asm.cmp8_mem_imm(frame(place::QUIET), 0);
    b.asm.jcc_hole(Cond::Equal)
}

/// rfid and the like: `Cpu::return_to`.
fn go_back(b: &mut Block<'_>, address: Operand, saved: Operand) -> bool {
    let asm = &mut *b.asm;
    let mut holes = vec![];
    asm.load(Size::Q, Reg::RCX, cpu(field::MSR));
    asm.mov_imm(Reg::RAX, msr::HV | msr::PR);
    asm.alu(Alu::And, Size::Q, Reg::RCX, Reg::RAX);
    asm.mov_imm(Reg::RAX, msr::HV);
    asm.alu(Alu::Cmp, Size::Q, Reg::RCX, Reg::RAX);
    holes.push(asm.jcc_hole(Cond::NotEqual));
    holes.push(not_quiet(b));
    load(b, Reg::RCX, saved);
    let asm = &mut *b.asm;
    asm.mov_imm(Reg::RAX, RFID_MASK);
    asm.alu(Alu::And, Size::Q, Reg::RAX, Reg::RCX);
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, (SE | msr::LE) as i32);
    asm.alu_imm(Alu::Cmp, Size::W, Reg::RCX, msr::LE as i32);
    holes.push(asm.jcc_hole(Cond::NotEqual));
    b.refund(b.behind);
    // RAX is lost if a compare is kept.
    b.asm.mov(Size::Q, Reg::RDX, Reg::RAX);
    b.store_state(&b.state());
    let asm = &mut *b.asm;
    asm.mov_imm(Reg::RAX, msr::SF);
    asm.alu(Alu::Or, Size::Q, Reg::RAX, Reg::RDX);
    asm.test_imm(Reg::RAX, msr::PR as u32);
    let supervisor = asm.jcc_hole(Cond::Equal);
    asm.alu_imm(Alu::Or, Size::Q, Reg::RAX, (msr::EE | RELOCATED) as i32);
    asm.fill(supervisor);
    asm.call(b.stubs.context);
    load(b, Reg::RAX, address);
    let asm = &mut *b.asm;
    asm.alu_imm(Alu::And, Size::Q, Reg::RAX, -4);
    // Even in the same page of addresses the fetch view has to be asked.
    asm.mov_imm(Reg::R13, NOWHERE);
    b.go_back(b.stubs.refetch);
    b.ended = true;
    b.unless(holes, true);
    true
}
