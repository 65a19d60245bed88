//! Moves to and from special-purpose registers and the MSR.

use super::regs::{CTR, LR};
use super::{Block, Emit};
use crate::asm::{Alu, Cond, Hole, Mem, Reg, Shift, Size, at};
use crate::frame::{field, place};
use crate::stubs::{cpu, frame};
use cpu::msr;
use cpu::spr::{self, Kind, Level};
use cpu::state::xer;
use isa::Word;

pub const ROWS: &[(&str, Emit)] = &[
    ("mfspr", mfspr),
    ("mtspr", mtspr),
    ("mftb", |b, w| if w.spr() == TB { read_timebase(b, w, vec![]) } else { false }),
    ("mfmsr", mfmsr),
    ("mtmsrd", mtmsrd),
];

const XER: usize = 1;
const AMR: usize = 13;
const TB: usize = 268;
const TAR: usize = 815;
const PPR32: usize = 898;
/// Event-based branches: problem state needs a facility.
const EBB: std::ops::RangeInclusive<usize> = 800..=806;

/// How a register is reached, as `cpu::exec::system` has it.
struct Place {
    at: Mem,
    /// Bits that a store keeps.
    mask: u64,
    /// Problem state has to be looked at by the interpreter's function.
    privileged: bool,
}

/// The registers that are kept in host registers.
fn kept(number: usize) -> Option<usize> {
    match number {
        8 => Some(LR),
        9 => Some(CTR),
        _ => None,
    }
}
/// Where another register `number` is, if reading (or writing) it has no effect
/// besides.
fn find(number: usize, level: fn(&spr::Spr) -> Level) -> Option<Place> {
    let row = spr::find(number).filter(|row| level(row) != Level::N)?;
    let mask = match row.kind {
        Kind::Keeps(mask) => mask,
        Kind::Inert => u64::MAX,
        Kind::Special if number == TAR => u64::MAX,
        Kind::Special => return None,
    };
    let privileged = level(row) > Level::U || number == TAR || EBB.contains(&number);
    Some(Place { at: cpu(field::SPRS + row.offset as i32), mask, privileged })
}

fn mfspr(b: &mut Block<'_>, w: Word) -> bool {
    if let Some(register) = kept(w.spr()) {
        let s = b.get(register);
        b.alias(w.rt(), s);
        return true;
    }
    let at = match w.spr() {
        TB => return read_timebase(b, w, vec![]),
        XER => return read_xer(b, w),
        AMR => match spr::find(AMR) {
            Some(row) => cpu(field::SPRS + row.offset as i32),
            None => return false,
        },
        number => {
            let Some(place) = find(number, |row| row.read) else { return false };
            let holes = privileged(b, &place);
            let d = b.fresh(w.rt());
            b.asm.load(Size::Q, d, place.at);
            b.set(w.rt(), d);
            b.unless(holes, true);
            return true;
        }
    };
    let d = b.fresh(w.rt());
    b.asm.load(Size::Q, d, at);
    b.set(w.rt(), d);
    true
}
fn privileged(b: &mut Block<'_>, place: &Place) -> Vec<Hole> {
    if place.privileged { b.privileged().into_iter().collect() } else { vec![] }
}

fn mtspr(b: &mut Block<'_>, w: Word) -> bool {
    if let Some(register) = kept(w.spr()) {
        let s = b.get(w.rs());
        b.alias(register, s);
        return true;
    }
    if w.spr() == PPR32 {
        let Some(row) = spr::find(PPR32) else { return false };
        let s = b.get(w.rs());
        b.asm.mov(Size::Q, Reg::RAX, s);
        b.asm.shift(Shift::Shl, Size::Q, Reg::RAX, 32);
        b.asm.store(Size::Q, cpu(field::SPRS + row.offset as i32), Reg::RAX);
        return true;
    }
    if w.spr() == XER {
        return write_xer(b, w);
    }
    let Some(place) = find(w.spr(), |row| row.write) else { return false };
    if place.mask != u64::MAX && u32::try_from(place.mask).is_err() {
        return false;
    }
    let holes = privileged(b, &place);
    let s = b.get(w.rs());
    if place.mask == u64::MAX {
        b.asm.store(Size::Q, place.at, s);
    } else {
        let mask = place.mask as u32;
        b.asm.mov(Size::W, Reg::RAX, s);
        b.asm.alu_imm(Alu::And, Size::W, Reg::RAX, mask as i32);
        b.asm.store(Size::Q, place.at, Reg::RAX);
    }
    b.unless(holes, true);
    true
}

/// The carries are in the frame.
const CARRIES: [(u64, i32); 2] = [(xer::CA, place::CA), (xer::CA32, place::CA32)];

