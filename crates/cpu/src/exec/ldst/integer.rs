//! Fixed-point loads and stores (Book I 3.3.2 to 3.3.7).

use super::{alignment, ea, require_aligned};
use crate::env::Env;
use crate::exec::Step;
use crate::state::Cpu;
use isa::Word;

/// `RT = f(load)`.
macro_rules! loads {
    ($($name:ident $ea:ident $load:ident |$v:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            let $v = c.$load(env, ea::$ea(c, w))?;
            c.gpr[w.rt()] = $value;
            Ok(())
        }
    )*};
}
loads! {
    lbz d load_u8 |v| v as u64;
    lhz d load_u16 |v| v as u64;
    lha d load_u16 |v| v as i16 as u64;
    lwz d load_u32 |v| v as u64;
    lwa ds load_u32 |v| v as i32 as u64;
    ld ds load_u64 |v| v;
    lbzx x load_u8 |v| v as u64;
    lhzx x load_u16 |v| v as u64;
    lhax x load_u16 |v| v as i16 as u64;
    lwzx x load_u32 |v| v as u64;
    lwax x load_u32 |v| v as i32 as u64;
    ldx x load_u64 |v| v;
    lhbrx x load_u16 |v| v.swap_bytes() as u64;
    lwbrx x load_u32 |v| v.swap_bytes() as u64;
    ldbrx x load_u64 |v| v.swap_bytes();
}

/// `RT = f(load)`, `RA = EA`.
macro_rules! update_loads {
    ($($name:ident $ea:ident $load:ident |$v:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            let ea = ea::$ea(c, w);
            let $v = c.$load(env, ea)?;
            c.gpr[w.rt()] = $value;
            c.gpr[w.ra()] = ea;
            Ok(())
        }
    )*};
}
update_loads! {
    lbzu du load_u8 |v| v as u64;
    lhzu du load_u16 |v| v as u64;
    lhau du load_u16 |v| v as i16 as u64;
    lwzu du load_u32 |v| v as u64;
    ldu dsu load_u64 |v| v;
    lbzux xu load_u8 |v| v as u64;
    lhzux xu load_u16 |v| v as u64;
    lhaux xu load_u16 |v| v as i16 as u64;
    lwzux xu load_u32 |v| v as u64;
    lwaux xu load_u32 |v| v as i32 as u64;
    ldux xu load_u64 |v| v;
}

/// `store(f(RS))`.
macro_rules! stores {
    ($($name:ident $ea:ident $store:ident |$s:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            let $s = c.gpr[w.rs()];
            c.$store(env, ea::$ea(c, w), $value)
        }
    )*};
}
stores! {
    stb d store_u8 |s| s as u8;
    sth d store_u16 |s| s as u16;
    stw d store_u32 |s| s as u32;
    std ds store_u64 |s| s;
    stbx x store_u8 |s| s as u8;
    sthx x store_u16 |s| s as u16;
    stwx x store_u32 |s| s as u32;
    stdx x store_u64 |s| s;
    sthbrx x store_u16 |s| (s as u16).swap_bytes();
    stwbrx x store_u32 |s| (s as u32).swap_bytes();
    stdbrx x store_u64 |s| s.swap_bytes();
}

/// `store(f(RS))`, `RA = EA`.
macro_rules! update_stores {
    ($($name:ident $ea:ident $store:ident $t:ty;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            let ea = ea::$ea(c, w);
            c.$store(env, ea, c.gpr[w.rs()] as $t)?;
            c.gpr[w.ra()] = ea;
            Ok(())
        }
    )*};
}
update_stores! {
    stbu du store_u8 u8;
    sthu du store_u16 u16;
    stwu du store_u32 u32;
    stdu dsu store_u64 u64;
    stbux xu store_u8 u8;
    sthux xu store_u16 u16;
    stwux xu store_u32 u32;
    stdux xu store_u64 u64;
}

/// lq: the even register takes the high half of the quadword.
pub fn lq(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    let ea = ea::dq(c, w);
    require_aligned(c, ea, 16)?;
    let v = c.load_u128(env, ea)?;
    set_pair(c, w.rt(), v);
    Ok(())
}
/// stq
pub fn stq(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    let ea = ea::ds(c, w);
    require_aligned(c, ea, 16)?;
    c.store_u128(env, ea, pair(c, w.rs()))
}
/// RTp; `Unspecified:` an odd register names the pair that holds it.
#[inline(always)]
pub(super) fn set_pair(c: &mut Cpu, rt: usize, value: u128) {
    c.gpr[rt & 30] = (value >> 64) as u64;
    c.gpr[rt | 1] = value as u64;
}
/// RSp.
#[inline(always)]
pub(super) fn pair(c: &Cpu, rs: usize) -> u128 {
    (c.gpr[rs & 30] as u128) << 64 | c.gpr[rs | 1] as u128
}

/// lmw: in little-endian mode an alignment interrupt.
pub fn lmw(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    let ea = ea::d(c, w);
    require_big_endian(c, ea)?;
    let mut regs = c.gpr;
    for (i, r) in (w.rt()..32).enumerate() {
        regs[r] = c.load_u32(env, ea.wrapping_add(4 * i as u64))? as u64;
    }
    c.gpr = regs;
    Ok(())
}
/// stmw
pub fn stmw(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    let ea = ea::d(c, w);
    require_big_endian(c, ea)?;
    for (i, r) in (w.rs()..32).enumerate() {
        c.store_u32(env, ea.wrapping_add(4 * i as u64), c.gpr[r] as u32)?;
    }
    Ok(())
}
fn require_big_endian(c: &mut Cpu, ea: u64) -> Step {
    if c.little_endian() { Err(alignment(c, ea)) } else { Ok(()) }
}
/// NB=0 means 32 bytes.
fn immediate_count(w: Word) -> usize {
    if w.nb() == 0 { 32 } else { w.nb() }
}
/// XER bits 57:63.
fn xer_count(c: &Cpu) -> usize {
    (c.xer & 0x7F) as usize
}
/// lswi
pub fn lswi(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    load_string(c, env, w, c.ra0(w.ra()), immediate_count(w))
}
/// lswx
pub fn lswx(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    load_string(c, env, w, ea::x(c, w), xer_count(c))
}
/// stswi
pub fn stswi(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    store_string(c, env, w, c.ra0(w.ra()), immediate_count(w))
}
/// stswx
pub fn stswx(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    store_string(c, env, w, ea::x(c, w), xer_count(c))
}
fn load_string(c: &mut Cpu, env: &mut Env<'_>, w: Word, ea: u64, count: usize) -> Step {
    require_big_endian(c, ea)?;
    let mut regs = c.gpr;
    for i in 0..count {
        let r = (w.rt() + i / 4) % 32;
        let shift = 24 - 8 * (i % 4);
        let kept = if i % 4 == 0 { 0 } else { regs[r] };
        regs[r] = kept | (c.load_u8(env, ea.wrapping_add(i as u64))? as u64) << shift;
    }
    c.gpr = regs;
    Ok(())
}
fn store_string(c: &mut Cpu, env: &mut Env<'_>, w: Word, ea: u64, count: usize) -> Step {
    require_big_endian(c, ea)?;
    for i in 0..count {
        let r = (w.rs() + i / 4) % 32;
        let byte = (c.gpr[r] >> (24 - 8 * (i % 4))) as u8;
        c.store_u8(env, ea.wrapping_add(i as u64), byte)?;
    }
    Ok(())
}
