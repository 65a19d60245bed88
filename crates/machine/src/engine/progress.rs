//! What a run has come to, apart from the machine: a copy of it and a snapshot
//! of the machine are a run that can be gone on with.

use super::console::{Console, Trouble};
use super::dialogue::Dialogue;
use super::holder::Holders;
use super::inject::Faults;
use super::observe::Observer;
use super::symbols::SymbolTable;
use super::triggers::Triggers;
use super::watches::Watches;
use super::{Ended, Point};
use crate::guest::GuestReport;
use crate::oracle::{Judge, Violation};
use crate::scenario::{Scenario, check};
use fabric::Ticks;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where a run stands with its branch point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branching {
    /// Before it.
    Before,
    /// Its condition was met in this turn.
    Due,
    /// Beyond it.
    Passed,
}

/// Everything that the engine remembers.
#[derive(Clone)]
pub(super) struct Progress<'a> {
    pub table: SymbolTable<'a>,
    pub watches: Watches,
    pub observer: Option<Observer>,
    pub faults: Faults,
    /// Stalls that wait for the owner of a mutex.
    pub holders: Holders,
    pub dialogue: Dialogue,
    pub triggers: Triggers,
    pub judge: Judge,
    pub console: Console,
    /// Full names of symbols by what the scenario writes.
    pub full: BTreeMap<String, String>,
    /// Of what is drawn from here on: that of the branch, once there is one.
    pub seed: u64,
    /// How often the fault of each step acted.
    pub injected: BTreeMap<usize, u64>,
    /// Steps that are due, by time and index.
    pub due: BTreeSet<(Ticks, usize)>,
    /// When each step fired.
    pub fired: BTreeMap<usize, Ticks>,
    pub complaints: Vec<Violation>,
    pub trouble: BTreeMap<Trouble, u64>,
    pub last_output: Ticks,
    pub last_sign: Ticks,
    /// When the host is looked at next.
    pub next_look: Ticks,
    /// When the run ends, and how.
    pub ending: Option<(Ticks, Ended)>,
    /// Steps whose condition was met and that are to be looked at.
    pub queue: VecDeque<usize>,
    pub branching: Branching,
    /// What the guest's tasks did when the first required oracle was violated.
    pub scene: Option<GuestReport>,
    /// Where it was at its branch point.
    pub branched: Option<Point>,
}

impl<'a> Progress<'a> {
    /// Nothing has happened yet.
    pub fn new(scenario: &Scenario, table: SymbolTable<'a>, seed: u64) -> Progress<'a> {
        let full = check::symbols(scenario).into_iter();
        let full = full.filter_map(|n| Some((n.text.clone(), table.check(&n.text)?))).collect();
        let required = scenario.oracle.require.iter();
        let require: Vec<_> = required.map(|r| (r.name.text.clone(), r.within)).collect();
        Progress {
            watches: Watches::new(scenario, &table),
            observer: None,
            faults: Faults::new(scenario, seed),
            holders: Holders::default(),
            dialogue: Dialogue::new(&scenario.draws, seed),
            triggers: Triggers::new(scenario),
            judge: Judge::new(&require),
            console: Console::default(),
            table,
            full,
            seed,
            injected: BTreeMap::new(),
            due: BTreeSet::new(),
            fired: BTreeMap::new(),
            complaints: vec![],
            trouble: BTreeMap::new(),
            last_output: Ticks(0),
            last_sign: Ticks(0),
            next_look: Ticks(0),
            ending: None,
            queue: VecDeque::new(),
            branching: Branching::Before,
            scene: None,
            branched: None,
        }
    }
}
