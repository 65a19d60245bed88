//! A run at its branch point, apart from a machine to go on with: what
//! machines of the same setup are put to, and its file form.

use super::Setup;
use super::progress::Progress;
use super::saved::Saved;
use crate::machine::Machine;
use crate::oracle::heard::History;
use crate::snapshot::{CannotSave, Parts, Snapshot};
use crate::snapshot_file::{self, BadSnapshot, Facts};
use fabric::Ticks;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A run at its branch point. Copies share the memory.
#[derive(Clone)]
pub struct BranchPoint<'a> {
    pub(super) snapshot: Snapshot,
    pub(super) progress: Progress<'a>,
    pub(super) at: Point,
    /// What the oracles were shown on the way.
    heard: Arc<History>,
}

/// Where a run stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Virtual time.
    pub now: Ticks,
    /// Instructions retired.
    pub instructions: u64,
}

/// All of it but the memory, and what scenario and kernel say.
#[derive(Serialize, Deserialize)]
struct State {
    parts: Parts,
    progress: Saved,
    at: Point,
}

impl<'a> BranchPoint<'a> {
    /// Where `machine` and what the engine remembers of it stand now.
    pub(super) fn new(
        machine: &mut Machine,
        mut progress: Progress<'a>,
    ) -> Result<BranchPoint<'a>, CannotSave> {
        let at = Point { now: machine.now(), instructions: machine.instructions() };
        let heard = Arc::new(progress.judge.take_history());
        if !heard.is_whole() {
            return Err(CannotSave::TooMuch);
        }
        Ok(BranchPoint { snapshot: machine.save()?, progress, at, heard })
    }
    /// The machine.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
    /// Where it is.
    pub fn at(&self) -> Point {
        self.at
    }
    /// The file form, made of `facts`.
    ///
    /// # Errors
    /// It is larger than a file may be.
    pub fn encode(&self, facts: &Facts) -> Result<Vec<u8>, BadSnapshot> {
        let progress = Saved::new(&self.progress, &self.heard);
        let state = State { parts: self.snapshot.parts.clone(), progress, at: self.at };
        let state = postcard::to_stdvec(&state).expect("states have a postcard form");
        snapshot_file::encode(facts, &state, &self.snapshot.memory)
    }
    /// The branch point in a file made of `facts`, for machines of `setup`.
    ///
    /// # Errors
    /// The bytes are no such file.
    pub fn decode(bytes: &[u8], facts: &Facts, setup: &Setup<'a>) -> Result<BranchPoint<'a>, BadSnapshot> {
        let memory = fabric::memory::rounded(setup.scenario.machine.memory);
        let (state, memory) = snapshot_file::decode(bytes, facts, memory)?;
        let nonsense = |e: &dyn std::fmt::Display| BadSnapshot::Contents(e.to_string());
        let State { parts, progress, at } = postcard::from_bytes(&state).map_err(|e| nonsense(&e))?;
        let (progress, heard) = progress
            .restore(setup.scenario, setup.kernel, setup.modules.clone(), at)
            .map_err(|e| nonsense(&e))?;
        let snapshot = Snapshot { memory: Arc::new(memory), parts };
        Ok(BranchPoint { snapshot, progress, at, heard: Arc::new(heard) })
    }
}
