//! System instructions (Power ISA 3.0B, Book III) and SPR moves.

use super::Step;
use crate::env::Env;
use crate::interrupt::{RFID_MASK, Trap, vector};
use crate::msr;
use crate::spr::{self, Kind, Level, Spr};
use crate::state::{Cpu, xer};
use fabric::bits::{b64, b64s};
use isa::Word;

/// POWER9 DD2.2 (Nimbus).
pub const PVR: u64 = 0x004E_1202;
/// HID0 bit 4 on POWER9 (User's Manual, HID0).
const HILE: u64 = b64(4);
/// LPCR[LD]: large decrementer.
const LPCR_LD: u64 = b64(46);
/// Large decrementer width of POWER9; `ibm,dec-bits` says the same.
const DEC_BITS: u32 = 56;

/// FSCR facilities that problem state may lack: bit number from the right,
/// which is also the interrupt cause (Book III 4.4.7).
pub(super) mod facility {
    pub const DSCR: u64 = 2;
    pub const EBB: u64 = 7;
    pub const TAR: u64 = 8;
    pub const SCV: u64 = 12;
}

impl Cpu {
    /// Facility unavailable unless FSCR enables `facility`.
    pub(super) fn require_facility(&mut self, facility: u64) -> Result<(), Trap> {
        if self.sprs.fscr >> facility & 1 != 0 {
            return Ok(());
        }
        self.sprs.fscr = self.sprs.fscr & !b64s(0, 7) | facility << 56;
        Err(self.raise(vector::FACILITY_UNAVAILABLE, 0))
    }

    fn spr_row(&mut self, w: Word, level: fn(&Spr) -> Level) -> Result<Option<&'static Spr>, Trap> {
        let number = w.spr();
        let problem = self.msr & msr::PR != 0;
        if matches!(number, 808..=811) {
            return Ok(None); // reserved no-ops, at any level (Book I 3.3.17)
        }
        let row = spr::find(number).filter(|row| level(row) != Level::N);
        if problem && row.is_none_or(|row| level(row) > Level::U) {
            return Err(if number & 0x10 != 0 { self.privileged() } else { self.illegal(w) });
        }
        if row.is_none() && matches!(number, 0 | 4 | 5 | 6) {
            return Err(self.illegal(w));
        }
        if problem {
            match number {
                3 => self.require_facility(facility::DSCR)?,
                815 => self.require_facility(facility::TAR)?,
                800..=806 => self.require_facility(facility::EBB)?,
                _ => {}
            }
        }
        Ok(row)
    }

    fn large_decrementer(&self) -> bool {
        self.sprs.lpcr & LPCR_LD != 0
    }

    fn decrementer(&self) -> u64 {
        let value = self.dec_due.wrapping_sub(self.timebase()).wrapping_sub(1);
        if self.large_decrementer() { value } else { value & 0xFFFF_FFFF }
    }

    fn set_decrementer(&mut self, value: u64) {
        let unused = 64 - if self.large_decrementer() { DEC_BITS } else { 32 };
        let signed = (value << unused) as i64 >> unused;
        // `Deviates:` it cannot have passed 0 before time base 0.
        self.dec_due = self.timebase().saturating_add_signed(signed + 1);
        self.look_soon();
    }

    fn read_special(&mut self, number: usize) -> u64 {
        match number {
            1 => self.xer,
            3 => self.sprs.dscr,
            8 => self.lr,
            9 => self.ctr,
            13 => self.sprs.amr,
            22 => self.decrementer(),
            136 => self.sprs.ctrl,
            268 | 308 | 309 | 849 => self.read_timebase(),
            269 => self.read_timebase() >> 32,
            287 => PVR,
            898 => self.sprs.ppr >> 32,
            1008 => self.sprs.hid & !HILE | if self.hile { HILE } else { 0 },
            1023 => self.pir as u64,
            _ => self.sprs.get(number),
        }
    }

    fn write_special(&mut self, env: &mut Env<'_>, number: usize, value: u64) {
        match number {
            1 => self.xer = value & xer::WRITABLE,
            3 => self.sprs.dscr = value & 0x1FF_FFFF,
            8 => self.lr = value,
            9 => self.ctr = value,
            13 => {
                // Problem state changes only what UAMOR lets it (Book III 5.7.13.1).
                let mask = self.sprs.uamor;
                self.sprs.amr = self.sprs.amr & !mask | value & mask;
            }
            22 => self.set_decrementer(value),
            48 => self.set_process(env, value & 0xF_FFFF),
            318 | 319 | 464 => {
                self.sprs.set(number, value);
                self.micro.flush();
                self.look_soon();
            }
            336 => self.sprs.hmer &= value,
            898 => self.sprs.ppr = value << 32,
            815 => self.sprs.tar = value,
            1008 => {
                self.sprs.hid = value;
                self.hile = value & HILE != 0;
            }
            // `Deviates:` the time base, PURR, SPURR and VTB follow virtual
            // time and cannot be set; firmware alone does so.
            _ => {}
        }
    }

    /// Returns to `(address, saved)` as rfid, hrfid and rfscv do.
    fn return_to(&mut self, address: u64, saved: u64) -> Step {
        let mut new = saved & RFID_MASK | msr::SF;
        // HV cannot be gained, and is lost only by hrfid, which needs HV anyway.
        if self.msr & msr::HV == 0 {
            new &= !msr::HV;
        }
        if new & msr::PR != 0 {
            new |= msr::EE | msr::IR | msr::DR;
        }
        self.set_msr(new);
        self.nia = address & !3;
        Err(Trap::Resync)
    }

    fn write_msr(&mut self, value: u64, mask: u64) -> Step {
        let mut new = self.msr & !mask | value & mask;
        if new & msr::PR != 0 {
            new |= msr::EE | msr::IR | msr::DR;
        }
        self.set_msr(new | msr::SF);
        Err(Trap::Resync)
    }
}

