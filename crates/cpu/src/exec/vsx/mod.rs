//! Vector-scalar facility (Power ISA 3.0B, Book I chapter 7).
//!
//! A scalar is doubleword 0 of a register; an instruction that writes one
//! clears doubleword 1. `Unspecified:` the manual leaves it undefined.

mod compare;
mod convert;
mod fields;
mod half;
mod permute;
mod quad;
mod scalar;
mod vector;

pub use compare::*;
pub use convert::*;
pub use fields::*;
pub use half::*;
pub use permute::*;
pub use quad::*;
pub use scalar::*;
pub use vector::*;

use super::Step;
use super::vmx::Lane;
use crate::env::Env;
use crate::softfloat::{DOUBLE, Format, Num, Outcome, SINGLE};
use crate::state::Cpu;
use isa::Word;

/// Doubleword 0 of VSR `i`.
fn high(c: &Cpu, i: usize) -> u64 {
    (c.vsr(i) >> 64) as u64
}
/// Sets doubleword 0 of VSR `i` and clears the other.
fn set_high(c: &mut Cpu, i: usize, bits: u64) {
    c.set_vsr(i, (bits as u128) << 64);
}
/// The scalar in VSR `i`.
fn scalar(c: &Cpu, i: usize) -> Num {
    Num::f64(high(c, i))
}
/// Ends an instruction with a scalar double result.
fn end(c: &mut Cpu, w: Word, o: &Outcome) -> Step {
    c.fp_end(o, false, |c| set_high(c, w.xt(), o.num.pack(DOUBLE) as u64))
}

/// The element types of vector floating point.
trait Element: Lane {
    const FORMAT: Format;
    fn num(self) -> Num;
    fn of(x: Num) -> Self;
}
impl Element for u64 {
    const FORMAT: Format = DOUBLE;
    fn num(self) -> Num {
        Num::f64(self)
    }
    fn of(x: Num) -> u64 {
        x.pack(DOUBLE) as u64
    }
}
impl Element for u32 {
    const FORMAT: Format = SINGLE;
    fn num(self) -> Num {
        Num::f32(self)
    }
    fn of(x: Num) -> u32 {
        x.pack(SINGLE) as u32
    }
}
