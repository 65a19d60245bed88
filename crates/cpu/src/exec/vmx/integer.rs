//! Add, subtract, multiply, average, absolute difference, minimum, maximum
//! (Book I 6.9.1 to 6.9.5, 6.16).

use super::*;

pairs! {
    vaddubm u8,  |a, b| a.wrapping_add(b);
    vadduhm u16, |a, b| a.wrapping_add(b);
    vadduwm u32, |a, b| a.wrapping_add(b);
    vaddudm u64, |a, b| a.wrapping_add(b);
    vsububm u8,  |a, b| a.wrapping_sub(b);
    vsubuhm u16, |a, b| a.wrapping_sub(b);
    vsubuwm u32, |a, b| a.wrapping_sub(b);
    vsubudm u64, |a, b| a.wrapping_sub(b);
    vaddcuw u32, |a, b| a.overflowing_add(b).1 as u32;
    vsubcuw u32, |a, b| (a >= b) as u32;
    vmuluwm u32, |a, b| a.wrapping_mul(b);

    vavgub u8,  |a, b| ((a as u64 + b as u64 + 1) >> 1) as u8;
    vavguh u16, |a, b| ((a as u64 + b as u64 + 1) >> 1) as u16;
    vavguw u32, |a, b| ((a as u64 + b as u64 + 1) >> 1) as u32;
    vavgsb i8,  |a, b| ((a as i64 + b as i64 + 1) >> 1) as i8;
    vavgsh i16, |a, b| ((a as i64 + b as i64 + 1) >> 1) as i16;
    vavgsw i32, |a, b| ((a as i64 + b as i64 + 1) >> 1) as i32;

    vabsdub u8,  |a, b| a.abs_diff(b);
    vabsduh u16, |a, b| a.abs_diff(b);
    vabsduw u32, |a, b| a.abs_diff(b);

    vmaxub u8,  |a, b| a.max(b);
    vmaxuh u16, |a, b| a.max(b);
    vmaxuw u32, |a, b| a.max(b);
    vmaxud u64, |a, b| a.max(b);
    vmaxsb i8,  |a, b| a.max(b);
    vmaxsh i16, |a, b| a.max(b);
    vmaxsw i32, |a, b| a.max(b);
    vmaxsd i64, |a, b| a.max(b);
    vminub u8,  |a, b| a.min(b);
    vminuh u16, |a, b| a.min(b);
    vminuw u32, |a, b| a.min(b);
    vminud u64, |a, b| a.min(b);
    vminsb i8,  |a, b| a.min(b);
    vminsh i16, |a, b| a.min(b);
    vminsw i32, |a, b| a.min(b);
    vminsd i64, |a, b| a.min(b);
}

/// `f` of the elements as `i64`, saturated to the element type.
macro_rules! saturating {
    ($($name:ident $t:ty, |$a:ident, $b:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let mut saturated = false;
            let r = map2::<$t>(c.vr(w.vra()), c.vr(w.vrb()), |a, b| {
                let ($a, $b) = (a as i64, b as i64);
                let exact = $e;
                saturated |= exact != exact as $t as i64;
                exact.clamp(<$t>::MIN as i64, <$t>::MAX as i64) as $t
            });
            c.set_vr(w.vrt(), r);
            c.vscr |= if saturated { SAT } else { 0 };
            Ok(())
        }
    )* };
}
saturating! {
    vaddubs u8,  |a, b| a + b;
    vadduhs u16, |a, b| a + b;
    vadduws u32, |a, b| a + b;
    vaddsbs i8,  |a, b| a + b;
    vaddshs i16, |a, b| a + b;
    vaddsws i32, |a, b| a + b;
    vsububs u8,  |a, b| a - b;
    vsubuhs u16, |a, b| a - b;
    vsubuws u32, |a, b| a - b;
    vsubsbs i8,  |a, b| a - b;
    vsubshs i16, |a, b| a - b;
    vsubsws i32, |a, b| a - b;
}

each! {
    vnegw u32, |b| b.wrapping_neg();
    vnegd u64, |b| b.wrapping_neg();
    vextsb2w u32, |b| b as i8 as u32;
    vextsh2w u32, |b| b as i16 as u32;
    vextsb2d u64, |b| b as i8 as u64;
    vextsh2d u64, |b| b as i16 as u64;
    vextsw2d u64, |b| b as i32 as u64;
}

/// a + b + carry with the carry out.
fn add_carry(a: u128, b: u128, carry: bool) -> (u128, u128) {
    let (s, c1) = a.overflowing_add(b);
    let (s, c2) = s.overflowing_add(carry as u128);
    (s, (c1 | c2) as u128)
}
whole! {
    vadduqm |a, b| a.wrapping_add(b);
    vaddcuq |a, b| add_carry(a, b, false).1;
    vsubuqm |a, b| a.wrapping_sub(b);
    vsubcuq |a, b| add_carry(a, !b, true).1;
}
whole3! {
    vaddeuqm |a, b, c| add_carry(a, b, c & 1 != 0).0;
    vaddecuq |a, b, c| add_carry(a, b, c & 1 != 0).1;
    vsubeuqm |a, b, c| add_carry(a, !b, c & 1 != 0).0;
    vsubecuq |a, b, c| add_carry(a, !b, c & 1 != 0).1;
}

/// Products of the even (`$odd` 0) or odd elements at double width.
macro_rules! multiply {
    ($($name:ident $t:ty => $wide:ty, $odd:literal;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let (a, b) = (<$t>::split(c.vr(w.vra())), <$t>::split(c.vr(w.vrb())));
            let r = std::array::from_fn(|i| a[2 * i + $odd] as $wide * b[2 * i + $odd] as $wide);
            c.set_vr(w.vrt(), <$wide>::join(r));
            Ok(())
        }
    )* };
}
multiply! {
    vmuleub u8 => u16, 0;
    vmuloub u8 => u16, 1;
    vmulesb i8 => i16, 0;
    vmulosb i8 => i16, 1;
    vmuleuh u16 => u32, 0;
    vmulouh u16 => u32, 1;
    vmulesh i16 => i32, 0;
    vmulosh i16 => i32, 1;
    vmuleuw u32 => u64, 0;
    vmulouw u32 => u64, 1;
    vmulesw i32 => i64, 0;
    vmulosw i32 => i64, 1;
}

/// 10 a + digit: the low 128 bits and what is above them.
fn times_ten(a: u128, digit: u128) -> (u128, u128) {
    let low = (a & u64::MAX as u128) * 10 + digit;
    let high = (a >> 64) * 10 + (low >> 64);
    (high << 64 | low & u64::MAX as u128, high >> 64)
}
whole! {
    vmul10uq   |a, _b| times_ten(a, 0).0;
    vmul10cuq  |a, _b| times_ten(a, 0).1;
    vmul10euq  |a, b| times_ten(a, b & 15).0;
    vmul10ecuq |a, b| times_ten(a, b & 15).1;
}
