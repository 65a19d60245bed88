//! Rotates and shifts.

use super::{Block, Emit};
use crate::asm::{Alu, Cond, Reg, Shift, Size};
use isa::Word;

pub const ROWS: &[(&str, Emit)] = &[
    ("rlwinm", rlwinm),
    ("rlwimi", rlwimi),
    ("rldicl", |b, w| rotate_and_mask(b, w, mask(w.mb6(), 63))),
    ("rldicr", |b, w| rotate_and_mask(b, w, mask(0, w.mb6()))),
    ("rldic", |b, w| rotate_and_mask(b, w, mask(w.mb6(), 63 - w.sh6()))),
    ("rldimi", |b, w| insert(b, w, Size::Q, w.sh6(), mask(w.mb6(), 63 - w.sh6()))),
    ("slw", |b, w| shift_word(b, w, Shift::Shl)),
    ("srw", |b, w| shift_word(b, w, Shift::Shr)),
    ("sld", |b, w| shift_doubleword(b, w, Shift::Shl)),
    ("srd", |b, w| shift_doubleword(b, w, Shift::Shr)),
    ("extswsli", extswsli),
];

/// Ones from bit `mb` to bit `me` (IBM numbers), around the end if mb > me.
fn mask(mb: u32, me: u32) -> u64 {
    let (from, to) = (u64::MAX >> mb, u64::MAX << (63 - me));
    if mb <= me { from & to } else { from | to }
}
/// Mask of a word form, unless it goes around the end.
fn word_mask(w: Word) -> Option<u64> {
    (w.mb5() <= w.me5()).then(|| mask(w.mb5() as u32 + 32, w.me5() as u32 + 32))
}

/// `d &= mask`; RCX is lost.
fn and_mask(b: &mut Block<'_>, d: Reg, mask: u64) {
    if mask == u64::MAX {
    } else if mask == 0xFFFF_FFFF {
        b.asm.mov(Size::W, d, d);
    } else if u32::try_from(mask).is_ok() {
        b.asm.alu_imm(Alu::And, Size::W, d, mask as i32);
    } else if i32::try_from(mask as i64).is_ok() {
        b.asm.alu_imm(Alu::And, Size::Q, d, mask as i32);
    } else {
        b.asm.mov_imm(Reg::RCX, mask);
        b.asm.alu(Alu::And, Size::Q, d, Reg::RCX);
    }
}

