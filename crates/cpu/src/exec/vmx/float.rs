//! Single precision without exceptions (Book I 6.6, 6.10): rounding to
//! nearest, no FPSCR; with VSCR[NJ] denormals are zeros.

use super::*;
use crate::softfloat::{
    EXTENDED, IntKind, Kind, Mode, Num, Raw, Rounding, SINGLE, add, compare, div, fma, from_int, integral,
    mul, reciprocal, reciprocal_sqrt, round, to_int,
};

/// An operand.
fn read(x: u32, nj: bool) -> Num {
    let x = Num::f32(x);
    if nj && x.denormal(SINGLE) { Num::zero(x.sign) } else { x }
}
/// A result.
fn write(raw: Raw, nj: bool) -> u32 {
    // Tiny before rounding: such a result is a zero even if it rounds to a normal.
    let tiny = nj && raw.num.denormal(SINGLE);
    let num = match tiny {
        true => Num::zero(raw.num.sign),
        false => round(raw, SINGLE, Mode::quiet(Rounding::NearestEven)).num,
    };
    num.pack(SINGLE) as u32
}
const NEAREST: Rounding = Rounding::NearestEven;

macro_rules! floats {
    ($($name:ident |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let nj = c.vscr & NJ != 0;
            let r = map2::<u32>(c.vr(w.vra()), c.vr(w.vrb()), |a, b| {
                let ($a, $b) = (read(a, nj), read(b, nj));
                write($e, nj)
            });
            c.set_vr(w.vrt(), r);
            Ok(())
        }
    )* };
}
floats! {
    vaddfp |a, b| add(a, b, NEAREST);
    vsubfp |a, b| add(a, b.negated_number(), NEAREST);
    vmaxfp |a, b| extreme(a, b, 4);
    vminfp |a, b| extreme(a, b, 8);
    vrfin |_a, b| to_integral(b, NEAREST);
    vrfiz |_a, b| to_integral(b, Rounding::TowardZero);
    vrfip |_a, b| to_integral(b, Rounding::Up);
    vrfim |_a, b| to_integral(b, Rounding::Down);
    vrefp |_a, b| reciprocal(b, SINGLE);
    vrsqrtefp |_a, b| reciprocal_sqrt(b, SINGLE, NEAREST);
    vexptefp |_a, b| estimate(b, power_of_two);
    vlogefp |_a, b| estimate(b, logarithm);
}

macro_rules! floats3 {
    ($($name:ident |$a:ident, $b:ident, $c:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(cpu: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            cpu.require_vec()?;
            let nj = cpu.vscr & NJ != 0;
            let r = map3::<u32>(cpu.vr(w.vra()), cpu.vr(w.vrb()), cpu.vr(w.vrc()), |a, b, c| {
                let ($a, $b, $c) = (read(a, nj), read(b, nj), read(c, nj));
                write($e, nj)
            });
            cpu.set_vr(w.vrt(), r);
            Ok(())
        }
    )* };
}
floats3! {
    vmaddfp |a, b, c| fma(a, c, b, NEAREST);
    vnmsubfp |a, b, c| {
        let r = fma(a, c, b.negated_number(), NEAREST);
        Raw { num: r.num.negated_number(), ..r }
    };
}

/// The operand that compares as `which`; the first NaN, quiet.
fn extreme(a: Num, b: Num, which: u32) -> Raw {
    match (a.nan(), b.nan()) {
        (true, _) => Raw::unary(a),
        (_, true) => Raw::unary(b),
        _ if a.kind == Kind::Zero && b.kind == Kind::Zero => {
            Raw::of(Num::zero(if which == 4 { a.sign && b.sign } else { a.sign || b.sign }))
        }
        _ => Raw::of(if compare(a, b) & (which | 2) != 0 { a } else { b }),
    }
}
fn to_integral(b: Num, rounding: Rounding) -> Raw {
    let o = integral(b, rounding).silent(SINGLE);
    Raw { num: o.num, flags: o.flags }
}

