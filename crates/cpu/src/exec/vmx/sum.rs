//! Multiply-add, multiply-sum and sum across (Book I 6.9.1.4, 6.9.1.5).

use super::*;

/// Saturates and notes it.
fn clamp(saturated: &mut bool, x: i64, min: i64, max: i64) -> i64 {
    *saturated |= x < min || x > max;
    x.clamp(min, max)
}
fn clamp_i32(saturated: &mut bool, x: i64) -> u32 {
    clamp(saturated, x, i32::MIN as i64, i32::MAX as i64) as u32
}
fn clamp_u32(saturated: &mut bool, x: i64) -> u32 {
    clamp(saturated, x, 0, u32::MAX as i64) as u32
}

/// Instructions VRT,VRA,VRB,VRC that may saturate.
macro_rules! saturating3 {
    ($($name:ident |$a:ident, $b:ident, $c:ident, $s:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(cpu: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            cpu.require_vec()?;
            let ($a, $b, $c) = (cpu.vr(w.vra()), cpu.vr(w.vrb()), cpu.vr(w.vrc()));
            let mut saturated = false;
            let $s = &mut saturated;
            let r = $e;
            cpu.set_vr(w.vrt(), r);
            cpu.vscr |= if saturated { SAT } else { 0 };
            Ok(())
        }
    )* };
}

/// High half (with `round` added) of the products plus `c`, saturated.
fn multiply_high_add(a: u128, b: u128, c: u128, round: i64, s: &mut bool) -> u128 {
    map3::<i16>(a, b, c, |a, b, c| {
        let sum = ((a as i64 * b as i64 + round) >> 15) + c as i64;
        clamp(s, sum, i16::MIN as i64, i16::MAX as i64) as i16
    })
}

/// Exact sums `c + Σ a b` of each word. `wide` reads an element; `c_wide` the word.
fn sums<A: Lane, B: Lane>((a, b): (u128, u128), product: impl Fn(A, B) -> i64, c: [i64; 4]) -> [i64; 4] {
    let (a, b) = (A::split(a), B::split(b));
    let per = a.as_ref().len() / 4;
    let product = &product;
    std::array::from_fn(|i| {
        let terms = i * per..(i + 1) * per;
        c[i] + terms.map(|k| product(a.as_ref()[k], b.as_ref()[k])).sum::<i64>()
    })
}
fn signed(v: u128) -> [i64; 4] {
    i32::split(v).map(|x| x as i64)
}
fn unsigned(v: u128) -> [i64; 4] {
    u32::split(v).map(|x| x as i64)
}
fn modulo(sums: [i64; 4]) -> u128 {
    u32::join(sums.map(|x| x as u32))
}

saturating3! {
    vmhaddshs  |a, b, c, s| multiply_high_add(a, b, c, 0, s);
    vmhraddshs |a, b, c, s| multiply_high_add(a, b, c, 0x4000, s);
    vmsumshs |a, b, c, s| u32::join(
        sums::<i16, i16>((a, b), |x, y| x as i64 * y as i64, signed(c)).map(|x| clamp_i32(s, x)));
    vmsumuhs |a, b, c, s| u32::join(
        sums::<u16, u16>((a, b), |x, y| x as i64 * y as i64, unsigned(c)).map(|x| clamp_u32(s, x)));
}
whole3! {
    vmladduhm |a, b, c| map3::<u16>(a, b, c, |a, b, c| a.wrapping_mul(b).wrapping_add(c));
    vmsumubm |a, b, c| modulo(sums::<u8, u8>((a, b), |x, y| x as i64 * y as i64, unsigned(c)));
    vmsummbm |a, b, c| modulo(sums::<i8, u8>((a, b), |x, y| x as i64 * y as i64, signed(c)));
    vmsumshm |a, b, c| modulo(sums::<i16, i16>((a, b), |x, y| x as i64 * y as i64, signed(c)));
    vmsumuhm |a, b, c| modulo(sums::<u16, u16>((a, b), |x, y| x as i64 * y as i64, unsigned(c)));
    vmsumudm |a, b, c| {
        let (a, b) = (u64::split(a), u64::split(b));
        let product = |i: usize| a[i] as u128 * b[i] as u128;
        product(0).wrapping_add(product(1)).wrapping_add(c)
    };
}

/// Instructions VRT,VRA,VRB that sum across and saturate.
macro_rules! across {
    ($($name:ident |$a:ident, $b:ident, $s:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let ($a, $b) = (c.vr(w.vra()), c.vr(w.vrb()));
            let mut saturated = false;
            let $s = &mut saturated;
            let r = u32::join($e);
            c.set_vr(w.vrt(), r);
            c.vscr |= if saturated { SAT } else { 0 };
            Ok(())
        }
    )* };
}
across! {
    vsumsws |a, b, s| {
        let sum = signed(a).iter().sum::<i64>() + signed(b)[3];
        [0, 0, 0, clamp_i32(s, sum)]
    };
    vsum2sws |a, b, s| {
        let (a, b) = (signed(a), signed(b));
        [0, clamp_i32(s, a[0] + a[1] + b[1]), 0, clamp_i32(s, a[2] + a[3] + b[3])]
    };
    vsum4sbs |a, b, s| sums::<i8, i8>((a, a), |x, _| x as i64, signed(b)).map(|x| clamp_i32(s, x));
    vsum4shs |a, b, s| sums::<i16, i16>((a, a), |x, _| x as i64, signed(b)).map(|x| clamp_i32(s, x));
    vsum4ubs |a, b, s| sums::<u8, u8>((a, a), |x, _| x as i64, unsigned(b)).map(|x| clamp_u32(s, x));
}
