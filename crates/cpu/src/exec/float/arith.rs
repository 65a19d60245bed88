//! Arithmetic, estimates and comparison (I 4.6.6, 4.6.8).

use super::*;
use crate::softfloat::{
    Format, Mode, Raw, SINGLE, add, div, fma, mul, reciprocal, reciprocal_sqrt, round, sqrt, test_divide,
    test_sqrt,
};

/// One rounding, to the format named, of an exact result.
macro_rules! arithmetic {
    ($($name:ident $format:ident, |$m:ident, $a:ident, $b:ident, $c:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(cpu: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            cpu.require_fp()?;
            let $m = cpu.fp_mode();
            let [$a, $b, $c] = [w.ra(), w.rb(), w.rc_reg()].map(|i| operand(cpu, i));
            end(cpu, w, &round($e, $format, $m))
        }
    )* };
}
arithmetic! {
    fadd   DOUBLE, |m, a, b, _c| add(a, b, m.rounding);
    fadds  SINGLE, |m, a, b, _c| add(a, b, m.rounding);
    fsub   DOUBLE, |m, a, b, _c| add(a, b.negated_number(), m.rounding);
    fsubs  SINGLE, |m, a, b, _c| add(a, b.negated_number(), m.rounding);
    fmul   DOUBLE, |m, a, _b, c| mul(a, c);
    fmuls  SINGLE, |m, a, _b, c| mul(a, c);
    fdiv   DOUBLE, |m, a, b, _c| div(a, b, DOUBLE);
    fdivs  SINGLE, |m, a, b, _c| div(a, b, SINGLE);
    fsqrt  DOUBLE, |m, _a, b, _c| sqrt(b, DOUBLE);
    fsqrts SINGLE, |m, _a, b, _c| sqrt(b, SINGLE);
    fmadd  DOUBLE, |m, a, b, c| fma(a, c, b, m.rounding);
    fmadds SINGLE, |m, a, b, c| fma(a, c, b, m.rounding);
    fmsub  DOUBLE, |m, a, b, c| fma(a, c, b.negated_number(), m.rounding);
    fmsubs SINGLE, |m, a, b, c| fma(a, c, b.negated_number(), m.rounding);
    fre      DOUBLE, |m, _a, b, _c| reciprocal(b, DOUBLE);
    fres     SINGLE, |m, _a, b, _c| reciprocal(b, SINGLE);
    frsqrte  DOUBLE, |m, _a, b, _c| reciprocal_sqrt(b, DOUBLE, m.rounding);
    frsqrtes SINGLE, |m, _a, b, _c| reciprocal_sqrt(b, DOUBLE, m.rounding);
    frsp     SINGLE, |m, _a, b, _c| to_single(b);
}
/// The operand of a rounding to single precision; a NaN loses what a single cannot hold.
pub(crate) fn to_single(b: Num) -> Raw {
    let raw = Raw::unary(b);
    if b.nan() { Raw { num: Num { sig: raw.num.sig >> 105 << 105, ..raw.num }, ..raw } } else { raw }
}

/// Multiply-add negated after rounding.
macro_rules! negative {
    ($($name:ident $format:ident, |$b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(cpu: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            cpu.require_fp()?;
            let [a, $b, c] = [w.ra(), w.rb(), w.rc_reg()].map(|i| operand(cpu, i));
            let o = negative_fma(a, c, $e, $format, cpu.fp_mode());
            end(cpu, w, &o)
        }
    )* };
}
negative! {
    fnmadd  DOUBLE, |b| b;
    fnmadds SINGLE, |b| b;
    fnmsub  DOUBLE, |b| b.negated_number();
    fnmsubs SINGLE, |b| b.negated_number();
}
/// -(a × c + b)
pub(crate) fn negative_fma(a: Num, c: Num, b: Num, format: Format, m: Mode) -> Outcome {
    round(fma(a, c, b, m.rounding), format, m).map(format, Num::negated_number)
}

/// fcmpu
pub fn fcmpu(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    c.fp_compare(w.bf(), operand(c, w.ra()), operand(c, w.rb()), false)
}
/// fcmpo
pub fn fcmpo(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    c.fp_compare(w.bf(), operand(c, w.ra()), operand(c, w.rb()), true)
}
/// ftdiv
pub fn ftdiv(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    c.set_crf(w.bf(), test_divide(operand(c, w.ra()), operand(c, w.rb()), DOUBLE));
    Ok(())
}
/// ftsqrt
pub fn ftsqrt(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    c.set_crf(w.bf(), test_sqrt(operand(c, w.rb()), DOUBLE));
    Ok(())
}
