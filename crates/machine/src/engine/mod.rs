//! Runs a machine through a scenario: watches what happens, does what the
//! steps say, and lets the oracles judge. Everything outside the machine is
//! reached through [`Host`].

mod act;
pub mod branch;
pub mod branch_point;
mod console;
mod dialogue;
mod faulty;
pub mod helper;
mod holder;
pub mod inject;
mod locks;
mod observe;
mod progress;
mod saved;
mod session;
pub mod symbols;
#[cfg(test)]
mod tests;
mod triggers;
mod view;
mod walk;
mod watches;

pub use crate::guest::{GuestOffsets, GuestReport};
pub use branch::{Branch, Hashing, NoBranch, Strategy, Trunk};
pub use branch_point::{BranchPoint, Point};
pub use console::strip_time;
pub use observe::{LockOp, Seen, Sighting};
pub use session::run;
pub use symbols::{ModuleSymbols, SymbolTable};
pub use walk::{Bit, Kept, Place, Walk};

use crate::build::Loaded;
use crate::kernel::KernelImage;
use crate::oracle::{Removal, Violation};
use crate::scenario::Scenario;
use fabric::{PciFunction, Record, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run starts from.
pub struct Setup<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The kernel.
    pub kernel: &'a KernelImage,
    /// Symbols of the modules in the image.
    pub modules: Vec<ModuleSymbols>,
    /// The kernel's structures.
    pub offsets: GuestOffsets,
    /// Memory that the kernel is loaded to, if that was done before.
    pub memory: Option<Loaded>,
    /// First file system of the guest.
    pub initrd: Vec<u8>,
    /// The scenario's adapters.
    pub adapters: Vec<Box<dyn PciFunction>>,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Virtual time between two looks at the host; part of what a run is.
    pub slice: Ticks,
}

/// The slice that runs get.
pub const DEFAULT_SLICE: Ticks = Ticks::millis(10);

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Virtual time.
    pub now: Ticks,
    /// Instructions retired.
    pub instructions: u64,
    /// No CPU has anything to do at this moment.
    pub idle: bool,
    /// When the console last said something.
    pub last_output: Ticks,
    /// The guest's init has reported `ready`.
    pub ready: bool,
    /// What the run is about, for people.
    pub phase: &'static str,
}

/// What the host wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    Continue,
    /// Type this on the console and go on.
    Input(Vec<u8>),
    /// End the run here.
    Stop,
}

/// The world outside the machine.
pub trait Host {
    /// The guest wrote to a terminal: 0 is the console, 1 the helper channel.
    fn output(&mut self, terminal: usize, bytes: &[u8]);
    /// Something happened; oracles have seen it.
    fn record(&mut self, record: &Record);
    /// Something that is observed has happened ([`Trunk::observe`]).
    fn sighting(&mut self, _: &Sighting) {}
    /// Called once a slice, at a moment that depends on the run alone.
    fn poll(&mut self, status: &Status) -> Wish;
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// A step ended it.
    Scenario,
    /// The oracles had seen enough.
    Decided,
    /// The guest powered off.
    PowerOff,
    /// The guest rebooted.
    Reboot,
    /// The kernel panicked.
    Panic,
    /// The time limit of the scenario.
    Limit,
    /// Nothing happened any more.
    NoProgress,
    /// The host stopped it.
    Stopped,
}

/// What became of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Our init never reported.
    BootFailed,
    /// The kernel panicked.
    Panic,
    /// The kernel oopsed.
    Oops,
    /// A task hangs, or a CPU is locked up, or the removal never ends.
    Hung,
    /// No sign of life.
    NoProgress,
    /// The time limit came first.
    Limit,
    /// Stopped from outside.
    Stopped,
    /// It ran to its end.
    Finished,
}

impl Outcome {
    /// The state hash as it is printed; empty if it was not computed.
    pub fn state_text(&self) -> String {
        self.state_hash.map(|h| format!("{h:032x}")).unwrap_or_default()
    }
}

/// What a run showed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// What became of the guest.
    pub class: Class,
    /// Violations of required oracles.
    pub violations: Vec<Violation>,
    /// What else oracles saw, and complaints of the engine.
    pub findings: Vec<Violation>,
    /// How the removal ended.
    pub removal: Removal,
    /// The first Oops.
    pub oops: Option<String>,
    /// How often each thing that must be reached was.
    pub reached: BTreeMap<String, u64>,
    /// When each step fired, in nanoseconds.
    pub steps: BTreeMap<String, u64>,
    /// Where it was at its branch point, if it came there.
    pub branched: Option<Point>,
    /// Points at which a CPU could lose its priority.
    pub points: u64,
    /// How often one lost it because it kept others waiting for too long.
    pub demotions: u64,
    /// Virtual time at the end.
    pub now: Ticks,
    /// Instructions retired.
    pub instructions: u64,
    /// Hash of the machine's state at the end, if it was asked for.
    pub state_hash: Option<u128>,
    /// Last lines of the console.
    pub console: Vec<String>,
    /// Where each CPU is: function and callers, innermost first.
    pub cpus: Vec<String>,
    /// What the guest's tasks did when the first required oracle was violated.
    pub at_violation: Option<GuestReport>,
    /// What the guest's tasks do, if all is not well.
    pub guest: GuestReport,
}
