//! Moves and select: bits pass unchanged, no exception (I 4.6.5, 4.6.9).

use super::*;

const SIGN: u64 = 1 << 63;

macro_rules! moves {
    ($($name:ident |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_fp()?;
            let ($a, $b) = (c.fpr(w.ra()), c.fpr(w.rb()));
            c.set_fpr(w.rt(), $e);
            record(c, w);
            Ok(())
        }
    )* };
}
moves! {
    fmr   |_a, b| b;
    fneg  |_a, b| b ^ SIGN;
    fabs  |_a, b| b & !SIGN;
    fnabs |_a, b| b | SIGN;
    fcpsgn |a, b| a & SIGN | b & !SIGN;
}

macro_rules! merges {
    ($($name:ident |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            // Named with the vector facility's category: needs MSR[FP] (I 4.6.5).
            c.require_fp()?;
            let ($a, $b) = (c.fpr(w.ra()), c.fpr(w.rb()));
            c.set_fpr(w.rt(), $e);
            Ok(())
        }
    )* };
}
merges! {
    fmrgew |a, b| a >> 32 << 32 | b >> 32;
    fmrgow |a, b| a << 32 | b & 0xFFFF_FFFF;
}

/// fsel: FRC if FRA >= 0 (also -0), FRB otherwise and for NaN.
pub fn fsel(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    let a = c.fpr(w.ra());
    let nan = a & !SIGN > 0x7FF0_0000_0000_0000;
    let not_negative = !nan && (a & SIGN == 0 || a == SIGN);
    c.set_fpr(w.rt(), c.fpr(if not_negative { w.rc_reg() } else { w.rb() }));
    record(c, w);
    Ok(())
}
