//! Exponent and significand, data class.

use super::*;
use crate::exec::ldst;
use crate::softfloat::{Kind, QUAD};

/// The bits of a value, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    format: Format,
    bits: u128,
}
impl Parts {
    pub(super) fn quad(bits: u128) -> Parts {
        Parts { format: QUAD, bits }
    }
    fn of<T: Element + Into<u128>>(x: T) -> Parts {
        Parts { format: T::FORMAT, bits: x.into() }
    }
    fn num(self) -> Num {
        Num::unpack(self.bits, self.format)
    }
    pub(super) fn exponent(self) -> u128 {
        self.bits >> self.format.fraction_bits() & self.exponent_mask()
    }
    fn exponent_mask(self) -> u128 {
        (1 << self.format.exponent_bits()) - 1
    }
    /// The fraction with its implicit bit.
    pub(super) fn significand(self) -> u128 {
        let one = 1 << self.format.fraction_bits();
        let normal = self.exponent() != 0 && self.exponent() != self.exponent_mask();
        self.bits & (one - 1) | if normal { one } else { 0 }
    }
    /// Sign and fraction with another exponent.
    pub(super) fn with_exponent(self, exponent: u128) -> u128 {
        let shift = self.format.fraction_bits();
        self.bits & !(self.exponent_mask() << shift) | (exponent & self.exponent_mask()) << shift
    }
    /// True if DCMX names the class, with `denormal` as well as what the format calls so.
    pub(super) fn matches(self, dcmx: u32, denormal: bool) -> bool {
        let x = self.num();
        let bit = match (x.kind, x.sign) {
            (Kind::Nan, _) => 0x40,
            (Kind::Infinity, false) => 0x20,
            (Kind::Infinity, true) => 0x10,
            (Kind::Zero, false) => 0x08,
            (Kind::Zero, true) => 0x04,
            (Kind::Finite, sign) if denormal || x.denormal(self.format) => 2 - sign as u32,
            _ => 0,
        };
        dcmx & bit != 0
    }
    /// Compares exponents: CR field.
    pub(super) fn compare_exponents(self, other: Parts) -> u32 {
        if self.num().nan() || other.num().nan() {
            return 1;
        }
        match self.exponent().cmp(&other.exponent()) {
            std::cmp::Ordering::Less => 8,
            std::cmp::Ordering::Greater => 4,
            std::cmp::Ordering::Equal => 2,
        }
    }
}
fn parts(c: &Cpu, i: usize) -> Parts {
    Parts::of(high(c, i))
}
/// Sets the CR field and FPCC.
pub(super) fn set_result(c: &mut Cpu, w: Word, bits: u32) -> Step {
    c.set_crf(w.bf(), bits);
    c.set_fpcc(bits);
    Ok(())
}
/// DCMX of the scalar forms.
pub(super) fn dcmx(w: Word) -> u32 {
    w.0 >> 16 & 0x7F
}

/// xscmpexpdp
pub fn xscmpexpdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let bits = parts(c, w.xa()).compare_exponents(parts(c, w.xb()));
    set_result(c, w, bits)
}
/// xststdcdp
pub fn xststdcdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let x = parts(c, w.xb());
    let bits = (x.num().sign as u32) << 3 | (x.matches(dcmx(w), false) as u32) << 1;
    set_result(c, w, bits)
}
/// xststdcsp: SO tells that no single holds the value.
pub fn xststdcsp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let x = parts(c, w.xb());
    let num = x.num();
    let lost = ldst::double(ldst::single(x.bits as u64)) != x.bits as u64;
    let bits = (num.sign as u32) << 3 | (x.matches(dcmx(w), num.denormal(SINGLE)) as u32) << 1 | lost as u32;
    set_result(c, w, bits)
}
/// xsiexpdp
pub fn xsiexpdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let r = Parts::of(c.gpr[w.ra()]).with_exponent(c.gpr[w.rb()] as u128);
    set_high(c, w.xt(), r as u64);
    Ok(())
}
/// xsxexpdp
pub fn xsxexpdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    c.gpr[w.rt()] = parts(c, w.xb()).exponent() as u64;
    Ok(())
}
/// xsxsigdp
pub fn xsxsigdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    c.gpr[w.rt()] = parts(c, w.xb()).significand() as u64;
    Ok(())
}

macro_rules! vectors {
    ($($name:ident $t:ty, |$w:ident, $a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, $w: Word) -> Step {
            c.require_vsx()?;
            let (a, b) = (<$t>::split(c.vsr($w.xa())), <$t>::split(c.vsr($w.xb())));
            let r = std::array::from_fn(|i| {
                let ($a, $b) = (Parts::of(a[i]), Parts::of(b[i]));
                let bits: u128 = $e;
                bits as $t
            });
            c.set_vsr($w.xt(), <$t>::join(r));
            Ok(())
        }
    )* };
}
/// DCMX of the vector forms: three fields.
fn dcmx_vector(w: Word) -> u32 {
    w.0 >> 16 & 0x1F | w.0 << 3 & 0x20 | w.0 & 0x40
}
vectors! {
    xviexpdp u64, |_w, a, b| a.with_exponent(b.bits);
    xviexpsp u32, |_w, a, b| a.with_exponent(b.bits);
    xvxexpdp u64, |_w, _a, b| b.exponent();
    xvxexpsp u32, |_w, _a, b| b.exponent();
    xvxsigdp u64, |_w, _a, b| b.significand();
    xvxsigsp u32, |_w, _a, b| b.significand();
    xvtstdcdp u64, |w, _a, b| if b.matches(dcmx_vector(w), false) { u128::MAX } else { 0 };
    xvtstdcsp u32, |w, _a, b| if b.matches(dcmx_vector(w), false) { u128::MAX } else { 0 };
}
