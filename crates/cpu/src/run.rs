//! The interpreter loop: a thread runs until its budget ends or the machine
//! has to do something.
//!
//! An instruction retires, or an interrupt is delivered, per count of
//! `retired`; so every turn of the loop advances time and a guest cannot
//! hang the simulator.

use crate::code::{CodeCache, Page};
use crate::env::Env;
use crate::exec;
use crate::interrupt::{Raised, Trap, vector};
use crate::msr;
use crate::state::Cpu;
use crate::translator::Progress;
use fabric::Ticks;
use fabric::bits::b64;
use isa::Word;

/// Why a run ended. Counts are in [`Cpu::retired`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The budget is used up.
    Budget,
    /// The thread executed `stop` and nothing is pending.
    Idle,
    /// The firmware trap word was executed; finish with [`Cpu::firmware_return`].
    Firmware,
    /// A watched instruction is next; continue with [`Cpu::step_over_watch`].
    Watched,
}

/// PSSCR[EC]: exit criterion (Book III 3.3.2).
const PSSCR_EC: u64 = b64(43);
/// The single-step bit of MSR[TE].
const SE: u64 = b64(53);
/// SRR1 bits 46:47 = 01: no state was lost.
const NO_STATE_LOST: u64 = 0x1_0000;

impl Cpu {
    /// Runs up to `budget` instructions.
    pub fn run(&mut self, env: &mut Env<'_>, code: &mut CodeCache, budget: u64) -> Exit {
        let end = self.retired + budget;
        loop {
            self.micro.sync_code(env.mem);
            if self.retired >= end {
                return Exit::Budget;
            }
            if self.stopped {
                if !self.wakes() {
                    return Exit::Idle;
                }
                self.wake();
            }
            if let Some(v) = self.pending() {
                self.deliver_pending(v);
                self.retired += 1;
                continue;
            }
            self.micro.stop_at = end.min(self.retired_at(self.dec_due));
            let stepping = self.msr & SE != 0;
            if stepping {
                self.micro.stop_at = self.retired + 1;
            }
            let outcome =
                if self.little_endian() { self.run_pages(env, code) } else { self.step_big_endian(env) };
            match outcome {
                None => {}
                Some(trap @ (Trap::Interrupt | Trap::Resync)) => self.settle(trap),
                Some(Trap::Idle) => {
                    self.complete();
                    self.stopped = true;
                }
                Some(Trap::Firmware) => return Exit::Firmware,
                Some(Trap::Watched) => return Exit::Watched,
                Some(Trap::Undecoded | Trap::Branched) => unreachable!("dealt with in run_pages"),
            }
            if stepping && self.msr & SE != 0 && matches!(outcome, None | Some(Trap::Resync)) {
                self.trace();
            }
        }
    }

    /// Single step: an instruction completed with MSR[TE] = 0b10 before and
    /// after it (Book III 6.5.15). Not counted in `retired`, so that a budget
    /// is never exceeded; the instruction was.
    ///
    /// `Deviates:` branch tracing (TE = 0b01) has no effect, and SRR1 does
    /// not say what kind of instruction it was.
    #[cold]
    fn trace(&mut self) {
        self.raised = Raised { vector: vector::TRACE, srr1: 0, after: false };
        self.deliver();
    }

    /// Ends an instruction that raised an interrupt, or completed and the
    /// run loop looks.
    #[inline]
    fn settle(&mut self, trap: Trap) {
        if trap == Trap::Interrupt {
            self.deliver();
            self.retired += 1;
        } else {
            self.complete();
        }
    }

    /// For a translator: ends an instruction as the run loop does. True if the
    /// loop, whose `stop_at` was `stop_at`, would do nothing then but look for
    /// the page of `cia` in the fetch view.
    pub fn settles(&mut self, trap: Trap, stop_at: u64) -> bool {
        self.settle(trap);
        self.micro.stop_at == stop_at
            && self.retired < stop_at
            && self.msr & (SE | msr::LE) == msr::LE
            && self.pending().is_none()
    }

    fn complete(&mut self) {
        self.retired += 1;
        self.cia = self.nia;
    }

