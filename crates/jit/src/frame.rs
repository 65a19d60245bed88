//! What emitted code works on besides the CPU, and the functions it calls.

use crate::emit::SHARED;
use crate::emit::regs::{self, POOL};
use crate::fpu::Fpu;
use cpu::exec::{Handler, Step};
use cpu::interrupt::Raised;
use cpu::mmu::MicroTlb;
use cpu::state::{Reservation, xer};
use cpu::{Cpu, Env, Trap};
use fabric::memory::PAGE_SHIFT;
use isa::Word;
use std::any::Any;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a called function returns if control goes on at `cia`, to which the
/// fetch view leads.
pub const AFRESH: u32 = 2;

/// Why emitted code handed control back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Exit {
    /// `stop_at` is reached, or the fetch view does not know the page.
    Look = 0,
    /// No block begins at `cia`; at `site`, unless 0, is a jump to link.
    NoBlock = 1,
    /// The block at `cia` is longer than what may be executed.
    TooLong = 2,
    /// A called function branched to `cia`, or changed what emitted code relies on.
    Branched = 3,
    /// A called function trapped.
    Trap = 4,
    /// A called function panicked.
    Panic = 5,
    /// Control leaves the page to `cia`; at `site` is a jump to link.
    Far = 6,
}

/// The interpreter's side of emitted code: register R15 points to it.
#[repr(C)]
pub struct Frame {
    pub cpu: *mut Cpu,
    /// An `Env` of the run; its lifetime is that of one call of `enter`.
    env: *mut (),
    /// Condition register fields, one byte each: LT GT EQ SO as 8 4 2 1.
    cr: [u8; 8],
    /// XER[CA] and XER[CA32], 0 or 1 each, which the CPU's XER does not have meanwhile.
    ca: u8,
    ca32: u8,
    /// What a compare stores for less, greater, equal: SO included.
    less: u32,
    greater: u32,
    equal: u32,
    pub exit: u32,
    /// The jump that led to the place without a block.
    pub site: u32,
    /// The decoded page that holds CIA.
    pub page: u32,
    /// The budget at `stop`: `retired = stop - budget`.
    pub stop: u64,
    pub budget: i64,
    /// First effective address of the page that holds CIA.
    pub page_ea: u64,
    /// Not 0: no interrupt can be pending before `stop`, whatever MSR[EE].
    quiet: u32,
    /// Not 0: the fetch view was asked since a function was called last, which may have changed it. It
    /// leads to the page of CIA, then: the run loop and every way to another page ask it too.
    asked: u32,
    /// The host's stack pointer with an empty return stack, and with a full one.
    returns: u64,
    deepest: u64,
    /// Code places by word of that page.
    pub entries: *const u32,
    /// `entries` of every page.
    pub tables: *const *const u32,
    pub code: *const u8,
    /// Where real address 0 is in the host.
    pub memory: u64,
    /// Where the flag byte of the page at host address 0 would be.
    pub flags: u64,
    pub exec_view: *const u8,
    step: extern "C" fn(*mut Frame, u32, u32) -> u32,
    access: extern "C" fn(*mut Frame, u32, u32) -> u32,
    handlers: &'static [Handler],
    /// log2 of the page size of the data views that emitted code probes.
    pub view_shift: u32,
    /// `micro.stop_at` when emitted code was entered.
    stop_at: u64,
    /// Values of compares while a function is called.
    kept: [u64; POOL.len()],
    /// Addresses that accesses share while no host register holds them.
    shared: [u64; SHARED],
    pub trap: Trap,
    pub panic: Option<Box<dyn Any + Send>>,
    pub fpu: Fpu,
}

