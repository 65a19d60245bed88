//! Division and modulo (Book I 3.3.9).
//!
//! `Unspecified:` where a quotient does not exist (division by zero, the most
//! negative number by -1) the plain forms give the dividend, the extended
//! forms 0 and modulo 0; the high half of a word quotient is 0, for divwe the
//! sign.

use super::set_rt;
use crate::env::Env;
use crate::exec::Step;
use crate::state::Cpu;
use isa::Word;

/// Quotients: the closure gives `None` where OV is to be set; `undefined` is
/// the result then.
macro_rules! quotients {
    ($($name:ident($a:ident: $t:ty, $b:ident) = $quotient:expr, else $undefined:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            let ($a, $b) = (c.gpr[w.ra()] as $t, c.gpr[w.rb()] as $t);
            let quotient = $quotient;
            if w.oe() {
                c.set_ov(quotient.is_none(), quotient.is_none());
            }
            set_rt(c, w, quotient.unwrap_or($undefined) as u64);
            Ok(())
        }
    )*};
}
quotients! {
    divw(a: i32, b) = a.checked_div(b).map(|q| q as u32), else a as u32;
    divwu(a: u32, b) = a.checked_div(b), else a;
    divd(a: i64, b) = a.checked_div(b), else a;
    divdu(a: u64, b) = a.checked_div(b), else a;
    divwe(a: i32, b) = ((a as i64) << 32).checked_div(b as i64).and_then(|q| i32::try_from(q).ok()), else 0;
    divweu(a: u32, b) = ((a as u64) << 32).checked_div(b as u64).and_then(|q| u32::try_from(q).ok()), else 0;
    divde(a: i64, b) = ((a as i128) << 64).checked_div(b as i128).and_then(|q| i64::try_from(q).ok()), else 0;
    divdeu(a: u64, b) = ((a as u128) << 64).checked_div(b as u128).and_then(|q| u64::try_from(q).ok()), else 0;
}

/// Remainders.
macro_rules! remainders {
    ($($name:ident $t:ty;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            let (a, b) = (c.gpr[w.ra()] as $t, c.gpr[w.rb()] as $t);
            c.gpr[w.rt()] = a.checked_rem(b).unwrap_or(0) as u64;
            Ok(())
        }
    )*};
}
remainders! {
    modsw i32;
    moduw u32;
    modsd i64;
    modud u64;
}
