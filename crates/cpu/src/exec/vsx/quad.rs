//! Quad precision, in VRs.

use super::fields::{Parts, dcmx, set_result};
use super::*;
use crate::exec::float::negative_fma;
use crate::softfloat::{
    EXTENDED, IntKind, Mode, QUAD, Raw, Rounding, add, div, fma, from_int, integral, mul, round, sqrt, to_int,
};

const SIGN: u128 = 1 << 127;

/// The quad in VR `i`.
fn quad(c: &Cpu, i: usize) -> Num {
    Num::unpack(c.vr(i), QUAD)
}
fn end_quad(c: &mut Cpu, w: Word, o: &Outcome) -> Step {
    c.fp_end(o, false, |c| c.set_vr(w.vrt(), o.num.pack(QUAD)))
}
/// The mode of forms with RO, bit 31: round to odd.
fn mode(c: &Cpu, w: Word) -> Mode {
    let m = c.fp_mode();
    if w.rc() { m.with(Rounding::Odd) } else { m }
}

macro_rules! arithmetic {
    ($($name:ident |$m:ident, $a:ident, $b:ident, $t:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let $m = mode(c, w);
            let ($a, $b, $t) = (quad(c, w.vra()), quad(c, w.vrb()), quad(c, w.vrt()));
            let o: Outcome = $e;
            end_quad(c, w, &o)
        }
    )* };
}
arithmetic! {
    xsaddqp  |m, a, b, _t| round(add(a, b, m.rounding), QUAD, m);
    xssubqp  |m, a, b, _t| round(add(a, b.negated_number(), m.rounding), QUAD, m);
    xsmulqp  |m, a, b, _t| round(mul(a, b), QUAD, m);
    xsdivqp  |m, a, b, _t| round(div(a, b, QUAD), QUAD, m);
    xssqrtqp |m, _a, b, _t| round(sqrt(b, QUAD), QUAD, m);
    xsmaddqp |m, a, b, t| round(fma(a, b, t, m.rounding), QUAD, m);
    xsmsubqp |m, a, b, t| round(fma(a, b, t.negated_number(), m.rounding), QUAD, m);
    xsnmaddqp |m, a, b, t| negative_fma(a, b, t, QUAD, m);
    xsnmsubqp |m, a, b, t| negative_fma(a, b, t.negated_number(), QUAD, m);
}

macro_rules! bits {
    ($($name:ident |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let ($a, $b) = (c.vr(w.vra()), c.vr(w.vrb()));
            c.set_vr(w.vrt(), $e);
            Ok(())
        }
    )* };
}
bits! {
    xsabsqp  |_a, b| b & !SIGN;
    xsnabsqp |_a, b| b | SIGN;
    xsnegqp  |_a, b| b ^ SIGN;
    xscpsgnqp |a, b| a & SIGN | b & !SIGN;
    xsiexpqp |a, b| Parts::quad(a).with_exponent(b >> 64);
    xsxexpqp |_a, b| Parts::quad(b).exponent() << 64;
    xsxsigqp |_a, b| Parts::quad(b).significand();
}

/// xscvqpdp
pub fn xscvqpdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let o = round(Raw::unary(quad(c, w.vrb())), DOUBLE, mode(c, w));
    c.fp_end(&o, false, |c| set_high(c, 32 + w.vrt(), o.num.pack(DOUBLE) as u64))
}
/// xscvdpqp
pub fn xscvdpqp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let raw = Raw::unary(scalar(c, 32 + w.vrb()));
    end_quad(c, w, &Outcome::exact(raw, QUAD))
}

macro_rules! to_integers {
    ($($name:ident $kind:ident;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let i = to_int(quad(c, w.vrb()), IntKind::$kind, Rounding::TowardZero);
            c.fp_end_integer(&i, false, |c| set_high(c, 32 + w.vrt(), i.value as u64))
        }
    )* };
}
to_integers! {
    xscvqpsdz I64;
    xscvqpudz U64;
    xscvqpswz I32;
    xscvqpuwz U32;
}
/// xscvsdqp
pub fn xscvsdqp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let raw = from_int(high(c, 32 + w.vrb()) as i64 as i128);
    end_quad(c, w, &Outcome::exact(raw, QUAD))
}
/// xscvudqp
pub fn xscvudqp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let raw = from_int(high(c, 32 + w.vrb()) as i128);
    end_quad(c, w, &Outcome::exact(raw, QUAD))
}

/// xscmpuqp
pub fn xscmpuqp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    c.fp_compare(w.bf(), quad(c, w.vra()), quad(c, w.vrb()), false)
}
/// xscmpoqp
pub fn xscmpoqp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    c.fp_compare(w.bf(), quad(c, w.vra()), quad(c, w.vrb()), true)
}
/// xscmpexpqp
pub fn xscmpexpqp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let bits = Parts::quad(c.vr(w.vra())).compare_exponents(Parts::quad(c.vr(w.vrb())));
    set_result(c, w, bits)
}
/// xststdcqp
pub fn xststdcqp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let x = c.vr(w.vrb());
    let bits = ((x >> 127) as u32) << 3 | (Parts::quad(x).matches(dcmx(w), false) as u32) << 1;
    set_result(c, w, bits)
}

/// R (bit 15) and RMC (bits 21..22). `Unspecified:` R=0 with RMC 1 or 2 are
/// reserved and taken as 0.
fn rounding(c: &Cpu, w: Word) -> Rounding {
    match (w.0 >> 16 & 1, w.0 >> 9 & 3) {
        (0, 3) => c.fp_mode().rounding,
        (0, _) => Rounding::NearestAway,
        (_, 0) => Rounding::NearestEven,
        (_, 1) => Rounding::TowardZero,
        (_, 2) => Rounding::Up,
        _ => Rounding::Down,
    }
}
/// xsrqpi: EX=1 reports inexactness.
pub fn xsrqpi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let i = integral(quad(c, w.vrb()), rounding(c, w));
    end_quad(c, w, &if w.rc() { i.signaled(QUAD) } else { i.silent(QUAD) })
}
/// xsrqpxp: to the 64-bit significand of double-extended precision.
pub fn xsrqpxp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let m = c.fp_mode().with(rounding(c, w));
    let o = round(Raw::unary(quad(c, w.vrb())), EXTENDED, m);
    end_quad(c, w, &o)
}
