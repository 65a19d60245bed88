//! AES, SHA-2 and polynomial multiply (Book I 6.11). The tables of AES are
//! computed from its definition (FIPS 197, 4.2 and 5.1.1).

use super::*;

/// Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
const fn gf(a: u8, b: u8) -> u8 {
    let (mut a, mut b, mut r) = (a, b, 0);
    while b != 0 {
        if b & 1 != 0 {
            r ^= a;
        }
        a = a << 1 ^ if a & 0x80 != 0 { 0x1B } else { 0 };
        b >>= 1;
    }
    r
}
/// The substitution: inverse, then an affine map. 3 generates the field's
/// multiplicative group and 0xF6 is its inverse.
const SBOX: [u8; 256] = {
    let mut t = [0x63; 256];
    let (mut x, mut i, mut n) = (1, 1u8, 0);
    while n < 255 {
        t[x as usize] = i ^ i.rotate_left(1) ^ i.rotate_left(2) ^ i.rotate_left(3) ^ i.rotate_left(4) ^ 0x63;
        (x, i) = (gf(x, 3), gf(i, 0xF6));
        n += 1;
    }
    t
};
const INVERSE_SBOX: [u8; 256] = {
    let mut t = [0; 256];
    let mut x = 0;
    while x < 256 {
        t[SBOX[x] as usize] = x as u8;
        x += 1;
    }
    t
};

fn substitute(v: u128, table: &[u8; 256]) -> u128 {
    map::<u8>(v, |x| table[x as usize])
}
/// Row `r` of the state (bytes r, r+4, ...) moves by `step * r` columns.
fn shift_rows(v: u128, step: usize) -> u128 {
    let b = v.to_be_bytes();
    u128::from_be_bytes(std::array::from_fn(|i| b[(i + 4 * step * (i % 4)) % 16]))
}
/// Each column times the circulant matrix of `m`.
fn mix_columns(v: u128, m: [u8; 4]) -> u128 {
    let b = v.to_be_bytes();
    u128::from_be_bytes(std::array::from_fn(|i| {
        (0..4).fold(0, |sum, k| sum ^ gf(b[i & !3 | k], m[(k + 4 - i % 4) % 4]))
    }))
}
whole! {
    vcipher |a, b| mix_columns(shift_rows(substitute(a, &SBOX), 1), [2, 3, 1, 1]) ^ b;
    vcipherlast |a, b| shift_rows(substitute(a, &SBOX), 1) ^ b;
    vncipher |a, b| mix_columns(substitute(shift_rows(a, 3), &INVERSE_SBOX) ^ b, [14, 11, 13, 9]);
    vncipherlast |a, b| substitute(shift_rows(a, 3), &INVERSE_SBOX) ^ b;
    vsbox |a, _b| substitute(a, &SBOX);
}

/// SHA-256 σ and Σ of a word (FIPS 180-4, 4.1.2).
fn sigma_word(x: u32, big: bool, one: bool) -> u32 {
    let r = |n| x.rotate_right(n);
    match (big, one) {
        (false, false) => r(7) ^ r(18) ^ x >> 3,
        (false, true) => r(17) ^ r(19) ^ x >> 10,
        (true, false) => r(2) ^ r(13) ^ r(22),
        (true, true) => r(6) ^ r(11) ^ r(25),
    }
}
/// SHA-512 σ and Σ of a doubleword (FIPS 180-4, 4.1.3).
fn sigma_dword(x: u64, big: bool, one: bool) -> u64 {
    let r = |n| x.rotate_right(n);
    match (big, one) {
        (false, false) => r(1) ^ r(8) ^ x >> 7,
        (false, true) => r(19) ^ r(61) ^ x >> 6,
        (true, false) => r(28) ^ r(34) ^ r(39),
        (true, true) => r(14) ^ r(18) ^ r(41),
    }
}
/// ST and the bits of SIX, element 0 first.
fn st_six(w: Word) -> (bool, [bool; 4]) {
    (w.0 & 0x8000 != 0, std::array::from_fn(|i| w.0 >> (14 - i) & 1 != 0))
}
/// vshasigmaw
pub fn vshasigmaw(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    let ((st, six), a) = (st_six(w), u32::split(c.vr(w.vra())));
    c.set_vr(w.vrt(), u32::join(std::array::from_fn(|i| sigma_word(a[i], st, six[i]))));
    Ok(())
}
/// vshasigmad
pub fn vshasigmad(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    let ((st, six), a) = (st_six(w), u64::split(c.vr(w.vra())));
    c.set_vr(w.vrt(), u64::join(std::array::from_fn(|i| sigma_dword(a[i], st, six[2 * i]))));
    Ok(())
}

/// Product of polynomials over GF(2).
fn carryless(a: u64, b: u64) -> u128 {
    (0..64).fold(0, |r, i| r ^ if b >> i & 1 != 0 { (a as u128) << i } else { 0 })
}
/// Products of the elements, each pair of neighbours added.
macro_rules! polynomial {
    ($($name:ident $t:ty => $wide:ty;)*) => { $(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let (a, b) = (<$t>::split(c.vr(w.vra())), <$t>::split(c.vr(w.vrb())));
            let product = |i: usize| carryless(a[i] as u64, b[i] as u64) as $wide;
            let r = std::array::from_fn(|i| product(2 * i) ^ product(2 * i + 1));
            c.set_vr(w.vrt(), <$wide>::join(r));
            Ok(())
        }
    )* };
}
polynomial! {
    vpmsumb u8 => u16;
    vpmsumh u16 => u32;
    vpmsumw u32 => u64;
    vpmsumd u64 => u128;
}
