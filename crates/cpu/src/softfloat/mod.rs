//! Binary floating point in integers: half, single, double and quad
//! precision as Power ISA 3.0B, Book I 4.3 to 4.5 and 7.3 demand them.
//!
//! A value is unpacked into a [`Num`] whose significand is left-aligned in
//! 128 bits. Arithmetic gives an exact result, or one whose last bit is a
//! sticky bit far below any rounding position; [`round`] makes the one
//! rounding. Nothing here depends on the host's floating point.

mod arith;
mod convert;
#[cfg(test)]
mod tests;
mod wide;

pub use arith::{add, div, fma, mul, reciprocal, reciprocal_sqrt, sqrt, test_divide, test_sqrt};
pub use convert::{IntKind, Integer, Integral, compare, from_int, integral, to_int};

use crate::fpscr::bit::{OX, UX, VXSNAN, XX};

/// A binary interchange format (IEEE 754-2008, 3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    exponent: u32,
    fraction: u32,
}
/// binary16
pub const HALF: Format = Format { exponent: 5, fraction: 10 };
/// binary32
pub const SINGLE: Format = Format { exponent: 8, fraction: 23 };
/// binary64
pub const DOUBLE: Format = Format { exponent: 11, fraction: 52 };
/// binary128
pub const QUAD: Format = Format { exponent: 15, fraction: 112 };

/// The range of quad with 64 significant bits, as `xsrqpxp` rounds to.
pub const EXTENDED: Format = Format { exponent: 15, fraction: 63 };

impl Format {
    /// Length of the exponent field.
    pub const fn exponent_bits(self) -> u32 {
        self.exponent
    }
    /// Length of the fraction field.
    pub const fn fraction_bits(self) -> u32 {
        self.fraction
    }
    /// Largest exponent, and the bias.
    const fn emax(self) -> i32 {
        (1 << (self.exponent - 1)) - 1
    }
    /// Exponent of the least normal number.
    const fn emin(self) -> i32 {
        1 - self.emax()
    }
    /// What an enabled overflow or underflow adds to the exponent (I 4.4.3, 4.4.4).
    const fn adjust(self) -> i32 {
        3 << (self.exponent - 2)
    }
    /// All ones in the exponent field.
    const fn special(self) -> u128 {
        (1 << self.exponent) - 1
    }
}

/// Rounding to one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To nearest, ties to even (RN=0).
    NearestEven,
    /// RN=1.
    TowardZero,
    /// Toward +infinity (RN=2).
    Up,
    /// Toward -infinity (RN=3).
    Down,
    /// To nearest, ties away from zero.
    NearestAway,
    /// To odd: an inexact result gets its last bit set.
    Odd,
}

/// What of the FPSCR decides a result.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Rounding.
    pub rounding: Rounding,
    /// OE: an overflow gives a rounded result with its exponent adjusted.
    pub overflow_enabled: bool,
    /// UE: so does an underflow.
    pub underflow_enabled: bool,
}
impl Mode {
    /// Another rounding, the same enables.
    pub fn with(self, rounding: Rounding) -> Mode {
        Mode { rounding, ..self }
    }
    /// `rounding` with all exceptions disabled.
    pub const fn quiet(rounding: Rounding) -> Mode {
        Mode { rounding, overflow_enabled: false, underflow_enabled: false }
    }
}

/// FPRF: class and sign of a result (I 4.2.2, figure of result flags).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Class {
    QuietNan = 0b10001,
    MinusInfinity = 0b01001,
    MinusNormal = 0b01000,
    MinusDenormal = 0b11000,
    MinusZero = 0b10010,
    PlusZero = 0b00010,
    PlusDenormal = 0b10100,
    PlusNormal = 0b00100,
    PlusInfinity = 0b00101,
}

/// Kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Zero.
    Zero,
    /// Nonzero and finite, also denormal.
    Finite,
    /// Infinity.
    Infinity,
    /// NaN.
    Nan,
}

/// An unpacked value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Num {
    /// Kind.
    pub kind: Kind,
    /// Negative.
    pub sign: bool,
    /// Finite: the value is `sig / 2^127 * 2^exp`.
    pub exp: i32,
    /// Finite: bit 127 is set. NaN: the fraction, its first (quiet) bit at 127.
    pub sig: u128,
}

const TOP: u128 = 1 << 127;

