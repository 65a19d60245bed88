//! Counts, parity, bit permute and gather (Book I 6.9.8, 6.12 to 6.15).

use super::*;

each! {
    vclzb u8,  |b| b.leading_zeros() as u8;
    vclzh u16, |b| b.leading_zeros() as u16;
    vclzw u32, |b| b.leading_zeros();
    vclzd u64, |b| b.leading_zeros() as u64;
    vctzb u8,  |b| b.trailing_zeros() as u8;
    vctzh u16, |b| b.trailing_zeros() as u16;
    vctzw u32, |b| b.trailing_zeros();
    vctzd u64, |b| b.trailing_zeros() as u64;
    vpopcntb u8,  |b| b.count_ones() as u8;
    vpopcnth u16, |b| b.count_ones() as u16;
    vpopcntw u32, |b| b.count_ones();
    vpopcntd u64, |b| b.count_ones() as u64;
    vprtybw u32,  |b| (b & 0x0101_0101).count_ones() & 1;
    vprtybd u64,  |b| (b & 0x0101_0101_0101_0101).count_ones() as u64 & 1;
    vprtybq u128, |b| (b & (u128::MAX / 255)).count_ones() as u128 & 1;
    vgbbd u64, |b| transpose(b);
}

/// An 8 by 8 bit matrix, one byte a row, transposed.
fn transpose(b: u64) -> u64 {
    let mut r = 0;
    for bit in 0..64 {
        r |= (b >> bit & 1) << (bit % 8 * 8 + bit / 8);
    }
    r
}

whole! {
    vbpermq |a, b| {
        let bit = |i: u8| if i < 128 { a >> (127 - i) & 1 } else { 0 };
        b.to_be_bytes().iter().fold(0, |r, &i| r << 1 | bit(i)) << 64
    };
    vbpermd |a, b| map2::<u64>(a, b, |a, b| {
        let bit = |i: u8| if i < 64 { a >> (63 - i) & 1 } else { 0 };
        b.to_be_bytes().iter().fold(0, |r, &i| r << 1 | bit(i))
    });
}

/// Bytes from the left (`vclzlsbb`) or right before one whose last bit is 1.
macro_rules! last_bits {
    ($($name:ident $count:ident;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let ones = c.vr(w.vrb()) & (u128::MAX / 255);
            c.gpr[w.rt()] = ones.$count() as u64 / 8;
            Ok(())
        }
    )* };
}
last_bits! {
    vclzlsbb leading_zeros;
    vctzlsbb trailing_zeros;
}
