//! To and from integers, rounding to integral values, comparison.

use super::{Format, Kind, Num, Outcome, Raw, Rounding, cut};
use crate::fpscr::bit::{VXCVI, VXSNAN, XX};

/// An integer type of at most 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntKind {
    /// Least value.
    pub min: i128,
    /// Greatest value.
    pub max: i128,
}
impl IntKind {
    /// 32 bits, signed.
    pub const I32: IntKind = IntKind { min: i32::MIN as i128, max: i32::MAX as i128 };
    /// 32 bits, unsigned.
    pub const U32: IntKind = IntKind { min: 0, max: u32::MAX as i128 };
    /// 64 bits, signed.
    pub const I64: IntKind = IntKind { min: i64::MIN as i128, max: i64::MAX as i128 };
    /// 64 bits, unsigned.
    pub const U64: IntKind = IntKind { min: 0, max: u64::MAX as i128 };
}

/// An integer result: value, exceptions, FI, FR.
#[derive(Clone, Copy, Debug)]
pub struct Integer {
    /// The value, saturated; the least one for a NaN.
    pub value: i128,
    /// Exceptions, as FPSCR bits.
    pub flags: u64,
    /// FI.
    pub inexact: bool,
    /// FR.
    pub increment: bool,
}

/// Rounds a finite value to an integral one: value, inexact, incremented.
fn to_integral(x: Num, rounding: Rounding) -> (Num, bool, bool) {
    if x.exp >= 127 {
        return (x, false, false);
    }
    if x.exp >= 0 {
        return cut(x, 127 - x.exp as u32, rounding);
    }
    // Below 1: bit 126 stands for 1/2, sticky below.
    let sig = super::wide::shr_jam(x.sig, -x.exp as u32);
    cut(Num { exp: 0, sig, ..x }, 127, rounding)
}

/// Converts to `kind` (Book I 4.6.7.2, 7.6.3).
pub fn to_int(x: Num, kind: IntKind, rounding: Rounding) -> Integer {
    let invalid = |value, flags| Integer { value, flags, inexact: false, increment: false };
    let bound = if x.sign { kind.min } else { kind.max };
    match x.kind {
        Kind::Nan => invalid(kind.min, VXCVI | if x.signaling() { VXSNAN } else { 0 }),
        Kind::Infinity => invalid(bound, VXCVI),
        Kind::Zero => invalid(0, 0),
        Kind::Finite if x.exp > 64 => invalid(bound, VXCVI),
        Kind::Finite => {
            let (r, inexact, increment) = to_integral(x, rounding);
            let magnitude = if r.kind == Kind::Zero { 0 } else { (r.sig >> (127 - r.exp)) as i128 };
            let value = if r.sign { -magnitude } else { magnitude };
            if value < kind.min || value > kind.max {
                return invalid(bound, VXCVI);
            }
            Integer { value, flags: if inexact { XX } else { 0 }, inexact, increment }
        }
    }
}

/// An integer as an exact value.
pub fn from_int(x: i128) -> Raw {
    Raw::of(Num::normal(x < 0, 127, x.unsigned_abs()))
}

/// A value rounded to an integral one.
#[derive(Clone, Copy, Debug)]
pub struct Integral {
    raw: Raw,
    inexact: bool,
    increment: bool,
}
impl Integral {
    /// The forms that never report inexactness.
    pub fn silent(self, format: Format) -> Outcome {
        Outcome::exact(self.raw, format)
    }
    /// The forms that do.
    pub fn signaled(self, format: Format) -> Outcome {
        let o = self.silent(format);
        let xx = if self.inexact { XX } else { 0 };
        Outcome { flags: o.flags | xx, inexact: self.inexact, increment: self.increment, ..o }
    }
}
/// Rounds to an integral value.
pub fn integral(x: Num, rounding: Rounding) -> Integral {
    let (num, inexact, increment) = match x.kind {
        Kind::Finite => to_integral(x, rounding),
        _ => (x, false, false),
    };
    let raw = if x.nan() { Raw::unary(x) } else { Raw::of(num) };
    Integral { raw, inexact, increment }
}

/// The four outcomes of a comparison as a CR field: LT GT EQ, 1 is unordered.
pub fn compare(a: Num, b: Num) -> u32 {
    if a.nan() || b.nan() {
        return 1;
    }
    match key(a).cmp(&key(b)) {
        std::cmp::Ordering::Less => 8,
        std::cmp::Ordering::Greater => 4,
        std::cmp::Ordering::Equal => 2,
    }
}
/// Orders all but NaNs: sign, then magnitude.
fn key(x: Num) -> (i32, i64, i128) {
    let (class, exp, sig) = match x.kind {
        Kind::Zero | Kind::Nan => (0, 0, 0),
        Kind::Finite => (1, x.exp as i64, (x.sig >> 1) as i128),
        Kind::Infinity => (2, 0, 0),
    };
    if x.sign { (-class, -exp, -sig) } else { (class, exp, sig) }
}