impl Num {
    /// A zero.
    pub const fn zero(sign: bool) -> Num {
        Num { kind: Kind::Zero, sign, exp: 0, sig: 0 }
    }
    /// An infinity.
    pub const fn infinity(sign: bool) -> Num {
        Num { kind: Kind::Infinity, sign, exp: 0, sig: 0 }
    }
    /// The NaN of an invalid operation.
    pub const QNAN: Num = Num { kind: Kind::Nan, sign: false, exp: 0, sig: TOP };

    /// A finite value from a significand that may have leading zeros.
    pub(crate) fn normal(sign: bool, exp: i32, sig: u128) -> Num {
        let n = sig.leading_zeros();
        match n {
            128 => Num::zero(sign),
            _ => Num { kind: Kind::Finite, sign, exp: exp - n as i32, sig: sig << n },
        }
    }
    /// Reads `bits` in `format`.
    pub fn unpack(bits: u128, format: Format) -> Num {
        let Format { exponent, fraction } = format;
        let sign = bits >> (exponent + fraction) & 1 != 0;
        let field = bits >> fraction & format.special();
        let sig = bits << (128 - fraction);
        match (field, sig) {
            (0, 0) => Num::zero(sign),
            (0, _) => Num::normal(sign, format.emin() - 1, sig),
            (f, 0) if f == format.special() => Num::infinity(sign),
            (f, _) if f == format.special() => Num { kind: Kind::Nan, sign, exp: 0, sig },
            (f, _) => Num { kind: Kind::Finite, sign, exp: f as i32 - format.emax(), sig: TOP | sig >> 1 },
        }
    }
    /// Writes a value that `format` holds exactly; a NaN loses low bits.
    pub fn pack(self, format: Format) -> u128 {
        let Format { exponent, fraction } = format;
        let sign = (self.sign as u128) << (exponent + fraction);
        let magnitude = match self.kind {
            Kind::Zero => 0,
            Kind::Infinity => format.special() << fraction,
            Kind::Nan => format.special() << fraction | self.sig >> (128 - fraction),
            Kind::Finite if self.exp < format.emin() => {
                let shift = (format.emin() - self.exp) as u32 + 127 - fraction;
                self.sig.checked_shr(shift).unwrap_or(0)
            }
            Kind::Finite => {
                let field = (self.exp + format.emax()) as u128 & format.special();
                field << fraction | (self.sig & !TOP) >> (127 - fraction)
            }
        };
        sign | magnitude
    }
    /// A double.
    pub fn f64(bits: u64) -> Num {
        Num::unpack(bits as u128, DOUBLE)
    }
    /// A single.
    pub fn f32(bits: u32) -> Num {
        Num::unpack(bits as u128, SINGLE)
    }
    /// True for any NaN.
    pub fn nan(self) -> bool {
        self.kind == Kind::Nan
    }
    /// True for a signaling NaN.
    pub fn signaling(self) -> bool {
        self.nan() && self.sig & TOP == 0
    }
    /// A NaN made quiet; others unchanged.
    pub fn quiet(self) -> Num {
        if self.nan() { Num { sig: self.sig | TOP, ..self } } else { self }
    }
    /// Sign exchanged, also of a NaN.
    pub fn negated(self) -> Num {
        Num { sign: !self.sign, ..self }
    }
    /// Sign exchanged unless NaN, as the negative multiply-adds do.
    pub fn negated_number(self) -> Num {
        Num { sign: self.sign ^ !self.nan(), ..self }
    }
    /// True if `format` holds this as a denormal.
    pub fn denormal(self, format: Format) -> bool {
        self.kind == Kind::Finite && self.exp < format.emin()
    }
    /// Class in `format`.
    pub fn class(self, format: Format) -> Class {
        match (self.kind, self.sign) {
            (Kind::Nan, _) => Class::QuietNan,
            (Kind::Infinity, false) => Class::PlusInfinity,
            (Kind::Infinity, true) => Class::MinusInfinity,
            (Kind::Zero, false) => Class::PlusZero,
            (Kind::Zero, true) => Class::MinusZero,
            (_, false) if self.denormal(format) => Class::PlusDenormal,
            (_, true) if self.denormal(format) => Class::MinusDenormal,
            (_, false) => Class::PlusNormal,
            (_, true) => Class::MinusNormal,
        }
    }
}

