//! Interrupts: what an instruction raises and how it is delivered
//! (Power ISA 3.0B, Book III chapter 6).

use crate::msr;
use crate::state::Cpu;
use fabric::bits::{b64, b64s};
use isa::Word;
use serde::{Deserialize, Serialize};

/// Why the execution of an instruction did not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Trap {
    /// Completed, and execution goes on at [`Cpu::nia`].
    Branched,
    /// An interrupt was raised; [`Cpu::raised`] says which.
    Interrupt,
    /// Completed, and the run loop must look again at interrupts, context
    /// and the page it executes from.
    Resync,
    /// The firmware trap word: the machine performs an OPAL call.
    Firmware,
    /// Completed `stop`: the thread waits for an exception condition.
    Idle,
    /// The word at this place is not decoded yet.
    Undecoded,
    /// A watched place: the machine wants to look before it executes.
    Watched,
}

/// Interrupt vectors (Book III 6.5).
#[allow(missing_docs)]
pub mod vector {
    pub const SYSTEM_RESET: u16 = 0x100;
    pub const MACHINE_CHECK: u16 = 0x200;
    pub const DATA_STORAGE: u16 = 0x300;
    pub const DATA_SEGMENT: u16 = 0x380;
    pub const INSTRUCTION_STORAGE: u16 = 0x400;
    pub const INSTRUCTION_SEGMENT: u16 = 0x480;
    pub const EXTERNAL: u16 = 0x500;
    pub const ALIGNMENT: u16 = 0x600;
    pub const PROGRAM: u16 = 0x700;
    pub const FP_UNAVAILABLE: u16 = 0x800;
    pub const DECREMENTER: u16 = 0x900;
    pub const HYP_DECREMENTER: u16 = 0x980;
    pub const DOORBELL: u16 = 0xA00;
    pub const SYSTEM_CALL: u16 = 0xC00;
    pub const TRACE: u16 = 0xD00;
    pub const HEAI: u16 = 0xE40;
    pub const HMI: u16 = 0xE60;
    pub const HYP_DOORBELL: u16 = 0xE80;
    pub const HYP_VIRTUALIZATION: u16 = 0xEA0;
    pub const VECTOR_UNAVAILABLE: u16 = 0xF20;
    pub const VSX_UNAVAILABLE: u16 = 0xF40;
    pub const FACILITY_UNAVAILABLE: u16 = 0xF60;
    pub const HFACILITY_UNAVAILABLE: u16 = 0xF80;
    pub const SYSTEM_CALL_VECTORED: u16 = 0x3000;
}

/// DSISR bits (Book III 6.5.3); SRR1 of instruction storage uses some too.
pub mod dsisr {
    /// No translation.
    pub const NO_TRANSLATION: u64 = 0x4000_0000;
    /// Protection.
    pub const PROTECTION: u64 = 0x0800_0000;
    /// Store.
    pub const STORE: u64 = 0x0200_0000;
    /// Radix tree malformed (reserved bits, bad size).
    pub const BAD_CONFIG: u64 = 0x0008_0000;
    /// R or C could not be updated.
    pub const RC: u64 = 0x0004_0000;
    /// Cache-inhibited access with a form that needs memory.
    pub const BAD_STORAGE: u64 = 0x0400_0000;
    /// Instruction storage (SRR1 bit 35): guarded, or the leaf's access
    /// authority does not permit the fetch.
    pub const NO_EXECUTE: u64 = 0x1000_0000;
}

/// Program interrupt reasons in SRR1 (Book III 6.5.9).
pub mod program {
    /// Floating-point enabled exception.
    pub const FP_ENABLED: u64 = 0x10_0000;
    /// Illegal instruction (not used by POWER9 in hypervisor state: HEAI).
    pub const ILLEGAL: u64 = 0x8_0000;
    /// Privileged instruction.
    pub const PRIVILEGED: u64 = 0x4_0000;
    /// Trap.
    pub const TRAP: u64 = 0x2_0000;
}

/// An interrupt about to be delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// Vector offset.
    pub vector: u16,
    /// Reason bits for SRR1 or HSRR1.
    pub srr1: u64,
    /// The saved address is that of the next instruction (sc, asynchronous).
    pub after: bool,
}

/// Vectors that save into HSRR0/1 (Book III 6.4.3; 0x500 with LPES=0).
fn uses_hsrr(v: u16) -> bool {
    matches!(v, 0x500 | 0x980 | 0xE00..=0xEA0 | 0xF80 | 0x1500)
}

