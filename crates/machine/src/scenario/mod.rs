//! Scenarios: TOML in, checked data out. `docs/scenarios.md` explains them;
//! `docs/scenario.schema.json` is generated from [`shape`].

pub mod check;
pub mod drive_shape;
pub mod parse;
pub mod problem;
pub mod read;
pub mod schema;
pub mod shape;
#[cfg(test)]
mod tests;
pub mod units;

pub use parse::parse;
pub use problem::{Name, Place, Problem};
pub use units::{Draw, Span};

use capi::flash::Profile;
use fabric::Ticks;
use serde::Serialize;
use std::collections::BTreeMap;

/// A scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// The machine.
    pub machine: MachineSpec,
    /// What the guest's init does.
    pub guest: GuestSpec,
    /// Adapters.
    pub adapters: Vec<AdapterSpec>,
    /// Numbers drawn from the seed, by the name that stands for them in texts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub draws: BTreeMap<String, Draw>,
    /// Processes of the guest.
    pub actors: Vec<Actor>,
    /// What happens.
    pub steps: Vec<Step>,
    /// What is judged.
    pub oracle: OracleSpec,
    /// When a run is given up.
    pub limits: Limits,
    /// How many runs are made of it.
    pub explore: Explore,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MachineSpec {
    /// Number of vCPUs.
    pub cpus: usize,
    /// Bytes of RAM.
    pub memory: u64,
    /// Kernel command line.
    pub cmdline: String,
    /// Least and greatest quantum.
    pub quantum: (u64, u64),
}

/// What the guest's init does before it is ready.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GuestSpec {
    /// Modules to load.
    pub modules: Vec<String>,
    /// Disks to wait for.
    pub disks: u64,
    /// Seconds to wait for them.
    pub wait_secs: u64,
    /// Put a shell on the console.
    pub shell: bool,
}

/// An adapter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdapterSpec {
    /// One of [`shape::VARIANTS`].
    pub variant: String,
    /// Its logical units.
    pub luns: Vec<LunSpec>,
    /// The AFU keeps table entries until a sync.
    pub strict_tables: bool,
}

/// A logical unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LunSpec {
    /// Bytes.
    pub size: u64,
    /// Bytes of a block.
    pub block: u32,
    /// Refuses writes.
    pub write_protected: bool,
    /// Class of its drive.
    pub profile: Profile,
    /// Percentage of the drive's life that is over.
    pub worn: u32,
}

impl LunSpec {
    /// A unit on a drive of the default class.
    pub fn new(size: u64, block: u32) -> LunSpec {
        LunSpec { size, block, write_protected: false, profile: Profile::default(), worn: 0 }
    }
}

/// A process of the guest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Actor {
    /// Its name.
    pub name: Name,
    /// Its commands.
    pub does: Vec<String>,
    /// CPUs it may run on, `-` for all.
    pub cpu: String,
    /// The program.
    pub program: String,
    /// Goes without a step telling it to.
    pub at_once: bool,
}

/// Something that happens once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its name.
    pub name: Name,
    /// What it waits for.
    pub when: Condition,
    /// How long after that it fires.
    pub delay: Span,
    /// What is done.
    pub then: Option<Action>,
    /// What the hardware does.
    pub fault: Option<Fault>,
    /// A fault of the catalogue that begins.
    pub inject: Option<Injection>,
    /// With it the removal of the driver begins.
    pub begins_removal: bool,
}

/// A condition on a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// What has to happen.
    pub what: What,
    /// Which time counts.
    pub nth: u64,
    /// Only once this step has fired.
    pub after: Option<Name>,
}

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum What {
    /// A moment of the guest's life.
    Guest(String),
    /// A time since power-on.
    At(Ticks),
    /// Another step.
    Step(Name),
    /// Text on the console.
    Console(String),
    /// An actor or job said something.
    Actor {
        /// Who.
        actor: Name,
        /// What.
        event: String,
        /// About what.
        op: Option<String>,
    },
    /// A function was entered, or returned.
    Symbol {
        /// Which.
        symbol: Name,
        /// Returned, not entered.
        returns: bool,
        /// With this value.
        value: Option<i64>,
        /// With this function on the back chain.
        under: Option<Name>,
    },
    /// A task sleeps for a mutex in this function.
    AsleepIn(Name),
    /// A task entered the slow path of a mutex.
    SlowPath {
        /// Name of the mutex, as the kernel was told it, or its last member.
        lock: String,
        /// With this function on the back chain.
        under: Option<Name>,
        /// With a signal pending, or without.
        signal_pending: Option<bool>,
        /// The mutex belongs to a task asleep in this function.
        held_by: Option<Name>,
    },
    /// A task sleeps for a mutex, or gets a signal while it does.
    Waits {
        /// Name of the mutex, as of [`What::SlowPath`].
        lock: String,
        /// With this function on the back chain.
        under: Option<Name>,
        /// With a signal pending, or without.
        signal_pending: Option<bool>,
        /// The mutex belongs to a task asleep in this function.
        held_by: Option<Name>,
    },
    /// A hardware operation.
    Operation(Operation),
    /// Any record.
    Record {
        /// Its kind.
        kind: String,
        /// Numbers that must match.
        numbers: BTreeMap<String, u64>,
        /// Texts that must match.
        texts: BTreeMap<String, String>,
    },
}

