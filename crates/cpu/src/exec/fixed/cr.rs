//! Moves to and from the condition register (Book I 3.3.17).

use crate::env::Env;
use crate::exec::Step;
use crate::state::{Cpu, xer};
use isa::Word;

/// FXM widened to CR bits.
#[inline(always)]
fn field_mask(w: Word) -> u32 {
    let spread = (0..8).fold(0u32, |m, i| m | (w.fxm() as u32 >> i & 1) << (4 * i));
    spread * 15
}
/// mfcr
pub fn mfcr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = c.cr as u64;
    Ok(())
}
/// mfocrf; `Unspecified:` fields not asked for read 0.
pub fn mfocrf(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = (c.cr & field_mask(w)) as u64;
    Ok(())
}
/// mtcrf
pub fn mtcrf(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let mask = field_mask(w);
    c.cr = c.cr & !mask | c.gpr[w.rs()] as u32 & mask;
    Ok(())
}
/// mtocrf; `Unspecified:` with several fields it is mtcrf.
pub fn mtocrf(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    mtcrf(c, env, w)
}
/// mcrxrx: OV, OV32, CA, CA32.
pub fn mcrxrx(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let bit = |mask: u64| (c.xer & mask != 0) as u32;
    let bits = bit(xer::OV) << 3 | bit(xer::OV32) << 2 | bit(xer::CA) << 1 | bit(xer::CA32);
    c.set_crf(w.bf(), bits);
    Ok(())
}
/// setb: -1, 1 or 0 for LT, GT, neither.
pub fn setb(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let field = c.crf(w.bfa());
    c.gpr[w.rt()] = if field & 8 != 0 { u64::MAX } else { (field >> 2 & 1) as u64 };
    Ok(())
}
