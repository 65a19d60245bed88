//! Instructions on the FPSCR (I 4.6.10).

use super::*;
use crate::fpscr::bit::*;
use crate::fpscr::{EXCEPTIONS, low_bit};
use fabric::bits::b64s;

const ENABLES: u64 = VE | OE | UE | ZE | XE;
/// What the forms that change DRN or RN return.
const CONTROL: u64 = DRN | ENABLES | NI | RN;

/// Reads `mask` of the FPSCR into FRT, then changes `field` to `value`.
fn exchange(c: &mut Cpu, w: Word, mask: u64, field: u64, value: u64) -> Step {
    let old = c.fpscr;
    c.set_fpr(w.rt(), old & mask);
    c.set_fpscr(old & !field | value & field);
    Ok(())
}
/// mffs
pub fn mffs(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    c.set_fpr(w.rt(), c.fpscr);
    record(c, w);
    Ok(())
}
/// mffsce
pub fn mffsce(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    exchange(c, w, u64::MAX, ENABLES, 0)
}
/// mffscdrn
pub fn mffscdrn(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    exchange(c, w, CONTROL, DRN, c.fpr(w.rb()))
}
/// mffscdrni
pub fn mffscdrni(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    exchange(c, w, CONTROL, DRN, ((w.rb() & 7) as u64) << 32)
}
/// mffscrn
pub fn mffscrn(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    exchange(c, w, CONTROL, RN, c.fpr(w.rb()))
}
/// mffscrni
pub fn mffscrni(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    exchange(c, w, CONTROL, RN, (w.rb() & 3) as u64)
}
/// mffsl
pub fn mffsl(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    c.set_fpr(w.rt(), c.fpscr & (CONTROL | FR | FI | FPRF));
    Ok(())
}
/// mcrfs: exception bits that were copied are cleared.
pub fn mcrfs(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    let (shift, field) = (28 - 4 * w.bfa() as u32, 15 << (28 - 4 * w.bfa() as u32));
    c.set_crf(w.bf(), (c.fpscr >> shift) as u32 & 15);
    c.set_fpscr(c.fpscr & !(field & (EXCEPTIONS | FX)));
    Ok(())
}
/// Writes the bits of `mask`; an exception enabled by that traps.
fn write(c: &mut Cpu, w: Word, mask: u64, value: u64) -> Step {
    c.set_fpscr(c.fpscr & !mask | value & mask);
    record(c, w);
    c.fp_trap(c.fpscr)
}
/// mtfsfi
pub fn mtfsfi(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    let upper = w.0 & 0x1_0000 != 0;
    let shift = 28 - 4 * w.bf() as u32 + if upper { 32 } else { 0 };
    write(c, w, 15 << shift, ((w.0 >> 12 & 15) as u64) << shift)
}
/// mtfsf
pub fn mtfsf(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    let (l, upper) = (w.0 & 0x200_0000 != 0, w.0 & 0x1_0000 != 0);
    let fields = (0..8).filter(|i| w.flm() >> i & 1 != 0).map(|i| 15u64 << (4 * i)).sum::<u64>();
    let mask = if l {
        u64::MAX
    } else if upper {
        fields << 32
    } else {
        fields
    };
    write(c, w, mask, c.fpr(w.rb()))
}
/// mtfsb0
pub fn mtfsb0(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    write(c, w, low_bit(w.bt()), 0)
}
/// mtfsb1: unlike mtfsf it sets FX with an exception bit.
pub fn mtfsb1(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_fp()?;
    let bit = low_bit(w.bt());
    c.fp_sticky(bit);
    write(c, w, bit & b64s(32, 63), bit)
}