/// Displacements from R15.
pub mod place {
    use super::*;
    pub const CR: i32 = offset_of!(Frame, cr) as i32;
    pub const CA: i32 = offset_of!(Frame, ca) as i32;
    pub const CA32: i32 = offset_of!(Frame, ca32) as i32;
    pub const LESS: i32 = offset_of!(Frame, less) as i32;
    pub const GREATER: i32 = offset_of!(Frame, greater) as i32;
    pub const EQUAL: i32 = offset_of!(Frame, equal) as i32;
    pub const EXIT: i32 = offset_of!(Frame, exit) as i32;
    pub const SITE: i32 = offset_of!(Frame, site) as i32;
    pub const PAGE: i32 = offset_of!(Frame, page) as i32;
    pub const STOP: i32 = offset_of!(Frame, stop) as i32;
    pub const BUDGET: i32 = offset_of!(Frame, budget) as i32;
    pub const PAGE_EA: i32 = offset_of!(Frame, page_ea) as i32;
    pub const QUIET: i32 = offset_of!(Frame, quiet) as i32;
    pub const ASKED: i32 = offset_of!(Frame, asked) as i32;
    pub const RETURNS: i32 = offset_of!(Frame, returns) as i32;
    pub const DEEPEST: i32 = offset_of!(Frame, deepest) as i32;
    pub const ENTRIES: i32 = offset_of!(Frame, entries) as i32;
    pub const TABLES: i32 = offset_of!(Frame, tables) as i32;
    pub const CODE: i32 = offset_of!(Frame, code) as i32;
    pub const MEMORY: i32 = offset_of!(Frame, memory) as i32;
    pub const FLAGS: i32 = offset_of!(Frame, flags) as i32;
    pub const EXEC_VIEW: i32 = offset_of!(Frame, exec_view) as i32;
    pub const STEP: i32 = offset_of!(Frame, step) as i32;
    pub const ACCESS: i32 = offset_of!(Frame, access) as i32;
    pub const FPU: i32 = offset_of!(Frame, fpu) as i32;
    pub const SHARED: i32 = offset_of!(Frame, shared) as i32;
    pub const KEPT: i32 = offset_of!(Frame, kept) as i32;
    pub const CPU: i32 = offset_of!(Frame, cpu) as i32;
}

/// Displacements from RBX, which points `BIAS` bytes into the CPU, so that
/// all general-purpose registers have a displacement of one byte.
pub mod field {
    use super::*;
    pub const BIAS: i32 = offset_of!(Cpu, gpr) as i32 + 128;
    const fn of(offset: usize) -> i32 {
        offset as i32 - BIAS
    }
    /// GPR `n`, or CTR or LR by their numbers in `emit::regs`.
    pub const fn gpr(n: usize) -> i32 {
        match n {
            regs::CTR => CTR,
            regs::LR => LR,
            _ => of(offset_of!(Cpu, gpr) + 8 * n),
        }
    }
    pub const CIA: i32 = of(offset_of!(Cpu, cia));
    pub const NIA: i32 = of(offset_of!(Cpu, nia));
    const LR: i32 = of(offset_of!(Cpu, lr));
    const CTR: i32 = of(offset_of!(Cpu, ctr));
    pub const XER: i32 = of(offset_of!(Cpu, xer));
    pub const CLOCK_ORIGIN: i32 = of(offset_of!(Cpu, clock_origin));
    pub const TIMEBASE_FLOOR: i32 = of(offset_of!(Cpu, timebase_floor));
    pub const SPRS: i32 = of(offset_of!(Cpu, sprs));
    pub const MSR: i32 = of(offset_of!(Cpu, msr));
    pub const RESERVED_RA: i32 = of(offset_of!(Cpu, reservation) + Reservation::RA);
    pub const RESERVED_LEN: i32 = of(offset_of!(Cpu, reservation) + Reservation::LEN);
    /// VSR `n`, low half first: VR n is VSR 32+n, FPR n the high half of VSR n.
    pub const fn vsr(n: usize) -> i32 {
        of(Cpu::VSR + 16 * n)
    }
    pub const RETIRED: i32 = of(offset_of!(Cpu, retired));
    /// The views for reads, then for writes.
    pub const DATA_VIEW: i32 = of(offset_of!(Cpu, micro) + MicroTlb::DATA_VIEW);
    pub const HILE: i32 = of(offset_of!(Cpu, hile));
    pub const RAISED_VECTOR: i32 = of(offset_of!(Cpu, raised) + offset_of!(Raised, vector));
    pub const RAISED_SRR1: i32 = of(offset_of!(Cpu, raised) + offset_of!(Raised, srr1));
    pub const RAISED_AFTER: i32 = of(offset_of!(Cpu, raised) + offset_of!(Raised, after));
    pub const CONTEXT_MSR: i32 = of(offset_of!(Cpu, micro) + MicroTlb::MSR);
    pub const KERNEL: i32 = of(offset_of!(Cpu, micro) + MicroTlb::KERNEL);
    pub const USER: i32 = of(offset_of!(Cpu, micro) + MicroTlb::USER);
    pub const fn spr(offset: usize) -> i32 {
        SPRS + offset as i32
    }
    pub const DATA_CONTEXT: i32 = of(offset_of!(Cpu, micro) + MicroTlb::DATA_CONTEXT);
    pub const FETCH_CONTEXT: i32 = of(offset_of!(Cpu, micro) + MicroTlb::FETCH_CONTEXT);
}

