//! Pack, unpack, merge, splat, permute, extract, insert (Book I 6.8).

use super::*;

/// Each element of `a` then `b` narrowed; `$saturate` gives the limits.
macro_rules! packs {
    ($($name:ident $from:ty => $to:ty, $limits:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let (a, b) = (<$from>::split(c.vr(w.vra())), <$from>::split(c.vr(w.vrb())));
            let (n, limits): (usize, Option<($from, $from)>) = (a.len(), $limits);
            let mut saturated = false;
            let r = std::array::from_fn(|i| {
                let x = if i < n { a[i] } else { b[i - n] };
                let y = limits.map_or(x, |(min, max)| x.clamp(min, max));
                saturated |= x != y;
                y as $to
            });
            c.set_vr(w.vrt(), <$to>::join(r));
            c.vscr |= if saturated { SAT } else { 0 };
            Ok(())
        }
    )* };
}
packs! {
    vpkuhum u16 => u8,  None;
    vpkuwum u32 => u16, None;
    vpkudum u64 => u32, None;
    vpkuhus u16 => u8,  Some((0, 0xFF));
    vpkuwus u32 => u16, Some((0, 0xFFFF));
    vpkudus u64 => u32, Some((0, 0xFFFF_FFFF));
    vpkshss i16 => i8,  Some((i8::MIN as i16, i8::MAX as i16));
    vpkswss i32 => i16, Some((i16::MIN as i32, i16::MAX as i32));
    vpksdss i64 => i32, Some((i32::MIN as i64, i32::MAX as i64));
    vpkshus i16 => u8,  Some((0, 0xFF));
    vpkswus i32 => u16, Some((0, 0xFFFF));
    vpksdus i64 => u32, Some((0, 0xFFFF_FFFF));
}

/// The high or low half of the elements, each at double width.
macro_rules! unpacks {
    ($($name:ident $from:ty => $to:ty, $first:literal, |$x:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let b = <$from>::split(c.vr(w.vrb()));
            let r = std::array::from_fn(|i| {
                let $x = b[$first + i];
                $e
            });
            c.set_vr(w.vrt(), <$to>::join(r));
            Ok(())
        }
    )* };
}
unpacks! {
    vupkhsb i8 => i16, 0,  |x| x as i16;
    vupkhsh i16 => i32, 0, |x| x as i32;
    vupkhsw i32 => i64, 0, |x| x as i64;
    vupklsb i8 => i16, 8,  |x| x as i16;
    vupklsh i16 => i32, 4, |x| x as i32;
    vupklsw i32 => i64, 2, |x| x as i64;
    vupkhpx i16 => u32, 0, |x| pixel_of(x);
    vupklpx i16 => u32, 4, |x| pixel_of(x);
}
/// 1:5:5:5 to 8:8:8:8.
fn pixel_of(x: i16) -> u32 {
    let (top, x) = ((x >> 15) as u32, x as u32);
    top << 24 | (x & 0x7C00) << 6 | (x & 0x3E0) << 3 | x & 0x1F
}
/// vpkpx: 8:8:8:8 to 1:5:5:5.
pub fn vpkpx(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    let (a, b) = (u32::split(c.vr(w.vra())), u32::split(c.vr(w.vrb())));
    let pack = |x: u32| (x >> 9 & 0xFC00 | x >> 6 & 0x3E0 | x >> 3 & 0x1F) as u16;
    let r = std::array::from_fn(|i| pack(if i < 4 { a[i] } else { b[i - 4] }));
    c.set_vr(w.vrt(), u16::join(r));
    Ok(())
}

/// Elements `first + step * i` of `a` and `b` in turn.
fn merge<T: Lane>(a: u128, b: u128, first: usize, step: usize) -> u128 {
    let (a, b) = (T::split(a), T::split(b));
    let mut r = a;
    for (i, pair) in r.as_mut().chunks_exact_mut(2).enumerate() {
        let k = first + step * i;
        pair.copy_from_slice(&[a.as_ref()[k], b.as_ref()[k]]);
    }
    T::join(r)
}
whole! {
    vmrghb |a, b| merge::<u8>(a, b, 0, 1);
    vmrghh |a, b| merge::<u16>(a, b, 0, 1);
    vmrghw |a, b| merge::<u32>(a, b, 0, 1);
    vmrglb |a, b| merge::<u8>(a, b, 8, 1);
    vmrglh |a, b| merge::<u16>(a, b, 4, 1);
    vmrglw |a, b| merge::<u32>(a, b, 2, 1);
    vmrgew |a, b| merge::<u32>(a, b, 0, 2);
    vmrgow |a, b| merge::<u32>(a, b, 1, 2);
}

