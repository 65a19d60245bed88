//! Comparisons, minimum and maximum.

use super::*;
use crate::exec::vmx::cr6;
use crate::fpscr::bit::VXSNAN;
use crate::softfloat::{Kind, Raw, compare, propagate};

const LT: u32 = 8;
const GT: u32 = 4;
const EQ: u32 = 2;

/// xscmpudp
pub fn xscmpudp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    c.fp_compare(w.bf(), scalar(c, w.xa()), scalar(c, w.xb()), false)
}
/// xscmpodp
pub fn xscmpodp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    c.fp_compare(w.bf(), scalar(c, w.xa()), scalar(c, w.xb()), true)
}

/// A mask in doubleword 0.
macro_rules! scalar_masks {
    ($($name:ident $ordered:literal, $which:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let (a, b) = (scalar(c, w.xa()), scalar(c, w.xb()));
            let flags = c.fp_compare_flags(a, b, $ordered);
            let mask = if compare(a, b) & ($which) != 0 { u64::MAX } else { 0 };
            c.fp_end_flags(flags, false, |c| set_high(c, w.xt(), mask))
        }
    )* };
}
scalar_masks! {
    xscmpeqdp false, EQ;
    xscmpgedp true, GT | EQ;
    xscmpgtdp true, GT;
}

/// A mask in each element, and CR6 if Rc=1.
macro_rules! vector_masks {
    ($($name:ident $t:ty, $ordered:literal, $which:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let (mut r, b) = (<$t>::split(c.vsr(w.xa())), <$t>::split(c.vsr(w.xb())));
            let mut flags = 0;
            for (x, y) in r.iter_mut().zip(b) {
                let (a, b) = (x.num(), y.num());
                flags |= c.fp_compare_flags(a, b, $ordered);
                *x = if compare(a, b) & ($which) != 0 { !0 } else { 0 };
            }
            let r = <$t>::join(r);
            c.fp_end_vector(flags, |c| {
                c.set_vsr(w.xt(), r);
                if w.vrc_bit() {
                    c.set_crf(6, cr6(r));
                }
            })
        }
    )* };
}
vector_masks! {
    xvcmpeqdp u64, false, EQ;
    xvcmpeqsp u32, false, EQ;
    xvcmpgedp u64, true, GT | EQ;
    xvcmpgesp u32, true, GT | EQ;
    xvcmpgtdp u64, true, GT;
    xvcmpgtsp u32, true, GT;
}

/// True if `a` is before `b` in the order with -0 before +0.
fn less(a: Num, b: Num) -> bool {
    match (a.kind, b.kind) {
        (Kind::Zero, Kind::Zero) => a.sign && !b.sign,
        _ => compare(a, b) == LT,
    }
}
/// Minimum or maximum: a quiet NaN yields to a number, a signaling one does not.
fn extreme(a: Num, b: Num, first: bool) -> Raw {
    let number = match (a.nan(), b.nan()) {
        (false, false) => {
            if first {
                a
            } else {
                b
            }
        }
        (false, true) => a,
        (true, false) => b,
        (true, true) => a.quiet(),
    };
    match propagate(&[a, b]) {
        Some(nan) if nan.flags != 0 => nan,
        _ => Raw::of(number),
    }
}
pub(super) fn minimum(a: Num, b: Num) -> Raw {
    extreme(a, b, !less(b, a))
}
pub(super) fn maximum(a: Num, b: Num) -> Raw {
    extreme(a, b, !less(a, b))
}
/// As C's `a >= b ? a : b` or `a < b ? a : b`: the second if either is a NaN.
/// `Unspecified:` which of two zeros; as QEMU.
fn c_like(a: Num, b: Num, which: u32) -> Raw {
    let flags = if a.signaling() || b.signaling() { VXSNAN } else { 0 };
    Raw { num: if compare(a, b) & which != 0 { a } else { b }, flags }
}
/// As Java's: the first NaN, else by the order with -0 before +0.
fn java_like(a: Num, b: Num, second: bool) -> Raw {
    let flags = if a.signaling() || b.signaling() { VXSNAN } else { 0 };
    let num = if a.nan() || !b.nan() && !second { a } else { b };
    Raw { num, flags }
}

macro_rules! extremes {
    ($($name:ident |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let ($a, $b) = (scalar(c, w.xa()), scalar(c, w.xb()));
            let r: Raw = $e;
            c.fp_end_flags(r.flags, false, |c| set_high(c, w.xt(), r.num.pack(DOUBLE) as u64))
        }
    )* };
}
extremes! {
    xsmaxdp |a, b| maximum(a, b);
    xsmindp |a, b| minimum(a, b);
    xsmaxcdp |a, b| c_like(a, b, GT | EQ);
    xsmincdp |a, b| c_like(a, b, LT);
    xsmaxjdp |a, b| java_like(a, b, less(a, b));
    xsminjdp |a, b| java_like(a, b, less(b, a));
}
