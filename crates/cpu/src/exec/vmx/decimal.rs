//! Decimal integers: signed packed (31 digits and a sign code), national,
//! zoned, unsigned packed (Book I 6.17).

use super::*;

/// A signed packed number; `None` if a digit or the sign code is invalid.
#[derive(Clone, Copy)]
struct Decimal {
    negative: bool,
    magnitude: u128,
}

/// Digits of a signed packed number.
const DIGITS: u32 = 31;
const PLUS: u128 = 0xC;
const MINUS: u128 = 0xD;

const fn power(n: u32) -> u128 {
    10u128.pow(n)
}
/// The value of packed digits.
fn unpack(mut v: u128) -> Option<u128> {
    let mut r = 0;
    for _ in 0..32 {
        let digit = v >> 124;
        if digit > 9 {
            return None;
        }
        (r, v) = (10 * r + digit, v << 4);
    }
    Some(r)
}
/// The packed digits of a value below 10^32.
fn pack(mut x: u128) -> u128 {
    let mut r = 0;
    for i in 0..32 {
        r |= (x % 10) << (4 * i);
        x /= 10;
    }
    r
}
impl Decimal {
    fn read(v: u128) -> Option<Decimal> {
        let negative = match v & 15 {
            0xB | 0xD => true,
            0xA | 0xC | 0xE | 0xF => false,
            _ => return None,
        };
        unpack(v >> 4).map(|magnitude| Decimal { negative, magnitude })
    }
    /// With the preferred sign code; PS chooses 0xF for plus.
    fn write(self, w: Word) -> u128 {
        let plus = if ps(w) { 0xF } else { PLUS };
        pack(self.magnitude % power(DIGITS)) << 4 | if self.negative { MINUS } else { plus }
    }
    /// CR6 by sign.
    fn cr6(self) -> u32 {
        match (self.magnitude, self.negative) {
            (0, _) => 2,
            (_, true) => 8,
            _ => 4,
        }
    }
    fn signed(self) -> i128 {
        if self.negative { -(self.magnitude as i128) } else { self.magnitude as i128 }
    }
    fn of(x: i128) -> Decimal {
        Decimal { negative: x < 0, magnitude: x.unsigned_abs() }
    }
}
/// PS, bit 22.
fn ps(w: Word) -> bool {
    w.0 & 0x200 != 0
}
/// CR6 of an overflow, and of an invalid operand.
const SO: u32 = 1;

/// Result and CR6, or `None` if an operand is invalid: CR6 tells, and VRT
/// stays. `Unspecified:` the manual leaves it undefined.
macro_rules! decimals {
    ($($name:ident |$a:ident, $b:ident, $w:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let ($a, $b, $w) = (c.vr(w.vra()), c.vr(w.vrb()), w);
            let result: Option<(u128, u32)> = $e;
            if let Some((r, _)) = result {
                c.set_vr(w.vrt(), r);
            }
            c.set_crf(6, result.map_or(SO, |(_, cr6)| cr6));
            Ok(())
        }
    )* };
}
decimals! {
    bcdadd |a, b, w| add(a, b, false, w);
    bcdsub |a, b, w| add(a, b, true, w);
    bcdcfn |_a, b, w| from_national(b).map(|d| (d.write(w), d.cr6()));
    bcdctn |_a, b, _w| Decimal::read(b).map(to_national);
    bcdcfz |_a, b, w| from_zoned(b, ps(w)).map(|d| (d.write(Word(w.0 & !0x200)), d.cr6()));
    bcdctz |_a, b, w| Decimal::read(b).map(|d| to_zoned(d, ps(w)));
    bcdcfsq |_a, b, w| Some(limited(Decimal::of(b as i128), w));
    bcdctsq |_a, b, _w| Decimal::read(b).map(|d| (d.signed() as u128, d.cr6()));
    bcdsetsgn |_a, b, w| Decimal::read(b).map(|d| (d.write(w), d.cr6()));
    bcdcpsgn |a, b, _w| Decimal::read(a).zip(Decimal::read(b)).map(|(x, y)| {
        (a & !15 | b & 15, Decimal { negative: y.negative, ..x }.cr6())
    });
    bcds |a, b, w| Decimal::read(b).map(|d| shifted(d, count(a), false, w));
    bcdsr |a, b, w| Decimal::read(b).map(|d| shifted(d, count(a), true, w));
    bcdtrunc |a, b, w| Decimal::read(b).map(|d| {
        let (magnitude, lost) = truncate(d.magnitude, a, DIGITS);
        let d = Decimal { magnitude, ..d };
        (d.write(w), d.cr6() | lost)
    });
    bcdus |a, b, _w| unpack(b).map(|x| unsigned(shift(x, count(a), 32, false)));
    bcdutrunc |a, b, _w| unpack(b).map(|x| unsigned(truncate(x, a, 32)));
}