/// mfspr
pub fn mfspr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    // LR, CTR and XER are most of what is executed.
    c.gpr[w.rt()] = match w.spr() {
        8 => c.lr,
        9 => c.ctr,
        1 => c.xer,
        number => {
            let Some(row) = c.spr_row(w, |row| row.read)? else {
                return Ok(()); // undefined numbers are no-ops when privileged
            };
            match row.kind {
                Kind::Special => c.read_special(number),
                Kind::Keeps(_) | Kind::Inert => c.sprs.get(number),
            }
        }
    };
    Ok(())
}

/// mtspr
pub fn mtspr(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    let value = c.gpr[w.rs()];
    match w.spr() {
        8 => c.lr = value,
        9 => c.ctr = value,
        number => {
            let Some(row) = c.spr_row(w, |row| row.write)? else {
                return Ok(());
            };
            match row.kind {
                Kind::Special => c.write_special(env, number, value),
                Kind::Keeps(mask) => c.sprs.set(number, value & mask),
                Kind::Inert => c.sprs.set(number, value),
            }
        }
    }
    Ok(())
}

/// mftb
pub fn mftb(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.gpr[w.rt()] = match w.spr() {
        268 => c.read_timebase(),
        269 => c.read_timebase() >> 32,
        _ => return Err(c.illegal(w)),
    };
    Ok(())
}

/// mfmsr
pub fn mfmsr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_supervisor()?;
    c.gpr[w.rt()] = c.msr;
    Ok(())
}

/// What mtmsrd with L=0 writes.
const MTMSRD_MASK: u64 = msr::IMPLEMENTED & !(msr::HV | msr::ME | msr::LE);

/// mtmsr
pub fn mtmsr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_supervisor()?;
    let value = c.gpr[w.rs()];
    let mask = if w.0 >> 16 & 1 != 0 { msr::EE | msr::RI } else { 0xFFFF_FFFF & MTMSRD_MASK };
    c.write_msr(value, mask)
}

/// mtmsrd
pub fn mtmsrd(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_supervisor()?;
    let value = c.gpr[w.rs()];
    let mask = if w.0 >> 16 & 1 != 0 { msr::EE | msr::RI } else { MTMSRD_MASK };
    c.write_msr(value, mask)
}

/// sc
pub fn sc(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    let trap = c.raise(vector::SYSTEM_CALL, 0);
    c.raised.after = true;
    Err(trap)
}

