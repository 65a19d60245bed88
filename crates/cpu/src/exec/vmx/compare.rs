//! Integer compares (Book I 6.9.6).

use super::*;

/// CR6 of a vector compare: all true, all false.
pub(crate) fn cr6(mask: u128) -> u32 {
    match mask {
        u128::MAX => 8,
        0 => 2,
        _ => 0,
    }
}

macro_rules! compares {
    ($($name:ident $t:ty, |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let r = map2::<$t>(c.vr(w.vra()), c.vr(w.vrb()), |$a, $b| if $e { !0 } else { 0 });
            c.set_vr(w.vrt(), r);
            if w.vrc_bit() {
                c.set_crf(6, cr6(r));
            }
            Ok(())
        }
    )* };
}
compares! {
    vcmpequb u8,  |a, b| a == b;
    vcmpequh u16, |a, b| a == b;
    vcmpequw u32, |a, b| a == b;
    vcmpequd u64, |a, b| a == b;
    vcmpgtub u8,  |a, b| a > b;
    vcmpgtuh u16, |a, b| a > b;
    vcmpgtuw u32, |a, b| a > b;
    vcmpgtud u64, |a, b| a > b;
    vcmpgtsb i8,  |a, b| a > b;
    vcmpgtsh i16, |a, b| a > b;
    vcmpgtsw i32, |a, b| a > b;
    vcmpgtsd i64, |a, b| a > b;
    vcmpneb  u8,  |a, b| a != b;
    vcmpneh  u16, |a, b| a != b;
    vcmpnew  u32, |a, b| a != b;
    vcmpnezb u8,  |a, b| a != b || a == 0 || b == 0;
    vcmpnezh u16, |a, b| a != b || a == 0 || b == 0;
    vcmpnezw u32, |a, b| a != b || a == 0 || b == 0;
}
