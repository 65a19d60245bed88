//! Conversions between single, double and integers.

use super::*;
use crate::exec::ldst;
use crate::softfloat::{IntKind, Raw, Rounding, from_int, round, to_int};

/// xscvdpsp. `Unspecified:` word 1 repeats the result, as POWER9 does.
pub fn xscvdpsp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let o = round(Raw::unary(scalar(c, w.xb())), SINGLE, c.fp_mode());
    c.fp_end(&o, false, |c| set_words(c, w.xt(), o.num.pack(SINGLE) as u32))
}
/// A word in word 0 and word 1.
fn set_words(c: &mut Cpu, i: usize, x: u32) {
    set_high(c, i, x as u64 * 0x1_0000_0001);
}
/// xscvspdp
pub fn xscvspdp(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let x = Num::f32((high(c, w.xb()) >> 32) as u32);
    end(c, w, &Outcome::exact(Raw::unary(x), DOUBLE))
}
/// xscvdpspn: as a store of a single does, no exception.
pub fn xscvdpspn(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let x = ldst::single(high(c, w.xb()));
    set_words(c, w.xt(), x);
    Ok(())
}
/// xscvspdpn: as a load of a single does, no exception.
pub fn xscvspdpn(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vsx()?;
    let x = ldst::double((high(c, w.xb()) >> 32) as u32);
    set_high(c, w.xt(), x);
    Ok(())
}

/// To integers, toward zero. `Unspecified:` word 0 repeats a word result.
macro_rules! to_integers {
    ($($name:ident $kind:ident, $write:ident $t:ty;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let i = to_int(scalar(c, w.xb()), IntKind::$kind, Rounding::TowardZero);
            c.fp_end_integer(&i, false, |c| $write(c, w.xt(), i.value as $t))
        }
    )* };
}
to_integers! {
    xscvdpsxds I64, set_high u64;
    xscvdpuxds U64, set_high u64;
    xscvdpsxws I32, set_words u32;
    xscvdpuxws U32, set_words u32;
}
macro_rules! from_integers {
    ($($name:ident $t:ty, $format:ident;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let raw = from_int(high(c, w.xb()) as $t as i128);
            end(c, w, &round(raw, $format, c.fp_mode()))
        }
    )* };
}
from_integers! {
    xscvsxddp i64, DOUBLE;
    xscvuxddp u64, DOUBLE;
    xscvsxdsp i64, SINGLE;
    xscvuxdsp u64, SINGLE;
}

/// Elements of one type to elements of another. A word that comes from a
/// doubleword, or goes to one, is the even one; `Unspecified:` an odd result
/// word repeats its neighbour.
macro_rules! vectors {
    ($($name:ident $from:ty => $to:ty, |$m:ident, $x:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let ($m, b, mut flags) = (c.fp_mode(), <$from>::split(c.vsr(w.xb())), 0);
            let mut r: <$to as Lane>::Array = <$to>::split(0);
            let (step, repeat) = (b.len().div_ceil(r.len()), r.len().div_ceil(b.len()));
            for (i, targets) in r.chunks_exact_mut(repeat).enumerate() {
                let $x = b[i * step];
                let (value, f): ($to, u64) = $e;
                flags |= f;
                targets.fill(value);
            }
            c.fp_end_vector(flags, |c| c.set_vsr(w.xt(), <$to>::join(r)))
        }
    )* };
}
/// A rounded value as an element, with its exceptions.
fn float<T: Element>(raw: Raw, m: crate::softfloat::Mode) -> (T, u64) {
    let o = round(raw, T::FORMAT, m);
    (T::of(o.num), o.flags)
}
/// An integer toward zero, with its exceptions.
fn integer(x: Num, kind: IntKind) -> (u64, u64) {
    let i = to_int(x, kind, Rounding::TowardZero);
    (i.value as u64, i.flags)
}
/// Its low word.
fn word((value, flags): (u64, u64)) -> (u32, u64) {
    (value as u32, flags)
}
vectors! {
    xvcvdpsp u64 => u32, |m, x| float(Raw::unary(x.num()), m);
    xvcvspdp u32 => u64, |m, x| float(Raw::unary(x.num()), m);
    xvcvdpsxds u64 => u64, |_m, x| integer(x.num(), IntKind::I64);
    xvcvdpuxds u64 => u64, |_m, x| integer(x.num(), IntKind::U64);
    xvcvspsxds u32 => u64, |_m, x| integer(x.num(), IntKind::I64);
    xvcvspuxds u32 => u64, |_m, x| integer(x.num(), IntKind::U64);
    xvcvdpsxws u64 => u32, |_m, x| word(integer(x.num(), IntKind::I32));
    xvcvdpuxws u64 => u32, |_m, x| word(integer(x.num(), IntKind::U32));
    xvcvspsxws u32 => u32, |_m, x| word(integer(x.num(), IntKind::I32));
    xvcvspuxws u32 => u32, |_m, x| word(integer(x.num(), IntKind::U32));
    xvcvsxddp u64 => u64, |m, x| float(from_int(x as i64 as i128), m);
    xvcvuxddp u64 => u64, |m, x| float(from_int(x as i128), m);
    xvcvsxdsp u64 => u32, |m, x| float(from_int(x as i64 as i128), m);
    xvcvuxdsp u64 => u32, |m, x| float(from_int(x as i128), m);
    xvcvsxwdp u32 => u64, |m, x| float(from_int(x as i32 as i128), m);
    xvcvuxwdp u32 => u64, |m, x| float(from_int(x as i128), m);
    xvcvsxwsp u32 => u32, |m, x| float(from_int(x as i32 as i128), m);
    xvcvuxwsp u32 => u32, |m, x| float(from_int(x as i128), m);
}
