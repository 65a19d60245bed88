//! Fixed-point instructions (Power ISA 3.0B, Book I 3.3).
//!
//! `Deviates:` MSR[SF]=0 (32-bit mode) is not modelled: CR0, CA and OV are
//! always those of 64-bit mode.

mod arith;
mod bcd;
mod compare;
mod cr;
mod divide;
mod logic;
mod rotate;

pub use arith::*;
pub use bcd::*;
pub use compare::*;
pub use cr::*;
pub use divide::*;
pub use logic::*;
pub use rotate::*;

use crate::state::Cpu;
use isa::Word;

/// Writes RT and, if Rc=1, CR0.
#[inline(always)]
fn set_rt(c: &mut Cpu, w: Word, value: u64) {
    c.gpr[w.rt()] = value;
    if w.rc() {
        c.set_cr0(value);
    }
}
/// Writes RA and, if Rc=1, CR0.
#[inline(always)]
fn set_ra(c: &mut Cpu, w: Word, value: u64) {
    c.gpr[w.ra()] = value;
    if w.rc() {
        c.set_cr0(value);
    }
}
