//! Compares, traps, isel (Book I 3.3.10 to 3.3.12).

use crate::env::Env;
use crate::exec::Step;
use crate::interrupt::{program, vector};
use crate::state::Cpu;
use isa::Word;

/// LT, GT, EQ of two numbers as the high three bits of a CR field.
#[inline(always)]
fn order<T: Ord>(a: T, b: T) -> u32 {
    ((a < b) as u32) << 3 | ((a > b) as u32) << 2 | ((a == b) as u32) << 1
}
#[inline(always)]
fn compare_signed(c: &mut Cpu, w: Word, b: u64) -> Step {
    let a = c.gpr[w.ra()];
    let bits = if w.l() != 0 { order(a as i64, b as i64) } else { order(a as i32, b as i32) };
    c.set_crf(w.bf(), bits | c.so());
    Ok(())
}
#[inline(always)]
fn compare_unsigned(c: &mut Cpu, w: Word, b: u64) -> Step {
    let a = c.gpr[w.ra()];
    let bits = if w.l() != 0 { order(a, b) } else { order(a as u32, b as u32) };
    c.set_crf(w.bf(), bits | c.so());
    Ok(())
}
/// cmpi
pub fn cmpi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    compare_signed(c, w, w.si())
}
/// cmp
pub fn cmp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    compare_signed(c, w, c.gpr[w.rb()])
}
/// cmpli
pub fn cmpli(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    compare_unsigned(c, w, w.ui())
}
/// cmpl
pub fn cmpl(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    compare_unsigned(c, w, c.gpr[w.rb()])
}
/// cmprb: is the byte in the low range, or with L=1 in one of two ranges?
pub fn cmprb(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let byte = c.gpr[w.ra()] as u8;
    let [lo1, hi1, lo2, hi2, ..] = c.gpr[w.rb()].to_le_bytes();
    let within = (lo1..=hi1).contains(&byte) || w.l() != 0 && (lo2..=hi2).contains(&byte);
    c.set_crf(w.bf(), (within as u32) << 2);
    Ok(())
}
/// cmpeqb: is the byte any of the eight?
pub fn cmpeqb(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let byte = c.gpr[w.ra()] as u8;
    let any = c.gpr[w.rb()].to_le_bytes().contains(&byte);
    c.set_crf(w.bf(), (any as u32) << 2);
    Ok(())
}

/// The trap of Book I 3.3.11; TO bits are <, >, =, unsigned <, unsigned >.
#[inline(always)]
fn trap(c: &mut Cpu, w: Word, a: i64, b: i64, a_unsigned: u64, b_unsigned: u64) -> Step {
    let holds = order(a, b) << 1 | order(a_unsigned, b_unsigned) >> 2;
    if w.to() as u32 & holds != 0 { Err(c.raise(vector::PROGRAM, program::TRAP)) } else { Ok(()) }
}
#[inline(always)]
fn trap_word(c: &mut Cpu, w: Word, b: u64) -> Step {
    let a = c.gpr[w.ra()];
    trap(c, w, a as i32 as i64, b as i32 as i64, a as u32 as u64, b as u32 as u64)
}
#[inline(always)]
fn trap_doubleword(c: &mut Cpu, w: Word, b: u64) -> Step {
    let a = c.gpr[w.ra()];
    trap(c, w, a as i64, b as i64, a, b)
}
/// tw
pub fn tw(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    trap_word(c, w, c.gpr[w.rb()])
}
/// twi
pub fn twi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    trap_word(c, w, w.si())
}
/// td
pub fn td(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    trap_doubleword(c, w, c.gpr[w.rb()])
}
/// tdi
pub fn tdi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    trap_doubleword(c, w, w.si())
}
/// isel
pub fn isel(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = if c.cr_bit(w.rc_reg()) { c.ra0(w.ra()) } else { c.gpr[w.rb()] };
    Ok(())
}
