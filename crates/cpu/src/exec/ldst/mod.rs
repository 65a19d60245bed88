//! Loads, stores, atomics, cache management, barriers.

mod atomic;
mod cache;
mod float;
mod integer;
mod vector;
mod vsx;

pub use atomic::*;
pub use cache::*;
pub use float::*;
pub use integer::*;
pub use vector::*;
pub use vsx::*;

use crate::interrupt::Trap;
use crate::interrupt::vector::ALIGNMENT;
use crate::state::Cpu;
use isa::Word;

/// Effective addresses by form: `(RA|0)` or, in update forms, `(RA)` plus
/// D, DS<<2, DQ<<4 or (RB).
mod ea {
    use super::*;

    #[inline(always)]
    pub fn d(c: &Cpu, w: Word) -> u64 {
        c.ra0(w.ra()).wrapping_add(w.si())
    }
    #[inline(always)]
    pub fn du(c: &Cpu, w: Word) -> u64 {
        c.gpr[w.ra()].wrapping_add(w.si())
    }
    #[inline(always)]
    pub fn ds(c: &Cpu, w: Word) -> u64 {
        c.ra0(w.ra()).wrapping_add(w.ds())
    }
    #[inline(always)]
    pub fn dsu(c: &Cpu, w: Word) -> u64 {
        c.gpr[w.ra()].wrapping_add(w.ds())
    }
    #[inline(always)]
    pub fn dq(c: &Cpu, w: Word) -> u64 {
        c.ra0(w.ra()).wrapping_add(w.dq())
    }
    #[inline(always)]
    pub fn x(c: &Cpu, w: Word) -> u64 {
        c.ra0(w.ra()).wrapping_add(c.gpr[w.rb()])
    }
    #[inline(always)]
    pub fn xu(c: &Cpu, w: Word) -> u64 {
        c.gpr[w.ra()].wrapping_add(c.gpr[w.rb()])
    }
}

/// An access whose form or alignment POWER9 leaves to software.
#[cold]
#[inline(never)]
fn alignment(c: &mut Cpu, ea: u64) -> Trap {
    c.sprs.dar = ea;
    c.raise(ALIGNMENT, 0)
}
/// Alignment interrupt unless `len`, a power of two, divides `ea`.
#[inline(always)]
fn require_aligned(c: &mut Cpu, ea: u64, len: u64) -> Result<(), Trap> {
    if ea & (len - 1) != 0 { Err(alignment(c, ea)) } else { Ok(()) }
}