/// One element of VRB, or a constant, in all places.
macro_rules! splats {
    ($($name:ident $t:ty, |$c:ident, $w:ident| $e:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name($c: &mut Cpu, _: &mut Env<'_>, $w: Word) -> Step {
            $c.require_vec()?;
            let x: $t = $e;
            $c.set_vr($w.vrt(), map::<$t>(0, |_| x));
            Ok(())
        }
    )* };
}
splats! {
    vspltb u8,  |c, w| u8::split(c.vr(w.vrb()))[w.uim() & 15];
    vsplth u16, |c, w| u16::split(c.vr(w.vrb()))[w.uim() & 7];
    vspltw u32, |c, w| u32::split(c.vr(w.vrb()))[w.uim() & 3];
    vspltisb u8,  |c, w| sim(w) as u8;
    vspltish u16, |c, w| sim(w) as u16;
    vspltisw u32, |c, w| sim(w) as u32;
}
/// SIM, sign-extended.
fn sim(w: Word) -> i32 {
    ((w.uim() as i32) << 27) >> 27
}

/// Byte `i` of the result is byte `index(c's byte i)` of `a || b`.
pub(crate) fn permute(a: u128, b: u128, c: u128, index: impl Fn(u8) -> u8) -> u128 {
    let mut table = [0; 32];
    table[..16].copy_from_slice(&a.to_be_bytes());
    table[16..].copy_from_slice(&b.to_be_bytes());
    map::<u8>(c, |i| table[index(i) as usize & 31])
}
whole3! {
    vperm    |a, b, c| permute(a, b, c, |i| i);
    vpermr   |a, b, c| permute(a, b, c, |i| 31 - (i & 31));
    vpermxor |a, b, c| {
        let (a, b) = (a.to_be_bytes(), b.to_be_bytes());
        map::<u8>(c, |i| a[i as usize >> 4] ^ b[i as usize & 15])
    };
}

/// The `$bits` bits of VRB from byte UIM, in doubleword 0.
/// `Unspecified:` past the end zeros follow.
macro_rules! extracts {
    ($($name:ident $bits:literal;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let x = c.vr(w.vrb()) << (8 * (w.uim() & 15)) >> (128 - $bits);
            c.set_vr(w.vrt(), x << 64);
            Ok(())
        }
    )* };
}
extracts! {
    vextractub 8;
    vextractuh 16;
    vextractuw 32;
    vextractd 64;
}

/// The low `$bits` bits of doubleword 0 of VRB into VRT from byte UIM.
/// `Unspecified:` what would go past the end is lost.
macro_rules! inserts {
    ($($name:ident $bits:literal;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let at = 8 * (w.uim() & 15);
            let field = u128::MAX << (128 - $bits) >> at;
            let x = c.vr(w.vrb()) << (64 - $bits) >> at;
            c.set_vr(w.vrt(), c.vr(w.vrt()) & !field | x & field);
            Ok(())
        }
    )* };
}
inserts! {
    vinsertb 8;
    vinserth 16;
    vinsertw 32;
    vinsertd 64;
}

/// The `$bits` bits of VRB from the byte that RA counts from the left or
/// right, into RT. `Unspecified:` past the end zeros follow.
macro_rules! extracts_indexed {
    ($($name:ident $bits:literal, |$i:ident| $shift:expr;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let $i = 8 * (c.gpr[w.ra()] as i32 & 15);
            let (b, shift): (u128, i32) = (c.vr(w.vrb()), $shift);
            let x = if shift >= 0 { b >> shift } else { b << -shift };
            c.gpr[w.rt()] = x as u64 & (u64::MAX >> (64 - $bits));
            Ok(())
        }
    )* };
}
extracts_indexed! {
    vextublx 8,  |i| 120 - i;
    vextuhlx 16, |i| 112 - i;
    vextuwlx 32, |i| 96 - i;
    vextubrx 8,  |i| i;
    vextuhrx 16, |i| i;
    vextuwrx 32, |i| i;
}
