//! Against `rustc_apfloat` on operands that meet all special cases. What it
//! cannot say (FR, tininess before rounding, adjusted exponents, rounding to
//! odd) is checked against the definition.

use super::*;
use crate::fpscr::bit::{VXIDI, VXIMZ, VXISI, VXSQRT, VXZDZ, ZX};
use rustc_apfloat::ieee::{Double, Half, Quad, Single};
use rustc_apfloat::{Float, Round, Status};

const ROUNDINGS: [(Rounding, Round); 5] = [
    (Rounding::NearestEven, Round::NearestTiesToEven),
    (Rounding::TowardZero, Round::TowardZero),
    (Rounding::Up, Round::TowardPositive),
    (Rounding::Down, Round::TowardNegative),
    (Rounding::NearestAway, Round::NearestTiesToAway),
];

/// A fixed sequence (SplitMix64).
struct Sequence(u64);
impl Sequence {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
    /// Bits of `format`, often special, often near 1, often with few ones.
    fn operand(&mut self, format: Format) -> u128 {
        let Format { exponent, fraction } = format;
        let random = (self.next() as u128) << 64 | self.next() as u128;
        let how = self.next();
        let f = match how & 3 {
            0 => 0,
            1 => random & 7,
            2 => (random & 7) << (fraction - 3),
            _ => random,
        } & ((1 << fraction) - 1);
        let all = format.special();
        let e = match how >> 2 & 7 {
            0 => 0,
            1 => all,
            2 => all - 1 - (random >> 120 & 1),
            3 => 1,
            4 => random >> 64 & all,
            _ => (format.emax() as u128 + (random >> 64 & 3)) & all,
        };
        (how as u128 >> 8 & 1) << (exponent + fraction) | e << fraction | f
    }
}

fn check<F: Float>(name: &str, raw: Raw, format: Format, mode: Mode, status: Status, want: F) {
    let o = round(raw, format, mode);
    let bits = o.num.pack(format);
    let invalid = o.flags & (VXSNAN | VXISI | VXIMZ | VXIDI | VXZDZ | VXSQRT) != 0;
    if want.is_nan() {
        assert!(o.num.nan(), "{name} {mode:?}: {bits:x} is no NaN");
    } else {
        assert_eq!(bits, want.to_bits(), "{name} {mode:?}");
    }
    assert_eq!(o.inexact, status.contains(Status::INEXACT), "{name} {mode:?} inexact {bits:x}");
    // apfloat reports no overflow when the result is the largest number.
    let overflow = o.flags & OX != 0 && o.num.kind == Kind::Infinity;
    assert_eq!(overflow, status.contains(Status::OVERFLOW), "{name} {mode:?} overflow");
    assert_eq!(invalid, status.contains(Status::INVALID_OP), "{name} {mode:?} invalid");
    assert_eq!(o.flags & ZX != 0, status.contains(Status::DIV_BY_ZERO), "{name} {mode:?} divide");
    assert_eq!(o.flags & UX != 0, tiny(raw, format) && o.inexact, "{name} {mode:?} underflow");
    if !want.is_nan() && o.inexact {
        let truncated = round(raw, format, mode.with(Rounding::TowardZero)).num.pack(format);
        assert_eq!(o.increment, bits != truncated, "{name} {mode:?} increment");
        let odd = round(raw, format, mode.with(Rounding::Odd)).num.pack(format);
        assert_eq!(odd, truncated | 1, "{name} odd");
    }
}
fn tiny(raw: Raw, format: Format) -> bool {
    raw.num.denormal(format)
}

