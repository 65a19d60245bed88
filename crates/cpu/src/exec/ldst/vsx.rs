//! VSX loads and stores (Book I 7.6.3).
//!
//! Elements are numbered from the left of the register and ascend with the
//! address; MSR[LE] orders the bytes within an element. A quadword form in
//! little-endian mode therefore reverses all sixteen bytes.

use super::ea;
use super::float::{double, single};
use crate::env::Env;
use crate::exec::Step;
use crate::interrupt::Trap;
use crate::state::Cpu;
use isa::Word;

/// Element 0 set, element 1 cleared. `Unspecified:` the ISA leaves the latter open.
#[inline(always)]
fn scalar(value: u64) -> u128 {
    (value as u128) << 64
}
/// Reverses the bytes of each `W`-byte element in little-endian mode.
#[inline(always)]
fn order_elements<const W: usize>(c: &Cpu, mut bytes: [u8; 16]) -> [u8; 16] {
    if c.little_endian() {
        bytes.chunks_exact_mut(W).for_each(|element| element.reverse());
    }
    bytes
}

/// `VSR = f(load)`.
macro_rules! loads {
    ($($name:ident $ea:ident $facility:ident $reg:ident $load:ident |$v:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            let xt = reg::$reg(w);
            facility::$facility(c, xt)?;
            let $v = c.$load(env, ea::$ea(c, w))?;
            c.set_vsr(xt, $value);
            Ok(())
        }
    )*};
}
/// `store(f(VSR))`.
macro_rules! stores {
    ($($name:ident $ea:ident $facility:ident $reg:ident $store:ident |$v:ident| $value:expr;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            let xs = reg::$reg(w);
            facility::$facility(c, xs)?;
            let $v = c.vsr(xs);
            c.$store(env, ea::$ea(c, w), $value)
        }
    )*};
}
/// Registers by form.
mod reg {
    use isa::Word;

    #[inline(always)]
    pub fn xx(w: Word) -> usize {
        w.xt()
    }
    #[inline(always)]
    pub fn dq(w: Word) -> usize {
        w.xt_dq()
    }
    #[inline(always)]
    pub fn vr(w: Word) -> usize {
        w.vrt() + 32
    }
}
/// The facility that must be available.
mod facility {
    use super::*;

    #[inline(always)]
    pub fn vsx(c: &mut Cpu, _: usize) -> Result<(), Trap> {
        c.require_vsx()
    }
    #[inline(always)]
    pub fn vec(c: &mut Cpu, _: usize) -> Result<(), Trap> {
        c.require_vec()
    }
    /// VSX for registers 0..31, VEC for 32..63.
    #[inline(always)]
    pub fn by_reg(c: &mut Cpu, x: usize) -> Result<(), Trap> {
        c.require_vsx_or_vec(x)
    }
}

loads! {
    lxv dq by_reg dq load_u128 |v| v;
    lxvx x by_reg xx load_u128 |v| v;
    lxvdsx x vsx xx load_u64 |v| (v as u128) << 64 | v as u128;
    lxvwsx x by_reg xx load_u32 |v| v as u128 * 0x0000_0001_0000_0001_0000_0001_0000_0001;
    lxsd ds vec vr load_u64 |v| scalar(v);
    lxsdx x vsx xx load_u64 |v| scalar(v);
    lxssp ds vec vr load_u32 |v| scalar(double(v));
    lxsspx x vsx xx load_u32 |v| scalar(double(v));
    lxsiwax x vsx xx load_u32 |v| scalar(v as i32 as u64);
    lxsiwzx x vsx xx load_u32 |v| scalar(v as u64);
    lxsibzx x vsx xx load_u8 |v| scalar(v as u64);
    lxsihzx x vsx xx load_u16 |v| scalar(v as u64);
}
stores! {
    stxv dq by_reg dq store_u128 |v| v;
    stxvx x by_reg xx store_u128 |v| v;
    stxsd ds vec vr store_u64 |v| (v >> 64) as u64;
    stxsdx x vsx xx store_u64 |v| (v >> 64) as u64;
    stxssp ds vec vr store_u32 |v| single((v >> 64) as u64);
    stxsspx x vsx xx store_u32 |v| single((v >> 64) as u64);
    stxsiwx x vsx xx store_u32 |v| (v >> 64) as u32;
    stxsibx x vsx xx store_u8 |v| (v >> 64) as u8;
    stxsihx x vsx xx store_u16 |v| (v >> 64) as u16;
}

