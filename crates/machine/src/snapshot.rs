//! Saves a whole machine and puts it back: CPUs, memory, platform, adapters,
//! agenda and random streams. What is saved is what [`Machine::state_hash`]
//! covers; views and caches are built again.

use crate::machine::{Clockwork, Machine};
use crate::nest::NestMmu;
use cpu::Cpu;
use fabric::{BadState, MemoryImage};
use powernv::Platform;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A machine at one moment. Costs as much memory as the guest has touched;
/// copies share it.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) memory: Arc<MemoryImage>,
    pub(crate) parts: Parts,
}

/// All but the memory.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Parts {
    cpus: Vec<Cpu>,
    /// The watched instruction that each CPU stands at and has reported.
    stepping_over: Vec<Option<u64>>,
    platform: Vec<u8>,
    functions: Vec<Vec<u8>>,
    nest: NestMmu,
    clock: Clockwork,
}

/// Why a machine cannot be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSave {
    /// A logical unit is in a file.
    #[error("a logical unit is in a file of the host, which cannot be put back; leave `file` away")]
    OutsideState,
    /// More happened than is kept for the oracles.
    #[error(
        "more happened before the branch point than can be kept; name an earlier one in `[explore] from`"
    )]
    TooMuch,
    /// Records or output wait.
    #[error("records or console output wait to be taken")]
    Pending,
}

impl Snapshot {
    /// Bytes of guest memory in it.
    pub fn memory_bytes(&self) -> u64 {
        self.memory.bytes().len() as u64
    }
}

impl Machine {
    /// The machine as it is now. Records and output have to be taken before.
    pub fn save(&mut self) -> Result<Snapshot, CannotSave> {
        if self.has_activity() {
            return Err(CannotSave::Pending);
        }
        if self.platform.functions().any(|f| f.has_outside_state()) {
            return Err(CannotSave::OutsideState);
        }
        let platform = postcard::to_stdvec(&self.platform).expect("model states have a postcard form");
        let parts = Parts {
            stepping_over: self.cpus.iter().map(Cpu::stepping_over).collect(),
            cpus: self.cpus.clone(),
            platform,
            functions: self.platform.functions().map(|f| f.saved()).collect(),
            nest: self.nest.clone(),
            clock: self.clock.clone(),
        };
        Ok(Snapshot { memory: self.mem.save(), parts })
    }
    /// Becomes the machine that was saved. This one has to be of the same
    /// make: as much memory, as many CPUs and adapters. Watches stay as they
    /// are.
    ///
    /// # Errors
    /// The snapshot is of another make or damaged; the machine is then of no
    /// use any more.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), BadState> {
        let Parts { cpus, stepping_over, platform, functions, nest, clock } = &snapshot.parts;
        let bad = |reason: &str| BadState { what: "this machine", reason: reason.to_owned() };
        if cpus.len() != self.cpus.len() || stepping_over.len() != cpus.len() {
            return Err(bad("another number of CPUs"));
        }
        if snapshot.memory.len() != self.mem.len() {
            return Err(bad("another amount of memory"));
        }
        if functions.len() != self.platform.functions().count() {
            return Err(bad("another number of adapters"));
        }
        let mut restored: Platform = postcard::from_bytes(platform).map_err(|e| bad(&e.to_string()))?;
        restored.take_functions(&mut self.platform);
        self.platform = restored;
        for (function, saved) in self.platform.functions_mut().zip(functions) {
            function.restore(saved)?;
        }
        self.cpus.clone_from(cpus);
        for (cpu, at) in self.cpus.iter_mut().zip(stepping_over) {
            cpu.forget_views();
            cpu.set_stepping_over(*at);
        }
        self.nest = nest.clone();
        self.clock = clock.clone();
        self.drop_activity();
        self.mem.restore(&snapshot.memory);
        Ok(())
    }
    /// Everything that is drawn from here on comes from `seed` and the past.
    pub fn reseed(&mut self, seed: u64) {
        self.clock.reseed(seed);
        self.platform.functions_mut().for_each(|f| f.reseed(seed));
    }
}