fn agree<F: Float>(format: Format, rounds: u32) {
    let mut s = Sequence(format.fraction as u64);
    for _ in 0..rounds {
        let [x, y, z] = [(); 3].map(|_| s.operand(format));
        let [a, b, c] = [x, y, z].map(|v| Num::unpack(v, format));
        let [fa, fb, fc] = [x, y, z].map(F::from_bits);
        for (rounding, r) in ROUNDINGS {
            let mode = Mode::quiet(rounding);
            let check = |name: &str, raw, want: rustc_apfloat::StatusAnd<F>| {
                let name = format!("{name} {x:#x} {y:#x} {z:#x}");
                check(&name, raw, format, mode, want.status, want.value);
            };
            check("add", add(a, b, rounding), fa.add_r(fb, r));
            check("sub", add(a, b.negated_number(), rounding), fa.sub_r(fb, r));
            check("mul", mul(a, b), fa.mul_r(fb, r));
            check("div", div(a, b, format), fa.div_r(fb, r));
            // A NaN addend hides inf × 0 from apfloat.
            if !(c.nan() || a.nan() || b.nan()) {
                check("fma", fma(a, b, c, rounding), fa.mul_add_r(fb, fc, r));
            }
            if !a.nan() {
                let o = integral(a, rounding).signaled(format);
                let want = fa.round_to_integral(r);
                assert_eq!(o.num.pack(format), want.value.to_bits(), "integral {x:#x} {rounding:?}");
                for (kind, bits, signed) in [
                    (IntKind::I64, 64, true),
                    (IntKind::U64, 64, false),
                    (IntKind::I32, 32, true),
                    (IntKind::U32, 32, false),
                ] {
                    let i = to_int(a, kind, rounding);
                    let (value, status) = if signed {
                        let v = fa.to_i128_r(bits, r, &mut false);
                        (v.value, v.status)
                    } else {
                        let v = fa.to_u128_r(bits, r, &mut false);
                        (v.value as i128, v.status)
                    };
                    assert_eq!(i.value, value, "{kind:?} {x:#x} {rounding:?}");
                    assert_eq!(i.flags & XX != 0, status.contains(Status::INEXACT), "{kind:?} {x:#x}");
                }
            }
        }
    }
}

#[test]
fn half_agrees() {
    agree::<Half>(HALF, 20_000);
}
#[test]
fn single_agrees() {
    agree::<Single>(SINGLE, 20_000);
}
#[test]
fn double_agrees() {
    agree::<Double>(DOUBLE, 20_000);
}
#[test]
fn quad_agrees() {
    agree::<Quad>(QUAD, 20_000);
}

/// The rounded-down root r of x is the greatest with r² <= x.
#[test]
fn square_root_is_the_greatest_not_above() {
    let mut s = Sequence(7);
    for format in [SINGLE, DOUBLE, QUAD] {
        for _ in 0..5_000 {
            let x = Num::unpack(s.operand(format), format);
            if x.kind != Kind::Finite || x.sign {
                continue;
            }
            let o = round(sqrt(x, format), format, Mode::quiet(Rounding::TowardZero));
            let up = round(sqrt(x, format), format, Mode::quiet(Rounding::Up));
            let minus = x.negated();
            let above = |r: Num| fma(r, r, minus, Rounding::NearestEven).num;
            let (low, high) = (above(o.num), above(up.num));
            assert!(low.kind == Kind::Zero || low.sign, "{x:?}");
            assert!(high.kind == Kind::Zero || !high.sign, "{x:?}");
            assert_eq!(o.inexact, low.kind != Kind::Zero, "{x:?}");
            assert_eq!(up.increment, o.inexact);
        }
    }
}

#[test]
fn unpacked_values_pack_to_themselves() {
    let mut s = Sequence(3);
    for format in [HALF, SINGLE, DOUBLE, QUAD] {
        for _ in 0..2_000 {
            let x = s.operand(format);
            assert_eq!(Num::unpack(x, format).pack(format), x);
        }
    }
}

/// Enabled overflow and underflow keep the fraction and adjust the exponent.
#[test]
fn enabled_exceptions_adjust_the_exponent() {
    let mode = Mode { overflow_enabled: true, underflow_enabled: true, ..Mode::quiet(Rounding::NearestEven) };
    let huge = Num::f64(0x7FE8_0000_0000_0000);
    let o = round(mul(huge, huge), DOUBLE, mode);
    assert_eq!((o.flags, o.num.exp, o.num.sig), (OX, 2047 - 1536, 0x9 << 124));
    let least = Num::f64(1);
    let o = round(mul(least, least), DOUBLE, mode);
    assert_eq!((o.flags, o.num.exp, o.inexact), (UX, -2148 + 1536, false));
}
