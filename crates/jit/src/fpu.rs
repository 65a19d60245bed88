//! Floating point of emitted code: what it may do inline, and what it leaves
//! to be done when somebody looks at the FPSCR.
//!
//! Inline arithmetic is that of the host, in the host's only mode: to nearest,
//! nothing enabled. So it is closed while FPSCR 56:63 (enables, NI, RN) are
//! not all 0. A result that may need more of the FPSCR than is said below (a
//! NaN, an infinity, a number that may be tiny) is given up, and the
//! interpreter's function does the instruction. What is left:
//! - FR, FI and FPRF are those of the last instruction. It is recorded with
//!   its operands, and executed again by the interpreter when somebody looks.
//! - FPCC of a comparison and FI of a conversion to an integer are kept beside
//!   the record: they change a part of what it says.
//! - XX is sticky. If it is 0, the host's own sticky bit (MXCSR PE) is
//!   cleared, and looked at before anybody else could.

use crate::frame::{clear_inexact, inexact};
use cpu::fpscr::bit::{FI, FPRF, FR, XX};
use cpu::{Cpu, Env, msr};
use fabric::bits::b64s;
use isa::{Group, OpId, Word};
use std::mem::offset_of;

/// FPSCR bits that must be 0.
const MODE: u64 = b64s(56, 63);
/// MSR bits of scalar instructions.
const FACILITIES: u64 = msr::FP | msr::VSX;
/// Four bits of FPRF.
const FPCC: u64 = b64s(48, 51);

/// What a called function does with what is kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Nothing: it does not know the FPSCR, nor MSR[FP,VEC,VSX].
    Not,
    /// It may read or write any of it.
    All,
    /// The same, and it is no arithmetic.
    Control,
    /// It sets sticky bits alone: a vector instruction.
    Sticky,
    /// It sets FR, FI and FPRF, all of them.
    Overwrites,
}

/// How the interpreter's function of a row looks at it; `scalar` and
/// `vector` tell rows of inline arithmetic.
pub fn looks(row: &isa::Row, scalar: bool, vector: bool) -> Looks {
    match row.group {
        _ if scalar => Looks::Overwrites,
        _ if vector => Looks::Sticky,
        Group::Fixed | Group::Branch | Group::Ldst | Group::Vmx => Looks::Not,
        Group::Float | Group::Vsx => Looks::All,
        Group::System => Looks::Control,
    }
}

/// Why there is no inline arithmetic: not the host's mode.
pub const CLOSED_BY_MODE: u8 = 1;
/// XX is 0, and PE not yet.
const UNARMED: u8 = 2;

/// Which operands of a row are recorded: FRA or XA 1, FRB or XB 2, FRC or XT 4.
pub type Slots = u8;

/// An instruction that was executed inline, by its word (0: none), then
/// FPCC and FI where an instruction after it set them; 0xFF: none did.
pub const NO_STATUS: u64 = 0xFFFF_FFFF_0000_0000;

/// A 16-byte constant, repeated.
const fn doubles(x: u64) -> [u64; 2] {
    [x, x]
}
const fn words(x: u32) -> [u64; 2] {
    doubles((x as u64) << 32 | x as u64)
}

/// Operands of emitted code.
#[repr(C, align(16))]
struct Constants {
    abs64: [u64; 2],
    sign64: [u64; 2],
    low64: [u64; 2],
    high64: [u64; 2],
    abs32: [u64; 2],
    sign32: [u64; 2],
    low32: [u64; 2],
    high32: [u64; 2],
    shift32: [u64; 2],
    shift64: [u64; 2],
    nibble: [u64; 2],
    /// Of doubled magnitudes of doubles: least ordinary one, and how many there are.
    low: u64,
    span: u64,
    /// The same for doubles that become singles.
    single_low: u64,
    single_span: u64,
    infinity: u64,
    /// 2^-900.
    addend: u64,
    /// Bits of 2^63 and 2^32.
    two63: u64,
    two32: u64,
}

