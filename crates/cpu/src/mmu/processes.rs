//! Which tables the process ids of late had on a thread. It changes nothing: by it a thread notices that an id was given to
//! another process while a translation of the one before is left, which no operating system can want. A process table entry
//! that changes has to be followed by a tlbie (Power ISA 3.0B, Book III 5.10); Linux gives an id back after it has flushed
//! the CPUs of which it knows that they used it.

use super::radix;
use crate::env::Env;
use crate::state::Cpu;
use serde::{Deserialize, Serialize};

/// Ids are kept by their last bits: what is forgotten goes unnoticed. Linux gives out the lowest id that is free.
const PLACES: usize = 256;

/// In place of tables: the process is over.
const OVER: u64 = u64::MAX;

/// The tables of an id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tables {
    pid: u32,
    /// First doubleword of the process table entry.
    descriptor: u64,
}

/// The tables of the ids that a thread took up last. A new process may get the id and the root table of the one before: a
/// thread that is told of a process's end does not need to see another root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processes {
    places: Vec<Tables>,
}

impl Default for Processes {
    fn default() -> Processes {
        Processes { places: vec![Tables::default(); PLACES] }
    }
}

impl Processes {
    /// Takes note of the tables of `pid`; true if it had others when it was noted last.
    fn note(&mut self, pid: u32, descriptor: u64) -> bool {
        let place = &mut self.places[pid as usize % PLACES];
        let before = std::mem::replace(place, Tables { pid, descriptor });
        before.pid == pid && before.descriptor != 0 && before.descriptor != descriptor
    }

    fn end(&mut self, pid: u32) {
        let place = &mut self.places[pid as usize % PLACES];
        if place.pid == pid {
            place.descriptor = OVER;
        }
    }
}

impl Cpu {
    /// mtspr PIDR.
    pub(crate) fn set_process(&mut self, env: &mut Env<'_>, pid: u64) {
        if pid == self.sprs.pidr {
            return;
        }
        self.micro.switch_process(self.sprs.pidr, pid);
        self.sprs.pidr = pid;
        if self.sprs.lpidr == 0 {
            self.note_process(env, pid as u32);
        }
    }

    /// Another thread has flushed its own translations of process `pid` (tlbiel), which has no tables any more.
    pub fn process_over(&mut self, pid: u32) {
        self.processes.end(pid);
    }

    /// Tells the other threads if a tlbiel is about a process that is over.
    pub(super) fn note_flush(&self, env: &mut Env<'_>, pid: u32) {
        if self.sprs.lpidr == 0 && !radix::has_tables(env.mem, self.sprs.ptcr, pid) {
            env.platform.process_over(pid);
        }
    }

    /// The ids of guests are not looked at: every guest has the same.
    fn note_process(&mut self, env: &mut Env<'_>, pid: u32) {
        let Some(descriptor) = radix::tables(env.mem, self.sprs.ptcr, pid) else { return };
        if self.processes.note(pid, descriptor)
            && let Some(left) = self.tlb.any_of(pid)
        {
            env.platform.process_not_flushed(self.now(), self.pir, pid, left.ea);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_place_are_not_taken_for_one_another() {
        let (one, other) = (2, 2 + PLACES as u32);
        let mut p = Processes::default();
        assert!(!p.note(one, 0x100) && !p.note(other, 0x200) && !p.note(one, 0x300), "forgotten in between");
        assert!(p.note(one, 0x400) && !p.note(one, 0x400));
        p.end(other);
        assert!(!p.note(one, 0x400));
        p.end(one);
        assert!(p.note(one, 0x400) && !p.note(one, 0x400));
    }
}