/// The number with its sign code, and SO if it has more than 31 digits.
fn limited(d: Decimal, w: Word) -> (u128, u32) {
    let overflow = d.magnitude >= power(DIGITS);
    (d.write(w), d.cr6() | if overflow { SO } else { 0 })
}
fn add(a: u128, b: u128, subtract: bool, w: Word) -> Option<(u128, u32)> {
    let (x, y) = Decimal::read(a).zip(Decimal::read(b))?;
    let y = if subtract { -y.signed() } else { y.signed() };
    Some(limited(Decimal::of(x.signed() + y), w))
}
/// The shift count of bcds, bcdsr, bcdus: byte 7, signed, positive to the left.
fn count(a: u128) -> i32 {
    (a >> 64) as i8 as i32
}
/// `x` shifted within `digits` digits, and SO if nonzero digits were lost on the left.
fn shift(x: u128, n: i32, digits: u32, round: bool) -> (u128, u32) {
    let by = n.unsigned_abs();
    if n >= digits as i32 {
        (0, if x != 0 { SO } else { 0 })
    } else if n >= 0 {
        let keep = power(digits - by);
        (x % keep * power(by), if x >= keep { SO } else { 0 })
    } else if by > digits {
        (0, 0)
    } else {
        let up = round && x / power(by - 1) % 10 >= 5;
        (x / power(by) + up as u128, 0)
    }
}
fn shifted(d: Decimal, n: i32, round: bool, w: Word) -> (u128, u32) {
    let (magnitude, lost) = shift(d.magnitude, n, DIGITS, round);
    let d = Decimal { magnitude, ..d };
    (d.write(w), d.cr6() | lost)
}
fn unsigned((x, lost): (u128, u32)) -> (u128, u32) {
    (pack(x), if x == 0 { 2 } else { 4 } | lost)
}
/// `x` cut to as many digits as halfword 3 of `a` says.
fn truncate(x: u128, a: u128, digits: u32) -> (u128, u32) {
    let keep = (a >> 64) as u16 as u32;
    if keep >= digits {
        return (x, 0);
    }
    let r = x % power(keep);
    (r, if r != x { SO } else { 0 })
}

/// Seven digits in ASCII halfwords, then + or -.
fn from_national(b: u128) -> Option<Decimal> {
    let h = u16::split(b);
    let negative = match h[7] {
        0x2B => false,
        0x2D => true,
        _ => return None,
    };
    let digit = |x: u16| (0x30..=0x39).contains(&x).then_some(x as u128 & 15);
    let magnitude = h[..7].iter().try_fold(0, |m, &x| Some(10 * m + digit(x)?))?;
    Some(Decimal { negative, magnitude })
}
fn to_national(d: Decimal) -> (u128, u32) {
    let digits = pack(d.magnitude);
    let mut h = [0; 8];
    for (i, x) in h[..7].iter_mut().enumerate() {
        *x = 0x30 | (digits >> (4 * (6 - i)) & 15) as u16;
    }
    h[7] = if d.negative { 0x2D } else { 0x2B };
    (u16::join(h), d.cr6() | if d.magnitude >= power(7) { SO } else { 0 })
}
/// Sixteen digits in the low nibbles of bytes; the sign is in the last
/// zone. PS=1: zones 0xF and packed sign codes.
fn from_zoned(b: u128, ps: bool) -> Option<Decimal> {
    let bytes = b.to_be_bytes();
    let zone = if ps { 0xF0 } else { 0x30 };
    if bytes[..15].iter().any(|x| x & 0xF0 != zone) {
        return None;
    }
    let sign = bytes[15] >> 4;
    let negative = match (ps, sign) {
        (false, _) => sign & 4 != 0,
        (true, 0xB | 0xD) => true,
        (true, 0..=9) => return None,
        (true, _) => false,
    };
    let digit = |x: u8| (x & 15 <= 9).then_some(x as u128 & 15);
    let magnitude = bytes.iter().try_fold(0, |m, &x| Some(10 * m + digit(x)?))?;
    Some(Decimal { negative, magnitude })
}
fn to_zoned(d: Decimal, ps: bool) -> (u128, u32) {
    let digits = pack(d.magnitude);
    let (zone, plus, minus) = if ps { (0xF0, 0xC0, 0xD0) } else { (0x30, 0x30, 0x70) };
    let mut bytes: [u8; 16] = std::array::from_fn(|i| zone | (digits >> (4 * (15 - i)) & 15) as u8);
    bytes[15] = bytes[15] & 15 | if d.negative { minus } else { plus };
    (u128::from_be_bytes(bytes), d.cr6() | if d.magnitude >= power(16) { SO } else { 0 })
}
