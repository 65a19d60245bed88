//! Many runs with one beginning: up to its branch point a run is the same for
//! all, beyond it each draws from a seed of its own.

use super::branch_point::{BranchPoint, Point};
use super::session::{self, Pause, Session};
use super::{Host, Outcome, Setup};
use crate::build::BuildError;
use crate::machine::Machine;
use crate::policy::{Policy, Priorities};
use crate::scenario::Scenario;
use crate::snapshot::CannotSave;
use fabric::{BadState, Rng, Ticks};
use serde::{Deserialize, Serialize};

/// How a run goes on beyond its branch point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Seed of everything drawn from there on.
    pub seed: u64,
    /// Which CPUs run when.
    #[serde(default)]
    pub strategy: Strategy,
}

/// How the CPUs' turns are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All that can run do, in random order, for random numbers of instructions.
    #[default]
    Random,
    /// Random priorities with `depth` - 1 changes among the first `points`
    /// lock operations of modules, tasks that give up their CPU in one,
    /// interrupts and MMIO accesses, see [`Priorities`].
    Pct {
        /// Depth of the bugs that are looked for.
        depth: u32,
        /// Number of points.
        points: u64,
    },
}

impl Strategy {
    /// How schedules are drawn, for people; `cpus` is their number.
    pub fn describe(self, cpus: usize) -> String {
        match self {
            Strategy::Random => "random quanta, orders, delays and latencies".into(),
            Strategy::Pct { depth, points } => {
                let p = 1.0 / (cpus as f64 * (points as f64).powi(depth as i32 - 1));
                format!(
                    "PCT over n={cpus} CPUs, k={points} points (lock operations of modules, tasks that give up their CPU there, interrupts, MMIO), d={depth}: each finds a bug of that depth with a probability of at least {p:.1e}"
                )
            }
        }
    }
}

/// Whether an outcome has the state hash, which takes as long as 10^7 instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashing {
    /// It has.
    Always,
    /// If an oracle was violated.
    OfFailures,
}

/// Why there is nothing to branch from.
#[derive(Debug, thiserror::Error)]
pub enum NoBranch {
    /// The machine cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Its state cannot be saved.
    #[error(transparent)]
    Save(#[from] CannotSave),
    /// A branch point that is of another setup.
    #[error(transparent)]
    Restore(#[from] BadState),
    /// The run ended before its branch point.
    #[error("the run ended before its branch point")]
    Ended(Box<Outcome>),
}

/// A machine that stands at the branch point of a run, and goes back there.
pub struct Trunk<'a> {
    scenario: &'a Scenario,
    offsets: super::GuestOffsets,
    slice: Ticks,
    /// `None` only while a branch runs.
    machine: Option<Machine>,
    point: BranchPoint<'a>,
    /// The machine stands there now.
    rewound: bool,
}

impl Session<'_, '_> {
    /// Goes on as `branch` says.
    pub fn branch(&mut self, branch: &Branch) {
        self.machine.reseed(branch.seed);
        self.state.seed = branch.seed;
        self.state.faults.redraw(self.scenario, branch.seed);
        if let Strategy::Pct { depth, points } = branch.strategy {
            let cpus = self.machine.cpus().len();
            let drawn = Priorities::draw(cpus, depth, points, &mut Rng::named(branch.seed, "pct"));
            self.machine.set_policy(Policy::Priorities(drawn));
            self.state.watches.add_points(&mut self.machine, &self.state.table);
        }
    }
}

impl<'a> Trunk<'a> {
    /// Runs to the branch point.
    pub fn grow(setup: Setup<'a>, host: &mut dyn Host) -> Result<Trunk<'a>, NoBranch> {
        let scenario = setup.scenario;
        let (offsets, slice) = (setup.offsets, setup.slice);
        let mut session = Session::still(setup, host)?;
        session.state.judge.remember();
        session.start();
        if let Pause::Ended(ended) = session.play() {
            return Err(NoBranch::Ended(Box::new(session.finish(ended, Hashing::Always).0)));
        }
        let Session { mut machine, state, .. } = session;
        let point = BranchPoint::new(&mut machine, state)?;
        Ok(Trunk { scenario, offsets, slice, machine: Some(machine), point, rewound: true })
    }
    /// Another machine at a branch point that was reached before, with the same setup.
    ///
    /// # Errors
    /// The machine cannot be built, or the branch point is of another setup.
    pub fn plant(setup: Setup<'a>, point: BranchPoint<'a>) -> Result<Trunk<'a>, NoBranch> {
        let Setup { scenario, kernel, offsets, slice, seed, initrd, adapters, .. } = setup;
        let machine = session::machine(scenario, kernel, seed, initrd, adapters, None)?;
        let mut trunk = Trunk { scenario, offsets, slice, machine: Some(machine), point, rewound: false };
        trunk.rewind()?;
        Ok(trunk)
    }
    /// Where it stands.
    pub fn at(&self) -> Point {
        self.point.at
    }
    /// The run there.
    pub fn point(&self) -> &BranchPoint<'a> {
        &self.point
    }
    /// Bytes of memory that the last branch has changed.
    pub fn dirty_bytes(&self) -> u64 {
        self.machine.as_ref().map_or(0, |m| m.memory().dirty_bytes())
    }
    /// Puts the machine back to the branch point; [`Trunk::run`] does it by itself.
    ///
    /// # Errors
    /// The snapshot does not fit: a mistake of ours.
    pub fn rewind(&mut self) -> Result<(), BadState> {
        if !self.rewound {
            let machine = self.machine.as_mut().expect("one branch at a time");
            machine.restore(&self.point.snapshot)?;
            self.point.progress.watches.set_again(machine);
            self.rewound = true;
        }
        Ok(())
    }
    /// Runs one branch to its end.
    ///
    /// # Errors
    /// As of [`Trunk::rewind`].
    pub fn run(
        &mut self,
        branch: &Branch,
        hashing: Hashing,
        host: &mut dyn Host,
    ) -> Result<Outcome, BadState> {
        self.go(Some(branch), None, hashing, host)
    }
    /// Runs one branch, or the run as it goes on by itself, and shows the host
    /// what it does in `module`; that has no effect on it.
    ///
    /// # Errors
    /// As of [`Trunk::rewind`].
    pub fn observe(
        &mut self,
        branch: Option<&Branch>,
        module: &str,
        hashing: Hashing,
        host: &mut dyn Host,
    ) -> Result<Outcome, BadState> {
        self.go(branch, Some(module), hashing, host)
    }
    fn go(
        &mut self,
        branch: Option<&Branch>,
        observed: Option<&str>,
        hashing: Hashing,
        host: &mut dyn Host,
    ) -> Result<Outcome, BadState> {
        self.rewind()?;
        self.rewound = false;
        let machine = self.machine.take().expect("one branch at a time");
        let Trunk { scenario, offsets, slice, .. } = *self;
        let state = self.point.progress.clone();
        let mut session = Session { machine, scenario, host, offsets, slice, state, turn: None };
        if let Some(branch) = branch {
            session.branch(branch);
        }
        if let Some(module) = observed {
            session.observe(module);
        }
        let ended = loop {
            if let Pause::Ended(ended) = session.play() {
                break ended;
            }
        };
        let (outcome, machine) = session.finish(ended, hashing);
        self.machine = Some(machine);
        Ok(outcome)
    }
}
