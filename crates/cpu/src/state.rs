//! Architected state of one hardware thread.

use crate::interrupt::Raised;
use crate::mmu::{MicroTlb, Processes, Tlb};
use crate::msr;
use crate::spr::Sprs;
use fabric::Ticks;
use serde::{Deserialize, Serialize};
use std::mem::offset_of;

/// XER bits (Power ISA 3.0B, Book I 3.2.2).
pub mod xer {
    /// Summary overflow.
    pub const SO: u64 = 0x8000_0000;
    /// Overflow.
    pub const OV: u64 = 0x4000_0000;
    /// Carry.
    pub const CA: u64 = 0x2000_0000;
    /// Overflow of the low 32 bits.
    pub const OV32: u64 = 0x0008_0000;
    /// Carry of the low 32 bits.
    pub const CA32: u64 = 0x0004_0000;
    /// What mtxer keeps.
    pub const WRITABLE: u64 = SO | OV | CA | OV32 | CA32 | 0x7F;
}

/// What a larx reserved: real address and length of the location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// Real address.
    pub ra: u64,
    /// 1, 2, 4, 8 or 16 bytes.
    pub len: u8,
}

/// The reservation of a thread, if it has one; of fixed layout for a
/// translator's code.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Option<Reserved>", into = "Option<Reserved>")]
#[repr(C)]
pub struct Reservation {
    ra: u64,
    /// 0: there is none.
    len: u64,
}

impl Reservation {
    /// Where the real address is, in bytes.
    pub const RA: usize = offset_of!(Reservation, ra);
    /// Where the length is, 64 bits; 0 if there is no reservation.
    pub const LEN: usize = offset_of!(Reservation, len);

    /// Reserves a location.
    #[inline]
    pub fn set(&mut self, ra: u64, len: usize) {
        *self = Reservation { ra, len: len as u64 };
    }
    /// Gives it up; true if it was for this location.
    #[inline]
    pub fn take(&mut self, ra: u64, len: usize) -> bool {
        let held = self.ra == ra && self.len == len as u64;
        self.len = 0;
        held
    }
    /// Gives it up.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }
}
impl From<Reservation> for Option<Reserved> {
    fn from(r: Reservation) -> Self {
        (r.len != 0).then_some(Reserved { ra: r.ra, len: r.len as u8 })
    }
}
impl From<Option<Reserved>> for Reservation {
    fn from(r: Option<Reserved>) -> Self {
        r.map_or(Reservation::default(), |r| Reservation { ra: r.ra, len: r.len.into() })
    }
}

/// One hardware thread.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cpu {
    /// General-purpose registers.
    pub gpr: [u64; 32],
    /// Address of the instruction being executed.
    pub cia: u64,
    /// Address of the next one; branches change it.
    pub nia: u64,
    /// Link register.
    pub lr: u64,
    /// Count register.
    pub ctr: u64,
    /// Condition register; CR0 is the most significant nibble.
    pub cr: u32,
    /// Fixed-point exception register.
    pub xer: u64,
    /// Machine state register; write it with [`Cpu::set_msr`].
    pub msr: u64,
    /// Floating-point status and control register.
    pub fpscr: u64,
    /// Vector status and control register (SAT bit 31, NJ bit 15, IBM bits).
    pub vscr: u32,
    vsr: [[u128; 32]; 2],
    /// Special-purpose registers without a field of their own here.
    pub sprs: Sprs,
    /// Reservation of the last larx. The machine drops it at the end of a
    /// quantum: a reservation may be lost for any reason (Book II 1.7.3), and
    /// nothing else stores while this thread runs.
    pub reservation: Reservation,
    /// Processor identification: the hwid of OPAL and the device tree.
    pub pir: u32,
    /// HID0[HILE]: interrupts are taken in little-endian mode.
    pub hile: bool,
    /// Hypervisor virtualization interrupt line (level, from XICS).
    pub hvi_line: bool,
    /// A directed hypervisor doorbell is pending.
    pub doorbell: bool,
    /// Time base value at which the decrementer reaches -1.
    pub dec_due: u64,
    /// `stop` was executed and nothing has ended it yet.
    pub stopped: bool,
    /// Real address of the firmware trap word; elsewhere it is illegal.
    pub firmware_entry: u64,
    /// Instructions retired, interrupts delivered counting one each.
    pub retired: u64,
    /// Virtual time minus `retired`: the machine sets it each quantum.
    pub clock_origin: u64,
    /// Highest time base value that any thread has read. Threads of a round
    /// run one after the other over the same span of time, so without it one
    /// could read less than another has stored (Book II 5.2: one time base).
    pub timebase_floor: u64,
    /// The interrupt being raised.
    pub raised: Raised,
    /// Translations this thread holds: architected, see architecture.md.
    pub tlb: Tlb,
    /// The tables of the process ids it had last.
    pub processes: Processes,
    /// Views of the TLB for the fast path.
    #[serde(skip)]
    pub micro: MicroTlb,
}

impl Cpu {
    /// Where VSR 0 is, in bytes, for a translator's code: the registers
    /// follow each other, each as a `u128` of the host.
    pub const VSR: usize = offset_of!(Cpu, vsr);

