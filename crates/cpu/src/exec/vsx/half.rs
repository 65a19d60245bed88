//! Conversions to and from half precision.

use super::*;
use crate::softfloat::{HALF, Raw, round};

/// xscvdphp
pub fn xscvdphp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let o = round(Raw::unary(scalar(c, w.xb())), HALF, c.fp_mode());
    c.fp_end(&o, false, |c| set_high(c, w.xt(), o.num.pack(HALF) as u64))
}
/// xscvhpdp
pub fn xscvhpdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let x = Num::unpack(high(c, w.xb()) as u16 as u128, HALF);
    end(c, w, &Outcome::exact(Raw::unary(x), DOUBLE))
}
/// xvcvhpsp: the right halfword of each word.
pub fn xvcvhpsp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let mut flags = 0;
    let r = u32::split(c.vsr(w.xb())).map(|x| {
        let raw = Raw::unary(Num::unpack(x as u16 as u128, HALF));
        flags |= raw.flags;
        u32::of(raw.num)
    });
    c.fp_end_vector(flags, |c| c.set_vsr(w.xt(), u32::join(r)))
}
/// xvcvsphp
pub fn xvcvsphp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let (m, mut flags) = (c.fp_mode(), 0);
    let r = u32::split(c.vsr(w.xb())).map(|x| {
        let o = round(Raw::unary(x.num()), HALF, m);
        flags |= o.flags;
        o.num.pack(HALF) as u32
    });
    c.fp_end_vector(flags, |c| c.set_vsr(w.xt(), u32::join(r)))
}
