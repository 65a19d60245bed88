//! Vector facility (Power ISA 3.0B, Book I chapter 6).
//!
//! Elements are numbered as the manual does: element 0 is the most
//! significant. Each file is one family; its table gives the meaning of one
//! instruction per line, on elements of the type named there.

mod bits;
mod compare;
mod crypto;
mod decimal;
mod float;
mod integer;
mod lanes;
mod permute;
mod shift;
mod sum;

pub use bits::*;
pub use compare::*;
pub use crypto::*;
pub use decimal::*;
pub use float::*;
pub use integer::*;
pub use permute::*;
pub use shift::*;
pub use sum::*;

pub(crate) use lanes::Lane;
use lanes::{map, map2, map3};

use super::Step;
use crate::env::Env;
use crate::state::Cpu;
use fabric::bits::b32;
use isa::Word;

/// VSCR[NJ]: denormals are zeros.
pub(crate) const NJ: u32 = b32(15);
/// VSCR[SAT]: some result saturated; sticky.
pub(crate) const SAT: u32 = b32(31);

/// Instructions VRT,VRA,VRB on whole registers.
macro_rules! whole {
    ($($name:ident |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let ($a, $b) = (c.vr(w.vra()), c.vr(w.vrb()));
            c.set_vr(w.vrt(), $e);
            Ok(())
        }
    )* };
}
/// Instructions VRT,VRA,VRB,VRC on whole registers.
macro_rules! whole3 {
    ($($name:ident |$a:ident, $b:ident, $c:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(cpu: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            cpu.require_vec()?;
            let ($a, $b, $c) = (cpu.vr(w.vra()), cpu.vr(w.vrb()), cpu.vr(w.vrc()));
            cpu.set_vr(w.vrt(), $e);
            Ok(())
        }
    )* };
}
/// Instructions VRT,VRB on each element.
macro_rules! each {
    ($($name:ident $t:ty, |$b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let r = map::<$t>(c.vr(w.vrb()), |$b| $e);
            c.set_vr(w.vrt(), r);
            Ok(())
        }
    )* };
}
/// Instructions VRT,VRA,VRB on each pair of elements.
macro_rules! pairs {
    ($($name:ident $t:ty, |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let r = map2::<$t>(c.vr(w.vra()), c.vr(w.vrb()), |$a, $b| $e);
            c.set_vr(w.vrt(), r);
            Ok(())
        }
    )* };
}
use {each, pairs, whole, whole3};

whole! {
    vand  |a, b| a & b;
    vandc |a, b| a & !b;
    veqv  |a, b| !(a ^ b);
    vnand |a, b| !(a & b);
    vorc  |a, b| a | !b;
    vor   |a, b| a | b;
    vnor  |a, b| !(a | b);
    vxor  |a, b| a ^ b;
}
whole3! {
    vsel |a, b, m| a & !m | b & m;
}

/// mtvscr: bits other than NJ and SAT do not exist.
pub fn mtvscr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    c.vscr = c.vr(w.vrb()) as u32 & (NJ | SAT);
    Ok(())
}
/// mfvscr
pub fn mfvscr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    c.set_vr(w.vrt(), c.vscr as u128);
    Ok(())
}
