//! Floating-point loads and stores (Book I 4.6.2 to 4.6.4).

use super::ea;
use crate::env::Env;
use crate::exec::Step;
use crate::state::Cpu;
use isa::Word;

/// DOUBLE(x): a single as a double, exactly (Book I 4.6.2).
pub fn double(single: u32) -> u64 {
    let sign = (single as u64 >> 31) << 63;
    let (exp, frac) = (single >> 23 & 0xFF, single as u64 & 0x7F_FFFF);
    let magnitude = match (exp, frac) {
        (0, 0) => 0,
        (0, _) => {
            // Denormal: the leading one becomes the hidden bit.
            let shift = frac.leading_zeros() - 40;
            (1023 - 126 - shift as u64) << 52 | (frac << shift & 0x7F_FFFF) << 29
        }
        (0xFF, _) => 0x7FF << 52 | frac << 29,
        _ => (exp as u64 + 1023 - 127) << 52 | frac << 29,
    };
    sign | magnitude
}
/// SINGLE(x): bits are dropped, nothing is rounded (Book I 4.6.3).
pub fn single(double: u64) -> u32 {
    let exp = double >> 52 & 0x7FF;
    if exp > 896 || double << 1 == 0 {
        return (double >> 32) as u32 & 0xC000_0000 | (double >> 29) as u32 & 0x3FFF_FFFF;
    }
    let sign = (double >> 32) as u32 & 0x8000_0000;
    // `Unspecified:` below the least denormal the ISA leaves the result open.
    let frac = 1 << 52 | double & 0xF_FFFF_FFFF_FFFF;
    sign | frac.checked_shr(29 + 897 - exp as u32).unwrap_or(0) as u32
}

/// `FRT = f(load)`, and `RA = EA` in update forms.
macro_rules! loads {
    ($($name:ident $ea:ident $load:ident |$v:ident| $value:expr $(, $update:ident)?;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            c.require_fp()?;
            let ea = ea::$ea(c, w);
            let $v = c.$load(env, ea)?;
            c.set_fpr(w.rt(), $value);
            $(c.$update(w, ea);)?
            Ok(())
        }
    )*};
}
impl Cpu {
    #[inline(always)]
    fn update(&mut self, w: Word, ea: u64) {
        self.gpr[w.ra()] = ea;
    }
}
loads! {
    lfs d load_u32 |v| double(v);
    lfsu du load_u32 |v| double(v), update;
    lfsx x load_u32 |v| double(v);
    lfsux xu load_u32 |v| double(v), update;
    lfd d load_u64 |v| v;
    lfdu du load_u64 |v| v, update;
    lfdx x load_u64 |v| v;
    lfdux xu load_u64 |v| v, update;
    lfiwax x load_u32 |v| v as i32 as u64;
    lfiwzx x load_u32 |v| v as u64;
}

/// `store(f(FRS))`, and `RA = EA` in update forms.
macro_rules! stores {
    ($($name:ident $ea:ident $store:ident |$v:ident| $value:expr $(, $update:ident)?;)*) => {$(
        #[doc = stringify!($name)]
        pub fn $name(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            c.require_fp()?;
            let ea = ea::$ea(c, w);
            let $v = c.fpr(w.rs());
            c.$store(env, ea, $value)?;
            $(c.$update(w, ea);)?
            Ok(())
        }
    )*};
}
stores! {
    stfs d store_u32 |v| single(v);
    stfsu du store_u32 |v| single(v), update;
    stfsx x store_u32 |v| single(v);
    stfsux xu store_u32 |v| single(v), update;
    stfd d store_u64 |v| v;
    stfdu du store_u64 |v| v, update;
    stfdx x store_u64 |v| v;
    stfdux xu store_u64 |v| v, update;
    stfiwx x store_u32 |v| v as u32;
}

/// FRTp: the even register takes the high half of the quadword.
macro_rules! pairs {
    ($($load:ident $store:ident $ea:ident;)*) => {$(
        #[doc = stringify!($load)]
        pub fn $load(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            c.require_fp()?;
            let v = c.load_u128(env, ea::$ea(c, w))?;
            c.set_fpr(w.rt() & 30, (v >> 64) as u64);
            c.set_fpr(w.rt() | 1, v as u64);
            Ok(())
        }
        #[doc = stringify!($store)]
        pub fn $store(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
            c.require_fp()?;
            let v = (c.fpr(w.rs() & 30) as u128) << 64 | c.fpr(w.rs() | 1) as u128;
            c.store_u128(env, ea::$ea(c, w), v)
        }
    )*};
}
pairs! {
    lfdp stfdp ds;
    lfdpx stfdpx x;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn double_equals_the_host_and_single_undoes_it() {
        let edges = [0u32, 1, 2, 3, 0x7F_FFFF, 0x80_0000, 0x3F80_0000, 0x7F7F_FFFF, 0x7F80_0000, 0x40_0001];
        for bits in edges.into_iter().flat_map(|b| [b, b | 0x8000_0000]) {
            assert_eq!(double(bits), (f32::from_bits(bits) as f64).to_bits(), "{bits:#x}");
            assert_eq!(single(double(bits)), bits);
        }
        assert_eq!(double(0x7F80_0001), 0x7FF0_0000_2000_0000, "a signalling NaN stays one");
        assert_eq!(single(0x7FF0_0000_0000_0001), 0x7F80_0000, "low bits are dropped");
    }
}