/// A hardware operation that can be awaited and made to fail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    /// Injection point and record kind: `afu-command`, `llcmd`, `afu-cntl`.
    pub point: &'static str,
    /// Kind at that point.
    pub kind: Name,
    /// Only for elements of this actor.
    pub from: Option<Name>,
    /// Only for this element.
    pub pe: Option<u64>,
    /// Only for this sync mode.
    pub mode: Option<u64>,
    /// When it is done, not when it comes.
    pub done: bool,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Action {
    /// An actor runs its list.
    Go(Name),
    /// An actor gets commands.
    Tell(Name, Vec<String>),
    /// A signal is sent.
    Kill(Name, u64),
    /// A helper process does something.
    Job(Job),
    /// Text is typed on the console.
    Input(String),
    /// The guest is told to power off, or to reboot.
    Power(bool),
    /// The run ends.
    End,
}

/// What a helper process does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// CPUs it may run on.
    pub cpu: String,
    /// Verb of the guest protocol.
    pub verb: &'static str,
    /// Path or module.
    pub target: String,
    /// Text to write or module parameters.
    pub text: String,
}

/// What the hardware does to an operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// How it misbehaves.
    pub effect: FaultEffect,
    /// How often.
    pub times: u64,
}

/// How an operation misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum FaultEffect {
    /// Takes longer.
    Hold(Span),
    /// Never finishes.
    Drop,
    /// Finishes with an error.
    Fail(u64),
}

/// A fault of the catalogue with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Injection {
    /// Its name in [`crate::faults::TABLE`].
    pub fault: Name,
    /// Which of its ways.
    pub way: Option<Name>,
    /// Which adapter.
    pub adapter: usize,
    /// How long an operation is held.
    pub span: Option<Span>,
    /// Code or value.
    pub value: Option<u64>,
    /// The first operation it acts on.
    pub nth: u64,
    /// On how many it acts.
    pub times: Option<u64>,
    /// How long it stays armed.
    pub lasts: Option<Ticks>,
    /// Only for elements of this actor.
    pub from: Option<Name>,
    /// Only for this element.
    pub pe: Option<u64>,
    /// The mutex whose owner it is about.
    pub mutex: Option<Name>,
    /// Numbers by name.
    pub with: BTreeMap<String, u64>,
}

/// What is judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OracleSpec {
    /// Oracles that have to hold.
    pub require: Vec<Requirement>,
    /// Oracles that are all violated when the bug is there; empty: any.
    pub bug: Vec<Name>,
    /// What has to happen.
    pub must_reach: Vec<Reach>,
}

/// An oracle that has to hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Requirement {
    /// Its name.
    pub name: Name,
    /// Its time limit.
    pub within: Option<Ticks>,
}

/// Something that has to happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reach {
    /// Its name in reports.
    pub name: String,
    /// What.
    pub condition: Condition,
}

/// How many runs are made of one beginning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explore {
    /// `ab` without a list of scenarios takes this one.
    pub ab: bool,
    /// Up to here all are the same.
    pub from: Condition,
}

/// When a run is given up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Virtual time.
    pub virtual_time: Ticks,
    /// Virtual time without any sign of life.
    pub idle: Ticks,
}

impl Scenario {
    /// SHA-256 of what the scenario says, comments and layout left out.
    pub fn hash(&self) -> String {
        let text = serde_json::to_vec(self).expect("a scenario has a JSON form");
        crate::report::sha256(&text)
    }
    /// The step of this name.
    pub fn step(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|s| s.name.text == name)
    }
    /// All conditions with a place for messages.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let steps = self.steps.iter().map(|s| &s.when);
        let reach = self.oracle.must_reach.iter().map(|r| &r.condition);
        steps.chain(reach).chain(std::iter::once(&self.explore.from))
    }
}

/// Reads arbitrary bytes as a scenario; for the fuzzer. Never panics.
pub fn fuzz_parse(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match parse(&text) {
        Ok(scenario) => {
            scenario.hash();
        }
        Err(problems) => problems.iter().for_each(|p| {
            p.render("fuzz", &text);
        }),
    }
}