    /// The count of retired instructions at which the time base reads `tb`.
    fn retired_at(&self, tb: u64) -> u64 {
        let at = Ticks::from_timebase(tb);
        let here = self.now();
        if at <= here { u64::MAX } else { self.retired.saturating_add(at.0 - here.0) }
    }

    /// Executes decoded little-endian pages until something needs a look.
    fn run_pages(&mut self, env: &mut Env<'_>, code: &mut CodeCache) -> Option<Trap> {
        let mut id = match self.micro.code_page(self.cia) {
            Some(id) => id,
            None => match self.open_page(env, code) {
                Ok(id) => id,
                Err(trap) => return Some(trap),
            },
        };
        let (mut whole, mut decoded) = (true, false);
        loop {
            if !std::mem::take(&mut decoded) {
                match code.translated(self, env, id) {
                    None => {}
                    Some(Progress::Interpret { page, whole: all }) => (id, whole) = (page, all),
                    Some(Progress::Look) => return None,
                    Some(Progress::Trap(trap)) => return Some(trap),
                }
            }
            let (page, from) = (code.page(id), self.cia);
            let outcome =
                if whole { self.run_page::<false>(env, page) } else { self.run_page::<true>(env, page) };
            match outcome {
                None if self.retired >= self.micro.stop_at => return None,
                None if (from ^ self.cia) & !0xFFF == 0 => {}
                None => id = self.micro.code_page(self.cia)?,
                Some(Trap::Undecoded) => {
                    code.decode(env.mem, page, self.cia);
                    decoded = true;
                }
                Some(Trap::Watched) if self.micro.step_over == Some(self.cia) => {
                    self.micro.step_over = None;
                    let word = Word(page.op(self.cia).word);
                    match exec::handler_of(word)(self, env, word) {
                        Ok(()) | Err(Trap::Branched) => self.complete(),
                        Err(trap) => return Some(trap),
                    }
                    if self.retired >= self.micro.stop_at {
                        return None;
                    }
                    id = self.micro.code_page(self.cia)?;
                }
                Some(trap) => return Some(trap),
            }
        }
    }

    /// The hot loop: executes one page until control leaves it, an
    /// instruction does not complete, or `stop_at` is reached; with `STRAIGHT`
    /// to the next taken branch at most. A function of its own so that its
    /// few values stay in registers.
    #[inline(never)]
    fn run_page<const STRAIGHT: bool>(&mut self, env: &mut Env<'_>, page: &Page) -> Option<Trap> {
        let mut cia = self.cia;
        let mut retired = self.retired;
        loop {
            let op = page.op(cia);
            let mut next = cia.wrapping_add(4);
            self.nia = next;
            let mut branched = false;
            match (op.run)(self, env, Word(op.word)) {
                Ok(()) => {}
                Err(Trap::Branched) => {
                    next = self.nia;
                    branched = STRAIGHT;
                }
                Err(trap) => return Some(trap),
            }
            retired += 1;
            self.retired = retired;
            self.cia = next;
            if retired >= self.micro.stop_at || (cia ^ next) & !0xFFF != 0 || branched {
                return None;
            }
            cia = next;
        }
    }

    /// Translates CIA and opens its decoded page.
    fn open_page(&mut self, env: &mut Env<'_>, code: &mut CodeCache) -> Result<u32, Trap> {
        let cia = self.cia;
        let ra = self.translate_fetch(env, cia)?;
        let id = code.open(env.mem, ra);
        self.micro.fill_code(cia, id);
        Ok(id)
    }

    /// Executes one big-endian instruction: firmware stubs only, so slowly.
    fn step_big_endian(&mut self, env: &mut Env<'_>) -> Option<Trap> {
        let ra = match self.translate_fetch(env, self.cia) {
            Ok(ra) => ra,
            Err(trap) => return Some(trap),
        };
        let word = Word(env.mem.read_be32(ra).expect("translate_fetch checked the range"));
        self.nia = self.cia.wrapping_add(4);
        match exec::handler_of(word)(self, env, word) {
            Ok(()) | Err(Trap::Branched) => {
                self.complete();
                None
            }
            Err(trap) => Some(trap),
        }
    }