/// Vectors of elements of `W` bytes.
macro_rules! vectors {
    ($($load:ident $store:ident $facility:ident $width:literal;)*) => {$(
        #[doc = stringify!($load)]
        pub fn $load(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            facility::$facility(c, w.xt())?;
            let bytes = c.load_bytes::<16>(env, ea::x(c, w))?;
            c.set_vsr(w.xt(), u128::from_be_bytes(order_elements::<$width>(c, bytes)));
            Ok(())
        }
        #[doc = stringify!($store)]
        pub fn $store(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            facility::$facility(c, w.xt())?;
            let bytes = order_elements::<$width>(c, c.vsr(w.xt()).to_be_bytes());
            c.store_bytes(env, ea::x(c, w), bytes)
        }
    )*};
}
vectors! {
    lxvd2x stxvd2x vsx 8;
    lxvw4x stxvw4x vsx 4;
    lxvh8x stxvh8x by_reg 2;
    lxvb16x stxvb16x by_reg 1;
}

/// Calls `$f::<N>` with N = `$n`, 1..=16; 0 is the default value.
macro_rules! by_length {
    ($n:expr, $f:ident $args:tt) => {
        by_length!($n, $f $args, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    };
    ($n:expr, $f:ident $args:tt, $($len:literal)*) => {
        match $n { $($len => $f::<$len> $args,)* _ => Ok(Default::default()) }
    };
}
/// Bits 0:7 of RB, at most 16.
#[inline(always)]
fn length(c: &Cpu, w: Word) -> usize {
    (c.gpr[w.rb()] >> 56).min(16) as usize
}
fn load_part<const N: usize>(c: &mut Cpu, env: &mut Env<'_>, ea: u64) -> Result<[u8; 16], Trap> {
    let part = c.load_bytes::<N>(env, ea)?;
    let mut bytes = [0; 16];
    bytes[..N].copy_from_slice(&part);
    Ok(bytes)
}
fn store_part<const N: usize>(c: &mut Cpu, env: &mut Env<'_>, ea: u64, bytes: [u8; 16]) -> Step {
    let part = *bytes.first_chunk::<N>().expect("N is at most 16");
    c.store_bytes(env, ea, part)
}
/// lxvl: the first bytes of a quadword, the rest 0.
pub fn lxvl(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    facility::by_reg(c, w.xt())?;
    let (n, ea) = (length(c, w), c.ra0(w.ra()));
    let bytes = by_length!(n, load_part(c, env, ea))?;
    c.set_vsr(w.xt(), u128::from_be_bytes(order_elements::<16>(c, bytes)));
    Ok(())
}
/// lxvll: left-justified in both byte orders.
pub fn lxvll(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    facility::by_reg(c, w.xt())?;
    let (n, ea) = (length(c, w), c.ra0(w.ra()));
    let bytes: [u8; 16] = by_length!(n, load_part(c, env, ea))?;
    c.set_vsr(w.xt(), u128::from_be_bytes(bytes));
    Ok(())
}
/// stxvl
pub fn stxvl(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    facility::by_reg(c, w.xt())?;
    let (n, ea) = (length(c, w), c.ra0(w.ra()));
    let bytes = order_elements::<16>(c, c.vsr(w.xt()).to_be_bytes());
    by_length!(n, store_part(c, env, ea, bytes))
}
/// stxvll
pub fn stxvll(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    facility::by_reg(c, w.xt())?;
    let (n, ea) = (length(c, w), c.ra0(w.ra()));
    let bytes = c.vsr(w.xt()).to_be_bytes();
    by_length!(n, store_part(c, env, ea, bytes))
}