const LEAST: u64 = 0x0010_0000_0000_0001 << 1;
const INFINITY: u64 = 0x7FF0_0000_0000_0000 << 1;
/// Just above the least normal single.
const SINGLE_LEAST: u64 = 0x3810_0000_0000_0001 << 1;
/// From here on a single overflows.
const SINGLE_END: u64 = 0x47EF_FFFF_F000_0000 << 1;

const CONSTANTS: Constants = Constants {
    abs64: doubles(i64::MAX as u64),
    sign64: doubles(1 << 63),
    low64: doubles(LEAST >> 1),
    high64: doubles((1 << 63) - 0x7FF0_0000_0000_0000),
    abs32: words(i32::MAX as u32),
    sign32: words(1 << 31),
    low32: words(0x0080_0001),
    high32: words(0x8000_0000 - 0x7F80_0000),
    shift32: words(31),
    shift64: doubles(63),
    nibble: doubles(0x0F0F_0F0F_0F0F_0F0F),
    low: LEAST,
    span: INFINITY - LEAST,
    single_low: SINGLE_LEAST,
    single_span: SINGLE_END - SINGLE_LEAST,
    infinity: INFINITY,
    addend: (1023 - 900) << 53,
    two63: (1023 + 63) << 52,
    two32: (1023 + 32) << 52,
};

/// See the module.
#[repr(C, align(16))]
pub struct Fpu {
    constants: Constants,
    status: u64,
    operands: [u64; 3],
    /// Not 0: no inline arithmetic.
    closed: u8,
    /// PE was cleared and says whether XX is to be set.
    armed: bool,
    rows: Vec<(Looks, Slots)>,
    /// On which recorded instructions are executed again.
    again: Box<Cpu>,
}

/// Displacements in [`Fpu`].
pub mod place {
    use super::*;
    const fn of(offset: usize) -> i32 {
        (offset_of!(Fpu, constants) + offset) as i32
    }
    pub const CLOSED: i32 = offset_of!(Fpu, closed) as i32;
    pub const STATUS: i32 = offset_of!(Fpu, status) as i32;
    pub const FPCC: i32 = STATUS + 4;
    pub const FI: i32 = STATUS + 5;
    pub const OPERANDS: i32 = offset_of!(Fpu, operands) as i32;
    pub const ABS64: i32 = of(offset_of!(Constants, abs64));
    pub const SIGN64: i32 = of(offset_of!(Constants, sign64));
    pub const LOW64: i32 = of(offset_of!(Constants, low64));
    pub const HIGH64: i32 = of(offset_of!(Constants, high64));
    pub const ABS32: i32 = of(offset_of!(Constants, abs32));
    pub const SIGN32: i32 = of(offset_of!(Constants, sign32));
    pub const LOW32: i32 = of(offset_of!(Constants, low32));
    pub const HIGH32: i32 = of(offset_of!(Constants, high32));
    pub const SHIFT32: i32 = of(offset_of!(Constants, shift32));
    pub const SHIFT64: i32 = of(offset_of!(Constants, shift64));
    pub const NIBBLE: i32 = of(offset_of!(Constants, nibble));
    pub const LOW: i32 = of(offset_of!(Constants, low));
    pub const SPAN: i32 = of(offset_of!(Constants, span));
    pub const SINGLE_LOW: i32 = of(offset_of!(Constants, single_low));
    pub const SINGLE_SPAN: i32 = of(offset_of!(Constants, single_span));
    pub const INFINITY: i32 = of(offset_of!(Constants, infinity));
    pub const ADDEND: i32 = of(offset_of!(Constants, addend));
    pub const TWO63: i32 = of(offset_of!(Constants, two63));
    pub const TWO32: i32 = of(offset_of!(Constants, two32));
}

