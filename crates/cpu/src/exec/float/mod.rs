//! Scalar floating point (Power ISA 3.0B, Book I chapter 4).

mod arith;
mod convert;
mod moves;
mod status;

pub use arith::*;
pub use convert::*;
pub use moves::*;
pub use status::*;

use super::Step;
use crate::env::Env;
use crate::softfloat::{DOUBLE, Num, Outcome};
use crate::state::Cpu;
use isa::Word;

/// CR1 if Rc=1.
fn record(c: &mut Cpu, w: Word) {
    if w.rc() {
        c.set_cr1();
    }
}
/// FPR `i` unpacked.
fn operand(c: &Cpu, i: usize) -> Num {
    Num::f64(c.fpr(i))
}
/// Status, target, CR1, interrupt.
fn end(c: &mut Cpu, w: Word, o: &Outcome) -> Step {
    c.fp_end(o, w.rc(), |c| c.set_fpr(w.rt(), o.num.pack(DOUBLE) as u64))
}
