//! Scalar floating point (Power ISA 3.0B, Book I chapter 4).

mod moves;
mod status;

pub use moves::*;
pub use status::*;

use super::Step;
use crate::env::Env;
use crate::state::Cpu;
use isa::Word;

/// CR1 if Rc=1.
fn record(c: &mut Cpu, w: Word) {
    if w.rc() {
        c.set_cr1();
    }
}