impl Frame {
    pub fn new(fpu: Fpu) -> Frame {
        use std::ptr::{null, null_mut};
        Frame {
            cpu: null_mut(),
            env: null_mut(),
            cr: [0; 8],
            ca: 0,
            ca32: 0,
            less: 8,
            greater: 4,
            equal: 2,
            exit: 0,
            site: 0,
            page: 0,
            stop: 0,
            budget: 0,
            page_ea: 0,
            quiet: 0,
            asked: 0,
            returns: 0,
            deepest: 0,
            entries: null(),
            tables: null(),
            code: null(),
            memory: 0,
            flags: 0,
            exec_view: null(),
            step,
            access,
            handlers: cpu::exec::handlers(),
            view_shift: 16,
            stop_at: 0,
            kept: [0; POOL.len()],
            shared: [0; SHARED],
            trap: Trap::Interrupt,
            panic: None,
            fpu,
        }
    }

    /// Makes ready to enter emitted code in page `page`, which holds `cpu.cia`.
    pub fn load(&mut self, cpu: &mut Cpu, env: &mut Env<'_>, page: u32) {
        self.stop_at = cpu.micro.stop_at();
        // A run of 2^63 instructions does not end: the cut makes no difference.
        self.budget = i64::try_from(self.stop_at - cpu.retired).unwrap_or(i64::MAX);
        self.stop = cpu.retired + self.budget as u64;
        self.page = page;
        self.page_ea = cpu.cia & !0xFFF;
        cpu.micro.follow(env.mem);
        let base = env.mem.host_base() as u64;
        self.memory = base;
        self.flags = (env.mem.page_flags() as u64).wrapping_sub(base >> PAGE_SHIFT);
        self.exec_view = cpu.micro.exec_view();
        // What could change it makes the run loop look.
        self.quiet = u32::from(!cpu.wakes());
        self.load_cr(cpu);
        self.fpu.load(cpu);
        self.env = std::ptr::from_mut(env).cast();
        self.cpu = cpu;
    }
    fn load_cr(&mut self, cpu: &Cpu) {
        self.cr = unpack(cpu.cr);
        self.ca = u8::from(cpu.xer & xer::CA != 0);
        self.ca32 = u8::from(cpu.xer & xer::CA32 != 0);
        let so = u32::from(cpu.xer & xer::SO != 0);
        (self.less, self.greater, self.equal) = (8 | so, 4 | so, 2 | so);
    }

    /// The CPU gets CR and the carries.
    pub fn store_cr(&self, cpu: &mut Cpu) {
        cpu.cr = pack(self.cr);
        let carries = u64::from(self.ca) * xer::CA + u64::from(self.ca32) * xer::CA32;
        cpu.xer = cpu.xer & !(xer::CA | xer::CA32) | carries;
    }

