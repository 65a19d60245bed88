//! Logical, merge, splat, permute, reverse, and moves to and from GPRs.

use super::*;
use crate::exec::vmx::permute;

macro_rules! whole {
    ($($name:ident |$w:ident, $a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, $w: Word) -> Step {
            c.require_vsx()?;
            let ($a, $b) = (c.vsr($w.xa()), c.vsr($w.xb()));
            c.set_vsr($w.xt(), $e);
            Ok(())
        }
    )* };
}
whole! {
    xxland  |_w, a, b| a & b;
    xxlandc |_w, a, b| a & !b;
    xxleqv  |_w, a, b| !(a ^ b);
    xxlnand |_w, a, b| !(a & b);
    xxlnor  |_w, a, b| !(a | b);
    xxlor   |_w, a, b| a | b;
    xxlorc  |_w, a, b| a | !b;
    xxlxor  |_w, a, b| a ^ b;
    xxmrghw |_w, a, b| merge(a >> 64, b >> 64);
    xxmrglw |_w, a, b| merge(a, b);
    xxpermdi |w, a, b| {
        let high = if w.dm() & 2 == 0 { a >> 64 } else { a };
        let low = if w.dm() & 1 == 0 { b >> 64 } else { b };
        high << 64 | low & LOW
    };
    xxsldwi |w, a, b| {
        let n = 32 * w.shw() as u32;
        if n == 0 { a } else { a << n | b >> (128 - n) }
    };
    xxspltw |w, _a, b| word(b, w.uim() & 3) as u128 * (u128::MAX / 0xFFFF_FFFF);
    xxbrh |_w, _a, b| u16::join(u16::split(b).map(u16::swap_bytes));
    xxbrw |_w, _a, b| u32::join(u32::split(b).map(u32::swap_bytes));
    xxbrd |_w, _a, b| u64::join(u64::split(b).map(u64::swap_bytes));
    xxbrq |_w, _a, b| b.swap_bytes();
    // `Unspecified:` UIM above 12: zeros follow the register.
    xxextractuw |w, _a, b| b << (8 * (w.uim() & 15)) >> 96 << 64;
}

const LOW: u128 = u64::MAX as u128;

fn word(v: u128, i: usize) -> u32 {
    u32::split(v)[i]
}
/// Words 2 and 3 of `a` and `b` in turn.
fn merge(a: u128, b: u128) -> u128 {
    u32::join([word(a, 2), word(b, 2), word(a, 3), word(b, 3)])
}

/// xxperm
pub fn xxperm(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let r = permute(c.vsr(w.xa()), c.vsr(w.xt()), c.vsr(w.xb()), |i| i);
    c.set_vsr(w.xt(), r);
    Ok(())
}
/// xxpermr
pub fn xxpermr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let r = permute(c.vsr(w.xa()), c.vsr(w.xt()), c.vsr(w.xb()), |i| 31 - (i & 31));
    c.set_vsr(w.xt(), r);
    Ok(())
}
/// xxsel
pub fn xxsel(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let (a, b, m) = (c.vsr(w.xa()), c.vsr(w.xb()), c.vsr(w.xc()));
    c.set_vsr(w.xt(), a & !m | b & m);
    Ok(())
}
/// xxspltib
pub fn xxspltib(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx_or_vec(w.xt())?;
    c.set_vsr(w.xt(), (w.0 >> 11 & 0xFF) as u128 * (u128::MAX / 0xFF));
    Ok(())
}
/// xxinsertw. `Unspecified:` UIM above 12: what would pass the end is lost.
pub fn xxinsertw(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let at = 8 * (w.uim() & 15);
    let (field, x) = (u128::MAX << 96 >> at, c.vsr(w.xb()) << 32 >> at);
    c.set_vsr(w.xt(), c.vsr(w.xt()) & !field | x & field);
    Ok(())
}

/// MSR[FP] for registers 0..31, MSR[VEC] for the others.
fn require_fp_or_vec(c: &mut Cpu, x: usize) -> Step {
    if x < 32 { c.require_fp() } else { c.require_vec() }
}
/// mfvsrd
pub fn mfvsrd(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    require_fp_or_vec(c, w.xt())?;
    c.gpr[w.ra()] = (c.vsr(w.xt()) >> 64) as u64;
    Ok(())
}
/// mfvsrwz
pub fn mfvsrwz(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    require_fp_or_vec(c, w.xt())?;
    c.gpr[w.ra()] = (c.vsr(w.xt()) >> 64) as u32 as u64;
    Ok(())
}
/// mfvsrld
pub fn mfvsrld(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx_or_vec(w.xt())?;
    c.gpr[w.ra()] = c.vsr(w.xt()) as u64;
    Ok(())
}
/// A doubleword into doubleword 0; the other becomes 0 as POWER9 does.
fn set_high(c: &mut Cpu, w: Word, bits: u64) -> Step {
    require_fp_or_vec(c, w.xt())?;
    c.set_vsr(w.xt(), (bits as u128) << 64);
    Ok(())
}
/// mtvsrd
pub fn mtvsrd(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    set_high(c, w, c.gpr[w.ra()])
}
/// mtvsrwa
pub fn mtvsrwa(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    set_high(c, w, c.gpr[w.ra()] as i32 as u64)
}
/// mtvsrwz
pub fn mtvsrwz(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    set_high(c, w, c.gpr[w.ra()] as u32 as u64)
}
/// mtvsrws
pub fn mtvsrws(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx_or_vec(w.xt())?;
    c.set_vsr(w.xt(), c.gpr[w.ra()] as u32 as u128 * (u128::MAX / 0xFFFF_FFFF));
    Ok(())
}
/// mtvsrdd
pub fn mtvsrdd(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx_or_vec(w.xt())?;
    c.set_vsr(w.xt(), (c.ra0(w.ra()) as u128) << 64 | c.gpr[w.rb()] as u128);
    Ok(())
}