    /// Ends a firmware call: result in r3, continue at LR.
    pub fn firmware_return(&mut self, r3: u64) {
        self.gpr[3] = r3;
        self.nia = self.lr & !3;
        self.complete();
    }

    /// The next run executes the watched instruction at CIA.
    pub fn step_over_watch(&mut self) {
        self.micro.step_over = Some(self.cia);
    }

    /// The watched instruction that the next run executes, if it stands at one.
    pub fn stepping_over(&self) -> Option<u64> {
        self.micro.step_over
    }
    /// The next run executes the watched instruction at this address.
    pub fn set_stepping_over(&mut self, at: Option<u64>) {
        self.micro.step_over = at;
    }

    /// Asks the loop to look at interrupts after the current instruction.
    pub(crate) fn look_soon(&mut self) {
        self.micro.stop_at = 0;
    }

    /// Ends `stop`: in place, or by system reset if PSSCR[EC] asked for it.
    fn wake(&mut self) {
        self.stopped = false;
        if self.sprs.psscr & PSSCR_EC != 0 {
            let reason = if self.hvi_line {
                0x24_0000
            } else if self.doorbell {
                0x0C_0000
            } else {
                0x18_0000
            };
            self.raised = Raised { vector: vector::SYSTEM_RESET, srr1: reason | NO_STATE_LOST, after: false };
            self.deliver();
        }
    }

    /// Starts the thread at `entry` as OPAL_START_CPU does: hypervisor real
    /// mode, in the byte order of HILE, r3 = PIR.
    pub fn start(&mut self, entry: u64, r3: u64) {
        self.set_msr(msr::SF | msr::HV | msr::ME | if self.hile { msr::LE } else { 0 });
        self.gpr[3] = r3;
        self.cia = entry;
        self.nia = entry;
        self.stopped = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::NoPlatform;
    use fabric::GuestMemory;
    use fabric::memory::Store;

    const CODE: u64 = 0x1000;

    fn word(text: &str, at: u64) -> u32 {
        isa::assemble(text, at).expect("an instruction")
    }

    /// A little-endian thread in real mode at `CODE`, and its memory.
    fn thread(words: &[&str]) -> (Cpu, GuestMemory) {
        let mem = GuestMemory::new(1 << 16).expect("64 KiB");
        for (n, text) in words.iter().enumerate() {
            let ra = CODE + 4 * n as u64;
            assert_eq!(mem.write(ra, word(text, ra).to_le_bytes()), Store::Done);
        }
        let mut cpu = Cpu::new(0);
        cpu.set_msr(cpu.msr | msr::LE);
        (cpu.cia, cpu.nia) = (CODE, CODE);
        (cpu, mem)
    }

    /// The first store to a page takes the slow path; the page it changes is
    /// the one that executes, and the changed word was decoded before.
    #[test]
    fn a_store_to_the_running_page_is_seen_by_the_next_instruction() {
        let (mut cpu, mem) = thread(&["addi r5,r5,1", "stw r6,0(r7)", "b 0x1000"]);
        cpu.gpr[6] = word("addi r5,r5,16", CODE) as u64;
        cpu.gpr[7] = CODE;
        let mut env = Env { mem: &mem, platform: &mut NoPlatform };
        assert_eq!(cpu.run(&mut env, &mut CodeCache::new(), 4), Exit::Budget);
        assert_eq!(cpu.gpr[5], 17);
    }

    #[test]
    fn a_watched_instruction_does_not_exceed_the_budget() {
        let (mut cpu, mem) = thread(&["addi r5,r5,1", "addi r5,r5,1", "addi r5,r5,1"]);
        let mut code = CodeCache::new();
        code.watch(CODE);
        let mut env = Env { mem: &mem, platform: &mut NoPlatform };
        assert_eq!(cpu.run(&mut env, &mut code, 1), Exit::Watched);
        cpu.step_over_watch();
        assert_eq!(cpu.run(&mut env, &mut code, 1), Exit::Budget);
        assert_eq!((cpu.gpr[5], cpu.retired), (1, 1));
    }
}
