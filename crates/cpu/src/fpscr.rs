//! The floating-point status and control register (Power ISA 3.0B, Book I
//! 4.2.2) and what an instruction does to it.

use crate::exec::Step;
use crate::interrupt::{Trap, program, vector};
use crate::msr;
use crate::softfloat::{Integer, Mode, Num, Outcome, Rounding, compare};
use crate::state::Cpu;
use fabric::bits::{b64, b64s};

/// Bits of the FPSCR, by their names in the manual.
#[allow(missing_docs)]
pub mod bit {
    use fabric::bits::{b64, b64s};
    pub const DRN: u64 = b64s(29, 31);
    pub const FX: u64 = b64(32);
    pub const FEX: u64 = b64(33);
    pub const VX: u64 = b64(34);
    pub const OX: u64 = b64(35);
    pub const UX: u64 = b64(36);
    pub const ZX: u64 = b64(37);
    pub const XX: u64 = b64(38);
    pub const VXSNAN: u64 = b64(39);
    pub const VXISI: u64 = b64(40);
    pub const VXIDI: u64 = b64(41);
    pub const VXZDZ: u64 = b64(42);
    pub const VXIMZ: u64 = b64(43);
    pub const VXVC: u64 = b64(44);
    pub const FR: u64 = b64(45);
    pub const FI: u64 = b64(46);
    pub const FPRF: u64 = b64s(47, 51);
    pub const VXSOFT: u64 = b64(53);
    pub const VXSQRT: u64 = b64(54);
    pub const VXCVI: u64 = b64(55);
    pub const VE: u64 = b64(56);
    pub const OE: u64 = b64(57);
    pub const UE: u64 = b64(58);
    pub const ZE: u64 = b64(59);
    pub const XE: u64 = b64(60);
    pub const NI: u64 = b64(61);
    pub const RN: u64 = b64s(62, 63);
}
use bit::*;

/// FPCC: the low four bits of FPRF.
const FPCC: u64 = b64s(48, 51);
/// The invalid-operation exceptions.
pub const INVALID: u64 = VXSNAN | VXISI | VXIDI | VXZDZ | VXIMZ | VXVC | VXSOFT | VXSQRT | VXCVI;
/// Every sticky exception bit.
pub const EXCEPTIONS: u64 = OX | UX | ZX | XX | INVALID;
/// The bits that exist and are not summaries of others.
pub const WRITABLE: u64 = DRN | b64s(32, 63) & !(FEX | VX | b64(52));

/// VE OE UE ZE XE that enable the exceptions in `flags`.
fn enables_of(flags: u64) -> u64 {
    let pairs = [(INVALID, VE), (OX, OE), (UX, UE), (ZX, ZE), (XX, XE)];
    pairs.iter().filter(|(f, _)| flags & f != 0).map(|(_, e)| e).sum()
}

/// `bits` if `condition`.
fn when(condition: bool, bits: u64) -> u64 {
    if condition { bits } else { 0 }
}

