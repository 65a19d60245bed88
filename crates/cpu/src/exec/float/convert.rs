//! Conversions to and from integers, rounding to integral values (I 4.6.7).

use super::*;
use crate::softfloat::{IntKind, Rounding, SINGLE, from_int, integral, round, to_int};

/// To an integer: by RN, or toward zero.
macro_rules! to_integers {
    ($($name:ident $kind:ident, $rounding:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_fp()?;
            let rounding = Option::unwrap_or($rounding, c.fp_mode().rounding);
            let i = to_int(operand(c, w.rb()), IntKind::$kind, rounding);
            // `Unspecified:` the high word of a word result: its sign, 0 for a NaN.
            let nan = operand(c, w.rb()).nan() && IntKind::$kind == IntKind::I32;
            let bits = if nan { i.value as u32 as u64 } else { i.value as u64 };
            c.fp_end_integer(&i, w.rc(), |c| c.set_fpr(w.rt(), bits))
        }
    )* };
}
to_integers! {
    fctid   I64, None;
    fctidz  I64, Some(Rounding::TowardZero);
    fctidu  U64, None;
    fctiduz U64, Some(Rounding::TowardZero);
    fctiw   I32, None;
    fctiwz  I32, Some(Rounding::TowardZero);
    fctiwu  U32, None;
    fctiwuz U32, Some(Rounding::TowardZero);
}

macro_rules! from_integers {
    ($($name:ident $t:ty, $format:ident;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_fp()?;
            let raw = from_int(c.fpr(w.rb()) as $t as i128);
            end(c, w, &round(raw, $format, c.fp_mode()))
        }
    )* };
}
from_integers! {
    fcfid   i64, DOUBLE;
    fcfidu  u64, DOUBLE;
    fcfids  i64, SINGLE;
    fcfidus u64, SINGLE;
}

/// To an integral value: never inexact.
macro_rules! integrals {
    ($($name:ident $rounding:ident;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_fp()?;
            let o = integral(operand(c, w.rb()), Rounding::$rounding).silent(DOUBLE);
            end(c, w, &o)
        }
    )* };
}
integrals! {
    frin NearestAway;
    friz TowardZero;
    frip Up;
    frim Down;
}
