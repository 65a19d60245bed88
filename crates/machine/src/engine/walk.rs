//! A run that is taken from mark to mark, looked at, put back and gone on
//! with. Where it stops has no effect on it.

use super::branch::{Branch, Hashing};
use super::progress::Progress;
use super::session::{Pause, Session};
use super::{Ended, Host, Outcome, Setup};
use crate::build::BuildError;
use crate::guest::linked;
use crate::machine::{Machine, Mark};
use crate::snapshot::{CannotSave, Snapshot};
use fabric::{BadState, Ticks};
use serde::{Deserialize, Serialize};

/// A run that stops at marks.
pub struct Walk<'a, 'h> {
    session: Session<'a, 'h>,
    branch: Option<Branch>,
    ended: Option<Ended>,
}

/// A run as it was at a mark.
pub struct Kept<'a> {
    snapshot: Snapshot,
    progress: Progress<'a>,
    turn: Option<Ticks>,
}

/// What a CPU is about to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Instructions that this CPU has retired.
    pub retired: u64,
    /// Address of its next instruction.
    pub address: u64,
    /// The same for people.
    pub symbol: String,
    /// That instruction.
    pub text: String,
}

/// One bit of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bit {
    /// Of a general-purpose register.
    Gpr {
        /// CPU.
        cpu: usize,
        /// Register.
        gpr: usize,
        /// Bit, from the least significant.
        bit: u32,
    },
    /// Of guest memory.
    Memory {
        /// Real address of the byte.
        ra: u64,
        /// Bit, from the least significant.
        bit: u32,
    },
    /// Of the stream from which quanta and orders are drawn: one draw more.
    Schedule,
}

impl<'a, 'h> Walk<'a, 'h> {
    /// A run about to begin; at its branch point it goes on as `branch` says.
    pub fn new(
        setup: Setup<'a>,
        branch: Option<Branch>,
        host: &'h mut dyn Host,
    ) -> Result<Walk<'a, 'h>, BuildError> {
        Ok(Walk { session: Session::new(setup, host)?, branch, ended: None })
    }
    /// Goes on to `mark`, or to the end if that comes first.
    pub fn advance(&mut self, mark: Mark) -> Option<Ended> {
        self.session.machine.set_mark(Some(mark));
        while self.ended.is_none() {
            match (self.session.play(), &self.branch) {
                (Pause::Ended(ended), _) => self.ended = Some(ended),
                (Pause::Mark, _) => break,
                (Pause::Branch, Some(branch)) => self.session.branch(branch),
                (Pause::Branch, None) => {}
            }
        }
        self.session.machine.set_mark(None);
        self.ended
    }
    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.session.machine
    }
    /// What each CPU is about to do.
    pub fn places(&self) -> Vec<Place> {
        let machine = &self.session.machine;
        let place = |cpu: &cpu::Cpu| {
            let address = linked(cpu.cia);
            let little = machine.read_kernel_u32(address);
            let word = if cpu.little_endian() { little } else { little.map(u32::swap_bytes) };
            let text = word.map_or("not kernel code".into(), |w| isa::disassemble(w, address));
            Place { retired: cpu.retired, address, symbol: self.session.state.table.describe(address), text }
        };
        machine.cpus().iter().map(place).collect()
    }
    /// Keeps the run as it is, at a [`Mark::Round`]; from here on
    /// [`Machine::state_parts`] tells what changes.
    ///
    /// # Errors
    /// It cannot be kept there.
    pub fn keep(&mut self) -> Result<Kept<'a>, CannotSave> {
        let snapshot = self.session.machine.save()?;
        Ok(Kept { snapshot, progress: self.session.state.clone(), turn: self.session.turn })
    }
    /// Becomes the run that was kept.
    ///
    /// # Errors
    /// It does not fit: a mistake of ours.
    pub fn back(&mut self, kept: &Kept<'a>) -> Result<(), BadState> {
        self.session.machine.restore(&kept.snapshot)?;
        self.session.state = kept.progress.clone();
        self.session.turn = kept.turn;
        self.session.state.watches.set_again(&mut self.session.machine);
        self.ended = None;
        Ok(())
    }
    /// Changes one bit, as no run does: for tests of those who compare runs.
    pub fn disturb(&mut self, bit: Bit) -> bool {
        let machine = &mut self.session.machine;
        match bit {
            Bit::Gpr { cpu, gpr, bit } => {
                let register = machine.cpus.get_mut(cpu).and_then(|c| c.gpr.get_mut(gpr));
                register.is_some_and(|r| {
                    *r ^= 1 << (bit & 63);
                    true
                })
            }
            Bit::Memory { ra, bit } => match machine.mem.read::<1>(ra) {
                Some([byte]) => {
                    machine.mem.write(ra, [byte ^ 1 << (bit & 7)]) != fabric::memory::Store::Outside
                }
                None => false,
            },
            Bit::Schedule => {
                machine.clock.draw_once();
                true
            }
        }
    }
    /// What the run showed; it has to have ended.
    pub fn finish(self) -> Option<Outcome> {
        let ended = self.ended?;
        Some(self.session.finish(ended, Hashing::Always).0)
    }
}