    /// A thread after reset: hypervisor real mode, big-endian.
    pub fn new(pir: u32) -> Cpu {
        Cpu {
            gpr: [0; 32],
            cia: 0,
            nia: 0,
            lr: 0,
            ctr: 0,
            cr: 0,
            xer: 0,
            msr: msr::SF | msr::HV | msr::ME,
            fpscr: 0,
            vscr: 0x0001_0000,
            vsr: [[0; 32]; 2],
            sprs: Sprs::default(),
            reservation: Reservation::default(),
            pir,
            hile: false,
            hvi_line: false,
            doorbell: false,
            dec_due: u64::MAX,
            stopped: false,
            firmware_entry: u64::MAX,
            retired: 0,
            clock_origin: 0,
            timebase_floor: 0,
            raised: Raised::default(),
            tlb: Tlb::default(),
            processes: Processes::default(),
            micro: MicroTlb::default(),
        }
    }
    /// Forgets the views of the TLB and of decoded code: the state around
    /// them is another one. A watched instruction that is to be stepped over
    /// still is.
    pub fn forget_views(&mut self) {
        let step_over = self.micro.step_over;
        self.micro = MicroTlb::default();
        self.micro.step_over = step_over;
        self.micro.set_context(self.msr);
    }
    /// Virtual time as this thread sees it.
    #[inline]
    pub fn now(&self) -> Ticks {
        Ticks(self.clock_origin.wrapping_add(self.retired))
    }
    /// Time base.
    #[inline]
    pub fn timebase(&self) -> u64 {
        self.now().timebase()
    }
    /// Reads the time base: never less than any thread has read before.
    pub fn read_timebase(&mut self) -> u64 {
        self.timebase_floor = self.timebase_floor.max(self.timebase());
        self.timebase_floor
    }
    /// True while the decrementer is negative.
    pub fn dec_expired(&self) -> bool {
        self.timebase() >= self.dec_due
    }
    /// (RA|0).
    #[inline(always)]
    pub fn ra0(&self, ra: usize) -> u64 {
        if ra == 0 { 0 } else { self.gpr[ra] }
    }
    /// VSR `i` (0..63). Bits 0..63 of the register are the high half;
    /// VR n is VSR 32+n, FPR n is the high half of VSR n.
    #[inline(always)]
    pub fn vsr(&self, i: usize) -> u128 {
        self.vsr[i >> 5 & 1][i & 31]
    }
    /// Sets VSR `i`.
    #[inline(always)]
    pub fn set_vsr(&mut self, i: usize, value: u128) {
        self.vsr[i >> 5 & 1][i & 31] = value;
    }
    /// VR `i` (0..31).
    #[inline(always)]
    pub fn vr(&self, i: usize) -> u128 {
        self.vsr[1][i & 31]
    }
    /// Sets VR `i`.
    #[inline(always)]
    pub fn set_vr(&mut self, i: usize, value: u128) {
        self.vsr[1][i & 31] = value;
    }
    /// FPR `i` (0..31) as bits.
    #[inline(always)]
    pub fn fpr(&self, i: usize) -> u64 {
        (self.vsr[0][i & 31] >> 64) as u64
    }
    /// Sets FPR `i`; the other half of the VSR becomes 0, as POWER9 does.
    /// `Unspecified:` the ISA leaves it undefined.
    #[inline(always)]
    pub fn set_fpr(&mut self, i: usize, bits: u64) {
        self.vsr[0][i & 31] = (bits as u128) << 64;
    }
    /// CR field `n`: LT GT EQ SO as 8 4 2 1.
    #[inline(always)]
    pub fn crf(&self, n: usize) -> u32 {
        self.cr >> (28 - 4 * n) & 15
    }
    /// Sets CR field `n`.
    #[inline(always)]
    pub fn set_crf(&mut self, n: usize, bits: u32) {
        let shift = 28 - 4 * n;
        self.cr = self.cr & !(15 << shift) | (bits & 15) << shift;
    }
    /// CR bit `n` (IBM numbering).
    #[inline(always)]
    pub fn cr_bit(&self, n: usize) -> bool {
        self.cr >> (31 - n) & 1 != 0
    }
    /// XER[SO] as the low bit of a CR field.
    #[inline(always)]
    pub fn so(&self) -> u32 {
        (self.xer >> 31 & 1) as u32
    }
    /// Sets CR0 from a result, as Rc=1 does.
    #[inline(always)]
    pub fn set_cr0(&mut self, value: u64) {
        let v = value as i64;
        let bits = if v < 0 {
            8
        } else if v > 0 {
            4
        } else {
            2
        };
        let so = self.so();
        self.set_crf(0, bits | so);
    }
    /// Sets XER[CA] and XER[CA32].
    #[inline(always)]
    pub fn set_ca(&mut self, ca: bool, ca32: bool) {
        self.xer = self.xer & !(xer::CA | xer::CA32)
            | if ca { xer::CA } else { 0 }
            | if ca32 { xer::CA32 } else { 0 };
    }
    /// Sets XER[OV] and XER[OV32]; SO sticks.
    #[inline(always)]
    pub fn set_ov(&mut self, ov: bool, ov32: bool) {
        self.xer = self.xer & !(xer::OV | xer::OV32)
            | if ov { xer::OV | xer::SO } else { 0 }
            | if ov32 { xer::OV32 } else { 0 };
    }
    /// True in little-endian mode.
    #[inline(always)]
    pub fn little_endian(&self) -> bool {
        self.msr & msr::LE != 0
    }
    /// Writes the MSR; the fast-path views follow.
    pub fn set_msr(&mut self, value: u64) {
        self.msr = value;
        self.micro.set_context(value);
    }
}
