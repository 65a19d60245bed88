//! Add, multiply, divide, square root, multiply-add before rounding
//! (Book I 4.6.6 and 7.6.3; the rules for special operands are in the
//! tables of each instruction).

use super::wide::{add2, leading_zeros2, mul as wide_mul, shl2, shr_jam2, sub2};
use super::{Format, Kind, Mode, Num, Raw, Rounding, propagate, round};
use crate::fpscr::bit::{VXIDI, VXIMZ, VXISI, VXSQRT, VXZDZ, XX, ZX};

/// A 256-bit significand, left-aligned: `sig / 2^255 * 2^exp`.
#[derive(Clone, Copy)]
struct Wide {
    sign: bool,
    exp: i32,
    sig: (u128, u128),
}
impl Wide {
    fn of(x: Num) -> Wide {
        Wide { sign: x.sign, exp: x.exp, sig: (x.sig, 0) }
    }
    /// The value with a sticky last bit.
    fn num(self) -> Num {
        let n = leading_zeros2(self.sig);
        let (high, low) = shl2(self.sig, n);
        Num::normal(self.sign, self.exp - n as i32, high | (low != 0) as u128)
    }
}

/// Sum of finite nonzero values. `zero` is the sign of an exact zero.
fn add_finite(a: Wide, b: Wide, zero: bool) -> Num {
    let (a, b) = if (a.exp, a.sig) >= (b.exp, b.sig) { (a, b) } else { (b, a) };
    let small = shr_jam2(b.sig, (a.exp - b.exp) as u32);
    if a.sign == b.sign {
        let (sig, carry) = add2(a.sig, small);
        if !carry {
            return Wide { sig, ..a }.num();
        }
        let (high, low) = shr_jam2(sig, 1);
        return Wide { sig: (high | 1 << 127, low), exp: a.exp + 1, ..a }.num();
    }
    match sub2(a.sig, small) {
        (0, 0) => Num::zero(zero),
        sig => Wide { sig, ..a }.num(),
    }
}
/// Sign of an exact zero difference.
fn zero_sign(rounding: Rounding) -> bool {
    rounding == Rounding::Down
}

/// a + b
pub fn add(a: Num, b: Num, rounding: Rounding) -> Raw {
    if let Some(nan) = propagate(&[a, b]) {
        return nan;
    }
    match (a.kind, b.kind) {
        (Kind::Infinity, Kind::Infinity) if a.sign != b.sign => Raw::invalid(VXISI),
        (Kind::Infinity, _) => Raw::of(a),
        (_, Kind::Infinity) => Raw::of(b),
        (Kind::Zero, Kind::Zero) if a.sign != b.sign => Raw::of(Num::zero(zero_sign(rounding))),
        (_, Kind::Zero) => Raw::of(a),
        (Kind::Zero, _) => Raw::of(b),
        _ => Raw::of(add_finite(Wide::of(a), Wide::of(b), zero_sign(rounding))),
    }
}

/// Exact product of finite nonzero values.
fn mul_finite(a: Num, b: Num) -> Wide {
    let sig = wide_mul(a.sig, b.sig);
    let n = leading_zeros2(sig);
    Wide { sign: a.sign ^ b.sign, exp: a.exp + b.exp + 1 - n as i32, sig: shl2(sig, n) }
}

/// a × b
pub fn mul(a: Num, b: Num) -> Raw {
    if let Some(nan) = propagate(&[a, b]) {
        return nan;
    }
    let sign = a.sign ^ b.sign;
    match (a.kind, b.kind) {
        (Kind::Infinity, Kind::Zero) | (Kind::Zero, Kind::Infinity) => Raw::invalid(VXIMZ),
        (Kind::Infinity, _) | (_, Kind::Infinity) => Raw::of(Num::infinity(sign)),
        (Kind::Zero, _) | (_, Kind::Zero) => Raw::of(Num::zero(sign)),
        _ => Raw::of(mul_finite(a, b).num()),
    }
}

/// a × c + b, rounded once. NaNs are taken in the order a, b, c.
pub fn fma(a: Num, c: Num, b: Num, rounding: Rounding) -> Raw {
    let undefined = matches!((a.kind, c.kind), (Kind::Infinity, Kind::Zero) | (Kind::Zero, Kind::Infinity));
    if let Some(mut nan) = propagate(&[a, b, c]) {
        nan.flags |= if undefined { VXIMZ } else { 0 };
        return nan;
    }
    if undefined {
        return Raw::invalid(VXIMZ);
    }
    let finite = |x: Num| x.kind == Kind::Finite;
    if !(finite(a) && finite(c) && finite(b)) {
        return add(mul(a, c).num, b, rounding);
    }
    Raw::of(add_finite(mul_finite(a, c), Wide::of(b), zero_sign(rounding)))
}