/// scv
pub fn scv(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_facility(facility::SCV)?;
    c.lr = c.nia;
    c.ctr = c.msr & RFID_MASK;
    const AIL: u64 = b64s(39, 40);
    let relocated = c.sprs.lpcr & AIL == AIL && c.msr & (msr::IR | msr::DR) == msr::IR | msr::DR;
    let mut new = msr::SF | msr::HV | c.msr & (msr::ME | msr::EE | msr::RI);
    if c.hile {
        new |= msr::LE;
    }
    if relocated {
        new |= msr::IR | msr::DR;
    }
    c.set_msr(new);
    let base = if relocated { 0xC000_0000_0000_3000 } else { 0x1_7000 };
    c.nia = base + w.lev() as u64 * 32;
    Err(Trap::Resync)
}

/// rfid
pub fn rfid(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    c.require_supervisor()?;
    c.return_to(c.sprs.srr0, c.sprs.srr1)
}

/// hrfid
pub fn hrfid(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    c.require_hypervisor()?;
    c.return_to(c.sprs.hsrr0, c.sprs.hsrr1)
}

/// rfscv
pub fn rfscv(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    c.require_supervisor()?;
    c.return_to(c.lr, c.ctr)
}

/// stop
pub fn stop(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    c.require_supervisor()?;
    Err(Trap::Idle)
}

/// tlbie
pub fn tlbie(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    c.require_hypervisor()?;
    c.tlb_invalidate(env, w, false);
    Ok(())
}

/// tlbiel
pub fn tlbiel(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    c.require_supervisor()?;
    c.tlb_invalidate(env, w, true);
    Ok(())
}

/// tlbsync
pub fn tlbsync(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    c.require_supervisor()
}

/// slbia: an ERAT flush here, and there is no ERAT apart from the TLB.
pub fn slbia(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    c.require_supervisor()
}

macro_rules! hash_mmu_only {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        ///
        /// `Deviates:` no SLB is modelled (radix only); a no-op.
        pub fn $name(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
            c.require_supervisor()
        }
    )* };
}
hash_mmu_only! {
    /// slbie
    slbie
    /// slbieg
    slbieg
    /// slbmte
    slbmte
    /// slbsync
    slbsync
}

/// slbmfev: there is no SLB, every entry reads zero.
pub fn slbmfev(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_supervisor()?;
    c.gpr[w.rt()] = 0;
    Ok(())
}

/// slbmfee: there is no SLB, every entry reads zero.
pub fn slbmfee(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    slbmfev(c, env, w)
}

/// Message type of a directed hypervisor doorbell (Book III 10.3).
const DIRECTED_HYPERVISOR_DOORBELL: u64 = 5;

fn message(rb: u64) -> (u64, u32) {
    (rb >> 27 & 31, (rb & 0xF_FFFF) as u32)
}

/// msgsnd
pub fn msgsnd(c: &mut Cpu, env: &mut Env<'_>, w: Word) -> Step {
    c.require_hypervisor()?;
    let (kind, pir) = message(c.gpr[w.rb()]);
    if kind == DIRECTED_HYPERVISOR_DOORBELL {
        if pir == c.pir {
            c.doorbell = true;
            c.look_soon();
        } else {
            env.platform.doorbell(pir);
        }
    }
    Ok(())
}

/// msgclr
pub fn msgclr(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    c.require_hypervisor()?;
    if message(c.gpr[w.rb()]).0 == DIRECTED_HYPERVISOR_DOORBELL {
        c.doorbell = false;
    }
    Ok(())
}

/// msgsndp: one thread per core, so it could only reach the sender.
/// `Deviates:` privileged doorbells are dropped; Linux on PowerNV sends none.
pub fn msgsndp(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    c.require_supervisor()
}

/// msgclrp
pub fn msgclrp(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    c.require_supervisor()
}

/// msgsync
pub fn msgsync(c: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    c.require_hypervisor()
}

/// The firmware trap word, legal at one address and in hypervisor state.
pub fn firmware(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let real = c.msr & (msr::PR | msr::HV | msr::IR) == msr::HV;
    if real && c.cia == c.firmware_entry { Err(Trap::Firmware) } else { Err(c.illegal(w)) }
}
