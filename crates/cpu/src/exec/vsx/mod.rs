//! Vector-scalar facility (Power ISA 3.0B, Book I chapter 7).

mod permute;

pub use permute::*;

use super::Step;
use super::vmx::Lane;
use crate::env::Env;
use crate::state::Cpu;
use isa::Word;
