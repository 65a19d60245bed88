//! Rotate and shift (Book I 3.3.14).

use super::set_ra;
use crate::env::Env;
use crate::exec::Step;
use crate::state::Cpu;
use isa::Word;

/// Ones from bit `mb` to bit `me` (IBM numbers), around the end if mb > me.
#[inline(always)]
fn mask(mb: u32, me: u32) -> u64 {
    let (from, to) = (u64::MAX >> mb, u64::MAX << (63 - me));
    if mb <= me { from & to } else { from | to }
}
/// Mask of the word forms; a wrapped one covers the high word.
#[inline(always)]
fn mask32(w: Word) -> u64 {
    mask(w.mb5() as u32 + 32, w.me5() as u32 + 32)
}
/// ROTL32: the rotated word in both halves.
#[inline(always)]
fn rotl32(value: u64, n: u32) -> u64 {
    let r = (value as u32).rotate_left(n) as u64;
    r << 32 | r
}

/// `RA = f(RS)` with the word as a second argument.
macro_rules! rows {
    ($($name:ident = |$c:ident, $w:ident, $s:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name($c: &mut Cpu, _: &mut Env<'_>, $w: Word) -> Step {
            let $s = $c.gpr[$w.rs()];
            let value = $value;
            set_ra($c, $w, value);
            Ok(())
        }
    )*};
}
rows! {
    rlwinm = |c, w, s| rotl32(s, w.sh5() as u32) & mask32(w);
    rlwnm = |c, w, s| rotl32(s, c.gpr[w.rb()] as u32 & 31) & mask32(w);
    rlwimi = |c, w, s| insert(c.gpr[w.ra()], rotl32(s, w.sh5() as u32), mask32(w));
    rldicl = |c, w, s| s.rotate_left(w.sh6()) & mask(w.mb6(), 63);
    rldicr = |c, w, s| s.rotate_left(w.sh6()) & mask(0, w.mb6());
    rldic = |c, w, s| s.rotate_left(w.sh6()) & mask(w.mb6(), 63 - w.sh6());
    rldimi = |c, w, s| insert(c.gpr[w.ra()], s.rotate_left(w.sh6()), mask(w.mb6(), 63 - w.sh6()));
    rldcl = |c, w, s| s.rotate_left(c.gpr[w.rb()] as u32 & 63) & mask(w.mb6(), 63);
    rldcr = |c, w, s| s.rotate_left(c.gpr[w.rb()] as u32 & 63) & mask(0, w.mb6());
    slw = |c, w, s| (s << (c.gpr[w.rb()] & 63)) as u32 as u64;
    srw = |c, w, s| s as u32 as u64 >> (c.gpr[w.rb()] & 63);
    sld = |c, w, s| s.checked_shl(c.gpr[w.rb()] as u32 & 127).unwrap_or(0);
    srd = |c, w, s| s.checked_shr(c.gpr[w.rb()] as u32 & 127).unwrap_or(0);
    sraw = |c, w, s| shift_algebraic(c, s as i32 as i64, c.gpr[w.rb()] as u32 & 63);
    srad = |c, w, s| shift_algebraic(c, s as i64, c.gpr[w.rb()] as u32 & 127);
    srawi = |c, w, s| shift_algebraic(c, s as i32 as i64, w.sh5() as u32);
    sradi = |c, w, s| shift_algebraic(c, s as i64, w.sh6());
    extswsli = |c, w, s| (s as i32 as u64) << w.sh6();
}
#[inline(always)]
fn insert(into: u64, value: u64, mask: u64) -> u64 {
    into & !mask | value & mask
}
/// CA is set if a negative number loses ones. A sign-extended word shifted by
/// up to 63 needs no case of its own.
#[inline(always)]
fn shift_algebraic(c: &mut Cpu, value: i64, n: u32) -> u64 {
    let result = value >> n.min(63);
    let lost = value as u64 & !u64::MAX.checked_shl(n).unwrap_or(0);
    let ca = value < 0 && lost != 0;
    c.set_ca(ca, ca);
    result as u64
}
