//! Branches and condition-register logic (Book I chapter 2).

use super::Step;
use super::system::facility;
use crate::env::Env;
use crate::interrupt::Trap;
use crate::msr;
use crate::state::Cpu;
use isa::Word;

/// Decides a conditional branch; decrements CTR unless BO says otherwise.
#[inline(always)]
fn taken(c: &mut Cpu, w: Word) -> bool {
    let bo = w.bo();
    let ctr_ok = bo & 4 != 0 || {
        c.ctr = c.ctr.wrapping_sub(1);
        (c.ctr != 0) ^ (bo & 2 != 0)
    };
    ctr_ok && condition(c, w)
}
#[inline(always)]
fn condition(c: &Cpu, w: Word) -> bool {
    let bo = w.bo();
    bo & 16 != 0 || c.cr_bit(w.bi()) == (bo & 8 != 0)
}
/// LR takes the address of the next instruction, taken or not.
#[inline(always)]
fn link(c: &mut Cpu, w: Word) {
    if w.lk() {
        c.lr = c.cia.wrapping_add(4);
    }
}

/// Goes on at `target` if `taken`.
#[inline(always)]
fn branch(c: &mut Cpu, taken: bool, target: u64) -> Step {
    if taken {
        c.nia = target;
        return Err(Trap::Branched);
    }
    Ok(())
}

/// b
pub fn b(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    link(c, w);
    let target = if w.aa() { w.li() } else { c.cia.wrapping_add(w.li()) };
    branch(c, true, target)
}
/// bc
pub fn bc(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let taken = taken(c, w);
    link(c, w);
    let target = if w.aa() { w.bd() } else { c.cia.wrapping_add(w.bd()) };
    branch(c, taken, target)
}
/// bclr
pub fn bclr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let target = c.lr & !3;
    let taken = taken(c, w);
    link(c, w);
    branch(c, taken, target)
}
/// bcctr; `Unspecified:` the invalid forms that decrement CTR branch by the
/// condition alone and leave CTR.
pub fn bcctr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let taken = condition(c, w);
    link(c, w);
    branch(c, taken, c.ctr & !3)
}
/// bctar
pub fn bctar(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    if c.msr & msr::PR != 0 {
        c.require_facility(facility::TAR)?;
    }
    let taken = taken(c, w);
    link(c, w);
    branch(c, taken, c.sprs.tar & !3)
}

/// `CR[BT] = f(CR[BA], CR[BB])`.
macro_rules! cr_logic {
    ($($name:ident = |$a:ident, $b:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            let ($a, $b) = (c.cr_bit(w.ba()), c.cr_bit(w.bb()));
            let shift = 31 - w.bt();
            c.cr = c.cr & !(1 << shift) | ($value as u32) << shift;
            Ok(())
        }
    )*};
}
cr_logic! {
    crand = |a, b| a & b;
    crandc = |a, b| a & !b;
    creqv = |a, b| a == b;
    crnand = |a, b| !(a & b);
    crnor = |a, b| !(a | b);
    cror = |a, b| a | b;
    crorc = |a, b| a | !b;
    crxor = |a, b| a ^ b;
}
/// mcrf
pub fn mcrf(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.set_crf(w.bf(), c.crf(w.bfa()));
    Ok(())
}
