//! Vector arithmetic. FR, FI and FPRF stay; an enabled exception in any
//! element keeps the whole result from being written.

use super::compare::{maximum, minimum};
use super::scalar::operands;
use super::*;
use crate::exec::float::negative_fma;
use crate::softfloat::{
    Rounding, add, div, fma, integral, mul, reciprocal, reciprocal_sqrt, round, sqrt, test_divide, test_sqrt,
};

/// Moves that touch the signs alone, for both element types.
macro_rules! sign_moves {
    ($($abs:ident $nabs:ident $neg:ident $cpsgn:ident $t:ty;)*) => { $(
        sign_moves! { @ $t;
            $abs   |_a, b, sign| b & !sign;
            $nabs  |_a, b, sign| b | sign;
            $neg   |_a, b, sign| b ^ sign;
            $cpsgn |a, b, sign| a & sign | b & !sign;
        }
    )* };
    (@ $t:ty; $($name:ident |$a:ident, $b:ident, $sign:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let $sign = u128::MAX / <$t>::MAX as u128 * (1 << (<$t>::BITS - 1));
            let ($a, $b) = (c.vsr(w.xa()), c.vsr(w.xb()));
            c.set_vsr(w.xt(), $e);
            Ok(())
        }
    )* };
}
sign_moves! {
    xvabsdp xvnabsdp xvnegdp xvcpsgndp u64;
    xvabssp xvnabssp xvnegsp xvcpsgnsp u32;
}

/// The outcome of each element, and all exceptions.
macro_rules! elements {
    ($($name:ident $t:ty, |$m:ident, $a:ident, $b:ident, $t_:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let ($m, mut flags) = (c.fp_mode(), 0);
            let [x, y, z] = [w.xa(), w.xb(), w.xt()].map(|i| <$t>::split(c.vsr(i)));
            let r = std::array::from_fn(|i| {
                let ($a, $b, $t_) = (x[i].num(), y[i].num(), z[i].num());
                let o: Outcome = $e;
                flags |= o.flags;
                <$t>::of(o.num)
            });
            c.fp_end_vector(flags, |c| c.set_vsr(w.xt(), <$t>::join(r)))
        }
    )* };
}
/// Rows that are the same for both element types.
macro_rules! both {
    ($($dp:ident $sp:ident |$m:ident, $a:ident, $b:ident, $f:ident| $e:expr;)*) => { $(
        elements! {
            $dp u64, |$m, $a, $b, _t| { let $f = DOUBLE; $e };
            $sp u32, |$m, $a, $b, _t| { let $f = SINGLE; $e };
        }
    )* };
}
both! {
    xvadddp xvaddsp |m, a, b, f| round(add(a, b, m.rounding), f, m);
    xvsubdp xvsubsp |m, a, b, f| round(add(a, b.negated_number(), m.rounding), f, m);
    xvmuldp xvmulsp |m, a, b, f| round(mul(a, b), f, m);
    xvdivdp xvdivsp |m, a, b, f| round(div(a, b, f), f, m);
    xvsqrtdp xvsqrtsp |m, _a, b, f| round(sqrt(b, f), f, m);
    xvredp xvresp |m, _a, b, f| round(reciprocal(b, f), f, m);
    xvrsqrtedp xvrsqrtesp |m, _a, b, f| round(reciprocal_sqrt(b, f, m.rounding), f, m);
    xvmaxdp xvmaxsp |_m, a, b, f| Outcome::exact(maximum(a, b), f);
    xvmindp xvminsp |_m, a, b, f| Outcome::exact(minimum(a, b), f);
    xvrdpi  xvrspi  |_m, _a, b, f| integral(b, Rounding::NearestAway).silent(f);
    xvrdpim xvrspim |_m, _a, b, f| integral(b, Rounding::Down).silent(f);
    xvrdpip xvrspip |_m, _a, b, f| integral(b, Rounding::Up).silent(f);
    xvrdpiz xvrspiz |_m, _a, b, f| integral(b, Rounding::TowardZero).silent(f);
    xvrdpic xvrspic |m, _a, b, f| integral(b, m.rounding).signaled(f);
}

/// ±(a × y ± z), see the scalar forms.
macro_rules! multiply_add {
    ($($dp:ident $sp:ident $type:ident, $negative:literal, |$z:ident| $e:expr;)*) => { $(
        multiply_add! { @ $dp u64, $type, $negative, |$z| $e }
        multiply_add! { @ $sp u32, $type, $negative, |$z| $e }
    )* };
    (@ $name:ident $t:ty, $type:ident, $negative:literal, |$z:ident| $e:expr) => {
        elements! { $name $t, |m, a, b, t| {
            let (y, $z) = operands!($type, b, t);
            match $negative {
                true => negative_fma(a, y, $e, <$t>::FORMAT, m),
                false => round(fma(a, y, $e, m.rounding), <$t>::FORMAT, m),
            }
        }; }
    };
}
multiply_add! {
    xvmaddadp  xvmaddasp  A, false, |z| z;
    xvmaddmdp  xvmaddmsp  M, false, |z| z;
    xvmsubadp  xvmsubasp  A, false, |z| z.negated_number();
    xvmsubmdp  xvmsubmsp  M, false, |z| z.negated_number();
    xvnmaddadp xvnmaddasp A, true, |z| z;
    xvnmaddmdp xvnmaddmsp M, true, |z| z;
    xvnmsubadp xvnmsubasp A, true, |z| z.negated_number();
    xvnmsubmdp xvnmsubmsp M, true, |z| z.negated_number();
}

/// The tests of all elements, or-ed.
macro_rules! tests {
    ($($name:ident $t:ty, |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vsx()?;
            let (a, b) = (<$t>::split(c.vsr(w.xa())), <$t>::split(c.vsr(w.xb())));
            let bits = a.iter().zip(b).fold(0, |bits, (a, b)| {
                let ($a, $b) = (a.num(), b.num());
                bits | $e
            });
            c.set_crf(w.bf(), bits);
            Ok(())
        }
    )* };
}
tests! {
    xvtdivdp u64, |a, b| test_divide(a, b, DOUBLE);
    xvtdivsp u32, |a, b| test_divide(a, b, SINGLE);
    xvtsqrtdp u64, |_a, b| test_sqrt(b, DOUBLE);
    xvtsqrtsp u32, |_a, b| test_sqrt(b, SINGLE);
}