const ONE: Num = Num { kind: Kind::Finite, sign: false, exp: 0, sig: 1 << 127 };
/// What is far more precise than an estimate needs.
fn rounded(raw: Raw) -> Num {
    round(raw, EXTENDED, Mode::quiet(NEAREST)).num
}
/// An estimate of a number; NaNs pass, quiet.
/// `Unspecified:` how much better it is than the manual asks.
fn estimate(b: Num, f: impl Fn(Num) -> Raw) -> Raw {
    if b.nan() { Raw::unary(b) } else { f(b) }
}
/// 2^b: 2 to the integer part times a power series of the fraction.
fn power_of_two(b: Num) -> Raw {
    match b.kind {
        Kind::Infinity if b.sign => return Raw::of(Num::zero(false)),
        Kind::Infinity => return Raw::of(b),
        Kind::Zero => return Raw::of(ONE),
        _ => {}
    }
    let whole = integral(b, Rounding::Down).silent(SINGLE).num;
    // Beyond these the result is zero or infinite whatever the fraction.
    let n = to_int(whole, IntKind::I32, Rounding::Down).value.clamp(-1000, 1000);
    let x = rounded(mul(rounded(add(b, whole.negated_number(), NEAREST)), LN2));
    let (mut sum, mut term) = (ONE, ONE);
    for k in 1..24 {
        term = rounded(div(rounded(mul(term, x)), rounded(from_int(k)), EXTENDED));
        sum = rounded(add(sum, term, NEAREST));
    }
    Raw::of(Num { exp: sum.exp + n as i32, ..sum })
}
/// ln 2
const LN2: Num = Num { kind: Kind::Finite, sign: false, exp: -1, sig: 0xB172_17F7_D1CF_79AB << 64 };

/// log2 b: the exponent, then one bit of the fraction per squaring.
fn logarithm(b: Num) -> Raw {
    match b.kind {
        Kind::Zero => return Raw::of(Num::infinity(true)),
        _ if b.sign => return Raw::of(Num::QNAN),
        Kind::Infinity => return Raw::of(b),
        _ => {}
    }
    let (mut m, mut bits) = (Num { exp: 0, ..b }, b.exp as i128);
    for _ in 0..40 {
        m = rounded(mul(m, m));
        bits = bits << 1 | (m.exp > 0) as i128;
        m.exp = 0;
    }
    let r = from_int(bits);
    if bits == 0 { r } else { Raw::of(Num { exp: r.num.exp - 40, ..r.num }) }
}

/// Compares; the second is vcmpbfp's own.
macro_rules! compares {
    ($($name:ident |$a:ident, $b:ident| $e:expr, $cr:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let nj = c.vscr & NJ != 0;
            let r = map2::<u32>(c.vr(w.vra()), c.vr(w.vrb()), |a, b| {
                let ($a, $b) = (read(a, nj), read(b, nj));
                $e
            });
            c.set_vr(w.vrt(), r);
            if w.vrc_bit() {
                c.set_crf(6, $cr(r));
            }
            Ok(())
        }
    )* };
}
fn mask(a: Num, b: Num, which: u32) -> u32 {
    if compare(a, b) & which != 0 { u32::MAX } else { 0 }
}
compares! {
    vcmpeqfp |a, b| mask(a, b, 2), cr6;
    vcmpgefp |a, b| mask(a, b, 4 | 2), cr6;
    vcmpgtfp |a, b| mask(a, b, 4), cr6;
    // Bit 0: not a <= b; bit 1: not a >= -b. CR6 tells if all are in bounds.
    vcmpbfp |a, b| {
        let above = compare(a, b) & (8 | 2) == 0;
        let below = compare(a, b.negated()) & (4 | 2) == 0;
        (above as u32) << 31 | (below as u32) << 30
    }, |r: u128| if r == 0 { 2 } else { 0 };
}

/// To an integer of fixed point with UIM fraction bits, saturated.
macro_rules! to_fixed {
    ($($name:ident $kind:ident;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let (nj, mut saturated) = (c.vscr & NJ != 0, false);
            let r = map2::<u32>(c.vr(w.vrb()), 0, |b, _| {
                let b = read(b, nj);
                if b.nan() {
                    return 0;
                }
                let scaled = Num { exp: b.exp + w.uim() as i32, ..b };
                let i = to_int(scaled, IntKind::$kind, Rounding::TowardZero);
                saturated |= i.flags & crate::fpscr::bit::VXCVI != 0;
                i.value as u32
            });
            c.set_vr(w.vrt(), r);
            c.vscr |= if saturated { SAT } else { 0 };
            Ok(())
        }
    )* };
}
to_fixed! {
    vctsxs I32;
    vctuxs U32;
}
/// From an integer of fixed point.
macro_rules! from_fixed {
    ($($name:ident $t:ty;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let r = map::<u32>(c.vr(w.vrb()), |b| {
                let raw = from_int(b as $t as i128);
                let exp = raw.num.exp - w.uim() as i32;
                write(Raw { num: Num { exp, ..raw.num }, ..raw }, false)
            });
            c.set_vr(w.vrt(), r);
            Ok(())
        }
    )* };
}
from_fixed! {
    vcfsx i32;
    vcfux u32;
}