fn read_xer(b: &mut Block<'_>, w: Word) -> bool {
    let d = b.fresh(w.rt());
    b.asm.load(Size::Q, d, cpu(field::XER));
    b.asm.alu_imm(Alu::And, Size::Q, d, !(xer::CA | xer::CA32) as i32);
    for (mask, at) in CARRIES {
        b.asm.load8z(Reg::RAX, frame(at));
        b.asm.shift(Shift::Shl, Size::W, Reg::RAX, mask.trailing_zeros());
        b.asm.alu(Alu::Or, Size::Q, d, Reg::RAX);
    }
    b.set(w.rt(), d);
    true
}
/// CR fields of compares have its SO, so those were stored before.
fn write_xer(b: &mut Block<'_>, w: Word) -> bool {
    let s = b.get(w.rs());
    let asm = &mut *b.asm;
    asm.mov_imm(Reg::RAX, xer::WRITABLE);
    asm.alu(Alu::And, Size::W, Reg::RAX, s);
    asm.store(Size::Q, cpu(field::XER), Reg::RAX);
    for (mask, at) in CARRIES {
        asm.test_imm(Reg::RAX, mask as u32);
        asm.setcc_mem(Cond::NotEqual, frame(at));
    }
    asm.shift(Shift::Shr, Size::W, Reg::RAX, xer::SO.trailing_zeros());
    for (at, order) in [(place::LESS, 8), (place::GREATER, 4), (place::EQUAL, 2)] {
        asm.lea(Reg::RCX, crate::asm::at(Reg::RAX, order));
        asm.store(Size::W, frame(at), Reg::RCX);
    }
    true
}

/// The time base at this instruction, `Ticks::timebase`, and never less than
/// it read before.
fn read_timebase(b: &mut Block<'_>, w: Word, mut holes: Vec<Hole>) -> bool {
    /// 2^68 / 125, rounded up: exact for numbers below 2^61.
    const RECIPROCAL: u64 = 0x20C4_9BA5_E353_F7CF;
    let not_retired = b.behind as i32 + 1;
    let asm = &mut *b.asm;
    asm.load(Size::Q, Reg::RAX, frame(place::STOP));
    asm.lea(Reg::RCX, at(Reg::R14, not_retired));
    asm.alu(Alu::Sub, Size::Q, Reg::RAX, Reg::RCX);
    asm.alu_load(Alu::Add, Size::Q, Reg::RAX, cpu(field::CLOCK_ORIGIN));
    asm.mov(Size::Q, Reg::RCX, Reg::RAX);
    asm.shift(Shift::Shr, Size::Q, Reg::RCX, 55);
    holes.push(asm.jcc_hole(Cond::NotEqual));
    asm.shift(Shift::Shl, Size::Q, Reg::RAX, 6);
    asm.mov_imm(Reg::RCX, RECIPROCAL);
    asm.mul_wide(false, Reg::RCX);
    asm.shift(Shift::Shr, Size::Q, Reg::RDX, 4);
    asm.load(Size::Q, Reg::RAX, cpu(field::TIMEBASE_FLOOR));
    asm.alu(Alu::Cmp, Size::Q, Reg::RDX, Reg::RAX);
    asm.cmov(Cond::Below, Reg::RDX, Reg::RAX);
    asm.store(Size::Q, cpu(field::TIMEBASE_FLOOR), Reg::RDX);
    let d = b.fresh(w.rt());
    b.asm.mov(Size::Q, d, Reg::RDX);
    b.set(w.rt(), d);
    b.unless(holes, true);
    true
}

fn mfmsr(b: &mut Block<'_>, w: Word) -> bool {
    let holes: Vec<Hole> = b.privileged().into_iter().collect();
    let d = b.fresh(w.rt());
    b.asm.load(Size::Q, d, cpu(field::MSR));
    b.set(w.rt(), d);
    b.unless(holes, true);
    true
}

/// With L=1 EE and RI alone change. If EE is to be off, no interrupt can be
/// taken and the run loop would look at nothing but the page.
fn mtmsrd(b: &mut Block<'_>, w: Word) -> bool {
    if w.0 >> 16 & 1 == 0 {
        return false;
    }
    let mut holes: Vec<Hole> = b.privileged().into_iter().collect();
    let s = b.get(w.rs());
    b.asm.mov(Size::W, Reg::RAX, s);
    b.asm.test_imm(Reg::RAX, msr::EE as u32);
    holes.push(b.asm.jcc_hole(Cond::NotEqual));
    b.asm.alu_imm(Alu::And, Size::W, Reg::RAX, msr::RI as i32);
    b.asm.load(Size::Q, Reg::RCX, cpu(field::MSR));
    b.asm.alu_imm(Alu::And, Size::Q, Reg::RCX, !(msr::EE | msr::RI) as i32);
    b.asm.alu(Alu::Or, Size::Q, Reg::RCX, Reg::RAX);
    b.asm.store(Size::Q, cpu(field::MSR), Reg::RCX);
    b.ask();
    b.unless(holes, true);
    true
}