/// A result before rounding, with its exceptions (FPSCR bits).
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    /// The exact value, or one with a sticky last bit.
    pub num: Num,
    /// Exceptions so far.
    pub flags: u64,
}
impl Raw {
    /// No exception.
    pub fn of(num: Num) -> Raw {
        Raw { num, flags: 0 }
    }
    /// The operand of a conversion: VXSNAN for a signaling NaN, made quiet.
    pub fn unary(x: Num) -> Raw {
        propagate(&[x]).unwrap_or(Raw::of(x))
    }
    /// An invalid operation.
    pub fn invalid(flags: u64) -> Raw {
        Raw { num: Num::QNAN, flags }
    }
}

/// A rounded result.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The value; `num.pack(format)` gives the bits.
    pub num: Num,
    /// Exceptions, as FPSCR bits.
    pub flags: u64,
    /// FI: rounded.
    pub inexact: bool,
    /// FR: the magnitude was incremented.
    pub increment: bool,
    /// FPRF.
    pub class: Class,
}
impl Outcome {
    /// A result that needs no rounding.
    pub fn exact(raw: Raw, format: Format) -> Outcome {
        let Raw { num, flags } = raw;
        Outcome { num, flags, inexact: false, increment: false, class: num.class(format) }
    }
    /// `f` of the value, after rounding.
    pub fn map(self, format: Format, f: impl Fn(Num) -> Num) -> Outcome {
        let num = f(self.num);
        Outcome { num, class: num.class(format), ..self }
    }
}

/// The first NaN, made quiet, with VXSNAN if any is signaling.
pub fn propagate(operands: &[Num]) -> Option<Raw> {
    let flags = if operands.iter().any(|x| x.signaling()) { VXSNAN } else { 0 };
    operands.iter().find(|x| x.nan()).map(|x| Raw { num: x.quiet(), flags })
}

/// A finite value cut to `bits` significant bits: value, inexact, incremented.
fn cut(x: Num, shift: u32, rounding: Rounding) -> (Num, bool, bool) {
    let unit = 1u128 << shift;
    let (rest, half) = (x.sig & (unit - 1), unit >> 1);
    let inexact = rest != 0;
    let up = inexact
        && match rounding {
            Rounding::NearestEven => rest > half || rest == half && x.sig & unit != 0,
            Rounding::NearestAway => rest >= half,
            Rounding::TowardZero | Rounding::Odd => false,
            Rounding::Up => !x.sign,
            Rounding::Down => x.sign,
        };
    let odd = inexact && rounding == Rounding::Odd;
    let kept = (x.sig - rest) | if odd { unit } else { 0 };
    let num = match kept.checked_add(if up { unit } else { 0 }) {
        Some(sig) => Num::normal(x.sign, x.exp, sig),
        None => Num { exp: x.exp + 1, sig: TOP, ..x },
    };
    (num, inexact, up)
}

/// Rounds to `format` (I 4.4.3 to 4.4.5; tininess is detected before rounding).
pub fn round(raw: Raw, format: Format, mode: Mode) -> Outcome {
    let Raw { num: x, mut flags } = raw;
    if x.kind != Kind::Finite {
        return Outcome::exact(raw, format);
    }
    let tiny = x.exp < format.emin();
    let y = match (tiny, mode.underflow_enabled) {
        (true, true) => {
            flags |= UX;
            Num { exp: x.exp + format.adjust(), ..x }
        }
        (true, false) => {
            let sig = wide::shr_jam(x.sig, (format.emin() - x.exp) as u32);
            Num { exp: format.emin(), sig, ..x }
        }
        _ => x,
    };
    let (mut num, mut inexact, mut increment) = cut(y, 127 - format.fraction, mode.rounding);
    if tiny && inexact {
        flags |= UX;
    }
    if num.kind == Kind::Finite && num.exp > format.emax() && !tiny {
        flags |= OX;
        if mode.overflow_enabled {
            num.exp -= format.adjust();
        } else {
            (num, increment) = overflowed(num.sign, format, mode.rounding);
            inexact = true;
        }
    }
    if inexact {
        flags |= XX;
    }
    Outcome { num, flags, inexact, increment, class: num.class(format) }
}

/// Infinity or the largest number, and whether that is an increment.
fn overflowed(sign: bool, format: Format, rounding: Rounding) -> (Num, bool) {
    let infinite = match rounding {
        Rounding::NearestEven | Rounding::NearestAway => true,
        Rounding::TowardZero | Rounding::Odd => false,
        Rounding::Up => !sign,
        Rounding::Down => sign,
    };
    let largest = u128::MAX << (127 - format.fraction);
    match infinite {
        true => (Num::infinity(sign), true),
        false => (Num { kind: Kind::Finite, sign, exp: format.emax(), sig: largest }, false),
    }
}
