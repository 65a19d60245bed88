//! Logical instructions (Book I 3.3.13).

use super::set_ra;
use crate::env::Env;
use crate::exec::Step;
use crate::state::Cpu;
use isa::Word;

/// `RA = f(RS, RB)`.
macro_rules! binary {
    ($($name:ident = |$s:ident, $b:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            let ($s, $b) = (c.gpr[w.rs()], c.gpr[w.rb()]);
            set_ra(c, w, $value);
            Ok(())
        }
    )*};
}
binary! {
    and = |s, b| s & b;
    andc = |s, b| s & !b;
    or = |s, b| s | b;
    orc = |s, b| s | !b;
    xor = |s, b| s ^ b;
    nand = |s, b| !(s & b);
    nor = |s, b| !(s | b);
    eqv = |s, b| !(s ^ b);
}

/// `RA = f(RS)`.
macro_rules! unary {
    ($($name:ident = |$s:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            let $s = c.gpr[w.rs()];
            set_ra(c, w, $value);
            Ok(())
        }
    )*};
}
unary! {
    extsb = |s| s as i8 as u64;
    extsh = |s| s as i16 as u64;
    extsw = |s| s as i32 as u64;
    cntlzw = |s| (s as u32).leading_zeros() as u64;
    cntlzd = |s| s.leading_zeros() as u64;
    cnttzw = |s| (s as u32).trailing_zeros() as u64;
    cnttzd = |s| s.trailing_zeros() as u64;
}

/// `RA = f(RS, RB)` of forms without Rc.
macro_rules! plain {
    ($($name:ident = |$s:ident, $b:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
            let ($s, $b) = (c.gpr[w.rs()], c.gpr[w.rb()]);
            c.gpr[w.ra()] = $value;
            Ok(())
        }
    )*};
}
plain! {
    popcntb = |s, _b| bytes(s, |x| x.count_ones() as u8);
    popcntw = |s, _b| (s as u32).count_ones() as u64 | ((s >> 32).count_ones() as u64) << 32;
    popcntd = |s, _b| s.count_ones() as u64;
    prtyw = |s, _b| parity(s as u32 as u64) | parity(s >> 32) << 32;
    prtyd = |s, _b| parity(s);
    cmpb = |s, b| bytes(s ^ b, |x| if x == 0 { 0xFF } else { 0 });
    bpermd = |s, b| permute_bits(s, b);
}
#[inline(always)]
fn bytes(value: u64, f: impl FnMut(u8) -> u8) -> u64 {
    u64::from_le_bytes(value.to_le_bytes().map(f))
}
/// Parity of the least significant bits of the bytes.
fn parity(value: u64) -> u64 {
    (value & 0x0101_0101_0101_0101).count_ones() as u64 & 1
}
/// Byte i of `indices` names a bit of `source` (IBM numbers); 64 and more give 0.
fn permute_bits(indices: u64, source: u64) -> u64 {
    indices
        .to_be_bytes()
        .iter()
        .fold(0, |out, &i| out << 1 | source.checked_shr(63u32.wrapping_sub(i as u32)).unwrap_or(0) & 1)
}

/// andi.
pub fn andi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let value = c.gpr[w.rs()] & w.ui();
    c.gpr[w.ra()] = value;
    c.set_cr0(value);
    Ok(())
}
/// andis.
pub fn andis(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let value = c.gpr[w.rs()] & w.ui() << 16;
    c.gpr[w.ra()] = value;
    c.set_cr0(value);
    Ok(())
}
/// ori
pub fn ori(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.ra()] = c.gpr[w.rs()] | w.ui();
    Ok(())
}
/// oris
pub fn oris(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.ra()] = c.gpr[w.rs()] | w.ui() << 16;
    Ok(())
}
/// xori
pub fn xori(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.ra()] = c.gpr[w.rs()] ^ w.ui();
    Ok(())
}
/// xoris
pub fn xoris(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.ra()] = c.gpr[w.rs()] ^ w.ui() << 16;
    Ok(())
}