impl Cpu {
    /// Rounding mode and enabled exceptions of the FPSCR.
    pub(crate) fn fp_mode(&self) -> Mode {
        let rounding = match self.fpscr & RN {
            0 => Rounding::NearestEven,
            1 => Rounding::TowardZero,
            2 => Rounding::Up,
            _ => Rounding::Down,
        };
        let trap = |e| self.fpscr & e != 0;
        Mode { rounding, overflow_enabled: trap(OE), underflow_enabled: trap(UE) }
    }
    /// Writes the FPSCR; VX and FEX follow the other bits.
    pub(crate) fn set_fpscr(&mut self, value: u64) {
        let v = value & WRITABLE;
        self.fpscr = v | when(v & INVALID != 0, VX) | when(v & enables_of(v) != 0, FEX);
    }
    /// Sets sticky exception bits, and FX if one was not set before.
    pub fn fp_sticky(&mut self, flags: u64) {
        let flags = flags & EXCEPTIONS;
        if flags & !self.fpscr != 0 {
            self.set_fpscr(self.fpscr | flags | FX);
        }
    }
    /// True if `flags` hold an exception that keeps a scalar result from
    /// being written: enabled invalid operation or zero divide (I 4.4).
    pub(crate) fn fp_suppressed(&self, flags: u64) -> bool {
        self.fpscr & (VE | ZE) & enables_of(flags) != 0
    }
    /// True if `flags` hold any enabled exception.
    pub(crate) fn fp_enabled(&self, flags: u64) -> bool {
        self.fpscr & enables_of(flags) != 0
    }
    /// The status bits of one scalar result. True if it must be written.
    fn fp_status(&mut self, o: &Outcome) -> bool {
        let write = !self.fp_suppressed(o.flags);
        let status = match write {
            true => {
                self.fpscr & !(FR | FI | FPRF)
                    | when(o.increment, FR)
                    | when(o.inexact, FI)
                    | (o.class as u64) << 12
            }
            false => self.fpscr & !(FR | FI),
        };
        self.fpscr = status;
        self.fp_sticky(o.flags);
        write
    }
    /// FPCC of a comparison; C stays.
    pub(crate) fn set_fpcc(&mut self, bits: u32) {
        self.fpscr = self.fpscr & !FPCC | (bits as u64) << 12;
    }
    /// Ends a scalar instruction: status bits, then `write` unless the
    /// result is suppressed, then the interrupt. `record` is Rc.
    pub(crate) fn fp_end(&mut self, o: &Outcome, record: bool, write: impl FnOnce(&mut Cpu)) -> Step {
        if self.fp_status(o) {
            write(self);
        }
        if record {
            self.set_cr1();
        }
        self.fp_trap(o.flags)
    }
    /// Ends a scalar conversion to an integer: FPRF stays.
    /// `Unspecified:` the manual leaves it undefined.
    pub(crate) fn fp_end_integer(&mut self, i: &Integer, record: bool, write: impl FnOnce(&mut Cpu)) -> Step {
        let status = when(i.inexact, FI) | when(i.increment, FR);
        self.fpscr = self.fpscr & !(FR | FI) | status;
        self.fp_end_flags(i.flags, record, write)
    }
    /// Ends an instruction that leaves FR, FI and FPRF alone, or set them itself.
    pub(crate) fn fp_end_flags(&mut self, flags: u64, record: bool, write: impl FnOnce(&mut Cpu)) -> Step {
        let suppressed = self.fp_suppressed(flags);
        self.fp_sticky(flags);
        if !suppressed {
            write(self);
        }
        if record {
            self.set_cr1();
        }
        self.fp_trap(flags)
    }
    /// Ends a vector instruction: any enabled exception suppresses it (I 7.3).
    pub(crate) fn fp_end_vector(&mut self, flags: u64, write: impl FnOnce(&mut Cpu)) -> Step {
        let suppressed = self.fp_enabled(flags);
        self.fp_sticky(flags);
        if !suppressed {
            write(self);
        }
        self.fp_trap(flags)
    }
    /// A comparison into CR field `bf` and FPCC; an ordered one signals quiet
    /// NaNs too. The fields are written whatever is enabled.
    pub(crate) fn fp_compare(&mut self, bf: usize, a: Num, b: Num, ordered: bool) -> Step {
        let bits = compare(a, b);
        self.set_fpcc(bits);
        self.set_crf(bf, bits);
        let flags = self.fp_compare_flags(a, b, ordered);
        self.fp_sticky(flags);
        self.fp_trap(flags)
    }
    /// VXSNAN and VXVC of a comparison: with VE=1 a signaling NaN raises only the first.
    pub(crate) fn fp_compare_flags(&self, a: Num, b: Num, ordered: bool) -> u64 {
        let signaling = a.signaling() || b.signaling();
        let vc = ordered && (a.nan() || b.nan()) && !(signaling && self.fpscr & VE != 0);
        when(signaling, VXSNAN) | when(vc, VXVC)
    }
    /// The program interrupt of an enabled exception, unless MSR[FE0,FE1]
    /// ignore it. Unlike other interrupts it comes after the instruction
    /// changed the FPSCR, CR1 and, if not suppressed, its target.
    pub(crate) fn fp_trap(&mut self, flags: u64) -> Result<(), Trap> {
        if self.fp_enabled(flags) && self.msr & (msr::FE0 | msr::FE1) != 0 {
            return Err(self.raise(vector::PROGRAM, program::FP_ENABLED));
        }
        Ok(())
    }
    /// CR1 := FX FEX VX OX, as Rc=1 does.
    pub(crate) fn set_cr1(&mut self) {
        let bits = (self.fpscr >> 28) as u32 & 15;
        self.set_crf(1, bits);
    }
}

/// FPSCR bit `n` counted from bit 32.
pub(crate) fn low_bit(n: usize) -> u64 {
    b64(32 + n as u32)
}
