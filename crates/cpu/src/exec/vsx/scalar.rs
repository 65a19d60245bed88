//! Scalar arithmetic, multiply-add, estimates, rounding, minimum, maximum.

use super::*;
use crate::exec::float::{negative_fma, to_single};
use crate::softfloat::{
    Rounding, add, div, fma, integral, mul, reciprocal, reciprocal_sqrt, round, sqrt, test_divide, test_sqrt,
};

macro_rules! moves {
    ($($name:ident |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let ($a, $b) = (high(c, w.xa()), high(c, w.xb()));
            set_high(c, w.xt(), $e);
            Ok(())
        }
    )* };
}
const SIGN: u64 = 1 << 63;
moves! {
    xsabsdp  |_a, b| b & !SIGN;
    xsnabsdp |_a, b| b | SIGN;
    xsnegdp  |_a, b| b ^ SIGN;
    xscpsgndp |a, b| a & SIGN | b & !SIGN;
}

macro_rules! arithmetic {
    ($($name:ident $format:ident, |$m:ident, $a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let ($m, $a, $b) = (c.fp_mode(), scalar(c, w.xa()), scalar(c, w.xb()));
            end(c, w, &round($e, $format, $m))
        }
    )* };
}
arithmetic! {
    xsadddp DOUBLE, |m, a, b| add(a, b, m.rounding);
    xsaddsp SINGLE, |m, a, b| add(a, b, m.rounding);
    xssubdp DOUBLE, |m, a, b| add(a, b.negated_number(), m.rounding);
    xssubsp SINGLE, |m, a, b| add(a, b.negated_number(), m.rounding);
    xsmuldp DOUBLE, |m, a, b| mul(a, b);
    xsmulsp SINGLE, |m, a, b| mul(a, b);
    xsdivdp DOUBLE, |m, a, b| div(a, b, DOUBLE);
    xsdivsp SINGLE, |m, a, b| div(a, b, SINGLE);
    xssqrtdp DOUBLE, |m, _a, b| sqrt(b, DOUBLE);
    xssqrtsp SINGLE, |m, _a, b| sqrt(b, SINGLE);
    xsredp DOUBLE, |m, _a, b| reciprocal(b, DOUBLE);
    xsresp SINGLE, |m, _a, b| reciprocal(b, SINGLE);
    xsrsqrtedp DOUBLE, |m, _a, b| reciprocal_sqrt(b, DOUBLE, m.rounding);
    xsrsqrtesp SINGLE, |m, _a, b| reciprocal_sqrt(b, DOUBLE, m.rounding);
    xsrsp SINGLE, |m, _a, b| to_single(b);
}

/// ±(a × y ± z), where y and z are XB and XT: type A adds XT, type M adds XB.
macro_rules! multiply_add {
    ($($name:ident $type:ident $format:ident, $negative:literal, |$z:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let (m, a, b, t) = (c.fp_mode(), scalar(c, w.xa()), scalar(c, w.xb()), scalar(c, w.xt()));
            let (y, $z) = operands!($type, b, t);
            let o = match $negative {
                true => negative_fma(a, y, $e, $format, m),
                false => round(fma(a, y, $e, m.rounding), $format, m),
            };
            end(c, w, &o)
        }
    )* };
}
macro_rules! operands {
    (A, $b:ident, $t:ident) => {
        ($b, $t)
    };
    (M, $b:ident, $t:ident) => {
        ($t, $b)
    };
}
pub(super) use operands;
multiply_add! {
    xsmaddadp  A DOUBLE, false, |z| z;
    xsmaddmdp  M DOUBLE, false, |z| z;
    xsmaddasp  A SINGLE, false, |z| z;
    xsmaddmsp  M SINGLE, false, |z| z;
    xsmsubadp  A DOUBLE, false, |z| z.negated_number();
    xsmsubmdp  M DOUBLE, false, |z| z.negated_number();
    xsmsubasp  A SINGLE, false, |z| z.negated_number();
    xsmsubmsp  M SINGLE, false, |z| z.negated_number();
    xsnmaddadp A DOUBLE, true, |z| z;
    xsnmaddmdp M DOUBLE, true, |z| z;
    xsnmaddasp A SINGLE, true, |z| z;
    xsnmaddmsp M SINGLE, true, |z| z;
    xsnmsubadp A DOUBLE, true, |z| z.negated_number();
    xsnmsubmdp M DOUBLE, true, |z| z.negated_number();
    xsnmsubasp A SINGLE, true, |z| z.negated_number();
    xsnmsubmsp M SINGLE, true, |z| z.negated_number();
}

/// To an integral value; the form with the mode of the FPSCR may be inexact.
macro_rules! integrals {
    ($($name:ident $rounding:ident;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let o = integral(scalar(c, w.xb()), Rounding::$rounding).silent(DOUBLE);
            end(c, w, &o)
        }
    )* };
}
integrals! {
    xsrdpi  NearestAway;
    xsrdpim Down;
    xsrdpip Up;
    xsrdpiz TowardZero;
}
/// xsrdpic
pub fn xsrdpic(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let o = integral(scalar(c, w.xb()), c.fp_mode().rounding).signaled(DOUBLE);
    end(c, w, &o)
}

/// xstdivdp
pub fn xstdivdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    c.set_crf(w.bf(), test_divide(scalar(c, w.xa()), scalar(c, w.xb()), DOUBLE));
    Ok(())
}
/// xstsqrtdp
pub fn xstsqrtdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    c.set_crf(w.bf(), test_sqrt(scalar(c, w.xb()), DOUBLE));
    Ok(())
}