/// a ÷ b, with enough bits to round it to `format`.
pub fn div(a: Num, b: Num, format: Format) -> Raw {
    if let Some(nan) = propagate(&[a, b]) {
        return nan;
    }
    let sign = a.sign ^ b.sign;
    match (a.kind, b.kind) {
        (Kind::Infinity, Kind::Infinity) => Raw::invalid(VXIDI),
        (Kind::Zero, Kind::Zero) => Raw::invalid(VXZDZ),
        (Kind::Infinity, _) => Raw::of(Num::infinity(sign)),
        (_, Kind::Infinity) | (Kind::Zero, _) => Raw::of(Num::zero(sign)),
        (_, Kind::Zero) => Raw { num: Num::infinity(sign), flags: ZX },
        _ => Raw::of(Num { sign, ..div_finite(a, b, format) }),
    }
}
/// Quotient of the magnitudes: 64 bits or 119, then sticky.
fn div_finite(a: Num, b: Num, format: Format) -> Num {
    const LOW: u128 = u64::MAX as u128;
    if format.fraction < 60 && (a.sig | b.sig) & LOW == 0 {
        let (n, d) = (a.sig, b.sig >> 64);
        // 2^63 < quotient < 2^65: one integer bit below or at bit 64.
        let (q, sticky) = (n / d, n % d != 0);
        return Num::normal(false, a.exp - b.exp + 62, q << 1 | sticky as u128);
    }
    let (mut rest, d, mut q) = (a.sig >> 1, b.sig >> 1, 0u128);
    for _ in 0..120 {
        q <<= 1;
        if rest >= d {
            rest -= d;
            q |= 1;
        }
        rest <<= 1;
    }
    Num::normal(false, a.exp - b.exp + 8, q | (rest != 0) as u128)
}

/// √b, with enough bits to round it to `format`.
pub fn sqrt(b: Num, format: Format) -> Raw {
    if let Some(nan) = propagate(&[b]) {
        return nan;
    }
    match b.kind {
        Kind::Zero => Raw::of(b),
        _ if b.sign => Raw::invalid(VXSQRT),
        Kind::Infinity => Raw::of(b),
        _ => Raw::of(sqrt_finite(b, format.fraction + 3)),
    }
}
/// Digit by digit: two bits of the radicand for one of the root.
fn sqrt_finite(b: Num, bits: u32) -> Num {
    let (mut x, exp) = (if b.exp & 1 == 0 { b.sig >> 1 } else { b.sig }, b.exp >> 1);
    let (mut rest, mut root) = (0u128, 0u128);
    for _ in 0..bits {
        rest = rest << 2 | x >> 126;
        x <<= 2;
        let trial = root << 2 | 1;
        root <<= 1;
        if rest >= trial {
            rest -= trial;
            root |= 1;
        }
    }
    let sticky = rest != 0 || x != 0;
    // The root's first bit is bit `bits - 1`; the sticky bit goes below its last.
    Num::normal(false, exp + 127 - bits as i32, root << 1 | sticky as u128)
}

const ONE: Num = Num { kind: Kind::Finite, sign: false, exp: 0, sig: 1 << 127 };

/// 1 ÷ b. `Unspecified:` how much better an estimate is than the manual asks.
pub fn reciprocal(b: Num, format: Format) -> Raw {
    div(ONE, b, format)
}
/// 1 ÷ √b: the root is rounded to `root`, the quotient is not yet.
/// `Unspecified:` as for the reciprocal.
pub fn reciprocal_sqrt(b: Num, root: Format, rounding: Rounding) -> Raw {
    let x = round(sqrt(b, root), root, Mode::quiet(rounding));
    let r = div(ONE, x.num, root);
    Raw { flags: r.flags | x.flags & !XX, ..r }
}

/// What software division needs to know of its operands: CR field
/// 1, fg, fe, 0 (I 4.6.6.1).
pub fn test_divide(a: Num, b: Num, format: Format) -> u32 {
    let special = |x: Num| matches!(x.kind, Kind::Nan | Kind::Infinity);
    let (ea, eb) = (field(a, format), field(b, format));
    let (emin, emax) = (format.emin(), format.emax());
    let ratio = a.kind == Kind::Finite
        && b.kind == Kind::Finite
        && (ea - eb >= emax || ea - eb <= emin + 1 || ea <= emin + format.fraction as i32);
    let fe = special(a) || special(b) || b.kind == Kind::Zero || eb <= emin || eb >= emax - 2 || ratio;
    let fg = a.kind == Kind::Infinity || matches!(b.kind, Kind::Infinity | Kind::Zero) || b.denormal(format);
    8 | (fg as u32) << 2 | (fe as u32) << 1
}
/// The same for square roots.
pub fn test_sqrt(b: Num, format: Format) -> u32 {
    let fe = b.kind != Kind::Finite || b.sign || field(b, format) <= format.emin() + format.fraction as i32;
    let fg = matches!(b.kind, Kind::Infinity | Kind::Zero) || b.denormal(format);
    8 | (fg as u32) << 2 | (fe as u32) << 1
}
/// The exponent as the field says it: one below the least for denormals.
fn field(x: Num, format: Format) -> i32 {
    x.exp.max(format.emin() - 1)
}