fn rlwinm(b: &mut Block<'_>, w: Word) -> bool {
    let Some(mask) = word_mask(w) else { return false };
    let n = w.sh5() as u32;
    if n != 0 && mask == 0xFFFF_FFFF && !w.rc() {
        let s = b.operand(w.rs());
        let d = b.over(w.ra(), &[w.rs()]);
        b.asm.rorx(Size::W, d, s, 32 - n);
        b.set(w.ra(), d);
        return true;
    }
    let s = b.get(w.rs());
    let d = b.over(w.ra(), &[w.rs()]);
    // What follows works on words and clears the upper half.
    let whole = mask == 0xFFFF_FFFF;
    let shifts = n != 0 && (mask == 0xFFFF_FFFF << n & 0xFFFF_FFFF || mask == 0xFFFF_FFFF >> (32 - n));
    if n != 0 && d != s && !shifts {
        b.asm.rorx(Size::W, d, s, 32 - n);
        if !whole {
            and_mask(b, d, mask);
        }
        b.set(w.ra(), d);
        b.record(w.rc(), d);
        return true;
    }
    if n == 0 && whole {
        b.asm.mov(Size::W, d, s);
    } else {
        b.asm.copy(d, s);
    }
    if n != 0 && mask == 0xFFFF_FFFF << n & 0xFFFF_FFFF {
        b.asm.shift(Shift::Shl, Size::W, d, n);
    } else if n != 0 && mask == 0xFFFF_FFFF >> (32 - n) {
        b.asm.shift(Shift::Shr, Size::W, d, 32 - n);
    } else {
        if n != 0 {
            b.asm.shift(Shift::Rol, Size::W, d, n);
        }
        if mask != 0xFFFF_FFFF {
            and_mask(b, d, mask);
        }
    }
    b.set(w.ra(), d);
    b.record(w.rc(), d);
    true
}
fn rlwimi(b: &mut Block<'_>, w: Word) -> bool {
    word_mask(w).is_some_and(|mask| insert(b, w, Size::W, w.sh5() as u32, mask))
}
/// `RA = RA where mask is 0, rotated RS where it is 1`.
fn insert(b: &mut Block<'_>, w: Word, size: Size, n: u32, mask: u64) -> bool {
    let (s, a) = (b.get(w.rs()), b.get(w.ra()));
    b.asm.mov(size, Reg::RAX, s);
    if n != 0 {
        b.asm.shift(Shift::Rol, size, Reg::RAX, n);
    }
    b.asm.alu(Alu::Xor, Size::Q, Reg::RAX, a);
    and_mask(b, Reg::RAX, mask);
    let d = b.over(w.ra(), &[w.ra()]);
    b.asm.copy(d, a);
    b.asm.alu(Alu::Xor, Size::Q, d, Reg::RAX);
    b.set(w.ra(), d);
    b.record(w.rc(), d);
    true
}
fn rotate_and_mask(b: &mut Block<'_>, w: Word, mask: u64) -> bool {
    let (s, n) = (b.get(w.rs()), w.sh6());
    let d = b.over(w.ra(), &[w.rs()]);
    if n != 0 && mask == u64::MAX << n {
        b.asm.copy(d, s);
        b.asm.shift(Shift::Shl, Size::Q, d, n);
    } else if n != 0 && mask == u64::MAX >> (64 - n) {
        b.asm.copy(d, s);
        b.asm.shift(Shift::Shr, Size::Q, d, 64 - n);
    } else if n == 0 && mask == 0xFF {
        b.asm.zero8(d, s);
    } else if n == 0 && mask == 0xFFFF {
        b.asm.zero16(d, s);
    } else if n == 0 && mask == 0xFFFF_FFFF {
        b.asm.mov(Size::W, d, s);
    } else if n != 0 && d != s {
        b.asm.rorx(Size::Q, d, s, 64 - n);
        and_mask(b, d, mask);
    } else {
        b.asm.copy(d, s);
        if n != 0 {
            b.asm.shift(Shift::Rol, Size::Q, d, n);
        }
        and_mask(b, d, mask);
    }
    b.set(w.ra(), d);
    b.record(w.rc(), d);
    true
}
/// The count has six bits; 32 and more leave 0.
fn shift_word(b: &mut Block<'_>, w: Word, op: Shift) -> bool {
    let (s, count) = (b.get(w.rs()), b.get(w.rb()));
    let d = b.over(w.ra(), &[w.rs(), w.rb()]);
    b.asm.mov(Size::W, Reg::RAX, s);
    b.asm.shift_by(op, Size::Q, d, Reg::RAX, count);
    b.asm.mov(Size::W, d, d);
    b.set(w.ra(), d);
    b.record(w.rc(), d);
    true
}
/// The count has seven bits; 64 and more leave 0.
fn shift_doubleword(b: &mut Block<'_>, w: Word, op: Shift) -> bool {
    let (s, count) = (b.get(w.rs()), b.get(w.rb()));
    let d = b.fresh(w.ra());
    b.asm.shift_by(op, Size::Q, d, s, count);
    b.asm.mov_imm(Reg::RAX, 0);
    b.asm.test_imm(count, 64);
    b.asm.cmov(Cond::NotEqual, d, Reg::RAX);
    b.set(w.ra(), d);
    b.record(w.rc(), d);
    true
}
fn extswsli(b: &mut Block<'_>, w: Word) -> bool {
    let s = b.get(w.rs());
    let d = b.fresh(w.ra());
    b.asm.sign32(d, s);
    if w.sh6() != 0 {
        b.asm.shift(Shift::Shl, Size::Q, d, w.sh6());
    }
    b.set(w.ra(), d);
    b.record(w.rc(), d);
    true
}
