//! VMX loads, stores and alignment support (Book I 6.7).

use super::ea;
use crate::env::Env;
use crate::exec::Step;
use crate::state::Cpu;
use isa::Word;

/// lvx
pub fn lvx(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    let v = c.load_u128(env, ea::x(c, w) & !15)?;
    c.set_vr(w.vrt(), v);
    Ok(())
}
/// lvxl: lvx with a hint.
pub fn lvxl(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    lvx(c, env, w)
}
/// stvx
pub fn stvx(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    c.store_u128(env, ea::x(c, w) & !15, c.vr(w.vrt()))
}
/// stvxl: stvx with a hint.
pub fn stvxl(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    stvx(c, env, w)
}
/// Distance of the element of `size` bytes at `ea` from the low end of the VR.
#[inline(always)]
fn element_shift(c: &Cpu, ea: u64, size: u64) -> u64 {
    let from_low = if c.little_endian() { ea & 15 } else { 16 - size - (ea & 15) };
    8 * from_low
}

/// `Unspecified:` a load leaves the other elements as they were.
macro_rules! elements {
    ($($load:ident $store:ident $load_int:ident $store_int:ident $t:ty;)*) => {$(
        #[doc = stringify!($load)]
        pub fn $load(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let size = size_of::<$t>() as u64;
            let ea = ea::x(c, w) & !(size - 1);
            let v = c.$load_int(env, ea)?;
            let shift = element_shift(c, ea, size);
            let others = c.vr(w.vrt()) & !((<$t>::MAX as u128) << shift);
            c.set_vr(w.vrt(), others | (v as u128) << shift);
            Ok(())
        }
        #[doc = stringify!($store)]
        pub fn $store(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            c.require_vec()?;
            let size = size_of::<$t>() as u64;
            let ea = ea::x(c, w) & !(size - 1);
            let shift = element_shift(c, ea, size);
            c.$store_int(env, ea, (c.vr(w.vrt()) >> shift) as $t)
        }
    )*};
}
elements! {
    lvebx stvebx load_u8 store_u8 u8;
    lvehx stvehx load_u16 store_u16 u16;
    lvewx stvewx load_u32 store_u32 u32;
}

const COUNTING: u128 = 0x0001_0203_0405_0607_0809_0A0B_0C0D_0E0F;
const ONES: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;

/// lvsl: sh, sh+1, ...
pub fn lvsl(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    c.set_vr(w.vrt(), COUNTING + ONES * (ea::x(c, w) & 15) as u128);
    Ok(())
}
/// lvsr: 16-sh, 17-sh, ...
pub fn lvsr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_vec()?;
    c.set_vr(w.vrt(), COUNTING + ONES * (16 - (ea::x(c, w) & 15)) as u128);
    Ok(())
}