impl Fpu {
    /// `rows` by number.
    pub fn new(rows: Vec<(Looks, Slots)>) -> Fpu {
        let mut again = Box::new(Cpu::new(0));
        again.set_msr(msr::SF | msr::HV | msr::ME | msr::FP | msr::VEC | msr::VSX);
        Fpu {
            constants: CONSTANTS,
            status: NO_STATUS,
            operands: [0; 3],
            closed: CLOSED_BY_MODE,
            armed: false,
            rows,
            again,
        }
    }
    /// Emitted code is about to be entered.
    pub fn load(&mut self, cpu: &Cpu) {
        let mode = if cpu.fpscr & MODE != 0 { CLOSED_BY_MODE } else { 0 };
        let unarmed = if cpu.fpscr & XX == 0 && !self.armed { UNARMED } else { 0 };
        self.closed = mode | unarmed;
    }
    /// Emitted code was left.
    pub fn unload(&mut self, cpu: &mut Cpu, env: &mut Env<'_>) {
        self.harvest(cpu);
        self.armed = false;
        self.settle(cpu, env);
    }
    /// The function of row `op` is about to be called.
    pub fn before(&mut self, cpu: &mut Cpu, env: &mut Env<'_>, op: u32) {
        self.harvest(cpu);
        match self.rows[op as usize].0 {
            Looks::Not | Looks::Sticky => {}
            // It does overwrite all unless an exception is enabled, or the facility is off.
            Looks::Overwrites if self.closed == 0 && cpu.msr & FACILITIES == FACILITIES => {
                self.status = NO_STATUS
            }
            Looks::Overwrites | Looks::All | Looks::Control => self.settle(cpu, env),
        }
    }
    /// It returned.
    pub fn after(&mut self, cpu: &Cpu, op: u32) {
        let looks = self.rows[op as usize].0;
        // What the host computed meanwhile is not the guest's.
        if self.armed || !matches!(looks, Looks::Not | Looks::Control) {
            self.armed = cpu.fpscr & XX == 0;
            if self.armed {
                clear_inexact();
            }
        }
        if looks != Looks::Not {
            self.load(cpu);
        }
    }
    /// XX, if the host rounded since PE was cleared.
    fn harvest(&mut self, cpu: &mut Cpu) {
        if self.armed && inexact() {
            cpu.fp_sticky(XX);
        }
    }
    /// FR, FI and FPRF.
    fn settle(&mut self, cpu: &mut Cpu, env: &mut Env<'_>) {
        let status = std::mem::replace(&mut self.status, NO_STATUS);
        if status == NO_STATUS {
            return;
        }
        if status as u32 != 0 {
            let all = FR | FI | FPRF;
            cpu.fpscr = cpu.fpscr & !all | self.execute_again(Word(status as u32), env) & all;
        }
        let [.., fpcc, fi, _, _] = status.to_le_bytes();
        if fpcc != 0xFF {
            cpu.fpscr = cpu.fpscr & !FPCC | u64::from(fpcc) << FPCC.trailing_zeros();
        }
        if fi != 0xFF {
            cpu.fpscr = cpu.fpscr & !(FR | FI) | if fi != 0 { FI } else { 0 };
        }
    }
    /// The FPSCR after the recorded instruction alone.
    fn execute_again(&mut self, word: Word, env: &mut Env<'_>) -> u64 {
        let id = isa::decode(word.0).expect("a word of a row was recorded");
        let (_, slots) = self.rows[id.0 as usize];
        self.again.fpscr = 0;
        for (n, register) in registers(id, word).into_iter().enumerate() {
            if slots >> n & 1 != 0 {
                self.again.set_vsr(register, u128::from(self.operands[n]) << 64);
            }
        }
        let step = cpu::exec::handler(id)(&mut self.again, env, word);
        debug_assert_eq!(step, Ok(()));
        self.again.fpscr
    }
}

/// The VSRs that a scalar instruction can have as operands.
pub fn registers(id: OpId, w: Word) -> [usize; 3] {
    match isa::rows()[id.0 as usize].group {
        Group::Float => [w.ra(), w.rb(), w.rc_reg()],
        _ => [w.xa(), w.xb(), w.xt()],
    }
}