    /// Calls the meaning of row `op` for `word`; 1 if emitted code has to end,
    /// [`AFRESH`] if it goes on at `cia` through the fetch view.
    fn call(&mut self, word: Word, op: u32, with_cr: bool) -> u32 {
        // SAFETY: `load` took both pointers from references that are borrowed
        // while `enter` runs, and emitted code, which called this function,
        // does not touch what they point to until it returns.
        let (cpu, env) = unsafe { (&mut *self.cpu, &mut *self.env.cast::<Env<'_>>()) };
        if with_cr {
            self.store_cr(cpu);
        }
        self.asked = 0;
        let handler = self.handlers[op as usize];
        #[cfg(test)]
        crate::tests::count_call(op);
        self.fpu.before(cpu, env, op);
        // No frame of emitted code can be unwound.
        let step = catch_unwind(AssertUnwindSafe(|| handler(cpu, env, word)));
        if with_cr {
            self.load_cr(cpu);
        }
        self.fpu.after(cpu, op);
        let Ok(step) = step.map_err(|panic| self.panic = Some(panic)) else {
            self.exit = Exit::Panic as u32;
            return 1;
        };
        self.after(cpu, step)
    }
    fn after(&mut self, cpu: &mut Cpu, step: Step) -> u32 {
        // Emitted code probes views of one page size alone.
        let sees_views = cpu.micro.data_shift() == self.view_shift;
        match step {
            Ok(()) if cpu.micro.stop_at() == self.stop_at && sees_views => return 0,
            Ok(()) | Err(Trap::Branched) => {
                cpu.retired += 1;
                cpu.cia = cpu.nia;
                let same = cpu.micro.stop_at() == self.stop_at;
                self.exit = if same { Exit::Branched } else { Exit::Look } as u32;
            }
            Err(trap @ (Trap::Interrupt | Trap::Resync)) => {
                if cpu.settles(trap, self.stop_at) && sees_views {
                    return AFRESH;
                }
                self.exit = Exit::Look as u32;
            }
            Err(trap) => {
                self.trap = trap;
                self.exit = Exit::Trap as u32;
            }
        }
        1
    }
}

/// An instruction that may look at or change anything.
extern "C" fn step(frame: *mut Frame, word: u32, op: u32) -> u32 {
    // SAFETY: emitted code passes R15, the frame that `enter` was given, and
    // nothing else refers to it meanwhile.
    unsafe { &mut *frame }.call(Word(word), op, true)
}

/// A load or store, or another instruction that leaves CR alone and has nothing to do with the carries.
extern "C" fn access(frame: *mut Frame, word: u32, op: u32) -> u32 {
    // SAFETY: as in `step`.
    unsafe { &mut *frame }.call(Word(word), op, false)
}

/// PE of MXCSR.
const PRECISION: u32 = 1 << 5;

/// True if the host rounded a result since [`clear_inexact`].
pub fn inexact() -> bool {
    mxcsr() & PRECISION != 0
}
/// Clears the sticky bit that [`inexact`] reads.
pub fn clear_inexact() {
    let value = mxcsr();
    if value & PRECISION != 0 {
        let value = value & !PRECISION;
        // SAFETY: reads 4 bytes at a valid address; only a sticky bit changes,
        // of which neither Rust nor C code of this process knows.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, preserves_flags)) };
    }
}
fn mxcsr() -> u32 {
    let mut value = 0u32;
    // SAFETY: writes 4 bytes at a valid address.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut value, options(nostack, preserves_flags)) };
    value
}

/// CR with a byte for each field, field 0 first.
pub fn unpack(cr: u32) -> [u8; 8] {
    let x = u64::from(cr);
    let x = (x | x << 16) & 0x0000_FFFF_0000_FFFF;
    let x = (x | x << 8) & 0x00FF_00FF_00FF_00FF;
    let x = (x | x << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    x.to_be_bytes()
}
/// The inverse of [`unpack`].
pub fn pack(fields: [u8; 8]) -> u32 {
    let x = u64::from_be_bytes(fields);
    let x = (x | x >> 4) & 0x00FF_00FF_00FF_00FF;
    let x = (x | x >> 8) & 0x0000_FFFF_0000_FFFF;
    (x | x >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_register_survives_unpacking() {
        assert_eq!(unpack(0x1234_5678), [1, 2, 3, 4, 5, 6, 7, 8]);
        for cr in [0, u32::MAX, 0x8421_1248, 0xDEAD_BEEF] {
            assert_eq!(pack(unpack(cr)), cr);
        }
    }
}
