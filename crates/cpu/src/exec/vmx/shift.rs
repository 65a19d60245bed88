//! Rotate and shift: of elements (Book I 6.9.9) and of the whole register
//! (6.8.6).

use super::*;

pairs! {
    vrlb u8,  |a, b| a.rotate_left(b as u32 & 7);
    vrlh u16, |a, b| a.rotate_left(b as u32 & 15);
    vrlw u32, |a, b| a.rotate_left(b & 31);
    vrld u64, |a, b| a.rotate_left(b as u32 & 63);
    vslb u8,  |a, b| a << (b & 7);
    vslh u16, |a, b| a << (b & 15);
    vslw u32, |a, b| a << (b & 31);
    vsld u64, |a, b| a << (b & 63);
    vsrb u8,  |a, b| a >> (b & 7);
    vsrh u16, |a, b| a >> (b & 15);
    vsrw u32, |a, b| a >> (b & 31);
    vsrd u64, |a, b| a >> (b & 63);
    vsrab i8,  |a, b| a >> (b & 7);
    vsrah i16, |a, b| a >> (b & 15);
    vsraw i32, |a, b| a >> (b & 31);
    vsrad i64, |a, b| a >> (b & 63);
    vrlwnm u32, |a, b| rotate_word(a, b).0;
    vrldnm u64, |a, b| rotate_dword(a, b).0;
}

/// Ones from bit `begin` to bit `end` (0 is bit 32-n of the low n), wrapping.
fn mask(bits: u32, begin: u32, end: u32) -> u64 {
    let all = u64::MAX >> (64 - bits);
    let (from, to) = (all >> begin, all & !((all >> 1) >> end));
    if begin <= end { from & to } else { from | to }
}
/// `a` rotated and masked as `b` says (SH in its low byte, then ME, MB), and the mask.
fn rotate_word(a: u32, b: u32) -> (u32, u32) {
    let m = mask(32, b >> 16 & 31, b >> 8 & 31) as u32;
    (a.rotate_left(b & 31) & m, m)
}
fn rotate_dword(a: u64, b: u64) -> (u64, u64) {
    let m = mask(64, (b >> 16 & 63) as u32, (b >> 8 & 63) as u32);
    (a.rotate_left(b as u32 & 63) & m, m)
}

/// vrlwmi
pub fn vrlwmi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    let r = map3::<u32>(c.vr(w.vra()), c.vr(w.vrb()), c.vr(w.vrt()), |a, b, t| {
        let (r, m) = rotate_word(a, b);
        r | t & !m
    });
    c.set_vr(w.vrt(), r);
    Ok(())
}
/// vrldmi
pub fn vrldmi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    let r = map3::<u64>(c.vr(w.vra()), c.vr(w.vrb()), c.vr(w.vrt()), |a, b, t| {
        let (r, m) = rotate_dword(a, b);
        r | t & !m
    });
    c.set_vr(w.vrt(), r);
    Ok(())
}

whole! {
    vsl  |a, b| a << (b & 7);
    vsr  |a, b| a >> (b & 7);
    vslo |a, b| a << (b & 0x78);
    vsro |a, b| a >> (b & 0x78);
    vslv |a, b| shift_bytes_left(a, b);
    vsrv |a, b| shift_bytes_right(a, b);
}

/// Each byte and its right neighbour shifted left by the low bits of `b`'s byte.
fn shift_bytes_left(a: u128, b: u128) -> u128 {
    let next = map2::<u8>(a << 8, b, |x, s| (x as u16 >> (8 - (s & 7))) as u8);
    map2::<u8>(a, b, |x, s| x << (s & 7)) | next
}
fn shift_bytes_right(a: u128, b: u128) -> u128 {
    let previous = map2::<u8>(a >> 8, b, |x, s| ((x as u16) << (8 - (s & 7))) as u8);
    map2::<u8>(a, b, |x, s| x >> (s & 7)) | previous
}

/// vsldoi
pub fn vsldoi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    let (a, b, n) = (c.vr(w.vra()), c.vr(w.vrb()), 8 * w.shb() as u32);
    c.set_vr(w.vrt(), if n == 0 { a } else { a << n | b >> (128 - n) });
    Ok(())
}
