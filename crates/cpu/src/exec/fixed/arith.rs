//! Addition, subtraction, multiplication (Book I 3.3.9).

use super::set_rt;
use crate::env::Env;
use crate::exec::Step;
use crate::state::{Cpu, xer};
use isa::Word;

/// A sum with its carries and overflows.
struct Sum {
    value: u64,
    ca: bool,
    ca32: bool,
    ov: bool,
    ov32: bool,
}

/// `a + b + carry_in`; subtraction is `!a + b + 1`.
#[inline(always)]
fn sum(a: u64, b: u64, carry_in: bool) -> Sum {
    let value = a.wrapping_add(b).wrapping_add(carry_in as u64);
    let carries = a & b | (a | b) & !value;
    let overflows = (a ^ value) & (b ^ value);
    Sum {
        value,
        ca: carries >> 63 != 0,
        ca32: carries >> 31 & 1 != 0,
        ov: overflows >> 63 != 0,
        ov32: overflows >> 31 & 1 != 0,
    }
}
#[inline(always)]
fn ca(c: &Cpu) -> bool {
    c.xer & xer::CA != 0
}

/// Rows that do not touch CA.
macro_rules! plain {
    ($($name:ident = |$c:ident, $w:ident| ($a:expr, $b:expr, $carry:expr);)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name($c: &mut Cpu, _: &mut Env<'_>, $w: Word) -> Step {
            let s = sum($a, $b, $carry);
            if $w.oe() {
                $c.set_ov(s.ov, s.ov32);
            }
            set_rt($c, $w, s.value);
            Ok(())
        }
    )*};
}
plain! {
    add = |c, w| (c.gpr[w.ra()], c.gpr[w.rb()], false);
    subf = |c, w| (!c.gpr[w.ra()], c.gpr[w.rb()], true);
    neg = |c, w| (!c.gpr[w.ra()], 0, true);
}

/// Rows that set CA.
macro_rules! carrying {
    ($($name:ident = |$c:ident, $w:ident| ($a:expr, $b:expr, $carry:expr);)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name($c: &mut Cpu, _: &mut Env<'_>, $w: Word) -> Step {
            let s = sum($a, $b, $carry);
            $c.set_ca(s.ca, s.ca32);
            if $w.oe() {
                $c.set_ov(s.ov, s.ov32);
            }
            set_rt($c, $w, s.value);
            Ok(())
        }
    )*};
}
carrying! {
    addc = |c, w| (c.gpr[w.ra()], c.gpr[w.rb()], false);
    subfc = |c, w| (!c.gpr[w.ra()], c.gpr[w.rb()], true);
    adde = |c, w| (c.gpr[w.ra()], c.gpr[w.rb()], ca(c));
    subfe = |c, w| (!c.gpr[w.ra()], c.gpr[w.rb()], ca(c));
    addme = |c, w| (c.gpr[w.ra()], u64::MAX, ca(c));
    subfme = |c, w| (!c.gpr[w.ra()], u64::MAX, ca(c));
    addze = |c, w| (c.gpr[w.ra()], 0, ca(c));
    subfze = |c, w| (!c.gpr[w.ra()], 0, ca(c));
}

/// addi
pub fn addi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = c.ra0(w.ra()).wrapping_add(w.si());
    Ok(())
}
/// addis
pub fn addis(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = c.ra0(w.ra()).wrapping_add(w.si() << 16);
    Ok(())
}
/// addpcis: D is d0 (bits 16..25), d1 (11..15), d2 (31) in this order.
pub fn addpcis(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = c.nia.wrapping_add(w.dx() << 16);
    Ok(())
}
#[inline(always)]
fn immediate_carrying(c: &mut Cpu, w: Word, a: u64, carry_in: bool) -> u64 {
    let s = sum(a, w.si(), carry_in);
    c.set_ca(s.ca, s.ca32);
    c.gpr[w.rt()] = s.value;
    s.value
}
/// addic
pub fn addic(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    immediate_carrying(c, w, c.gpr[w.ra()], false);
    Ok(())
}
/// addic.
pub fn addic_dot(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let value = immediate_carrying(c, w, c.gpr[w.ra()], false);
    c.set_cr0(value);
    Ok(())
}
/// subfic
pub fn subfic(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    immediate_carrying(c, w, !c.gpr[w.ra()], true);
    Ok(())
}
/// addex with CY=0: XER[OV] is the carry in and out.
pub fn addex(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let s = sum(c.gpr[w.ra()], c.gpr[w.rb()], c.xer & xer::OV != 0);
    c.xer =
        c.xer & !(xer::OV | xer::OV32) | if s.ca { xer::OV } else { 0 } | if s.ca32 { xer::OV32 } else { 0 };
    c.gpr[w.rt()] = s.value;
    Ok(())
}

/// mulli
pub fn mulli(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = c.gpr[w.ra()].wrapping_mul(w.si());
    Ok(())
}
/// mullw
pub fn mullw(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let product = c.gpr[w.ra()] as i32 as i64 * c.gpr[w.rb()] as i32 as i64;
    if w.oe() {
        let ov = product != product as i32 as i64;
        c.set_ov(ov, ov);
    }
    set_rt(c, w, product as u64);
    Ok(())
}
/// mulld
pub fn mulld(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let (product, ov) = (c.gpr[w.ra()] as i64).overflowing_mul(c.gpr[w.rb()] as i64);
    if w.oe() {
        c.set_ov(ov, ov);
    }
    set_rt(c, w, product as u64);
    Ok(())
}
/// mulhw; `Unspecified:` the high half of RT is 0.
pub fn mulhw(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let product = c.gpr[w.ra()] as i32 as i64 * c.gpr[w.rb()] as i32 as i64;
    set_rt(c, w, product as u64 >> 32);
    Ok(())
}
/// mulhwu; `Unspecified:` the high half of RT is 0.
pub fn mulhwu(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let product = c.gpr[w.ra()] as u32 as u64 * c.gpr[w.rb()] as u32 as u64;
    set_rt(c, w, product >> 32);
    Ok(())
}
/// mulhd
pub fn mulhd(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let product = c.gpr[w.ra()] as i64 as i128 * c.gpr[w.rb()] as i64 as i128;
    set_rt(c, w, (product >> 64) as u64);
    Ok(())
}
/// mulhdu
pub fn mulhdu(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let product = c.gpr[w.ra()] as u128 * c.gpr[w.rb()] as u128;
    set_rt(c, w, (product >> 64) as u64);
    Ok(())
}
#[inline(always)]
fn multiply_add_signed(c: &Cpu, w: Word) -> i128 {
    let product = c.gpr[w.ra()] as i64 as i128 * c.gpr[w.rb()] as i64 as i128;
    product + c.gpr[w.rc_reg()] as i64 as i128
}
/// maddhd
pub fn maddhd(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = (multiply_add_signed(c, w) >> 64) as u64;
    Ok(())
}
/// maddhdu
pub fn maddhdu(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let product = c.gpr[w.ra()] as u128 * c.gpr[w.rb()] as u128;
    c.gpr[w.rt()] = ((product + c.gpr[w.rc_reg()] as u128) >> 64) as u64;
    Ok(())
}
/// maddld
pub fn maddld(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = multiply_add_signed(c, w) as u64;
    Ok(())
}
/// darn: 0 is 32 bits, 1 and 2 are 64; the reserved L gives the error value.
pub fn darn(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = match w.l_darn() {
        0 => env.platform.random() as u32 as u64,
        1 | 2 => env.platform.random(),
        _ => u64::MAX,
    };
    Ok(())
}