impl Cpu {
    /// Raises an interrupt for the current instruction.
    #[cold]
    #[inline(never)]
    pub fn raise(&mut self, vector: u16, srr1: u64) -> Trap {
        self.raised = Raised { vector, srr1, after: false };
        Trap::Interrupt
    }
    /// An illegal or unimplemented instruction: hypervisor emulation assistance.
    #[cold]
    pub fn illegal(&mut self, word: Word) -> Trap {
        self.sprs.heir = word.0 as u64;
        self.raise(vector::HEAI, 0)
    }
    /// A privileged instruction in problem state.
    #[cold]
    pub fn privileged(&mut self) -> Trap {
        self.raise(vector::PROGRAM, program::PRIVILEGED)
    }
    /// Requires PR=0.
    #[inline]
    pub fn require_supervisor(&mut self) -> Result<(), Trap> {
        if self.msr & msr::PR != 0 { Err(self.privileged()) } else { Ok(()) }
    }
    /// Requires HV=1 and PR=0.
    #[inline]
    pub fn require_hypervisor(&mut self) -> Result<(), Trap> {
        if self.msr & (msr::PR | msr::HV) != msr::HV { Err(self.privileged()) } else { Ok(()) }
    }
    /// Requires MSR[FP].
    #[inline]
    pub fn require_fp(&mut self) -> Result<(), Trap> {
        if self.msr & msr::FP == 0 { Err(self.raise(vector::FP_UNAVAILABLE, 0)) } else { Ok(()) }
    }
    /// Requires MSR[VEC].
    #[inline]
    pub fn require_vec(&mut self) -> Result<(), Trap> {
        if self.msr & msr::VEC == 0 { Err(self.raise(vector::VECTOR_UNAVAILABLE, 0)) } else { Ok(()) }
    }
    /// Requires MSR[VSX].
    #[inline]
    pub fn require_vsx(&mut self) -> Result<(), Trap> {
        if self.msr & msr::VSX == 0 { Err(self.raise(vector::VSX_UNAVAILABLE, 0)) } else { Ok(()) }
    }
    /// Requires MSR[VSX] for registers 0..31 and MSR[VEC] for 32..63, as the
    /// few scalar load forms that name the facility by register do (I 7.6.3).
    #[inline]
    pub fn require_vsx_or_vec(&mut self, xt: usize) -> Result<(), Trap> {
        if xt < 32 { self.require_vsx() } else { self.require_vec() }
    }

    /// Delivers `raised`: saves state, computes the new MSR, jumps.
    pub fn deliver(&mut self) {
        let Raised { vector, srr1, after } = self.raised;
        let resume = if after { self.nia } else { self.cia };
        // Reason bits replace SRR1 33:36 and 42:47 (Book III 6.4.3).
        let saved = self.msr & !(b64s(33, 36) | b64s(42, 47)) | srr1;
        if uses_hsrr(vector) {
            (self.sprs.hsrr0, self.sprs.hsrr1) = (resume, saved);
        } else {
            (self.sprs.srr0, self.sprs.srr1) = (resume, saved);
        }
        let relocated = self.interrupts_relocated(vector);
        let mut new = msr::SF | msr::HV | self.msr & msr::ME;
        if uses_hsrr(vector) {
            new |= self.msr & msr::RI;
        }
        if vector == vector::MACHINE_CHECK {
            new &= !msr::ME;
        }
        if self.hile {
            new |= msr::LE;
        }
        if relocated {
            new |= msr::IR | msr::DR;
        }
        self.reservation.clear();
        self.set_msr(new);
        self.nia = if relocated { 0xC000_0000_0000_4000 + vector as u64 } else { vector as u64 };
        self.cia = self.nia;
    }

    /// LPCR[AIL]=3 applies when both relocations are on (Book III 6.4.4).
    fn interrupts_relocated(&self, v: u16) -> bool {
        const AIL: u64 = b64s(39, 40);
        self.sprs.lpcr & AIL == AIL
            && self.msr & (msr::IR | msr::DR) == msr::IR | msr::DR
            && !matches!(v, vector::SYSTEM_RESET | vector::MACHINE_CHECK | vector::HMI)
    }

    /// The asynchronous interrupt to take now, in the order of Book III 6.9.
    /// With LPCR[HEIC]=1 in hypervisor state external interrupts stay away;
    /// this machine has no source of them at all.
    pub fn pending(&self) -> Option<u16> {
        if self.msr & msr::EE == 0 {
            return None;
        }
        const HVICE: u64 = b64(62);
        if self.hvi_line && self.sprs.lpcr & HVICE != 0 {
            Some(vector::HYP_VIRTUALIZATION)
        } else if self.dec_expired() {
            Some(vector::DECREMENTER)
        } else if self.doorbell {
            Some(vector::HYP_DOORBELL)
        } else {
            None
        }
    }

    /// True if any exception condition would end a `stop`, whatever MSR[EE].
    pub fn wakes(&self) -> bool {
        self.hvi_line || self.doorbell || self.dec_expired()
    }

    /// Delivers an asynchronous interrupt between two instructions.
    pub fn deliver_pending(&mut self, v: u16) {
        if v == vector::HYP_DOORBELL {
            self.doorbell = false;
        }
        self.raised = Raised { vector: v, srr1: 0, after: false };
        self.deliver();
    }
}

/// SRR1 and MSR bits that `rfid` and `hrfid` take from the saved register.
pub const RFID_MASK: u64 = msr::IMPLEMENTED;
